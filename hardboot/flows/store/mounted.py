"""An image of a stored ROM, mounted on the running host for one command after another.

It is mounted as the ROM sees it, by its blocks, which are checked right before. image-files takes it away
again at the end of each command, however that ends; here it is proven that nothing is left.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from hardboot.base.errors import DeviceError, InputError, RefusedError
from hardboot.base.temporary import temporary_folder
from hardboot.device import record
from hardboot.device.phone import Phone
from hardboot.device.shells import QUICK_S, read
from hardboot.flows.store import in_use, place, start, stored, write_image
from hardboot.flows.store.place import Place
from hardboot.payload import agent as agents
from hardboot.payload import agent_errors, extents, image_files
from hardboot.payload.extents import Extent
from hardboot.payload.image_files import Access, FileInfo, Mount
from hardboot.store.manifest import Manifest, StoredImage
from hardboot.transport.base import Output

_DEFAULTS = {"linux": "root", "android": "data"}


@dataclass(frozen=True)
class MountedImage:
    """An image whose files can be reached.

    Attributes:
        phone: The phone, with image-files in its staging folder.
        rom: Name of the ROM.
        image: Its image.
        mount: How each command mounts it.
    """

    phone: Phone
    rom: str
    image: StoredImage
    mount: Mount

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"the image {self.image.name} of {self.rom}"

    def command(self, words: Sequence[str]) -> str:
        """Return the shell command that does what `words` say with its files."""
        return self.mount.command(in_use.PROGRAM, words)

    def ask(self, words: Sequence[str], *, timeout_s: float = QUICK_S) -> str:
        """Do what `words` say with its files, and return what image-files prints.

        Raises:
            InputError: If a file is not there, or not what it must be.
            RefusedError: If the host kernel cannot mount it, or it is mounted already.
            DeviceError: If the phone does not answer.
        """
        return self.check(self.phone.root(self.command(words), timeout_s=timeout_s))

    def list(self, paths: Sequence[bytes], *, below: bool) -> tuple[FileInfo, ...]:
        """Return what is at these paths; with `below`, also all below those that are folders.

        Raises:
            InputError: If they are too many.
            RefusedError: See `ask`.
            DeviceError: If the phone does not answer.
        """
        words = image_files.list_words(paths, below=below)
        return image_files.parse_listing(self.ask(words, timeout_s=10 * QUICK_S))

    def check(self, output: Output) -> str:
        """Return what image-files printed; raise what `ask` does if it failed."""
        if output.code == image_files.NOT_MOUNTED:
            self.refuse(output.text)
        if output.code:
            raise self._failure(output.text)
        return output.text

    def _failure(self, text: str) -> DeviceError | InputError:
        found = agent_errors.parse_failure(text)
        if found is None:
            return agent_errors.failure("inside", text)
        return InputError(
            f"in {self.title}: {found.what}: {agent_errors.errno_text(found.errno)}",
            state="It is not mounted any more; what was done before stays done.",
            fix=f"Look at it: hardboot rom shell {self.rom} --image {self.image.name}",
        )

    def refuse(self, text: str) -> None:
        """Raise the reason why it could not be mounted, from the output; nothing if it was."""
        found = agent_errors.parse_failure(text)
        if found is None:
            return
        if found.what.startswith(image_files.NO_MAPPER):
            raise RefusedError(
                "the host kernel has no device mapper, and through the file its blocks could move",
                state="Nothing was mounted.",
                fix="Turn CONFIG_BLK_DEV_DM on in the host kernel, or look at the ROM while it runs.",
            )
        if found.what.startswith(image_files.IN_USE):
            raise in_use.refused(self.rom)
        raise RefusedError(
            f"{self.title} cannot be mounted: {found.what}: {agent_errors.errno_text(found.errno)}",
            state="Nothing is mounted.",
            fix="The phone's kernel log tells more: adb shell su -c dmesg. Does the host kernel know "
            f"{self.image.filesystem}, and loop devices?",
        )


@contextmanager
def mounted(phone: Phone, name: str, image: str | None, access: Access) -> Iterator[MountedImage]:
    """Yield an image of the ROM `name`, whose blocks were checked; prove at the end that it is not mounted.

    Args:
        phone: The phone, used by this command alone, with its host kernel running.
        name: Of the ROM.
        image: Of the image; None is the one with the root file system or the data.
        access: Who may write to it; an image that the ROM cannot write to is read only.

    Raises:
        InputError: If there is no such ROM or image.
        RefusedError: If it cannot be mounted, the ROM runs, or the image is mounted already.
        DeviceError: If the phone does not answer.
    """
    _check_home(phone, name)
    found = stored.find(phone, name)
    one = _choose(found, image)
    if one.read_only and access == "rw":
        raise RefusedError(
            f"the image {one.name} of {name} is read-only: the ROM itself cannot write to it",
            state="Nothing was mounted.",
            fix="Choose another one: --image data",
        )
    in_use.check(phone, name)
    where = place.ask(phone)
    write_image.stage_agent(phone)
    runs = start.check_image(phone, where, found, one)
    with attached(phone, where, name, one, runs, access) as made:
        yield made


@contextmanager
def attached(
    phone: Phone, where: Place, rom: str, image: StoredImage, runs: Sequence[Extent], access: Access
) -> Iterator[MountedImage]:
    """Yield an image whose blocks were checked; prove at the end that it is not mounted.

    Args:
        phone: The phone.
        where: The place of its ROMs.
        rom: Name of the ROM.
        image: The image.
        runs: Where it lies now.
        access: Who may write to it; an image that the ROM cannot write to is read only.

    Raises:
        DeviceError: If the phone does not answer, or the image stays mounted.
    """
    with temporary_folder() as folder:
        table = folder / f"{image.name}.table"
        table.write_bytes(extents.build_table(runs))
        program = agents.image_files(phone.profile.arch)
        phone.stage(program, "image-files", mode=0o755)
        staged = phone.stage(table, table.name)
    read(in_use.MAKE_FOLDER, phone.root(in_use.MAKE_FOLDER))
    mount = Mount(
        access="ro" if image.read_only else access,
        device=where.node,
        table=staged,
        disk=in_use.disk_name(rom, image.name),
        filesystem=image.filesystem,
        folder=in_use.FOLDER,
    )
    yield MountedImage(phone, rom, image, mount)
    if mount.disk in in_use.disks(phone):
        raise DeviceError(
            f"the image {image.name} of {rom} is still mounted on the phone",
            state="A program that was started in it may still run.",
            fix="End it, or restart the phone: hardboot reboot",
        )


def _choose(found: Manifest, image: str | None) -> StoredImage:
    wanted = image or _DEFAULTS.get(found.kind)
    names = [one.name for one in found.images]
    if wanted not in names:
        has = f"it has {', '.join(names)}" if names else "it is a kernel for the phone's own system"
        raise InputError(
            f"{found.name} has no image {wanted or 'of its own'}: {has}",
            state="Nothing was mounted.",
            fix=f"Choose one: --image {names[0]}" if names else "Its files are the phone's: adb shell",
        )
    return next(one for one in found.images if one.name == wanted)


def _check_home(phone: Phone, name: str) -> None:
    """Refuse a phone that runs the ROM, which has the image mounted itself."""
    kernel = phone.kernel()
    if not record.is_guest(kernel):
        return
    known = record.recall(phone, kernel)
    if (known and known.image == name) or name not in stored.look(phone).names:
        raise RefusedError(
            f"the phone runs {known.image if known else 'a ROM'}, not its own system",
            state="Nothing was mounted.",
            fix="Reach the files of a running ROM by adb; or restart the phone: hardboot reboot",
        )
