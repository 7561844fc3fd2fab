"""Rules about a profile that its file format cannot say."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from msgspec import Struct
from msgspec.structs import fields

from hardboot.base.memory import PAGE_SIZE, Range
from hardboot.profile.schema import Carry, Profile, Span

_32_BIT = 1 << 32
_LISTS = ("ram", "reserved", "bootloader")
_NAMED = (*_LISTS, "hardboot.models", "dtb.carry")  # their entries have names, which are part of the fact's
# A fact of these groups, or one of these, is worth nothing without the place it was read.
_GROUPS = (*_NAMED, "kernel", "partitions", "image", "soft")
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
# A plan or a host kernel rests on these: that one is missing must be said, with a way to find it.
_MUST_BE_SAID = ("ram", "bootloader", "mem_min", "hardboot.page", "reset", "partitions.boot")
_TREE_SIZE = 1 << 20  # bytes a device tree may have: what ARM kernels map, arch/arm/kernel/head.S


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
        return {name: value.range}
    if name in _NAMED:
        return {key: one for item in value for key, one in _flat(f"{name}.{item.name}", item).items()}
    if isinstance(value, Struct) and not isinstance(value, Carry):
        stated = [(item, getattr(value, item.name)) for item in fields(value)]
        pairs = [(item.encode_name, one) for item, one in stated if one or one != item.default]
    elif isinstance(value, dict):
        pairs = list(value.items())
    else:
        return {} if value is None or value == () else {name: value}
    return {
        key: one
        for part, child in pairs
        if (name.rpartition(".")[0], part) != ("hardboot.models", "name")
        for key, one in _flat(f"{name}.{part}", child).items()
    }


def check(profile: Profile, others: Iterable[Profile] = ()) -> list[Problem]:
    """What is wrong with `profile`, alone and beside `others`; empty if nothing is."""
    rules = (
        _addresses,
        _page,
        _ranges,
        _mem_min,
        _host,
        _buffer,
        _kernel,
        _reset,
        _dtb,
        _evidence,
        _conflicts,
    )
    found = [problem for rule in rules for problem in rule(profile)]
    if len(set(profile.codenames)) != len(profile.codenames):
        found.append(Problem("codenames", "one is there twice"))
    for other in others:
        if other.name != profile.name:
            for name in sorted({profile.name, *profile.codenames} & {other.name, *other.codenames}):
                found.append(Problem("codenames", f"{name} belongs to profile {other.name} already"))
    return found


def _addresses(profile: Profile) -> Iterator[Problem]:
    if profile.arch == "arm":
        for name, value in facts(profile).items():
            end = value.end if isinstance(value, Range) else value if isinstance(value, int) else 0
            if end > _32_BIT and not name.startswith("partitions."):
                yield Problem(name, f"{end:#x} is beyond the 4 GiB of 32-bit ARM")


def _pages(profile: Profile) -> list[tuple[str, Range]]:
    """Every page this phone may have, by the fact that states it."""
    hardboot = profile.hardboot
    stated = [(f"hardboot.models.{one.name}", one.page) for one in hardboot.models]
    if hardboot.page is not None:
        stated.append(("hardboot.page", hardboot.page))
    return [(fact, Range.sized(page, hardboot.page_size, "hardboot page")) for fact, page in stated]


def _page(profile: Profile) -> Iterator[Problem]:
    for fact, page in _pages(profile):
        if page.start % PAGE_SIZE or page.size % PAGE_SIZE:
            yield Problem(fact, f"{page} is not made of whole pages of {PAGE_SIZE} bytes")
        if profile.ram and not any(bank.contains(page) for bank in profile.ram):
            yield Problem(fact, f"{page} is not inside a bank of RAM")
        for name, ranges in (("reserved", profile.reserved), ("bootloader", profile.bootloader)):
            for one in ranges:
                if page.overlaps(one):
                    yield Problem(fact, f"{page} lies over {name} {one}")
        for written in _written(profile):
            if page.overlaps(written):
                yield Problem(fact, f"{page} lies over {written.start:#x}, {written.name}")
        if page.start < (profile.kernel.phys_offset or 0):
            yield Problem(fact, f"{page} is below the RAM that kernels use")
    if profile.hardboot.models and profile.hardboot.page is not None:
        yield Problem("hardboot.page", "it is stated for the phone and for its models: keep one")
    for model in profile.hardboot.models:
        if model.page + profile.hardboot.page_size > model.ram_end:
            yield Problem(f"hardboot.models.{model.name}", f"{model.page:#x} is not below its ram_end")


def _written(profile: Profile) -> list[Range]:
    """What is written before the guest starts, named: a kernel or ramdisk is as large as `boot` may be."""
    image, kernel, hardboot = profile.image, profile.kernel, profile.hardboot
    boot = profile.partitions.get("boot")
    part = (boot and boot.size) or PAGE_SIZE
    found = [
        (kernel.zreladdr, part, "where kernels unpack themselves (kernel.zreladdr)"),
        (kernel.params, PAGE_SIZE, "where the bootloader puts the ATAGS (kernel.params)"),
        (hardboot.kernel_loc, part, "where the host kernel moves the guest's (hardboot.kernel_loc)"),
        (hardboot.dtb_loc, _TREE_SIZE, "where the host kernel moves the tree (hardboot.dtb_loc)"),
    ]
    if image.base is not None and image.header_trusted is not False:
        for name, size in (("kernel", part), ("ramdisk", part), ("tags", PAGE_SIZE), ("second", PAGE_SIZE)):
            offset = getattr(image, f"{name}_offset")
            start = None if offset is None else image.base + offset
            found.append((start, size, f"where boot images are loaded (image.{name}_offset)"))
    return [Range.sized(start, size, name) for start, size, name in found if start is not None]


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
    if mem_min % PAGE_SIZE:
        yield Problem("mem_min", f"{mem_min:#x} is no multiple of {PAGE_SIZE}")
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
        if value is None:
            continue
        if hardboot.host_abi != "copy-dtb":
            yield Problem(name, f"a host kernel of kind {hardboot.host_abi} moves nothing there")
        if value % 4:
            yield Problem(name, f"{value:#x} is not a multiple of 4")
        if profile.ram and not any(bank.start <= value < bank.end for bank in profile.ram):
            yield Problem(name, f"{value:#x} is not inside a bank of RAM")
    needed = {
        "copy-dtb": ("hardboot.dtb_loc", hardboot.dtb_loc is None),
        "copy-atags": ("kernel.params", kernel.params is None),
        "buffer": ("hardboot.buffer", hardboot.buffer is None),
    }
    fact, missing = needed.get(hardboot.host_abi, ("", False))
    if missing and fact not in profile.evidence:
        yield Problem(fact, f"{hardboot.host_abi} needs it; if it is not known, say so in [evidence]")
    if profile.arch == "arm64" and hardboot.host_abi not in ("buffer", "direct"):
        yield Problem("hardboot.host_abi", f"{hardboot.host_abi} is nothing that arm64 host kernels do")
    if hardboot.host_abi == "buffer" and profile.arch != "arm64":
        yield Problem("hardboot.host_abi", "buffer is what arm64 host kernels do, and they alone")


def _buffer(profile: Profile) -> Iterator[Problem]:
    if profile.hardboot.buffer is None:
        return
    buffer = profile.hardboot.buffer.range
    if profile.hardboot.host_abi != "buffer":
        yield Problem("hardboot.buffer", f"a host kernel of kind {profile.hardboot.host_abi} has none")
    if profile.ram and not any(bank.contains(buffer) for bank in profile.ram):
        yield Problem("hardboot.buffer", f"{buffer} is not inside a bank of RAM")
    taken = [page for _, page in _pages(profile)] + [*profile.reserved, *profile.bootloader]
    for other in taken:
        if buffer.overlaps(other):
            yield Problem("hardboot.buffer", f"{buffer} lies over {other}")


def _kernel(profile: Profile) -> Iterator[Problem]:
    kernel = profile.kernel
    for name, value in (("zreladdr", kernel.zreladdr), ("params", kernel.params)):
        if value is None:
            continue
        if value < (kernel.phys_offset or 0):
            yield Problem(f"kernel.{name}", f"{value:#x} is below phys_offset")
        if profile.ram and not any(bank.start <= value < bank.end for bank in profile.ram):
            yield Problem(f"kernel.{name}", f"{value:#x} is not inside a bank of RAM")
    if kernel.phys_offset is not None and kernel.phys_offset % PAGE_SIZE:
        yield Problem("kernel.phys_offset", f"{kernel.phys_offset:#x} is no multiple of {PAGE_SIZE}")


def _reset(profile: Profile) -> Iterator[Problem]:
    reset = profile.reset
    writes = (reset.value is not None) + (reset.set_bits is not None)
    if reset.method == "mmio":
        if reset.address is None or writes != 1:
            yield Problem("reset", "method mmio needs address, and either value or set_bits")
    elif writes:
        yield Problem("reset", "value and set_bits belong to method mmio")
    elif reset.address is not None and reset.method != "watchdog":
        yield Problem("reset", "address belongs to method mmio or watchdog")
    if reset.address is not None and reset.address % 4:
        yield Problem("reset.address", f"{reset.address:#x} is not a multiple of 4")


def _dtb(profile: Profile) -> Iterator[Problem]:
    dtb = profile.dtb
    atags = profile.hardboot.host_abi in ("copy-atags", "atags-in-r0")
    if atags != (dtb.kind == "none"):
        yield Problem("dtb.kind", "none is for host kernels that pass ATAGS on, and they have no other")
    widths = {
        name: {len(one) for one in ids} for name, ids in (("msm", dtb.msm_ids), ("board", dtb.board_ids))
    }
    for name, found in widths.items():
        if len(found) > 1 or (name == "board" and 3 in found):
            yield Problem(f"dtb.{name}_ids", "its entries have not the same number of words, or 3")
    if widths["board"] and widths["msm"] != {2}:
        yield Problem("dtb.board_ids", "they go with msm_ids of two words each")


def _evidence(profile: Profile) -> Iterator[Problem]:
    known = facts(profile)
    for name in known:
        if name in _SINGLE or any(name.startswith(f"{group}.") for group in _GROUPS):
            entry = profile.evidence_for(name)
            if entry is None:
                yield Problem(name, "no [evidence] says where it was read")
            elif entry.status == "unknown":
                yield Problem(name, "[evidence] says it is unknown, and yet there is a value")
    for name in _MUST_BE_SAID:
        if name not in profile.evidence and not any(f"{fact}.".startswith(f"{name}.") for fact in known):
            yield Problem(name, "it is missing: say in [evidence] that it is unknown, and how to find it")
    for name, entry in profile.evidence.items():
        if not _is_fact(profile, known, name):
            yield Problem(f"evidence.{name}", "there is no such fact")
        elif entry.status != "unknown" and not any(f"{fact}.".startswith(f"{name}.") for fact in known):
            yield Problem(name, f"[evidence] says it is {entry.status}, and yet there is no value")


def _conflicts(profile: Profile) -> Iterator[Problem]:
    known = facts(profile)
    for name, entry in profile.evidence.items():
        values = [one.value for one in entry.others]
        if name in known:
            stated = known[name]
            values.append(stated.start if isinstance(stated, Range) else stated)
        if entry.others and (len(values) < 2 or len(set(values)) < len(values)):
            yield Problem(f"evidence.{name}", "a conflict is between two values, or more, that differ")


def _is_fact(profile: Profile, known: Iterable[str], name: str) -> bool:
    """True if `name` is stated, is a group of stated facts, or could be stated."""
    if any(f"{fact}.".startswith(f"{name}.") for fact in known):
        return True
    value: Any = profile
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
