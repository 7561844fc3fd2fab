"""Two stored ROMs and the phone's own system in turn; each counts its boots in a file of its own."""

import itertools
import subprocess
from collections.abc import Sequence
from pathlib import Path

from phones import VirtualPhone

from hardboot.base.process import find_tool

_COUNT = "/data/count"


def switch(phone: VirtualPhone, roms: Sequence[str], switches: int) -> None:
    """Switch from one system to the next, and check that each finds its own data.

    Args:
        phone: Runs its own system.
        roms: Names of ROMs, just added.
        switches: How many; home is one of the systems.
    """
    phone.run(f"su -c 'rm -f {_COUNT}; sync'")
    turns = itertools.cycle([*roms, "home"])
    counts = dict.fromkeys([*roms, "home"], 0)
    for number, name in zip(range(1, switches + 1), turns, strict=False):
        if name == "home":
            phone("home", "--yes")
        else:
            if phone.kernel["guest"]:
                phone("home", "--yes")
            assert phone("--json", "rom", "boot", name).json["outcome"] == "guest-up"
        known = phone.kernel
        assert known["guest"] == (name != "home")
        found = phone.run(f"su -c 'cat {_COUNT} 2>/dev/null'").strip()
        assert found == (f"{name} {counts[name]}" if counts[name] else ""), name
        counts[name] += 1
        phone.run(f"su -c 'echo {name} {counts[name]} > {_COUNT}; sync'")
        print(f"switch {number:2} of {switches}: {name} for time {counts[name]}", flush=True)
    phone("home", "--yes")
    checked = phone("--json", "rom", "check").json["roms"]
    assert [(one["name"], one["problem"]) for one in checked] == [(name, None) for name in sorted(roms)]
    phone.run("sync")
    phone.hardboot.process("virtual", "stop", "--name", phone.name)


def check_ext4(image: Path) -> None:
    """Replay the journal, as the phone was switched off; then nothing may be left to repair."""
    e2fsck = find_tool("e2fsck", "e2fsprogs")
    subprocess.run([e2fsck, "-fy", "-E", "journal_only", image], capture_output=True, timeout=60)
    checked = subprocess.run([e2fsck, "-fn", image], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout


def check_f2fs(image: Path) -> None:
    """Find nothing to repair."""
    fsck = find_tool("fsck.f2fs", "f2fs-tools")
    checked = subprocess.run([fsck, "--dry-run", "-f", image], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout
    assert "[FAIL]" not in checked.stdout.upper(), checked.stdout
