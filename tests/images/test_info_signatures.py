"""`hardboot info`: AVB signatures, their keys and the hashes they hold."""

import hashlib
from pathlib import Path

import container_builders as build
import golden_images
import pytest
from described import described
from in_process import hardboot

from hardboot.formats.avb import verify as avbcheck
from hardboot.formats.boot import bootimg


@pytest.mark.parametrize("inner", [build.dtbo(), build.vendor_boot(4), build.sony_elf()])
def test_a_hash_in_a_footer_is_over_the_header_in_front_of_the_image_too(
    tmp_path: Path, inner: bytes
) -> None:
    data = build.mtk(inner, b"DTBO").ljust(8192, b"\0")
    right = hashlib.sha256(b"salt" + data[:8192]).digest()
    data = build.with_footer(data, 65536).replace(bytes(range(32)), right)
    told = described(tmp_path, data)
    told = told.get("vendor_boot") or told.get("sony_elf") or told
    [vbmeta] = [row for row in told["trailing"] if row["kind"] == "AVB vbmeta"]
    assert data[vbmeta["offset"] :].startswith(build.vbmeta()[:20])
    assert [row["matches"] for row in vbmeta["avb"]["descriptors"]] == [True]


def test_the_hash_in_a_footer_is_compared_with_the_image(tmp_path: Path) -> None:
    """The footer's hash is of the first 8192 bytes with a salt; the builder states any."""
    data = build.with_footer(build.boot_v3(), 65536)
    [row] = described(tmp_path, data)["boot_image"]["trailing"][0]["avb"]["descriptors"]
    right = hashlib.sha256(b"salt" + data[:8192])
    assert row["digest"] == bytes(range(32)).hex()
    assert (row["computed"], row["matches"]) == (right.hexdigest(), False)
    assert f"does not match, the hash is {right.hexdigest()}" in hardboot("info", tmp_path / "x.img").stdout
    damaged = data.replace(b"AVB0", b"AVB1")
    assert "magic at offset 0x0" in described(tmp_path, damaged)["boot_image"]["trailing"][0]["problem"]
    assert "magic at offset 0x0" in hardboot("info", tmp_path / "x.img").stdout
    data = data.replace(bytes(range(32)), right.digest())
    [row] = described(tmp_path, data)["boot_image"]["trailing"][0]["avb"]["descriptors"]
    assert row["matches"] is True
    [row] = described(tmp_path, build.vbmeta())["avb"]["descriptors"]
    assert (row["computed"], row["matches"]) == (None, None)


def test_both_certificates_of_a_gki_are_compared(tmp_path: Path) -> None:
    """AOSP's certify_bootimg hashes the image, then the kernel in it without its padding."""
    data = build.gki()
    for image, kinds in (
        (data, ["AVB vbmeta", "AVB vbmeta", "zeros"]),
        (build.with_footer(data, 65536), ["AVB vbmeta"] * 2 + ["zeros", "AVB vbmeta", "zeros", "AVB footer"]),
    ):
        found = described(tmp_path, image)["boot_image"]
        assert [item["kind"] for item in found["trailing"]] == kinds
        rows = [found["trailing"][at]["avb"]["descriptors"][0] for at in (0, 1)]
        assert [(row["matches"], row["uncovered_size"]) for row in rows] == [(True, 0)] * 2
        assert found["signed"] is True
    damaged = data.replace(build.KERNEL, build.KERNEL.replace(b"k", b"K", 1))
    found = described(tmp_path, damaged)["boot_image"]["trailing"]
    assert [found[at]["avb"]["descriptors"][0]["matches"] for at in (0, 1)] == [False, False]


def test_a_second_vbmeta_in_a_signature_is_reported(tmp_path: Path) -> None:
    kernel = build.vbmeta(b"generic_kernel", build.KERNEL)
    signature = build.vbmeta() + kernel
    found = described(tmp_path, build.boot_v3(4, signature.ljust(4096, b"\0")))["boot_image"]["parts"][2]
    [second] = found["following"]
    assert second["offset"] == len(build.vbmeta())
    assert second["avb"]["descriptors"][0]["matches"] is True
    shown = hardboot("info", tmp_path / "x.img").stdout
    assert f"  also at           {second['offset']:#010x}\n" in shown
    assert "hash of generic_kernel, 3300 bytes, sha256" in shown
    broken = signature[: len(build.vbmeta())] + b"AVB0" + b"\xff" * 400
    found = described(tmp_path, build.boot_v3(4, broken))["boot_image"]["parts"][2]
    assert found["avb"]["release"] == "avbtool 1.2.0"
    assert "vbmeta image: " in found["following"][0]["problem"]
    assert "vbmeta image: " in hardboot("info", tmp_path / "x.img").stdout
    many = described(tmp_path, build.boot_v3(4, kernel * 12))["boot_image"]["parts"][2]
    assert len(many["following"]) == 8


@pytest.mark.parametrize(("missing", "said"), [(0, False), (-1, True)])
def test_a_hash_that_covers_less_than_the_parts_says_how_much(
    tmp_path: Path, missing: int, said: bool
) -> None:
    """The last part, the ramdisk, ends before its padding, which nothing has to cover."""
    image = build.boot_v3()
    end = 8192 + len(build.RAMDISK)
    signed = build.vbmeta(b"boot", image[: end + missing])
    data = bytearray(build.with_footer(image, 65536))
    data[len(image) : len(image) + len(signed)] = signed
    found = described(tmp_path, bytes(data))["boot_image"]["trailing"][0]["avb"]["descriptors"][0]
    assert (found["matches"], found["uncovered_size"]) == (True, -missing)
    shown = " ".join(hardboot("info", tmp_path / "x.img").stdout.split())
    assert ("; it leaves out 1 byte at the end of the image" in shown) == said


def test_flags_of_a_vbmeta_image_have_the_names_of_fastboot(tmp_path: Path) -> None:
    assert described(tmp_path, build.vbmeta())["avb"]["disabled"] == ["verification"]
    assert "flags             0x2 (verification disabled)\n" in hardboot("info", tmp_path / "x.img").stdout


def test_a_signature_is_checked(tmp_path: Path) -> None:
    data = b"".join(bootimg.build(golden_images.V4_VTS))
    found = described(tmp_path, data)["boot_image"]["parts"][2]["avb"]
    assert [row["matches"] for row in found["descriptors"]] == [True]
    assert (found["signature"]["matches"], found["signature"]["key_bits"]) == (True, 4096)
    assert found["signature"]["test_key"] is None
    said = hardboot("info", tmp_path / "x.img").stdout
    assert "signature         matches, 4096-bit key" in said
    assert "test key" not in said
    found = described(tmp_path, data.replace(b"avbtool 1.2.0", b"avbtool 1.2.1"))["boot_image"]["parts"][2][
        "avb"
    ]
    assert found["signature"]["matches"] is False
    assert found["signature"]["computed"] != found["signature"]["digest"]


def test_a_signature_with_a_test_key_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"".join(bootimg.build(golden_images.V4_VTS))
    signature = described(tmp_path, data)["boot_image"]["parts"][2]["avb"]["signature"]
    monkeypatch.setattr(avbcheck, "_TEST_KEYS", {signature["key_sha1"]: "testkey_x"})
    found = described(tmp_path, data)["boot_image"]["parts"][2]["avb"]["signature"]
    assert found == {**signature, "test_key": "testkey_x"}
    line = "test key          AOSP's public testkey_x: anybody can sign with it\n"
    assert line in hardboot("info", tmp_path / "x.img").stdout
