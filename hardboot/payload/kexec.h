/* SPDX-License-Identifier: Apache-2.0 */
/* Which kernel runs, and loading another one: kexec_load(2), include/uapi/linux/kexec.h. */
#ifndef HARDBOOT_KEXEC_H
#define HARDBOOT_KEXEC_H

#include "calls.h"

#define SEEK_END 2
#define PROT_READ 1
#define MAP_PRIVATE 0x02
#define MAP_POPULATE 0x8000

#define UTS_FIELD 65 /* struct new_utsname, include/uapi/linux/utsname.h: six fields of this size */
#define UTS_FIELDS 6
#define UTS_RELEASE 2
#define UTS_VERSION 3

#define KEXEC_SEGMENT_MAX 16
#define KEXEC_ON_CRASH 0x1UL

struct segment {
	const void *buf;
	word bufsz;
	word mem;
	word memsz;
};

static inline long kexec_load(word entry, word count, const struct segment *segments, word flags)
{
	return system_call(NR_KEXEC_LOAD, (long)entry, (long)count, (long)segments, (long)flags, 0, 0);
}

static inline long reboot(word command)
{
	return system_call(NR_REBOOT, (long)LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, (long)command, 0, 0, 0);
}

#endif
