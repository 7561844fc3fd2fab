// SPDX-License-Identifier: Apache-2.0
/*
 * ram_check: what runs after the reset in place of the guest's kernel, for `hardboot probe --ranges`. It compares RAM
 * with the pattern that was loaded there before the reset, notes each page that differs, and jumps to the guest's
 * kernel with the registers that it got itself. The MMU is off; it runs at any address, on a stack of its own.
 *
 * Its segment: this code, PARAMETERS bytes behind its start the parameters, the stack up to its end. payload/ram_check.py
 * writes the parameters and reads the result.
 */
#include "jump.h"

#define PAGE_WORDS 1024
#define STEP 0x9e3779b1U /* odd: no two words of the pattern are the same */
#define DONE 0x6b636863U /* "chck" */

struct range { /* of RAM; its pages follow each other in the result */
	unsigned long long start, pages;
	unsigned long long phase; /* which page of the pattern lies at its start */
};

struct parameters {
	unsigned long long kernel; /* where it jumps to */
	unsigned long long result; /* a word, DONE when it is complete; then a bit for each page */
	unsigned seed, period; /* first word of the pattern, and after how many pages it begins again */
	unsigned long long count;
	struct range ranges[16];
};

static unsigned differs(const unsigned *page, unsigned value)
{
	unsigned difference = 0;

	for (unsigned i = 0; i < PAGE_WORDS; i += 4, value += 4 * STEP) {
		difference |= page[i] ^ value;
		difference |= page[i + 1] ^ (value + STEP);
		difference |= page[i + 2] ^ (value + 2 * STEP);
		difference |= page[i + 3] ^ (value + 3 * STEP);
	}
	return difference;
}

/* Called by the code in jump.h. */
__attribute__((used)) void ram_check(const struct parameters *parameters)
{
	volatile unsigned *done = (volatile unsigned *)(unsigned long)parameters->result;
	volatile unsigned char *bits = (volatile unsigned char *)(done + 1);
	unsigned long page = 0;

	for (unsigned i = 0; i < parameters->count; i++) {
		const struct range *range = &parameters->ranges[i];
		const unsigned *words = (const unsigned *)(unsigned long)range->start;
		unsigned phase = (unsigned)range->phase;

		for (unsigned long n = 0; n < range->pages; n++, page++, words += PAGE_WORDS) {
			if (differs(words, parameters->seed + phase * (PAGE_WORDS * STEP)))
				bits[page / 8] |= (unsigned char)(1 << page % 8);
			if (++phase == parameters->period)
				phase = 0;
		}
	}
	*done = DONE;
}
