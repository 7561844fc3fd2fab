"""The log that hardboot on the phone keeps of its starts, also after a power cut."""

import re
from datetime import UTC, datetime
from pathlib import Path

import phone_programs as setup
import pytest
from phone_programs import OwnPhone

phone_program = setup.phone_program


@pytest.fixture
def phone(phone_program: Path, tmp_path: Path) -> OwnPhone:
    return OwnPhone(phone_program, tmp_path)


def log(phone: OwnPhone) -> list[str]:
    """Return the log of the phone, without the times."""
    found = [
        re.fullmatch(r"20\d\d(-\d\d){2} \d\d(:\d\d){2} UTC (.*)", line)
        for line in phone("log").stdout.splitlines()
    ]
    assert all(found)
    return [match[3] for match in found if match]


def test_the_log_shows_each_start_and_why_one_was_refused(phone: OwnPhone) -> None:
    assert phone("log").stdout == "Nothing was started on this phone yet.\n"
    phone("boot", "linux")
    phone("boot", "second")
    phone("boot", "../linux")  # which is no name: nothing from outside is kept
    phone("list")
    assert log(phone) == [
        "linux: starting",
        "linux: the phone did not leave its kernel: errno 0000",
        "second: there is no ROM second, or it has no start files",
    ]


@pytest.mark.parametrize("seconds", [0, 951782399, 951782400, 951868800, 1709251199, 1796083200, 4107542400])
def test_the_times_of_the_log_are_those_of_the_calendar(phone: OwnPhone, seconds: int) -> None:
    phone("boot", "second", env={"AGENT_TIME": str(seconds)})
    line = (phone.root / "data/hardboot/starts").read_text()
    assert line.startswith(datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC "))


def test_a_long_log_loses_its_older_half(phone: OwnPhone) -> None:
    lines = [f"2026-01-01 00:00:00 UTC linux: {number:05}\n" for number in range(1500)]
    phone.put("/data/hardboot/starts", "".join(lines).encode())
    phone("boot", "second")
    kept = log(phone)
    assert 600 < len(kept) < 800
    assert kept[-2:] == ["linux: 01499", "second: there is no ROM second, or it has no start files"]


@pytest.mark.parametrize("size", [65535, 65536, 1 << 20])
def test_a_log_that_is_no_log_does_not_grow(phone: OwnPhone, size: int) -> None:
    phone.put("/data/hardboot/starts", b"x" * size)
    phone("boot", "second")
    assert len((phone.root / "data/hardboot/starts").read_bytes()) < 100


def test_a_log_that_cannot_be_written_stops_no_start(phone: OwnPhone) -> None:
    (phone.root / "data/hardboot/starts").mkdir()
    assert "reboot 0xfee1dead 0x28121969 0x45584543" in phone("boot", "linux").stderr.splitlines()
    done = phone("log")
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr.startswith("hardboot: /data/hardboot/starts cannot be read: errno 0021\n")


def test_what_a_power_cut_left_of_a_log_hides_nothing(phone: OwnPhone) -> None:
    lines = b"2026-01-01 00:00:00 UTC linux: starting\n" + bytes(3) + b"2026-01-02 00:00:00 UTC lin"
    phone.put("/data/hardboot/starts", lines)
    phone("boot", "second")
    first, damaged, last = phone("log").stdout.splitlines()
    assert first == "2026-01-01 00:00:00 UTC linux: starting"
    assert damaged == "???2026-01-02 00:00:00 UTC lin"
    assert last.endswith(" UTC second: there is no ROM second, or it has no start files")


def test_a_file_that_is_too_long_for_a_log_is_told(phone: OwnPhone) -> None:
    phone.put("/data/hardboot/starts", b"x" * 65536)
    done = phone("log")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "hardboot: /data/hardboot/starts is longer than a log can be\n"
        "  state: Nothing was started.\n"
        "  to do: Remove it: rm /data/hardboot/starts\n"
    )
