/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent and image-files share: answer.c; and what the parts of the agent do. */
#ifndef HARDBOOT_AGENT_H
#define HARDBOOT_AGENT_H

#include "linux.h"

#define PAGE_SIZE 0x1000UL

/* Where answers and errors are written: 1 is standard output, 2 standard error. */
extern word output;

/* The exit code of `fail` and `usage`. */
extern int failure_code;

/* Say what failed, with Linux's error number, and end; `usage` is for wrong arguments. */
__attribute__((noreturn)) void fail(const char *what, const char *subject, long error);
__attribute__((noreturn)) void usage(const char *what, const char *subject);

/* Print what is left of the answer, and end with this exit code. */
__attribute__((noreturn)) void leave(int code);

/*
 * Print to the answer: text; a character; a hexadecimal number and a character; a decimal number; text from outside, of
 * which what is not printable ASCII becomes '?', as it must not break the lines.
 */
void put(const char *text);
void put_char(char c);
void put_number(unsigned long long value, char end);
void put_decimal(word value);
void put_clean(const char *text, word limit);

/* Print what is left of the answer. */
void flush_answer(void);

int equal(const char *a, const char *b);

/* Read a number up to `end` or the end of the text; returns where it stopped, or 0 if it is not a number. */
const char *parse_number(const char *text, char end, word *value);

/* An argument as a number; ends with an error if it is none. */
word number(const char *text);

/* A file opened for reading; ends with an error if that fails. */
long open_or_fail(const char *path);

/* The same for a file or device opened for reading and writing. */
long open_to_write(const char *path);

/* The same for a device whose reads come from the disk (O_DIRECT): address, place and size must be whole blocks. */
long open_past_cache(const char *path);

/* As pread(2); a negative error number if it fails. */
long read_at(long file, char *data, word size, unsigned long long offset);

/* Create a file unless it is there, for reading and writing. */
long create_or_fail(const char *path);

/* Write all at an offset, and all that was written to a file to the disk; both end with an error if that fails. */
void write_at(long file, const char *path, const char *data, word size, unsigned long long offset);
void flush_file(long file, const char *path);

/* Write all to standard output; ends with an error if that fails. */
void write_all(const char *data, word size);

void pages(int count, char **arguments);
void pour(int count, char **arguments);
void extents(int count, char **arguments);
void pin(int count, char **arguments);
void blocks(int count, char **arguments);
void reread(int count, char **arguments);

#endif
