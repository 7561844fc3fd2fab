"""A bundle holds nothing that tells one phone or one person, wherever it stood."""

import getpass
import io
import json
import platform
import time
import zipfile
from pathlib import Path

import pytest
from attempts_setup import attempt, keep
from hypothesis import given
from hypothesis import strategies as st
from in_process import hardboot

from hardboot.attempts import bundle, store
from hardboot.attempts.redaction import Redaction
from hardboot.base.errors import InputError

SERIAL, OTHER = "HB7X00Q1ZZ", "0A1B2C3D4E5F"
PRIVATE = {
    "dmesg-before.txt": [
        f"Kernel command line: a androidboot.serialno={SERIAL} androidboot.wifimacaddr=02:00:5e:10:20:30 b",
        "androidboot.btmacaddr=02005E102031 androidboot.imei=356938035643809 androidboot.em.did=deadbeef01",
        f'androidboot.serialno = "{SERIAL}"',
        f"usb 1-1: SerialNumber: {OTHER}",
        "wlan: MAC address 02-00-5E-10-20-32, IP 192.168.7.23",
        "Linux version 6.1.0 (alice@buildhost) (gcc 12) #1",
    ],
    "pmsg-ramoops-0.txt": [
        f"[ro.serialno]: [{SERIAL}]",
        f"ro.boot.serialno={SERIAL.lower()}",
        '{"deviceId": "unlearned1"}',
        "IMEI: 35693803564380 / 356938035643817",
        "ro.ril.oem.imei=356938035643825",
        "/home/carol/x, 86012803564380, /home/alice/roms/rom.img and C:\\Users\\Bob Smith\\rom.img",
    ],
    "output.txt": [f"/tmp/of-alice/rom.img: pushed to {SERIAL} by ALICE-laptop"],
}
GONE = [
    SERIAL, SERIAL.lower(), OTHER, "02:00:5e", "02005E1020", "02-00-5E", "192.168.7.23", "3569380356438",
    "deadbeef01", "unlearned1", "alice", "buildhost", "Bob", "Smith", "carol", "86012803564380",
    "/tmp/of-alice", "secret-folder",
]  # fmt: skip
STAYS = ["Kernel command line: a", "androidboot.serialno=", "Linux version 6.1.0", "(gcc 12) #1", "IMEI: "]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(getpass, "getuser", lambda: "alice")
    monkeypatch.setattr(platform, "node", lambda: "ALICE-laptop.local")


def private_attempt() -> None:
    command = ("hardboot", "boot", "/tmp/of-alice/rom.img", "--dtb=/secret-folder/x.dtb", "--serial", SERIAL)
    keep(
        attempt(serial=SERIAL, address=f"{SERIAL}", command=command),
        {name: "\n".join(lines) for name, lines in PRIVATE.items()} | {f"log-{SERIAL}.txt": "x"},
    )


def read(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_everything_private_is_gone_from_names_and_contents_and_the_rest_is_there(tmp_path: Path) -> None:
    private_attempt()
    ran = hardboot("--json", "attempts", "bundle", "-o", tmp_path / "out.zip")
    assert ran.returncode == 0, ran.stderr
    found = read(tmp_path / "out.zip")
    for name, text in found.items():
        for word in GONE:
            assert word.lower() not in name.lower()
            assert word.lower() not in text.lower(), (name, text)
    texts = "".join(found.values())
    assert all(word in texts for word in STAYS)
    assert {name.rpartition("/")[2] for name in found} == {*PRIVATE, "attempt.json", "log-SERIAL.txt"}
    (described,) = [text for name, text in found.items() if name.endswith("/attempt.json")]
    document = json.loads(described)
    assert (document["serial"], document["command"][2:4]) == ("SERIAL", ["PATH/rom.img", "--dtb=PATH/x.dtb"])
    said = json.loads(ran.stdout)
    assert said["removed"].keys() == {"serial number", "network address", "IMEI", "path", "name"}
    assert min(said["removed"].values()) > 0


def test_people_are_told_what_was_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private_attempt()
    monkeypatch.chdir(tmp_path)
    ran = hardboot("attempts", "bundle", "last")
    assert ran.returncode == 0, ran.stderr
    assert "serial numbers" in ran.stdout
    assert "IMEIs" in ran.stdout
    assert ran.stdout.splitlines()[-1].startswith("Wrote hardboot-attempt-")
    assert len(list(tmp_path.glob("hardboot-attempt-*.zip"))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "[    1.234567] mmc0: new HS400 card at address 0001, irq 12, serial: 0",
        "reset register 0x10009800: 127.0.0.1, version 4.14.186.1234, 255.255.255.0",
        "PSCIv0.2 detected in firmware; /sys/fs/pstore/console-ramoops-0 /dev/block/by-name/boot",
        "boot id 0b9e6a86-8a40-4a6c-9d29-3f2dd6b4a2b5, sha256 " + "0123456789abcdef" * 4,
        "androidboot.hardware=qcom androidboot.machine=x console=ttyMSM0 serial=ttyS0 root@ root:x:0",
    ],
)
def test_what_tells_nobody_stays(text: str) -> None:
    redaction = Redaction()
    redaction.add("name", "root", "tmp", "")
    redaction.learn([text])
    assert redaction.redact(text) == text


@given(
    st.text(st.sampled_from("ABC019"), min_size=6, max_size=20), st.text(max_size=40), st.text(max_size=40)
)
def test_a_serial_number_is_gone_wherever_it_stands(serial: str, before: str, after: str) -> None:
    redaction = Redaction()
    redaction.learn([f"androidboot.serialno={serial} x"])
    if serial in redaction.values:
        assert serial not in redaction.redact(f"{before} {serial} {after}").replace(before, "").replace(
            after, ""
        )


@pytest.mark.parametrize(
    "text",
    [
        "a." * 200_000,
        "serial=" * 60_000,
        "(a@" * 100_000,
        "C:\\Users\\" * 40_000,
        "00:" * 100_000,
        "1" * 300_000,
    ],
    ids=lambda text: text[:8],
)
def test_a_log_made_to_take_long_does_not(text: str) -> None:
    start = time.process_time()
    redaction = Redaction()
    redaction.learn([text])
    redaction.redact(text)
    assert time.process_time() - start < 10  # seconds; a pattern that goes back and forth takes hours


def test_more_values_than_are_looked_for_everywhere_are_removed_where_they_stand() -> None:
    text = "".join(f"serial{number % 2 * '_no'}=AB{number:06}\n" for number in range(2000))
    redaction = Redaction()
    redaction.learn([text])
    assert "AB0" not in redaction.redact(text)
    assert redaction.removed["serial number"] == 2000


def test_an_attempt_without_files_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no files"):
        bundle.write(attempt(), tmp_path / "out.zip")
    assert list(tmp_path.glob("out*")) == []


def test_a_bundle_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    private_attempt()
    ran = hardboot("attempts", "bundle", "-o", tmp_path / "none/out.zip")
    assert ran.returncode == 3
    assert "cannot be written" in ran.stderr


def test_archives_of_the_same_attempt_are_the_same(tmp_path: Path) -> None:
    private_attempt()
    found = store.get(store.LAST)
    one, two = (bundle.write(found, tmp_path / name).path.read_bytes() for name in ("a.zip", "b.zip"))
    assert one == two
    assert zipfile.ZipFile(io.BytesIO(one)).testzip() is None
