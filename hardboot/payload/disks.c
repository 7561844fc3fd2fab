// SPDX-License-Identifier: Apache-2.0
/*
 * The disks of a ROM that is stored on the phone: block devices of runs of sectors of userdata, which is never mounted.
 *
 *   module NAME                               load the kernel module /hb-init/NAME
 *   disk NAME PARTITION DEVICE BYTES ACCESS   make the disk NAME of the runs in the file /hb-init/NAME.table. PARTITION
 *                                             and DEVICE name the partition as in message.c; it has BYTES bytes, and no
 *                                             other partition is taken. ACCESS is rw or ro
 *   root NAME TYPE                            mount that disk with the file system TYPE as the root file system
 */
#include "hb-init.h"
#include "dm.h"

#define CONTROL FOLDER "mapper"
#define ROOT FOLDER "root"
#define ROOT_DISK FOLDER "root-disk"
#define CANDIDATES 8
#define WAIT_MS 10000
#define POLL_MS 20
#define EEXIST 17
#define S_IFBLK 0060000
#define MS_MOVE 8192
#define BLKGETSIZE64 (0x80001272UL | sizeof(word) << 16) /* include/uapi/linux/fs.h: _IOR(0x12, 114, size_t) */

static unsigned long long root_number; /* of the disk that was made last, as the kernel encodes it */
static char last_name[DM_NAME_SIZE];

/* Join parts of a path; what does not fit is cut off. */
static const char *path_of(const char *folder, const char *name, const char *end)
{
	static char path[256];
	word used = 0;

	for (; *folder && used < sizeof(path) - 1; folder++)
		path[used++] = *folder;
	for (; *name && used < sizeof(path) - 1; name++)
		path[used++] = *name;
	for (; *end && used < sizeof(path) - 1; end++)
		path[used++] = *end;
	path[used] = 0;
	return path;
}

void load_module(const char *name)
{
	const char *path = path_of(FOLDER, name, "");
	long file = call3(NR_OPENAT, (word)AT_FDCWD, (word)path, O_RDONLY | O_CLOEXEC);
	long result = file < 0 ? file : call3(NR_FINIT_MODULE, (word)file, (word)"", 0);

	if (file >= 0)
		call3(NR_CLOSE, (word)file, 0, 0);
	if (result < 0 && result != -EEXIST)
		say("cannot load the module", name, -result);
	call3(NR_UNLINKAT, (word)AT_FDCWD, (word)path, 0);
}

static int parse_bytes(const char *text, unsigned long long *bytes)
{
	word digits = 0;

	for (*bytes = 0; *text >= '0' && *text <= '9' && digits < 18; text++, digits++)
		*bytes = *bytes * 10 + (word)(*text - '0');
	return digits && !*text;
}

static int has_size(struct device device, unsigned long long bytes)
{
	unsigned long long size = 0;
	long file = open_device(device);

	if (file < 0)
		return 0;
	call3(NR_IOCTL, (word)file, BLKGETSIZE64, (word)&size);
	call3(NR_CLOSE, (word)file, 0, 0);
	return size == bytes;
}

/* Wait for the one partition of that name and size. Two of them are none: writing to the wrong one costs its data. */
static int find_partition(const char *name, const char *device, unsigned long long bytes, struct device *found)
{
	struct device all[CANDIDATES];

	for (word waited = 0; waited < WAIT_MS; waited += POLL_MS) {
		word count = find_partitions(name, device, all, CANDIDATES), fit = 0;

		for (word i = 0; i < count; i++)
			if (has_size(all[i], bytes)) {
				*found = all[i];
				fit++;
			}
		if (fit)
			return fit == 1;
		pause_ms(POLL_MS);
	}
	return 0;
}

/* Write MAJOR:MINOR, as device mapper reads it. */
static void name_device(char *text, struct device device)
{
	word parts[2] = {device.major, device.minor};
	char digits[10];

	for (word i = 0; i < 2; i++) {
		word n = 0;

		do {
			digits[n++] = (char)('0' + parts[i] % 10);
			parts[i] /= 10;
		} while (parts[i]);
		while (n)
			*text++ = digits[--n];
		*text++ = i ? 0 : ':';
	}
}

static long read_table(const char *name, struct run_of_sectors *runs, word size)
{
	const char *path = path_of(FOLDER, name, ".table");
	long file = call3(NR_OPENAT, (word)AT_FDCWD, (word)path, O_RDONLY | O_CLOEXEC);
	long done = 0, n = 1;

	if (file < 0)
		return file;
	while (n > 0 && (word)done < size) {
		n = call3(NR_READ, (word)file, (word)runs + (word)done, size - (word)done);
		if (n > 0)
			done += n;
		else if (n == -EINTR)
			n = 1;
	}
	call3(NR_CLOSE, (word)file, 0, 0);
	call3(NR_UNLINKAT, (word)AT_FDCWD, (word)path, 0);
	return n < 0 ? n : done;
}

/* Whether the runs follow each other without a gap and lie within the partition. */
static int fits(const struct run_of_sectors *runs, word count, unsigned long long sectors)
{
	unsigned long long at = 0;

	for (word i = 0; i < count; i++) {
		if (runs[i].logical != at || !runs[i].length || runs[i].physical > sectors ||
		    runs[i].length > sectors - runs[i].physical)
			return 0;
		at += runs[i].length;
	}
	return 1;
}

int make_disk(char *words)
{
	static struct run_of_sectors runs[DM_TARGETS_MAX];
	const char *name = next_word(&words), *partition = next_word(&words), *node = next_word(&words);
	const char *size = next_word(&words), *access = next_word(&words);
	char device[24];
	struct device found;
	unsigned long long bytes;
	long control, result = read_table(name, runs, sizeof(runs));
	word used = 0;

	if (!parse_bytes(size, &bytes) || *words || (!equal(access, "rw") && !equal(access, "ro"))) {
		say("the step is malformed", name, EINVAL);
		return 0;
	}
	if (result <= 0 || result % (long)sizeof(runs[0])) {
		say("cannot read its table", name, result < 0 ? -result : EINVAL);
		return 0;
	}
	if (!find_partition(partition, node, bytes, &found)) {
		say("there is no partition of that name and size, or more than one", partition, ENOENT);
		return 0;
	}
	result /= (long)sizeof(runs[0]);
	if (!fits(runs, (word)result, bytes / 512)) {
		say("its table has gaps, or reaches beyond the partition", name, EINVAL);
		return 0;
	}
	name_device(device, found);
	control = call3(NR_OPENAT, (word)AT_FDCWD, (word)CONTROL, O_RDWR | O_CLOEXEC);
	result = control < 0 ? control :
			       dm_create(control, name, device, runs, (word)result, equal(access, "ro"), &root_number);
	if (control >= 0)
		call3(NR_CLOSE, (word)control, 0, 0);
	if (result < 0) {
		say("the disk cannot be made", name, -result);
		return 0;
	}
	for (; name[used] && used < sizeof(last_name) - 1; used++)
		last_name[used] = name[used];
	last_name[used] = 0;
	say("the disk is there", name, 0);
	return 1;
}

int mount_root(char *words)
{
	const char *name = next_word(&words), *type = next_word(&words);
	long result = -EINVAL;

	if (equal(name, last_name) && !*words)
		result = system_call(NR_MKNODAT, AT_FDCWD, (long)ROOT_DISK, S_IFBLK | 0600, (long)root_number, 0, 0);
	if (result >= 0)
		result = system_call(NR_MOUNT, (long)ROOT_DISK, (long)ROOT, (long)type, 0, 0, 0);
	if (result < 0)
		say("cannot mount the root file system", name, -result);
	return result >= 0;
}

long enter_root(void)
{
	long result = call3(NR_CHDIR, (word)ROOT, 0, 0);

	if (result >= 0)
		result = system_call(NR_MOUNT, (long)".", (long)"/", 0, MS_MOVE, 0, 0);
	if (result >= 0)
		result = call3(NR_CHROOT, (word)".", 0, 0);
	return result >= 0 ? call3(NR_CHDIR, (word)"/", 0, 0) : result;
}
