/* SPDX-License-Identifier: Apache-2.0 */
/* 32-bit ARM EABI: system call numbers (arch/arm/tools/syscall.tbl) and the calls. */
#ifndef HARDBOOT_ARCH_H
#define HARDBOOT_ARCH_H

#include "../status.h"

#define NR_READ 3
#define NR_WRITE 4
#define NR_CLOSE 6
#define NR_EXECVE 11
#define NR_CHDIR 12
#define NR_LSEEK 19
#define NR_MOUNT 21
#define NR_SYNC 36
#define NR_UMOUNT2 52
#define NR_IOCTL 54
#define NR_UMASK 60
#define NR_CHROOT 61
#define NR_REBOOT 88
#define NR_WAIT4 114
#define NR_FSYNC 118
#define NR_CLONE 120
#define NR_UNAME 122
#define NR_NANOSLEEP 162
#define NR_RT_SIGACTION 174
#define NR_PREAD64 180
#define NR_PWRITE64 181
#define NR_MMAP 192 /* mmap2 */
#define NR_GETDENTS64 217
#define NR_EXIT_GROUP 248
#define NR_CLOCK_GETTIME 263
#define NR_OPENAT 322
#define NR_MKDIRAT 323
#define NR_MKNODAT 324
#define NR_FSTATAT64 327
#define NR_UNLINKAT 328
#define NR_UNSHARE 337
#define NR_KEXEC_LOAD 347
#define NR_FINIT_MODULE 379

#define ADDRESS_DIGITS 8
#define O_DIRECTORY 040000
#define O_NOFOLLOW 0100000
#define O_LARGEFILE 0400000 /* without it, no file of 2 GiB and more */
#define MMAP_OFFSET(bytes) ((bytes) >> 12) /* mmap2 counts pages of 4 KiB */

static inline long system_call(long number, long a, long b, long c, long d, long e, long f)
{
	register long r7 __asm__("r7") = number;
	register long r0 __asm__("r0") = a;
	register long r1 __asm__("r1") = b;
	register long r2 __asm__("r2") = c;
	register long r3 __asm__("r3") = d;
	register long r4 __asm__("r4") = e;
	register long r5 __asm__("r5") = f;

	__asm__ volatile("svc #0"
			 : "+r"(r0)
			 : "r"(r7), "r"(r1), "r"(r2), "r"(r3), "r"(r4), "r"(r5)
			 : "memory");
	return r0;
}

/* pread64(2): a 64-bit argument lies in a pair of registers that begins with an even one, low half first. */
static inline long pread_call(long file, char *data, unsigned long size, unsigned long long offset)
{
	return system_call(NR_PREAD64, file, (long)data, (long)size, 0, (long)offset, (long)(offset >> 32));
}

/* pwrite64(2), like pread64(2) */
static inline long pwrite_call(long file, const char *data, unsigned long size, unsigned long long offset)
{
	return system_call(NR_PWRITE64, file, (long)data, (long)size, 0, (long)offset, (long)(offset >> 32));
}

/* fstatat(2): struct stat64 of arch/arm/include/uapi/asm/stat.h */
static inline long status_of(long folder, const char *path, long flags, struct status *status)
{
	unsigned long raw[26] __attribute__((aligned(8)));
	long result = system_call(NR_FSTATAT64, folder, (long)path, (long)raw, flags, 0, 0);

	status->mode = (unsigned)raw[4];
	status->size = (unsigned long long)raw[13] << 32 | raw[12];
	status->modified = raw[20];
	return result;
}

#endif
