"""Patch files as they are found, with git apply and patch(1) beside ours: the same trees, and refusals."""

import subprocess
from pathlib import Path
from typing import get_args

import pytest
from in_process import hardboot
from toy_series import CODE, git, make_tree, snapshot

from hardboot.patches import characters
from hardboot.patches.catalog import load_all
from hardboot.patches.export import combine
from hardboot.patches.lint import lint
from hardboot.patches.series import Number
from hardboot.patches.unified import parse

FILE = "arch/arm/code.c"
LONG = "\tif (first_condition_of_this_line && second_condition_of_this_line &&  third_one)\n"
NEW = CODE.replace("line 5\n", f"line five\n{LONG}").replace(
    "line 30\n", "line 30\n\tp->x = a < b && c > &d;\n"
)


@pytest.fixture
def change(tmp_path: Path) -> Path:
    """Return a repository with a change in its last commit: a file changed, made, deleted and renamed."""
    tree = make_tree(tmp_path / "repository")
    (tree / "gone.c").write_text("gone\n")
    (tree / "tool.sh").write_text("".join(f"step {n}\n" for n in range(9)))
    (tree / "tool.sh").chmod(0o755)
    git(tree, "init", "-q")
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "base")
    (tree / FILE).write_text(NEW)
    (tree / "made.c").write_text("made\n")
    (tree / "gone.c").unlink()
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "change")
    return tree


def before(change: Path, folder: Path) -> Path:
    return checkout(change, folder, "HEAD~1")


def checkout(repository: Path, folder: Path, commit: str) -> Path:
    folder.mkdir()
    archive = git(repository, "-c", "tar.umask=0022", "archive", commit)
    subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True, timeout=60)
    return folder


def applied(tree: Path, patch: bytes, *words: str) -> str:
    """Apply `patch` to `tree`, take it out, apply it again; return the warnings."""
    file = tree.parent / "x.patch"
    file.write_bytes(patch)
    clean = snapshot(tree)
    run = hardboot("patch", "apply", tree, "--patch", file, *words)
    assert run.returncode == 0, run.stderr
    assert hardboot("patch", "revert", tree, "--patch", file).returncode == 0
    assert snapshot(tree) == clean
    assert hardboot("patch", "apply", tree, "--patch", file, *words).returncode == 0
    return run.stderr


def diff_r(change: Path, tmp_path: Path, *options: str) -> bytes:
    old, new = before(change, tmp_path / "A"), checkout(change, tmp_path / "B", "HEAD")
    run = subprocess.run(
        ["diff", *options, old.name, new.name], cwd=tmp_path, capture_output=True, check=False, timeout=60
    )
    return run.stdout


def test_diff_of_two_folders_is_taken_as_patch_takes_it(change: Path, tmp_path: Path) -> None:
    patch = diff_r(change, tmp_path, "-ruN")
    assert b"\ndiff -ruN A/" in patch
    assert lint(patch).faults == ()
    ours, theirs = before(change, tmp_path / "ours"), before(change, tmp_path / "theirs")
    applied(ours, patch)
    subprocess.run(["patch", "-s", "-p1", "-F0", "-d", theirs], input=patch, check=True, timeout=60)
    assert snapshot(ours) == snapshot(theirs) == snapshot(tmp_path / "B")


def test_index_headers_are_text(change: Path, tmp_path: Path) -> None:
    patch = (
        diff_r(change, tmp_path, "-ruN")
        .replace(b"diff -ruN ", b"Index: x\n" + b"=" * 67 + b"\n#")
        .replace(b"\n#", b"\ndiff ")
    )
    assert (lint(patch).faults, lint(patch).repaired) == ((), patch)
    tree = before(change, tmp_path / "ours")
    applied(tree, patch)
    assert snapshot(tree) == snapshot(tmp_path / "B")


@pytest.mark.parametrize(
    "words",
    [
        *("--no-prefix", "-U1", "-U9", "--binary", "--find-renames", "--no-renames"),
        *("--src-prefix=i/ --dst-prefix=w/", "--src-prefix=orig/ --dst-prefix=mine/"),
    ],
)
def test_git_diff_with_any_option_is_taken(change: Path, tmp_path: Path, words: str) -> None:
    git(change, "mv", "tool.sh", "moved.sh")
    git(change, "commit", "-q", "--amend", "-m", "change")
    patch = git(change, "diff", *words.split(), "HEAD~1", "HEAD")
    tree = before(change, tmp_path / "ours")
    assert lint(patch).faults == ()
    applied(tree, patch)
    assert snapshot(tree) == snapshot(checkout(change, tmp_path / "after", "HEAD"))


@pytest.mark.parametrize("more", ["", "step 10\n"], ids=["pure", "changed"])
def test_a_rename_moves_the_file_with_its_mode(change: Path, tmp_path: Path, more: str) -> None:
    text = (change / "tool.sh").read_text() + more
    (change / "tools").mkdir()
    git(change, "mv", "tool.sh", "tools/moved.sh")
    (change / "tools" / "moved.sh").write_text(text)
    git(change, "commit", "-qam", "rename")
    patch = git(change, "format-patch", "--stdout", "HEAD~1")
    assert b"rename from tool.sh" in patch
    tree = checkout(change, tmp_path / "ours", "HEAD~1")
    applied(tree, patch)
    assert snapshot(tree) == snapshot(checkout(change, tmp_path / "after", "HEAD"))


def test_a_rename_onto_another_file_is_refused(change: Path, tmp_path: Path) -> None:
    git(change, "mv", "tool.sh", "moved.sh")
    git(change, "commit", "-qm", "rename")
    file = tmp_path / "x.patch"
    file.write_bytes(git(change, "format-patch", "--stdout", "HEAD~1"))
    tree = checkout(change, tmp_path / "ours", "HEAD~1")
    (tree / "moved.sh").write_text("mine\n")
    run = hardboot("patch", "apply", tree, "--patch", file)
    assert run.returncode != 0
    assert "the file already exists" in run.stderr
    assert (tree / "moved.sh").read_text() == "mine\n"


def escaped(patch: bytes) -> bytes:
    return patch.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;")


def test_html_entities_are_repaired_where_all_was_escaped(change: Path, tmp_path: Path) -> None:
    patch = git(change, "format-patch", "--stdout", "HEAD~1")
    assert lint(escaped(patch)).repaired == patch
    assert "HTML entities" in str(lint(escaped(patch)).faults[0])
    mixed = patch.replace(b"->", b"-&gt;")
    assert "but not all" in str(lint(mixed).beyond_repair[0])
    tree = before(change, tmp_path / "ours")
    assert "repaired" in applied(tree, escaped(patch))
    assert (tree / FILE).read_text() == NEW


def test_lines_that_a_mailer_wrapped_are_joined_where_the_blank_was_kept(change: Path) -> None:
    patch = git(change, "format-patch", "--stdout", "HEAD~1")
    flowed = patch.replace(b"&&  third_one", b"&&  \nthird_one")
    assert (lint(flowed).repaired, lint(flowed).beyond_repair) == (patch, ())
    assert "wrapped by a mailer" in str(lint(flowed).faults[0])
    unsure = patch.replace(b"&&  third_one", b"&&\nthird_one")
    assert "wrapped by a mailer" in str(lint(unsure).beyond_repair[0])


def test_tabs_that_became_single_blanks_are_told(tmp_path: Path) -> None:
    lines = b"".join(b" \tcode(%d);\n" % n for n in range(6))
    patch = b"--- a/f.c\n+++ b/f.c\n@@ -1,6 +1,7 @@\n" + lines + b"+\tmore();\n"
    assert lint(patch).faults == ()
    assert "single blanks" in str(lint(patch.replace(b"\t", b" ")).beyond_repair[0])
    python = patch.replace(b"f.c", b"f.py").replace(b"\t", b" ")
    assert lint(python).faults == ()


@pytest.mark.parametrize(
    ("text", "between"),
    [
        ("_______________________________________________\nlinux-arm mailing list\nhttp://x\n", False),
        ("\nThis email is confidential.\n", False),
        ("EOF\n", False),
        ("</pre>\n</body></html>\n", False),
        ("```\n", False),
        ("Nur in A: x.\n", True),
        ("==== //depot/x.c#3 - /home/x.c ====\n", True),
        ("\nProperty changes on: x.c\n____\nAdded: svn:executable\n   + *\n\n", True),
    ],
)
def test_text_behind_a_hunk_is_text_as_for_git(
    change: Path, tmp_path: Path, text: str, between: bool
) -> None:
    patch = git(change, "diff", "HEAD~1", "HEAD")
    if between:
        patch = patch.replace(b"diff --git", text.encode() + b"diff --git")
    patch += text.encode()
    ours, theirs = before(change, tmp_path / "ours"), before(change, tmp_path / "theirs")
    git(theirs, "init", "-q")
    file = tmp_path / "text.patch"
    file.write_bytes(patch)
    git(theirs, "apply", "--whitespace=nowarn", str(file))
    subprocess.run(["rm", "-r", theirs / ".git"], check=True, timeout=60)
    assert (lint(patch).faults, lint(patch).repaired) == ((), patch)
    applied(ours, patch)
    assert snapshot(ours) == snapshot(theirs) == snapshot(checkout(change, tmp_path / "after", "HEAD"))


@pytest.mark.parametrize("suffix", [".orig", "~", ".old"])
@pytest.mark.parametrize("prefix", ["", "linux/"])
def test_a_diff_against_a_copy_of_the_file_is_taken_as_patch_takes_it(
    change: Path, tmp_path: Path, prefix: str, suffix: str
) -> None:
    whole = git(change, "diff", "--no-prefix", "HEAD~1", "HEAD", "--", FILE).decode()
    patch = f"--- {prefix}{FILE}{suffix}\t2014\n+++ {prefix}{FILE}\t2014\n@@" + whole.partition("@@")[2]
    ours, theirs = before(change, tmp_path / "ours"), before(change, tmp_path / "theirs")
    level = f"-p{prefix.count('/')}"
    subprocess.run(["patch", "-s", level, "-F0", "-d", theirs], input=patch.encode(), check=True, timeout=60)
    applied(ours, patch.encode())
    assert snapshot(ours) == snapshot(theirs)


# Characters that deceive the reader

TROJAN = '+\tif (level != "user\u202e \u2066// admin\u2069 \u2066") {\n'


def with_line(line: str, name: str = FILE) -> bytes:
    text = f"--- a/{name}\n+++ b/{name}\n@@ -1,2 +1,3 @@\n line 1\n{line} line 2\n"
    return text.encode()


@pytest.mark.parametrize(
    ("line", "code_point"),
    [
        (TROJAN, 0x202E),
        ("+\tis_root\u200b = 1;\n", 0x200B),
        ("+\t\u0430 = 1;\n", 0x430),  # Cyrillic a
        ("+ * the v\u0430lue\n", 0x430),
        ("+\tfoo();\u037e\n", 0x37E),  # Greek question mark
        ("+\tx = a \u2212 b;\n", 0x2212),  # minus sign
        ("+\tx = \u201ctext\u201d;\n", 0x201C),
        ("+\tint\u00a0x;\n", 0xA0),
        ("+\tif (\u0430 == b) /* checked */\n", 0x430),
        ("+\t/* one */ \u0430 = 1; /* two */\n", 0x430),
        ("+ end of a comment */ \u0430 = 1; /* begin of another\n", 0x430),
        ("+/* done \u2066*/ return; /* */\n", 0x2066),
        ("+#define A\uff08x\uff09 1\n", 0xFF08),
    ],
)  # fmt: skip
def test_a_character_that_deceives_is_named_and_refused_until_allowed(
    tmp_path: Path, line: str, code_point: int
) -> None:
    tree = make_tree(tmp_path / "linux")
    file = tmp_path / "x.patch"
    file.write_bytes(with_line(line))
    run = hardboot("patch", "lint", file)
    assert run.returncode == 3
    assert f"line 5: U+{code_point:04X} " in run.stdout
    clean = snapshot(tree)
    run = hardboot("patch", "apply", tree, "--patch", file)
    assert run.returncode != 0
    assert f"line 5: U+{code_point:04X} " in run.stderr
    assert "--allow-unicode" in run.stderr
    assert snapshot(tree) == clean
    assert hardboot("patch", "apply", tree, "--patch", file, "--allow-unicode").returncode == 0
    assert hardboot("patch", "revert", tree, "--patch", file).returncode == 0
    assert snapshot(tree) == clean


@pytest.mark.parametrize(
    "line",
    [
        "+/* Copyright \u00a9 2014 J\u00f6rg \u2013 \u201cquoted\u201d */\n",
        "+ * \u0430\u0432\u0442\u043e\u0440\n",
        '+MODULE_AUTHOR("\u00c9mile");\n',
        "+\u00c9mile wrote it */ int x; /* for J\u00f6rg */\n",
        "+\tx = 1; // \u00b5s\n",
    ],
)
def test_other_characters_in_comments_and_strings_are_no_fault(line: str) -> None:
    assert lint(with_line(line)).suspicious == ()


def test_names_in_the_text_of_a_mail_are_no_fault_but_turned_text_is() -> None:
    mail = "From: \u0418\u0432\u0430\u043d \u200d\n\n---\n".encode() + with_line("+x\n")
    assert characters.in_patch(mail) == []
    assert [item.line for item in characters.in_patch("a \u202e b\n".encode() + mail)] == [1]
    assert characters.in_patch(b"\xff\n" + with_line("+x\n").replace(b"+x", b"+/* \xe9 */ \x80 \xff")) == []


# Our own


def test_what_export_writes_is_taken_by_lint_and_by_git(tmp_path: Path) -> None:
    for series in load_all():
        phone = dict.fromkeys(get_args(Number), 0x1000)
        patch = combine(series, phone, "a phone")
        found = lint(patch)
        assert (found.faults, found.suspicious, found.repaired) == ((), (), patch), series.name
        assert [one.path for one in parse(patch, "export")][-1] == "hardboot.config"
        git(tmp_path, "apply", "--numstat", "-", stdin=patch)
