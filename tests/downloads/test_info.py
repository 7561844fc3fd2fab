"""hardboot info of what people download."""

import json
import struct
import subprocess
from pathlib import Path

import image_sets
import ota_builders as build
from image_sets import write_zip
from in_process import hardboot

SYSTEM = build.image(30, 2)
SET = image_sets.image_set()


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % build.BLOCK)


def test_a_payload_is_listed_with_its_hashes_and_its_boot_images_are_described(tmp_path: Path) -> None:
    ext4 = bytes(0x438) + b"\x53\xef" + bytes(build.BLOCK * 2 - 0x43A)
    images = {"boot": padded(SET["boot"]), "vendor_boot": padded(SET["vendor_boot"]), "system": ext4}
    path = tmp_path / "payload.bin"
    path.write_bytes(build.payload(images))
    document = json.loads(hardboot("--json", "info", path).stdout)
    assert document["kind"] == "full OTA payload"
    assert [(one["name"], one["size"], one["kind"]) for one in document["contents"]] == [
        ("boot", len(images["boot"]), "Android boot image"),
        ("system", 8192, "ext4 file system"),
        ("vendor_boot", len(images["vendor_boot"]), "Android vendor boot image"),
    ]
    assert set(document["images"]) == {"boot", "vendor_boot"}
    assert document["rom"]["release"] == image_sets.RELEASE
    out = hardboot("info", path).stdout
    assert f"{path}: full OTA payload\n" in out
    assert f"system       {document['contents'][1]['sha256']}" in out
    assert f"{path}: as the kernel gets it" in out


def test_what_cannot_be_read_is_told_with_what_to_do(tmp_path: Path) -> None:
    delta = build.partition("boot", SYSTEM, [build.operation(build.SOURCE_COPY, 0, b"", [(0, 30)])])
    path = tmp_path / "payload.bin"
    path.write_bytes(build.assembled(build.manifest([delta], minor_version=4), b""))
    out = " ".join(hardboot("info", path).stdout.split())
    assert "boot cannot be read: partition boot: it is an incremental update (SOURCE_COPY)" in out
    assert "to do: Use a full OTA package." in out
    document = json.loads(hardboot("--json", "info", path).stdout)
    assert (document["images"], document["rom"]) == ({}, None)


def test_a_super_image_is_listed_though_hardboot_does_not_take_it_apart(tmp_path: Path) -> None:
    head = bytes(0x1000) + b"gDla" + bytes(0x1000)
    chunks = struct.pack("<HHII", 0xCAC1, 0, 3, 12 + 12288) + head.ljust(12288, b"\0")
    skip = struct.pack("<HHII", 0xCAC3, 0, 1 << 20, 12)
    sparse = struct.pack("<IHHHHIIII", 0xED26FF3A, 1, 0, 28, 12, 4096, 3 + (1 << 20), 2, 0) + chunks + skip
    packed = subprocess.run(
        ["lz4", "-q", "--content-size", "-c"], input=sparse, capture_output=True, check=True
    ).stdout
    path = tmp_path / "AP.tar.md5"
    path.write_bytes(build.tar_md5(build.tar({"super.img.lz4": packed})))
    out = hardboot("info", path).stdout
    assert f"{path}: Samsung firmware (tar.md5, its MD5 matches)" in out
    assert "super  4.0 GiB  lz4, sparse image  super image (dynamic partitions)" in out


def test_file_trees_are_told(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "cm.zip", {"system/build.prop": b"x", "boot.img": SET["boot"]})
    out = " ".join(hardboot("info", path).stdout.split())
    assert "system file tree, 2 files and folders, 1 B (zip); owners and permissions are not stated" in out
    root = tmp_path / "rootfs.tar"
    root.write_bytes(build.tar({"etc/x": b"", "usr/x": b"", "var/x": b""}))
    out = hardboot("info", root).stdout
    assert f"{root}: root file system\n" in out
    assert "rootfs            file tree, 3 files and folders, 0 B (tar)" in out


def test_a_download_without_images_is_an_error(tmp_path: Path) -> None:
    done = hardboot("info", write_zip(tmp_path / "a.zip", {"readme": b"x"}))
    assert done.returncode == 3
    assert "this zip archive holds no images" in done.stderr
