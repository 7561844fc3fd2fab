"""The way through the bootloader: `fastboot boot`, which starts an image without flashing it."""

from dataclasses import dataclass, field
from pathlib import Path

from hardboot.base import log
from hardboot.base.cmdline import CommandLine
from hardboot.base.errors import RefusedError
from hardboot.base.files import write_atomic
from hardboot.base.interrupts import if_cut_off
from hardboot.base.temporary import temporary_folder
from hardboot.device import mark as marks
from hardboot.device import record, unlocked
from hardboot.device.handset import KERNEL, KernelIdentity, parse_kernel
from hardboot.device.phone import Phone
from hardboot.device.record import Loaded
from hardboot.flows import load, planning, verdict
from hardboot.flows.journal import Journal
from hardboot.flows.ways import bootloader, bootloader_checks, fastboot_image, marked_image
from hardboot.flows.ways.way import FASTBOOT, Request
from hardboot.formats.boot import bootimg
from hardboot.formats.boot.bootimg import BootImage
from hardboot.transport import fastboot
from hardboot.transport.fastboot import Fastboot
from hardboot.virtual import machine

_LOOK = "Look at the phone's screen. From its bootloader, start its own system: fastboot reboot"
_LOCKED = "the bootloader is locked: it boots no image by fastboot"


@dataclass(frozen=True)
class BootableImage:
    """An image that is ready to be sent to the bootloader.

    Attributes:
        image: The image.
        kept: Partitions of the phone that the bootloader adds to it.
        cmdline: The command line in its header.
        loaded: The record of it.
        before: The kernel that was running.
        client: The bootloader.
    """

    image: BootImage = field(repr=False)
    kept: tuple[str, ...]
    cmdline: CommandLine
    loaded: Loaded
    before: KernelIdentity
    client: Fastboot

    @property
    def size(self) -> int:
        """Bytes of the image."""
        return self.image.end + len(self.image.tail)

    def document(self) -> dict[str, object]:
        """Return what will be sent, as JSON has it."""
        return {
            "header_version": self.image.header_version,
            "bytes": self.size,
            "cmdline": self.cmdline.text,
            "from_phone": list(self.kept),
            "bootloader": self.client.serial,
            "client": self.client.program,
        }

    def rows(self) -> list[tuple[str, str]]:
        """Return what will be sent, for people."""
        return [
            ("image", f"{self.loaded}, header v{self.image.header_version}, {self.size} bytes"),
            ("cmdline", self.cmdline.text),
            *([("from phone", f"{', '.join(self.kept)}, as flashed")] if self.kept else []),
            ("bootloader", f"{self.client.serial}, by {self.client.program}"),
        ]

    def start(self, phone: Phone, journal: Journal, *, wait_s: float, quiesce: bool) -> None:
        """See `Ready`; the system shuts down by itself, so that there is nothing to quiesce.

        Raises:
            DeviceError: If the bootloader refuses or comes back, or another kernel comes up.
            DeviceStateError: If the phone stays silent.
        """
        journal.loaded = self.loaded
        record.remember(phone, self.loaded)  # before the start: this computer may be interrupted during it
        log.say(f"Booting {self.loaded} {self.loaded.method}")
        with temporary_folder() as folder:
            file = Path(folder, "boot.img")
            write_atomic(file, bootimg.build(self.image))
            with (
                if_cut_off("The phone may be in its bootloader; nothing was flashed.", _LOOK, unknown=True),
                journal.phase("enter bootloader"),
                log.step("Restarting into the bootloader"),
            ):
                bootloader.enter(phone, self.client, self.before, journal)
                self._check_bootloader(journal)
            with (
                if_cut_off("The image may have been sent; nothing was flashed.", _LOOK, unknown=True),
                journal.phase("send"),
                log.step("Sending the image to the bootloader"),
            ):
                answer = self.client.boot(file)
                journal.output["fastboot boot"] = answer.text
                journal.pushed_bytes += self.size
                if not answer.done and answer.reason is not None:
                    raise bootloader.refused(self.client, answer, journal)
                if not answer.done:  # some start the image before they answer
                    log.detail(f"the bootloader did not answer: {answer.text}")
        with (
            if_cut_off("The image had been sent; it is not known whether the ROM runs.", _LOOK, unknown=True),
            journal.phase("boot"),
            log.step("Waiting for the ROM", limit_s=wait_s),
        ):
            now = bootloader.wait_for_rom(phone, self.client, self.before, journal, wait_s=wait_s)
        verdict.judge(self.loaded, journal, now, wait_s=wait_s)

    def _check_bootloader(self, journal: Journal) -> None:
        """Refuse what the bootloader's variables tell; one that it does not have tells nothing."""
        if self.client.variable("unlocked") == "no":
            raise bootloader.refused_by(
                self.client,
                _LOCKED,
                bootloader_checks.UNLOCK,
                journal,
            )
        most = _number(self.client.variable("max-download-size"))
        if most is not None and self.size > most:
            raise bootloader.refused_by(
                self.client,
                f"the image has {self.size} bytes, the bootloader takes at most {most}",
                "Use a smaller kernel or ramdisk.",
                journal,
            )


@dataclass(frozen=True)
class _FastbootBoot:
    """See `Way`."""

    name: str = FASTBOOT

    def check(self, phone: Phone, request: Request) -> None:
        """See `Way`."""
        _check_profile(phone)
        if not bootloader_checks.check_unlocked(phone.root(unlocked.QUERY).text, _LOCKED):
            raise bootloader_checks.untold(self.name)
        fastboot.find(serial_of(phone, request.fastboot_serial))

    def prepare(self, phone: Phone, request: Request, journal: Journal) -> BootableImage:
        """See `Way`."""
        _check_profile(phone)
        with if_cut_off("Nothing was sent."), journal.phase("check"), log.step("Checking the phone"):
            client = fastboot.find(serial_of(phone, request.fastboot_serial))
            kernel, lock, *outputs = phone.roots(KERNEL, unlocked.QUERY, *planning.queries(phone))
            journal.host = now = parse_kernel(kernel)
            bootloader_checks.check_unlocked(lock.text, _LOCKED)
            _, facts = planning.parse(phone, now.cmdline, outputs)
        rom = load.read_rom(phone, request.source, journal)
        with if_cut_off("Nothing was sent."), journal.phase("make image"), log.step("Making the image"):
            mark = marks.new()
            line = marked_image.command_line(phone.profile, rom, request, mark, as_v2=request.as_v2)
            vendor = "" if request.as_v2 or not rom.vendor else rom.vendor.cmdline
            bootloader_checks.check_rom(phone, rom, facts, line, vendor)
            image = fastboot_image.make(rom, line.text, as_v2=request.as_v2)
        kept = tuple(
            phone.partition_name(name)
            for name in fastboot_image.kept_partitions(rom, image)
            if name in phone.profile.partitions
        )
        if kept:
            log.warn(f"from the phone, as flashed: {', '.join(kept)}")
        loaded = marked_image.describe(now, record.FASTBOOT, rom, mark, line)
        return BootableImage(image, kept, line, loaded, now, client)


way = _FastbootBoot()


def serial_of(phone: Phone, given: str | None) -> str:
    """Return where the bootloader of a phone answers: where it is `given`, else by its serial number."""
    if given is not None:
        return given
    for status in machine.running():
        if status.serial == phone.transport.serial and status.fastboot:
            return status.fastboot
    return phone.serialno


def _check_profile(phone: Phone) -> None:
    """Refuse a phone whose bootloader is known not to do it, or not to pass the mark on."""
    profile = phone.profile
    entry = profile.evidence_for("fastboot.works")
    if profile.fastboot.works is False:
        raise RefusedError(
            f"fastboot boot does not work on {profile.title}" + (f": {entry.source}" if entry else ""),
            state="Nothing was sent.",
            fix=bootloader_checks.OTHER_WAY,
        )
    bootloader_checks.check_passes_mark(profile)


def _number(text: str | None) -> int | None:
    """Return the number that a bootloader means: 0x08000000, or 134217728."""
    try:
        return int(text or "", 0) or None
    except ValueError:
        return None
