// SPDX-License-Identifier: Apache-2.0
/* Device mapper by its ioctls: include/uapi/linux/dm-ioctl.h, version 4. */
#include "calls.h"
#include "dm.h"

#define DM_READONLY_FLAG 1
#define DM_REQUEST(command) (0xc000fd00UL | sizeof(struct dm_ioctl) << 16 | (command)) /* _IOWR(0xfd, command, …) */
#define DM_DEV_CREATE 3
#define DM_DEV_REMOVE 4
#define DM_DEV_SUSPEND 6 /* without DM_SUSPEND_FLAG: resume */
#define DM_TABLE_LOAD 9
#define PARAMETERS_MAX 88 /* "DEVICE SECTOR": a path of 64 bytes, a blank, 20 digits and a zero, in steps of 8 */
#define DEVICE_MAX 64

struct dm_ioctl {
	unsigned version[3], data_size, data_start, target_count;
	int open_count;
	unsigned flags, event_nr, padding;
	unsigned long long dev;
	char name[DM_NAME_SIZE], uuid[129], data[7];
};

struct dm_target_spec {
	unsigned long long sector_start, length;
	int status;
	unsigned next;
	char target_type[16];
};

static union {
	struct dm_ioctl header;
	char bytes[sizeof(struct dm_ioctl) + DM_TARGETS_MAX * (sizeof(struct dm_target_spec) + PARAMETERS_MAX)];
} request __attribute__((aligned(8)));

static word copy_text(char *to, const char *text)
{
	word size = 0;

	while ((to[size] = text[size]))
		size++;
	return size;
}

static word copy_decimal(char *to, unsigned long long value)
{
	static const unsigned long long powers[] = {
		10000000000000000000ULL, 1000000000000000000ULL, 100000000000000000ULL, 10000000000000000ULL,
		1000000000000000ULL, 100000000000000ULL, 10000000000000ULL, 1000000000000ULL, 100000000000ULL,
		10000000000ULL, 1000000000ULL, 100000000ULL, 10000000ULL, 1000000ULL, 100000ULL, 10000ULL, 1000ULL,
		100ULL, 10ULL, 1ULL,
	};
	word size = 0;

	/* By subtraction: 32-bit ARM has no division of 64 bits without a library. */
	for (word i = 0; i < sizeof(powers) / sizeof(powers[0]); i++) {
		char digit = '0';

		for (; value >= powers[i]; value -= powers[i])
			digit++;
		if (digit != '0' || size || powers[i] == 1)
			to[size++] = digit;
	}
	to[size] = 0;
	return size;
}

/* Send a command; `size` bytes count with the table of `targets` behind the header. */
static long send(long control, unsigned command, const char *name, unsigned flags, word targets, word size)
{
	struct dm_ioctl *header = &request.header;

	for (word i = 0; i < sizeof(*header); i++)
		request.bytes[i] = 0;
	header->version[0] = 4;
	header->data_size = (unsigned)size;
	header->data_start = sizeof(*header);
	header->target_count = (unsigned)targets;
	header->flags = flags;
	copy_text(header->name, name);
	return call3(NR_IOCTL, (word)control, DM_REQUEST(command), (word)header);
}

/* Write the table behind the header; returns where it ends. */
static word write_table(const char *device, const struct run_of_sectors *runs, word count)
{
	char *at = request.bytes + sizeof(request.header);

	for (word i = 0; i < count; i++) {
		struct dm_target_spec *target = (struct dm_target_spec *)at;
		char *text = at + sizeof(*target);

		target->sector_start = runs[i].logical;
		target->length = runs[i].length;
		target->status = 0;
		for (word byte = 0; byte < sizeof(target->target_type); byte++)
			target->target_type[byte] = 0;
		copy_text(target->target_type, "linear");
		text += copy_text(text, device);
		*text++ = ' ';
		text += copy_decimal(text, runs[i].physical) + 1;
		target->next = (unsigned)((text - at + 7) & ~7L);
		at += target->next;
	}
	return (word)(at - request.bytes);
}

long dm_remove(long control, const char *name)
{
	return send(control, DM_DEV_REMOVE, name, 0, 0, sizeof(request.header));
}

long dm_create(long control, const char *name, const char *device, const struct run_of_sectors *runs, word count,
	       int read_only, unsigned long long *number)
{
	word size = 0, length = 0;
	long result;

	while (name[size] && size < DM_NAME_SIZE)
		size++;
	while (device[length] && length < DEVICE_MAX)
		length++;
	if (!size || size == DM_NAME_SIZE || !length || length == DEVICE_MAX || !count)
		return -EINVAL;
	if (count > DM_TARGETS_MAX)
		return -E2BIG;
	result = send(control, DM_DEV_CREATE, name, 0, 0, sizeof(request.header));
	if (result < 0)
		return result;
	*number = request.header.dev;
	size = write_table(device, runs, count);
	result = send(control, DM_TABLE_LOAD, name, read_only ? DM_READONLY_FLAG : 0, count, size);
	if (result >= 0)
		result = send(control, DM_DEV_SUSPEND, name, 0, 0, sizeof(request.header));
	if (result < 0)
		dm_remove(control, name);
	return result < 0 ? result : 0;
}
