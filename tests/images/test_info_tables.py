"""`hardboot info`: tables of trees, ramdisks and files, and sparse images."""

import subprocess
from pathlib import Path

import container_builders as build
import container_kinds
from described import described, document
from in_process import hardboot


def test_a_compressed_table_of_trees_is_reported_with_its_compression(tmp_path: Path) -> None:
    found = described(tmp_path, container_kinds.every_row()["packed table of trees"])
    assert found["kind"] == "device tree overlay table (dtbo), gzip"


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


def test_bytes_behind_a_dtbo_table_are_reported(tmp_path: Path) -> None:
    found = described(tmp_path, container_kinds.every_kind()["dtbo with footer"])
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
    image = described(
        tmp_path, container_kinds.every_kind()["vendor_boot v4 with padding that is not zeros"]
    )["vendor_boot"]
    assert [part["padding"] for part in image["parts"]] == ["zeros", "other", "other", "other"]
    header = image["header"]
    assert (header["header_size"], header["vendor_ramdisk_size"], header["dtb_addr"]) == (2128, 29, 0x1F00000)
    assert (header["table_entries"], header["table_entry_size"]) == (2, 108)
    image = described(tmp_path, build.vendor_boot(3, (b"ramdisk",), fill=b"x"))["vendor_boot"]
    assert [part["padding"] for part in image["parts"]] == ["other", "other"]
