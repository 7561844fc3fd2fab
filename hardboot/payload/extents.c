// SPDX-License-Identifier: Apache-2.0
/*
 * agent extents FILE: where the blocks of a file lie on the block device of its file system, by FIEMAP
 *   (Documentation/filesystems/fiemap.rst). Lines "extent=LOGICAL PHYSICAL LENGTH FLAGS" in bytes, then "pinned=0|1"
 *   where the file system can tell (f2fs).
 * agent pin FILE: keep f2fs from moving its blocks.
 * agent map CONTROL NAME DEVICE TABLE RO: make a block device of runs of sectors; answers "device=MAJOR MINOR".
 * agent unmap CONTROL NAME
 */
#include "calls.h"
#include "agent.h"
#include "dm.h"

#define FS_IOC_FIEMAP 0xc020660bUL /* include/uapi/linux/fs.h */
#define FIEMAP_FLAG_SYNC 1
#define FIEMAP_EXTENT_LAST 1
#define F2FS_IOC_SET_PIN_FILE 0x4004f50dUL /* include/uapi/linux/f2fs.h */
#define F2FS_IOC_GET_PIN_FILE 0x8004f50eUL
#define BATCH 64

static struct { /* include/uapi/linux/fiemap.h */
	unsigned long long start, length;
	unsigned flags, mapped, count, reserved;
	struct {
		unsigned long long logical, physical, length, reserved64[2];
		unsigned flags, reserved[3];
	} extents[BATCH];
} map;

void extents(int count, char **arguments)
{
	unsigned pinned = 0;
	long file, result;
	int last = 0;

	if (count != 1)
		usage("usage: agent extents FILE", 0);
	file = open_or_fail(arguments[0]);
	map.start = 0;
	while (!last) {
		map.length = ~0ULL - map.start;
		map.flags = FIEMAP_FLAG_SYNC;
		map.count = BATCH;
		map.mapped = 0;
		result = call3(NR_IOCTL, (word)file, FS_IOC_FIEMAP, (word)&map);
		if (result < 0)
			fail("extents of", arguments[0], -result);
		if (!map.mapped)
			break;
		for (unsigned i = 0; i < map.mapped && i < BATCH; i++) {
			put("extent=");
			put_number(map.extents[i].logical, ' ');
			put_number(map.extents[i].physical, ' ');
			put_number(map.extents[i].length, ' ');
			put_number(map.extents[i].flags, '\n');
			map.start = map.extents[i].logical + map.extents[i].length;
			last = map.extents[i].flags & FIEMAP_EXTENT_LAST;
		}
	}
	result = call3(NR_IOCTL, (word)file, F2FS_IOC_GET_PIN_FILE, (word)&pinned);
	if (result >= 0)
		put(result ? "pinned=1\n" : "pinned=0\n");
}

void pin(int count, char **arguments)
{
	unsigned on = 1;
	long result;

	if (count != 1)
		usage("usage: agent pin FILE", 0);
	result = call3(NR_IOCTL, (word)open_to_write(arguments[0]), F2FS_IOC_SET_PIN_FILE, (word)&on);
	if (result < 0)
		fail("pin", arguments[0], -result);
	put("pinned=1\n");
}

void map_device(int count, char **arguments)
{
	static struct run_of_sectors runs[DM_TARGETS_MAX];
	unsigned long long made;
	word size = 0;
	long result, table;

	if (count != 5)
		usage("usage: agent map CONTROL NAME DEVICE TABLE RO", 0);
	table = open_or_fail(arguments[3]);
	for (;;) {
		result = read_at(table, (char *)runs + size, sizeof(runs) - size, size);
		if (result == -EINTR)
			continue;
		if (result < 0)
			fail("read", arguments[3], -result);
		if (!result)
			break;
		size += (word)result;
	}
	if (!size || size % sizeof(runs[0]) || (size == sizeof(runs) && read_at(table, (char *)&made, 1, size)))
		usage("not 1 to 8192 runs of sectors:", arguments[3]);
	result = dm_create(open_to_write(arguments[0]), arguments[1], arguments[2], runs, size / sizeof(runs[0]),
			   number(arguments[4]) != 0, &made);
	if (result < 0)
		fail("map", arguments[1], -result);
	/* new_encode_dev, include/linux/kdev_t.h */
	put("device=");
	put_number(made >> 8 & 0xfff, ' ');
	put_number((made & 0xff) | (made >> 12 & 0xfff00), '\n');
}

void unmap_device(int count, char **arguments)
{
	long result;

	if (count != 2)
		usage("usage: agent unmap CONTROL NAME", 0);
	result = dm_remove(open_to_write(arguments[0]), arguments[1]);
	if (result < 0)
		fail("unmap", arguments[1], -result);
	put("unmapped=1\n");
}
