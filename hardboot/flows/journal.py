"""The journal of a flow, for people and programs: filled as it runs, complete also when it fails."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from hardboot.device.handset import KernelIdentity
from hardboot.device.record import Loaded

GUEST_UP = "guest-up"
HOST_CAME_BACK = "host-came-back"
PHONE_SILENT = "phone-silent"
NOT_STARTED = "not-started"
NOT_LEFT = "not-left"
BOOTLOADER_SILENT = "bootloader-silent"
BOOTLOADER_REFUSED = "bootloader-refused"
BOOTLOADER_CAME_BACK = "bootloader-came-back"


@dataclass(frozen=True)
class Phase:
    """One part of a flow, the wall-clock seconds it took, and its begin in seconds since 1970 (UTC)."""

    name: str
    seconds: float
    began: float


@dataclass(frozen=True)
class RomIdentity:
    """The ROM that is booted: name of the image, SHA-256 in hex, kernel release if the image tells it."""

    name: str
    sha256: str
    release: str | None


@dataclass(frozen=True)
class Cause:
    """Why a ROM did not come up, as far as that is known.

    Attributes:
        kind: The name of a `causes.Kind`.
        sentence: It in words.
        fix: What to do next; "" if the error of the start tells that.
    """

    kind: str
    sentence: str
    fix: str


@dataclass(frozen=True)
class QuiesceStep:
    """One step of quiescing the system: its result in words, and whether it succeeded."""

    step: str
    result: str
    done: bool
    seconds: float


@dataclass
class Journal:
    """What happened so far.

    Attributes:
        host: The kernel that was running first.
        guest: The kernel that came up.
        loaded: What was loaded, or is being started.
        replaced: What was loaded before and was dropped for it, in words; None if nothing.
        quiesce: The steps of quiescing the system.
        via: The way it is booted; None for `load` and `exec`.
        outcome: GUEST_UP, HOST_CAME_BACK, PHONE_SILENT; NOT_LEFT if the phone did not leave its kernel;
            with fastboot also BOOTLOADER_SILENT, BOOTLOADER_REFUSED, BOOTLOADER_CAME_BACK, or NOT_STARTED if
            the phone did not enter its bootloader. None before a start.
        cause: Why the ROM did not come up; None if it did, or nothing was started.
        attempt: The ID of the record of this start on this computer; None if there is none.
        rom: What is being booted; known before it is loaded.
        output: What programs on the phone and on this computer printed, by their names.
        running: The phase that has begun and not ended.
        on_change: Called when a phase begins or ends.
    """

    device: str
    serial: str
    phases: list[Phase] = field(default_factory=list)
    host: KernelIdentity | None = None
    guest: KernelIdentity | None = None
    loaded: Loaded | None = None
    replaced: str | None = None
    quiesce: list[QuiesceStep] = field(default_factory=list)
    via: str | None = None
    outcome: str | None = None
    cause: Cause | None = None
    attempt: str | None = None
    pushed_bytes: int = 0
    rom: RomIdentity | None = None
    output: dict[str, str] = field(default_factory=dict)
    running: Phase | None = None
    on_change: Callable[[], None] = field(default=lambda: None, repr=False)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a part of the flow."""
        start = time.monotonic()
        self.running = running = Phase(name, 0.0, time.time())
        self.on_change()
        try:
            yield
        finally:
            self.phases.append(replace(running, seconds=time.monotonic() - start))
            self.running = None
            self.on_change()

    def document(self) -> dict[str, Any]:
        """Return the journal as JSON has it."""
        return {
            "outcome": self.outcome,
            "cause": asdict(self.cause) if self.cause else None,
            "attempt": self.attempt,
            "via": self.via,
            "device": self.device,
            "serial": self.serial,
            "host": asdict(self.host) if self.host else None,
            "guest": asdict(self.guest) if self.guest else None,
            "loaded": self.loaded.document() if self.loaded else None,
            "replaced": self.replaced,
            "pushed_bytes": self.pushed_bytes,
            "quiesce": [{**asdict(step), "seconds": round(step.seconds, 3)} for step in self.quiesce],
            "phases": [{"name": phase.name, "seconds": round(phase.seconds, 3)} for phase in self.phases],
        }
