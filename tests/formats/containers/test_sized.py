"""Images with one file behind a header that states its size and checksum: by mkimage, and Rockchip's."""

import gzip
import struct
import subprocess
from pathlib import Path

import container_builders as build
import pytest
from image_builders import DEBIAN, board, zimage

from hardboot.base.errors import InputError
from hardboot.formats import sniff
from hardboot.formats.boot import krnl
from hardboot.formats.containers import Changes, Container, open_container

RAMDISK = gzip.compress(b"070701" + b"0" * 104, mtime=0)


def uinitrd(folder: Path, content: bytes) -> bytes:
    (folder / "content").write_bytes(content)
    command = ["mkimage", "-A", "arm", "-O", "linux", "-T", "ramdisk", "-C", "gzip", "-n", "init"]
    files = ["-d", str(folder / "content"), str(folder / "uInitrd")]
    subprocess.run([*command, *files], check=True, timeout=30, env=DEBIAN, capture_output=True)
    return (folder / "uInitrd").read_bytes()


def rebuilt(container: Container, content: bytes) -> bytes:
    changes = Changes({}, {}, {container.parts[0].name: content})
    return b"".join(bytes(chunk) for chunk in container.rebuild(changes).chunks)


@pytest.mark.parametrize("size", [-3, 0, 100])
def test_mkimage_accepts_a_ramdisk_with_another_content(tmp_path: Path, size: int) -> None:
    container = open_container(uinitrd(tmp_path, RAMDISK))
    assert container.kind == sniff.UBOOT_RAMDISK
    [part] = container.parts
    assert (part.name, part.offset, bytes(part.data)) == ("ramdisk", 64, RAMDISK)
    new = b"x" * (len(RAMDISK) + size)
    again = rebuilt(container, new)
    (tmp_path / "again").write_bytes(again)
    shown = subprocess.run(
        ["dumpimage", "-l", str(tmp_path / "again")], check=True, timeout=30, env=DEBIAN, capture_output=True
    ).stdout.decode()
    assert f"Data Size:    {len(new)} Bytes" in shown
    assert "Verifying" not in shown
    theirs = uinitrd(tmp_path, new)
    assert again[64:] == theirs[64:]
    assert (again[12:16], again[24:28]) == (theirs[12:16], theirs[24:28]), "size and checksum of the content"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (RAMDISK, "ramdisk"),
        (zimage() + board("x"), "kernel"),
        (gzip.compress(zimage()), "kernel"),
        (b"CMDLINE:quiet\n", "parameter"),
        (bytes(range(256)), "content"),
        (RAMDISK[:20] + b"damaged", "content"),
        (b"", "content"),
    ],
)
def test_the_file_in_a_rockchip_image_has_the_name_of_its_kind(content: bytes, name: str) -> None:
    data = build.rockchip(content) + bytes(8192)
    container = open_container(data)
    assert [(part.name, bytes(part.data)) for part in container.parts] == [(name, content)]
    longer = rebuilt(container, content + b"longer")
    assert longer == build.rockchip(content + b"longer") + bytes(8186), "it keeps the partition's size"
    assert krnl.parse(longer).magic == b"KRNL"


@pytest.mark.parametrize("magic", [b"KRNL", b"\x27\x05\x19\x56"])
def test_a_size_that_lies_is_refused(magic: bytes) -> None:
    good = build.rockchip(b"x" * 99) if magic == b"KRNL" else build.uimage(b"x" * 99, 3)
    for size in (101, 1 << 31, (1 << 32) - 1):
        changed = bytearray(good)
        if magic == b"KRNL":
            struct.pack_into("<I", changed, 4, size)
        else:
            struct.pack_into(">I", changed, 12, size)
        with pytest.raises(InputError):
            open_container(bytes(changed))
    for end in range(len(good)):
        with pytest.raises(InputError):
            open_container(good[:end])


@pytest.mark.parametrize("kind", ["script", "firmware", "filesystem", "standalone"])
def test_files_of_mkimage_without_a_kernel_are_taken_apart(tmp_path: Path, kind: str) -> None:
    (tmp_path / "content").write_bytes(board("x"))
    command = ["mkimage", "-A", "arm", "-O", "linux", "-T", kind, "-C", "none", "-n", "x", "-d"]
    subprocess.run(
        [*command, str(tmp_path / "content"), str(tmp_path / "image")],
        check=True,
        timeout=30,
        env=DEBIAN,
        capture_output=True,
    )
    image = (tmp_path / "image").read_bytes()
    container = open_container(image)
    assert container.kind == sniff.UBOOT_OTHER
    assert bytes(container.parts[0].data).endswith(board("x"))
    assert rebuilt(container, bytes(container.parts[0].data)) == image
