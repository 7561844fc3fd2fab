"""A change to partitions that is not settled: what they hold, and how it is put back."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from hardboot.base import log
from hardboot.base.errors import DeviceError, RefusedError
from hardboot.base.interrupts import if_cut_off
from hardboot.device import battery, bootctl, by_name, record
from hardboot.device.phone import Phone
from hardboot.device.slot_state import MISC
from hardboot.flows import partition_write
from hardboot.flows import transaction_record as records
from hardboot.flows.partition_read import back_up
from hardboot.flows.partition_write import Holds
from hardboot.flows.transaction_record import PartitionWrite, Transaction
from hardboot.profile import SLOTS

Agree = Callable[[Sequence[str]], None]  # called with the partitions that something else wrote; may refuse


@dataclass(frozen=True)
class Touched:
    """A partition of a change.

    Attributes:
        partition: Its name on the phone.
        held: What it held when it was looked at.
        holds: What it holds now, read back and compared.
        image: What was written, in words.
        sha256: Of what it holds now: of the whole partition, or of the part that was written; "" if that is
            neither the old nor the new content.
    """

    partition: str
    held: Holds
    holds: Holds
    image: str
    sha256: str


def look(phone: Phone, known: Transaction) -> list[Touched]:
    """Return what the partitions of a change hold.

    Raises:
        DeviceError: If one cannot be read.
        RefusedError: If one is not there any more.
    """
    found = []
    for one in known.writes:
        holds = partition_write.look(phone, by_name.partition(phone, one.partition), one)
        found.append(_touched(one, holds, holds))
    return found


def _touched(one: PartitionWrite, held: Holds, holds: Holds) -> Touched:
    digests = {"old": one.old_sha256, "new": one.new_sha256, "neither": ""}
    return Touched(one.partition, held, holds, one.image, digests[holds])


def describe(known: Transaction, seen: Sequence[Touched]) -> str:
    """Return what was left by a change that is not settled, in words."""
    parts = []
    for one, touched in zip(known.writes, seen, strict=True):
        content = {
            "old": "what it held before",
            "new": one.image,
            "neither": "neither the old nor the new content",
        }
        parts.append(f"{one.partition} holds {content[touched.holds]}")
    return f"{known.summary}: {', '.join(parts)}"


def is_over(known: Transaction, seen: Sequence[Touched]) -> bool:
    """Return whether nothing is left to be done about a change, given what its partitions hold."""
    holds = {one.holds for one in seen}
    return holds == {"old"} or (holds == {"new"} and not known.put_back)


def report(phone: Phone, *, alone: bool, restarts: bool) -> None:
    """Warn of a change that is not settled: say what the partitions hold, and what settles it.

    Args:
        phone: The phone.
        alone: Whether other commands are kept away meanwhile; else one may be making the change right now.
        restarts: Refuse instead if a partition holds a mix: the phone may not start again.

    Raises:
        RefusedError: If it does.
    """
    try:
        known = records.find(phone)
        if known is None or not (alone or _is_left(phone, known)):
            return
    except DeviceError as error:  # the command itself will tell, if it needs the phone
        log.detail(error.what)
        return
    try:
        seen = look(phone, known)
    except (DeviceError, RefusedError) as error:
        log.warn(
            f"{known.summary}; what they hold cannot be read ({error.what}). To settle it: hardboot home"
        )
        return
    if is_over(known, seen):
        return  # it is noted by the next command that writes
    what = describe(known, seen)
    if restarts and _has_mix(known, seen):
        raise RefusedError(
            what,
            state="Nothing was sent: the phone may not start again.",
            fix="Put back what it held first: hardboot home",
        )
    log.warn(f"{what}. To settle it: hardboot home")


def _has_mix(known: Transaction, seen: Sequence[Touched]) -> bool:
    """Return whether a write of an image was cut off in the middle; others may have changed the rest."""
    pairs = zip(known.writes, seen, strict=True)
    return any(
        touched.holds == "neither" and one.state == "begun" and one.old_bytes is None
        for one, touched in pairs
    )


def settle(phone: Phone, agree: Agree) -> bool:
    """Put back what is to be put back, unless a ROM runs; return whether nothing is left to be told.

    Raises:
        HardbootError: See `put_back`.
    """
    try:
        known = records.find(phone)
        if known is None:
            return True
        if record.is_guest(phone.kernel()):
            return False
    except DeviceError as error:  # the command itself will tell
        log.detail(error.what)
        return True
    log.say(f"{known.summary}: putting that back")
    put_back(phone, agree=agree)
    return True


def _end_writer(phone: Phone, known: Transaction) -> None:
    """End the write of a command of this computer that died: this one keeps all others away.

    Raises:
        RefusedError: If another computer is writing.
        DeviceStateError: If it does not end.
    """
    if not known.is_local and partition_write.is_running(phone):
        raise RefusedError(
            f"{known.computer} is writing to the phone",
            state="Nothing was written by this computer.",
            fix="Wait until it has ended, then try again.",
        )
    partition_write.end_writer(phone)


def _is_left(phone: Phone, known: Transaction) -> bool:
    """Return whether no command is making a change right now; say so if one is."""
    if not (phone.is_in_use() or partition_write.is_running(phone)):
        return True
    log.say(f"{known.summary.replace('was cut off', 'is under way, begun')}")
    return False


def require_settled(phone: Phone, *, over: Collection[str] = ()) -> None:
    """Refuse a phone with a change that is not settled; settle one that turns out to be over.

    Args:
        phone: The phone.
        over: Partitions that may be overwritten though a write to them was cut off.

    Raises:
        RefusedError: If there is one; it says what the partitions hold.
        DeviceError: If they cannot be read.
    """
    known = records.find(phone)
    if known is None:
        return
    _end_writer(phone, known)
    seen = look(phone, known)
    if is_over(known, seen):
        log.say(f"{describe(known, seen)}. Nothing is left to be done.")
        records.settle(phone, known)
        return
    broken = {one.partition for one in seen if one.holds == "neither"}
    if not known.put_back and broken <= set(over):
        log.warn(describe(known, seen))
        return
    raise RefusedError(
        describe(known, seen),
        state="Nothing was written.",
        fix="Settle it first: hardboot home",
    )


def put_back(phone: Phone, *, agree: Agree | None = None) -> list[Touched]:
    """End the change that is not settled: put back what is to be put back, and undo what was cut off.

    Args:
        phone: The phone.
        agree: Asks whether partitions that something else wrote since may be overwritten, too; None is yes.
            Their content is saved first.

    Returns:
        Its partitions; none if there is no such change.

    Raises:
        RefusedError: If another command uses the phone, a partition is not there any more, or that is not
            agreed to.
        DeviceError: If nothing was written.
        DeviceStateError: If it is not known what a partition holds.
    """
    with if_cut_off("Nothing was put back yet.", "Try again: hardboot home"):
        known = records.find(phone)
        if known is None:
            return []
        (charge,) = phone.hold(battery.QUERY)
        battery.check(charge)
        _end_writer(phone, known)
        seen = look(phone, known)
        _save_others(phone, known, seen, agree)
        _lead_home(phone, known)
    goal = _goal(known, seen)
    done = list(seen)
    for number in reversed(range(len(seen))):
        if seen[number].holds != goal:
            known = _put_back_one(phone, known, number, done)
            done[number] = _touched(known.writes[number], seen[number].held, goal)
    told = "Everything was put back" if goal == "old" else "The new content is in all partitions"
    with if_cut_off(f"{told}, read back and compared."):
        records.settle(phone, known)
    return done


def _lead_home(phone: Phone, known: Transaction) -> None:
    """Let the bootloader start the own slot next, where bootctl made it start the other one.

    With the boot control block among the writes, its old content does that.

    Raises:
        DeviceStateError: If it cannot be told.
    """
    names = [one.partition for one in known.writes]
    if known.way == record.SLOT and MISC not in names:
        bootctl.activate(phone, 1 - SLOTS.index(names[0].rpartition("_")[2]))


def _goal(known: Transaction, seen: Sequence[Touched]) -> Holds:
    """Return what all partitions of a change are meant to hold in the end."""
    if not known.put_back and all(one.holds == "new" for one in seen):
        return "new"
    return known.writes[0].rescue if not known.put_back else "old"


def _save_others(phone: Phone, known: Transaction, seen: Sequence[Touched], agree: Agree | None) -> None:
    """Back up what something else wrote to the partitions of a change since it was made."""
    others = [
        one.partition
        for one, touched in zip(known.writes, seen, strict=True)
        if touched.holds == "neither" and one.state == "written" and one.old_bytes is None
    ]
    if others and agree is not None:
        agree(others)
    for name in others:
        log.warn(f"something else wrote to {name} since; saving that, too")
        back_up(phone, name, by_name.partition(phone, name), allow_broken=True)


def _put_back_one(phone: Phone, known: Transaction, number: int, done: Sequence[Touched]) -> Transaction:
    one = known.writes[number]
    back = [other.partition for other in done if other.held != other.holds]
    state = f"{one.partition} is not put back yet."
    if back:
        state = f"What these hold is put back: {', '.join(back)}; {state}"
    with if_cut_off(state, "Go on: hardboot home"):
        device = by_name.partition(phone, one.partition)
        writes = list(known.writes)
        writes[number] = replace(one, state="begun")  # what a cut leaves is no content of others
        known = records.keep(phone, replace(known, writes=tuple(writes)))
    with if_cut_off(
        f"{partition_write.mixed(device.path)} A write may still be running.",
        partition_write.recover(one),
        unknown=True,
    ):
        try:
            partition_write.write_rescue(phone, device, one, computer=known.computer)
        except DeviceError as error:
            raise partition_write.unknown(device.path, one, error, None) from error
    return known
