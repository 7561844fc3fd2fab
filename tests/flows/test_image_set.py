"""The images of a ROM are found in a folder or an archive, and no path in an archive is used."""

import io
import lzma
import resource
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import pytest
from image_sets import image_set as images_of
from image_sets import write_set, write_zip
from told import raises

from hardboot.base.errors import InputError
from hardboot.downloads import is_collection, zips
from hardboot.downloads.image_source import MAX_IMAGE
from hardboot.flows import image_set
from hardboot.formats.archives.decoders import ZstdError

SET = {"boot": b"the boot image", "init_boot": b"the generic ramdisk", "dtbo": b"overlays"}
EXTRACT = "Extract the images into a folder, and give the folder."


def found(path: Path, **others: Path | None) -> dict[str, bytes]:
    result = image_set.find(path, others)
    assert result.path == path
    assert set(result.files) == set(result.images)
    return {name: bytes(data) for name, data in result.images.items()}


def test_a_file_is_the_boot_image(tmp_path: Path) -> None:
    path = tmp_path / "any name"
    path.write_bytes(b"boot")
    assert found(path) == {"boot": b"boot"}
    assert image_set.find(path, {}).files == {"boot": path}


def test_a_folder_holds_images_under_their_usual_names(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "rom", {**SET, "recovery": b"not one of them"})
    assert found(folder) == SET
    assert image_set.find(folder, {}).files["dtbo"] == folder / "dtbo.img"


def test_a_file_that_is_named_counts_in_place_of_the_folders(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "rom", SET)
    other = tmp_path / "other"
    other.write_bytes(b"another")
    assert found(folder, init_boot=other, vendor_boot=other, dtbo=None) == {
        **SET,
        "init_boot": b"another",
        "vendor_boot": b"another",
    }


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_an_archive_holds_images_in_any_folder(how: int, tmp_path: Path) -> None:
    members = {f"../../{'x/' * index}{name}.img": data for index, (name, data) in enumerate(SET.items())}
    path = write_zip(tmp_path / "rom.zip", {**members, "boot.img/": b"", "system.img": b"no"}, how)
    assert found(path) == SET
    assert image_set.find(path, {}).files["boot"] == path / "boot.img"
    assert [one.name for one in tmp_path.iterdir()] == ["rom.zip"]


def test_a_factory_archive_holds_the_archive_of_images(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        for name, data in SET.items():
            archive.writestr(f"{name}.img", data)
    members = {"oriole/image-oriole-1.zip": inner.getvalue(), "oriole/bootloader.img": b"x"}
    assert found(write_zip(tmp_path / "factory.zip", members)) == SET
    # One level only.
    outer = write_zip(tmp_path / "image-outer.zip", members).read_bytes()
    with pytest.raises(InputError, match=r"it holds no boot\.img"):
        found(write_zip(tmp_path / "two.zip", {"image-outer.zip": outer}))


def test_an_archive_without_images_says_what_is_missing(tmp_path: Path) -> None:
    for path in (
        write_zip(tmp_path / "a.zip", {"flash.sh": b"x"}),
        write_set(tmp_path / "rom", {"dtbo": b"x"}),
    ):
        with raises(
            InputError,
            f"{path}: it holds no boot.img",
            "Nothing was changed.",
            "Give a folder, archive or OTA with a boot image.",
        ):
            found(path)


def test_an_archive_with_two_images_of_one_name_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a/boot.img": b"1", "b/boot.img": b"2"})
    with raises(InputError, f"{path}: boot.img is in the archive 2 times", "Nothing was changed.", EXTRACT):
        found(path)
    path = write_zip(tmp_path / "b.zip", {"image-a.zip": b"1", "image-b.zip": b"2"})
    with raises(
        InputError, f"{path}: 2 archives image-*.zip are in the archive", "Nothing was changed.", EXTRACT
    ):
        found(path)


def test_a_member_that_is_too_large_or_empty_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_set, "MAX_IMAGE", 10)
    path = write_zip(tmp_path / "a.zip", {"boot.img": b"0123456789"})
    assert found(path)["boot"] == b"0123456789"
    for data, limit in ((b"0123456789a", 10), (b"", MAX_IMAGE)):
        path = write_zip(tmp_path / "a.zip", {"boot.img": data})
        problem = f"{path}: boot.img in it has {len(data)} bytes, it must have 1 to {limit}"
        with raises(InputError, problem, "Nothing was changed.", "Extract the image, and give the file."):
            found(path)


def test_a_member_that_is_larger_than_it_states_is_cut_there(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"boot.img": b"x" * 100_000})
    data = path.read_bytes()
    lying = data.replace((100_000).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    assert lying != data
    path.write_bytes(lying)
    with pytest.raises(InputError, match=r"a\.zip: the archive cannot be read: Bad CRC-32"):
        found(path)


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zips, "MAX_MEMBERS", 3)
    assert found(write_zip(tmp_path / "a.zip", {f"{name}.img": data for name, data in SET.items()}))
    path = write_zip(tmp_path / "b.zip", {**SET, "boot.img": b"x"})
    with raises(InputError, f"{path}: more than 3 files in the archive", "Nothing was changed.", EXTRACT):
        found(path)


@pytest.mark.parametrize("cut", [5, 40, 150])
def test_a_damaged_archive_is_refused(cut: int, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", images_of())
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match=r"a\.zip: the archive cannot be read: "):
        found(path)


LOCAL, CENTRAL = b"PK\3\4", b"PK\1\2"  # magics of a member's two headers
METHOD_ZSTD = ((LOCAL, 8, b"\x5d"), (CENTRAL, 10, b"\x5d"))
NOT_UTF8 = ((CENTRAL, 9, b"\x08"), (CENTRAL, 46, b"\xff"))
BELOW_ZERO = ((b"PK\5\6", 16, b"\xff\xff\xff"),)  # where the list of members begins
# A second member that begins far behind the end lets the first one reach so far.
TOO_LONG = (*((CENTRAL, at, b"\0\0\1") for at in (20, 24)), (CENTRAL, 46 + 8 + 42, b"\0\0\x7f"))


@pytest.mark.parametrize(
    ("how", "changes", "cause"),
    [
        (zipfile.ZIP_STORED, ((CENTRAL, 0, b"?"),), zipfile.BadZipFile),
        (zipfile.ZIP_DEFLATED, ((LOCAL, 30 + 8, b"\xff" * 4),), zlib.error),
        (zipfile.ZIP_LZMA, ((LOCAL, 30 + 8 + 9, b"\xff" * 4),), lzma.LZMAError),
        (zipfile.ZIP_BZIP2, ((LOCAL, 30 + 8, b"?"),), OSError),
        # zipfile knows it from Python 3.14 on.
        (zipfile.ZIP_STORED, METHOD_ZSTD, ZstdError if sys.version_info >= (3, 14) else NotImplementedError),
        (zipfile.ZIP_STORED, TOO_LONG, EOFError),
        (zipfile.ZIP_STORED, BELOW_ZERO, OSError),
        (zipfile.ZIP_STORED, NOT_UTF8, UnicodeDecodeError),
    ],
)
def test_whatever_is_wrong_with_an_archive_is_told_of_its_file(
    how: int, changes: tuple[tuple[bytes, int, bytes], ...], cause: type[Exception], tmp_path: Path
) -> None:
    path = write_zip(tmp_path / "a.zip", {"boot.img": b"0123" * 100, "dtbo.img": b"x"}, how)
    data = bytearray(path.read_bytes())
    for magic, offset, new in changes:
        at = data.index(magic) + offset
        data[at : at + len(new)] = new
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"a\.zip: the archive cannot be read: ") as caught:
        found(path)
    assert type(caught.value.__cause__) is cause


def test_a_member_beyond_what_files_can_have_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"boot.img": b"x"})
    data = bytearray(path.read_bytes())
    at, end = data.index(CENTRAL), data.index(b"PK\5\6")
    extra = struct.pack("<HHQ", 1, 8, 1 << 63)  # ZIP64: the offset of the member
    data[end + 12] += len(extra)
    data[at + 30] = len(extra)
    data[at + 42 : at + 46] = b"\xff" * 4  # it is in `extra`
    data[end:end] = extra
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"a\.zip: the archive cannot be read: ") as caught:
        found(path)
    assert type(caught.value.__cause__) is zipfile.BadZipFile


def test_a_full_disk_is_not_taken_for_a_damaged_archive(tmp_path: Path) -> None:
    inner = write_zip(tmp_path / "inner.zip", SET).read_bytes()
    path = write_zip(tmp_path / "factory.zip", {"image-a.zip": inner})
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limit[1]))
    try:
        with pytest.raises(InputError, match=r"factory\.zip: a temporary file cannot be written: "):
            found(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.img: no such file"):
        found(tmp_path / "none.img")
    folder = write_set(tmp_path / "rom", SET)
    with pytest.raises(InputError, match=r"gone: no such file"):
        found(folder, dtbo=tmp_path / "gone")


def test_a_name_that_no_file_can_have_is_told(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 300)
    with raises(
        InputError,
        f"{path}: file name too long",
        "Nothing was changed.",
        "Check the name and the permissions of the file.",
    ):
        found(path)


def test_folders_and_archives_are_sets(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "rom", SET)
    assert is_collection(folder)
    assert is_collection(write_zip(tmp_path / "a.zip", SET))
    assert not is_collection(folder / "boot.img")
