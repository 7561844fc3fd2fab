/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4) of whole blocks of 64 bytes. */
#ifndef HARDBOOT_SHA256_H
#define HARDBOOT_SHA256_H

#include "linux.h"

struct sha256 {
	unsigned state[8];
	unsigned long long size; /* bytes so far */
};

#define SHA256_START                                                                                                   \
	{{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}, 0}

/* Add data: a multiple of 64 bytes. */
void sha256_add(struct sha256 *hash, const char *data, word size);

/* Add the padding; `state` is the hash then. */
void sha256_end(struct sha256 *hash);

#endif
