"""Tables of device trees: by Debian's skales-dtbtool, by hand where no tool writes them, and any bytes."""

import gzip
import hashlib
import subprocess
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_builders import (
    DEBIAN,
    arm64_image,
    board,
    dtb,
    dtbh,
    dtbo,
    kernel_with_banner,
    pxa,
    qcdt,
    sprd,
    words,
    zimage,
)

from hardboot.base.errors import InputError
from hardboot.formats.archives import compression
from hardboot.formats.containers import devicetrees
from hardboot.formats.trees import dtbh as dtbh_format
from hardboot.formats.trees import dtbo as dtbo_format
from hardboot.formats.trees import dttable, fdt
from hardboot.formats.trees import pxa as pxa_format
from hardboot.formats.trees import qcdt as qcdt_format
from hardboot.formats.trees import sprd as sprd_format
from hardboot.formats.trees.dttable import Slot

A, B, C = board("a"), board("b"), board("c")
QCDT_IDS: dict[int, tuple[int, ...]] = {
    1: (0x7E, 8, 0x20000),
    2: (0xCE, 0x1F45, 4, 0x10000),
    3: (0xB801FF01, 1, 2, 3, 4, 5, 6, 7),
}
QCDT_VERSIONS = pytest.mark.parametrize("version", [1, 2, 3, 0x101, 0x102, 0x103])


def several(version: int, page: int = 2048) -> bytes:
    """Three entries, the first and last of one tree."""
    ids = QCDT_IDS[version & 0xFF]
    other = (ids[0] + 1, *ids[1:])
    return qcdt(version, [(ids, A), (other, B), (other, A)], page=page)


SAMPLES: dict[str, tuple[Any, bytes]] = {
    **{f"QCDT {version:#x}": (qcdt_format, several(version)) for version in (1, 2, 3, 0x103)},
    "DTBH": (dtbh_format, dtbh([((0x1EBE, 0x50A6, 0x217584DA, 0, 2), A), ((0x1EBE, 1, 2, 3, 255), B)])),
    "SPRD": (sprd_format, sprd([((0x227E, 1, 0x20000), A), ((0x227E, 2, 0x20000), B)])),
    "PXA-DT": (pxa_format.PXA_DT, pxa(b"PXA-DT", [((0xF45, 0), A), ((0xF45, 1), B)])),
    "PXA-19xx": (pxa_format.PXA_19XX, pxa(b"PXA-19xx", [((0xF59, 0), A), ((0xF59, 1), B)])),
    "dt_table": (
        dtbo_format,
        dtbo([((1, 2, 3, 4, 5, 6), A), ((7, 0, 0, 0, 0, 0), B), ((8, 0, 0, 0, 0, 0), A)]),
    ),
}
EACH = pytest.mark.parametrize("name", SAMPLES)


@QCDT_VERSIONS
@pytest.mark.parametrize("page", [2048, 4096])
def test_a_qualcomm_table_is_read_and_written_back(version: int, page: int) -> None:
    data = several(version, page)
    table = qcdt_format.parse(data)
    assert (table.version, table.page_size, len(table.trees)) == (version, page, 2)
    assert [entry.tree for entry in table.entries] == [0, 1, 0]
    first = table.entries[0]
    ids = QCDT_IDS[version & 0xFF]
    if version & 0xFF == 1:
        assert (first.platform_id, first.variant_id, first.soc_rev) == ids
    else:
        assert (first.platform_id, first.variant_id, first.subtype, first.soc_rev) == ids[:4]
    assert first.pmic == (ids[4:] if version & 0xFF == 3 else (0, 0, 0, 0))
    assert first.model.rstrip(b"\0") == (b"board" if version & 0x100 else b"")
    assert bytes(table.trees[0].data[: len(A)]) == A
    assert len(table.trees[0].data) == page
    assert qcdt_format.build(table) == data
    assert qcdt_format.build(qcdt_format.renew(table)) == data


@pytest.mark.parametrize("count", [408, 409, 410])
def test_the_padding_counts_from_a_word_behind_the_entries(count: int) -> None:
    data = qcdt(1, [((index, 0, 0), A) for index in range(count)])  # 409 fill their pages to the last byte
    assert data.index(A) == {408: 8192, 409: 10240, 410: 10240}[count]
    assert qcdt_format.build(qcdt_format.renew(qcdt_format.parse(data))) == data


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
    table = qcdt_format.parse(data)
    assert table.version == {"ids": 2, "old": 1, "mainline": 3}[kind]
    assert len(table.entries) == (10 if kind == "ids" else 5)
    assert qcdt_format.build(table) == data
    assert qcdt_format.build(qcdt_format.renew(table)) == data
    found = devicetrees.find(data)
    assert found is not None
    for entry in found.entries:
        model = fdt.text(entry.tree().root.properties["model"])
        if kind != "mainline":
            assert model == f"m{entry.ids['platform_id']}"
        assert entry.content() == (tmp_path / "dtbs" / f"{model[1:]}.dtb").read_bytes()


def test_a_samsung_table_is_read_and_written_back() -> None:
    format_, data = SAMPLES["DTBH"]
    table = format_.parse(data)
    assert table.entries[0] == dtbh_format.Entry(0x1EBE, 0x50A6, 0x217584DA, 0, 2, 0x20, 0)
    assert table.entries[1] == dtbh_format.Entry(0x1EBE, 1, 2, 3, 255, 0x20, 1)
    assert table.version == 2


def test_a_spreadtrum_table_is_read_and_written_back() -> None:
    format_, data = SAMPLES["SPRD"]
    table = format_.parse(data)
    assert table.entries == (
        sprd_format.Entry(0x227E, 1, 0x20000, 0),
        sprd_format.Entry(0x227E, 2, 0x20000, 1),
    )
    assert table.version == 1


def test_an_overlay_table_is_read_and_written_back() -> None:
    _, data = SAMPLES["dt_table"]
    table = dtbo_format.parse(data)
    assert table.entries[0] == dtbo_format.Entry(1, 2, (3, 4, 5, 6), 0)
    assert [entry.tree for entry in table.entries] == [0, 1, 0]
    assert [bytes(slot.data) for slot in table.trees] == [A, B]
    assert (table.version, table.page_size, table.total_size) == (0, 2048, len(data))
    with_tail = dtbo_format.parse(data + b"\0\0AVB footer")
    assert bytes(with_tail.tail) == b"\0\0AVB footer"
    assert dtbo_format.build(with_tail) == data + b"\0\0AVB footer"


@EACH
def test_written_back_and_renewed_it_is_the_same(name: str) -> None:
    format_, data = SAMPLES[name]
    table = format_.parse(data)
    assert format_.build(table) == data
    assert format_.build(format_.renew(table)) == data


@EACH
def test_bytes_between_and_behind_the_trees_are_kept(name: str) -> None:
    format_, data = SAMPLES[name]
    odd = bytearray(data + bytes(5))
    if name != "dt_table":
        odd[2048 - 7 : 2048 - 3] = b"odd!"
        odd[-2:] = b"!!"
    table = format_.parse(bytes(odd))
    assert format_.build(table) == odd
    if name != "dt_table":
        assert [bytes(piece).strip(b"\0") for _, piece in table.fill] == [b"odd!", b"!!"]


@EACH
def test_a_larger_tree_gets_its_place_when_renewed(name: str) -> None:
    format_, data = SAMPLES[name]
    table = format_.parse(data)
    large = dtb(f'/ {{ model = "large"; filler = [{"cd" * 5000}]; }};')
    changed = replace(table, trees=(Slot(large), *table.trees[1:]))
    with pytest.raises(InputError, match=r"no place yet|renew"):
        format_.build(changed)
    out = format_.build(format_.renew(changed))
    found = devicetrees.find(out)
    assert found is not None
    models = [fdt.text(entry.tree().root.properties["model"]) for entry in found.entries]
    assert models == ["large", "b", "large"][: len(models)]
    shifted = replace(table, trees=(Slot(large, table.trees[0].offset), *table.trees[1:]))
    with pytest.raises(InputError, match=r"lie on each other|total_size"):
        format_.build(shifted)


@EACH
def test_an_entry_without_a_tree_is_not_written(name: str) -> None:
    format_, data = SAMPLES[name]
    table = format_.parse(data)
    changed = replace(table, entries=(replace(table.entries[0], tree=9), *table.entries[1:]))
    with pytest.raises(InputError, match="tree 9, there are 2"):
        format_.build(changed)


@pytest.mark.parametrize("name", [name for name in SAMPLES if name != "dt_table"])
def test_a_number_that_does_not_fit_is_not_written(name: str) -> None:
    format_, data = SAMPLES[name]
    table = format_.parse(data)
    field = "chip" if hasattr(table.entries[0], "chip") else "platform_id"
    changed = replace(table, entries=(replace(table.entries[0], **{field: 1 << 32}),))
    with pytest.raises(InputError, match="entry at offset"):
        format_.build(changed)


def test_the_last_padding_may_be_missing() -> None:
    data = several(2)
    for missing in (1, 2048 - len(B)):
        cut = data[:-missing]
        table = qcdt_format.parse(cut)
        assert qcdt_format.build(table) == cut
        assert table.trees[1].size == 2048
    with pytest.raises(InputError, match="entry at offset 0x24"):
        qcdt_format.parse(data[: -len(B) - 2048])


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"QCDT", "header at offset 0x0: 4 bytes"),
        (b"QCDU" + bytes(20), "magic at offset 0x0"),
        (b"QCDT" + words(4, 1) + bytes(40), "version at offset 0x4: 0x4"),
        (b"QCDT" + words(0x203, 1) + bytes(40), "version at offset 0x4"),
        (b"QCDT" + words(2, 2) + bytes(40), "entries at offset 0x8: 2 entries do not fit into 52"),
        (b"QCDT" + words(2, 0xFFFFFFFF) + bytes(40), "entries at offset 0x8"),
        (b"QCDT" + words(1, 1, 0, 0, 0, 0xFFFFFFFF, 0xFFFFFFFF), "entry at offset 0xc"),
        (b"QCDT" + words(1, 1, 0, 0, 0, 33, 0), "entry at offset 0xc"),
    ],
)
def test_a_damaged_table_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        qcdt_format.parse(data)


@pytest.mark.parametrize(
    ("at", "value", "problem"),
    [
        (0, 0, "magic at offset 0x0"),
        (4, 31, "total_size at offset 0x4"),
        (4, 1 << 31, "total_size at offset 0x4"),
        (12, 31, "dt_entry_size at offset 0xc"),
        (16, 0xFFFFFFFF, "dt_entry_count at offset 0x10"),
        (20, 4, "dt_entry_size"),
        (20, 0xFFFFFFF0, "dt_entry_count"),
        (36, 0xFFFFFFF0, "entry at offset 0x20"),
    ],
)
def test_a_damaged_overlay_table_is_refused(at: int, value: int, problem: str) -> None:
    data = bytearray(SAMPLES["dt_table"][1])
    data[at : at + 4] = value.to_bytes(4, "big")
    with pytest.raises(InputError, match=problem):
        dtbo_format.parse(bytes(data))


def test_trees_that_overlap_again_and_again_are_refused() -> None:
    data = b"QCDT" + words(1, 1000)
    data += b"".join(words(0, 0, 0, 12 + 20 * 1000 + index, 100_000) for index in range(1000)) + bytes(
        110_000
    )
    with pytest.raises(InputError, match="overlap"):
        qcdt_format.parse(data)


def test_an_aosp_table_has_the_bytes_mkdtboimg_writes() -> None:
    """Golden: mkdtboimg.py create --page_size=4096 --id=0x11 A --rev=3 B --id=7 A, of these two sources."""
    source = '/ {{ model="{}"; x {{ y = <1 2 3>; }}; }};'
    first, second = dtb(source.format("a")), dtb(source.format("bbbbbbbb"))
    table = dtbo_format.Dtbo(
        entries=(
            dtbo_format.Entry(id=0x11, rev=3, tree=0),
            dtbo_format.Entry(id=7, tree=1),
            dtbo_format.Entry(id=0x11, tree=0),
        ),
        trees=(Slot(first), Slot(second)),
        page_size=4096,
    )
    digest = hashlib.sha256(dtbo_format.build(dtbo_format.renew(table))).hexdigest()
    assert digest == "ea16a682dec409a48dd7c44e5f6e08b0d0cc9bfd37c3046845b8c457299fb84b"


@EACH
def test_all_trees_are_found_with_their_ids(name: str) -> None:
    _, data = SAMPLES[name]
    found = devicetrees.find(data)
    assert found is not None
    assert found.kind == name.split()[0]
    contents = [bytes(entry.content()) for entry in found.entries]
    assert contents == [A, B, A][: len(contents)]
    for entry in found.entries:
        assert data[entry.offset :].startswith(bytes(entry.content()))
    assert len({tuple(entry.ids.items()) for entry in found.entries}) >= 2


@pytest.mark.parametrize(
    ("version", "ids"),
    [
        (1, {"platform_id": 0x7E, "variant_id": 8, "soc_rev": 0x20000}),
        (2, {"platform_id": 0xCE, "variant_id": 0x1F45, "subtype": 4, "soc_rev": 0x10000}),
        (
            0x103,
            {
                "platform_id": 0xB801FF01,
                "variant_id": 1,
                "subtype": 2,
                "soc_rev": 3,
                "pmic": (4, 5, 6, 7),
                "model": "board",
            },
        ),
    ],
)
def test_ids_are_raw_and_only_those_that_are_stored(version: int, ids: dict[str, Any]) -> None:
    found = devicetrees.find(several(version))
    assert found is not None
    assert found.entries[0].ids == ids


def test_packed_overlays_are_unpacked_within_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    data = dtbo(
        [
            ((0, 0, 0, 0, 0, 0), A),
            ((0, 0, 1, 0, 0, 0), zlib.compress(B)),
            ((0, 0, 2, 0, 0, 0), gzip.compress(C)),
        ],
        version=1,
    )
    found = devicetrees.find(data)
    assert found is not None
    assert [entry.compression for entry in found.entries] == [None, "zlib", "gzip"]
    assert [bytes(entry.content()) for entry in found.entries] == [A, B, C]
    assert dtbo_format.build(dtbo_format.parse(data)) == data
    monkeypatch.setattr(fdt, "MAX_SIZE", len(B) - 1)
    for entry in found.entries[1:]:
        with pytest.raises(InputError, match="more than"):
            entry.content()


def test_an_unknown_compression_of_an_overlay_is_refused() -> None:
    data = dtbo([((0, 0, 3, 0, 0, 0), A)], version=1)
    with pytest.raises(InputError, match="unknown compression 3"):
        devicetrees.find(data)
    assert devicetrees.find(dtbo([((0, 0, 3, 0, 0, 0), A)], version=0)) is not None


@pytest.mark.parametrize("kind", ["gzip", "lz4", "zstd"])
def test_a_table_in_a_compressed_file_is_found(kind: compression.Compression) -> None:
    data = b"".join(compression.compress(kind, [several(0x103)]))
    found = devicetrees.find(data)
    assert found is not None
    assert (found.kind, found.compression, len(found.entries)) == ("QCDT", kind, 3)


def test_trees_on_their_own_and_behind_kernels_are_found() -> None:
    packed = b"".join(compression.compress("gzip", [arm64_image(kernel_with_banner("4.9.1"))]))
    for before, kind in ((b"", "device trees"), (zimage(), "appended"), (packed, "appended")):
        data = before + A + bytes(6) + B
        found = devicetrees.find(data)
        assert found is not None
        assert found.kind == kind
        assert [entry.offset for entry in found.entries] == [len(before), len(before) + len(A) + 6]
        assert [bytes(entry.content()) for entry in found.entries] == [A, B]


@pytest.mark.parametrize(
    "data", [b"", b"nothing", zimage(), gzip.compress(b"070701 ramdisk"), b"\x89LZO\0\r\n\x1a\n", bytes(100)]
)
def test_where_no_trees_are_none_are_found(data: bytes) -> None:
    assert devicetrees.find(data) is None


def test_a_table_is_read_without_its_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    def untouched(_data: object) -> Any:
        raise AssertionError("a tree was looked at")

    data = qcdt(2, [((index, 0, 0, 0), board(str(index % 13))) for index in range(200)])
    with monkeypatch.context() as patch:
        patch.setattr(fdt, "parse", untouched)
        patch.setattr(fdt, "total_size", untouched)
        found = devicetrees.find(data)
    assert found is not None
    assert len(found.entries) == 200
    assert len(qcdt_format.parse(data).trees) == 13
    assert fdt.text(found.entries[199].tree().root.properties["model"]) == str(199 % 13)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(list(SAMPLES)), st.binary(max_size=60), st.integers(0, 2200), st.integers(0, 5000))
def test_damage_is_refused_or_written_back(name: str, noise: bytes, at: int, cut: int) -> None:
    format_, whole = SAMPLES[name]
    data = bytearray(whole)
    data[at : at + len(noise)] = noise
    del data[max(0, len(data) - cut) :]
    with suppress(InputError):
        table = format_.parse(bytes(data))
        _same_or_refused(lambda: format_.build(table), bytes(data))
        found = devicetrees.find(bytes(data))
        for entry in found.entries if found else ():
            with suppress(InputError):
                entry.tree()


def _same_or_refused(build: Callable[[], bytes], data: bytes) -> None:
    """Trees that lie on the table cannot be written back; nothing else may change."""
    try:
        out = build()
    except InputError as error:
        if "lie on each other" not in error.what:
            raise
    else:
        assert out == data


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(
        [b"QCDT", b"DTBH", b"SPRD", b"PXA-DT", b"PXA-19xx", b"\xd7\xb7\xab\x1e", b"\xd0\x0d\xfe\xed"]
    ),
    st.binary(max_size=200),
)
def test_any_bytes_are_refused_or_read(magic: bytes, data: bytes) -> None:
    with suppress(InputError):
        devicetrees.find(magic + data)


def test_the_number_of_entries_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dttable, "MAX_ENTRIES", 2)
    with pytest.raises(InputError, match="entries at offset 0x8"):
        qcdt_format.parse(several(2))
