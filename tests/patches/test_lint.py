"""Patch files damaged on their way, and their repair: git makes of it what it had made of the good one."""

import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CalledProcessError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_process import hardboot
from toy_series import git, make_tree

from hardboot.patches.lint import lint

OLD = "".join(f"\tcode {n};\n" if n % 5 else "\n" for n in range(40)) + " * a comment\n\tlast;\n"
NEW = OLD.replace("\tcode 7;\n", "\tcode seven;\n\tand more;\n").replace("\tlast;\n", "\tlast one;\n")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return what git format-patch makes of a changed and of a new file."""
    tree = make_tree(tmp_path_factory.mktemp("lint") / "linux")
    (tree / "file.c").write_text(OLD)
    git(tree, "init", "-q")
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "base")
    (tree / "file.c").write_text(NEW)
    (tree / "new.c").write_text("\tnew\n")
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "change")
    return git(tree, "format-patch", "-N", "--stdout", "HEAD~1")


def stripped(patch: bytes) -> bytes:
    """As a web page shows it: no line of context begins with its blank."""
    head, mark, rest = patch.partition(b"diff --git")
    lines = (mark + rest).split(b"\n")
    return head + b"\n".join(line[1:] if line.startswith(b" ") else line for line in lines)


def test_a_patch_as_git_makes_it_has_no_fault(good: bytes) -> None:
    found = lint(good)
    assert (found.faults, found.repaired) == ((), good)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (stripped, "the space before this context line is missing"),
        (lambda patch: patch.replace(b"\n", b"\r\n"), "lines end with CR LF"),
        (
            lambda patch: re.sub(rb"@@ -5,\S+ \+\S+ @@", b"@@ -5,9 +5,6 @@", patch),
            "header says 9 old and 6 new lines",
        ),
        (
            lambda patch: patch.replace(b"new file mode 100644\n", b""),
            "line is missing: new file mode 100644",
        ),
        (lambda patch: stripped(patch).replace(b"\n", b"\r\n"), "CR LF"),
    ],
    ids=["stripped", "crlf", "counts", "mode", "both"],
)
def test_a_damaged_patch_is_told_and_repaired(
    good: bytes, tmp_path: Path, damage: Callable[[bytes], bytes], message: str
) -> None:
    bad = damage(good)
    assert bad != good
    found = lint(bad)
    assert message in " ".join(map(str, found.faults)), found.faults
    assert found.beyond_repair == ()
    tree = make_tree(tmp_path / "linux")
    (tree / "file.c").write_text(OLD)
    git(tree, "apply", "-", stdin=found.repaired)
    assert (tree / "file.c").read_text() == NEW
    assert (tree / "new.c").read_text() == "\tnew\n"
    assert lint(found.repaired).faults == ()


def test_only_lost_blanks_are_put_back_where_others_kept_theirs(good: bytes) -> None:
    bad = good.replace(b"\n \tcode 6;\n", b"\n\tcode 6;\n", 1)
    found = lint(bad)
    assert [fault.what for fault in found.faults] == ["the space before this context line is missing"]
    assert found.repaired == good


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda patch: patch.expandtabs(), "tabs have become spaces"),
        (
            lambda patch: re.sub(rb"\n[ ][ \t]*(?=[a-z])", rb"\n", patch),
            "the context lines have lost their tabs",
        ),
        (lambda patch: re.sub(rb"@@ .*\n", b"", patch), "the hunk headers (@@) are missing"),
        (
            lambda patch: patch.replace(b"+++ b/file.c", b"+++ b/other.c"),
            "old and the new file name differ",
        ),
    ],
)
def test_what_cannot_be_known_is_not_repaired(
    good: bytes, damage: Callable[[bytes], bytes], message: str
) -> None:
    found = lint(damage(good))
    assert message in str(found.beyond_repair[0])


def test_what_git_takes_as_it_is_is_left_alone(good: bytes) -> None:
    for patch in (
        re.sub(rb"(@@ -3\d,\d+ \+)\d+", rb"\g<1>99", good),  # git looks for the lines from there
        good.replace(b"-- \n", b"--\n").replace(b"\n \n", b"\n\n"),  # trailing blanks are stripped
        good.removesuffix(b"\n\n"),  # the signature has no newline
        good + good.replace(b"/file.c", b"/other.c").replace(b"/new.c", b"/more.c"),
    ):
        assert patch != good
        assert (lint(patch).faults, lint(patch).repaired) == ((), patch)


def test_a_patch_cut_anywhere_in_a_hunk_is_refused_as_git_does(good: bytes, tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "linux")
    (tree / "file.c").write_text(OLD)
    lines = good.splitlines(keepends=True)
    first = next(index for index, line in enumerate(lines) if line.startswith(b"@@"))
    refused = 0
    for end in range(first + 1, len(lines) - 3):
        cut = b"".join(lines[:end])
        try:
            git(tree, "apply", "--check", "-", stdin=cut)
        except CalledProcessError:
            refused += 1
            assert lint(cut).beyond_repair, end
    assert refused > 10


def test_a_new_line_cut_in_its_middle_is_refused(good: bytes) -> None:
    cut = good[: good.index(b"\n-- \n") - 1]
    assert cut.endswith(b"+\tne")
    assert "may be cut" in str(lint(cut).beyond_repair[0])


@settings(max_examples=200)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_linted(data: bytes) -> None:
    for prefix in (b"", b"--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n", b"diff --git a/f b/f\n--- /dev/null\n"):
        lint(prefix + data)


# The command line


def test_lint_tells_faults_and_repairs_the_file_when_asked(good: bytes, tmp_path: Path) -> None:
    file = tmp_path / "web.patch"
    file.write_bytes(stripped(good))
    run = hardboot("patch", "lint", file)
    assert run.returncode == 3
    assert "the space before this context line is missing" in run.stdout
    assert "--repair" in run.stderr
    assert file.read_bytes() == stripped(good)
    run = hardboot("patch", "lint", file, "--repair")
    assert (run.returncode, lint(file.read_bytes()).faults) == (0, ())
    assert hardboot("patch", "lint", file).stdout == f"{file}: no faults\n"


def test_what_cannot_be_repaired_is_refused_and_the_file_kept(tmp_path: Path) -> None:
    file = tmp_path / "none.patch"
    file.write_text("no patch\n")
    run = hardboot("patch", "lint", file, "--repair")
    assert (run.returncode, file.read_text()) == (3, "no patch\n")
    assert "no diff found" in run.stdout


def test_a_patch_from_the_web_is_repaired_applied_and_taken_out(good: bytes, tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "linux")
    (tree / "file.c").write_text(OLD)
    file = tmp_path / "web.patch"
    file.write_bytes(stripped(good))
    run = hardboot("patch", "apply", tree, "--patch", file)
    assert run.returncode == 0, run.stderr
    assert "repaired" in run.stderr
    assert (tree / "file.c").read_text() == NEW
    assert not (tree / "hardboot.config").exists()
    assert hardboot("patch", "revert", tree, "--patch", file).returncode == 0
    assert (tree / "file.c").read_text() == OLD
    assert not (tree / "new.c").exists()
