"""hardboot unpack and pack against the images and the words of mkbootimg, unpack_bootimg and abootimg."""

import struct
import subprocess
from pathlib import Path

import container_builders as build
import pytest
from image_builders import DEBIAN
from phones import Hardboot
from unpacked import KINDS, packed, taken_apart, tempdir


def mkbootimg(folder: Path, *words: str | Path, vendor: bool = False) -> bytes:
    for name, size in (("k", 5000), ("r", 3000), ("d", 700)):
        (folder / name).write_bytes(name.encode() * size)
    target = folder / "made.img"
    output = "--vendor_boot" if vendor else "-o"
    subprocess.run(["mkbootimg", *words, output, target], check=True, timeout=60, cwd=folder, env=DEBIAN)
    return target.read_bytes()


MADE: dict[str, tuple[str, ...]] = {
    "v0": ("--kernel", "k", "--ramdisk", "r", "--cmdline", "quiet", "--pagesize", "4096"),
    "v1": ("--header_version", "1", "--kernel", "k", "--ramdisk", "r", "--second", "d"),
    "v2": ("--header_version", "2", "--kernel", "k", "--ramdisk", "r", "--dtb", "d"),
    "v3": ("--header_version", "3", "--kernel", "k", "--ramdisk", "r", "--os_version", "12.0.0"),
    # Debian's unpack_bootimg takes the header for one page, whatever its size: a page must hold it.
    "vendor": (
        *("--header_version", "3", "--vendor_ramdisk", "r", "--dtb", "d", "--vendor_cmdline", "a"),
        *("--pagesize", "4096"),
    ),
}


@pytest.mark.parametrize("kind", MADE)
def test_images_of_mkbootimg_come_back_and_agree_with_unpack_bootimg(tmp_path: Path, kind: str) -> None:
    data = mkbootimg(tmp_path, *MADE[kind], vendor=kind == "vendor")
    folder = taken_apart(tmp_path, data)
    assert packed(folder)[1] == data
    first = "ramdisk" if kind == "vendor" else "kernel"
    (folder / first).write_bytes(b"changed" * 1234)
    done, again = packed(folder)
    assert done.changes[0].endswith(f"-> {7 * 1234} bytes")
    command: list[str | Path] = [
        "unpack_bootimg",
        "--boot_img",
        tmp_path / "again.img",
        "--out",
        tmp_path / "theirs",
    ]
    subprocess.run(command, check=True, timeout=60, capture_output=True, env=DEBIAN)
    for path in (tmp_path / "theirs").iterdir():
        ours = folder / path.name.removeprefix("vendor_")
        assert path.read_bytes() == (ours.read_bytes() if ours.exists() else b"")
    swapped = {"k": b"changed" * 1234} if first == "kernel" else {"r": b"changed" * 1234}
    remade = remake(tmp_path, kind, swapped)
    assert again == remade


def remake(folder: Path, kind: str, files: dict[str, bytes]) -> bytes:
    """Return what mkbootimg makes of the changed part."""
    work = Path(tempdir(folder))
    for name, size in (("k", 5000), ("r", 3000), ("d", 700)):
        (work / name).write_bytes(files.get(name, name.encode() * size))
    output = "--vendor_boot" if kind == "vendor" else "-o"
    command: list[str | Path] = ["mkbootimg", *MADE[kind], output, work / "made.img"]
    subprocess.run(command, check=True, timeout=60, cwd=work, env=DEBIAN)
    return (work / "made.img").read_bytes()


def test_an_image_of_abootimg_comes_back(tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(b"k" * 5000)
    (tmp_path / "r").write_bytes(b"r" * 3000)
    command = ["abootimg", "--create", "made.img", "-k", "k", "-r", "r", "-c", "pagesize=0x800"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    data = (tmp_path / "made.img").read_bytes()
    folder = taken_apart(tmp_path, data)
    assert packed(folder)[1] == data
    (folder / "ramdisk").write_bytes(b"R" * 4000)
    _, again = packed(folder)
    (tmp_path / "again").mkdir()
    subprocess.run(
        ["abootimg", "-x", tmp_path / "again.img"],
        cwd=tmp_path / "again",
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert (tmp_path / "again/initrd.img").read_bytes() == b"R" * 4000
    assert (tmp_path / "again/zImage").read_bytes() == b"k" * 5000
    assert again != data


def test_the_commands_tell_what_they_did(tmp_path: Path, hardboot: Hardboot) -> None:
    (tmp_path / "in.img").write_bytes(KINDS["v0"])
    told = hardboot.process("--json", "unpack", tmp_path / "in.img", tmp_path / "out").json
    assert told["kind"] == "Android boot image"
    assert told["parts"][0] == {"name": "kernel", "size": len(build.KERNEL)}
    assert (
        "identical to the image that was unpacked"
        in hardboot("pack", tmp_path / "out", tmp_path / "again.img").out
    )
    (tmp_path / "out/kernel").write_bytes(b"k")
    told = hardboot.process("pack", tmp_path / "out", tmp_path / "again.img", "--json").json
    assert not told["identical"]
    assert told["changes"] == [
        *(f"kernel: {len(build.KERNEL)} -> 1 bytes", "id: recomputed (sha1)"),
        f"image: {len(KINDS['v0'])} -> {told['size']} bytes",
    ]
    assert struct.unpack_from("<I", (tmp_path / "again.img").read_bytes(), 8)[0] == 1
    assert hardboot.process("pack", tmp_path, tmp_path / "x.img", code=3).three_lines
