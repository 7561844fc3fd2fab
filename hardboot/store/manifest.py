"""The manifest of a ROM in the store: /data/hardboot/roms/NAME/manifest.json on the phone.

The schema is versioned: a manifest of another version is refused, never guessed at. It comes back from the
phone, where a booted ROM could have changed it: what can be looked at is not believed, and no name in it is
used as a path before it fits its pattern.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from hardboot.base import documents
from hardboot.base.errors import InputError
from hardboot.payload.extents import Extent
from hardboot.store.blocks import BLOCK

VERSION = 1
LIMIT = 4 << 20  # bytes; 8192 runs of an image take 0.4 MiB

_OFFSET_MAX = (1 << 48) - 1
RomName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,31}\Z")]
_ImageName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}\Z")]
_Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
_Text = Annotated[str, Meta(max_length=4096)]
_Offset = Annotated[int, Meta(ge=0, le=_OFFSET_MAX)]
_Size = Annotated[int, Meta(ge=1, le=_OFFSET_MAX)]
_Path = Annotated[str, Meta(pattern=r"^/[A-Za-z0-9_./-]{1,100}\Z")]
Kind = Literal["linux", "android", "kernel"]


class StoredImage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An image file of a ROM: a block device of the booted ROM.

    Attributes:
        name: system, vendor, data, cache, root, …: the file is NAME.img.
        size: Bytes, whole blocks.
        sha256: Of what was written by `rom add`, in hex; None of an image that the ROM writes to.
        filesystem: What is in it.
        read_only: The ROM cannot write to it.
        runs: Where it lay when it was written: offset in the image, offset in the partition, bytes. Empty if
            its file was given up, to make room for a new one that was not written then.
        generation: How often it was replaced: each time its file gets another name, so that the manifest
            decides which file counts.
    """

    name: _ImageName
    size: Annotated[int, Meta(ge=BLOCK, le=_OFFSET_MAX, multiple_of=BLOCK)]
    sha256: _Sha256 | None = None
    filesystem: Annotated[str, Meta(pattern=r"^[a-z0-9]{1,15}\Z")] = "ext4"
    read_only: bool = False
    runs: Annotated[tuple[tuple[_Offset, _Offset, _Size], ...], Meta(max_length=8192)] = ()
    generation: Annotated[int, Meta(ge=0, le=1 << 30)] = 0

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.name}.{self.generation}.img" if self.generation else f"{self.name}.img"

    @property
    def extents(self) -> tuple[Extent, ...]:
        """Its runs on the partition."""
        return tuple(Extent(*run) for run in self.runs)

    def lying_at(self, extents: Iterable[Extent]) -> "StoredImage":
        """Return it with other runs."""
        return replace(self, runs=tuple((one.logical, one.physical, one.length) for one in extents))


class BootFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A boot image of a ROM, as the user gave it."""

    name: _ImageName
    size: _Size
    sha256: _Sha256


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a ROM in the store is.

    Attributes:
        version: Of this schema.
        name: Of the ROM, and of its folder.
        kind: `linux`: a Linux root file system; `android`: an Android system with an fstab of its own;
            `kernel`: another kernel for the phone's own system, without images.
        description: In the user's words.
        added: Seconds since 1970 (UTC).
        release: Of its kernel, as `uname -r` will print it; None if the image does not tell.
        cmdline: Appended to its kernel command line.
        boot: Its boot images, by the names of partitions.
        images: Its block devices, in the order in which they are made.
        root: Name of the image that holds the root file system, of kind `linux`.
        init: Path of the first program in its ramdisk: of kind `android`, where that is not /init; of kind
            `linux`, where that program mounts the root file system, and not hb-init.
    """

    version: Literal[1]
    name: RomName
    kind: Kind
    added: documents.Time
    description: _Text = ""
    release: _Text | None = None
    cmdline: _Text = ""
    boot: Annotated[tuple[BootFile, ...], Meta(min_length=1, max_length=8)]
    images: Annotated[tuple[StoredImage, ...], Meta(max_length=16)] = ()
    root: _ImageName | None = None
    init: _Path | None = None

    def __post_init__(self) -> None:
        for kind, names in (("image", self.images), ("boot image", self.boot)):
            seen = [one.name for one in names]
            if len(set(seen)) != len(seen):
                raise ValueError(
                    f"an {kind} is named twice" if kind == "image" else f"a {kind} is named twice"
                )
        if (self.kind == "linux") != (self.root is not None):
            raise ValueError("a ROM of kind linux, and no other, has a root image")
        if self.root is not None and self.root not in {one.name for one in self.images}:
            raise ValueError(f"there is no image {self.root}")
        if (self.kind == "kernel") != (not self.images):
            raise ValueError("a ROM of kind kernel, and no other, is without images")

    def image(self, name: str) -> StoredImage | None:
        """Return the image of that name; None if there is none."""
        return next((one for one in self.images if one.name == name), None)

    def with_image(self, image: StoredImage) -> "Manifest":
        """Return it with `image` in place of the one of its name."""
        return replace(self, images=tuple(image if one.name == image.name else one for one in self.images))

    @property
    def size(self) -> int:
        """Bytes of its images and boot images."""
        return sum(one.size for one in self.images) + sum(one.size for one in self.boot)

    def document(self) -> dict[str, Any]:
        """Return the manifest as JSON has it."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return document


class _Versioned(Struct):
    version: int


class _Texts(Struct):
    """Those of a manifest that the user or an image says."""

    description: _Text
    release: _Text | None
    cmdline: _Text
    init: _Path | None


def check_texts(*, description: str, release: str | None, cmdline: str, init: str | None) -> None:
    """Refuse what cannot be written into a manifest; see `Manifest`.

    Raises:
        InputError: If one is too long, or is no text.
    """
    try:
        documents.decode(msgspec.json.encode(_Texts(description, release, cmdline, init)), _Texts)
    except (UnicodeError, documents.DecodeError) as error:
        raise InputError(
            f"the ROM cannot be described: {error}",
            state="Nothing was written.",
            fix="Give short texts in UTF-8 (--description, --append), and a plain path of letters and digits "
            "for the first program (rdinit=).",
        ) from error


def build(manifest: Manifest) -> bytes:
    """Return the content of a manifest's file."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def parse_any(data: bytes) -> Manifest:
    """Return the manifest in the backup of a ROM, which says its name.

    Raises:
        InputError: If it is damaged, or of another version.
    """
    return _decode(data, "in this backup")


def parse(data: bytes, *, name: str) -> Manifest:
    """Return the manifest in the folder of the ROM `name`, which is its name, whatever the manifest says.

    Raises:
        InputError: If it is damaged, or of another version.
    """
    return replace(_decode(data, name), name=name)


def _decode(data: bytes, name: str) -> Manifest:
    try:
        version = documents.decode(data, _Versioned).version
        if version != VERSION:
            raise _wrong(name, f"it has version {version}, this hardboot knows {VERSION}", "Update hardboot.")
        return documents.decode(data, Manifest)
    except documents.DecodeError as error:
        raise _wrong(name, str(error)) from error


def _wrong(name: str, problem: str, fix: str = "") -> InputError:
    return InputError(
        f"the manifest of the ROM {name} cannot be used: {problem}",
        state="Nothing was started or written.",
        fix=fix or f"Remove the ROM (hardboot rom remove {name}) and add it again, or restore its backup.",
    )
