// SPDX-License-Identifier: Apache-2.0
/*
 * agent extents FILE: where the blocks of a file lie on the block device of its file system, by FIEMAP
 *   (Documentation/filesystems/fiemap.rst). Lines "extent=LOGICAL PHYSICAL LENGTH FLAGS" in bytes.
 * agent pin FILE: keep f2fs from moving its blocks. Kernels before 5.4 do not tell whether a file is pinned, so that it
 *   is pinned again before each use.
 * agent blocks DEVICE TABLE: what a block device holds in the runs of sectors of TABLE, on standard output.
 */
#include "calls.h"
#include "agent.h"
#include "dm.h"
#include "fiemap.h"

#define BATCH 64
#define SECTOR 512

void extents(int count, char **arguments)
{
	static struct fiemap map;
	unsigned long long start = 0;
	long file, found;
	int last = 0;

	if (count != 1)
		usage("usage: agent extents FILE", 0);
	file = open_or_fail(arguments[0]);
	while (!last) {
		found = ask_extents(file, &map, start);
		if (found < 0)
			fail("extents of", arguments[0], -found);
		if (!found)
			break;
		for (long i = 0; i < found; i++) {
			put("extent=");
			put_number(map.extents[i].logical, ' ');
			put_number(map.extents[i].physical, ' ');
			put_number(map.extents[i].length, ' ');
			put_number(map.extents[i].flags, '\n');
			start = map.extents[i].logical + map.extents[i].length;
			last = map.extents[i].flags & FIEMAP_EXTENT_LAST;
		}
	}
}

void pin(int count, char **arguments)
{
	long result;

	if (count != 1)
		usage("usage: agent pin FILE", 0);
	result = pin_blocks(open_to_write(arguments[0]));
	if (result < 0)
		fail("pin", arguments[0], -result);
	put("pinned=1\n");
}

static void copy_run(long device, const char *path, struct run_of_sectors run)
{
	static char data[BATCH * PAGE_SIZE] __attribute__((aligned(16)));
	unsigned long long offset = run.physical * SECTOR, left = run.length * SECTOR;

	while (left) {
		long n = read_at(device, data, left < sizeof(data) ? (word)left : sizeof(data), offset);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			fail(n ? "read" : "past the end of", path, n ? -n : EINVAL);
		write_all(data, (word)n);
		offset += (word)n;
		left -= (word)n;
	}
}

void blocks(int count, char **arguments)
{
	struct run_of_sectors run;
	unsigned long long at = 0;
	long device, table, n;

	output = 2;
	if (count != 2)
		usage("usage: agent blocks DEVICE TABLE", 0);
	device = open_or_fail(arguments[0]);
	table = open_or_fail(arguments[1]);
	while ((n = read_at(table, (char *)&run, sizeof(run), at)) == (long)sizeof(run)) {
		at += sizeof(run);
		if (run.physical >> 54 || run.length >> 54)
			usage("past the last byte:", arguments[1]);
		copy_run(device, arguments[0], run);
	}
	if (n)
		usage("not whole runs of sectors:", arguments[1]);
}
