"""Images in tar archives: Samsung's with an MD5 at their end, and compressed ones."""

import contextlib
import subprocess
import tarfile
from pathlib import Path

import ota_builders as build
import pytest

from hardboot.base.errors import InputError
from hardboot.downloads import limited_tar, open_download
from hardboot.downloads.content import FileContent

BOOT, SYSTEM = build.image(9), build.image(30, 2)


def run(*command: str, data: bytes) -> bytes:
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def contents(path: Path) -> dict[str, bytes]:
    with open_download(path) as download:
        assert not download.refused
        return {name: b"".join(source.blocks()) for name, source in download.images.items()}


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def sparse(tmp_path: Path, image: bytes) -> bytes:
    raw, target = written(tmp_path / "raw", image), tmp_path / "sparse"
    subprocess.run(["img2simg", raw, target], check=True)
    return target.read_bytes()


def test_samsung_firmware_made_by_the_real_tools_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "AP"
    folder.mkdir()
    # Samsung's lz4 files have blocks of 1 MiB and state their content's size.
    for name, data in (("boot.img", BOOT), ("system.img.ext4", sparse(tmp_path, SYSTEM))):
        (folder / f"{name}.lz4").write_bytes(run("lz4", "-q", "-B6", "--content-size", "-c", data=data))
    (folder / "meta-data").write_bytes(b"x")
    path = tmp_path / "AP.tar.md5"
    names = ["boot.img.lz4", "system.img.ext4.lz4", "meta-data"]
    subprocess.run(["tar", "-C", folder, "-cf", path, "--format=ustar", *names], check=True)
    line = subprocess.run(["md5sum", "-t", path.name], cwd=tmp_path, capture_output=True, check=True).stdout
    path.write_bytes(path.read_bytes() + line)
    assert contents(path) == {"boot": BOOT, "system": SYSTEM}
    with open_download(path) as download:
        assert download.kind == "Samsung firmware (tar.md5, its MD5 matches)"
        assert download.images["system"].packing == ("lz4", "sparse image")
        assert download.images["system"].stated_size == len(SYSTEM)
    damaged = bytearray(path.read_bytes())
    damaged[700] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(
        InputError, match=r"AP\.tar\.md5: its MD5 is [0-9a-f]{32}, [0-9a-f]{32} is stated at its end"
    ):
        contents(path)


@pytest.mark.parametrize("end", ["\n", ""])
def test_the_line_with_the_md5_may_lack_its_end(end: str, tmp_path: Path) -> None:
    data = build.tar_md5(build.tar({"boot.img": BOOT})).rstrip(b"\n") + end.encode()
    with open_download(written(tmp_path / "a.tar.md5", data)) as download:
        assert download.kind.startswith("Samsung")


@pytest.mark.parametrize("command", [("gzip",), ("xz",), ("zstd", "-q"), ("bzip2",), ("lz4", "-q")])
def test_a_compressed_archive_is_read(command: tuple[str, ...], tmp_path: Path) -> None:
    archive = build.tar({"images/boot.img": BOOT, "flash_all.sh": b"#!/bin/sh", "images/system.img": SYSTEM})
    path = written(tmp_path / "rom.tgz", run(*command, "-c", data=archive))
    assert contents(path) == {"boot": BOOT, "system": SYSTEM}


def test_streams_in_a_row_as_parallel_compressors_write_them_are_read(tmp_path: Path) -> None:
    archive = build.tar({"boot.img": BOOT})
    for command in (("gzip",), ("xz",), ("zstd", "-q"), ("bzip2",), ("lz4", "-q")):
        parts = [run(*command, "-c", data=archive[at : at + 20_000]) for at in range(0, len(archive), 20_000)]
        assert contents(written(tmp_path / "a", b"".join(parts))) == {"boot": BOOT}


def test_an_uncompressed_image_counts_more_than_a_compressed_one_beside_it(tmp_path: Path) -> None:
    packed = run("lz4", "-q", "-c", data=SYSTEM)
    assert contents(written(tmp_path / "a.tar", build.tar({"boot.img": BOOT, "boot.img.lz4": packed}))) == {
        "boot": BOOT
    }


@pytest.mark.parametrize("command", [("cat",), ("gzip", "-c"), ("xz", "-c")])
@pytest.mark.parametrize("cut", [20_000, 100_000])
def test_a_cut_archive_is_refused(command: tuple[str, ...], cut: int, tmp_path: Path) -> None:
    packed = run(*command, data=build.tar({"boot.img": BOOT, "system.img": SYSTEM}))
    path = written(tmp_path / "a.tar", packed[: len(packed) * cut // 200_000])
    with pytest.raises(InputError, match=r"cut short|truncated|unexpected end of data"):
        contents(path)


def header(**changes: object) -> bytes:
    info = tarfile.TarInfo("boot.img")
    for name, value in changes.items():
        setattr(info, name, value)
    return info.tobuf(tarfile.GNU_FORMAT)


def negative_size() -> bytes:
    """Return a header with a negative size, as base-256 numbers can state it."""
    block = bytearray(header())
    block[124:136] = b"\xff" * 11 + b"\x00"
    block[148:156] = b"        "
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def pax(text: bytes) -> bytes:
    record = b"%d %s\n" % (len(text) + len(str(len(text) + 4)) + 2, text)
    return header(type=tarfile.XHDTYPE, size=len(record)) + record.ljust(512, b"\0") + header() + bytes(1024)


SIZES = r"a header of -?\d+ bytes, the limit is 65536"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (header(type=tarfile.XHDTYPE, size=1 << 33) + bytes(4096), SIZES),
        (header(type=tarfile.GNUTYPE_LONGNAME, size=1 << 33) + bytes(4096), SIZES),
        (header(type=tarfile.GNUTYPE_LONGNAME, size=65537) + bytes(66_048) + header() + bytes(1024), SIZES),
        (negative_size() + bytes(1024), SIZES),
        (pax(b"size=-1024"), r"member 1 has -1024 bytes"),
        (header(type=tarfile.GNUTYPE_LONGNAME, size=1) * 20_000, "maximum recursion depth|headers"),
    ],
    ids=["pax", "long name", "a little too long", "negative", "pax negative", "recursion"],
)
def test_a_hostile_header_is_refused(data: bytes, problem: str, packed: bool, tmp_path: Path) -> None:
    path = written(tmp_path / "a.tar", run("gzip", "-c", data=data) if packed else data)
    with pytest.raises(InputError, match=problem) as caught, open_download(path):
        pass
    assert str(path) in caught.value.what


@pytest.mark.parametrize("text", [b"size=notanumber", b"GNU.sparse.size=x", b"GNU.sparse.map=1,2,3"])
def test_a_strange_pax_header_is_refused_or_harmless(text: bytes, tmp_path: Path) -> None:
    path = written(tmp_path / "a.tar", pax(text))
    with contextlib.suppress(InputError), open_download(path) as download:
        assert all(len(b"".join(one.blocks())) < 1 << 20 for one in download.images.values())


def test_a_sparse_file_of_gnu_tar_is_named(tmp_path: Path) -> None:
    with (tmp_path / "boot.img").open("wb") as stream:
        stream.seek(1 << 20)
        stream.write(b"end")
    path = tmp_path / "a.tar"
    subprocess.run(["tar", "-C", tmp_path, "--format=gnu", "-Scf", path, "boot.img"], check=True)
    with open_download(path) as download:
        assert "boot.img is a sparse file of GNU tar" in download.refused["boot"].what


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limited_tar, "MAX_MEMBERS", 2)
    path = written(tmp_path / "a.tar", build.tar({"boot.img": BOOT, "b": b"", "c": b""}))
    with pytest.raises(InputError, match="more than 2 members"):
        contents(path)


def test_nothing_is_kept_of_the_members_but_images(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tar", build.tar({f"file{number}": b"" for number in range(2000)}))
    content = FileContent(path, path.open("rb"), 0, path.stat().st_size)
    with content.stream, limited_tar.opened(content, None) as archive:
        kept = [len(vars(archive)["members"]) for _ in limited_tar.infos(archive)]
    assert (len(kept), max(kept)) == (2000, 0)


def test_two_images_of_one_name_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tar", build.tar({"a/boot.img": BOOT, "b/boot.img": BOOT}))
    with open_download(path) as download:
        assert download.refused["boot"].what == "boot.img is in the archive 2 times"


def test_no_path_in_an_archive_is_used(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tar", build.tar({"../../../tmp/x/boot.img": BOOT, "/etc/dtbo.img": SYSTEM}))
    assert contents(path) == {"boot": BOOT, "dtbo": SYSTEM}
    assert [one.name for one in tmp_path.iterdir()] == ["a.tar"]


def test_only_what_is_asked_for_is_read_from_a_large_archive(tmp_path: Path) -> None:
    small = build.tar({"boot.img": BOOT})
    path = tmp_path / "a.tar"
    with path.open("wb") as stream:
        stream.write(small[: 512 + len(BOOT)])
        stream.write(header(name="super.img", size=3 << 30))
        stream.seek(3 << 30, 1)
        stream.write(bytes(1024))
    with open_download(path) as download:
        assert b"".join(download.images["boot"].blocks()) == BOOT
        assert download.images["super"].size == 3 << 30
