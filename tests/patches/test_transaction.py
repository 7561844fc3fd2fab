"""Several files are written together, or none: whatever fails, and wherever."""

import errno
import os
import signal
from pathlib import Path

import pytest
from toy_series import snapshot

from hardboot.base.errors import InputError
from hardboot.base.interrupts import Interrupt
from hardboot.patches.transaction import Change, write_all


def test_a_file_system_that_reserves_nothing_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = iter((errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS))

    def refused(*_: object) -> None:
        raise OSError(next(codes), "no")

    monkeypatch.setattr(os, "posix_fallocate", refused)
    for name in ("a", "b", "c"):
        write_all([Change(tmp_path / name, None, b"x", mode=0o600)])
        assert (tmp_path / name).read_bytes() == b"x"
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_the_whole_size_is_reserved_before_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "posix_fallocate", lambda _, start, size: calls.append((start, size)))
    write_all([Change(tmp_path / "a", None, b"abc"), Change(tmp_path / "b", None, b"")])
    assert calls == [(0, 3)]
    monkeypatch.delattr(os, "posix_fallocate")
    write_all([Change(tmp_path / "c", None, b"abc")])
    assert (tmp_path / "c").read_bytes() == b"abc"


def test_a_full_disk_shows_before_anything_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_text("old")
    before = snapshot(tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(InputError) as caught:
        write_all(
            [Change(tmp_path / "sub" / "deep" / "b", None, b"new"), Change(tmp_path / "a", b"old", b"new")]
        )
    assert caught.value.what == f"{tmp_path / 'sub/deep/b'}: cannot be written: no space left on device"
    assert snapshot(tmp_path) == before


def test_a_file_that_cannot_be_deleted_puts_the_others_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
        (tmp_path / name).chmod(0o640)
    before = snapshot(tmp_path)
    real = Path.unlink

    def stuck(self: Path, missing_ok: bool = False) -> None:
        if self.name == "b":
            raise OSError(errno.EPERM, "Operation not permitted")
        real(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", stuck)
    with pytest.raises(InputError, match=r"/b: cannot be written: operation not permitted"):
        write_all(
            [
                Change(tmp_path / "a", b"a", b"new", 0o640, 0o755),
                Change(tmp_path / "new" / "c", None, b"c"),
                Change(tmp_path / "b", b"b", None, 0o640),
            ]
        )
    assert snapshot(tmp_path) == before


def test_what_could_not_be_restored_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)
    real, calls = Path.replace, []

    def dying(self: Path, target: Path) -> Path:
        calls.append(target.name)
        if len(calls) == 3:
            raise KeyboardInterrupt
        if len(calls) > 3:
            raise OSError(errno.EIO, "Input/output error")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", dying)
    with pytest.raises(InputError) as caught:
        write_all([Change(tmp_path / name, name.encode(), b"new") for name in ("a", "b", "c")])
    a, b = tmp_path / "a", tmp_path / "b"
    assert caught.value.what == f"{a} could not be restored after: KeyboardInterrupt"
    assert caught.value.state == f"The tree is partly patched; not restored: {a}, {b}."
    assert "restore these files" in caught.value.fix


def test_ctrl_c_leaves_all_as_it_was_even_a_second_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)
    before = snapshot(tmp_path)
    real, calls = Path.replace, []

    def interrupted(self: Path, target: Path) -> Path:
        calls.append(target.name)
        done = real(self, target)
        if len(calls) > 1:  # also while the files are put back
            os.kill(os.getpid(), signal.SIGINT)
        return done

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(Interrupt) as caught:
        write_all([Change(tmp_path / name, name.encode(), b"new") for name in ("a", "b", "c")])
    assert calls == ["a", "b", "a", "b"]
    assert snapshot(tmp_path) == before
    assert caught.value.state == "All files are as they were."
