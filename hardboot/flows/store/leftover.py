"""What a cut-off `rom add` left of an image: the next one with the same content goes on there.

Beside the file of an image lies a note with the hash of what is being written into it, until the ROM is
whole. How far that came is the size of the file; whether it is right shows when all is there and read back.
"""

from collections.abc import Iterable

from hardboot.device.phone import Phone
from hardboot.device.shells import read
from hardboot.store.pages import PAGE_SIZE

_NOTE = ".source"  # behind the name of an image's file


def remove_others(folder: str, files: Iterable[str]) -> str:
    """Return the command that makes a folder, or removes all but these files and their notes from it."""
    kept = "|".join(f"{folder}/{file}|{folder}/{file}{_NOTE}" for file in files)
    skip = f"case $f in {kept}) ;; *) rm -rf $f ;; esac" if kept else "rm -rf $f"
    return f"mkdir -p {folder} && for f in {folder}/*; do {skip}; done"


def remove_notes(folder: str) -> str:
    """Return the command that removes the notes of a folder."""
    return f"rm -f {folder}/*{_NOTE}"


def begin(phone: Phone, path: str, digest: str) -> int:
    """Note what is written into a file; return how many pages of it are there already.

    Args:
        phone: The phone.
        path: Of the file of an image.
        digest: The SHA-256 of its content, in hex.

    Raises:
        DeviceError: If it fails.
    """
    note = f"{path}{_NOTE}"
    command = (
        f'[ "$(cat {note} 2>/dev/null)" = {digest} ] || {{ rm -f {path} && echo {digest} > {note}; }} && '
        f"{{ [ ! -e {path} ] || stat -c %s {path}; }}"
    )
    size = read(command, phone.root(command))
    return int(size) // PAGE_SIZE if size.isdecimal() and len(size) < 19 else 0
