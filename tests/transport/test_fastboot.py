"""The official fastboot client: found, its version checked, its output read, and ended when it waits."""

import time
from pathlib import Path

import pytest

from hardboot.base.errors import InputError, ToolError
from hardboot.transport import fastboot, fastboot_reasons
from hardboot.transport.fastboot import Fastboot


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a script that stands in for the client; it prints the file `says` and exits with its code."""
    script = tmp_path / "fastboot"
    script.write_text(f"#!/bin/sh\ncat {tmp_path}/says; exit $(cat {tmp_path}/code)\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    says(tmp_path, "fastboot version 34.0.5-debian\n")
    return tmp_path


def says(folder: Path, text: str, code: int = 0) -> None:
    (folder / "says").write_text(text)
    (folder / "code").write_text(str(code))


@pytest.mark.parametrize("version", ["7.0.0+r33-1", "1:8.1.0+r23-5", "29.0.6-debian", "0e9850346394-android"])
def test_clients_since_android_7_are_taken(client: Path, version: str) -> None:
    says(client, f"fastboot version {version}\nInstalled as {client}\n")
    assert fastboot.find("HB1") == Fastboot(str(client / "fastboot"), "HB1")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("fastboot version 6.0.1\n", "is version 6.0.1: too old, 7 is needed"),
        ("usage: fastboot\n", "is not the official fastboot client: it does not tell its version"),
        ("", "is not the official fastboot client: it does not tell its version"),
    ],
)
def test_an_old_client_and_another_program_are_refused(client: Path, text: str, what: str) -> None:
    says(client, text)
    with pytest.raises(ToolError) as caught:
        fastboot.find("HB1")
    assert caught.value.what == f"{client}/fastboot {what}"


@pytest.mark.parametrize(
    "serial",
    [
        "HB1",
        "0123ABCD",
        "usb:1-2",
        "tcp:phone",
        "tcp:10.0.0.2:5554",
        "udp:[fe80::1]:5554",
        "udp:127.0.0.1:6520",
    ],
)
def test_serials_of_usb_and_network_are_taken(client: Path, serial: str) -> None:
    assert fastboot.find(serial).serial == serial


@pytest.mark.parametrize("serial", ["-x", "", "tcp:", "udp:host:port", "a b", "tcp:a:1:2", "--help", "a\n"])
def test_other_words_are_no_serial(client: Path, serial: str) -> None:
    with pytest.raises(InputError) as caught:
        fastboot.find(serial)
    assert caught.value.what == f"{serial!r} is not a serial for fastboot"


def test_a_variable_is_read_and_one_that_is_missing_is_none(client: Path) -> None:
    phone = fastboot.find("HB1")
    says(client, "unlocked: yes\nFinished. Total time: 0.000s\n")
    assert phone.variable("unlocked") == "yes"
    assert phone.variable("product") is None
    says(client, "(bootloader) hello\nproduct: a b \r\nFinished.\n")
    assert phone.variable("product") == "a b"
    says(client, "getvar:unlocked FAILED (remote: 'unknown variable')\n", 1)
    assert phone.variable("unlocked") is None
    assert phone.answers()  # refusing is an answer
    says(client, "< waiting for HB1 >\n", 1)
    assert not phone.answers()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Booting  FAILED (remote: 'unknown command')\nfastboot: error: Command failed\n", "unknown command"),
        ("FAILED (remote: unknown command)\n", "unknown command"),
        ("FAILED (remote: 'it's (not) so')\n", "it's (not) so"),
        ("FAILED (remote failure)\n", None),
        ("FAILED (Status read failed (No such device))\n", None),
    ],
)
def test_the_reason_of_a_refusal_is_read_as_old_and_new_clients_write_it(
    client: Path, tmp_path: Path, text: str, reason: str | None
) -> None:
    phone = fastboot.find("HB1")
    says(client, text, 1)
    answer = phone.boot(client / "says")
    assert (answer.done, answer.reason) == (False, reason)


def test_a_client_that_waits_for_its_phone_is_ended(client: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    phone = fastboot.find("HB1")
    (client / "fastboot").write_text(f"#!/bin/sh\necho $$ >{client}/pid\nexec sleep 60\n")
    monkeypatch.setattr(fastboot, "_ASK_S", 0.3)
    start = time.monotonic()
    assert not phone.answers()
    assert time.monotonic() - start < 10
    assert not Path(f"/proc/{(client / 'pid').read_text().strip()}").exists()


@pytest.mark.parametrize(
    ("reason", "meaning"),
    [
        ("unknown command", "cannot boot an image without flashing it"),
        ("Command not supported in default implementation", "cannot boot an image without flashing it"),
        ("unrecognized command boot", "cannot boot an image without flashing it"),
        ("not allowed in locked state", "is locked"),
        ("Fastboot boot command is not available in locked device", "is locked"),
        ("Boot Command is not allowed in Lock State", "is locked"),
        ("boot is not allowed in lock state", "is locked"),
        ("oem unlock first", "is locked"),
        ("Command not allowed", "does not allow it"),
        ("Fastboot boot command is not available while MDTP is active", "theft protection forbids it"),
        ("Failed to load/authenticate boot image: Device Error", "by its format or its signature"),
        ("kernel compression not supported", "cannot unpack this kernel"),
        ("data too large", "is too large"),
        ("BootImage: Size is greater than max download size", "is too large"),
        ("dtb not found", "finds no device tree for this phone"),
        ("Invalid Boot image Header", "does not take this kind of image"),
        ("incomplete bootimage", "does not take this kind of image"),
    ],
)
def test_what_bootloaders_answer_is_explained(reason: str, meaning: str) -> None:
    found = fastboot_reasons.explain(reason)
    assert found
    assert meaning in found.what


def test_other_words_are_not_explained() -> None:
    assert fastboot_reasons.explain("sorry") is None
    assert fastboot_reasons.explain("") is None
