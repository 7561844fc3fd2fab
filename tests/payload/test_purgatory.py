"""The program between two arm64 kernels: its words are what the assembler makes of the listing."""

import subprocess
from pathlib import Path

import pytest

from hardboot.base.process import find_tool
from hardboot.payload import purgatory
from hardboot.virtual.target import ARM64

LISTING = """
    ldr x0, dtb
    ldr x17, kernel
    mov x1, xzr
    mov x2, xzr
    mov x3, xzr
    br x17
dtb: .quad {dtb:#x}
kernel: .quad {kernel:#x}
"""


@pytest.mark.parametrize(
    ("kernel", "dtb"), [(0x45000000, 0x48000000), (0xFFFF_FFFF_FFFF_F000, 0x8_8000_0000)]
)
def test_the_words_are_those_of_the_listing(tmp_path: Path, kernel: int, dtb: int) -> None:
    source, made, raw = tmp_path / "purgatory.S", tmp_path / "purgatory.o", tmp_path / "purgatory"
    source.write_text(LISTING.format(kernel=kernel, dtb=dtb))
    commands: list[tuple[str, list[str | Path]]] = [
        ("as", [source, "-o", made]),
        ("objcopy", ["-O", "binary", made, raw]),
    ]
    for program, words in commands:
        tool = find_tool(f"{ARM64.cross}{program}", "binutils-aarch64-linux-gnu")
        subprocess.run([tool, *words], check=True, timeout=60)
    assert purgatory.build(kernel=kernel, dtb=dtb) == raw.read_bytes()
