"""What is too large, cut short while it is read, or cannot be written: each is told."""

import io
import resource
import struct
from pathlib import Path

import ota_builders as build
import pytest
from image_sets import write_zip
from in_process import hardboot
from ota_builders import BLOCK

from hardboot.base.errors import InputError
from hardboot.downloads import open_download
from hardboot.formats.ota import payload, transfer_list, updater_script

BOOT = build.image(9)


def refused(path: Path) -> str:
    with open_download(path) as download:
        [error] = download.refused.values()
        return error.what


def test_lists_and_scripts_that_are_too_large_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer_list, "MAX_LIST", 10)
    assert "bytes, the limit is 10" in refused(write_zip(tmp_path / "a.zip", build.block_ota("system", BOOT)))
    monkeypatch.setattr(updater_script, "MAX_SCRIPT", 10)
    members = {"system/build.prop": b"x", "META-INF/com/google/android/updater-script": b"x" * 11}
    with (
        pytest.raises(InputError, match="updater-script: file: 11 bytes, the limit is 10"),
        open_download(write_zip(tmp_path / "b.zip", members)),
    ):
        pass
    monkeypatch.setattr(payload, "MAX_MANIFEST", 10)
    (tmp_path / "payload.bin").write_bytes(build.payload({"boot": BOOT}))
    with (
        pytest.raises(InputError, match=r"manifest_size at offset 0xc: \d+ bytes, the limit is 10"),
        open_download(tmp_path / "payload.bin"),
    ):
        pass


def test_a_split_image_that_is_too_large_is_refused(tmp_path: Path) -> None:
    head = struct.pack("<IHHHHIIII", 0xED26FF3A, 1, 0, 28, 12, 1 << 20, 1 << 30, 0, 0)
    path = write_zip(tmp_path / "a.zip", {"super.img.0": head, "super.img.1": head})
    assert "1125899906842624 bytes, it must have 1 to" in refused(path)


def test_a_damaged_header_of_lz4_is_told(tmp_path: Path) -> None:
    path = tmp_path / "boot.img.lz4"
    path.write_bytes(b"\x04\x22\x4d\x18" + b"\xff" * 99)
    assert "lz4 data: header at offset 0x0" in refused(path)


def test_a_file_that_is_cut_while_it_is_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "payload.bin"
    path.write_bytes(build.payload({"boot": BOOT}, kinds=(build.REPLACE,)))
    with open_download(path) as download:
        path.write_bytes(path.read_bytes()[:-BLOCK])
        with pytest.raises(InputError, match=r"payload\.bin: the file is cut short") as caught:
            download.images["boot"].write_to(io.BytesIO())
    assert caught.value.fix.startswith("Download it again")


def test_a_member_of_a_tree_that_is_cut_while_it_is_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rootfs.tar"
    path.write_bytes(build.tar({"etc/x": b"", "var/x": b"", "usr/x": bytes(9 * BLOCK)}))
    with open_download(path) as download:
        path.write_bytes(path.read_bytes()[: 4 * BLOCK])
        with pytest.raises(InputError, match=r"cut short|unexpected end of data"):
            download.trees["rootfs"].write_tar(io.BytesIO())


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    ranges = build.data_ranges(BOOT)[::-1]
    files = {
        "system.transfer.list": build.transfer_list(ranges, 9),
        "system.new.dat": build.new_data(BOOT, ranges),
    }
    ota = write_zip(tmp_path / "ota.zip", files)
    packed = write_zip(tmp_path / "packed.zip", {"payload.bin": build.payload({"boot": BOOT}, kinds=(0,))})
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limit[1]))
    try:
        message = "a temporary file cannot be written"
        with open_download(ota) as download, pytest.raises(InputError, match=message):
            b"".join(download.images["system"].blocks())
        with pytest.raises(InputError, match=message), open_download(packed):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)


def test_info_goes_on_behind_an_image_that_is_damaged(tmp_path: Path) -> None:
    bad = build.operation(build.REPLACE_XZ, 0, b"no xz", [(0, 9)])
    good = build.operation(build.ZERO, 0, b"", [(0, 9)])
    message = build.manifest([build.partition("bad", BOOT, [bad]), build.partition("good", BOOT, [good])])
    path = tmp_path / "payload.bin"
    path.write_bytes(build.assembled(message, b"no xz"))
    out = " ".join(hardboot("info", path).stdout.split())
    assert "bad 36.0 KiB payload.bin damaged: xz data: stream at offset 0x5: truncated" in out
    assert "good 36.0 KiB payload.bin unknown image" in out
