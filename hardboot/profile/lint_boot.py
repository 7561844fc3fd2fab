"""Rules about the host kernel, the reset, the partitions and the device trees of a profile."""

import re
from collections.abc import Iterator

from hardboot.profile.model import Profile
from hardboot.profile.problem import Problem
from hardboot.profile.schema import SLOTS


def host_abi(profile: Profile) -> Iterator[Problem]:
    """Find addresses that do not go with the host kernel's ABI."""
    hardboot, kernel = profile.hardboot, profile.kernel
    copies = {"hardboot.kernel_loc": hardboot.kernel_loc, "hardboot.dtb_loc": hardboot.dtb_loc}
    for name, value in copies.items():
        if value is None:
            continue
        if hardboot.host_abi not in (None, "copy-dtb"):
            yield Problem(name, f"host_abi {hardboot.host_abi} moves nothing there")
        if value % 4:
            yield Problem(name, f"{value:#x} is not a multiple of 4")
        if profile.ram and not any(bank.start <= value < bank.end for bank in profile.ram):
            yield Problem(name, f"{value:#x} is not inside a bank of RAM")
    needed = {
        "copy-dtb": ("hardboot.dtb_loc", hardboot.dtb_loc is None),
        "copy-atags": ("kernel.params", kernel.params is None),
        "buffer": ("hardboot.buffer", hardboot.buffer is None),
    }
    fact, missing = needed.get(hardboot.host_abi or "", ("", False))
    if missing and fact not in profile.evidence:
        yield Problem(fact, f"host_abi {hardboot.host_abi} needs it; if it is unknown, say so in [evidence]")
    if profile.arch == "arm64" and hardboot.host_abi not in ("buffer", "direct", None):
        yield Problem("hardboot.host_abi", f"{hardboot.host_abi} does not exist on arm64")
    if hardboot.host_abi == "buffer" and profile.arch != "arm64":
        yield Problem("hardboot.host_abi", "buffer exists on arm64 only")


def partitions(profile: Profile) -> Iterator[Problem]:
    """Find names and paths of partitions with slots that have a suffix already."""
    for name, one in profile.partitions.items():
        if one.slots and re.search("_[ab]$", one.path):
            yield Problem(f"partitions.{name}", f"{one.path} ends in a slot; leave it out, both are meant")
        base, _, slot = name.rpartition("_")
        if slot in SLOTS and base in profile.partitions and profile.partitions[base].slots:
            yield Problem(f"partitions.{name}", f"{base} has slots already, {name} is one of them")


def reset(profile: Profile) -> Iterator[Problem]:
    """Find a reset method with too few values, or the wrong ones."""
    stated = profile.reset
    writes = (stated.value is not None) + (stated.set_bits is not None)
    if stated.method == "mmio":
        if stated.address is None or writes != 1:
            yield Problem("reset", "method mmio needs address, and either value or set_bits")
    elif writes:
        yield Problem("reset", "value and set_bits belong to method mmio")
    elif stated.address is not None and stated.method != "watchdog":
        yield Problem("reset", "address belongs to method mmio or watchdog")
    if stated.address is not None and stated.address % 4:
        yield Problem("reset.address", f"{stated.address:#x} is not a multiple of 4")


def device_trees(profile: Profile) -> Iterator[Problem]:
    """Find a kind of device tree, or ids, that do not go together."""
    dtb = profile.dtb
    atags = profile.hardboot.host_abi in ("copy-atags", "atags-in-r0")
    known = dtb.kind is not None and profile.hardboot.host_abi is not None
    if known and atags != (dtb.kind == "none"):
        yield Problem(
            "dtb.kind", "kind none goes with host_abi copy-atags or atags-in-r0, and only with these"
        )
    widths = {
        name: {len(one) for one in ids} for name, ids in (("msm", dtb.msm_ids), ("board", dtb.board_ids))
    }
    allowed = {"msm": "2, 3 or 4", "board": "2 or 4"}
    for name, found in widths.items():
        if len(found) > 1 or (name == "board" and 3 in found):
            yield Problem(
                f"dtb.{name}_ids",
                f"all entries must have the same number of words: {allowed[name]}",
            )
    if widths["board"] and widths["msm"] != {2}:
        yield Problem("dtb.board_ids", "they need msm_ids of two words each")
