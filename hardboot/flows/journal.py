"""The journal of a flow, for people and programs: filled as it runs, complete also when it fails."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from hardboot.device.handset import KernelIdentity
from hardboot.device.record import Loaded

GUEST_UP = "guest-up"
HOST_CAME_BACK = "host-came-back"
PHONE_SILENT = "phone-silent"
BOOTLOADER_REFUSED = "bootloader-refused"
BOOTLOADER_CAME_BACK = "bootloader-came-back"


@dataclass(frozen=True)
class Phase:
    """One part of a flow and the wall-clock seconds it took."""

    name: str
    seconds: float


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
        outcome: GUEST_UP, HOST_CAME_BACK, PHONE_SILENT; with fastboot also BOOTLOADER_REFUSED or
            BOOTLOADER_CAME_BACK. None before a start.
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
    pushed_bytes: int = 0

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a part of the flow."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.phases.append(Phase(name, time.monotonic() - start))

    def document(self) -> dict[str, Any]:
        """Return the journal as JSON has it."""
        return {
            "outcome": self.outcome,
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
