/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of hardboot, the program that starts stored ROMs on the phone itself, share. */
#ifndef HARDBOOT_HARDBOOT_H
#define HARDBOOT_HARDBOOT_H

#include "calls.h"

#include <stdarg.h>

#define STORE "/data/hardboot/roms/"
#define NAME_MAX 32
#define FILE_NAME_MAX 64
#define PATH_SIZE 192 /* STORE, a name of a ROM, "/start/" and the name of a file fit */
#define IMAGES_MAX 16
#define SEGMENTS_MAX 16
#define RANGES_MAX 256
#define PAGE_SIZE 0x1000UL

/* The exit codes of hardboot on the computer. */
#define WRONG_USAGE 2
#define WRONG_INPUT 3
#define REFUSED 4
#define PHONE_ERROR 5

/* What to do next. */
#define REFRESH ((const char *)0) /* make the start files anew */

typedef unsigned long long number64;

struct range { /* of physical addresses, `end` exclusive */
	number64 start, end;
};

struct image {
	const char *file, *table;
	number64 size;
};

struct part { /* a segment, in a file of `size` bytes */
	const char *file;
	word addr, memsz, size, crc;
};

struct start { /* the file "start", see start.c */
	const char *release, *version;
	const char *page; /* as the kernel shows it; 0 if it does not */
	word flag, entry, pin;
	struct range ram[RANGES_MAX], reserved[RANGES_MAX];
	struct image images[IMAGES_MAX];
	struct part parts[SEGMENTS_MAX];
	word ram_count, reserved_count, image_count, part_count;
};

extern const char *rom; /* its name; 0 before it is known */
extern const char *state; /* what is changed or not, for errors */

/* Print pieces of text, the last one 0, to standard output. */
__attribute__((sentinel)) void say(const char *first, ...);

/* Say in three lines what is wrong (pieces of text, the last one 0), the state, and what to do next; then end. */
__attribute__((noreturn, sentinel)) void stop(int code, const char *fix, const char *first, ...);

/* Print a line to a file: the texts of `before`, which a 0 ends, then pieces of text. */
void say_into(word file, const char *const *before, const char *first, va_list pieces);

/* End the program. */
__attribute__((noreturn)) void leave(int code);

/* Add a line to the log: what became of the start of `rom`, in pieces of text, the last one 0. */
__attribute__((sentinel)) void log_start(const char *first, ...);
void log_pieces(const char *first, va_list pieces);
void show_log(void);

/* "errno N" for a negative error number. */
const char *error_text(long error);

int equal(const char *a, const char *b);
int begins(const char *text, const char *word);

/* Whether it is a letter or a digit, and then letters, digits and . _ + -, at most `limit` in all. */
int is_name(const char *text, word limit);

/* Join a path below the folder of the ROM; valid until the next call. */
const char *rom_path(const char *folder, const char *file);

/* Open a file without waiting for a writer where a FIFO lies. Returns a negative error number if that fails. */
long open_quietly(const char *path, word flags);

/* Open a file; ends with an error that names it. */
long open_file(const char *path, word flags);

/* Read a whole file of less than `size` bytes, and end it with a zero. Returns its size, or a negative error number. */
long read_text(const char *path, char *text, word size);

/* A hexadecimal number with 0x, which ends at `end`. Returns where it ends; 0 if it is none. */
const char *parse_hex(const char *text, char end, number64 *value);

/* End with an error while a computer uses the phone. */
void check_lock(void);

void read_start(struct start *start);
void check_kernel(const struct start *start);
void check_memory(const struct start *start);
void check_image(const struct start *start, const struct image *image);
void load(const struct start *start);

#endif
