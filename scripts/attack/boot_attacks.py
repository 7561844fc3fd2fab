"""Attacks on `boot`: what it says is compared with the console and with the resets that QEMU counted."""

import random
import signal
import time

from adb_proxy import KINDS, Fault, Proxy
from attacked import Phone
from commands import Ended, ended, run, start
from tally import Tally

_NOT_RESET = ("Nothing was sent", "Nothing was loaded", "Nothing was started", "It was unloaded again")
_RUNS = "the ROM is running"


def attack(phone: Phone, tally: Tally, rng: random.Random, duration_s: float, traffic: int) -> None:
    """Boot a ROM, and cut the power, end the command, or spoil the connection at a random moment."""
    before, seen = phone.content, phone.console.stat().st_size
    resets = phone.resets
    mark = f"attack={rng.randrange(1 << 32):x}"
    words = ("boot", phone.rom, "--append", mark, "--yes", "--wait", "60", "--serial")
    what: str = rng.choice((*KINDS, "SIGINT", "SIGKILL", "power cut"))
    kind = next((one for one in KINDS if one == what), None)
    if kind is not None:
        fault = Fault(kind, rng.randrange(traffic), rng.random() < 0.5)
        with Proxy(phone.port, fault) as proxy:
            done = run(*words, f"127.0.0.1:{proxy.port}")
    else:
        process = start(*words, phone.serial)
        time.sleep(rng.uniform(0.3, duration_s))
        if what == "power cut":
            phone.restart()
        else:
            process.send_signal(signal.Signals[what])
        done = ended(process)
    time.sleep(1)
    reset = phone.resets != resets
    started = mark.encode() in phone.said(seen)
    problem = _judge(done, reset=reset, started=started)
    if phone.content != before:
        problem = "the boot partition changed"
    tally.add(f"boot, {what}", done, problem)
    if not phone.restart():
        tally.bad.append(f"boot, {what}: lost: it does not start")
        phone.rescue({"boot": before})


def _judge(done: Ended, *, reset: bool, started: bool) -> str | None:
    """Return what is wrong with what a boot said, given whether the phone was reset and the ROM started."""
    if done.code == 0:
        return None if started else "wrong success"
    if done.bug:
        return done.bug
    if reset and any(text in done.state for text in _NOT_RESET):
        return f"untrue: {done.state}"
    if not started and _RUNS in done.state and "not known" not in done.state:
        return f"untrue: {done.state}"
    return None
