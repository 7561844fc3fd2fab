/* SPDX-License-Identifier: Apache-2.0 */
/* bootctl of the virtual phone: the slots as Android's boot control sees them.
 * Struct bootloader_control and its rules: AOSP hardware/interfaces/boot, libboot_control. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "toolbox.h"

#ifndef MISC			/* tests on a computer name others */
#define MISC "/dev/block/by-name/misc"
#define PROPERTIES "/dev/.properties"
#endif
#define CONTROL_OFFSET 2048	/* bytes into misc; behind struct bootloader_message */
#define CONTROL_MAGIC 0x42414342u
#define CONTROL_VERSION 1
#define SLOTS 2
#define ACTIVE_PRIORITY 15
#define TRIES 7

struct control {
	char suffix[4];
	uint32_t magic;
	uint8_t version;
	uint8_t counts;			/* bits 0-2 number of slots, 3-5 tries of recovery */
	uint8_t reserved0[2];
	struct {
		uint8_t state;		/* bits 0-3 priority, 4-6 tries left, 7 booted successfully */
		uint8_t corrupted;	/* bit 0 */
	} slots[4];
	uint8_t reserved1[8];
	uint32_t crc;			/* of all before it */
};

_Static_assert(sizeof(struct control) == 32, "struct bootloader_control");

static unsigned priority(uint8_t state)
{
	return state & 15;
}

static unsigned tries(uint8_t state)
{
	return state >> 4 & 7;
}

static bool successful(uint8_t state)
{
	return state >> 7;
}

static uint8_t make_state(unsigned priority, unsigned tries, bool successful)
{
	return (uint8_t)(priority | tries << 4 | (unsigned)successful << 7);
}

static uint32_t crc32(const void *from, size_t size)
{
	const uint8_t *p = from;
	uint32_t crc = ~0u;

	while (size--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static uint32_t control_crc(const struct control *control)
{
	return crc32(control, offsetof(struct control, crc));
}

static int fail(const char *what)
{
	fprintf(stderr, "bootctl: %s: %s\n", what, strerror(errno));
	return 1;
}

/* What the bootloader left; false if there is none that is valid. */
static bool load(struct control *control)
{
	int fd = open(MISC, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : pread(fd, control, sizeof(*control), CONTROL_OFFSET);

	if (fd >= 0)
		close(fd);
	if (got != sizeof(*control))
		return fail(MISC), false;
	if (control->magic != CONTROL_MAGIC || control->version != CONTROL_VERSION || control->crc != control_crc(control)) {
		fputs("bootctl: no valid boot control block in misc\n", stderr);
		return false;
	}
	return true;
}

static int store(struct control *control)
{
	int fd = open(MISC, O_WRONLY | O_SYNC | O_CLOEXEC);
	ssize_t put;

	control->crc = control_crc(control);
	put = fd < 0 ? -1 : pwrite(fd, control, sizeof(*control), CONTROL_OFFSET);
	if (fd >= 0)
		close(fd);
	return put == sizeof(*control) ? 0 : fail(MISC);
}

/* The slot this system runs from, as the bootloader said. */
static int current_slot(void)
{
	char text[16 * 1024];
	const char *found;
	int fd = open(PROPERTIES, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[got < 0 ? 0 : got] = 0;
	found = strstr(text, "ro.boot.slot_suffix=_");
	return found ? found[strlen("ro.boot.slot_suffix=_")] - 'a' : -1;
}

/* The slot the bootloader tries next: of those with tries left that with the highest priority. */
static int active_slot(const struct control *control)
{
	int best = -1;

	for (int i = 0; i < SLOTS; i++) {
		uint8_t state = control->slots[i].state;

		if (!tries(state) || control->slots[i].corrupted & 1)
			continue;
		if (best < 0 || priority(state) > priority(control->slots[best].state))
			best = i;
	}
	return best;
}

static void set_active(struct control *control, int slot)
{
	for (int i = 0; i < SLOTS; i++) {
		uint8_t state = control->slots[i].state;

		if (i != slot && priority(state) >= ACTIVE_PRIORITY)
			control->slots[i].state = make_state(ACTIVE_PRIORITY - 1, tries(state), successful(state));
	}
	control->slots[slot].state = make_state(ACTIVE_PRIORITY, TRIES, successful(control->slots[slot].state));
	control->slots[slot].corrupted &= (uint8_t)~1;
}

static int usage(void)
{
	fputs("usage: bootctl COMMAND\n"
	      "  get-number-slots | get-current-slot | get-active-boot-slot | mark-boot-successful\n"
	      "  set-active-boot-slot SLOT | set-slot-as-unbootable SLOT\n"
	      "  is-slot-bootable SLOT | is-slot-marked-successful SLOT | get-suffix SLOT\n", stderr);
	return 64;	/* EX_USAGE, as AOSP's */
}

int bootctl(char **words)
{
	const char *command = words[0] ? words[0] : "";
	struct control control;
	int slot = words[0] && words[1] ? atoi(words[1]) : -1;
	bool has_slot = slot >= 0 && slot < SLOTS;

	if (!strcmp(command, "get-number-slots"))
		return !(printf("%d\n", SLOTS) > 0);
	if (!strcmp(command, "get-current-slot"))
		return !(printf("%d\n", current_slot()) > 0);
	if (!strcmp(command, "get-suffix") && has_slot)
		return !(printf("_%c\n", 'a' + slot) > 0);
	if (!load(&control))
		return 1;
	if (!strcmp(command, "get-active-boot-slot"))
		return !(printf("%d\n", active_slot(&control)) > 0);
	if (!strcmp(command, "mark-boot-successful")) {
		slot = current_slot();
		if (slot < 0)
			return usage();
		if (successful(control.slots[slot].state))
			return 0;
		/* Not 0: a slot that booted keeps a try, or no bootloader would take it again. */
		control.slots[slot].state = make_state(priority(control.slots[slot].state), 1, true);
		return store(&control);
	}
	if (!has_slot)
		return usage();
	if (!strcmp(command, "set-active-boot-slot")) {
		set_active(&control, slot);
		return store(&control);
	}
	if (!strcmp(command, "set-slot-as-unbootable")) {
		control.slots[slot].state = make_state(0, 0, false);
		return store(&control);
	}
	/* Questions are answered by the exit code: 0 for yes, as AOSP's does. */
	if (!strcmp(command, "is-slot-bootable"))
		return !tries(control.slots[slot].state) || control.slots[slot].corrupted & 1;
	if (!strcmp(command, "is-slot-marked-successful"))
		return !successful(control.slots[slot].state);
	return usage();
}
