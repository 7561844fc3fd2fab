/* SPDX-License-Identifier: Apache-2.0 */
/* Where the blocks of a file lie (Documentation/filesystems/fiemap.rst), and pinning them on f2fs. */
#ifndef HARDBOOT_FIEMAP_H
#define HARDBOOT_FIEMAP_H

#include "calls.h"

#define FS_IOC_FIEMAP 0xc020660bUL /* include/uapi/linux/fs.h */
#define FIEMAP_FLAG_SYNC 1
#define FIEMAP_EXTENT_LAST 1
#define F2FS_IOC_SET_PIN_FILE 0x4004f50dUL /* include/uapi/linux/f2fs.h */
#define FIEMAP_BATCH 64

struct fiemap { /* include/uapi/linux/fiemap.h */
	unsigned long long start, length;
	unsigned flags, mapped, count, reserved;
	struct {
		unsigned long long logical, physical, length, reserved64[2];
		unsigned flags, reserved[3];
	} extents[FIEMAP_BATCH];
};

/* Ask for extents from `start` on. Returns how many came, at most FIEMAP_BATCH, or a negative error number. */
static inline long ask_extents(long file, struct fiemap *map, unsigned long long start)
{
	long result;

	map->start = start;
	map->length = ~0ULL - start;
	map->flags = FIEMAP_FLAG_SYNC;
	map->count = FIEMAP_BATCH;
	map->mapped = 0;
	result = call3(NR_IOCTL, (word)file, FS_IOC_FIEMAP, (word)map);
	if (result < 0)
		return result;
	return map->mapped < FIEMAP_BATCH ? (long)map->mapped : FIEMAP_BATCH;
}

/* Keep f2fs from moving the blocks of a file that is open for writing. */
static inline long pin_blocks(long file)
{
	unsigned on = 1;

	return call3(NR_IOCTL, (word)file, F2FS_IOC_SET_PIN_FILE, (word)&on);
}

#endif
