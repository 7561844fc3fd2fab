"""ROMs as files on this computer: a tar archive, compressed with zstd, of the manifest and all images.

Any tar reads it: `tar --zstd -xf FILE`. The manifest comes first; the SHA-256 of each member is in
the last one, SHA256SUMS, as sha256sum writes it. Images lie in it whole: zeros cost nothing, compressed.
"""

import hashlib
import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from msgspec.structs import replace

from hardboot.base import log
from hardboot.base.errors import InputError
from hardboot.base.files import atomic_file, naming, open_regular
from hardboot.base.mapping import map_own_file
from hardboot.device.phone import Phone
from hardboot.flows.store import in_use, stored
from hardboot.flows.store.add import NewRom
from hardboot.flows.store.receive import pieces
from hardboot.flows.store.write_image import AGENT, NewImage, stage_agent
from hardboot.formats.archives.decoders import zstd
from hardboot.formats.reading import sha256
from hardboot.store import manifest as manifests
from hardboot.store.manifest import Manifest

_SUMS = "SHA256SUMS"
_SUMS_LIMIT = 64 << 10  # bytes
_PIECE = 1 << 20  # bytes
_CHECKED: dict[int, int] = {zstd.CompressionParameter.checksum_flag: 1}


def save(phone: Phone, found: Manifest, output: Path) -> None:
    """Write a ROM of the phone into the file `output`, whole or not at all.

    Raises:
        DeviceError: If it cannot be read.
        RefusedError: If an image of it is mounted, or was given up.
        InputError: If the file cannot be written, or a file on the phone is not what was added:
            the ROM could not be restored.
    """
    in_use.check(phone, found.name)
    for one in found.images:
        stored.check_there(found, one)
    stage_agent(phone)
    # Where it lies says nothing about another phone, or about this one later.
    bare = replace(found, images=tuple(replace(one, runs=(), generation=0) for one in found.images))
    sums: list[str] = []
    with (
        log.progress(f"Reading {found.name}", found.size) as advance,
        atomic_file(output) as file,
        zstd.open(file, "wb", options=_CHECKED) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        listed = manifests.build(bare)
        _add_bytes(archive, stored.MANIFEST, listed)
        sums.append(f"{sha256(listed)}  {stored.MANIFEST}\n")
        members: list[tuple[str, str, int, str | None]] = []
        for boot in found.boot:
            file_name = f"{boot.name}-boot.img"
            members.append((file_name, file_name, boot.size, boot.sha256))
        files = zip(bare.images, found.images, strict=True)
        members += [(new.file, old.file, old.size, old.sha256) for new, old in files]
        for name, file_name, size, wanted in members:
            path = f"{stored.folder(found.name)}/{file_name}"
            reader = _Reader(pieces(phone, AGENT, path, size), advance)
            info = tarfile.TarInfo(name)
            info.size, info.mtime = size, int(found.added)
            archive.addfile(info, reader)
            if wanted not in (None, reader.digest.hexdigest()):
                raise stored.changed(path, "No backup was written.")
            sums.append(f"{reader.digest.hexdigest()}  {name}\n")
        _add_bytes(archive, _SUMS, "".join(sums).encode())


@contextmanager
def opened(path: Path, folder: Path, *, name: str | None) -> Iterator[NewRom]:
    """Yield the ROM in the file of a backup, checked.

    Args:
        path: The file.
        folder: Takes the images.
        name: Of the ROM; None for the one it had.

    Raises:
        InputError: If it is no such file, or is damaged.
    """
    with naming(path):
        try:
            with open_regular(path) as file, zstd.open(file, "rb") as packed:
                known, digests = _extract(packed, folder)
        except (tarfile.TarError, zstd.ZstdError, EOFError) as error:
            raise _wrong(f"it is damaged: {error}") from error
        expected = {f"{one.name}-boot.img": one.size for one in known.boot}
        expected |= {one.file: one.size for one in known.images}
        if set(digests) != {*expected, stored.MANIFEST}:
            raise _wrong("it does not hold what its manifest lists")
        for member, size in expected.items():
            if (folder / member).stat().st_size != size:
                raise _wrong(f"{member} has another size than its manifest says")
        for boot in known.boot:
            if digests[f"{boot.name}-boot.img"] != boot.sha256:
                raise _wrong(f"the {boot.name} image is not the one in its manifest")
    yield NewRom(
        name=name or known.name,
        kind=known.kind,
        boot={one.name: map_own_file(folder / f"{one.name}-boot.img") for one in known.boot},
        images={
            one.name: NewImage(
                map_own_file(folder / one.file),
                changes=one.sha256 is None,
                read_only=one.read_only,
                filesystem=one.filesystem,
            )
            for one in known.images
        },
        root=known.root,
        description=known.description,
        release=known.release,
        cmdline=known.cmdline,
        init=known.init,
    )


class _Reader(io.RawIOBase):
    """What tarfile reads: pieces of an image, hashed on their way."""

    def __init__(self, pieces: Iterator[bytes], advance: log.Advance) -> None:
        super().__init__()
        self._pieces = pieces
        self._advance = advance
        self._rest = b""
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, `size` unless the image ends."""
        found = bytearray()
        while len(found) < size:
            if not self._rest:
                self._rest = next(self._pieces, b"")
                if not self._rest:
                    break
            taken = self._rest[: size - len(found)]
            self._rest = self._rest[len(taken) :]
            found += taken
        self.digest.update(found)
        self._advance(len(found))
        return bytes(found)


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def _extract(packed: zstd.ZstdFile, folder: Path) -> tuple[Manifest, dict[str, str]]:
    """Write the images of a backup into `folder`; return its manifest, and the SHA-256 of each by its name.

    Only the names that the manifest gives are used, and those fit their patterns.
    """
    known: Manifest | None = None
    sizes: dict[str, int] = {}
    digests: dict[str, str] = {}
    with tarfile.open(fileobj=packed, mode="r|") as archive:
        for info in archive:
            stream = archive.extractfile(info) if info.isreg() else None
            if stream is None:
                raise _wrong("it holds something else than files")
            if known is None:
                if info.name != stored.MANIFEST or info.size > manifests.LIMIT:
                    raise _wrong("it does not begin with a manifest")
                content = stream.read()
                known = manifests.parse_any(content)
                digests[stored.MANIFEST] = sha256(content)
                sizes = {f"{one.name}-boot.img": one.size for one in known.boot}
                sizes |= {one.file: one.size for one in known.images}
            elif info.name == _SUMS and info.size <= _SUMS_LIMIT:
                wanted = "".join(f"{digest}  {name}\n" for name, digest in digests.items())
                if stream.read() != wanted.encode():
                    raise _wrong("its content does not fit its checksums")
                while packed.read(_PIECE):
                    pass  # the checksum of the compressed data stands at its end
                return known, digests
            elif info.name in digests or sizes.get(info.name) != info.size:
                raise _wrong("it does not hold what its manifest lists")
            else:
                digests[info.name] = _write(stream, folder / info.name)
    raise _wrong("it is cut off")


def _write(stream: IO[bytes], target: Path) -> str:
    """Write a member to a sparse file; return its SHA-256 in hex."""
    digest = hashlib.sha256()
    zeros = bytes(_PIECE)
    with target.open("wb") as file:
        while piece := stream.read(_PIECE):
            digest.update(piece)
            if piece == zeros[: len(piece)]:
                file.seek(len(piece), io.SEEK_CUR)
            else:
                file.write(piece)
        file.truncate()
    return digest.hexdigest()


def _wrong(problem: str) -> InputError:
    return InputError(
        f"no usable backup of a ROM: {problem}",
        state="Nothing was sent.",
        fix="Use another backup. hardboot rom backup NAME FILE makes one.",
    )
