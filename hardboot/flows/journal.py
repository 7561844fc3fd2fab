"""What a flow did, for people and programs: filled as it goes on, complete also when it fails."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from hardboot.device.phone import KernelIdentity
from hardboot.device.record import Loaded

GUEST_UP = "guest-up"
HOST_CAME_BACK = "host-came-back"
PHONE_SILENT = "phone-silent"


@dataclass(frozen=True)
class Phase:
    """One part of the way and the wall-clock seconds it took."""

    name: str
    seconds: float


@dataclass(frozen=True)
class Rested:
    """One step that brought the system to rest: what came of it, in words, and whether that was wanted."""

    step: str
    result: str
    done: bool
    seconds: float


@dataclass
class Journal:
    """What happened so far.

    Attributes:
        loaded: What was loaded, or is being started.
        replaced: What was loaded before and was dropped for it, in words; None if nothing.
        rest: How the system was brought to rest.
    """

    device: str
    serial: str
    phases: list[Phase] = field(default_factory=list)
    host: KernelIdentity | None = None
    guest: KernelIdentity | None = None
    loaded: Loaded | None = None
    replaced: str | None = None
    rest: list[Rested] = field(default_factory=list)
    outcome: str | None = None
    pushed_bytes: int = 0

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time what runs inside."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.phases.append(Phase(name, time.monotonic() - start))

    def document(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        return {
            "outcome": self.outcome,
            "device": self.device,
            "serial": self.serial,
            "host": asdict(self.host) if self.host else None,
            "guest": asdict(self.guest) if self.guest else None,
            "loaded": self.loaded.document() if self.loaded else None,
            "replaced": self.replaced,
            "pushed_bytes": self.pushed_bytes,
            "quiesce": [{**asdict(one), "seconds": round(one.seconds, 3)} for one in self.rest],
            "phases": [{"name": one.name, "seconds": round(one.seconds, 3)} for one in self.phases],
        }
