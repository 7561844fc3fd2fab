"""The slots of a phone as its bootloader sees them: which one it starts, how often it tries, what is pending.

The boot control block in misc says it, where there is a valid one; elsewhere the boot control HAL does, by
its client `bootctl`: AOSP system/extras/bootctl, bootctl.cpp. Its exit code answers questions: 0 is yes.
Updates: AOSP system/core/fs_mgr/libsnapshot, snapshot.cpp: /metadata/ota/state is a SnapshotUpdateStatus,
whose first field is the state, on Android 10 its name; snapshot-boot is there from the end of an update to
its merge.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

from hardboot.base import log
from hardboot.base.errors import InputError
from hardboot.device.shells import answers, as_one
from hardboot.formats.boot import bootcontrol
from hardboot.formats.boot.bootcontrol import BootControl, Slot
from hardboot.profile import SLOTS
from hardboot.transport.base import Output

_NO_UPDATE = "none"
# enum UpdateState of AOSP system/core/fs_mgr/libsnapshot/android/snapshot/snapshot.proto.
_UPDATES = (
    _NO_UPDATE,
    "initiated",
    "unverified",
    "merging",
    "merge-needs-reboot",
    "merge-completed",
    "merge-failed",
    "cancelled",
)
_NOTHING_PENDING = {_NO_UPDATE, "cancelled"}
_STATE = "/metadata/ota/state"
_STATE_TAG = 0x08  # of a varint in field 1
_SNAPSHOT_BOOT = "/metadata/ota/snapshot-boot"
MISC = "misc"  # the partition with the boot control block
VENDOR_KERNEL_BOOT = "vendor_kernel_boot"  # of newer Pixels: modules and device trees
_FIRST = 4096  # bytes; a partition that begins with so many zeros was never written
_UNKNOWN = Slot(priority=0, tries=0)
_HEX = re.compile(r"[0-9a-f]{2}")


@dataclass(frozen=True)
class SlotState:
    """The state of both slots.

    Attributes:
        running: Index of the one that runs.
        slots: Both; without a boot control block their tries are not known, 1 stands for some.
        active: Index of the one that the bootloader starts next; None if unknown.
        control: The boot control block in misc; None if there is no valid one.
        problem: Why there is none.
        has_bootctl: Whether the phone has `bootctl`.
        pending: The update that is pending, in words; None if nothing is.
        virtual_ab: Whether updates are snapshots: the other slot then has no system of its own.
    """

    running: int
    slots: tuple[Slot, Slot] = field(repr=False)
    active: int | None
    control: BootControl | None = field(repr=False)
    problem: str
    has_bootctl: bool
    pending: str | None
    virtual_ab: bool

    @property
    def other(self) -> int:
        """Index of the slot that does not run."""
        return 1 - self.running


def query(misc: str, running: str) -> str:
    """Return a command for `roots`; `parse` reads its output.

    Args:
        misc: Path of the partition, which need not exist.
        running: The slot that runs, "a" or "b".
    """
    home = SLOTS.index(running)
    skip = bootcontrol.OFFSET // bootcontrol.SIZE
    block = (
        f"dd if={shlex.quote(misc)} bs={bootcontrol.SIZE} skip={skip} count=1 2>/dev/null | od -v -An -tx1"
    )
    asked = "; ".join(
        f"bootctl {question} {index} >/dev/null 2>&1; echo $?"
        for index in (home, 1 - home)
        for question in ("is-slot-bootable", "is-slot-marked-successful")
    )
    return as_one(
        block,
        f"if command -v bootctl >/dev/null; then {asked}; bootctl get-active-boot-slot 2>/dev/null; fi",
        f"head -c 64 {_STATE} 2>/dev/null | od -v -An -tx1",
        f"test -e {_SNAPSHOT_BOOT} && echo yes",
        "getprop ro.virtual_ab.enabled",
        "true",
    )


def parse(output: Output, running: str) -> SlotState:
    """Return the state in the output of `query`."""
    block, hal, state, snapshot, virtual, *_ = [*answers(output.text), *[""] * 6]
    home = SLOTS.index(running)
    control, problem = _control(_bytes(block))
    told = _told(hal.split(), home)
    if control is not None and told is not None and not _agree(control, told[0]):
        control, problem = None, "bootctl says otherwise than the boot control block in misc"
    if control is not None:
        (a, b), active = control.slots[:2], control.active
    elif told is not None:
        (a, b), active = told
    else:
        (a, b), active = (_UNKNOWN, _UNKNOWN), None
    return SlotState(
        running=home,
        slots=(a, b),
        active=active,
        control=control,
        problem=problem,
        has_bootctl=told is not None,
        pending=_pending(_bytes(state), control, snapshot_boot=snapshot.strip() == "yes"),
        virtual_ab=virtual.strip() == "true",
    )


def blank_query(folder: str, slot: str) -> str:
    """Return a command that prints which partitions of a slot are empty, and filled in the other one.

    Args:
        folder: Where the partitions are, by their names.
        slot: "a" or "b".
    """
    (other,) = set(SLOTS) - {slot}
    filled = f"head -c {_FIRST} < {{}} 2>/dev/null | od -An -tx1 | grep -q '[1-9a-f]'"
    name, quoted = f"${{one%_{other}}}_{slot}", shlex.quote(folder)
    return (
        f"cd {quoted} || exit 1; for one in $(ls {quoted} 2>/dev/null); do case $one in *_{other}) "
        f"if test -e {name} && {filled.format('$one')} && ! {filled.format(name)}; "
        f"then echo {name}; fi ;; esac; done; true"
    )


def compare_query(folder: str) -> str:
    """Return a command that prints "same NAME" or "differs NAME" of images that say what else a slot holds.

    These are the vbmeta partitions, which hold the hashes of the system, and vendor_kernel_boot.

    Args:
        folder: Where the partitions are, by their names.
    """
    quoted = shlex.quote(folder)
    digests = [f'"$(sha256sum < ${{one%_a}}_{slot} 2>/dev/null)"' for slot in SLOTS]
    return (
        f"cd {quoted} || exit 1; for one in $(ls {quoted} 2>/dev/null); do "
        f"case $one in vbmeta*_a|{VENDOR_KERNEL_BOOT}_a) "
        f"if [ {' = '.join(digests)} ]; then echo same ${{one%_a}}; else echo differs ${{one%_a}}; fi ;; "
        "esac; done; true"
    )


def _control(block: bytes) -> tuple[BootControl | None, str]:
    if not block:
        return None, "misc cannot be read, or there is none"
    try:
        control = bootcontrol.parse(block)
    except InputError as error:
        log.detail(error.what)
        return None, f"misc holds no valid boot control block: {error.what}"
    if len(control.slots) < len(SLOTS):
        return None, f"the boot control block in misc has {len(control.slots)} slot"
    return control, ""


def _told(words: Sequence[str], home: int) -> tuple[tuple[Slot, Slot], int | None] | None:
    """Return the slots and the active one, as bootctl tells them; None if there is none that works.

    Args:
        words: The exit codes of its answers, and the active slot if it knows that.
        home: Index of the running slot, which is asked about first.
    """
    if len(words) < 4 or words[0] != "0":  # the running slot is bootable
        return None
    own, other = (
        Slot(priority=1, tries=int(words[at] == "0"), successful=words[at + 1] == "0") for at in (0, 2)
    )
    active = int(words[4]) if len(words) > 4 and words[4] in ("0", "1") else None
    return (own, other) if home == 0 else (other, own), active


def _agree(control: BootControl, told: Sequence[Slot]) -> bool:
    """Return whether the block may be what bootctl reads: HALs differ about slots without tries."""
    return all(
        (known.tries == 0 and (known.successful or not said.tries))
        or (bool(said.tries) and said.successful == known.successful)
        for known, said in zip(control.slots, told, strict=False)
    )


def _pending(state: bytes, control: BootControl | None, *, snapshot_boot: bool) -> str | None:
    """Return the update that is pending, in words; None if nothing is."""
    name = _update(state)
    if name not in _NOTHING_PENDING:
        return f"an update is pending ({_STATE}: {name})"
    if snapshot_boot:
        return f"an update is pending ({_SNAPSHOT_BOOT} exists)"
    if control is not None and control.merge in ("snapshotted", "merging"):
        return f"an update is pending (boot control block: {control.merge})"
    return None


def _update(state: bytes) -> str:
    """Return the name of the state in the file `state` of libsnapshot."""
    if state[:1] == bytes([_STATE_TAG]) and len(state) > 1:
        return _UPDATES[state[1]] if state[1] < len(_UPDATES) else str(state[1])
    text = state.decode("ascii", "replace").strip()
    return text if text in _UPDATES else _NO_UPDATE


def _bytes(dump: str) -> bytes:
    """Return the bytes that `od -An -tx1` printed; none if it printed something else."""
    words = dump.split()
    return bytes.fromhex("".join(words)) if all(map(_HEX.fullmatch, words)) else b""
