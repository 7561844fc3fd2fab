"""Ramdisks made by GNU cpio and Debian's compressors, unpacked by them again, and any bytes."""

import gzip
import subprocess
import zlib
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardboot.base.errors import InputError
from hardboot.formats.archives import compression, cpio, lz4legacy, ramdisk
from hardboot.formats.archives.compression import Compression
from hardboot.formats.archives.cpio import Archive, Entry
from hardboot.formats.archives.ramdisk import Fragment

TOOLS: dict[Compression, str] = {
    "gzip": "gzip",
    "xz": "xz --check=crc32",
    "lzma": "xz --format=lzma",
    "bzip2": "bzip2",
    "zstd": "zstd",
    "lz4-legacy": "lz4 -l",
}
EACH = pytest.mark.parametrize("kind", TOOLS)
INIT = b"#!/bin/sh\nexec /sbin/init\n" * 200


def run(command: str, content: bytes, folder: Path | None = None) -> bytes:
    words = command.split()
    return subprocess.run(
        words, input=content, cwd=folder, capture_output=True, check=True, timeout=60
    ).stdout


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("ramdisk")
    (folder / "init").write_bytes(INIT)
    (folder / "etc").mkdir()
    (folder / "etc/name").write_bytes(b"phone")
    return run("cpio -o --quiet -H newc", b"init\netc\netc/name\n", folder)


def test_a_ramdisk_of_more_than_192_mib_is_read() -> None:
    """A whole system, as installers and rescue images have; the file is all zeros, and never copied."""
    size = 200 << 20
    fields = (1, 0o100644, 0, 0, 1, 0, size, 0, 0, 0, 0, 5, 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + b"disk\0\0"
    end = (0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 11, 0)
    trailer = b"070701" + b"".join(b"%08x" % field for field in end) + b"TRAILER!!!\0\0\0\0"
    encoder = zlib.compressobj(1, wbits=31)
    packed = [encoder.compress(head), *(encoder.compress(bytes(1 << 20)) for _ in range(200))]
    data = b"".join((*packed, encoder.compress(trailer), encoder.flush()))
    fragments, rest = ramdisk.parse(data)
    assert [(entry.name, len(entry.data)) for entry in ramdisk.entries(fragments)][:1] == [("disk", size)]
    assert not len(rest)
    with pytest.raises(InputError, match="more than 209715199 bytes"):
        ramdisk.parse(data, limit=size - 1)


def written(fragments: tuple[Fragment, ...]) -> bytes:
    return b"".join(ramdisk.build(fragments))


def parsed(data: bytes) -> tuple[Fragment, ...]:
    fragments, rest = ramdisk.parse(data)
    assert not len(rest)
    return fragments


def names(fragments: tuple[Fragment, ...]) -> list[str]:
    return [entry.name for entry in ramdisk.entries(fragments)]


def files(kind: Compression | None, data: bytes, target: Path) -> Path:
    """Return what Debian's tools unpack."""
    plain = {"xz": "xz -dc", "lzma": "xz --format=lzma -dc", "lz4-legacy": "lz4 -dc"}
    content = run(plain.get(kind, f"{kind} -dc"), data) if kind else data
    target.mkdir()
    while content.strip(b"\0"):
        content = content.lstrip(b"\0")
        run("cpio -idmu --quiet", content, target)
        at = content.index(b"TRAILER!!!") + 14
        content = content[at:]
    return target


@EACH
def test_an_untouched_ramdisk_is_written_back_byte_for_byte(kind: Compression, archive: bytes) -> None:
    data = run(f"{TOOLS[kind]} -c", archive)
    fragments = parsed(data)
    assert [fragment.compression for fragment in fragments] == [kind]
    assert names(fragments) == ["init", "etc", "etc/name"]
    assert written(fragments) == data


@EACH
def test_debians_tools_read_a_ramdisk_with_a_changed_file(
    kind: Compression, archive: bytes, tmp_path: Path
) -> None:
    fragments = parsed(run(f"{TOOLS[kind]} -c", archive))
    data = written(ramdisk.replaced(fragments, "/etc/name", b"another phone"))
    assert compression.detect(data) == kind
    target = files(kind, data, tmp_path / "x")
    assert (target / "etc/name").read_bytes() == b"another phone"
    assert (target / "init").read_bytes() == INIT


@EACH
def test_debians_tools_read_what_was_appended(kind: Compression, archive: bytes, tmp_path: Path) -> None:
    before = run(f"{TOOLS[kind]} -c", archive)
    more = ramdisk.appended(parsed(before), [Entry("etc/name", 0o100644, b"mine"), Entry("n", 0o100644)])
    data = written(more)
    assert data.startswith(before)
    found = parsed(data)
    assert [fragment.compression for fragment in found] == [kind, kind]
    assert names(found) == ["init", "etc", "etc/name", "etc/name", "n"]
    first, second = before, data[len(before) :].lstrip(b"\0")
    assert kind == "lz4-legacy" or (len(data) - len(second)) % 4 == 0
    target = files(kind, first, tmp_path / "x")
    files(kind, second, tmp_path / "y")
    assert (target / "etc/name").read_bytes() == b"phone"
    assert (tmp_path / "y/etc/name").read_bytes() == b"mine"
    if kind != "lzma":  # xz reads one .lzma stream only
        assert files(kind, first + second, tmp_path / "z").joinpath("etc/name").read_bytes() == b"mine"


def test_an_uncompressed_ramdisk_is_appended_to_and_changed(archive: bytes, tmp_path: Path) -> None:
    fragments = parsed(archive)
    assert [fragment.compression for fragment in fragments] == [None]
    data = written(ramdisk.appended(fragments, [Entry("etc/name", 0o100644, b"mine")]))
    assert data.startswith(archive)
    assert files(None, data, tmp_path / "x").joinpath("etc/name").read_bytes() == b"mine"
    again = ramdisk.replaced(parsed(data), "etc/name", b"yours")
    kept = [bytes(entry.data) for entry in ramdisk.entries(again) if entry.name == "etc/name"]
    assert kept == [b"phone", b"yours"]


@pytest.mark.parametrize("extra", range(6))
def test_streams_of_legacy_lz4_stand_without_padding(extra: int) -> None:
    content = b"".join(cpio.build([Archive("newc", (Entry("init", 0o100755, bytes(range(extra))),))]))
    before = b"".join(compression.compress("lz4-legacy", [content]))
    data = written(ramdisk.appended(parsed(before), [Entry("n", 0o100644)]))
    assert data.startswith(before + lz4legacy.MAGIC)


def test_compressed_data_behind_a_ramdisk_is_not_part_of_it(archive: bytes) -> None:
    behind = b"".join(compression.compress("gzip", [b"a log"]))
    fragments, rest = ramdisk.parse(archive + behind)
    assert len(fragments) == 1
    assert bytes(rest) == behind


def test_lgs_ramdisk_stays_one_stream(archive: bytes) -> None:
    data = b"".join(compression.compress("lz4-lg", [archive]))
    fragments = parsed(data)
    assert [fragment.compression for fragment in fragments] == ["lz4-lg"]
    more = written(ramdisk.appended(fragments, [Entry("n", 0o100644, b"x")]))
    assert compression.detect(more) == "lz4-lg"
    assert names(parsed(more)) == ["init", "etc", "etc/name", "n"]


def test_segments_of_different_kinds_are_read_in_a_row(archive: bytes) -> None:
    """A plain archive, zeros, compressed ones, as initrds with microcode have; and a bootconfig."""
    packed = run("zstd -c", archive)
    data = archive + bytes(512) + packed + bytes(3) + run("gzip -c", archive) + b"#BOOTCONFIG\n"
    fragments, rest = ramdisk.parse(data)
    assert [fragment.compression for fragment in fragments] == [None, "zstd", "gzip"]
    assert bytes(rest) == b"#BOOTCONFIG\n"
    assert written(fragments) + bytes(rest) == data
    changed = ramdisk.replaced(fragments, "init", b"new")
    assert written(changed).startswith(archive + bytes(512) + packed + bytes(3))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "empty file"),
        (b"ANDROID!" + bytes(50), "Android boot image"),
        (b"\x89LZO\0\r\n\x1a\n" + bytes(50), "lzop"),
        (b"".join(compression.compress("gzip", [b"text"])), "not the magic of a cpio archive"),
        (
            b"".join(compression.compress("gzip", [b"".join(cpio.build([Archive("newc", ())])) + b"x"])),
            "1 bytes",
        ),
    ],
    ids=["nothing", "boot image", "lzop", "text", "behind"],
)
def test_what_is_no_ramdisk_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        ramdisk.parse(data)


def test_a_missing_file_cannot_be_replaced(archive: bytes) -> None:
    with pytest.raises(InputError, match="'none' is not in the ramdisk"):
        ramdisk.replaced(parsed(archive), "none", b"")


@pytest.mark.parametrize("zeros", [0, 4095, 4096, 4097, 300_000])
def test_padding_between_fragments_is_kept_whatever_its_size(archive: bytes, zeros: int) -> None:
    data = gzip.compress(archive) + bytes(zeros) + gzip.compress(archive) + bytes(zeros)
    fragments = parsed(data)
    assert [len(fragment.padding) for fragment in fragments] == [zeros, zeros]
    assert written(fragments) == data


def test_the_limit_counts_over_all_fragments(archive: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    data = run("gzip -c", archive) * 3
    with pytest.raises(InputError, match="the limit"):
        ramdisk.parse(data, limit=2 * len(archive))
    assert len(ramdisk.parse(data, limit=3 * len(archive))[0]) == 3
    monkeypatch.setattr(ramdisk, "MAX_FRAGMENTS", 2)
    with pytest.raises(InputError, match="more than 2"):
        ramdisk.parse(data)


@cache
def small(kind: Compression | None) -> bytes:
    """Return an archive of one file, packed."""
    content = b"".join(cpio.build([Archive("newc", (Entry("init", 0o100755, b"x" * 300),))]))
    return b"".join(compression.compress(kind, [content])) if kind else content


@settings(max_examples=150)
@given(st.sampled_from([None, *TOOLS]), st.binary(max_size=40), st.integers(0, 500))
def test_damage_is_refused_or_written_back(kind: Compression | None, noise: bytes, at: int) -> None:
    data = bytearray(small(kind))
    data[at : at + len(noise)] = noise
    with suppress(InputError):
        fragments, rest = ramdisk.parse(bytes(data), limit=1 << 20)
        assert written(fragments) + bytes(rest) == data
