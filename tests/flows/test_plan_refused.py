"""hardboot plan: what cannot be planned, and why."""

import json
from pathlib import Path
from typing import Any

import pytest
from image_builders import dtb, kernel_with_banner, klsz, pack, words, zimage
from planned import EDATA, IOMEM, RAMDISK, call, kernel, rom_image
from ramdisks import ramdisk

from hardboot import profile
from hardboot.flows import rom
from hardboot.formats.kernels.zimage import ZImage
from hardboot.formats.trees import fdt


def test_a_phone_with_unknown_ram_needs_its_memory_map(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    image = rom_image(tmp_path)
    _, errors = call(capsys, "plan", image, "--device", "shamu", code=4)
    assert "does not know its RAM layout" in errors
    assert "cat /proc/iomem" in errors
    assert "--iomem FILE" in errors
    iomem = tmp_path / "iomem"
    iomem.write_text(IOMEM)
    out, _ = call(capsys, "--json", "plan", image, "--device", "shamu", "--iomem", iomem)
    document = json.loads(out)
    assert document["entry"] == 0x20000000
    iomem.write_text("00000000-00000000 : System RAM\n")
    _, errors = call(capsys, "plan", image, "--device", "shamu", "--iomem", iomem, code=3)
    assert f"{iomem}: /proc/iomem: all addresses are zero: it was not read as root" in errors


def test_a_refusal_names_the_rule_and_is_a_document_too(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    image = rom_image(tmp_path, kernel_data=kernel(numbers=(0x3C000, 0, 0x10000)))
    out, errors = call(capsys, "--json", "plan", image, "--device", "virt-arm", code=4)
    document = json.loads(out)
    assert document["rule"] == "decompression-in-ram"
    error = document["error"]
    assert error["kind"] == "BrokenRuleError"
    assert error["exit_code"] == 4
    assert error["what"].startswith("layout rule decompression-in-ram: ")
    assert "state: Nothing was sent." in errors


def test_without_a_device_and_without_a_phone_the_way_out_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _, errors = call(capsys, "plan", rom_image(tmp_path), code=5)
    assert "no phone" in errors
    assert "hardboot plan IMAGE --device NAME" in errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel_data": b"text " * 100}, "zImage"),
        ({"kernel_data": kernel()[:-9]}, "zImage: end"),
        ({"ramdisk": None}, "the image has no ramdisk"),
        ({"dtb": b"no tree, but bytes of some other kind" * 10}, "holds no device tree"),
    ],
)
def test_an_image_that_cannot_be_booted_is_refused_with_its_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    image = rom_image(tmp_path, **options)
    _, errors = call(capsys, "plan", image, "--device", "virt-arm", code=3)
    assert str(image) in errors
    assert message in errors
    assert len(errors.splitlines()) == 3


@pytest.mark.parametrize("content", [b"", b"just some text\n" * 400, b"ANDROID!", None])
def test_a_file_that_is_no_image_is_an_input_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "x.img"
    if content is not None:
        path.write_bytes(content)
    _, errors = call(capsys, "plan", path, "--device", "virt-arm", code=3)
    assert str(path) in errors


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_truncated_image_is_an_input_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, part: float
) -> None:
    path = rom_image(tmp_path, ramdisk=ramdisk(100_000))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    _, errors = call(capsys, "plan", path, "--device", "virt-arm", code=3)
    assert "boot image" in errors


def test_the_size_of_a_kernel_that_does_not_state_it_is_found(tmp_path: Path) -> None:
    packed = pack(kernel_with_banner("3.10.40", EDATA), "gzip")
    old = zimage(tags=b"", payload=b"\x1f\x8b\x08\x00 a false magic" + packed)
    found = rom.read(rom_image(tmp_path, kernel_data=old))
    assert isinstance(found.kernel, ZImage)
    assert found.kernel.edata_size is None
    assert found.unpacked_size == EDATA
    assert found.release == "3.10.40"
    lzma = zimage(tags=b"", payload=pack(kernel_with_banner("3.4.0", EDATA), "lzma"))
    assert rom.read(rom_image(tmp_path, kernel_data=lzma)).unpacked_size == EDATA
    unknown = zimage(tags=b"", payload=b"no known compression" * 100)
    assert rom.read(rom_image(tmp_path, kernel_data=unknown)).unpacked_size is None


def test_a_stated_size_is_believed_before_a_gzip_stream(tmp_path: Path) -> None:
    packed = pack(kernel_with_banner("6.1.0", EDATA), "gzip") + words(123456)
    assert rom.read(rom_image(tmp_path, kernel_data=zimage(payload=packed))).unpacked_size == 123456


def test_an_extension_table_that_points_outside_is_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rom.read(rom_image(tmp_path, kernel_data=zimage(tags=klsz(0x7FFFFFFF, 1, 2, 3))))
    told = "warning: zImage: KLSZ size pointer at offset 0x108: 0x7fffffff is outside the image\n"
    assert capsys.readouterr().err == told


def test_a_live_tree_completes_the_guest(tmp_path: Path) -> None:
    found = rom.read(rom_image(tmp_path))
    live = fdt.parse(dtb("/ { #address-cells = <1>; #size-cells = <1>; };"))
    guest = found.guest(tree=live, live_tree=live, cmdline=found.cmdline)
    assert guest.tree is live
    assert bytes(guest.ramdisk) == RAMDISK
    assert guest.unpacked_size == EDATA


def test_no_profile_needs_another_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    image = rom_image(tmp_path)
    _, errors = call(capsys, "plan", image, "--device", "nobody", code=3)
    assert ", ".join(profile.names()) in errors
