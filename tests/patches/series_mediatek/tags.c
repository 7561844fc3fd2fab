/*
 * The end of setup_machine_tags() of a patched MediaTek tree: which RAM the running kernel takes from the ATAGS,
 * and which /proc/atags shows to the loader. TAGS is that part of setup.c.
 */
#include <stdio.h>

#define ATAG_CORE 0x54410001
#define IS_ENABLED(option) option

struct tag {
	struct { unsigned int size, tag; } hdr;
	unsigned int ram;
};
static struct { int nr_banks; } meminfo;
static unsigned int saved, parsed;
static char *from;

static void fixup(struct tag *tags, char **cmdline, void *info)
{
	tags->ram -= 16;	/* MiB, for the modem */
}
static struct { void (*fixup)(struct tag *, char **, void *); } machine = { fixup }, *mdesc = &machine;

static void save_atags(const struct tag *tags) { saved = tags->ram; }
static void parse_tags(const struct tag *tags) { parsed = tags->ram; }
static void squash_mem_tags(struct tag *tags) { tags->ram = 0; }

int main(void)
{
	struct tag tag = { { 5, ATAG_CORE }, 512 }, *tags = &tag;

#include TAGS
	printf("kernel %u, loader %u\n", parsed, saved);
	return 0;
}
