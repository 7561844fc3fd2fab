// SPDX-License-Identifier: Apache-2.0
/*
 * The file "start" of a ROM: what `hardboot rom refresh` planned, and for which kernel. Lines; numbers are hexadecimal
 * with 0x, addresses physical, ends exclusive:
 *
 *   hardboot-start 1
 *   release TEXT               of the host kernel, as `uname -r` prints it
 *   version TEXT               `uname -v`
 *   page TEXT                  its hardboot page, as it shows it in /sys; left out if it does not
 *   flag N                     of kexec_load(2)
 *   entry N
 *   pin N                      1 if the images must be pinned (f2fs)
 *   ram START END              System RAM, in rising order
 *   reserved START END         reserved inside System RAM, where a segment lies in spite of that
 *   image FILE SIZE TABLE      an image, and the file with its runs (struct run_of_sectors)
 *   segment FILE ADDR MEMSZ SIZE CRC32
 *   end
 */
#include "hardboot.h"
#include "kexec.h"

#define TEXT_SIZE 65536
#define LINE_SIZE 256
#define WORDS_MAX 6

static void malformed(const char *line)
{
	stop(WRONG_INPUT, REFRESH, "the start files are damaged: ", line, (char *)0);
}

const char *parse_hex(const char *text, char end, number64 *value)
{
	word digits = 0;

	if (text[0] != '0' || text[1] != 'x')
		return 0;
	*value = 0;
	for (text += 2; *text && *text != end; text++, digits++) {
		char c = *text;

		if (digits == 16)
			return 0;
		if (c >= '0' && c <= '9')
			*value = *value << 4 | (word)(c - '0');
		else if (c >= 'a' && c <= 'f')
			*value = *value << 4 | (word)(c - 'a' + 10);
		else
			return 0;
	}
	return digits && *text == end ? text : 0;
}

static number64 number(const char *text)
{
	number64 value;

	if (!parse_hex(text, 0, &value))
		malformed(text);
	return value;
}

static word machine_word(const char *text)
{
	number64 value = number(text);

	if (value != (word)value)
		malformed(text);
	return (word)value;
}

static const char *file_name(const char *text)
{
	if (!is_name(text, FILE_NAME_MAX))
		malformed(text);
	return text;
}

static void add_range(struct range *ranges, word *count, char **words)
{
	struct range *range = &ranges[*count];

	if (*count == RANGES_MAX)
		malformed(words[0]);
	range->start = number(words[1]);
	range->end = number(words[2]);
	if (range->end <= range->start)
		malformed(words[0]);
	++*count;
}

static void add_image(struct start *start, char **words)
{
	struct image *image = &start->images[start->image_count];

	if (start->image_count == IMAGES_MAX)
		malformed(words[0]);
	image->file = file_name(words[1]);
	image->size = number(words[2]);
	image->table = file_name(words[3]);
	start->image_count++;
}

static void add_part(struct start *start, char **words)
{
	struct part *part = &start->parts[start->part_count];

	if (start->part_count == SEGMENTS_MAX)
		malformed(words[0]);
	part->file = file_name(words[1]);
	part->addr = machine_word(words[2]);
	part->memsz = machine_word(words[3]);
	part->size = machine_word(words[4]);
	part->crc = machine_word(words[5]);
	if ((part->addr | part->memsz) & (PAGE_SIZE - 1) || !part->size || part->size > part->memsz ||
	    part->addr + part->memsz < part->addr)
		malformed(words[1]);
	start->part_count++;
}

/* Cut a line into words at single blanks. Returns how many, WORDS_MAX + 1 for more. */
static word cut(char *line, char **words)
{
	word count = 1;

	words[0] = line;
	for (; *line; line++) {
		if (*line != ' ')
			continue;
		*line = 0;
		if (count == WORDS_MAX)
			return WORDS_MAX + 1;
		words[count++] = line + 1;
	}
	return count;
}

/* Returns 1 if it is the last line. */
static int read_line(struct start *start, char *line)
{
	char *words[WORDS_MAX];
	word count;

	if (begins(line, "release ")) {
		start->release = line + sizeof("release");
		return 0;
	}
	if (begins(line, "version ")) {
		start->version = line + sizeof("version");
		return 0;
	}
	if (begins(line, "page ")) {
		start->page = line + sizeof("page");
		return 0;
	}
	count = cut(line, words);
	if (count == 2 && equal(words[0], "flag")) {
		start->flag = machine_word(words[1]);
		if (start->flag & KEXEC_ON_CRASH) /* it would be loaded for a crash, and nothing started */
			malformed(words[0]);
	} else if (count == 2 && equal(words[0], "entry"))
		start->entry = machine_word(words[1]);
	else if (count == 2 && equal(words[0], "pin"))
		start->pin = machine_word(words[1]);
	else if (count == 3 && equal(words[0], "ram"))
		add_range(start->ram, &start->ram_count, words);
	else if (count == 3 && equal(words[0], "reserved"))
		add_range(start->reserved, &start->reserved_count, words);
	else if (count == 4 && equal(words[0], "image"))
		add_image(start, words);
	else if (count == 6 && equal(words[0], "segment"))
		add_part(start, words);
	else if (count == 1 && equal(words[0], "end"))
		return 1;
	else
		malformed(words[0]);
	return 0;
}

void read_start(struct start *start)
{
	static char text[TEXT_SIZE];
	const char *path = rom_path("/start/", "start");
	long size = read_text(path, text, sizeof(text));
	int first = 1, ended = 0;

	if (size == -ENOENT)
		stop(WRONG_INPUT, REFRESH, "there is no ROM ", rom, ", or it has no start files", (char *)0);
	if (size < 0)
		stop(PHONE_ERROR, "Run it as root.", path, " cannot be read: ", error_text(size), (char *)0);
	for (char *line = text, *next; line < text + size; line = next) {
		for (next = line; next < text + size && *next != '\n'; next++)
			if (!*next)
				malformed("a zero byte");
		if (next == text + size || ended)
			malformed("its end is not a line \"end\"");
		*next++ = 0;
		if (first && !equal(line, "hardboot-start 1"))
			stop(WRONG_INPUT, REFRESH, "the start files are of another version of hardboot", (char *)0);
		if (!first)
			ended = read_line(start, line);
		first = 0;
	}
	if (!ended || !start->release || !start->version || !start->ram_count || !start->part_count || !start->flag)
		malformed("lines are missing");
}

void check_kernel(const struct start *start)
{
	static char names[UTS_FIELDS * UTS_FIELD];
	char page[LINE_SIZE];
	const char *release = names + UTS_RELEASE * UTS_FIELD, *version = names + UTS_VERSION * UTS_FIELD;
	long result = call3(NR_UNAME, (word)names, 0, 0);

	if (result < 0)
		stop(PHONE_ERROR, "Try again.", "the kernel does not tell its release: ", error_text(result), (char *)0);
	if (!equal(start->release, release) || !equal(start->version, version))
		stop(REFUSED, REFRESH, "another host kernel runs than the one that this start was planned for: ", release,
		     " ", version, (char *)0);
	if (!start->page)
		return;
	result = read_text("/sys/kernel/kexec_hardboot/page", page, sizeof(page));
	if (result > 0 && page[result - 1] == '\n')
		page[result - 1] = 0;
	if (result < 0 || !equal(start->page, page))
		stop(REFUSED, REFRESH, "the hardboot page of the running kernel is not where it was planned: ",
		     result < 0 ? error_text(result) : page, (char *)0);
}

static int overlaps(struct range range, number64 start, number64 end)
{
	return range.start < end && start < range.end;
}

static void changed(const char *line)
{
	stop(REFUSED, REFRESH, "the memory map of the running kernel is not the one that this start was planned for: ",
	     line, (char *)0);
}

/* A part of System RAM that the kernel or a driver took: no segment may lie there, unless the plan knew of it. */
static void check_reserved(const struct start *start, struct range range, const char *line)
{
	for (word i = 0; i < start->part_count; i++) {
		const struct part *part = &start->parts[i];
		word known = 0;

		if (!overlaps(range, part->addr, (number64)part->addr + part->memsz))
			continue;
		while (known < start->reserved_count && (start->reserved[known].start != range.start ||
							 start->reserved[known].end != range.end))
			known++;
		if (known == start->reserved_count)
			changed(line);
	}
}

/* Look at a line of /proc/iomem; `ram` counts the banks of System RAM. */
static void check_line(const struct start *start, const char *line, word *ram, int *inside)
{
	const char *text = line;
	struct range range;

	while (*text == ' ')
		text++;
	{
		char bare[64] = "0x"; /* /proc/iomem is without 0x */
		word used = 2;
		const char *end;

		for (; *text && *text != ' ' && used < sizeof(bare) - 3; text++) {
			bare[used++] = *text;
			if (*text == '-') {
				bare[used++] = '0';
				bare[used++] = 'x';
			}
		}
		bare[used] = 0;
		end = parse_hex(bare, '-', &range.start);
		if (!end || !parse_hex(end + 1, 0, &range.end) || !begins(text, " : "))
			changed(line);
		range.end++;
		text += sizeof(" : ") - 1;
	}
	if (*line != ' ') {
		*inside = equal(text, "System RAM");
		if (!*inside)
			return;
		if (*ram == start->ram_count || start->ram[*ram].start != range.start ||
		    start->ram[*ram].end != range.end)
			changed(line);
		++*ram;
	} else if (*inside && !equal(text, "Kernel code") && !equal(text, "Kernel data") &&
		   !equal(text, "Kernel bss") && !equal(text, "Kernel rodata")) { /* kexec moves these itself */
		check_reserved(start, range, line);
	}
}

void check_memory(const struct start *start)
{
	static char text[1 << 20]; /* the largest phones list some hundred lines */
	long size = read_text("/proc/iomem", text, sizeof(text));
	word ram = 0;
	int inside = 0;

	if (size < 0)
		stop(PHONE_ERROR, "Run it as root.", "/proc/iomem cannot be read: ", error_text(size), (char *)0);
	for (char *line = text, *next; *line; line = next) {
		for (next = line; *next && *next != '\n'; next++)
			;
		if (*next)
			*next++ = 0;
		check_line(start, line, &ram, &inside);
	}
	if (ram != start->ram_count)
		changed("System RAM is missing");
}
