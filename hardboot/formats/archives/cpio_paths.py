"""The paths of a cpio archive's entries below the folder it is extracted to, which none of them leaves."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from hardboot.formats.archives import cpio
from hardboot.formats.archives.cpio import Archive, Entry
from hardboot.formats.archives.cpio_changes import file_identity
from hardboot.formats.reading import malformed


def relative_parts(name: str) -> tuple[str, ...]:
    """Return the path of a name below the folder it is extracted to; () is the folder itself.

    Raises:
        InputError: If it has "..", a NUL, or a drive or separator of Windows: it would leave the folder.
    """
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    for part in parts:
        if part == ".." or "\0" in part or "\\" in part or part[1:2] == ":":
            problem = f"{name[:80]!r} would leave the folder"
            raise malformed(cpio.WHAT, "name", 0, problem, fix="Do not extract this archive: it is hostile.")
    return parts


def to_extract(archives: Iterable[Archive]) -> Iterator[tuple[tuple[str, ...], Entry]]:
    """Yield every entry with its path, in order; no path leads through a link.

    All names of one file get its content, which the archive may store once.

    Raises:
        InputError: If a name would leave the folder, by itself or through a link extracted before.
    """
    links: set[tuple[str, ...]] = set()
    for archive in archives:
        named = [entry for entry in archive.entries if entry.nlink > 1 and len(entry.data)]
        contents = {file_identity(entry): entry.data for entry in named}
        for entry in archive.entries:
            parts = relative_parts(entry.name)
            for depth in range(1, len(parts)):
                if parts[:depth] in links:
                    problem = f"{entry.name[:80]!r} is behind the link {'/'.join(parts[:depth])!r}"
                    fix = "Do not extract this archive: it is hostile, or made for a root folder."
                    raise malformed(cpio.WHAT, "name", 0, problem, fix=fix)
            links.discard(parts)
            if entry.is_link:
                links.add(parts)
            shared = entry.is_file and entry.nlink > 1 and not len(entry.data)
            yield parts, replace(entry, data=contents.get(file_identity(entry), b"")) if shared else entry
