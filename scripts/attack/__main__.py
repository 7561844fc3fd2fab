"""Attack virtual phones (`make attack`): power cuts, killed commands, bad connections, bad phones.

--cuts and --kills go over flash-host-kernel, `boot --via flash`, `--via recovery` and `--via slot`, and over
`home` after each of them. After each attack, what hardboot said is compared with the disk and the console,
read from outside the phone; the next command must say what was left, and `home` must end it. Prints how many
of them ended how.

Untrue: an end that contradicts what was read. Wrong success: exit code 0 with another result than asked for.
Lost: a phone that does not come back.
"""

import argparse
import itertools
import os
import random
import shutil
import sys
import time

import boot_attacks
import flash_attacks
import prepared
import way_attacks
from adb_proxy import Proxy
from attacked import FOLDER, Phone
from commands import required
from counts import CUT, KILL, Counts
from tally import Tally
from ways import TARGETS, WAYS, Target

from hardboot.virtual import machine


def _measure(phone: Phone, *words: str) -> tuple[float, int]:
    """Return the seconds and bytes that a command takes undisturbed."""
    begun = time.monotonic()
    with Proxy(phone.port, None) as proxy:
        required(*words, "--yes", "--serial", f"127.0.0.1:{proxy.port}")
        taken = time.monotonic() - begun
        print(f"{words[0]} takes {taken:.1f} s and moves {proxy.moved} bytes", flush=True)
        return taken, proxy.moved


def _chosen(options: argparse.Namespace) -> list[tuple[Target, str]]:
    """Return what is attacked, and whether by a cut or by killing the command."""
    targets = [target for target in TARGETS if target.way.name in options.ways]
    return [
        (target, kind)
        for kind, number in ((CUT, options.cuts), (KILL, options.kills))
        for target in itertools.islice(itertools.cycle(targets), number)
    ]


def _spoil(phone: Phone, options: argparse.Namespace, tallies: dict[str, Tally], rng: random.Random) -> None:
    """Flash over a bad connection and to a bad phone, and disturb boots by kexec."""
    if options.faults or options.phone_faults:
        duration_s, traffic = _measure(phone, "flash-host-kernel", str(phone.next_image()))
    for _ in range(options.faults):
        flash_attacks.spoil_connection(phone, tallies["connection faults"], rng, traffic)
    if options.phone_faults:
        phone.slow = True
        phone.restart()
    for _ in range(options.phone_faults):
        flash_attacks.spoil_phone(phone, tallies["phone faults"], rng, duration_s)
    phone.slow = False
    if options.boots:
        phone.restart()
        duration_s, traffic = _measure(phone, "boot", str(phone.rom))
        phone.restart()
    for _ in range(options.boots):
        boot_attacks.attack(phone, tallies["boots"], rng, duration_s, traffic)


def main() -> int:
    """Run the attacks; 1 if one of them ended badly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=16, help="power cuts, spread over the ways and home")
    parser.add_argument("--kills", type=int, default=16, help="killed commands, spread in the same way")
    names = [way.name for way in WAYS]
    parser.add_argument("--ways", nargs="+", choices=names, default=names, help="those that get them")
    parser.add_argument("--faults", type=int, default=20, help="flashes over a bad connection")
    parser.add_argument("--phone-faults", type=int, default=10, help="flashes to a phone that misbehaves")
    parser.add_argument("--boots", type=int, default=10, help="disturbed boots of a ROM by kexec")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.environ["XDG_STATE_HOME"] = str((FOLDER / "state").absolute())
    for name in machine.names():
        machine.stop(name)
    shutil.rmtree(FOLDER / "state", ignore_errors=True)  # of phones that are no more
    rng = random.Random(options.seed)
    counts = Counts()
    tallies = {kind: Tally() for kind in ("connection faults", "phone faults", "boots")}
    try:
        for name in (prepared.CLASSIC, prepared.MODERN):
            attacks = [(target, kind) for target, kind in _chosen(options) if target.way.phone == name]
            spoils = name == prepared.CLASSIC and (options.faults or options.phone_faults or options.boots)
            if not (attacks or spoils):
                continue
            phone = prepared.phone(name)
            for target, kind in attacks:
                way_attacks.attack(phone, target, kind, counts, rng)
            if spoils:
                _spoil(phone, options, tallies, rng)
            phone.power_off()
    finally:
        for name in machine.names():
            machine.stop(name)
        for kind, tally in tallies.items():
            tally.show(kind)
        counts.show()
    return int(bool(counts.bad) or any(tally.bad for tally in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
