"""hardboot boot, load and plan with a kernel alone, and with images of a ROM, as people type them."""

import json
from pathlib import Path

import container_builders
import image_sets as build
import pytest
from image_builders import kernel_with_banner, pack, zimage
from in_process import hardboot
from scripted_phone import Kernel, ScriptedPhone

ROM = Kernel("6.9.0-new")


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    tree = tmp_path / "linux"
    image = tree / "arch/arm/boot/zImage"
    image.parent.mkdir(parents=True)
    image.write_bytes(zimage(payload=pack(kernel_with_banner(ROM.release, 20_000, 10_000), "gzip")))
    return tree


def test_a_kernel_just_built_boots_with_the_phones_own_ramdisk(scripted: ScriptedPhone, kernel: Path) -> None:
    scripted.rom = ROM
    before = bytes(scripted.boot.flash)
    done = hardboot("--json", "boot", "--kernel", kernel, "--append", "debug")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["outcome"] == "guest-up"
    assert document["guest"]["release"] == ROM.release
    assert document["loaded"]["image"] == "linux"
    assert document["loaded"]["release"] == ROM.release
    assert "console=ttyAMA0 debug androidboot.hardboot=" in document["guest"]["cmdline"]
    assert bytes(scripted.boot.flash) == before
    assert "boot: boot of the phone (SHA-256 " in done.stderr


@pytest.mark.parametrize("command", ["load", "plan"])
def test_load_and_plan_take_a_kernel_too(command: str, scripted: ScriptedPhone, kernel: Path) -> None:
    done = hardboot("--json", command, "--kernel", kernel)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document.get("release") or document["loaded"]["release"] == ROM.release


def test_what_is_no_kernel_is_named_with_what_to_do(tmp_path: Path) -> None:
    image, text = tmp_path / "boot.img", tmp_path / "text"
    image.write_bytes(build.boot_v4())
    text.write_text("no kernel\n")
    done = hardboot("plan", "--device", "virt-arm64", image, "--kernel", image)
    assert done.returncode == 3
    assert done.stderr.splitlines()[-3:] == [
        f"hardboot: {image}: this is an Android boot image, not an ARM kernel",
        "  state: Nothing was sent.",
        "  to do: Give the kernel in it: hardboot unpack IMAGE FOLDER, then FOLDER/kernel.",
    ]
    done = hardboot("plan", "--device", "virt-arm64", image, "--kernel", text)
    assert done.stderr.splitlines()[-3] == f"hardboot: {text}: this is a text file, not an ARM kernel"


@pytest.mark.parametrize("name", ["init_boot", "vendor_boot"])
def test_images_that_a_boot_image_would_not_take_are_refused(name: str, tmp_path: Path) -> None:
    old, other = tmp_path / "old.img", tmp_path / "other.img"
    old.write_bytes(container_builders.boot(zimage(), b"ramdisk"))
    other.write_text("anything")
    done = hardboot("plan", "--device", "virt-arm", old, f"--{name.replace('_', '-')}", other)
    assert done.returncode == 3
    assert done.stderr.splitlines()[-3:] == [
        f"hardboot: {other} would be left out: {old} has header v0, and {name} exists from v3 on",
        "  state: Nothing was sent.",
        f"  to do: Leave out --{name.replace('_', '-')}.",
    ]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--dtb", "x"], "nothing to start: give IMAGE, or a kernel (--kernel PATH)"),
        (["--kernel", "x", "--dtbo", "y"], "--init-boot, --vendor-boot and --dtbo need IMAGE"),
        (["rom.img", "--ramdisk", "x", "--own-ramdisk"], "--ramdisk cannot be combined with --own-ramdisk"),
    ],
)
def test_options_that_do_not_fit_are_refused(words: list[str], problem: str) -> None:
    for command in ("boot", "load", "plan"):
        done = hardboot(command, *words)
        assert done.returncode == 2
        assert done.stderr.splitlines()[0] == f"hardboot: {problem}"


@pytest.mark.parametrize("command", ["load", "plan"])
def test_load_and_plan_need_an_image_while_boot_has_a_default(command: str) -> None:
    done = hardboot(command)
    assert done.returncode == 2
    assert done.stderr.startswith("hardboot: nothing to start: give IMAGE, or a kernel (--kernel PATH)\n")


def test_a_set_that_lacks_an_image_is_refused_without_a_phone_that_has_it(
    scripted: ScriptedPhone, tmp_path: Path
) -> None:
    boot = tmp_path / "boot.img"
    boot.write_bytes(build.boot_v4())
    for words in (["plan", "--device", "virt-arm64"], ["boot"], ["load"]):
        done = hardboot(*words, boot)
        assert done.returncode == 3
        assert f"{boot}: the vendor_boot image is missing: " in done.stderr
    assert scripted.happened("push *") == []
