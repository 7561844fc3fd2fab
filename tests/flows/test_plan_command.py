"""hardboot plan, and the ROMs it reads: images made by mkbootimg, answers read from the command line."""

import io
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from container_builders import mtk
from image_builders import board
from planned import EDATA, call, kernel, plan, rom_image

from hardboot.__main__ import run
from hardboot.flows import rom
from hardboot.formats.trees import fdt


def test_the_document_says_where_everything_goes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    image = rom_image(tmp_path)
    document = plan(capsys, image)
    size = len(kernel())
    assert document["device"] == "virt-arm"
    assert document["release"] == "6.1.0-test"
    assert document["segments"][0] == {
        "name": "zImage",
        "start": 0x44200000,
        "end": 0x44200000 + -(-(size + 4) // 4096) * 4096,
        "bytes": size,
    }
    assert document["initrd"]["end"] - document["initrd"]["start"] == 4097
    assert document["entry"] == 0x44200000
    assert document["cmdline"] == "console=ttyAMA0 quiet"
    assert document["flag"] == 4
    unpacked = next(one for one in document["extents"] if one["name"] == "unpacked kernel")
    assert unpacked["start"] == 0x40003000
    assert unpacked["end"] == 0x40008000 + max(EDATA + 0x3C000, EDATA + size + 0x11000)


def test_for_a_rom_without_a_tree_room_is_reserved(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    document = plan(capsys, rom_image(tmp_path))
    assert document["complete"] is False
    tree = next(one for one in document["segments"] if one["name"] == "dtb")
    assert (tree["end"] - tree["start"], tree["bytes"]) == (1 << 20, 0)
    assert any("device tree is not known" in note for note in document["notes"])


def test_the_roms_own_tree_is_used_appended_or_in_its_own_part(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    own = board("mine")
    for options in ({"kernel_data": kernel() + own}, {"dtb": own}):
        document = plan(capsys, rom_image(tmp_path, **options))
        assert document["complete"] is True
        assert document["dtb_source"] == "the ROM's only one"
        assert document["segments"][0]["bytes"] == len(kernel()), "the kernel goes without what is appended"


def test_mediatek_headers_stay_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain, ramdisk = kernel() + board("mine"), b"ramdisk" * 99
    found = rom.read(rom_image(tmp_path, kernel_data=mtk(plain, b"KERNEL"), ramdisk=mtk(ramdisk, b"ROOTFS")))
    guest = found.guest(tree=None, live_tree=None, cmdline="")
    assert (bytes(found.image.kernel), bytes(guest.ramdisk)) == (plain, ramdisk)
    assert found.release == "6.1.0-test"
    assert len(found.trees) == 1
    assert capsys.readouterr().err == ""
    longer = rom.read(rom_image(tmp_path, kernel_data=plain, ramdisk=mtk(ramdisk, b"ROOTFS") + b"more"))
    assert bytes(longer.image.ramdisk) == ramdisk + b"more"
    assert capsys.readouterr().err == "warning: ramdisk: MTK header: size is 693 bytes, 697 follow\n"


def test_the_dtb_part_wins_over_an_appended_tree(tmp_path: Path) -> None:
    found = rom.read(rom_image(tmp_path, kernel_data=kernel() + board("appended"), dtb=board("part")))
    assert [fdt.text(one.tree.root.properties["model"]) for one in found.trees] == ["part"]


def test_several_trees_without_a_phone_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    image = rom_image(tmp_path, kernel_data=kernel() + board("one") + board("two"))
    _, errors = call(capsys, "plan", image, "--device", "virt-arm", code=4)
    assert "2 device trees" in errors


def test_the_command_line_is_replaced_and_appended_to(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    image = rom_image(tmp_path)
    assert plan(capsys, image, "--append", "a b")["cmdline"] == "console=ttyAMA0 quiet a b"
    assert plan(capsys, image, "--cmdline", "x", "--append", "y")["cmdline"] == "x y"
    assert plan(capsys, image, "--cmdline", "")["cmdline"] == ""


@pytest.mark.parametrize("columns", ["80", "100"])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "iso-8859-1"])
def test_the_map_is_drawn_within_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: str, encoding: str
) -> None:
    image = rom_image(tmp_path).rename(tmp_path / f"{'rom-ü-' * 20}.img")
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("FORCE_COLOR", "1")
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    assert run(["plan", str(image), "--device", "virt-arm", "--append", "日本 ü a\x1b[2J " + "x" * 200]) == 0
    stream.seek(0)
    lines = re.sub(r"\x1b\[[\d;]*m", "", stream.read()).splitlines()
    assert max(map(len, lines)) <= int(columns)
    bar = "█" if encoding == "utf-8" else "#"
    assert any("0x44200000-0x4420" in line and f" zImage {bar}" in line for line in lines)
    assert any("0x44000000-0x44001000" in line and "hardboot page" in line for line in lines)
    named = [line.split()[0] for line in lines if line.startswith("0x")]
    assert len(set(named)) == 1 + 14 + 1, "the bank, what the plan knows, and the window"
    assert "\x1b" not in "".join(lines)
    assert "\\u65e5" in "".join(lines)


def test_colour_only_adds_to_the_text(tmp_path: Path) -> None:
    image = rom_image(tmp_path)
    command = [sys.executable, "-m", "hardboot", "plan", str(image), "--device", "virt-arm"]
    shown = {}
    for name, value in (("NO_COLOR", "1"), ("FORCE_COLOR", "1")):
        environment = {"PATH": "", "COLUMNS": "80", "TERM": "xterm", "PYTHONUTF8": "1", name: value}
        shown[name] = subprocess.run(
            command, env=environment, capture_output=True, check=True, timeout=60, text=True
        ).stdout
    assert "\x1b[" not in shown["NO_COLOR"]
    assert "\x1b[1;32m█" in shown["FORCE_COLOR"]
    assert re.sub(r"\x1b\[[\d;]*m", "", shown["FORCE_COLOR"]) == shown["NO_COLOR"]


def test_the_words_of_the_command_line_say_who_brought_them(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    image = rom_image(tmp_path)
    out, _ = call(capsys, "plan", image, "--device", "virt-arm", "--append", "loglevel=8 quiet")
    assert "  ROM         console=ttyAMA0 quiet\n+ --append    loglevel=8 quiet\n" in out
    assert "  quiet occurs twice: ROM, --append\n" in out
    assert "command line: 38 of at most 1023 bytes" in out
    out, _ = call(capsys, "plan", image, "--device", "virt-arm", "--cmdline", "quiet a=1 a=2")
    assert "+ --cmdline   quiet a=1 a=2\n- ROM         console=ttyAMA0\n" in out
    assert "  a=1 (--cmdline) has no effect: a=2 (--cmdline) counts\n" in out
    document = plan(capsys, image, "--append", "quiet")
    assert document["cmdline_limit"] == 1023
    assert document["cmdline_words"] == [
        {"text": "console=ttyAMA0", "source": "ROM", "loses_to": None},
        {"text": "quiet", "source": "ROM", "loses_to": 2},
        {"text": "quiet", "source": "--append", "loses_to": None},
    ]


def test_the_limit_of_the_command_line_is_the_planners(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    image = rom_image(tmp_path)
    room = 1023 - len("console=ttyAMA0 quiet ")
    assert len(plan(capsys, image, "--append", "x" * room)["cmdline"]) == 1023
    _, errors = call(capsys, "plan", image, "--device", "virt-arm", "--append", "x" * (room + 1), code=4)
    assert "layout rule cmdline-length: the command line has 1024 bytes" in errors


def test_the_picture_is_written_as_svg_beside_the_document(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    picture = tmp_path / "map.svg"
    picture.write_text("old")
    document = plan(capsys, rom_image(tmp_path), "--svg", picture)
    text = picture.read_text()
    assert ElementTree.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
    for one in [*document["segments"], *document["extents"]]:
        assert f"{one['start']:#010x}-{one['end']:#010x}" in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["map.svg", "rom.img"]
    _, errors = call(
        capsys, "plan", tmp_path / "rom.img", "--device", "virt-arm", "--svg", "/nonexistent/a.svg", code=3
    )
    assert "/nonexistent/a.svg: cannot be written" in errors
