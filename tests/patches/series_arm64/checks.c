// SPDX-License-Identifier: Apache-2.0
/*
 * kexec_hardboot.c of a patched arm64 tree (SOURCE) in a model of the kernel: what it refuses when an image is
 * loaded, and what it leaves in the control page; with MAINLINE, that of a mainline series, which fills in a
 * record instead. Arguments are NAME=VALUE settings; see main().
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

typedef uint64_t u64;
typedef int32_t s32;
typedef uint64_t phys_addr_t;
typedef uint32_t __be32;

#define __init
#define __ro_after_init
#define __user
#define PAGE_SIZE 4096
#define SZ_4K 4096
#define KEXEC_CONTROL_PAGE_SIZE 4096
#define KEXEC_HARDBOOT 0x4
#define OF_DT_HEADER 0xd00dfeed
#define PSCI_0_2_FN64(n) (0xc4000000 + (n))
#define PSCI_0_2_FN_PSCI_VERSION 0x84000000
#define PSCI_0_2_FN_SYSTEM_RESET 0x84000009
#define PSCI_1_0_FN_PSCI_FEATURES 0x8400000a
#define PSCI_VERSION_MAJOR(version) ((version) >> 16)
#define cpu_to_be32(value) __builtin_bswap32(value)
#define get_user(value, pointer) ((pointer) == FAULT ? -EFAULT : ((value) = *(pointer), 0))
#define FAULT ((__be32 *)16)
#define page_address(page) (page)
#define page_to_phys(page) ((void)(page), CONTROL)
#define CONTROL 0x80001000UL
#define scnprintf snprintf
#define sysfs_emit sprintf
#define IS_ENABLED(option) 0
#define boot_phys_to_phys(address) (address)
#define pr_emerg(...) say("emerg", __VA_ARGS__)
#define pr_err(...) say("err", __VA_ARGS__)
#define pr_info(...) say("info", __VA_ARGS__)
#define pr_warn(...) say("warn", __VA_ARGS__)
#define late_initcall(function) static int (*initcall)(void) = function

struct kimage {
	bool hardboot;
	unsigned long hardboot_dtb, nr_segments, start;
	struct {
		const void *buf;
		size_t bufsz;
		unsigned long mem, memsz;
	} segment[16];
	void *control_code_page;
};
struct kobject {
	int unused;
};
struct kobj_attribute {
	struct attribute {
		const char *name;
	} attr;
	ssize_t (*show)(struct kobject *, struct kobj_attribute *, char *);
};
#define __ATTR_RO(_name) { .attr = { #_name }, .show = _name##_show }
struct attribute_group {
	struct attribute **attrs;
};
#define ATTRIBUTE_GROUPS(name) \
	static const struct attribute_group name##_group = { .attrs = name##_attrs }, \
					    *name##_groups[] = { &name##_group, NULL }
#define sysfs_create_groups(folder, groups) sysfs_create_group(folder, *(groups))
struct of_device_id {
	const char *compatible;
};
struct device_node {
	int unused;
};
struct arm_smccc_res {
	unsigned long a0;
};

static unsigned long ram_end = ~0UL, used_at, node_start, node_end, no_map, version = 0x10001, features, hook_error;
static const char *conduit = "smc";
static bool el2;
static struct kobject *kernel_kobj;
static void *cleaned_start, *cleaned_end;
static const struct attribute_group *shown;

static void say(const char *level, const char *format, ...)
{
	va_list arguments;

	printf("%s ", level);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
}

/* The device tree's node is removed from the RAM (no_map 1), marked (2), or only reserved (0). */
static bool in_node(phys_addr_t addr)
{
	return addr >= node_start && addr < node_end;
}

__attribute__((unused)) static bool memblock_is_map_memory(phys_addr_t addr)
{
	return addr < ram_end && !(no_map && in_node(addr));
}

__attribute__((unused)) static bool memblock_is_reserved(phys_addr_t addr)
{
	return !no_map && in_node(addr);
}

__attribute__((unused)) static bool memblock_is_region_memory(phys_addr_t base, phys_addr_t size)
{
	return base + size <= ram_end && !(no_map == 1 && in_node(base));
}

__attribute__((unused)) static bool memblock_is_region_reserved(phys_addr_t base, phys_addr_t size)
{
	return (used_at >= base && used_at < base + size) || memblock_is_reserved(base);
}

__attribute__((unused)) static int memblock_reserve(phys_addr_t base, phys_addr_t size)
{
	return base == CONFIG_KEXEC_HARDBOOT_PAGE && size == CONFIG_KEXEC_HARDBOOT_PAGE_SIZE ? 0 : -ENOMEM;
}

__attribute__((unused)) static struct device_node *of_find_matching_node(void *from,
									 const struct of_device_id *match)
{
	static struct device_node node;

	return !from && match && *conduit ? &node : NULL;
}

__attribute__((unused)) static bool of_device_is_available(struct device_node *node)
{
	return node;
}

__attribute__((unused)) static int of_property_read_string(struct device_node *node, const char *name,
							   const char **value)
{
	*value = conduit;
	return node && !strcmp(name, "method") ? 0 : -EINVAL;
}

__attribute__((unused)) static void of_node_put(struct device_node *node)
{
	(void)node;
}

__attribute__((unused)) static bool is_hyp_mode_available(void)
{
	return el2;
}

__attribute__((unused)) static void firmware(const char *how, u64 function, u64 argument,
					     struct arm_smccc_res *answer)
{
	if (strcmp(how, conduit))
		abort(); /* a call by the wrong instruction */
	answer->a0 = function == PSCI_0_2_FN_PSCI_VERSION			     ? version
		     : function == PSCI_1_0_FN_PSCI_FEATURES && argument == features ? 0
										     : (unsigned long)-1;
}
#define arm_smccc_smc(f, a, b, c, d, e, g, h, answer) firmware("smc", f, a, answer)
#define arm_smccc_hvc(f, a, b, c, d, e, g, h, answer) firmware("hvc", f, a, answer)

static void machine_restart(char *command)
{
	printf("restart%s\n", command ? command : "");
	exit(0);
}

static struct kobject *kobject_create_and_add(const char *name, struct kobject *parent)
{
	static struct kobject folder;

	return parent == kernel_kobj && !strcmp(name, "kexec_hardboot") ? &folder : NULL;
}

static int sysfs_create_group(struct kobject *folder, const struct attribute_group *group)
{
	shown = group;
	return folder ? 0 : -EINVAL;
}

static void kobject_put(struct kobject *folder)
{
	(void)folder;
	abort();
}

/* What kexec_hardboot_reset.S defines: code, then the four words that are filled in. */
__asm__(".globl kexec_hardboot_reset, kexec_hardboot_words, kexec_hardboot_end\n"
	".globl arm64_relocate_new_kernel_size, relocation_size\n"
	".data\n.balign 8\narm64_relocate_new_kernel_size: relocation_size: .quad 512\nkexec_hardboot_reset: .fill 16, 4, 0x11223344\n"
	"kexec_hardboot_words: .quad 0, 0, 0, 0\nkexec_hardboot_end: .byte 0\n.text\n");
extern unsigned long relocation_size; /* the same, but not const */
/* Where 6.6 has it instead */
#define __relocate_new_kernel_start ((char *)0)
#define __relocate_new_kernel_end ((char *)relocation_size)

#include SOURCE

void kexec_hardboot_clean(void *start, void *end)
{
	cleaned_start = start;
	cleaned_end = end;
}

static int hook(void)
{
	printf("hook\n");
	return -(int)hook_error;
}

int main(int count, char **settings)
{
	static unsigned char page[PAGE_SIZE];
	static __be32 kernel[2] = {0x12345678}, dtb[2];
	struct kimage image = {
		.hardboot = true,
		.nr_segments = 2,
		.start = 0x50000000,
		.segment = {{kernel, 8, 0x50000000, 0x1000}, {dtb, 8, 0x60000000, 0x1000}},
		.control_code_page = page,
	};
	char text[32];

	dtb[0] = cpu_to_be32(OF_DT_HEADER);
	for (int i = 1; i < count; i++) {
		char *value = strchr(settings[i], '=') + 1;
		unsigned long number = strtoul(value, NULL, 0);
#define IS(name) (!strncmp(settings[i], name "=", sizeof(name)))
		if (IS("ram_end"))
			ram_end = number;
		else if (IS("used_at"))
			used_at = number;
		else if (IS("node_start"))
			node_start = number;
		else if (IS("node_end"))
			node_end = number;
		else if (IS("no_map"))
			no_map = number;
		else if (IS("hardboot"))
			image.hardboot = number;
		else if (IS("mem"))
			image.segment[1].mem = number;
		else if (IS("memsz"))
			image.segment[1].memsz = number;
		else if (IS("short"))
			image.segment[1].bufsz = number;
		else if (IS("fault"))
			image.segment[number].buf = FAULT;
		else if (IS("relocation"))
			relocation_size = number;
		else if (IS("conduit"))
			conduit = value;
		else if (IS("el2"))
			el2 = number;
		else if (IS("version"))
			version = number;
		else if (IS("features"))
			features = number;
		else if (IS("hook")) {
			hook_error = number;
			kexec_hardboot_hook = hook;
		} else
			abort();
	}
	kexec_hardboot_reserve();
#ifdef MAINLINE
	unsigned long record[KEXEC_HARDBOOT_REC_SIZE / sizeof(long)];
	int result = kexec_hardboot_prepare(&image, 0x60000000);
#else
	int result = kexec_hardboot_prepare(&image);
#endif

	printf("prepare %d\n", result);
	if (result)
		return 0;
#ifdef MAINLINE
	kexec_hardboot_start(&image, record, 0x60000000);
	printf("record %#lx %#lx %#lx\n", record[0], record[1], record[2]);
#else
	memset(page, 0xee, sizeof(page));
	kexec_hardboot_start(&image);
#endif
	printf("start %#lx\n", image.start);
	if (initcall())
		abort();
	for (int i = 0; shown->attrs[i]; i++) {
		struct kobj_attribute *one = (struct kobj_attribute *)shown->attrs[i];

		one->show(NULL, one, text);
		printf("%s %s", one->attr.name, text);
	}
#ifndef MAINLINE
	unsigned first = 0, last = sizeof(page);

	while (first < sizeof(page) && page[first] == 0xee)
		first++;
	while (last > first && page[last - 1] == 0xee)
		last--;
	printf("written %u-%u\n", first, last);
	if (first == last)
		return 0;
	printf("cleaned %td-%td\n", (unsigned char *)cleaned_start - page, (unsigned char *)cleaned_end - page);
	u64 *words = (u64 *)(page + last) - 4;

	printf("code %#x words %#lx %#lx %#lx %#lx\n", *(uint32_t *)(page + first), (long)words[0], (long)words[1],
	       (long)words[2], (long)words[3]);
#endif
	return 0;
}
