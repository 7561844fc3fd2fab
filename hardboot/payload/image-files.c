// SPDX-License-Identifier: Apache-2.0
/*
 * image-files ACCESS DEVICE TABLE NAME TYPE FOLDER COMMAND [ARGUMENT...]: do something in the file system of an image of
 * a stored ROM, while the phone runs its own system, and leave nothing of it behind.
 *
 * The image is mounted as the ROM sees it: a device-mapper disk of the runs of sectors in TABLE. DEVICE is mounted
 * itself, as its file system holds the image, and device mapper takes no device that is in use; so there is a loop
 * device over DEVICE between them. A loop device over the image's file would be wrong: it turns writing of zeros into
 * holes (drivers/block/loop.c, lo_fallocate), and the file's blocks would no longer be where the ROM expects them.
 *
 * ACCESS is rw; ro; or replay: mounted read-only, but a journal that the ROM left is replayed, as by any mount.
 * NAME is that of the disk: a disk of this name that is left of a run that was killed is removed first.
 * TYPE is the file system, FOLDER an empty folder. Both mounts are in a mount namespace of their own: nobody else sees
 * them, and they end with the last process in it.
 *
 * COMMAND is one of those in files.c, or
 *   run PROGRAM [ARGUMENT...]   run a program of the phone in the root folder of the image
 *
 * The exit code is that of the command; 125 if the image could not be mounted, or not be taken away.
 *
 * image-files forget FOLDER NAME...: remove disks that runs that were killed left; one that is in use ends it.
 *
 * The answer is as that of the agent.
 */
#include "calls.h"
#include "agent.h"
#include "dm.h"
#include "entry.h"
#include "files.h"

#define CLONE_NEWNS 0x20000
#define SIGCHLD 17
#define SIG_IGN 1
#define S_IFCHR 0020000
#define S_IFBLK 0060000

#define MS_RDONLY 1
#define MS_NOSUID 2
#define MS_NODEV 4
#define MS_NOEXEC 8
#define MS_NOSYMFOLLOW 256 /* from Linux 5.10 on; ignored before */
#define MS_REC 16384
#define MS_PRIVATE (1 << 18)

#define ENXIO 6
#define EBUSY 16
#define ENODEV 19

/* include/uapi/linux/loop.h */
#define LOOP_SET_FD 0x4c00
#define LOOP_CLR_FD 0x4c01
#define LOOP_SET_STATUS64 0x4c04
#define LOOP_CTL_GET_FREE 0x4c82
#define LO_FLAGS_READ_ONLY 1
#define LO_FLAGS_AUTOCLEAR 4
#define TRIES 8
#define NOT_MOUNTED 125 /* exit code where the command was not run, or the disk stays */
#define DEVICE_SIZE 24 /* MAJOR:MINOR */

/* Documentation/admin-guide/devices.txt: misc devices */
#define MISC_MAJOR 10
#define MAPPER_MINOR 236
#define LOOP_CONTROL_MINOR 237

struct loop_info64 {
	unsigned long long device, inode, rdevice, offset, sizelimit;
	unsigned number, encrypt_type, encrypt_key_size, flags;
	char file_name[64], crypt_name[64], encrypt_key[32];
	unsigned long long init[2];
};

struct sigaction {
	word handler, flags, restorer, mask[2];
};

static char path[4096];

static const char *join(const char *folder, const char *name, const char *end)
{
	const char *parts[3] = {folder, name, end};
	word used = 0;

	for (word i = 0; i < 3; i++)
		for (const char *p = parts[i]; *p; p++) {
			if (used == sizeof(path) - 1)
				usage("too long:", folder);
			path[used++] = *p;
		}
	path[used] = 0;
	return path;
}

/* The number of a device as mknod(2) takes it: include/linux/kdev_t.h, new_encode_dev. */
static word device_number(word major, word minor)
{
	return (minor & 0xff) | major << 8 | (minor & ~0xffUL) << 12;
}

static long open_node(const char *name, word kind, word number, word flags)
{
	long result = system_call(NR_MKNODAT, AT_FDCWD, (long)name, (long)(kind | 0600), (long)number, 0, 0);

	if (result < 0)
		fail("make the device", name, -result);
	return call3(NR_OPENAT, (word)AT_FDCWD, (word)name, flags | O_CLOEXEC);
}

static void mount_private(const char *folder)
{
	long result = call3(NR_UNSHARE, CLONE_NEWNS, 0, 0);

	if (result >= 0)
		result = system_call(NR_MOUNT, (long)"", (long)"/", 0, MS_REC | MS_PRIVATE, 0, 0);
	if (result >= 0)
		result = system_call(NR_MOUNT, (long)"tmpfs", (long)folder, (long)"tmpfs", MS_NOSUID | MS_NOEXEC,
				     (long)"mode=700", 0);
	if (result >= 0)
		result = call3(NR_MKDIRAT, (word)AT_FDCWD, (word)join(folder, "/rom", ""), 0700);
	if (result < 0)
		fail("mount privately", folder, -result);
}

/* Read MAJOR:MINOR of a loop device: its minor number is not its own number where it may have partitions. */
static word loop_device(word loop, char *text)
{
	char digits[20], name[40];
	word n = 0, used = 0, parts[2] = {0, 0}, part = 0;
	long file, size;

	do {
		digits[n++] = (char)('0' + loop % 10);
		loop /= 10;
	} while (loop);
	while (n)
		name[used++] = digits[--n];
	name[used] = 0;
	file = open_or_fail(join("/sys/block/loop", name, "/dev"));
	size = call3(NR_READ, (word)file, (word)text, DEVICE_SIZE - 1);
	call3(NR_CLOSE, (word)file, 0, 0);
	if (size <= 0)
		fail("read", path, size ? -size : EIO);
	for (used = 0; used < (word)size && text[used] != '\n'; used++)
		if (text[used] == ':')
			part = 1;
		else
			parts[part] = parts[part] * 10 + (word)(text[used] - '0');
	text[used] = 0;
	return device_number(parts[0], parts[1]);
}

/* Make a loop device over `device`; it ends when nobody has it open any more. Returns it, open, and its MAJOR:MINOR. */
static long make_loop(const char *folder, const char *device, word access, char *text)
{
	static struct loop_info64 info; /* zeros */
	long control, loop, number, file, result = -EBUSY;

	file = call3(NR_OPENAT, (word)AT_FDCWD, (word)device, access | O_LARGEFILE | O_CLOEXEC);
	if (file < 0)
		fail("open", device, -file);
	control = open_node(join(folder, "/loop-control", ""), S_IFCHR, device_number(MISC_MAJOR, LOOP_CONTROL_MINOR),
			    O_RDWR);
	if (control < 0)
		fail("open", "loop-control", -control);
	info.flags = LO_FLAGS_AUTOCLEAR | (access == O_RDONLY ? LO_FLAGS_READ_ONLY : 0);
	for (word i = 0; i < TRIES && result == -EBUSY; i++) {
		char node[2] = {(char)('0' + i), 0};

		number = call3(NR_IOCTL, (word)control, LOOP_CTL_GET_FREE, 0);
		if (number < 0)
			fail("find", "a free loop device", -number);
		number = (long)loop_device((word)number, text);
		loop = open_node(join(folder, "/loop", node), S_IFBLK, (word)number, access);
		if (loop < 0)
			fail("open", "a loop device", -loop);
		result = call3(NR_IOCTL, (word)loop, LOOP_SET_FD, (word)file);
		if (result >= 0)
			result = call3(NR_IOCTL, (word)loop, LOOP_SET_STATUS64, (word)&info);
		if (result < 0)
			call3(NR_CLOSE, (word)loop, 0, 0);
	}
	if (result < 0)
		fail("make a loop device over", device, -result);
	call3(NR_CLOSE, (word)file, 0, 0);
	call3(NR_CLOSE, (word)control, 0, 0);
	return loop;
}

static word read_runs(const char *table, struct run_of_sectors *runs)
{
	long file = open_or_fail(table), size = 0, n;

	while ((n = read_at(file, (char *)runs + size, DM_TARGETS_MAX * sizeof(*runs) - (word)size,
			    (unsigned long long)size)))
		if (n > 0)
			size += n;
		else if (n != -EINTR)
			fail("read", table, -n);
	call3(NR_CLOSE, (word)file, 0, 0);
	if (!size || size % (long)sizeof(*runs))
		usage("not whole runs of sectors:", table);
	return (word)size / sizeof(*runs);
}

static long open_mapper(const char *folder)
{
	long control = open_node(join(folder, "/mapper", ""), S_IFCHR, device_number(MISC_MAJOR, MAPPER_MINOR), O_RDWR);

	if (control == -ENXIO || control == -ENODEV)
		fail("no device mapper", 0, ENODEV);
	if (control < 0)
		fail("open", "device mapper", -control);
	return control;
}

/* Make the disk; returns the open control node of device mapper. */
static long make_disk(const char *folder, const char *device, const char *table, const char *name, word access)
{
	static struct run_of_sectors runs[DM_TARGETS_MAX];
	unsigned long long number = 0;
	word count = read_runs(table, runs);
	char text[DEVICE_SIZE];
	long loop, control, result;

	control = open_mapper(folder);
	result = dm_remove(control, name); /* what a run that was killed left */
	if (result == -EBUSY)
		fail("in use", name, EBUSY);
	loop = make_loop(folder, device, access, text);
	result = dm_create(control, name, text, runs, count, access == O_RDONLY, &number);
	call3(NR_CLOSE, (word)loop, 0, 0); /* the disk has it open now, or it ends here */
	if (result < 0)
		fail(result == -EBUSY ? "in use" : "make the disk", name, -result);
	result = system_call(NR_MKNODAT, AT_FDCWD, (long)join(folder, "/disk", ""), S_IFBLK | 0600, (long)number, 0, 0);
	if (result < 0) {
		dm_remove(control, name);
		fail("make the device", "disk", -result);
	}
	return control;
}

static long mount_disk(const char *folder, const char *type, word flags)
{
	static char disk[4096];
	word i = 0;

	for (const char *p = join(folder, "/disk", ""); (disk[i] = *p); p++)
		i++;
	return system_call(NR_MOUNT, (long)disk, (long)join(folder, "/rom", ""), (long)type,
			   (long)(flags | MS_NOSUID | MS_NODEV | MS_NOEXEC), (long)"", 0);
}

__attribute__((noreturn)) static void run(int count, char **arguments)
{
	long result;

	if (count < 1)
		usage("usage: run PROGRAM [ARGUMENT...]", 0);
	/* The environment lies behind all arguments, behind a zero. */
	result = call3(NR_EXECVE, (word)arguments[0], (word)arguments, (word)(arguments + count + 1));
	fail("run", arguments[0], -result);
}

__attribute__((noreturn)) static void work(const char *folder, int count, char **arguments)
{
	long result = call3(NR_CHDIR, (word)join(folder, "/rom", ""), 0, 0);

	failure_code = 1;
	if (result >= 0 && equal(arguments[0], "run"))
		run(count - 1, arguments + 1);
	call3(NR_UMASK, 0, 0, 0);
	if (equal(arguments[0], "write"))
		open_sources(count - 1, arguments + 1);
	else if (equal(arguments[0], "read"))
		open_wanted(count - 1, arguments + 1);
	/* From here on every path and every link is one of the image. */
	if (result >= 0)
		result = call3(NR_CHROOT, (word)".", 0, 0);
	if (result < 0)
		fail("enter", "the image", -result);
	if (equal(arguments[0], "look") || equal(arguments[0], "list"))
		list_files(equal(arguments[0], "list"), count - 1, arguments + 1);
	else if (equal(arguments[0], "read"))
		read_files();
	else if (equal(arguments[0], "write"))
		write_files();
	else
		usage("no such command:", arguments[0]);
	leave(0);
}

/*
 * What is cached of the image's file and what is cached of DEVICE know nothing of each other: write both to the disk, and
 * read both anew.
 */
static void drop_caches(void)
{
	long file, result;

	call3(NR_SYNC, 0, 0, 0);
	file = call3(NR_OPENAT, (word)AT_FDCWD, (word)"/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
	result = file < 0 ? file : call3(NR_WRITE, (word)file, (word)"3", 1);
	if (file >= 0)
		call3(NR_CLOSE, (word)file, 0, 0);
	if (result < 0)
		fail("read anew", "what is cached", -result);
}

/* Signals that would end this process before it has taken the disk away; the one that works gets them. */
static void ignore_signals(void)
{
	static const unsigned char signals[] = {1, 2, 3, 13, 15}; /* HUP, INT, QUIT, PIPE, TERM */
	struct sigaction ignored = {SIG_IGN, 0, 0, {0, 0}};

	for (word i = 0; i < sizeof(signals); i++)
		system_call(NR_RT_SIGACTION, signals[i], (long)&ignored, 0, 8, 0, 0);
}

static void inside(int count, char **arguments)
{
	const char *folder, *name;
	int status = 0, is_run;
	word access, flags;
	long control, child, result;

	if (count < 7)
		usage("usage: image-files ACCESS DEVICE TABLE NAME TYPE FOLDER COMMAND...", 0);
	name = arguments[3];
	folder = arguments[5];
	is_run = equal(arguments[6], "run");
	failure_code = NOT_MOUNTED;
	output = is_run || equal(arguments[6], "read") ? 2 : 1;
	access = equal(arguments[0], "ro") ? O_RDONLY : O_RDWR;
	flags = equal(arguments[0], "rw") ? 0 : MS_RDONLY;
	if (access == O_RDWR && flags && !equal(arguments[0], "replay"))
		usage("not rw, ro or replay:", arguments[0]);
	mount_private(folder);
	drop_caches();
	control = make_disk(folder, arguments[1], arguments[2], name, access);
	/* Programs of the phone follow links of the image to files of the phone: they get none to follow. */
	result = mount_disk(folder, arguments[4], flags | (is_run ? MS_NOSYMFOLLOW : 0));
	if (result < 0) {
		dm_remove(control, name);
		fail("mount", name, -result);
	}
	child = system_call(NR_CLONE, SIGCHLD, 0, 0, 0, 0, 0);
	if (!child)
		work(folder, count - 6, arguments + 6);
	if (child > 0) {
		ignore_signals();
		while ((result = system_call(NR_WAIT4, child, (long)&status, 0, 0, 0, 0)) == -EINTR)
			;
	}
	result = call3(NR_UMOUNT2, (word)join(folder, "/rom", ""), 0, 0);
	if (result >= 0)
		result = dm_remove(control, name);
	drop_caches();
	if (child < 0)
		fail("start a process for", name, -child);
	if (result < 0)
		fail("in use", name, -result);
	leave(status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff);
}

static void forget(int count, char **arguments)
{
	long control, result;

	if (count < 2)
		usage("usage: image-files forget FOLDER NAME...", 0);
	mount_private(arguments[0]);
	control = open_mapper(arguments[0]);
	for (int i = 1; i < count; i++) {
		result = dm_remove(control, arguments[i]);
		if (result < 0 && result != -ENXIO)
			fail("in use", arguments[i], -result);
	}
	put("forgotten=1\n");
}

/* Called by _start with the address of argc. */
__attribute__((noreturn, used)) void start_program(word *stack)
{
	int count = (int)stack[0];
	char **arguments = (char **)(stack + 1);

	if (count > 1 && equal(arguments[1], "forget"))
		forget(count - 2, arguments + 2);
	else
		inside(count - 1, arguments + 1);
	leave(0);
}
