"""The words of every refusal: the rule with its numbers, the nearest placement, and what to do."""

from dataclasses import replace

import msgspec
import pytest
from layout_guests import MIB, SHAMU, VIRT, guest, kernel
from layout_hosts import ANGLER, DIRECT, LOW_RAM, MAKO, MAKO_RAM, PLACES, guest64, image, legacy
from layout_rules import PLACE_CASES, PlaceCase

from hardboot import layout
from hardboot.base.memory import Range
from hardboot.layout import BrokenRuleError, Guest, LiveMemory, Segment
from hardboot.profile import Profile
from hardboot.profile.schema import KernelAddresses

CHOOSE = "Let hardboot choose the addresses. If it did, please report this as a bug."
SMALLER = "Use a smaller kernel or ramdisk."
WINDOW = (
    "This zImage must start in the first 128.0 MiB of RAM. If the bootloader overwrites all of that, use a "
    "host kernel that moves the zImage (kernel_loc in the profile)."
)
OLD_IMAGE = "A kernel older than Linux 4.6 must lie at the start of RAM: use a host kernel with a buffer."
WRONG_BANKS = "Use a smaller kernel, or correct the RAM layout in the profile."

TEXTS = {
    "page-aligned": (
        "dtb 0x46f00800-0x46f01800 (4.0 KiB) does not consist of whole pages of 4096 bytes; the nearest "
        "placement that works: dtb at 0x46b07000",
        CHOOSE,
    ),
    "disjoint": (
        "dtb 0x46001000-0x46002000 (4.0 KiB) overlaps initrd 0x46000000-0x46b00000 (11.0 MiB); the nearest "
        "placement that works: dtb at 0x45fff000",
        CHOOSE,
    ),
    "one-bank": (
        "initrd 0x7ff00000-0x80a00000 (11.0 MiB) is not inside one bank of RAM (0x40000000-0x80000000) (and "
        "2 more); the nearest placement that works: initrd at 0x6ed00000",
        CHOOSE,
    ),
    "one-bank of two": (
        "initrd 0x80000000-0x80800000 (8.0 MiB) is not inside one bank of RAM (0x0-0x60000000, "
        "0x80001000-0xc0000000); the nearest placement that works: initrd at 0x80001000",
        CHOOSE,
    ),
    "mem-min": (
        "initrd 0x10000000-0x10b00000 (11.0 MiB) overlaps all RAM below mem_min 0x00000000-0x20000000 (512.0 "
        "MiB) (and 1 more); the nearest placement that works: initrd at 0x20533000",
        CHOOSE,
    ),
    "outside-page": (
        "dtb 0x44000000-0x44001000 (4.0 KiB) overlaps hardboot page 0x44000000-0x44001000 (4.0 KiB); the "
        "nearest placement that works: dtb at 0x44001000",
        CHOOSE,
    ),
    "outside-reserved": (
        "dtb 0x44100000-0x44101000 (4.0 KiB) overlaps ramoops 0x44100000-0x44200000 (1.0 MiB); the nearest "
        "placement that works: dtb at 0x440ff000",
        CHOOSE,
    ),
    "outside-bootloader": (
        "initrd 0x43000000-0x43b00000 (11.0 MiB) overlaps ramdisk-load (bootloader) 0x43000000-0x44000000 "
        "(16.0 MiB); the nearest placement that works: initrd at 0x44200000",
        CHOOSE,
    ),
    "zimage-window": (
        "with zImage 0x50000000-0x50533000 (5.2 MiB) the guest would take 0x50000000 for the start of RAM "
        "(address & 0xf8000000); it is 0x40000000; the nearest placement that works: zImage at 0x47ffd000",
        WINDOW,
    ),
    "image-place": (
        "Image 0x50000000-0x51400000 (20.0 MiB) does not start 0x80000 above a multiple of 2.0 MiB; the "
        "nearest placement that works: Image at 0x50080000",
        OLD_IMAGE,
    ),
    "atags-place": (
        "atags 0x85002000-0x85003000 (4.0 KiB) is not 0x7000 bytes below zImage 0x85008000-0x85609000 (6.0 "
        "MiB), where the host kernel looks for it; the nearest placement that works: atags at 0x85001000",
        CHOOSE,
    ),
    "initrd-lowmem": (
        "initrd 0x74000000-0x74b00000 (11.0 MiB) is not inside lowmem 0x40000000-0x6f800000 (760.0 MiB); the "
        "nearest placement that works: initrd at 0x6ed00000",
        CHOOSE,
    ),
    "dtb-lowmem": (
        "dtb 0x70000000-0x70001000 (4.0 KiB) is not inside lowmem 0x40000000-0x6f800000 (760.0 MiB); the "
        "nearest placement that works: dtb at 0x6f7ff000",
        CHOOSE,
    ),
    "dtb-size": (
        "dtb 0x1ffff000-0x20002000 (12.0 KiB) is not inside one block of 2 MiB 0x1fe00000-0x20000000 (2.0 "
        "MiB) (and 1 more); the nearest placement that works: dtb at 0x1fffd000",
        "Use a ROM with a smaller device tree.",
    ),
    "decompression-in-ram": (
        "running Image 0xbea80000-0xc0280000 (24.0 MiB) is not inside one bank of RAM (0x0-0xc0000000); the "
        "nearest placement that works: Image at 0x53080000",
        WRONG_BANKS,
    ),
    "decompression-clear": (
        "dtb 0x41600000-0x41601000 (4.0 KiB) overlaps unpacked kernel 0x40203000-0x41607588 (20.0 MiB); the "
        "nearest placement that works: dtb at 0x41608000",
        SMALLER,
    ),
    "decompression-clear of a moved zImage": (
        "unpacked kernel 0x40203000-0x41aec2b4 (24.9 MiB) overlaps taken 0x41a80000-0x41a81000 (4.0 KiB); "
        "the nearest placement that works: zImage at 0x41a81000",
        SMALLER,
    ),
    "kernel-room": (
        "zImage heap 0x45533000-0x45545000 (72.0 KiB) overlaps dtb 0x45540000-0x45541000 (4.0 KiB); the "
        "nearest placement that works: dtb at 0x45545000",
        CHOOSE,
    ),
    "moved-clear": (
        "dtb moved by the host kernel 0x21000000-0x21001000 (4.0 KiB) overlaps initrd 0x21000000-0x21b00000 "
        "(11.0 MiB); the nearest placement that works: initrd at 0x21001000",
        SMALLER,
    ),
}


def refused(error: BrokenRuleError, rule: str, what: str, fix: str) -> None:
    assert error.rule == rule
    assert error.result == {"rule": rule}
    assert error.what == f"layout rule {rule}: {what}"
    assert error.fix == fix
    assert error.state == "Nothing was sent."


@pytest.mark.parametrize("case", PLACE_CASES, ids=lambda case: case.name)
def test_a_refusal_has_the_numbers_the_nearest_placement_and_a_fix(case: PlaceCase) -> None:
    with pytest.raises(BrokenRuleError) as error:
        layout.check(case.constraints(), case.segments(case.wrong))
    refused(error.value, case.rule, *TEXTS[case.name])


@pytest.mark.parametrize(
    ("phone", "who", "rule", "what", "fix"),
    [
        (
            VIRT,
            guest(cmdline="x" * 1024),
            "cmdline-length",
            "the command line has 1024 bytes; this phone's kernels read at most 1023",
            "Shorten the kernel command line; --cmdline replaces the ROM's.",
        ),
        (
            VIRT,
            guest(ramdisk=700 * MIB),
            "half-of-ram",
            "the segments need 705.2 MiB; kexec takes at most half of RAM, 512.0 MiB (and 1 more)",
            SMALLER,
        ),
        (
            VIRT,
            guest(kernel(text=0)),
            "decompression-in-ram",
            "unpacked kernel 0x3fffb000-0x413ff588 (20.0 MiB) is not inside one bank of RAM "
            "(0x40000000-0x80000000)",
            WRONG_BANKS,
        ),
        (
            ANGLER,
            guest64(image(60 * MIB, 61 * MIB)),
            "buffer-size",
            "the segments need 68.0 MiB, more than the hardboot buffer 0x1bd00000-0x1fd00000 (64.0 MiB)",
            SMALLER,
        ),
        (
            DIRECT,
            guest64(image(anywhere=False)),
            "room",
            "Image needs 20.0 MiB, the largest free range in the only possible place 0x00080000-0x01480000 "
            "(20.0 MiB) has 0 B; at 0x50080000 it would break image-place: with Image 0x50080000-0x51480000 "
            "(20.0 MiB) the guest loses the RAM below; it must start at 0x80000",
            OLD_IMAGE,
        ),
        (
            msgspec.structs.replace(VIRT, mem_min=0x48000000),
            guest(),
            "room",
            "zImage needs 5.2 MiB, the largest free range in the first 128.0 MiB of RAM "
            "0x40000000-0x47ffe000 (128.0 MiB) has 0 B; at 0x48000000 it would break zimage-window: with "
            "zImage 0x48000000-0x48533000 (5.2 MiB) the guest would take 0x48000000 for the start of RAM "
            "(address & 0xf8000000); it is 0x40000000",
            WINDOW,
        ),
    ],
)
def test_a_guest_that_fits_nowhere_is_refused_with_a_reason_and_a_fix(
    phone: Profile, who: Guest, rule: str, what: str, fix: str
) -> None:
    live = None if phone.arch == "arm" else LOW_RAM
    with pytest.raises(BrokenRuleError) as error:
        layout.plan(phone, who, live)
    refused(error.value, rule, what, fix)


@pytest.mark.parametrize(
    ("phone", "who", "end", "modem", "what"),
    [
        (
            VIRT,
            guest(),
            0x50000000,
            0x44900000,
            "initrd needs 11.0 MiB, the largest free range in lowmem 0x40000000-0x6f800000 (760.0 MiB) has "
            "7.0 MiB; at 0x41b4d000 it would break outside-bootloader: initrd 0x41b4d000-0x4264d000 (11.0 "
            "MiB) overlaps kernel-load (bootloader) 0x42000000-0x42e00000 (14.0 MiB)",
        ),
        (
            DIRECT,
            guest64(),
            0xC0000000,
            0x52000000,
            "initrd needs 8.0 MiB, the largest free range in 32 GiB around the Image 0x00000000-0x840000000 "
            "(33.0 GiB) has 7.5 MiB; at 0x51480000 it would break kernel-room: Image BSS "
            "0x51480000-0x51880000 (4.0 MiB) overlaps initrd 0x51480000-0x51c80000 (8.0 MiB)",
        ),
        (
            DIRECT,
            guest64(),
            0xC0000000,
            0x51900000,
            "initrd needs 8.0 MiB, the largest free range in 32 GiB around the Image 0x00000000-0x840000000 "
            "(33.0 GiB) has 512.0 KiB; at 0x51880000 it would break outside-reserved: initrd "
            "0x51880000-0x52080000 (8.0 MiB) overlaps modem 0x51900000-0xc0000000 (1.7 GiB)",
        ),
        (
            SHAMU,
            guest(tree=None, ramdisk=9 * MIB),
            0xC0000000,
            0x20F00000,
            "dtb needs 1.0 MiB, the largest free range in RAM has 820.0 KiB; at 0x20e33000 it would break "
            "outside-reserved: dtb 0x20e33000-0x20f33000 (1.0 MiB) overlaps modem 0x20f00000-0xc0000000 (2.5 "
            "GiB)",
        ),
    ],
)
def test_the_first_segment_without_a_place_is_named_with_what_is_free(
    phone: Profile, who: Guest, end: int, modem: int, what: str
) -> None:
    start = 0x40000000 if phone is VIRT else 0
    live = LiveMemory((Range(start, end),), reserved=(Range(modem, end, "modem"),))
    with pytest.raises(BrokenRuleError) as error:
        layout.plan(phone, who, live)
    refused(error.value, "room", what, SMALLER)


@pytest.mark.parametrize(
    ("places", "rule", "what"),
    [
        (
            {"kernel": 0x80280000, "initrd": 0x40000000, "dtb": 0x81800000},
            "initrd-lowmem",
            "initrd 0x40000000-0x40800000 (8.0 MiB) is not inside RAM above the start of the Image (from "
            "0x80200000)",
        ),
        (
            {"kernel": 0x80280000, "initrd": 0x82000000, "dtb": 0xA0200000},
            "dtb-lowmem",
            "dtb 0xa0200000-0xa0201000 (4.0 KiB) is not inside 512 MiB from the start of the Image "
            "0x80200000-0xa0200000 (512.0 MiB)",
        ),
    ],
)
def test_an_old_image_names_the_memory_it_reaches(places: dict[str, int], rule: str, what: str) -> None:
    who = guest64(image(anywhere=False))
    live = LiveMemory((Range(0x40000000, 0x40800000), Range(0x80200000, 0xC0000000)))
    phone = msgspec.structs.replace(DIRECT, kernel=KernelAddresses(phys_offset=0x80200000))
    plan = layout.assemble(phone, who, live, **places)
    found = layout.violations(layout.gather_constraints(phone, who, live), plan.segments)
    assert (rule, what) in [(one.rule, one.what) for one in found]


@pytest.mark.parametrize(
    ("segments", "rule", "what", "fix"),
    [
        ([], "segment-count", "0 segments; kexec_load takes 1 to 16", CHOOSE),
        (
            [Segment("dtb", 0x48000000, bytes(4097), 4096)],
            "data-fits",
            "4097 bytes of data do not fit into dtb 0x48000000-0x48001000 (4.0 KiB)",
            CHOOSE,
        ),
        (
            [Segment("initrd", 0x48000000, b"\xd0\x0d\xfe\xed", 4096)],
            "one-magic",
            "initrd starts like a device tree; the kernel would mistake it for the device tree",
            "Use a ROM whose kernel and ramdisk are not device trees.",
        ),
        (
            [Segment("dtb", 0x48000000, bytes(MIB + 1), 2 * MIB)],
            "dtb-size",
            "the device tree has 1048577 bytes; the kernel maps 1048576",
            "Use a ROM with a smaller device tree.",
        ),
    ],
)
def test_segments_that_fit_no_place_are_refused_with_a_fix(
    segments: list[Segment], rule: str, what: str, fix: str
) -> None:
    with pytest.raises(BrokenRuleError) as error:
        layout.check(layout.gather_constraints(VIRT, guest(), None), segments)
    refused(error.value, rule, what, fix)


def test_a_reserved_range_named_like_a_segment_is_not_mistaken_for_it() -> None:
    # The names of ranges come from device trees and profiles: "initrd" says nothing about our ramdisk.
    taken = msgspec.structs.replace(VIRT.reserved_spans[0], name="initrd", start=0x46F00000, size=0x1000)
    phone = msgspec.structs.replace(VIRT, reserved_spans=(taken,))
    plan = layout.assemble(phone, guest(), None, kernel=0x45000000, initrd=0x46000000, dtb=0x46F00000)
    with pytest.raises(BrokenRuleError) as error:
        layout.check(layout.gather_constraints(phone, guest(), None), plan.segments)
    assert error.value.what.endswith("the nearest placement that works: dtb at 0x46eff000")


def test_atags_and_kernel_are_moved_together_to_a_placement_that_works() -> None:
    who = legacy()
    places = {"kernel": 0x81008000, "initrd": 0x86000000, "dtb": 0x81001000}
    plan = layout.assemble(MAKO, who, MAKO_RAM, **places)
    with pytest.raises(BrokenRuleError) as error:
        layout.check(layout.gather_constraints(MAKO, who, MAKO_RAM), plan.segments)
    assert error.value.rule == "mem-min"
    assert error.value.what.endswith("(and 1 more); the nearest placement that works: atags at 0x85000000")
    moved = layout.assemble(MAKO, who, MAKO_RAM, kernel=0x85007000, initrd=0x86000000, dtb=0x85000000)
    assert layout.violations(layout.gather_constraints(MAKO, who, MAKO_RAM), moved.segments) == []


def test_segments_that_break_no_rule_are_not_refused() -> None:
    plan = layout.assemble(DIRECT, guest64(), LOW_RAM, **PLACES)
    layout.check(layout.gather_constraints(DIRECT, guest64(), LOW_RAM), plan.segments)
    alone = [replace(one, name=f"{one.name}2") for one in plan.segments[:1]]
    layout.check(layout.gather_constraints(DIRECT, guest64(), LOW_RAM), alone)
