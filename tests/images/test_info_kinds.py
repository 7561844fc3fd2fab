"""`hardboot info`: every kind of image, ids of boot images, and what is named but cannot be read."""

import hashlib
import json
from pathlib import Path
from typing import Any

import container_builders as build
import container_kinds
import pytest
from described import described
from in_process import hardboot, on_terminal

from hardboot.formats.archives import compression
from hardboot.images.describe import describe


@pytest.mark.parametrize("kind", container_kinds.every_kind())
def test_every_kind_is_described_for_people_and_as_json(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.img"
    path.write_bytes(container_kinds.every_kind()[kind])
    told = describe(path, memoryview(path.read_bytes()))
    json.dumps(told)
    assert told["kind"]
    image = told.get("boot_image") or told.get("vendor_boot") or told.get("sony_elf") or {}
    for part in image.get("parts", ()):
        content = path.read_bytes()[part["offset"] : part["offset"] + part["size"]]
        assert part["sha256"] == hashlib.sha256(content).hexdigest()
    for columns in (60, 80):
        lines = on_terminal("info", path, columns=columns)
        assert max(map(len, lines)) <= columns
        assert len(lines) > 1


def test_a_wrong_id_is_reported_with_the_right_one(tmp_path: Path) -> None:
    kinds = container_kinds.every_kind()
    image = described(tmp_path, kinds["v0 with a wrong id"])["boot_image"]
    assert image["id_check"]["matches"] is False
    assert image["id_check"]["algorithm"] == "sha256"
    damaged = kinds["v0"].replace(build.RAMDISK, build.RAMDISK.replace(b"r", b"R"))
    image = described(tmp_path, damaged)["boot_image"]
    right = build.image_id(build.KERNEL, build.RAMDISK.replace(b"r", b"R"), build.SECOND)
    assert image["id_check"] == {"algorithm": "sha1", "computed": right.hex(), "matches": False}
    shown = hardboot("info", tmp_path / "x.img").stdout
    assert f"does not match the parts: their sha1 is {right[:20].hex()}" in shown


@pytest.mark.parametrize(
    ("kind", "program"),
    [("gzip", "gzip"), ("lz4", "lz4"), ("lz4-legacy", "lz4"), ("xz", "xz"), ("lzma", "lzma")],
)
def test_a_compressed_boot_image_is_to_be_decompressed_first(tmp_path: Path, kind: Any, program: str) -> None:
    path = tmp_path / "boot.img.packed"
    path.write_bytes(b"".join(compression.compress(kind, [build.boot()])))
    for done in (hardboot("info", path), hardboot("unpack", path, tmp_path / "out")):
        assert done.returncode == 3
        assert "data with an Android boot image in it" in done.stderr
        assert f"Decompress it first, for example with {program} -d, and" in done.stderr


@pytest.mark.parametrize(
    ("data", "kind", "fix"),
    [
        (b"BSDIFF40" + bytes(24), "binary patch (BSDIFF40)", "with bspatch"),
        (b"OPPOENCRYPT!" + bytes(9), "encrypted OPPO firmware file (OPPOENCRYPT!)", "Decrypt it"),
        (b"AMLSECU!" + bytes(9), "encrypted Amlogic image (AMLSECU!)", "only the chip that it is for"),
    ],
)
def test_what_cannot_be_read_is_named_and_not_unpacked(
    tmp_path: Path, data: bytes, kind: str, fix: str
) -> None:
    assert fix in described(tmp_path, data)["note"]
    shown = hardboot("info", tmp_path / "x.img")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith(f"{tmp_path}/x.img: {kind}, {len(data)} B\n")
    assert fix in " ".join(shown.stdout.split())
    refused = hardboot("unpack", tmp_path / "x.img", tmp_path / "out")
    assert refused.returncode == 3
    assert f"x.img: {kind}: content at offset 0x0: " in refused.stderr
    part = described(tmp_path, build.boot(data))["boot_image"]["parts"][0]
    assert (part["kind"], fix in part["note"]) == (kind, True)


@pytest.mark.parametrize(("offset", "image"), [(0x400, build.boot()), (0x800, build.boot_v3())])
def test_an_image_encrypted_for_amlogic_says_so(tmp_path: Path, offset: int, image: bytes) -> None:
    data = image[:offset] + b"AMLSECU!\5\x09\0\0\3\0\0\0" + image[offset + 16 :]
    assert "encrypted" in described(tmp_path, data)["boot_image"]["note"]
    assert "  note              AMLSECU! is in the header" in hardboot("info", tmp_path / "x.img").stdout
    assert described(tmp_path, image)["boot_image"]["note"] is None
