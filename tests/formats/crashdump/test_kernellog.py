"""The kernel's log in dumps of three generations, and in damaged ones."""

import contextlib
from collections.abc import Callable

import pytest
from core_builders import (
    MESSAGES,
    VIRT,
    Dump,
    Message,
    with_characters,
    with_records,
    with_ring,
)
from hypothesis import given
from hypothesis import strategies as st

from hardboot.base.errors import InputError
from hardboot.formats.crashdump import elfcore, kernellog, vmcoreinfo


def read_log(dump: Dump) -> list[str]:
    core = elfcore.parse(dump.build())
    return [str(line) for line in kernellog.read(core, vmcoreinfo.parse(core.vmcoreinfo or b""))]


EXPECTED = [
    "[    0.000000] Booting Linux on physical CPU 0x0",
    "[    1.500000] two lines",
    "[    1.500000] in one message",
    "[   13.379429] Kernel panic - not syncing: sysrq triggered crash",
    "[   13.379910] CPU: 1 PID: 274 Comm: sh Kdump: loaded Not tainted 6.1.176 #1",
]


@pytest.mark.parametrize("build", [with_ring, with_records])
def test_the_log_is_read_with_its_times(build: Callable[[], Dump]) -> None:
    assert read_log(build()) == EXPECTED


@pytest.mark.parametrize("count", [7, 8, 9, 20, 50])
@pytest.mark.parametrize("build", [with_ring, with_records])
def test_of_a_log_that_went_round_the_newest_messages_are_read(
    build: Callable[[tuple[Message, ...]], Dump], count: int
) -> None:
    messages = tuple(
        (number * 1_000_000_000, b"message %d " % number * (number % 5 + 1)) for number in range(count)
    )
    found = read_log(build(messages))
    wanted = [f"[{number:5}.000000] {said.decode()}" for number, (_, said) in enumerate(messages)]
    assert 3 <= len(found) <= len(wanted)
    assert found == wanted[-len(found) :]


@pytest.mark.parametrize("count", [3, 300])
def test_a_ring_of_characters_begins_with_the_oldest(count: int) -> None:
    text = b"".join(b"<6>[    1.%06d] line\n" % number for number in range(count))
    found = read_log(with_characters(text))
    assert found[-3:] == text.decode().splitlines()[-3:]
    assert len("\n".join(found)) <= 256


@pytest.mark.parametrize("size", [255, 256, 257])
def test_a_ring_of_characters_that_is_just_full_is_read_whole(size: int) -> None:
    text = b"".join(b"line %3d\n" % number for number in range(40))[-size:]
    assert read_log(with_characters(text)) == text[-256:].decode().splitlines()


def test_an_empty_ring_of_characters_has_no_lines() -> None:
    assert read_log(with_characters(b"")) == []
    dump = with_characters(b"text\n")
    dump.words(VIRT + 0x14, 0)
    assert read_log(dump) == []


@pytest.mark.parametrize(("begin", "following"), [(1, 2), (2, 1), (1, 3)])
def test_a_message_without_a_block_of_text_is_left_out(begin: int, following: int) -> None:
    dump = with_ring()
    dump.words(VIRT + 0x1000 + 4, begin, following)  # of the first message
    assert read_log(dump) == EXPECTED[1:]


def test_the_number_of_messages_of_a_ring_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernellog, "_COUNT_LIMIT", 8)
    assert read_log(with_ring(count_bits=3)) == EXPECTED
    monkeypatch.setattr(kernellog, "_COUNT_LIMIT", 7)
    with pytest.raises(InputError, match="count_bits at offset 0x0: room for 8 messages, the limit is 7"):
        read_log(with_ring(count_bits=3))


def test_tables_that_are_too_large_are_not_read() -> None:
    dump = with_ring()
    dump.info["SIZE(prb_desc)"] = "65536"
    dump.words(VIRT + 0x200, 9)  # 512 messages
    with pytest.raises(InputError, match="512 of prb_desc: 33554432 bytes, the limit is 16777216"):
        read_log(dump)


@pytest.mark.parametrize("key", ["printk_ringbuffer.desc_ring", "printk_ringbuffer.text_data_ring"])
@pytest.mark.parametrize("offset", [-1, 44])
def test_a_part_that_ends_behind_its_structure_is_refused(key: str, offset: int) -> None:
    dump = with_ring()
    size = 24 if key.endswith("desc_ring") else 16
    dump.info[f"OFFSET({key})"] = str(offset if offset < 0 else 44 - size + 1)
    with pytest.raises(InputError, match=f"{key} at offset .*: the structure has 44 bytes"):
        read_log(dump)


def test_the_size_of_a_structure_is_limited() -> None:
    assert kernellog._size(vmcoreinfo.parse(b"SIZE(a)=65536"), "a") == 65536
    for size in (b"65537", b"0", b"-1"):
        with pytest.raises(InputError, match=r"SIZE\(a\) at offset 0x0: -?\d+ bytes, the limit is 65536"):
            kernellog._size(vmcoreinfo.parse(b"SIZE(a)=" + size), "a")


def test_the_length_of_a_record_has_two_bytes() -> None:
    dump = with_records()
    dump.put(VIRT + 0x4000 + 12, b"\x07")  # of the dictionary behind the text
    assert read_log(dump) == EXPECTED


def test_the_size_of_a_buffer_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernellog, "_LIMIT", 512)
    assert read_log(with_records(size=512)) == EXPECTED
    monkeypatch.setattr(kernellog, "_LIMIT", 511)
    with pytest.raises(InputError, match="size at offset 0x0: the buffer: 512 bytes, the limit is 511"):
        read_log(with_records(size=512))


def test_the_number_of_records_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernellog, "_COUNT_LIMIT", len(MESSAGES))
    with pytest.raises(InputError, match=f"more than {len(MESSAGES)} messages"):
        read_log(with_records())
    monkeypatch.setattr(kernellog, "_COUNT_LIMIT", len(MESSAGES) + 1)
    assert read_log(with_records()) == EXPECTED


def test_what_is_no_text_is_not_shown_to_a_terminal() -> None:
    assert read_log(with_ring(((0, b"a\x1b[31mb\xff\tc"),))) == ["[    0.000000] a�[31mb�\tc"]


def test_a_message_that_is_being_replaced_is_left_out() -> None:
    dump = with_ring()
    old = int.from_bytes(dump.memory[0x1000 : 0x1000 + 4], "little")  # of the first message
    dump.words(VIRT + 0x1000, old + 8)  # the id of one lap later
    assert read_log(dump) == EXPECTED[1:]


@pytest.mark.parametrize("missing", [key for key in with_ring().info if "(" in key])
def test_a_kernel_that_does_not_tell_where_its_log_is_gives_an_error(missing: str) -> None:
    dump = with_ring()
    del dump.info[missing]
    with pytest.raises(InputError, match="VMCOREINFO"):
        read_log(dump)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("SIZE(prb_desc)", "99999999"),
        ("OFFSET(prb_desc.state_var)", "12"),
        ("OFFSET(prb_data_ring.size_bits)", "4"),  # reads an address for the size
        ("OFFSET(prb_desc_ring.count_bits)", "4"),
        ("SYMBOL(prb)", "ffffffff"),
        ("OFFSET(atomic_long_t.counter)", "4"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(key: str, value: str) -> None:
    dump = with_ring()
    dump.info[key] = value
    with pytest.raises(InputError):
        read_log(dump)


@given(st.binary(max_size=400), st.integers(0, 300))
def test_any_damage_is_refused_or_harmless(junk: bytes, at: int) -> None:
    data = bytearray(with_ring().build(0x8000))
    data[at : at + len(junk)] = junk
    with contextlib.suppress(InputError):
        core = elfcore.parse(bytes(data))
        kernellog.read(core, vmcoreinfo.parse(core.vmcoreinfo or b""))


@given(st.dictionaries(st.sampled_from(sorted(with_ring().info)), st.integers(-9, 1 << 33).map(str)))
def test_any_numbers_in_vmcoreinfo_are_refused_or_harmless(changes: dict[str, str]) -> None:
    dump = with_ring()
    dump.info |= changes
    try:
        found = read_log(dump)
    except InputError:
        return
    assert sum(map(len, found)) < 1 << 20
