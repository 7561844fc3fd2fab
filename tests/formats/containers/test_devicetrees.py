"""The device trees of a file, whatever holds them: a table, a kernel, nothing, and compressed or not."""

import gzip
import zlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_builders import arm64_image, board, dtbo, kernel_with_banner, qcdt, zimage
from tree_tables import SAMPLES, A, B, C, several

from hardboot.base.errors import InputError
from hardboot.formats.archives import compression
from hardboot.formats.containers import devicetrees
from hardboot.formats.trees import dtbo as overlays
from hardboot.formats.trees import fdt
from hardboot.formats.trees.qcdt import QCDT


@pytest.mark.parametrize("name", SAMPLES)
def test_all_trees_are_found_with_their_ids(name: str) -> None:
    data = SAMPLES[name].data
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


@pytest.mark.parametrize(
    ("name", "ids"),
    [("AML_ 1", ("gxl", "p212", "1g")), ("AML_ 2", ("g12a", "u212dragon", "2g"))],
)
def test_the_words_of_amlogics_ids_are_put_in_order(name: str, ids: tuple[str, str, str]) -> None:
    found = devicetrees.find(SAMPLES[name].data)
    assert found is not None
    assert tuple(found.entries[0].ids.values()) == ids


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
    assert overlays.build(overlays.parse(data)) == data
    monkeypatch.setattr(fdt, "MAX_SIZE", len(B) - 1)
    for entry in found.entries[1:]:
        with pytest.raises(InputError, match="more than"):
            entry.content()


def test_an_unknown_compression_of_an_overlay_is_refused_when_it_is_read() -> None:
    found = devicetrees.find(dtbo([((0, 0, 3, 0, 0, 0), A), ((0, 0, 0, 0, 0, 0), B)], version=1))
    assert found is not None
    assert [one.compression for one in found.entries] == ["unknown", None]
    assert bytes(found.entries[1].content()) == B
    with pytest.raises(InputError, match="compressed in an unknown way"):
        found.entries[0].tree()
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
    assert len(QCDT.parse(data).trees) == 13
    assert fdt.text(found.entries[199].tree().root.properties["model"]) == str(199 % 13)


@settings(max_examples=200)
@given(
    st.sampled_from(
        [b"QCDT", b"DTBH", b"SPRD", b"PXA-DT", b"PXA-19xx", b"\xd7\xb7\xab\x1e", b"\xd0\x0d\xfe\xed"]
    ),
    st.binary(max_size=200),
)
def test_any_bytes_are_refused_or_read(magic: bytes, data: bytes) -> None:
    with suppress(InputError):
        devicetrees.find(magic + data)
