"""Root that a new boot image would take from the phone: told, asked about, and how it is kept."""

import json
from pathlib import Path

import pytest
import scripted_setup as setup
from flashing import flashed, old_backup, restored
from image_builders import zimage
from in_process import hardboot
from rooted_images import KERNELSU, MAGISK, host, kernel_patch, kernel_with, ramdisk
from scripted_phone import ScriptedPhone
from told import raises

from hardboot.base.errors import RefusedError
from hardboot.device.phone import Phone
from hardboot.flows import root_loss
from hardboot.images.rooted import Root

KSU = kernel_with(b"KernelSU: ")
SAR = kernel_with(b"\0want_initramfs\0")
PATCHED = kernel_patch(kernel_with(b""))
STOCK = host(ramdisk=ramdisk())
PLAIN = host(kernel_with(b""))
SAR_NAME = "Magisk's patch of the kernel (in the kernel)"
OWN_IMAGE = "make the host image from the phone's own boot image (hardboot backup -o boot.img, then "


def put(scripted: ScriptedPhone, image: bytes) -> None:
    """Let the boot partition hold an image."""
    assert len(image) <= setup.SIZE
    scripted.boot.flash = scripted.boot.cached = image.ljust(setup.SIZE, b"\0")


def file(folder: Path, image: bytes, name: str = "new.img") -> Path:
    (folder / name).write_bytes(image)
    return folder / name


LOSSES = [
    (host(ramdisk=MAGISK), STOCK, "Magisk (in the ramdisk)", OWN_IMAGE),
    (host(ramdisk=MAGISK), STOCK, "Magisk (in the ramdisk)", "patch new.img with the Magisk app"),
    (host(ramdisk=KERNELSU), STOCK, "KernelSU (in the ramdisk)", "patch new.img with the KernelSU app"),
    (host(KSU), PLAIN, "KernelSU (in the kernel)", "build the host kernel with KernelSU, too"),
    (host(PATCHED), PLAIN, "APatch (in the kernel)", "patch new.img with the APatch app"),
    (host(SAR), PLAIN, SAR_NAME, "with the Magisk app again"),
    (host(ramdisk=ramdisk("sbin/launch_daemonsu.sh")), STOCK, "SuperSU (in the ramdisk)", OWN_IMAGE),
]


@pytest.mark.parametrize(("old", "new", "root", "advice"), LOSSES)
def test_before_root_is_lost_it_is_told_how_to_keep_it(
    old: bytes, new: bytes, root: str, advice: str, scripted: ScriptedPhone, tmp_path: Path
) -> None:
    put(scripted, old)
    before = scripted.boot.flash
    done = hardboot("flash-host-kernel", file(tmp_path, new), "--json", "--yes")
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    name = root.partition(" (")[0]
    loses = f"new.img lacks {root}, which the old boot image has: once flashed, the phone loses it"
    assert f"warning: {loses}; without root, hardboot cannot boot a ROM" in lines
    (told,) = [line for line in lines if line.startswith(f"warning: to keep {name}, ")]
    assert advice in told
    assert lines.index(told) < lines.index("Writing /dev/block/vda1")
    assert json.loads(done.stdout)["root_lost"] == [root]
    assert old_backup().path.read_bytes() == before


KEPT = [
    (host(ramdisk=MAGISK), host(kernel_with(b""), MAGISK)),
    (host(ramdisk=KERNELSU), host(KSU)),
    (host(PATCHED), host(kernel_patch(kernel_with(b"another")))),
    (host(), host(ramdisk=MAGISK)),
    (host(), host(kernel_with(b""))),
]


@pytest.mark.parametrize(("old", "new"), KEPT)
def test_where_no_root_is_lost_nothing_is_asked(
    old: bytes,
    new: bytes,
    phone: Phone,
    scripted: ScriptedPhone,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    put(scripted, old)
    assert flashed(phone, file(tmp_path, new)).root_lost == ()
    assert "warning" not in capsys.readouterr().err


def test_what_remains_is_still_root(
    phone: Phone, scripted: ScriptedPhone, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(scripted, host(KSU, MAGISK))
    asked: list[tuple[Root, ...]] = []
    done = flashed(phone, file(tmp_path, host(ramdisk=MAGISK)), agree=asked.append)
    assert asked == [(Root("KernelSU", "kernel"),)] == [done.root_lost]
    assert "the phone loses it\n" in capsys.readouterr().err


def refuse(_lost: tuple[Root, ...]) -> None:
    raise RefusedError("not confirmed", state="Nothing was written.", fix="Answer yes.")


def test_if_the_answer_is_no_nothing_is_written(
    phone: Phone, scripted: ScriptedPhone, tmp_path: Path
) -> None:
    put(scripted, host(ramdisk=MAGISK))
    before = scripted.boot.flash
    with raises(RefusedError, "not confirmed", "Nothing was written.", "Answer yes."):
        flashed(phone, file(tmp_path, host()), agree=refuse)
    assert scripted.boot.flash == before
    assert scripted.happened("dd *of=/dev/*") == []


def test_a_backup_without_root_is_only_restored_if_that_is_agreed_to(
    phone: Phone, scripted: ScriptedPhone, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(scripted, host(ramdisk=ramdisk()))
    flashed(phone, file(tmp_path, host(kernel_with(b""), MAGISK)))
    before = scripted.boot.flash
    with raises(RefusedError, "not confirmed", "Nothing was written.", "Answer yes."):
        restored(phone, agree=refuse)
    assert scripted.boot.flash == before
    capsys.readouterr()
    assert restored(phone, agree=lambda lost: None).root_lost == (Root("Magisk", "ramdisk"),)
    told = capsys.readouterr().err
    assert "lacks Magisk (in the ramdisk)" in told
    assert "to keep" not in told, "a backup is no host image"


def made(folder: Path, image: bytes, kernel: bytes = zimage()) -> tuple[dict[str, object], list[str]]:
    """Make a host image; return the document and what is said."""
    paths = file(folder, image, "boot.img"), file(folder, kernel, "zImage")
    done = hardboot("host-image", paths[0], "--kernel", paths[1], "-o", folder / "host.img", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), [
        line for line in done.stderr.splitlines() if "hardboot support" not in line
    ]


def test_a_stock_image_is_compared_with_what_is_on_the_phone(scripted: ScriptedPhone, tmp_path: Path) -> None:
    put(scripted, host(ramdisk=MAGISK))
    document, lines = made(tmp_path, host(ramdisk=ramdisk()))
    assert (document["root"], document["root_lost"]) == ([], ["Magisk (in the ramdisk)"])
    assert "warning: host.img lacks Magisk (in the ramdisk), which the old boot image has" in lines[-2]
    assert lines[-1].startswith(f"warning: to keep Magisk, {OWN_IMAGE}")
    document, lines = made(tmp_path, host(ramdisk=MAGISK))
    assert (document["root"], document["root_lost"], lines) == (["Magisk (in the ramdisk)"], [], [])


def test_a_kernel_with_root_that_is_replaced_is_told_without_a_phone(
    scripted: ScriptedPhone, tmp_path: Path
) -> None:
    scripted.cut_power()
    for kernel, root in ((KSU, "KernelSU"), (PATCHED, "APatch"), (SAR, "Magisk's patch of the kernel")):
        document, lines = made(tmp_path, host(kernel, MAGISK))
        assert document["root_lost"] == [f"{root} (in the kernel)"]
        assert f"host.img lacks {root} (in the kernel)" in lines[0]
    document, lines = made(tmp_path, host(ramdisk=ramdisk()))
    assert (document["root"], document["root_lost"], lines) == ([], [], [])


def test_what_is_no_boot_image_has_no_root() -> None:
    assert root_loss.roots_of(b"ANDROID!") == root_loss.roots_of(b"") == ()
