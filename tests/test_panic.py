"""The panic kernel: what the running kernel tells, how it is described, and where the other one goes."""

import contextlib
import struct
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_layout import VIRT, guest, kernel
from test_record import phone

from hardboot import crashmap, devicetree, lastlog, layout
from hardboot.errors import InputError, RefusedError
from hardboot.formats import elfcore, fdt
from hardboot.memory import Range, subtract
from hardboot.phone import Phone
from hardboot.transport.base import Output

IOMEM = """\
09000000-09000fff : pl011@9000000
40000000-7fffffff : System RAM
  40008000-4040ffff : Kernel code
  40442000-4050057f : Kernel data
  44100000-441fffff : reserved
  68000000-6bffffff : Crash kernel
"""
ZONES = """\
Node 0, zone   Normal
  start_pfn:           262144
Node 0, zone  HighMem
  pages free     3
  start_pfn:           458752
"""
REGION = Range(0x68000000, 0x6C000000)


def running(**answers: str | Output) -> Phone:
    usual: dict[str, str | Output] = {
        "/proc/iomem": IOMEM,
        "_stext": "c0008200 T _stext\n",
        "crash_notes": "6fbc1000 180\n6fbd2000 180\n",
        "/sys/kernel/vmcoreinfo": "0x409b0000 1024\n",
        "zoneinfo": ZONES,
    }
    return phone(**{**usual, **answers})


def test_all_that_a_panic_kernel_must_know_is_read() -> None:
    found = crashmap.look(running())
    assert found.region == REGION
    assert found.ram == (Range(0x40000000, 0x68000000), Range(0x6C000000, 0x80000000))
    assert found.notes == (Range.sized(0x6FBC1000, 180), Range.sized(0x6FBD2000, 180))
    assert found.vmcoreinfo == Range.sized(0x409B0000, 0x1024)
    assert found.offset == 0x80000000
    assert found.lowmem_end == 0x70000000


def test_the_header_describes_all_ram_but_the_panic_kernels_own() -> None:
    data = crashmap.describe(crashmap.look(running()))
    head = struct.unpack_from("<16sHHIIIIIHHHHHH", data)
    assert head[0][:7] == b"\x7fELF\x01\x01\x01"
    assert head[1:4] == (4, 40, 1)  # ET_CORE, EM_ARM
    rows = [struct.unpack_from("<8I", data, head[5] + 32 * number) for number in range(head[10])]
    # Kernels read the old memory at p_offset of a note, and at p_paddr else.
    assert [(kind, offset, size) for kind, offset, _, _, size, _, _, _ in rows if kind == 4] == [
        (4, 0x6FBC1000, 180),
        (4, 0x6FBD2000, 180),
        (4, 0x409B0000, 0x1024),
    ]
    assert [(paddr, vaddr, memsz) for kind, _, vaddr, paddr, _, memsz, _, _ in rows if kind == 1] == [
        (0x40000000, 0xC0000000, 0x28000000),
        (0x6C000000, 0xEC000000, 0x4000000),
        (0x70000000, 0xFFFFFFFF, 0x10000000),  # not mapped for good
    ]


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"/proc/iomem": "40000000-7fffffff : System RAM\n"}, "no memory aside"),
        ({"crash_notes": "\n\n"}, "crash_notes"),
        ({"crash_notes": "cat: no such file\n"}, "crash_notes"),
        ({"/sys/kernel/vmcoreinfo": Output("cat: no such file", 1)}, "vmcoreinfo"),
        ({"/sys/kernel/vmcoreinfo": "0 0"}, "vmcoreinfo"),
    ],
)
def test_a_kernel_without_what_is_needed_is_refused(answers: dict[str, str | Output], said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        crashmap.look(running(**answers))


@pytest.mark.parametrize("hidden", ["00000000 T _stext\n", "", "grep: no such file\n"])
def test_a_kernel_that_hides_its_addresses_is_described_without_them(hidden: str) -> None:
    found = crashmap.look(running(_stext=hidden))
    assert found.offset is None
    core_rows = elfcore_loads(crashmap.describe(found))
    assert all(vaddr == 0xFFFFFFFF for _, vaddr in core_rows)


def elfcore_loads(data: bytes) -> list[tuple[int, int]]:
    count = struct.unpack_from("<H", data, 44)[0]
    rows = [struct.unpack_from("<8I", data, 52 + 32 * number) for number in range(count)]
    return [(row[3], row[2]) for row in rows if row[0] == elfcore.PT_LOAD]


def test_the_kernels_start_may_lie_before_stext() -> None:
    # CONFIG_STRICT_KERNEL_RWX: the text begins at the next MiB.
    assert crashmap.look(running(_stext="c0100000 T _stext\n")).offset == 0x80000000


def test_without_high_memory_all_is_mapped_and_ram_above_4_gib_is_left_out() -> None:
    more = IOMEM + "100000000-13fffffff : System RAM\n"
    found = crashmap.look(running(**{"zoneinfo": "Node 0, zone Normal\n", "/proc/iomem": more}))
    assert found.lowmem_end == 1 << 32
    assert found.ram[-1].end == 0x80000000


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=200), st.text(max_size=200))
def test_any_answer_is_read_or_refused(notes: str, info: str, zones: str, symbol: str) -> None:
    answers = {"crash_notes": notes, "/sys/kernel/vmcoreinfo": info, "zoneinfo": zones, "_stext": symbol}
    try:
        found = crashmap.look(running(**answers))
    except RefusedError:
        return
    with contextlib.suppress(InputError):  # a place beyond 32 bits
        crashmap.describe(found)


# Where it goes

MEMORY = Range(0x68000000, 0x6BE00000, "memory of the panic kernel")


def test_everything_goes_into_the_memory_set_aside() -> None:
    plan = layout.plan_inside(VIRT, guest(), MEMORY)
    assert {one.name for one in plan.segments} == {"zImage", "initrd", "dtb"}
    assert all(MEMORY.contains(one.range) for one in plan.segments)
    unpacked = next(one for one in plan.extents if one.name == "unpacked kernel")
    assert MEMORY.contains(unpacked)
    assert plan.flag == 0


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 128), st.integers(0, 40 << 20), st.integers(1 << 16, 12 << 20))
def test_no_plan_leaves_the_memory_set_aside(size: int, ramdisk: int, unpacked: int) -> None:
    memory = Range.sized(0x68000000, size << 20)
    try:
        plan = layout.plan_inside(VIRT, guest(kernel(edata=unpacked), ramdisk=ramdisk), memory)
    except RefusedError:
        return
    ranges = sorted(one.range for one in plan.segments)
    assert subtract(ranges, [memory]) == []
    assert all(one.end <= two.start for one, two in pairwise(ranges))
    unpacking = next(one for one in plan.extents if one.name == "unpacked kernel")
    assert memory.contains(unpacking)
    assert not any(one.overlaps(unpacking) for one in ranges if one.name != "zImage")


def test_memory_that_does_not_begin_where_a_kernel_looks_for_it_is_refused() -> None:
    with pytest.raises(RefusedError, match="multiple of"):
        layout.plan_inside(VIRT, guest(), Range(0x6A000000, 0x6E000000))


def test_a_kernel_that_unpacks_to_one_address_only_is_refused() -> None:
    from dataclasses import replace

    fixed = replace(guest(kernel()), kernel=replace(kernel(), relocatable=False, zreladdr=0x40008000))
    with pytest.raises(RefusedError, match="always unpacks"):
        layout.plan_inside(VIRT, fixed, MEMORY)


def test_too_little_memory_is_refused() -> None:
    with pytest.raises(RefusedError, match="layout rule"):
        layout.plan_inside(VIRT, guest(), Range(0x68000000, 0x68800000))


@pytest.mark.parametrize("cells", [1, 2])
def test_the_tree_tells_both_properties_in_its_own_cells(cells: int) -> None:
    root = fdt.Node("", {"#address-cells": cells.to_bytes(4, "big"), "#size-cells": cells.to_bytes(4, "big")})
    tree = fdt.Fdt(root, [])
    done = devicetree.for_crash(tree, elf_header=Range(0x6BE00000, 0x6BE01000), memory=MEMORY)
    chosen = done.find("/chosen")
    assert chosen
    form = f">2{'I' if cells == 1 else 'Q'}"
    assert chosen.properties["linux,elfcorehdr"] == struct.pack(form, 0x6BE00000, 0x1000)
    assert chosen.properties["linux,usable-memory-range"] == struct.pack(form, 0x68000000, 0x3E00000)
    assert tree.find("/chosen") is None


# What the phone kept


def test_a_log_from_memory_that_lost_bits_is_shown_without_control_characters() -> None:
    assert lastlog.readable(b"a\r\n\x1b[2Jb\tc\xff\0") == "a\n�[2Jb\tc��"


def test_console_logs_come_first() -> None:
    names = ["pmsg-ramoops-0", "dmesg-ramoops-1", "dmesg-ramoops-0", "console-ramoops-0", "zzz"]
    assert sorted(names, key=lastlog._rank) == [
        "console-ramoops-0",
        "dmesg-ramoops-0",
        "dmesg-ramoops-1",
        "pmsg-ramoops-0",
        "zzz",
    ]
