// SPDX-License-Identifier: Apache-2.0
/*
 * Files of an image that is mounted and is the root folder: no path and no link leads out of it.
 *
 *   look PATH...          one line for each file: KIND MODE SIZE MODIFIED PATH. KIND is d (folder), f (plain file),
 *                         l (link), o (anything else) or - (not there). Links are followed
 *   list PATH...          the same, and for all in folders below; there, links are not followed
 *   read LIST             parts of plain files, one behind the other, on standard output. LIST is a file of the phone
 *                         of lines OFFSET LENGTH PATH
 *   write LIST SOURCES    make folders and write files. LIST is a file of the phone of lines d MODE PATH and
 *                         f MODE NAME PATH; NAME is a file in the folder SOURCES of the phone. A file that is there
 *                         gets the content, and keeps its mode and owner
 *
 * Numbers are hexadecimal. Paths are absolute; what is not printable ASCII in them, blanks and % are %XX.
 */
#include "calls.h"
#include "agent.h"
#include "files.h"

#define AT_SYMLINK_NOFOLLOW 0x100
#define S_IFMT 0170000
#define S_IFDIR 0040000
#define S_IFREG 0100000
#define S_IFLNK 0120000
#define O_EXCL 0200
#define EEXIST 17
#define ENOTDIR 20
#define EISDIR 21
#define ENAMETOOLONG 36
#define PATH_SIZE 4096
#define DEPTH_MAX 64
#define FILES_MAX 100000
#define LIST_MAX (1UL << 20)

struct entry { /* of getdents64(2): include/linux/dirent.h */
	unsigned long long inode;
	long long offset;
	unsigned short size;
	unsigned char type;
	char name[];
};

static char path[PATH_SIZE], data[256 * 1024] __attribute__((aligned(16)));
static char list[LIST_MAX + 1];
static long sources;
static word listed;
static int descends;

static void put_path(const char *text)
{
	char escaped[4] = {'%', 0, 0, 0}, plain[2] = {0, 0};

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c > ' ' && c <= '~' && c != '%') {
			plain[0] = (char)c;
			put(plain);
		} else {
			escaped[1] = "0123456789abcdef"[c >> 4];
			escaped[2] = "0123456789abcdef"[c & 15];
			put(escaped);
		}
	}
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Turn %XX in a path back, in place. */
static char *unescaped(char *text)
{
	char *to = text;

	for (char *from = text; *from; from++) {
		if (*from == '%' && digit(from[1]) >= 0 && digit(from[2]) >= 0) {
			*to++ = (char)(digit(from[1]) << 4 | digit(from[2]));
			from += 2;
		} else {
			*to++ = *from;
		}
	}
	*to = 0;
	return text;
}

static void put_status(const char *kind, const struct status *status)
{
	if (++listed > FILES_MAX)
		fail("more than 100000 files in", 0, E2BIG);
	put(kind);
	put(" ");
	put_number(status->mode & 07777, ' ');
	put_number(status->size, ' ');
	put_number(status->modified, ' ');
	put_path(path);
	put("\n");
}

static void list_folder(word length, word depth);

/* List what is at `path`, which has `length` characters. */
static void list_one(word length, word depth, long flags)
{
	struct status status = {0, 0, 0};
	long result = status_of(AT_FDCWD, path, flags, &status);
	unsigned kind = status.mode & S_IFMT;

	if (result < 0 && !depth && (result == -ENOENT || result == -ENOTDIR)) {
		put_status("-", &(struct status){0, 0, 0});
		return;
	}
	if (result < 0)
		fail("look at", path, -result);
	put_status(kind == S_IFDIR ? "d" : kind == S_IFREG ? "f" : kind == S_IFLNK ? "l" : "o", &status);
	if (kind == S_IFDIR && descends)
		list_folder(length, depth + 1);
}

static void list_folder(word length, word depth)
{
	char entries[2048] __attribute__((aligned(8)));
	long folder, size;

	if (depth > DEPTH_MAX)
		fail("more than 64 folders in each other at", path, E2BIG);
	folder = call3(NR_OPENAT, (word)AT_FDCWD, (word)path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		fail("open", path, -folder);
	while ((size = call3(NR_GETDENTS64, (word)folder, (word)entries, sizeof(entries))) > 0) {
		for (long at = 0; at < size;) {
			const struct entry *entry = (const struct entry *)(entries + at);
			const char *name = entry->name;
			word used = length;

			at += entry->size;
			if (name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2])))
				continue;
			if (path[used - 1] != '/')
				path[used++] = '/';
			for (; *name && used < PATH_SIZE - 1; name++)
				path[used++] = *name;
			path[used] = 0;
			if (*name)
				fail("name too long below", path, ENAMETOOLONG);
			list_one(used, depth, AT_SYMLINK_NOFOLLOW);
			path[length] = 0;
		}
	}
	if (size < 0)
		fail("list", path, -size);
	call3(NR_CLOSE, (word)folder, 0, 0);
}

void list_files(int all, int count, char **arguments)
{
	if (count < 1)
		usage("usage: look|list PATH...", 0);
	descends = all;
	for (int i = 0; i < count; i++) {
		const char *from = unescaped(arguments[i]);
		word used = 0;

		for (; from[used] && used < PATH_SIZE - 1; used++)
			path[used] = from[used];
		path[used] = 0;
		if (path[0] != '/' || from[used])
			usage("not a path:", from);
		list_one(used, 0, 0);
	}
}

static void open_list(const char *name)
{
	long file = open_or_fail(name), size = 0, n;

	while ((n = read_at(file, list + size, sizeof(list) - (word)size, (unsigned long long)size)))
		if (n > 0)
			size += n;
		else if (n != -EINTR)
			fail("read", name, -n);
	call3(NR_CLOSE, (word)file, 0, 0);
	if (size > (long)LIST_MAX)
		fail("too long:", name, E2BIG);
	list[size] = 0;
}

void open_wanted(int count, char **arguments)
{
	if (count != 1)
		usage("usage: read LIST", 0);
	open_list(arguments[0]);
}

void open_sources(int count, char **arguments)
{
	if (count != 2)
		usage("usage: write LIST SOURCES", 0);
	open_list(arguments[0]);
	sources = call3(NR_OPENAT, (word)AT_FDCWD, (word)arguments[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sources < 0)
		fail("open", arguments[1], -sources);
}

/* Cut off what stands before the next `end`. */
static char *next(char **text, char end)
{
	char *start = *text, *p = start;

	while (*p && *p != end)
		p++;
	*text = *p ? p + 1 : p;
	*p = 0;
	return start;
}

/* As `number`, of 64 bits on every machine. */
static unsigned long long wide_number(const char *text)
{
	unsigned long long value = 0;
	word digits = 0;

	if (text[0] != '0' || text[1] != 'x')
		usage("not a hexadecimal number:", text);
	for (const char *p = text + 2; *p; p++, digits++) {
		if (digit(*p) < 0 || digits == 15)
			usage("not a hexadecimal number:", text);
		value = value << 4 | (unsigned)digit(*p);
	}
	return value;
}

/* Open a plain file of the image: nothing that could keep us waiting. */
static long open_plain(const char *name)
{
	struct status status = {0, 0, 0};
	long result = status_of(AT_FDCWD, name, 0, &status);

	if (result < 0)
		fail("open", name, -result);
	if ((status.mode & S_IFMT) != S_IFREG)
		fail("not a plain file:", name, EINVAL);
	result = call3(NR_OPENAT, (word)AT_FDCWD, (word)name, O_RDONLY | O_NONBLOCK | O_LARGEFILE | O_CLOEXEC);
	if (result < 0)
		fail("open", name, -result);
	return result;
}

void read_files(void)
{
	char *rest = list;

	while (*rest) {
		char *line = next(&rest, '\n');
		unsigned long long offset = wide_number(next(&line, ' ')), left = wide_number(next(&line, ' '));
		const char *name = unescaped(line);
		long file = open_plain(name), n;

		while (left) {
			n = read_at(file, data, left < sizeof(data) ? (word)left : sizeof(data), offset);
			if (n == -EINTR)
				continue;
			if (n <= 0)
				fail(n ? "read" : "past the end of", name, n ? -n : EINVAL);
			write_all(data, (word)n);
			offset += (word)n;
			left -= (word)n;
		}
		call3(NR_CLOSE, (word)file, 0, 0);
	}
}

static void make_folder(word mode, const char *name)
{
	struct status status = {0, 0, 0};
	long result = call3(NR_MKDIRAT, (word)AT_FDCWD, (word)name, mode);

	if (result == -EEXIST) {
		result = status_of(AT_FDCWD, name, 0, &status);
		if (result >= 0 && (status.mode & S_IFMT) != S_IFDIR)
			result = -ENOTDIR;
	}
	if (result < 0)
		fail("make the folder", name, -result);
}

static void write_file(word mode, const char *source, const char *name)
{
	long from = call3(NR_OPENAT, (word)sources, (word)source, O_RDONLY | O_NOFOLLOW | O_LARGEFILE), to, n;
	struct status status = {0, 0, 0};
	unsigned long long offset = 0;

	if (from < 0)
		fail("open", source, -from);
	to = status_of(AT_FDCWD, name, 0, &status);
	if (to >= 0 && (status.mode & S_IFMT) != S_IFREG)
		fail("not a plain file:", name, (status.mode & S_IFMT) == S_IFDIR ? EISDIR : EINVAL);
	to = system_call(NR_OPENAT, AT_FDCWD, (long)name, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_LARGEFILE,
			 (long)mode, 0, 0);
	if (to < 0)
		fail("write", name, -to);
	while ((n = read_at(from, data, sizeof(data), offset))) {
		if (n == -EINTR)
			continue;
		if (n < 0)
			fail("read", source, -n);
		write_at(to, name, data, (word)n, offset);
		offset += (word)n;
	}
	flush_file(to, name);
	call3(NR_CLOSE, (word)from, 0, 0);
	call3(NR_CLOSE, (word)to, 0, 0);
}

void write_files(void)
{
	char *rest = list;

	while (*rest) {
		char *line = next(&rest, '\n'), *kind = next(&line, ' ');
		word mode = number(next(&line, ' ')) & 0777;
		const char *source = *kind == 'f' ? next(&line, ' ') : "";

		for (const char *p = source; *p; p++)
			if (*p == '/')
				usage("not a name:", source);
		if (*kind == 'd' && !kind[1])
			make_folder(mode, unescaped(line));
		else if (*kind == 'f' && !kind[1] && *source)
			write_file(mode, source, unescaped(line));
		else
			usage("not d or f:", kind);
	}
	put("written=1\n");
}
