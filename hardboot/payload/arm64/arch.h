/* SPDX-License-Identifier: Apache-2.0 */
/* arm64: system call numbers (include/uapi/asm-generic/unistd.h) and the calls. */
#ifndef HARDBOOT_ARCH_H
#define HARDBOOT_ARCH_H

#include "../status.h"

#define NR_IOCTL 29
#define NR_MKNODAT 33
#define NR_MKDIRAT 34
#define NR_UNLINKAT 35
#define NR_UMOUNT2 39
#define NR_MOUNT 40
#define NR_CHDIR 49
#define NR_CHROOT 51
#define NR_OPENAT 56
#define NR_CLOSE 57
#define NR_GETDENTS64 61
#define NR_LSEEK 62
#define NR_READ 63
#define NR_WRITE 64
#define NR_PREAD64 67
#define NR_PWRITE64 68
#define NR_FSTATAT 79
#define NR_SYNC 81
#define NR_FSYNC 82
#define NR_EXIT_GROUP 94
#define NR_UNSHARE 97
#define NR_NANOSLEEP 101
#define NR_KEXEC_LOAD 104
#define NR_CLOCK_GETTIME 113
#define NR_RT_SIGACTION 134
#define NR_REBOOT 142
#define NR_UNAME 160
#define NR_UMASK 166
#define NR_CLONE 220
#define NR_EXECVE 221
#define NR_MMAP 222
#define NR_WAIT4 260
#define NR_FINIT_MODULE 273

#define ADDRESS_DIGITS 16
#define O_DIRECTORY 040000
#define O_NOFOLLOW 0100000
#define O_LARGEFILE 0 /* always on */
#define MMAP_OFFSET(bytes) (bytes)

static inline long system_call(long number, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}

/* pread64(2) */
static inline long pread_call(long file, char *data, unsigned long size, unsigned long long offset)
{
	return system_call(NR_PREAD64, file, (long)data, (long)size, (long)offset, 0, 0);
}

/* pwrite64(2) */
static inline long pwrite_call(long file, const char *data, unsigned long size, unsigned long long offset)
{
	return system_call(NR_PWRITE64, file, (long)data, (long)size, (long)offset, 0, 0);
}

/* fstatat(2): struct stat of include/uapi/asm-generic/stat.h */
static inline long status_of(long folder, const char *path, long flags, struct status *status)
{
	unsigned long raw[16];
	long result = system_call(NR_FSTATAT, folder, (long)path, (long)raw, flags, 0, 0);

	status->mode = (unsigned)raw[2];
	status->size = raw[6];
	status->modified = raw[11];
	return result;
}

#endif
