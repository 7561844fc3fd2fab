"""Who is let in by the virtual phone's adbd."""

import struct
from pathlib import Path

import pytest
from adb_client import Adb
from virtual_adbd import Connect, Raw, Start, keygen


def public_key_line(key: int, exponent: int) -> str:
    """Return an adb_keys line in the layout of Android's libcrypto_utils, made without the daemon's code."""
    import base64

    words = struct.pack("<II", 64, pow(-key, -1, 1 << 32))
    body = key.to_bytes(256, "little") + pow(2, 4096, key).to_bytes(256, "little")
    return base64.b64encode(words + body + struct.pack("<I", exponent)).decode() + " a@comment\n"


def test_a_client_without_a_known_key_stays_outside(adb: Adb, start: Start, tmp_path: Path) -> None:
    keys = tmp_path / "adb_keys"
    keys.write_text(keygen(adb, tmp_path / "stranger").with_suffix(".pub").read_text())
    daemon = start("-a", str(keys))
    assert b"failed to authenticate" in adb.run("connect", daemon.serial).stdout
    shell = adb.run("-s", daemon.serial, "shell", "echo inside")
    assert b"inside" not in shell.stdout
    assert b"unauthorized" in shell.stderr
    adb.run("disconnect", daemon.serial)


def test_a_client_with_a_known_key_is_let_in(
    adb: Adb, start: Start, connect: Connect, tmp_path: Path
) -> None:
    keys = tmp_path / "adb_keys"
    stranger = keygen(adb, tmp_path / "stranger").with_suffix(".pub").read_text()
    own = (adb.home / ".android" / "adbkey.pub").read_text().strip()
    keys.write_text(f"# nonsense\n\n{stranger.strip()}\n{own}\n")
    assert connect(start("-a", str(keys))).good("shell", "echo inside") == b"inside\n"


def test_no_keys_file_means_nobody(start: Start, tmp_path: Path) -> None:
    with Raw(start("-a", str(tmp_path / "absent")).port) as raw:
        raw.challenge()
        raw.send(b"AUTH", 2, 0, bytes(256))
        assert raw.receive()[0] == b"AUTH"


@pytest.mark.parametrize("exponent", [3, 65537])
def test_only_a_signature_of_this_very_token_counts(start: Start, tmp_path: Path, exponent: int) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils

    modulus = 3 << 2046
    while modulus >= 3 << 2046:  # small enough for signature + modulus to fit into 2048 bits at times
        key = rsa.generate_private_key(public_exponent=exponent, key_size=2048)
        modulus = key.public_key().public_numbers().n
    keys = tmp_path / "adb_keys"
    keys.write_text(public_key_line(modulus, exponent))
    daemon = start("-a", str(keys))

    def sign(token: bytes) -> bytes:
        return key.sign(token, padding.PKCS1v15(), utils.Prehashed(hashes.SHA1()))

    with Raw(daemon.port) as raw:
        first = token = raw.challenge()
        while int.from_bytes(sign(token), "big") + modulus >= 1 << 2048:
            raw.send(b"AUTH", 2, 0)
            first = token = raw.receive()[3]
        good = sign(token)
        wrong = [
            (int.from_bytes(good, "big") + modulus).to_bytes(256, "big"),
            good[:-1] + bytes([good[-1] ^ 1]),
            good[1:],
            b"",
            bytes(256),
            b"\xff" * 256,
            good[::-1],
        ]
        for signature in wrong:
            raw.send(b"AUTH", 2, 0, signature)
            command, kind, _, fresh = raw.receive()
            assert (command, kind) == (b"AUTH", 1)
            assert fresh != token
            token = fresh
        raw.send(b"AUTH", 2, 0, sign(first))  # right once, not any more
        token = raw.receive()[3]
        raw.send(b"OPEN", 1, 0, b"shell:echo\0")  # not answered: nobody is in yet
        raw.send(b"AUTH", 3, 0, keys.read_bytes() + b"\0")  # nor does asking the owner help
        raw.send(b"AUTH", 2, 0, sign(token))
        assert raw.receive()[0] == b"CNXN"


def test_guessing_signatures_ends(start: Start, tmp_path: Path) -> None:
    with Raw(start("-a", str(tmp_path / "absent")).port) as raw:
        raw.challenge()
        for _ in range(64):
            raw.send(b"AUTH", 2, 0, bytes(256))
            raw.receive()
        raw.send(b"AUTH", 2, 0, bytes(256))
        raw.expect_end()
