"""A source tree on disk: its version, what is read of it, and how files are written."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
from toy_series import snapshot

from hardboot.base.errors import InputError, RefusedError
from hardboot.patches.tree import Tree, dotted

UNCHANGED = "The tree is unchanged."


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Return a folder with files, folders and links."""
    root = tmp_path / "linux"
    for name in ("b/two.c", "b/one.c", "a/board.c", "a/board.h", "a/deep/x.dts", "top.c"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "b" / "link.c").symlink_to("one.c")
    (root / "loop").symlink_to("b")
    return root


def test_a_version_is_written_with_dots() -> None:
    assert dotted((6, 1, 192)) == "6.1.192"


def test_the_version_is_in_the_first_lines_of_the_makefile(tree: Path) -> None:
    assert Tree(tree).version() == (6, 1, 7)
    (tree / "Makefile").write_text("VERSION=3\nPATCHLEVEL\t=  10 \nSUBLEVEL = 0\t\nVERSION = 4\n")
    assert Tree(tree).version() == (3, 10, 0)
    (tree / "Makefile").write_text("#" * 65536 + "\nVERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 7\n")
    with pytest.raises(InputError) as caught:
        Tree(tree).version()
    assert caught.value.what == f"{tree} is not the top of a Linux kernel tree"
    assert caught.value.state == "Nothing was changed."
    assert "Makefile, Kconfig and arch/" in caught.value.fix


@pytest.mark.parametrize(
    "text",
    [
        "VERSION = 6\r\nPATCHLEVEL = 1\r\nSUBLEVEL = 7\r\n",
        "VERSION = 6 # major\nPATCHLEVEL := 1\nSUBLEVEL ?= 7 # of the board\n",
        "# comment\n" * 1000 + "VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 7\n",
    ],
    ids=["crlf", "comments", "long comment"],
)
def test_the_version_is_found_as_make_finds_it(tree: Path, text: str) -> None:
    (tree / "Makefile").write_bytes(text.encode())
    assert Tree(tree).version() == (6, 1, 7)


def test_merge_markers_leave_the_version_uncertain(tree: Path) -> None:
    (tree / "Makefile").write_text(
        "VERSION = 6\nPATCHLEVEL = 1\n<<<<<<< HEAD\nSUBLEVEL = 7\n=======\nSUBLEVEL = 8\n>>>>>>> x\n"
    )
    with pytest.raises(InputError, match="markers of a merge conflict"):
        Tree(tree).version()


def test_linux_2_6_has_no_kconfig_at_the_top(tree: Path) -> None:
    (tree / "Kconfig").unlink()
    with pytest.raises(InputError):
        Tree(tree).version()
    (tree / "init").mkdir()
    (tree / "init" / "Kconfig").write_text("config X\n")
    assert Tree(tree).version() == (6, 1, 7)


@pytest.mark.parametrize("line", ["VERSION = x", "VERSION = 123456", "VERSION = 6.1", " VERSION = 6", ""])
def test_a_version_is_a_number_on_a_line_of_its_own(tree: Path, line: str) -> None:
    (tree / "Makefile").write_text(f"{line}\nPATCHLEVEL = 1\nSUBLEVEL = 7\n")
    with pytest.raises(InputError, match="is not the top of a Linux kernel tree"):
        Tree(tree).version()


def test_a_makefile_that_cannot_be_read_is_an_error(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", denied)
    with pytest.raises(InputError, match=r"Makefile: permission denied"):
        Tree(tree).version()


def test_files_are_read_and_missing_ones_are_none(files: Path) -> None:
    tree = Tree(files)
    assert tree.read("a/board.c") == b"a/board.c"
    assert tree.read("top.c") == b"top.c"
    assert tree.read("loop/one.c") == b"b/one.c"
    assert tree.read("none.c") is None
    assert tree.read("none/none.c") is None
    assert tree.read("top.c/none.c") is None
    assert (tree.has("a"), tree.has("a/board.c"), tree.has("b/none.c")) == (True, True, False)


def test_a_file_that_cannot_be_looked_at_is_an_error(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "lstat", denied)
    with pytest.raises(InputError, match=r"top\.c: permission denied"):
        Tree(files).read("top.c")


@pytest.mark.parametrize(
    ("asked", "look"),
    [
        ("exists", lambda tree: tree.has("top.c")),
        ("is_symlink", lambda tree: tree.has("a/board.c")),
        ("is_file", lambda tree: tree.version()),
    ],
)
def test_a_folder_that_may_not_be_entered_is_an_error(
    files: Path, monkeypatch: pytest.MonkeyPatch, asked: str, look: Callable[[Tree], object]
) -> None:
    def denied(self: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, asked, denied)
    with pytest.raises(InputError, match="permission denied") as caught:
        look(Tree(files))
    assert caught.value.state == "Nothing was changed."


def test_a_file_above_the_limit_is_refused(files: Path) -> None:
    with (files / "top.c").open("r+b") as stream:
        stream.truncate((8 << 20) + 1)
    with pytest.raises(InputError, match=r"top\.c"):
        Tree(files).read("top.c")


@pytest.mark.parametrize("path", ["..", "a/..", "", "a/", ".", "a\0b", "a\\b"])
def test_a_path_that_is_not_plain_is_refused(files: Path, path: str) -> None:
    with pytest.raises(RefusedError) as caught:
        Tree(files).read(path)
    assert caught.value.what == f"{path!r} is not a plain path inside the tree"
    assert caught.value.state == UNCHANGED
    assert "only patches that you trust" in caught.value.fix


def test_folders_are_listed_without_links(files: Path) -> None:
    tree = Tree(files)
    assert tree.folders("a") == ["a/deep"]
    assert tree.folders("none") == []
    (files / "a" / "link").symlink_to("deep")
    (files / "a" / "area").mkdir()
    assert Tree(files).folders("a") == ["a/area", "a/deep"]


def test_walking_yields_files_in_order_without_links(files: Path) -> None:
    tree = Tree(files)
    assert list(tree.walk("b", (".c",))) == [("b/one.c", b"b/one.c"), ("b/two.c", b"b/two.c")]
    assert [name for name, _ in tree.walk("a", (".c", ".dts"))] == ["a/board.c", "a/deep/x.dts"]
    assert [name for name, _ in tree.walk("b", (".c",), re.compile("w"))] == ["b/two.c"]
    assert list(tree.walk("none", (".c",))) == []
    (files / "b" / "big.c").write_bytes(b"x" * ((8 << 20) + 1))
    assert [len(data) for _, data in tree.walk("b", ("big.c",))] == [8 << 20]


def test_walking_leaves_out_what_cannot_be_read(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse_one(path: str, *_words: str, **_options: int) -> IO[bytes]:
        if path.endswith("one.c"):
            raise PermissionError(path)
        return Path(path).open("rb")

    monkeypatch.setattr("hardboot.patches.tree.open", refuse_one, raising=False)
    assert [name for name, _ in Tree(files).walk("b", (".c",))] == ["b/two.c"]


# Writing


def write(root: Path, contents: dict[str, bytes | None], **executable: bool) -> None:
    tree = Tree(root)
    for path in contents:
        tree.read(path)
    tree.write(contents, {path.replace("_", "."): value for path, value in executable.items()})


def test_all_files_are_written_and_deleted(files: Path) -> None:
    (files / "top.c").chmod(0o640)
    write(files, {"top.c": b"new", "a/board.c": None, "new/folder/x.c": b"x", "b/one.c": b""})
    assert (files / "top.c").read_bytes() == b"new"
    assert (files / "top.c").stat().st_mode & 0o777 == 0o640
    assert (files / "new/folder/x.c").read_bytes() == b"x"
    assert (files / "b/one.c").read_bytes() == b""
    assert not (files / "a/board.c").exists()
    assert sorted(path.name for path in files.rglob(".*")) == []


def test_empty_folders_are_removed_with_their_last_file(files: Path) -> None:
    write(files, {"a/deep/x.dts": None})
    assert (files / "a").is_dir()
    assert not (files / "a/deep").exists()
    write(files, {"a/board.c": None, "a/board.h": None})
    assert not (files / "a").exists()
    assert files.is_dir()


@pytest.mark.parametrize(
    ("mode", "executable", "expected"),
    [(0o644, True, 0o755), (0o640, True, 0o750), (0o755, False, 0o644), (0o600, True, 0o700)],
)
def test_executable_bits_follow_the_read_bits(
    files: Path, mode: int, executable: bool, expected: int
) -> None:
    (files / "top.c").chmod(mode)
    write(files, {"top.c": b"new"}, top_c=executable)
    assert (files / "top.c").stat().st_mode & 0o777 == expected


def test_a_new_file_gets_the_mode_of_the_umask_or_is_executable(files: Path) -> None:
    before = os.umask(0o027)
    try:
        write(files, {"n.c": b"1", "x.c": b"2", "o.c": b"3"}, x_c=True, o_c=False)
    finally:
        os.umask(before)
    modes = [(files / name).stat().st_mode & 0o777 for name in ("n.c", "x.c", "o.c")]
    assert modes == [0o640, 0o755, 0o640]


@pytest.mark.parametrize("change", ["content", "gone", "made"])
def test_a_file_that_changed_since_it_was_read_is_refused(files: Path, change: str) -> None:
    tree = Tree(files)
    tree.read("a/board.c")
    tree.read("new.c")
    if change == "content":
        (files / "a/board.c").write_text("b/board.c")
        os.utime(files / "a/board.c", ns=(0, 0))
    elif change == "gone":
        (files / "a/board.c").unlink()
    else:
        (files / "new.c").write_text("")
    before = snapshot(files)
    with pytest.raises(RefusedError) as caught:
        tree.write({"a/board.c": b"x", "new.c": b"y"}, {})
    name = "new.c" if change == "made" else "a/board.c"
    assert caught.value.what == f"{files / name} was changed by another program just now"
    assert (caught.value.state, "Try again" in caught.value.fix) == (UNCHANGED, True)
    assert snapshot(files) == before
