"""rom list and rom show: the ROMs, the last boot of each, and the picture of userdata."""

import json
import re
from pathlib import Path

import pytest
import store_setup as setup
from in_process import hardboot, on_terminal
from store_setup import StorePhone

from hardboot.flows.store import add
from hardboot.flows.store.place import RESERVE


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StorePhone:
    found = setup.connected(monkeypatch, tmp_path)
    found.scripted.data.capacity = 48 << 20
    for new in (setup.linux(tmp_path), setup.android(tmp_path)):
        add.add(found.phone, new, add.check_new(found.phone, new.name, 0 - RESERVE))
    return found


@pytest.mark.parametrize("columns", [60, 80])
def test_the_list_draws_how_userdata_is_used(phone: StorePhone, columns: int) -> None:
    lines = on_terminal("rom", "list", columns=columns)
    assert max(map(len, lines)) == columns
    at = lines.index("userdata, 64.0 MiB, ext4")
    names = [line.split()[0] for line in lines[at + 1 :]]
    assert names == ["droid", "linux", "other", "free", "reserve"]
    assert "█" in lines[at + 1]


def test_a_pipe_that_takes_ascii_alone_gets_ascii(phone: StorePhone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hardboot.commands.text_output.TextOutput.encoding", "ascii")
    done = hardboot("rom", "list", COLUMNS="60")
    assert done.stdout.isascii()
    assert re.search(r"^  droid      \d\.\d MiB \|#+ +\|$", done.stdout, re.MULTILINE)
    assert hardboot("rom", "show", "droid", COLUMNS="x").stdout.isascii()


def test_show_draws_where_each_image_lies(phone: StorePhone) -> None:
    lines = on_terminal("rom", "show", "droid", columns=80)
    at = lines.index("userdata, 64.0 MiB, ext4")
    assert [line.split()[0] for line in lines[at + 1 :]] == ["system", "data", "cache"]
    assert len(lines[-1]) == 80


def test_with_json_the_numbers_stand_and_nothing_is_drawn(phone: StorePhone) -> None:
    for words in (("rom", "list"), ("rom", "show", "linux")):
        document = json.loads(hardboot("--json", *words).stdout)
        userdata = document["userdata"]
        assert (userdata["partition"], userdata["size"]) == ("userdata", setup.PARTITION)
        assert 0 < userdata["free"] < 48 << 20
        assert userdata["reserve"] == RESERVE


def test_the_last_boot_from_this_computer_is_told(phone: StorePhone) -> None:
    assert "guest" not in hardboot("rom", "list").stdout
    assert json.loads(hardboot("--json", "rom", "show", "linux").stdout)["last"] is None
    phone.scripted.rom = "host"
    assert hardboot("rom", "boot", "linux").returncode == 5
    setup.prepare(phone.scripted)
    listed = hardboot("rom", "list").stdout
    assert "linux  " in listed
    (line,) = [line for line in listed.splitlines() if line.startswith("linux ")]
    assert line.endswith("host-came-back")
    (droid,) = [line for line in listed.splitlines() if line.startswith("droid ")]
    assert "host-came-back" not in droid
    assert "last boot" in hardboot("rom", "show", "linux").stdout
    found = json.loads(hardboot("--json", "rom", "list").stdout)["roms"]
    assert [(one["last"] or {}).get("outcome") for one in found] == [None, "host-came-back"]


def test_boots_of_an_earlier_rom_of_that_name_do_not_count(phone: StorePhone, tmp_path: Path) -> None:
    assert hardboot("rom", "boot", "linux").returncode == 0
    setup.prepare(phone.scripted)
    assert hardboot("--yes", "rom", "remove", "linux").returncode == 0
    phone.scripted.data.capacity = None
    new = setup.linux(tmp_path)
    again = setup.reconnected(phone)
    add.add(again.phone, new, add.check(again.phone, new))
    assert json.loads(hardboot("--json", "rom", "show", "linux").stdout)["last"] is None


def test_a_store_on_a_place_that_fits_no_more_is_listed_without_a_picture(phone: StorePhone) -> None:
    phone.scripted.data.kind = "btrfs"
    done = hardboot("rom", "list")
    assert done.returncode == 0, done.stderr
    assert "userdata" not in done.stdout
    assert json.loads(hardboot("--json", "rom", "list").stdout)["userdata"] is None


def test_the_last_start_from_the_phone_itself_is_told(phone: StorePhone) -> None:
    def last(name: str) -> dict[str, object] | None:
        (found,) = [
            one for one in json.loads(hardboot("--json", "rom", "list").stdout)["roms"] if one["name"] == name
        ]
        shown: dict[str, object] | None = found["last"]
        return shown

    phone.scripted.add_file(
        "/data/hardboot/starts",
        "2001-01-01 00:00:00 UTC droid: starting\n"  # before it was added
        "2097-01-01 00:00:00 UTC linux: starting\n"
        "2098-01-01 00:00:00 UTC linux: another host kernel runs\n"
        "2098-02-30 00:00:00 UTC linux: there is no such day\n"
        "no line of the log\n",
    )
    assert last("droid") is None
    assert last("linux") == {"id": None, "began": 4039372800, "outcome": "another host kernel runs"}
    assert "2098-01-01" in hardboot("rom", "show", "linux", TZ="UTC").stdout
    phone.scripted.add_file("/data/hardboot/starts", "2097-01-01 00:00:00 UTC linux: starting\n")
    shown = last("linux")
    assert shown
    assert shown["outcome"] == "started-on-phone"
    (line,) = [line for line in hardboot("rom", "list").stdout.splitlines() if line.startswith("linux ")]
    assert line.endswith(": started-on-phone")


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ("2097-01-01 00:00:00 UTC linux: star2098-01-01 00:00:00 UTC linux: starting", "started-on-phone"),
        ("\0" * 50 + "2097-01-01 00:00:00 UTC linux: starting", "started-on-phone"),
        ("2097-01-01 00:00:00 UTC linux: " + "x" * 60000, "x" * 200),
        ("2097-01-01 00:00:00 UTC linux: \x1b[2J", r"\x1b[2J"),
        ("9999-12-31 23:59:59 UTC linux: starting", None),
        ("0001-01-01 00:00:00 UTC linux: starting", None),
        ("1970-01-01 00:00:10 UTC linux: starting", None),  # a clock that was never set
        ("2097-01-01 00:00:60 UTC linux: starting", None),
        ("2097-01-01 00:00:00 UTC ../linux: starting", None),
    ],
)
def test_a_log_that_is_damaged_is_told_as_far_as_it_can_be_read(
    phone: StorePhone, line: str, outcome: str | None
) -> None:
    phone.scripted.add_file("/data/hardboot/starts", f"{line}\n".encode())
    done = hardboot("rom", "show", "linux", TZ="Pacific/Kiritimati", COLUMNS="60")
    assert done.returncode == 0, done.stderr
    found = [text for text in done.stdout.splitlines() if "last boot" in text]
    assert [text.partition(": ")[2] for text in found] == ([outcome] if outcome is not None else [])


def test_the_newer_of_both_starts_counts(phone: StorePhone) -> None:
    phone.scripted.rom = "host"
    assert hardboot("rom", "boot", "linux").returncode == 5
    setup.prepare(phone.scripted)
    phone.scripted.add_file("/data/hardboot/starts", "2001-01-01 00:00:00 UTC linux: starting\n")
    assert "host-came-back" in hardboot("rom", "show", "linux").stdout
    phone.scripted.add_file("/data/hardboot/starts", "2097-01-01 00:00:00 UTC linux: starting\n")
    assert "started-on-phone" in hardboot("rom", "show", "linux").stdout
