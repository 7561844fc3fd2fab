"""One image booted by every way in turn, and the phone led home after each boot."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from phones import VirtualPhone

_KEPT = "/data/local/hardboot /data/adb/hardboot /data/local/tmp"
_FULL = 40  # boots, after which every limit on what is kept is reached
_GROWTH = 1.1  # of what is kept, from then on: records differ in length


def boot_in_turn(
    phone: VirtualPhone, ways: Mapping[str, Sequence[str | Path]], cycles: int, partitions: Sequence[str]
) -> None:
    """Boot by each of `ways` in turn, each with its words; check what runs, and what is left behind.

    Args:
        phone: Runs its host kernel.
        ways: Arguments of `boot` by way.
        cycles: How many boots, more than 40.
        partitions: That must be as before after each way home.
    """
    before = {name: phone.read_partition(name) for name in partitions}
    host, full = phone.kernel["kernel"]["release"], {"computer": 0, "phone": 0}
    for cycle in range(1, cycles + 1):
        via = list(ways)[(cycle - 1) % len(ways)]
        done = phone("--json", "boot", *ways[via], "--via", via, "--yes").json
        assert (done["outcome"], done["via"]) == ("guest-up", via)
        assert phone.run("getprop ro.build.display.id") == "minimal\n"
        phone("home", "--yes")
        now = phone.kernel
        assert (now["guest"], now["kernel"]["release"], phone.is_host) == (False, host, True)
        phone.run("sync")
        assert [name for name in partitions if phone.read_partition(name) != before[name]] == []
        kept = _kept(phone)
        seconds = sum(phase["seconds"] for phase in done["phases"])
        print(f"boot {cycle:3} of {cycles}: {via:9}{seconds:6.1f} s; kept, in KiB: {kept}", flush=True)
        if cycle == _FULL:
            full = kept
        elif cycle > _FULL:
            assert all(kept[place] <= size * _GROWTH for place, size in full.items()), (full, kept)


def _kept(phone: VirtualPhone) -> dict[str, int]:
    """Return the KiB that hardboot keeps on the computer and on the phone."""
    state = Path(phone.hardboot.environment["XDG_STATE_HOME"], "hardboot")
    files = [
        file for file in state.rglob("*") if file.is_file() and "virtual" not in file.relative_to(state).parts
    ]
    there = phone.run(f"su -c 'du -sk {_KEPT} 2>/dev/null'")
    return {
        "computer": sum(file.stat().st_size for file in files) >> 10,
        "phone": sum(int(line.split()[0]) for line in there.splitlines()),
    }
