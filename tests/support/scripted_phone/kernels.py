"""Kernels that run on the phone, and what they have loaded: kexec as hardboot's agent meets it."""

import errno
import os
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from scripted_phone.calls import Call
from scripted_phone.clock import Steps
from scripted_phone.files import failure
from scripted_phone.programs import stand_still

PAGE = 4096
ON_CRASH = 1  # flag of kexec_load(2)
_LINE = re.compile(rb"[ -~]*androidboot\.hardboot=[0-9a-f]{8}[ -~]*")


@dataclass(frozen=True)
class Kernel:
    """A kernel and its system.

    Attributes:
        release: As `uname -r`.
        cmdline: /proc/cmdline, where it does not come from what hardboot has loaded.
        page: Where its hardboot page is; None without hardboot support of our series.
        flag: What it shows as its flag; None for no file.
        takes: Flags of kexec_load(2) that it takes.
        kexec: Whether it has kexec; False gives ENOSYS.
        tells_loaded: Whether it shows /sys/kernel/kexec_loaded.
        boot_s: Seconds from the reset until its adbd answers.
        files: More files, or others: path to content; None for one that is not there.
        log: What dmesg prints.
    """

    release: str
    cmdline: str = "console=ttyAMA0"
    page: int | None = 0x44000000
    flag: int | None = 4
    takes: int = 5
    kexec: bool = True
    tells_loaded: bool = True
    boot_s: float = 20.0
    files: dict[str, bytes | None] = field(default_factory=dict)
    log: str = "[    0.000000] Booting Linux\n[    1.500000] Run /init as init process\n"


@dataclass(frozen=True)
class Segment:
    """A piece that is loaded: the content, and where it goes.

    Attributes:
        skip: The content is repeated, the first time from this byte on; None if it is not.
    """

    content: bytes
    address: int
    size: int
    skip: int | None = None

    def page(self, address: int) -> bytes:
        """Return what lies at a page of it."""
        at = address - self.address
        if self.skip is not None:
            at = (at + self.skip) % len(self.content)
        return self.content[at : at + PAGE].ljust(PAGE, b"\0")


@dataclass(frozen=True)
class Image:
    """What is loaded."""

    flags: int
    entry: int
    segments: tuple[Segment, ...]

    @property
    def cmdline(self) -> str:
        """The command line with hardboot's mark in one of its segments; "" if there is none."""
        for segment in self.segments:
            found = _LINE.search(segment.content)
            if found:
                return found[0].decode()
        return ""


@dataclass
class Running:
    """A kernel that runs, and what it has loaded."""

    kernel: Kernel
    boot_id: str
    cmdline: str
    started: float
    loaded: Image | None = None
    on_crash: Image | None = None
    leaving: bool = False  # a restart has begun

    def load(self, flags: int, entry: int, segments: tuple[Segment, ...]) -> int:
        """As kexec_load(2): 0, or an error number. No segments unload."""
        if not self.kernel.kexec:
            return errno.ENOSYS
        if flags & ~self.kernel.takes:
            return errno.EINVAL
        image = Image(flags, entry, segments) if segments else None
        if flags & ON_CRASH:
            self.on_crash = image
        else:
            self.loaded = image
        return 0


class AgentError(Exception):
    """The agent's last line: what failed, and Linux's error number."""

    def __init__(self, what: str, number: int) -> None:
        super().__init__(what)
        self.what = what
        self.number = number


AgentCommand = Callable[[Call, list[str]], None]


_BINARY = ("pages", "pour", "blocks")  # what they print is no text


def agent(call: Call, running: Running, leave: "Steps", more: Mapping[str, AgentCommand]) -> Steps:
    """Return the agent, as payload/agent.c: `leave` are the steps of reboot(2), `more` other commands."""
    try:
        command, *words = call.words[1:]
        if command == "exec":
            call.shell.system.program("sync", call.user)(call)
            call.out.write(b"synced=1\n")
            if running.loaded is None:
                raise AgentError("reboot", errno.EINVAL)
            yield from leave
            yield from stand_still()
        if command in more:
            more[command](call, words)
        else:
            {"load": _load, "unload": _unload, "info": _info, "pages": _pages}[command](call, running, words)
        return 0
    except AgentError as error:
        out = call.err if command in _BINARY else call.out
        out.write(f"error={error.what} errno={error.number}\n".encode())
        return 1


def open_file(call: Call, name: str) -> bytes:
    """Return the content of a file that the agent reads."""
    try:
        return call.files.open(name, call.user).read()
    except OSError as error:
        raise AgentError(f"open {name}", error.errno or 0) from error


def _load(call: Call, running: Running, words: list[str]) -> None:
    flags, entry, *parts = words
    segments = []
    for part in parts:
        name, _, place = part.rpartition("@")
        address, size = (int(number, 16) for number in place.split(":"))
        name, _, skip = name.partition("*")
        content = open_file(call, name)
        if address % PAGE or size % PAGE or not size:
            raise AgentError(f"not page aligned: {part}", errno.EINVAL)
        if not 0 < len(content) <= size and not skip:
            raise AgentError(f"larger than its segment: {part}", errno.EINVAL)
        segments.append(Segment(content, address, size, int(skip, 16) if skip else None))
    _check(running.load(int(flags, 16), int(entry, 16), tuple(segments)))
    call.out.write(f"loaded={len(segments)}\n".encode())


def _unload(call: Call, running: Running, words: list[str]) -> None:
    _check(running.load(int(words[0], 16), 0, ()))
    call.out.write(b"unloaded=1\n")


def _check(number: int) -> None:
    if number:
        raise AgentError("kexec_load", number)


def _info(call: Call, running: Running, words: list[str]) -> None:
    kernel = running.kernel
    lines = [f"release={kernel.release}"]
    for name, missing, path in (
        ("boot_id", "unknown", "/proc/sys/kernel/random/boot_id"),
        ("kexec_loaded", "unknown", "/sys/kernel/kexec_loaded"),
        ("kexec_crash_loaded", "unknown", "/sys/kernel/kexec_crash_loaded"),
        ("hardboot_page", "", "/sys/kernel/kexec_hardboot/page"),
        ("hardboot_flag", "", "/sys/kernel/kexec_hardboot/flag"),
        ("hardboot_version", "", "/sys/kernel/kexec_hardboot/version"),
    ):
        node = call.files.find(path)
        shown = node.read().decode().partition("\n")[0] if node else missing
        if shown:
            lines.append(f"{name}={shown}")
    if words:
        if "kexec_loaded=0" not in lines:
            lines.append("probe=skipped")
        else:
            lines.append(f"probe={running.load(int(words[0], 16), 0, ()) or 'ok'}")
    call.out.write("".join(f"{line}\n" for line in lines).encode())


def _pages(call: Call, running: Running, words: list[str]) -> None:
    """Pages that are not zero, then a bitmap of which are there."""
    data = open_file(call, words[0])
    runs = struct.iter_unpack("<II", open_file(call, words[1]))
    numbers = [page for first, count in runs for page in range(first, first + count)]
    first, count = (int(word, 16) for word in words[2:])
    bits = 0
    for index, page in enumerate(numbers[first : first + count]):
        content = data[page * PAGE : (page + 1) * PAGE]
        if len(content) < PAGE:
            raise AgentError(f"past the end of {words[0]}", errno.EINVAL)
        if any(content):
            call.out.write(content)
            bits |= 1 << index
    call.out.write(bits.to_bytes((count + 7) // 8, "little"))


def no_exec() -> OSError:
    """Return the error for a program that is none of this phone."""
    return failure(errno.ENOEXEC)


def new_boot_id() -> str:
    """As random as the kernel's own."""
    return os.urandom(16).hex()
