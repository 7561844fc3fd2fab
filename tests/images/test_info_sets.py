"""hardboot info of a folder or archive with the images of a ROM."""

import json
from pathlib import Path

import image_sets as build
from image_builders import board
from in_process import hardboot


def test_a_folder_is_described_image_by_image_and_as_it_is_joined(tmp_path: Path) -> None:
    images = build.image_set(
        boot=build.boot_v4(cmdline=b"own=1"),
        vendor_boot=build.vendor_boot([(build.PLATFORM, b"x" * 5000)], dtb=board("mine")),
        dtbo=build.overlay_table(board("overlay")),
    )
    folder = build.write_set(tmp_path / "rom", images)
    document = json.loads(hardboot("--json", "info", folder).stdout)
    assert document["path"] == str(folder)
    assert {name: one["path"] for name, one in document["images"].items()} == {
        name: str(folder / f"{name}.img") for name in images
    }
    assert document["images"]["vendor_boot"]["kind"] == "Android vendor boot image"
    generic = document["images"]["init_boot"]["boot_image"]["parts"][1]["size"]
    assert document["rom"] == {
        "release": build.RELEASE,
        "cmdline": f"{build.VENDOR_CMDLINE} own=1",
        "bootconfig": {"androidboot.hardware": ["virt-arm64"]},
        "ramdisk_size": 5000 + generic,
        "device_trees": 1,
        "overlays": 1,
        "missing": [],
    }
    lines = hardboot("info", folder).stdout.splitlines()
    at = lines.index(f"{folder}: as the kernel gets it")
    assert [line.split(maxsplit=1)[-1] for line in lines[at + 1 :]][:1] == [build.RELEASE]
    assert "  device trees      1, 1 overlay in dtbo" in lines
    for name in images:
        assert any(line.startswith(f"{folder / name}.img: ") for line in lines)


def test_what_is_missing_is_told_and_what_cannot_be_joined(tmp_path: Path) -> None:
    archive = build.write_zip(tmp_path / "rom.zip", {"boot.img": build.boot_v4()})
    out = hardboot("info", archive).stdout
    assert "  device trees      that of the phone\n" in out
    assert "  missing           vendor_boot, init_boot: taken from the phone that boots it\n" in out
    broken = build.image_set(boot=build.boot_v4(b"no kernel at all" * 99))
    out = hardboot("info", build.write_set(tmp_path / "rom", broken)).stdout
    assert f"  problem           {tmp_path / 'rom' / 'boot.img'}: " in out.replace(
        "\n                    ", " "
    )
