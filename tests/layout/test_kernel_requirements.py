"""How much memory a kernel needs, and where it must lie: every number of a zImage and of an Image."""

from dataclasses import replace

import msgspec
import pytest
from image_builders import unpacks_to
from layout_guests import ARMMP_BSS, ARMMP_EDATA, ARMMP_SIZE, ARMMP_TEXT, MIB, SHAMU, VIRT, guest, kernel
from layout_hosts import ANGLER, DIRECT, LOW_RAM, MAKO, MAKO_RAM, guest64, image, legacy

from hardboot import layout
from hardboot.base.errors import RefusedError
from hardboot.base.memory import Range
from hardboot.layout import Arm64Kernel, ExtentKind, Guest, LiveMemory
from hardboot.layout.arm64_image import ImageRequirements
from hardboot.layout.kernel_requirements import KernelRequirements
from hardboot.layout.zimage import ANYWHERE, ZImageRequirements
from hardboot.profile import Profile

WINDOW = Range(0x40000000, 0x47FFE000)


def needs(who: Guest, phone: Profile = VIRT, live: LiveMemory | None = None) -> KernelRequirements:
    return layout.gather_constraints(phone, who, live).kernel


def zimage(who: Guest | None = None) -> ZImageRequirements:
    found = needs(who or guest())
    assert isinstance(found, ZImageRequirements)
    return found


def arm64_needs(kernel: Arm64Kernel) -> ImageRequirements:
    found = needs(guest64(kernel), DIRECT, LOW_RAM)
    assert isinstance(found, ImageRequirements)
    return found


def test_debians_zimage_needs_what_its_header_states() -> None:
    assert zimage() == ZImageRequirements(
        data=kernel().kernel,
        memsz=0x533000,  # 0x532200 bytes and a zero word, in pages
        tail_size=0x12000,  # 0x1000 of stack, 0x10000 of heap, one page for its BSS
        unpacked=Range(0x40000000 + ARMMP_TEXT - 0x5000, 0x40000000 + ARMMP_TEXT + ARMMP_EDATA),
        bss=ARMMP_BSS,
        workspace=ARMMP_SIZE + 0x1000 + 0x10000,
        window=WINDOW,
        lowmem=Range(0x40000000, 0x6F800000),
        name="zImage",
        tail_kind=ExtentKind.HEAP,
        dtb_limit=MIB,
    )
    assert zimage().window.name == "the first 128.0 MiB of RAM"
    assert zimage().lowmem.name == "lowmem"
    assert zimage().unpacked.name == ""


def test_a_zimage_without_sizes_gets_the_bounds_and_any_text_offset() -> None:
    found = zimage(guest(kernel(size=2 * MIB, edata=None)))
    assert found.unpacked == Range(0x40003000, 0x40308000 + 5 * 2 * MIB)
    assert (found.bss, found.tail_size) == (4 * MIB, 0x12000)
    assert found.workspace == 2 * MIB + 0x11000


def test_the_heap_behind_a_zimage_is_as_stated_its_workspace_at_least_the_usual() -> None:
    found = zimage(guest(kernel(malloc=0x8000)))
    assert found.tail_size == 0x1000 + 0x8000 + 0x1000
    assert found.workspace == ARMMP_SIZE + 0x1000 + 0x10000
    larger = zimage(guest(kernel(malloc=0x20000)))
    assert larger.tail_size == 0x1000 + 0x20000 + 0x1000
    assert larger.workspace == ARMMP_SIZE + 0x1000 + 0x20000


def test_a_zimage_that_fills_its_last_page_gets_another_for_the_zero_word() -> None:
    assert zimage(guest(kernel(size=0x532FF8))).memsz == 0x533000
    assert zimage(guest(kernel(size=0x533000))).memsz == 0x534000


def test_a_zimage_with_a_fixed_address_may_start_anywhere_and_is_fast_near_it() -> None:
    found = zimage(guest(kernel(code=unpacks_to(0x40008000))))
    assert found.unpacked == Range(0x40003000, 0x40008000 + ARMMP_EDATA)
    assert found.window == ANYWHERE
    assert found.cached == Range(0x40000000, 0x50000000)
    assert found.start_zones == (found.cached, Range(0x40000000, 0x6F800000), ANYWHERE)
    low = zimage(guest(replace(kernel(), relocatable=False, zreladdr=0x1000)))
    assert low.unpacked.start == 0, "there is nothing below address 0"


def test_a_zimage_in_its_window_runs_at_full_speed_everywhere() -> None:
    assert zimage().cached == ANYWHERE
    assert zimage().start_zones == (WINDOW,)


def test_the_profile_tells_where_a_silent_old_zimage_unpacks() -> None:
    silent = guest(kernel(size=8 * MIB, edata=None, code=b""), unpacked_size=18 * MIB)
    found = needs(silent, MAKO, MAKO_RAM)
    assert isinstance(found, ZImageRequirements)
    assert found.unpacked == Range(0x80203000, 0x80208000 + 18 * MIB)
    stated = needs(guest(kernel(code=b"")), MAKO, MAKO_RAM)
    assert isinstance(stated, ZImageRequirements)
    assert stated.unpacked.start == 0x80000000 + ARMMP_TEXT - 0x5000, "a newer kernel is not the phone's own"
    assert "the zImage does not show where it unpacks to; assuming relative to its own address" in (
        layout.gather_constraints(MAKO, silent, MAKO_RAM).notes
    )


def test_lowmem_starts_with_the_window_only_for_a_relocatable_kernel() -> None:
    found = needs(legacy(), MAKO, MAKO_RAM)
    assert found.initrd_zone(0) == Range(0x80200000, 0x80200000 + 760 * MIB)
    moved = needs(guest(), MAKO, MAKO_RAM)
    assert moved.initrd_zone(0) == Range(0x80000000, 0x80000000 + 760 * MIB)
    assert moved.dtb_zone(0) == moved.initrd_zone(0)
    assert moved.dtb_block(Range(0, 1)) is None


@pytest.mark.parametrize(
    ("word", "mib"),
    [
        ("vmalloc=390M", 610),
        ("vmalloc=390m", 610),
        ("vmalloc=399360K", 610),
        ("vmalloc=399360k", 610),
        ("vmalloc=1G", 32),
        ("vmalloc=408944640", 610),
        ("vmalloc=0x18600000", 610),
        ("vmalloc=0X18600000", 610),
        ("vmalloc=0x186M", 610),
        ("vmalloc=390M,x", 610),
        ("vmalloc=968M", 32),
        ("vmalloc=967M", 33),
        ("vmalloc=241M", 759),
        ("vmalloc=240M", 760),
        ("vmalloc=", 760),
        ("xvmalloc=390M", 760),
        ("vmalloc=390M vmalloc=500M", 500),
    ],
)
def test_lowmem_is_what_vmalloc_leaves(word: str, mib: int) -> None:
    found = needs(guest(cmdline=f"quiet {word}"))
    assert isinstance(found, ZImageRequirements)
    assert found.lowmem.size == mib * MIB


def test_an_image_needs_what_its_header_states() -> None:
    found = arm64_needs(image())
    assert found == ImageRequirements(
        data=bytes(20 * MIB),
        memsz=20 * MIB,
        tail_size=4 * MIB,
        text_offset=0x80000,
        only_start=None,
        recent=True,
        name="Image",
        tail_kind=ExtentKind.BSS,
        dtb_limit=2 * MIB,
        cached=ANYWHERE,
        unpacked=None,
    )
    assert found.start_zones == (ANYWHERE,)


def test_an_image_without_image_size_gets_a_bound_and_the_old_offset() -> None:
    found = arm64_needs(image(size=20 * MIB + 1, total=0, text=0))
    assert (found.memsz, found.tail_size, found.text_offset) == (20 * MIB + 0x1000, 4 * MIB, 0x80000)
    notes = layout.gather_constraints(DIRECT, guest64(image(total=0)), LOW_RAM).notes
    assert notes[-1] == "the Image does not state its BSS size; assuming at most 4.0 MiB"
    assert arm64_needs(image(total=MIB)).tail_size == 0, "a file larger than image_size has no room behind it"
    assert arm64_needs(image(total=20 * MIB + 1)).tail_size == 0x1000


def test_an_image_starts_at_the_next_multiple_of_2_mib_plus_its_offset() -> None:
    found = arm64_needs(image())
    assert [found.next_start(one) for one in (0, 0x80000, 0x80001, 0x280000)] == [
        *(0x80000, 0x80000, 0x280000, 0x280000)
    ]


def test_an_old_image_has_one_place_and_reaches_only_ram_above() -> None:
    found = arm64_needs(image(anywhere=False))
    assert found.only_start == 0x80000
    assert found.start_zones == (Range.sized(0x80000, 20 * MIB),)
    assert found.initrd_zone(0x80000) == Range(0, 1 << 48)
    assert found.initrd_zone(0x50080000) == Range(0x50000000, 1 << 48)
    assert found.dtb_zone(0x50080000) == Range(0x50000000, 0x70000000)
    assert found.dtb_block(Range(0x1FFFF000, 0x20001000)) == Range(0x1FE00000, 0x20000000)
    assert found.dtb_zone(0x1000).start == 0, "RAM cannot start below 0"
    high = LiveMemory((Range(0x80100000, 0xC0000000),))
    odd = needs(guest64(image(anywhere=False)), DIRECT, high)
    assert isinstance(odd, ImageRequirements)
    assert odd.only_start == 0x80280000, "2 MiB aligned, above the start of RAM"


def test_a_recent_image_reaches_a_ramdisk_within_32_gib() -> None:
    found = arm64_needs(image())  # 24 MiB with its BSS
    gib = 1 << 30
    assert found.initrd_zone(0x50080000) == Range(0, 33 * gib)
    assert found.initrd_zone(0x50080000).name == "32 GiB around the Image"
    assert found.initrd_zone(40 * gib + 0x80000) == Range(9 * gib, 72 * gib)
    assert found.initrd_zone(41 * gib - 24 * MIB) == Range(9 * gib, 72 * gib), "it ends with the GiB"
    assert found.initrd_zone(41 * gib - 24 * MIB + 0x1000) == Range(10 * gib, 72 * gib)
    assert found.dtb_zone(0x50080000) == ANYWHERE
    assert found.dtb_block(Range(0, 1)) is None


def test_a_kernel_for_another_architecture_is_refused() -> None:
    with pytest.raises(RefusedError) as error:
        needs(guest64(), MAKO, MAKO_RAM)
    assert error.value.what == "the ROM's kernel is for arm64, but LG Nexus 4 (mako) is arm"
    assert error.value.fix == "Use a ROM made for this phone."
    assert error.value.state == "Nothing was sent."


def test_a_larger_ramdisk_or_tree_changes_nothing_about_the_kernel() -> None:
    assert needs(replace(guest(), ramdisk=bytes(1))) == needs(guest())
    assert msgspec.structs.replace(SHAMU, mem_min=None).kernel == SHAMU.kernel
    assert isinstance(needs(guest64(), ANGLER, LOW_RAM), ImageRequirements)
