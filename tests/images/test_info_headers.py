"""`hardboot info`: makers' headers in front of an image or a part, and what a header states wrongly."""

import hashlib
from pathlib import Path

import container_builders as build
import container_kinds
import pytest
from described import described
from image_builders import (
    board,
    zimage,
)
from in_process import hardboot


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
    told = described(tmp_path, container_kinds.every_kind()[kind])
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
    kinds = container_kinds.every_kind()
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
    damaged = bytearray(zimage())
    damaged[0x38:0x3C] = b"\xfc\xff\xff\xff"  # its extension table, outside
    lying = bytearray(build.mtk(bytes(damaged), b"KERNEL"))
    lying[4:8] = b"\1\0\0\0"
    both = described(tmp_path, build.boot(bytes(lying)))["boot_image"]["parts"][0]["warning"]
    assert both.startswith(f"MTK header: size is 1 bytes, {len(damaged)} follow; zImage: extension table")
    parts = described(tmp_path, kinds["v4"])["boot_image"]["parts"]
    assert parts[2]["avb"]["release"] == "avbtool 1.2.0"


def test_content_behind_a_makers_header_is_reported(tmp_path: Path) -> None:
    rows = container_kinds.every_row()
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
    rows = container_kinds.every_row()
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


@pytest.mark.parametrize("kind", ["vendor_boot v4", "Sony ELF", "v4", "dtbo", "QCDT"])
def test_an_image_behind_a_mediatek_header_is_reported_as_without_it(tmp_path: Path, kind: str) -> None:
    data = container_kinds.every_kind()[kind]
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


def test_the_dhtb_header_at_the_end_of_a_vbmeta_partition_is_checked(tmp_path: Path) -> None:
    data = build.unisoc_vbmeta()
    [row] = described(tmp_path, data)["trailing"]
    assert (row["kind"], row["offset"], row["covers"], row["matches"]) == ("DHTB header", 65024, 16384, True)
    assert hardboot("info", tmp_path / "x.img").stdout.endswith("0x0000fe00  512 B  checksum matches\n")
    [row] = described(tmp_path, data[:9000] + b"x" + data[9001:])["trailing"]
    assert row["matches"] is False
    lies = data[: -512 + 0x30] + b"\xff\xff\xff\x7f" + data[-512 + 0x34 :]
    assert "2147483647 bytes, there are 65024" in described(tmp_path, lies)["trailing"][0]["problem"]
    assert hardboot("info", tmp_path / "x.img").returncode == 0
