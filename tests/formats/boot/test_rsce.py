"""Rockchip's resource images."""

import struct

import container_builders as build
import pytest
from image_builders import board

from hardboot.base.errors import InputError
from hardboot.devicetree import tree_source
from hardboot.formats.boot import rsce
from hardboot.formats.containers import Changes, devicetrees, open_container


def contents(image: rsce.Rsce) -> list[bytes]:
    return [bytes(content) for content in image.contents]


@pytest.mark.parametrize(("size", "matches"), [(0, None), (20, True), (32, True)])
def test_files_have_their_paths_and_hashes(size: int, matches: bool | None) -> None:
    image = rsce.parse(build.resources(size))
    assert [entry.name for entry in image.entries] == [
        *("rk-kernel.dtb", "logo.bmp", "empty", "rk-kernel#_saradc_ch1=24.dtb"),
    ]
    assert contents(image) == [board("one"), b"BM" * 700, b"", board("two")]
    rows = zip(image.entries, image.contents, strict=True)
    assert [entry.matches(content) for entry, content in rows] == [matches] * 4
    assert image.entries[0].matches(b"another") is (None if matches is None else False)


@pytest.mark.parametrize("size", [0, 20, 32])
def test_with_other_files_it_is_what_resource_tool_makes_of_them(size: int) -> None:
    image = rsce.parse(build.resources(size) + b"behind")
    names = [entry.name for entry in image.entries]
    assert rsce.build(image, names, contents(image)) == build.resources(size)
    files = [board("a longer one") * 3, b"", b"now not empty", board("two")]
    names[0] = "new.dtb"
    assert rsce.build(image, names, files) == build.rsce(list(zip(names, files, strict=True)), size)


def test_a_path_that_does_not_fit_is_refused() -> None:
    image = rsce.parse(build.resources())
    names = ["x" * 221, *(entry.name for entry in image.entries[1:])]
    with pytest.raises(InputError, match="path at offset 0x204: 221 bytes, the limit is 220"):
        rsce.build(image, names, contents(image))


def test_its_device_trees_are_found_alone_and_as_second() -> None:
    found = devicetrees.find(build.resources())
    assert found is not None
    assert [(entry.ids["path"], bytes(entry.content())) for entry in found.entries] == [
        *(("rk-kernel.dtb", board("one")), ("rk-kernel#_saradc_ch1=24.dtb", board("two"))),
    ]
    source = tree_source.find_trees(build.boot(second=build.resources()))
    assert source is not None
    assert (source.part, source.kind, len(source.candidates)) == ("second", "RSCE", 2)
    assert devicetrees.find(build.rsce([("logo.bmp", b"BM")])) is None


def test_files_are_parts_with_their_paths() -> None:
    container = open_container(build.resources())
    places = [(part.name, part.offset) for part in container.parts if len(part.data)]
    assert places == [("tree0", 0xA00), ("file1", 0xC00), ("tree3", 0x1200)]
    fields = {**container.part_fields, "file1": {"name": "logo_kernel.bmp"}}
    changed = Changes({}, fields, {part.name: part.data for part in container.parts})
    again = rsce.parse(b"".join(bytes(chunk) for chunk in container.rebuild(changed).chunks))
    assert again.entries[1].name == "logo_kernel.bmp"


def damaged(offset: int, form: str, *values: int) -> bytes:
    data = bytearray(build.resources())
    struct.pack_into(form, data, offset, *values)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"RSCE\0\0", "header at offset 0x0: truncated"),
        (b"RSCX" + bytes(20), "magic at offset 0x0"),
        (damaged(12, "<I", 1025), "entries at offset 0xc: 1025 entries of 512 bytes"),
        (damaged(12, "<I", 0xFFFFFFFF), "entries at offset 0xc"),
        (damaged(12, "<I", 40), "entries at offset 0xc: 40 entries"),
        (damaged(9, "<B", 0), "entries at offset 0xc"),
        (damaged(10, "<B", 0), "entries at offset 0xc"),
        (damaged(512, "<I", 0), "entry at offset 0x200: magic"),
        (damaged(512 + 260, "<I", 0), "entry at offset 0x200: [0-9]+ bytes from 0x0, outside"),
        (damaged(512 + 260, "<I", 0xFFFFFFFF), "entry at offset 0x200"),
        (damaged(512 + 264, "<I", 0xFFFFFFFF), "entry at offset 0x200: 4294967295 bytes"),
        (build.resources()[:-512], "entry at offset 0x800"),
    ],
)
def test_a_damaged_image_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        rsce.parse(data)


def test_files_that_overlap_are_read_and_not_unpacked() -> None:
    data = damaged(512 + 512 + 260, "<I", 5)
    assert contents(rsce.parse(data))[1][:4] == board("one")[:4]
    with pytest.raises(InputError, match="begins before"):
        open_container(data)


def test_an_image_without_files_is_its_header() -> None:
    data = build.rsce([])
    image = rsce.parse(data)
    assert (image.entries, image.end) == ((), 512)
    assert rsce.build(image, [], []) == data
