"""ADB's file service made by hand."""

import os
import struct
import time
from collections.abc import Iterator

import pytest
from virtual_adbd import Daemon, Raw, assert_serves, random_file, wait_until


def sync(identifier: bytes, body: bytes = b"") -> bytes:
    return identifier + struct.pack("<I", len(body)) + body


@pytest.fixture
def raw(daemon: Daemon) -> Iterator[Raw]:
    with Raw(daemon.port) as client:
        client.greet()
        yield client


def test_a_push_cut_short_leaves_nothing_behind(daemon: Daemon) -> None:
    target = daemon.scratch / "half"
    with Raw(daemon.port) as raw:
        raw.greet()
        remote = raw.open(b"sync:")
        raw.exchange(remote, sync(b"SEND", f"{target},33188".encode()) + sync(b"DATA", bytes(1000)), 0)
        wait_until(lambda: target.exists() and target.stat().st_size == 1000, "the first half is there")
    wait_until(lambda: not target.exists(), "the half file is removed")
    assert_serves(daemon)


def test_version_2_of_send_and_receive_works(daemon: Daemon, raw: Raw) -> None:
    target = str(daemon.scratch / "v2").encode()
    remote = raw.open(b"sync:")
    request = sync(b"SND2", target) + b"SND2" + struct.pack("<II", 0o100644, 0)
    content = sync(b"DATA", b"content") + b"DONE" + struct.pack("<I", 1_600_000_000)
    assert raw.exchange(remote, request + content, 8) == sync(b"OKAY")
    assert (daemon.scratch / "v2").read_bytes() == b"content"
    assert (daemon.scratch / "v2").stat().st_mtime == 1_600_000_000
    request = sync(b"RCV2", target) + b"RCV2" + struct.pack("<I", 0)
    assert raw.exchange(remote, request, 23) == sync(b"DATA", b"content") + sync(b"DONE")
    request = sync(b"RCV2", target) + b"RCV2" + struct.pack("<I", 1)  # brotli: not announced
    assert raw.exchange(remote, request, 39) == sync(b"FAIL", b"unknown flags: Invalid argument")


def test_version_2_of_stat_and_list_tell_all_fields(daemon: Daemon, raw: Raw) -> None:
    target, link = daemon.scratch / "file", daemon.scratch / "link"
    random_file(target, 1234)
    link.symlink_to("file")
    later = time.time() + 3600  # an access time that following the link does not move
    for path in (target, link):
        os.utime(path, (later, 1_500_000_000), follow_symlinks=False)
    remote = raw.open(b"sync:")
    layout = "<4sIQQIIIIQqqq"
    for identifier, path, real in (
        (b"STA2", target, target.stat()),
        (b"STA2", link, link.stat()),
        (b"LST2", link, link.lstat()),
    ):
        answer = struct.unpack(layout, raw.exchange(remote, sync(identifier, str(path).encode()), 72))
        owner = (real.st_nlink, real.st_uid, real.st_gid)
        times = (int(real.st_atime), int(real.st_mtime), int(real.st_ctime))
        place = (real.st_dev, real.st_ino, real.st_mode)
        assert answer == (identifier, 0, *place, *owner, real.st_size, *times)
    answer = struct.unpack(layout, raw.exchange(remote, sync(b"STA2", b"/no/such/file"), 72))
    assert answer[:5] == (b"STA2", 2, 0, 0, 0)
    listing = raw.exchange(remote, sync(b"LIS2", str(daemon.scratch).encode()), 5 * 76 + len("...filelink"))
    names, at = {}, 0
    while listing[at : at + 4] == b"DNT2":
        fields = struct.unpack_from(layout + "I", listing, at)
        names[listing[at + 76 : at + 76 + fields[12]]] = fields[3]
        at += 76 + fields[12]
    assert listing[at:] == b"DONE" + bytes(72)
    assert names.keys() == {b".", b"..", b"file", b"link"}
    assert names[b"link"] == link.lstat().st_ino


def test_symbolic_links_are_made_with_their_folders(daemon: Daemon, raw: Raw) -> None:
    link = daemon.scratch / "new" / "link"
    remote = raw.open(b"sync:")
    request = sync(b"SEND", f"{link},{0o120777}".encode()) + sync(b"DATA", b"tar") + sync(b"DATA", b"get")
    assert raw.exchange(remote, request + b"DONE" + struct.pack("<I", 1_500_000_000), 8) == sync(b"OKAY")
    assert os.readlink(link) == "target"  # noqa: PTH115 (the text itself)
    assert link.lstat().st_mtime == 1_500_000_000


@pytest.mark.parametrize(
    ("request_bytes", "answer"),
    [
        (sync(b"STAT", b"/" * 1025), b"path too long: File name too long"),
        (b"STAT" + struct.pack("<I", 0xFFFFFFFF), b"path too long: File name too long"),
        (sync(b"XXXX", b"/"), b"unknown command: Invalid argument"),
        (sync(b"SEND", b"/dev/null,33188") + b"DATA" + struct.pack("<I", 0x10001), b"oversize data message"),
        (sync(b"SEND", b"/dev/null,33188") + sync(b"STAT"), b"invalid data message"),
    ],
    ids=["long path", "huge path", "unknown", "oversize data", "not data"],
)
def test_a_broken_sync_message_fails_and_ends_the_stream(
    daemon: Daemon, raw: Raw, request_bytes: bytes, answer: bytes
) -> None:
    remote = raw.open(b"sync:")
    assert raw.exchange(remote, request_bytes, 8 + len(answer)) == sync(b"FAIL", answer)
    assert raw.receive()[:3] == (b"CLSE", remote, 1)
    assert_serves(daemon)


@pytest.mark.parametrize("spec", [b"/tmp/x", b"/tmp/x,", b"/tmp/x,0x", b"/tmp/x,12y"])
def test_a_send_without_a_mode_is_refused_and_the_stream_goes_on(raw: Raw, spec: bytes) -> None:
    remote = raw.open(b"sync:")
    request = sync(b"SEND", spec) + sync(b"DATA", b"abc") + sync(b"DONE")
    assert raw.exchange(remote, request, 34) == sync(b"FAIL", b"bad mode: Invalid argument")
    assert raw.exchange(remote, sync(b"STAT", b"/no/such/file"), 16) == b"STAT" + bytes(12)
