"""The diff engine: patches are read strictly, and fit exactly or not at all."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_series import git

from hardboot.base.errors import InputError
from hardboot.patches import hunks, unified

lines = st.lists(st.sampled_from([b"a", b"b", b"", b"c c", b"\r", b"-- ", b"@@", b"\xff"]), max_size=30)
texts = st.builds(lambda body, end: b"\n".join(body) + (b"\n" if end else b""), lines, st.booleans())


def diff(old: bytes, new: bytes, folder: Path) -> bytes:
    (folder / "old").write_bytes(old)
    (folder / "new").write_bytes(new)
    command = ["diff", "-u", "-a", "--label", "a/f", "--label", "b/f", "old", "new"]
    return subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=False).stdout


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("diff")


@settings(max_examples=300, deadline=None)
@given(old=texts, new=texts)
def test_what_diff_found_is_applied_and_reverted_exactly(scratch: Path, old: bytes, new: bytes) -> None:
    if old == new:
        return
    (patch,) = unified.parse(diff(old, new, scratch), "diff")
    assert hunks.patch_content(old, patch) == hunks.Patched(new)
    assert hunks.patch_content(new, unified.reverse(patch)) == hunks.Patched(old)


@settings(max_examples=150, deadline=None)
@given(old=texts, new=texts, above=lines)
def test_a_change_that_moved_down_is_made_there_or_refused(
    scratch: Path, old: bytes, new: bytes, above: list[bytes]
) -> None:
    if old == new:
        return
    (patch,) = unified.parse(diff(old, new, scratch), "diff")
    head = b"".join(line + b"\n" for line in above)
    fitted = hunks.patch_content(head + old, patch)
    # Where lines repeat it may be refused, or a hunk fits at its own line as well.
    if isinstance(fitted, hunks.Patched) and {len(above)} == {offset for _, offset in fitted.offsets}:
        moved = len(fitted.offsets) == len(patch.hunks)
        assert fitted.content == head + new or not moved


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
    assert isinstance(hunks.patch_content(drifted.encode(), patch), hunks.Mismatch)
    (scratch / "f").write_text(drifted)
    with pytest.raises(subprocess.CalledProcessError):
        git(scratch, "apply", "-", stdin=data)


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=400))
def test_any_bytes_are_a_patch_or_refused(data: bytes) -> None:
    for prefix in (
        b"",
        b"--- a/f\n+++ b/f\n",
        b"diff --git a/f b/f\n",
        b"--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n",
    ):
        try:
            parsed = unified.parse(prefix + data, "noise")
        except InputError:
            continue
        for patch in parsed:
            hunks.patch_content(data, patch)


PATCH = b"--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no diff found"),
        (b"just text\n", "no diff found"),
        (PATCH.replace(b"-1,3", b"-1,4"), "fewer lines than its header says"),
        (PATCH.replace(b"+1,3", b"+1,2"), "more lines than its header says"),
        (PATCH + b"+stray\n", "outside any hunk"),
        (PATCH + b"}\n", "outside any hunk"),
        (PATCH[:30], "malformed hunk header"),
        (PATCH[:-3], "fewer lines"),
        (PATCH.replace(b"@@ -1,3 +1,3 @@", b"@@ -x +1 @@"), "malformed hunk header"),
        (PATCH.replace(b"-b\n+B\n", b" b\n"), "changes nothing"),
        (b"--- a/f\n+++ b/g\n@@ -1 +1 @@\n-a\n+b\n", "the old and the new file name differ"),
        (b"--- f\n+++ f\n@@ -1 +1 @@\n-a\n+b\n", "begin with a/ or b/"),
        (b"--- a/f\n+++ b/f\n@@ -5,0 +6 @@\n+b\n", "without context"),
        (b"--- a/f\n+++ b/f\nno hunk\n", "no hunk after the file names"),
        (b"diff --git a/f b/g\nrename from f\nrename to g\n", "renames"),
        (b"diff --git a/f b/f\nnew file mode 120000\n", "only regular files"),
        (b"diff --git a/f b/f\nindex 1..2\nGIT binary patch\nliteral 1\n", "binary"),
        (b"diff --git a/f b/f\nindex 1..2 100644\n", "no change to the content of f"),
        (b"diff --git a/f b/f\nold mode 100644\nnew mode 100755\n", "no change to the content of f"),
        (b'diff --git "a/f\\303" "b/f\\303"\n', "quoted names"),
        (PATCH.replace(b" a\n", b" a\n\\ No newline at end of file\n"), "only the last line"),
        (PATCH + b"@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n", "overlap or are out of order"),
    ],
)
def test_a_damaged_patch_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        unified.parse(data, "bad.patch")


def test_a_mail_with_text_diffstat_and_signature_is_read() -> None:
    mail = b"From: x\nSubject: y\n\ntext\n---\n f | 2 +-\n\n" + PATCH + b"-- \n2.39.5\n\n"
    (patch,) = unified.parse(mail, "mail")
    assert (patch.path, len(patch.hunks)) == ("f", 1)
