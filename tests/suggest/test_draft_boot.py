"""What a draft says of boot images, device trees, the reset and the host kernel."""

import subprocess
from pathlib import Path

import pytest
from copied_files import GETPROP, drafted, folder, shamu
from image_builders import DEBIAN, dtb

from hardboot import profile
from hardboot.base.memory import Range
from hardboot.suggest.draft_boot import quirks


def test_a_draft_of_a_64_bit_phone_with_an_older_patch_says_what_is_missing(tmp_path: Path) -> None:
    iomem = "00000000-7fffffff : System RAM\n  00080000-01ffffff : Kernel code\n"
    getprop = GETPROP.format("bullhead", "msm8992").replace("armeabi-v7a", "arm64-v8a")
    files = {"iomem": iomem, "getprop": getprop}
    made = drafted(folder(tmp_path, **files)).profile
    assert (made.arch, made.hardboot.host_abi) == ("arm64", "direct")
    log = "Hardboot page reserved at 0x1fe00000\n"
    made = drafted(folder(tmp_path, **files, dmesg=log)).profile
    assert (made.hardboot.host_abi, made.hardboot.page) == ("buffer", 0x1FE00000)
    assert made.trust("hardboot.buffer") == "unknown"


def test_a_phone_without_a_tree_gets_atags(tmp_path: Path) -> None:
    iomem = "80200000-887fffff : System RAM\n  80208000-80ffffff : Kernel code\n"
    made = drafted(folder(tmp_path, "mako", "msm8960", iomem=iomem)).profile
    assert (made.hardboot.host_abi, made.dtb.kind) == ("copy-atags", "none")
    assert (made.kernel.phys_offset, made.kernel.zreladdr) == (0x80200000, 0x80208000)
    assert made.trust("kernel.params") == "unknown"


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
