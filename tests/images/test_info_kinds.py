"""`hardboot info`: every kind of image, and what stands around the parts of one."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import container_builders as build
import golden_images
import pytest
from described import described, document
from image_builders import (
    board,
    zimage,
)
from in_process import hardboot, on_terminal

from hardboot.formats.archives import compression
from hardboot.formats.avb import verify as avbcheck
from hardboot.formats.boot import bootimg
from hardboot.images.describe import describe


@pytest.mark.parametrize("kind", build.every_kind())
def test_every_kind_is_described_for_people_and_as_json(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.img"
    path.write_bytes(build.every_kind()[kind])
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
    kinds = build.every_kind()
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
    ("kind", "warning"),
    [
        ("v2 that states another header size", "header_size is 1632 bytes, v2 has 1660"),
        ("v3 that states another header size", "header_size is 20480 bytes, v3 has 1580"),
        ("vendor_boot that states no header size", "header_size is 0 bytes, v4 has 2128"),
        (
            "vendor_boot v4 with a strange table",
            "the ramdisk table does not describe the ramdisks; they are kept as one",
        ),
    ],
)
def test_what_a_header_states_wrongly_is_shown_and_kept(tmp_path: Path, kind: str, warning: str) -> None:
    told = described(tmp_path, build.every_kind()[kind])
    assert (told.get("boot_image") or told["vendor_boot"])["warnings"] == [warning]
    path = tmp_path / "x.img"
    shown = hardboot("info", path).stdout.splitlines()
    assert ["warning", *warning.split()] in [line.split() for line in shown]
    done = hardboot("unpack", path, tmp_path / "out")
    assert f"warning: {path}: {warning}\n" in done.stderr
    (tmp_path / "out" / "dtb").write_bytes(b"")
    hardboot("pack", tmp_path / "out", tmp_path / "again.img")
    again = described(tmp_path, (tmp_path / "again.img").read_bytes())
    assert (again.get("boot_image") or again["vendor_boot"])["warnings"] == [warning]


def test_what_a_kernels_headers_state_wrongly_is_shown(tmp_path: Path) -> None:
    for kernel, warning in (
        (build.uimage(zimage()), None),
        (build.uimage(zimage())[:-1] + b"x", "U-Boot image: data checksum is 0x"),
        (build.uimage(zimage()).replace(b"Linux", b"LINUX"), "U-Boot image: header checksum is 0x"),
        (build.patched(zimage(), board("x"), 5), "UNCOMPRESSED_IMG header: size is 5 bytes, no device tree"),
        (zimage(tags=b"\1\0\0\0"), "zImage: tag at offset 0x100: 1 words do not fit"),
    ):
        for data in (kernel, build.boot(kernel)):
            told = described(tmp_path, data)
            part = told["boot_image"]["parts"][0] if "boot_image" in told else told
            assert part["kernel"]["kind"] == "zImage"
            assert part.get("warning", "None").startswith(str(warning))


def test_wrappers_and_signatures_are_reported(tmp_path: Path) -> None:
    kinds = build.every_kind()
    image = described(tmp_path, kinds["DHTB"])["boot_image"]
    assert (image["lead"]["kind"], image["lead"]["matches"]) == ("DHTB header", True)
    assert [item["kind"] for item in image["trailing"]] == [
        *("SEANDROIDENFORCE mark", "unknown data", "zeros"),
    ]
    full = described(tmp_path, kinds["AVB footer of a nearly full partition"])["boot_image"]
    assert [item["kind"] for item in full["trailing"]] == ["AVB vbmeta", "zeros", "AVB footer"]
    assert full["signed"] is True
    image = described(tmp_path, kinds["AVB footer"])["boot_image"]
    assert image["signed"]
    assert [item["kind"] for item in image["trailing"]] == ["AVB vbmeta", "zeros", "AVB footer"]
    assert image["trailing"][0]["avb"]["descriptors"][0]["text"] == "hash of boot, 8192 bytes, sha256"
    image = described(tmp_path, kinds["AVB 1.0"])["boot_image"]
    assert image["trailing"][0]["kind"] == "AVB 1.0 signature"
    assert described(tmp_path, kinds["bump"])["boot_image"]["trailing"][0]["kind"] == "LG bump mark"
    assert described(tmp_path, kinds["Amonet"])["boot_image"]["lead"]["kind"] == "Amonet microloader"
    wild = described(tmp_path, kinds["Amonet with a header of its own"])["boot_image"]
    assert (wild["lead"], wild["cmdline"]) == (
        {"kind": "Amonet microloader", "size": 1024},
        "console=ttyMSM0",
    )
    for name in ("Nook HD", "Nook Tablet"):
        shifted = described(tmp_path, kinds[name])["boot_image"]
        size = len(kinds[name]) - len(kinds["v0"])
        assert shifted["lead"] == {"kind": f"{name} loader", "size": size}
        assert (shifted["parts"][0]["offset"], shifted["cmdline"]) == (size + 2048, "console=ttyMSM0")
    image = described(tmp_path, kinds["loader in front"])["boot_image"]
    assert image["lead"] == {"kind": "unknown loader", "size": 5000}
    parts = described(tmp_path, kinds["MTK"])["boot_image"]["parts"]
    digest = hashlib.sha256(build.KERNEL).hexdigest()
    assert parts[0]["mtk"] == {"name": "KERNEL", "size": len(build.KERNEL), "sha256": digest}
    assert f"  without header  {digest}\n" in hardboot("info", tmp_path / "x.img").stdout
    parts = described(tmp_path, kinds["MTK with a wrong size"])["boot_image"]["parts"]
    warning = f"MTK header: size is {len(build.KERNEL)} bytes, {len(build.KERNEL) + 4} follow"
    assert parts[0]["warning"] == warning
    assert f"  warning           {warning}\n" in hardboot("info", tmp_path / "x.img").stdout
    parts = described(tmp_path, kinds["v4"])["boot_image"]["parts"]
    assert parts[2]["avb"]["release"] == "avbtool 1.2.0"


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


def test_a_compressed_table_of_trees_is_reported_with_its_compression(tmp_path: Path) -> None:
    found = described(tmp_path, build.every_row()["packed table of trees"])
    assert found["kind"] == "device tree overlay table (dtbo), gzip"


def test_content_behind_a_makers_header_is_reported(tmp_path: Path) -> None:
    rows = build.every_row()
    found = described(tmp_path, rows["zImage behind a MediaTek header"])
    assert (found["kind"], found["lead"]) == (
        *("ARM zImage kernel", {"kind": "MediaTek header (KERNEL)", "size": 512, "warning": None}),
    )
    assert (
        "in front          MediaTek header (KERNEL), 512 B\n" in hardboot("info", tmp_path / "x.img").stdout
    )
    assert "ramdisk" in described(tmp_path, rows["ramdisk behind a MediaTek header"])
    found = described(tmp_path, rows["vbmeta in a DHTB wrapper"])
    assert (found["kind"], found["lead"]["kind"]) == ("AVB vbmeta image", "DHTB header")
    assert found["lead"]["matches"] is True
    (tmp_path / "x.img").write_bytes(build.mtk(zimage(), b"KERNEL") + board("x"))
    shown = hardboot("info", tmp_path / "x.img").stdout
    assert f"  warning           MTK header: size is {len(zimage())} bytes" in shown


def test_a_ramdisk_behind_a_header_with_a_checksum_is_described(tmp_path: Path) -> None:
    rows = build.every_row()
    for kind, lead, size in (
        ("Rockchip ramdisk", "Rockchip header (KRNL)", 8),
        ("uInitrd", "U-Boot header (Linux)", 64),
    ):
        found = described(tmp_path, rows[kind])
        assert (found["kind"], found["ramdisk"]["compression"]) == ("ramdisk (cpio, gzip)", "gzip")
        assert found["lead"] == {"kind": lead, "size": size, "matches": True}
        shown = hardboot("info", tmp_path / "x.img").stdout
        assert f"  in front          {lead}, {size} B, checksum matches\n" in shown
        damaged = bytearray(rows[kind])
        damaged[size + 30] ^= 1
        found = described(tmp_path, bytes(damaged))
        assert (found["lead"]["matches"], "gzip data" in found["problem"]) == (False, True)
        part = described(tmp_path, build.boot(ramdisk=rows[kind]))["boot_image"]["parts"][1]
        assert (part["kind"], part["lead"]["kind"]) == ("ramdisk (cpio, gzip)", lead)
    found = described(tmp_path, rows["Rockchip kernel"])
    assert (found["kind"], len(found["kernel"]["dtbs"])) == ("ARM zImage kernel", 1)
    assert described(tmp_path, rows["Rockchip parameters"])["kind"] == "text file"
    unknown = described(tmp_path, rows["Rockchip image of something"])["kind"]
    assert unknown == "Rockchip image (KRNL or PARM) with unknown content"
    nested = build.rockchip(build.rockchip(build.rockchip(b"x")))
    assert described(tmp_path, nested)["kind"] == "Rockchip image (KRNL or PARM)"


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


@pytest.mark.parametrize("kind", ["vendor_boot v4", "Sony ELF", "v4", "dtbo", "QCDT"])
def test_an_image_behind_a_mediatek_header_is_reported_as_without_it(tmp_path: Path, kind: str) -> None:
    data = build.every_kind()[kind]
    alone = described(tmp_path, data)
    behind = described(tmp_path, build.mtk(data, b"DTBO"))
    assert behind.pop("lead") == {"kind": "MediaTek header (DTBO)", "size": 512, "warning": None}
    for name in ("boot_image", "vendor_boot", "sony_elf"):
        for row in behind.get(name, {}).get("parts", ()):
            content = (tmp_path / "x.img").read_bytes()[row["offset"] : row["offset"] + row["size"]]
            assert hashlib.sha256(content).hexdigest() == row["sha256"]
            row["offset"] -= 512
    for told in (alone, behind):
        del told["path"], told["size"]
    assert behind == alone
    assert "in front          MediaTek header (DTBO), 512 B\n" in hardboot("info", tmp_path / "x.img").stdout


def test_the_files_of_resources_are_reported_alone_and_as_second(tmp_path: Path) -> None:
    data = build.resources()
    part = described(tmp_path, build.boot(second=data))["boot_image"]["parts"][2]
    alone = described(tmp_path, data)
    assert part["files"] == alone["files"]
    assert [(row["path"], row["matches"]) for row in alone["files"][:2]] == [
        *(("rk-kernel.dtb", True), ("logo.bmp", True)),
    ]
    assert [entry["ids"] for entry in alone["trees"]["entries"]] == [
        *({"path": "rk-kernel.dtb"}, {"path": "rk-kernel#_saradc_ch1=24.dtb"}),
    ]
    shown = hardboot("info", tmp_path / "x.img").stdout
    assert "logo.bmp                      0x00000c00  1.4 KiB  matches\n" in shown
    damaged = described(tmp_path, data.replace(b"BMBM", b"BMBX", 1))["files"]
    assert [row["matches"] for row in damaged] == [True, False, True, True]
    assert {row["matches"] for row in described(tmp_path, build.resources(0))["files"]} == {None}
    assert "  0 B  none\n" in hardboot("info", tmp_path / "x.img").stdout
    assert described(tmp_path, build.rsce([("logo.bmp", b"BM")]))["trees"]["entries"] == []


def test_the_dhtb_header_at_the_end_of_a_vbmeta_partition_is_checked(tmp_path: Path) -> None:
    data = build.unisoc_vbmeta()
    [row] = described(tmp_path, data)["trailing"]
    assert (row["kind"], row["offset"], row["covers"], row["matches"]) == ("DHTB header", 65024, 16384, True)
    assert hardboot("info", tmp_path / "x.img").stdout.endswith("0x0000fe00  512 B  checksum matches\n")
    [row] = described(tmp_path, data[:9000] + b"x" + data[9001:])["trailing"]
    assert row["matches"] is False
    lies = data[: -512 + 0x30] + b"\xff\xff\xff\x7f" + data[-512 + 0x34 :]
    assert "2147483647 bytes, 65024 are there" in described(tmp_path, lies)["trailing"][0]["problem"]
    assert hardboot("info", tmp_path / "x.img").returncode == 0


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


def test_bytes_behind_a_dtbo_table_are_reported(tmp_path: Path) -> None:
    found = described(tmp_path, build.every_kind()["dtbo with footer"])
    assert [item["kind"] for item in found["trailing"]] == ["zeros", "AVB vbmeta", "zeros", "AVB footer"]
    assert "AVB footer" in hardboot("info", tmp_path / "x.img").stdout


def test_a_sparse_image_in_a_sparse_image_is_only_named(tmp_path: Path) -> None:
    data = build.sparse()
    for _ in range(3):
        (tmp_path / "raw").write_bytes(data + bytes(-len(data) % 4096))
        subprocess.run(["img2simg", tmp_path / "raw", tmp_path / "sparse"], check=True, timeout=60)
        data = (tmp_path / "sparse").read_bytes()
    found = described(tmp_path, data)["inside"]
    assert found == {"kind": "Android sparse image", "size": found["size"]}
    assert hardboot("info", tmp_path / "x.img").returncode == 0


def test_a_sparse_image_is_described_with_its_content(tmp_path: Path) -> None:
    raw = tmp_path / "raw.img"
    raw.write_bytes(build.boot(size=4096) + bytes(8192))
    subprocess.run(["img2simg", raw, tmp_path / "sparse.img"], check=True, timeout=60)
    found = document(tmp_path / "sparse.img")
    assert found["sparse"]["expanded_size"] == raw.stat().st_size
    assert found["inside"]["boot_image"] == document(raw)["boot_image"]
    assert "inside: Android boot image" in hardboot("info", tmp_path / "sparse.img").stdout
    assert described(tmp_path, build.sparse())["sparse"]["chunks"] == {
        "crc32": 1,
        "fill": 1,
        "raw": 1,
        "skip": 1,
    }


def test_a_table_of_trees_shows_the_ids_of_each_entry(tmp_path: Path) -> None:
    found = described(tmp_path, build.qcdt())["trees"]
    assert found["kind"] == "QCDT"
    assert [entry["model"] for entry in found["entries"]] == ["one", "one", "two"]
    assert [entry["ids"]["soc_rev"] for entry in found["entries"]] == [1, 2, 1]
    assert "platform_id 0xce" in hardboot("info", tmp_path / "x.img").stdout


def test_the_ramdisks_of_vendor_boot_have_their_names(tmp_path: Path) -> None:
    parts = described(tmp_path, build.vendor_boot(4))["vendor_boot"]["parts"]
    assert [(part["name"], part["label"], part["type"]) for part in parts[:2]] == [
        ("ramdisk0", "ramdisk 0", "platform"),
        ("ramdisk1", "ramdisk 1", "recovery"),
    ]


def test_header_and_paddings_of_vendor_boot_are_reported(tmp_path: Path) -> None:
    image = described(tmp_path, build.every_kind()["vendor_boot v4 with padding that is not zeros"])[
        "vendor_boot"
    ]
    assert [part["padding"] for part in image["parts"]] == ["zeros", "other", "other", "other"]
    header = image["header"]
    assert (header["header_size"], header["vendor_ramdisk_size"], header["dtb_addr"]) == (2128, 29, 0x1F00000)
    assert (header["table_entries"], header["table_entry_size"]) == (2, 108)
    image = described(tmp_path, build.vendor_boot(3, (b"ramdisk",), fill=b"x"))["vendor_boot"]
    assert [part["padding"] for part in image["parts"]] == ["other", "other"]
