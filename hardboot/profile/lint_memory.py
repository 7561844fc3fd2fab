"""Rules about the addresses and ranges of a profile."""

from collections.abc import Iterator
from itertools import combinations

from hardboot.base.memory import PAGE_SIZE, Range
from hardboot.profile.facts import LISTS, facts
from hardboot.profile.model import Profile
from hardboot.profile.problem import Problem

_32_BIT = 1 << 32
_TREE_SIZE = 1 << 20  # bytes a device tree may have: what ARM kernels map, arch/arm/kernel/head.S


def addresses(profile: Profile) -> Iterator[Problem]:
    """Find addresses that 32-bit ARM cannot reach."""
    if profile.arch == "arm":
        for name, value in facts(profile).items():
            end = value.end if isinstance(value, Range) else value if isinstance(value, int) else 0
            if end > _32_BIT and not name.startswith("partitions."):
                yield Problem(name, f"{end:#x} is above 4 GiB, out of reach for 32-bit ARM")


def hardboot_page(profile: Profile) -> Iterator[Problem]:
    """Find a hardboot page that is not in RAM, or overlaps what else is there."""
    for fact, page in pages(profile):
        if page.start % PAGE_SIZE or page.size % PAGE_SIZE:
            yield Problem(fact, f"{page} does not consist of whole pages of {PAGE_SIZE} bytes")
        if profile.ram and not any(bank.contains(page) for bank in profile.ram):
            yield Problem(fact, f"{page} is not inside a bank of RAM")
        for name, ranges in (("reserved", profile.reserved), ("bootloader", profile.bootloader)):
            for one in ranges:
                if page.overlaps(one):
                    yield Problem(fact, f"{page} overlaps {name} {one}")
        for written in _written(profile):
            if page.overlaps(written):
                yield Problem(fact, f"{page} overlaps {written.start:#x}, {written.name}")
        if page.start < (profile.kernel.phys_offset or 0):
            yield Problem(fact, f"{page} is below the RAM that kernels use")
    if profile.hardboot.models and profile.hardboot.page is not None:
        yield Problem("hardboot.page", "stated both for the phone and for its models; keep one")
    for model in profile.hardboot.models:
        if model.page + profile.hardboot.page_size > model.ram_end:
            yield Problem(f"hardboot.models.{model.name}", f"{model.page:#x} is not below its ram_end")


def _written(profile: Profile) -> list[Range]:
    """Return what is written before the guest starts; a kernel or ramdisk may be as large as `boot`."""
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


def ranges(profile: Profile) -> Iterator[Problem]:
    """Find ranges that overlap, share a name or leave RAM."""
    for name in LISTS:
        stated: tuple[Range, ...] = getattr(profile, name)
        for one, two in combinations(stated, 2):
            if one.name == two.name:
                yield Problem(f"{name}.{one.name}", "the name is used twice")
            elif one.overlaps(two):
                yield Problem(f"{name}.{one.name}", f"{one} overlaps {two}")
        for one in stated:
            if name == "ram" and (one.start % PAGE_SIZE or one.size % PAGE_SIZE):
                yield Problem(
                    f"ram.{one.name}", f"{one} does not consist of whole pages of {PAGE_SIZE} bytes"
                )
            if name != "ram" and profile.ram and not any(bank.contains(one) for bank in profile.ram):
                yield Problem(f"{name}.{one.name}", f"{one} is not inside a bank of RAM")


def mem_min(profile: Profile) -> Iterator[Problem]:
    """Find a mem_min that is not in RAM, or limits nothing."""
    limit = profile.mem_min
    if limit is None:
        return
    starts = [bank.start for bank in profile.ram]
    base = min(starts) if starts else profile.kernel.phys_offset or 0
    if limit % PAGE_SIZE:
        yield Problem("mem_min", f"{limit:#x} is not a multiple of {PAGE_SIZE}")
    if limit <= base:
        yield Problem(
            "mem_min",
            f"{limit:#x} is not above the start of RAM, {base:#x}; leave it out if there is no limit",
        )
    elif profile.ram and not any(bank.start <= limit < bank.end for bank in profile.ram):
        yield Problem("mem_min", f"{limit:#x} is not inside a bank of RAM")


def buffer(profile: Profile) -> Iterator[Problem]:
    """Find a hardboot buffer that is not in RAM, overlaps what else is there, or is not used."""
    if profile.hardboot.buffer is None:
        return
    place = profile.hardboot.buffer.range
    if profile.hardboot.host_abi not in (None, "buffer"):
        yield Problem("hardboot.buffer", f"host_abi {profile.hardboot.host_abi} has no buffer")
    if profile.ram and not any(bank.contains(place) for bank in profile.ram):
        yield Problem("hardboot.buffer", f"{place} is not inside a bank of RAM")
    taken = [page for _, page in pages(profile)] + [*profile.reserved, *profile.bootloader]
    for other in taken:
        if place.overlaps(other):
            yield Problem("hardboot.buffer", f"{place} overlaps {other}")


def kernel(profile: Profile) -> Iterator[Problem]:
    """Find kernel addresses outside of RAM."""
    stated = profile.kernel
    for name, value in (("zreladdr", stated.zreladdr), ("params", stated.params)):
        if value is None:
            continue
        if value < (stated.phys_offset or 0):
            yield Problem(f"kernel.{name}", f"{value:#x} is below phys_offset")
        if profile.ram and not any(bank.start <= value < bank.end for bank in profile.ram):
            yield Problem(f"kernel.{name}", f"{value:#x} is not inside a bank of RAM")
    if stated.phys_offset is not None and stated.phys_offset % PAGE_SIZE:
        yield Problem("kernel.phys_offset", f"{stated.phys_offset:#x} is not a multiple of {PAGE_SIZE}")


def pages(profile: Profile) -> list[tuple[str, Range]]:
    """Return every hardboot page this phone may have, by the fact that states it."""
    hardboot = profile.hardboot
    stated = [(f"hardboot.models.{one.name}", one.page) for one in hardboot.models]
    if hardboot.page is not None:
        stated.append(("hardboot.page", hardboot.page))
    return [(fact, Range.sized(page, hardboot.page_size, "hardboot page")) for fact, page in stated]
