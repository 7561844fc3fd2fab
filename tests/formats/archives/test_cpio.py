"""cpio archives against GNU cpio, by hand where it cannot write them, and any bytes."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from cpio_archives import END, newc, packed, parsed, unpacked, written
from hypothesis import given, settings
from hypothesis import strategies as st

from hardboot.base.errors import InputError
from hardboot.formats.archives import cpio, cpio_changes
from hardboot.formats.archives.cpio import Archive, Entry

KINDS = pytest.mark.parametrize("kind", ["newc", "crc", "odc"])


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
    changed = cpio_changes.replaced(archive, "file", b"CONTENT")
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


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "magic at offset 0x0"),
        (b"070703" + bytes(200), "magic at offset 0x0"),
        (newc(b"a")[:100], "header at offset 0x0: truncated: 100 of 110 bytes"),
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


SAMPLE = newc(b"dir", mode=0o040755) + newc(b"dir/file", b"content") + newc(b"l", b"x", mode=0o120777) + END


@settings(max_examples=300)
@given(st.binary(max_size=40), st.integers(0, len(SAMPLE)), st.integers(0, len(SAMPLE)))
def test_what_is_read_is_written_back(noise: bytes, at: int, cut: int) -> None:
    data = bytearray(SAMPLE)
    data[at : at + len(noise)] = noise
    del data[len(data) - cut :]
    with suppress(InputError):
        archives, rest = cpio.parse(data)
        assert written(archives) + bytes(rest) == data


@settings(max_examples=100)
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
