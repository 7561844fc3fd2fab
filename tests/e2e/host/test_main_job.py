"""The main job on the virtual phone: flash a host kernel, boot a ROM from RAM, come back."""

import json
from pathlib import Path
from typing import Any

import pytest
from phones import VirtualPhone

pytestmark = pytest.mark.e2e


def test_a_rom_boots_from_ram_after_a_reset_until_the_next_restart(
    host_phone: VirtualPhone, roms: dict[str, Path]
) -> None:
    before, resets = host_phone.boot_partition_sha256(), host_phone.status.resets
    host = host_phone.kernel["kernel"]
    host_phone("unload", "--clear-cache")
    done = host_phone.hardboot.process("--json", "boot", roms["debian"]).json
    assert done["outcome"] == "guest-up"
    assert done["device"] == "virt-arm"
    assert done["host"]["boot_id"] == host["boot_id"]
    assert done["guest"]["release"].endswith("-armmp")
    assert done["guest"]["boot_id"] != host["boot_id"]
    assert done["pushed_bytes"] > 6_000_000
    names = [phase["name"] for phase in done["phases"]]
    assert names == ["read", "check", "plan", "ask", "push", "load", "look", "quiesce", "reset and boot"]
    assert host_phone.status.resets == resets + 1
    assert host_phone.boot_partition_sha256() == before
    check_record(host_phone, done)
    now = host_phone.kernel
    assert now["guest"] is True
    assert now["kernel"]["boot_id"] == done["guest"]["boot_id"]
    # What the bootloader tells its own kernel, the guest knows too.
    assert "androidboot.serialno=HBVIRT-ARM" in done["guest"]["cmdline"].split()
    # A guest is no host, and a restart brings the host back.
    refused = host_phone("boot", roms["debian"], code=4)
    assert "has no hardboot support" in refused.three_lines[0]
    host_phone.restart()
    now = host_phone.kernel
    assert now["kernel"]["release"] == host["release"]
    assert now["guest"] is False


def check_record(phone: VirtualPhone, done: Any) -> None:
    """Check the record of a boot that worked against the document of that boot."""
    kept = phone("--json", "attempts", "show").json
    assert (kept["id"], kept["outcome"], kept["cause"]) == (done["attempt"], "guest-up", None)
    assert (kept["mark"], kept["image"]["sha256"]) == (done["loaded"]["mark"], done["loaded"]["sha256"])
    assert [phase["name"] for phase in kept["phases"]] == [phase["name"] for phase in done["phases"]]
    assert kept["began"] < kept["gone"] < kept["back"] <= kept["ended"]
    files = {path.name: path for path in map(Path, kept["files"])}
    assert files.keys() == {"attempt.json", "dmesg-before.txt", "output.txt", "plan.json"}
    assert done["host"]["release"] in files["dmesg-before.txt"].read_text()
    assert "loaded=3" in files["output.txt"].read_text()


def test_boot_shows_its_phases_takes_another_command_line_and_knows_a_guest_with_the_hosts_kernel(
    host_phone: VirtualPhone, roms: dict[str, Path]
) -> None:
    host = host_phone.kernel["kernel"]
    words = ("--cmdline", "console=ttyAMA0 mine=1", "--append", "hello=world")
    ran = host_phone.hardboot.process("boot", roms["minimal"], *words)
    now = host_phone.kernel
    assert now["guest"] is True
    assert now["kernel"]["release"] == host["release"]
    assert now["kernel"]["boot_id"] != host["boot_id"]
    given = now["kernel"]["cmdline"].split()
    assert given.index("mine=1") < given.index("hello=world")
    assert "panic=5" not in given  # the image's own
    lines = ran.out.splitlines()
    assert lines[-2] == f"minimal.img is running (kernel {host['release']})."
    assert lines[-1] == "Restart the phone to return to its own system."
    assert [line.split()[0] for line in lines[:5]] == ["read", "check", "plan", "ask", "push"]
    assert max(map(len, lines)) <= 80
    assert "Resetting the hardware" in ran.err


def test_linux_finds_what_was_put_into_a_ramdisk(
    host_phone: VirtualPhone, roms: dict[str, Path], tmp_path: Path
) -> None:
    folder, more = tmp_path / "rom", tmp_path / "more"
    host_phone("unpack", roms["minimal"], folder)
    (more / "etc").mkdir(parents=True)
    (more / "etc/added").write_text("appended")
    (tmp_path / "prop").write_text("replaced")
    host_phone("ramdisk", "replace", folder / "ramdisk", "default.prop", tmp_path / "prop")
    host_phone("ramdisk", "append", folder / "ramdisk", more)
    host_phone("pack", folder, tmp_path / "rom.img")
    host_phone.hardboot.process("boot", tmp_path / "rom.img")
    assert host_phone.run("cat /default.prop /etc/added") == "replacedappended"
    assert "-rwsr-sr-x" in host_phone.run("ls -l /sbin/su")


def test_a_dry_run_pushes_nothing_and_prints_the_plan(
    host_phone: VirtualPhone, roms: dict[str, Path]
) -> None:
    before = host_phone.kernel["kernel"]["boot_id"]
    ran = host_phone("--json", "boot", roms["debian"], "--dry-run")
    document = json.loads(ran.out)
    assert document["pushed_bytes"] == 0
    assert document["outcome"] is None
    assert {segment["name"] for segment in document["plan"]["segments"]} == {"zImage", "initrd", "dtb"}
    assert host_phone.kernel["kernel"]["boot_id"] == before
    assert host_phone.kernel["kexec_loaded"] is False
    assert "hardboot page" in host_phone("boot", roms["debian"], "--dry-run").out


def test_status_says_what_runs(host_phone: VirtualPhone) -> None:
    document = host_phone.kernel
    known = {"supported": True, "page": 0x44000000, "flag": 4, "version": "1", "probe_errno": 0}
    assert document["hardboot"] == known
    assert "page 0x44000000, flag 0x4" in host_phone("status").out
    states, steps = host_phone.doctor()
    good = ("lock", "root", "boot image", "kexec", "partitions", "host kernel", "loaded image", "tested")
    assert {name: states[name] for name in good} == dict.fromkeys(good, "ok")
    assert steps[:2] == ["hardboot boot IMAGE", "hardboot boot IMAGE --dry-run"]
