"""The RSA key this computer shows to phones: adb's own (~/.android/adbkey), made as adb does if missing."""

import os
import tempfile
from pathlib import Path

from hardboot.base.errors import InputError
from hardboot.transport.adb_link import Signer

_KEY_BITS = 2048  # AOSP libcrypto_utils, ANDROID_PUBKEY_MODULUS_SIZE


def default_folder() -> Path:
    """Where adb keeps its keys."""
    return Path.home() / ".android"


def signer(folder: Path) -> Signer:
    """The signer for `folder`/adbkey; both key files are made if they are missing.

    Raises:
        InputError: If the key cannot be read, is not one, or cannot be written.
    """
    from adb_shell.auth.keygen import keygen, write_public_keyfile
    from adb_shell.auth.sign_cryptography import CryptographySigner
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    private, public = folder / "adbkey", folder / "adbkey.pub"
    try:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=".adbkey-", dir=folder
        ) as name:  # readable by its owner alone
            made = Path(name) / "adbkey"
            made_public = made.with_suffix(".pub")
            if not private.exists():
                keygen(str(made))
                made.chmod(0o600)
                made_public.replace(public)
                made.replace(private)
            elif not public.exists():
                write_public_keyfile(str(private), str(made_public))
                made_public.replace(public)
        found = CryptographySigner(os.fspath(private))
    except OSError as error:
        raise _unusable(private, error.strerror or str(error)) from error
    except (ValueError, TypeError, AttributeError, UnsupportedAlgorithm) as error:
        raise _unusable(private, "it is not a private RSA key in PEM form without a password") from error
    if not isinstance(found.rsa_key, RSAPrivateKey) or found.rsa_key.key_size != _KEY_BITS:
        raise _unusable(private, f"it is not an RSA key of {_KEY_BITS} bits")
    result: Signer = found
    return result


def _unusable(path: Path, why: str) -> InputError:
    return InputError(
        f"{path}: the ADB key cannot be used: {why}",
        state="Nothing was sent; the key was not touched.",
        fix="Repair its permissions, or move the file away: a new key is then made, and the phone asks once.",
    )
