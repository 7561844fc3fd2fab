"""ROMs to plan for, and a phone that answers from what tests give it."""

import json
from pathlib import Path
from typing import Any

import pytest
import ramdisks
from image_builders import kernel_with_banner, mkbootimg, pack, zimage

from hardboot.__main__ import run
from hardboot.device import cpus
from hardboot.device.copies import Copy
from hardboot.device.handset import KERNEL
from hardboot.device.phone import Phone
from hardboot.device.shells import SEPARATOR
from hardboot.transport.base import Output

EDATA = 300_000
RAMDISK = ramdisks.ramdisk(4097)
PACKED = pack(kernel_with_banner("6.1.0-test", EDATA), "xz")
IOMEM = "00000000-0d9fffff : System RAM\n0fb00000-bfffffff : System RAM\n"


def kernel(**options: Any) -> bytes:
    return zimage(**({"payload": PACKED} | options))


def rom_image(
    folder: Path, *, kernel_data: bytes | None = None, ramdisk: bytes | None = RAMDISK, **parts: Any
) -> Path:
    """Return a boot image made by Debian's mkbootimg."""
    words = ["--base", "0x40000000", "--cmdline", "console=ttyAMA0 quiet"]
    files = {"kernel": kernel() if kernel_data is None else kernel_data, "ramdisk": ramdisk, **parts}
    if "dtb" in parts:
        words += ["--header_version", "2"]
    path = folder / "rom.img"
    path.write_bytes(mkbootimg(*words, **{name: data for name, data in files.items() if data is not None}))
    return path


def call(capsys: pytest.CaptureFixture[str], *arguments: str | Path, code: int = 0) -> tuple[str, str]:
    assert run([str(word) for word in arguments]) == code
    captured = capsys.readouterr()
    return captured.out, captured.err


def plan(capsys: pytest.CaptureFixture[str], image: Path, *arguments: str | Path) -> dict[str, Any]:
    out, _ = call(capsys, "--json", "plan", image, "--device", "virt-arm", *arguments)
    found: dict[str, Any] = json.loads(out)
    return found


class HostPhone(Phone):
    """A phone whose answers are given; it takes nothing, has no device tree, and of partitions only boot."""

    header = b""

    iomem = "40000000-7fffffff : System RAM\n  40300000-412fffff : Kernel code\n"

    def roots(self, *commands: str, timeout_s: float = 0) -> list[Output]:
        return [self.root(command) for command in commands]

    def root(self, command: str, *, timeout_s: float = 0) -> Output:
        if command == KERNEL:
            return Output(f"{SEPARATOR}\n".join(("6.1.0\n", "boot-id\n", "", f"{RUNNING}\n")), 0)
        if command == "cat /proc/iomem":
            return Output(self.iomem, 0)
        known = self.profile.partitions["boot"]
        if command.startswith("test -b") and known.path in command:
            return Output(f"{known.size or 0}\n", 0)
        fine = command == cpus.QUERY or command.startswith(("test -e", "umask 022; made="))
        return Output("", 0 if fine else 1)

    def fetch(self, copy: Copy, answer: Output) -> bytes | None:
        assert answer.code == 0
        return self.header if copy.path == self.partition_path("boot") else None

    def staging_query(self) -> str:
        return "test -e /data/local/tmp"

    def take_staging(self, output: Output) -> None:
        assert output.code == 0

    def clean(self) -> None:
        pass


RUNNING = "console=null quiet androidboot.serialno=1"
