"""Where the virtual phone's Debian packages come from, on systems that are set up in different ways."""

from pathlib import Path

import pytest

from hardboot.base.errors import ToolError
from hardboot.virtual import packages

ROWS = b"Ubuntu|Ubuntu|http://ubuntu.test\nDebian|Debian|http://mirror.test/debian\n"


def test_the_systems_own_mirror_is_asked_and_where_it_has_none_debians(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(packages, "run", lambda *_, **__: ROWS)
    assert packages._mirror("Debian") == "http://mirror.test/debian"
    assert packages._mirror("Debian-Security") == "http://deb.debian.org/debian-security"


def test_a_system_without_apt_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(ToolError, match="has no apt-get"):
        packages._mirror("Debian")


def test_a_source_needs_only_its_upstream_archive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(packages, "_prepare", lambda *_: [])
    names = ["u-boot_1.orig.tar.bz2", "u-boot_1.orig.tar.bz2.asc"]
    calls = []

    def fetch(words: list[str], *, cwd: Path, timeout_s: float) -> bytes:
        calls.append(words)
        for name in names:
            (cwd / name).write_text(name)
        raise ToolError("404 Not Found", state="", fix="")

    monkeypatch.setattr(packages, "run", fetch)
    archive = packages.source_archive("u-boot", packages.NEWER)
    assert archive.read_text() == "u-boot_1.orig.tar.bz2"
    assert packages.source_archive("u-boot", packages.NEWER) == archive
    assert len(calls) == 1
    names.remove("u-boot_1.orig.tar.bz2")
    with pytest.raises(ToolError, match="404"):
        packages.source_archive("other", packages.NEWER)
