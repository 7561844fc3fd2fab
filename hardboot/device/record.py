"""The record of what is loaded: kept on the phone as long as its kernel runs, and on this computer."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from hardboot.base import documents, log
from hardboot.base.errors import InputError
from hardboot.base.files import make_folder, read_bytes, state_dir, write_atomic
from hardboot.device.handset import KernelIdentity
from hardboot.device.mark import MARK
from hardboot.device.phone import Phone, safe_serial
from hardboot.device.shells import answers, as_one, line_command, read
from hardboot.layout import BootPlan
from hardboot.transport.base import Output

# /dev is in RAM and belongs to root: a file there is gone with its kernel, as what is loaded is, and can be
# read when /data is read-only.
RECORD = "/dev/hardboot-loaded"
HARD: Literal["hard"] = "hard"
SOFT: Literal["soft"] = "soft"
FASTBOOT: Literal["fastboot"] = "fastboot"
SLOT: Literal["slot"] = "slot"
RECOVERY: Literal["recovery"] = "recovery"
FLASH: Literal["flash"] = "flash"
_METHODS = {
    HARD: "through a hardware reset",
    SOFT: "by soft kexec",
    FASTBOOT: "by fastboot boot",
    SLOT: "from the other slot",
    RECOVERY: "from the recovery partition",
    FLASH: "from the boot partition",
}
ByBootloader = Literal["fastboot", "slot", "recovery", "flash"]  # it places the image
_LIMIT = 64 << 10  # bytes; a record has one or two KiB
_LOADED = "/sys/kernel/kexec_loaded"
# For `roots`, together with other queries; `parse` reads the output.
QUERY = as_one(
    f"{line_command(_LOADED)} || echo unknown",
    f"[ ! -e {RECORD} ] || cat {RECORD} 2>/dev/null; echo",
)

_Text = Annotated[str, Meta(max_length=4096)]
_Address = Annotated[int, Meta(ge=0, lt=1 << 52)]  # the most an ARM CPU has


class LoadedSegment(Struct, frozen=True, kw_only=True):
    """The place of a part of the ROM: physical addresses, `end` exclusive."""

    name: _Text
    start: _Address
    end: _Address


class Loaded(Struct, frozen=True, kw_only=True):
    """A ROM loaded into a phone's kernel.

    Attributes:
        boot_id: Of the kernel it is loaded into; it is gone with that kernel.
        image: Name of the image, without folder.
        sha256: Of the image, in hex.
        release: Of the ROM's kernel, as `uname -r` will print it; None if the image does not tell.
        start: `hard`: through a hardware reset; `soft`: by soft kexec; the others by the bootloader, which
            places it: then there are no addresses.
        mark: The word in its command line that no other kernel has.
        entry: Physical address of its entry point.
        dtb: Physical address of its device tree or ATAGS.
        flag: Of kexec_load(2).
    """

    version: Literal[1]
    boot_id: _Text
    image: _Text
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    release: _Text | None
    start: Literal["hard", "soft"] | ByBootloader
    mark: Annotated[str, Meta(pattern=rf"^{MARK}=[0-9a-f]{{8}}\Z")]
    cmdline: _Text
    entry: _Address | None = None
    dtb: _Address | None = None
    flag: _Address | None = None
    segments: Annotated[tuple[LoadedSegment, ...], Meta(max_length=16)] = ()

    def __str__(self) -> str:
        """Return image and kernel, in words."""
        return f"{self.image} (kernel {self.release or 'of unknown release'})"

    @property
    def method(self) -> str:
        """How it is started, in words."""
        return _METHODS[self.start]

    def document(self) -> dict[str, Any]:
        """Return the record as JSON has it."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return document


@dataclass(frozen=True)
class LoadState:
    """Whether something is loaded into the running kernel, and what.

    Attributes:
        loaded: As the kernel says; None if it does not.
        record: Of what hardboot loaded; None if nothing, or if another program loaded it.
    """

    loaded: bool | None
    record: Loaded | None

    def __str__(self) -> str:
        """Return what is loaded, in words."""
        if self.record:
            return str(self.record)
        return "an image that hardboot has no record of" if self.loaded else "nothing"


def describe(
    kernel: KernelIdentity,
    start: BootPlan | ByBootloader,
    *,
    image: str,
    sha256: str,
    release: str | None,
    mark: str,
    cmdline: str,
) -> Loaded:
    """Return the record of a ROM that is going to be loaded into `kernel`.

    Args:
        kernel: The running kernel.
        start: Where it will lie; or how the bootloader will start it in place of `kernel`.
        image: Name of the image.
        sha256: Of the image, in hex.
        release: Of its kernel; None if the image does not tell.
        mark: In its command line.
        cmdline: Its command line.
    """
    loaded = Loaded(
        version=1,
        boot_id=kernel.boot_id,
        image=_clean(image),
        sha256=sha256,
        release=release,
        start=SOFT if isinstance(start, BootPlan) else start,
        mark=mark,
        cmdline=_clean(cmdline),
    )
    if not isinstance(start, BootPlan):
        return loaded
    return replace(
        loaded,
        start=HARD if start.flag else SOFT,
        entry=start.entry,
        dtb=start.dtb_addr,
        flag=start.flag,
        segments=tuple(
            LoadedSegment(name=segment.name, start=segment.addr, end=segment.range.end)
            for segment in start.segments
        ),
    )


def encode(record: Loaded) -> bytes:
    """Return the record as one line of ASCII."""
    return json.dumps(record.document()).encode() + b"\n"


def decode(text: str | bytes) -> Loaded | None:
    """Return the record in `text`; None if there is none, or one of another version."""
    try:
        return documents.decode(text, Loaded)
    except documents.DecodeError as error:
        log.detail(f"not a record of what is loaded: {error}")
        return None


def find(phone: Phone, kernel: KernelIdentity) -> LoadState:
    """Return what is loaded into the running `kernel`."""
    return parse(phone.root(QUERY), kernel)


def parse(output: Output, kernel: KernelIdentity) -> LoadState:
    """Return what is loaded into `kernel`, from the output of QUERY."""
    state, *others = answers(read(QUERY, output))
    rest = "".join(others)
    loaded = {"0": False, "1": True}.get(state.strip())
    record = decode(rest) if rest.strip() and loaded is not False else None
    if record and record.boot_id != kernel.boot_id:
        record = None
    return LoadState(loaded, record)


def remember(phone: Phone, record: Loaded) -> None:
    """Keep the record on this computer, to recognise the guest by its mark."""
    _keep(_path(phone), record)


def remember_stored(phone: Phone, name: str, record: Loaded) -> None:
    """Keep the record of a ROM that the phone can start by itself, under the ROM's name."""
    _keep(_stored_folder(phone) / f"{safe_serial(name)}.json", record)


def recall(phone: Phone, kernel: KernelIdentity) -> Loaded | None:
    """Return the record of the running `kernel` as a guest; None if this computer did not load it.

    It is what was loaded last, or a stored ROM that the phone started by itself.
    """
    for path in (_path(phone), *sorted(_stored_folder(phone).glob("*.json"))):
        try:
            record = decode(read_bytes(path, limit=_LIMIT))
        except InputError:
            continue
        if record and record.mark in kernel.marks:
            return record
    return None


def _path(phone: Phone) -> Path:
    return state_dir() / "loaded" / f"{safe_serial(phone.serialno)}.json"


def _stored_folder(phone: Phone) -> Path:
    return state_dir() / "stored" / safe_serial(phone.serialno)


def _keep(path: Path, record: Loaded) -> None:
    try:
        make_folder(path.parent)
    except InputError as error:
        log.detail(error.what)
        return
    write_atomic(path, [encode(record)])


def is_guest(kernel: KernelIdentity) -> bool:
    """Return whether hardboot started this kernel."""
    return bool(kernel.marks)


def is_panic_kernel(kernel: KernelIdentity) -> bool:
    """Return whether the kernel was started by a crash."""
    return any(word.startswith("elfcorehdr=") for word in kernel.cmdline.split())


def _clean(text: str) -> str:
    """Return text that JSON can carry, bytes that are no UTF-8 escaped, no longer than a record takes."""
    return text.encode("utf-8", "backslashreplace").decode()[:4096]
