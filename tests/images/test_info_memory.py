"""`hardboot info`: how much memory it takes."""

import subprocess
import sys
from pathlib import Path

from backports import zstd
from described import document, make
from image_builders import (
    arm64_image,
    kernel_with_banner,
)
from in_process import hardboot

from hardboot.formats.reading import WINDOW

MEASURED = """
import re, sys
from hardboot.__main__ import run
code = run(sys.argv[1:])
peak = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())
print(int(peak[1]) * 1024, file=sys.stderr)
sys.exit(code)
"""


def peak_memory(path: Path) -> int:
    """Return the most memory that `hardboot info` held, in bytes, mapped file pages included."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, "info", str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return int(done.stderr.splitlines()[-1])


def test_memory_does_not_grow_with_the_image(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.mkdir()
    large.mkdir()
    image = make(large, ramdisk_size=96 << 20)
    assert image.stat().st_size > 96 << 20
    peak = peak_memory(image)
    assert peak < 60_000_000
    windows = 2 * (WINDOW + (2 << 20))  # of the two threads that hash; Linux maps up to 2 MiB at once
    assert peak - peak_memory(make(small)) < windows + (2 << 20)


def test_memory_does_not_grow_with_what_a_kernel_unpacks_to(tmp_path: Path) -> None:
    """The decoder of zstd keeps all of this kernel, which its frame asks for."""
    content = arm64_image(kernel_with_banner("6.6.0-late", 48 << 20, 47 << 20))
    parameter = zstd.CompressionParameter
    options: dict[int, int] = {
        parameter.window_log: 27,
        parameter.compression_level: 1,
        parameter.enable_long_distance_matching: 1,
    }
    path = make(tmp_path, kernel=zstd.compress(content, options=options))
    assert peak_memory(path) < 60_000_000
    found = document(path)["boot_image"]["parts"][0]["kernel"]
    assert found["looked_size"] >= 17 << 20
    assert "not in the first 17" in hardboot("info", path).stdout
