"""The tree of a ramdisk, compared with what the running Linux kernel makes of the same entries."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from linux_rootfs import LinuxRootfs, has_openat2

from hardboot.base.errors import InputError
from hardboot.formats.archives import rootfs
from hardboot.formats.archives.cpio import Archive, Entry

FILE, FOLDER, LINK, DEVICE = 0o100644, 0o040755, 0o120777, 0o020600


def tree_of(*archives: tuple[Entry, ...], missing_folders: bool = True) -> rootfs.Rootfs:
    return rootfs.unpack([Archive("newc", entries) for entries in archives], missing_folders=missing_folders)


def content(tree: rootfs.Rootfs) -> dict[str, object]:
    """Return text of files, "-> target" of links, None of folders."""
    found: dict[str, object] = {}
    for parts, node in tree.walk():
        text = bytes(node.data).decode("utf-8", "surrogateescape")
        found["/".join(parts)] = None if node.is_folder else f"-> {text}" if node.is_link else text
    return found


def on_disk(folder: Path) -> dict[str, object]:
    """Return the same of a folder."""
    found: dict[str, object] = {}
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        name = str(path.relative_to(folder))
        if stat.S_ISLNK(mode):
            found[name] = f"-> {os.readlink(path)}"  # noqa: PTH115  # pathlib normalises it
        else:
            found[name] = None if stat.S_ISDIR(mode) else path.read_text()
    return found


def folder(*names: str) -> tuple[Entry, ...]:
    return tuple(Entry(name, FOLDER) for name in names)


def link(name: str, target: str) -> Entry:
    return Entry(name, LINK, target.encode())


def file(name: str, text: str = "x", *, ino: int = 0, nlink: int = 1) -> Entry:
    return Entry(name, FILE, text.encode(), ino=ino, nlink=nlink)


# What Debian, usrmerge, systemd and Android make, and what an attacker may: name, archives, files expected.
CASES = {
    "systemd": (((file(r"usr/a\x2db.slice"), file("dev/C:"), file(r"..\x")),), {r"usr/a\x2db.slice": "x"}),
    "usrmerge": (((*folder("usr"), link("lib", "usr"), file("lib/a")),), {"usr/a": "x", "lib": "-> usr"}),
    "two archives": (((*folder("usr"), link("lib", "usr")), (file("lib/a"),)), {"usr/a": "x"}),
    "no entry for the folder": (((link("lib", "usr/lib"), file("lib/a")),), {"usr/lib/a": "x"}),
    "absolute": (((*folder("usr", "usr/lib"), link("lib", "/usr/lib"), file("lib/a")),), {"usr/lib/a": "x"}),
    "absolute from below": (((*folder("a", "b"), link("a/l", "/b"), file("a/l/x")),), {"b/x": "x"}),
    "40 links": (
        (
            (
                *folder("d"),
                link("l1", "d"),
                *(link(f"l{n}", f"l{n - 1}") for n in range(2, 41)),
                file("l40/x"),
            ),
        ),
        {"d/x": "x"},
    ),
    "out of the root": (((link("l", "../../.."), file("l/x")),), {"x": "x", "l": "-> ../../.."}),
    "upwards": (((*folder("a", "a/b"), link("a/b/l", "../../c"), file("a/b/l/x")),), {"c/x": "x"}),
    "name with ..": (((*folder("a"), file("../x"), file("a/../y"), file("/../../z")),), {"x": "x", "z": "x"}),
    "link to a link": (((link("a", "b"), link("b", "c"), *folder("c"), file("a/x")),), {"c/x": "x"}),
    "link replaced": (((link("etc", "/etc"), *folder("etc"), file("etc/passwd")),), {"etc/passwd": "x"}),
    "slash behind a link": (((*folder("usr"), link("lib", "usr"), *folder("lib/")),), {"lib": "-> usr"}),
    "NUL in a target": (((*folder("a"), link("l", "a\0b"), file("l/x")),), {"a/x": "x"}),
    "later content": (((file("a", "1"), file("b", "2")), (file("./a", "3"), file("//b", "4"))), {"a": "3"}),
    "hard links": (((file("a", "", ino=7, nlink=2), file("b", "2", ino=7, nlink=2)),), {"a": "2", "b": "2"}),
    "content first": (
        ((file("a", "1", ino=7, nlink=2), file("b", "", ino=7, nlink=2)),),
        {"a": "1", "b": "1"},
    ),
    "numbers of each archive": (
        ((file("a", "1", ino=7, nlink=2),), (file("b", "2", ino=7, nlink=2),)),
        {"a": "1", "b": "2"},
    ),
    "through one name": (
        ((file("a", "1", ino=7, nlink=2), file("b", "", ino=7, nlink=2)), (file("b", "new"),)),
        {"a": "new", "b": "new"},
    ),
    "no other name": (((file("a", "1", ino=7), file("b", "", ino=7, nlink=2)),), {"a": "1", "b": ""}),
}


@pytest.mark.parametrize(("archives", "wanted"), CASES.values(), ids=CASES)
def test_every_entry_is_where_linux_puts_it(
    archives: tuple[tuple[Entry, ...], ...], wanted: dict[str, object]
) -> None:
    tree = tree_of(*archives)
    found = content(tree)
    assert {name: found.get(name, "missing") for name in wanted} == wanted
    assert tree.ignored == []


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ((file("f"), file("f/x")), "lies below 'f', which is not a folder"),
        ((link("a", "b"), link("b", "a"), file("a/x")), "lies behind more than 40 links"),
        (
            (
                *folder("d"),
                link("l1", "d"),
                *(link(f"l{n}", f"l{n - 1}") for n in range(2, 42)),
                file("l41/x"),
            ),
            "lies behind more than 40 links",
        ),
        ((file("d/x"), link("d", "/")), "is a folder already, with files in it"),
        ((*folder("d"), file(".")), "is a folder already"),
        ((link("l", ""),), "is a link with a target of 0 bytes"),
        ((link("l", "x" * 4096),), "is a link with a target of 4096 bytes"),
        ((Entry("x", 0o644),), "has no type (mode 0o644)"),
        ((file("f/"),), "ends with a slash but is not a folder"),
        (
            (file("a", ino=7, nlink=2), *folder("a"), file("b", ino=7, nlink=2)),
            "is another name of 'a', which is gone",
        ),
    ],
)
def test_what_linux_cannot_unpack_is_ignored_and_told(entries: tuple[Entry, ...], reason: str) -> None:
    tree = tree_of(entries)
    assert tree.ignored == [rootfs.Ignored(entries[-1].name, reason)]


def test_a_folder_that_no_entry_makes_is_missing_in_linux() -> None:
    entries = (file("a/b/x"), link("l", "none"), file("l/y"))
    assert list(content(tree_of(entries))) == ["a", "a/b", "a/b/x", "l", "none", "none/y"]
    strict = tree_of(entries, missing_folders=False)
    assert list(content(strict)) == ["l"]
    assert [one.reason for one in strict.ignored] == [
        "lies below 'a', which does not exist",
        "lies below 'none', which does not exist",
    ]


def test_a_name_is_found_through_links_and_tells_which() -> None:
    tree = tree_of((*folder("usr", "usr/lib"), link("lib", "/usr/lib"), file("lib/a"), link("usr/l", "lib")))
    found = tree.find("/lib/./a")
    assert found is not None
    assert (found.parts, found.links) == (("usr", "lib", "a"), (("lib",),))
    followed = [tree.find("usr/l", follow=follow) for follow in (False, True)]
    assert [one and one.parts for one in followed] == [("usr", "l"), ("usr", "lib")]
    assert [tree.find(name) for name in ("none", "none/x", "lib/a/x", "usr/none")] == [None] * 4
    for name in ("usr/l/a", "lib/a", "usr/lib"):
        assert tree.find(name, follow=True) == tree.find(name)
        assert tree.find(name) is not None
    root = tree.find("..")
    assert root is not None
    assert (root.parts, root.node) == ((), tree.root)


@pytest.mark.parametrize(
    ("limit", "entries"),
    [
        ("MAX_STEPS", (file("a/b/c/d/e/f/g/h"), file("a/b/c/d/e/f/g/i"))),
        ("MAX_DEPTH", (file("a/b/c/d/e/f/g/h"),)),
        ("MAX_NODES", tuple(file(name) for name in "abcdefghi")),
    ],
)
def test_a_tree_without_end_is_refused(
    limit: str, entries: tuple[Entry, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rootfs, limit, 6)
    with pytest.raises(InputError, match="more than"):
        tree_of(entries)


def test_the_depth_of_what_is_made_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of 2000 parts, each in a folder of its own, would fill the memory with paths."""
    monkeypatch.setattr(rootfs, "MAX_STEPS", 20)
    with pytest.raises(InputError, match="more than 20 parts in all"):
        tree_of((file("a/b/c/d/e/f/g/h"),))
    assert tree_of((file("a/b"), file("a/c"), file("a/d"))).ignored == []


def test_links_that_lead_deeper_each_time_end_soon() -> None:
    entries = [Entry("/".join(["d"] * 1500), FOLDER)]
    for number in range(40):
        entries += [link(f"l{number}", "d/" * 1500), file(f"l{number}/" + "e/" * 500 + f"x{number}")]
    with pytest.raises(InputError, match="more than 131072 files and folders, or 2048"):
        tree_of((*entries, link("m", "d/" * 1500 + "e/" * 500), file("m/" + "f/" * 100)))


PARTS = st.sampled_from(["a", "b", "c"])
NAMES = st.builds(
    lambda front, above, last: "/".join([*front, *above, last]),
    st.sampled_from([[], [""], ["."], [".."]]),
    st.lists(st.one_of(PARTS, st.sampled_from([".", ".."])), max_size=2),
    PARTS,
)
TARGETS = st.sampled_from([b"a", b"b", b"../c", b"/", b"/a/b", b"..", b"b/..", b"a/", b"./c", b"/../b/c"])
ENTRIES = st.lists(
    st.one_of(
        st.builds(Entry, NAMES, st.just(LINK), TARGETS),
        st.builds(Entry, NAMES, st.just(FOLDER)),
        st.builds(
            Entry,
            NAMES,
            st.just(FILE),
            st.sampled_from([b"", b"1", b"22"]),
            ino=st.integers(1, 2),
            nlink=st.integers(1, 2),
        ),
    ),
    max_size=8,
)


@settings(max_examples=200)
@given(ENTRIES, ENTRIES)
def test_the_running_kernel_makes_the_same_tree(
    tmp_path_factory: pytest.TempPathFactory, first: list[Entry], second: list[Entry]
) -> None:
    base = tmp_path_factory.mktemp("linux")
    if not has_openat2(base):
        pytest.skip("needs openat2 (Linux 5.6)")
    archives = [Archive("newc", tuple(first)), Archive("newc", tuple(second))]
    tree = rootfs.unpack(archives, missing_folders=False)
    assume(not any("gone" in one.reason for one in tree.ignored))  # Linux links what has its name now
    (base / "root").mkdir()
    linux = LinuxRootfs(base / "root")
    for archive in archives:
        linux.add(archive)
    linux.close()
    assert content(tree) == on_disk(base / "root")
    assert [path.name for path in base.iterdir()] == ["root"]


@given(
    st.lists(st.builds(Entry, st.text("ab./\\:\0é", max_size=12), st.sampled_from([FILE, FOLDER, DEVICE])))
)
def test_no_part_of_a_path_leads_anywhere(entries: list[Entry]) -> None:
    for parts, _ in tree_of(tuple(entries)).walk():
        assert parts
        assert not [part for part in parts if part in ("", ".", "..") or "/" in part]
