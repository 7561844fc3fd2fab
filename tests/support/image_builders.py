"""Small images for tests, written by hand from the documents of the formats, not by the code under test."""

import lzma
import os
import struct
import subprocess
import tempfile
import zlib
from functools import cache, lru_cache
from pathlib import Path

KLSZ = 0x5A534C4B
HBPG = 0x47504248
TABLE = 0x100  # where `zimage` puts its extension table
# For Debian's programs: those in Python run on its own, whatever `python3` is.
DEBIAN = {**os.environ, "PATH": "/usr/bin:/bin"}
RELATIVE = struct.pack("<II", 0xE1A0400F, 0xE204433E)  # mov r4, pc; and r4, r4, #0xf8000000


def words(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def klsz(size_pointer: int, *numbers: int) -> bytes:
    return words(3 + len(numbers), KLSZ, size_pointer, *numbers)


def hardboot_tag(page: int, version: int = 1) -> bytes:
    return words(4, HBPG, page, version)


def unpacks_to(address: int) -> bytes:
    """Return zImage code that unpacks to a fixed address: ldr r4, [pc, #8], and the address 16 bytes on."""
    return struct.pack("<IIIII", 0xE59F4008, 0, 0, 0, address)


def zimage(
    *,
    tags: bytes | None = None,
    payload: bytes = b"",
    numbers: tuple[int, ...] = (0x3C000, 0x8000, 0x10000),
    start: int = 0,
    code: bytes | None = None,
) -> bytes:
    """Return a zImage.

    Args:
        tags: The extension table without its end; None for a KLSZ tag with `numbers`, b"" for no table.
        payload: The compressed kernel; its last word is the unpacked size.
        numbers: What the KLSZ tag holds behind the pointer: BSS size, TEXT_OFFSET, MALLOC_SIZE.
        start: Link address.
        code: What stands behind the header; None for code that unpacks relative to its own address.
    """
    table_size = len(klsz(0, *numbers) if tags is None else tags) + 4
    payload = payload or b"packed" + words(0x1234)
    end = TABLE + table_size + len(payload)
    if tags is None:
        tags = klsz(end - 4, *numbers)
    code = RELATIVE if code is None else code
    image = bytearray(0x40) + code + bytes(TABLE - 0x40 - len(code))
    image += tags + words(0) + payload
    image += bytes(-len(image) % 8)
    magic2, table = (0x45454545, TABLE) if tags else (0xE10F9000, 0xEB000AF6)  # without a table: code
    struct.pack_into("<6I", image, 0x24, 0x016F2818, start, start + len(image), 0x04030201, magic2, table)
    return bytes(image)


@lru_cache(maxsize=8)
def kernel_with_banner(release: str, size: int = 300_000, at: int = 100_000) -> bytes:
    """Return an unpacked kernel: `size` bytes that pack neither to nothing nor too large, with a banner."""
    banner = f"Linux version {release} (who@where) (gcc 12) #1 SMP\n".encode()
    noise = b"".join(struct.pack("<Q", index * 0x9E3779B97F4A7C15 % 2**64) for index in range(size // 64))
    body = (noise * 9)[:size]
    return body[:at] + banner + body[at + len(banner) :]


@lru_cache(maxsize=16)
def pack(kernel: bytes, how: str) -> bytes:
    """`kernel` compressed as Linux's build does it, its size as the last word."""
    if how == "gzip":  # ends with the size by itself
        encoder = zlib.compressobj(9, wbits=31)
        return encoder.compress(kernel) + encoder.flush()
    if how == "xz":  # scripts/xz_wrap.sh
        filters = [{"id": lzma.FILTER_ARM}, {"id": lzma.FILTER_LZMA2, "dict_size": 32 << 20}]
        packed = lzma.compress(kernel, lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=filters)
    else:
        packed = lzma.compress(kernel, lzma.FORMAT_ALONE, preset=9)
    return packed + words(len(kernel))


@cache
def dtb(source: str, *, pad: int = 0) -> bytes:
    """Return a device tree compiled by dtc, with `pad` bytes of room behind it."""
    if not source.startswith("/dts-v1/"):
        source = f"/dts-v1/;\n{source}"
    return subprocess.run(
        ["dtc", "-q", "-I", "dts", "-O", "dtb", "-p", str(pad)],
        input=source.encode(),
        stdout=subprocess.PIPE,
        check=True,
        timeout=30,
    ).stdout


def board(model: str) -> bytes:
    """Return a small device tree of a board."""
    memory = "memory@80000000 { reg = <1 2>; };"
    return dtb(f'/ {{ model = "{model}"; compatible = "acme,board", "acme,soc"; {memory} }};')


@lru_cache(maxsize=8)
def mkbootimg(*words: str, **files: bytes) -> bytes:
    """Return the image that AOSP's mkbootimg makes with `words`; each of `files` goes to its option."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["mkbootimg", *words, "-o", "made.img"]
        for name, data in files.items():
            Path(folder, name).write_bytes(data)
            command += [f"--{name}", name]
        subprocess.run(command, check=True, timeout=60, cwd=folder, env=DEBIAN)
        return Path(folder, "made.img").read_bytes()


def ikconfig(text: str) -> bytes:
    """Return what CONFIG_IKCONFIG leaves in an unpacked kernel."""
    encoder = zlib.compressobj(9, wbits=31)
    return b"IKCFG_ST" + encoder.compress(text.encode()) + encoder.flush() + b"IKCFG_ED"


def kernel_with_config(release: str, text: str, size: int = 300_000) -> bytes:
    """Return an unpacked kernel with a banner and its configuration behind it."""
    kernel = bytearray(kernel_with_banner(release, size))
    mark = ikconfig(text)
    at = len(kernel) - len(mark) - 1000
    kernel[at : at + len(mark)] = mark
    return bytes(kernel)


def arm64_image(kernel: bytes, *, text: int = 0x80000, bss: int = 0x10000, flags: int = 0b1010) -> bytes:
    """Return an arm64 kernel: a header over the first 64 bytes of `kernel`."""
    head = struct.pack("<IIQQQ24x4sI", 0x91005A4D, 0x14000000, text, len(kernel) + bss, flags, b"ARM\x64", 64)
    return head + kernel[len(head) :]


def zboot(payload: bytes, compression: str = "gzip") -> bytes:
    """Return an EFI zboot kernel around a compressed kernel."""
    offset = 0x200
    head = b"MZ\0\0zimg" + words(offset, len(payload), 0, 0) + compression.encode().ljust(32, b"\0")
    return head.ljust(offset, b"\x5a") + payload + bytes(0x300)


def _table(head: bytes, entries: list[tuple[bytes, bytes, bytes]], trees: list[bytes], page: int) -> bytes:
    """Return a little-endian table; each entry: bytes before and behind offset and size, and its tree."""
    size = sum(len(before) + 8 + len(behind) for before, behind, _ in entries)
    start = -(-(len(head) + size + 4) // page) * page
    offsets = {}
    body = b""
    for tree in trees:
        offsets[tree] = start + len(body)
        body += tree + bytes(-len(tree) % page)
    for before, behind, tree in entries:
        head += before + words(offsets[tree], -(-len(tree) // page) * page) + behind
    return head.ljust(start, b"\0") + body


def qcdt(
    version: int, entries: list[tuple[tuple[int, ...], bytes]], *, page: int = 2048, model: bytes = b"board"
) -> bytes:
    """Return a Qualcomm table of device trees; each entry its ids in file order and its tree."""
    trees = list(dict.fromkeys(tree for _, tree in entries))
    behind = model.ljust(32, b"\0") if version & 0x100 else b""
    rows = [(words(*ids), behind, tree) for ids, tree in entries]
    return _table(b"QCDT" + words(version, len(entries)), rows, trees, page)


def dtbh(entries: list[tuple[tuple[int, int, int, int, int], bytes]], *, page: int = 2048) -> bytes:
    """Return a Samsung table of device trees; each entry chip, platform, subtype, revisions, tree."""
    trees = list(dict.fromkeys(tree for _, tree in entries))
    rows = [(words(*ids), words(0x20), tree) for ids, tree in entries]
    return _table(b"DTBH" + words(2, len(entries)), rows, trees, page)


def sprd(entries: list[tuple[tuple[int, int, int], bytes]], *, page: int = 2048) -> bytes:
    """Return a Spreadtrum table of device trees; each entry chip, platform, revision, tree."""
    trees = list(dict.fromkeys(tree for _, tree in entries))
    rows = [(words(*ids), b"", tree) for ids, tree in entries]
    return _table(b"SPRD" + words(1, len(entries)), rows, trees, page)


def pxa(magic: bytes, entries: list[tuple[tuple[int, int], bytes]], *, page: int = 2048) -> bytes:
    """Return a Marvell table of device trees; each entry chip, revision, tree."""
    trees = list(dict.fromkeys(tree for _, tree in entries))
    rows = [(words(*ids), b"", tree) for ids, tree in entries]
    return _table(magic + words(1, len(entries)), rows, trees, page)


def amlogic(version: int, entries: list[tuple[tuple[str, str, str], bytes]], *, page: int = 2048) -> bytes:
    """Return an Amlogic table of device trees; each entry chip, platform, variant, tree."""
    trees = list(dict.fromkeys(tree for _, tree in entries))
    width = {1: 4, 2: 16}[version]

    def swapped(text: str) -> bytes:
        raw = text.encode().ljust(width)
        return b"".join(raw[at : at + 4][::-1] for at in range(0, width, 4))

    rows = [(b"".join(map(swapped, ids)), b"", tree) for ids, tree in entries]
    return _table(b"AML_" + words(version, len(entries)), rows, trees, page)


def dtbo(entries: list[tuple[tuple[int, ...], bytes]], *, version: int = 0) -> bytes:
    """Return a table of overlays; each entry id, revision, four custom words, and its tree."""
    trees = list(dict.fromkeys(tree for _, tree in entries))
    start = 32 + 32 * len(entries)
    offsets = {tree: start + sum(map(len, trees[:index])) for index, tree in enumerate(trees)}
    body = b"".join(trees)
    numbers = (0xD7B7AB1E, start + len(body), 32, 32, len(entries), 32, 2048, version)
    out = struct.pack(">8I", *numbers)
    for ids, tree in entries:
        out += struct.pack(">8I", len(tree), offsets[tree], *ids)
    return out + body
