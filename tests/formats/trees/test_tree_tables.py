"""Tables of device trees: by Debian's skales-dtbtool, by hand where no tool writes them, and any bytes."""

import subprocess
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_builders import DEBIAN, dtb, qcdt, words
from tree_tables import SAMPLES, A, B, several

from hardboot.base.errors import InputError
from hardboot.formats.containers import devicetrees
from hardboot.formats.trees import fdt, stored_trees
from hardboot.formats.trees.amlogic import AmlogicEntry1
from hardboot.formats.trees.dtbh import DtbhEntry
from hardboot.formats.trees.pxa import PxaEntry
from hardboot.formats.trees.qcdt import QCDT, MotorolaEntry3, QcdtEntry1, QcdtEntry2
from hardboot.formats.trees.sprd import SprdEntry

EACH = pytest.mark.parametrize("name", SAMPLES)
QCDT_VERSIONS = pytest.mark.parametrize("version", [1, 2, 3, 0x101, 0x102, 0x103])


def indices(table: Any) -> list[int]:
    """Which of its trees each entry names."""
    return [table.trees.index(tree) for tree in stored_trees.trees_of(table.entries, table.trees)]


def contents(table: Any) -> list[bytes]:
    return [bytes(tree.data) for tree in table.trees]


@QCDT_VERSIONS
@pytest.mark.parametrize("page", [2048, 4096])
def test_a_qualcomm_table_is_read_and_written_back(version: int, page: int) -> None:
    data = several(version, page)
    table = QCDT.parse(data)
    assert (table.version, table.page_size, len(table.trees)) == (version, page, 2)
    assert indices(table) == [0, 1, 0]
    assert contents(table) == [A.ljust(page, b"\0"), B.ljust(page, b"\0")]
    assert QCDT.build(table) == data
    assert QCDT.build(QCDT.with_trees(table, contents(table))) == data


def test_the_fields_of_each_kind_of_entry_are_read() -> None:
    first = {name: sample.parse(sample.data).entries[0] for name, sample in SAMPLES.items()}
    place = {"offset": 2048, "size": 2048}
    assert first["QCDT 0x1"] == QcdtEntry1(0x7E, 8, soc_rev=0x20000, **place)
    assert first["QCDT 0x2"] == QcdtEntry2(0xCE, 0x1F45, 4, 0x10000, **place)
    pmic, model = (4, 5, 6, 7), b"board".ljust(32, b"\0")
    assert first["QCDT 0x103"] == MotorolaEntry3(0xB801FF01, 1, 2, 3, pmic, **place, model=model)
    assert first["DTBH"] == DtbhEntry(0x1EBE, 0x50A6, 0x217584DA, 0, 2, 2048, 2048, 0x20)
    assert first["SPRD"] == SprdEntry(0x227E, 1, 0x20000, 2048, 2048)
    assert first["PXA-DT"] == PxaEntry(0xF45, 0, 2048, 2048)
    assert first["PXA-19xx"] == PxaEntry(0xF59, 0, 2048, 2048)
    assert first["AML_ 1"] == AmlogicEntry1((b"gxl ",), (b"p212",), (b"1g  ",), **place)
    assert first["AML_ 2"].platform == (b"u212", b"drag", b"on  ", b"    ")


@pytest.mark.parametrize(("name", "version"), [("DTBH", 2), ("SPRD", 1), ("PXA-DT", 1), ("PXA-19xx", 1)])
def test_formats_of_one_version_refuse_another(name: str, version: int) -> None:
    sample = SAMPLES[name]
    assert sample.parse(sample.data).version == version
    at = sample.data.index(words(version))
    other = sample.data[:at] + words(version + 1) + sample.data[at + 4 :]
    with pytest.raises(
        InputError, match=f"version at offset {at:#x}: {version + 1:#x}, known are {version:#x}"
    ):
        sample.parse(other)


@pytest.mark.parametrize("count", [408, 409, 410])
def test_the_padding_counts_from_a_word_behind_the_entries(count: int) -> None:
    data = qcdt(1, [((index, 0, 0), A) for index in range(count)])  # 409 fill their pages to the last byte
    assert data.index(A) == {408: 8192, 409: 10240, 410: 10240}[count]
    table = QCDT.parse(data)
    assert QCDT.build(QCDT.with_trees(table, [A])) == data


@pytest.mark.parametrize("page", [2048, 4096])
@pytest.mark.parametrize("kind", ["ids", "old", "mainline"])
def test_what_skales_dtbtool_wrote_is_read_and_written_back(tmp_path: Path, page: int, kind: str) -> None:
    sources = {
        "ids": 'qcom,msm-id = <{0} 0x10000 {0} 0x20000>; qcom,board-id = <8 {0}>; model = "m{0}";',
        "old": 'qcom,msm-id = <{0} 8 0x10000>; model = "m{0}";',
        "mainline": 'compatible = "qcom,msm8916-v1.{0}-mtp"; model = "m{0}";',
    }
    (tmp_path / "dtbs").mkdir()
    for number in range(1, 6):
        filler = f"filler = [{'ab' * 700 * number}];"
        content = dtb(f"/ {{ {sources[kind].format(number)} {filler} }};")
        (tmp_path / "dtbs" / f"{number}.dtb").write_bytes(content)
    image = tmp_path / "dt.img"
    command = ["skales-dtbtool", "-o", image, "-s", str(page), tmp_path / "dtbs"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True, timeout=60, env=DEBIAN)
    data = image.read_bytes()
    table = QCDT.parse(data)
    assert table.version == {"ids": 2, "old": 1, "mainline": 3}[kind]
    assert len(table.entries) == (10 if kind == "ids" else 5)
    assert QCDT.build(table) == data
    assert QCDT.build(QCDT.with_trees(table, contents(table))) == data
    found = devicetrees.find(data)
    assert found is not None
    for entry in found.entries:
        model = fdt.text(entry.tree().root.properties["model"])
        if kind != "mainline":
            assert model == f"m{entry.ids['platform_id']}"
        assert entry.content() == (tmp_path / "dtbs" / f"{model[1:]}.dtb").read_bytes()


@EACH
def test_it_is_written_back_and_with_its_own_trees_it_is_the_same(name: str) -> None:
    sample = SAMPLES[name]
    table = sample.parse(sample.data)
    assert sample.build(table) == sample.data
    assert sample.build(sample.with_trees(table, contents(table))) == sample.data


@EACH
def test_bytes_between_and_behind_the_trees_are_kept(name: str) -> None:
    sample = SAMPLES[name]
    odd = bytearray(sample.data + bytes(5))
    if name != "dt_table":
        odd[2048 - 7 : 2048 - 3] = b"odd!"
        odd[-2:] = b"!!"
    table = sample.parse(bytes(odd))
    assert sample.build(table) == odd
    if name != "dt_table":
        assert [bytes(piece).strip(b"\0") for _, piece in table.fill] == [b"odd!", b"!!"]
        anew = sample.with_trees(table, contents(table))
        assert sample.build(anew) == sample.data


@EACH
def test_a_larger_tree_gets_a_place_for_itself(name: str) -> None:
    sample = SAMPLES[name]
    table = sample.parse(sample.data)
    large = dtb(f'/ {{ model = "large"; filler = [{"cd" * 5000}]; }};')
    changed = sample.with_trees(table, [large, *contents(table)[1:]])
    assert indices(changed) == indices(table)
    found = devicetrees.find(sample.build(changed))
    assert found is not None
    models = [fdt.text(entry.tree().root.properties["model"]) for entry in found.entries]
    assert models == ["large", "b", "large"][: len(models)]
    assert [entry.ids for entry in found.entries] == [entry.ids for entry in _entries(sample.data)]


def _entries(data: bytes) -> tuple[devicetrees.TreeEntry, ...]:
    found = devicetrees.find(data)
    assert found is not None
    return found.entries


@EACH
def test_every_tree_needs_one_content(name: str) -> None:
    sample = SAMPLES[name]
    with pytest.raises(ValueError, match="zip"):
        sample.with_trees(sample.parse(sample.data), [A])


@EACH
def test_a_number_that_does_not_fit_is_not_written(name: str) -> None:
    sample = SAMPLES[name]
    table = sample.parse(sample.data)
    field = next(name for name in ("chip", "platform_id", "id", "offset") if hasattr(table.entries[0], name))
    changed = replace(table, entries=(replace(table.entries[0], **{field: 1 << 32}),))
    with pytest.raises(InputError, match=f"{field} at offset 0x[0-9a-f]+: 4294967296 does not fit"):
        sample.build(changed)


def test_the_last_padding_may_be_missing() -> None:
    data = several(2)
    for missing in (1, 2048 - len(B)):
        cut = data[:-missing]
        table = QCDT.parse(cut)
        assert QCDT.build(table) == cut
        assert (table.trees[1].size, len(table.trees[1].data)) == (2048, 2048 - missing)
        assert table.page_size == 2048
    with pytest.raises(InputError, match="entry at offset 0x24"):
        QCDT.parse(data[: -len(B) - 2048])


def test_no_more_than_the_padding_of_a_page_may_be_missing() -> None:
    rows = words(1, 1, 0, 0, 0, 40, 20_000)
    with pytest.raises(
        InputError, match="entry at offset 0xc: 20000 bytes from 0x28, the table ends at 0xe48"
    ):
        QCDT.parse(b"QCDT" + rows + bytes(40 - 32 + 20_000 - 16_384))
    assert len(QCDT.parse(b"QCDT" + rows + bytes(40 - 32 + 20_000 - 16_383)).trees) == 1


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"QCDT", "header at offset 0x0: truncated: 4 of 12 bytes"),
        (b"QCDU" + bytes(20), "magic at offset 0x0"),
        (b"QCDT" + words(4, 1) + bytes(40), "version at offset 0x4: 0x4, known are 0x1, 0x2, 0x3, 0x101"),
        (b"QCDT" + words(0x203, 1) + bytes(40), "version at offset 0x4"),
        (b"QCDT" + words(2, 2) + bytes(40), "entries at offset 0x8: 2 entries do not fit into 52"),
        (b"QCDT" + words(2, 0xFFFFFFFF) + bytes(40), "entries at offset 0x8"),
        (b"QCDT" + words(1, 1, 0, 0, 0, 0xFFFFFFFF, 0xFFFFFFFF), "entry at offset 0xc"),
        (b"QCDT" + words(1, 1, 0, 0, 0, 33, 0), "entry at offset 0xc"),
    ],
)
def test_a_damaged_table_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        QCDT.parse(data)


def test_a_table_without_entries_is_its_header() -> None:
    table = QCDT.parse(b"QCDT" + words(2, 0))
    assert (table.entries, table.trees, table.size) == ((), (), 12)
    assert QCDT.build(table) == b"QCDT" + words(2, 0)


def test_trees_that_are_not_aligned_are_read_and_moved_to_pages_of_2048_bytes() -> None:
    data = b"QCDT" + words(1, 1, 0, 0, 0, 32, len(A)) + A
    table = QCDT.parse(data)
    assert table.page_size == 2048
    assert QCDT.build(table) == data
    assert QCDT.build(QCDT.with_trees(table, [A])).index(A) == 2048


def test_an_empty_tree_at_the_end_is_read() -> None:
    table = QCDT.parse(b"QCDT" + words(1, 1, 0, 0, 0, 32, 0))
    assert [(tree.offset, tree.size, bytes(tree.data)) for tree in table.trees] == [(32, 0, b"")]


def test_trees_that_overlap_again_and_again_are_refused() -> None:
    start = 12 + 20 * 1000
    data = b"QCDT" + words(1, 1000)
    data += b"".join(words(0, 0, 0, start + index, 100_000) for index in range(1000)) + bytes(110_000)
    with pytest.raises(InputError, match=r"entry at offset 0x[0-9a-f]*: too many trees overlap"):
        QCDT.parse(data)


@pytest.mark.parametrize("more", [0, 1])
def test_trees_may_have_four_times_the_bytes_of_the_table(more: int) -> None:
    count, size = 4, 20_000
    start = 12 + 20 * (count + 1)
    rows = [words(0, 0, 0, start, size - index) for index in range(count)]
    used = sum(size - index for index in range(count))
    length = start + size
    rows.append(words(0, 0, 0, start, 4 * length + 16_384 - used + more))
    data = b"QCDT" + words(1, count + 1) + b"".join(rows) + bytes(size)
    missing = 4 * length + 16_384 - used + more - size
    assert missing < 16_384
    with nullcontext() if not more else pytest.raises(InputError, match="too many trees overlap"):
        assert len(QCDT.parse(data).trees) == count + 1


def test_the_number_of_entries_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_trees, "MAX_ENTRIES", 2)
    with pytest.raises(InputError, match="entries at offset 0x8"):
        QCDT.parse(several(2))
    monkeypatch.setattr(stored_trees, "MAX_ENTRIES", 3)
    assert len(QCDT.parse(several(2)).entries) == 3


@settings(max_examples=300)
@given(st.sampled_from(list(SAMPLES)), st.binary(max_size=60), st.integers(0, 2200), st.integers(0, 5000))
def test_damage_is_refused_or_written_back(name: str, noise: bytes, at: int, cut: int) -> None:
    sample = SAMPLES[name]
    data = bytearray(sample.data)
    data[at : at + len(noise)] = noise
    del data[max(0, len(data) - cut) :]
    with suppress(InputError):
        table = sample.parse(bytes(data))
        assert sample.build(table) == data
        for entry in _entries(bytes(data)):
            with suppress(InputError):
                entry.tree()
