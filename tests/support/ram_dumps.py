"""What a virtual phone's bootloader overwrites, seen from outside: its RAM is a file that a test compares.

Nothing of hardboot's probe is used: the pattern is another one, the reset is the monitor's, a debugger stops
the phone at the first instruction of the host kernel.
"""

import json
import mmap
import os
import shlex
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from phones import VirtualPhone

from hardboot.base import process
from hardboot.virtual import machine, model

PAGE = 4096
RAM_START = 0x40000000
_START = """
from dataclasses import replace
from hardboot.virtual import machine, model

known = model.MODELS[{name!r}]
file = "memory-backend-file,id=ram,size=1G,mem-path=ram,share=on"
memory = ("-object", file, "-machine", "memory-backend=ram")
model.MODELS[known.name] = replace(known, machine=(*known.machine, *memory))
machine.start(known.name, gdb=True)
"""
_GDB_TIMEOUT_S = 60


@contextmanager
def with_ram_file(phone: VirtualPhone) -> Iterator[Path]:
    """Run the phone with its RAM in a file and a debugger's socket, and yield the file."""
    phone("virtual", "stop", "--name", phone.name)
    environment = {**os.environ, **phone.hardboot.environment}
    command = [sys.executable, "-c", _START.format(name=phone.name)]
    subprocess.run(command, check=True, timeout=120, env=environment)
    file = phone.disk.with_name("ram")
    try:
        yield file
    finally:
        phone("virtual", "stop", "--name", phone.name)
        file.unlink()
        phone.hardboot.process("virtual", "start", "--name", phone.name)


def overwritten(phone: VirtualPhone, ram: Path, entry: int, ranges: Iterable[tuple[int, int]]) -> set[int]:
    """Return the pages of `ranges` that are overwritten between a reset and the kernel's entry.

    Args:
        phone: Running; afterwards it boots on from there.
        ram: The file that is its RAM.
        entry: Physical address of the host kernel's first instruction.
        ranges: Physical addresses.
    """
    words = json.dumps([[start, end] for start, end in ranges])
    me = shlex.join([sys.executable, __file__])
    found = ram.with_name("changed.json")
    architecture = {"arm": "armv7", "arm64": "aarch64"}[model.find(phone.name).target.arch]
    steps = [
        f"set architecture {architecture}",
        f"target remote {machine.GDB_SOCKET}",
        f"shell {me} fill {shlex.quote(str(ram))} {shlex.quote(words)}",
        f"hbreak *{entry:#x}",
        "monitor system_reset",
        "continue",
        f"shell {me} compare {shlex.quote(str(ram))} {shlex.quote(words)} > {shlex.quote(str(found))}",
    ]
    gdb = [process.find_tool("gdb-multiarch", "gdb-multiarch"), "-nx", "-batch", f"-cd={ram.parent}"]
    for step in steps:
        gdb += ["-ex", step]
    done = subprocess.run(gdb, capture_output=True, text=True, timeout=_GDB_TIMEOUT_S)
    assert f"{entry:#010x}"[2:] in done.stdout, (done.stdout, done.stderr)
    return set(json.loads(found.read_text()))


def _content(page: int) -> bytes:
    """Return what a page is filled with: its own address, again and again."""
    return struct.pack("<Q", page ^ 0x5A5A_0000_A5A5_0000) * (PAGE // 8)


def main(action: str, file: str, words: str) -> None:
    """Fill the ranges, or print the pages of them that have changed."""
    pages = [page for start, end in json.loads(words) for page in range(start, end, PAGE)]
    with Path(file).open("r+b") as stream, mmap.mmap(stream.fileno(), 0) as ram:
        changed = []
        for page in pages:
            at = page - RAM_START
            if action == "fill":
                ram[at : at + PAGE] = _content(page)
            elif ram[at : at + PAGE] != _content(page):
                changed.append(page)
    print(json.dumps(changed))


if __name__ == "__main__":
    main(*sys.argv[1:])


# One round: QEMU's tree, the kernel, U-Boot.
_RANGES = ("0x40000000-0x42000000", "0x7e000000-0x80000000")


def check_ranges(phone: VirtualPhone, kernel: int) -> None:
    """Compare what `hardboot probe --ranges` finds with a dump of the phone's RAM; `kernel` is its entry."""
    words = [word for one in _RANGES for word in ("--range", one)]
    with with_ram_file(phone) as ram:
        done = phone("--json", "probe", "--ranges", "--yes", *words).json
        assert phone.is_host
        tested = [(one["start"], one["end"]) for one in done["tested"]]
        dumped = overwritten(phone, ram, kernel, tested)
    assert sum(end - start for start, end in tested) == 64 << 20
    assert {page for one in done["changed"] for page in range(one["start"], one["end"], PAGE)} == dumped
    assert len(dumped) > 5000
    assert done["new"] == [], "the profile knows all of it"
