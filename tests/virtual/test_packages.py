"""Where the virtual phone's Debian packages come from, on systems that are set up in different ways."""

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
