"""Each fault of a patch file with its line, and what the repair makes of it, byte for byte."""

import pytest

from hardboot.patches.lint import Fault, lint

LOST = "get the patch from another source"
NEWLINE = b"\n"
SPACE = "the space before this context line is missing"
GOOD = b"""\
From 1 Mon
Subject: x

text
---
 f | 2 +-

diff --git a/f b/f
index 1..2 100644
--- a/f
+++ b/f
@@ -2,4 +2,5 @@ int f()
 \ta;
 \tb;
-\tc;
+\tC;
+\td;
 \te;
@@ -20,3 +21,2 @@
 \tg;
-\th;

diff --git a/n b/n
new file mode 100644
index 0..1
--- /dev/null
+++ b/n
@@ -0,0 +1,2 @@
+\tx;
+\ty;
--\x20
2.39.5

"""
PLAIN = b"--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n \ta;\n-\tb;\n+\tB;\n \tc;\n"
SPACES = PLAIN.replace(b"\t", b"        ")
# Lines are numbered from 1: 8 is `diff --git`, 12 the first hunk, 19 the second, 28 the hunk of the new file.


def faults(data: bytes) -> list[tuple[int, str, bool]]:
    return [(fault.line, fault.what, fault.repaired) for fault in lint(data).faults]


def test_a_good_patch_has_no_fault_and_stays_as_it_is() -> None:
    for patch in (GOOD, PLAIN, PLAIN + PLAIN.replace(b"/f", b"/g")):
        assert (lint(patch).faults, lint(patch).repaired) == ((), patch)


def test_a_fault_is_told_with_its_line() -> None:
    assert str(Fault(7, "something")) == "line 7: something"
    found = lint(b"")
    assert (found.faults, found.repaired) == ((Fault(1, "no diff found", False),), b"")
    assert found.beyond_repair == found.faults


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b" \tb;\n", b"\tb;\n", [(14, SPACE)]),
        (
            b"@@ -2,4 +2,5 @@",
            b"@@ -2,5 +2,7 @@",
            [(12, "the hunk header says 5 old and 7 new lines, but the hunk has 4 and 5")],
        ),
        (
            b"@@ -2,4 +2,5 @@",
            b"@@ -2,4 +2,4 @@",
            [(12, "the hunk header says 4 old and 4 new lines, but the hunk has 4 and 5")],
        ),
        (b"new file mode 100644\n", b"", [(25, "this line is missing: new file mode 100644")]),
    ],
)
def test_a_repair_gives_back_the_good_patch(old: bytes, new: bytes, expected: list[tuple[int, str]]) -> None:
    bad = GOOD.replace(old, new, 1)
    assert bad != GOOD
    assert faults(bad) == [(line, what, True) for line, what in expected]
    assert lint(bad).repaired == GOOD


def test_line_ends_of_other_systems_are_counted_and_repaired() -> None:
    bad = GOOD.replace(b"\n", b"\r\n")
    assert lint(bad).faults == (Fault(1, f"{GOOD.count(NEWLINE)} lines end with CR LF"),)
    assert lint(bad).repaired == GOOD
    bad = GOOD.replace(b";\n", b";\r\n")  # a patch to a file with such lines
    assert (lint(bad).faults, lint(bad).repaired) == ((), bad)
    assert lint(b"a\rb\n").faults == lint(b"a\n").faults


def test_a_missing_newline_at_the_end_is_added() -> None:
    found = lint(PLAIN[:-1])
    assert (found.faults, found.repaired) == ((Fault(7, "the last line has no newline"),), PLAIN)


def test_counts_of_one_line_may_be_left_out() -> None:
    patch = b"--- a/f\n+++ b/f\n@@ -2 +2 @@\n-\ta\n+\tb\n"
    assert lint(patch).faults == ()
    bad = patch.replace(b"+2 @@", b"+2,2 @@")
    what = "the hunk header says 1 old and 2 new lines, but the hunk has 1 and 1"
    assert lint(bad).faults == (Fault(3, what, False),)


def test_the_text_after_a_hunk_header_stays() -> None:
    bad = GOOD.replace(b"-2,4", b"-2,3")
    assert b"@@ -2,4 +2,5 @@ int f()\n" in lint(bad).repaired


def test_empty_lines_between_mails_do_not_count() -> None:
    assert lint(PLAIN + b"\n\n" + PLAIN).faults == ()
    assert lint(PLAIN + b"\n\n" + PLAIN).repaired == PLAIN + b"\n\n" + PLAIN


def test_a_note_about_the_end_of_a_file_does_not_count() -> None:
    patch = PLAIN[:-5] + b"-\tc;\n+\tc;\n\\ No newline at end of file\n"
    assert lint(patch).faults == ()


@pytest.mark.parametrize(
    "end",
    [
        b"-- \n2.39.5\n",
        b"Index: g\n",
        b"diff --git a/g b/g\nnew file mode 100644\n",
        b"--- a/g\n+++ b/g\n",
    ],
)
def test_a_hunk_ends_where_something_else_begins(end: bytes) -> None:
    found = lint(PLAIN.replace(b"-1,3", b"-1,9") + end)
    what = "the hunk header says 9 old and 3 new lines, but the hunk has 3 and 3"
    assert found.faults[0] == Fault(3, what, False)


def test_a_removed_line_of_dashes_is_no_header() -> None:
    patch = b"--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n--- x\n+\ty\n z\n"
    assert lint(patch).faults == ()


def test_offsets_of_the_new_file_start_again_with_each_file() -> None:
    one = b"diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1,2 +1,3 @@\n a\n+b\n c\n"
    assert lint(one + one.replace(b"/f", b"/g")).faults == ()
    plain = one.partition(b"\n")[2]
    assert lint(plain + plain.replace(b"/f", b"/g")).faults == ()


def test_context_without_any_space_is_repaired_with_all_its_lines() -> None:
    bad = GOOD.replace(b"\n \t", b"\n\t")
    found = lint(bad)
    assert found.repaired == GOOD
    assert [fault.line for fault in found.faults] == [13, 14, 18, 20]
    text = b"--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n * a\n-\tb;\n+\tB;\n\tc;\n"
    assert lint(text).repaired == text.replace(b"\n * a", b"\n  * a").replace(b"\n\tc", b"\n \tc")


def test_the_last_lines_of_a_file_are_looked_at() -> None:
    head = PLAIN.partition(b"@@")[0]
    empty = "the hunk header says 1 old and 1 new lines, but the hunk has 0 and 0"
    assert lint(head + b"@@ -1 +1 @@\n").faults[0] == Fault(3, empty, False)
    found = lint(PLAIN + head)
    assert found.faults == (Fault(10, f"the hunk headers (@@) are missing; {LOST}", False),)


def test_diffs_without_git_have_no_modes() -> None:
    assert lint(b"--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+\tx\n").faults == ()


def test_a_deleted_file_has_its_mode() -> None:
    good = b"diff --git a/f b/f\ndeleted file mode 100644\n--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-\ta\n"
    bad = good.replace(b"deleted file mode 100644\n", b"")
    found = lint(bad)
    assert found.faults == (Fault(3, "this line is missing: deleted file mode 100644"),)
    assert found.repaired == good
    assert lint(good).faults == ()
    plain = bad.partition(b"\n")[2]
    assert lint(plain).faults == ()


# Beyond repair


def context(count: int, indent: bytes) -> bytes:
    lines = b"".join(b"%sline %d\n" % (indent, number) for number in range(count))
    return b"--- a/f\n+++ b/f\n@@ -1,%d +1,%d @@\n%s+\tx\n" % (count, count + 1, lines)


def test_context_lines_without_tabs_are_beyond_repair() -> None:
    what = f"the context lines have lost their tabs; {LOST}"
    assert Fault(4, what, False) in lint(context(5, b"")).faults
    assert lint(context(4, b"")).beyond_repair == ()
    assert lint(context(5, b"\t")).beyond_repair == ()
    assert lint(context(5, b"").replace(b"\tx", b"x")).beyond_repair == ()
    assert lint(context(5, b" ")).beyond_repair == ()


def test_a_patch_of_indented_lines_without_tabs_is_beyond_repair() -> None:
    def spaces(count: int, width: int = 7, mark: bytes = b" ") -> bytes:
        lines = b"".join(b"%s%sline %d\n" % (mark, b" " * width, n) for n in range(count))
        added = count if mark == b"+" else 0
        head = b"--- a/f\n+++ b/f\n@@ -2,%d +2,%d @@\n x\n" % (1 + count - added, 2 + count)
        return head + b"+y\n" * (not added) + b"+z\n" * bool(added) + lines

    what = f"tabs have become spaces; {LOST}"
    for mark in (b" ", b"+"):
        found = lint(spaces(5, mark=mark))
        assert [fault.what for fault in found.beyond_repair][:1] == [what]
        assert found.beyond_repair[0].line == 6
    assert lint(spaces(4)).beyond_repair == ()
    assert lint(spaces(5, width=6)).beyond_repair == ()
    assert lint(spaces(5).replace(b"+y", b"+\ty")).beyond_repair == ()


def test_a_file_without_hunk_headers_is_beyond_repair() -> None:
    what = f"the hunk headers (@@) are missing; {LOST}"
    bad = PLAIN.replace(b"@@ -1,3 +1,3 @@\n", b"")
    assert lint(bad).beyond_repair == (Fault(3, what, False),)
    assert lint(b"--- a/f\n+++ b/f\n").beyond_repair == (Fault(3, what, False),)


def test_what_cannot_be_read_after_the_repair_is_told_with_its_line() -> None:
    bad = GOOD.replace(b"+++ b/n", b"+++ b/m").replace(b"--- /dev/null", b"--- a/n")
    assert lint(bad).faults == (Fault(28, "the old and the new file name differ", False),)
    # The repair adds a line above; the fault is told with its line in the file as it is.
    bad = GOOD.replace(b"new file mode 100644\n", b"") + PLAIN.replace(b"+++ b/f", b"+++ b/g")
    assert lint(bad).beyond_repair == (Fault(35, "the old and the new file name differ", False),)
