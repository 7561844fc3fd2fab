/* SPDX-License-Identifier: Apache-2.0 */
/* sync: service: stat, list, send and receive files (SYNC.TXT; file_sync_protocol.h of AOSP's adb for v2). */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "adbd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID(a, b, c, d) ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define ID_STAT ID('S', 'T', 'A', 'T')
#define ID_STAT2 ID('S', 'T', 'A', '2')
#define ID_LSTAT2 ID('L', 'S', 'T', '2')
#define ID_LIST ID('L', 'I', 'S', 'T')
#define ID_LIST2 ID('L', 'I', 'S', '2')
#define ID_DENT ID('D', 'E', 'N', 'T')
#define ID_DENT2 ID('D', 'N', 'T', '2')
#define ID_SEND ID('S', 'E', 'N', 'D')
#define ID_SEND2 ID('S', 'N', 'D', '2')
#define ID_RECV ID('R', 'E', 'C', 'V')
#define ID_RECV2 ID('R', 'C', 'V', '2')
#define ID_DATA ID('D', 'A', 'T', 'A')
#define ID_DONE ID('D', 'O', 'N', 'E')
#define ID_OKAY ID('O', 'K', 'A', 'Y')
#define ID_FAIL ID('F', 'A', 'I', 'L')
#define ID_QUIT ID('Q', 'U', 'I', 'T')
#define PATH_SIZE_MAX 1024
#define DATA_MAX (64 * 1024)
#define STAT_SIZE 16		/* id, mode, size, time */
#define DENT_SIZE 20		/* the same and the name's size */
#define STAT2_SIZE 72		/* id, error, dev, ino, mode, nlink, uid, gid, size, atime, mtime, ctime */
#define DENT2_SIZE 76

struct session {
	int fd;
	const char *partial;		/* file being received, removed when that fails */
	size_t out_size;
	uint8_t out[DATA_MAX + 8];	/* answers, sent together: a listing has thousands of small ones */
	uint8_t data[DATA_MAX + 8];	/* one DATA message and its header */
};

/* The session is over: the client is gone, or we no longer know where its messages begin. */
static _Noreturn void end(struct session *s)
{
	if (s->partial)
		unlink(s->partial);
	_exit(0);
}

static void flush(struct session *s)
{
	if (!write_full(s->fd, s->out, s->out_size))
		end(s);
	s->out_size = 0;
}

static uint8_t *room(struct session *s, size_t size)
{
	uint8_t *at;

	if (s->out_size + size > sizeof(s->out))
		flush(s);
	at = s->out + s->out_size;
	s->out_size += size;
	return memset(at, 0, size);
}

static void take(struct session *s, void *to, size_t size)
{
	if (!read_full(s->fd, to, size))
		end(s);
}

static void put_le64(uint8_t *to, uint64_t value)
{
	put_le32(to, (uint32_t)value);
	put_le32(to + 4, (uint32_t)(value >> 32));
}

static void send_status(struct session *s, uint32_t id, const char *text)
{
	size_t size = strlen(text);
	uint8_t *to = room(s, 8 + size);

	put_le32(to, id);
	put_le32(to + 4, (uint32_t)size);
	memcpy(to + 8, text, size);
	flush(s);
}

static void fail(struct session *s, const char *what, int error)
{
	char text[256];

	snprintf(text, sizeof(text), "%s: %s", what, strerror(error));
	send_status(s, ID_FAIL, text);
}

static void put_stat(uint8_t *to, uint32_t id, const struct stat *st)
{
	put_le32(to, id);
	put_le32(to + 4, st->st_mode);
	put_le32(to + 8, (uint32_t)st->st_size);
	put_le32(to + 12, (uint32_t)st->st_mtime);
}

static void put_stat2(uint8_t *to, uint32_t id, int error, const struct stat *st)
{
	put_le32(to, id);
	put_le32(to + 4, (uint32_t)error);
	if (error)
		return;
	put_le64(to + 8, st->st_dev);
	put_le64(to + 16, st->st_ino);
	put_le32(to + 24, st->st_mode);
	put_le32(to + 28, (uint32_t)st->st_nlink);
	put_le32(to + 32, st->st_uid);
	put_le32(to + 36, st->st_gid);
	put_le64(to + 40, (uint64_t)st->st_size);
	put_le64(to + 48, (uint64_t)st->st_atime);
	put_le64(to + 56, (uint64_t)st->st_mtime);
	put_le64(to + 64, (uint64_t)st->st_ctime);
}

static void do_stat(struct session *s, uint32_t id, const char *path)
{
	struct stat st = { 0 };
	int error = (id == ID_STAT2 ? stat(path, &st) : lstat(path, &st)) ? errno : 0;

	if (id == ID_STAT)	/* all zero: there is no such file */
		put_stat(room(s, STAT_SIZE), id, &st);
	else
		put_stat2(room(s, STAT2_SIZE), id, error, &st);
	flush(s);
}

static void do_list(struct session *s, uint32_t id, const char *path)
{
	bool v2 = id == ID_LIST2;
	size_t size = v2 ? DENT2_SIZE : DENT_SIZE;
	DIR *folder = opendir(path);
	struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		size_t name_size = strlen(entry->d_name);
		struct stat st = { 0 };
		int error = fstatat(dirfd(folder), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) ? errno : 0;
		uint8_t *to;

		if (error && !v2)
			continue;
		to = room(s, size + name_size);
		if (v2)
			put_stat2(to, ID_DENT2, error, &st);
		else
			put_stat(to, ID_DENT, &st);
		put_le32(to + size - 4, (uint32_t)name_size);
		memcpy(to + size, entry->d_name, name_size);
	}
	if (folder)
		closedir(folder);
	put_le32(room(s, size), ID_DONE);
	flush(s);
}

static void make_parents(const char *path)
{
	char parent[PATH_SIZE_MAX + 1];
	const char *slash = path + (path[0] == '/');

	while ((slash = strchr(slash, '/'))) {
		memcpy(parent, path, (size_t)(slash - path));
		parent[slash++ - path] = 0;
		mkdir(parent, 0755);	/* what fails here shows when the file is made */
	}
}

/* Reads the next DATA into s->data and returns its size, or -1 at DONE, whose value goes to `time`. */
static ssize_t next_data(struct session *s, uint32_t *time)
{
	uint32_t id, size;

	take(s, s->data, 8);
	id = get_le32(s->data);
	size = get_le32(s->data + 4);
	if (id == ID_DONE) {
		*time = size;
		return -1;
	}
	if (id != ID_DATA || size > DATA_MAX) {
		send_status(s, ID_FAIL, id == ID_DATA ? "oversize data message" : "invalid data message");
		end(s);
	}
	take(s, s->data, size);
	return (ssize_t)size;
}

/* Says at once why a file is not taken, then reads on: the client sends up to DONE before it looks. */
static void refuse(struct session *s, const char *what, int error)
{
	uint32_t time;

	if (s->partial)
		unlink(s->partial);
	s->partial = NULL;
	fail(s, what, error);
	while (next_data(s, &time) >= 0)
		;
}

static void accept_file(struct session *s, const char *path, uint32_t time)
{
	struct timespec times[2] = { { .tv_sec = (time_t)time }, { .tv_sec = (time_t)time } };

	s->partial = NULL;
	utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
	send_status(s, ID_OKAY, "");
}

static void receive_link(struct session *s, const char *path)
{
	char target[PATH_SIZE_MAX + 1];
	size_t have = 0;
	uint32_t time;
	ssize_t got;
	int error;

	while ((got = next_data(s, &time)) >= 0) {
		if ((size_t)got > PATH_SIZE_MAX - have) {
			refuse(s, "symlink failed", ENAMETOOLONG);
			return;
		}
		memcpy(target + have, s->data, (size_t)got);
		have += (size_t)got;
	}
	target[have] = 0;
	error = symlink(target, path) ? errno : 0;
	if (error == ENOENT) {
		make_parents(path);
		error = symlink(target, path) ? errno : 0;
	}
	if (error)
		fail(s, "symlink failed", error);
	else
		accept_file(s, path, time);
}

static int create(const char *path, mode_t mode)
{
	const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
	int fd = open(path, flags, mode);

	if (fd < 0 && errno == ENOENT) {
		make_parents(path);
		fd = open(path, flags, mode);
	}
	return fd;
}

static void receive_file(struct session *s, const char *path, mode_t mode, bool is_new)
{
	int fd = create(path, mode), error;
	uint32_t time;
	ssize_t got;

	if (fd < 0) {
		refuse(s, "couldn't create file", errno);
		return;
	}
	s->partial = is_new ? path : NULL;
	while ((got = next_data(s, &time)) >= 0) {
		if (!write_full(fd, s->data, (size_t)got)) {
			error = errno;
			close(fd);
			refuse(s, "write failed", error);
			return;
		}
	}
	error = is_new && fchmod(fd, mode) ? errno : 0;
	if (close(fd) && !error)
		error = errno;
	if (!error) {
		accept_file(s, path, time);
		return;
	}
	if (s->partial)
		unlink(s->partial);
	s->partial = NULL;
	fail(s, "write failed", error);
}

static void do_send(struct session *s, const char *path, uint32_t mode)
{
	struct stat st;
	bool is_new = lstat(path, &st) || S_ISREG(st.st_mode) || S_ISLNK(st.st_mode);
	mode_t bits = mode & 0777;

	if (is_new)	/* a device node or a folder stays */
		unlink(path);
	if (S_ISLNK(mode)) {
		receive_link(s, path);
		return;
	}
	/* AOSP's adbd gives group and others what the user has, so does every phone: 0600 becomes 0666. */
	bits |= bits >> 3 & 0070;
	bits |= bits >> 3 & 0007;
	receive_file(s, path, bits, is_new);
}

static bool copy_out(struct session *s, int fd)
{
	ssize_t got;

	while ((got = read(fd, s->data + 8, DATA_MAX)) > 0) {
		put_le32(s->data, ID_DATA);
		put_le32(s->data + 4, (uint32_t)got);
		if (!write_full(s->fd, s->data, 8 + (size_t)got))
			end(s);
	}
	return got == 0;
}

static void do_receive(struct session *s, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		fail(s, "open failed", errno);
		return;
	}
	if (copy_out(s, fd))
		put_le32(room(s, 8), ID_DONE);
	else
		fail(s, "read failed", errno);
	flush(s);
	close(fd);
}

static void do_request(struct session *s, uint32_t id, char *path)
{
	uint8_t more[12];
	char *comma, *mode_end;
	unsigned long mode;

	switch (id) {
	case ID_STAT:
	case ID_STAT2:
	case ID_LSTAT2:
		do_stat(s, id, path);
		return;
	case ID_LIST:
	case ID_LIST2:
		do_list(s, id, path);
		return;
	case ID_SEND:
		comma = strrchr(path, ',');
		mode = comma ? strtoul(comma + 1, &mode_end, 0) : 0;
		if (!comma || mode_end == comma + 1 || *mode_end) {
			refuse(s, "bad mode", EINVAL);
			return;
		}
		*comma = 0;
		do_send(s, path, (uint32_t)mode);
		return;
	case ID_RECV:
		do_receive(s, path);
		return;
	case ID_SEND2:
		take(s, more, 12);	/* id again, mode, flags */
		if (get_le32(more) != id || get_le32(more + 8))
			refuse(s, "unknown flags", EINVAL);	/* no compression: none was announced */
		else
			do_send(s, path, get_le32(more + 4));
		return;
	case ID_RECV2:
		take(s, more, 8);	/* id again, flags */
		if (get_le32(more) != id || get_le32(more + 4))
			fail(s, "unknown flags", EINVAL);
		else
			do_receive(s, path);
		return;
	case ID_QUIT:
		end(s);
	default:
		fail(s, "unknown command", EINVAL);
		end(s);
	}
}

void run_sync(int fd)
{
	static struct session s;
	char path[PATH_SIZE_MAX + 1];

	s.fd = fd;
	umask(0);	/* modes come from the client */
	for (;;) {
		uint8_t header[8];
		uint32_t size;

		take(&s, header, sizeof(header));
		size = get_le32(header + 4);
		if (size > PATH_SIZE_MAX) {
			fail(&s, "path too long", ENAMETOOLONG);
			end(&s);
		}
		take(&s, path, size);
		path[size] = 0;
		do_request(&s, get_le32(header), path);
	}
}
