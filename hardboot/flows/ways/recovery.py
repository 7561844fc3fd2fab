"""The way through the recovery partition: the ROM is written there, and the bootloader starts it once.

The message to the bootloader in misc asks for it. In the ROM, hb-init takes that message back before anything
else runs, so that any later restart leads to the phone's own system. The recovery is put back as soon as it
is known what came up.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

from hardboot.base import log
from hardboot.base.cmdline import CommandLine
from hardboot.base.errors import HardbootError, RefusedError
from hardboot.base.files import PrivateCopy, sha256_file, write_atomic
from hardboot.base.interrupts import if_cut_off
from hardboot.base.temporary import temporary_folder
from hardboot.device import mark as marks
from hardboot.device import record, unlocked
from hardboot.device.handset import KernelIdentity
from hardboot.device.phone import Phone
from hardboot.device.record import Loaded
from hardboot.flows import load, transaction, unsettled
from hardboot.flows.journal import Journal
from hardboot.flows.transaction import NewBytes
from hardboot.flows.ways import bootloader_checks, marked_image, one_boot, recovery_checks, recovery_image
from hardboot.flows.ways.recovery_checks import MISC, PARTITION, RecoveryState
from hardboot.flows.ways.way import RECOVERY, Request
from hardboot.formats.boot import bootimg
from hardboot.formats.boot.bootimg import BootImage

_LOCKED = "the bootloader is locked: it starts no recovery but its maker's"
_HOME = "Return to the phone's own system, and put its recovery back: hardboot home"
_MESSAGE = "the message to the bootloader"


@dataclass(frozen=True)
class RecoveryBoot:
    """A ROM that is ready to be written to the recovery partition.

    Attributes:
        image: The image.
        path: Where it comes from.
        state: Of the partitions.
        cmdline: The command line in its header.
        loaded: The record of it.
        before: The kernel that was running.
    """

    image: BootImage = field(repr=False)
    path: Path
    state: RecoveryState
    cmdline: CommandLine
    loaded: Loaded
    before: KernelIdentity

    @property
    def size(self) -> int:
        """Bytes of the image."""
        return self.image.end + len(self.image.tail)

    def document(self) -> dict[str, object]:
        """Return what will be written, as JSON has it."""
        return {
            "header_version": self.image.header_version,
            "bytes": self.size,
            "cmdline": self.cmdline.text,
            "partitions": [PARTITION, MISC],
        }

    def rows(self) -> list[tuple[str, str]]:
        """Return what will be written, for people."""
        return [
            ("image", f"{self.loaded}, header v{self.image.header_version}, {self.size} bytes"),
            ("cmdline", self.cmdline.text),
            ("writes", f"{self.state.recovery.path} (recovery), {_MESSAGE} in {self.state.misc.path}"),
        ]

    def start(self, phone: Phone, journal: Journal, *, wait_s: float, quiesce: bool) -> None:
        """See `Ready`; the system shuts down by itself, so that there is nothing to quiesce.

        Raises:
            DeviceError: If it cannot be written, or another kernel comes up.
            DeviceStateError: If the phone stays silent, or it is not known what a partition holds.
        """
        one_boot.start(
            phone,
            journal,
            self.loaded,
            self.before,
            title=f"Booting {self.loaded} {self.loaded.method}",
            place="the recovery partition",
            home=_HOME,
            write=lambda: self._write(phone, journal),
            put_back=lambda own: _put_back(phone, own=own),
            wait_s=wait_s,
        )

    def _write(self, phone: Phone, journal: Journal) -> None:
        """Write the image, then the message: without the message, the phone starts its own system."""
        message = NewBytes(MISC, 0, recovery_image.MESSAGE, _MESSAGE)
        with temporary_folder() as folder:
            file = folder / "recovery.img"
            write_atomic(file, bootimg.build(self.image))
            copy = PrivateCopy(self.path, file, file.stat().st_size, sha256_file(file))
            transaction.write(phone, RECOVERY, {PARTITION: copy}, put_back=True, also=[message])
        journal.pushed_bytes += self.size


def _put_back(phone: Phone, *, own: bool) -> bool:
    """Put the recovery back, and the message if hb-init could not take it back: what runs is in RAM.

    Args:
        phone: The phone.
        own: Whether its own system came up.

    Returns:
        Whether that is done.
    """
    try:
        touched = unsettled.put_back(phone)
    except HardbootError as error:
        log.warn(f"the recovery partition still holds the ROM: {error.what}. Put it back: hardboot home")
        return False
    if any(one.partition == MISC and one.held == "new" for one in touched):
        log.warn(
            "the bootloader did not start the recovery partition: it may not read misc"
            if own
            else f"hb-init could not take {_MESSAGE} back; that is done now"
        )
    return True


@dataclass(frozen=True)
class _RecoveryBoot:
    """See `Way`."""

    name: str = RECOVERY

    def check(self, phone: Phone, request: Request) -> None:
        """See `Way`."""
        recovery_checks.check_profile(phone.profile)
        recovery_checks.look(phone)
        if not bootloader_checks.check_unlocked(phone.root(unlocked.QUERY).text, _LOCKED):
            raise bootloader_checks.untold(self.name)
        unsettled.require_settled(phone)

    def prepare(self, phone: Phone, request: Request, journal: Journal) -> RecoveryBoot:
        """See `Way`."""
        recovery_checks.check_profile(phone.profile)
        with if_cut_off("Nothing was sent."), journal.phase("check"), log.step("Checking the phone"):
            now, facts = bootloader_checks.own_system(phone, journal, _LOCKED)
            state = recovery_checks.look(phone)
            held = recovery_checks.held(phone, state)
        rom = load.read_rom(phone, request.source, journal)
        with if_cut_off("Nothing was sent."), journal.phase("make image"), log.step("Making the image"):
            mark = marks.new()
            line, init = recovery_image.command_line(phone.profile, rom, request, mark)
            image = recovery_image.make(
                rom,
                line.text,
                as_v2=request.as_v2,
                arch=phone.profile.arch,
                misc=recovery_checks.device_name(state.misc),
                former=state.command,
                init=init,
                held=held,
            )
            packed = replace(rom, replaced_ramdisk=recovery_image.bare_ramdisk(image))
            bootloader_checks.check_rom(phone, packed, facts, line, "")
        ready = RecoveryBoot(
            image,
            rom.files.files["boot"],
            state,
            line,
            marked_image.describe(now, record.RECOVERY, rom, mark, line),
            now,
        )
        _check_size(ready)
        return ready


way = _RecoveryBoot()


def _check_size(ready: RecoveryBoot) -> None:
    room = ready.state.recovery.size
    if ready.size > room:
        raise RefusedError(
            f"the image has {ready.size} bytes, the recovery partition {room}",
            state="Nothing was sent.",
            fix="Use a smaller kernel or ramdisk, or boot it another way: hardboot boot IMAGE --dry-run",
        )
