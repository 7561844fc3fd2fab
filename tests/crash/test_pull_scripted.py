"""Pulling a dump from a scripted phone: what is left out, and what can go wrong."""

import errno
import hashlib
from pathlib import Path

import crash_setup
import pytest
import scripted_setup as setup
from core_builders import SIZE, VIRT, Dump, with_free_blocks, with_ring
from scripted_phone import ScriptedPhone, flip
from told import raises

from hardboot.base.errors import DeviceError, InputError
from hardboot.crash import pull
from hardboot.device.copies import DamagedError
from hardboot.device.phone import Phone
from hardboot.device.staging import STAGING
from hardboot.formats.crashdump import elfcore

CHUNK = f"{STAGING}/chunk"


def panicked(
    dump: Dump | bytes, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> tuple[Phone, ScriptedPhone]:
    """Return a phone whose panic kernel runs, with `dump` as the crashed kernel's memory."""
    scripted = crash_setup.crashable()
    setup.install(scripted, monkeypatch, folder / "state")
    scripted.start(crash_setup.capture_kernel(dump))
    return setup.connected(scripted), scripted


def memory(path: Path) -> bytes:
    core = elfcore.parse(path.read_bytes())
    return core.memory(VIRT, sum(load.memsz for load in core.loads))


def test_a_dump_arrives_with_all_of_its_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dump = with_ring()
    phone, scripted = panicked(dump, monkeypatch, tmp_path)
    assert pull.has_dump(phone)
    target = tmp_path / "dump"
    found = pull.pull(phone, target)
    assert memory(target) == bytes(dump.memory)
    assert (found.path, found.release, found.memory, found.free) == (target, "6.1.176", SIZE, None)
    assert found.zero > SIZE // 2
    assert (found.size, found.sha256) == (
        target.stat().st_size,
        hashlib.sha256(target.read_bytes()).hexdigest(),
    )
    assert scripted.files.find(STAGING) is None


def test_free_pages_are_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dump = with_free_blocks({128: 5})
    for page in range(120, 170):
        dump.put(VIRT + page * 4096, b"x" * 4096)
    phone, scripted = panicked(dump, monkeypatch, tmp_path)
    found = pull.pull(phone, tmp_path / "dump")
    assert found.free == 32 * 4096
    kept = memory(tmp_path / "dump")
    assert kept[128 * 4096 : 160 * 4096] == bytes(32 * 4096)
    assert kept[120 * 4096 : 128 * 4096] == b"x" * (8 * 4096)
    assert kept[160 * 4096 : 170 * 4096] == b"x" * (10 * 4096)
    assert not scripted.happened("gzip *"), "it is not compressed: little is sent"


def test_where_free_pages_are_not_known_the_dump_is_compressed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    phone, scripted = panicked(with_ring(), monkeypatch, tmp_path)
    pull.pull(phone, tmp_path / "dump")
    assert scripted.happened(f"gzip -1 -c*{CHUNK}*")
    assert "warning" not in capsys.readouterr().err


def test_free_pages_that_make_no_sense_stay_in_the_dump_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump = with_free_blocks({128: 5})
    dump.info["SIZE(page)"] = "0"
    phone, scripted = panicked(dump, monkeypatch, tmp_path)
    assert pull.pull(phone, tmp_path / "dump").free is None
    assert "warning: the dump will contain free pages: " in capsys.readouterr().err
    assert scripted.happened(f"gzip -1 -c*{CHUNK}*")


@pytest.mark.parametrize("size", ["0", "4095", f"{(1 << 40) + 1}", "many", ""])
def test_a_size_that_makes_no_sense_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, size: str
) -> None:
    phone, scripted = panicked(with_ring(), monkeypatch, tmp_path)
    scripted.fault("stat -c %s /proc/vmcore", code=0, says=f"{size}\n")
    with raises(
        DeviceError,
        f"the size of /proc/vmcore on the phone is {size!r}",
        "Nothing was written.",
        "Look at it on the phone: adb shell su -c 'ls -l /proc/vmcore'",
    ):
        pull.pull(phone, tmp_path / "dump")
    assert scripted.files.find(STAGING) is None


def test_what_is_no_dump_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    phone, scripted = panicked(b"Dear reader\n" * 1000, monkeypatch, tmp_path)
    with pytest.raises(InputError):
        pull.pull(phone, tmp_path / "dump")
    assert not (tmp_path / "dump").exists()
    assert scripted.files.find(STAGING) is None


def test_a_part_that_is_damaged_on_the_way_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    phone, scripted = panicked(with_free_blocks({128: 5}), monkeypatch, tmp_path)
    scripted.fault(f"pull {CHUNK}", alters=flip(0))
    with raises(
        DamagedError,
        "a part of the dump arrived damaged",
        "Nothing was written to the phone.",
        "Try again; check cable and port.",
    ):
        pull.pull(phone, tmp_path / "dump")
    assert list(tmp_path.glob("*dump*")) == []


def test_an_agent_that_cannot_read_the_dump_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    phone, scripted = panicked(with_ring(), monkeypatch, tmp_path)
    scripted.fault("* pages *", code=1, says=f"error=open /proc/vmcore errno={errno.EIO}\n")
    with pytest.raises(DeviceError, match=r"open /proc/vmcore: input/output error \(EIO\)"):
        pull.pull(phone, tmp_path / "dump")


def test_a_target_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    phone, scripted = panicked(with_ring(), monkeypatch, tmp_path)
    with pytest.raises(InputError, match=r"missing/dump: cannot be written: no such folder"):
        pull.pull(phone, tmp_path / "missing" / "dump")
    assert scripted.files.find(STAGING) is None


def test_an_old_dump_stays_if_the_new_one_breaks_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "dump").write_bytes(b"old")
    phone, scripted = panicked(with_free_blocks({128: 5}), monkeypatch, tmp_path)
    scripted.fault(f"pull {CHUNK}", nth=3, drops=True)
    with pytest.raises(DeviceError):
        pull.pull(phone, tmp_path / "dump")
    assert (tmp_path / "dump").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["dump"]
