"""Attacks on the ways that write to partitions, and on the way home: cut the power, or kill the command.

The next command must say what was left, and `hardboot home` must end it. After some kills it runs at once: a
write of the killed command may be under way then.
"""

import random
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import checker
import moments
from attacked import Phone
from checker import Case, Content
from commands import Ended, ended, required, run, start
from counts import CUT, Counts, End
from moments import Before
from ways import Target

from hardboot.virtual import machine

_TRIES = 3  # of the next command: the phone may be about to restart
_QUIET_S = 0.7  # a writer writes something in that time
_MAY_BE_RESTARTING = (5, 6)  # exit codes


def attack(phone: Phone, target: Target, kind: str, counts: Counts, rng: random.Random) -> None:
    """Attack a way, or home after it, at a random moment, and judge that and what follows."""
    home, mark = phone.partitions, f"attack={rng.randrange(1 << 32):x}"
    wanted = phone.rom if target.way.boots else phone.next_image()
    words = target.way.words(phone, wanted, mark)
    seen = phone.console.stat().st_size
    if target.is_home:
        _leave(phone, target, words, mark, rng)
        words = ("home", "--yes", "--serial", phone.serial)
    image = b"" if target.way.boots else wanted.read_bytes()
    case = Case(target, home, phone.partitions, image, mark.encode())
    before, moment = Before.of(phone), rng.choice(target.moments)
    process = start(*words)
    moments.wait(phone, process, before, moment, mark, rng)
    how = _cut(phone, process, rng) if kind == CUT else _kill(process, rng)
    done = ended(process)
    hurries = kind != CUT and rng.random() < 0.5
    followed = _Followed(phone, case, seen)
    problem = followed.check(done, hurries=hurries)
    counts.add(End(target.name, kind, f"{moment}: {how}", done, followed.left, problem))
    if problem:
        phone.rescue(home)


def _leave(
    phone: Phone, target: Target, words: tuple[str | Path, ...], mark: str, rng: random.Random
) -> None:
    """Leave something for home to end."""
    before = Before.of(phone)
    if target.way.name == "flash":
        required(*words)
    elif target.way.boots:
        required(*words, "--wait", "1", code=6)
        moments.wait_for_rom(phone, before, mark)
    else:
        process = start(*words)
        moments.wait(phone, process, before, "write", mark, rng)
        process.kill()
        ended(process)
        _quiet(phone)


def _kill(process: "subprocess.Popen[str]", rng: random.Random) -> str:
    number = rng.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGINT))
    process.send_signal(number)
    return number.name


def _cut(phone: Phone, process: "subprocess.Popen[str]", rng: random.Random) -> str:
    """Take the battery out and put it back in; half of the times nobody lets the command wait for that."""
    phone.power_off()
    phone.slow = rng.random() < 0.4
    waits = rng.random() < 0.5
    if not waits:
        process.send_signal(signal.SIGINT)
    boots = phone.power_on()
    if waits and not boots:
        process.send_signal(signal.SIGINT)
    return "power cut" + ("" if waits else ", Ctrl-C") + ("" if boots else ", does not boot")


def _quiet(phone: Phone) -> Content:
    """Return what the partitions hold when nothing writes to them any more."""
    now = phone.partitions
    while True:
        time.sleep(_QUIET_S)
        before, now = now, phone.partitions
        if before == now:
            return now


def _next(phone: Phone, *words: str) -> Ended:
    """Run the next command, and again if the phone restarts meanwhile."""
    for _ in range(_TRIES):
        done = run(*words, "--serial", phone.serial)
        if done.code not in _MAY_BE_RESTARTING:
            break
        print(f"      {words[0]}: {done.shown}", flush=True)
        phone.answers()
    return done


@dataclass
class _Followed:
    """What follows an attack.

    Attributes:
        phone: The phone.
        case: The attack.
        seen: Bytes on the console before it.
        left: Whether the attack left something to be done.
    """

    phone: Phone
    case: Case
    seen: int
    left: bool = True

    def check(self, done: Ended, *, hurries: bool) -> str | None:
        """Return what was wrong with the end of the attacked command, or with what follows.

        Args:
            done: How the attacked command ended.
            hurries: Do not wait until the phone is at rest, but go home at once.
        """
        in_recovery = not (hurries or self._is_up())
        if in_recovery and not self._start_recovery():
            return "lost: it starts neither its system nor its recovery"
        if hurries:
            self.left = not self.case.is_home(self.phone.partitions)
            if done.bug:
                return done.bug
        elif problem := self._explained(done):
            return problem
        home = _next(self.phone, "home", "--yes")
        if in_recovery and not home.code:
            if not self.phone.restart():
                return "lost: the phone does not boot what was put back"
            home = _next(self.phone, "home", "--yes")
        is_rom = checker.runs_rom(self.phone.said(self.seen), self.case.mark)
        problem = checker.judge_home(self.case, home, self.phone.partitions, is_rom=is_rom)
        return problem or ("lost: home left a record" if self.phone.record.exists() else None)

    def _is_up(self) -> bool:
        return machine.status(self.phone.name).running and self.phone.answers()

    def _start_recovery(self) -> bool:
        self.phone.power_off()
        return self.phone.power_on("--recovery")

    def _explained(self, done: Ended) -> str | None:
        now = _quiet(self.phone)
        self.left = not self.case.is_home(now)
        problem = checker.judge(self.case, done, now, self.phone.said(self.seen))
        return problem or checker.judge_status(self.case, _next(self.phone, "status"), now)
