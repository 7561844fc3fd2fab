"""Unified diffs are read strictly: exact records, or an error that names line and fault."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardboot.base.errors import InputError
from hardboot.patches import hunks, unified
from hardboot.patches.unified import FilePatch, Hunk, parse, reverse, split_lines

NAMES = b"--- a/f\n+++ b/f\n"
PATCH = NAMES + b"@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"
HUNK = Hunk(1, 1, (b"a\n", b"b\n", b"c\n"), (b"a\n", b"B\n", b"c\n"), 1, 1)
OUTSIDE = "this line is outside any hunk: the hunk header before it has wrong counts"
NO_NAMES = "copies and quoted names are not supported"
BAD_NAME = "file names must begin with a/ or b/ and not be quoted"
TAIL = NAMES + b"@@ -1 +1 @@\n-a\n+b\n"
AB = Hunk(1, 1, (b"a\n",), (b"b\n",), 0, 0)


@settings(max_examples=300)
@given(data=st.binary(max_size=400))
def test_any_bytes_are_a_patch_or_refused(data: bytes) -> None:
    for prefix in (
        b"",
        NAMES + b"",
        b"diff --git a/f b/f\n",
        NAMES + b"@@ -1,2 +1,2 @@\n",
    ):
        try:
            parsed = unified.parse(prefix + data, "noise")
        except InputError:
            continue
        for patch in parsed:
            hunks.patch_content(data, patch)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (PATCH, (FilePatch("f", (HUNK,)),)),
        (PATCH.replace(b"/f\n", b"/X\n"), (FilePatch("X", (HUNK,)),)),
        # Time stamps, folders of any name, text between files.
        (
            b"Only in new: g\ndiff -u old/d/f new/d/f\n--- old/d/f\t2026-01-01 00:00\n+++ new/d/f\t2026\n"
            + PATCH[16:],
            (FilePatch("d/f", (HUNK,)),),
        ),
        (
            NAMES + b"@@ -5,2 +5,3 @@ int f()\n a\n+b\n\n@@ -8 +9,0 @@\n-c\n@@ -9,2 +9,2 @@\n-d\n+D\n e",
            "hunk without context",
        ),
        (
            NAMES + b"@@ -5,3 +5,2 @@ int f()\n a\n-b\n\n@@ -9,2 +8,3 @@\n c\n-f\n\\ No newline\n+d\n+e\n",
            (
                FilePatch(
                    "f",
                    (
                        Hunk(5, 5, (b"a\n", b"b\n", b"\n"), (b"a\n", b"\n"), 1, 1),
                        Hunk(9, 8, (b"c\n", b"f"), (b"c\n", b"d\n", b"e\n"), 1, 0),
                    ),
                ),
            ),
        ),
        # Files that are made, emptied, deleted, with modes.
        (
            b"diff --git a/f b/f\nnew file mode 100644\nindex 0..1\n--- /dev/null\n+++ b/f\n"
            b"@@ -0,0 +1 @@\n+b\n",
            (FilePatch("f", (Hunk(0, 1, (), (b"b\n",), 0, 0),), creates=True, executable=False),),
        ),
        (
            b"--- /dev/null\n+++ b/f\n@@ -0,0 +1,2 @@\n+b\n+c\n\\ No newline at end of file\n",
            (FilePatch("f", (Hunk(0, 1, (), (b"b\n", b"c"), 0, 0),), creates=True),),
        ),
        (
            b"diff --git a/d/f b/d/f\nnew file mode 100755\nindex 0..0\n" + TAIL.replace(b"/f", b"/g"),
            "line 6: the file name differs from d/f",
        ),
        (
            b"diff --git a/f b/f\nnew file mode 100755\nindex 0..0\ndiff --git a/g b/g\n"
            b"deleted file mode 100755\nindex 0..0\n",
            (
                FilePatch("f", (), creates=True, executable=True),
                FilePatch("g", (), deletes=True, was_executable=True),
            ),
        ),
        (
            b"diff --git a/f b/f\ndeleted file mode 100644\n--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n",
            (FilePatch("f", (Hunk(1, 0, (b"a\n",), (), 0, 0),), deletes=True, was_executable=False),),
        ),
        (
            b"--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n",
            (FilePatch("f", (Hunk(1, 0, (b"a\n",), (), 0, 0),), deletes=True),),
        ),
        (
            b"diff --git a/f b/f\nold mode 100644\nnew mode 100755\nindex 1..2\n" + TAIL,
            (FilePatch("f", (AB,), executable=True, was_executable=False),),
        ),
        # Several mails in one file.
        (
            b"From: x\n\n---\n f | 2 +-\n\n" + PATCH + b"-- \n2.39.5\n\nFrom 1 Mon\n---\n\n" + TAIL,
            (FilePatch("f", (HUNK,)), FilePatch("f", (AB,))),
        ),
        (PATCH + b"From 1 Mon\n+stray\n", (FilePatch("f", (HUNK,)),)),
        (PATCH + b"\n \n" + TAIL, (FilePatch("f", (HUNK,)), FilePatch("f", (AB,)))),
        # Names without a/ and b/, and other text between files.
        (TAIL.replace(b"a/f", b"arch/f").replace(b"b/f", b"arch/f"), (FilePatch("arch/f", (AB,)),)),
        (b"diff --git fs/f fs/f\n" + TAIL.replace(b"a/", b"fs/").replace(b"b/", b"fs/"),
         (FilePatch("fs/f", (AB,)),)),
        (b"Index: f\n======\n--- f\t(revision 1)\n+++ f\t(working copy)\n" + TAIL[16:],
         (FilePatch("f", (AB,)),)),
        (TAIL.replace(b"a/f", b"linux/arch/f").replace(b"b/f", b"linux/arch/f"),
         (FilePatch("arch/f", (AB,)),)),
        (TAIL + b"diff -ruN A/g B/g\n" + TAIL.replace(b"/f", b"/g") + b"Only in B: h\n",
         (FilePatch("f", (AB,)), FilePatch("g", (AB,)))),
        (TAIL + b"--\n2.39.5\n", (FilePatch("f", (AB,)),)),
        # diff -N gives a file that does not exist the time 0, Subversion a word.
        (b"--- a/f\t1970-01-01 01:00:00.0 +0100\n+++ b/f\t2026\n@@ -0,0 +1 @@\n+b\n",
         (FilePatch("f", (Hunk(0, 1, (), (b"b\n",), 0, 0),), creates=True),)),
        (b"--- f\t(nonexistent)\n+++ f\t(working copy)\n@@ -0,0 +1 @@\n+b\n",
         (FilePatch("f", (Hunk(0, 1, (), (b"b\n",), 0, 0),), creates=True),)),
        (b"--- a/f\t2026\n+++ b/f\t1970-01-01 00:00:00.0 +0000\n@@ -1 +0,0 @@\n-a\n",
         (FilePatch("f", (Hunk(1, 0, (b"a\n",), (), 0, 0),), deletes=True),)),
        (NAMES + b"@@ -0,0 +1 @@\n+b\n", (FilePatch("f", (Hunk(0, 1, (), (b"b\n",), 0, 0),)),)),
        # Renames, with and without changes.
        (b"diff --git a/e b/f\nsimilarity index 100%\nrename from e\nrename to f\n",
         (FilePatch("f", (), renamed_from="e"),)),
        (b"diff --git a/e b/f\nsimilarity index 90%\nrename from e\nrename to f\nindex 1..2 100644\n"
         + TAIL.replace(b"a/f", b"a/e"), (FilePatch("f", (AB,), renamed_from="e"),)),
        ("--- a/ä\n+++ b/ä\n@@ -1 +1 @@\n-a\n+b\n".encode(), (FilePatch("ä", (AB,)),)),
        (NAMES + b"@@ -1 +1 @@\n-a\r\n+b\n", (FilePatch("f", (Hunk(1, 1, (b"a\r\n",), (b"b\n",), 0, 0),)),)),
    ],
)  # fmt: skip
def test_a_diff_is_read_exactly(data: bytes, expected: tuple[FilePatch, ...] | str) -> None:
    if isinstance(expected, str):
        with pytest.raises(InputError, match=expected):
            parse(data, "diff")
    else:
        assert parse(data, "diff") == expected


@pytest.mark.parametrize(
    ("data", "line", "fault"),
    [
        (b"", 0, "no diff found"),
        (b"just text\n", 1, "no diff found"),
        (PATCH.replace(b"-1,3", b"-1,4"), 7, "the hunk has fewer lines than its header says"),
        (PATCH.replace(b"-1,3", b"-1,2"), 7, "the hunk has more lines than its header says"),
        (PATCH.replace(b"+1,3", b"+1,2"), 7, "the hunk has more lines than its header says"),
        (PATCH + b"+x\n", 8, OUTSIDE),
        (PATCH + b" x\n", 8, OUTSIDE),
        (PATCH + b"\tx\n", 8, OUTSIDE),
        (PATCH + b"text\n-x\n", 9, OUTSIDE),
        (PATCH + b"-- \nx\n" + PATCH[16:] + PATCH + b"+x\n", 22, OUTSIDE),
        (PATCH[:30], 3, "malformed hunk header"),
        (PATCH[:-3], 6, "the hunk has fewer lines than its header says"),
        (PATCH.replace(b"@@ -1,3 +1,3 @@", b"@@ -x +1 @@"), 3, "malformed hunk header"),
        (PATCH.replace(b"-b\n+B\n", b" b\n"), 6, "the hunk changes nothing"),
        (b"--- a/f\n+++ b/g\n@@ -1 +1 @@\n-a\n+b\n", 3, "the old and the new file name differ"),
        (b"--- /dev/null\n+++ /dev/null\n@@ -1 +1 @@\n", 3, "the old and the new file name differ"),
        (
            b"--- /f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n",
            1,
            BAD_NAME,
        ),
        (
            b"--- a/f\n+++ b/\n@@ -1 +1 @@\n-a\n+b\n",
            2,
            BAD_NAME,
        ),
        (b'--- "a/f"\n+++ b/f\n@@ -1 +1 @@\n', 1, BAD_NAME),
        (b"--- a/\xff\n+++ b/\xff\n@@ -1 +1 @@\n", 1, "the file name is not UTF-8"),
        (b"diff --git a/\xff b/\xff\n", 1, "the file name is not UTF-8"),
        (NAMES + b"@@ -5,0 +6 @@\n+b\n", 3, "a hunk without context cannot be located safely"),
        (NAMES + b"@@ -5 +6,0 @@\n-b\n", 3, "a hunk without context cannot be located safely"),
        (NAMES + b"@@ -0 +1 @@\n-a\n+b\n", 3, "a hunk without context cannot be located safely"),
        (NAMES + b"no hunk\n", 3, "no hunk after the file names"),
        (b"diff --git a/f b/g\nrename from f\n", 1, NO_NAMES),
        (b"diff --git a/f b/g\nrename to g\n", 2, "a rename needs both names"),
        (b"diff --git a/f b/g\ncopy from f\n", 2, "copies and binary content are not supported"),
        (TAIL + b"Binary files a/g and b/g differ\n", 6, "binary content is not supported"),
        (b"diff --git a/f b/g\n", 1, NO_NAMES),
        (b'diff --git "a/f\\303" "b/f\\303"\n', 1, NO_NAMES),
        (b"diff --git a/f b/f\nnew file mode 120000\n", 2, "only regular files are supported"),
        (b"diff --git a/f b/f\ndeleted file mode 1\n", 2, "only regular files are supported"),
        (b"diff --git a/f b/f\nold mode 120000\n", 2, "only regular files are supported"),
        (b"diff --git a/f b/f\nnew mode 120000\n", 2, "only regular files are supported"),
        (
            b"diff --git a/f b/f\nindex 1..2\nGIT binary patch\nliteral 1\n",
            3,
            "copies and binary content are not supported",
        ),
        (b"diff --git a/f b/f\nindex 1..2 100644\n", 2, "no change to the content of f"),
        (b"diff --git a/f b/f\nindex 1..2 100644\n\n" + PATCH, 3, "no change to the content of f"),
        (b"diff --git a/f b/f\nold mode 100644\nnew mode 100755\n", 3, "no change to the content of f"),
        (
            PATCH.replace(b" a\n", b" a\n\\ No newline at end of file\n"),
            8,
            "only the last line of a file can lack its newline",
        ),
        (PATCH + b"@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n", 8, "the hunks overlap or are out of order"),
        (PATCH + b"@@ -3,3 +3,3 @@\n c\n-b\n+B\n c\n", 8, "the hunks overlap or are out of order"),
    ],
)
def test_a_damaged_patch_is_refused_with_line_and_fault(data: bytes, line: int, fault: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(data, "bad.patch")
    assert caught.value.what == f"bad.patch, line {line}: {fault}"
    assert caught.value.state == "The tree is unchanged."
    assert caught.value.fix == "Make the patch again with git format-patch or diff -u."


def test_hunks_may_follow_each_other_at_once() -> None:
    (patch,) = parse(PATCH + b"@@ -4,2 +4,2 @@\n d\n-e\n+E\n", "diff")
    assert [hunk.index for hunk in patch.hunks] == [0, 3]


def test_context_is_counted_on_both_sides() -> None:
    (patch,) = parse(NAMES + b"@@ -4,7 +4,6 @@\n a\n b\n-c\n d\n-e\n+E\n f\n h\n", "diff")
    assert (patch.hunks[0].leading, patch.hunks[0].trailing) == (2, 2)


def test_a_reversed_patch_undoes_all_of_it() -> None:
    patch = FilePatch("f", (Hunk(5, 7, (b"a\n",), (b"b\n",), 1, 2),), True, False, True, None)
    other = FilePatch("f", (Hunk(7, 5, (b"b\n",), (b"a\n",), 1, 2),), False, True, None, True)
    renamed = FilePatch("f", (), renamed_from="e")
    assert reverse(renamed) == FilePatch("e", (), renamed_from="f")
    assert reverse(reverse(renamed)) == renamed
    assert reverse(patch) == other
    assert reverse(other) == patch


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"a\nb", [b"a\n", b"b"]),
        (b"a\n\n", [b"a\n", b"\n"]),
        (b"a\r\nb\rc\n", [b"a\r\n", b"b\rc\n"]),
        (b"a\rb", [b"a\rb"]),
        (b"\x0c\x1c\x85\n", [b"\x0c\x1c\x85\n"]),
    ],
)
def test_only_a_line_feed_ends_a_line(content: bytes, expected: list[bytes]) -> None:
    assert split_lines(content) == expected
