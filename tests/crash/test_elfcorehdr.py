"""The memory of the running kernel, and the ELF header that describes it."""

import contextlib
import struct

import pytest
from answering import phone
from crash_setup import IOMEM, ZONES
from hypothesis import given
from hypothesis import strategies as st

from hardboot.base.errors import InputError, RefusedError
from hardboot.base.memory import Range
from hardboot.crash import elfcorehdr
from hardboot.device.phone import Phone
from hardboot.formats import elf
from hardboot.transport.base import Output

REGION = Range(0x68000000, 0x6C000000)
USUAL = {
    "/proc/iomem": IOMEM,
    "_stext": "c0008200 T _stext\n",
    "crash_notes": "6fbc1000 180\n6fbd2000 180\n",
    "/sys/kernel/vmcoreinfo": "0x409b0000 1024\n",
    "zoneinfo": ZONES,
}


def running(**answers: str | Output) -> Phone:
    return phone(**{**USUAL, **answers})


def test_all_that_a_panic_kernel_must_know_is_read() -> None:
    found = elfcorehdr.read_memory(running())
    assert found.region == REGION
    assert found.ram == (Range(0x40000000, 0x68000000), Range(0x6C000000, 0x80000000))
    assert found.notes == (Range.sized(0x6FBC1000, 180), Range.sized(0x6FBD2000, 180))
    assert found.vmcoreinfo == Range.sized(0x409B0000, 0x1024)
    assert found.offset == 0x80000000
    assert found.lowmem_end == 0x70000000


def test_the_header_describes_all_ram_but_the_panic_kernels_own() -> None:
    data = elfcorehdr.build(elfcorehdr.read_memory(running()))
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


IOMEM64 = """\
40000000-7fffffff : System RAM
  40410000-4088ffff : Kernel code
  40890000-4091ffff : reserved
  40920000-40a1f7ff : Kernel data
  7ac00000-7ebfffff : Crash kernel
880000000-8bfffffff : System RAM
"""


def arm64(**answers: str | Output) -> Phone:
    return phone("virt-arm64", **{**USUAL, "/proc/iomem": IOMEM64, **answers})


def test_the_header_of_an_arm64_kernel_has_its_image_apart_and_ram_above_4_gib() -> None:
    data = elfcorehdr.build(elfcorehdr.read_memory(arm64(_stext="ffffffc008010000 T _stext\n")))
    head = struct.unpack_from("<16sHHIQQQIHHHHHH", data)
    assert head[0][:7] == b"\x7fELF\x02\x01\x01"
    assert head[1:4] == (4, 183, 1)  # ET_CORE, EM_AARCH64
    rows = [struct.unpack_from("<2I6Q", data, head[5] + 56 * number) for number in range(head[10])]
    assert [row[2] for row in rows if row[0] == elf.PT_NOTE] == [0x6FBC1000, 0x6FBD2000, 0x409B0000]
    unknown = (1 << 64) - 1
    assert [(row[4], row[3], row[6]) for row in rows if row[0] == elf.PT_LOAD] == [
        (0x40000000, unknown, 0x410000),
        (0x40410000, unknown, 0x610000),  # the image, whole pages
        (0x40A20000, unknown, 0x3A1E0000),
        (0x7EC00000, unknown, 0x1400000),
        (0x880000000, unknown, 0x40000000),
    ]


def test_an_arm64_kernel_that_hides_its_image_is_described_without_it() -> None:
    hidden = "\n".join(line for line in IOMEM64.splitlines() if "Kernel" not in line)
    data = elfcorehdr.build(elfcorehdr.read_memory(arm64(**{"/proc/iomem": hidden})))
    assert struct.unpack_from("<H", data, 56)[0] == 3 + 3


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"/proc/iomem": "40000000-7fffffff : System RAM\n"}, "reserves no memory"),
        ({"crash_notes": "\n\n"}, "crash_notes"),
        ({"crash_notes": "cat: no such file\n"}, "crash_notes"),
        ({"/sys/kernel/vmcoreinfo": Output("cat: no such file", 1)}, "vmcoreinfo"),
        ({"/sys/kernel/vmcoreinfo": "0 0"}, "vmcoreinfo"),
    ],
)
def test_a_kernel_without_what_is_needed_is_refused(answers: dict[str, str | Output], said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        elfcorehdr.read_memory(running(**answers))


def test_sizes_of_notes_that_make_no_sense_are_limited() -> None:
    answers = {
        "crash_notes": "6fbc1000 99999999999\n6fbd2000\n",
        "/sys/kernel/vmcoreinfo": "0x409b0000 ffffffff",
    }
    found = elfcorehdr.read_memory(running(**answers))
    assert [one.size for one in (*found.notes, found.vmcoreinfo)] == [1 << 20, 1024, 1 << 20]


@pytest.mark.parametrize("hidden", ["00000000 T _stext\n", "", "grep: no such file\n"])
def test_a_kernel_that_hides_its_addresses_is_described_without_them(hidden: str) -> None:
    found = elfcorehdr.read_memory(running(_stext=hidden))
    assert found.offset is None
    core_rows = elfcore_loads(elfcorehdr.build(found))
    assert all(vaddr == 0xFFFFFFFF for _, vaddr in core_rows)


def elfcore_loads(data: bytes) -> list[tuple[int, int]]:
    count = struct.unpack_from("<H", data, 44)[0]
    rows = [struct.unpack_from("<8I", data, 52 + 32 * number) for number in range(count)]
    return [(row[3], row[2]) for row in rows if row[0] == elf.PT_LOAD]


def test_the_kernels_start_may_lie_before_stext() -> None:
    # CONFIG_STRICT_KERNEL_RWX: the text begins at the next MiB.
    assert elfcorehdr.read_memory(running(_stext="c0100000 T _stext\n")).offset == 0x80000000


def test_without_high_memory_all_is_mapped_and_ram_above_4_gib_is_left_out() -> None:
    more = IOMEM + "100000000-13fffffff : System RAM\n"
    found = elfcorehdr.read_memory(running(**{"zoneinfo": "Node 0, zone Normal\n", "/proc/iomem": more}))
    assert found.lowmem_end == 1 << 32
    assert found.ram[-1].end == 0x80000000


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=200), st.text(max_size=200))
def test_any_answer_is_read_or_refused(notes: str, info: str, zones: str, symbol: str) -> None:
    answers = {"crash_notes": notes, "/sys/kernel/vmcoreinfo": info, "zoneinfo": zones, "_stext": symbol}
    try:
        found = elfcorehdr.read_memory(running(**answers))
    except RefusedError:
        return
    with contextlib.suppress(InputError):  # a place beyond 32 bits
        elfcorehdr.build(found)
