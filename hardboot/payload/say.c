// SPDX-License-Identifier: Apache-2.0
/* What hardboot prints, and how it ends with an error. */
#include "hardboot.h"

const char *rom;
const char *state = "Nothing was started.";

static word output = 1;
static char line[512]; /* what is written at once: other programs may write to the same place */
static word line_used;

static void flush(void)
{
	for (word done = 0; done < line_used;) {
		long n = call3(NR_WRITE, output, (word)(line + done), line_used - done);

		if (n == -EINTR)
			continue;
		if (n <= 0) /* a terminal that is gone stops nothing */
			break;
		done += (word)n;
	}
	line_used = 0;
}

/* Text from outside must not break the lines, nor control the terminal. */
static void put(const char *text)
{
	for (; *text; text++) {
		if (line_used == sizeof(line))
			flush();
		line[line_used++] = (*text >= ' ' && *text <= '~') || *text == '\n' ? *text : '?';
		if (*text == '\n')
			flush();
	}
}

static void put_pieces(const char *first, va_list pieces)
{
	for (const char *piece = first; piece; piece = va_arg(pieces, const char *))
		put(piece);
	put("\n");
}

void say_into(word file, const char *const *before, const char *first, va_list pieces)
{
	word earlier = output;

	output = file;
	for (; *before; before++)
		put(*before);
	put_pieces(first, pieces);
	output = earlier;
}

void say(const char *first, ...)
{
	va_list pieces;

	va_start(pieces, first);
	put_pieces(first, pieces);
	va_end(pieces);
}

void leave(int code)
{
	for (;;)
		call3(NR_EXIT_GROUP, (word)code, 0, 0);
}

void stop(int code, const char *fix, const char *first, ...)
{
	va_list pieces;

	output = 2;
	put("hardboot: ");
	va_start(pieces, first);
	put_pieces(first, pieces);
	va_end(pieces);
	if (rom) { /* it was to be started */
		va_start(pieces, first);
		log_pieces(first, pieces);
		va_end(pieces);
	}
	put("  state: ");
	put(state);
	put("\n  to do: ");
	if (fix == REFRESH) {
		put("Run on the computer: hardboot rom refresh ");
		fix = rom ? rom : "NAME";
	}
	put(fix);
	put("\n");
	leave(code);
}

const char *error_text(long error)
{
	static char text[] = "errno 0000";
	word value = (word)-error % 10000;

	for (word at = sizeof(text) - 2; at >= sizeof("errno ") - 1; at--, value /= 10)
		text[at] = (char)('0' + value % 10);
	return text;
}
