"""The memory map of the running kernel is read, or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardboot import layout
from hardboot.base.errors import InputError
from hardboot.base.memory import Range

AGAIN = "Read it on the phone again."
AS_ROOT = "Read it as root on the phone."
RAM = "40000000-7fffffff : System RAM\n"


def test_the_running_kernels_memory_map_is_read() -> None:
    live = layout.parse_iomem(
        "09000000-09000fff : pl011@9000000\n  09000000-09000fff : uart\n"
        "100000000-1ffffffff : System RAM\n"
        "40000000-7fffffff : System RAM\n  40208000-40bfffff : Kernel code\n"
        "  40d00000-40e00000 : Kernel data\n  40f00000-40ffffff : Kernel bss\n"
        "  40c00000-40cfffff : Kernel rodata\n  41000000-41000fff : Kernel codec\n\n"
        "  44100000-441fffff : ramoops\n    44100000-4410ffff : dump\n"
        "fc4ab000-fc4abfff : restart\n  fc4ab000-fc4abfff : Kernel code\n"
    )
    assert live.banks == (Range(0x40000000, 0x80000000), Range(0x100000000, 0x200000000))
    assert [(one.start, one.end, one.name) for one in live.kernel] == [
        (0x40208000, 0x40C00000, "Kernel code"),
        (0x40C00000, 0x40D00000, "Kernel rodata"),
        (0x40D00000, 0x40E00001, "Kernel data"),
        (0x40F00000, 0x41000000, "Kernel bss"),
    ]
    assert [(one.start, one.end, one.name) for one in live.reserved] == [
        (0x41000000, 0x41001000, "Kernel codec"),
        (0x44100000, 0x44110000, "dump"),
        (0x44100000, 0x44200000, "ramoops"),
    ]
    assert [one.name for one in live.banks] == ["System RAM", "System RAM"]


@pytest.mark.parametrize(
    ("text", "problem", "fix"),
    [
        (
            "00000000-00000000 : System RAM\n  00000000-00000000 : Kernel code\n",
            "all addresses are zero: it was not read as root",
            AS_ROOT,
        ),
        ("", "it lists no System RAM", AS_ROOT),
        ("10-20 : uart\n", "it lists no System RAM", AS_ROOT),
        ("rubbish", "line 1 is not a range: 'rubbish'", AGAIN),
        ("x" * 61, f"line 1 is not a range: '{'x' * 60}'", AGAIN),
        (f"{RAM}80-7f : x{'y' * 60}", f"line 2 ends before it starts: '80-7f : x{'y' * 51}'", AGAIN),
        (
            f"{RAM}7fffffff-8fffffff : System RAM",
            "System RAM 0x40000000-0x80000000 (1.0 GiB) and "
            "System RAM 0x7fffffff-0x90000000 (256.0 MiB) overlap",
            AGAIN,
        ),
        ("0-1 : x\n" * 65537, "65537 lines, the limit is 65536", AGAIN),
        ("-10-20 : System RAM", "line 1 is not a range: '-10-20 : System RAM'", AGAIN),
        (f"{'0' * 17}-20 : x", f"line 1 is not a range: '{'0' * 17}-20 : x'", AGAIN),
    ],
)
def test_a_malformed_memory_map_is_refused(text: str, problem: str, fix: str) -> None:
    with pytest.raises(InputError) as error:
        layout.parse_iomem(text)
    assert error.value.what == f"/proc/iomem: {problem}"
    assert (error.value.state, error.value.fix) == ("Nothing was sent.", fix)


def test_the_largest_memory_map_and_the_smallest_ranges_are_read() -> None:
    live = layout.parse_iomem(f"{RAM}  40000000-40000000 : x\n0-0 : y\n")
    assert live.reserved == (Range(0x40000000, 0x40000001),)
    assert len(layout.parse_iomem(RAM + "0-1 : x\n" * 65535).banks) == 1
    beside = layout.parse_iomem(f"{RAM}80000000-8fffffff : System RAM")
    assert [one.start for one in beside.banks] == [0x40000000, 0x80000000], "banks may touch"


@given(st.text(max_size=300) | st.from_regex(r"(  ?[0-9a-f]{1,17}-[0-9a-f]{1,17} : System RAM\n){1,5}"))
def test_any_text_is_a_memory_map_or_an_input_error(text: str) -> None:
    try:
        live = layout.parse_iomem(text)
    except InputError:
        return
    assert live.banks
