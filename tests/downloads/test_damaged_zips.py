"""Archives that zipfile cannot read are refused with the name of the file, whatever it raises."""

import io
import zipfile
from pathlib import Path

import pytest

from hardboot.base.errors import InputError
from hardboot.flows import image_set

CENTRAL = b"PK\1\2"


def archive(method: int = zipfile.ZIP_DEFLATED, name: str = "boot.img") -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as made:
        made.writestr(name, bytes(range(256)) * 40)
    return target.getvalue()


def edited(data: bytes, offset: int, value: bytes, *, local: int | None = None) -> bytes:
    """Return `data` with `value` at an offset of its central entry; `local`: and at that of the file's."""
    changed = bytearray(data)
    start = data.index(CENTRAL) + offset
    changed[start : start + len(value)] = value
    if local is not None:
        changed[local : local + len(value)] = value
    return bytes(changed)


def stored(data: bytes) -> int:
    """Return where the content of the only file begins."""
    return 30 + int.from_bytes(data[26:28], "little") + int.from_bytes(data[28:30], "little")


def scrambled(method: int) -> bytes:
    data = bytearray(archive(method))
    start = stored(bytes(data))
    data[start + 2 : start + 22] = b"\xff" * 20
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        edited(archive(name="b\u00f6ot.img"), 46, b"\xff\xfe"),
        edited(archive(), 10, b"\x63\0", local=8),
        edited(archive(), 42, b"\xff\xff\xff\x7f"),
        edited(archive(), 16, b"\0\0\0\0", local=14),
        edited(archive(), 20, b"\4\0\0\0", local=18),
        *map(scrambled, (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)),
        archive()[:-4],
        archive()[:-40],
        b"PK\3\4",
    ],
    ids=[
        *("a name that is not UTF-8", "unknown compression", "offset", "checksum", "short data"),
        *("deflate", "bzip2", "lzma", "cut off", "without its end", "magic alone"),
    ],
)
def test_a_damaged_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "rom.zip"
    path.write_bytes(data)
    with pytest.raises(InputError, match=f"{path}: the archive cannot be read") as caught:
        image_set.find(path, {})
    assert caught.value.fix == "Extract the images into a folder, and give the folder."


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_an_archive_of_every_compression_is_read(tmp_path: Path, method: int) -> None:
    path = tmp_path / "rom.zip"
    path.write_bytes(archive(method))
    assert {name: bytes(data) for name, data in image_set.find(path, {}).images.items()} == {
        "boot": bytes(range(256)) * 40
    }
