"""The ways through the running kernel: kexec with a hardware reset (hardboot), and without (soft)."""

from dataclasses import dataclass

from hardboot.device import cpus, host
from hardboot.device.phone import Phone
from hardboot.flows import boot, load
from hardboot.flows.journal import Journal
from hardboot.flows.load import PreparedRom
from hardboot.flows.ways.way import HARDBOOT, SOFT, Request


@dataclass(frozen=True)
class PlannedRom:
    """A ROM planned for the phone's RAM."""

    prepared: PreparedRom

    def start(self, phone: Phone, journal: Journal, *, wait_s: float, quiesce: bool) -> None:
        """See `Ready`."""
        boot.boot(phone, self.prepared, journal, wait_s=wait_s, quiesce=quiesce)


@dataclass(frozen=True)
class Kexec:
    """Load the ROM into the running kernel and start it.

    Attributes:
        name: See `Way`.
        soft: Without a hardware reset.
    """

    name: str
    soft: bool

    def check(self, phone: Phone, request: Request) -> None:
        """See `Way`."""
        if self.soft:
            load.check_soft(phone, untested=request.untested)
            cpus.check(phone)
        else:
            phone.slot_with_next()
            host.look(phone)

    def prepare(self, phone: Phone, request: Request, journal: Journal) -> PlannedRom:
        """See `Way`."""
        load.check_tested(phone.profile, allowed=request.untested)
        if self.soft:
            load.check_soft(phone, untested=request.untested)
        rom = load.read_rom(phone, request.source, journal)
        made = load.prepare(
            phone, rom, journal, cmdline=request.cmdline, append=request.append, soft=self.soft
        )
        return PlannedRom(made)


hardboot = Kexec(HARDBOOT, soft=False)
soft = Kexec(SOFT, soft=True)
