/*
 * The hook of a patched MediaTek tree against a model of the watchdog: what it is left to do.
 *
 * HOOK is kexec_hardboot_mediatek.c. The argument is the mode the driver left, "-" if the registers cannot be
 * mapped. The model has what MediaTek's mt_wdt.h says of the registers: writes without the key do nothing.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef uint32_t u32;
#define __init
#define __iomem
#define late_initcall(function) static int (*initcall)(void) = function

static bool mappable, irqs = true;
static u32 mode, length = 0x7ff, counter;
void (*kexec_hardboot_hook)(void);

static void *ioremap(unsigned long address, unsigned long size)
{
	static char registers[0x10];

	if (address != CONFIG_KEXEC_HARDBOOT_RESET_ADDR || size != sizeof(registers))
		abort();
	return mappable ? registers : NULL;
}

static void *base(void)
{
	return ioremap(CONFIG_KEXEC_HARDBOOT_RESET_ADDR, 0x10);
}

static void local_irq_disable(void)
{
	irqs = false;
}

static u32 readl(void *address)
{
	if (address != base())
		abort();
	return mode;
}

static void writel(u32 value, void *address)
{
	if (irqs)
		puts("written to while others can run");
	switch ((char *)address - (char *)base()) {
	case 0:
		if (value >> 24 == 0x22)
			mode = value & 0xff;
		break;
	case 4:
		if ((value & 0x1f) == 8)
			length = value >> 5 & 0x7ff;
		break;
	case 8:
		if (value == 0x1971)
			counter = length;
		break;
	default:
		puts("another register");
	}
}

#include HOOK

int main(int count, char **arguments)
{
	mappable = count == 2 && arguments[1][0] != '-';
	mode = strtoul(arguments[1], NULL, 16);
	if (initcall()) {
		puts(kexec_hardboot_hook ? "a hook without registers" : "no hook");
		return 0;
	}
	kexec_hardboot_hook();
	if (!(mode & 0x01))
		puts("never");
	else if (mode & 0x48)
		puts("an interrupt");
	else
		printf("reset after %g s, %s power key\n", counter * 512 / 32768., mode & 0x10 ? "no" : "waits for the");
	return 0;
}
