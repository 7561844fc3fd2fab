/* SPDX-License-Identifier: Apache-2.0 */
/* Android's small tools for the virtual phone, in one program as Android's own toolbox: called by the name it has. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "toolbox.h"

#define AT_BOOT "/dev/.properties"	/* NAME=VALUE lines, written by init; the last one of a name holds */
#define SET "/dev/.properties.d/"	/* a file a name that setprop was called with; holds its value */
#define PROPERTIES_MAX 512
#define TEXT_MAX (64 * 1024)
#define ZYGOTE_PID "/dev/.zygote"
#define ZYGOTE_PERIOD_S 5
#define LAST_WORDS_US 200000		/* for clients to see that their connections are closed */

static int fail(const char *who, const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", who, what, strerror(errno));
	return 1;
}

static size_t read_file(const char *path, char *to, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, to, size - 1);

	if (fd >= 0)
		close(fd);
	if (got < 0)
		got = 0;
	to[got] = 0;
	return (size_t)got;
}

static bool write_file(const char *path, int flags, const void *from, size_t size)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0644);
	bool done = fd >= 0 && write(fd, from, size) == (ssize_t)size;

	if (fd >= 0)
		close(fd);
	return done;
}

/* All properties; the pointers are into one text. */
static struct property {
	const char *name, *value;
} properties[PROPERTIES_MAX];
static size_t count;

static void know(const char *name, const char *value)
{
	size_t i = 0;

	while (i < count && strcmp(properties[i].name, name))
		i++;
	if (i == PROPERTIES_MAX)
		return;
	properties[i] = (struct property){ name, value };
	if (i == count)
		count++;
}

static void load_properties(void)
{
	static char text[TEXT_MAX];
	char *end = text + read_file(AT_BOOT, text, sizeof(text)) + 1, *rest = text, *line, *value;
	struct dirent *entry;
	DIR *set = opendir(SET);

	while ((line = strsep(&rest, "\n"))) {
		value = strchr(line, '=');
		if (!value)
			continue;
		*value++ = 0;
		know(line, value);
	}
	while (set && (entry = readdir(set))) {
		char path[sizeof(SET) + sizeof(entry->d_name)];
		size_t name = strlen(entry->d_name) + 1;

		if (entry->d_name[0] == '.' || end + name >= text + sizeof(text))
			continue;
		snprintf(path, sizeof(path), SET "%s", entry->d_name);
		line = strcpy(end, entry->d_name);
		value = line + name;
		end = value + read_file(path, value, (size_t)(text + sizeof(text) - value)) + 1;
		know(line, value);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct property *)a)->name, ((const struct property *)b)->name);
}

/* getprop [NAME [DEFAULT]] */
static int getprop(char **words)
{
	const char *value = words[0] && words[1] ? words[1] : "";

	load_properties();
	if (words[0]) {
		for (size_t i = 0; i < count; i++)
			if (!strcmp(properties[i].name, words[0]))
				value = properties[i].value;
		puts(value);
		return 0;
	}
	qsort(properties, count, sizeof(*properties), by_name);
	for (size_t i = 0; i < count; i++)
		printf("[%s]: [%s]\n", properties[i].name, properties[i].value);
	return 0;
}

static int set_property(const char *name, const char *value)
{
	char path[sizeof(SET) + NAME_MAX];

	snprintf(path, sizeof(path), SET "%s", name);
	return write_file(path, O_CREAT | O_TRUNC, value, strlen(value)) ? 0 : fail("setprop", name);
}

/* setprop NAME VALUE: as root; ro.* never changes */
static int setprop(char **words)
{
	const char *name = words[0];

	if (!name || !words[1]) {
		fputs("usage: setprop NAME VALUE\n", stderr);
		return 1;
	}
	if (!*name || *name == '.' || strchr(name, '/') || strchr(name, '=') || strlen(name) > NAME_MAX) {
		fputs("setprop: bad name\n", stderr);
		return 1;
	}
	if (!strncmp(name, "ro.", 3)) {
		fprintf(stderr, "setprop: %s is read-only\n", name);
		return 1;
	}
	return set_property(name, words[1]);
}

/* A process in a session of its own, away from whoever called; as fork(2). */
static pid_t leave_caller(void)
{
	pid_t pid = fork();
	int null;

	if (pid)
		return pid;
	setsid();
	null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	return 0;
}

/* zygote: the Android framework, here one process that writes to /data as apps do */
static int zygote(char **words)
{
	char uptime[64];

	(void)words;
	while (true) {
		size_t size = read_file("/proc/uptime", uptime, sizeof(uptime));

		write_file("/data/app/alive", O_CREAT | O_TRUNC, uptime, size);
		sleep(ZYGOTE_PERIOD_S);
	}
	return 1;
}

static int start(char **words)
{
	char text[16];
	pid_t pid;

	(void)words;
	if (!access(ZYGOTE_PID, F_OK))
		return 0;
	pid = leave_caller();
	if (pid == 0) {
		execl("/system/bin/zygote", "zygote", (char *)NULL);
		_exit(127);
	}
	snprintf(text, sizeof(text), "%d\n", (int)pid);
	if (pid < 0 || !write_file(ZYGOTE_PID, O_CREAT | O_TRUNC, text, strlen(text)))
		return fail("start", "zygote");
	return set_property("init.svc.zygote", "running");
}

static int stop(char **words)
{
	char text[16];
	int pid;

	(void)words;
	read_file(ZYGOTE_PID, text, sizeof(text));
	pid = atoi(text);
	if (pid > 1 && kill(pid, SIGTERM) && errno != ESRCH)
		return fail("stop", "zygote");
	unlink(ZYGOTE_PID);
	return set_property("init.svc.zygote", "stopped");
}

static void end_adbd(void)
{
	struct dirent *entry;
	DIR *processes = opendir("/proc");

	while (processes && (entry = readdir(processes))) {
		char path[sizeof("/proc//comm") + sizeof(entry->d_name)], name[16];

		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		read_file(path, name, sizeof(name));
		if (!strcmp(name, "adbd\n"))
			kill(atoi(entry->d_name), SIGTERM);
	}
}

/* Leaves a message for the bootloader: what it starts next. */
static bool tell_bootloader(const char *reason)
{
	const char *message = !strcmp(reason, "recovery") ? "boot-recovery" :
			      !strcmp(reason, "bootloader") ? "bootonce-bootloader" : NULL;

	return !message || write_file("/dev/block/by-name/misc", 0, message, strlen(message) + 1);
}

/* reboot [recovery | bootloader]: by way of the bootloader */
static int restart(char **words)
{
	pid_t pid;

	if (words[0] && !tell_bootloader(words[0]))
		return fail("reboot", "misc");
	if (geteuid()) {
		errno = EPERM;
		return fail("reboot", "as this user");
	}
	pid = leave_caller();
	if (pid)
		return pid > 0 ? 0 : fail("reboot", "fork");
	stop(NULL);
	end_adbd();	/* before all else: its clients see their connections close */
	sync();
	usleep(LAST_WORDS_US);
	mount(NULL, "/data", NULL, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL);
	sync();
	reboot(RB_AUTOBOOT);
	return 1;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(char **words);
	} tools[] = {
		{ "getprop", getprop }, { "setprop", setprop }, { "start", start },
		{ "stop", stop },	{ "reboot", restart },	{ "zygote", zygote },	{ "bootctl", bootctl },
	};
	const char *name = argc ? strrchr(argv[0], '/') : NULL;

	name = name ? name + 1 : argc ? argv[0] : "";
	for (size_t i = 0; i < sizeof(tools) / sizeof(*tools); i++)
		if (!strcmp(name, tools[i].name))
			return tools[i].run(argv + 1);
	fputs("toolbox: bootctl getprop setprop start stop reboot zygote\n", stderr);
	return 1;
}
