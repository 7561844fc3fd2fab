"""The ramdisk of a ROM with a vendor_boot image, joined as a bootloader does."""

from hardboot.base import log
from hardboot.base.errors import RefusedError
from hardboot.formats.boot import bootconfig
from hardboot.formats.boot.bootconfig import Entries
from hardboot.formats.boot.vendorboot import RECOVERY, Ramdisk, VendorBoot
from hardboot.formats.reading import Data, view


def join(vendor: VendorBoot, generic: Data) -> bytes:
    """Return the vendor's ramdisks, and the generic one behind them.

    Fragments keep the order of their table; those of the type recovery are for recovery alone.

    Source: AOSP, "Vendor boot partitions".

    Raises:
        RefusedError: If the image has ramdisks for several boards.
    """
    return b"".join(bytes(view(data)) for data in (*(one.data for one in fragments(vendor)), generic))


def with_bootconfig(ramdisk: Data, own: Data, words: Entries) -> Data:
    """Return a ramdisk with a bootconfig behind it: its own, that of vendor_boot, and the bootloader's words.

    Source: AOSP, "Implement bootconfig in Android".

    Args:
        ramdisk: The ramdisk.
        own: The bootconfig in vendor_boot.
        words: What the bootloader adds.

    Raises:
        InputError: If a bootconfig is one that no kernel takes.
    """
    content, text = bootconfig.split(ramdisk)
    text += bootconfig.decode(own)
    return bootconfig.append(bytes(content), with_words(text, words)) if text or words else ramdisk


def fragments(vendor: VendorBoot) -> tuple[Ramdisk, ...]:
    """Return the ramdisks for a start that is not one of recovery.

    Raises:
        RefusedError: If they are for several boards.
    """
    chosen = tuple(one for one in vendor.ramdisks if one.type != RECOVERY)
    if len({one.board_id for one in chosen if any(one.board_id)}) > 1:
        raise RefusedError(
            "vendor_boot has ramdisks for several boards; only the bootloader knows this one's",
            state="Nothing was sent.",
            fix="Use a vendor_boot image for this phone alone.",
        )
    return chosen


def with_words(text: str, words: Entries) -> str:
    """Return a bootconfig with the bootloader's words; a key that the image sets stays as it is.

    A kernel that finds a key set twice takes nothing of the bootconfig.
    """
    known = bootconfig.parse(text)
    added = {key: values for key, values in words.items() if key not in known}
    kept = [key for key, values in words.items() if key in known and known[key] != values]
    if kept:
        log.warn(f"vendor_boot sets {', '.join(kept)} itself: the bootloader's values are left out")
    end = "" if not text or text.endswith("\n") else "\n"
    return text + end + bootconfig.build(added)
