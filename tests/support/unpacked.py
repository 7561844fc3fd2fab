"""Images taken apart into folders, for tests."""

from pathlib import Path

import container_kinds

from hardboot.images.unpack import Packed, pack, unpack

KINDS = container_kinds.every_kind()


def taken_apart(folder: Path, data: bytes) -> Path:
    (folder / "in.img").write_bytes(data)
    unpack(folder / "in.img", folder / "out")
    return folder / "out"


def packed(folder: Path) -> tuple[Packed, bytes]:
    target = folder.parent / "again.img"
    done = pack(folder, target)
    return done, target.read_bytes()


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "image.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def tempdir(folder: Path) -> str:
    import tempfile

    return tempfile.mkdtemp(dir=folder)
