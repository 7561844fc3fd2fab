// SPDX-License-Identifier: Apache-2.0
/*
 * The lock of a computer on the phone: hardboot there writes to partitions, or changes stored ROMs, and no restart may
 * cut that off. The file is one line, as device/phone_lock.py writes it: TOKEN SECONDS COMPUTER PROCESS WORDS.
 */
#include "hardboot.h"

#define LOCK "/dev/hardboot-lock"
#define LONGEST_S 600 /* as there: what is older has died */
#define LINE_SIZE 512

/* The seconds at the begin of a text; 0 for the end if there are none. */
static const char *parse_seconds(const char *text, number64 *seconds)
{
	word digits = 0;

	for (*seconds = 0; *text >= '0' && *text <= '9' && digits < 10; text++, digits++)
		*seconds = *seconds * 10 + (word)(*text - '0');
	return digits ? text : 0;
}

/* What follows the next blank; 0 if there is none. */
static const char *after_blank(const char *text)
{
	while (text && *text && *text != ' ')
		text++;
	return text && *text ? text + 1 : 0;
}

void check_lock(void)
{
	static char line[LINE_SIZE];
	char uptime[64];
	number64 since = 0, now = 0;
	const char *words;
	long size = read_text(LOCK, line, sizeof(line));

	if (size == -ENOENT)
		return;
	if (size > 0 && line[size - 1] == '\n')
		line[size - 1] = 0;
	words = size > 0 ? after_blank(line) : 0;
	words = words ? parse_seconds(words, &since) : 0;
	words = after_blank(after_blank(after_blank(words)));
	if (words && read_text("/proc/uptime", uptime, sizeof(uptime)) > 0 && parse_seconds(uptime, &now) &&
	    now > since + LONGEST_S)
		return;
	stop(REFUSED, "Wait until it ends. If it has died, remove its lock: rm " LOCK, "a computer uses this phone: ",
	     words ? words : "it does not say which command", (char *)0);
}
