// SPDX-License-Identifier: Apache-2.0
/*
 * hardboot on the phone: starts a stored ROM without a computer. It runs as root, and is /data/hardboot/hardboot.
 *
 *   hardboot list          list the stored ROMs
 *   hardboot boot [NAME]   start a ROM; without NAME the default one
 *   hardboot home          restart the phone, which starts its own system
 *   hardboot log           show what was started here, and what was not and why
 *
 * `hardboot rom refresh` on the computer leaves in the folder "start" of a ROM what a start needs; see start.c.
 */
#include "hardboot.h"
#include "entry.h"
#include "kexec.h"

#define DEFAULT "/data/hardboot/default" /* one line: the name of a ROM, or "home" */
#define RECORD "/dev/hardboot-loaded"	 /* what the computer wrote about an earlier load */
#define SIGHUP 1
#define SIGPIPE 13
#define SIG_IGN 1
#define POLL_MS 10
#define WAIT_MS 10000

int equal(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

int begins(const char *text, const char *word)
{
	while (*word)
		if (*text++ != *word++)
			return 0;
	return 1;
}

static int is_alphanumeric(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

int is_name(const char *text, word limit)
{
	word size = 0;

	for (; text[size]; size++) {
		char c = text[size];
		int mark = c == '.' || c == '_' || c == '+' || c == '-';

		if (size == limit || !(is_alphanumeric(c) || (size && mark)))
			return 0;
	}
	return size > 0;
}

const char *rom_path(const char *folder, const char *file)
{
	static char path[PATH_SIZE];
	const char *pieces[] = {STORE, rom, folder, file};
	word used = 0;

	for (word i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
		for (const char *c = pieces[i]; *c && used < sizeof(path) - 1; c++)
			path[used++] = *c;
	path[used] = 0;
	return path;
}

long open_quietly(const char *path, word flags)
{
	return system_call(NR_OPENAT, AT_FDCWD, (long)path, (long)(flags | O_CLOEXEC | O_NONBLOCK | O_LARGEFILE),
			   0600, 0, 0);
}

long open_file(const char *path, word flags)
{
	long file = open_quietly(path, flags);

	if (file < 0)
		stop(file == -ENOENT ? WRONG_INPUT : PHONE_ERROR, REFRESH, path, " cannot be opened: ", error_text(file),
		     (char *)0);
	return file;
}

long read_text(const char *path, char *text, word size)
{
	word used = 0;
	long n = 1;
	long file = open_quietly(path, O_RDONLY);

	if (file < 0)
		return file;
	while (used < size && n) {
		n = call3(NR_READ, (word)file, (word)(text + used), size - used);
		if (n == -EINTR)
			continue;
		if (n < 0)
			break;
		used += (word)n;
	}
	call3(NR_CLOSE, (word)file, 0, 0);
	if (n < 0)
		return n;
	if (used == size)
		return -E2BIG;
	text[used] = 0;
	return (long)used;
}

/* The name in the file DEFAULT; 0 if there is none. */
static const char *default_rom(void)
{
	static char text[NAME_MAX + 2];
	long size = read_text(DEFAULT, text, sizeof(text));

	if (size > 0 && text[size - 1] == '\n')
		text[--size] = 0;
	return size > 0 && is_name(text, NAME_MAX) && !equal(text, "home") ? text : 0;
}

static void list(void)
{
	static struct {
		number64 inode, offset;
		unsigned short size;
		unsigned char rest[4096 - 18];
	} entries; /* struct linux_dirent64: type and name follow, then the next entry */
	const char *first = default_rom();
	long folder = open_quietly(STORE, O_RDONLY), size;
	word count = 0;

	while (folder >= 0 && (size = call3(NR_GETDENTS64, (word)folder, (word)&entries, sizeof(entries))) > 0)
		for (char *entry = (char *)&entries; entry < (char *)&entries + size;) {
			long file;

			rom = entry + 19;
			entry += (unsigned char)entry[16] | (unsigned char)entry[17] << 8;
			if (!is_name(rom, NAME_MAX))
				continue;
			count++;
			file = open_quietly(rom_path("/start/", "start"), O_RDONLY);
			say(rom, first && equal(first, rom) ? " (default)" : "",
			    file < 0 ? ": not ready; run on the computer: hardboot rom refresh " : "", file < 0 ? rom : "",
			    (char *)0);
			if (file >= 0)
				call3(NR_CLOSE, (word)file, 0, 0);
		}
	if (!count)
		say("No ROMs. Add one from the computer: hardboot rom add NAME IMAGE", (char *)0);
}

static void ignore_signal(word number)
{
	word action[8] = {SIG_IGN}; /* struct sigaction of the kernel: no flags, an empty mask */

	system_call(NR_RT_SIGACTION, (long)number, (long)action, 0, 8, 0, 0);
}

/* Whether a file system of a disk is mounted for writing; also if that cannot be told. */
static int is_writable(void)
{
	static char mounts[65536];

	if (read_text("/proc/1/mounts", mounts, sizeof(mounts)) < 0)
		return 1;
	for (const char *line = mounts; *line;) {
		const char *field = line;

		for (int skip = 0; skip < 3 && *field && *field != '\n'; skip++) {
			while (*field && *field != ' ' && *field != '\n')
				field++;
			if (*field == ' ')
				field++;
		}
		if (begins(line, "/dev/") && (begins(field, "rw,") || begins(field, "rw ")))
			return 1;
		while (*line && *line++ != '\n')
			;
	}
	return 0;
}

/* Neither kexec nor a restart waits for data that is not on the disk yet. */
static void quiesce(void)
{
	word pause[2] = {0, POLL_MS * 1000000UL};
	long trigger;

	say("Writing all data to the disk", (char *)0);
	call3(NR_SYNC, 0, 0, 0);
	say("Making the file systems read-only", (char *)0);
	trigger = open_quietly("/proc/sysrq-trigger", O_WRONLY);
	if (trigger < 0 || call3(NR_WRITE, (word)trigger, (word)"u", 1) != 1) {
		say("warning: this kernel cannot make them read-only at once (CONFIG_MAGIC_SYSRQ)", (char *)0);
		return;
	}
	for (word waited = 0; is_writable(); waited += POLL_MS) { /* the kernel does it in the background */
		if (waited >= WAIT_MS) {
			say("warning: some are still writable", (char *)0);
			break;
		}
		call3(NR_NANOSLEEP, (word)pause, 0, 0);
	}
	call3(NR_SYNC, 0, 0, 0);
}

static void boot(const char *name)
{
	static struct start start;
	long result;

	if (!name)
		name = default_rom();
	if (!name)
		stop(WRONG_INPUT, "Give the name of a ROM; hardboot list shows them. Or set one on the computer: "
		     "hardboot rom default NAME", "there is no default ROM", (char *)0);
	if (!is_name(name, NAME_MAX))
		stop(WRONG_INPUT, "See the names: hardboot list", name, " is no name of a ROM", (char *)0);
	rom = name;
	say("Checking ", rom, (char *)0);
	check_lock();
	read_start(&start);
	check_kernel(&start);
	check_memory(&start);
	for (word i = 0; i < start.image_count; i++)
		check_image(&start, &start.images[i]);
	call3(NR_UNLINKAT, (word)AT_FDCWD, (word)RECORD, 0);
	load(&start);
	log_start("starting", (char *)0);
	state = "The ROM is loaded, and not started; the file systems may be read-only.";
	quiesce();
	say("Starting ", rom, " through a hardware reset", (char *)0);
	result = reboot(LINUX_REBOOT_CMD_KEXEC);
	stop(PHONE_ERROR, "Restart the phone.", "the phone did not leave its kernel: ", error_text(result), (char *)0);
}

static void home(void)
{
	long result;

	check_lock();
	state = "The file systems may be read-only.";
	quiesce();
	say("Restarting", (char *)0);
	result = reboot(LINUX_REBOOT_CMD_RESTART);
	stop(PHONE_ERROR, "Restart the phone by its power button.", "the phone did not restart: ", error_text(result),
	     (char *)0);
}

/* Called by _start with the address of argc. */
__attribute__((noreturn, used)) void start_program(word *stack)
{
	word count = stack[0];
	char **arguments = (char **)(stack + 1);

	/* The terminal ends before the kernel does. */
	ignore_signal(SIGHUP);
	ignore_signal(SIGPIPE);
	if (count == 2 && equal(arguments[1], "list"))
		list();
	else if (count == 2 && equal(arguments[1], "home"))
		home();
	else if (count == 2 && equal(arguments[1], "log"))
		show_log();
	else if ((count == 2 || count == 3) && equal(arguments[1], "boot"))
		boot(count == 3 ? arguments[2] : 0);
	else
		stop(WRONG_USAGE, "hardboot list, hardboot boot [NAME], hardboot home or hardboot log", "wrong arguments", (char *)0);
	leave(0);
}
