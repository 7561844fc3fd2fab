"""Boot an image from RAM: load it, start it, and nothing else."""

from hardboot.device.phone import Phone
from hardboot.flows.execute import execute
from hardboot.flows.journal import Journal
from hardboot.flows.load import Prepared, load


def boot(phone: Phone, prepared: Prepared, journal: Journal, *, wait_s: float, rest: bool = True) -> None:
    """`load`, then `execute`: see there for what they raise."""
    load(phone, prepared, journal)
    execute(phone, journal, wait_s=wait_s, rest=rest)
