// SPDX-License-Identifier: Apache-2.0
/*
 * message NAME DEVICE WRITTEN FORMER: the step that takes hardboot's message to the bootloader back.
 *
 * NAME is the partition it is in, misc; DEVICE the name of its block device where the kernel does not know partition
 * names. WRITTEN is the field `command` of struct bootloader_message as hardboot wrote it, FORMER what was there
 * before, in hex. Only WRITTEN is replaced: a message from elsewhere stays. A bootloader may have taken it back
 * itself: those from Little Kernel do (recovery.c, recovery_init), by a 0 in its first byte.
 *
 * A kernel with its storage drivers as modules has no partitions before the ROM's init loads them. Then a child goes on
 * trying beside that init: it touches nothing else, and ends.
 *
 * Source of the field: AOSP bootable/recovery, bootloader_message.h.
 */
#include "hb-init.h"

#define COMMAND_SIZE 32
#define CANDIDATES 8
#define WAIT_MS 3000 /* for the partition: storage drivers take a second or two */
#define POLL_MS 20
#define LATE_MS 120000 /* for the ROM's init to load them */
#define SIGCHLD 17
#define SEEK_SET 0
#define BLKFLSBUF 0x1261 /* include/uapi/linux/fs.h */

struct message {
	const char *name, *device;
	unsigned char written[COMMAND_SIZE], former[COMMAND_SIZE];
};

enum answer { TAKEN_BACK, NO_MESSAGE, FOREIGN, FAILED };

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int parse_hex(const char *text, unsigned char *bytes)
{
	for (word i = 0; i < COMMAND_SIZE; i++, text += 2) {
		if (digit(text[0]) < 0 || digit(text[1]) < 0)
			return 0;
		bytes[i] = (unsigned char)(digit(text[0]) << 4 | digit(text[1]));
	}
	return !*text;
}

static int same(const unsigned char *a, const unsigned char *b)
{
	for (word i = 0; i < COMMAND_SIZE; i++)
		if (a[i] != b[i])
			return 0;
	return 1;
}

/* Read or write the command at the start of the partition; 0, or a negative error number. */
static long transfer(long number, long file, unsigned char *command)
{
	long result = call3(NR_LSEEK, (word)file, 0, SEEK_SET);

	if (result < 0)
		return result;
	do
		result = call3(number, (word)file, (word)command, COMMAND_SIZE);
	while (result == -EINTR);
	return result == COMMAND_SIZE ? 0 : result < 0 ? result : -EIO;
}

static long replace(long file, struct message *message)
{
	unsigned char now[COMMAND_SIZE];
	long result = transfer(NR_WRITE, file, message->former);

	if (!result)
		result = call3(NR_FSYNC, (word)file, 0, 0);
	if (result)
		return result;
	call3(NR_IOCTL, (word)file, BLKFLSBUF, 0); /* what is read now comes from the flash memory */
	result = transfer(NR_READ, file, now);
	return result ? result : same(now, message->former) ? 0 : -EIO;
}

static enum answer look(struct device device, struct message *message, long *error)
{
	unsigned char now[COMMAND_SIZE];
	enum answer answer = FAILED;
	long file = open_device(device);

	*error = file < 0 ? -file : -transfer(NR_READ, file, now);
	if (!*error) {
		if (same(now, message->written)) {
			*error = -replace(file, message);
			answer = *error ? FAILED : TAKEN_BACK;
		} else {
			answer = !now[0] || now[0] == 0xff ? NO_MESSAGE : FOREIGN;
		}
	}
	if (file >= 0)
		call3(NR_CLOSE, (word)file, 0, 0);
	return answer;
}

/* Look at every partition of that name: one on a memory card may have it, too. */
static enum answer try_all(struct message *message, long *error)
{
	struct device found[CANDIDATES];
	word count = find_partitions(message->name, message->device, found, CANDIDATES);
	enum answer best = FAILED;

	*error = ENOENT;
	for (word i = 0; i < count && best != TAKEN_BACK; i++) {
		long cause;
		enum answer answer = look(found[i], message, &cause);

		if (answer < best)
			best = answer;
		if (cause)
			*error = cause;
	}
	return best;
}

static enum answer keep_trying(struct message *message, word limit_ms, long *error)
{
	for (word waited = 0;; waited += POLL_MS) {
		enum answer answer = try_all(message, error);

		if (answer != FAILED || waited >= limit_ms)
			return answer;
		pause_ms(POLL_MS);
	}
}

static void tell_answer(enum answer answer, const char *name, long error)
{
	static const char *const texts[] = {
		[TAKEN_BACK] = "the message to the bootloader is taken back",
		[NO_MESSAGE] = "holds no message to the bootloader any more",
		[FOREIGN] = "holds a message that is not hardboot's; it stays",
		[FAILED] = "the message to the bootloader is still there",
	};

	say(texts[answer], name, answer == FAILED ? error : 0);
}

int take_message_back(char *words)
{
	struct message message;
	enum answer answer;
	long error, child;

	message.name = next_word(&words);
	message.device = next_word(&words);
	if (!parse_hex(next_word(&words), message.written) || !parse_hex(next_word(&words), message.former) || *words) {
		say("the step is malformed: the message to the bootloader is still there", message.name, EINVAL);
		return 1;
	}
	answer = keep_trying(&message, WAIT_MS, &error);
	tell_answer(answer, message.name, error);
	if (answer != FAILED)
		return 0;
	child = system_call(NR_CLONE, SIGCHLD, 0, 0, 0, 0, 0);
	if (child)
		return 1;
	tell_answer(keep_trying(&message, LATE_MS, &error), message.name, error);
	for (;;)
		call3(NR_EXIT_GROUP, 0, 0, 0);
}
