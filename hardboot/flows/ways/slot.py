"""The way through the other slot: the ROM is written there, and the bootloader starts it once.

The boot control block gives it one try, and the slot that runs stays marked as successful. So the restart
after the ROM leads home, even if the ROM does not come up. The images of the other slot are put back
as soon as it is known what came up, and the boot control block with them: from then on restarts lead home
whatever the ROM says about its slot. Android marks a slot as successful by itself, soon after its start.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from hardboot.base import log
from hardboot.base.cmdline import CommandLine
from hardboot.base.errors import HardbootError
from hardboot.base.interrupts import if_cut_off
from hardboot.base.temporary import temporary_folder
from hardboot.device import bootctl, record, unlocked
from hardboot.device import mark as marks
from hardboot.device.handset import KernelIdentity
from hardboot.device.phone import Phone
from hardboot.device.record import Loaded
from hardboot.device.slot_state import MISC, SlotState
from hardboot.flows import load, transaction, unsettled
from hardboot.flows.journal import Journal
from hardboot.flows.ways import (
    bootloader_checks,
    marked_image,
    new_images,
    one_boot,
    slot_checks,
    slot_control,
    slot_images,
)
from hardboot.flows.ways.new_images import NewImage
from hardboot.flows.ways.way import SLOT, Request
from hardboot.profile import SLOTS

_LOCKED = "the bootloader is locked: it starts no other images than its maker's"
_HOME = "Put the images of the other slot back: hardboot home"


@dataclass(frozen=True)
class SlotBoot:
    """A ROM that is ready to be written to the other slot.

    Attributes:
        images: What is written, by the names of partitions.
        state: Of the slots.
        cmdline: The command line in the header.
        loaded: The record of it.
        before: The kernel that was running.
    """

    images: Mapping[str, NewImage]
    state: SlotState
    cmdline: CommandLine
    loaded: Loaded
    before: KernelIdentity

    @property
    def slot(self) -> str:
        """The slot that gets the ROM."""
        return SLOTS[self.state.other]

    def document(self) -> dict[str, object]:
        """Return what will be written, as JSON has it."""
        return {
            "slot": self.slot,
            "partitions": {name: str(image.path) for name, image in self.images.items()},
            "cmdline": self.cmdline.text,
            "control": MISC if self.state.control else "bootctl",
        }

    def rows(self) -> list[tuple[str, str]]:
        """Return what will be written, for people."""
        return [
            ("image", str(self.loaded)),
            ("cmdline", self.cmdline.text),
            *(("writes", f"{image.path} to {name}") for name, image in self.images.items()),
            ("tries", "1" if self.state.control else "as many as bootctl gives it"),
        ]

    def start(self, phone: Phone, journal: Journal, *, wait_s: float, quiesce: bool) -> None:
        """See `Ready`; the system shuts down by itself, so that there is nothing to quiesce.

        Raises:
            RefusedError: If a partition is not as the profile says, the battery is low, or an earlier change
                is not settled.
            DeviceError: If a write failed, or another kernel comes up.
            DeviceStateError: If the phone stays silent, or it is not known what a partition holds.
        """
        one_boot.start(
            phone,
            journal,
            self.loaded,
            self.before,
            title=f"Booting {self.loaded} {self.loaded.method} ({self.slot})",
            place="the other slot",
            home=_HOME,
            write=lambda: self._write(phone, journal),
            restart_into=None if self.state.control else lambda: self._activate(phone),
            put_back=lambda own: self._put_back(phone, own=own),
            wait_s=wait_s,
        )

    def _activate(self, phone: Phone) -> None:
        bootctl.start_anew(phone, self.state.other, home=self.state.running)

    def _write(self, phone: Phone, journal: Journal) -> None:
        """Write the images, then the boot control block: without it, the phone starts its own slot."""
        control = self.state.control
        also = [slot_control.new_bytes(slot_control.one_try(control, self.state.other))] if control else []
        with temporary_folder() as folder:
            copies = new_images.copies(self.images, folder)
            written = transaction.write(phone, SLOT, copies, put_back=True, also=also)
        journal.pushed_bytes += sum(one.size for one in written.writes) if written else 0

    def _put_back(self, phone: Phone, *, own: bool) -> bool:
        """Put the images of the other slot back and lead home: what runs is in RAM.

        Args:
            phone: The phone.
            own: Whether its own system came up.

        Returns:
            Whether that is done.
        """
        try:
            touched = unsettled.put_back(phone)
        except HardbootError as error:
            log.warn(
                f"slot {self.slot} may be started again: {error.what}. Return to slot "
                f"{SLOTS[self.state.running]}: hardboot home"
            )
            return False
        try:
            slot_control.prefer_home(phone, self.state)
        except HardbootError as error:
            log.warn(f"slot {self.slot} is started again if the ROM marks it as successful: {error.what}")
        if own and any(one.partition == MISC and one.held == "new" for one in touched):
            log.warn(f"the bootloader did not try slot {self.slot}: it may not read misc")
        return True


@dataclass(frozen=True)
class _SlotBoot:
    """See `Way`."""

    name: str = SLOT

    def check(self, phone: Phone, request: Request) -> None:
        """See `Way`."""
        bootloader_checks.check_passes_mark(phone.profile)
        state = slot_checks.look(phone)
        if not bootloader_checks.check_unlocked(phone.root(unlocked.QUERY).text, _LOCKED):
            raise bootloader_checks.untold(self.name)
        unsettled.require_settled(phone)
        slot_checks.check(phone, state)
        slot_checks.check_limited(state)
        slot_checks.check_same_system(phone, state)

    def prepare(self, phone: Phone, request: Request, journal: Journal) -> SlotBoot:
        """See `Way`."""
        bootloader_checks.check_passes_mark(phone.profile)
        with if_cut_off("Nothing was sent."), journal.phase("check"), log.step("Checking the phone"):
            state = slot_checks.look(phone)
            now, facts = bootloader_checks.own_system(phone, journal, _LOCKED)
            slot_checks.check(phone, state)
            slot_checks.warn(phone, state)
        rom = load.read_rom(phone, request.source, journal)
        with if_cut_off("Nothing was sent."), journal.phase("make image"), log.step("Making the image"):
            mark = marks.new()
            line = marked_image.command_line(phone.profile, rom, request, mark)
            bootloader_checks.check_rom(phone, rom, facts, line, rom.vendor.cmdline if rom.vendor else "")
            images = slot_images.make(phone, rom, line.text, state.other)
        loaded = marked_image.describe(now, record.SLOT, rom, mark, line)
        return SlotBoot(images, state, line, loaded, now)


way = _SlotBoot()
