"""The id of a boot image, against hashes made by hand."""

import hashlib

import pytest

from hardboot.formats.boot import bootid
from hardboot.formats.boot.paged import Part


def hashed(name: str, *parts: bytes) -> bytes:
    raw = b"".join(part + len(part).to_bytes(4, "little") for part in parts)
    return hashlib.new(name, raw).digest().ljust(32, b"\0")


@pytest.mark.parametrize("name", ["sha1", "sha256"])
def test_an_image_without_a_tree_table_has_two_ids(name: bootid.Hash) -> None:
    parts = [Part("kernel", 0, b"k" * 5), Part("ramdisk", 0, b""), Part("second", 0, b"s")]
    assert bootid.compute_ids(parts, name) == {
        name: hashed(name, b"k" * 5, b"", b"s"),
        f"{name}-dt": hashed(name, b"k" * 5, b"", b"s", b""),
    }


def test_a_tree_table_that_is_not_there_is_counted_in_its_place() -> None:
    names = ("kernel", "second", "recovery_dtbo", "dtb")
    parts = [Part(name, 0, name[:1].encode()) for name in names]
    assert bootid.compute_ids(parts, "sha1") == {
        "sha1": hashed("sha1", b"k", b"s", b"r", b"d"),
        "sha1-dt": hashed("sha1", b"k", b"s", b"", b"r", b"d"),
    }


def test_an_image_with_a_tree_table_has_one_id() -> None:
    parts = [Part("kernel", 0, b"k"), Part("dt", 0, b"table")]
    assert bootid.compute_ids(parts, "sha256") == {"sha256": hashed("sha256", b"k", b"table")}


def test_an_id_shows_its_hash_by_its_length() -> None:
    assert bootid.hash_of(bytes(32)) is None
    assert bootid.hash_of(b"x" * 20 + bytes(12)) == "sha1"
    assert bootid.hash_of(bytes(19) + b"x" + bytes(12)) == "sha1"
    assert bootid.hash_of(bytes(20) + b"x" + bytes(11)) == "sha256"


def test_an_id_is_matched_with_those_computed() -> None:
    ids: dict[bootid.Algorithm, bytes] = {"sha1": b"a", "sha1-dt": b"b"}
    assert bootid.matching_algorithm(b"b", ids) == "sha1-dt"
    assert bootid.matching_algorithm(b"c", ids) is None
