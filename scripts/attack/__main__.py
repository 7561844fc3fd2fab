"""Attack a virtual phone (`make attack`): power cuts, killed commands, bad connections, bad phones.

After each attack, what hardboot said is compared with the disk and the console, read from outside the phone,
and the phone must be brought back by the command that hardboot named. Prints a count for each kind of end.

Untrue: an end that contradicts what was read. Wrong success: exit code 0 with another result than asked for.
Lost: a phone that does not come back.
"""

import argparse
import os
import random
import shutil
import sys
import time

import boot_attacks
import flash_attacks
import home_attacks
from adb_proxy import Proxy
from attacked import FOLDER, NAME, Phone, prepare, required
from tally import Tally

from hardboot.virtual import machine

_LONGER = 2  # a flashed boot, against a flash: the restart


def _measure(phone: Phone, *words: str) -> tuple[float, int]:
    """Return the seconds and bytes that a command takes undisturbed."""
    begun = time.monotonic()
    with Proxy(phone.port, None) as proxy:
        required(*words, "--yes", "--serial", f"127.0.0.1:{proxy.port}")
        return time.monotonic() - begun, proxy.moved


def main() -> int:
    """Run the attacks; 1 if one of them ended badly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=10, help="power cuts while flashing")
    parser.add_argument("--kills", type=int, default=10, help="flashes whose command is ended")
    parser.add_argument("--faults", type=int, default=20, help="flashes over a bad connection")
    parser.add_argument("--phone-faults", type=int, default=10, help="flashes to a phone that misbehaves")
    parser.add_argument("--boots", type=int, default=10, help="disturbed boots of a ROM")
    parser.add_argument("--homes", type=int, default=10, help="disturbed flashed boots, and ways home")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.environ["XDG_STATE_HOME"] = str((FOLDER / "state").absolute())
    machine.stop(NAME)
    shutil.rmtree(FOLDER / "state", ignore_errors=True)  # of a phone that is no more
    rng = random.Random(options.seed)
    kinds = ("power cuts", "killed commands", "connection faults", "phone faults", "homes", "boots")
    tallies = {kind: Tally() for kind in kinds}
    phone = prepare()
    duration_s, traffic = _measure(phone, "flash-host-kernel", str(phone.next_image()))
    print(f"a flash takes {duration_s:.1f} s and moves {traffic} bytes", flush=True)
    try:
        for _ in range(options.cuts):
            flash_attacks.cut_power(phone, tallies["power cuts"], rng, duration_s)
        phone.slow = False
        for _ in range(options.kills):
            flash_attacks.kill(phone, tallies["killed commands"], rng, duration_s)
        for _ in range(options.faults):
            flash_attacks.spoil_connection(phone, tallies["connection faults"], rng, traffic)
        if options.phone_faults:
            phone.power_off()
            phone.slow = True
            phone.power_on()
        for _ in range(options.phone_faults):
            flash_attacks.spoil_phone(phone, tallies["phone faults"], rng, duration_s)
        phone.slow = False
        for _ in range(options.homes):
            home_attacks.attack(phone, tallies["homes"], rng, duration_s * _LONGER)
        if options.boots:
            phone.power_off()
            phone.power_on()
            duration_s, traffic = _measure(phone, "boot", str(phone.rom))
            print(f"a boot takes {duration_s:.1f} s and moves {traffic} bytes", flush=True)
            phone.power_off()
            phone.power_on()
        for _ in range(options.boots):
            boot_attacks.attack(phone, tallies["boots"], rng, duration_s, traffic)
    finally:
        machine.stop(NAME)
        for kind, tally in tallies.items():
            tally.show(kind)
    return int(any(tally.bad for tally in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
