"""hardboot plan, and the ROMs it reads: images made by mkbootimg, answers read from the command line."""

import io
import json
import re
import subprocess
import sys
from contextlib import nullcontext
from itertools import takewhile
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

import msgspec
import pytest
from container_builders import mtk
from image_builders import board, dtb, kernel_with_banner, klsz, mkbootimg, pack, words, zimage

from hardboot import planning, profile, rom
from hardboot.__main__ import run
from hardboot.errors import InputError
from hardboot.formats import fdt
from hardboot.formats.zimage import ZImage
from hardboot.handset import KERNEL, Copy
from hardboot.phone import Phone
from hardboot.profile import schema
from hardboot.transport.base import Output, Transport

EDATA = 300_000
PACKED = pack(kernel_with_banner("6.1.0-test", EDATA), "xz")
IOMEM = "00000000-0d9fffff : System RAM\n0fb00000-bfffffff : System RAM\n"


def kernel(**options: Any) -> bytes:
    return zimage(**({"payload": PACKED} | options))


def rom_image(
    folder: Path, *, kernel_data: bytes | None = None, ramdisk: bytes | None = bytes(4097), **parts: Any
) -> Path:
    """A boot image made by Debian's mkbootimg."""
    words = ["--base", "0x40000000", "--cmdline", "console=ttyAMA0 quiet"]
    files = {"kernel": kernel() if kernel_data is None else kernel_data, "ramdisk": ramdisk, **parts}
    if "dtb" in parts:
        words += ["--header_version", "2"]
    path = folder / "rom.img"
    path.write_bytes(mkbootimg(*words, **{name: data for name, data in files.items() if data is not None}))
    return path


def call(capsys: pytest.CaptureFixture[str], *arguments: str | Path, code: int = 0) -> tuple[str, str]:
    assert run([str(word) for word in arguments]) == code
    captured = capsys.readouterr()
    return captured.out, captured.err


def plan(capsys: pytest.CaptureFixture[str], image: Path, *arguments: str | Path) -> dict[str, Any]:
    out, _ = call(capsys, "--json", "plan", image, "--device", "virt-arm", *arguments)
    found: dict[str, Any] = json.loads(out)
    return found


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


def test_a_rom_without_a_tree_is_planned_with_a_stand_in(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    document = plan(capsys, rom_image(tmp_path))
    assert document["complete"] is False
    tree = next(one for one in document["segments"] if one["name"] == "dtb")
    assert (tree["end"] - tree["start"], tree["bytes"]) == (1 << 20, 0)
    assert any("stand-in" in note for note in document["notes"])


def test_the_roms_own_tree_is_used_appended_or_in_its_own_part(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    own = board("mine")
    for options in ({"kernel_data": kernel() + own}, {"dtb": own}):
        document = plan(capsys, rom_image(tmp_path, **options))
        assert document["complete"] is True
        assert document["dtb_source"] == "the only one the ROM brings"
        assert document["segments"][0]["bytes"] == len(kernel()), "the kernel goes without what is appended"


def test_mediatek_headers_stay_behind(tmp_path: Path) -> None:
    plain, ramdisk = kernel() + board("mine"), b"ramdisk" * 99
    found = rom.read(rom_image(tmp_path, kernel_data=mtk(plain, b"KERNEL"), ramdisk=mtk(ramdisk, b"ROOTFS")))
    guest = found.guest(tree=None, live_tree=None, cmdline="")
    assert (bytes(found.image.kernel), bytes(guest.ramdisk)) == (plain, ramdisk)
    assert found.release == "6.1.0-test"
    assert len(found.trees) == 1
    damaged = rom_image(tmp_path, ramdisk=mtk(ramdisk, b"ROOTFS") + b"more")
    with pytest.raises(InputError, match=r"rom\.img: MTK header: size at offset 0x4"):
        rom.read(damaged)


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
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    assert run(["plan", str(image), "--device", "virt-arm", "--append", "日本 ü a\x1b[2J " + "x" * 200]) == 0
    stream.seek(0)
    lines = stream.read().splitlines()
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
    assert "  quiet stands twice: ROM, --append\n" in out
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
    assert "layout rule cmdline-length: 1024 bytes" in errors


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


def test_a_phone_with_unknown_ram_needs_its_memory_map(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    image = rom_image(tmp_path)
    _, errors = call(capsys, "plan", image, "--device", "shamu", code=4)
    assert "the banks of RAM" in errors
    assert "cat /proc/iomem" in errors
    assert "--iomem FILE" in errors
    iomem = tmp_path / "iomem"
    iomem.write_text(IOMEM)
    out, _ = call(capsys, "--json", "plan", image, "--device", "shamu", "--iomem", iomem)
    document = json.loads(out)
    assert document["entry"] == 0x20000000
    iomem.write_text("00000000-00000000 : System RAM\n")
    _, errors = call(capsys, "plan", image, "--device", "shamu", "--iomem", iomem, code=3)
    assert "not read as root" in errors


def test_a_refusal_names_the_rule_and_is_a_document_too(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    image = rom_image(tmp_path, kernel_data=kernel(numbers=(0x3C000, 0, 0x10000)))
    out, errors = call(capsys, "--json", "plan", image, "--device", "virt-arm", code=4)
    error = json.loads(out)["error"]
    assert error["kind"] == "RefusedError"
    assert error["exit_code"] == 4
    assert error["what"].startswith("layout rule decompression-in-ram: ")
    assert "state: Nothing was sent." in errors


def test_without_a_device_and_without_a_phone_the_way_out_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _, errors = call(capsys, "plan", rom_image(tmp_path), code=5)
    assert "no phone" in errors
    assert "hardboot plan IMAGE --device NAME" in errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel_data": b"text " * 100}, "zImage"),
        ({"kernel_data": kernel()[:-9]}, "zImage: end"),
        ({"ramdisk": None}, "the image has no ramdisk"),
        ({"dtb": b"no tree, but bytes of some other kind" * 10}, "holds no device tree"),
    ],
)
def test_an_image_that_cannot_be_booted_is_refused_with_its_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    image = rom_image(tmp_path, **options)
    _, errors = call(capsys, "plan", image, "--device", "virt-arm", code=3)
    assert str(image) in errors
    assert message in errors
    assert len(errors.splitlines()) == 3


@pytest.mark.parametrize("content", [b"", b"just some text\n" * 400, b"ANDROID!", None])
def test_a_file_that_is_no_image_is_an_input_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "x.img"
    if content is not None:
        path.write_bytes(content)
    _, errors = call(capsys, "plan", path, "--device", "virt-arm", code=3)
    assert str(path) in errors


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_truncated_image_is_an_input_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, part: float
) -> None:
    path = rom_image(tmp_path, ramdisk=bytes(100_000))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    _, errors = call(capsys, "plan", path, "--device", "virt-arm", code=3)
    assert "boot image" in errors


def test_the_size_of_a_kernel_that_does_not_state_it_is_found(tmp_path: Path) -> None:
    packed = pack(kernel_with_banner("3.10.40", EDATA), "gzip")
    old = zimage(tags=b"", payload=b"\x1f\x8b\x08\x00 a false magic" + packed)
    found = rom.read(rom_image(tmp_path, kernel_data=old))
    assert isinstance(found.kernel, ZImage)
    assert found.kernel.edata_size is None
    assert found.unpacked_size == EDATA
    assert found.release == "3.10.40"
    lzma = zimage(tags=b"", payload=pack(kernel_with_banner("3.4.0", EDATA), "lzma"))
    assert rom.read(rom_image(tmp_path, kernel_data=lzma)).unpacked_size == EDATA
    unknown = zimage(tags=b"", payload=b"no known compression" * 100)
    assert rom.read(rom_image(tmp_path, kernel_data=unknown)).unpacked_size is None


def test_a_stated_size_is_believed_before_a_gzip_stream(tmp_path: Path) -> None:
    packed = pack(kernel_with_banner("6.1.0", EDATA), "gzip") + words(123456)
    assert rom.read(rom_image(tmp_path, kernel_data=zimage(payload=packed))).unpacked_size == 123456


def test_an_extension_table_that_points_outside_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"rom\.img: zImage: KLSZ"):
        rom.read(rom_image(tmp_path, kernel_data=zimage(tags=klsz(0x7FFFFFFF, 1, 2, 3))))


def test_a_live_tree_completes_the_guest(tmp_path: Path) -> None:
    found = rom.read(rom_image(tmp_path))
    live = fdt.parse(dtb("/ { #address-cells = <1>; #size-cells = <1>; };"))
    guest = found.guest(tree=live, live_tree=live, cmdline=found.cmdline)
    assert guest.tree is live
    assert bytes(guest.ramdisk) == bytes(4097)
    assert guest.unpacked_size == EDATA


def test_no_profile_needs_another_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    image = rom_image(tmp_path)
    _, errors = call(capsys, "plan", image, "--device", "nobody", code=3)
    assert ", ".join(profile.names()) in errors


class HostPhone(Phone):
    """A phone whose answers are given; it takes nothing, and it has no device tree."""

    header = b""

    iomem = "40000000-7fffffff : System RAM\n  40300000-412fffff : Kernel code\n"

    def roots(self, *commands: str, timeout_s: float = 0) -> list[Output]:
        return [self.root(command) for command in commands]

    def root(self, command: str, *, timeout_s: float = 0) -> Output:
        if command == KERNEL:
            return Output(f"6.1.0\nboot-id\n{RUNNING}\n", 0)
        if command == "cat /proc/iomem":
            return Output(self.iomem, 0)
        known = self.profile.partitions["boot"]
        if command.startswith("test -b"):
            assert known.path in command
            return Output(f"/dev/block/boot\n{known.size or 0}\n0\n", 0)
        return Output("", 0 if command.startswith(("test -e", "if test -e")) else 1)

    def fetch(self, copy: Copy, answer: Output) -> bytes | None:
        assert answer.code == 0
        return self.header if copy.path == self.partition_path("boot") else None

    def make_staging(self, size: int = 0) -> None:
        assert not size

    def clean(self) -> None:
        pass


def test_a_dry_run_draws_the_same_picture_with_what_the_phone_says(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    image = rom_image(tmp_path, kernel_data=kernel() + board("mine"))
    host_phone(monkeypatch, image)
    out, _ = call(capsys, "boot", image, "--dry-run", "--append", "a=1")
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any("0x40300000-0x41300000" in line and "▚ Kernel code" in line for line in lines)
    assert any("0x44200000-0x4420" in line and "zImage █" in line for line in lines)
    at = lines.index("  ROM         console=ttyAMA0 quiet")
    assert lines[at + 1 : at + 3] == ["+ bootloader  androidboot.serialno=1", "+ --append    a=1"]
    assert re.fullmatch(r"\+ hardboot    androidboot\.hardboot=[0-9a-f]{8}", lines[at + 3])


NULL = {"console": "null"}
RUNNING = "console=null quiet androidboot.serialno=1"


def host_phone(monkeypatch: pytest.MonkeyPatch, image: Path) -> HostPhone:
    quirks = schema.Cmdline(replaced=NULL)
    virtual = msgspec.structs.replace(profile.load("virt-arm"), cmdline=quirks)
    phone = HostPhone(cast(Transport, None), virtual, "1")
    phone.header = image.read_bytes()[:4096]
    monkeypatch.setattr("hardboot.phone.connected", lambda *_: nullcontext(phone))
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
        "~ if flashed  loses console=ttyAMA0; gets console=null",
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
        "? bootloader  not known; a connected phone or --from DIR tells what it adds",
        "~ if flashed  loses console=ttyAMA0; gets console=null",
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
        assert planning.in_boot_partition(profile.load(name), own) == expected, name


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


def test_a_guest_that_runs_is_no_source_of_the_bootloaders_words(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = copied_files(tmp_path / "phone", cmdline=f"{RUNNING} androidboot.hardboot=0123abcd")
    _, errors = call(capsys, "--json", "plan", rom_image(tmp_path), "--from", folder)
    assert "a ROM runs that hardboot has started" in errors


def test_a_boot_without_any_tree_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = rom_image(tmp_path)
    host_phone(monkeypatch, image)
    _, errors = call(capsys, "boot", image, "--dry-run", code=4)
    assert "the ROM brings no device tree, and the phone shows none" in errors
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
        assert "--svg goes with --dry-run" in errors
