"""The table of a dtbo partition: by hand, and with the bytes of AOSP's mkdtboimg."""

import hashlib
import struct

import pytest
from image_builders import dtb, dtbo
from tree_tables import SAMPLES, A, B

from hardboot.base.errors import InputError
from hardboot.formats.trees import dtbo as overlays
from hardboot.formats.trees.dtbo import OverlayEntry

DATA = SAMPLES["dt_table"].data


def test_an_overlay_table_is_read_and_written_back() -> None:
    table = overlays.parse(DATA)
    assert table.entries[0] == OverlayEntry(len(A), 128, 1, 2, (3, 4, 5, 6))
    assert [bytes(tree.data) for tree in table.trees] == [A, B]
    assert (table.header.version, table.header.page_size, table.header.total_size) == (0, 2048, len(DATA))
    with_tail = overlays.parse(DATA + b"\0\0AVB footer")
    assert bytes(with_tail.tail) == b"\0\0AVB footer"
    assert overlays.build(with_tail) == DATA + b"\0\0AVB footer"


@pytest.mark.parametrize(
    ("at", "value", "problem"),
    [
        (0, 0, "magic at offset 0x0: 0x0, not 0xd7b7ab1e"),
        (4, 31, "total_size at offset 0x4"),
        (4, len(DATA) + 1, "total_size at offset 0x4"),
        (12, 31, "dt_entry_size at offset 0xc"),
        (16, 0xFFFFFFFF, "dt_entry_count at offset 0x10"),
        (20, 31, "dt_entry_size at offset 0xc: 32 bytes from 0x1f, an entry has 32"),
        (20, 0xFFFFFFF0, "dt_entry_count"),
        (36, 0xFFFFFFF0, "entry at offset 0x20"),
    ],
)
def test_a_damaged_overlay_table_is_refused(at: int, value: int, problem: str) -> None:
    data = bytearray(DATA)
    data[at : at + 4] = value.to_bytes(4, "big")
    with pytest.raises(InputError, match=problem):
        overlays.parse(bytes(data))
    with pytest.raises(InputError, match="header at offset 0x0: truncated: 31 of 32 bytes"):
        overlays.parse(DATA[:31])


def test_entries_may_lie_apart_and_what_is_between_them_is_kept() -> None:
    head = struct.pack(">8I", 0xD7B7AB1E, 40 + 40 * 2 + len(A), 40, 40, 2, 40, 0, 0) + b"behind h"
    row = struct.pack(">8I", len(A), 120, 5, 6, 0, 0, 0, 0)
    data = head + row + b"between " + row + b"at last " + A
    table = overlays.parse(data)
    assert [entry.id for entry in table.entries] == [5, 5]
    assert [bytes(piece) for _, piece in table.fill] == [b"behind h", b"between ", b"at last "]
    assert overlays.build(table) == data
    anew = overlays.with_trees(table, [A])
    assert overlays.build(anew) == overlays.build(overlays.parse(overlays.build(anew)))
    assert (anew.header.entry_size, anew.header.header_size, anew.header.entries_offset) == (32, 32, 32)
    assert anew.header.total_size == len(overlays.build(anew)) == 96 + len(A)


def test_an_aosp_table_has_the_bytes_mkdtboimg_writes() -> None:
    """Golden: mkdtboimg.py create --page_size=4096 --id=0x11 A --rev=3 B --id=7 A, of these two sources."""
    source = '/ {{ model="{}"; x {{ y = <1 2 3>; }}; }};'
    first, second = dtb(source.format("a")), dtb(source.format("bbbbbbbb"))
    ids = (0x11, 3, 0, 0, 0, 0), (7, 0, 0, 0, 0, 0), (0x11, 0, 0, 0, 0, 0)
    table = bytearray(dtbo(list(zip(ids, (A, B, A), strict=True))))
    struct.pack_into(">I", table, 24, 4096)
    changed = overlays.with_trees(overlays.parse(table), [first, second])
    digest = hashlib.sha256(overlays.build(changed)).hexdigest()
    assert digest == "ea16a682dec409a48dd7c44e5f6e08b0d0cc9bfd37c3046845b8c457299fb84b"
