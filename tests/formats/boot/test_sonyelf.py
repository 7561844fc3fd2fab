"""Boot images of Sony's in ELF files."""

import re
import struct

import container_builders as build
import pytest

from hardboot.base.errors import InputError
from hardboot.formats.boot import sonyelf


def patched(data: bytes, offset: int, form: str, *values: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into(form, changed, offset, *values)
    return bytes(changed)


SONY = build.sony_elf()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x7fELF\1\1\1\0" + SONY[8:], "this is another file"),
        (SONY[:50], "ELF header at offset 0x0: "),
        (patched(SONY, 44, "<H", 0), "e_phnum at offset 0x2c: 0 program headers, from 1 to 16 are allowed"),
        (patched(SONY, 44, "<H", 0xFFFF), "e_phnum at offset 0x2c: 65535 program headers"),
        (
            patched(SONY, 28, "<I", 0xFFFFFFF0),
            "e_phoff at offset 0x1c: the program headers end",
        ),
        (patched(SONY, 52 + 16, "<I", 0xFFFFFFFF), "p_filesz at offset 0x44"),
        (patched(SONY, 52 + 4, "<I", 0), "kernel begins before 0xb4, the end of the headers"),
        (patched(SONY, 84 + 4, "<I", 4097), "begins before"),
    ],
)
def test_a_damaged_sony_image_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        sonyelf.parse(data)


def test_sony_parts_have_their_names_and_addresses() -> None:
    image = sonyelf.parse(SONY)
    assert [(part.name, part.addr) for part in image.loaded] == [
        *(("kernel", 0x80208000), ("ramdisk", 0x81900000), ("rpm", 0x20000), ("cmdline", 0)),
    ]


def test_an_image_of_64_bits_is_for_32_bit_arm() -> None:
    image = sonyelf.parse(build.sony_elf64())
    assert [(part.name, part.addr, bytes(part.data)) for part in image.loaded] == [
        *(("kernel", 0x80208000, build.KERNEL), ("ramdisk", 0x81900000, build.RAMDISK)),
        ("dt", 0x81E00000, build.DTB),
    ]
    assert b"".join(map(bytes, sonyelf.build(image))) == build.sony_elf64()


@pytest.mark.parametrize(
    ("offset", "values", "known"),
    [
        (4, (1,), False),  # 32 bits with ABI 0
        (7, (0x61,), True),
        (16, (3,), False),  # ET_DYN
        (18, (183,), False),  # arm64, with ABI 0
        (5, (2,), False),  # big-endian
        (4, (3,), False),
    ],
)
def test_other_elf_files_are_none_of_sonys(offset: int, values: tuple[int, ...], known: bool) -> None:
    data = patched(build.sony_elf64(), offset, "<B", *values)
    assert sonyelf.is_sony_elf(data) is known
    assert sonyelf.is_sony_elf(patched(data, 7, "<B", 0x61)) == (offset in (4, 7, 18) and values != (3,))
    assert not sonyelf.is_sony_elf(data[:19])


@pytest.mark.parametrize("grow", [-5, 0, 1, 5000])
def test_a_section_in_front_of_the_parts_stays(grow: int) -> None:
    data = build.sony_elf64(sections=True)
    image = sonyelf.parse(data)
    same = {part.name: part.data for part in image.parts}
    kernel = b"k" * (len(build.KERNEL) + grow)
    changed = sonyelf.with_parts(image, {**same, "kernel": kernel})
    again = b"".join(map(bytes, sonyelf.build(changed)))
    assert again[1024:4096] == data[1024:4096]
    assert [bytes(part.data) for part in sonyelf.parse(again).loaded] == [kernel, build.RAMDISK, build.DTB]


@pytest.mark.parametrize(
    ("offset", "value"), [(40, 1 << 63), (40, 4096), (1024 + 24, 4090), (1024 + 32, 1 << 40)]
)
def test_a_section_that_would_have_to_move_is_refused(offset: int, value: int) -> None:
    """Of the file header, e_shoff; of the section header, sh_offset and sh_size."""
    data = patched(build.sony_elf64(sections=True), offset, "<Q", value)
    image = sonyelf.parse(data)
    same = {part.name: part.data for part in image.parts}
    assert b"".join(map(bytes, sonyelf.build(sonyelf.with_parts(image, same)))) == data
    with pytest.raises(InputError, match="e_shoff at offset 0x28: section 0 is behind a part of another"):
        sonyelf.with_parts(image, {**same, "kernel": b"longer" * 9999})


def moved(gap: int, **contents: bytes) -> tuple[sonyelf.SonyElf, bytes]:
    image = sonyelf.parse(build.sony_elf(gap))
    same = {part.name: part.data for part in image.parts}
    changed = sonyelf.with_parts(image, {**same, **contents})
    return changed, b"".join(bytes(chunk) for chunk in sonyelf.build(changed))


@pytest.mark.parametrize("grow", [-5, 0, 1, 5000])
def test_parts_that_touch_still_touch_when_one_grows(grow: int) -> None:
    ramdisk = b"r" * (len(build.RAMDISK) + grow)
    image, data = moved(0, ramdisk=ramdisk)
    places = {part.name: (part.offset, len(part.data)) for part in image.loaded}
    end = places["ramdisk"][0] + len(ramdisk)
    assert places["rpm"][0] == end
    assert places["cmdline"][0] == end + places["rpm"][1]
    again = sonyelf.parse(data)
    assert [bytes(part.data) for part in again.parts][1] == ramdisk
    assert {part.name: (part.offset, len(part.data)) for part in again.loaded} == places


@pytest.mark.parametrize("grow", [-5, 1, 5000])
def test_parts_with_gaps_begin_on_pages_behind_one_that_grew(grow: int) -> None:
    ramdisk = b"r" * (len(build.RAMDISK) + grow)
    image, data = moved(100, ramdisk=ramdisk)
    offsets = {part.name: part.offset for part in image.loaded}
    end = offsets["ramdisk"] + len(ramdisk)
    assert offsets["rpm"] == -(-end // 4096) * 4096
    assert data[end : offsets["rpm"]] == bytes(offsets["rpm"] - end)
    rpm_end = offsets["rpm"] + len(b"rpm data" * 10)
    assert data[rpm_end : offsets["cmdline"]] == b"\xaa" * 100
    assert sonyelf.parse(data).loaded == image.loaded


def test_a_part_that_stays_as_it_is_moves_nothing() -> None:
    assert moved(100)[1] == build.sony_elf(100)
    assert moved(0, kernel=b"K" * len(build.KERNEL))[1][4096:4097] == b"K"


def test_the_memory_of_a_part_follows_its_size() -> None:
    _, data = moved(0, kernel=b"k" * 5)
    assert struct.unpack_from("<2I", data, 52 + 16) == (5, 5)
    larger = patched(build.sony_elf(), 52 + 20, "<I", 0x100000)
    image = sonyelf.parse(larger)
    assert b"".join(bytes(chunk) for chunk in sonyelf.build(image)) == larger


def test_a_part_with_unknown_flags_or_a_name_that_is_taken_has_a_number() -> None:
    data = patched(patched(SONY, 52 + 2 * 32 + 24, "<I", 0x80000000), 52 + 3 * 32 + 24, "<I", 7)
    assert [part.name for part in sonyelf.parse(data).loaded] == ["kernel", "ramdisk", "ramdisk2", "segment3"]


def test_another_elf_file_is_refused_with_a_fix() -> None:
    with pytest.raises(InputError, match="Sony ELF boot image: magic at offset 0x0") as caught:
        sonyelf.parse(b"\x7fELF\1\1\1\0" + SONY[8:])
    assert caught.value.fix == "Give a boot image of a Sony phone."
