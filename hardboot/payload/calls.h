/* SPDX-License-Identifier: Apache-2.0 */
/* System calls with few arguments. */
#ifndef HARDBOOT_CALLS_H
#define HARDBOOT_CALLS_H

#include "arch.h"
#include "linux.h"

static inline long call3(long number, word a, word b, word c)
{
	return system_call(number, (long)a, (long)b, (long)c, 0, 0, 0);
}

#endif
