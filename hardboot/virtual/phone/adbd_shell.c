/* SPDX-License-Identifier: Apache-2.0 */
/* shell: and exec: services: one process stands between the stream and the command, moves bytes, and tells the exit. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "adbd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ID_STDIN 0	/* shell_protocol.h of AOSP's adb: u8 id, u32 size, data */
#define ID_STDOUT 1
#define ID_STDERR 2
#define ID_EXIT 3
#define ID_CLOSE_STDIN 4
#define ID_WINDOW 5
#define PACKET_HEADER 5
#define CHUNK (32 * 1024)
#define INPUT_CHUNK (256 * 1024)	/* AOSP's adbd has nothing between the stream and an exec: command */
#define WINDOW_TEXT_MAX 63
#define TERMINAL_MAX 64
#define END_GRACE_MS 500	/* a command whose stdin just ended may still finish its work */
#define STUCK_MS 5000		/* stream closed, and the command does not take the rest of its stdin */

struct command {
	pid_t pid;
	bool exited;
	int status;
	int in, out, err;	/* ours; -1 when closed; in and out are one for a pty */
};

struct relay {
	const struct shell_request *request;
	int fd;
	bool fd_ended;
	int64_t deadline;	/* after fd_ended: hang up then */
	struct command command;
	uint8_t up[INPUT_CHUNK], down[PACKET_HEADER + CHUNK];
	size_t up_begin, up_end, down_begin, down_end;
	uint8_t header[PACKET_HEADER];
	size_t header_have;
	uint32_t left;		/* of the packet whose header was read */
	char window[WINDOW_TEXT_MAX + 1];
	size_t window_have;
};

static bool is_terminal_name(const char *name)
{
	size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-+._");

	return size && size < TERMINAL_MAX && !name[size];
}

bool parse_shell_service(const char *name, struct shell_request *request)
{
	static char arguments[128], terminal[TERMINAL_MAX];
	const char *colon = strchr(name, ':');
	char *rest = arguments, *argument;
	bool pty_set = false;

	*request = (struct shell_request){ .terminal = "dumb" };
	if (!colon || (size_t)(colon - name) >= sizeof(arguments))
		return false;
	memcpy(arguments, name, (size_t)(colon - name));
	arguments[colon - name] = 0;
	request->command = colon + 1;
	argument = strsep(&rest, ",");
	if (!strcmp(argument, "exec"))
		return !rest && colon[1];
	if (strcmp(argument, "shell"))
		return false;
	while ((argument = strsep(&rest, ","))) {
		if (!strcmp(argument, "v2")) {
			request->v2 = true;
		} else if (!strcmp(argument, "raw") || !strcmp(argument, "pty")) {
			request->pty = argument[0] == 'p';
			pty_set = true;
		} else if (!strncmp(argument, "TERM=", 5)) {
			if (is_terminal_name(argument + 5)) {
				strcpy(terminal, argument + 5);
				request->terminal = terminal;
			}
		} else {
			return false;
		}
	}
	if (!pty_set)
		request->pty = !request->command[0];
	return true;
}

static void set_environment(const struct config *config, const char *terminal)
{
	clearenv();
	setenv("PATH", "/sbin:/system/sbin:/system/bin:/system/xbin:/vendor/bin:/vendor/xbin", 1);
	setenv("HOME", "/", 1);
	setenv("SHELL", config->shell_path, 1);
	setenv("USER", geteuid() ? "shell" : "root", 1);
	setenv("LOGNAME", geteuid() ? "shell" : "root", 1);
	setenv("TERM", terminal, 1);
	setenv("TMPDIR", "/data/local/tmp", 1);
	setenv("ANDROID_ROOT", "/system", 1);
	setenv("ANDROID_DATA", "/data", 1);
	setenv("EXTERNAL_STORAGE", "/sdcard", 1);
}

static void become_command(const struct config *config, const struct shell_request *request, int in, int out, int err)
{
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	end_inheritance();
	set_environment(config, request->terminal);
	if (request->command[0])
		execl(config->shell_path, config->shell_path, "-c", request->command, (char *)NULL);
	else
		execl(config->shell_path, config->shell_path, "-", (char *)NULL);
	dprintf(2, "adbd: %s: %s\n", config->shell_path, strerror(errno));
	_exit(127);
}

/* The other side of a new pty, by hand: openpty(3) and grantpt(3) may look up groups, which a static program cannot. */
static int open_slave(int master)
{
	char path[32];
	int unlocked = 0;
	unsigned number;

	if (ioctl(master, TIOCSPTLCK, &unlocked) || ioctl(master, TIOCGPTN, &number))
		return -1;
	snprintf(path, sizeof(path), "/dev/pts/%u", number);
	return open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
}

static bool start_on_pty(const struct config *config, const struct shell_request *request, struct command *command)
{
	int master = open("/dev/ptmx", O_RDWR | O_CLOEXEC | O_NOCTTY);
	int slave = master < 0 ? -1 : open_slave(master);

	if (slave < 0)
		return false;
	command->in = command->out = master;
	command->err = -1;
	command->pid = fork();
	if (command->pid == 0) {
		setsid();
		ioctl(slave, TIOCSCTTY, 0);
		become_command(config, request, slave, slave, slave);
	}
	close(slave);
	return command->pid > 0;
}

static bool start_on_pipes(const struct config *config, const struct shell_request *request, struct command *command)
{
	int in[2], out[2], err[2] = { -1, -1 };

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || (request->v2 && pipe2(err, O_CLOEXEC)))
		return false;
	fcntl(in[1], F_SETPIPE_SZ, INPUT_CHUNK);	/* else 64 KiB, which is slower */
	command->in = in[1];
	command->out = out[0];
	command->err = err[0];
	command->pid = fork();
	if (command->pid == 0) {
		setsid();
		become_command(config, request, in[0], out[1], request->v2 ? err[1] : out[1]);
	}
	close(in[0]);
	close(out[1]);
	if (request->v2)
		close(err[1]);
	return command->pid > 0;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void hang_up(struct relay *r)
{
	if (!r->command.exited && kill(-r->command.pid, SIGHUP) && errno == ESRCH)
		kill(r->command.pid, SIGHUP);	/* it has not reached setsid() yet */
	_exit(0);
}

static void set_window(struct relay *r)
{
	unsigned rows, columns, width, height;

	r->window[r->window_have] = 0;
	if (r->request->pty && r->command.in >= 0 &&
	    sscanf(r->window, "%5ux%5u,%5ux%5u", &rows, &columns, &width, &height) == 4) {
		struct winsize size = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns,
					.ws_xpixel = (unsigned short)width, .ws_ypixel = (unsigned short)height };

		ioctl(r->command.in, TIOCSWINSZ, &size);
	}
}

/* Writes what `up` holds, at most `size` bytes, to the command. Bytes nobody can read any more count as written. */
static size_t feed_command(struct relay *r, size_t size)
{
	ssize_t put;

	if (r->command.in < 0)
		return size;
	put = write(r->command.in, r->up + r->up_begin, size);
	if (put >= 0)
		return (size_t)put;
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	if (!r->request->pty)
		close_one(&r->command.in);
	return size;
}

static void end_packet(struct relay *r)
{
	if (r->header[0] == ID_CLOSE_STDIN && !r->request->pty)
		close_one(&r->command.in);
	if (r->header[0] == ID_WINDOW)
		set_window(r);
	r->header_have = r->window_have = 0;
}

/* Moves bytes of `up` on until all are gone or the command takes no more. */
static void push_up(struct relay *r)
{
	while (r->up_begin < r->up_end) {
		size_t size = r->up_end - r->up_begin;

		if (!r->request->v2) {
			size = feed_command(r, size);
			if (!size)
				return;
		} else if (r->header_have < PACKET_HEADER) {
			r->header[r->header_have++] = r->up[r->up_begin];
			size = 1;
			if (r->header_have == PACKET_HEADER) {
				r->left = get_le32(r->header + 1);
				if (!r->left)
					end_packet(r);
			}
		} else {
			if (size > r->left)
				size = r->left;
			if (r->header[0] == ID_STDIN) {
				size = feed_command(r, size);
				if (!size)
					return;
			} else if (r->header[0] == ID_WINDOW && r->window_have + size <= WINDOW_TEXT_MAX) {
				memcpy(r->window + r->window_have, r->up + r->up_begin, size);
				r->window_have += size;
			}
			r->left -= (uint32_t)size;
			if (!r->left)
				end_packet(r);
		}
		r->up_begin += size;
		if (r->deadline)
			r->deadline = now_ms() + STUCK_MS;
	}
}

static void read_stream(struct relay *r)
{
	ssize_t got = read(r->fd, r->up, sizeof(r->up));

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got > 0) {
		r->up_begin = 0;
		r->up_end = (size_t)got;
		push_up(r);
		return;
	}
	if (r->request->v2 || r->request->pty)
		hang_up(r);	/* these tell the end of stdin otherwise: the client is gone */
	r->fd_ended = true;
	r->deadline = now_ms() + END_GRACE_MS;
	close_one(&r->command.in);
}

static void read_command(struct relay *r, int *fd, uint8_t id)
{
	ssize_t got = read(*fd, r->down + PACKET_HEADER, CHUNK);

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got <= 0) {		/* a pty says EIO when its last user is gone */
		if (r->request->pty)
			close_one(&r->command.in);
		else
			close(*fd);
		*fd = -1;
		return;
	}
	r->down[0] = id;
	put_le32(r->down + 1, (uint32_t)got);
	r->down_begin = r->request->v2 ? 0 : PACKET_HEADER;
	r->down_end = PACKET_HEADER + (size_t)got;
}

static void push_down(struct relay *r)
{
	ssize_t put = send(r->fd, r->down + r->down_begin, r->down_end - r->down_begin, MSG_DONTWAIT);

	if (put < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (put < 0 && (r->request->v2 || r->request->pty))
		hang_up(r);
	r->down_begin = put < 0 ? r->down_end : r->down_begin + (size_t)put;
}

/* One round; false when the command is over and all of its output is sent. */
static bool step(struct relay *r, int *nap_ms)
{
	enum { STREAM, IN, OUT, ERR, COUNT };
	struct command *c = &r->command;
	bool up = r->up_begin < r->up_end, down = r->down_begin < r->down_end, quiet;
	struct pollfd fds[COUNT] = {
		[STREAM] = { .fd = r->fd_ended && !down ? -1 : r->fd,
			     .events = (short)((up || r->fd_ended ? 0 : POLLIN) | (down ? POLLOUT : 0)) },
		[IN] = { .fd = up ? c->in : -1, .events = POLLOUT },
		[OUT] = { .fd = down ? -1 : c->out, .events = POLLIN },
		[ERR] = { .fd = down ? -1 : c->err, .events = POLLIN },
	};

	if (!c->exited)
		c->exited = waitpid(c->pid, &c->status, WNOHANG) == c->pid;
	quiet = c->out < 0 && c->err < 0 && !down;
	if (quiet && c->exited)
		return false;
	if (r->deadline && now_ms() >= r->deadline)
		hang_up(r);
	if (up && c->in < 0) {
		push_up(r);
		return true;
	}
	/* No descriptor tells the exit of a command that closed its output: look more and more seldom. */
	*nap_ms = quiet ? (*nap_ms < 100 ? *nap_ms * 2 : 200) : 1;
	if (poll(fds, COUNT, quiet ? *nap_ms : r->deadline ? 50 : -1) < 0)
		return true;
	if (fds[STREAM].revents & POLLOUT)
		push_down(r);
	if (fds[STREAM].revents & POLLIN)
		read_stream(r);
	else if (fds[STREAM].revents & (POLLHUP | POLLERR)) {
		if (r->request->v2 || r->request->pty)
			hang_up(r);
		if (!r->deadline)	/* the rest of stdin still waits in front of a busy command */
			r->deadline = now_ms() + STUCK_MS;
		poll(NULL, 0, 10);
	}
	if (fds[IN].revents)
		push_up(r);
	if (fds[OUT].revents && r->down_begin == r->down_end)
		read_command(r, &c->out, ID_STDOUT);
	if (c->err >= 0 && fds[ERR].revents && r->down_begin == r->down_end)
		read_command(r, &c->err, ID_STDERR);
	return true;
}

static void tell_exit(struct relay *r, int code)
{
	uint8_t packet[PACKET_HEADER + 1] = { ID_EXIT, 1, 0, 0, 0, (uint8_t)code };

	if (r->request->v2)
		write_full(r->fd, packet, sizeof(packet));
}

static void tell_failure(struct relay *r)
{
	char *text = (char *)r->down + PACKET_HEADER;
	int size = snprintf(text, CHUNK, "adbd: cannot start a shell: %s\n", strerror(errno));

	r->down[0] = ID_STDERR;
	put_le32(r->down + 1, (uint32_t)size);
	if (r->request->v2)
		write_full(r->fd, r->down, PACKET_HEADER + (size_t)size);
	else
		write_text(r->fd, text);
	tell_exit(r, 1);
}

void run_shell(const struct config *config, int fd, const struct shell_request *request)
{
	static struct relay r;
	int nap_ms = 1;
	bool started;

	r.request = request;
	r.fd = fd;
	started = request->pty ? start_on_pty(config, request, &r.command) : start_on_pipes(config, request, &r.command);
	if (!started) {
		tell_failure(&r);
		return;
	}
	fcntl(r.command.in, F_SETFL, O_NONBLOCK);
	while (step(&r, &nap_ms))
		;
	tell_exit(&r, WIFEXITED(r.command.status) ? WEXITSTATUS(r.command.status)
						  : 128 + WTERMSIG(r.command.status));
}
