"""Small images for tests, written by hand from the documents of the formats, not by the code under test."""

import lzma
import struct
import subprocess
import zlib

KLSZ = 0x5A534C4B
HBPG = 0x47504248
TABLE = 0x100  # where `zimage` puts its extension table


def words(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def klsz(size_pointer: int, *numbers: int) -> bytes:
    return words(3 + len(numbers), KLSZ, size_pointer, *numbers)


def hardboot_tag(page: int, version: int = 1) -> bytes:
    return words(4, HBPG, page, version)


def zimage(
    *,
    tags: bytes | None = None,
    payload: bytes = b"",
    numbers: tuple[int, ...] = (0x3C000, 0x8000, 0x10000),
    start: int = 0,
) -> bytes:
    """A zImage.

    Args:
        tags: The extension table without its end; None for a KLSZ tag with `numbers`, b"" for no table.
        payload: The compressed kernel; its last word is the unpacked size.
        numbers: What the KLSZ tag holds behind the pointer: BSS size, TEXT_OFFSET, MALLOC_SIZE.
        start: Link address.
    """
    table_size = len(klsz(0, *numbers) if tags is None else tags) + 4
    payload = payload or b"packed" + words(0x1234)
    end = TABLE + table_size + len(payload)
    if tags is None:
        tags = klsz(end - 4, *numbers)
    image = bytearray(TABLE)
    image += tags + words(0) + payload
    image += bytes(-len(image) % 8)
    magic2, table = (0x45454545, TABLE) if tags else (0xE10F9000, 0xEB000AF6)  # without a table: code
    struct.pack_into("<6I", image, 0x24, 0x016F2818, start, start + len(image), 0x04030201, magic2, table)
    return bytes(image)


def kernel_with_banner(release: str, size: int = 300_000, at: int = 100_000) -> bytes:
    """An unpacked kernel: `size` bytes that pack neither to nothing nor too large, with a banner."""
    banner = f"Linux version {release} (who@where) (gcc 12) #1 SMP\n".encode()
    noise = b"".join(struct.pack("<Q", index * 0x9E3779B97F4A7C15 % 2**64) for index in range(size // 64))
    body = (noise * 9)[:size]
    return body[:at] + banner + body[at + len(banner) :]


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


def dtb(source: str, *, pad: int = 0) -> bytes:
    """A device tree compiled by dtc, with `pad` bytes of room behind it."""
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
    """A small device tree of a board."""
    memory = "memory@80000000 { reg = <1 2>; };"
    return dtb(f'/ {{ model = "{model}"; compatible = "acme,board", "acme,soc"; {memory} }};')
