/* SPDX-License-Identifier: Apache-2.0 */
/* adbd of the virtual phone: speaks the ADB protocol over TCP, one process a client. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "adbd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS 64
#define BACKLOG 256		/* who waits for a phone knocks many times: what overflows answers seconds later */
#define AID_SHELL 2000	/* Android's uid and gid of adb's shell, android_filesystem_config.h */
#define FEATURES "shell_v2,stat_v2,ls_v2,sendrecv_v2,fixed_push_mkdir,fixed_push_symlink_timestamp"

bool read_full(int fd, void *to, size_t size)
{
	for (uint8_t *p = to; size;) {
		ssize_t got = read(fd, p, size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		p += got;
		size -= (size_t)got;
	}
	return true;
}

bool write_full(int fd, const void *from, size_t size)
{
	for (const uint8_t *p = from; size;) {
		ssize_t put = write(fd, p, size);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return false;
		p += put;
		size -= (size_t)put;
	}
	return true;
}

bool write_text(int fd, const char *text)
{
	return write_full(fd, text, strlen(text));
}

int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void die(const char *what)
{
	fprintf(stderr, "adbd: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void usage(void)
{
	fputs("usage: adbd [-b ADDRESS] [-p PORT] [-m MAXDATA] [-B 'product;model;device'] [-a ADB_KEYS]\n"
	      "            [-u UID] [-s SHELL] [-R REBOOT_PROGRAM]\n", stderr);
	exit(2);
}

static uint32_t number(const char *text, uint32_t low, uint32_t high)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || value < low || value > high) {
		fprintf(stderr, "adbd: %s is not a number from %u to %u\n", text, low, high);
		usage();
	}
	return (uint32_t)value;
}

/* The system-state-and-properties text of CNXN; the client shows the three names in `adb devices -l`. */
static const char *banner(const char *names)
{
	static char text[512];
	const char *model = strchr(names, ';');
	const char *device = model ? strchr(model + 1, ';') : NULL;
	int size;

	if (!device || strchr(device + 1, ';')) {
		fputs("adbd: -B wants three names: product;model;device\n", stderr);
		usage();
	}
	size = snprintf(text, sizeof(text),
			"device::ro.product.name=%.*s;ro.product.model=%.*s;ro.product.device=%s;features=" FEATURES,
			(int)(model - names), names, (int)(device - model - 1), model + 1, device + 1);
	if (size >= (int)sizeof(text)) {
		fputs("adbd: the names of -B are too long\n", stderr);
		usage();
	}
	return text;
}

static int listen_on(const char *address, uint16_t port)
{
	struct sockaddr_in where = { .sin_family = AF_INET, .sin_port = htons(port) };
	socklen_t size = sizeof(where);
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		die("socket");
	if (inet_pton(AF_INET, address, &where.sin_addr) != 1) {
		fprintf(stderr, "adbd: %s is not an IPv4 address\n", address);
		usage();
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&where, sizeof(where)) || listen(fd, BACKLOG))
		die("listen");
	if (getsockname(fd, (struct sockaddr *)&where, &size))
		die("getsockname");
	printf("adbd: listening on %s:%u\n", address, ntohs(where.sin_port));	/* with -p 0 the only way to know */
	fflush(stdout);
	return fd;
}

static void tune(int fd)
{
	int one = 1, idle = 30, interval = 10, count = 3;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	/* A client that vanished without a FIN is noticed within a minute. */
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

static void serve(const struct config *config, int listener)
{
	int connections = 0;
	pid_t parent = getpid();

	for (;;) {
		struct pollfd wait_for = { .fd = listener, .events = POLLIN };
		pid_t pid;
		int fd;

		poll(&wait_for, 1, connections ? 1000 : -1);	/* wake up to reap */
		while (connections && waitpid(-1, NULL, WNOHANG) > 0)
			connections--;
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
				poll(NULL, 0, 100);
			continue;
		}
		tune(fd);
		pid = connections < MAX_CONNECTIONS ? fork() : -1;
		if (pid == 0) {
			close(listener);
			prctl(PR_SET_PDEATHSIG, SIGTERM);	/* ending adbd ends its connections */
			if (getppid() != parent)
				_exit(1);
			signal(SIGCHLD, SIG_IGN);	/* services of a connection are never zombies */
			serve_connection(config, fd);
			_exit(0);
		}
		if (pid > 0)
			connections++;
		close(fd);
	}
}

int main(int argc, char **argv)
{
	struct config config = {
		.shell_path = "/system/bin/sh",
		.reboot_path = "/system/bin/reboot",
		.max_data = 256 * 1024,
		.service_id = AID_SHELL,
	};
	const char *address = "0.0.0.0", *names = "virtual;virtual;virtual";
	uint16_t port = 5555;
	int option;

	while ((option = getopt(argc, argv, "b:p:m:B:a:u:s:R:")) != -1) {
		switch (option) {
		case 'b': address = optarg; break;
		case 'p': port = (uint16_t)number(optarg, 0, UINT16_MAX); break;
		case 'm': config.max_data = number(optarg, 4096, 1024 * 1024); break;
		case 'B': names = optarg; break;
		case 'a': config.keys_path = optarg; break;
		case 'u': config.service_id = number(optarg, 0, INT32_MAX); break;
		case 's': config.shell_path = optarg; break;
		case 'R': config.reboot_path = optarg; break;
		default: usage();
		}
	}
	if (optind != argc)
		usage();
	config.banner = banner(names);
	signal(SIGPIPE, SIG_IGN);
	serve(&config, listen_on(address, port));
	return 0;
}
