"""Authorisation: keys known, unknown, missing and broken."""

import stat
from pathlib import Path

import pytest
from adbds import VirtualAdbd
from fake_adbd import FakeAdbd
from transports import OpenPhone

from hardboot.base import process
from hardboot.base.errors import DeviceError, InputError
from hardboot.transport.keys import load_signer

pytestmark = pytest.mark.timeout(30)  # nothing here may hang

# Keys


def test_a_phone_that_knows_the_key_lets_us_in(phone: OpenPhone, keys: Path) -> None:
    with FakeAdbd(auth=1) as adbd:
        here = phone(adbd.port, keys)
        assert here.shell("echo in", timeout_s=5).text == "in\n"
        here.close()
        assert adbd.keys == []


def test_the_phones_adbd_accepts_the_signature(
    phone: OpenPhone, virtual_adbd: VirtualAdbd, keys: Path, tmp_path: Path
) -> None:
    trusted = tmp_path / "adb_keys"
    trusted.write_bytes((keys / "adbkey.pub").read_bytes() + b"\n")
    with virtual_adbd.start("-a", str(trusted)) as adbd:
        here = phone(adbd.port, keys)
        here.wait(timeout_s=10)
        assert here.shell("echo in", timeout_s=5).text == "in\n"
        here.close()


def test_the_phones_adbd_refuses_a_key_it_does_not_know(
    phone: OpenPhone,
    virtual_adbd: VirtualAdbd,
    keys: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "adb_keys").touch()
    with virtual_adbd.start("-a", str(tmp_path / "adb_keys")) as adbd:
        here = phone(adbd.port, keys, patience_s=0.5)
        with pytest.raises(DeviceError, match=r"does not trust this computer|did not come back"):
            here.wait(timeout_s=1.5)
    assert "confirm the dialog" in capsys.readouterr().err


def test_a_new_key_is_offered_and_used_once_confirmed(
    phone: OpenPhone, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "home" / ".android"
    with FakeAdbd(auth=2) as adbd:
        here = phone(adbd.port, folder)
        assert here.shell("echo in", timeout_s=5).text == "in\n"
        here.close()
        assert adbd.keys == [(folder / "adbkey.pub").read_bytes() + b"\0"]
    assert "confirm the dialog on the phone" in capsys.readouterr().err
    assert stat.S_IMODE((folder / "adbkey").stat().st_mode) == 0o600
    assert sorted(path.name for path in folder.iterdir()) == ["adbkey", "adbkey.pub"]


@pytest.mark.parametrize("answers", [True, False])
def test_a_phone_that_does_not_trust_us_is_told(phone: OpenPhone, keys: Path, answers: bool) -> None:
    with FakeAdbd(auth=-1, answers_key=answers) as adbd:
        here = phone(adbd.port, keys, patience_s=3)
        with pytest.raises(DeviceError, match="does not trust this computer") as caught:
            here.shell("true", timeout_s=5)
        assert "Unlock the phone" in caught.value.fix
        assert caught.value.state == "Nothing was sent."


def test_a_missing_public_key_is_made_again(keys: Path, tmp_path: Path) -> None:
    (tmp_path / "adbkey").write_bytes((keys / "adbkey").read_bytes())
    load_signer(tmp_path)
    assert (tmp_path / "adbkey.pub").read_bytes() == (keys / "adbkey.pub").read_bytes()


@pytest.mark.parametrize(
    "content", [b"", b"junk", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_broken_key_is_told_and_kept(phone: OpenPhone, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "adbkey").write_bytes(content)
    with FakeAdbd(auth=1) as adbd, pytest.raises(InputError, match="the ADB key cannot be used"):
        phone(adbd.port, tmp_path).shell("true", timeout_s=5)
    assert (tmp_path / "adbkey").read_bytes() == content


def test_a_key_of_another_kind_is_told(phone: OpenPhone, tmp_path: Path) -> None:
    openssl = process.find_tool("openssl", "openssl")
    for name, options in {"ec": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "small": ["RSA"]}.items():
        folder = tmp_path / name
        folder.mkdir()
        if name == "small":
            options += ["-pkeyopt", "rsa_keygen_bits:1024"]
        command = [openssl, "genpkey", "-algorithm", *options, "-out", str(folder / "adbkey")]
        process.run(command, timeout_s=30)
        (folder / "adbkey.pub").write_bytes(b"key")
        with FakeAdbd(auth=1) as adbd, pytest.raises(InputError, match="not an RSA key of 2048 bits"):
            phone(adbd.port, folder).shell("true", timeout_s=5)
