"""A ramdisk that the kernel cannot start with, or an image for another phone, is refused before a push."""

import gzip
import subprocess
from pathlib import Path

import container_builders as build
import image_sets as sets
import pytest
from image_builders import arm64_image, board, dtb, kernel_with_config, pack, zimage
from packed_kernels import mkimage
from planned import call, plan
from ramdisks import ARCHIVE, config
from scripted_phone import ScriptedPhone

from hardboot.base.errors import HardbootError, InputError, RefusedError
from hardboot.device.phone import Phone
from hardboot.flows import load, rom
from hardboot.flows.journal import Journal

GZIP_ONLY = kernel_with_config("6.6.0-rom", config("BLK_DEV_INITRD", "RD_GZIP"), 60_000)
LZ4 = subprocess.run(["lz4", "-l", "-c"], input=ARCHIVE, capture_output=True, check=True, timeout=60).stdout
WRAPPED = mkimage(ARCHIVE, kind="ramdisk")
LZ4_PROBLEM = "it is lz4-legacy data, and the kernel was built without CONFIG_RD_LZ4 (its IKCONFIG)"


def image(
    folder: Path, ramdisk: bytes, *, cmdline: bytes = b"console=ttyAMA0", tree: bytes = b"", how: str = "gzip"
) -> Path:
    """Return a boot image whose kernel tells its configuration."""
    path = folder / "rom.img"
    kernel = zimage(payload=pack(GZIP_ONLY, how))
    path.write_bytes(build.boot(kernel + (tree or board("mine")), ramdisk, cmdline=cmdline))
    return path


@pytest.mark.parametrize(
    ("ramdisk", "problem"),
    [
        (LZ4, LZ4_PROBLEM),
        (WRAPPED, "it is a U-Boot ramdisk (uInitrd), not a cpio archive"),
        (b"no ramdisk at all", "it is a text file, not a cpio archive"),
        (ARCHIVE[:-130], "it is damaged or cut off: cpio archive: "),
    ],
)
def test_plan_refuses_a_ramdisk_that_the_kernel_cannot_start_with(
    ramdisk: bytes, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = image(tmp_path, ramdisk)
    out, errors = call(capsys, "plan", path, "--device", "virt-arm", code=3)
    what, state, fix = errors.splitlines()[-3:]
    assert out == ""
    assert what.startswith(f"hardboot: {path}: the ramdisk cannot be started: {problem}")
    assert state == "  state: Nothing was sent."
    assert fix.startswith("  to do: ")


@pytest.mark.parametrize("how", ["gzip", "xz", "lzma"])
def test_the_configuration_is_read_from_kernels_however_packed(
    how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plan(capsys, image(tmp_path, ARCHIVE, how=how))["release"] == "6.6.0-rom"
    _, errors = call(capsys, "plan", image(tmp_path, LZ4, how=how), "--device", "virt-arm", code=3)
    assert LZ4_PROBLEM in errors


def test_the_same_holds_for_arm64(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rom.img"
    kernel = pack(arm64_image(kernel_with_config("6.6.0-rom", config("BLK_DEV_INITRD"), 60_000)), "gzip")
    path.write_bytes(build.boot(kernel, LZ4))
    _, errors = call(capsys, "plan", path, "--device", "virt-arm64", code=3)
    assert LZ4_PROBLEM in errors


def test_a_likely_problem_is_a_warning_and_the_plan_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = image(tmp_path, ARCHIVE + b"more", cmdline=b"rdinit=/none")
    out, errors = call(capsys, "plan", path, "--device", "virt-arm")
    assert "zImage" in out
    assert [line[:46] for line in errors.splitlines()] == [
        "warning: the last 4 bytes of the ramdisk, from",
        "warning: /none in the ramdisk is not there, an",
    ]


@pytest.mark.parametrize(
    ("ramdisk", "cmdline", "tree", "error", "what"),
    [
        (LZ4, b"", b"", InputError, LZ4_PROBLEM),
        (ARCHIVE, b"androidboot.hardware=shamu", b"", RefusedError, "androidboot.hardware=shamu, which is"),
        (ARCHIVE, b"", dtb('/ { compatible = "lge,hammerhead"; };'), RefusedError, "which is LG Nexus 5"),
    ],
)
@pytest.mark.parametrize("soft", [False, True])
def test_nothing_is_pushed_of_what_cannot_work(
    ramdisk: bytes,
    cmdline: bytes,
    tree: bytes,
    error: type[HardbootError],
    what: str,
    soft: bool,
    phone: Phone,
    scripted: ScriptedPhone,
    tmp_path: Path,
) -> None:
    found = rom.read(image(tmp_path, ramdisk, cmdline=cmdline, tree=tree))
    with pytest.raises(error) as caught:
        load.prepare(phone, found, Journal("virt-arm", "HBSCRIPT"), soft=soft)
    assert what in caught.value.what
    assert caught.value.state == "Nothing was sent."
    assert scripted.happened("push *") == []


def test_another_command_line_is_what_counts(
    phone: Phone, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = image(tmp_path, ARCHIVE, cmdline=b"androidboot.hardware=shamu")
    assert plan(capsys, path, "--cmdline", "quiet")["cmdline"] == "quiet"
    _, errors = call(
        capsys, "plan", path, "--device", "virt-arm", "--cmdline", "androidboot.hardware=mako", code=4
    )
    assert "androidboot.hardware=mako, which is LG Nexus 4" in errors
    found, journal = rom.read(path), Journal("virt-arm", "HBSCRIPT")
    assert load.prepare(phone, found, journal, cmdline="quiet").cmdline.text.startswith("quiet ")


def test_the_hardware_of_the_running_system_is_known(
    phone: Phone, scripted: ScriptedPhone, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scripted.running
    scripted.running.cmdline = "console=ttyAMA0 androidboot.hardware=mine"
    for name, warned in (("mine", False), ("another", True)):
        found = rom.read(image(tmp_path, ARCHIVE, cmdline=f"androidboot.hardware={name}".encode()))
        load.prepare(phone, found, Journal("virt-arm", "HBSCRIPT"))
        told = capsys.readouterr().err
        assert ("its running system was started with androidboot.hardware=mine" in told) == warned


def test_a_ramdisk_given_by_itself_is_not_blamed_on_the_image(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, ramdisk = image(tmp_path, ARCHIVE), tmp_path / "initrd"
    ramdisk.write_bytes(b"no ramdisk at all")
    _, errors = call(capsys, "plan", path, "--device", "virt-arm", "--ramdisk", ramdisk, code=3)
    assert "hardboot: the ramdisk cannot be started: it is a text file, not a cpio archive" in errors
    ramdisk.write_bytes(LZ4)
    _, errors = call(capsys, "plan", path, "--device", "virt-arm", "--ramdisk", ramdisk, code=3)
    assert LZ4_PROBLEM in errors


def test_fragments_of_a_set_are_judged_as_the_kernel_gets_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vendor = sets.vendor_boot([(sets.PLATFORM, LZ4)], dtb=board("mine"))
    generic = sets.boot_v4(b"", gzip.compress(ARCHIVE, mtime=0))
    folder = sets.write_set(tmp_path / "rom", sets.image_set(vendor_boot=vendor, init_boot=generic))
    _, errors = call(capsys, "plan", folder, "--device", "virt-arm64")
    lost = f"the gzip fragment at {len(LZ4):#x} of the ramdisk is lost: Linux 6.6.0-rom reads on"
    assert lost in errors
    kernel = pack(
        arm64_image(kernel_with_config("6.6.0-rom", config("BLK_DEV_INITRD", "RD_GZIP"), 60_000)), "gzip"
    )
    images = sets.image_set(boot=sets.boot_v4(kernel), vendor_boot=vendor)
    _, errors = call(
        capsys, "plan", sets.write_set(tmp_path / "other", images), "--device", "virt-arm64", code=3
    )
    assert f"other: the ramdisk cannot be started: {LZ4_PROBLEM}" in errors
    vendor = sets.vendor_boot(dtb=board("mine"), bootconfig=b"androidboot.hardware=shamu\n")
    folder = sets.write_set(tmp_path / "third", sets.image_set(vendor_boot=vendor))
    _, errors = call(capsys, "plan", folder, "--device", "virt-arm64", code=4)
    assert "it has androidboot.hardware=shamu, which is Motorola Nexus 6" in errors
