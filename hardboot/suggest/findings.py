"""What a phone, or a folder of files copied from one, says about itself."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import DeviceError, InputError
from hardboot.base.files import naming, read_bytes
from hardboot.base.mapping import map_file
from hardboot.device import properties
from hardboot.device.copies import DamagedError
from hardboot.device.handset import Handset
from hardboot.device.mark import marks
from hardboot.formats.boot import bootimg
from hardboot.formats.trees import fdt, treefiles
from hardboot.formats.trees.fdt import Fdt

_TEXT_LIMIT = 8 << 20  # bytes
_TREE_LIMIT = 64 << 20  # bytes; a tar has at least 1 KiB for each property
_LINE_LIMIT = 512  # characters of a line of a listing
_HEADER = max(bootimg.PAGE_SIZES)
_SLOW_S = 60.0  # dmesg of a phone that has been up for weeks
_LISTING = "ls -l /dev/block/by-name /dev/block/platform/*/by-name /dev/block/platform/*/*/by-name"
# Text files by name, and the root command that prints each. Some exit with an error but still print much.
COMMANDS = {
    "getprop": properties.QUERY,
    "iomem": "cat /proc/iomem",
    "cmdline": "cat /proc/cmdline",
    "bootconfig": "cat /proc/bootconfig 2>/dev/null",
    "version": "cat /proc/version",
    "by-name": f"{_LISTING} 2>/dev/null",
    "partitions": "cat /proc/partitions",
    "dmesg": "dmesg",
    "last_kmsg": "cat /sys/fs/pstore/console-ramoops* /proc/last_kmsg 2>/dev/null",
    "page": "cat /sys/kernel/kexec_hardboot/page 2>/dev/null",
    "uname": "uname -m",
}
BOOT = ("boot", "LNX", "KERNEL")  # names of the boot partition: Tegra's and Samsung's are others
_ATAGS = "test -e /proc/atags"  # only exists if the bootloader passed ATAGS: arch/arm/kernel/atags_proc.c
_PRODUCT = "ro.product.device"


@dataclass(frozen=True)
class Findings:
    """Everything that was found; empty or None if it is not there.

    Attributes:
        texts: By name of COMMANDS: what the phone printed.
        tree: The device tree its bootloader made.
        boot_header: The first bytes of its boot partition.
        atags: Whether the running kernel shows the ATAGS that it got instead of a tree.
        notes: What could not be read, for people.
    """

    texts: dict[str, str] = field(repr=False)
    tree: Fdt | None = field(repr=False, default=None)
    boot_header: bytes = field(repr=False, default=b"")
    atags: bool = False
    notes: tuple[str, ...] = ()

    def text(self, name: str) -> str:
        """Return the output of that name in COMMANDS; "" if it is not there."""
        return self.texts.get(name, "")

    @property
    def runs_guest(self) -> bool:
        """Whether a ROM that hardboot started runs; some facts are then not those of the phone."""
        return bool(marks(self.text("cmdline"), self.text("bootconfig")))

    @property
    def properties(self) -> dict[str, str]:
        """The Android properties; one listed twice is left out: the value of another pretends to be it."""
        return properties.parse(self.text("getprop"))

    @property
    def device(self) -> str:
        """What the phone calls itself (ro.product.device); "" if it does not say."""
        return self.properties.get(_PRODUCT, "")

    def block_devices(self) -> dict[str, str]:
        """Return the paths of block devices, by name of the link; the first folder listed counts.

        A path is that of the link, or of its target if the listing does not name the folder.
        """
        return {name: f"{folder}/{name}" if folder else target for name, folder, target in self._links()}

    def boot_link(self) -> str | None:
        """Return the name of the link to the boot partition, that of the running slot; None if unknown."""
        slot = self.properties.get("ro.boot.slot_suffix", "")
        known = self.block_devices()
        return next((name for name in (*BOOT, f"boot{slot}") if name in known), None)

    def partition_size(self, name: str) -> int | None:
        """Return the bytes of the partition with this by-name link (/proc/partitions); None if unknown."""
        device = next((target.rpartition("/")[2] for link, _, target in self._links() if link == name), None)
        for line in self.text("partitions").splitlines():
            cells = line.split()  # major minor blocks name
            if len(cells) == 4 and cells[3] == device and re.fullmatch(r"[1-9]\d{0,14}", cells[2], re.ASCII):
                return int(cells[2]) * 1024
        return None

    def _links(self) -> list[tuple[str, str, str]]:
        """Return name, folder ("" if unknown) and target of each link; of equal names, the first."""
        found: dict[str, tuple[str, str, str]] = {}
        folder = ""
        for line in map(str.strip, self.text("by-name").splitlines()):
            before, arrow, target = line[:_LINE_LIMIT].partition(" -> ")
            if not arrow and line.startswith("/") and line.endswith(":"):
                folder = line[:-1]
            elif before and target.startswith("/"):
                head, _, name = before.split()[-1].rpartition("/")
                found.setdefault(name, (name, head or folder, target))
        return list(found.values())


def ask_phone(handset: Handset) -> Findings:
    """Ask a connected phone.

    Raises:
        DeviceError: If there is no root, or the phone does not answer.
        InputError: If it does not report ro.product.device.
    """
    notes: list[str] = []
    with log.step("Asking the phone"):
        *outputs, atags = handset.roots(*COMMANDS.values(), _ATAGS, timeout_s=_SLOW_S)
        texts = {name: output.text for name, output in zip(COMMANDS, outputs, strict=True)}
        found = Findings(texts)
        tree, header = None, b""
        try:
            tree = handset.device_tree()
        except DamagedError:
            raise
        except (DeviceError, InputError) as error:
            notes.append(f"cannot read the device tree: {error.what}")
        link = found.boot_link()
        if link:
            header = handset.pull_root_file(found.block_devices()[link], first=_HEADER) or b""
        handset.clean()
    whole = Findings(texts, tree, header, atags.code == 0, tuple(notes))
    return _checked(whole, handset.transport.serial)


def read_folder(folder: Path) -> Findings:
    """Read a folder of files copied from a phone, named as in COMMANDS, with or without .txt.

    Also `fdt`, or `device-tree` as a folder or as `device-tree.tar`, `atags`, and `boot.img`.

    Raises:
        InputError: If it cannot be read, a file is malformed, or ro.product.device is missing.
    """
    if not folder.is_dir():
        raise InputError(
            f"{folder} is not a folder",
            state="Nothing was written.",
            fix="Give a folder with files copied from the phone.",
        )
    texts = {}
    for name in COMMANDS:
        for path in (folder / name, folder / f"{name}.txt"):
            if path.is_file():
                texts[name] = _text(read_bytes(path, limit=_TEXT_LIMIT))
    image = folder / "boot.img"
    header = map_file(image)[:_HEADER] if image.is_file() else b""
    tags = folder / "atags"
    has_atags = tags.is_file() and tags.stat().st_size > 0
    return _checked(Findings(texts, _tree(folder), header, has_atags), str(folder))


def _text(data: bytes) -> str:
    """Return the text of a copied file: `adb shell getprop > getprop` writes UTF-16 in Windows PowerShell."""
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if utf16 else "utf-8-sig", "replace")


def _tree(folder: Path) -> Fdt | None:
    blob, tar, files = (folder / name for name in ("fdt", "device-tree.tar", "device-tree"))
    for path, parse in ((blob, fdt.parse), (tar, treefiles.parse_tar)):
        if path.is_file():
            with naming(path):
                return parse(read_bytes(path, limit=_TREE_LIMIT))
    return treefiles.build(_properties(files)) if files.is_dir() else None


def _properties(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path.relative_to(folder).as_posix(), read_bytes(path, limit=_TREE_LIMIT)


def _checked(found: Findings, origin: str) -> Findings:
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}", found.device):
        return found
    raise InputError(
        f"{origin}: {_PRODUCT} is {found.device!r}, which cannot be the name of a profile"
        if found.device
        else f"{origin}: {_PRODUCT} is missing; the profile is named after it",
        state="Nothing was written.",
        fix="Use --from DIR, and in its file getprop another name: of letters, digits, and any of _.+-"
        if found.device
        else "Put the output of adb shell getprop into a file called getprop in that folder.",
    )
