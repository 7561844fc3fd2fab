/* SPDX-License-Identifier: Apache-2.0 */
/* Which services there are, and the process each of them runs in. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "adbd.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME_MAX_SIZE (128 * 1024 - 1)	/* MAX_ARG_STRLEN of the kernel: the shell takes the command as one argument */
#define REASON_MAX 32
#define LAST_FD 256			/* above the descriptors of a connection with all its streams */

enum kind { NO_SERVICE, SHELL, SYNC, REBOOT, ROOT, UNROOT, REMOUNT };

static const char *after(const char *text, const char *prefix)
{
	size_t size = strlen(prefix);

	return strncmp(text, prefix, size) ? NULL : text + size;
}

static bool is_reason(const char *text)
{
	size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_,-");

	return !text[size] && size <= REASON_MAX && text[0] != '-';
}

static enum kind find_service(const char *name, struct shell_request *request)
{
	const char *reason = after(name, "reboot:");

	if (strlen(name) >= NAME_MAX_SIZE)
		return NO_SERVICE;
	if (parse_shell_service(name, request))
		return SHELL;
	if (!strcmp(name, "sync:"))
		return SYNC;
	if (reason && is_reason(reason))
		return REBOOT;
	if (!strcmp(name, "root:"))
		return ROOT;
	if (!strcmp(name, "unroot:"))
		return UNROOT;
	if (after(name, "remount:"))
		return REMOUNT;
	return NO_SERVICE;
}

void end_inheritance(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGHUP, SIG_DFL);	/* whoever started adbd may ignore it (nohup): a closed stream hangs up */
}

/* Runs the reboot program as adbd itself, as Android's init would do it for us; then waits for the end. */
static void run_reboot(const struct config *config, int fd, const char *reason)
{
	char text[64], end;
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		end_inheritance();
		execl(config->reboot_path, config->reboot_path, reason[0] ? reason : (char *)NULL, (char *)NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		/* `adb reboot` returns when the phone has gone, not before: scripts wait for it to come back next */
		while (read(fd, &end, 1) > 0)
			;
		return;
	}
	snprintf(text, sizeof(text), "reboot failed (status 0x%x)\n", (unsigned)status);
	write_text(fd, text);
}

static void drop_root(const struct config *config)
{
	if (geteuid() != 0 || config->service_id == 0)
		return;
	if (setgroups(0, NULL) || setgid(config->service_id) || setuid(config->service_id))
		_exit(1);
}

int open_service(const struct config *config, const char *name)
{
	struct shell_request request;
	enum kind kind = find_service(name, &request);
	int ends[2];
	pid_t pid;

	if (kind == NO_SERVICE || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return -1;
	pid = fork();
	if (pid != 0) {
		close(ends[1]);
		if (pid > 0 && !fcntl(ends[0], F_SETFL, O_NONBLOCK))
			return ends[0];
		close(ends[0]);
		return -1;
	}
	/* The other streams' descriptors must not live on here: their services would never see the end. */
	for (int fd = 3; fd < LAST_FD; fd++)
		if (fd != ends[1])
			close(fd);
	signal(SIGCHLD, SIG_DFL);
	if (kind != REBOOT)
		drop_root(config);
	if (chdir("/"))
		_exit(1);
	umask(022);
	switch (kind) {
	case SHELL: run_shell(config, ends[1], &request); break;
	case SYNC: run_sync(ends[1]); break;
	case REBOOT: run_reboot(config, ends[1], name + strlen("reboot:")); break;
	case ROOT: write_text(ends[1], "adbd cannot run as root in production builds\n"); break;
	case UNROOT: write_text(ends[1], "adbd not running as root\n"); break;
	case REMOUNT: write_text(ends[1], "Not running as root. Try \"adb root\" first.\n"); break;
	case NO_SERVICE: break;
	}
	_exit(0);
}
