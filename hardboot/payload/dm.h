/* SPDX-License-Identifier: Apache-2.0 */
/* Device mapper: block devices made of runs of sectors of another one. */
#ifndef HARDBOOT_DM_H
#define HARDBOOT_DM_H

#include "linux.h"

#define DM_TARGETS_MAX 8192
#define DM_NAME_SIZE 128 /* with the zero at its end: include/uapi/linux/dm-ioctl.h */

struct run_of_sectors { /* of 512 bytes; a file of them is what `build_table` in extents.py makes */
	unsigned long long logical, length, physical;
};

/*
 * Make the device NAME of `count` runs of `device`, which is MAJOR:MINOR or a path, through the open control node.
 * Returns 0 and the number of the device as the kernel encodes it, or a negative error number; then there is no device.
 */
long dm_create(long control, const char *name, const char *device, const struct run_of_sectors *runs, word count,
	       int read_only, unsigned long long *number);
long dm_remove(long control, const char *name);

#endif
