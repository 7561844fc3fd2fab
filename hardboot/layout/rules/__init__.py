"""The rules every plan must keep, each with a name. They know nothing of how segments were placed."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

from hardboot.base.sizes import human_size
from hardboot.layout.constraints import Constraints
from hardboot.layout.model import Extent, Segment
from hardboot.layout.rules import boot_data, kernel_place, kexec_limits, reserved_memory
from hardboot.layout.rules.situation import Check, Situation
from hardboot.layout.zimage import WINDOW

ROOM = "room"  # what a segment is refused for that breaks another rule at each place
_CHOOSE = "Let hardboot choose the addresses. If it did, please report this as a bug."
_SMALLER = "Use a smaller kernel or ramdisk."


@dataclass(frozen=True)
class Rule:
    """A rule: its name in refusals and documents, the check, and how to keep it."""

    name: str
    check: Check
    fix: str = _CHOOSE


@dataclass(frozen=True)
class Violation:
    """A rule that is broken, with the numbers, and the extents involved."""

    rule: str
    what: str
    extents: tuple[Extent, ...] = ()


# Violations are reported in this order.
_RULES = (
    Rule(
        "cmdline-length",
        boot_data.cmdline_length,
        "Shorten the kernel command line; --cmdline replaces the ROM's.",
    ),
    Rule("segment-count", kexec_limits.segment_count),
    Rule("page-aligned", kexec_limits.page_aligned),
    Rule("data-fits", kexec_limits.data_fits),
    Rule("one-magic", kexec_limits.one_magic, "Use a ROM whose kernel and ramdisk are not device trees."),
    Rule("half-of-ram", kexec_limits.half_of_ram, _SMALLER),
    Rule("buffer-size", kexec_limits.buffer_size, _SMALLER),
    Rule("dtb-size", boot_data.dtb_size, "Use a ROM with a smaller device tree."),
    Rule("disjoint", reserved_memory.disjoint),
    Rule("one-bank", reserved_memory.one_bank),
    Rule("mem-min", reserved_memory.mem_min),
    Rule("outside-page", reserved_memory.outside_page),
    Rule("outside-reserved", reserved_memory.outside_reserved),
    Rule("outside-bootloader", reserved_memory.outside_bootloader),
    Rule(
        "zimage-window",
        kernel_place.zimage_window,
        f"This zImage must start in the first {human_size(WINDOW)} of RAM. If the bootloader overwrites all "
        "of that, use a host kernel that moves the zImage (kernel_loc in the profile).",
    ),
    Rule(
        "image-place",
        kernel_place.image_place,
        "A kernel older than Linux 4.6 must lie at the start of RAM: use a host kernel with a buffer.",
    ),
    Rule("atags-place", boot_data.atags_place),
    Rule("initrd-lowmem", boot_data.initrd_lowmem),
    Rule("dtb-lowmem", boot_data.dtb_lowmem),
    Rule(
        "decompression-in-ram",
        kernel_place.decompression_in_ram,
        "Use a smaller kernel, or correct the RAM layout in the profile.",
    ),
    Rule("decompression-clear", kernel_place.decompression_clear, _SMALLER),
    Rule("kernel-room", kernel_place.kernel_room),
    Rule("moved-clear", reserved_memory.moved_clear, _SMALLER),
)
RULES = tuple(rule.name for rule in _RULES)
FIXES = MappingProxyType({rule.name: rule.fix for rule in _RULES} | {ROOM: _SMALLER})


def violations(constraints: Constraints, segments: Sequence[Segment]) -> list[Violation]:
    """Return every rule these segments break, however they were placed; empty if the guest may be started."""
    situation = Situation(constraints, segments)
    return [
        Violation(rule.name, finding.what, finding.extents)
        for rule in _RULES
        for finding in rule.check(situation)
    ]
