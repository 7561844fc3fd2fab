"""What the running kernel can do: kexec, a reset that keeps RAM, logs that survive it, device mapper.

Sources: Linux kernel/ksysfs.c (kexec_loaded), drivers/firmware/psci/psci.c (psci_debugfs_read),
fs/pstore/ram.c (ramoops_probe writes what it uses into its parameters), drivers/md/dm.c (register_blkdev).
"""

import re

from hardboot.device.shells import answers as split
from hardboot.doctor.line import Line, missing, ok, unknown
from hardboot.doctor.questions import Answers

_CONFIG = "Look into the configuration that the kernel was built with."
_PSCI = "/proc/device-tree/psci"
_BACKEND = "/sys/module/pstore/parameters/backend"


def lines(answers: Answers) -> list[Line]:
    """Return the lines of the kernel."""
    release = answers.text("release").strip()
    shown = ok("kernel", release) if release else unknown("kernel", answers.silence, "adb shell uname -r")
    return [shown, _kexec(answers), _warm_reset(answers), _ramoops(answers), _device_mapper(answers)]


def has_kexec(answers: Answers) -> bool | None:
    """Return whether the kernel has kexec_load(2); None if that is unknown."""
    return None if answers.config is None else "KEXEC" in answers.config


def _kexec(answers: Answers) -> Line:
    config, known = answers.config, has_kexec(answers)
    if known:
        return ok("kexec", "kexec_load is there (CONFIG_KEXEC)")
    if config is not None:
        value = "no kexec at all (no CONFIG_KEXEC)"
        if "KEXEC_FILE" in config:
            value = "only kexec_file_load (CONFIG_KEXEC_FILE), which loads no segments of hardboot's"
        return missing("kexec", value, "Build the kernel with it: hardboot patch config TREE")
    output = answers.outputs.get("loaded")
    says = split(output.text)[0].strip() if output else ""
    value = "the kernel shows no configuration (/proc/config.gz)"
    if says in ("0", "1"):
        value += "; it has kexec, perhaps only kexec_file_load"
    return unknown("kexec", value, answers.as_root("hardboot status asks the kernel itself."))


def _warm_reset(answers: Answers) -> Line:
    """Return whether the firmware has a reset that keeps RAM: PSCI SYSTEM_RESET2."""
    name, said, paths = "warm reset", answers.text("psci"), answers.paths
    if re.search(r"^SYSTEM_RESET2 is supported$", said, re.MULTILINE):
        chosen = "; /sys/kernel/reboot/mode chooses it" if "/sys/kernel/reboot/mode" in paths else ""
        return ok(name, f"PSCI SYSTEM_RESET2 is supported{chosen}")
    if said.startswith("PSCI"):
        return missing(name, "the firmware has no PSCI SYSTEM_RESET2", "Whether RAM survives is to be tried.")
    nodes = (_PSCI, "/proc/device-tree/firmware/psci")
    if "/proc/device-tree" in paths and not paths.intersection(nodes):
        how = "Whether RAM survives another reset is to be tried."
        return missing(name, "no PSCI in the device tree", how)
    how = "Look as root: mount -t debugfs none /sys/kernel/debug; cat /sys/kernel/debug/psci (Linux 6.1 on)"
    return unknown(name, "whether the firmware has PSCI SYSTEM_RESET2", how)


def _ramoops(answers: Answers) -> Line:
    """Return whether a log in RAM survives a reset."""
    name, paths, config = "ramoops", answers.paths, answers.config
    address = answers.text("ramoops").strip()
    if re.fullmatch(r"[1-9]\d{0,19}", address):
        return ok(name, f"logs are kept at {int(address):#x}")
    if answers.text("pstore").strip() == "ramoops" or "/dev/pmsg0" in paths:
        return ok(name, "logs are kept")
    if "/proc/last_kmsg" in paths:
        return ok(name, "/proc/last_kmsg keeps the previous kernel's log")
    if address == "0":
        return missing(name, "the driver is there, but no RAM is reserved for it", _CONFIG)
    if config is not None and "PSTORE_RAM" not in config:
        return missing(name, "not in the kernel (no CONFIG_PSTORE_RAM)", _CONFIG)
    return unknown(name, answers.silence, f"Look as root: cat {_BACKEND}; ls /sys/fs/pstore")


def _device_mapper(answers: Answers) -> Line:
    """Return whether images on /data can be made block devices."""
    name, drivers = "device mapper", answers.text("drivers")
    setting = (answers.config or {}).get("BLK_DEV_DM")
    if re.search(r"^\s*\d+ device-mapper$", drivers, re.MULTILINE) or setting == "y":
        return ok(name, "in the kernel")
    if setting == "m":
        return missing(name, "a module that is not loaded (CONFIG_BLK_DEV_DM=m)", "Load dm-mod.")
    if answers.config is not None or drivers.strip():
        return missing(name, "not in the kernel (no CONFIG_BLK_DEV_DM)", _CONFIG)
    return unknown(name, answers.silence, "Look on the phone: cat /proc/devices")
