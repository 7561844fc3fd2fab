"""Images that are sparse, compressed by their file name, or both, made by the real tools."""

import struct
import subprocess
from pathlib import Path

import ota_builders as build
import pytest
from image_sets import GENERIC, boot_v4, write_zip
from ota_builders import BLOCK

from hardboot.base.errors import InputError
from hardboot.downloads import image_source, is_collection, layers, open_download
from hardboot.flows import image_set
from hardboot.formats.archives import sparse_stream

IMAGE = build.image(30) + b"fill" * BLOCK


def made_sparse(tmp_path: Path, block: int = BLOCK) -> bytes:
    (tmp_path / "raw").write_bytes(IMAGE)
    subprocess.run(["img2simg", tmp_path / "raw", tmp_path / "sparse", str(block)], check=True)
    return (tmp_path / "sparse").read_bytes()


def read(path: Path) -> bytes:
    with open_download(path) as download:
        for error in download.refused.values():
            raise error
        [source] = download.images.values()
        target = path.with_name("target")
        done: list[int] = []
        with target.open("wb") as stream:
            source.write_to(stream, done.append)
        assert sum(done) == source.size == target.stat().st_size
        return target.read_bytes()


@pytest.mark.parametrize("block", [4096, 1024])
@pytest.mark.parametrize(
    ("end", "command"),
    [
        ("", ("cat",)),
        (".lz4", ("lz4", "-q", "-c")),
        (".lz4", ("lz4", "-q", "-c", "--content-size")),
        (".gz", ("gzip", "-c")),
        (".xz", ("xz", "-c")),
        (".zst", ("zstd", "-q", "-c")),
        (".bz2", ("bzip2", "-c")),
        (".br", ("brotli", "-c")),
    ],
)
def test_a_sparse_image_in_whatever_packing_is_expanded(
    end: str, command: tuple[str, ...], block: int, tmp_path: Path
) -> None:
    for data in (made_sparse(tmp_path, block), IMAGE):
        packed = subprocess.run(command, input=data, capture_output=True, check=True).stdout
        path = tmp_path / f"system.img{end}"
        path.write_bytes(packed)
        assert read(path) == IMAGE


def test_a_gzipped_ramdisk_is_no_compressed_image(tmp_path: Path) -> None:
    packed = subprocess.run(["gzip", "-c"], input=IMAGE, capture_output=True, check=True).stdout
    path = tmp_path / "ramdisk.img"
    path.write_bytes(packed)
    assert read(path) == packed


def test_a_single_image_is_taken_out_of_what_it_is_packed_in(tmp_path: Path) -> None:
    boot = boot_v4()
    for end, command in ((".lz4", ["lz4", "-q", "-c"]), (".xz", ["xz", "-c"]), (".br", ["brotli", "-c"])):
        path = tmp_path / f"boot.img{end}"
        path.write_bytes(subprocess.run(command, input=boot, capture_output=True, check=True).stdout)
        assert is_collection(path)
        assert bytes(image_set.find(path, {}).images["boot"]) == boot
    ramdisk = tmp_path / "ramdisk.img.gz"
    ramdisk.write_bytes(subprocess.run(["gzip", "-c"], input=GENERIC, capture_output=True, check=True).stdout)
    assert not is_collection(ramdisk)
    assert not is_collection(Path(__file__))


def test_a_sparse_boot_image_is_expanded(tmp_path: Path) -> None:
    made_sparse(tmp_path)
    other = tmp_path / "vendor_boot.sparse"
    other.write_bytes((tmp_path / "sparse").read_bytes())
    found = image_set.find(tmp_path / "sparse", {"vendor_boot": other})
    assert [bytes(found.images[name]) for name in ("boot", "vendor_boot")] == [IMAGE, IMAGE]


def test_a_makers_own_file_is_named_unless_it_is_something_else(tmp_path: Path) -> None:
    path = tmp_path / "fw.kdz"
    path.write_bytes(bytes(range(128, 256)) * 9)
    with pytest.raises(InputError, match=r"fw\.kdz is an LG firmware file") as caught:
        is_collection(path)
    assert caught.value.fix == "Unpack it with a tool for .kdz files, and give the images."
    path.write_bytes(boot_v4())
    assert bytes(image_set.find(path, {}).images["boot"]) == boot_v4()


def test_a_file_that_is_not_packed_as_its_name_says_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "boot.img.lz4"
    path.write_bytes(IMAGE)
    with pytest.raises(InputError, match="the file is not compressed with lz4, as its name says"):
        read(path)


HEADER = struct.pack("<IHHHHIIII", 0xED26FF3A, 1, 0, 28, 12, 4096, 4, 2, 0)
RAW = struct.pack("<HHII", 0xCAC1, 0, 2, 12 + 2 * 4096) + bytes(2 * 4096)
SKIP = struct.pack("<HHII", 0xCAC3, 0, 2, 12)


def test_a_longer_header_is_skipped() -> None:
    head = struct.pack("<IHHHHIIII", 0xED26FF3A, 1, 0, 32, 16, 4096, 4, 3, 0) + b"more"
    crc = struct.pack("<HHII", 0xCAC4, 0, 0, 20) + b"more" + b"csum"
    raw = struct.pack("<HHII", 0xCAC1, 0, 2, 16 + 8192) + b"more" + b"x" * 8192
    fill = struct.pack("<HHII", 0xCAC2, 0, 2, 20) + b"more" + b"fill"
    data = head + raw + crc + fill
    for size in (1, 7, 1000, len(data)):
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        assert b"".join(sparse_stream.expand_pieces(pieces)) == b"x" * 8192 + b"fill" * 2048


@pytest.mark.parametrize("chunks", [RAW + SKIP, SKIP + RAW, SKIP + SKIP])
def test_what_a_sparse_image_skips_is_zeros(chunks: bytes) -> None:
    assert b"".join(sparse_stream.expand_pieces([HEADER + chunks])) == bytes(4 * 4096)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (HEADER[:20], "header at offset 0x0: truncated: 20 of 28 bytes"),
        (HEADER + RAW, "chunk header at offset 0x2028: truncated: 0 of 12 bytes"),
        (HEADER + RAW[:-1] + b"", "chunk at offset 0x2027: truncated: 8191 of 8192 bytes"),
        (HEADER + RAW + RAW + RAW, None),
        (HEADER + RAW + RAW.replace(b"\2\0\0\0\x0c\x20", b"\3\0\0\0\x0c\x30"), "it ends behind the 4 blocks"),
        (HEADER + SKIP + SKIP[:4] + struct.pack("<II", 1, 12), "1 of 4 blocks are missing"),
        (HEADER + struct.pack("<HHII", 0xCAC9, 0, 2, 12), "chunk type at offset 0x1c: 0xcac9"),
        (HEADER + struct.pack("<HHII", 0xCAC1, 0, 2, 99), "chunk size at offset 0x24: 99 bytes for 8192"),
        (HEADER + struct.pack("<HHII", 0xCAC3, 0, 1 << 31, 12), "it ends behind the 4 blocks"),
    ],
)
def test_a_damaged_sparse_image_is_refused(data: bytes, problem: str | None) -> None:
    if problem is None:
        assert len(b"".join(sparse_stream.expand_pieces([data]))) == 4 * 4096
        return
    with pytest.raises(InputError, match=problem):
        b"".join(sparse_stream.expand_pieces([data]))


def test_an_image_shorter_than_is_stated_for_it_is_refused() -> None:
    image = image_source.ImageSource("boot", (), 10, lambda: iter([b"12345", b"678"]))
    with pytest.raises(InputError, match="image boot: it has 8 bytes, 10 are stated"):
        b"".join(image.blocks())


def test_an_image_larger_than_any_partition_is_refused(tmp_path: Path) -> None:
    head = struct.pack("<IHHHHIIII", 0xED26FF3A, 1, 0, 28, 12, 1 << 20, 1 << 30, 1, 0)
    skip = struct.pack("<HHII", 0xCAC3, 0, 1 << 30, 12)
    path = tmp_path / "system.img"
    path.write_bytes(head + skip)
    with pytest.raises(InputError, match="1125899906842624 bytes, it must have 1 to 68719476736"):
        read(path)


def test_a_bomb_is_stopped_at_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_source, "MAX_IMAGE", 1 << 20)
    monkeypatch.setattr(layers, "MAX_IMAGE", 1 << 20)
    for command, problem in (
        (("gzip", "-c"), "it has more than 1048576 bytes"),
        (("lz4", "-c"), "more than"),
    ):
        packed = subprocess.run(command, input=bytes(16 << 20), capture_output=True, check=True).stdout
        path = tmp_path / f"system.img{ {'gzip': '.gz', 'lz4': '.lz4'}[command[0]] }"
        path.write_bytes(packed)
        with pytest.raises(InputError, match=problem):
            read(path)


def test_makers_own_files_are_named(tmp_path: Path) -> None:
    with open_download(
        write_zip(tmp_path / "a.zip", {"boot.img": IMAGE, "cache_X.sin": b"x", "fw.ofp": b"x"})
    ) as download:
        assert set(download.images) == {"boot"}
        assert {name: error.what for name, error in download.refused.items()} == {
            "cache_X": "cache_X.sin is a Sony firmware file (.sin), which hardboot does not read",
            "fw": "fw.ofp is an encrypted OPPO firmware file (.ofp), which hardboot does not read",
        }


@pytest.fixture
def parts(tmp_path: Path) -> list[bytes]:
    """Return an image as simg2simg splits it."""
    made_sparse(tmp_path)
    subprocess.run(["simg2simg", tmp_path / "sparse", tmp_path / "part", "40000"], check=True)
    found = sorted(tmp_path.glob("part.*"), key=lambda path: int(path.suffix[1:]))
    assert len(found) > 2
    return [path.read_bytes() for path in found]


@pytest.mark.parametrize(("name", "first"), [("img_sparsechunk", 0), ("img", 0), ("img", 1)])
def test_a_split_image_is_joined(name: str, first: int, parts: list[bytes], tmp_path: Path) -> None:
    files = {f"super.{name}.{number}": data for number, data in enumerate(parts, first)}
    assert read(write_zip(tmp_path / "a.zip", dict(reversed(files.items())))) == IMAGE


def test_a_split_image_with_a_part_missing_wrong_or_twice_is_refused(
    parts: list[bytes], tmp_path: Path
) -> None:
    files = {f"super.img.{number}": data for number, data in enumerate(parts)}
    for changes, problem in (
        ({"super.img.1": None}, r"part 1 of super\.img is missing"),
        ({"super.img.0": None, "super.img.1": None}, r"part 1 of super\.img is missing"),
        ({"super.img.1": b"raw" * 99}, r"super\.img\.1: sparse image: magic"),
        ({"super.img.1": parts[0]}, "it holds byte 0x0, which an earlier one holds, too"),
        ({"deep/super.img.1": parts[1]}, r"super\.img\.1 is in the archive 2 times"),
    ):
        members = {name: data for name, data in {**files, **changes}.items() if data is not None}
        with pytest.raises(InputError, match=problem):
            read(write_zip(tmp_path / "a.zip", members))
