"""The memory map of the running kernel is read, or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardboot import layout
from hardboot.base.errors import InputError
from hardboot.base.memory import Range

# --- /proc/iomem


def test_the_running_kernels_memory_map_is_read() -> None:
    live = layout.parse_iomem(
        "09000000-09000fff : pl011@9000000\n  09000000-09000fff : uart\n"
        "40000000-7fffffff : System RAM\n  40208000-40bfffff : Kernel code\n"
        "  40d00000-40e00000 : Kernel data\n"
        "  44100000-441fffff : ramoops\n    44100000-4410ffff : dump\n100000000-1ffffffff : System RAM\n"
    )
    assert live.banks == (Range(0x40000000, 0x80000000), Range(0x100000000, 0x200000000))
    assert live.kernel == (Range(0x40208000, 0x40C00000), Range(0x40D00000, 0x40E00001))
    assert live.reserved == (Range(0x44100000, 0x44110000), Range(0x44100000, 0x44200000))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("00000000-00000000 : System RAM\n  00000000-00000000 : Kernel code\n", "not read as root"),
        ("", "no System RAM"),
        ("10-20 : uart\n", "no System RAM"),
        ("rubbish", "line 1 is not a range"),
        ("40000000-7fffffff : System RAM\n80-7f : x", "line 2 ends before it starts"),
        ("40000000-7fffffff : System RAM\n50000000-8fffffff : System RAM", "overlap"),
        ("0-1 : x\n" * 70000, "70000 lines"),
        ("-10-20 : System RAM", "line 1"),
        ("0" * 17 + "-20 : System RAM", "line 1"),
    ],
)
def test_a_memory_map_that_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        layout.parse_iomem(text)


@given(st.text(max_size=300) | st.from_regex(r"(  ?[0-9a-f]{1,17}-[0-9a-f]{1,17} : System RAM\n){1,5}"))
def test_any_text_is_a_memory_map_or_an_input_error(text: str) -> None:
    try:
        live = layout.parse_iomem(text)
    except InputError:
        return
    assert live.banks
