/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the virtual phone's adbd share. Protocol facts: AOSP packages/modules/adb, protocol.txt,
 * SERVICES.TXT, SYNC.TXT and the public struct layouts they name. */
#ifndef ADBD_H
#define ADBD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKEN_SIZE 20

struct config {
	const char *banner;	/* text of our CNXN packet */
	const char *keys_path;	/* adb_keys, or NULL: every client is let in */
	const char *shell_path;
	const char *reboot_path;
	uint32_t max_data;	/* largest payload we take and send, bytes */
	uint32_t service_id;	/* uid and gid of services when adbd is root; 0 keeps root */
};

static inline uint32_t get_le32(const void *from)
{
	const uint8_t *p = from;

	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void put_le32(void *to, uint32_t value)
{
	uint8_t *p = to;

	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> (8 * i));
}

/* adbd.c: whole reads and writes on a blocking descriptor; false at its end or on an error. */
bool read_full(int fd, void *to, size_t size);
bool write_full(int fd, const void *from, size_t size);
bool write_text(int fd, const char *text);
int64_t now_ms(void);

/* adbd_connection.c: serves one client until it is gone. */
void serve_connection(const struct config *config, int fd);

/* adbd_auth.c */
bool new_token(uint8_t token[TOKEN_SIZE]);
bool signature_is_trusted(const char *keys_path, const uint8_t token[TOKEN_SIZE], const uint8_t *signature, size_t size);

/* adbd_services.c: the descriptor that speaks to a new process for the service, or -1 when there is no such service. */
int open_service(const struct config *config, const char *name);
void end_inheritance(void);	/* signals as a fresh program expects them */

/* adbd_shell.c and adbd_sync.c: run inside their own process, already with the service's uid. */
struct shell_request {
	const char *command;	/* empty: interactive */
	const char *terminal;	/* value of TERM */
	bool v2;		/* packets for stdin, stdout, stderr and the exit code */
	bool pty;
};

bool parse_shell_service(const char *name, struct shell_request *request);
void run_shell(const struct config *config, int fd, const struct shell_request *request);
void run_sync(int fd);

#endif
