// SPDX-License-Identifier: Apache-2.0
/*
 * hb-init: what runs first in a ROM that hardboot starts, before the ROM's own init. Linux starts it by rdinit=, as
 * process 1. It lies in a folder of its own, in an archive behind the ROM's ramdisk:
 *
 *   /hb-init/init    this program
 *   /hb-init/steps   what it does, one step a line: words with single spaces between them
 *   /hb-init/kmsg    the kernel log, as a device
 *   /hb-init/mapper  the control node of device mapper
 *   /hb-init/sys     where it mounts sysfs meanwhile
 *   /hb-init/root    where it mounts a root file system
 *
 * The steps, in their order:
 *
 *   message NAME DEVICE WRITTEN FORMER   take hardboot's message to the bootloader back (message.c)
 *   tell WORD                            write a word to the logs that may be kept in RAM over a restart (tell.c)
 *   restart KIND                         restart the phone instead of starting an init; the last one (tell.c)
 *   module NAME                          load a kernel module that lies in this folder (disks.c)
 *   disk NAME PARTITION DEVICE BYTES ACCESS   make a disk of a ROM that is stored on the phone (disks.c)
 *   root NAME TYPE                       mount the last one of them; it will be the root file system (disks.c)
 *   init PATH                            start the ROM's init; the last one. /init if there is none
 *
 * Then it removes that folder and becomes the ROM's init, with the arguments and the environment that it got itself
 * (the first argument is the path, as the kernel would have it).
 *
 * A step that fails is told in the kernel log, and the ROM is started all the same. Restarting the phone instead
 * would help nobody: a bootloader that still finds the message starts this ROM again, and that without end; but while
 * the ROM runs, a child of this program, or hardboot, can still take the message back. Only if a disk cannot be made or the ROM's init not be
 * started, the phone is restarted: to its own system, or, if the message is still there, to its bootloader.
 */
#include "hb-init.h"
#include "entry.h"

#define STEPS FOLDER "steps"
#define STEPS_MAX 32768 /* a vendor ramdisk may have hundreds of modules */
#define LINE_MAX 256

#define MS_NOSUID 2
#define MS_NODEV 4
#define MS_NOEXEC 8
#define MNT_DETACH 2 /* partitions.c has a folder of it open */
#define AT_REMOVEDIR 0x200

static long kernel_log = -1;
static char steps[STEPS_MAX + 1];

static word put(char *line, word used, const char *text)
{
	while (*text && used < LINE_MAX - 1)
		line[used++] = *text++;
	return used;
}

static word put_decimal(char *line, word used, word value)
{
	char digits[20], text[21];
	word n = 0, i = 0;

	do {
		digits[n++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	while (n)
		text[i++] = digits[--n];
	text[i] = 0;
	return put(line, used, text);
}

void say(const char *what, const char *subject, long error)
{
	char line[LINE_MAX];
	word used = put(line, 0, error ? "<4>hb-init: " : "<5>hb-init: "); /* KERN_WARNING, KERN_NOTICE */

	used = put(line, used, subject);
	used = put(line, used, ": ");
	used = put(line, used, what);
	if (error) {
		used = put(line, used, ", error ");
		used = put_decimal(line, used, (word)error);
	}
	line[used++] = '\n';
	call3(NR_WRITE, (word)kernel_log, (word)line, used); /* nobody is left to tell if this fails */
}

void say_loudly(const char *text)
{
	char line[LINE_MAX];
	word used = put(line, 0, "<0>"); /* KERN_EMERG: the console takes it, however quiet it is set */

	used = put(line, used, text);
	line[used++] = '\n';
	call3(NR_WRITE, (word)kernel_log, (word)line, used);
}

int equal(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
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

char *next_word(char **line)
{
	return next(line, ' ');
}

void pause_ms(word milliseconds)
{
	long duration[2] = {0, (long)milliseconds * 1000000}; /* struct timespec */

	call3(NR_NANOSLEEP, (word)duration, 0, 0);
}

static void read_steps(void)
{
	long file = call3(NR_OPENAT, (word)AT_FDCWD, (word)STEPS, O_RDONLY | O_CLOEXEC);
	long size = file < 0 ? file : call3(NR_READ, (word)file, (word)steps, sizeof(steps));

	if (file >= 0)
		call3(NR_CLOSE, (word)file, 0, 0);
	if (size > STEPS_MAX)
		size = -E2BIG;
	if (size < 0)
		say("cannot read", STEPS, -size);
	steps[size < 0 ? 0 : size] = 0;
}

/* Remove all that the ROM would not have without this program. */
static void remove_traces(void)
{
	static const char *const files[] = {FOLDER "init", STEPS, FOLDER "kmsg", FOLDER "mapper"};
	static const char *const folders[] = {FOLDER "sys", FOLDER "root", FOLDER};
	long result;

	call3(NR_UMOUNT2, (word)FOLDER "sys", MNT_DETACH, 0);
	for (word i = 0; i < sizeof(files) / sizeof(*files); i++)
		call3(NR_UNLINKAT, (word)AT_FDCWD, (word)files[i], 0);
	for (word i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		result = call3(NR_UNLINKAT, (word)AT_FDCWD, (word)folders[i], AT_REMOVEDIR);
		if (result < 0)
			say("cannot remove", folders[i], -result);
	}
}

__attribute__((noreturn)) static void restart(int has_message)
{
	long magic = (long)LINUX_REBOOT_MAGIC1;

	if (has_message) /* the bootloader would start this ROM again */
		system_call(NR_REBOOT, magic, LINUX_REBOOT_MAGIC2, (long)LINUX_REBOOT_CMD_RESTART2, (long)"bootloader",
			    0, 0);
	system_call(NR_REBOOT, magic, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART, 0, 0, 0);
	for (;;)
		call3(NR_EXIT_GROUP, 1, 0, 0); /* the kernel panics */
}

/* Called by _start with the address of argc. */
__attribute__((noreturn, used)) void start_program(word *stack)
{
	char **arguments = (char **)(stack + 1), **environment = arguments + stack[0] + 1;
	char *rest = steps, *init = "/init";
	int has_message = 0, has_root = 0;
	long result;

	kernel_log = call3(NR_OPENAT, (word)AT_FDCWD, (word)FOLDER "kmsg", O_WRONLY | O_CLOEXEC);
	result = system_call(NR_MOUNT, (long)"sysfs", (long)FOLDER "sys", (long)"sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
			     0, 0);
	if (result < 0)
		say("cannot mount sysfs", FOLDER "sys", -result);
	read_steps();
	while (*rest) {
		char *line = next(&rest, '\n'), *step = next_word(&line);

		if (equal(step, "message"))
			has_message |= take_message_back(line);
		else if (equal(step, "tell"))
			tell(line);
		else if (equal(step, "restart"))
			restart_as(line);
		else if (equal(step, "module"))
			load_module(line);
		else if (equal(step, "disk") || equal(step, "root")) {
			has_root |= equal(step, "root");
			if (!(equal(step, "disk") ? make_disk(line) : mount_root(line)))
				restart(has_message);
		} else if (equal(step, "init"))
			init = line;
		else
			say("no such step", step, EINVAL);
	}
	if (has_root) {
		call3(NR_UMOUNT2, (word)FOLDER "sys", MNT_DETACH, 0);
		result = enter_root();
		if (result < 0) {
			say("cannot be made the root file system", FOLDER "root", -result);
			restart(has_message);
		}
	} else {
		remove_traces();
	}
	say("starting it", init, 0);
	arguments[0] = init;
	result = call3(NR_EXECVE, (word)init, (word)arguments, (word)environment);
	say("cannot start it", init, -result);
	restart(has_message);
}
