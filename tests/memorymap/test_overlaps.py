"""What is drawn where, and which shapes clash."""

from pictures import MIB, RAM, below, hardboot_page, plan, text

from hardboot import memorymap
from hardboot.base.memory import Range
from hardboot.layout import Extent, ExtentKind
from hardboot.memorymap import Kind


def test_shapes_spread_over_all_ram_are_drawn_in_the_overview() -> None:
    extents = [
        Extent(Range.sized(RAM.start + at * 50 * MIB, MIB), ExtentKind.RESERVED, f"part{at}")
        for at in range(20)
    ]
    picture = memorymap.draw(plan([], extents), banks=[RAM])
    assert [[one.range.name for one in panel.shapes] for panel in picture.panels] == [
        ["bank0", *(one.name for one in extents)]
    ]


def test_an_overlap_is_marked_in_both_rows_and_described() -> None:
    segments = [Range(0x40000000, 0x48000000, "zImage"), Range(0x46000000, 0x50000000, "initrd")]
    picture = memorymap.draw(plan(segments, [hardboot_page(0x47000000)]), banks=[RAM])
    assert [str(one) for one in picture.overlaps] == [
        "zImage and initrd overlap at 0x46000000-0x48000000 (32.0 MiB)",
        "zImage and hardboot page overlap at 0x47000000-0x47001000 (4.0 KiB)",
        "initrd and hardboot page overlap at 0x47000000-0x47001000 (4.0 KiB)",
    ]
    lines = text(picture)
    assert next(line for line in lines if " zImage" in line).count("X") == 2
    assert next(line for line in lines if " initrd" in line).count("X") == 2
    assert next(line for line in lines if " hardboot page" in line).count("X") == 1
    assert any("XX overlap" in line for line in lines)
    assert memorymap.svg(picture, "x").count('class="over"') == 1 + 2 + 2 + 2


def test_shapes_used_at_different_times_do_not_clash() -> None:
    work = Extent(Range(0x40000000, 0x42000000), ExtentKind.UNPACKED_KERNEL, "zImage")
    lost = Extent(Range(0x41000000, 0x41100000), ExtentKind.BOOTLOADER, "header-load")
    host = Range(0x40000000, 0x41000000, "Kernel code")
    picture = memorymap.draw(plan([], [work, lost]), banks=[RAM], host=[host])
    assert picture.overlaps == ()
    assert len(memorymap.draw(plan([], [work, hardboot_page(0x41FFF000)]), banks=[RAM]).overlaps) == 1


def test_a_moved_segment_may_lie_in_a_boot_splash() -> None:
    splash = Extent(Range(0x43200000, 0x45000000), ExtentKind.RESERVED, "framebuffer")
    moved = Extent(Range(0x43208000, 0x43C00000), ExtentKind.MOVED_SEGMENT, "zImage")
    heap = Extent(Range(0x43C00000, 0x43C12000), ExtentKind.HEAP, "zImage")
    assert memorymap.draw(plan([], [splash, moved, heap]), banks=[RAM]).overlaps == ()
    into = Extent(Range(0x43100000, 0x43300000), ExtentKind.MOVED_SEGMENT, "zImage")  # it begins outside
    assert len(memorymap.draw(plan([], [splash, into]), banks=[RAM]).overlaps) == 1


def test_a_page_may_lie_below_mem_min_but_not_where_the_bootloader_writes() -> None:
    page = hardboot_page(0x44000000)
    assert memorymap.draw(plan([], [page, below(0x50000000)]), banks=[RAM]).overlaps == ()
    lost = Extent(Range(0x43000000, 0x45000000), ExtentKind.BOOTLOADER, "erased")
    assert len(memorymap.draw(plan([], [page, lost]), banks=[RAM]).overlaps) == 1


def test_a_page_that_the_running_host_kernel_reserves_is_no_overlap() -> None:
    page = hardboot_page(0x44000000)
    own = Extent(page.range, ExtentKind.RESERVED, "reserved")  # as arm64's /proc/iomem shows it
    for extents in ([page, own], [own, page]):
        assert memorymap.draw(plan([], extents), banks=[RAM]).overlaps == ()
    ramoops = Extent(Range(0x44000800, 0x44100000), ExtentKind.RESERVED, "ramoops")
    assert len(memorymap.draw(plan([], [page, ramoops]), banks=[RAM]).overlaps) == 1


def test_the_bss_of_an_arm64_kernel_is_used_while_it_starts() -> None:
    picture = memorymap.draw(
        plan([], [Extent(Range(0x44000000, 0x44100000), ExtentKind.BSS, "Image")]), banks=[RAM]
    )
    assert Kind.WORK in picture.kinds()


def test_ram_below_mem_min_is_drawn_as_lost() -> None:
    segment = Range(0x50000000, 0x50100000, "zImage")
    picture = memorymap.draw(plan([segment], [below(0x50000000)]), banks=[RAM])
    assert picture.overlaps == ()
    lost = next(one for one in picture.panels[0].shapes if one.kind is Kind.BOOTLOADER)
    assert (lost.range.start, lost.range.end) == (0x40000000, 0x50000000)
    assert len(memorymap.draw(plan([segment], [below(0x50001000)]), banks=[RAM]).overlaps) == 1
