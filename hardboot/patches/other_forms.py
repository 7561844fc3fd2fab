"""Recognise files that hold a diff in another form: encoded, coloured, quoted, or another kind of diff.

Pure: bytes in, records out.
"""

import re
from dataclasses import dataclass, field

_UNIFIED = re.compile(rb"^(?:diff --git |--- .+\n\+\+\+ )", re.MULTILINE)
_COLOUR = re.compile(rb"\x1b\[[0-9;]*[mK]")  # what git writes for a terminal
_LOST = "get the patch from another source"
_AGAIN = "make it again with git diff or diff -u"
_MAIL = "let git decode it: git mailinfo MESSAGE PATCH < FILE"
_UTF16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}

_QUOTED_PRINTABLE = re.compile(
    rb"^Content-Transfer-Encoding: *quoted-printable\b", re.MULTILINE | re.IGNORECASE
)
# What the file holds, what it is, what to do.
_WITHOUT_DIFF = (
    (rb"^Content-Transfer-Encoding: *base64", "the text of this mail is encoded (base64)", _MAIL),
    (rb"\A(?:\x1f\x8b|\xfd7zXZ|BZh|PK\x03\x04)", "this file is compressed", "unpack it first"),
    (rb"\A[A-Za-z0-9+/=\r\n]{60,}\Z", "this file is encoded (base64)", "decode it first: base64 -d"),
    (rb"^\*\*\* .+\n--- .+\n\*{15}", "this is a context diff", "make a unified one: diff -u"),
    (
        rb"^(?:[>|] ?| +|\t+|[ \t]*\d+[:|\t ] ?)(?:diff --git |\+\+\+ )",
        "every line has a prefix: quoted, indented or numbered text",
        _LOST,
    ),
    (rb"^<(?:!DOCTYPE|html)", "this is a web page", "download the raw patch"),
    (rb"^\d+(?:,\d+)?[acd]\d*(?:,\d+)?$", "this diff has no file names and no context", _AGAIN),
    (rb"\0", "this is no text file", "give a patch file"),
)


@dataclass(frozen=True, slots=True)
class OtherForm:
    """A file that holds no diff as git and patch(1) read them.

    Attributes:
        what: What it is.
        fix: What to do.
        diff: The diff in it, if it is certain; otherwise None.
    """

    what: str
    fix: str
    diff: bytes | None = field(repr=False, default=None)


def find(data: bytes) -> OtherForm | None:
    """Return what the file `data` is; None for a diff, and for what is not recognised."""
    codec = _UTF16.get(data[:2])
    if codec:
        try:
            text = data[2:].decode(codec)
        except UnicodeDecodeError:
            return OtherForm("this file is damaged UTF-16", _LOST)
        return OtherForm("this file is in UTF-16, as Windows PowerShell writes it", "", text.encode())
    plain = _COLOUR.sub(b"", data)
    if plain != data and _UNIFIED.search(plain) and not _UNIFIED.search(data):
        return OtherForm("this diff has the colours of a terminal in it", "", plain)
    if _QUOTED_PRINTABLE.search(data) and b"=3D" in data:  # every = is written like that
        return OtherForm("the text of this mail is encoded (quoted-printable)", _MAIL)
    for pattern, what, fix in () if _UNIFIED.search(data) else _WITHOUT_DIFF:
        if re.search(pattern, data, re.MULTILINE):
            return OtherForm(what, fix)
    return None
