"""Full OTA payloads: their partitions come out as they went in, and every hash is checked."""

import hashlib
import io
import struct
import subprocess
import zipfile
from pathlib import Path

import ota_builders as build
import pytest
from image_sets import write_zip
from ota_builders import BLOCK, REPLACE, REPLACE_BZ, REPLACE_XZ, REPLACE_ZSTD, ZERO

from hardboot.base.errors import InputError
from hardboot.downloads import open_download
from hardboot.flows import image_set
from hardboot.formats.archives.decoders import zstd
from hardboot.formats.ota import payload as payloads

IMAGES = {"boot": build.image(9), "vendor_boot": build.image(5, 2), "system": build.image(21, 3)}


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def contents(path: Path) -> dict[str, bytes]:
    with open_download(path) as download:
        assert not download.refused
        return {name: b"".join(source.blocks()) for name, source in download.images.items()}


def one(operations: list[bytes], image: bytes, data: bytes, **changes: bytes) -> bytes:
    """Return a payload with one partition `boot`."""
    return build.assembled(build.manifest([build.partition("boot", image, operations, **changes)]), data)


@pytest.mark.parametrize(
    "kinds", [(REPLACE,), (REPLACE_BZ,), (REPLACE_XZ,), (REPLACE, REPLACE_XZ, REPLACE_BZ)]
)
def test_partitions_come_out_as_they_went_in(kinds: tuple[int, ...], tmp_path: Path) -> None:
    path = written(tmp_path / "payload.bin", build.payload(IMAGES, kinds=kinds))
    assert contents(path) == IMAGES
    with open_download(path) as download:
        assert download.kind == "full OTA payload"
        for name, image in IMAGES.items():
            source = download.images[name]
            assert (source.size, source.sha256) == (len(image), hashlib.sha256(image).hexdigest())
            assert b"".join(source.blocks()) == b"".join(source.blocks()) == image


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_payload_is_read_where_it_lies_in_its_zip(how: int, tmp_path: Path) -> None:
    members = {"META-INF/com/android/metadata": b"x", "payload.bin": build.payload(IMAGES)}
    path = write_zip(tmp_path / "ota.zip", members, how)
    assert contents(path) == IMAGES
    found = image_set.find(path, {})
    assert {name: bytes(data) for name, data in found.images.items()} == {
        name: IMAGES[name] for name in ("boot", "vendor_boot")
    }


def test_a_file_of_that_name_that_is_none_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "ota.zip", {"payload.bin": b"88xj" * 20})
    with pytest.raises(InputError, match=r"ota\.zip: OTA payload: magic at offset 0x0: b'88xj', not b'CrAU'"):
        contents(path)


def test_zstd_as_vivo_uses_it_and_zeros_are_read(tmp_path: Path) -> None:
    image = build.image(3) + bytes(2 * BLOCK)
    stored = zstd.compress(image[: 3 * BLOCK])
    operations = [
        build.operation(REPLACE_ZSTD, 0, stored, [(0, 3)]),
        build.operation(ZERO, 0, b"", [(3, 1)]),
        build.operation(build.DISCARD, 0, b"", [(4, 1)]),
    ]
    assert contents(written(tmp_path / "p", one(operations, image, stored))) == {"boot": image}


def test_short_data_is_padded_and_untouched_blocks_are_zeros(tmp_path: Path) -> None:
    image = b"x" * 100 + bytes(3 * BLOCK - 100)
    operations = [build.operation(REPLACE, 0, b"x" * 100, [(0, 1)])]
    assert contents(written(tmp_path / "p", one(operations, image, b"x" * 100))) == {"boot": image}


def test_scattered_blocks_find_their_places(tmp_path: Path) -> None:
    image = build.image(8)
    first = b"".join(image[at * BLOCK : (at + 1) * BLOCK] for at in (6, 7, 0, 3))
    second = image[BLOCK : 3 * BLOCK] + image[4 * BLOCK : 6 * BLOCK]
    packed = build.packed(REPLACE_XZ, second)
    operations = [
        build.operation(REPLACE, 0, first, [(6, 1), (7, 1), (0, 1), (3, 1)]),
        build.operation(REPLACE_XZ, len(first), packed, [(1, 2), (4, 2)]),
    ]
    assert contents(written(tmp_path / "p", one(operations, image, first + packed))) == {"boot": image}


def test_scattered_blocks_behind_the_data_are_zeros(tmp_path: Path) -> None:
    image = b"x" * 100 + bytes(BLOCK - 100) + b"y" * BLOCK + bytes(BLOCK)
    data = b"y" * BLOCK + b"x" * 100
    operations = [build.operation(REPLACE, 0, data, [(1, 1), (0, 1), (2, 1)])]
    assert contents(written(tmp_path / "p", one(operations, image, data))) == {"boot": image}


def test_a_partition_may_end_inside_of_a_block(tmp_path: Path) -> None:
    image = build.image(2)[: BLOCK + 512]
    operations = [build.operation(REPLACE, 0, image, [(0, 2)])]
    assert contents(written(tmp_path / "p", one(operations, image, image))) == {"boot": image}


def test_data_behind_4_gib_is_found(tmp_path: Path) -> None:
    path, image, hole = tmp_path / "p", build.image(2), 5 << 30
    message = build.manifest(
        [build.partition("boot", image, [build.operation(REPLACE, hole, image, [(0, 2)])])]
    )
    head = build.assembled(message, b"")
    with path.open("wb") as stream:
        stream.write(head)
        stream.seek(len(head) + hole)
        stream.write(image)
    assert contents(path) == {"boot": image}


def test_a_wrong_hash_is_told(tmp_path: Path) -> None:
    image = build.image(2)
    wrong = bytes(32)
    operation = build.operation(REPLACE, 0, image, [(0, 2)])
    path = written(tmp_path / "p", one([operation], image, image, sha256=wrong))
    with pytest.raises(
        InputError, match=rf"image boot: its SHA-256 is [0-9a-f]{{64}}, {wrong.hex()} is stated"
    ):
        contents(path)
    operation = build.operation(REPLACE, 0, image, [(0, 2)], sha256=wrong)
    path = written(tmp_path / "p", one([operation], image, image))
    with pytest.raises(
        InputError, match="OTA payload: partition boot: the data at 0x0 does not match its SHA-256"
    ):
        contents(path)


def test_every_damaged_byte_of_the_data_is_noticed(tmp_path: Path) -> None:
    data = build.payload({"boot": build.image(2)}, kinds=(REPLACE,))
    start = len(data) - 2 * BLOCK
    for at in (start, start + BLOCK, len(data) - 1):
        damaged = bytearray(data)
        damaged[at] ^= 1
        with pytest.raises(InputError, match="does not match its SHA-256"):
            contents(written(tmp_path / "p", bytes(damaged)))


def test_of_an_incremental_update_only_what_is_whole_is_read(tmp_path: Path) -> None:
    image = build.image(2)
    whole = build.partition("init_boot", image, [build.operation(REPLACE, 0, image, [(0, 2)])])
    kinds = (build.SOURCE_COPY, build.PUFFDIFF, 99)
    delta = build.partition("boot", image, [build.operation(kind, 0, b"", [(0, 2)]) for kind in kinds])
    path = written(
        tmp_path / "payload.bin", build.assembled(build.manifest([whole, delta], minor_version=8), image)
    )
    with open_download(path) as download:
        assert download.kind == "incremental OTA payload"
        assert b"".join(download.images["init_boot"].blocks()) == image
        assert "boot" not in download.images
    needs = r"it is an incremental update \(SOURCE_COPY, PUFFDIFF, operation 99\)"
    with pytest.raises(InputError, match=rf"payload\.bin: partition boot: {needs}") as caught:
        image_set.find(path, {})
    assert caught.value.fix == "Use a full OTA package."


TWO = build.image(2)
GOOD = one([build.operation(REPLACE, 0, TWO, [(0, 2)])], TWO, TWO)


def _of(*operations: bytes) -> bytes:
    return one(list(operations), TWO, TWO)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"CrAU" + struct.pack(">QQI", 1, 0, 0), "version 1, hardboot reads version 2"),
        (
            b"CrAU" + struct.pack(">QQI", 2, 1 << 62, 0),
            "manifest_size at offset 0xc: 4611686018427387904 bytes",
        ),
        (b"CrAU" + struct.pack(">QQI", 2, 99, 0), "the file is cut short"),
        (b"CrAU" + bytes(8), "truncated: 12 of 24 bytes"),
        (build.assembled(b"\xff" * 20, b""), "manifest at offset 0x18: it is no protobuf message"),
        (build.assembled(build.field(3, 1000), b""), "block_size: 1000 bytes"),
        (GOOD[:-1], "8192 bytes at 0x0 of 8191: the payload ends before"),
        (_of(build.operation(REPLACE, 1 << 63, TWO, [(0, 2)])), "the payload ends before"),
        (_of(build.operation(REPLACE, 0, TWO, [(1, 2)])), "2 blocks from block 1 on, its size is 8192 bytes"),
        (_of(build.operation(ZERO, 0, b"", [((1 << 64) - 1, 1)])), "its size is 8192 bytes"),
        (_of(build.operation(ZERO, 0, b"", [(0, 0)])), "0 blocks from block 0 on"),
        (_of(*[build.operation(ZERO, 0, b"", [(1, 1)])] * 2), "block at 0x1000 is written twice"),
        (_of(build.operation(REPLACE, 0, TWO, [(0, 1)])), "an operation makes more than its blocks hold"),
        (one([], b"", b""), "boot has 0 bytes, it must have 1 to"),
        (one([], TWO, b"", sha256=b"x"), "new_partition_info of boot: a hash of 1 bytes"),
        (
            build.assembled(build.manifest([build.partition("../boot", TWO, [])]), b""),
            r"b'\.\./boot' is no name of a partition",
        ),
        (
            build.assembled(build.manifest([build.partition("boot", TWO, [])] * 2), b""),
            "boot is there 2 times",
        ),
        (
            build.assembled(build.manifest([build.partition(f"p{at}", TWO, []) for at in range(513)]), b""),
            "513 partitions, the limit is 512",
        ),
    ],
)
def test_a_hostile_payload_is_refused(data: bytes, problem: str, tmp_path: Path) -> None:
    path = written(tmp_path / "payload.bin", data)
    with pytest.raises(InputError, match=problem) as caught:
        image_set.find(path, {})
    assert str(path) in caught.value.what


def test_a_small_operation_that_makes_gigabytes_is_stopped_early(tmp_path: Path) -> None:
    packed = build.packed(REPLACE_XZ, bytes(16 << 20))
    operations = [build.operation(REPLACE_XZ, 0, packed, [(0, 2)])]
    path = written(tmp_path / "p", one(operations, TWO, packed))
    with open_download(path) as download:
        target = io.BytesIO()
        with pytest.raises(InputError, match="an operation makes more than its blocks hold"):
            download.images["boot"].write_to(target)
    assert target.tell() <= len(TWO)


def test_limits_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hardboot.formats.ota.manifest.MAX_OPERATIONS", 1)
    path = written(tmp_path / "p", build.payload({"boot": build.image(9)}))
    with pytest.raises(InputError, match="operations: 3, the limit is 1"):
        contents(path)
    monkeypatch.undo()
    monkeypatch.setattr("hardboot.downloads.payloads.MAX_SCATTERED", BLOCK)
    operation = build.operation(REPLACE, 0, TWO, [(0, 1), (2, 1)])
    image = TWO[:BLOCK] + bytes(BLOCK) + TWO[BLOCK:]
    with pytest.raises(InputError, match="scattered operation of more than 4096 bytes"):
        contents(written(tmp_path / "p", one([operation], image, TWO)))


PROTO = """
syntax = "proto2";
message Extent { optional uint64 start_block = 1; optional uint64 num_blocks = 2; }
message PartitionInfo { optional uint64 size = 1; optional bytes hash = 2; }
message InstallOperation {
  required uint32 type = 1; optional uint64 data_offset = 2; optional uint64 data_length = 3;
  repeated Extent src_extents = 4; repeated Extent dst_extents = 6; optional bytes data_sha256_hash = 8;
}
message PartitionUpdate {
  required string partition_name = 1; optional bool run_postinstall = 2;
  optional PartitionInfo new_partition_info = 7; repeated InstallOperation operations = 8;
  optional string version = 17; optional uint64 estimate_cow_size = 19;
}
message DeltaArchiveManifest {
  optional uint32 block_size = 3; optional uint64 signatures_offset = 4; optional uint64 signatures_size = 5;
  optional uint32 minor_version = 12; repeated PartitionUpdate partitions = 13;
  optional int64 max_timestamp = 14; optional bool partial_update = 16;
}
"""


def _escaped(data: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in data)


def test_a_manifest_that_protoc_encodes_is_read(tmp_path: Path) -> None:
    written(tmp_path / "update_metadata.proto", PROTO.encode())
    image = build.image(4)
    text = f"""
    block_size: 4096 signatures_offset: 16384 signatures_size: 4 max_timestamp: 1700000000
    partitions {{
      partition_name: "boot" run_postinstall: false version: "1" estimate_cow_size: 99
      new_partition_info {{ size: {len(image)} hash: "{_escaped(hashlib.sha256(image).digest())}" }}
      operations {{
        type: 0 data_offset: 0 data_length: {len(image)} dst_extents {{ start_block: 0 num_blocks: 4 }}
        data_sha256_hash: "{_escaped(hashlib.sha256(image).digest())}"
      }}
    }}
    """
    encoded = subprocess.run(
        ["protoc", "--encode=DeltaArchiveManifest", "update_metadata.proto"],
        cwd=tmp_path,
        input=text.encode(),
        capture_output=True,
        check=True,
    ).stdout
    path = written(tmp_path / "payload.bin", build.assembled(encoded, image + b"SIGN"))
    assert contents(path) == {"boot": image}
    assert payloads.parse_header(path.read_bytes()[:24]).manifest_size == len(encoded)
