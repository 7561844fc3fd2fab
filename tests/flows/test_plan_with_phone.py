"""hardboot plan and boot --dry-run with what a phone says, or with files copied from one."""

import json
import re
from contextlib import nullcontext
from itertools import takewhile
from pathlib import Path
from typing import cast

import msgspec
import pytest
from image_builders import board, dtb
from planned import IOMEM, RUNNING, HostPhone, call, kernel, plan, rom_image

from hardboot import profile
from hardboot.flows import bootloader_words
from hardboot.profile import schema
from hardboot.transport.base import Transport


def test_a_dry_run_draws_the_same_picture_with_what_the_phone_says(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    image = rom_image(tmp_path, kernel_data=kernel() + board("mine"))
    host_phone(monkeypatch, image)
    out, _ = call(capsys, "boot", image, "--dry-run", "--append", "a=1")
    lines = out.splitlines()
    page = list(takewhile(lambda line: not line.startswith("  way "), lines))
    assert max(map(len, page)) <= 80  # the reasons against other ways are folded on a terminal
    assert any("0x40300000-0x41300000" in line and "▚ Kernel code" in line for line in lines)
    assert any("0x44200000-0x4420" in line and "zImage █" in line for line in lines)
    at = lines.index("  ROM         console=ttyAMA0 quiet")
    assert lines[at + 1 : at + 3] == ["+ bootloader  androidboot.serialno=1", "+ --append    a=1"]
    assert re.fullmatch(r"\+ hardboot    androidboot\.hardboot=[0-9a-f]{8}", lines[at + 3])


NULL = {"console": "null"}


def host_phone(monkeypatch: pytest.MonkeyPatch, image: Path) -> HostPhone:
    quirks = schema.CommandLineQuirks(replaced=NULL)
    virtual = msgspec.structs.replace(profile.load("virt-arm"), cmdline=quirks)
    phone = HostPhone(cast(Transport, None), virtual, "1")
    phone.header = image.read_bytes()[:4096]
    monkeypatch.setattr("hardboot.device.phone.connected", lambda *_, **__: nullcontext(phone))
    return phone


def cmdline_rows(out: str) -> list[str]:
    lines = out.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("command line: "))
    return list(takewhile(lambda line: not line.startswith("note: "), lines[start + 1 :]))


def test_without_a_device_the_connected_phone_is_asked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = rom_image(tmp_path, kernel_data=kernel() + board("mine"))
    host_phone(monkeypatch, image)
    out, _ = call(capsys, "plan", image, "--append", "a=1", "--svg", tmp_path / "map.svg")
    assert cmdline_rows(out) == [
        "  ROM         console=ttyAMA0 quiet",
        "+ bootloader  androidboot.serialno=1",
        "+ --append    a=1",
        "~ if flashed  removes console=ttyAMA0; adds console=null",
    ]
    assert "0x40300000-0x41300000" in out, "the running kernel, from /proc/iomem"
    assert "0x40300000-0x41300000" in (tmp_path / "map.svg").read_text()
    document = json.loads(call(capsys, "--json", "plan", image)[0])
    assert document["cmdline"] == "console=ttyAMA0 quiet androidboot.serialno=1"
    assert document["cmdline_bootloader_known"] is True
    assert document["cmdline_in_boot_partition"] == {"lost": ["console=ttyAMA0"], "gained": ["console=null"]}


def test_the_profile_alone_tells_what_its_bootloader_would_do_and_what_is_not_known(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    image = rom_image(tmp_path)
    (tmp_path / "iomem").write_text(IOMEM)
    out, _ = call(capsys, "plan", image, "--device", "shamu", "--iomem", tmp_path / "iomem")
    assert cmdline_rows(out) == [
        "  ROM         console=ttyAMA0 quiet",
        "? bootloader  not known; connect the phone or use --from DIR to see what it adds",
        "~ if flashed  removes console=ttyAMA0; adds console=null",
    ]
    document = plan(capsys, image)
    assert document["cmdline_bootloader_known"] is False
    assert document["cmdline_in_boot_partition"] == {"lost": [], "gained": []}


def test_what_a_bootloader_would_make_of_a_line_is_told_word_by_word() -> None:
    own = "androidboot.hardware=a quiet b=1 quiet"
    for name, expected in {
        "virt-arm": ([], []),
        "flo": (["androidboot.hardware=a", "quiet"], ["et"]),  # the first 26 characters
        "fp1": (["androidboot.hardware=a", "quiet", "b=1", "quiet"], []),
    }.items():
        assert bootloader_words.in_boot_partition(profile.load(name), own) == expected, name


def copied_files(folder: Path, **files: str | bytes) -> Path:
    """Files copied from a phone."""
    folder.mkdir()
    usual = {"getprop": "[ro.product.device]: [shamu]\n", "iomem": IOMEM}
    for name, data in {**usual, **files}.items():
        (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
    return folder


def test_files_copied_from_a_phone_stand_for_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    image = rom_image(tmp_path)
    live = dtb("/ { #address-cells = <1>; #size-cells = <1>; chosen { }; };")
    folder = copied_files(
        tmp_path / "phone", cmdline=f"{RUNNING}\n", fdt=live, **{"boot.img": image.read_bytes()[:4096]}
    )
    out, errors = call(capsys, "--json", "plan", image, "--from", folder, "--append", "a=1")
    document = json.loads(out)
    assert errors == ""
    assert document["device"] == "shamu"
    assert document["complete"] is True, "the live tree was read"
    assert document["cmdline"] == "console=ttyAMA0 quiet androidboot.serialno=1 a=1"
    assert document["cmdline_bootloader_known"] is True
    assert document["entry"] == 0x20000000, "the RAM is that of the file"
    out, _ = call(capsys, "plan", image, "--from", folder)
    assert cmdline_rows(out)[1] == "+ bootloader  androidboot.serialno=1"
    _, errors = call(capsys, "plan", image, "--from", folder, "--device", "flo", code=4)
    assert "ro.product.device='shamu'" in errors
    (folder / "iomem").write_text("something else\n")
    _, errors = call(capsys, "plan", image, "--from", folder, code=3)
    assert f"{folder}/iomem: /proc/iomem: line 1 is not a range" in errors


def test_without_the_boot_image_the_profiles_usual_line_is_taken_out(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    stock = profile.load("shamu").cmdline.stock
    assert stock
    passed = stock.replace("androidboot.console=ttyHSL0 ", "").replace(
        "console=ttyHSL0,115200,n8", "console=null"
    )
    folder = copied_files(tmp_path / "phone", cmdline=f"{passed} lge.x=1")
    document = json.loads(call(capsys, "--json", "plan", rom_image(tmp_path), "--from", folder)[0])
    assert document["cmdline"] == "console=ttyAMA0 quiet lge.x=1"
    # Of this phone nobody knows the usual line.
    virtual = {"getprop": "[ro.product.device]: [virt-arm]\n", "iomem": "40000000-7fffffff : System RAM\n"}
    other = copied_files(tmp_path / "other", cmdline="a b", **virtual)
    document = json.loads(call(capsys, "--json", "plan", rom_image(tmp_path), "--from", other)[0])
    assert document["cmdline_bootloader_known"] is False
    assert document["cmdline"] == "console=ttyAMA0 quiet"


@pytest.mark.parametrize(
    "files",
    [
        {"cmdline": f"{RUNNING} androidboot.hardboot=0123abcd"},
        {"cmdline": RUNNING, "bootconfig": 'androidboot.hardboot = "0123abcd"\n'},
    ],
)
def test_a_guest_that_runs_is_no_source_of_the_bootloaders_words(
    files: dict[str, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = copied_files(tmp_path / "phone", **files)
    _, errors = call(capsys, "--json", "plan", rom_image(tmp_path), "--from", folder)
    assert "a ROM is running" in errors


def test_a_boot_without_any_tree_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = rom_image(tmp_path)
    host_phone(monkeypatch, image)
    _, errors = call(capsys, "boot", image, "--dry-run", code=4)
    assert "the ROM has no device tree, and the running kernel shows none" in errors
    assert json.loads(call(capsys, "--json", "plan", image)[0])["complete"] is False


def test_the_picture_of_a_dry_run_is_written_and_of_nothing_else(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = rom_image(tmp_path, kernel_data=kernel() + board("mine"))
    host_phone(monkeypatch, image)
    for verb in ("boot", "load"):
        picture = tmp_path / f"{verb}.svg"
        call(capsys, verb, image, "--dry-run", "--svg", picture)
        assert "zImage" in picture.read_text()
        _, errors = call(capsys, verb, image, "--svg", picture, code=2)
        assert "--svg needs --dry-run" in errors
