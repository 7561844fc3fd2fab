"""Files that hold a diff in another form are named, and read where that is certain; git takes none."""

import base64
import gzip
import quopri
import re
import subprocess
from pathlib import Path

import pytest

from hardboot.patches.lint import lint

PLAIN = b"--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n \tint a;\n-\tb = 1;\n+\tB = 2; /* \xc3\xa9 */\n \tc;\n"
MAIL = b"From: a@b\nSubject: x\nContent-Transfer-Encoding: %b\n\n%b"
CONTEXT = b"*** a/f\t2014\n--- b/f\t2014\n***************\n*** 1,3 ****\n  a\n! b\n  c\n--- 1,3 ----\n"
COLOURED = re.sub(rb"(?m)^(.*)$", b"\x1b[1;32m\\1\x1b[m", PLAIN.rstrip(b"\n")) + b"\n"


def in_front(text: bytes) -> bytes:
    return b"".join(text + line for line in PLAIN.splitlines(keepends=True))


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (gzip.compress(PLAIN), "this file is compressed"),
        (base64.b64encode(PLAIN), "this file is encoded (base64)"),
        (base64.encodebytes(PLAIN), "this file is encoded (base64)"),
        (MAIL % (b"base64", base64.encodebytes(PLAIN)), "the text of this mail is encoded (base64)"),
        (MAIL % (b"quoted-printable", quopri.encodestring(PLAIN)), "(quoted-printable)"),
        (CONTEXT, "this is a context diff"),
        (in_front(b"> "), "every line has a prefix: quoted, indented or numbered text"),
        (in_front(b"    "), "every line has a prefix: quoted, indented or numbered text"),
        (in_front(b"12: "), "every line has a prefix: quoted, indented or numbered text"),
        (b"<!DOCTYPE html>\n<html>404</html>\n", "this is a web page"),
        (b"2c2\n< b\n---\n> B\n", "this diff has no file names and no context"),
        (b"\xff\xfe" + b"\0\xd8", "this file is damaged UTF-16"),
        (b"ANDROID!\0\xd8\n" + "a \u202e b\n".encode(), "this is no text file"),
        (PLAIN.replace(b"@@", b"@@@").replace(b"-1,3", b"-1,3 -1,3"), "a diff of a merge (git diff --cc)"),
        (PLAIN.replace(b"@@ -1,3", b"@@ -x"), "the hunk header (@@) is damaged"),
        (PLAIN.replace(b"@@ -", b"\n@@ -"), "an empty line is where the hunk header (@@) belongs"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, data: bytes, what: str) -> None:
    found = lint(data)
    assert what in found.beyond_repair[0].what
    assert found.suspicious == ()
    assert not applies(tmp_path, data)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\xff\xfe" + PLAIN.decode().encode("utf-16-le"), "this file is in UTF-16"),
        (b"\xfe\xff" + PLAIN.decode().encode("utf-16-be"), "this file is in UTF-16"),
        (b"\xff\xfe" + PLAIN.decode().replace("\n", "\r\n").encode("utf-16-le"), "this file is in UTF-16"),
        (COLOURED, "this diff has the colours of a terminal in it"),
    ],
)
def test_what_is_certain_is_read(tmp_path: Path, data: bytes, what: str) -> None:
    found = lint(data)
    assert what in found.faults[0].what
    assert (found.beyond_repair, found.repaired) == ((), PLAIN)
    assert not applies(tmp_path, data)
    assert applies(tmp_path, found.repaired)


@pytest.mark.parametrize(
    "data",
    [
        PLAIN,
        b"\x1b[1mtext\x1b[m\n" + PLAIN,
        MAIL % (b"quoted-printable", PLAIN),
        MAIL % (b"base64", PLAIN),
        b"> diff --git a/x b/x\n> quoted text\n\n" + PLAIN,
        b"<html>\n" + PLAIN,
    ],
)
def test_a_diff_that_git_reads_is_left_alone(tmp_path: Path, data: bytes) -> None:
    assert (lint(data).faults, lint(data).repaired) == ((), data)
    assert applies(tmp_path, data)


def applies(folder: Path, data: bytes) -> bool:
    """Return whether git applies `data` to the file it is for."""
    tree = folder / "tree"
    tree.mkdir(exist_ok=True)
    (tree / "f").write_text("\tint a;\n\tb = 1;\n\tc;\n")
    command = ["git", "apply", "--check", "-"]
    return not subprocess.run(command, cwd=tree, input=data, capture_output=True, timeout=60).returncode
