"""What goes wrong ends in three lines and an exit code, and the phone still boots its host kernel."""

import os
import signal
import subprocess
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from cpio_archives import END, newc
from phones import Hardboot, VirtualPhone

from hardboot.base.errors import DeviceError
from hardboot.virtual import classic

pytestmark = pytest.mark.e2e

NO_INIT = newc(b"etc", mode=0o040755) + END  # Linux unpacks it, and panics


@pytest.fixture
def whole_phone(host_phone: VirtualPhone) -> Iterator[VirtualPhone]:
    """Yield a host phone; if the test changes anything, it boots its host kernel again."""
    sha256, boot_id = host_phone.boot_partition_sha256(), host_phone.boot_id
    yield host_phone
    assert host_phone.boot_partition_sha256() == sha256
    look = "cat /proc/sys/kernel/random/boot_id /sys/kernel/kexec_loaded /sys/kernel/kexec_hardboot/page"
    try:
        now = host_phone.run(f"su -c '{look}'").split()
    except DeviceError:  # the test left it silent
        now = []
    if len(now) == 3:
        assert now[1:] == ["0", "0x44000000"]
    else:
        assert boot_id not in now
        host_phone.restart()
        assert host_phone.is_host


def pack(target: Path, kernel: Path, ramdisk: bytes, cmdline: str = classic.CMDLINE) -> Path:
    """Return a ROM of these parts, by Debian's mkbootimg."""
    part = target.with_suffix(".ramdisk")
    part.write_bytes(ramdisk)
    words = ["--kernel", str(kernel), "--ramdisk", str(part), "--cmdline", cmdline, *classic.MKBOOTIMG_LAYOUT]
    command = ["mkbootimg", *words, "--header_version", "0", "--output", str(target)]
    subprocess.run(command, check=True, timeout=60)
    return target


@pytest.fixture
def stock_zimage() -> Path:
    from hardboot.virtual import kernel

    return kernel.stock().image


@pytest.mark.parametrize("name", ["truncated", "text"])
def test_what_is_no_rom_is_refused_before_the_phone_is_asked(
    hardboot: Hardboot, roms: dict[str, Path], tmp_path: Path, name: str
) -> None:
    bad = tmp_path / "rom.img"
    if name == "truncated":
        bad.write_bytes(roms["minimal"].read_bytes()[:1_000_000])
    else:
        bad.write_text("this is not a boot image\n" * 100)
    # No phone is there: the image is read first, so the error is about the image.
    what = hardboot("boot", bad, code=3).three_lines[0]
    assert {"truncated": "ends at", "text": "text file"}[name] in what


def test_a_rom_for_the_other_architecture_is_not_planned(whole_phone: VirtualPhone, tmp_path: Path) -> None:
    kernel = tmp_path / "Image"
    kernel.write_bytes(bytes(0x38) + b"ARM\x64" + bytes(4096))
    rom = pack(tmp_path / "rom.img", kernel, b"ramdisk")
    refused = whole_phone("boot", rom, code=4)
    assert "the ROM's kernel is for arm64" in refused.three_lines[0]


def test_an_image_too_large_for_the_ram_is_refused(
    whole_phone: VirtualPhone, stock_zimage: Path, tmp_path: Path
) -> None:
    rom = pack(tmp_path / "rom.img", stock_zimage, b"")
    data = bytearray(rom.read_bytes())
    size = 900 << 20
    data[0x10:0x14] = size.to_bytes(4, "little")  # ramdisk_size
    with rom.open("wb") as stream:
        stream.write(data)
        stream.truncate(len(data) + size + 4096)  # sparse
    refused = whole_phone("boot", rom, code=4)
    assert "layout rule" in refused.three_lines[0]
    assert whole_phone.kernel["kexec_loaded"] is False


def test_no_phone(hardboot: Hardboot, roms: dict[str, Path]) -> None:
    assert "no phone" in hardboot("boot", roms["minimal"], code=5).three_lines[0]
    nobody = hardboot("--serial", "127.0.0.1:9", "boot", roms["minimal"], "--wait", "2", code=5)
    assert "127.0.0.1:9" in nobody.three_lines[0]


def test_no_root(whole_phone: VirtualPhone, roms: dict[str, Path]) -> None:
    whole_phone.run("su -c 'chmod 755 /sbin/su'")  # until the restart: / is the ramdisk
    refused = whole_phone("boot", roms["minimal"], code=5)
    assert "no root shell" in refused.three_lines[0]


def test_another_phones_profile(whole_phone: VirtualPhone, roms: dict[str, Path]) -> None:
    refused = whole_phone("boot", roms["minimal"], "--device", "shamu", code=4)
    assert "virt-arm" in refused.three_lines[0]


def test_a_rom_that_crashes_brings_the_host_back(
    whole_phone: VirtualPhone, stock_zimage: Path, tmp_path: Path
) -> None:
    rom = pack(tmp_path / "rom.img", stock_zimage, NO_INIT, "console=ttyAMA0 panic=1")
    before = whole_phone.kernel["kernel"]["boot_id"]
    ran = whole_phone("--json", "boot", rom, code=5)
    assert ran.json["outcome"] == "host-came-back"
    assert ran.json["error"]["exit_code"] == 5
    assert ran.json["guest"] is None
    assert "host kernel came back" in ran.three_lines[0]
    # Not the kernel of before, and its crash can be read, as the error says.
    assert whole_phone.kernel["kernel"]["boot_id"] != before
    said = whole_phone("log").out
    assert "Kernel panic - not syncing" in said
    assert ran.json["cause"]["kind"] == "guest-died"
    assert "likely cause: the ROM's kernel crashed: 'Kernel panic - not syncing" in ran.json["error"]["what"]
    kept = whole_phone("--json", "attempts", "show").json
    assert (kept["id"], kept["cause"]) == (ran.json["attempt"], ran.json["cause"])
    assert kept["gone"] < kept["back"]
    files = {path.name: path for path in map(Path, kept["files"])}
    assert ran.json["loaded"]["mark"] in files["console-ramoops-0.txt"].read_text()
    assert "Linux version" in files["dmesg-after.txt"].read_text()
    bundle = tmp_path / "bundle.zip"
    assert whole_phone("--json", "attempts", "bundle", "-o", bundle).json["removed"]["serial number"] > 3
    with zipfile.ZipFile(bundle) as archive:
        assert {name.rpartition("/")[2] for name in archive.namelist()} == set(files)
        assert b"HBVIRT" not in b"".join(map(archive.read, archive.namelist()))


def test_a_rom_that_hangs_leaves_a_silent_phone(
    whole_phone: VirtualPhone, stock_zimage: Path, tmp_path: Path
) -> None:
    rom = pack(tmp_path / "rom.img", stock_zimage, NO_INIT, "console=ttyAMA0 panic=0")
    seen = whole_phone.status.console.stat().st_size
    ran = whole_phone("--json", "boot", rom, "--wait", "4", code=6)
    assert ran.json["outcome"] == "phone-silent"
    kept = whole_phone("--json", "attempts", "show").json
    assert (kept["outcome"], kept["presence"], kept["back"]) == ("phone-silent", "unknown", None)
    assert "silent for 4 s" in ran.three_lines[0]
    whole_phone("virtual", "stop")  # all of its CPUs are busy with nothing
    assert b"Kernel panic - not syncing" in whole_phone.status.console.read_bytes()[seen:]


def qemu_of(serial: str) -> int:
    """Return the process of the virtual phone whose ADB answers there."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it may have ended
            program, *words = path.read_bytes().split(b"\0")
            if program.endswith(b"qemu-system-arm") and any(f":{serial}-".encode() in word for word in words):
                return int(path.parent.name)
    raise LookupError(serial)


def test_a_phone_that_dies_in_the_middle_of_a_push(
    whole_phone: VirtualPhone, stock_zimage: Path, tmp_path: Path
) -> None:
    rom = pack(tmp_path / "rom.img", stock_zimage, newc(b"init", bytes(48 << 20), mode=0o100755) + END)
    folder = Path(whole_phone.hardboot.environment["XDG_STATE_HOME"], "hardboot/virtual/virt-arm")
    process = whole_phone.hardboot.start("boot", rom)
    try:
        serial = whole_phone.serial
        deadline = time.monotonic() + 90
        while "initrd" not in whole_phone.run("ls /data/local/tmp/hardboot-* 2>&1"):
            assert time.monotonic() < deadline, "the push never began"
            assert process.poll() is None, process.communicate()
        os.kill(qemu_of(serial), signal.SIGKILL)
        _out, err = process.communicate(timeout=90)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 5, err
    assert err.strip().splitlines()[-3].startswith("hardboot: ")
    kept = whole_phone("--json", "attempts", "show").json
    assert (kept["outcome"], kept["phase"]) == ("interrupted", "push")
    assert (folder / "disk.img").exists()
    assert whole_phone.status.running is False
