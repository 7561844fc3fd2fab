"""Attack hardboot on a virtual phone: power cuts, killed commands, a bad ADB connection (`make attack`).

After each attack, what hardboot said is compared with the disk, read from outside the phone, and the phone
must be brought back by the command that hardboot named. Prints a count for each kind of end.

Untrue: an end that contradicts the disk. Wrong success: exit code 0 with another content than asked for.
Lost: a phone that does not come back.
"""

import argparse
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from adb_proxy import Fault, Proxy

from hardboot.formats.boot import bootimg
from hardboot.virtual import classic, machine

NAME = "attack"
FOLDER = Path("build/attack")
COMMAND_S = 400  # of one command: it waits 180 s for a phone
BUILD_S = 3600


@dataclass
class Tally:
    """What came of the attacks of one kind."""

    ends: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)

    def show(self, kind: str) -> None:
        """Print the counts."""
        print(f"{kind}: {self.ends.total()} attacks, {len(self.bad)} bad")
        for end, number in self.ends.most_common():
            print(f"  {number:4}  {end}")
        for line in self.bad:
            print(f"  BAD   {line}")


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, negative for a signal, and the three lines of its error."""

    code: int
    lines: list[str]

    @property
    def state(self) -> str:
        """The state that the error tells."""
        found = [line for line in self.lines if line.startswith("  state: ")]
        return found[-1].removeprefix("  state: ") if found else ""

    @property
    def shown(self) -> str:
        """The end in one line, without names and numbers that differ."""
        return f"exit code {self.code}: {self.state}" if self.code else "done"


def start(*words: str | Path) -> "subprocess.Popen[str]":
    """Start a hardboot command in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "hardboot", *map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def ended(process: "subprocess.Popen[str]", timeout_s: float = COMMAND_S) -> Ended:
    """Wait for a command."""
    try:
        out, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        out, _ = process.communicate()
        return Ended(-99, [*out.splitlines(), f"  state: it did not end within {timeout_s:.0f} s"])
    return Ended(process.returncode, out.splitlines())


def run(*words: str | Path, timeout_s: float = COMMAND_S) -> Ended:
    """Run a hardboot command to its end."""
    return ended(start(*words), timeout_s)


def required(*words: str | Path, timeout_s: float = COMMAND_S) -> None:
    """Run a command that must succeed, or end the attack."""
    done = run(*words, timeout_s=timeout_s)
    if done.code:
        sys.exit(f"{shlex.join(map(str, words))} failed with {done.code}:\n" + "\n".join(done.lines[-8:]))


class Phone:
    """The attacked phone, and two host images to write to it in turn."""

    def __init__(self, images: list[Path]) -> None:
        self.images = images
        self.turn = 0

    @property
    def content(self) -> bytes:
        """The boot partition on the disk, read from outside."""
        place = classic.TABLE.place("boot")
        with (machine.folder(NAME) / "disk.img").open("rb") as disk:
            disk.seek(place.offset)
            return disk.read(place.size)

    def next_image(self) -> Path:
        """Return the image that is not in the partition."""
        held = self.content
        return next(path for path in self.images if not held.startswith(path.read_bytes()))

    def power_off(self) -> None:
        """Take the battery out."""
        machine.stop(NAME)

    def power_on(self) -> bool:
        """Put the battery back in; return whether the phone boots."""
        return run("virtual", "start", "--name", NAME).code == 0

    def bring_back(self) -> str | None:
        """Make the phone run a whole image again, as hardboot tells its user; return what failed."""
        if machine.status(NAME).running and self.is_up():
            return self.restore() if self.is_broken() else None
        self.power_off()
        if self.power_on():
            return self.restore() if self.is_broken() else None
        self.power_off()
        if run("virtual", "start", "--name", NAME, "--recovery").code:
            return "recovery does not start"
        problem = self.restore()
        self.power_off()
        return problem or (None if self.power_on() else "the phone does not boot what was restored")

    def is_up(self) -> bool:
        """Whether hardboot reaches it."""
        return run("status", "--serial", self.serial).code == 0

    def is_broken(self) -> bool:
        """Whether the partition holds no whole image."""
        return bootimg.check_id(bootimg.parse(self.content)) is None

    def restore(self) -> str | None:
        """Write the newest whole backup back, as an error of hardboot says."""
        folder = machine.folder(NAME).parents[1] / "backups" / f"HB{NAME.upper()}"
        newest = max(
            folder.glob("boot-*.json"), key=lambda path: float(json.loads(path.read_text())["taken"])
        )
        done = run("restore", newest.with_suffix(".img"), "--yes", "--serial", self.serial)
        return None if done.code == 0 else f"restore ended with {done.code}: {done.lines[-3:]}"

    @property
    def serial(self) -> str:
        """Where its ADB answers."""
        serial = machine.status(NAME).serial
        assert serial
        return serial


def judge(done: Ended, before: bytes, after: bytes, wanted: bytes) -> str | None:
    """Return what is wrong with what a flash said, given the partition before and after it."""
    new = after.startswith(wanted) and after[len(wanted) :] == before[len(wanted) :]
    old = after == before
    if done.code == 0:
        return None if new else "wrong success"
    if "Traceback" in "\n".join(done.lines) or done.code == 1:
        return "a bug: " + " | ".join(done.lines[-3:])
    says_old = any(
        text in done.state
        for text in ("holds what it held before", "Nothing was written", "Nothing was sent", "was not sent")
    )
    if says_old and not old:
        return f"untrue: {done.state}"
    if "neither" in done.state and (old or new):
        return f"untrue: {done.state}"
    return None


def cut_power(phone: Phone, tally: Tally, rng: random.Random, duration_s: float) -> None:
    """Take the battery out at a random moment of a flash; half of the time put it back in soon."""
    wanted, before = phone.next_image(), phone.content
    process = start("flash-host-kernel", wanted, "--yes", "--serial", phone.serial)
    time.sleep(rng.uniform(0.3, duration_s))
    phone.power_off()
    returned = rng.random() < 0.7
    if returned:
        phone.power_on()
    else:
        process.send_signal(signal.SIGINT)  # nobody waits three minutes for a phone that is off
    done = ended(process)
    settle(phone, tally, done, before, wanted, "power cut" if returned else "power cut, then Ctrl-C")


def kill(phone: Phone, tally: Tally, rng: random.Random, duration_s: float) -> None:
    """End the command at a random moment, by SIGKILL or Ctrl-C."""
    wanted, before = phone.next_image(), phone.content
    process = start("flash-host-kernel", wanted, "--yes", "--serial", phone.serial)
    time.sleep(rng.uniform(0.3, duration_s))
    number = rng.choice((signal.SIGKILL, signal.SIGINT))
    process.send_signal(number)
    done = ended(process)
    time.sleep(1)  # a writer on the phone ends by itself
    settle(phone, tally, done, before, wanted, number.name)


def bad_connection(phone: Phone, tally: Tally, rng: random.Random, traffic: int) -> None:
    """Flash through a proxy that cuts, stalls, corrupts or drops once, at a random byte."""
    wanted, before = phone.next_image(), phone.content
    fault = Fault(rng.choice(("cut", "stall", "corrupt", "drop")), rng.randrange(traffic), rng.random() < 0.5)
    with Proxy(int(phone.serial.rpartition(":")[2]), fault) as proxy:
        done = run("flash-host-kernel", wanted, "--yes", "--serial", f"127.0.0.1:{proxy.port}")
    settle(phone, tally, done, before, wanted, fault.kind)


def settle(phone: Phone, tally: Tally, done: Ended, before: bytes, wanted: Path, what: str) -> None:
    """Judge an end, and bring the phone back."""
    after = phone.content
    tally.ends[f"{what}: {done.shown}"] += 1
    print(f"{tally.ends.total():4}  {what}: {done.shown}", flush=True)
    problem = judge(done, before, after, wanted.read_bytes())
    if problem:
        tally.bad.append(f"{what}: {problem}")
    lost = phone.bring_back()
    if lost:
        tally.bad.append(f"{what}: lost: {lost}")
        required("virtual", "stop", "--name", NAME)
        place = classic.TABLE.place("boot")
        with (machine.folder(NAME) / "disk.img").open("r+b") as disk:
            disk.seek(place.offset)
            disk.write(before)
        required("virtual", "start", "--name", NAME)


def prepare() -> list[Path]:
    """Build two host images that differ, and start a phone that runs the first."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    tree, zimage = FOLDER / "linux", FOLDER / "zImage"
    if not zimage.exists():
        required("virtual", "source", tree, timeout_s=BUILD_S)
        required("patch", "apply", tree, "--device", "virt-arm")
        required("virtual", "kernel", tree, "-o", zimage, timeout_s=BUILD_S)
    required("virtual", "start", "--name", NAME, "--reset-disk", timeout_s=BUILD_S)
    first, second = FOLDER / "first.img", FOLDER / "second.img"
    required("host-image", machine.status(NAME).factory_image, "--kernel", zimage, "-o", first)
    made = bootimg.parse(first.read_bytes())
    ramdisk = bytes(made.ramdisk) + bytes(4096)
    changed = bootimg.renew(replace(made, cmdline=f"{made.cmdline} second", ramdisk=ramdisk))
    second.write_bytes(b"".join(bytes(chunk) for chunk in bootimg.build(changed)))
    required("flash-host-kernel", first, "--yes", "--reboot", "--serial", machine.status(NAME).serial or "")
    return [first, second]


def main() -> int:
    """Run the attacks; 1 if one of them ended badly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=10, help="power cuts")
    parser.add_argument("--kills", type=int, default=10, help="killed commands")
    parser.add_argument("--faults", type=int, default=20, help="faults of the connection")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.environ["XDG_STATE_HOME"] = str((FOLDER / "state").absolute())
    rng = random.Random(options.seed)
    tallies = {kind: Tally() for kind in ("power cuts", "killed commands", "connection faults")}
    phone = Phone(prepare())
    begun = time.monotonic()
    with Proxy(int(phone.serial.rpartition(":")[2]), None) as proxy:
        required("flash-host-kernel", phone.next_image(), "--yes", "--serial", f"127.0.0.1:{proxy.port}")
        traffic = proxy.moved
    duration_s = time.monotonic() - begun
    print(f"a flash takes {duration_s:.1f} s and moves {traffic} bytes", flush=True)
    try:
        for _ in range(options.cuts):
            cut_power(phone, tallies["power cuts"], rng, duration_s)
        for _ in range(options.kills):
            kill(phone, tallies["killed commands"], rng, duration_s)
        for _ in range(options.faults):
            bad_connection(phone, tallies["connection faults"], rng, traffic)
    finally:
        machine.stop(NAME)
        for kind, tally in tallies.items():
            tally.show(kind)
    return int(any(tally.bad for tally in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
