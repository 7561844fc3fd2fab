"""One small image of every kind hardboot takes apart, written by hand from the documents of the formats."""

import hashlib
import struct
import zlib

import image_builders as builders
import lz4.block
from image_builders import board, words

KERNEL, RAMDISK, SECOND, DTB = b"kernel data" * 300, b"ramdisk data" * 200, b"second data", b"dtb data" * 9
SAMSUNG = b"SEANDROIDENFORCE"
BUMP = bytes.fromhex("41a9e467744d1d1ba429f2ecea655279")


def page(data: bytes, size: int = 2048, fill: bytes = b"\0") -> bytes:
    return data + fill * (-len(data) % size)


def image_id(*parts: bytes) -> bytes:
    return hashlib.sha1(b"".join(part + words(len(part)) for part in parts)).digest() + bytes(12)


def boot(
    kernel: bytes = KERNEL,
    ramdisk: bytes = RAMDISK,
    *,
    second: bytes = SECOND,
    dt: bytes = b"",
    size: int = 2048,
    cmdline: bytes = b"console=ttyMSM0",
    fill: bytes = b"\0",
) -> bytes:
    """Return a v0 image; with `dt` as older Qualcomm phones have it."""
    hashed = (kernel, ramdisk, second, dt) if dt else (kernel, ramdisk, second)
    numbers = (len(kernel), 0x80008000, len(ramdisk), 0x81000000, len(second), 0x80F00000, 0x80000100)
    head = b"ANDROID!" + words(*numbers, size, len(dt), 13 << 25 | 23 << 4 | 5)
    head += b"board".ljust(16, b"\0") + cmdline.ljust(512, b"\0") + image_id(*hashed) + bytes(1024)
    parts = (kernel, ramdisk, second, dt)
    return page(head, size) + b"".join(page(part, size, fill) for part in parts if part)


def boot_v2(version: int) -> bytes:
    """Return a v1 or v2 image with all its parts."""
    overlay, tree = dtbo(), board("in the image") if version == 2 else b""
    parts = (KERNEL, RAMDISK, SECOND, overlay, *((tree,) if tree else ()))
    numbers = (len(KERNEL), 0x80008000, len(RAMDISK), 0x81000000, len(SECOND), 0x80F00000, 0x80000100)
    head = b"ANDROID!" + words(*numbers, 2048, version, 13 << 25 | 23 << 4 | 5)
    head += b"board".ljust(16, b"\0") + b"quiet".ljust(512, b"\0") + image_id(*parts) + bytes(1024)
    head += words(len(overlay)) + struct.pack(
        "<QI", sum(len(page(part)) for part in (head, *parts[:3])), 1648
    )
    if tree:
        head = head[:-4] + words(1660, len(tree)) + struct.pack("<Q", 0x81F00000)
    return b"".join(page(part) for part in (head, *parts))


def boot_v3(version: int = 3, signature: bytes = b"", kernel: bytes = KERNEL) -> bytes:
    head = b"ANDROID!" + words(len(kernel), len(RAMDISK), 0, 1580 + 4 * (version == 4), 0, 0, 0, 0, version)
    head += b"bootconfig".ljust(1536, b"\0") + (words(len(signature)) if version == 4 else b"")
    return b"".join(page(part, 4096) for part in (head, kernel, RAMDISK, signature))


def pxa() -> bytes:
    head = b"ANDROID!" + words(len(KERNEL), 0x1008000, len(RAMDISK), 0x2000000, len(SECOND), 0xF00000)
    head += words(len(DTB), 0x02000000, 0x01000100, 2048) + b"pxa board".ljust(24, b"\0")
    head += b"quiet".ljust(512, b"\0") + image_id(KERNEL, RAMDISK, SECOND, DTB) + bytes(1024)
    assert len(head) == 1640
    return b"".join(page(part) for part in (head, KERNEL, RAMDISK, SECOND, DTB))


def mtk(data: bytes, name: bytes) -> bytes:
    return b"\x88\x16\x88\x58" + words(len(data)) + name.ljust(32, b"\0") + b"\xff" * 472 + data


def amonet() -> bytes:
    image = bytearray(boot())
    image[1024:2048] = image[:1024]
    image[:1024] = b"microloader".ljust(1024, b"\x90")
    return bytes(image)


def injected() -> bytes:
    """Return what amonet's inject_microloader() makes of a boot image: a header of its own in front."""
    image = bytearray(boot())
    image[1024:2048] = image[:1024]
    head = b"ANDROID!" + words(0x1DA0000, 0x40080000, 0, 0x44000000, 0, 0x40F00000, 0x48000000, 2048)
    head = head.ljust(64, b"\0") + b"bootopt=64S3,32N2,32N2".ljust(512, b"\0")
    image[:1024] = (head + b"\x90" * 64 + b"microloader\0" + bytes(1024))[:1024]
    return bytes(image)


def nook(image: bytes, *, field: int = 64, mark: bytes = b"Green Loader", size: int = 1 << 20) -> bytes:
    """Return `image` behind a loader, which is a boot image of its own and knows their magic."""
    loader = bytearray(boot(KERNEL + b"ANDROID!" + KERNEL))
    loader[field : field + 16] = mark.ljust(16, b"\0")[:16]
    return bytes(loader).ljust(size, b"\x11") + image


def dhtb(inner: bytes = boot() + SAMSUNG + b"\xff" * 4, *, behind: int = 32768) -> bytes:
    head = b"DHTB\1\0\0\0" + hashlib.sha256(inner).digest() + bytes(8) + words(len(inner))
    return page(head, 512) + inner + bytes(behind)


def vbmeta(name: bytes = b"boot", covered: bytes = b"") -> bytes:
    """Return a vbmeta image without a key: one hash descriptor of `name`, of the bytes `covered` if given."""
    salt, size = b"salt", len(covered) or 8192
    digest = hashlib.sha256(salt + covered).digest() if covered else bytes(range(32))
    body = struct.pack(">Q32sIII", size, b"sha256", len(name), len(salt), len(digest)) + bytes(64)
    body += page(name + salt + digest, 8)
    descriptor = struct.pack(">QQ", 2, len(body)) + body
    head = b"AVB0" + struct.pack(">II", 1, 0) + struct.pack(">QQI", 0, len(descriptor), 0) + bytes(64)
    head += struct.pack(">QQQII", 0, len(descriptor), 7, 2, 0) + b"avbtool 1.2.0".ljust(48, b"\0")
    return head.ljust(256, b"\0") + descriptor


def unisoc_vbmeta(size: int = 65536) -> bytes:
    """Return a vbmeta partition of Unisoc's: 16 KiB of it are covered by a DHTB header at its end."""
    covered = vbmeta().ljust(16384, b"\0")
    header = b"DHTB\1\0\0\0" + hashlib.sha256(covered).digest() + bytes(8) + words(len(covered))
    return covered.ljust(size - 512, b"\0") + header.ljust(512, b"\0")


def uboot(name: bytes = b"U-Boot 2023.01-rc4+gabc (Jan 01 2023 - 10:00:00)") -> bytes:
    """Return what begins like no kernel and has the string of a bootloader in it."""
    return bytes(range(256)) * 40 + name + b"\0" + bytes(range(255, 0, -1)) * 20


def gki() -> bytes:
    """Return a boot image as AOSP's certify_bootimg writes it: with two vbmeta images in 16 KiB behind it."""
    image = boot_v3(4)
    certificates = vbmeta(b"boot", image) + vbmeta(b"generic_kernel", KERNEL)
    return image + certificates.ljust(16384, b"\0")


def with_footer(image: bytes, size: int) -> bytes:
    """`image` as a partition of `size` bytes that avbtool signed."""
    meta = vbmeta()
    at = len(page(image, 4096))
    footer = b"AVBf" + struct.pack(">IIQQQ", 1, 0, len(image), at, len(meta)) + bytes(28)
    return page(image, 4096) + meta.ljust(size - at - 64, b"\0") + footer


def avb1_signature() -> bytes:
    body = b"\x02\x01\x01" + b"\x30\x82\x01\x00" + bytes(256) + b"\x04\x10" + bytes(range(16))
    return b"\x30\x82" + len(body).to_bytes(2, "big") + body


def vendor_boot(
    version: int,
    ramdisks: tuple[bytes, ...] = (b"platform ramdisk", b"dlkm ramdisk!"),
    *,
    fill: bytes = b"\0",
) -> bytes:
    body = b"".join(ramdisks)
    head = b"VNDRBOOT" + words(version, 4096, 0x8000, 0x1000000, len(body)) + b"bootconfig".ljust(2048, b"\0")
    head += words(0x100) + b"board".ljust(16, b"\0") + words(2112 + 16 * (version == 4), len(DTB))
    head += struct.pack("<Q", 0x1F00000)
    table, config = b"", b"androidboot.x=1\n"
    if version == 4:
        at = 0
        for index, ramdisk in enumerate(ramdisks):
            name = f"ramdisk {index}".encode().ljust(32, b"\0")
            table += words(len(ramdisk), at, index + 1) + name + words(*range(16))
            at += len(ramdisk)
        head += words(len(table), len(ramdisks), 108, len(config))
    parts = (body, DTB, *((table, config) if table else ()))
    return page(head, 4096) + b"".join(page(part, 4096, fill) for part in parts)


def sony_elf64(gap: int = 0, *, sections: bool = False) -> bytes:
    """Return a Sony image of 64 bits, whose machine is 32-bit ARM; a section may hold a command line."""
    parts = ((KERNEL, 0x80208000, 0), (RAMDISK, 0x81900000, 0x80000000), (DTB, 0x81E00000, 7))
    cmdline = b"cmdline\0androidboot.hardware=x\0"
    numbers = (0x80208000, 64, 1024 * sections, 0, 64, 56, len(parts), 64, int(sections), 0)
    head = b"\x7fELF\2\1\1\0" + bytes(8) + struct.pack("<HHIQQQIHHHHHH", 2, 40, 1, *numbers)
    body = b""
    for data, addr, flags in parts:
        size = len(data)
        head += struct.pack("<IIQQQQQQ", 1, flags, 4096 + len(body), addr, addr, size, size, 0)
        body += data + b"\xaa" * gap
    if sections:
        head = head.ljust(1024, b"\0") + struct.pack("<IIQQQQ24x", 0, 1, 0, 0, 2048, len(cmdline))
        head = head.ljust(2048, b"\0") + cmdline
    return page(head, 4096) + body


def sony_elf(gap: int = 0) -> bytes:
    parts = (
        (KERNEL, 1, 0x80208000, 0),
        (RAMDISK, 1, 0x81900000, 0x80000000),
        (b"rpm data" * 10, 1, 0x20000, 0x01000000),
        (b"androidboot.hardware=x\0", 4, 0, 0x20000000),
    )
    head = (
        b"\x7fELF\1\1\1\x61"
        + bytes(8)
        + struct.pack("<HHIIIIIHHHHHH", 2, 40, 1, 0x80208000, 52, 0, 0, 52, 32, 4, 0, 0, 0)
    )
    body = b""
    for data, kind, addr, flags in parts:
        head += words(kind, 4096 + len(body), addr, addr, len(data), len(data), flags, 0)
        body += data + b"\xaa" * gap
    return page(head, 4096) + body


def qcdt(gap: bytes = b"") -> bytes:
    """Three entries for two trees."""
    trees = [page(board("one")), page(board("two"))]
    first = 2048 + len(gap)
    places = [(first, len(trees[0])), (first + len(trees[0]), len(trees[1]))]
    rows = [(0xCE, 8, 0, 1, *places[0]), (0xCE, 8, 0, 2, *places[0]), (0xCE, 9, 0, 1, *places[1])]
    head = b"QCDT" + words(2, 3) + b"".join(words(*row) for row in rows)
    return page(head) + gap + b"".join(trees)


def qcdt_of(version: int) -> bytes:
    """Return a Qualcomm table of any version, with two trees."""
    ids = (0x7E, 8, 0, 1, 2, 3, 4, 5)[: 3 if version == 1 else 8]
    return builders.qcdt(version, [(ids, board("one")), ((ids[0] + 1, *ids[1:]), board("two"))])


def dtbo(tail: bytes = b"") -> bytes:
    trees = [board("one"), board("two")]
    at, rows = 32 + 64, b""
    for index, tree in enumerate(trees):
        rows += struct.pack(">8I", len(tree), at, index, 0, 0, 0, 0, 0)
        at += len(tree)
    head = struct.pack(">8I", 0xD7B7AB1E, at, 32, 32, 2, 32, 4096, 0)
    return head + rows + b"".join(trees) + tail


def sparse(block: int = 4096) -> bytes:
    """Two blocks of a boot image, two of a pattern, one nobody cares about."""
    raw = boot()[: 2 * block]
    chunks = struct.pack("<HHII", 0xCAC1, 0, 2, 12 + len(raw)) + raw
    chunks += struct.pack("<HHII", 0xCAC2, 0, 2, 16) + b"abcd"
    chunks += struct.pack("<HHII", 0xCAC3, 0, 1, 12) + struct.pack("<HHII", 0xCAC4, 0, 0, 16) + bytes(4)
    return struct.pack("<IHHHHIIII", 0xED26FF3A, 1, 0, 28, 12, block, 5, 4, 0) + chunks


def dtbh() -> bytes:
    trees = [board("one"), board("two")]
    rows = [((7870, 0x50A6, 0x217584DA, at, 255), tree) for at, tree in enumerate(trees)]
    return builders.dtbh(rows)


def sparse_of(raw: bytes, block: int = 4096) -> bytes:
    """`raw` as no tool writes it: two raw chunks, one nobody cares about, a checksum, odd header sizes."""
    raw = raw + bytes(-len(raw) % block)
    count, zeros = len(raw) // block, (len(raw) - len(raw.rstrip(b"\0"))) // block
    pieces = [raw[:block], raw[block : (count - zeros) * block]]
    chunks = b"".join(
        struct.pack("<HHII", 0xCAC1, 7, len(one) // block, 16 + len(one)) + b"more" + one for one in pieces
    )
    chunks += struct.pack("<HHII", 0xCAC3, 0, zeros, 16) + b"MORE"
    chunks += struct.pack("<HHII", 0xCAC4, 0, 0, 20) + b"MOREcrc!"
    return (
        struct.pack("<IHHHHIIII", 0xED26FF3A, 1, 0, 32, 16, block, count, 4, 99) + b"head" + chunks + b"end"
    )


def lz4_legacy(data: bytes) -> bytes:
    block: bytes = lz4.block.compress(data, store_size=False)
    return b"\x02\x21\x4c\x18" + words(len(block)) + block


def uimage(kernel: bytes, kind: int = 2) -> bytes:
    """As mkimage -A arm -O linux -T kernel -C none writes it, or with another kind of content."""

    def head(checksum: int) -> bytes:
        numbers = (0x27051956, checksum, 0, len(kernel), 0x80008000, 0x80008000, zlib.crc32(kernel))
        return struct.pack(">7I4B32s", *numbers, 5, 2, kind, 0, b"Linux")

    return head(zlib.crc32(head(0))) + kernel


def rsce(files: list[tuple[str, bytes]], hash_size: int = 20) -> bytes:
    """Return a resource image as Rockchip's resource_tool writes it; the old one has no hashes."""
    head = b"RSCE" + struct.pack("<HHBBBxI", 0, 0, 1, 1, 1, len(files))
    block = 1 + len(files)
    table, body = b"", b""
    for path, content in files:
        digest = {0: b"", 20: hashlib.sha1(content).digest(), 32: hashlib.sha256(content).digest()}[hash_size]
        row = b"ENTR" + path.encode().ljust(220, b"\0") + digest.ljust(32, b"\0")
        table += page(row + words(hash_size, block, len(content)), 512)
        body += page(content, 512)
        block = 1 + len(files) + len(body) // 512
    return page(head, 512) + table + body


def resources(hash_size: int = 20) -> bytes:
    files = [("rk-kernel.dtb", board("one")), ("logo.bmp", b"BM" * 700), ("empty", b"")]
    return rsce([*files, ("rk-kernel#_saradc_ch1=24.dtb", board("two"))], hash_size)


def rockchip(content: bytes, magic: bytes = b"KRNL") -> bytes:
    """As rkcrc writes it; the CRC bit by bit, as rkcrc.h does it with SLOW."""
    crc = 0
    for byte in content:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 & 0xFFFFFFFF) ^ (0x04C10DB7 if crc >> 31 else 0)
    return magic + words(len(content)) + content + words(crc)


def patched(kernel: bytes, trees: bytes = b"", size: int | None = None) -> bytes:
    """Qualcomm's header in front of an uncompressed kernel; `size` is what it states."""
    return b"UNCOMPRESSED_IMG" + words(len(kernel) if size is None else size) + kernel + trees
