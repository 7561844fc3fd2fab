"""Boot an image from RAM: load it and start it."""

from hardboot.device.phone import Phone
from hardboot.flows.execute import LOOK, execute
from hardboot.flows.journal import Journal
from hardboot.flows.load import PreparedRom, load


def boot(
    phone: Phone, prepared: PreparedRom, journal: Journal, *, wait_s: float, quiesce: bool = True
) -> None:
    """Load an image and start it; see `load` and `execute` for the errors raised."""
    looked = load(phone, prepared, journal, *LOOK)
    execute(phone, journal, wait_s=wait_s, quiesce=quiesce, looked=looked)
