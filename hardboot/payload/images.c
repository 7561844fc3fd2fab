// SPDX-License-Identifier: Apache-2.0
/* What a start needs of files: the blocks of the images, and the segments. */
#include "hardboot.h"
#include "dm.h"
#include "fiemap.h"
#include "kexec.h"

#define SECTOR 512
#define HARMLESS 0x1001U /* FIEMAP_EXTENT_LAST and MERGED; each other flag forbids to write to the raw blocks */

static struct run_of_sectors runs[DM_TARGETS_MAX + 1];

static word read_table(const char *path)
{
	long size = read_text(path, (char *)runs, sizeof(runs));

	if (size <= 0 || size % (long)sizeof(runs[0]))
		stop(WRONG_INPUT, REFRESH, path, " is damaged: ", size < 0 ? error_text(size) : "not whole runs",
		     (char *)0);
	return (word)size / sizeof(runs[0]);
}

static void moved(const struct image *image)
{
	stop(REFUSED, "Look at it from the computer: hardboot rom check", "the blocks of ", image->file,
	     " are not where they were written", (char *)0);
}

/* Compare one extent, of `length` bytes, with the table, in which `*at` is the run that is being looked at. */
static void compare(const struct image *image, number64 logical, number64 physical, number64 length, word count,
		    word *at)
{
	while (length) {
		const struct run_of_sectors *run = &runs[*at];
		number64 start, size, inside;

		if (*at == count || run->logical >> 54 || run->length >> 54 || run->physical >> 54)
			moved(image);
		start = run->logical * SECTOR;
		size = run->length * SECTOR;
		inside = logical - start;
		if (logical < start || inside >= size || physical != run->physical * SECTOR + inside)
			moved(image);
		size -= inside;
		if (size > length)
			size = length;
		else
			++*at;
		logical += size;
		physical += size;
		length -= size;
	}
}

void check_image(const struct start *start, const struct image *image)
{
	static struct fiemap map;
	word count = read_table(rom_path("/start/", image->table)), at = 0;
	const char *path = rom_path("/", image->file);
	long file = open_file(path, start->pin ? O_RDWR : O_RDONLY);
	long result = start->pin ? pin_blocks(file) : 0, found = 0;
	number64 end = 0;

	if (result < 0)
		stop(PHONE_ERROR, "Look at it from the computer: hardboot rom check", path, " cannot be pinned: ",
		     error_text(result), (char *)0);
	while (end < image->size && (found = ask_extents(file, &map, end)) > 0)
		for (long i = 0; i < found && end < image->size; i++) {
			number64 length = map.extents[i].length, left = image->size - end;

			if (map.extents[i].flags & ~HARMLESS || map.extents[i].logical != end || !length)
				moved(image);
			if (length > left) /* a file system may reserve blocks behind the end */
				length = left;
			compare(image, end, map.extents[i].physical, length, count, &at);
			end += length;
		}
	if (found < 0)
		stop(PHONE_ERROR, "Look at it from the computer: hardboot rom check", "the file system does not tell "
		     "where ", path, " lies: ", error_text(found), (char *)0);
	if (end < image->size || at != count)
		moved(image);
	call3(NR_CLOSE, (word)file, 0, 0);
}

/* CRC-32 as in zlib, eight bytes at a time: segments have tens of MiB. `data` begins at a word. */
static word crc32(const unsigned char *data, word size)
{
	typedef unsigned __attribute__((may_alias)) four_bytes; /* little-endian */
	static unsigned table[8][256];
	unsigned crc = ~0U;

	for (unsigned i = 0; i < 256; i++) {
		table[0][i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[0][i] = table[0][i] >> 1 ^ (table[0][i] & 1 ? 0xedb88320U : 0);
	}
	for (int behind = 1; behind < 8; behind++)
		for (unsigned i = 0; i < 256; i++)
			table[behind][i] = table[0][table[behind - 1][i] & 0xff] ^ table[behind - 1][i] >> 8;
	for (; size >= 8; size -= 8, data += 8) {
		unsigned first = crc ^ ((const four_bytes *)data)[0], second = ((const four_bytes *)data)[1];

		crc = table[7][first & 0xff] ^ table[6][first >> 8 & 0xff] ^ table[5][first >> 16 & 0xff] ^
		      table[4][first >> 24] ^ table[3][second & 0xff] ^ table[2][second >> 8 & 0xff] ^
		      table[1][second >> 16 & 0xff] ^ table[0][second >> 24];
	}
	while (size--)
		crc = table[0][(crc ^ *data++) & 0xff] ^ crc >> 8;
	return crc ^ ~0U;
}

static void map_segment(const struct part *part, struct segment *segment)
{
	const char *path = rom_path("/start/", part->file);
	long file = open_file(path, O_RDONLY);
	long size = call3(NR_LSEEK, (word)file, 0, SEEK_END), address;

	if (size < 0 || (word)size != part->size)
		stop(WRONG_INPUT, REFRESH, path, " has another size than it was written with", (char *)0);
	address = system_call(NR_MMAP, 0, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
	if ((word)address >= (word)-4095)
		stop(PHONE_ERROR, "Close some apps, and try again.", path, " cannot be mapped: ", error_text(address),
		     (char *)0);
	call3(NR_CLOSE, (word)file, 0, 0);
	if (crc32((const unsigned char *)address, part->size) != part->crc)
		stop(WRONG_INPUT, REFRESH, path, " is damaged", (char *)0);
	*segment = (struct segment){(const void *)address, part->size, part->addr, part->memsz};
}

void load(const struct start *start)
{
	static struct segment segments[SEGMENTS_MAX];
	long result;

	say("Loading ", rom, (char *)0);
	for (word i = 0; i < start->part_count; i++)
		map_segment(&start->parts[i], &segments[i]);
	result = kexec_load(start->entry, start->part_count, segments, start->flag);
	if (result < 0)
		stop(PHONE_ERROR, REFRESH, "the kernel refused to load it: ", error_text(result), (char *)0);
}
