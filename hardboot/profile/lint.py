"""Rules about a profile that its file format cannot say."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from msgspec import Struct
from msgspec.structs import fields

from hardboot.memory import PAGE_SIZE, Range
from hardboot.profile.schema import Profile, Span

_32_BIT = 1 << 32
_LISTS = ("ram", "reserved", "bootloader")
# A fact of these groups, or one of these, is worth nothing without the place it was read.
_GROUPS = (*_LISTS, "kernel", "partitions", "image")
_SINGLE = {
    "hardboot.page",
    "hardboot.kernel_loc",
    "hardboot.dtb_loc",
    "hardboot.flag",
    "mem_min",
    "reset.address",
}
# A plan rests on these: that one is missing must be said, with a way to find it.
_MUST_BE_SAID = ("ram", "bootloader", "mem_min")


@dataclass(frozen=True)
class Problem:
    """A rule a profile breaks: the fact it is about, and why it is wrong."""

    fact: str
    what: str


def facts(profile: Profile) -> dict[str, Any]:
    """Every fact the profile states, by its dotted name, without evidence; ranges as Range."""
    found: dict[str, Any] = {}
    for item in fields(profile):
        if item.encode_name != "evidence":
            found |= _flat(item.encode_name, getattr(profile, item.name))
    return found


def _flat(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, Span):
        return {f"{name}.{value.name}": value.range}
    if isinstance(value, Struct) and name != "dtb.carry":
        pairs = [(item.encode_name, getattr(value, item.name)) for item in fields(value)]
    elif isinstance(value, dict):
        pairs = list(value.items())
    elif name in _LISTS:
        return {key: one for span in value for key, one in _flat(name, span).items()}
    else:
        return {} if value is None or value == () else {name: value}
    return {key: one for part, child in pairs for key, one in _flat(f"{name}.{part}", child).items()}


def check(profile: Profile, others: Iterable[Profile] = ()) -> list[Problem]:
    """What is wrong with `profile`, alone and beside `others`; empty if nothing is."""
    rules = (_addresses, _page, _ranges, _mem_min, _host, _reset, _evidence)
    found = [problem for rule in rules for problem in rule(profile)]
    for other in others:
        if other.name != profile.name:
            for name in sorted({profile.name, *profile.codenames} & {other.name, *other.codenames}):
                found.append(Problem("codenames", f"{name} belongs to profile {other.name} already"))
    if "boot" not in profile.partitions:
        found.append(Problem("partitions", "boot is missing: it is where the host kernel lives"))
    return found


def _addresses(profile: Profile) -> Iterator[Problem]:
    if profile.arch == "arm":
        for name, value in facts(profile).items():
            end = value.end if isinstance(value, Range) else value if isinstance(value, int) else 0
            if end > _32_BIT and not name.startswith("partitions."):
                yield Problem(name, f"{end:#x} is beyond the 4 GiB of 32-bit ARM")


def _page(profile: Profile) -> Iterator[Problem]:
    page = profile.page
    if page.start % PAGE_SIZE or page.size % PAGE_SIZE:
        yield Problem("hardboot.page", f"{page} is not made of whole pages of {PAGE_SIZE} bytes")
    if profile.ram and not any(bank.contains(page) for bank in profile.ram):
        yield Problem("hardboot.page", f"{page} is not inside a bank of RAM")
    for name, ranges in (("reserved", profile.reserved), ("bootloader", profile.bootloader)):
        for one in ranges:
            if page.overlaps(one):
                yield Problem("hardboot.page", f"{page} lies over {name} {one}")


def _ranges(profile: Profile) -> Iterator[Problem]:
    for name in _LISTS:
        ranges: tuple[Range, ...] = getattr(profile, name)
        for one, two in combinations(ranges, 2):
            if one.name == two.name:
                yield Problem(f"{name}.{one.name}", "the name is there twice")
            elif one.overlaps(two):
                yield Problem(f"{name}.{one.name}", f"{one} lies over {two}")
        for one in ranges:
            if name == "ram" and (one.start % PAGE_SIZE or one.size % PAGE_SIZE):
                yield Problem(f"ram.{one.name}", f"{one} is not made of whole pages of {PAGE_SIZE} bytes")
            if name != "ram" and profile.ram and not any(bank.contains(one) for bank in profile.ram):
                yield Problem(f"{name}.{one.name}", f"{one} is not inside a bank of RAM")


def _mem_min(profile: Profile) -> Iterator[Problem]:
    mem_min = profile.mem_min
    if mem_min is None:
        return
    starts = [bank.start for bank in profile.ram]
    base = min(starts) if starts else profile.kernel.phys_offset or 0
    if mem_min <= base:
        yield Problem(
            "mem_min", f"{mem_min:#x} is not above the start of RAM, {base:#x}: no limit is no mem_min"
        )
    elif profile.ram and not any(bank.start <= mem_min < bank.end for bank in profile.ram):
        yield Problem("mem_min", f"{mem_min:#x} is not inside a bank of RAM")


def _host(profile: Profile) -> Iterator[Problem]:
    hardboot, kernel = profile.hardboot, profile.kernel
    copies = {"hardboot.kernel_loc": hardboot.kernel_loc, "hardboot.dtb_loc": hardboot.dtb_loc}
    for name, value in copies.items():
        if value is not None and hardboot.host_abi == "direct":
            yield Problem(name, "a host kernel of kind direct moves nothing")
        if value is not None and value % 4:
            yield Problem(name, f"{value:#x} is not a multiple of 4")
    if (
        hardboot.host_abi == "copy-dtb"
        and hardboot.dtb_loc is None
        and "hardboot.dtb_loc" not in profile.evidence
    ):
        yield Problem("hardboot.dtb_loc", "copy-dtb needs it; if it is not known, say so in [evidence]")
    if kernel.zreladdr is not None and kernel.zreladdr < (kernel.phys_offset or 0):
        yield Problem("kernel.zreladdr", f"{kernel.zreladdr:#x} is below phys_offset")


def _reset(profile: Profile) -> Iterator[Problem]:
    stated = (profile.reset.address is not None, profile.reset.value is not None)
    if stated != (profile.reset.method == "mmio",) * 2:
        yield Problem("reset", "method mmio needs address and value, psci has neither")


def _evidence(profile: Profile) -> Iterator[Problem]:
    known = facts(profile)
    for name in known:
        if name in _SINGLE or name.partition(".")[0] in _GROUPS:
            entry = profile.evidence_for(name)
            if entry is None:
                yield Problem(name, "no [evidence] says where it was read")
            elif entry.status == "unknown":
                yield Problem(name, "[evidence] says it is unknown, and yet there is a value")
    for name in _MUST_BE_SAID:
        if name not in profile.evidence and not any(f"{fact}.".startswith(f"{name}.") for fact in known):
            yield Problem(name, "it is missing: say in [evidence] that it is unknown, and how to find it")
    for name in profile.evidence:
        if not _is_fact(profile, known, name):
            yield Problem(f"evidence.{name}", "there is no such fact")


def _is_fact(profile: Profile, known: Iterable[str], name: str) -> bool:
    """True if `name` is stated, is a group of stated facts, or could be stated."""
    if any(f"{fact}.".startswith(f"{name}.") for fact in known):
        return True
    value: Any = profile
    for part in name.split("."):
        item = (
            next((one for one in fields(value) if one.encode_name == part), None)
            if _is_table(value)
            else None
        )
        if item is None:
            return False
        value = getattr(value, item.name)
    return True


def _is_table(value: Any) -> bool:
    return isinstance(value, Struct)
