/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual phone's init: mounts, modules, by-name links, properties, network, services; then it reaps for ever.
 * Shared by the stock image and by ROMs; a ROM differs in its kernel, default.prop and modules.
 * What fails is said in the kernel's log, and the boot goes on. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BY_NAME "/dev/block/by-name/"
#define PROPERTIES "/dev/.properties"	/* read by toolbox.c */
#define ADB_KEYS "/data/misc/adb/adb_keys"
#define AID_SHELL 2000			/* android_filesystem_config.h */
#define MISC_COMMAND_SIZE 2048		/* struct bootloader_message of Android's bootloader_message.h */
#define MISC_KEYS_OFFSET 4096		/* ADB_KEYS_OFFSET of image.py */
#define MISC_KEYS_SIZE 4096
#define DISK_WAIT_MS 5000
#define DEFAULT_MAXDATA "262144"	/* bytes, of an ADB packet */

static void say(const char *format, ...)
{
	char text[512] = "init: ";
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC), size;
	va_list values;

	va_start(values, format);
	size = 6 + vsnprintf(text + 6, sizeof(text) - 7, format, values);
	va_end(values);
	if (size > (int)sizeof(text) - 2)
		size = sizeof(text) - 2;
	text[size++] = '\n';
	if (fd < 0 || write(fd, text, (size_t)size) < 0)
		return;		/* nobody is left to tell */
	close(fd);
}

/* Reads a file, ends it with a 0; false and "" if it is not there. What does not fit is left out. */
static bool read_file(const char *path, long offset, char *to, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : pread(fd, to, size - 1, offset);

	if (fd >= 0)
		close(fd);
	to[got < 0 ? 0 : got] = 0;
	return got >= 0;
}

static bool write_file(const char *path, int flags, mode_t mode, const void *from, size_t size)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags, mode);
	bool done = fd >= 0 && write(fd, from, size) == (ssize_t)size;

	if (!done)
		say("cannot write %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return done;
}

static void mount_one(const char *source, const char *target, const char *type, unsigned long flags, const char *options)
{
	if (mount(source, target, type, flags, options))
		say("cannot mount %s: %s", target, strerror(errno));
}

static void mount_kernel(void)
{
	mount_one("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mount_one("proc", "/proc", "proc", 0, NULL);
	mount_one("sysfs", "/sys", "sysfs", 0, NULL);
	mkdir("/dev/pts", 0755);
	mount_one("devpts", "/dev/pts", "devpts", 0, "mode=600");
	if (!access("/sys/fs/pstore", F_OK))
		mount_one("pstore", "/sys/fs/pstore", "pstore", 0, NULL);
}

/* Drivers the ROM's kernel has as modules, in the order they need each other. */
static void load_modules(void)
{
	char list[4096], path[256], *rest = list, *name;

	if (!read_file("/lib/modules/modules.load", 0, list, sizeof(list)))
		return;		/* the stock kernel has none */
	while ((name = strsep(&rest, "\n"))) {
		int fd;

		if (!*name)
			continue;
		snprintf(path, sizeof(path), "/lib/modules/%s", name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST))
			say("cannot load %s: %s", name, strerror(errno));
		if (fd >= 0)
			close(fd);
	}
}

static void link_partition(const char *name)
{
	char path[320], device[320], block[320], uevent[1024], *label;

	snprintf(path, sizeof(path), "/sys/class/block/%s/uevent", name);
	snprintf(device, sizeof(device), "/dev/%s", name);
	snprintf(block, sizeof(block), "/dev/block/%s", name);
	if (symlink(device, block))
		say("cannot link %s: %s", block, strerror(errno));
	read_file(path, 0, uevent, sizeof(uevent));
	label = strstr(uevent, "\nPARTNAME=");
	if (!label)
		return;
	label += strlen("\nPARTNAME=");
	snprintf(path, sizeof(path), BY_NAME "%.*s", (int)strcspn(label, "\n"), label);
	if (symlink(block, path))
		say("cannot link %s: %s", path, strerror(errno));
}

static void find_partitions(void)
{
	struct dirent *entry;
	DIR *blocks;

	/* Block devices appear a moment after their driver. */
	for (int waited = 0; access("/dev/vda", F_OK) && waited < DISK_WAIT_MS; waited += 10)
		usleep(10000);
	mkdir("/dev/block", 0755);
	mkdir("/dev/block/by-name", 0755);
	blocks = opendir("/sys/class/block");
	while (blocks && (entry = readdir(blocks)))
		if ((!strncmp(entry->d_name, "vda", 3) && entry->d_name[3]) || !strncmp(entry->d_name, "dm-", 3))
			link_partition(entry->d_name);
	if (blocks)
		closedir(blocks);
}

static char properties[16 * 1024];	/* NAME=VALUE lines; the last one of a name holds */
static size_t properties_size;

static void add_property(const char *prefix, const char *line)
{
	size_t left = sizeof(properties) - properties_size;
	int size = snprintf(properties + properties_size, left, "%s%s\n", prefix, line);

	if ((size_t)size < left)
		properties_size += (size_t)size;
	else
		say("no room for the property %s%s", prefix, line);
	properties[properties_size] = 0;
}

static void add_properties(const char *path)
{
	char text[8192], *rest = text, *line;

	read_file(path, 0, text, sizeof(text));
	while ((line = strsep(&rest, "\n")))
		if (*line && *line != '#')
			add_property("", line);
}

static void add_boot_property(const char *word)
{
	static const char *const also[] = { "serialno=", "hardware=", "bootloader=" };

	if (strncmp(word, "androidboot.", 12) || !strchr(word, '='))
		return;
	word += 12;
	add_property("ro.boot.", word);
	for (size_t i = 0; i < sizeof(also) / sizeof(*also); i++)
		if (!strncmp(word, also[i], strlen(also[i])))
			add_property("ro.", word);
}

/* What the bootloader says: KEY=VALUE words of the command line, KEY = "VALUE" lines of the bootconfig. */
static void add_boot_properties(void)
{
	char text[8192], pair[512], *rest = text, *word;

	read_file("/proc/cmdline", 0, text, sizeof(text));
	while ((word = strsep(&rest, " \n")))
		add_boot_property(word);
	read_file("/proc/bootconfig", 0, text, sizeof(text));
	rest = text;
	while ((word = strsep(&rest, "\n"))) {
		char *value = strstr(word, " = \"");

		if (!value)
			continue;
		snprintf(pair, sizeof(pair), "%.*s=%.*s", (int)(value - word), word,
			 (int)strcspn(value + 4, "\""), value + 4);
		add_boot_property(pair);
	}
}

/* A copy of the property's value, or of `otherwise`. */
static char *property(const char *name, const char *otherwise)
{
	size_t size = strlen(name);
	const char *found = otherwise;

	for (const char *line = properties; *line; line = strchr(line, '\n') + 1)
		if (!strncmp(line, name, size) && line[size] == '=')
			found = line + size + 1;
	return strndup(found, strcspn(found, "\n"));
}

/* One line of the fstab: device, folder, file system, mount options, fs_mgr options. */
static void mount_line(char *line)
{
	const char *field[5], *suffix = "", *option;
	unsigned long flags = 0;
	char device[256], *options;
	size_t count = 0;

	while (count < 5 && (field[count] = strsep(&line, " \t")))
		if (*field[count])
			count++;
	if (count < 5)
		return;
	options = strdup(field[3]);
	while ((option = strsep(&options, ",")))
		flags |= !strcmp(option, "ro") ? MS_RDONLY : !strcmp(option, "nosuid") ? MS_NOSUID :
			 !strcmp(option, "nodev") ? MS_NODEV : 0;
	if (strstr(field[4], "slotselect"))
		suffix = property("ro.boot.slot_suffix", "");
	snprintf(device, sizeof(device), "%s%s", field[0], suffix);
	/* Started by a panic: what the crashed kernel left on the disk is not touched. */
	if (!access("/proc/vmcore", F_OK) && !(flags & MS_RDONLY))
		mount_one("tmpfs", field[1], "tmpfs", flags, NULL);
	else
		mount_one(device, field[1], field[2], flags, NULL);
}

/* By the fstab of this hardware, which new phones have in their vendor ramdisk. */
static void mount_disk(void)
{
	const char *hardware = property("ro.boot.hardware", "");
	char path[256], text[4096], *rest = text, *line;

	snprintf(path, sizeof(path), "/first_stage_ramdisk/fstab.%s", hardware);
	if (access(path, F_OK))
		snprintf(path, sizeof(path), "/fstab.%s", hardware);
	if (!read_file(path, 0, text, sizeof(text)))
		say("no %s", path);
	while ((line = strsep(&rest, "\n")))
		if (*line && *line != '#')
			mount_line(line);
}

/* Recovery was asked for once, through the boot control block at the start of misc. */
static void take_recovery_wish(void)
{
	static const char nothing[MISC_COMMAND_SIZE];
	char command[sizeof("boot-recovery")];

	read_file(BY_NAME "misc", 0, command, sizeof(command));
	if (strcmp(command, "boot-recovery"))
		return;
	add_property("", "ro.boot.mode=recovery");
	write_file(BY_NAME "misc", O_SYNC, 0, nothing, sizeof(nothing));
}

/* As the first boot of a phone does. */
static void make_folders(void)
{
	static const struct {
		const char *path;
		mode_t mode;
		uid_t owner;
	} folders[] = {
		{ "/data", 0771, 0 },
		{ "/data/local", 0771, 0 },
		{ "/data/local/tmp", 0775, AID_SHELL },
		{ "/data/misc", 0755, 0 },
		{ "/data/misc/adb", 0750, 0 },
		{ "/data/app", 0755, 0 },
	};

	if (!access("/data/local/tmp", F_OK))
		return;
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		mkdir(folders[i].path, 0755);	/* /data is there */
		if (chown(folders[i].path, folders[i].owner, folders[i].owner) ||
		    chmod(folders[i].path, folders[i].mode))
			say("cannot make %s: %s", folders[i].path, strerror(errno));
	}
}

/* "Allow USB debugging?" is answered by whoever starts the phone: the key lies in misc. */
static void take_adb_keys(void)
{
	char keys[MISC_KEYS_SIZE + 1];

	read_file(BY_NAME "misc", MISC_KEYS_OFFSET, keys, sizeof(keys));
	write_file(ADB_KEYS, O_CREAT | O_TRUNC, 0640, keys, strlen(keys));
}

static struct sockaddr ipv4(const char *text)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { inet_addr(text) } };
	struct sockaddr general;

	memcpy(&general, &address, sizeof(general));
	return general;
}

static void raise_interface(int fd, const char *name, const char *address, const char *mask)
{
	struct ifreq request = { 0 };
	bool done;

	strcpy(request.ifr_name, name);
	request.ifr_addr = ipv4(address);
	done = !ioctl(fd, SIOCSIFADDR, &request);
	request.ifr_netmask = ipv4(mask);
	done = done && !ioctl(fd, SIOCSIFNETMASK, &request) && !ioctl(fd, SIOCGIFFLAGS, &request);
	request.ifr_flags |= IFF_UP;
	if (!done || ioctl(fd, SIOCSIFFLAGS, &request))
		say("no network on %s: %s", name, strerror(errno));
}

/* The addresses of QEMU's user network. */
static void start_network(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct rtentry route = {
		.rt_dst = ipv4("0.0.0.0"), .rt_genmask = ipv4("0.0.0.0"), .rt_gateway = ipv4("10.0.2.2"),
		.rt_flags = RTF_UP | RTF_GATEWAY,
	};

	raise_interface(fd, "lo", "127.0.0.1", "255.0.0.0");
	raise_interface(fd, "eth0", "10.0.2.15", "255.255.255.0");
	if (ioctl(fd, SIOCADDRT, &route))
		say("no route: %s", strerror(errno));
	close(fd);
}

/* A new process; there is none to fall back to, so this tries until it has one. */
static pid_t new_process(void)
{
	pid_t pid;

	while ((pid = fork()) < 0)
		sleep(1);
	return pid;
}

static void run_program(char *const words[])
{
	dprintf(2, "init: cannot start %s: %s\n", words[0], strerror(execv(words[0], words) ? errno : 0));
	_exit(127);
}

static void redirect(int to, const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		dup2(fd, to);
}

static int exit_code(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Runs a program to its end. */
static void run_once(char *const words[])
{
	pid_t pid = new_process();
	int status;

	if (pid == 0) {
		redirect(2, "/dev/kmsg");
		run_program(words);
	}
	if (waitpid(pid, &status, 0) == pid && exit_code(status))
		say("%s ended with %d", words[0], exit_code(status));
}

/* Starts adbd and returns when it listens, or has ended. */
static pid_t start_adbd(char *const words[])
{
	char text[256];
	int ends[2];
	ssize_t size;
	pid_t pid;

	while (pipe2(ends, O_CLOEXEC))
		sleep(1);
	pid = new_process();
	if (pid == 0) {
		redirect(0, "/dev/null");
		dup2(ends[1], 1);
		redirect(2, "/dev/kmsg");
		run_program(words);
	}
	close(ends[1]);
	size = read(ends[0], text, sizeof(text));	/* it says where it listens */
	if (size > 0)
		write_file("/dev/kmsg", 0, 0, text, (size_t)size);
	close(ends[0]);
	return pid;
}

/* The root shell a developer's phone has on its serial port; it starts when somebody types. */
static pid_t start_shell(void)
{
	char *words[] = { "/system/bin/sh", NULL };
	struct pollfd typed = { .fd = 0, .events = POLLIN };
	pid_t pid = new_process();

	if (pid)
		return pid;
	setsid();
	for (int fd = 0; fd < 3; fd++)
		redirect(fd, "/dev/console");
	poll(&typed, 1, -1);
	run_program(words);
	return 0;
}

int main(void)
{
	char version[128], *names;
	char *adbd_words[] = { "/sbin/adbd", "-m", NULL, "-B", NULL, NULL, NULL, NULL };
	pid_t adbd, shell;

	umask(022);
	setenv("PATH", "/sbin:/system/bin:/system/xbin", 1);
	setenv("ANDROID_ROOT", "/system", 1);
	setenv("ANDROID_DATA", "/data", 1);
	mount_kernel();
	read_file("/proc/sys/kernel/osrelease", 0, version, sizeof(version));
	version[strcspn(version, "\n")] = 0;
	say("starting, kernel %s", version);
	load_modules();
	find_partitions();
	add_boot_properties();
	mount_disk();
	add_properties("/default.prop");
	add_properties("/system/build.prop");
	take_recovery_wish();
	write_file(PROPERTIES, O_CREAT, 0644, properties, properties_size);
	mkdir("/dev/.properties.d", 0755);
	make_folders();
	start_network();
	run_once((char *[]){ "/system/bin/start", NULL });

	adbd_words[2] = property("ro.boot.adb_maxdata", DEFAULT_MAXDATA);
	if (asprintf(&names, "%s;%s;%s", property("ro.product.name", ""), property("ro.product.model", ""),
		     property("ro.product.device", "")) >= 0)
		adbd_words[4] = names;
	if (!strcmp(property("ro.boot.adb_auth", ""), "1")) {
		take_adb_keys();
		adbd_words[5] = "-a";
		adbd_words[6] = ADB_KEYS;
	}
	shell = start_shell();
	adbd = start_adbd(adbd_words);
	if (*property("ro.boot.slot_suffix", ""))	/* this slot boots: the bootloader stops counting */
		run_once((char *[]){ "/system/bin/bootctl", "mark-boot-successful", NULL });
	say("boot completed");
	for (;;) {
		int status;
		pid_t ended = wait(&status);

		if (ended == adbd) {
			say("adbd ended with %d", exit_code(status));
			sleep(1);
			adbd = start_adbd(adbd_words);
		} else if (ended == shell) {
			sleep(1);
			shell = start_shell();
		}
	}
}
