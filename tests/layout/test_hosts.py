"""The planner for host kernels that pass ATAGS on, copy, or keep a buffer, and for arm64 kernels."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from layout_guests import MIB, guest
from layout_hosts import (
    ANGLER,
    BACON,
    DIRECT,
    GROUPER,
    LIVE_ATAGS,
    LOW_RAM,
    MAKO,
    MAKO_RAM,
    MEM,
    PLACES,
    SERIAL,
    guest64,
    image,
    legacy,
    old_kernel,
)

from hardboot import layout, profile
from hardboot.base.errors import RefusedError
from hardboot.base.memory import Range
from hardboot.formats.kernels import atags
from hardboot.formats.trees.fdt import Fdt, Node
from hardboot.layout import Arm64Kernel, Guest, LiveMemory
from hardboot.profile import Profile


def rules(phone: Profile, who: Guest, live: LiveMemory, **places: int) -> set[str]:
    plan = layout.assemble(phone, who, live, **places)
    return {one.rule for one in layout.violations(layout.gather_constraints(phone, who, live), plan.segments)}


# --- ATAGS


def test_the_nexus_4_is_planned_as_by_hand() -> None:
    # mem_min 0x85000000; kexec takes the ATAGS from the zImage - 0x7000, so they go to the first MiB + 0x1000
    # and the zImage to + 0x8000. The kernel unpacks to 0x80208000: page tables from 0x80203000 on, 13 MiB,
    # at most 4 MiB of BSS. The host copies the ATAGS to 0x80200100.
    plan = layout.plan(MAKO, legacy(), MAKO_RAM)
    places = {one.name: (one.addr, one.memsz) for one in plan.segments}
    assert places["atags"] == (0x85001000, 0x1000)
    assert places["zImage"] == (0x85008000, 6 * MIB + 0x1000)
    assert places["initrd"] == (0x90000000, 8 * MIB)  # the largest free range of lowmem, to 0xafa00000
    assert (plan.entry, plan.dtb_addr, plan.complete) == (0x85008000, 0x85001000, True)
    extents = {one.name: one.range for one in plan.extents}
    assert extents["unpacked kernel"] == Range(0x80203000, 0x80208000 + 17 * MIB)
    data = plan.segment("atags")
    assert data
    assert extents["atags moved by the host kernel"] == Range.sized(0x80200100, len(data.data))


def test_the_guest_gets_the_phones_atags_with_its_own_command_line_and_ramdisk() -> None:
    plan = layout.plan(MAKO, legacy(cmdline="console=tty0 é"), MAKO_RAM)
    segment = plan.segment("atags")
    assert segment
    assert plan.initrd
    tags = atags.parse(segment.data)
    assert [one.tag for one in tags] == [atags.CORE, atags.MEM, atags.SERIAL, atags.CMDLINE, atags.INITRD2]
    assert tags[1:3] == (MEM, SERIAL)
    assert atags.cmdline(tags) == "console=tty0 é".encode()
    where = b"".join(one.to_bytes(4, "little") for one in (plan.initrd.start, plan.initrd.size))
    assert tags[-1].data == where
    assert plan.initrd == Range.sized(0x90000000, 8 * MIB)


def test_without_a_phone_room_is_reserved_for_its_atags() -> None:
    plan = layout.plan(MAKO, legacy(atags=None), MAKO_RAM)
    segment = plan.segment("atags")
    assert segment
    assert (segment.memsz, len(segment.data), plan.complete) == (8192, 0, False)
    assert any(note == "the phone's ATAGS are not known; 8.0 KiB reserved" for note in plan.notes)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({}, None),
        ({"dtb": 0x85002000}, "atags-place"),
        ({"dtb": 0x85000000}, "atags-place"),
        ({"kernel": 0x81008000, "dtb": 0x81001000}, "mem-min"),
        ({"initrd": 0x80200000}, "moved-clear"),
        ({"kernel": 0x80208000, "dtb": 0x80201000}, "mem-min"),
        ({"initrd": 0x85602000}, "kernel-room"),
    ],
)
def test_a_wrong_place_on_a_phone_with_atags_breaks_its_rule(
    change: dict[str, int], rule: str | None
) -> None:
    places = {"kernel": 0x85008000, "initrd": 0x86000000, "dtb": 0x85001000} | change
    found = rules(MAKO, legacy(), MAKO_RAM, **places)
    assert rule in found if rule else found == set()


def test_atags_that_do_not_fit_below_the_page_tables_are_refused() -> None:
    room = 0x80203000 - 0x80200100
    filler = atags.Tag(0x54419999, bytes(room - len(atags.build(LIVE_ATAGS)) - 400))
    assert layout.plan(MAKO, legacy(atags=(*LIVE_ATAGS, filler)), MAKO_RAM).complete
    filler = atags.Tag(filler.tag, filler.data + bytes(1024))
    with pytest.raises(RefusedError, match="decompression-clear: atags moved by the host kernel 0x80200100"):
        layout.plan(MAKO, legacy(atags=(*LIVE_ATAGS, filler)), MAKO_RAM)


def test_a_host_that_passes_atags_in_r0_moves_nothing_and_a_note_says_so() -> None:
    who = replace(legacy(), kernel=old_kernel(0x80008000))
    plan = layout.plan(GROUPER, who, LiveMemory((Range(0x80000000, 0xBEC00000),)))
    assert plan.entry - plan.dtb_addr == 0x7000
    assert not any("moved" in one.name for one in plan.extents)
    assert any("only a guest patched for that starts" in note for note in plan.notes)
    assert any("slowly" in note for note in plan.notes), "mem_min is 256 MiB above the start of RAM"


def test_a_long_command_line_is_a_broken_rule_with_atags_too() -> None:
    with pytest.raises(RefusedError, match="cmdline-length: the command line has 1024 bytes"):
        layout.plan(MAKO, legacy(cmdline="x" * 1024), MAKO_RAM)
    plan = layout.plan(MAKO, legacy(cmdline="x" * 1023), MAKO_RAM)
    segment = plan.segment("atags")
    assert segment
    assert atags.cmdline(atags.parse(segment.data)) == b"x" * 1023


# --- a copying host far up: a kernel that finds its RAM by itself is lost there, an old one is not


def test_the_oneplus_one_takes_its_own_kernels_and_refuses_others() -> None:
    plan = layout.plan(BACON, guest(old_kernel(0x8000), unpacked_size=13 * MIB), LOW_RAM)
    assert plan.entry >= 0x20000000
    with pytest.raises(RefusedError, match=r"zimage-window: with zImage moved .* take 0x20000000"):
        layout.plan(BACON, guest(), LOW_RAM)


# --- arm64


def test_the_nexus_6p_is_planned_as_by_hand() -> None:
    # An old kernel lies at the start of RAM plus text_offset; the segments wait in the buffer, so what the
    # bootloader overwrites does not count. Largest free range: above the page, 0x1fe00000.
    plan = layout.plan(ANGLER, guest64(image(anywhere=False)), LOW_RAM)
    places = {one.name: one.addr for one in plan.segments}
    assert places["Image"] == plan.entry == 0x80000
    assert places["initrd"] == 0x1FE00000
    assert places["dtb"] < 0x20000000
    extents = {one.name: one.range for one in plan.extents}
    assert extents["hardboot buffer"] == Range(0x1BD00000, 0x1FD00000)
    assert extents["Image BSS"] == Range(0x80000 + 20 * MIB, 0x80000 + 24 * MIB)


def test_a_recent_arm64_kernel_lies_anywhere_on_2_mib() -> None:
    plan = layout.plan(DIRECT, guest64(), LOW_RAM)
    assert plan.entry == 0x50080000
    assert plan.entry % (2 * MIB) == 0x80000
    assert layout.plan(DIRECT, guest64(image(text=0)), LOW_RAM).entry == 0x50000000, "as from Linux 5.8 on"
    far = LiveMemory((Range(0x80000000, 0x280000000),))
    above = msgspec.structs.replace(DIRECT, mem_min=0x180000000)
    assert layout.plan(above, guest64(), far).entry == 0x180080000, "beyond 4 GiB"


def test_an_old_arm64_kernel_needs_a_host_with_a_buffer() -> None:
    with pytest.raises(RefusedError, match=r"layout rule room: Image .* it would break") as error:
        layout.plan(DIRECT, guest64(image(anywhere=False)), LOW_RAM)
    assert "Image at 0x80000" in error.value.what or "0x00080000" in error.value.what


@pytest.mark.parametrize(
    ("one", "change", "rule"),
    [
        (image(), {}, None),
        (image(), {"kernel": 0x50000000}, "image-place"),
        (image(text=0), {"kernel": 0x50000000}, None),
        (image(total=0, text=0), {"kernel": 0x50000000}, "image-place"),
        (image(), {"initrd": 0x50080000 + 22 * MIB}, "kernel-room"),
        (image(total=0), {"initrd": 0x50080000 + 22 * MIB}, "kernel-room"),
        (image(total=0), {"initrd": 0x50080000 + 24 * MIB}, None),
        (image(), {"kernel": 0xBEA80000}, "decompression-in-ram"),
        (image(), {"kernel": 0x1F080000}, "outside-page"),
        (image(anywhere=False), {}, "image-place"),
    ],
)
def test_a_wrong_place_of_an_image_breaks_its_rule(
    one: Arm64Kernel, change: dict[str, int], rule: str | None
) -> None:
    found = rules(DIRECT, guest64(one), LOW_RAM, **(PLACES | change))
    assert rule in found if rule else found == set()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({}, None),
        ({"dtb": 0x20200000}, "dtb-lowmem"),
        ({"dtb": 0x1FFFF000}, "dtb-size"),
        ({"initrd": 0x1F800000}, "outside-page"),
        ({"initrd": 0x1BF00000}, "outside-reserved"),
        ({"initrd": 0x70000000}, None),
    ],
)
def test_an_old_arm64_kernel_needs_its_tree_near_and_in_one_block(
    change: dict[str, int], rule: str | None
) -> None:
    who = guest64(image(anywhere=False), Fdt(Node("", {"x": bytes(9000)})))
    found = rules(
        ANGLER, who, LOW_RAM, **({"kernel": 0x80000, "initrd": 0x30000000, "dtb": 0x10000000} | change)
    )
    assert rule in found if rule else found == set()


def test_a_recent_kernel_finds_a_ramdisk_within_32_gib() -> None:
    huge = LiveMemory((Range(0, 64 << 30),))
    assert rules(DIRECT, guest64(), huge, **(PLACES | {"initrd": (33 << 30) - 8 * MIB})) == set()
    assert rules(DIRECT, guest64(), huge, **(PLACES | {"initrd": 33 << 30})) == {"initrd-lowmem"}


def test_segments_larger_than_the_buffer_are_refused() -> None:
    with pytest.raises(
        RefusedError, match=r"buffer-size: the segments need 68.0 MiB, more than the hardboot"
    ):
        layout.plan(ANGLER, guest64(image(60 * MIB, 61 * MIB)), LOW_RAM)


@pytest.mark.parametrize(("field", "value"), [("mem_min", 0x1C000000), ("bootloader_spans", None)])
def test_a_buffer_that_the_bootloader_overwrites_is_refused(field: str, value: Any) -> None:
    if value is None:
        value = (profile.Span(name="x", start=0x1C000000, size=0x1000),)
    phone = msgspec.structs.replace(ANGLER, **{field: value})
    with pytest.raises(RefusedError, match="hardboot buffer 0x1bd00000-0x1fd00000"):
        layout.plan(phone, guest64(), LOW_RAM)


def test_an_arm64_command_line_may_be_longer() -> None:
    assert layout.plan(ANGLER, replace(guest64(), cmdline="x" * 2047), LOW_RAM).complete
    with pytest.raises(
        RefusedError,
        match="cmdline-length: the command line has 2048 bytes; this phone's kernels read at most 2047",
    ):
        layout.plan(ANGLER, replace(guest64(), cmdline="x" * 2048), LOW_RAM)


def test_a_tree_of_2_mib_is_the_largest_for_arm64() -> None:
    assert layout.plan(ANGLER, guest64(tree=Fdt(Node("", {"x": bytes(2 * MIB - 4096)}))), LOW_RAM).complete
    with pytest.raises(RefusedError, match="dtb-size"):
        layout.plan(ANGLER, guest64(tree=Fdt(Node("", {"x": bytes(2 * MIB)}))), LOW_RAM)


def test_a_rom_for_the_other_architecture_is_not_planned() -> None:
    with pytest.raises(RefusedError, match="the ROM's kernel is for arm64, but LG Nexus 4"):
        layout.plan(MAKO, guest64(), MAKO_RAM)
    with pytest.raises(RefusedError, match="the ROM's kernel is for arm, but Huawei Nexus 6P"):
        layout.plan(ANGLER, guest(), LOW_RAM)
