// SPDX-License-Identifier: Apache-2.0
/*
 * agent pages FILE LIST FIRST COUNT: part of a large file, /proc/vmcore, without the pages that are zero.
 *
 * LIST is a file of runs of pages, two little-endian words each: the number of the first page in FILE,
 * and how many. All runs in a row are one sequence, of which COUNT pages from FIRST on are read. The answer is
 * binary: the pages that are not zero; then a bitmap, one bit a page from the lowest bit of the first byte on, set if
 * the page is there, filled up to whole bytes.
 */
#include "agent.h"

#define PAGES_MAX 0x1000UL
#define BATCH 64UL /* pages read at once */

struct run { /* of the list of `pages` */
	unsigned first, count;
};

static void read_pages(long file, const char *path, word page, word count, char *data)
{
	for (word done = 0; done < count * PAGE_SIZE;) {
		unsigned long long offset = (unsigned long long)page * PAGE_SIZE + done;
		long n = read_at(file, data + done, count * PAGE_SIZE - done, offset);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			fail(n ? "read" : "past the end of", path, n ? -n : EINVAL);
		done += (word)n;
	}
}

static int is_zero(const char *page)
{
	const word *words = (const word *)page;

	for (word i = 0; i < PAGE_SIZE / sizeof(word); i++)
		if (words[i])
			return 0;
	return 1;
}

/* Write what is not zero of a run of pages, and note it in the bitmap, where they begin at `index`. */
static void copy(long file, const char *path, word page, word count, word index, unsigned char *bitmap)
{
	static char data[BATCH * PAGE_SIZE] __attribute__((aligned(16)));

	while (count) {
		word batch = count < BATCH ? count : BATCH;

		read_pages(file, path, page, batch, data);
		for (word i = 0; i < batch; i++, index++) {
			if (is_zero(data + i * PAGE_SIZE))
				continue;
			bitmap[index / 8] |= (unsigned char)(1 << index % 8);
			write_all(data + i * PAGE_SIZE, PAGE_SIZE);
		}
		page += batch;
		count -= batch;
	}
}

void pages(int count, char **arguments)
{
	static unsigned char bitmap[PAGES_MAX / 8];
	static struct run runs[BATCH];
	unsigned long long offset = 0;
	word skip, wanted, done = 0;
	long file, list;

	output = 2;
	if (count != 4)
		usage("usage: agent pages FILE LIST FIRST COUNT", 0);
	skip = number(arguments[2]);
	wanted = number(arguments[3]);
	if (!wanted || wanted > PAGES_MAX)
		usage("not 1 to 4096 pages:", arguments[3]);
	file = open_or_fail(arguments[0]);
	list = open_or_fail(arguments[1]);
	while (done < wanted) {
		long n = read_at(list, (char *)runs, sizeof(runs), offset);

		if (n < 0)
			fail("read", arguments[1], -n);
		n /= (long)sizeof(runs[0]);
		if (!n)
			usage("past the end of", arguments[1]);
		offset += (unsigned long long)n * sizeof(runs[0]);
		for (long i = 0; i < n && done < wanted; i++) {
			word take = runs[i].count;

			if (skip >= take) {
				skip -= take;
				continue;
			}
			take -= skip;
			if (take > wanted - done)
				take = wanted - done;
			copy(file, arguments[0], runs[i].first + skip, take, done, bitmap);
			skip = 0;
			done += take;
		}
	}
	write_all((const char *)bitmap, (wanted + 7) / 8);
}
