"""cpio archives against GNU cpio, by hand where it cannot write them, and any bytes."""

import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardboot.base.errors import InputError
from hardboot.formats.archives import cpio
from hardboot.formats.archives.cpio import Archive, Entry

KINDS = pytest.mark.parametrize("kind", ["newc", "crc", "odc"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of sizes with every padding, a folder, links."""
    root = tmp_path_factory.mktemp("ramdisk")
    (root / "sbin").mkdir()
    for size in range(5):
        (root / "sbin" / ("x" * (size + 1))).write_bytes(b"abcde"[:size])
    (root / "init").write_bytes(bytes(range(256)) * 40)
    (root / "init").chmod(0o750)
    (root / "link").symlink_to("sbin/xx")
    (root / "äö").write_bytes(b"name of more than ASCII")
    return root


def packed(folder: Path, kind: str) -> bytes:
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    return subprocess.run(
        ["cpio", "-o", "--quiet", "-H", kind],
        input="\n".join(names).encode(),
        cwd=folder,
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout


def unpacked(data: bytes, target: Path) -> None:
    """What GNU cpio makes of an archive."""
    target.mkdir()
    done = subprocess.run(
        ["cpio", "-idm", "--quiet", "--no-absolute-filenames"],
        input=data,
        cwd=target,
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == b""


def written(archives: tuple[Archive, ...]) -> bytes:
    return b"".join(cpio.build(archives))


def parsed(data: bytes) -> tuple[Archive, ...]:
    archives, rest = cpio.parse(data)
    assert not len(rest)
    return archives


def newc(
    name: bytes, data: bytes = b"", *, mode: int = 0o100644, case: str = "X", name_size: int = 0
) -> bytes:
    """An entry by hand, as mkbootfs (lower case) or gen_init_cpio (upper case) write it."""
    numbers = (1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, name_size or len(name) + 1, 0)
    head = b"070701" + "".join(f"{number:08{case}}" for number in numbers).encode() + name + b"\0"
    head += bytes(-len(head) % 4)
    return head + data + bytes(-len(data) % 4)


END = newc(b"TRAILER!!!", mode=0)


@KINDS
def test_what_gnu_cpio_wrote_is_read_and_written_back_byte_for_byte(folder: Path, kind: str) -> None:
    data = packed(folder, kind)
    (archive,) = parsed(data)
    assert archive.kind == kind
    assert [entry.name for entry in archive.entries] == sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*")
    )
    for entry in archive.entries:
        path = folder / entry.name
        assert entry.mode == path.lstat().st_mode
        assert entry.mtime == int(path.lstat().st_mtime)
        if entry.is_file:
            assert entry.data == path.read_bytes()
        elif entry.is_link:
            assert bytes(entry.data).decode() == str(path.readlink())
        else:
            assert entry.is_folder
    assert written((archive,)) == data


@KINDS
def test_gnu_cpio_reads_an_archive_with_a_changed_file(folder: Path, kind: str, tmp_path: Path) -> None:
    (archive,) = parsed(packed(folder, kind))
    for content in (b"", b"other", bytes(9999)):
        changed = cpio.replaced(archive, "/init", content)
        target = tmp_path / str(len(content))
        unpacked(written((changed,)), target)
        assert (target / "init").read_bytes() == content
        assert (target / "init").stat().st_mode == (folder / "init").stat().st_mode
        assert (target / "sbin/xxxx").read_bytes() == b"abc"
        assert (target / "link").readlink() == Path("sbin/xx")


@KINDS
def test_gnu_cpio_reads_an_archive_made_from_nothing(kind: cpio.Kind, tmp_path: Path) -> None:
    check = sum(b"content") if kind == "crc" else 0
    entries = (
        Entry("d", 0o040750, nlink=2),
        Entry("d/file", 0o100600, b"content", ino=7, mtime=1_000_000_000, check=check),
        Entry("d/link", 0o120777, b"file"),
    )
    archive = Archive(kind, entries)
    unpacked(written((archive,)), tmp_path / "x")
    assert (tmp_path / "x/d/file").read_bytes() == b"content"
    assert (tmp_path / "x/d/file").stat().st_mtime == 1_000_000_000
    assert (tmp_path / "x/d/link").readlink() == Path("file")
    assert parsed(written((archive,))) == (archive,)


@pytest.mark.parametrize("kind", ["newc", "crc", "odc"])
@pytest.mark.parametrize("name", ["a", "b"])
def test_a_changed_file_is_changed_under_all_its_names(tmp_path: Path, kind: str, name: str) -> None:
    """GNU cpio writes the content of hard links to the last one (newc, crc) or to all (odc)."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a").write_bytes(b"old content")
    (folder / "b").hardlink_to(folder / "a")
    (folder / "c").write_bytes(b"another file")
    (archive,) = parsed(packed(folder, kind))
    changed = cpio.replaced(archive, name, b"new")
    data = {entry.name: bytes(entry.data) for entry in changed.entries}
    first = b"new" if kind == "odc" else b""
    assert [data["a"], data["b"], data["c"]] == [first, b"new", b"another file"]
    unpacked(written((changed,)), tmp_path / "out")
    assert [(tmp_path / "out" / one).read_bytes() for one in "ab"] == [b"new", b"new"]


def test_an_appended_archive_leaves_the_others_as_they_were(folder: Path, tmp_path: Path) -> None:
    data = packed(folder, "newc") + packed(folder, "odc")[:-3]
    archives = parsed(data + bytes(2))
    more = cpio.appended(archives, [Entry("hook", 0o100755, b"#!/bin/sh\n")])
    out = written(more)
    assert out.startswith(data)
    assert parsed(out)[-1].offset % 4 == 0
    found = parsed(out)
    assert [archive.kind for archive in found] == ["newc", "odc", "newc"]
    assert found[-1].entries == more[-1].entries
    assert found[:1] == archives[:1]
    unpacked(out[found[-1].offset :], tmp_path / "x")
    assert (tmp_path / "x/hook").read_bytes() == b"#!/bin/sh\n"


def test_archives_with_zeros_between_them_and_data_behind_them() -> None:
    first = newc(b"a", b"1") + END
    data = first + bytes(388) + newc(b"b", b"22") + END + bytes(4) + b"\x1f\x8b rest"
    archives, rest = cpio.parse(data)
    assert [archive.offset for archive in archives] == [0, len(first) + 388]
    assert [len(archive.tail) for archive in archives] == [388, 4]
    assert bytes(rest) == b"\x1f\x8b rest"
    assert written(archives) + bytes(rest) == data


@pytest.mark.parametrize("case", ["x", "X"])
def test_headers_in_either_case_and_with_more_nuls_are_kept(case: str) -> None:
    data = newc(b"file", b"content", case=case)
    data += newc(b"n\0\0\0", b"x", case=case) + newc(b"TRAILER!!!", mode=0, case=case)
    (archive,) = parsed(data)
    assert [entry.name for entry in archive.entries] == ["file", "n"]
    assert written((archive,)) == data
    changed = cpio.replaced(archive, "file", b"CONTENT")
    assert written((changed,)) == data.replace(b"content", b"CONTENT")


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_an_archive_without_its_last_padding_is_kept(missing: int) -> None:
    without_trailer = newc(b"file", b"c")[:-missing]
    (archive,) = parsed(without_trailer)
    assert archive.trailer is None
    assert written((archive,)) == without_trailer
    with_trailer = (newc(b"f", b"c") + END)[:-missing]
    assert written(parsed(with_trailer)) == with_trailer


def test_odd_padding_is_kept() -> None:
    data = bytearray(newc(b"file", b"c") + END)
    data[-len(END) - 2] = 0xAA
    assert written(parsed(bytes(data))) == data


def test_the_last_entry_of_a_name_wins() -> None:
    (archive,) = parsed(newc(b"./etc/rc", b"1") + newc(b"/etc/rc", b"2") + END)
    found = archive.find("etc/rc")
    assert found is not None
    assert found.data == b"2"
    changed = cpio.replaced(archive, "etc/rc", b"3")
    assert [bytes(entry.data) for entry in changed.entries] == [b"1", b"3"]
    assert archive.find("etc") is None
    with pytest.raises(InputError, match="not a file"):
        cpio.replaced(archive, "etc", b"")


def test_a_crc_archive_gets_the_sum_of_new_content(folder: Path) -> None:
    (archive,) = parsed(packed(folder, "crc"))
    changed = cpio.replaced(archive, "init", b"\xff" * 1000)
    found = changed.find("init")
    assert found is not None
    assert found.check == 255_000


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "magic at offset 0x0"),
        (b"070703" + bytes(200), "magic at offset 0x0"),
        (newc(b"a")[:100], "header at offset 0x0: 100 bytes, it has 110"),
        (newc(b"a", b"content")[:-6], "size at offset 0x0"),
        (newc(b"a") + b"junk" * 40, "magic at offset 0x70"),
        (newc(b"a").replace(b"070701", b"07070100"[:6], 1)[:14] + b"0000 1A4" + newc(b"a")[22:], "mode"),
        (newc(b"a")[:14] + b"0000_1A4" + newc(b"a")[22:], "mode at offset 0xe"),
        (newc(b"abcdef", name_size=4), "name at offset 0x6e"),
        (newc(b"a", name_size=0x7FFFFFFF), "name size at offset 0x0"),
        (newc(b"", name_size=0xFFFFFFFF), "name size"),
        (newc(b"a\0b"), "name at offset 0x6e"),
    ],
)
def test_a_damaged_archive_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        cpio.parse(data)


def test_too_many_entries_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpio, "MAX_ENTRIES", 3)
    assert len(parsed(newc(b"a") * 3 + END)[0].entries) == 3
    for data in (newc(b"a") * 4 + END, (newc(b"a") * 2 + END) * 2):
        with pytest.raises(InputError, match=r"entries at offset 0x\w+: more than"):
            cpio.parse(data)
    monkeypatch.setattr(cpio, "MAX_ARCHIVES", 2)
    assert len(parsed(END * 2)) == 2
    with pytest.raises(InputError, match="more than 2 in a row"):
        cpio.parse(END * 3)


@pytest.mark.parametrize(
    "entry",
    [
        Entry("a\0b", 0),
        Entry("x" * 4096, 0),
        Entry("a", 0o10000000),
        Entry("a", 0, mtime=-1),
    ],
)
def test_what_does_not_fit_is_not_written(entry: Entry) -> None:
    with pytest.raises(InputError, match="does not fit"):
        written((Archive("odc", (entry,)),))


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("init", ("init",)),
        ("./a/b", ("a", "b")),
        ("/etc//rc/", ("etc", "rc")),
        (".", ()),
        ("...", ("...",)),
        ("a..b", ("a..b",)),
        ("init.usb:rc", ("init.usb:rc",)),
    ],
)
def test_a_harmless_name_stays_below_the_folder(name: str, parts: tuple[str, ...]) -> None:
    assert cpio.relative_parts(name) == parts


@pytest.mark.parametrize(
    "name", ["..", "../x", "a/../../x", "/..", "a\0b", "a\\..\\b", "C:", "a/C:x", "C:/x"]
)
def test_a_name_that_leaves_the_folder_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="would leave the folder"):
        cpio.relative_parts(name)


@given(st.text(alphabet="ab./\\:\0é", max_size=12))
def test_no_name_leaves_the_folder(name: str) -> None:
    with suppress(InputError):
        path = Path("/folder", *cpio.relative_parts(name))
        assert Path("/folder") in [path, *path.parents]
        assert ".." not in path.parts


def link(name: str, target: str) -> Entry:
    return Entry(name, 0o120777, target.encode())


def test_an_entry_behind_a_link_is_refused() -> None:
    first = Archive("newc", (link("etc", "/etc"), Entry("b", 0o040755)))
    second = Archive("newc", (Entry("./etc/passwd", 0o100644),))
    assert [parts for parts, _ in cpio.to_extract([first])] == [("etc",), ("b",)]
    with pytest.raises(InputError, match="behind the link 'etc'"):
        list(cpio.to_extract([first, second]))
    replaced = Archive("newc", (Entry("etc", 0o040755), Entry("etc/passwd", 0o100644)))
    assert len(list(cpio.to_extract([first, replaced]))) == 4


SAMPLE = newc(b"dir", mode=0o040755) + newc(b"dir/file", b"content") + newc(b"l", b"x", mode=0o120777) + END


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=40), st.integers(0, len(SAMPLE)), st.integers(0, len(SAMPLE)))
def test_what_is_read_is_written_back(noise: bytes, at: int, cut: int) -> None:
    data = bytearray(SAMPLE)
    data[at : at + len(noise)] = noise
    del data[len(data) - cut :]
    with suppress(InputError):
        archives, rest = cpio.parse(data)
        assert written(archives) + bytes(rest) == data


@settings(deadline=None, max_examples=100)
@given(st.sampled_from([b"070701", b"070702", b"070707"]), st.binary(max_size=200), st.integers(0, 9))
def test_any_bytes_are_refused_or_written_back(magic: bytes, data: bytes, digits: int) -> None:
    content = magic + b"0" * 10 * digits + data
    with suppress(InputError):
        archives, rest = cpio.parse(content)
        assert written(archives) + bytes(rest) == content


def test_entries_can_be_renamed_and_dropped(folder: Path, tmp_path: Path) -> None:
    (archive,) = parsed(packed(folder, "newc"))
    entries = [replace(entry, name="start") if entry.name == "init" else entry for entry in archive.entries]
    changed = replace(archive, entries=tuple(entry for entry in entries if entry.name != "link"))
    unpacked(written((changed,)), tmp_path / "x")
    assert (tmp_path / "x/start").read_bytes() == (folder / "init").read_bytes()
    assert not (tmp_path / "x/link").is_symlink()
