// SPDX-License-Identifier: Apache-2.0
/*
 * SHA-256 (FIPS 180-4). The phone's own sha256sum would read a pipe, page by page: on a slow CPU each page costs more
 * than its hash. arm64 has instructions for it on most CPUs.
 */
#include "sha256.h"
#ifdef __aarch64__
#include "calls.h"
#include <arm_neon.h>
#endif

#define BLOCK 64

static const unsigned constants[BLOCK] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static unsigned rotated(unsigned value, int bits)
{
	return value >> bits | value << (32 - bits);
}

/* The word `i` of the schedule; `words` holds the last sixteen. */
static unsigned next_word(unsigned *words, unsigned i)
{
	unsigned before = words[(i + 1) & 15], later = words[(i + 14) & 15];

	return words[i & 15] += (rotated(before, 7) ^ rotated(before, 18) ^ before >> 3) + words[(i + 9) & 15] +
				(rotated(later, 17) ^ rotated(later, 19) ^ later >> 10);
}

static void add_block(unsigned *state, const unsigned char *data)
{
	unsigned words[16], a = state[0], b = state[1], c = state[2], d = state[3];
	unsigned e = state[4], f = state[5], g = state[6], h = state[7];

	for (unsigned i = 0; i < BLOCK; i++) {
		unsigned first, second;

		if (i < 16)
			words[i] = (unsigned)data[4 * i] << 24 | (unsigned)data[4 * i + 1] << 16 |
				   (unsigned)data[4 * i + 2] << 8 | data[4 * i + 3];
		first = h + (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) + (g ^ (e & (f ^ g))) + constants[i] +
			(i < 16 ? words[i] : next_word(words, i));
		second = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) + ((a & b) | (c & (a | b)));
		h = g, g = f, f = e, e = d + first;
		d = c, c = b, b = a, a = first + second;
	}
	state[0] += a, state[1] += b, state[2] += c, state[3] += d;
	state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

#ifdef __aarch64__
#define AT_HWCAP 16
#define HWCAP_SHA2 (1UL << 6) /* arch/arm64/include/uapi/asm/hwcap.h */

static int has_instructions(void)
{
	word pairs[64] = {0};
	long file = call3(NR_OPENAT, (word)AT_FDCWD, (word)"/proc/self/auxv", O_RDONLY | O_CLOEXEC), size;

	if (file < 0)
		return 0;
	size = call3(NR_READ, (word)file, (word)pairs, sizeof(pairs));
	call3(NR_CLOSE, (word)file, 0, 0);
	for (word i = 0; size > 0 && i + 1 < (word)size / sizeof(word); i += 2)
		if (pairs[i] == AT_HWCAP)
			return (pairs[i + 1] & HWCAP_SHA2) != 0;
	return 0;
}

/* Four rounds an instruction pair; `words` holds the last sixteen of the schedule, four each. */
__attribute__((target("sha2"))) static void add_blocks(unsigned *state, const unsigned char *data, word size)
{
	uint32x4_t low = vld1q_u32(state), high = vld1q_u32(state + 4);

	for (const unsigned char *end = data + size; data < end; data += BLOCK) {
		uint32x4_t words[4], low_before = low, high_before = high;

		for (int i = 0; i < 4; i++)
			words[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(data + 16 * i)));
		for (int i = 0; i < BLOCK / 4; i++) {
			uint32x4_t now = words[i & 3], added = vaddq_u32(now, vld1q_u32(constants + 4 * i)), before = low;

			low = vsha256hq_u32(low, high, added);
			high = vsha256h2q_u32(high, before, added);
			words[i & 3] = vsha256su1q_u32(vsha256su0q_u32(now, words[(i + 1) & 3]), words[(i + 2) & 3],
						       words[(i + 3) & 3]);
		}
		low = vaddq_u32(low, low_before);
		high = vaddq_u32(high, high_before);
	}
	vst1q_u32(state, low);
	vst1q_u32(state + 4, high);
}
#endif

void sha256_add(struct sha256 *hash, const char *data, word size)
{
	const unsigned char *at = (const unsigned char *)data, *end = at + size;

#ifdef __aarch64__
	static int known, fast;

	if (!known)
		known = 1, fast = has_instructions();
	if (fast)
		add_blocks(hash->state, at, size), at = end;
#endif
	for (; at < end; at += BLOCK)
		add_block(hash->state, at);
	hash->size += size;
}

void sha256_end(struct sha256 *hash)
{
	unsigned char last[BLOCK] = {0x80};

	for (int i = 0; i < 8; i++)
		last[BLOCK - 1 - i] = (unsigned char)(hash->size * 8 >> 8 * i);
	add_block(hash->state, last);
}
