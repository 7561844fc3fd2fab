"""Boot images against pinned hashes, AOSP's mkbootimg and unpack_bootimg, abootimg, and any bytes."""

import hashlib
import re
import struct
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import container_builders as build
import pytest
from golden_images import V0, V1, V2, V3, V4
from hypothesis import given, settings
from hypothesis import strategies as st
from image_builders import DEBIAN, mkbootimg

from hardboot.base.errors import InputError
from hardboot.formats.boot import bootimg
from hardboot.formats.boot.bootimg import BootImage
from hardboot.formats.reading import WINDOW

DT = replace(V0, dt=b"QCDT data")
PXA = replace(
    *(V0,),
    pxa=True,
    dt=b"dt data",
    os_version=0,
    name="Name" * 6,
    header=struct.pack("<36xI", 0x02000000),
)

VERSIONS = pytest.mark.parametrize("image", [V0, V1, V2], ids=["v0", "v1", "v2"])


def built(image: BootImage) -> bytes:
    return b"".join(bootimg.build(image))


def patched(offset: int, *values: int) -> bytes:
    """Return a good v2 image with words replaced."""
    data = bytearray(built(V2))
    struct.pack_into(f"<{len(values)}I", data, offset, *values)
    return bytes(data)


def refusal(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        bootimg.parse(data)
    assert caught.value.state
    assert caught.value.fix
    return caught.value.what


def make(tmp_path: Path, version: int, cmdline: str = "a " * 400 + "end") -> bytes:
    """Return an image of AOSP's mkbootimg; Debian's fails on --recovery_dtbo, as it returns no offset."""
    for name in ("kernel", "ramdisk", "second", "dtb"):
        (tmp_path / name).write_bytes(f"{name} ".encode() * 700)
    target = tmp_path / "made.img"
    subprocess.run(
        [
            *("mkbootimg", "--header_version", str(version), "--pagesize", "4096", "--base", "0x80000000"),
            *("--os_version", "13.1.2", "--os_patch_level", "2023-05", "--board", "board"),
            *("--kernel", tmp_path / "kernel", "--ramdisk", tmp_path / "ramdisk"),
            *("--second", tmp_path / "second", "--cmdline", cmdline),
            *(("--dtb", str(tmp_path / "dtb")) if version == 2 else ()),
            *("-o", target),
        ],
        check=True,
        timeout=30,
        env=DEBIAN,
    )
    return target.read_bytes()


@pytest.mark.parametrize("version", [0, 1, 2])
def test_an_image_made_by_mkbootimg_is_read_and_written_the_same(tmp_path: Path, version: int) -> None:
    data = make(tmp_path, version)
    image = bootimg.parse(data)
    assert image.header_version == version
    assert bytes(image.kernel) == b"kernel " * 700
    assert bytes(image.ramdisk) == b"ramdisk " * 700
    assert bytes(image.second) == b"second " * 700
    assert bytes(image.dtb) == (b"dtb " * 700 if version == 2 else b"")
    assert image.kernel_addr == 0x80008000
    assert image.ramdisk_addr == 0x81000000
    assert image.second_addr == 0x80F00000
    assert image.tags_addr == 0x80000100
    assert image.dtb_addr == (0x81F00000 if version == 2 else 0)
    assert (image.os_version_text, image.os_patch_level) == ("13.1.2", "2023-05")
    assert (image.name, image.cmdline) == ("board", "a " * 400 + "end")
    assert bootimg.check_id(image) == "sha1"
    assert len(image.tail) == 0
    assert built(image) == data
    assert bootimg.renew(replace(image, id=bytes(32))) == image
    short = make(tmp_path, version, "quiet")  # its older versions fill the first field of a long one
    assert built(replace(bootimg.parse(short), header=b"")) == short


def unpacked(path: Path, out: Path) -> str:
    command = ["unpack_bootimg", "--boot_img", str(path), "--out", str(out)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30, env=DEBIAN).stdout


@VERSIONS
def test_unpack_bootimg_reads_what_is_written(tmp_path: Path, image: BootImage) -> None:
    image = replace(image, cmdline="console=ttyMSM0 " * 60, recovery_dtbo_offset=0)
    image = bootimg.renew(image)
    path = tmp_path / "boot.img"
    path.write_bytes(built(image))
    told = unpacked(path, tmp_path / "out")
    for part in image.parts:
        assert (tmp_path / "out" / part.name).read_bytes() == part.data
    assert f"boot image header version: {image.header_version}" in told
    assert re.search("kernel load address: 0x0*1234567\n", told)
    assert "page size: 4096" in told
    first, rest = image.cmdline[:511], image.cmdline[511:]
    assert f"command line args: {first}" in told
    assert f"additional command line args: {rest}" in told


def test_unpack_bootimg_finds_the_recovery_dtbo_where_renew_says(tmp_path: Path) -> None:
    image = bootimg.renew(V2)
    path = tmp_path / "boot.img"
    path.write_bytes(built(image))
    data = path.read_bytes()
    assert data[image.recovery_dtbo_offset :].startswith(b"recovery_dtbo data")
    told = unpacked(path, tmp_path / "out")
    assert re.search(f"recovery dtbo offset: 0x0*{image.recovery_dtbo_offset:x}\n", told)


def test_abootimg_reads_what_is_written_and_is_read(tmp_path: Path) -> None:
    image = replace(V0, cmdline="console=ttyMSM0", name="board", page_size=2048)
    (tmp_path / "boot.img").write_bytes(built(image))
    run = subprocess.run(
        ["abootimg", "-i", "boot.img"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert "cmdline = console=ttyMSM0" in run.stdout
    assert re.search(r"kernel:\s+0x0*1234567\b", run.stdout)
    assert re.search(r"tags:\s+0x0*13579bdf\b", run.stdout)
    (tmp_path / "kernel").write_bytes(b"k" * 5000)
    (tmp_path / "ramdisk").write_bytes(b"r" * 3000)
    subprocess.run(
        [
            *("abootimg", "--create", "new.img", "-k", "kernel", "-r", "ramdisk"),
            *("-c", "cmdline=quiet", "-c", "pagesize=0x800"),
        ],
        cwd=tmp_path,
        capture_output=True,
        check=True,
        timeout=30,
    )
    read = bootimg.parse((tmp_path / "new.img").read_bytes())
    assert (bytes(read.kernel), bytes(read.ramdisk)) == (b"k" * 5000, b"r" * 3000)
    assert (read.cmdline, read.page_size, read.header_version) == ("quiet", 2048, 0)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
@VERSIONS
def test_an_id_is_recognised_until_a_part_changes(image: BootImage, algorithm: bootimg.Algorithm) -> None:
    image = bootimg.renew(image, algorithm)
    assert bootimg.check_id(image) == algorithm
    assert bootimg.check_id(replace(image, ramdisk=b"ramdisk dat4")) is None
    assert bootimg.check_id(replace(image, second=b"")) is None


def test_the_sizes_of_empty_parts_are_hashed_too() -> None:
    image = BootImage(kernel=b"k")
    by_hand = hashlib.sha1(b"k" + struct.pack("<III", 1, 0, 0)).digest()
    assert bootimg.compute_id(image, "sha1") == by_hand + bytes(12)


@pytest.mark.parametrize("image", [V3, V4])
def test_images_without_an_id_have_zeros_for_it(image: BootImage) -> None:
    assert not bootimg.has_id(image)
    assert bootimg.compute_id(image, "sha1") == bytes(32)
    assert bootimg.check_id(replace(image, id=b"x" * 32)) is None
    assert bootimg.renew(image, "sha256").id == bytes(32)


@pytest.mark.parametrize("version", [0, 1, 2])
def test_an_id_may_count_a_device_tree_table_that_is_not_there(version: int) -> None:
    """As LineageOS's mkbootimg does it, for every image without one."""
    image = (V0, V1, V2)[version]
    parts = [image.kernel, image.ramdisk, image.second, b"", image.recovery_dtbo, image.dtb][: 4 + version]
    digest = hashlib.sha1(b"".join(bytes(part) + struct.pack("<I", len(part)) for part in parts)).digest()
    image = replace(image, id=digest + bytes(12))
    assert bootimg.check_id(image) == "sha1-dt"
    changed = bootimg.renew(replace(image, kernel=b"k"), "sha1-dt")
    assert bootimg.check_id(changed) == "sha1-dt"


def test_parts_are_views_not_copies() -> None:
    data = bytearray(built(V0))
    image = bootimg.parse(data)
    data[image.page_size] = ord("K")
    assert bytes(image.kernel) == b"Kernel data"


def test_a_large_image_is_written_in_pieces() -> None:
    image = replace(V0, ramdisk=bytes(5 << 20))
    sizes = [len(chunk) for chunk in bootimg.build(image)]
    assert max(sizes) <= WINDOW
    assert sum(sizes) == 4096 * 3 + (5 << 20)


BOOT_IMAGES = {name: data for name, data in build.every_kind().items() if b"ANDROID!" in data[:6000]}


@pytest.mark.parametrize("name", [name for name in BOOT_IMAGES if not name.startswith("sparse")])
def test_an_image_of_any_kind_is_written_as_it_was_read(name: str) -> None:
    data = BOOT_IMAGES[name]
    image = bootimg.parse(data)
    assert built(image) == data
    assert image.tail_offset == image.end == len(data) - len(image.tail)
    assert data[len(image.lead) + image.header_offset :].startswith(b"ANDROID!")


def test_a_last_part_without_its_padding_is_read() -> None:
    data = built(V2).rstrip(b"\0")
    assert bootimg.parse(data) == V2


def test_what_follows_the_last_part_is_kept() -> None:
    data = built(V1) + b"SEANDROIDENFORCE" + b"\xff" * 4
    image = bootimg.parse(data)
    assert len(image.tail) == 20
    assert built(image) == data
    grown = bootimg.parse(built(bootimg.renew(replace(image, kernel=b"k" * 5000))))
    assert bytes(grown.kernel) == b"k" * 5000
    assert bytes(grown.tail) == bytes(image.tail)


def test_a_file_as_large_as_its_partition_stays_so_when_a_part_grows() -> None:
    image = bootimg.parse(built(V2) + b"SEANDROIDENFORCE" + bytes(16368))
    data = built(bootimg.renew(replace(image, kernel=b"k" * 5000)))
    assert len(data) == len(built(V2)) + 16384
    assert bytes(bootimg.parse(data).tail) == b"SEANDROIDENFORCE" + bytes(16368 - 4096)


def test_text_behind_a_v0_header_is_kept_and_not_read_as_fields() -> None:
    data = bytearray(built(V0))
    data[1632 : 1632 + 10] = b"Cairo SIGN"  # found in images of a vendor
    image = bootimg.parse(data)
    assert image == V0
    assert built(replace(image, kernel=b"kernel DATA"))[1632:1642] == b"Cairo SIGN"


@pytest.mark.parametrize("stated", [0, 1596, 4096])
def test_a_v3_header_may_state_another_size(stated: int) -> None:
    data = bytearray(built(V3))
    struct.pack_into("<I", data, 0x14, stated)
    assert built(bootimg.parse(data)) == data


def test_bytes_behind_the_end_of_a_text_stay_unless_the_text_changes() -> None:
    data = bytearray(built(replace(V0, cmdline="quiet", name="n")))
    data[0x40 + 100] = 7
    data[0x260 : 0x260 + 5] = b" more"
    image = bootimg.parse(data)
    assert image.cmdline == "quiet more"
    assert built(image) == data
    changed = bootimg.parse(built(replace(image, cmdline="quiet")))
    assert changed.cmdline == "quiet"


def test_a_header_without_the_rest_of_its_page_is_kept_too() -> None:
    data = bytearray(built(BootImage(kernel=b"", name="n"))[:1632])
    data[0x3F] = 7
    assert built(bootimg.parse(data)) == data


@pytest.mark.parametrize(
    ("size", "first", "rest"),
    [(511, 511, 0), (512, 511, 1), (1534, 511, 1023), (1535, 512, 1023), (1536, 512, 1024)],
)
def test_the_first_part_of_a_long_command_line_ends_with_a_nul_if_there_is_room(
    size: int, first: int, rest: int
) -> None:
    data = built(replace(V0, cmdline="x" * size))
    assert data[0x40:0x240] == (b"x" * first).ljust(512, b"\0")
    assert data[0x260:0x660] == (b"x" * rest).ljust(1024, b"\0")
    assert bootimg.parse(data).cmdline == "x" * size


def test_a_command_line_that_is_not_utf8_is_kept() -> None:
    data = bytearray(built(replace(V0, cmdline="x")))
    data[0x40:0x44] = b"a\xff\xfeb"
    image = bootimg.parse(data)
    assert built(replace(image, header=b"")) == data


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cmdline": "x" * 1537}, "cmdline at offset 0x40: 1537 bytes, the limit is 1536"),
        ({"cmdline": "a\0b"}, "cmdline at offset 0x40: it contains a NUL"),
        ({"cmdline": "\ud800"}, "cmdline at offset 0x40: surrogates not allowed"),
        ({"name": "n" * 17}, "name at offset 0x30: 17 bytes, the limit is 16"),
        ({"kernel_addr": 1 << 32}, "kernel_addr"),
        ({"dtb_addr": -1}, "dtb_addr"),
        ({"id": b"short"}, "id"),
        ({"page_size": 4095}, "page_size"),
        ({"header_version": 5}, "v5"),
        ({"header_version": 3, "page_size": 2048}, "page_size"),
        ({"dt": b"x" * 100}, "dt_size"),
        ({"header_version": 0, "dt": b"x" * 8}, "dt_size at offset 0x28: 8 bytes"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_before_anything_is_written(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        bootimg.build(replace(V2, **change))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "this is an empty file"),
        (b"Dear reader,\nthis is text.\n" * 100, "this is a text file"),
        (bytes(0x38) + b"ARM\x64" + bytes(4096), "this is an arm64 kernel"),
        (b"\x3a\xff\x26\xed" + bytes(4096), "this is an Android sparse image"),
        (b"VNDRBOOT" + bytes(4096), "this is an Android vendor boot image"),
        (b"\x1f\x8b\x08\0" + bytes(4096), "this is gzip data"),
        (b"\x01\x02\x03\xfc" + bytes(4096), "this is unknown data (it begins with 01 02 03 fc 00"),
        (b"ANDROID!" + bytes(100), "header at offset 0x0: truncated: 108 of 1632 bytes"),
        (built(V2)[:1650], "v2 header at offset 0x0: truncated: 1650 of 1660 bytes"),
        (built(V0)[:4100], "kernel_size at offset 0x8: 11 bytes from 0x1000, the file ends at 0x1004"),
        (patched(0x10, 0xFFFFFFFF), "ramdisk_size at offset 0x10: 4294967295 bytes from 0x2000"),
        (patched(0x670, 0x10000), "dtb_size at offset 0x670"),
        (patched(0x28, 3), "ramdisk_size at offset 0xc: 19088743 bytes from 0x2000, the file ends at 0x6000"),
        (patched(0x28, 5), "header_version at offset 0x28: v5"),
        (patched(0x28, 8), "header_version at offset 0x28: v8"),
        (patched(0x28, 0x5D000), "dt_size at offset 0x28: 380928 bytes from 0x4000, the file ends at 0x6000"),
        (patched(0x24, 0), "page_size at offset 0x24: 0, it must be one of"),
        (patched(0x24, 4097), "page_size at offset 0x24: 4097"),
        (patched(0x24, 0x02000000), "page_size at offset 0x2c: 1985229328, it must be one of"),
    ],
)
def test_other_files_are_refused_by_name(data: bytes, message: str) -> None:
    assert message in refusal(data)


def stating(image: BootImage, offset: int, value: int) -> bytes:
    data = bytearray(built(bootimg.renew(image, None)))
    struct.pack_into("<I", data, offset, value)
    return bytes(data)


@pytest.mark.parametrize(
    ("image", "offset", "value", "warning"),
    [
        (V1, 0x66C, 0, "header_size is 0 bytes, v1 has 1648"),
        (V1, 0x66C, 1632, "header_size is 1632 bytes, v1 has 1648"),
        (V2, 0x66C, 1648, "header_size is 1648 bytes, v2 has 1660"),
        (V2, 0x66C, 0xFFFFFFFF, "header_size is 4294967295 bytes, v2 has 1660"),
        (V3, 0x14, 0, "header_size is 0 bytes, v3 has 1580"),
        (V3, 0x14, 1584, "header_size is 1584 bytes, v3 has 1580"),
        (V4, 0x14, 1580, "header_size is 1580 bytes, v4 has 1584"),
        (V4, 0x14, 1 << 20, "header_size is 1048576 bytes, v4 has 1584"),
        (V1, 0x664, 0, "recovery_dtbo_offset is 0x0, the part is at 0x4000"),
        (V2, 0x664, 0x5000, "recovery_dtbo_offset is 0x5000, the part is at 0x4000"),
    ],
)
def test_what_a_header_states_wrongly_is_a_warning_and_stays(
    image: BootImage, offset: int, value: int, warning: str
) -> None:
    data = stating(image, offset, value)
    read = bootimg.parse(data)
    assert read.warnings == (warning,)
    assert built(read) == data
    changed = bytearray(built(replace(read, kernel=b"another")))
    assert struct.unpack_from("<I", changed, offset)[0] == value
    assert bytes(bootimg.parse(bytes(changed)).kernel) == b"another"


@pytest.mark.parametrize("version", [0, 1, 2, 3])
def test_what_mkbootimg_writes_has_no_warning(version: int) -> None:
    parts = {"kernel": b"k", "ramdisk": b"r"} | ({"dtb": b"d"} if version == 2 else {})
    assert bootimg.parse(mkbootimg("--header_version", str(version), **parts)).warnings == ()


@pytest.mark.parametrize("image", [V0, bootimg.renew(V1, None), bootimg.renew(V2, None), V3, V4])
def test_a_good_header_has_no_warning(image: BootImage) -> None:
    assert bootimg.parse(built(image)).warnings == ()


@pytest.mark.parametrize(
    ("word", "version", "level"),
    [
        (0, None, None),
        (13 << 25 | 1 << 18 | 2 << 11, "13.1.2", None),
        (23 << 4 | 5, None, "2023-05"),
        (127 << 25 | 127 << 18 | 127 << 11 | 127 << 4 | 12, "127.127.127", "2127-12"),
    ],
)
def test_the_android_version_is_read(word: int, version: str | None, level: str | None) -> None:
    image = BootImage(kernel=b"k", os_version=word)
    assert (image.os_version_text, image.os_patch_level) == (version, level)


def test_printing_an_image_does_not_print_its_parts() -> None:
    assert "kernel data" not in repr(V2)


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
