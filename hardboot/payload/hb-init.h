/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of hb-init share. */
#ifndef HARDBOOT_HB_INIT_H
#define HARDBOOT_HB_INIT_H

#include "calls.h"

#define FOLDER "/hb-init/"

/* Write a line to the kernel log: what happened, to what, and Linux's error number; 0 for none. */
void say(const char *what, const char *subject, long error);

/* Write a line to the kernel log that every console shows. */
void say_loudly(const char *text);

int equal(const char *a, const char *b);

/* Cut the next word off a line; an empty one if there is none. */
char *next_word(char **line);

/* Sleep for `milliseconds`, less than 1000. */
void pause_ms(word milliseconds);

/* The number of a block device. */
struct device {
	word major, minor;
};

/*
 * Find the partitions called `name`. Where the kernel does not know the names of partitions, that is `device`, as
 * "mmcblk0p19". Returns how many there are, at most `most`.
 */
word find_partitions(const char *name, const char *device, struct device *found, word most);

/* Open a block device for reading and writing; a negative error number if that fails. */
long open_device(struct device device);

/*
 * The step "message NAME DEVICE WRITTEN FORMER": take hardboot's message to the bootloader back. Returns whether the
 * bootloader may still find it.
 */
int take_message_back(char *words);

/* The step "tell WORD": write it where it may be kept over a restart. */
void tell(const char *text);

/* The step "restart KIND": restart the phone after a few seconds. */
__attribute__((noreturn)) void restart_as(const char *kind);

/* The step "module NAME": load the kernel module /hb-init/NAME. One that is there already is no fault. */
void load_module(const char *name);

/*
 * The step "disk NAME PARTITION DEVICE BYTES ACCESS": make a block device of runs of sectors of a partition. Returns
 * whether it is there.
 */
int make_disk(char *words);

/* The step "root NAME TYPE": mount the disk that `make_disk` made last. Returns whether it is mounted. */
int mount_root(char *words);

/* Make what `mount_root` mounted the root file system. Returns 0, or a negative error number. */
long enter_root(void);

#endif
