"""Images that lie, through the command line: a correct reading, or three lines that name field and offset."""

import gzip
import json
import lzma
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import container_builders as build
import pytest
from image_builders import amlogic, arm64_image, board, dtb, words, zboot, zimage

from hardboot.__main__ import run


def patched(data: bytes, offset: int, form: str, *values: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into(form, changed, offset, *values)
    return bytes(changed)


def cpio(name: bytes, mode: int, data: bytes = b"") -> bytes:
    numbers = (1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08x" % number for number in numbers) + name + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def nested_uimage() -> bytes:
    data = zimage()
    for _ in range(20):
        data = build.uimage(data)
    return data


def nested_sparse() -> bytes:
    data = build.boot()
    for _ in range(20):
        data = build.sparse_of(data)
    return data


def deep_tree() -> bytes:
    block = (words(0x01000000) + b"a\0\0\0") * 20_000 + words(0x02000000) * 20_000 + words(0x09000000)
    numbers = (0xD00DFEED, 56 + len(block), 56, 56 + len(block), 40, 17, 16, 0, 0, len(block))
    return struct.pack(">10I", *numbers) + bytes(16) + block


BOMB = gzip.compress(bytes(64 << 20))
PACKED_TREE = zlib.compress(bytes(40 << 20))
EVIL = cpio(b"../../evil", 0o100644, b"x") + cpio(b"/evil", 0o100644, b"x") + cpio(b"l", 0o120777, b"/tmp")
EVIL += cpio(b"l/evil", 0o100644, b"x") + cpio(b"TRAILER!!!", 0)
QCDT_ROWS = b"".join(words(1, 1, 1, index, index, 200_000) for index in range(4096))
SPARSE = struct.pack("<IHHHHIIII", 0xED26FF3A, 1, 0, 28, 12, 4096, 0xFFFFFFFF, 1, 0)
DTBO_HEAD = struct.pack(">8I", 0xD7B7AB1E, 64 + len(PACKED_TREE), 32, 32, 1, 32, 2048, 1)

AMLOGIC = amlogic(1, [(("gxl", "p212", "1g"), board("x"))])
OUTSIDE = dtb('/ { images { i { type = "kernel"; data-position = <0x7fffffff>; data-size = <9>; }; }; };')
REFUSED: dict[str, tuple[bytes, str]] = {
    "a kernel of 4 GiB": (patched(build.boot(), 8, "<I", 0xFFFFFFFF), "kernel_size at offset 0x8"),
    "pages of 0 bytes": (patched(build.boot(), 0x24, "<I", 0), "page_size at offset 0x24"),
    "pages of 2047 bytes": (patched(build.boot(), 0x24, "<I", 2047), "page_size at offset 0x24"),
    "half a header": (build.boot()[:900], "header at offset 0x0"),
    "vendor_boot of 4 GiB": (patched(build.vendor_boot(4), 0x18, "<I", 0xFFFFFFFF), "vendor_ramdisk_size at"),
    "4294967295 QCDT entries": (patched(build.qcdt(), 8, "<I", 0xFFFFFFFF), "entries at offset 0x8"),
    "4096 trees on each other": (b"QCDT" + words(2, 4096) + QCDT_ROWS + bytes(300_000), "entry at offset"),
    "a tree on the table": (patched(build.qcdt(), 12 + 16, "<II", 0, 2048), "entries at offset 0x0"),
    "an overlay behind the end": (patched(build.dtbo(), 36, ">I", 1 << 20), "entry at offset 0x20"),
    "a table without entries": (patched(build.dtbo(), 12, ">I", 0), "dt_entry_size at offset 0xc"),
    "32 TiB of nothing": (SPARSE + struct.pack("<HHII", 0xCAC3, 0, 1, 12), "blocks at offset 0x10"),
    "a U-Boot image in itself": (
        nested_uimage(),
        "header at offset 0x40: another one is inside: a U-Boot image",
    ),
    "a zboot kernel behind the end": (patched(zboot(b"x"), 8, "<II", 0xFFFFFFFF, 9), "payload at offset 0x8"),
    "a zImage that ends before it starts": (patched(zimage(), 0x28, "<II", 100, 0), "end at offset 0x2c"),
    "a tree of 4 GiB": (patched(board("x"), 4, ">I", 0xFFFFFFFF), "totalsize at offset 0x4"),
    "a Sony ELF with parts outside": (
        patched(build.sony_elf(), 52 + 4, "<I", 0xFFFFFFFF),
        "filesz at offset",
    ),
    "vbmeta of 16 EiB": (patched(build.vbmeta(), 0x14, ">Q", 2**64 - 1), "auxiliary_size at offset 0x14"),
    "a Sony ELF of 64 bits with parts outside": (
        patched(build.sony_elf64(), 64 + 32, "<Q", 1 << 63),
        "filesz at offset 0x60",
    ),
    "a Rockchip image of 4 GiB": (patched(build.rockchip(b"x"), 4, "<I", 0xFFFFFFFF), "size at offset 0x4"),
    "resources with a file outside": (
        patched(build.resources(), 0x200 + 264, "<I", 1 << 31),
        "entry at offset",
    ),
    "resources without end": (patched(build.resources(), 12, "<I", 0xFFFFFFFF), "entries at offset 0xc"),
    "an Amlogic table without end": (patched(AMLOGIC, 8, "<I", 0xFFFFFFFF), "entries at offset 0x8"),
    "an Amlogic table with a tree outside": (patched(AMLOGIC, 24, "<II", 1 << 31, 9), "entry at offset 0xc"),
    "a FIT with data outside": (OUTSIDE, "image i at offset 0x7fffffff"),
    "an uInitrd that is cut off": (build.uimage(b"x" * 99, 3)[:-1], "size at offset 0xc"),
    "lzma with a dictionary of 128 MiB": (
        b"\x5d" + struct.pack("<IQ", 1 << 27, 1 << 27) + bytes(100),
        "this is lzma data, not an Android boot image",
    ),
}
READ: dict[str, bytes] = {
    "a v2 header in a v0 image": patched(build.boot(), 0x28, "<I", 2),
    "a zImage with tags outside": patched(zimage(), 0x38, "<I", 0xFFFFFFFC),
    "a v2 header of 4 GiB": patched(build.boot_v2(2), 0x66C, "<I", 0xFFFFFFFF),
    "a uImage with a wrong checksum": patched(build.uimage(zimage()), 4, ">I", 0),
    "an UNCOMPRESSED_IMG of 4 GiB": build.patched(arm64_image(bytes(1000)), board("x"), 0xFFFFFFFF),
    "an overlay compressed in an unknown way": patched(patched(build.dtbo(), 28, ">I", 1), 32 + 16, ">I", 9),
    "a bomb as kernel and ramdisk": build.boot(BOMB, BOMB),
    "a bomb in a zImage": zimage(payload=BOMB + words(64 << 20)),
    "a ramdisk that wants out": build.boot(zimage(), gzip.compress(EVIL)),
    "a ramdisk that wants out, alone": EVIL,
    "a MediaTek header that lies": build.boot(patched(build.mtk(b"x" * 99, b"KERNEL"), 4, "<I", 2**32 - 1)),
    "a DHTB header that lies": patched(build.dhtb(), 0x30, "<I", 0xFFFFFFFF),
    "a footer that points at itself": patched(build.with_footer(build.boot_v3(), 65536), -44, ">Q", 65472),
    "a name that leads out": build.vendor_boot(4).replace(b"ramdisk 0", b"../../x\x1b["),
    "resources with a path that leads out": build.resources().replace(b"logo.bmp", b"../../x\x1b"),
    "Amlogic's ids that steer": AMLOGIC.replace(b" lxg", b"\x1b[2J"),
    "a DHTB header behind a vbmeta that lies": patched(build.unisoc_vbmeta(), 65024 + 48, "<I", 0xFFFFFFFF),
    "vbmeta images without end": build.boot_v3(4, build.vbmeta() * 40),
    "a bootloader with a name that steers": build.boot(build.uboot(b"U-Boot 2023.01\x1b[2J") + board("x")),
    "a table behind a kernel that points outside": build.boot(
        zimage() + patched(build.qcdt(), 28, "<I", 1 << 31)
    ),
    "a command line that steers": build.boot(cmdline=b"\x1b]0;x\x07\x1b[2J\r\n\xff"),
    "an overlay that is a bomb": DTBO_HEAD
    + struct.pack(">8I", len(PACKED_TREE), 64, 0, 0, 1, 0, 0, 0)
    + PACKED_TREE,
}


def call(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = run([str(word) for word in arguments])
    return code, *capsys.readouterr()


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_field_is_refused_by_name_and_offset(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, field = REFUSED[name]
    path = tmp_path / "x.img"
    path.write_bytes(data)
    for words_ in (("info", path), ("unpack", path, tmp_path / "out")):
        code, _, err = call(capsys, *words_)
        if words_[0] == "info" and code == 0:
            continue  # it says so, and shows the rest
        assert code == 3
        what, state, fix = err.splitlines()
        assert what.startswith(f"hardboot: {path}: ")
        assert field in what
        assert state.startswith("  state: ")
        assert fix.startswith("  to do: ")
    assert [one.name for one in tmp_path.iterdir()] == ["x.img"]


@pytest.mark.parametrize("name", READ)
def test_damage_that_can_be_read_does_no_harm(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out, again = tmp_path / "x.img", tmp_path / "a" / "out", tmp_path / "again.img"
    out.parent.mkdir()
    path.write_bytes(READ[name])
    for command in (("info", path), ("unpack", path, out), ("pack", out, again)):
        code, told, err = call(capsys, *command)
        assert code == 0, err
        assert "\x1b" not in told
    assert again.read_bytes() == READ[name]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a", "again.img", "x.img"]
    assert [one.name for one in out.parent.iterdir()] == ["out"]


def told_wrong(document: object, key: str = "") -> Iterator[str]:
    """Yield what a document of `info` says is wrong."""
    if isinstance(document, dict):
        for name, value in document.items():
            yield from told_wrong(value, name)
    elif isinstance(document, list):
        for value in document:
            yield from told_wrong(value, key)
    elif isinstance(document, str) and key in ("problem", "warning", "warnings", "note"):
        yield document


@pytest.mark.parametrize("name", [*READ, *REFUSED])
def test_what_is_wrong_is_told_to_people_as_to_programs(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.img"
    path.write_bytes(READ[name] if name in READ else REFUSED[name][0])
    code, document, _ = call(capsys, "--json", "info", path)
    shown = call(capsys, "info", path)
    assert shown[0] == code
    for text in told_wrong(json.loads(document) if document else None):
        assert text in shown[1]


def test_layers_of_sparse_images_end_at_the_second(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.img"
    path.write_bytes(nested_sparse())
    code, told, _ = call(capsys, "info", path)
    assert (code, told.count("Android sparse image")) == (0, 2)
    assert call(capsys, "unpack", path, tmp_path / "out")[0] == 3


def test_a_decompression_bomb_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.img"
    for data in (gzip.compress(BOMB), lzma.compress(bytes(64 << 20), preset=0), deep_tree()):
        path.write_bytes(data)
        code, _, err = call(capsys, "info", path)
        assert code in (0, 3)
        assert code == 0 or len(err.splitlines()) == 3
