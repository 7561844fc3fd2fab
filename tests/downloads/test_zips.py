"""Zip archives: OTAs, factory archives, encrypted ones, bombs."""

import io
import os
import struct
import subprocess
import tracemalloc
import zipfile
from pathlib import Path

import ota_builders as build
import pytest
from image_sets import write_zip

from hardboot.base.errors import InputError
from hardboot.downloads import content, open_download
from hardboot.flows import image_set

BOOT, SYSTEM = build.image(9), build.image(30, 2)


def contents(path: Path) -> dict[str, bytes]:
    with open_download(path) as download:
        return {name: b"".join(source.blocks()) for name, source in download.images.items()}


def zipped(members: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", how) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target.getvalue()


@pytest.mark.parametrize("outer", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("inner", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_factory_archive_is_read_whether_its_archive_is_stored_or_packed(
    outer: int, inner: int, tmp_path: Path
) -> None:
    images = zipped({"boot.img": BOOT, "system.img": SYSTEM, "android-info.txt": b"x"}, inner)
    members = {
        "oriole-1/image-oriole-1.zip": images,
        "oriole-1/bootloader-oriole-1.img": b"loader",
        "oriole-1/flash-all.sh": b"#!/bin/sh",
    }
    path = write_zip(tmp_path / "factory.zip", members, outer)
    assert contents(path) == {"boot": BOOT, "system": SYSTEM, "bootloader-oriole-1": b"loader"}
    with open_download(path) as download:
        assert download.kind == "factory archive"


def test_an_archive_of_boot_image_and_block_based_system_is_read_together(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "lineage.zip", {"boot.img": BOOT, **build.block_ota("system", SYSTEM)})
    assert contents(path) == {"boot": BOOT, "system": SYSTEM}


def test_a_damaged_system_image_does_not_stop_the_boot_image(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"boot.img": BOOT, "system.img": SYSTEM})
    data = bytearray(path.read_bytes())
    at = data.index(b"system.img") + len("system.img")
    data[at : at + 20] = b"\xff" * 20
    path.write_bytes(data)
    with open_download(path) as download:
        assert b"".join(download.images["boot"].blocks()) == BOOT
        assert "the archive cannot be read" in download.refused["system"].what


def test_an_encrypted_archive_is_named(tmp_path: Path) -> None:
    data = bytearray(zipped({"boot.img": BOOT}))
    for magic, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(magic) + offset] |= 1
    path = tmp_path / "realme.zip"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"realme\.zip: boot\.img is encrypted with a password") as caught:
        image_set.find(path, {})
    assert caught.value.fix == "Extract it with its password (7z x), and give the images."


def test_a_size_that_deflate_cannot_reach_is_refused(tmp_path: Path) -> None:
    data = bytearray(zipped({"boot.img": bytes(1 << 20)}))
    lie = struct.pack("<I", 1 << 30)
    for magic, offset in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        at = data.index(magic) + offset
        data[at : at + 4] = lie
    path = tmp_path / "bomb.zip"
    path.write_bytes(data)
    with pytest.raises(
        InputError, match=r"boot\.img states 1073741824 bytes, which 1\d{3} compressed bytes cannot"
    ):
        image_set.find(path, {})


def test_a_list_of_members_that_would_fill_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_zip(tmp_path / "a.zip", {f"file{number}": b"" for number in range(30)})
    monkeypatch.setattr(content, "MAX_READ", 1000)
    with pytest.raises(InputError, match="bytes of an archive's lists, the limit is 1000"):
        contents(path)


def test_a_stored_payload_whose_place_is_wrong_is_refused(tmp_path: Path) -> None:
    data = bytearray(zipped({"payload.bin": build.payload({"boot": BOOT})}, zipfile.ZIP_STORED))
    data[:4] = b"XXXX"
    path = tmp_path / "a.zip"
    path.write_bytes(b"PK\5\6"[:0] + b"PK\3\4" + data[4:])
    assert contents(path) == {"boot": BOOT}
    at = data.index(b"PK\1\2") + 42
    data[at : at + 4] = struct.pack("<I", 1)
    path.write_bytes(b"PK\3\4" + data[4:])
    with pytest.raises(InputError, match=r"payload\.bin is not where it should be"):
        contents(path)


def test_an_archive_that_info_zip_made_with_a_data_descriptor_is_read(tmp_path: Path) -> None:
    packed = subprocess.run(
        ["python3", "-c", _STREAMED, str(tmp_path / "boot.img")], capture_output=True, check=True
    ).stdout
    path = tmp_path / "a.zip"
    path.write_bytes(packed)
    assert contents(path) == {"boot": b"streamed" * 1000}


_STREAMED = """
import sys, zipfile
class Pipe:
    def write(self, data): return sys.stdout.buffer.write(data)
    def flush(self): pass
with zipfile.ZipFile(Pipe(), "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("boot.img", b"streamed" * 1000)
"""


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_of_more_than_4_gib_is_read(how: int, tmp_path: Path) -> None:
    path, inside = (
        tmp_path / "a.zip",
        zipped({"boot.img": BOOT, "payload.bin": build.payload({"system": SYSTEM})}, how),
    )
    with path.open("wb") as stream:
        stream.write(b"PK\3\4")
        stream.seek(5 << 30)
        stream.write(inside)
    assert contents(path) == {"boot": BOOT, "system": SYSTEM}


def test_the_signature_of_an_ota_behind_its_members_is_no_harm(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"boot.img": BOOT})
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"signed by SignApk\0" + bytes(1500) + b"\xee\6\xff\xff\0\7"
    assert contents(path) == {"boot": BOOT}


def test_a_member_without_a_name_is_left_alone(tmp_path: Path) -> None:
    data = bytearray(zipped({"x": b"", "boot.img": BOOT}, zipfile.ZIP_STORED))
    at = data.index(b"PK\1\2")
    del data[at + 46]
    data[at + 28 : at + 30] = bytes(2)
    end = data.index(b"PK\5\6")
    data[end + 12 : end + 16] = struct.pack("<I", end - at)
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    assert contents(path) == {"boot": BOOT}


def test_a_large_image_takes_little_memory(tmp_path: Path) -> None:
    size = 48 << 20
    images = {
        "payload.bin": build.payload({"boot": BOOT}),
        "system.img": bytes(size),
        "vendor.img": bytes(size),
    }
    path = write_zip(tmp_path / "a.zip", images)
    tracemalloc.start()
    try:
        with open_download(path) as download:
            for name in ("system", "vendor"):
                assert sum(map(len, download.images[name].blocks())) == size
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


def test_what_is_wrong_with_a_file_of_a_folder_concerns_that_file_alone(tmp_path: Path) -> None:
    (tmp_path / "boot.img").write_bytes(BOOT)
    (tmp_path / "dtbo.img").symlink_to("nowhere")
    (tmp_path / "vendor.img").mkdir()
    os.mkfifo(tmp_path / "system.img")
    (tmp_path / "odm.img").touch()
    with open_download(tmp_path) as download:
        assert set(download.images) == {"boot"}
        told = {name: error.what for name, error in download.refused.items()}
    assert told["dtbo"].endswith("dtbo.img: no such file")
    assert told["vendor"].endswith(("vendor.img: not a regular file", "vendor.img: is a directory"))
    assert told["system"].endswith("system.img: not a regular file")
    assert "size: 0 bytes" in told["odm"]
    with pytest.raises(InputError, match=r"dtbo\.img: no such file"):
        image_set.find(tmp_path, {})


def test_a_folder_holds_what_archives_hold(tmp_path: Path) -> None:
    folder = tmp_path / "rom"
    folder.mkdir()
    for name, data in {
        "payload.bin": build.payload({"boot": BOOT, "vendor": SYSTEM}),
        "boot.img": SYSTEM,
    }.items():
        (folder / name).write_bytes(data)
    assert contents(folder) == {"boot": SYSTEM, "vendor": SYSTEM}  # the file was taken out of the payload
    (folder / "deep").mkdir()
    (folder / "deep" / "dtbo.img").write_bytes(b"x")
    assert set(contents(folder)) == {"boot", "vendor"}
