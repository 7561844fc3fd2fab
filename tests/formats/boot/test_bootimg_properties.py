"""Any boot image reads back as it was written; any bytes are refused or build back."""

import struct
from dataclasses import replace
from typing import Any

from golden_images import V0, V1, V2, V3, V4, built
from hypothesis import given, settings
from hypothesis import strategies as st

from hardboot.base.errors import InputError
from hardboot.formats.boot import bootimg
from hardboot.formats.boot.bootimg import BootImage

DT = replace(V0, dt=b"QCDT data")
PXA = replace(
    *(V0,),
    pxa=True,
    dt=b"dt data",
    os_version=0,
    name="Name" * 6,
    header=struct.pack("<36xI", 0x02000000),
)


def texts(size: int) -> st.SearchStrategy[str]:
    raw = st.binary(max_size=size).map(lambda raw: raw.replace(b"\0", b"\1"))
    return raw.map(lambda raw: raw.decode("utf-8", "surrogateescape"))


U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
PARTS = st.binary(max_size=5000)
KINDS = st.sampled_from(["v0", "v1", "v2", "v3", "v4", "dt", "pxa"])


@st.composite
def images(draw: st.DrawFn) -> BootImage:
    kind = draw(KINDS)
    version = int(kind[1]) if kind[0] == "v" else 0
    parts = {"v1": ["recovery_dtbo"], "v2": ["recovery_dtbo", "dtb"], "v4": ["signature"], "pxa": ["dt"]}
    numbers = {"v1": ["recovery_dtbo_offset"], "v2": ["recovery_dtbo_offset", "dtb_addr"]}
    chosen: dict[str, st.SearchStrategy[Any]] = {
        "header_version": st.just(version),
        "pxa": st.just(kind == "pxa"),
        **dict.fromkeys(("kernel", "ramdisk", *parts.get(kind, ())), PARTS),
        **dict.fromkeys(numbers.get(kind, ()), U64),
        "cmdline": texts(1536),
        "page_size": st.just(4096) if version > 2 else st.sampled_from(bootimg.PAGE_SIZES),
    }
    if kind != "pxa":
        chosen["os_version"] = U32
    else:
        chosen["header"] = st.just(struct.pack("<36xI", 0x02000000).ljust(131072, b"\0"))
    if kind == "dt":
        chosen["dt"] = st.binary(min_size=9, max_size=5000)
    if version < 3:
        chosen |= {
            "second": PARTS,
            **dict.fromkeys(("kernel_addr", "ramdisk_addr", "second_addr", "tags_addr"), U32),
            "name": texts(24 if kind == "pxa" else 16),
            "id": st.binary(min_size=32, max_size=32),
        }
    if kind == "pxa":
        chosen["tags_addr"] = st.integers(9, 2**32 - 1)
    return BootImage(**{name: draw(strategy) for name, strategy in chosen.items()})


@settings(max_examples=200)
@given(images())
def test_every_image_reads_back_as_it_was_written(image: BootImage) -> None:
    data = built(image)
    assert len(data) % image.page_size == 0
    assert bootimg.parse(data) == image
    assert built(bootimg.parse(data)) == data


def refused_or_builds_back(data: bytes) -> None:
    try:
        image = bootimg.parse(data)
    except InputError:
        return
    again = built(image)
    assert again == data


@settings(max_examples=200)
@given(st.binary(max_size=6000) | st.binary(max_size=3000).map(lambda tail: b"ANDROID!" + tail))
def test_any_bytes_are_refused_or_build_back(data: bytes) -> None:
    refused_or_builds_back(data)


@settings(max_examples=200)
@given(
    st.sampled_from([V0, V1, V2, V3, V4, DT, PXA]),
    st.lists(st.tuples(st.integers(0, 1700), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4),
    st.integers(0, 30000),
)
def test_a_damaged_image_is_refused_or_builds_back(
    image: BootImage, damage: list[tuple[int, bytes]], size: int
) -> None:
    data = bytearray(built(image))
    for offset, value in damage:
        data[offset : offset + len(value)] = value
    refused_or_builds_back(bytes(data[:size]))
