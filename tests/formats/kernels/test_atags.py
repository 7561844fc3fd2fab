"""ATAGS: lists written by hand from the kernel's header, and any bytes."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardboot.base.errors import InputError
from hardboot.base.memory import Range
from hardboot.formats.kernels import atags
from hardboot.formats.kernels.atags import Tag

CMDLINE = b"console=ttyHSL0,115200,n8 androidboot.hardware=mako lpj=67677 user_debug=31"


def tag(number: int, data: bytes) -> bytes:
    return struct.pack("<II", 2 + len(data) // 4, number) + data


# As a phone with two banks has it: ATAG_ACORN-style unknown tags of the maker are between the others.
MAKER = tag(0x5441000A, b"maker's own tag!")
KEPT = (
    tag(0x54410001, struct.pack("<III", 1, 4096, 0))
    + tag(0x54410002, struct.pack("<II", 0x08600000, 0x80200000))
    + tag(0x54410002, struct.pack("<II", 0x6F000000, 0x90000000))
    + tag(0x54410006, struct.pack("<II", 0x1234, 0x5678))
    + tag(0x54410007, struct.pack("<I", 11))
    + MAKER
)
LIVE = (
    KEPT
    + tag(0x54410009, CMDLINE + bytes(-len(CMDLINE) % 4 or 4))
    + tag(0x54410005, struct.pack("<II", 0xC1800000, 0x1000))
    + tag(0x54420005, struct.pack("<II", 0x81800000, 0x1000))
    + bytes(8)
)


def test_the_tags_of_a_phone_are_read_and_written_back() -> None:
    tags = atags.parse(LIVE)
    assert atags.build(tags) == LIVE
    assert atags.cmdline(tags) == CMDLINE


def test_what_follows_the_end_mark_does_not_count() -> None:
    assert atags.parse(LIVE + b"rubbish") == atags.parse(LIVE)


def test_a_guest_gets_its_own_ramdisk_and_command_line_and_every_other_tag() -> None:
    done = atags.build(atags.adapt(atags.parse(LIVE), cmdline=b"a=1", initrd=Range(0x85000000, 0x85000123)))
    ours = tag(0x54410009, b"a=1\0") + tag(0x54420005, struct.pack("<II", 0x85000000, 0x123))
    assert done == KEPT + ours + bytes(8)


def test_without_a_ramdisk_the_old_one_is_forgotten() -> None:
    done = atags.build(atags.adapt(atags.parse(LIVE), cmdline=b"", initrd=None))
    assert done == KEPT + tag(0x54410009, bytes(4)) + bytes(8)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "end mark"),
        (LIVE[:-8], "end mark"),
        (LIVE[:1024][:200], "words"),
        (bytes(8), "first tag"),
        (tag(0x54410009, b"abc\0") + bytes(8), "first tag"),
        (KEPT + struct.pack("<II", 1, 5) + bytes(8), "1 words"),
        (KEPT + struct.pack("<II", 0xFFFFFFFF, 5) + bytes(8), "4294967295 words"),
        (KEPT + MAKER * 1000 + bytes(8), "words"),
    ],
)
def test_a_damaged_list_is_refused(data: bytes, what: str) -> None:
    with pytest.raises(InputError, match=what):
        atags.parse(data)


def test_a_list_up_to_the_limit_is_read_and_one_above_is_not_written() -> None:
    room = atags.MAX_SIZE - 8 - 8 - 8
    fitting = (Tag(atags.CORE), Tag(0x5441000A, bytes(room)))
    assert atags.parse(atags.build(fitting)) == fitting
    with pytest.raises(InputError, match="the limit is"):
        atags.build((Tag(atags.CORE), Tag(0x5441000A, bytes(room + 4))))


@pytest.mark.parametrize(
    ("tags", "what"),
    [
        ((), "begin with"),
        ((Tag(atags.MEM, bytes(8)),), "begin with"),
        ((Tag(atags.CORE), Tag(0)), "tag 0x0"),
        ((Tag(atags.CORE, b"abc"),), "3 bytes"),
    ],
)
def test_what_no_kernel_could_read_is_not_written(tags: tuple[Tag, ...], what: str) -> None:
    with pytest.raises(InputError, match=what):
        atags.build(tags)


def test_a_command_line_the_kernel_would_cut_off_is_refused() -> None:
    core = (Tag(atags.CORE),)
    longest = b"x" * (atags.COMMAND_LINE_SIZE - 1)
    assert atags.cmdline(atags.adapt(core, cmdline=longest, initrd=None)) == longest
    for bad in (longest + b"x", b"a\0b"):
        with pytest.raises(InputError, match="command line"):
            atags.adapt(core, cmdline=bad, initrd=None)


def test_a_ramdisk_above_4_gib_is_refused() -> None:
    core = (Tag(atags.CORE),)
    assert atags.adapt(core, cmdline=b"", initrd=Range(0xFFFFF000, 1 << 32))
    with pytest.raises(InputError, match="4 GiB"):
        atags.adapt(core, cmdline=b"", initrd=Range(0xFFFFF000, (1 << 32) + 1))


TAGS = st.lists(
    st.tuples(st.integers(1, 0xFFFFFFFF), st.binary(max_size=64).map(lambda b: b + bytes(-len(b) % 4))),
    max_size=20,
)


@given(TAGS, st.binary(max_size=200).map(lambda b: b.replace(b"\0", b" ")))
def test_every_list_comes_back_and_a_guest_gets_all_but_four_kinds(
    rows: list[tuple[int, bytes]], cmdline: bytes
) -> None:
    data = tag(atags.CORE, b"") + b"".join(tag(*row) for row in rows) + bytes(8)
    tags = atags.parse(data)
    assert atags.build(tags) == data
    done = atags.adapt(tags, cmdline=cmdline, initrd=None)
    kept = [row for row in rows if row[0] not in (0x54410005, 0x54420005, 0x54410009, 0)]
    assert [(one.tag, one.data) for one in done[1:-1]] == kept
    assert atags.cmdline(atags.parse(atags.build(done))) == cmdline


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda b: tag(atags.CORE, b"") + b))
def test_any_bytes_are_refused_or_come_back(data: bytes) -> None:
    try:
        tags = atags.parse(data)
    except InputError:
        return
    assert data.startswith(atags.build(tags)[:-8])
