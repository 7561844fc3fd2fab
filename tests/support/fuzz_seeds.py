"""Good inputs of every kind, from which the fuzzer starts."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile

import container_builders as build
import container_kinds
import core_builders
import ota_builders
from fit_images import FILES
from image_builders import amlogic, board, hardboot_tag, kernel_with_banner, klsz, pack, zboot, zimage

from hardboot.formats import elf

IMAGES = (*container_kinds.every_kind().values(), *container_kinds.every_row().values())
REFUSED = (
    *(b"CHROMEOS" + bytes(99), b"$OS$" + bytes(99), b"-SIGNED-BY-SIGNBLOB-" + bytes(99)),
    *(b"MSM-RADIO-UPDATE" + bytes(99), build.boot()[:0x400] + b"LOKI" + build.boot()[0x404:]),
)
SMALL = dict.fromkeys(FILES, b"x" * 100)
ATAGS = struct.pack("<5I", 5, 0x54410001, 1, 4096, 0) + struct.pack("<4I", 4, 0x54410002, 1 << 28, 1 << 31)
KERNEL = kernel_with_banner("6.1.0", 30_000, 10_000)
CPIO = b"".join(
    (
        *(b"070701", *(b"%08x" % value for value in (1, 0o100644, 0, 0, 1, 0, 4, 0, 0, 0, 0, 5, 0))),
        *(b"init\0\0", b"data", b"070701"),
        *(b"%08x" % value for value in (0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 11, 0)),
        b"TRAILER!!!\0\0\0\0",
    )
)
PACKED = (gzip.compress(CPIO), bz2.compress(CPIO), lzma.compress(CPIO), pack(KERNEL, "lzma"))
KERNELS = (
    zimage(),
    zimage(tags=hardboot_tag(0x8F000000) + klsz(0x100, 0x3C000)),
    zimage(payload=pack(KERNEL, "gzip")) + board("x"),
    pack(KERNEL, "gzip") + board("x"),
    bytes(8) + struct.pack("<QQQ", 0x80000, 30_000, 0) + bytes(24) + b"ARM\x64" + KERNEL,
    build.uimage(zimage()),
    zimage() + build.qcdt(),
    build.patched(zimage(), board("x")),
    zboot(pack(KERNEL, "gzip")),
)
DUMPS = (
    core_builders.with_ring().build(0x6000),
    core_builders.with_records().build(0x6000),
    core_builders.with_free_blocks({0: 2}).build(0x9000),
)
ROWS = [elf.ProgramHeader64(1, 7, 4096, 0, 1 << 31, 4096, 4096, 0)] * 3
TABLES = (
    *(amlogic(version, [(("gxl", "p212", "1g"), board("x"))]) for version in (1, 2)),
    *(build.qcdt(), build.dtbo()),
    b"DTBH" + struct.pack("<10I", 2, 1, 7870, 0x50A6, 0x217584DA, 0, 255, 2048, 2048, 0x20) + bytes(4048),
    b"SPRD" + struct.pack("<7I", 1, 1, 8830, 1, 0x20000, 2048, 2048) + bytes(4064),
)


def tar_of_a_tree() -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name in ("./compatible", "./chosen/name", "./soc/fb@1/reg"):
            info = tarfile.TarInfo(name)
            info.size = 8
            archive.addfile(info, io.BytesIO(bytes(8)))
    return target.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


_TWO = ota_builders.image(2)
PAYLOADS = (
    ota_builders.payload({"boot": ota_builders.image(6)}, kinds=(0, 1, 8)),
    ota_builders.assembled(
        ota_builders.manifest(
            [
                ota_builders.partition("boot", _TWO, [ota_builders.operation(0, 0, _TWO, [(1, 1), (0, 1)])]),
                ota_builders.partition("system", _TWO, [ota_builders.operation(4, 0, b"", [(0, 2)])]),
            ],
            minor_version=2,
        ),
        _TWO,
    ),
)
_ROOT = dict.fromkeys(("etc/x", "usr/" + "long/" * 30, "var/x"), b"x")
TARS = (
    ota_builders.tar_md5(ota_builders.tar({"boot.img": b"x" * 99, "a/dtbo.img.lz4": b"y"})),
    ota_builders.tar(_ROOT),
)
UPDATER_SCRIPT = b"""symlink("toolbox", "/system/bin/sh");
set_perm(0, 3003, 06755, "/system/bin/x"); set_perm_recursive(0, 0, 0755, 0644, "/system");
set_metadata("/system/bin/sh", "uid", 0, "mode", 0750, "capabilities", 0xc0, "selabel", "u:r:x:s0");
"""

PATCH = b"--- a/f.c\n+++ b/f.c\n@@ -1,3 +1,3 @@\n \ta;\n-\tb &lt; 1;\n+\tB;\n \tc;\n"
PATCHES = (
    PATCH,
    b"diff --git a/f.c b/f.c\nindex 1..2 100644\n" + PATCH + b"-- \n2.1\n\nFrom 1234567 Mon\n\n" + PATCH,
    PATCH.replace(b"\n", b"\r\n"),
    b"\xff\xfe" + PATCH.decode().encode("utf-16-le"),
    PATCH.replace(b"\n\t", b"\n ").replace(b"f.c b", b"f.c.orig\tb"),
)
