"""Attacks on `boot --via flash` and on `home`: whatever is cut, the next `home` leads to the old images."""

import random
import signal
import time

from attacked import Phone, ended, required, run, start
from tally import Tally

_SIGNALS = (signal.SIGKILL, signal.SIGINT)


def attack(phone: Phone, tally: Tally, rng: random.Random, duration_s: float) -> None:
    """Cut the power, or end the command, at a random moment of a flashed boot or of the way home."""
    before = phone.content
    boot = ("boot", phone.rom, "--via", "flash", "--yes", "--serial", phone.serial)
    words = boot if rng.random() < 0.5 else ("home", "--yes", "--serial", phone.serial)
    if words is not boot:
        required(*boot)
    process = start(*words)
    time.sleep(rng.uniform(0.3, duration_s))
    number = rng.choice((None, *_SIGNALS))
    if number is None:
        phone.power_off()
        process.send_signal(signal.SIGINT)  # nobody waits three minutes for a phone that is off
    else:
        process.send_signal(number)
    done = ended(process)
    what = f"{words[0]}, {number.name if number else 'power cut'}"
    says_old = "Nothing was written" in done.state or "hold what they held before" in done.state
    problem = f"untrue: {done.state}" if says_old and phone.content != before else None
    tally.add(what, done, "a bug: " + " | ".join(done.lines[-3:]) if done.is_bug else problem)
    lost = phone.bring_back() or _lead_home(phone, before)
    if lost:
        tally.bad.append(f"{what}: lost: {lost}")
        phone.rescue(before)


def _lead_home(phone: Phone, before: bytes) -> str | None:
    """Do what hardboot says, and return what failed."""
    for _ in range(2):  # it may be repeated
        done = run("home", "--yes", "--serial", phone.serial)
        if done.code:
            return f"home ended with {done.code}: {done.lines[-3:]}"
    if phone.content != before:
        return "the partition holds something else than before"
    return None if "its own system" in done.lines[-2] else f"not at home: {done.lines[-2:]}"
