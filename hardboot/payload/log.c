// SPDX-License-Identifier: Apache-2.0
/*
 * The log of the starts on this phone. A start from the home screen shows nothing, and who asks later wants to know why
 * the phone did not leave its system. Lines "YYYY-MM-DD HH:MM:SS UTC ROM: TEXT", by the phone's clock.
 */
#include "hardboot.h"

#define FILE "/data/hardboot/starts"
#define LIMIT 65536 /* bytes; the older half is dropped then */
#define DAY 86400UL

static char text[LIMIT];

/* Write a number of `digits` digits, and what follows it; returns where that ends. */
static char *put_number(char *to, word value, word digits, char after)
{
	for (word i = digits; i--; value /= 10)
		to[i] = (char)('0' + value % 10);
	to[digits] = after;
	return to + digits + 1;
}

static int is_leap(word year)
{
	return (!(year % 4) && year % 100) || !(year % 400);
}

static word month_days(word year, word month)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return month == 1 ? 28UL + (word)is_leap(year) : days[month];
}

/* The time, as the lines begin with it. */
static const char *now(void)
{
	static char found[sizeof("YYYY-MM-DD HH:MM:SS ")];
	word time[2] = {0, 0}, days, rest, year = 1970, month = 0;
	char *at = found;

	call3(NR_CLOCK_GETTIME, 0, (word)time, 0);
	days = time[0] / DAY;
	rest = time[0] % DAY;
	for (; days >= 365UL + (word)is_leap(year); year++)
		days -= 365UL + (word)is_leap(year);
	for (; days >= month_days(year, month); month++)
		days -= month_days(year, month);
	at = put_number(at, year, 4, '-');
	at = put_number(at, month + 1, 2, '-');
	at = put_number(at, days + 1, 2, ' ');
	at = put_number(at, rest / 3600, 2, ':');
	at = put_number(at, rest / 60 % 60, 2, ':');
	put_number(at, rest % 60, 2, ' ');
	return found;
}

/* Keep the newer half of the log, from the begin of a line. */
static void shorten(word size)
{
	char *from = text + size / 2;
	long file;

	while (from < text + size && *from++ != '\n')
		;
	file = open_quietly(FILE, O_WRONLY | O_TRUNC);
	if (file < 0)
		return;
	call3(NR_WRITE, (word)file, (word)from, (word)(text + size - from));
	call3(NR_CLOSE, (word)file, 0, 0);
}

/* A log that cannot be written stops no start. */
void log_pieces(const char *first, va_list pieces)
{
	long size = read_text(FILE, text, sizeof(text)), file;
	int cut_off = size > 0 && text[size - 1] != '\n'; /* the power, while the last line was written */
	const char *before[] = {cut_off ? "\n" : "", now(), "UTC ", rom, ": ", 0};

	if (size > LIMIT / 4 * 3)
		shorten((word)size);
	file = open_quietly(FILE, O_WRONLY | O_CREAT | (size == -E2BIG ? O_TRUNC : O_APPEND));
	if (file < 0)
		return;
	say_into((word)file, before, first, pieces);
	call3(NR_CLOSE, (word)file, 0, 0);
}

void log_start(const char *first, ...)
{
	va_list pieces;

	va_start(pieces, first);
	log_pieces(first, pieces);
	va_end(pieces);
}

void show_log(void)
{
	long size = read_text(FILE, text, sizeof(text));

	if (size == -ENOENT)
		say("Nothing was started on this phone yet.", (char *)0);
	else if (size == -E2BIG)
		stop(WRONG_INPUT, "Remove it: rm " FILE, FILE " is longer than a log can be", (char *)0);
	else if (size < 0)
		stop(PHONE_ERROR, "Run it as root.", FILE " cannot be read: ", error_text(size), (char *)0);
	else {
		if (size && text[size - 1] == '\n')
			text[--size] = 0;
		for (long i = 0; i < size; i++)
			if (!text[i]) /* what a power cut leaves of a line */
				text[i] = '?';
		say(text, (char *)0);
	}
}
