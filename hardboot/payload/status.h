/* SPDX-License-Identifier: Apache-2.0 */
/* What fstatat(2) tells of a file, without the layout of each architecture. */
#ifndef HARDBOOT_STATUS_H
#define HARDBOOT_STATUS_H

struct status {
	unsigned mode;
	unsigned long long size;
	unsigned long modified; /* seconds since 1970 */
};

#endif
