"""The way through the boot partition: the ROM is flashed in place of the phone's own images.

Every restart then starts the ROM, until `hardboot home` puts the old images back: it is taken only by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from hardboot.base import log
from hardboot.base.cmdline import CommandLine
from hardboot.base.interrupts import if_cut_off
from hardboot.base.temporary import temporary_folder
from hardboot.device import by_name, record, unlocked
from hardboot.device import mark as marks
from hardboot.device.handset import KernelIdentity
from hardboot.device.phone import Phone
from hardboot.device.record import Loaded
from hardboot.flows import backup, image_set, load, root_loss, transaction, unsettled, verdict
from hardboot.flows import restart as restarts
from hardboot.flows.journal import Journal
from hardboot.flows.rom import Rom
from hardboot.flows.ways import bootloader_checks, marked_image, new_images
from hardboot.flows.ways.new_images import NewImage
from hardboot.flows.ways.way import FLASH, Request

_LOCKED = "the bootloader is locked: it starts no other images than its maker's"
_HOME = "Put the phone's own images back: hardboot home"


@dataclass(frozen=True)
class FlashBoot:
    """A ROM that is ready to be flashed.

    Attributes:
        images: By the names of partitions, with their slot.
        rooted: Whether a root solution is in the ROM that hardboot knows.
        cmdline: The command line in the header.
        loaded: The record of it.
        before: The kernel that was running.
    """

    images: Mapping[str, NewImage]
    rooted: bool
    cmdline: CommandLine
    loaded: Loaded
    before: KernelIdentity

    def document(self) -> dict[str, object]:
        """Return what will be written, as JSON has it."""
        return {
            "partitions": {name: str(image.path) for name, image in self.images.items()},
            "bytes": sum(image.size for image in self.images.values()),
            "cmdline": self.cmdline.text,
        }

    def rows(self) -> list[tuple[str, str]]:
        """Return what will be written, for people."""
        return [
            ("image", str(self.loaded)),
            ("cmdline", self.cmdline.text),
            *(
                ("writes", f"{image.path}, {image.size} bytes, to {name}")
                for name, image in self.images.items()
            ),
        ]

    def effect(self, phone: Phone) -> str:
        """Return what it does to the phone and how that is undone, for a question."""
        names = " and ".join(self.images)
        first = next(iter(self.images))
        saved = backup.folder(phone.serialno)
        name = f"{phone.profile.name} {phone.serialno}"
        root = "" if self.rooted else " It needs root, and no root solution is found in this ROM."
        return (
            f"This writes {self.loaded} to {names} of {name}, and restarts it. Every restart then starts the "
            f"ROM, until `hardboot home` puts the old content back.{root} If the ROM gives no root or does "
            "not start, run `hardboot home` in the recovery, or write the backup from the bootloader: "
            f"fastboot flash {first} FILE, with FILE from {saved}."
        )

    def start(self, phone: Phone, journal: Journal, *, wait_s: float, quiesce: bool) -> None:
        """See `Ready`; the system shuts down by itself, so that there is nothing to quiesce.

        Raises:
            RefusedError: If the battery is low, or an earlier change is not settled.
            DeviceError: If a write failed, or another kernel comes up.
            DeviceStateError: If the phone stays silent, or it is not known what a partition holds.
        """
        journal.loaded = self.loaded
        with if_cut_off("The ROM may be flashed, and may have been started.", _HOME, unknown=True):
            log.say(f"Booting {self.loaded} {self.loaded.method}")
            with journal.phase("write"), temporary_folder() as folder:
                copies = new_images.copies(self.images, folder)
                transaction.write(phone, FLASH, copies, put_back=True, wait_s=wait_s)
                journal.pushed_bytes += sum(copy.size for copy in copies.values())
            with journal.phase("boot"), log.step("Waiting for the ROM", limit_s=wait_s):
                record.remember(phone, self.loaded)  # this computer may be interrupted during the start
                now = restarts.reboot_and_wait(
                    phone, self.before, wait_s=wait_s, left="The ROM is flashed.", fix=_HOME
                )
            failed = now is not None and self.loaded.mark not in now.marks
            if failed:
                with journal.phase("put back"):
                    unsettled.put_back(phone)
            verdict.judge(self.loaded, journal, now, wait_s=wait_s, settled=failed)


@dataclass(frozen=True)
class _FlashBoot:
    """See `Way`."""

    name: str = FLASH

    def check(self, phone: Phone, request: Request) -> None:
        """See `Way`."""
        bootloader_checks.check_passes_mark(phone.profile)
        bootloader_checks.check_unlocked(phone.root(unlocked.QUERY).text, _LOCKED)
        by_name.partition(phone, by_name.full_name(phone, image_set.BOOT))
        unsettled.require_settled(phone)

    def prepare(self, phone: Phone, request: Request, journal: Journal) -> FlashBoot:
        """See `Way`."""
        bootloader_checks.check_passes_mark(phone.profile)
        with if_cut_off("Nothing was sent."), journal.phase("check"), log.step("Checking the phone"):
            now, facts = bootloader_checks.own_system(phone, journal, _LOCKED)
        rom = load.read_rom(phone, request.source, journal)
        with if_cut_off("Nothing was sent."), journal.phase("make image"), log.step("Making the image"):
            mark = marks.new()
            line = marked_image.command_line(phone.profile, rom, request, mark)
            bootloader_checks.check_rom(phone, rom, facts, line, rom.vendor.cmdline if rom.vendor else "")
            images = _images(phone, rom, line.text)
        loaded = marked_image.describe(now, record.FLASH, rom, mark, line)
        boots = (name for name in (image_set.BOOT, "init_boot") if name in rom.files.images)
        rooted = any(root_loss.roots_of(rom.files.images[name]) for name in boots)
        return FlashBoot(images, rooted, line, loaded, now)


way = _FlashBoot()


def _images(phone: Phone, rom: Rom, cmdline: str) -> dict[str, NewImage]:
    """Return what is written, by partition: the marked boot image, and the others that were given.

    Raises:
        RefusedError: If something was given that no partition takes, or that does not fit.
        InputError: If the command line does not fit.
    """
    made = {image_set.BOOT: new_images.marked_boot(rom, cmdline)}
    for name in image_set.OTHERS:
        if name in rom.given:
            made[name] = NewImage(rom.files.files[name], [rom.files.images[name]])
    named = {by_name.full_name(phone, name): one for name, one in made.items()}
    new_images.check_fit(phone, named)
    return named
