// SPDX-License-Identifier: Apache-2.0
/*
 * agent pages FILE LIST FIRST COUNT: part of a large file, /proc/vmcore, without the pages that are zero.
 *
 * LIST is a file of runs of pages, two little-endian words each: the number of the first page in FILE,
 * and how many. All runs in a row are one sequence, of which COUNT pages from FIRST on are read. The answer is
 * binary: the pages that are not zero; then a bitmap, one bit a page from the lowest bit of the first byte on, set if
 * the page is there, filled up to whole bytes.
 *
 * agent pour FILE FROM END: the pages FROM to END of FILE, which is made unless it is there. Standard input has runs of
 * pages in rising order: two such words, then the pages. All others are zero, and written too: no block of the file
 * stays without a place on the disk. The answer is binary, for `agent reread`: again and again, how many pages of FILE
 * are written, as eight bytes.
 */
#include "calls.h"
#include "agent.h"

#define PAGES_MAX 0x1000UL
#define BATCH 256UL /* pages read or written at once */
#define TOLD_EVERY 1024UL

struct run {
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

static word told; /* pages that were told to be written */

/* Write pages, and tell it every few MiB, and at the last page. */
static void put_pages(long file, const char *path, const char *data, word page, word count, word end)
{
	unsigned long long written = page + count;

	write_at(file, path, data, count * PAGE_SIZE, (unsigned long long)page * PAGE_SIZE);
	if (written - told < TOLD_EVERY && written != end)
		return;
	write_all((const char *)&written, sizeof(written));
	told = page + count;
}

static void write_zeros(long file, const char *path, word from, word to, word end)
{
	static char zeros[BATCH * PAGE_SIZE]; /* not const: it would be part of the binary */

	while (from < to) {
		word batch = to - from < BATCH ? to - from : BATCH;

		put_pages(file, path, zeros, from, batch, end);
		from += batch;
	}
}

static void read_input(char *data, word size)
{
	while (size) {
		long n = call3(NR_READ, 0, (word)data, size);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			fail(n ? "read" : "past the end of", "standard input", n ? -n : EINVAL);
		data += n;
		size -= (word)n;
	}
}

void pour(int count, char **arguments)
{
	static char data[BATCH * PAGE_SIZE] __attribute__((aligned(16)));
	struct run run;
	word at, end;
	long file;

	output = 2;
	if (count != 3)
		usage("usage: agent pour FILE FROM END", 0);
	at = number(arguments[1]);
	end = number(arguments[2]);
	file = create_or_fail(arguments[0]);
	put_pages(file, arguments[0], data, at, 0, at);
	while (at < end) {
		read_input((char *)&run, sizeof(run));
		if (run.first < at || run.first > end || run.count > end - run.first)
			usage("not in order, or past the end:", "standard input");
		write_zeros(file, arguments[0], at, run.first, end);
		for (at = run.first; run.count;) {
			word batch = run.count < BATCH ? run.count : BATCH;

			read_input(data, batch * PAGE_SIZE);
			put_pages(file, arguments[0], data, at, batch, end);
			run.count -= (unsigned)batch;
			at += batch;
		}
	}
}
