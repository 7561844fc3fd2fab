"""What is loaded: remembered on the phone as long as its kernel runs, and on this computer."""

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from hardboot.base import log
from hardboot.base.errors import InputError
from hardboot.base.files import read_bytes, state_dir, write_atomic
from hardboot.device import handset
from hardboot.device.phone import KernelIdentity, Phone, safe_serial
from hardboot.layout import BootPlan
from hardboot.transport.base import Output

MARK = "androidboot.hardboot"  # with a number drawn for each load: proof that this guest is the one
# /dev is in RAM and root's: what lies there is gone with the kernel that has something loaded, and it can be
# read and run when /data is read-only.
RECORD = "/dev/hardboot-loaded"
HARD: Literal["hard"] = "hard"
SOFT: Literal["soft"] = "soft"
_LIMIT = 64 << 10  # bytes; a record has one or two KiB
_LOADED = "/sys/kernel/kexec_loaded"
# For `roots`, together with other questions; `parse` reads the answer.
QUESTION = f"cat {_LOADED} 2>/dev/null || echo unknown; head -c {_LIMIT} {RECORD} 2>/dev/null; echo"

_Text = Annotated[str, Meta(max_length=4096)]
_Address = Annotated[int, Meta(ge=0, lt=1 << 52)]  # the most an ARM CPU has


class LoadedSegment(Struct, frozen=True, kw_only=True):
    """Where a part of the ROM goes: physical addresses, `end` exclusive."""

    name: _Text
    start: _Address
    end: _Address


class Loaded(Struct, frozen=True, kw_only=True):
    """A ROM that waits in a phone's kernel.

    Attributes:
        boot_id: Of the kernel it is loaded into: it is gone with that kernel.
        image: Name of the image, without folder.
        sha256: Of the image, in hex.
        release: Of the ROM's kernel, as `uname -r` will print it; None if the image does not tell.
        start: `hard`: after a reset; `soft`: without one.
        mark: The word in its command line that no other kernel has.
        entry: Where it is entered: a physical address, like `dtb`.
        flag: Of kexec_load(2).
    """

    version: Literal[1]
    boot_id: _Text
    image: _Text
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    release: _Text | None
    start: Literal["hard", "soft"]
    mark: Annotated[str, Meta(pattern=rf"^{MARK}=[0-9a-f]{{8}}$")]
    cmdline: _Text
    entry: _Address
    dtb: _Address
    flag: _Address
    segments: Annotated[tuple[LoadedSegment, ...], Meta(max_length=16)]

    def __str__(self) -> str:
        way = "without a reset" if self.start == SOFT else "after a reset"
        kernel = self.release or "a kernel of unknown release"
        return f"{self.image} (SHA-256 {self.sha256[:12]}…, {kernel}), to be started {way}"

    def document(self) -> dict[str, Any]:
        """The record as JSON has it."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


@dataclass(frozen=True)
class Found:
    """What waits in the running kernel.

    Attributes:
        loaded: What the kernel says; None if it does not.
        record: What hardboot loaded; None if nothing, or if somebody else did.
    """

    loaded: bool | None
    record: Loaded | None

    def __str__(self) -> str:
        if self.record:
            return str(self.record)
        return "a kernel that hardboot has no record of" if self.loaded else "nothing"


def describe(
    kernel: KernelIdentity, plan: BootPlan, *, image: str, sha256: str, release: str | None, mark: str
) -> Loaded:
    """The record of a plan that is going to be loaded into `kernel`."""
    return Loaded(
        version=1,
        boot_id=kernel.boot_id,
        image=_clean(image),
        sha256=sha256,
        release=release,
        start=HARD if plan.flag else SOFT,
        mark=mark,
        cmdline=_clean(plan.cmdline),
        entry=plan.entry,
        dtb=plan.dtb_addr,
        flag=plan.flag,
        segments=tuple(
            LoadedSegment(name=one.name, start=one.addr, end=one.range.end) for one in plan.segments
        ),
    )


def encode(record: Loaded) -> bytes:
    """One line of ASCII."""
    return json.dumps(record.document()).encode() + b"\n"


def decode(text: str | bytes) -> Loaded | None:
    """The record in `text`; None if it is none, or one of another hardboot."""
    try:
        return msgspec.json.decode(text, type=Loaded)
    except (msgspec.DecodeError, UnicodeError) as error:
        log.detail(f"not a record of what is loaded: {error}")
        return None


def find(phone: Phone, kernel: KernelIdentity) -> Found:
    """What waits in the running `kernel`."""
    return parse(phone.root(QUESTION), kernel)


def parse(output: Output, kernel: KernelIdentity) -> Found:
    """The answer to QUESTION, asked of `kernel`."""
    text = handset.read(QUESTION, output)
    state, _, rest = text.partition("\n")
    loaded = {"0": False, "1": True}.get(state.strip())
    record = decode(rest) if rest.strip() and loaded is not False else None
    if record and record.boot_id != kernel.boot_id:
        record = None
    return Found(loaded, record)


def remember(phone: Phone, record: Loaded) -> None:
    """Keep on this computer what is loaded, to know the guest by its mark."""
    path = state_dir() / "loaded" / f"{safe_serial(phone.serialno)}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        log.detail(f"{path.parent}: {error}")
        return
    write_atomic(path, [encode(record)])


def recall(phone: Phone, kernel: KernelIdentity) -> Loaded | None:
    """What this computer loaded to become the running `kernel`; None if it did not, or forgot."""
    path = state_dir() / "loaded" / f"{safe_serial(phone.serialno)}.json"
    try:
        record = decode(read_bytes(path, limit=_LIMIT))
    except InputError:
        return None
    return record if record and record.mark in kernel.cmdline.split() else None


def is_guest(kernel: KernelIdentity) -> bool:
    """Whether hardboot started this kernel."""
    return any(word.startswith(f"{MARK}=") for word in kernel.cmdline.split())


def _clean(text: str) -> str:
    """Text that JSON can carry: bytes that are no UTF-8 as \\x.., not longer than a record takes."""
    return text.encode("utf-8", "backslashreplace").decode()[:4096]
