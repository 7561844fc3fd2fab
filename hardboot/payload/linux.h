/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs need of Linux: machine words, error numbers, flags. */
#ifndef HARDBOOT_LINUX_H
#define HARDBOOT_LINUX_H

#define ENOENT 2
#define EINTR 4
#define EIO 5
#define E2BIG 7
#define EINVAL 22

#define AT_FDCWD (-100)
#define O_RDONLY 0
#define O_WRONLY 01
#define O_RDWR 02
#define O_CREAT 0100
#define O_TRUNC 01000
#define O_APPEND 02000
#define O_NONBLOCK 04000
#define O_CLOEXEC 02000000
#ifndef O_DIRECT
#define O_DIRECT 0200000 /* arch/arm and arch/arm64, include/uapi/asm/fcntl.h */
#endif

/* include/uapi/linux/reboot.h */
#define LINUX_REBOOT_MAGIC1 0xfee1dead
#define LINUX_REBOOT_MAGIC2 0x28121969
#define LINUX_REBOOT_CMD_RESTART 0x01234567
#define LINUX_REBOOT_CMD_RESTART2 0xa1b2c3d4
#define LINUX_REBOOT_CMD_KEXEC 0x45584543

typedef unsigned long word;

#endif
