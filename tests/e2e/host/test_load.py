"""kexec in its two steps on the virtual phone: load, look, drop, start later, with a reset and without."""

from pathlib import Path

import pytest
from phones import Hardboot, VirtualPhone

pytestmark = pytest.mark.e2e


@pytest.fixture
def another_computer(tmp_path: Path) -> Hardboot:
    """Return hardboot with the state folder of a computer that never saw the phone."""
    return Hardboot({"XDG_STATE_HOME": str(tmp_path)})


@pytest.fixture
def resets(host_phone: VirtualPhone) -> int:
    """How often the hardware was reset before the test."""
    return int(host_phone.status.resets)


def test_a_computer_that_dies_is_replaced_by_another(
    host_phone: VirtualPhone, another_computer: Hardboot, roms: dict[str, Path], resets: int
) -> None:
    host = host_phone.kernel["kernel"]
    process = host_phone.hardboot.start("boot", roms["minimal"])
    assert process.stderr is not None
    try:
        while not (line := process.stderr.readline()).startswith("Loading"):
            assert line, "it ended before it loaded"
        assert process.stderr.readline()  # the next step begins: this one has ended
    finally:
        process.kill()  # SIGKILL, before it could start what it loaded
        process.communicate()
    assert host_phone.kernel["kernel"] == host
    content = host_phone.write_unsynced()
    ran = another_computer("--serial", host_phone.serial, "--json", "exec")
    assert ran.err.count("Booting minimal.img (kernel ") == 1
    done = ran.json
    assert done["outcome"] == "guest-up"
    assert done["loaded"]["mark"] in done["guest"]["cmdline"].split()
    assert host_phone.status.resets == resets + 1
    assert host_phone.unsynced() == content
    assert not host_phone.journal_was_replayed()
    steps = {one["step"]: one["result"] for one in done["quiesce"]}
    assert list(steps) == ["framework", "sync", "read-only", "flush"]
    assert all(one["done"] for one in done["quiesce"])
    # The computer that loaded it knows which image the guest is; the other one does not.
    assert host_phone.kernel["guest_image"]["image"] == "minimal.img"
    assert another_computer("--serial", host_phone.serial, "--json", "status").json["guest"] is True
    assert "minimal.img" in host_phone("status").out


def test_a_load_replaces_the_one_before_and_unload_drops_it(
    host_phone: VirtualPhone, roms: dict[str, Path], tmp_path: Path
) -> None:
    assert host_phone("exec", code=4).three_lines[0] == "hardboot: nothing is loaded on this phone"
    before = host_phone.kernel
    other = tmp_path / "other.img"
    other.write_bytes(roms["minimal"].read_bytes())
    first = host_phone("--json", "load", other).json
    assert first["replaced"] is None
    assert first["outcome"] is None
    assert {one["name"] for one in first["loaded"]["segments"]} == {"zImage", "initrd", "dtb"}
    now = host_phone.kernel
    assert now["kexec_loaded"] is True
    assert now["kexec_crash_loaded"] is before["kexec_crash_loaded"]
    assert now["loaded"] == first["loaded"]
    second = host_phone("--json", "load", roms["minimal"], "--via", "soft")
    assert second.json["replaced"].startswith("other.img (kernel ")
    assert "warning: replacing other.img" in second.err
    assert second.json["loaded"]["start"] == "soft"
    assert "minimal.img" in host_phone("status").out
    assert host_phone.run("ls -l /dev/hardboot-loaded").split()[:3] == ["-rw-r--r--", "1", "0"]
    assert "No such file" in host_phone.run("ls /dev/hardboot-lock 2>&1; true")
    line = "0123456789abcdef ${up%%.*} 00000000 4194300 hardboot boot x.img on laptop"
    host_phone.run(f"su -c 'read -r up rest </proc/uptime; echo \"{line}\" >/dev/hardboot-lock'")
    assert "another command uses the phone: hardboot boot" in host_phone("unload", code=4).three_lines[0]
    host_phone.run("su -c 'rm /dev/hardboot-lock'")
    assert host_phone("unload").out.startswith("Unloaded minimal.img (kernel 6.1.")
    assert host_phone("unload").out == "Nothing was loaded.\n"
    assert host_phone("exec", code=4).three_lines[0] == "hardboot: nothing is loaded on this phone"
    now = host_phone.kernel
    assert (now["kexec_loaded"], now["loaded"]) == (False, None)
    assert now["kernel"] == before["kernel"]


def test_what_another_program_loaded_is_not_started(host_phone: VirtualPhone, roms: dict[str, Path]) -> None:
    host_phone("load", roms["minimal"])
    host_phone.run("su -c 'rm /dev/hardboot-loaded'")
    assert "no record of what is loaded" in host_phone("exec", code=4).three_lines[0]
    assert host_phone("unload").out == "Unloaded an image that hardboot has no record of\n"


def test_the_same_image_starts_without_a_reset(
    host_phone: VirtualPhone, roms: dict[str, Path], resets: int
) -> None:
    content = host_phone.write_unsynced()
    done = host_phone("boot", roms["minimal"], "--via", "soft", "--no-quiesce")
    assert ", started without a reset)." in done.out
    assert host_phone.status.resets == resets
    assert host_phone.kernel["guest"] is True
    assert host_phone.run("cat /sys/devices/system/cpu/online").strip() == "0-1"
    # The agent's own sync(2) saved the file; but this is what bringing the system to rest is for.
    assert host_phone.unsynced() == content
    assert host_phone.journal_was_replayed()
    # From the stock kernel of the guest, too, which knows nothing of hardboot.
    again = host_phone("--json", "boot", roms["minimal"], "--via", "soft").json
    assert again["outcome"] == "guest-up"
    assert again["pushed_bytes"] < 64 << 10  # the phone kept kernel and ramdisk
    assert again["guest"]["boot_id"] != again["host"]["boot_id"]
    assert again["loaded"]["flag"] == 0
    assert host_phone.status.resets == resets
    assert not host_phone.journal_was_replayed()
