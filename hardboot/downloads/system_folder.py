"""The system folder of an old, file-based OTA, with the owners and links that its updater-script sets."""

import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from hardboot.downloads.tree_source import TreeEntry, TreeSource, safe_parts
from hardboot.formats.ota import updater_script
from hardboot.formats.ota.updater_script import NO_SCRIPT, Script
from hardboot.formats.reading import too_large

FOLDER, _PROOF = "system/", "system/build.prop"
_SCRIPT = "META-INF/com/google/android/updater-script"

Pieces = Callable[[zipfile.ZipInfo], Iterator[bytes]]


def find(infos: Sequence[zipfile.ZipInfo], pieces: Pieces) -> TreeSource | None:
    """Return the system folder of an OTA; None if it has none.

    Args:
        infos: All files in the archive.
        pieces: Yields the content of one.

    Raises:
        InputError: If the updater-script is damaged, or a path leads out of the folder.
    """
    names = {info.filename: info for info in infos}
    if _PROOF not in names:
        return None
    script = NO_SCRIPT
    if _SCRIPT in names:
        size = names[_SCRIPT].file_size
        if size > updater_script.MAX_SCRIPT:
            problem = f"{size} bytes, the limit is {updater_script.MAX_SCRIPT}"
            raise too_large("updater-script", "file", None, problem)
        script = updater_script.parse(b"".join(pieces(names[_SCRIPT])))
    files = [info for info in infos if info.filename.startswith(FOLDER)]
    links = {path: target for path, target in script.links.items() if path.startswith(f"/{FOLDER}")}
    folders = _folders([*(info.filename for info in files), *links])
    return TreeSource(
        packing=("zip",),
        count=len(files) + len(links) + len(folders),
        size=sum(info.file_size for info in files),
        entries=partial(_entries, sorted(folders), files, links, script, pieces),
        note=None if _SCRIPT in names else "owners and permissions are not stated (no updater-script)",
    )


def _parts(path: str) -> tuple[str, ...]:
    """Return the parts of a path below the system folder."""
    return safe_parts(path)[1:]


def _folders(paths: Sequence[str]) -> set[tuple[str, ...]]:
    """Return all folders above files, the system folder itself among them."""
    found: set[tuple[str, ...]] = {()}
    for path in paths:
        parts = _parts(path)[:-1]
        while parts and parts not in found:
            found.add(parts)
            parts = parts[:-1]
    return found


def _entries(
    folders: Sequence[tuple[str, ...]],
    files: Sequence[zipfile.ZipInfo],
    links: dict[str, str],
    script: Script,
    pieces: Pieces,
) -> Iterator[TreeEntry]:
    for parts in folders:
        owner = script.owner("/".join(("/system", *parts)), is_folder=True)
        yield TreeEntry(parts, "folder", owner.mode, owner.uid, owner.gid, xattrs=owner.xattrs)
    for info in files:
        owner = script.owner(f"/{info.filename}", is_folder=False)
        yield TreeEntry(
            _parts(info.filename),
            "file",
            owner.mode,
            owner.uid,
            owner.gid,
            size=info.file_size,
            xattrs=owner.xattrs,
            content=partial(pieces, info),
        )
    for path, target in links.items():
        xattrs = script.owner(path, is_folder=True).xattrs  # capabilities are for files alone
        yield TreeEntry(_parts(path), "link", 0o777, xattrs=xattrs, target=target)
