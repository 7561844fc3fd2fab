// SPDX-License-Identifier: Apache-2.0
/*
 * The agent: the small static program on the phone that calls kexec_load(2) and reboot(2). It runs as root.
 *
 *   agent load FLAGS ENTRY FILE@ADDR:MEMSZ...   load up to 16 segments; FILE*SKIP is a file that is repeated to fill
 *                                               its segment, the first time from byte SKIP on
 *   agent unload FLAGS                          drop what is loaded
 *   agent exec                                  sync, then start what is loaded; returns only on error
 *   agent info [FLAG]                           what the kernel says; with FLAG, whether it accepts that flag
 *   agent pages FILE LIST FIRST COUNT           pages of a file, without those that are zero, on standard output
 *   agent pour FILE FROM END                    pages of a file, those that are zero not given
 *   agent extents|pin|blocks|reread ...         where the blocks of a file lie, see extents.c
 *
 * Numbers are hexadecimal with 0x and fit a machine word. The answer is lines of key=value and exit code 0, or a
 * last line "error=WHAT errno=NUMBER" and exit code 1. Without libc: arch.h brings the system calls.
 */
#include "calls.h"
#include "agent.h"
#include "entry.h"
#include "kexec.h"

#define PROT_NONE 0
#define MAP_FIXED 0x10
#define MAP_ANONYMOUS 0x20

#define PAGE_MASK (PAGE_SIZE - 1)

/* Map the file again and again, the first time from byte `skip` on; it takes little memory, however large the segment. */
static const void *map_repeated(long file, const char *name, word size, word skip, word memsz)
{
	long base = system_call(NR_MMAP, 0, (long)memsz, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if ((word)base >= (word)-4095)
		fail("make room for", name, -base);
	for (word done = 0; done < memsz; skip = 0) {
		word part = size - skip < memsz - done ? size - skip : memsz - done;
		long address = system_call(NR_MMAP, base + (long)done, (long)part, PROT_READ,
					   MAP_PRIVATE | MAP_FIXED | MAP_POPULATE, file, (long)MMAP_OFFSET(skip));

		if ((word)address >= (word)-4095)
			fail("map", name, -address);
		done += part;
	}
	return (const void *)base;
}

/* Cut "*SKIP" off the name of a file that is repeated. Returns whether it is. */
static int cut_skip(char *text, char *end, word *skip)
{
	for (char *p = text; p < end; p++) {
		if (*p != '*')
			continue;
		*end = 0;
		if (!parse_number(p + 1, 0, skip))
			usage("not FILE*SKIP@ADDR:MEMSZ:", text);
		*p = 0;
		return 1;
	}
	return 0;
}

static void parse_segment(char *text, struct segment *segment)
{
	char *at = 0;
	const char *colon;
	long file, size, address;
	word skip;
	int repeated;

	for (char *p = text; *p; p++)
		if (*p == '@')
			at = p;
	if (!at || at == text)
		usage("not FILE@ADDR:MEMSZ:", text);
	colon = parse_number(at + 1, ':', &segment->mem);
	if (!colon || !parse_number(colon + 1, 0, &segment->memsz))
		usage("not FILE@ADDR:MEMSZ:", text);
	if (segment->mem & PAGE_MASK || segment->memsz & PAGE_MASK || !segment->memsz)
		usage("not page aligned:", text);
	if (segment->mem + segment->memsz < segment->mem)
		usage("past the last address:", text);

	repeated = cut_skip(text, at, &skip);
	*at = 0;
	file = open_or_fail(text);
	size = call3(NR_LSEEK, (word)file, 0, SEEK_END);
	if (size < 0)
		fail("size of", text, -size);
	if (repeated) {
		if (!size || (word)size & PAGE_MASK || skip & PAGE_MASK || skip >= (word)size)
			usage("not whole pages:", text);
		segment->buf = map_repeated(file, text, (word)size, skip, segment->memsz);
		segment->bufsz = segment->memsz;
		call3(NR_CLOSE, (word)file, 0, 0);
		return;
	}
	if (!size || (word)size > segment->memsz)
		usage(size ? "larger than its segment:" : "empty file:", text);
	address = system_call(NR_MMAP, 0, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
	if ((word)address >= (word)-4095)
		fail("map", text, -address);
	call3(NR_CLOSE, (word)file, 0, 0);
	segment->buf = (const void *)address;
	segment->bufsz = (word)size;
}

static void load(int count, char **arguments)
{
	static struct segment segments[KEXEC_SEGMENT_MAX];
	word flags, entry;
	long result;

	if (count < 3)
		usage("usage: agent load FLAGS ENTRY FILE@ADDR:MEMSZ...", 0);
	if (count - 2 > KEXEC_SEGMENT_MAX)
		usage("more than 16 segments", 0);
	flags = number(arguments[0]);
	entry = number(arguments[1]);
	for (int i = 2; i < count; i++)
		parse_segment(arguments[i], &segments[i - 2]);
	result = kexec_load(entry, (word)(count - 2), segments, flags);
	if (result < 0)
		fail("kexec_load", 0, -result);
	put("loaded=");
	put_decimal((word)(count - 2));
	put_char('\n');
}

static void unload(int count, char **arguments)
{
	long result;

	if (count != 1)
		usage("usage: agent unload FLAGS", 0);
	result = kexec_load(0, 0, 0, number(arguments[0]));
	if (result < 0)
		fail("kexec_load", 0, -result);
	put("unloaded=1\n");
}

static void execute(int count)
{
	long result;

	if (count)
		usage("usage: agent exec", 0);
	call3(NR_SYNC, 0, 0, 0);
	put("synced=1\n");
	flush_answer();
	result = reboot(LINUX_REBOOT_CMD_KEXEC);
	fail("reboot", 0, result < 0 ? -result : 0);
}

/* Print "key=first line of the file"; a file that cannot be read gives no line. Returns its first character or 0. */
static char show_file(const char *key, const char *path, const char *missing)
{
	char text[256];
	long file = call3(NR_OPENAT, (word)AT_FDCWD, (word)path, O_RDONLY);
	long size = -1;

	if (file >= 0) {
		size = call3(NR_READ, (word)file, (word)text, sizeof(text) - 1);
		call3(NR_CLOSE, (word)file, 0, 0);
	}
	if (size <= 0) {
		if (!missing)
			return 0;
		put(key);
		put(missing);
		return 0;
	}
	text[size] = 0;
	for (long i = 0; i < size; i++)
		if (text[i] == '\n')
			text[i] = 0;
	put(key);
	put_clean(text, sizeof(text));
	put_char('\n');
	return text[0];
}

static void info(int count, char **arguments)
{
	static char names[UTS_FIELDS * UTS_FIELD];
	word flag = 0;
	char loaded;
	long result;

	if (count > 1)
		usage("usage: agent info [FLAG]", 0);
	if (count) {
		flag = number(arguments[0]);
		if (flag & KEXEC_ON_CRASH) /* the probe would unload the crash kernel, which kexec_loaded does not tell of */
			usage("not a flag to probe:", arguments[0]);
	}
	result = call3(NR_UNAME, (word)names, 0, 0);
	if (result < 0)
		fail("uname", 0, -result);
	put("release=");
	put_clean(names + UTS_RELEASE * UTS_FIELD, UTS_FIELD);
	put_char('\n');
	show_file("boot_id=", "/proc/sys/kernel/random/boot_id", "unknown\n");
	loaded = show_file("kexec_loaded=", "/sys/kernel/kexec_loaded", "unknown\n");
	show_file("kexec_crash_loaded=", "/sys/kernel/kexec_crash_loaded", "unknown\n");
	show_file("hardboot_page=", "/sys/kernel/kexec_hardboot/page", 0);
	show_file("hardboot_flag=", "/sys/kernel/kexec_hardboot/flag", 0);
	show_file("hardboot_version=", "/sys/kernel/kexec_hardboot/version", 0);
	if (!count)
		return;
	put("probe=");
	if (loaded != '0') { /* an empty load drops what is loaded */
		put("skipped\n");
		return;
	}
	result = kexec_load(0, 0, 0, flag);
	if (result < 0)
		put_decimal((word)-result);
	else
		put("ok");
	put_char('\n');
}

/* Called by _start with the address of argc. */
__attribute__((noreturn, used)) void start_program(word *stack)
{
	int count = (int)stack[0];
	char **arguments = (char **)(stack + 1);

	if (count < 2)
		usage("usage: agent load|unload|exec|info|pages|pour|extents|pin|blocks|reread", 0);
	else if (equal(arguments[1], "load"))
		load(count - 2, arguments + 2);
	else if (equal(arguments[1], "unload"))
		unload(count - 2, arguments + 2);
	else if (equal(arguments[1], "exec"))
		execute(count - 2);
	else if (equal(arguments[1], "info"))
		info(count - 2, arguments + 2);
	else if (equal(arguments[1], "pages"))
		pages(count - 2, arguments + 2);
	else if (equal(arguments[1], "pour"))
		pour(count - 2, arguments + 2);
	else if (equal(arguments[1], "extents"))
		extents(count - 2, arguments + 2);
	else if (equal(arguments[1], "pin"))
		pin(count - 2, arguments + 2);
	else if (equal(arguments[1], "blocks"))
		blocks(count - 2, arguments + 2);
	else if (equal(arguments[1], "reread"))
		reread(count - 2, arguments + 2);
	else
		usage("no such command:", arguments[1]);
	leave(0);
}
