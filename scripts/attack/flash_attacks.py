"""Faults of the connection and of the phone during `flash-host-kernel`, and the judgement of what it says."""

import random
import time
from pathlib import Path

from adb_proxy import KINDS, Fault, Proxy
from attacked import Phone
from commands import Ended, ended, run, start
from tally import Tally

from hardboot.base.errors import HardbootError

# What goes wrong on the phone: commands for its shell, and what puts it right again.
_WRITING = "w=/dev/hardboot-writer; for i in $(seq 100); do test -e $w && break; usleep 100000; done"
DEVICE_FAULTS = {
    "the writer is killed": (f"{_WRITING}; kill -9 $(cat $w)", ""),
    "the writer stops": (f"{_WRITING}; kill -STOP $(cat $w)", ""),
    "adbd is killed": ("pkill -9 adbd", ""),
    "adbd is killed while it writes": (f"{_WRITING}; pkill -9 adbd", ""),
    "/data is full": ("dd if=/dev/zero of=/data/full bs=65536", "rm -f /data/full"),
    "/data is read-only": ("mount -o remount,ro /data", "mount -o remount,rw /data"),
    "the staged image changes": ("for f in /data/local/tmp/hardboot*/*.img; do echo x >>$f; done", ""),
    "the partition changes": ("printf x | dd of=/dev/block/by-name/boot bs=1 seek=5000 conv=notrunc", ""),
}


def spoil_connection(phone: Phone, tally: Tally, rng: random.Random, traffic: int) -> None:
    """Flash through a proxy that cuts, stalls, corrupts or drops once, at a random byte."""
    wanted, before = phone.next_image(), phone.content
    fault = Fault(rng.choice(KINDS), rng.randrange(traffic), rng.random() < 0.5)
    with Proxy(phone.port, fault) as proxy:
        done = run("flash-host-kernel", wanted, "--yes", "--serial", f"127.0.0.1:{proxy.port}")
    _settle(phone, tally, done, before, wanted, fault.kind)


def spoil_phone(phone: Phone, tally: Tally, rng: random.Random, duration_s: float) -> None:
    """Let something go wrong on the phone at a random moment of a flash."""
    wanted, before = phone.next_image(), phone.content
    name = rng.choice(list(DEVICE_FAULTS))
    command, mend = DEVICE_FAULTS[name]
    process = start("flash-host-kernel", wanted, "--yes", "--serial", phone.serial)
    time.sleep(rng.uniform(0.5, duration_s))
    _try(phone, command)
    done = ended(process)
    _settle(phone, tally, done, before, wanted, name, is_foreign_write=name == "the partition changes")
    if mend:
        _try(phone, mend)


def _try(phone: Phone, command: str) -> None:
    try:
        phone.shell(command)
    except HardbootError as error:
        print(f"      on the phone: {error.what}")


def _settle(
    phone: Phone,
    tally: Tally,
    done: Ended,
    before: bytes,
    wanted: Path,
    what: str,
    *,
    is_foreign_write: bool = False,
) -> None:
    """Judge an end, and bring the phone back."""
    after = phone.content
    problem = _judge(done, before, after, wanted.read_bytes())
    if is_foreign_write and problem and done.code == 0:
        problem = None  # it came after hardboot had read back, or before it wrote: behind its back both times
    tally.add(what, done, problem)
    lost = phone.bring_back()
    if lost:
        tally.bad.append(f"{what}: lost: {lost}")
        phone.rescue({"boot": before})


def _judge(done: Ended, before: bytes, after: bytes, wanted: bytes) -> str | None:
    """Return what is wrong with what a flash said, given the partition before and after it."""
    new = after.startswith(wanted) and after[len(wanted) :] == before[len(wanted) :]
    old = after == before
    if done.code == 0:
        return None if new else "wrong success"
    if done.bug:
        return done.bug
    says_old = any(
        text in done.state
        for text in ("holds what it held before", "Nothing was written", "Nothing was sent", "was not sent")
    )
    if says_old and not old:
        return f"untrue: {done.state}"
    if "neither" in done.state and (old or new):
        return f"untrue: {done.state}"
    return None
