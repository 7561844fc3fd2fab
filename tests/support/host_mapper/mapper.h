/* SPDX-License-Identifier: Apache-2.0 */
/* Device mapper for programs that are built for this computer: its calls are printed, as its own header reads them. */
#ifndef HOST_MAPPER_H
#define HOST_MAPPER_H

#include <stdio.h>

/* Whether a request of ioctl(2) is one of device mapper. */
int is_mapper(unsigned long request);

/* Print a call to `stream`; the device gets the number `dev`. Returns the number of the command. */
unsigned print_mapper(FILE *stream, unsigned long request, void *call, unsigned long long dev);

#endif
