"""The choice among the ways to boot a ROM."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hardboot.base.errors import HardbootError, RefusedError, ToolError
from hardboot.base.interrupts import if_cut_off
from hardboot.device import record
from hardboot.device.phone import Phone
from hardboot.flows.journal import Journal
from hardboot.flows.ways import fastboot, flash, kexec, recovery, slot
from hardboot.flows.ways.way import Request, Way

AUTO = "auto"
# The best first; those that write to partitions come after those that do not.
_AUTOMATIC: tuple[Way, ...] = (kexec.hardboot, fastboot.way, recovery.way, slot.way)
WAYS: Mapping[str, Way] = {way.name: way for way in (*_AUTOMATIC, kexec.soft, flash.way)}


@dataclass(frozen=True)
class Choice:
    """The way that is taken.

    Attributes:
        others: Why each of the others is not, by name; empty if that was not asked for.
    """

    way: Way
    others: Mapping[str, str] = field(default_factory=dict)


def choose(phone: Phone, request: Request, via: str, journal: Journal, *, explain: bool) -> Choice:
    """Choose the way to boot a ROM.

    Args:
        phone: The phone.
        request: What is to be booted.
        via: The name of a way, or AUTO.
        journal: Takes the way, and the running kernel if that is no host.
        explain: Also find out why the others are not taken.

    Raises:
        RefusedError: If AUTO finds none; the reason against each is told.
        DeviceError: If the phone does not answer.
    """
    with if_cut_off("Nothing was sent."):
        way = WAYS[via] if via != AUTO else _first_working(phone, request, journal)
        journal.via = way.name
        others = [name for name in WAYS if explain and name != way.name]
        return Choice(way, {name: _why_not(phone, request, name, way, via) for name in others})


def _first_working(phone: Phone, request: Request, journal: Journal) -> Way:
    best, *others = _AUTOMATIC
    try:
        best.check(phone, request)
        return best
    except RefusedError as error:
        refused = error
    journal.host = phone.kernel()
    if record.is_guest(journal.host):
        raise refused  # its own system may be a host: that comes first
    reasons = []
    for way in others:
        try:
            way.check(phone, request)
            return way
        except (RefusedError, ToolError) as error:
            reasons.append(f"{way.name}: {error.what}")
    raise RefusedError("; ".join([refused.what, *reasons]), state=refused.state, fix=refused.fix) from refused


def _why_not(phone: Phone, request: Request, name: str, taken: Way, via: str) -> str:
    try:
        WAYS[name].check(phone, request)
    except HardbootError as error:  # also of the phone: the way that is taken may work all the same
        return error.what
    if via != AUTO:
        return f"would work, too: --via {name}"
    if WAYS[name] in _AUTOMATIC:
        return f"would work, too; {taken.name} comes first"
    return f"would work, too; only by name: --via {name}"
