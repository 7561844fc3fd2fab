"""One file's hunks: they apply where all old lines stand, exactly, or not at all."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_series import git

from hardboot.patches import hunks, unified
from hardboot.patches.hunks import Mismatch, Patched

lines = st.lists(st.sampled_from([b"a", b"b", b"", b"c c", b"\r", b"-- ", b"@@", b"\xff"]), max_size=30)
texts = st.builds(lambda body, end: b"\n".join(body) + (b"\n" if end else b""), lines, st.booleans())
AT_AN_END = "the lines match here, but the hunk belongs at the start or end of the file"
DELETE = "diff --git a/f b/f\ndeleted file mode 100644\n--- a/f\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-a\n-b\n"
CREATE = "--- /dev/null\n+++ b/f\n@@ -0,0 +1,2 @@\n+a\n+b\n"


def diff(old: bytes, new: bytes, folder: Path, *options: str) -> bytes:
    (folder / "old").write_bytes(old)
    (folder / "new").write_bytes(new)
    command = ["diff", "-u", "-a", "--label", "a/f", "--label", "b/f", *options, "old", "new"]
    return subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=False).stdout


def parsed(text: str) -> unified.FilePatch:
    """Return the patch in a text, which may lack its file names."""
    head = "" if text.startswith(("---", "diff")) else "--- a/f\n+++ b/f\n"
    (patch,) = unified.parse((head + text).encode(), "test")
    return patch


def patched(content: str, text: str) -> Patched | Mismatch:
    return hunks.patch_content(content.encode(), parsed(text))


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("diff")


@settings(max_examples=300)
@given(old=texts, new=texts)
def test_what_diff_found_is_applied_and_reverted_exactly(scratch: Path, old: bytes, new: bytes) -> None:
    if old == new:
        return
    (patch,) = unified.parse(diff(old, new, scratch), "diff")
    assert hunks.patch_content(old, patch) == Patched(new)
    assert hunks.patch_content(new, unified.reverse(patch)) == Patched(old)


@settings(max_examples=150)
@given(old=texts, new=texts, above=lines)
def test_a_change_that_moved_down_is_made_there_or_refused(
    scratch: Path, old: bytes, new: bytes, above: list[bytes]
) -> None:
    if old == new:
        return
    (patch,) = unified.parse(diff(old, new, scratch), "diff")
    head = b"".join(line + b"\n" for line in above)
    result = hunks.patch_content(head + old, patch)
    # Where lines repeat it may be refused, or a hunk applies at its own line as well.
    if isinstance(result, Patched) and {len(above)} == {offset for _, offset in result.offsets}:
        moved = len(result.offsets) == len(patch.hunks)
        assert result.content == head + new or not moved


@pytest.mark.parametrize(
    ("old", "new", "drifted"),
    [
        ("x\ny\nz\n", "x\ny\nz\nadded\n", "x\ny\nz\nmore\n"),
        ("x\ny\nz\n1\n2\n", "added\nx\ny\nz\n1\n2\n", "more\nx\ny\nz\n1\n2\n"),
    ],
    ids=["end", "start"],
)
def test_what_belongs_at_an_end_of_the_file_goes_nowhere_else(
    scratch: Path, old: str, new: str, drifted: str
) -> None:
    data = diff(old.encode(), new.encode(), scratch)
    (patch,) = unified.parse(data, "diff")
    result = hunks.patch_content(drifted.encode(), patch)
    assert isinstance(result, Mismatch)
    (scratch / "f").write_text(drifted)
    with pytest.raises(subprocess.CalledProcessError):
        git(scratch, "apply", "-", stdin=data)


@pytest.mark.parametrize(
    ("content", "text", "expected"),
    [
        # At its own line, and at another one.
        ("a\nb\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n", Patched(b"a\nB\nc\n")),
        ("0\n1\na\nb\nc\n", "@@ -2,3 +2,3 @@\n a\n-b\n+B\n c\n", Patched(b"0\n1\na\nB\nc\n", ((1, 1),))),
        ("1\na\nb\nc\n", "@@ -9,3 +9,3 @@\n a\n-b\n+B\n c\n", Patched(b"1\na\nB\nc\n", ((1, -7),))),
        # The own line is preferred, even if others match.
        (
            "a\nb\nc\na\nb\nc\n",
            "@@ -4,3 +4,3 @@\n a\n-b\n+B\n c\n",
            Patched(b"a\nb\nc\na\nB\nc\n"),
        ),
        # The second hunk is expected where the first one moved to.
        (
            "0\n0\na\nb\nc\nd\na\nb\nc\n",
            "@@ -2,3 +2,3 @@\n a\n-b\n+B\n c\n@@ -6,3 +6,3 @@\n a\n-b\n+B\n c\n",
            Mismatch(1, 2, "it matches at more than one place (lines 3, 7), but not at its own line"),
        ),
        (
            "0\n0\na\nx\nc\nd\na\nb\nc\na\nb\nc\n",
            "@@ -2,3 +2,3 @@\n a\n-x\n+X\n c\n@@ -6,3 +6,3 @@\n a\n-b\n+B\n c\n",
            Patched(b"0\n0\na\nX\nc\nd\na\nB\nc\na\nb\nc\n", ((1, 1), (2, 1))),
        ),
        # A hunk never lies over the one before it.
        (
            "a\nb\na\nb\n",
            "@@ -1,2 +1,2 @@\n-a\n+A\n b\n@@ -3,2 +3,2 @@\n a\n-b\n+B\n",
            Patched(b"A\nb\na\nB\n"),
        ),
        # Its own line may follow the hunk before it at once.
        (
            "x\ny\na\nb\nc\na\nb\nc\n",
            "@@ -1,2 +1,2 @@\n-x\n+X\n y\n@@ -3,3 +3,3 @@\n a\n-b\n+B\n c\n",
            Patched(b"X\ny\na\nB\nc\na\nb\nc\n"),
        ),
        # Line 1, and less context before than after it: only at the start.
        (
            "0\na\nb\nc\n",
            "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n",
            Mismatch(1, 1, 'found "0", expected "a"'),
        ),
        ("0\nb\nc\n", "@@ -2,2 +2,2 @@\n-b\n+B\n c\n", Mismatch(1, 2, AT_AN_END)),
        # No context after it, or less than before: only at the end.
        ("a\nb\nc\n", "@@ -2 +2 @@\n-b\n+B\n", Mismatch(1, 2, AT_AN_END)),
        ("a\nb\n", "@@ -2 +2 @@\n-b\n+B\n", Patched(b"a\nB\n")),
        ("a\nb\nc\nd\n", "@@ -1,2 +1,2 @@\n a\n-b\n+B\n", Mismatch(1, 1, AT_AN_END)),
        (
            "0\na\na\nb\nc\nd\n",
            "@@ -2,4 +2,4 @@\n a\n a\n-b\n+B\n c\n",
            Mismatch(1, 2, AT_AN_END),
        ),
        ("0\na\na\nb\nc\n", "@@ -2,4 +2,4 @@\n a\n a\n-b\n+B\n c\n", Patched(b"0\na\na\nB\nc\n")),
        # More places than are shown.
        (
            "x\na\nb\nc\n" * 5,
            "@@ -3,3 +3,3 @@\n a\n-b\n+B\n c\n",
            Mismatch(1, 3, "it matches at more than one place (lines 2, 6, 10), but not at its own line"),
        ),
        # Nowhere: the first line that differs, counted from where the hunk is expected.
        ("a\nx\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n", Mismatch(1, 2, 'found "x", expected "b"')),
        ("a\nb\n", "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n", Mismatch(1, 3, 'the file ends here, expected "c"')),
        (
            "a\n\nc\n",
            "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n",
            Mismatch(1, 2, 'found an empty line, expected "b"'),
        ),
        ("a\n\tb\x07\n", "@@ -1,2 +1 @@\n a\n-b\n", Mismatch(1, 2, 'found "b ", expected "b"')),
        (
            "a\n" + "z" * 61 + "\n",
            "@@ -1,2 +1 @@\n a\n-" + "y" * 60 + "\n",
            Mismatch(1, 2, f'found "{"z" * 59}…", expected "{"y" * 60}"'),
        ),
        # Whole files.
        ("a\nb\n", DELETE, Patched(None)),
        ("a\nb\nc\n", DELETE, Mismatch(1, 1, AT_AN_END)),
        ("a\n", CREATE, Mismatch(0, 0, "the file already exists")),
        ("a\n", "@@ -0,0 +1 @@\n+a\n", Mismatch(1, 1, "the file is not empty")),
        ("", "@@ -0,0 +1 @@\n+a\n", Patched(b"a\n")),
    ],
)
def test_a_hunk_applies_in_one_place_or_says_why_not(
    content: str, text: str, expected: Patched | Mismatch
) -> None:
    assert patched(content, text) == expected


def test_a_second_hunk_that_moved_up_into_the_first_does_not_apply() -> None:
    text = "@@ -1,3 +1,3 @@\n-a\n+A\n b\n c\n@@ -5,3 +5,3 @@\n c\n-d\n+D\n e\n"
    assert patched("a\nb\nc\nd\ne\n", text) == Mismatch(2, 5, 'found "e", expected "c"')
    assert patched("a\nb\nc\nc\nd\ne\n", text) == Patched(b"A\nb\nc\nc\nD\ne\n", ((2, -1),))


def test_files_are_created_and_must_exist_otherwise() -> None:
    assert hunks.patch_content(None, parsed(CREATE)) == Patched(b"a\nb\n")
    empty = "diff --git a/f b/f\nnew file mode 100644\n"
    assert hunks.patch_content(None, parsed(empty)) == Patched(b"")
    change = parsed("@@ -1 +1 @@\n-a\n+b\n")
    assert hunks.patch_content(None, change) == Mismatch(0, 0, "no such file")


def test_a_file_is_only_deleted_if_nothing_of_it_would_be_left() -> None:
    text = "--- a/f\n+++ /dev/null\n@@ -1,2 +1 @@\n a\n-b\n"
    assert patched("a\nb\n", text) == Mismatch(0, 1, "the file has more lines than the patch deletes")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"\tb c\r\n", '"b c" ends with CR LF, expected LF'),
        (b"\tb c", '"b c" ends with no newline, expected LF'),
        (b"        b c\n", '"b c" differs only in blanks or tabs from what is expected'),
        (b"\tb d\n", 'found "b d", expected "b c"'),
    ],
)
def test_lines_that_differ_only_in_blanks_are_said_to(line: bytes, reason: str) -> None:
    (hunk,) = parsed("@@ -1,2 +1,2 @@\n-a\n+A\n \tb c\n").hunks
    assert hunks.locate([b"a\n", line], hunk, 0, 0) == Mismatch(0, 2, reason)


def test_a_hunk_alone_applies_or_says_why_not() -> None:
    (hunk,) = parsed("@@ -2,3 +2,3 @@\n a\n-b\n+B\n c\n").hunks
    assert hunks.locate([b"0\n", b"a\n", b"b\n", b"c\n"], hunk, 0, 0) == 1
    assert hunks.locate([b"a\n", b"b\n", b"c\n"], hunk, 0, 0) == 0
    assert hunks.locate([b"0\n", b"a\n", b"x\n", b"c\n"], hunk, 0, 0) == Mismatch(
        0, 3, 'found "x", expected "b"'
    )
