"""The message to the bootloader, at the start of the misc partition (BCB, bootloader control block).

Source: AOSP bootable/recovery, bootloader_message.h, struct bootloader_message. Bootloaders read it at each
start, after whichever restart: Little Kernel, recovery.c, recovery_init; U-Boot, `bcb`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from construct import Bytes

from hardboot.formats.binary_record import BinaryRecord
from hardboot.formats.text_field import read_text, stored_text

BOOT_RECOVERY = "boot-recovery"  # starts what the recovery partition holds
_ERASED = 0xFF  # of flash memory; Little Kernel takes it for no command


@dataclass(frozen=True)
class BootloaderMessage(BinaryRecord, what="message to the bootloader"):
    """The message, its texts as stored.

    Attributes:
        command: What to start next.
        status: What a bootloader answered.
        recovery: Command line of the recovery.
        stage: How far an update in several steps is.
    """

    command: Annotated[bytes, Bytes(32)] = bytes(32)
    status: Annotated[bytes, Bytes(32)] = bytes(32)
    recovery: Annotated[bytes, Bytes(768)] = bytes(768)
    stage: Annotated[bytes, Bytes(32)] = bytes(32)
    reserved: Annotated[bytes, Bytes(1184)] = bytes(1184)

    @property
    def wish(self) -> str:
        """What is asked for: the command, else the command line of the recovery; "" if nothing is."""
        fields = (field for field in (self.command, self.recovery) if field[0] not in (0, _ERASED))
        return read_text(next(fields, b""))


def stored_command(command: str) -> bytes:
    """Return the field `command`, at the start of the message.

    Raises:
        InputError: If it is too long.
    """
    size = len(BootloaderMessage().command)
    return stored_text(command, BootloaderMessage.WHAT, "command", 0, size)
