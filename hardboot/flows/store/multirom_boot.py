"""Start a ROM of MultiROM where it lies, as MultiROM would: its own kernel, the phone's own userdata."""

from dataclasses import dataclass

from hardboot.base import log
from hardboot.base.errors import RefusedError
from hardboot.device.phone import Phone
from hardboot.flows import phone_images
from hardboot.flows.rom import Rom
from hardboot.flows.store import linux_boot, multirom, multirom_kernel, place
from hardboot.flows.store.multirom import MultiRomFolder
from hardboot.store.multirom import BOOT_IMAGE, MultiRom
from hardboot.store.rom_info import RomInfo

_SECOND_BOOT = "mrom_kexecd=1"  # by which the trampoline knows that it was started through kexec
_USERDATA = "/data"


@dataclass(frozen=True)
class MultiRomSource:
    """A ROM of MultiROM as what is to be started; see `RomSource`.

    Attributes:
        folder: MultiROM's folder.
        rom: The ROM.
    """

    folder: MultiRomFolder
    rom: MultiRom

    @property
    def append(self) -> str | None:
        """What its kernel command line needs besides its own."""
        return None if self.rom.type == "linux" else _SECOND_BOOT

    def complete(self, phone: Phone) -> Rom:
        """Return the ROM, read from the phone.

        Raises:
            RefusedError: If only MultiROM itself can start it.
            InputError: If one of its files cannot be used.
            DeviceError: If the phone does not answer.
        """
        if self.rom.not_booted is not None:
            raise self._refused(self.rom.not_booted)
        boot = self._linux(phone) if self.rom.type == "linux" else self._android(phone)
        rom = phone_images.complete(phone, multirom_kernel.assemble(self.rom.title, boot))
        log.warn(f"{self.rom.title} runs in the phone's own userdata, and is not kept apart from it")
        return rom

    def _android(self, phone: Phone) -> bytes:
        boot = multirom_kernel.read(phone, self.folder.path(self.rom, BOOT_IMAGE))
        if not multirom_kernel.is_injected(multirom_kernel.assemble(self.rom.title, boot)):
            raise self._refused(f"its {BOOT_IMAGE} has no trampoline of MultiROM, which mounts its system")
        return boot

    def _linux(self, phone: Phone) -> bytes:
        info = multirom.read_info(phone, self.folder, self.rom)
        home = self.folder.path(self.rom)
        image = multirom.root_image(phone, self.folder, self.rom, info) is not None
        root = f"{home}/{info.root_folder}"
        found: dict[str, bytes] = {}
        for what, file, needed in multirom_kernel.files(info):
            data = None
            if file is not None and file.inside and image:
                if needed or file is info.initrd:  # which may be there; a dtb that is not named seldom is
                    raise self._refused(f"its {what} lies in its image")
            elif file is not None:
                data = multirom_kernel.read_beside(phone, root if file.inside else home, file)
            found[what] = multirom_kernel.check(self.rom, what, file, data, needed=needed)
        cmdline = info.cmdline(self._values(phone, info), image=image)
        return linux_boot.build(found["kernel"], found["initrd"], found["dtb"], cmdline)

    def _values(self, phone: Phone, info: RomInfo) -> dict[str, str]:
        """Return the values of MultiROM's aliases; the bootloader's words are added by hardboot itself."""
        where = place.ask(phone)
        home = self.folder.path(self.rom).removeprefix(_USERDATA)
        return {
            "b": "",
            "d": f"/dev/{where.device}",
            "r": where.filesystem,
            "s": f"{home}/{info.root_folder}",
            "i": f"{home}/{info.root_image}",
            "f": info.filesystem,
        }

    def _refused(self, reason: str) -> RefusedError:
        rom = self.rom
        menu = "Start it in MultiROM's own menu"
        if rom.type == "linux":
            fix = "Import it: hardboot rom import"
        elif rom.type == "unsupported":
            fix = "Add it anew, from the files that it was installed from: hardboot rom add"
        else:
            fix = menu if rom.not_imported else f"{menu}, or import it: hardboot rom import"
        return RefusedError(
            f"hardboot cannot start {rom.title}: {reason}", state="Nothing was started.", fix=fix
        )
