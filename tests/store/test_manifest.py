"""Manifests of ROMs: what is written is read, and nothing else is."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardboot.base.errors import InputError
from hardboot.payload.extents import Extent
from hardboot.store import manifest
from hardboot.store.manifest import BootFile, Manifest, StoredImage

SHA = "0123456789abcdef" * 4
DEBIAN = Manifest(
    version=1,
    name="debian-13",
    kind="linux",
    added=1764327600.0,
    description="Debian, minimal",
    release="6.12.57",
    boot=(BootFile(name="boot", size=9 << 20, sha256=SHA),),
    images=(
        StoredImage(name="root", size=1 << 30, runs=((0, 4096, 1 << 20), (1 << 20, 1 << 32, 1023 << 20))),
        StoredImage(name="firmware", size=4096, sha256=SHA, read_only=True, runs=((0, 0, 4096),)),
    ),
    root="root",
)


def document(**changes: object) -> bytes:
    return msgspec.json.encode({**DEBIAN.document(), **changes})


def image(**changes: object) -> dict[str, Any]:
    one: dict[str, Any] = msgspec.to_builtins(DEBIAN.images[0])
    return {**one, **changes}


def test_what_is_written_is_read() -> None:
    assert manifest.parse(manifest.build(DEBIAN), name="debian-13") == DEBIAN
    assert DEBIAN.size == (9 << 20) + (1 << 30) + 4096
    assert DEBIAN.images[0].file == "root.img"
    assert DEBIAN.images[0].extents[1] == Extent(1 << 20, 1 << 32, 1023 << 20)


def test_another_version_is_named() -> None:
    with pytest.raises(InputError, match="it has version 2, this hardboot knows 1"):
        manifest.parse(document(version=2, more="fields"), name="debian-13")


def test_the_folder_says_the_name() -> None:
    assert manifest.parse(document(), name="ubuntu").name == "ubuntu"


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../debian"},
        {"name": "debian\n"},
        {"name": ".hidden"},
        {"name": "n" * 33},
        {"kind": "windows"},
        {"unknown": 1},
        {"added": -1},
        {"added": 1 << 37},  # no date can be made of it
        {"added": 1e300},
        {"boot": []},
        {"boot": [{"name": "boot", "size": 1, "sha256": SHA}] * 2},
        {"root": None},
        {"root": "system"},
        {"kind": "android"},
        {"kind": "kernel", "root": None},
        {"images": [], "root": None},
        {"images": [image(), image()]},
        {"images": [image(name="../root")]},
        {"images": [image(name="Root")]},
        {"images": [image(size=4097)]},
        {"images": [image(size=0)]},
        {"images": [image(size=1 << 48)]},
        {"images": [image(runs=[[0, -1, 4096]])]},
        {"images": [image(runs=[[0, 1 << 48, 4096]])]},
        {"images": [image(runs=[[0, 0, 0]])]},
        {"images": [image(runs=[[0, 0]])]},
        {"images": [image(runs=[[0, 0, 4096]] * 8193)]},
        {"images": [image(sha256="x" * 64)]},
    ],
)
def test_what_a_manifest_cannot_say_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InputError, match="the manifest of the ROM debian-13 cannot be used: "):
        manifest.parse(document(**changes), name="debian-13")


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        manifest.parse(data, name="debian-13")


def test_a_name_of_the_user_is_checked_by_the_same_pattern() -> None:
    assert msgspec.convert("debian-13", manifest.RomName) == "debian-13"
    for name in ("", "a/b", "..", "a b", "-rf"):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(name, manifest.RomName)
