"""The journal: what --json prints of a flow."""

import pytest

from hardboot.device.handset import KernelIdentity
from hardboot.device.record import Loaded
from hardboot.flows import journal as journals
from hardboot.flows.journal import GUEST_UP, HOST_CAME_BACK, PHONE_SILENT, Cause, Journal, QuiesceStep


class Ticking:
    """A clock that a phase takes 1.23456 s of."""

    now = 5.0

    def monotonic(self) -> float:
        self.now += 1.23456
        return self.now

    def time(self) -> float:
        return 0.0


def test_the_outcomes_are_as_json_prints_them() -> None:
    assert (GUEST_UP, HOST_CAME_BACK, PHONE_SILENT) == ("guest-up", "host-came-back", "phone-silent")


def test_the_document_has_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "time", Ticking())
    host, guest = KernelIdentity("6.1", "a", "x"), KernelIdentity("6.6", "b", "y")
    loaded = Loaded(
        version=1,
        boot_id="a",
        image="rom.img",
        sha256="0" * 64,
        release=None,
        start="hard",
        mark="androidboot.hardboot=01234567",
        cmdline="c",
        entry=1,
        dtb=2,
        flag=4,
        segments=(),
    )
    journal = Journal("virt-arm", "S")
    assert journal.document() == {
        "outcome": None,
        "cause": None,
        "attempt": None,
        "via": None,
        "device": "virt-arm",
        "serial": "S",
        "host": None,
        "guest": None,
        "loaded": None,
        "replaced": None,
        "pushed_bytes": 0,
        "quiesce": [],
        "phases": [],
    }
    journal.host, journal.guest, journal.loaded = host, guest, loaded
    journal.replaced, journal.outcome, journal.pushed_bytes = "old.img", GUEST_UP, 7
    journal.cause, journal.attempt = Cause("unknown", "s", "f"), "20260101-000000"
    journal.quiesce.append(QuiesceStep("sync", "done", True, 0.12345))
    with journal.phase("plan"):
        pass
    with pytest.raises(ZeroDivisionError), journal.phase("push"):
        raise ZeroDivisionError
    assert journal.document() == {
        "outcome": "guest-up",
        "cause": {"kind": "unknown", "sentence": "s", "fix": "f"},
        "attempt": "20260101-000000",
        "via": None,
        "device": "virt-arm",
        "serial": "S",
        "host": {"release": "6.1", "boot_id": "a", "cmdline": "x", "bootconfig": ""},
        "guest": {"release": "6.6", "boot_id": "b", "cmdline": "y", "bootconfig": ""},
        "loaded": loaded.document(),
        "replaced": "old.img",
        "pushed_bytes": 7,
        "quiesce": [{"step": "sync", "result": "done", "done": True, "seconds": 0.123}],
        "phases": [{"name": "plan", "seconds": 1.235}, {"name": "push", "seconds": 1.235}],
    }
