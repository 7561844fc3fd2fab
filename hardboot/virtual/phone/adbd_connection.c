/* SPDX-License-Identifier: Apache-2.0 */
/* One client: packets, authorisation and streams, in one poll loop that never blocks on the client. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "adbd.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define A_CNXN 0x4e584e43	/* commands: protocol.txt */
#define A_AUTH 0x48545541
#define A_OPEN 0x4e45504f
#define A_OKAY 0x59414b4f
#define A_CLSE 0x45534c43
#define A_WRTE 0x45545257
#define AUTH_TOKEN 1
#define AUTH_SIGNATURE 2
#define VERSION_WITH_SUMS 0x01000000
#define VERSION 0x01000001		/* both sides at this version: data_check is not used */
#define HEADER_SIZE 24
#define EARLY_PAYLOAD_MAX 4096		/* before the client is let in */
#define CLIENT_DATA_MIN 256
#define MAX_STREAMS 64
#define MAX_SIGNATURES 64
#define HANDSHAKE_MS 60000
#define OUT_FULL (64 * 1024)		/* with so much unsent, nothing more is read from anywhere */
#define OUT_SLACK (16 * 1024)		/* for the short answers that cannot wait: a few per stream */

struct stream {
	uint32_t local, remote;		/* local 0: free */
	int fd;
	bool may_send;			/* the client has acknowledged all we sent */
	bool closing;			/* the client is gone; what it sent still goes to the service */
	uint8_t *in;			/* what the service has not taken yet; acknowledged when all is */
	size_t in_size, in_done;
};

struct connection {
	const struct config *config;
	int fd;
	bool online, challenged;
	uint32_t version, max_data, client_max_data;
	int signatures;
	uint8_t token[TOKEN_SIZE];
	uint8_t header[HEADER_SIZE], *payload;
	size_t header_have, payload_have;
	uint8_t *out;
	size_t out_begin, out_end, out_size;
	uint32_t last_local;
	struct stream streams[MAX_STREAMS];
};

static uint32_t sum(const uint8_t *data, size_t size)
{
	uint32_t total = 0;

	while (size--)
		total += *data++;
	return total;
}

/* Room for a payload of `size` bytes behind the header of a packet to come. */
static uint8_t *packet_room(struct connection *c, size_t size)
{
	if (c->out_end + HEADER_SIZE + size > c->out_size) {
		memmove(c->out, c->out + c->out_begin, c->out_end - c->out_begin);
		c->out_end -= c->out_begin;
		c->out_begin = 0;
	}
	if (c->out_end + HEADER_SIZE + size > c->out_size)
		_exit(1);	/* cannot happen: reading stops at OUT_FULL */
	return c->out + c->out_end + HEADER_SIZE;
}

/* Queues a packet whose payload already lies where packet_room() said. */
static void queue_packet(struct connection *c, uint32_t command, uint32_t arg0, uint32_t arg1, size_t size)
{
	uint8_t *header = c->out + c->out_end;
	bool summed = !c->online || c->version < VERSION;

	put_le32(header, command);
	put_le32(header + 4, arg0);
	put_le32(header + 8, arg1);
	put_le32(header + 12, (uint32_t)size);
	put_le32(header + 16, summed ? sum(header + HEADER_SIZE, size) : 0);
	put_le32(header + 20, ~command);
	c->out_end += HEADER_SIZE + size;
}

static void send_packet(struct connection *c, uint32_t command, uint32_t arg0, uint32_t arg1, const void *data,
			size_t size)
{
	uint8_t *room = packet_room(c, size);

	if (size)
		memcpy(room, data, size);
	queue_packet(c, command, arg0, arg1, size);
}

static void free_stream(struct stream *s)
{
	close(s->fd);	/* the service sees the end and goes */
	free(s->in);
	*s = (struct stream){ 0 };
}

static void close_stream(struct connection *c, struct stream *s)
{
	if (!s->closing)
		send_packet(c, A_CLSE, s->local, s->remote, NULL, 0);
	free_stream(s);
}

static struct stream *find_stream(struct connection *c, uint32_t local, uint32_t remote)
{
	for (struct stream *s = c->streams; s < c->streams + MAX_STREAMS; s++)
		if (local && s->local == local && s->remote == remote && !s->closing)
			return s;
	return NULL;
}

/* Hands waiting bytes to the service; an OKAY follows the last one. */
static void feed(struct connection *c, struct stream *s)
{
	while (s->in_done < s->in_size) {
		ssize_t put = write(s->fd, s->in + s->in_done, s->in_size - s->in_done);

		if (put < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (put < 0)
			break;	/* it reads no more, but its last words are still to be fetched */
		s->in_done += (size_t)put;
	}
	free(s->in);
	s->in = NULL;
	s->in_size = s->in_done = 0;
	if (s->closing)
		free_stream(s);
	else
		send_packet(c, A_OKAY, s->local, s->remote, NULL, 0);
}

static void take_write(struct connection *c, struct stream *s, size_t size)
{
	if (s->in || !size || !(s->in = malloc(size))) {	/* a second packet before our OKAY breaks the protocol */
		close_stream(c, s);
		return;
	}
	memcpy(s->in, c->payload, size);
	s->in_size = size;
	feed(c, s);
}

/* Sends one packet of what the service says; at its end the stream is closed. */
static void fetch(struct connection *c, struct stream *s)
{
	size_t most = c->max_data < c->client_max_data ? c->max_data : c->client_max_data;
	ssize_t got = read(s->fd, packet_room(c, most), most);

	if (got > 0) {
		queue_packet(c, A_WRTE, s->local, s->remote, (size_t)got);
		s->may_send = false;
	} else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
		close_stream(c, s);
	}
}

static void take_open(struct connection *c, uint32_t remote, const uint8_t *data, size_t size)
{
	struct stream *s = c->streams;
	char *name;

	if (!remote)
		return;
	while (s < c->streams + MAX_STREAMS && s->local)
		s++;
	if (size && data[size - 1] == 0)
		size--;
	name = memchr(data, 0, size) ? NULL : strndup((const char *)data, size);
	if (name && s < c->streams + MAX_STREAMS && (s->fd = open_service(c->config, name)) >= 0) {
		s->local = ++c->last_local ? c->last_local : ++c->last_local;
		s->remote = remote;
		s->may_send = true;
		send_packet(c, A_OKAY, s->local, remote, NULL, 0);
	} else {
		send_packet(c, A_CLSE, 0, remote, NULL, 0);
	}
	free(name);
}

static void send_banner(struct connection *c)
{
	send_packet(c, A_CNXN, VERSION, c->max_data, c->config->banner, strlen(c->config->banner));
	c->online = true;
}

static bool challenge(struct connection *c)
{
	c->challenged = new_token(c->token);
	if (c->challenged)
		send_packet(c, A_AUTH, AUTH_TOKEN, 0, c->token, TOKEN_SIZE);
	return c->challenged;
}

static bool take_greeting(struct connection *c, uint32_t version, uint32_t client_max_data)
{
	if (c->online || c->challenged || version < VERSION_WITH_SUMS || client_max_data < CLIENT_DATA_MIN)
		return false;
	c->version = version;
	c->client_max_data = client_max_data;
	if (c->config->keys_path)
		return challenge(c);
	send_banner(c);
	return true;
}

static bool take_auth(struct connection *c, uint32_t kind, size_t size)
{
	if (!c->challenged || c->online)
		return true;
	/* AUTH_RSAPUBLICKEY asks the phone's owner to accept the key. Nobody is there: adb_keys alone decides, and the
	 * client stays unauthorised until the handshake's time is over. */
	if (kind != AUTH_SIGNATURE)
		return true;
	if (++c->signatures > MAX_SIGNATURES)
		return false;
	if (!signature_is_trusted(c->config->keys_path, c->token, c->payload, size))
		return challenge(c);
	send_banner(c);
	return true;
}

/* Acts on one whole packet; false ends the connection. */
static bool take_packet(struct connection *c, size_t size)
{
	uint32_t command = get_le32(c->header), arg0 = get_le32(c->header + 4), arg1 = get_le32(c->header + 8);
	struct stream *s;

	if ((!c->online || c->version < VERSION) && get_le32(c->header + 16) != sum(c->payload, size))
		return false;
	if (command == A_CNXN)
		return take_greeting(c, arg0, arg1);
	if (command == A_AUTH)
		return take_auth(c, arg0, size);
	if (!c->online)
		return true;
	if (command == A_OPEN) {
		take_open(c, arg0, c->payload, size);
		return true;
	}
	s = find_stream(c, arg1, arg0);
	if (!s)
		return true;	/* it may just have ended: not the client's fault */
	if (command == A_OKAY) {
		s->may_send = true;
	} else if (command == A_WRTE) {
		take_write(c, s, size);
	} else if (command == A_CLSE) {
		send_packet(c, A_CLSE, s->local, s->remote, NULL, 0);
		s->closing = true;
		if (!s->in)
			free_stream(s);
	}
	return true;
}

/* Reads what has come, at most one packet; false ends the connection. */
static bool receive(struct connection *c)
{
	size_t size = 0;
	ssize_t got = 1;

	if (c->header_have < HEADER_SIZE) {
		got = recv(c->fd, c->header + c->header_have, HEADER_SIZE - c->header_have, 0);
		if (got > 0)
			c->header_have += (size_t)got;
	}
	if (c->header_have == HEADER_SIZE) {
		uint32_t most = c->online || c->max_data < EARLY_PAYLOAD_MAX ? c->max_data : EARLY_PAYLOAD_MAX;

		size = get_le32(c->header + 12);
		if (get_le32(c->header + 20) != ~get_le32(c->header) || size > most)
			return false;
		if (c->payload_have < size) {
			got = recv(c->fd, c->payload + c->payload_have, size - c->payload_have, 0);
			if (got > 0)
				c->payload_have += (size_t)got;
		}
	}
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		return false;
	if (c->header_have < HEADER_SIZE || c->payload_have < size)
		return true;
	c->header_have = c->payload_have = 0;
	return take_packet(c, size);
}

static bool transmit(struct connection *c)
{
	ssize_t put = send(c->fd, c->out + c->out_begin, c->out_end - c->out_begin, 0);

	if (put < 0)
		return errno == EAGAIN || errno == EINTR;
	c->out_begin += (size_t)put;
	if (c->out_begin == c->out_end)
		c->out_begin = c->out_end = 0;
	return true;
}

static bool has_room(const struct connection *c)
{
	return c->out_end - c->out_begin < OUT_FULL;
}

/* One round of waiting and moving bytes; false ends the connection. */
static bool step(struct connection *c, int timeout_ms)
{
	struct pollfd fds[1 + MAX_STREAMS];
	bool room = has_room(c);

	fds[0] = (struct pollfd){ .fd = c->fd, .events = (short)(room ? POLLIN : 0) };
	if (c->out_begin < c->out_end)
		fds[0].events |= POLLOUT;
	for (int i = 0; i < MAX_STREAMS; i++) {
		struct stream *s = &c->streams[i];
		short events = (short)((s->may_send && !s->closing && room ? POLLIN : 0) | (s->in ? POLLOUT : 0));

		/* poll() reports a hang-up unasked: leave out whoever is not wanted, or this loop spins */
		fds[i + 1] = (struct pollfd){ .fd = s->local && events ? s->fd : -1, .events = events };
	}
	if (poll(fds, 1 + MAX_STREAMS, timeout_ms) < 0)
		return errno == EINTR;
	if ((fds[0].revents & POLLOUT) && !transmit(c))
		return false;
	for (int i = 0; i < MAX_STREAMS; i++) {
		struct stream *s = &c->streams[i];

		if (s->in && (fds[i + 1].revents & (POLLOUT | POLLERR)))
			feed(c, s);
		if (s->local && (fds[i + 1].events & POLLIN) && (fds[i + 1].revents & (POLLIN | POLLHUP | POLLERR)) &&
		    has_room(c))
			fetch(c, s);
	}
	if ((fds[0].revents & POLLIN) && has_room(c))
		return receive(c);
	return !(fds[0].revents & (POLLERR | POLLHUP));
}

void serve_connection(const struct config *config, int fd)
{
	static struct connection c;
	int64_t deadline = now_ms() + HANDSHAKE_MS;

	c.config = config;
	c.fd = fd;
	c.max_data = config->max_data;
	c.out_size = OUT_FULL + OUT_SLACK + HEADER_SIZE + config->max_data;
	c.out = malloc(c.out_size);
	c.payload = malloc(config->max_data);
	if (!c.out || !c.payload)
		return;
	for (;;) {
		int64_t left = c.online ? -1 : deadline - now_ms();

		if ((!c.online && left <= 0) || !step(&c, (int)left))
			return;
	}
}
