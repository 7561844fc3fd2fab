"""Rules about the evidence of a profile: where each fact was read."""

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import fields

from hardboot.base.memory import Range
from hardboot.profile.facts import NAMED, facts
from hardboot.profile.model import Profile
from hardboot.profile.problem import Problem

# Facts of these groups, and these facts, need evidence.
_GROUPS = (*NAMED, "kernel", "partitions", "image", "soft", "fastboot", "survives")
_SINGLE = {
    "hardboot.page",
    "hardboot.kernel_loc",
    "hardboot.dtb_loc",
    "hardboot.buffer.start",
    "hardboot.buffer.size",
    "hardboot.flag",
    "mem_min",
    "reset.address",
    "dtb.msm_ids",
    "dtb.board_ids",
}
# A plan or a host kernel depends on these: if one is missing, [evidence] must say how to find it.
_MUST_BE_SAID = (
    *("ram", "bootloader", "mem_min", "hardboot.page", "hardboot.host_abi"),
    *("reset", "partitions.boot", "dtb.kind"),
)


def evidence(profile: Profile) -> Iterator[Problem]:
    """Find facts without evidence, and evidence without a fact."""
    known = facts(profile)
    for name in known:
        if name in _SINGLE or any(name.startswith(f"{group}.") for group in _GROUPS):
            entry = profile.evidence_for(name)
            if entry is None:
                yield Problem(name, "[evidence] does not say where it was read")
            elif entry.status == "unknown":
                yield Problem(name, "[evidence] says it is unknown, but there is a value")
    for name in _MUST_BE_SAID:
        if name not in profile.evidence and not any(f"{fact}.".startswith(f"{name}.") for fact in known):
            yield Problem(name, "missing; if it is unknown, say so in [evidence], and how to find it")
    for name, entry in profile.evidence.items():
        if not _is_fact(profile, known, name):
            yield Problem(f"evidence.{name}", "there is no such fact")
        elif entry.status != "unknown" and not any(f"{fact}.".startswith(f"{name}.") for fact in known):
            yield Problem(name, f"[evidence] says it is {entry.status}, but there is no value")


def conflicts(profile: Profile) -> Iterator[Problem]:
    """Find conflicts between equal values."""
    known = facts(profile)
    for name, entry in profile.evidence.items():
        values: list[object] = [one.value for one in entry.others]
        if name in known:
            stated = known[name]
            values.append(stated.start if isinstance(stated, Range) else stated)
        if entry.others and (len(values) < 2 or len(set(values)) < len(values)):
            yield Problem(f"evidence.{name}", "a conflict needs at least two different values")


def _is_fact(profile: Profile, known: Iterable[str], name: str) -> bool:
    """Return whether `name` is stated, is a group of stated facts, or could be stated."""
    if any(f"{fact}.".startswith(f"{name}.") for fact in known):
        return True
    value: object = profile
    for part in name.split("."):
        if isinstance(value, dict):
            return True
        item = (
            next((one for one in fields(value) if one.encode_name == part), None)
            if isinstance(value, Struct)
            else None
        )
        if item is None:
            return False
        value = getattr(value, item.name)
    return True
