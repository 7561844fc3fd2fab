// SPDX-License-Identifier: Apache-2.0
/*
 * agent extents FILE: where the blocks of a file lie on the block device of its file system, by FIEMAP
 *   (Documentation/filesystems/fiemap.rst). Lines "extent=LOGICAL PHYSICAL LENGTH FLAGS" in bytes.
 * agent pin FILE: keep f2fs from moving its blocks. Kernels before 5.4 do not tell whether a file is pinned, so that it
 *   is pinned again before each use.
 * agent blocks DEVICE TABLE: what a block device holds in the runs of sectors of TABLE, on standard output.
 * agent reread FILE DEVICE PAGES: what DEVICE holds of the pages of FILE while `agent pour` writes them, which tells on
 *   standard input how far it is. It is read past the cache. The lines of `extents`, then "sha256=" and the hash.
 */
#include "calls.h"
#include "agent.h"
#include "dm.h"
#include "fiemap.h"
#include "sha256.h"

#define BATCH 256
#define SECTOR 512

static void put_extent(unsigned long long logical, unsigned long long physical, unsigned long long length,
		       unsigned flags)
{
	put("extent=");
	put_number(logical, ' ');
	put_number(physical, ' ');
	put_number(length, ' ');
	put_number(flags, '\n');
}

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
			put_extent(map.extents[i].logical, map.extents[i].physical, map.extents[i].length,
				   map.extents[i].flags);
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

static void read_run(long device, const char *path, struct run_of_sectors run, void (*use)(const char *data, word size))
{
	static char data[BATCH * PAGE_SIZE] __attribute__((aligned(4096))); /* for O_DIRECT */
	unsigned long long offset = run.physical * SECTOR, left = run.length * SECTOR;

	while (left) {
		long n = read_at(device, data, left < sizeof(data) ? (word)left : sizeof(data), offset);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			fail(n ? "read" : "past the end of", path, n ? -n : EINVAL);
		use(data, (word)n);
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
		read_run(device, arguments[0], run, write_all);
	}
	if (n)
		usage("not whole runs of sectors:", arguments[1]);
}

static struct sha256 hash = SHA256_START;

static void add_to_hash(const char *data, word size)
{
	sha256_add(&hash, data, size);
}

/* Hash the bytes `at` to `end` of a file as the device holds them, and tell where they lie. */
static void hash_written(long file, char **arguments, long device, unsigned long long at, unsigned long long end)
{
	static struct fiemap map;

	while (at < end) {
		long found = ask_extents(file, &map, at);

		if (found < 0)
			fail("extents of", arguments[0], -found);
		for (long i = 0; i < found && at < end; i++) {
			unsigned long long inside = at - map.extents[i].logical, length = map.extents[i].length - inside;
			unsigned long long physical = map.extents[i].physical + inside;

			if (at < map.extents[i].logical || inside >= map.extents[i].length)
				found = 0;
			else if (length > end - at)
				length = end - at;
			if (!found)
				break;
			read_run(device, arguments[1], (struct run_of_sectors){
				at / SECTOR, length / SECTOR, physical / SECTOR}, add_to_hash);
			put_extent(at, physical, length, map.extents[i].flags);
			at += length;
		}
		if (!found)
			fail("no blocks in", arguments[0], EIO);
	}
}

void reread(int count, char **arguments)
{
	static unsigned long long told[512];
	unsigned long long at = 0, end;
	long file = -1, device;

	if (count != 3)
		usage("usage: agent reread FILE DEVICE PAGES", 0);
	end = (unsigned long long)number(arguments[2]) * PAGE_SIZE;
	device = open_past_cache(arguments[1]);
	while (at < end) {
		long n = call3(NR_READ, 0, (word)told, sizeof(told));
		unsigned long long written;

		if (n == -EINTR)
			continue;
		if (n <= 0 || n % (long)sizeof(told[0]))
			usage("past the end of", "standard input");
		written = told[n / (long)sizeof(told[0]) - 1] * PAGE_SIZE;
		if (written < at || written > end)
			usage("not in order, or past the end:", "standard input");
		if (file < 0)
			file = open_or_fail(arguments[0]);
		hash_written(file, arguments, device, at, written);
		at = written;
	}
	sha256_end(&hash);
	put("sha256=");
	for (int i = 0; i < 64; i++)
		put_char("0123456789abcdef"[hash.state[i / 8] >> (28 - i % 8 * 4) & 15]);
	put_char('\n');
}
