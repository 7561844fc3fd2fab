/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the agent share. */
#ifndef HARDBOOT_AGENT_H
#define HARDBOOT_AGENT_H

#include "linux.h"

#define PAGE_SIZE 0x1000UL

/* Where answers and errors are written: 1 is standard output, 2 standard error. */
extern word output;

/* Say what failed, with Linux's error number, and end; `usage` is for wrong arguments. */
__attribute__((noreturn)) void fail(const char *what, const char *subject, long error);
__attribute__((noreturn)) void usage(const char *what, const char *subject);

/* Print to the answer: text, or a hexadecimal number and a character. */
void put(const char *text);
void put_number(unsigned long long value, char end);

/* An argument as a number; ends with an error if it is none. */
word number(const char *text);

/* A file opened for reading; ends with an error if that fails. */
long open_or_fail(const char *path);

/* The same for a file or device opened for reading and writing. */
long open_to_write(const char *path);

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

#endif
