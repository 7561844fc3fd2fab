"""The program that starts stored ROMs on the phone itself, built for this computer, and a phone around it."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import agents
import pytest

from hardboot.base.memory import Range
from hardboot.layout import BootPlan, LiveMemory, Segment
from hardboot.payload.extents import Extent, build_table
from hardboot.store import start_file
from hardboot.store.manifest import StoredImage
from hardboot.store.start_file import Host

PAGE = 4096
KERNEL, RAMDISK = b"kernel" * 1000 + b"tail5", b"ramdisk" * 3000
IOMEM = """\
09000000-09000fff : uart@9000000
40000000-7fffffff : System RAM
  40300000-412fffff : Kernel code
  41300000-4131ffff : reserved
  7f000000-7fffffff : reserved
80000000-80000fff : System ROM
c0000000-ffffffff : System RAM
"""
LIVE = LiveMemory(
    banks=(Range(0x40000000, 0x80000000), Range(0xC0000000, 1 << 32)),
    reserved=(Range(0x41300000, 0x41320000), Range(0x7F000000, 0x80000000)),
)
RUNS = (Extent(0, 0x100000, 2 * PAGE), Extent(2 * PAGE, 0x80000, PAGE))


@pytest.fixture(scope="session")
def phone_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the program for this computer."""
    return agents.build_for_host("hardboot", tmp_path_factory.mktemp("hardboot") / "hardboot")


def plan(*segments: Segment) -> BootPlan:
    """Return a plan of segments."""
    return BootPlan(
        segments=segments,
        entry=0x41008000,
        dtb_addr=0x48000000,
        initrd=None,
        cmdline="",
        flag=0x4,
        extents=(),
        complete=True,
        notes=(),
    )


def run(
    program: Path,
    root: Path,
    extents: Sequence[Extent],
    *words: str,
    errno: int = 0,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the program on the phone whose files lie below `root`.

    Args:
        program: Built for this computer.
        root: Takes a file with the extents.
        extents: What FIEMAP tells of each file.
        words: Its arguments.
        errno: What kexec_load(2) and reboot(2) return.
        env: More for the program, see agent_host/arch.h.
    """
    told = root / "extents"
    told.write_text("".join(f"{one.logical} {one.physical} {one.length} {one.flags}\n" for one in extents))
    own = {"AGENT_ROOT": str(root), "AGENT_ERRNO": str(errno), "AGENT_EXTENTS": str(told)}
    return subprocess.run(
        [program, *words],
        env={**own, **(env or {}), "ASAN_OPTIONS": "detect_leaks=0"},
        capture_output=True,
        text=True,
        timeout=20,
    )


@dataclass
class OwnPhone:
    """A phone with the ROM `linux`, in the folder `root`.

    Attributes:
        extents: What FIEMAP tells of its image: lines.
        errno: What kexec_load(2) and reboot(2) return.
    """

    program: Path
    root: Path
    segments: tuple[Segment, ...] = (
        Segment("zImage", 0x41008000, KERNEL, 2 * PAGE),
        Segment("initrd", 0x44000000, RAMDISK, 8 * PAGE),
    )
    extents: list[Extent] = field(default_factory=lambda: list(RUNS))
    errno: int = 0

    def __post_init__(self) -> None:
        """Put all files there."""
        self.put("/proc/iomem", IOMEM.encode())
        self.put("/proc/1/mounts", b"/dev/block/dm-0 / ext4 ro,relatime 0 0\nproc /proc proc rw,x 0 0\n")
        self.put("/proc/sysrq-trigger", b"")
        self.put("/sys/kernel/kexec_hardboot/page", b"0x44000000\n")
        self.put("/data/hardboot/roms/linux/root.img", bytes(3 * PAGE))
        self.refresh()

    def refresh(self, *, live: LiveMemory = LIVE, size: int = 3 * PAGE) -> None:
        """Write the start files anew."""
        running = os.uname()
        planned = Host(running.release, running.version, "0x44000000", 0x4, live)
        image = StoredImage(name="root", size=size)
        self.put_start("start", start_file.build(plan(*self.segments), planned, [image], pin=True))
        self.put_start("root.table", build_table(RUNS))
        for one in self.segments:
            self.put_start(one.name, bytes(one.data))

    def put(self, path: str, data: bytes) -> None:
        """Write a file of the phone."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    def put_start(self, name: str, data: bytes) -> None:
        """Write a start file."""
        self.put(f"/data/hardboot/roms/linux/start/{name}", data)

    def start(self, name: str) -> Path:
        """Return a start file."""
        return self.root / "data/hardboot/roms/linux/start" / name

    def __call__(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run the program."""
        return run(self.program, self.root, self.extents, *words, errno=self.errno, env=env)
