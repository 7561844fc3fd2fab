"""A word in the logs that a kernel keeps in RAM over a restart: written before it, looked for after it.

Sources: Linux fs/pstore/pmsg.c (/dev/pmsg0), fs/pstore/ram.c (console-ramoops; ramoops_probe shows what it
uses in its parameters), kernel/printk/printk.c (devkmsg_write).
"""

import shlex
from dataclasses import dataclass

from hardboot.base import log
from hardboot.base.errors import DeviceError, RefusedError
from hardboot.crash import lastlog
from hardboot.device.phone import Phone
from hardboot.device.shells import answers, as_one

PMSG, KMSG = "/dev/pmsg0", "/dev/kmsg"
_RAMOOPS = "/sys/module/ramoops/parameters"
_OPTIONS = "PSTORE_RAM|PSTORE_CONSOLE|PSTORE_PMSG|ANDROID_RAM_CONSOLE|IKCONFIG_PROC"
_QUERY = as_one(
    f"test -e {PMSG} && echo yes",
    f"cat {_RAMOOPS}/mem_address 2>/dev/null",
    f"cat {_RAMOOPS}/console_size 2>/dev/null",
    "cat /sys/module/pstore/parameters/backend 2>/dev/null",
    "test -e /proc/last_kmsg && echo yes",
    f"{{ zcat /proc/config.gz || gzip -dc /proc/config.gz; }} 2>/dev/null | grep -E '^CONFIG_({_OPTIONS})='",
    "true",
)
_NEEDS = (
    "A kernel with CONFIG_PSTORE_RAM, CONFIG_PSTORE_PMSG and CONFIG_PSTORE_CONSOLE, and RAM that its device "
    "tree reserves for ramoops, can prove it."
)


@dataclass(frozen=True)
class LogMemory:
    """What the running kernel keeps in RAM over a restart.

    Attributes:
        pmsg: Whether it keeps what programs write to /dev/pmsg0.
        console: Whether it keeps its own log; None if it does not tell.
        crashes: Whether it keeps its log when it crashes; None if it does not tell.
    """

    pmsg: bool
    console: bool | None
    crashes: bool | None

    @property
    def devices(self) -> tuple[str, ...]:
        """Where a word is written to be kept."""
        return (PMSG, KMSG) if self.pmsg else (KMSG,)

    def is_kept(self, *, panic: bool) -> bool | None:
        """Return whether a word is kept over a restart after which RAM is as before; None if unknown.

        Args:
            panic: Whether the kernel crashes.
        """
        known = [self.pmsg or None, self.console, self.crashes if panic else False]
        return True if True in known else None if None in known[1:] else False


def find(phone: Phone) -> LogMemory:
    """Ask the running kernel what it keeps over a restart.

    Raises:
        RefusedError: If it keeps nothing in RAM.
        DeviceError: If the phone does not answer.
    """
    pmsg, address, console, backend, old, text, *_ = [
        *(answer.strip() for answer in answers(phone.root(_QUERY).text)),
        *[""] * 6,
    ]
    lines = (line.partition("=") for line in text.splitlines())
    options = {name.removeprefix("CONFIG_") for name, _, value in lines if value in ("y", "m")}
    config = options if "IKCONFIG_PROC" in options else None
    is_old = old == "yes" or "ANDROID_RAM_CONSOLE" in options  # of kernels before pstore
    if not is_old:
        _check(address, backend, config)
    keeps_console, keeps_crashes = (
        None if config is None else option in config for option in ("PSTORE_CONSOLE", "PSTORE_RAM")
    )
    return LogMemory(
        pmsg=pmsg == "yes",
        console=True if is_old or console.strip("0") else keeps_console,
        crashes=True if is_old or backend == "ramoops" else keeps_crashes,
    )


def _check(address: str, backend: str, config: set[str] | None) -> None:
    """Refuse a kernel that keeps nothing in RAM."""
    if backend not in ("", "(null)", "ramoops"):
        what = f"pstore of this kernel keeps logs by {backend}, not in RAM"
    elif address == "0":
        what = "ramoops of this kernel has no RAM: no device tree node reserves any for it"
    elif config is not None and "PSTORE_RAM" not in config:
        what = "this kernel keeps no logs in RAM (no CONFIG_PSTORE_RAM)"
    else:
        return
    raise RefusedError(
        f"whether RAM survives a restart cannot be seen: {what}", state="Nothing was restarted.", fix=_NEEDS
    )


def write(phone: Phone, word: str, memory: LogMemory) -> None:
    """Write a word to everything that may be kept over a restart.

    Raises:
        DeviceError: If it cannot be written.
    """
    # <0>: the console takes it, however quiet it is set.
    commands = [f"echo {shlex.quote(f'<0>{word}')} >{KMSG}"]
    if memory.pmsg:
        commands.append(f"echo {word} >{PMSG}")
    for command, output in zip(commands, phone.roots(*commands), strict=True):
        if output.code:
            raise DeviceError(
                f"the word to look for cannot be written: {' '.join(output.text.split())[-200:]}",
                state="Nothing was restarted.",
                fix=f"Run it by hand in `adb shell`, as root: {command}",
            )


@dataclass(frozen=True)
class KeptLogs:
    """The logs that a phone kept over a restart.

    Attributes:
        paths: All of them.
        holding: Those that hold the word.
    """

    paths: tuple[str, ...]
    holding: tuple[str, ...]


def search(phone: Phone, word: str) -> KeptLogs:
    """Look for a word in the logs that the phone kept over its restart.

    Raises:
        DeviceError: If they cannot be read.
    """
    found = lastlog.read(phone)
    for one in found:
        log.detail(f"{one.path}: {len(one.text)} characters")
    return KeptLogs(tuple(one.path for one in found), tuple(one.path for one in found if word in one.text))
