// SPDX-License-Identifier: Apache-2.0
/*
 * agent pages FILE LIST FIRST COUNT: part of a large file, /proc/vmcore, without the pages that are zero.
 *
 * LIST is a file of runs of pages, two little-endian words each: the number of the first page in FILE,
 * and how many. All runs in a row are one sequence, of which COUNT pages from FIRST on are read. The answer is
 * binary: the pages that are not zero; then a bitmap, one bit a page from the lowest bit of the first byte on, set if
 * the page is there, filled up to whole bytes.
 *
 * agent pour FILE FROM END LIST DATA: the pages FROM to END of FILE, which is made unless it is there. The pages of the
 * runs in LIST come from DATA, where they lie one behind the other; all others are zero, and written too: no block of
 * the file stays without a place on the disk. The runs are in rising order.
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

/* Write zeros to the pages `from` to `end`. */
static void write_zeros(long file, const char *path, word from, word end)
{
	static char zeros[BATCH * PAGE_SIZE]; /* not const: it would be part of the binary */

	while (from < end) {
		word batch = end - from < BATCH ? end - from : BATCH;

		write_at(file, path, zeros, batch * PAGE_SIZE, (unsigned long long)from * PAGE_SIZE);
		from += batch;
	}
}

void pour(int count, char **arguments)
{
	static char data[BATCH * PAGE_SIZE] __attribute__((aligned(16)));
	struct run run;
	unsigned long long offset = 0;
	word at, end, taken = 0;
	long file, list, source, n;

	if (count != 5)
		usage("usage: agent pour FILE FROM END LIST DATA", 0);
	at = number(arguments[1]);
	end = number(arguments[2]);
	list = open_or_fail(arguments[3]);
	source = open_or_fail(arguments[4]);
	file = create_or_fail(arguments[0]);
	while ((n = read_at(list, (char *)&run, sizeof(run), offset)) == sizeof(run)) {
		offset += sizeof(run);
		if (run.first < at || run.first > end || run.count > end - run.first)
			usage("not in order, or past the end:", arguments[3]);
		write_zeros(file, arguments[0], at, run.first);
		for (at = run.first; run.count; run.count -= (unsigned)n) {
			n = run.count < BATCH ? run.count : (long)BATCH;
			read_pages(source, arguments[4], taken, (word)n, data);
			write_at(file, arguments[0], data, (word)n * PAGE_SIZE, (unsigned long long)at * PAGE_SIZE);
			taken += (word)n;
			at += (word)n;
		}
	}
	if (n)
		usage("not whole runs:", arguments[3]);
	write_zeros(file, arguments[0], at, end);
	flush_file(file, arguments[0]);
	put("poured=1\n");
}
