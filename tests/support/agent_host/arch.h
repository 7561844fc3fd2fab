/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This computer, for the tests of the agent. Files are real, but /sys and /proc are looked up below the folder
 * AGENT_ROOT, as are /data and /dev/hardboot*. kexec_load(2), reboot(2) and sync(2) never reach the kernel: what they
 * were called with is printed on standard error, and they return what AGENT_ERRNO says. With AGENT_EXTENTS, a file of
 * lines "LOGICAL PHYSICAL LENGTH FLAGS", that is what FIEMAP tells of each file, and pinning is printed. With
 * AGENT_TIME, that is the time, in seconds since 1970.
 *
 * Of `inside`, the calls that mount and make devices are printed on standard error, and do nothing; device nodes are
 * plain files. What lies in the folder "rom" of its folder is taken for the image, and chroot(2) is real. A call fails
 * with AGENT_CALL_ERRNO if its line begins with AGENT_CALL, and for ever or AGENT_CALL_TIMES times.
 */
#ifndef HARDBOOT_ARCH_H
#define HARDBOOT_ARCH_H

#include <errno.h>
#include <fcntl.h>
#include "mapper.h"
#include "status.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#undef AT_FDCWD
#undef O_RDONLY
#undef O_RDWR
#undef O_CREAT
#undef O_APPEND
#undef SEEK_END
#undef O_WRONLY
#undef O_NONBLOCK
#undef O_CLOEXEC
#undef O_DIRECT
#undef ENOENT
#undef EINTR
#undef EIO
#undef E2BIG
#undef EINVAL
#undef O_EXCL
#undef O_TRUNC
#undef O_DIRECTORY
#undef O_NOFOLLOW
#undef AT_SYMLINK_NOFOLLOW
#undef S_IFMT
#undef S_IFDIR
#undef S_IFREG
#undef S_IFLNK
#undef S_IFCHR
#undef S_IFBLK
#undef EEXIST
#undef ENOTDIR
#undef EISDIR
#undef ENAMETOOLONG
#undef ENXIO
#undef EBUSY
#undef ENODEV
#undef SIGCHLD
#undef SIG_IGN
#undef sa_handler

#define NR_READ SYS_read
#define NR_WRITE SYS_write
#define NR_CLOSE SYS_close
#define NR_LSEEK SYS_lseek
#define NR_FSYNC SYS_fsync
#define NR_SYNC 100001
#define NR_REBOOT 100002
#define NR_UNAME SYS_uname
#define NR_MMAP SYS_mmap
#define NR_IOCTL SYS_ioctl
#define NR_EXIT_GROUP SYS_exit_group
#define NR_OPENAT SYS_openat
#define NR_KEXEC_LOAD 100003
#define NR_GETDENTS64 SYS_getdents64
#define NR_NANOSLEEP SYS_nanosleep
#define NR_CLOCK_GETTIME SYS_clock_gettime
#define NR_RT_SIGACTION SYS_rt_sigaction
#define NR_UNLINKAT SYS_unlinkat
#define NR_MKDIRAT SYS_mkdirat
#define NR_CHDIR SYS_chdir
#define NR_CHROOT SYS_chroot
#define NR_EXECVE SYS_execve
#define NR_CLONE SYS_clone
#define NR_WAIT4 SYS_wait4
#define NR_UMASK SYS_umask
#define NR_UNSHARE 100004
#define NR_MOUNT 100005
#define NR_UMOUNT2 100006
#define NR_MKNODAT 100007

#define O_DIRECT 0 /* not every file system knows it */
#define ADDRESS_DIGITS 8
#define O_DIRECTORY 0200000
#define O_NOFOLLOW 0400000
#define O_LARGEFILE 0
#define MMAP_OFFSET(bytes) (bytes)

static inline long recorded(void)
{
	const char *error = getenv("AGENT_ERRNO");

	return error ? -atol(error) : 0;
}

/* FIEMAP from AGENT_EXTENTS; all extents that end behind `start`. */
static inline long told_extents(const char *path, unsigned char *map)
{
	unsigned long long start, extent[3];
	unsigned flags, count = 0;
	FILE *file = fopen(path, "r");

	memcpy(&start, map, sizeof(start));
	while (count < 64 && fscanf(file, "%llu %llu %llu %u", &extent[0], &extent[1], &extent[2], &flags) == 4) {
		if (extent[0] + extent[2] <= start)
			continue;
		memcpy(map + 32 + 56 * count, extent, sizeof(extent));
		memcpy(map + 32 + 56 * count + 40, &flags, sizeof(flags));
		count++;
	}
	memcpy(map + 20, &count, sizeof(count));
	fclose(file);
	return 0;
}

static inline int is_of_the_phone(const char *path)
{
	return !strncmp(path, "/sys/", 5) || !strncmp(path, "/proc/", 6) || !strncmp(path, "/data/", 6) ||
	       !strncmp(path, "/dev/hardboot", 13);
}

/* Print a call of `inside`, and return what it is told to. */
static inline long printed(const char *format, const char *a, const char *b, unsigned long c)
{
	static int times;
	const char *call = getenv("AGENT_CALL"), *most = getenv("AGENT_CALL_TIMES");
	char line[4096];

	snprintf(line, sizeof(line), format, a, b, c);
	dprintf(2, "%s\n", line);
	if (!call || strncmp(line, call, strlen(call)) || (most && times++ >= atoi(most)))
		return 0;
	return -atol(getenv("AGENT_CALL_ERRNO"));
}

static inline long printed_ioctl(unsigned long request, void *call)
{
	char text[32];

	if (is_mapper(request)) {
		snprintf(text, sizeof(text), "%u", print_mapper(stderr, request, call, 0xfd03));
		return printed("dm %s%s", text, "", 0);
	}
	return printed("loop %s%s%#lx", "", "", request);
}

static inline long made_node(const char *path)
{
	int file = creat(path, 0600);

	return file < 0 ? -errno : close(file);
}

static inline long system_call(long number, long a, long b, long c, long d, long e, long f)
{
	struct { const unsigned char *buf; unsigned long bufsz, mem, memsz; } *segment = (void *)c;
	char path[4096];
	long result;

	if (number == NR_SYNC) {
		dprintf(2, "sync\n");
		return 0;
	}
	if (number == NR_CLOCK_GETTIME && getenv("AGENT_TIME")) {
		*(long *)b = atol(getenv("AGENT_TIME"));
		return 0;
	}
	if (number == NR_REBOOT) {
		dprintf(2, "reboot %#x %#x %#x\n", (unsigned)a, (unsigned)b, (unsigned)c);
		return recorded();
	}
	if (number == NR_KEXEC_LOAD) {
		dprintf(2, "kexec_load %#lx %ld %#lx\n", a, b, d);
		for (long i = 0; i < b; i++) {
			unsigned long sum = 0;

			for (unsigned long j = 0; j < segment[i].bufsz; j++)
				sum += segment[i].buf[j];
			dprintf(2, "segment %#lx %#lx %#lx %lu\n", segment[i].mem, segment[i].memsz, segment[i].bufsz, sum);
		}
		return recorded();
	}
	switch (number) {
	case NR_UNSHARE:
		return printed("unshare %s%s%#lx", "", "", (unsigned long)a);
	case NR_MOUNT:
		return printed("mount %s %s flags=%#lx", strrchr((char *)b, '/'), c ? (char *)c : "none", (unsigned long)d);
	case NR_UMOUNT2:
		return printed("umount %s%s", strrchr((char *)a, '/'), "", 0);
	case NR_MKNODAT:
		return printed("node %s%s %#lx", strrchr((char *)b, '/'), "", (unsigned long)d) ?: made_node((char *)b);
	case NR_CLONE:
		fflush(NULL);
		result = printed("clone%s%s", "", "", 0) ?: fork();
		return result == -1 ? -errno : result;
	case NR_OPENAT:
		if (strrchr((char *)b, '/') && !strcmp(strrchr((char *)b, '/'), "/mapper") &&
		    (result = printed("open /mapper%s%s", "", "", 0)))
			return result;
		break;
	case NR_MKDIRAT:
		if (!access((char *)b, F_OK) && !strcmp(strrchr((char *)b, '/'), "/rom"))
			return 0;
		break;
	}
	if (number == NR_IOCTL && (is_mapper((unsigned long)b) || (b & 0xff00) == 0x4c00))
		return printed_ioctl((unsigned long)b, (void *)c);
	if (number == NR_IOCTL && getenv("AGENT_EXTENTS")) {
		if (b == 0xc020660b)
			return told_extents(getenv("AGENT_EXTENTS"), (unsigned char *)c);
		dprintf(2, "pin\n");
		return 0;
	}
	if ((number == NR_OPENAT || number == NR_UNLINKAT) && is_of_the_phone((char *)b)) {
		snprintf(path, sizeof(path), "%s%s", getenv("AGENT_ROOT"), (char *)b);
		b = (long)path;
	}
	result = syscall(number, a, b, c, d, e, f);
	return result == -1 ? -errno : result;
}

static inline long status_of(long folder, const char *path, long flags, struct status *status)
{
	struct stat found;
	long result = fstatat((int)folder, path, &found, (int)flags);

	*status = (struct status){result ? 0 : found.st_mode, result ? 0 : (unsigned long long)found.st_size,
				  result ? 0 : (unsigned long)found.st_mtime};
	return result ? -errno : 0;
}

static inline long pread_call(long file, char *data, unsigned long size, unsigned long long offset)
{
	long result = syscall(SYS_pread64, file, data, size, offset);

	return result == -1 ? -errno : result;
}

static inline long pwrite_call(long file, const char *data, unsigned long size, unsigned long long offset)
{
	long result = syscall(SYS_pwrite64, file, data, size, offset);

	return result == -1 ? -errno : result;
}

#endif
