"""Owners, permissions and links in the updater-script of a file-based OTA; all else in it is left alone.

Source: AOSP bootable/recovery, updater/install.c up to Android 5: SymlinkFn, SetPermFn, SetMetadataFn.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from hardboot.formats.reading import malformed, too_large

MAX_SCRIPT = 4 << 20  # bytes
MAX_RULES = 1 << 16  # and links
_WHAT = "updater-script"
_CALL = re.compile(
    r"\b(symlink|set_perm|set_perm_recursive|set_metadata|set_metadata_recursive)\s*\(([^()]*)\)"
)
_WORD = re.compile(r'\s*(?:"([^"\\]*)"|([^\s",]+))\s*(?:,|$)')
_CAPABILITY = struct.Struct("<5I")  # Linux include/uapi/linux/capability.h, struct vfs_cap_data
_CAPABILITY_MAGIC = 0x02000001  # revision 2, effective
_LOW = 0xFFFFFFFF
_NUMBERS = ("uid", "gid", "mode", "fmode", "dmode", "capabilities")


@dataclass(frozen=True)
class Attributes:
    """What a script sets; None is left as it was."""

    uid: int | None = None
    gid: int | None = None
    file_mode: int | None = None
    folder_mode: int | None = None
    label: str | None = None
    capabilities: int | None = None


@dataclass(frozen=True)
class Owner:
    """Owner, permissions and extended attributes of a file or folder."""

    uid: int
    gid: int
    mode: int
    xattrs: Mapping[str, bytes]


@dataclass(frozen=True)
class Script:
    """The rules of a script, in its order.

    Attributes:
        links: Target of each symbolic link by its path, "/system/bin/sh".
        rules: By path, the numbers and attributes of what is set for it.
        trees: By path, the same of what is set for all that is below, too.
    """

    links: Mapping[str, str] = field(repr=False)
    rules: Mapping[str, list[tuple[int, Attributes]]] = field(repr=False)
    trees: Mapping[str, list[tuple[int, Attributes]]] = field(repr=False)

    def owner(self, path: str, *, is_folder: bool) -> Owner:
        """Return what is set for `path`; of what is not set, what recovery makes: root's, 0644 or 0755."""
        found = list(self.rules.get(path, ()))
        above = path
        while above:
            found += self.trees.get(above, ())
            above = above.rpartition("/")[0]
        uid = gid = 0
        mode = 0o755 if is_folder else 0o644
        xattrs: dict[str, bytes] = {}
        for _, one in sorted(found, key=lambda item: item[0]):
            uid = uid if one.uid is None else one.uid
            gid = gid if one.gid is None else one.gid
            new = one.folder_mode if is_folder else one.file_mode
            mode = mode if new is None else new
            if one.label is not None:
                xattrs["security.selinux"] = one.label.encode() + b"\0"
            if one.capabilities is not None and not is_folder:
                xattrs["security.capability"] = _capability(one.capabilities)
                if not one.capabilities:
                    del xattrs["security.capability"]
        return Owner(uid, gid, mode, xattrs)


def _capability(bits: int) -> bytes:
    return _CAPABILITY.pack(_CAPABILITY_MAGIC, bits & _LOW, 0, bits >> 32 & _LOW, 0)


NO_SCRIPT = Script({}, {}, {})


def parse(data: bytes) -> Script:
    """Read a script.

    Raises:
        InputError: If it is no text, or a call has other arguments than recovery takes.
    """
    if len(data) > MAX_SCRIPT:
        raise too_large(_WHAT, "file", None, f"{len(data)} bytes, the limit is {MAX_SCRIPT}")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise malformed(_WHAT, "file", error.start, "it is no text") from error
    links: dict[str, str] = {}
    rules: dict[str, list[tuple[int, Attributes]]] = {}
    trees: dict[str, list[tuple[int, Attributes]]] = {}
    for number, call in enumerate(_CALL.finditer(text)):
        name, words = call[1], list(_words(call[2], call.start()))
        if number + len(links) >= MAX_RULES:
            raise too_large(_WHAT, name, call.start(), f"more than {MAX_RULES} calls")
        if name == "symlink":
            links.update(dict.fromkeys(words[1:], words[0] if words else ""))
            continue
        paths, attributes = _rule(name, words, call.start())
        for path in paths:
            kept = trees if name.endswith("_recursive") else rules
            kept.setdefault(path.rstrip("/"), []).append((number, attributes))
    return Script(links, rules, trees)


def _words(text: str, offset: int) -> Iterator[str]:
    at = 0
    while text[at:].strip():
        match = _WORD.match(text, at)
        if not match:
            raise malformed(_WHAT, "call", offset, f"{text[at : at + 40]!r} is no argument")
        yield match[2] if match[1] is None else match[1]
        at = match.end()


def _rule(name: str, words: list[str], offset: int) -> tuple[list[str], Attributes]:
    """Return the paths of a call, and what it sets."""
    if name == "set_perm" and len(words) > 3:
        uid, gid, mode = (_number(word, offset) for word in words[:3])
        return words[3:], Attributes(uid, gid, mode, mode)
    if name == "set_perm_recursive" and len(words) > 4:
        uid, gid, folders, files = (_number(word, offset) for word in words[:4])
        return words[4:], Attributes(uid, gid, files, folders)
    if name.startswith("set_metadata") and len(words) % 2:
        named = dict(zip(words[1::2], words[2::2], strict=True))
        numbers = {key: _number(value, offset) for key, value in named.items() if key in _NUMBERS}
        both = numbers.get("mode")
        return words[:1], Attributes(
            numbers.get("uid"),
            numbers.get("gid"),
            numbers.get("fmode", both),
            numbers.get("dmode", both),
            named.get("selabel"),
            numbers.get("capabilities"),
        )
    raise malformed(_WHAT, name, offset, f"{len(words)} arguments")


def _number(word: str, offset: int) -> int:
    """Return a number as C writes it: 0755, 0x1f, 1000."""
    try:
        octal = len(word) > 1 and word[0] == "0" and word[1] not in "xX"
        value = int(word, 8 if octal else 0)
    except ValueError as error:
        raise malformed(_WHAT, "number", offset, f"{word[:32]!r} is no number") from error
    if not 0 <= value < 1 << 64:
        raise malformed(_WHAT, "number", offset, f"{word[:32]} is too large")
    return value
