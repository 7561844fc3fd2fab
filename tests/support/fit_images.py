"""U-Boot FIT images, by mkimage."""

import gzip
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from image_builders import DEBIAN, arm64_image, board, kernel_with_banner

KERNEL = arm64_image(kernel_with_banner("6.1.0", 60_000, 20_000))
CPIO = gzip.compress(b"070701" + b"0" * 104, mtime=0)
FILES = {
    "kernel": KERNEL,
    "fdt-1": board("one"),
    "fdt-2": gzip.compress(board("two"), mtime=0),
    "ramdisk": CPIO,
}
_NODES = {
    "kernel": """type = "kernel"; os = "linux"; load = <0x80000>; entry = <0x80000>; compression = "none";
        hash-1 { algo = "sha256"; }; hash-2 { algo = "crc32"; };""",
    "fdt-1": """type = "flat_dt"; compression = "none"; hash-1 { algo = "sha1"; };""",
    "fdt-2": """type = "flat_dt"; compression = "gzip"; hash-1 { algo = "md5"; };""",
    "ramdisk": """type = "ramdisk"; os = "linux"; compression = "none";""",
}
_CHOICES = """
    default = "one";
    one { kernel = "kernel"; fdt = "fdt-1"; ramdisk = "ramdisk"; };
    two { kernel = "kernel"; fdt = "fdt-2"; };
"""


def fit_image(files: Mapping[str, bytes] = FILES, *, options: tuple[str, ...] = (), more: str = "") -> bytes:
    """Return the FIT that mkimage makes of `files`; `more` is added to the kernel's node."""
    nodes = "".join(
        f'{name} {{ arch = "arm64"; data = /incbin/("{name}"); {_NODES[name]} {more * (name == "kernel")} }};'
        for name in files
    )
    source = f"""/dts-v1/; / {{ description = "a phone"; #address-cells = <1>;
        images {{ {nodes} }}; configurations {{ {_CHOICES} }}; }};"""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            Path(folder, name).write_bytes(data)
        Path(folder, "x.its").write_text(source)
        command = ["mkimage", *options, "-f", "x.its", "x.itb"]
        where = {**os.environ, **DEBIAN, "SOURCE_DATE_EPOCH": "1700000000"}
        subprocess.run(command, cwd=folder, check=True, timeout=30, env=where, capture_output=True)
        return Path(folder, "x.itb").read_bytes()
