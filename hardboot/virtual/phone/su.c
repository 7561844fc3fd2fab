/* SPDX-License-Identifier: Apache-2.0 */
/* su of the virtual phone, setuid root: su | su -c CMD | su 0 CMD ARGS | su root CMD ARGS | su -v */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef SHELL_PATH		/* tests on a computer name another one */
#define SHELL_PATH "/system/bin/sh"
#endif
#define SEARCH_PATH "/sbin:/system/sbin:/system/bin:/system/xbin:/vendor/bin:/vendor/xbin"
#define AID_SHELL 2000		/* android_filesystem_config.h */
#define TERM_MAX 64

static int fail(const char *what)
{
	fprintf(stderr, "su: %s: %s\n", what, strerror(errno));
	return errno == ENOENT ? 127 : 126;
}

static int usage(void)
{
	fputs("usage: su [-c COMMAND...] | su 0|root [-c COMMAND... | PROGRAM [ARGS...]] | su -v\n", stderr);
	return 2;
}

static void clean_environment(void)
{
	char term[TERM_MAX] = "dumb";
	const char *old = getenv("TERM");

	if (old && strlen(old) < sizeof(term))
		strcpy(term, old);
	clearenv();
	setenv("PATH", SEARCH_PATH, 1);
	setenv("HOME", "/", 1);
	setenv("SHELL", SHELL_PATH, 1);
	setenv("USER", "root", 1);
	setenv("LOGNAME", "root", 1);
	setenv("TERM", term, 1);
	setenv("ANDROID_ROOT", "/system", 1);
	setenv("ANDROID_DATA", "/data", 1);
}

/* `su -c ls -l` runs "ls -l", as the su of rooted phones do. */
static char *joined(char **words)
{
	size_t size = 1;
	char *text;

	for (char **word = words; *word; word++)
		size += strlen(*word) + 1;
	text = calloc(1, size);
	for (; text && *words; words++) {
		strcat(text, *words);
		if (words[1])
			strcat(text, " ");
	}
	return text;
}

int main(int argc, char **argv)
{
	char **rest = argv + (argc > 0);
	char *command = NULL;

	if (*rest && (!strcmp(*rest, "-v") || !strcmp(*rest, "--version"))) {
		puts("1.0:hardboot virtual phone");
		return 0;
	}
	if (*rest && (!strcmp(*rest, "0") || !strcmp(*rest, "root")))
		rest++;
	if (*rest && !strcmp(*rest, "-c")) {
		if (!rest[1])
			return usage();
		command = joined(rest + 1);
		if (!command)
			return fail("memory");
	} else if (*rest && ((*rest)[0] == '-' || rest == argv + 1)) {
		return usage();	/* an unknown option, or a user we are not the su of */
	}
	if (getuid() != 0 && getuid() != AID_SHELL) {
		fputs("su: not allowed\n", stderr);
		return 1;
	}
	if (setgroups(0, NULL) || setgid(0) || setuid(0))
		return fail("cannot become root");
	umask(022);
	clean_environment();
	if (command)
		execl(SHELL_PATH, SHELL_PATH, "-c", command, (char *)NULL);
	else if (*rest)
		execvp(*rest, rest);
	else
		execl(SHELL_PATH, SHELL_PATH, "-", (char *)NULL);
	return fail(command || !*rest ? SHELL_PATH : *rest);
}
