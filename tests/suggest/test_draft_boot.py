"""What a draft says of boot images, device trees, the reset and the host kernel."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from copied_files import GETPROP, drafted, folder, shamu
from image_builders import DEBIAN, dtb

from hardboot import profile
from hardboot.base.errors import RefusedError
from hardboot.base.memory import Range
from hardboot.profile import Partition
from hardboot.suggest import Findings
from hardboot.suggest.draft_boot import quirks


def test_a_draft_of_a_64_bit_phone_with_an_older_patch_says_what_is_missing(tmp_path: Path) -> None:
    iomem = "00000000-7fffffff : System RAM\n  00080000-01ffffff : Kernel code\n"
    getprop = GETPROP.format("bullhead", "msm8992").replace("armeabi-v7a", "arm64-v8a")
    files = {"iomem": iomem, "getprop": getprop}
    made = drafted(folder(tmp_path, **files)).profile
    assert (made.arch, made.hardboot.host_abi) == ("arm64", "direct")
    log = "Hardboot page reserved at 0x1fe00000\n"
    made = drafted(folder(tmp_path, **files, dmesg=log, page="")).profile
    assert (made.hardboot.host_abi, made.hardboot.page) == ("buffer", 0x1FE00000)
    assert made.trust("hardboot.buffer") == "unknown"


MAKO_IOMEM = "80200000-887fffff : System RAM\n  80208000-80ffffff : Kernel code\n"


@pytest.mark.parametrize(
    "files",
    [
        {"dmesg": "[    0.000000] Machine: mako\n"},  # arch/arm/kernel/atags_parse.c
        {"dmesg": "<4>[    0.000000] Ignoring unrecognised tag 0x41000801\n"},
        {"atags": b"\5\0\0\0\1\0\x41\x54"},
    ],
)
def test_a_phone_that_shows_no_tree_but_atags_gets_atags(files: dict[str, Any], tmp_path: Path) -> None:
    made = drafted(folder(tmp_path, "mako", "msm8960", iomem=MAKO_IOMEM, **files)).profile
    assert (made.hardboot.host_abi, made.dtb.kind) == ("copy-atags", "none")
    assert made.trust("dtb.kind") == "inferred"
    assert (made.kernel.phys_offset, made.kernel.zreladdr) == (0x80200000, 0x80208000)
    assert made.trust("kernel.params") == "unknown"


@pytest.mark.parametrize(
    ("log", "abi"),
    [
        ("", None),
        ("[   99.0] healthd: battery l=100\n", None),  # the start is no longer in the log
        # franciscofranco/bacon#3
        (
            "[    0.000000] Machine: Qualcomm MSM 8974 (Flattened Device Tree), model: Qualcomm MSM "
            "8974Pro-AC One+ A0001\n",
            "direct",
        ),
        ("[    0.000000] OF: fdt: Machine model: Sony Xperia Z2 Tablet\n", "direct"),
        ("[    0.000000] Machine model: sun8i\n", "direct"),
    ],
)
def test_a_tree_that_was_not_copied_is_unknown(log: str, abi: str | None, tmp_path: Path) -> None:
    made = drafted(folder(tmp_path, "mako", "msm8960", iomem=MAKO_IOMEM, dmesg=log)).profile
    assert (made.hardboot.host_abi, made.dtb.kind) == (abi, None)
    assert made.trust("dtb.kind") == "unknown"
    assert "/sys/firmware/fdt" in made.how_to_find("dtb.kind")
    with pytest.raises(profile.UnknownFactError, match="whether its kernels get a device tree"):
        _ = made.has_atags
    if abi is None:
        with pytest.raises(profile.UnknownFactError, match="what its host kernel does with the record"):
            _ = made.host_abi


def test_a_64_bit_phone_whose_tree_was_not_copied_has_one_all_the_same(tmp_path: Path) -> None:
    getprop = GETPROP.format("x", "y").replace("armeabi-v7a", "arm64-v8a")
    made = drafted(folder(tmp_path, getprop=getprop)).profile
    assert (made.arch, made.hardboot.host_abi, made.dtb.kind) == ("arm64", "direct", None)
    assert "was not copied" in made.how_to_find("dtb.kind")


@pytest.mark.parametrize(
    ("abi", "files", "arch"),
    [
        ("armeabi-v7a", {}, "arm"),
        ("arm64-v8a", {}, "arm64"),
        ("armeabi-v7a", {"uname": "aarch64\n"}, "arm64"),  # 32-bit Android on a 64-bit kernel
        ("armeabi-v7a", {"uname": "armv8l\n"}, "arm64"),  # as a 32-bit program is told
        ("armeabi-v7a", {"uname": "sh: uname: not found\n"}, "arm"),
        ("armeabi-v7a", {"dmesg": "Boot CPU: AArch64 Processor [410fd034]\n"}, "arm64"),
        ("armeabi-v7a", {"dmesg": "CPU: ARMv7 Processor [512f06f1] revision 1 (ARMv7)\n"}, "arm"),
        ("", {"dmesg": "Booting Linux on physical CPU 0x0000000000 [0x410fd083]\n"}, "arm64"),
        ("", {"uname": "armv7l"}, "arm"),
    ],
)
def test_the_architecture_is_that_of_the_kernel(
    abi: str, files: dict[str, str], arch: str, tmp_path: Path
) -> None:
    getprop = GETPROP.format("x", "y").replace("armeabi-v7a", abi)
    assert drafted(folder(tmp_path, getprop=getprop, **files)).profile.arch == arch


@pytest.mark.parametrize(
    ("abi", "uname", "what"),
    [
        ("x86_64", "", "emu is no ARM phone, but x86_64"),
        ("x86", "", "emu is no ARM phone, but x86"),
        ("riscv64", "", "emu is no ARM phone, but riscv64"),
        ("arm64-v8a", "x86_64", "emu is no ARM phone, but x86_64"),  # with a translator
        ("", "", "the architecture of emu is unknown"),
    ],
)
def test_a_phone_without_an_arm_processor_is_refused(abi: str, uname: str, what: str, tmp_path: Path) -> None:
    getprop = GETPROP.format("emu", "ranchu").replace("armeabi-v7a", abi)
    with pytest.raises(RefusedError) as error:
        drafted(folder(tmp_path, getprop=getprop, uname=uname))
    assert error.value.what == what


SLOTS = """/dev/block/by-name:
total 0
lrwxrwxrwx 1 root root 16 1970-01-07 17:43 boot_a -> /dev/block/sdf12
lrwxrwxrwx 1 root root 16 1970-01-07 17:43 boot_b -> /dev/block/sdf48
lrwxrwxrwx 1 root root 16 1970-01-07 17:43 dtbo_a -> /dev/block/sdf13
lrwxrwxrwx 1 root root 16 1970-01-07 17:43 dtbo_b -> /dev/block/sdf49
lrwxrwxrwx 1 root root 16 1970-01-07 17:43 vbmeta_a -> /dev/block/sdf14
lrwxrwxrwx 1 root root 16 1970-01-07 17:43 recovery -> /dev/block/sdf15
"""
SLOT_SIZES = """ 8 12 98304 sdf12
 8 48 98304 sdf48
 8 13 8192 sdf13
 8 49 16384 sdf49
"""


def test_partitions_with_slots_are_one_entry(tmp_path: Path) -> None:
    made = drafted(folder(tmp_path, by_name=SLOTS, partitions=SLOT_SIZES)).profile
    path = "/dev/block/by-name"
    assert made.partitions == {
        "boot": Partition(path=f"{path}/boot", size=98304 << 10, slots=True),
        "dtbo": Partition(path=f"{path}/dtbo", slots=True),  # their sizes differ
        "recovery": Partition(path=f"{path}/recovery"),
    }
    assert made.all_partitions["boot_b"].path == f"{path}/boot_b"
    assert made.trust("partitions.boot") == "verified"


def test_slots_in_a_listing_without_its_folder_are_unknown(tmp_path: Path) -> None:
    without = SLOTS.partition("\n")[2]
    made = drafted(folder(tmp_path, by_name=without, partitions=SLOT_SIZES)).profile
    assert set(made.partitions) == {"recovery"}
    assert "boot_a, boot_b: the listing does not name their folder" in made.how_to_find("partitions.boot")


@pytest.mark.parametrize(
    ("listing", "suffix", "link"),
    [
        (SLOTS, "_b", "boot_b"),
        (SLOTS, "", None),
        (SLOTS.replace("boot_a", "LNX"), "", "LNX"),
        (SLOTS.replace("boot_a", "boot"), "_a", "boot"),
    ],
)
def test_the_boot_image_is_that_of_the_running_slot(listing: str, suffix: str, link: str | None) -> None:
    found = Findings({"getprop": f"[ro.boot.slot_suffix]: [{suffix}]\n", "by-name": listing})
    assert found.boot_link() == link


def boot_image(ramdisk_offset: int, cmdline: str) -> bytes:
    path = Path("boot.img")
    words = ["--base", "0", "--ramdisk_offset", hex(ramdisk_offset), "--tags_offset", "0x01e00000"]
    Path("k").write_bytes(bytes(4096))
    command = ["mkbootimg", "--kernel", "k", "--ramdisk", "k", *words, "--cmdline", cmdline, "-o", str(path)]
    subprocess.run(command, check=True, timeout=30, env=DEBIAN)
    return path.read_bytes()


def test_the_header_of_the_boot_image_is_trusted_if_the_ramdisk_lies_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = "console=ttyHSL0,115200,n8 androidboot.console=ttyHSL0 androidboot.hardware=shamu"
    running = "console=null androidboot.hardware=shamu androidboot.serialno=1"
    rubbish = shamu(tmp_path / "a", boot__img=boot_image(0xB, own), cmdline=running)
    made = drafted(rubbish).profile
    known = profile.load("shamu")
    assert made.image.header_trusted is False
    assert (made.image.base, made.image.kernel_offset, made.image.page_size) == (0, 0x8000, 2048)
    assert made.cmdline.replaced == known.cmdline.replaced
    assert made.cmdline.dropped == known.cmdline.dropped
    right = drafted(shamu(tmp_path / "b", boot__img=boot_image(0x02000000, own), cmdline=own)).profile
    assert right.image.header_trusted is True
    assert right.image.ramdisk_offset == known.image.ramdisk_offset
    assert right.cmdline.replaced == {}
    assert Range(0x8000, 0x1008000) in right.bootloader


def test_a_command_line_cut_by_the_bootloader_is_recognised() -> None:
    flo = profile.load("flo").cmdline.stock
    assert flo
    assert quirks(flo, f"{flo[26:]} androidboot.serialno=1") == {"skip": 26}
    assert quirks(flo, f"x {flo} y") == {}


def test_the_flag_depends_on_the_kernel_version(tmp_path: Path) -> None:
    assert drafted(folder(tmp_path, version="Linux version 6.6.0 (x)")).profile.hardboot.flag == 0x8000
    assert drafted(folder(tmp_path, version="Linux version 6.1.99 (x)")).profile.hardboot.flag == 0x4


def test_psci_and_qualcomms_ps_hold_are_recognised(tmp_path: Path) -> None:
    tree = "/ {{ #address-cells = <1>; #size-cells = <1>; {} }};"
    psci = 'psci { compatible = "arm,psci-1.0", "arm,psci-0.2"; method = "hvc"; };'
    hold = 'soc { restart@fc4ab000 { compatible = "qcom,pshold"; reg = <0xfc4ab000 4>; }; };'
    assert drafted(folder(tmp_path, fdt=dtb(tree.format(psci)))).profile.reset.method == "psci"
    reset = drafted(folder(tmp_path, fdt=dtb(tree.format(hold)))).profile.reset
    assert (reset.method, reset.address, reset.value) == ("mmio", 0xFC4AB000, 0)
