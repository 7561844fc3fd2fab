/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This computer, for the tests of hb-init. The phone's root is the folder HB_ROOT. Mounting sysfs shows the folder
 * HB_ROOT/sysfs; the device MAJOR:MINOR is the file HB_ROOT/devices/MAJOR:MINOR. After HB_APPEARS naps what is in
 * HB_ROOT/late appears in HB_ROOT/sysfs. clone(2) is fork(2). execve(2), reboot(2), chroot(2), finit_module(2), other
 * mounts and device mapper's ioctls never reach the kernel: what they were called with is printed on standard output;
 * execve(2) fails with HB_EXEC_ERRNO, the others with HB_CALL_ERRNO if their line begins with HB_CALL.
 */
#ifndef HARDBOOT_ARCH_H
#define HARDBOOT_ARCH_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include "mapper.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#undef AT_FDCWD
#undef AT_REMOVEDIR
#undef O_RDONLY
#undef O_WRONLY
#undef O_RDWR
#undef O_CREAT
#undef O_APPEND
#undef O_TRUNC
#undef O_NONBLOCK
#undef O_CLOEXEC
#undef ENOENT
#undef EINTR
#undef EIO
#undef E2BIG
#undef EINVAL
#undef EEXIST
#undef SEEK_SET
#undef S_IFBLK
#undef S_IFCHR
#undef MS_NOSUID
#undef MS_NODEV
#undef MS_NOEXEC
#undef MS_MOVE

#define NR_READ SYS_read
#define NR_WRITE SYS_write
#define NR_CLOSE SYS_close
#define NR_LSEEK SYS_lseek
#define NR_FSYNC SYS_fsync
#define NR_SYNC SYS_sync
#define NR_IOCTL SYS_ioctl
#define NR_OPENAT SYS_openat
#define NR_UNLINKAT SYS_unlinkat
#define NR_GETDENTS64 SYS_getdents64
#define NR_EXIT_GROUP SYS_exit_group
#define NR_MOUNT 100001
#define NR_UMOUNT2 100002
#define NR_MKNODAT 100003
#define NR_NANOSLEEP 100004
#define NR_EXECVE 100005
#define NR_CLONE 100020
#define NR_REBOOT 100006
#define NR_CHDIR 100007
#define NR_CHROOT 100008
#define NR_FINIT_MODULE 100009

static inline const char *setting(const char *name)
{
	return getenv(name) ? getenv(name) : "";
}

static inline const char *below(char *to, const char *format, const char *name)
{
	snprintf(to, 4096, format, setting("HB_ROOT"), name);
	return to;
}

static inline long made(long result)
{
	return result == -1 ? -errno : result;
}

static inline void appear(void)
{
	char from[4096], to[4096], name[300];
	DIR *late = opendir(below(from, "%s/%s", "late/class/block"));
	struct dirent *entry;

	while (late && (entry = readdir(late)))
		if (*entry->d_name != '.') {
			snprintf(name, sizeof(name), "class/block/%s", entry->d_name);
			rename(below(from, "%s/late/%s", name), below(to, "%s/sysfs/%s", name));
		}
}

static inline void execute(const char *path, char **arguments, char **environment)
{
	printf("exec %s\n", path);
	for (; *arguments; arguments++)
		printf("argument %s\n", *arguments);
	for (; *environment; environment++)
		printf("environment %s\n", *environment);
	fflush(stdout);
	if (!*setting("HB_EXEC_ERRNO"))
		_exit(0);
}

/* Print a call, and return what it is told to. */
static inline long recorded(const char *format, const char *a, const char *b, unsigned long c)
{
	char line[512];

	snprintf(line, sizeof(line), format, a, b, c);
	printf("%s\n", line);
	return *setting("HB_CALL") && !strncmp(line, setting("HB_CALL"), strlen(setting("HB_CALL"))) ?
		       -atol(setting("HB_CALL_ERRNO")) :
		       0;
}

/* Print a call of device mapper, and return what it is told to. */
static inline long record_mapper(unsigned long request, void *call)
{
	char text[16];
	unsigned command = print_mapper(stdout, request, call, 0xfd00); /* 253:0 */

	snprintf(text, sizeof(text), "%u", command);
	return recorded("ioctl %s%s", text, "", 0);
}

/* Answer BLKGETSIZE64 for a file that stands for a block device. */
static inline long answer_size(int file, unsigned long long *size)
{
	struct stat status;

	if (fstat(file, &status))
		return -errno;
	*size = (unsigned long long)status.st_size;
	return 0;
}

static inline long system_call(long number, long a, long b, long c, long d, long e, long f)
{
	static int naps;
	char path[4096], other[4096], name[64];

	switch (number) {
	case NR_MOUNT:
		if (*setting("HB_MOUNT_ERRNO"))
			return -atol(setting("HB_MOUNT_ERRNO"));
		if (strcmp((char *)a, "sysfs"))
			return recorded("mount %s %s flags=%#lx", (char *)a, (char *)b, (unsigned long)d);
		below(path, "%s%s", (char *)b);
		return rmdir(path) ? -errno : made(symlink(below(other, "%s/%s", "sysfs"), path));
	case NR_UMOUNT2:
		below(path, "%s%s", (char *)a);
		return unlink(path) ? -errno : made(mkdirat(-100, path, 0755));
	case NR_MKNODAT:
		snprintf(name, sizeof(name), "devices/%ld:%ld", d >> 8 & 0xfff, (d & 0xff) | (d >> 12 & 0xfff00));
		return made(symlink(below(other, "%s/%s", name), below(path, "%s%s", (char *)b)));
	case NR_CHDIR:
		return recorded("chdir %s%s", (char *)a, "", 0);
	case NR_CHROOT:
		return recorded("chroot %s%s", (char *)a, "", 0);
	case NR_FINIT_MODULE:
		memset(name, 0, sizeof(name));
		return recorded("module %s%s", read((int)a, name, sizeof(name) - 1) > 0 ? name : "?", "", 0);
	case NR_IOCTL:
		if (is_mapper((unsigned long)b))
			return record_mapper((unsigned long)b, (void *)c);
		if ((b & 0xffff) == 0x1272) /* BLKGETSIZE64 */
			return answer_size((int)a, (void *)c);
		break;
	case NR_NANOSLEEP:
		if (++naps == atoi(setting("HB_APPEARS")))
			appear();
		return 0;
	case NR_CLONE:
		fflush(stdout);
		return made(fork());
	case NR_EXECVE:
		execute((char *)a, (char **)b, (char **)c);
		return -atol(setting("HB_EXEC_ERRNO"));
	case NR_REBOOT:
		printf("reboot %#x %#x %#x %s\n", (unsigned)a, (unsigned)b, (unsigned)c, d ? (char *)d : "");
		fflush(stdout);
		_exit(0);
	case NR_WRITE:
		if (*setting("HB_WRITE_ERRNO") && c == 32) /* the command in the message */
			return -atol(setting("HB_WRITE_ERRNO"));
	}
	if ((number == NR_OPENAT || number == NR_UNLINKAT) && *(char *)b == '/')
		b = (long)below(path, "%s%s", (char *)b);
	return made(syscall(number, a, b, c, d, e, f));
}

/* pread64(2) */
static inline long pread_call(long file, char *data, unsigned long size, unsigned long long offset)
{
	return made(syscall(SYS_pread64, file, data, size, offset));
}

#endif
