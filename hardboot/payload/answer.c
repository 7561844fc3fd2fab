// SPDX-License-Identifier: Apache-2.0
/* The answers of the programs that hardboot starts on the phone, and the files that they read and write. */
#include "calls.h"
#include "agent.h"

static char out[1024];
static word out_used;
word output = 1;
int failure_code = 1;

void flush_answer(void)
{
	word done = 0;

	while (done < out_used) {
		long n = call3(NR_WRITE, output, (word)(out + done), out_used - done);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			break;
		done += (word)n;
	}
	out_used = 0;
}

void put_char(char c)
{
	if (out_used == sizeof(out))
		flush_answer();
	out[out_used++] = c;
}

void put_clean(const char *text, word limit)
{
	for (word i = 0; i < limit && text[i]; i++)
		put_char(text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
}

void put(const char *text)
{
	while (*text)
		put_char(*text++);
}

void put_number(unsigned long long value, char end)
{
	int shift = 60;

	put("0x");
	while (shift && !(value >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		put_char("0123456789abcdef"[value >> shift & 15]);
	put_char(end);
}

void put_decimal(word value)
{
	char digits[20];
	word n = 0;

	do {
		digits[n++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	while (n)
		put_char(digits[--n]);
}

void leave(int code)
{
	flush_answer();
	for (;;)
		call3(NR_EXIT_GROUP, (word)code, 0, 0);
}

void fail(const char *what, const char *subject, long error)
{
	put("error=");
	put(what);
	if (subject) {
		put_char(' ');
		put_clean(subject, 4096);
	}
	put(" errno=");
	put_decimal((word)error);
	put_char('\n');
	leave(failure_code);
}

void usage(const char *what, const char *subject)
{
	fail(what, subject, EINVAL);
}

int equal(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

const char *parse_number(const char *text, char end, word *value)
{
	word digits = 0;

	if (text[0] != '0' || text[1] != 'x')
		return 0;
	*value = 0;
	for (text += 2; *text && *text != end; text++, digits++) {
		char c = *text;
		word digit;

		if (c >= '0' && c <= '9')
			digit = (word)(c - '0');
		else if (c >= 'a' && c <= 'f')
			digit = (word)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			digit = (word)(c - 'A' + 10);
		else
			return 0;
		if (digits == ADDRESS_DIGITS)
			return 0;
		*value = *value << 4 | digit;
	}
	return digits && *text == end ? text : 0;
}

word number(const char *text)
{
	word value;

	if (!parse_number(text, 0, &value))
		usage("not a hexadecimal number:", text);
	return value;
}

static long open_as(const char *path, word flags)
{
	long file = system_call(NR_OPENAT, AT_FDCWD, (long)path, (long)(flags | O_LARGEFILE), 0600, 0, 0);

	if (file < 0)
		fail("open", path, -file);
	return file;
}

long open_or_fail(const char *path)
{
	return open_as(path, O_RDONLY);
}

long open_to_write(const char *path)
{
	return open_as(path, O_RDWR);
}

long open_past_cache(const char *path)
{
	return open_as(path, O_RDONLY | O_DIRECT);
}

long create_or_fail(const char *path)
{
	return open_as(path, O_RDWR | O_CREAT);
}

long read_at(long file, char *data, word size, unsigned long long offset)
{
	return pread_call(file, data, size, offset);
}

void write_at(long file, const char *path, const char *data, word size, unsigned long long offset)
{
	while (size) {
		long n = pwrite_call(file, data, size, offset);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			fail("write", path, -n);
		data += n;
		size -= (word)n;
		offset += (word)n;
	}
}

void flush_file(long file, const char *path)
{
	long result = call3(NR_FSYNC, (word)file, 0, 0);

	if (result < 0)
		fail("flush", path, -result);
}

void write_all(const char *data, word size)
{
	while (size) {
		long n = call3(NR_WRITE, 1, (word)data, size);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			fail("write", 0, -n);
		data += n;
		size -= (word)n;
	}
}
