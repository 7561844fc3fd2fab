"""Block-based OTAs: the transfer list and the new data make the image, whatever the data is packed with."""

import subprocess
import zipfile
from pathlib import Path

import ota_builders as build
import pytest
from image_sets import write_zip
from ota_builders import BLOCK

from hardboot.base.errors import InputError
from hardboot.downloads import open_download
from hardboot.formats.ota import transfer_list

IMAGE = build.image(40)
RANGES = build.data_ranges(IMAGE)


def folder_of(tmp_path: Path, files: dict[str, bytes]) -> Path:
    folder = tmp_path / "rom"
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def system(path: Path) -> bytes:
    with open_download(path) as download:
        if "system" in download.refused:
            raise download.refused["system"]
        source = download.images["system"]
        content = b"".join(source.blocks())
        assert len(content) == source.size
        return content


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_every_version_of_the_list_is_read(version: int, tmp_path: Path) -> None:
    files = build.block_ota("system", IMAGE, version=version)
    assert system(folder_of(tmp_path, files)) == IMAGE
    assert system(write_zip(tmp_path / "ota.zip", files)) == IMAGE


@pytest.mark.parametrize(
    ("end", "command"),
    [
        ("br", ("brotli", "-q", "5", "-w", "24")),
        ("xz", ("xz",)),
        ("zst", ("zstd", "-q")),
        ("lz4", ("lz4", "-q")),
        ("gz", ("gzip",)),
        ("bz2", ("bzip2",)),
    ],
)
def test_data_packed_by_the_real_tools_is_read(end: str, command: tuple[str, ...], tmp_path: Path) -> None:
    files = build.block_ota("system", IMAGE)
    data = files.pop("system.new.dat")
    packed = subprocess.run([*command, "-c"], input=data, capture_output=True, check=True).stdout
    path = write_zip(tmp_path / "ota.zip", {**files, f"system.new.dat.{end}": packed}, zipfile.ZIP_STORED)
    assert system(path) == IMAGE
    with open_download(path) as download:
        assert download.kind == "block-based OTA"


def test_names_with_the_region_as_oppo_has_them_are_read(tmp_path: Path) -> None:
    files = {
        name.replace(".", ".00011011.", 1): data for name, data in build.block_ota("system", IMAGE).items()
    }
    assert "system.00011011.transfer.list" in files
    assert system(write_zip(tmp_path / "ota.zip", files)) == IMAGE


def test_data_in_parts_is_joined(tmp_path: Path) -> None:
    parts = {f"system.new.dat.{number}": DATA[number * 9000 : (number + 1) * 9000] for number in range(14)}
    assert b"".join(parts.values()) == DATA
    files = {"system.transfer.list": LIST, **parts}
    assert system(write_zip(tmp_path / "ota.zip", files)) == IMAGE
    del files["system.new.dat.2"]
    with pytest.raises(InputError, match="part 2 is missing"):
        system(write_zip(tmp_path / "ota.zip", files))


def test_uncompressed_data_counts_more_than_compressed_data_beside_it(tmp_path: Path) -> None:
    files = {**build.block_ota("system", IMAGE), "system.new.dat.br": b"damaged"}
    assert system(folder_of(tmp_path, files)) == IMAGE


def test_blocks_in_another_order_find_their_places(tmp_path: Path) -> None:
    order = [*RANGES[5:], *RANGES[:5]]
    files = {
        "system.transfer.list": build.transfer_list(order, 40),
        "system.new.dat": build.new_data(IMAGE, order),
    }
    assert system(folder_of(tmp_path, files)) == IMAGE


def test_blocks_without_data_up_to_the_partitions_end_are_zeros(tmp_path: Path) -> None:
    files = {
        "system.transfer.list": b"4\n1\n0\n0\nerase 2,0,9\nnew 2,2,3\nzero 4,3,4,7,12\n",
        "system.new.dat": b"x" * BLOCK,
    }
    image = bytes(2 * BLOCK) + b"x" * BLOCK + bytes(9 * BLOCK)
    assert system(folder_of(tmp_path, files)) == image


def test_what_the_phone_computes_is_noted(tmp_path: Path) -> None:
    tree = b"compute_hash_tree 2,2,3 2,0,2 sha256 aee0 6c3e\n"
    files = {"system.transfer.list": b"4\n2\n0\n0\nnew 2,0,2\n" + tree, "system.new.dat": bytes(2 * BLOCK)}
    with open_download(folder_of(tmp_path, files)) as download:
        image = download.images["system"]
        assert image.size == 3 * BLOCK
        assert image.note == "dm-verity's hash tree in it is zeros: the phone computes it"


LIST = build.transfer_list(RANGES, 40)
DATA = build.new_data(IMAGE, RANGES)


@pytest.mark.parametrize(
    ("listed", "data", "problem"),
    [
        (LIST, {"system.new.dat": DATA[:-1]}, f"{len(DATA) - 1} bytes, the transfer list writes {len(DATA)}"),
        (
            LIST,
            {"system.new.dat": DATA + b"x"},
            f"{len(DATA) + 1} bytes, the transfer list writes {len(DATA)}",
        ),
        (LIST, {}, r"its data, system\.new\.dat, is missing"),
        # What an incremental OTA for Android 5 and 7 has.
        (
            b"4\n9\n1\n1\nstash 8ab9 2,0,1\nbsdiff 0 100 8ab9 9bc0 2,0,1 1 2,4,5\nnew 2,1,2\nfree 8ab9\n",
            {"system.new.dat": DATA},
            r"incremental update \(bsdiff, free, stash\)",
        ),
        (b"1\n9\nmove 2,0,1 2,4,5\n", {"system.new.dat": b"x"}, r"incremental update \(move\)"),
        (b"", {"system.new.dat": b"x"}, "rom/|transfer list"),
        (b"5\n", {"system.new.dat": b"x"}, "version: 5, hardboot reads 1 to 4"),
        (b"\xff", {"system.new.dat": b"x"}, "it is no text"),
        (b"four\n", {"system.new.dat": b"x"}, "version: 'four' is no number"),
        (b"4\n1\n0\n0\n", {"system.new.dat": b"x"}, "it writes nothing"),
        (b"1\n1\nnew 2,0\n", {"system.new.dat": b"x"}, "line 3: 2 numbers are announced, 1 follow"),
        (b"1\n1\nnew 3,0,1,2\n", {"system.new.dat": b"x"}, "3 numbers are announced"),
        (b"1\n1\nnew 0\n", {"system.new.dat": b"x"}, "0 numbers are announced"),
        (b"1\n1\nnew\n", {"system.new.dat": b"x"}, "line 3: '' is no number"),
        (b"1\n1\nnew 2,5,5\n", {"system.new.dat": b"x"}, "blocks 5 to 5"),
        (b"1\n1\nnew 2,-1,5\n", {"system.new.dat": b"x"}, "'-1' is no number"),
        (b"1\n1\nnew 2,0,4294967295\n", {"system.new.dat": b"x"}, "blocks 0 to 4294967295, the limit is"),
        ("1\n1\nnew 2,0,\u0663\n".encode(), {"system.new.dat": b"x"}, "it is no text"),
        (b"1\n1\nrm -rf\n", {"system.new.dat": b"x"}, "line 3: 'rm' is no command"),
    ],
)
def test_a_list_or_data_that_is_wrong_is_refused(
    listed: bytes, data: dict[str, bytes], problem: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=problem):
        system(folder_of(tmp_path, {"system.transfer.list": listed, **data}))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (DATA[:-1], "new data: blocks at offset .*: truncated"),
        (DATA + b"x", f"more than the {len(DATA)} bytes"),
    ],
)
@pytest.mark.parametrize("order", [RANGES, RANGES[::-1]])
def test_packed_data_that_does_not_fit_is_refused(
    data: bytes, problem: str, order: list[tuple[int, int]], tmp_path: Path
) -> None:
    packed = subprocess.run(["brotli", "-c"], input=data, capture_output=True, check=True).stdout
    files = {"system.transfer.list": build.transfer_list(order, 40), "system.new.dat.br": packed}
    with pytest.raises(InputError, match=problem):
        system(folder_of(tmp_path, files))


@pytest.mark.parametrize("cut", [0, 1, 100])
def test_damaged_brotli_is_refused(cut: int, tmp_path: Path) -> None:
    packed = subprocess.run(["brotli", "-c"], input=DATA, capture_output=True, check=True).stdout
    for damaged in (packed[:cut], packed + b"x", DATA):
        files = {"system.transfer.list": LIST, "system.new.dat.br": damaged}
        with pytest.raises(InputError, match=r"brotli data|new data"):
            system(folder_of(tmp_path, files))


def test_limits_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer_list, "MAX_RANGES", 2)
    with pytest.raises(InputError, match="more than 2 ranges"):
        transfer_list.parse(LIST)
    monkeypatch.setattr(transfer_list, "MAX_LIST", 10)
    with pytest.raises(InputError, match=f"{len(LIST)} bytes, the limit is 10"):
        transfer_list.parse(LIST)
