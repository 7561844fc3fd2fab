// SPDX-License-Identifier: Apache-2.0
/*
 * tell WORD: the step that writes a word to the kernel log and, if the kernel has it, to pmsg. Both may be kept in RAM
 * over a restart (fs/pstore).
 *
 * restart KIND: the step that restarts the phone after a few seconds, instead of starting an init. KIND is plain;
 * warm, if the kernel can be told so; or command, which tells the bootloader a word that it does not know.
 */
#include "hb-init.h"

#define PMSG_NUMBER FOLDER "sys/class/pmsg/pmsg0/dev"
#define REBOOT_MODE FOLDER "sys/kernel/reboot/mode"
#define NODE FOLDER "pmsg"
#define S_IFCHR 0020000
#define PAUSES 30 /* of 100 ms: the log drains to the consoles */

static word length(const char *text)
{
	word n = 0;

	while (text[n])
		n++;
	return n;
}

/* Write a text to a file; a negative error number if that fails. */
static long write_text(const char *path, const char *text)
{
	long file = call3(NR_OPENAT, (word)AT_FDCWD, (word)path, O_WRONLY | O_CLOEXEC), result;

	if (file < 0)
		return file;
	result = call3(NR_WRITE, (word)file, (word)text, length(text));
	call3(NR_CLOSE, (word)file, 0, 0);
	return result;
}

/* Read "MAJOR:MINOR"; 0 if that fails. */
static word read_number(const char *path)
{
	long file = call3(NR_OPENAT, (word)AT_FDCWD, (word)path, O_RDONLY | O_CLOEXEC), size;
	word numbers[2] = {0, 0}, at = 0;
	char text[32];

	if (file < 0)
		return 0;
	size = call3(NR_READ, (word)file, (word)text, sizeof(text));
	call3(NR_CLOSE, (word)file, 0, 0);
	for (long i = 0; i < size && text[i] != '\n'; i++) {
		if (text[i] == ':' && !at)
			at = 1;
		else if (text[i] >= '0' && text[i] <= '9')
			numbers[at] = numbers[at] * 10 + (word)(text[i] - '0');
		else
			return 0;
	}
	/* new_encode_dev, include/linux/kdev_t.h */
	return (numbers[1] & 0xff) | (numbers[0] & 0xfff) << 8 | (numbers[1] & 0xfff00UL) << 12;
}

void tell(const char *text)
{
	word number = read_number(PMSG_NUMBER);
	long result;

	say_loudly(text);
	if (!number)
		return;
	result = system_call(NR_MKNODAT, AT_FDCWD, (long)NODE, S_IFCHR | 0600, (long)number, 0, 0);
	if (result >= 0)
		result = write_text(NODE, text);
	call3(NR_UNLINKAT, (word)AT_FDCWD, (word)NODE, 0);
	if (result < 0)
		say("cannot write", NODE, -result);
}

void restart_as(const char *kind)
{
	long magic = (long)LINUX_REBOOT_MAGIC1, result;

	for (word i = 0; i < PAUSES; i++)
		pause_ms(100);
	if (equal(kind, "warm")) {
		result = write_text(REBOOT_MODE, "warm");
		if (result < 0)
			say("cannot write", REBOOT_MODE, -result);
	}
	call3(NR_SYNC, 0, 0, 0);
	if (equal(kind, "command"))
		system_call(NR_REBOOT, magic, LINUX_REBOOT_MAGIC2, (long)LINUX_REBOOT_CMD_RESTART2, (long)"hardboot", 0,
			    0);
	system_call(NR_REBOOT, magic, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART, 0, 0, 0);
	for (;;)
		call3(NR_EXIT_GROUP, 1, 0, 0); /* the kernel panics */
}
