// SPDX-License-Identifier: Apache-2.0
/*
 * /init of a machine that shows a hardboot: as host it loads /Image, /initrd and /dtb with the flag that
 * the kernel names, and lets kexec reset the machine; as guest it says so and switches the machine off.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <termios.h>
#include <unistd.h>

#define PAGE_MASK 4095UL

struct segment { /* struct kexec_segment, include/uapi/linux/kexec.h */
	const void *buf;
	size_t bufsz;
	unsigned long mem;
	size_t memsz;
};

static void end(const char *what)
{
	printf("END %s: %s\n", what, strerror(errno));
	tcdrain(STDOUT_FILENO); /* else the power may go off before the UART has sent the line */
	reboot(RB_POWER_OFF);
	_exit(1);
}

static void read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t got = fd < 0 ? 0 : read(fd, text, size - 1);

	text[got < 0 ? 0 : got] = 0;
	if (fd >= 0)
		close(fd);
}

static struct segment segment(const char *path, unsigned long mem)
{
	struct stat info;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || fstat(fd, &info))
		end(path);
	/* The initial file system is RAM: its pages are the file. */
	void *content = mmap(NULL, info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

	if (content == MAP_FAILED)
		end(path);
	return (struct segment){content, info.st_size, mem, (info.st_size + PAGE_MASK) & ~PAGE_MASK};
}

static long load(unsigned long entry, struct segment *segments, unsigned long count, unsigned long flags)
{
	return syscall(SYS_kexec_load, entry, count, segments, flags);
}

int main(void)
{
	char cmdline[1024], text[64];
	struct utsname kernel;

	mount("proc", "/proc", "proc", 0, NULL);
	mount("sys", "/sys", "sysfs", 0, NULL);
	read_text("/proc/cmdline", cmdline, sizeof(cmdline));
	uname(&kernel);
	printf("%s %s %s", strstr(cmdline, "guest=") ? "GUEST" : "HOST", kernel.release, cmdline);
	if (strstr(cmdline, "guest="))
		end("guest");

	read_text("/sys/kernel/kexec_hardboot/page", text, sizeof(text));
	unsigned long page = strtoul(text, NULL, 16);

	read_text("/sys/kernel/kexec_hardboot/flag", text, sizeof(text));
	unsigned long flag = strtoul(text, NULL, 16);

	printf("PAGE %#lx FLAG %#lx\n", page, flag);
	struct segment segments[] = {
		segment("/Image", 0x50000000),
		segment("/initrd", 0x56000000),
		segment("/dtb", 0x57f00000),
	};
	struct segment over_page = segments[1];

	over_page.mem = page;
	printf("OVER PAGE %s\n", load(page, &over_page, 1, flag) ? strerror(errno) : "accepted");
	printf("ON CRASH %s\n", load(segments[0].mem, segments, 3, flag | 1) ? strerror(errno) : "accepted");
	if (load(segments[0].mem, segments, 3, flag))
		end("kexec_load");
	tcdrain(STDOUT_FILENO);
	reboot(LINUX_REBOOT_CMD_KEXEC);
	end("reboot");
}
