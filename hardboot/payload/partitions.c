// SPDX-License-Identifier: Apache-2.0
/* The partitions that the kernel has found, by what it says of them in sysfs. */
#include "hb-init.h"

#define BLOCK FOLDER "sys/class/block"
#define NODE "/hb-init-partition" /* outside of FOLDER, which may be gone already */
#define UEVENT_MAX 1024
#define S_IFBLK 0060000
#define EEXIST 17
#define SEEK_SET 0

struct entry { /* struct linux_dirent64, include/linux/dirent.h */
	unsigned long long inode;
	long long offset;
	unsigned short size;
	unsigned char type;
	char name[];
};

/* The value of KEY= in the lines of a uevent file, or 0. Ends it with a 0 byte. */
static char *value(char *uevent, const char *key)
{
	for (char *line = uevent; *line;) {
		const char *k = key;
		char *p = line;

		while (*k && *p == *k)
			k++, p++;
		if (!*k) {
			for (line = p; *line && *line != '\n'; line++)
				;
			*line = 0;
			return p;
		}
		while (*p && *p++ != '\n')
			;
		line = p;
	}
	return 0;
}

static int parse_decimal(const char *text, word *number)
{
	word digits = 0;

	for (*number = 0; text && *text >= '0' && *text <= '9' && digits < 9; text++, digits++)
		*number = *number * 10 + (word)(*text - '0');
	return digits && !*text;
}

/* Read NAME/uevent into a text; 0 if that fails. */
static int read_uevent(long folder, const char *name, char *uevent)
{
	char path[300];
	word used = 0;
	long file, size;

	for (const char *p = name; *p && used < 256; p++)
		path[used++] = *p;
	for (const char *p = "/uevent"; *p; p++)
		path[used++] = *p;
	path[used] = 0;
	file = call3(NR_OPENAT, (word)folder, (word)path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return 0;
	size = call3(NR_READ, (word)file, (word)uevent, UEVENT_MAX);
	call3(NR_CLOSE, (word)file, 0, 0);
	uevent[size < 0 ? 0 : size] = 0;
	return size > 0;
}

/* Whether it is the partition that is looked for. Its values are read from copies, as reading cuts the text. */
static int matches(const char *uevent, const char *name, const char *device)
{
	char copy[UEVENT_MAX + 1];
	const char *found;

	__builtin_memcpy(copy, uevent, sizeof(copy));
	found = value(copy, "PARTNAME=");
	if (found)
		return equal(found, name);
	__builtin_memcpy(copy, uevent, sizeof(copy));
	found = value(copy, "DEVNAME=");
	return found && equal(found, device);
}

word find_partitions(const char *name, const char *device, struct device *found, word most)
{
	static char list[4096] __attribute__((aligned(8)));
	char uevent[UEVENT_MAX + 1], copy[UEVENT_MAX + 1];
	static long folder = -1; /* stays open: message.c still needs it when sysfs is unmounted */
	word count = 0;
	long size;

	if (folder < 0)
		folder = call3(NR_OPENAT, (word)AT_FDCWD, (word)BLOCK, O_RDONLY | O_CLOEXEC);
	if (folder < 0)
		return 0;
	call3(NR_LSEEK, (word)folder, 0, SEEK_SET);
	while ((size = call3(NR_GETDENTS64, (word)folder, (word)list, sizeof(list))) > 0) {
		for (long at = 0; at < size && count < most;) {
			const struct entry *entry = (const struct entry *)(list + at);

			at += entry->size;
			if (!read_uevent(folder, entry->name, uevent) || !matches(uevent, name, device))
				continue;
			__builtin_memcpy(copy, uevent, sizeof(copy));
			if (parse_decimal(value(copy, "MAJOR="), &found[count].major) &&
			    parse_decimal(value(uevent, "MINOR="), &found[count].minor))
				count++;
		}
	}
	return count;
}

long open_device(struct device device)
{
	/* new_encode_dev, include/linux/kdev_t.h */
	word number = (device.minor & 0xff) | device.major << 8 | (device.minor & ~0xffUL) << 12;
	long result = system_call(NR_MKNODAT, AT_FDCWD, (long)NODE, S_IFBLK | 0600, (long)number, 0, 0);

	if (result < 0 && result != -EEXIST)
		return result;
	result = call3(NR_OPENAT, (word)AT_FDCWD, (word)NODE, O_RDWR | O_CLOEXEC);
	call3(NR_UNLINKAT, (word)AT_FDCWD, (word)NODE, 0);
	return result;
}
