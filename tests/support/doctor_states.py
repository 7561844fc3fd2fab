"""States of a scripted phone, with the lines and the next steps that `hardboot doctor` has for each."""

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scripted_phone import HOST, STOCK, Kernel, ScriptedPhone

GKI = "CONFIG_IKCONFIG_PROC=y\nCONFIG_BLK_DEV_DM=y\nCONFIG_PSTORE_RAM=y\n"
UNLOCKED = (
    "androidboot.flash.locked=0 androidboot.verifiedbootstate=orange androidboot.vbmeta.device_state=unlocked"
)
LOCKED = "androidboot.flash.locked=1 androidboot.verifiedbootstate=green"
BOOT = "hardboot boot IMAGE"
DRY_RUN = f"{BOOT} --dry-run"
FASTBOOT = "adb reboot bootloader; fastboot boot IMAGE"
VIA_FASTBOOT = f"{BOOT} --via fastboot"
APPLY = "hardboot patch apply TREE --device virt-arm"
TO_HOST = [
    "hardboot backup",
    APPLY,
    "hardboot host-image BOOT.IMG --kernel KERNEL -o host.img",
    "hardboot flash-host-kernel host.img --reboot",
]
AGAIN = "hardboot doctor"

Prepare = Callable[[ScriptedPhone], object]


@dataclass(frozen=True)
class Case:
    """A state of a phone.

    Attributes:
        prepare: What makes it so.
        lines: By name: the state, and words of the value.
        steps: The commands of the next steps, all of them.
    """

    prepare: Prepare
    lines: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    steps: tuple[str, ...] | None = None


def kernel(
    known: Kernel, cmdline: str = "console=ttyAMA0", config: str | None = None, **files: str
) -> Prepare:
    """Return what starts a kernel that shows a configuration and files (`__` stands for a slash)."""
    shown: dict[str, bytes | None] = {
        f"/{name.replace('__', '/')}": one.encode() for name, one in files.items()
    }
    if config is not None:
        shown["/proc/config.gz"] = gzip.compress(config.encode())
    return lambda phone: phone.start(replace(known, cmdline=cmdline, files=shown))


def properties(**values: str) -> Prepare:
    """Return what sets properties (`__` stands for a dot)."""
    return lambda phone: phone.properties.update(
        {name.replace("__", "."): one for name, one in values.items()}
    )


def rooted_by(root: Any) -> Prepare:
    return lambda phone: setattr(phone, "root", root)


def battery(charge: str, status: str) -> Prepare:
    def put(phone: ScriptedPhone) -> None:
        for name, content in (("type", "Battery\n"), ("capacity", f"{charge}\n"), ("status", f"{status}\n")):
            phone.add_file(f"/sys/class/power_supply/battery/{name}", content)
        phone.add_file("/sys/class/power_supply/usb/type", "USB\n")

    return put


def data(**options: Any) -> Prepare:
    def mount(phone: ScriptedPhone) -> None:
        phone.files.mounts[-1] = replace(phone.files.mounts[-1], **options)
        assert phone.files.mounts[-1].point == "/data"

    return mount


def both(*prepared: Prepare) -> Prepare:
    return lambda phone: [one(phone) for one in prepared]


def trimmed(phone: ScriptedPhone) -> None:
    phone.missing |= {"zcat", "gzip", "od", "df", "blockdev", "readlink"}


CASES = {
    "a host": Case(
        lambda _phone: None,
        {
            "connection": ("ok", "HBSCRIPT at 127.0.0.1:5599, its own system is running"),
            "root": ("ok", "su -c COMMAND gives it"),
            "host kernel": ("ok", "page 0x44000000"),
            "loaded image": ("ok", "nothing"),
            "slots": ("ok", "none: one boot partition"),
            "boot image": ("ok", "header v0, in /dev/block/by-name/boot"),
            "partitions": ("ok", "boot, recovery: as the profile says"),
            "tested": ("ok", "on the virtual phone"),
            "lock": ("unknown", "the bootloader does not tell"),
            "verified boot": ("unknown", "the bootloader does not tell"),
            "kexec": ("unknown", "it has kexec, perhaps only kexec_file_load"),
            "warm reset": ("unknown", "whether the firmware has PSCI SYSTEM_RESET2"),
            "encryption": ("unknown", "the phone does not tell"),
            "battery": ("ok", "80 %, discharging"),
            "backups": ("not", "none of this phone"),
        },
        (BOOT, DRY_RUN, "hardboot backup"),
    ),
    "a stock kernel, unlocked": Case(
        kernel(STOCK, UNLOCKED, GKI + "CONFIG_KEXEC=y\n"),
        {
            "lock": (
                "ok",
                "unlocked (flash.locked=0, vbmeta.device_state=unlocked, verifiedbootstate=orange)",
            ),
            "verified boot": ("ok", "orange"),
            "host kernel": ("not", "no hardboot support"),
            "kexec": ("ok", "kexec_load is there"),
            "device mapper": ("ok", "in the kernel"),
        },
        (VIA_FASTBOOT, f"{BOOT} --via recovery", f"{BOOT} --via soft", *TO_HOST),
    ),
    "a stock kernel, locked": Case(
        kernel(STOCK, LOCKED, GKI),
        {
            "lock": ("not", "locked (flash.locked=1, verifiedbootstate=green)"),
            "verified boot": ("not", "green: only images signed by the phone's maker start"),
            "kexec": ("not", "no kexec at all"),
        },
        (TO_HOST[0], "adb reboot bootloader; fastboot flashing unlock", *TO_HOST[1:3]),
    ),
    "the bootconfig tells the lock": Case(
        kernel(STOCK, proc__bootconfig='androidboot.verifiedbootstate = "yellow"\n'),
        {
            "lock": ("not", "verifiedbootstate=yellow"),
            "verified boot": ("not", "yellow: only images signed with the"),
        },
    ),
    "properties pretend to be locked": Case(
        both(
            kernel(HOST, UNLOCKED),
            properties(ro__boot__flash__locked="1", ro__boot__verifiedbootstate="green"),
        ),
        {"lock": ("ok", "unlocked"), "verified boot": ("ok", "orange")},
    ),
    "properties alone tell the lock": Case(
        properties(ro__boot__vbmeta__device_state="locked"), {"lock": ("not", "vbmeta.device_state=locked")}
    ),
    "a bootloader that contradicts itself": Case(
        kernel(HOST, "androidboot.flash.locked=1 androidboot.verifiedbootstate=orange"),
        {"lock": ("unknown", "contradicts itself: flash.locked=1, verifiedbootstate=orange")},
    ),
    "words that are no states": Case(
        kernel(HOST, "androidboot.verifiedbootstate=pink xandroidboot.flash.locked=0"),
        {"lock": ("unknown", "verifiedbootstate=pink"), "verified boot": ("unknown", "'pink', which is not")},
    ),
    "images that are damaged": Case(
        kernel(HOST, "androidboot.verifiedbootstate=red"), {"verified boot": ("not", "red: the images")}
    ),
    "kexec_file_load alone": Case(
        kernel(STOCK, config=GKI + "CONFIG_KEXEC_FILE=y\n"), {"kexec": ("not", "only kexec_file_load")}
    ),
    "another author's host": Case(
        both(kernel(STOCK, config=GKI + "CONFIG_KEXEC=y\nCONFIG_KEXEC_HARDBOOT=y\n")),
        {"host kernel": ("ok", "another author's hardboot support")},
        (BOOT, DRY_RUN, "hardboot backup"),
    ),
    "a host for another page": Case(
        kernel(replace(HOST, page=0x50000000)),
        {"host kernel": ("not", "the host kernel has the hardboot page at 0x50000000")},
    ),
    "a firmware with a warm reset": Case(
        kernel(
            HOST,
            sys__kernel__debug__psci="PSCIv1.1\nSYSTEM_RESET2 is supported\n",
            sys__kernel__reboot__mode="cold\n",
        ),
        {"warm reset": ("ok", "PSCI SYSTEM_RESET2 is supported; /sys/kernel/reboot/mode chooses it")},
    ),
    "a firmware without a warm reset": Case(
        kernel(HOST, sys__kernel__debug__psci="PSCIv1.0\nSYSTEM_RESET is supported\n"),
        {"warm reset": ("not", "the firmware has no PSCI SYSTEM_RESET2")},
    ),
    "a tree without PSCI": Case(
        kernel(HOST, **{"proc__device-tree__model": "phone"}),
        {"warm reset": ("not", "no PSCI in the device tree")},
    ),
    "a tree with PSCI": Case(
        kernel(HOST, **{"proc__device-tree__psci__method": "smc"}), {"warm reset": ("unknown", "whether")}
    ),
    "ramoops": Case(
        kernel(HOST, sys__module__ramoops__parameters__mem_address=f"{0x44100000}\n"),
        {"ramoops": ("ok", "logs are kept at 0x44100000")},
    ),
    "ramoops without RAM": Case(
        kernel(HOST, sys__module__ramoops__parameters__mem_address="0\n"),
        {"ramoops": ("not", "no RAM is reserved")},
    ),
    "ramoops that hides its place": Case(
        kernel(HOST, sys__module__pstore__parameters__backend="ramoops\n"),
        {"ramoops": ("ok", "logs are kept")},
    ),
    "an old RAM console": Case(
        kernel(HOST, proc__last_kmsg="the end\n"), {"ramoops": ("ok", "/proc/last_kmsg")}
    ),
    "no ramoops": Case(
        kernel(HOST, config="CONFIG_IKCONFIG_PROC=y\n"), {"ramoops": ("not", "no CONFIG_PSTORE_RAM")}
    ),
    "device mapper by its number": Case(
        kernel(HOST, proc__devices="Block devices:\n254 device-mapper\n"),
        {"device mapper": ("ok", "in the kernel")},
    ),
    "device mapper as a module": Case(
        kernel(HOST, config="CONFIG_IKCONFIG_PROC=y\nCONFIG_BLK_DEV_DM=m\n"),
        {"device mapper": ("not", "a module")},
    ),
    "no device mapper": Case(
        kernel(HOST, proc__devices="Block devices:\n259 blkext\n"),
        {"device mapper": ("not", "not in the kernel")},
    ),
    "no root, unlocked": Case(
        both(kernel(STOCK), rooted_by(None), properties(ro__boot__flash__locked="0")),
        {
            "root": ("not", "none"),
            "lock": ("ok", "unlocked"),
            "host kernel": ("unknown", "only root may read it"),
            "partitions": ("unknown", "only root may read it"),
            "boot image": ("unknown", "only root may read it"),
            "loaded image": ("unknown", "only root may read it"),
            "room on /data": ("ok", "8.0 GiB free"),
        },
        (FASTBOOT, AGAIN),
    ),
    "no root, locked": Case(
        both(rooted_by(None), properties(ro__boot__flash__locked="1")),
        {"root": ("not", "none")},
        ("adb reboot bootloader; fastboot flashing unlock", AGAIN),
    ),
    "no root, lock unknown": Case(
        rooted_by(None), {}, ("adb reboot bootloader; fastboot getvar unlocked", AGAIN)
    ),
    "adbd runs as root": Case(
        rooted_by("adbd"), {"root": ("ok", "adbd runs as root")}, (BOOT, DRY_RUN, "hardboot backup")
    ),
    "su of AOSP": Case(rooted_by("su 0"), {"root": ("ok", "su 0 sh -c COMMAND gives it")}),
    "Magisk by its folder": Case(
        lambda phone: phone.make_folder("/data/adb/magisk"),
        {"root": ("ok", "su -c COMMAND gives it, of Magisk")},
    ),
    "recovery": Case(
        both(properties(ro__bootmode="recovery"), rooted_by("adbd")),
        {"connection": ("ok", "its recovery is running")},
        ("hardboot reboot", BOOT, DRY_RUN),
    ),
    "recovery without root": Case(
        both(properties(ro__bootmode="recovery"), rooted_by(None)),
        {"connection": ("ok", "its recovery is running")},
        ("adb reboot bootloader; fastboot getvar unlocked", "adb reboot", AGAIN),
    ),
    "a ROM": Case(
        kernel(STOCK, "androidboot.hardboot=0123abcd"),
        {
            "connection": ("ok", "a ROM booted by hardboot is running"),
            "host kernel": ("not", "a ROM is running; the host kernel comes back after a restart"),
        },
        ("hardboot reboot", f"{BOOT} --from-rom"),
    ),
    "a panic kernel": Case(
        kernel(HOST, "quiet elfcorehdr=0x1000"),
        {"connection": ("ok", "a panic kernel is running")},
        ("hardboot crash pull DUMP", "hardboot reboot"),
    ),
    "a kernel that does not tell what is loaded": Case(
        kernel(replace(HOST, tells_loaded=False)), {"loaded image": ("unknown", "this kernel does not tell")}
    ),
    "/data is read-only": Case(
        data(read_only=True),
        {"room on /data": ("not", "/data is read-only"), "host kernel": ("ok", "page")},
        ("hardboot reboot",),
    ),
    "/data is read-only while a ROM runs": Case(
        both(kernel(STOCK, "androidboot.hardboot=0123abcd"), data(read_only=True)), {}, ("hardboot reboot",)
    ),
    "/data is full": Case(data(capacity=1 << 20), {"room on /data": ("not", "1.0 MiB free")}),
    "/data by file": Case(
        properties(
            ro__crypto__state="encrypted", ro__crypto__type="file", ro__crypto__metadata__enabled="true"
        ),
        {
            "encryption": (
                "ok",
                "/data is encrypted by file, and so is its metadata: other systems cannot read it",
            )
        },
    ),
    "/data in the clear": Case(
        properties(ro__crypto__state="unencrypted"), {"encryption": ("ok", "not encrypted: ROMs can read it")}
    ),
    "a battery that is low": Case(battery("24", "Discharging"), {"battery": ("not", "24 %, discharging")}),
    "a battery that is low and charges": Case(battery("3", "Charging"), {"battery": ("ok", "3 %, charging")}),
    "a battery that is not low": Case(
        battery("25", "Not charging"), {"battery": ("ok", "25 %, not charging")}
    ),
    "two batteries, of which one tells nothing": Case(
        both(
            battery("30", "Full"), lambda phone: phone.add_file("/sys/class/power_supply/a/type", "Battery\n")
        ),
        {"battery": ("ok", "30 %, full")},
    ),
    "a battery that tells nonsense": Case(
        battery("-1", "?"), {"battery": ("unknown", "the phone shows none")}
    ),
    "a write-protected boot partition": Case(
        lambda phone: setattr(phone.boot, "read_only", True),
        {"partitions": ("not", "/dev/block/by-name/boot is write-protected")},
    ),
    "few programs": Case(
        trimmed,
        {
            "boot image": ("unknown", "the phone does not tell"),
            "room on /data": ("unknown", "the phone does not tell"),
            "partitions": ("not", "the phone has no blockdev, readlink, which reading"),
        },
        (BOOT, DRY_RUN, "hardboot backup"),
    ),
    "something else in the boot partition": Case(
        lambda phone: setattr(phone.boot, "cached", b"\x7fELF" + bytes(8192)),
        {"boot image": ("unknown", "magic")},
    ),
    "a shell that ends early": Case(
        lambda phone: phone.fault("cat /proc/devices", drops=True),
        {
            "connection": ("not", "not all questions were answered"),
            "device mapper": ("unknown", "the phone does not tell"),
            "partitions": ("unknown", "closed the connection"),
            "host kernel": ("ok", "page 0x44000000"),
        },
        (BOOT, DRY_RUN, "hardboot backup"),
    ),
    "an unknown phone": Case(
        properties(ro__product__device="nobody"),
        {
            "profile": ("not", "no profile is for ro.product.device='nobody'"),
            "partitions": ("unknown", "no profile"),
            "host kernel": ("unknown", "without a profile"),
            "boot image": ("ok", "header v0"),
        },
        ("hardboot devices suggest --install",),
    ),
    "an unknown phone, unlocked": Case(
        both(kernel(STOCK, UNLOCKED), properties(ro__product__device="nobody")),
        {},
        ("hardboot devices suggest --install", FASTBOOT),
    ),
    "a phone without a name": Case(
        properties(ro__product__device="", ro__serialno=""),
        {
            "connection": ("ok", "127.0.0.1:5599 at 127.0.0.1:5599"),
            "profile": ("not", "ro.product.device=''"),
        },
    ),
}
