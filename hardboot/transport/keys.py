"""The RSA key that identifies this computer to phones: adb's own, created as adb does if it is missing."""

import os
from pathlib import Path

from hardboot.base.errors import InputError
from hardboot.base.files import home, make_folder
from hardboot.base.temporary import temporary_folder
from hardboot.transport.link import Signer

_KEY_BITS = 2048  # AOSP libcrypto_utils, ANDROID_PUBKEY_MODULUS_SIZE


def default_folder() -> Path:
    """Return the folder where adb keeps its keys."""
    return home() / ".android"


def load_signer(folder: Path) -> Signer:
    """Return the signer for `folder`/adbkey; create the key files that are missing.

    Raises:
        InputError: If the key cannot be read, is not one, or cannot be written.
    """
    from adb_shell.auth.keygen import keygen, write_public_keyfile
    from adb_shell.auth.sign_cryptography import CryptographySigner
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    private, public = folder / "adbkey", folder / "adbkey.pub"
    try:
        make_folder(folder, mode=0o750)
        # The temporary folder can be read by its owner alone.
        with temporary_folder(folder) as made:
            new_private = made / "adbkey"
            new_public = new_private.with_suffix(".pub")
            if not private.exists():
                keygen(str(new_private))
                new_private.chmod(0o600)
                new_public.replace(public)
                new_private.replace(private)
            elif not public.exists():
                write_public_keyfile(str(private), str(new_public))
                new_public.replace(public)
        signer = CryptographySigner(os.fspath(private))
    except OSError as error:
        raise _unusable(private, error.strerror or str(error)) from error
    except (ValueError, TypeError, AttributeError, UnsupportedAlgorithm) as error:
        raise _unusable(private, "it is not a private RSA key in PEM form without a password") from error
    if not isinstance(signer.rsa_key, RSAPrivateKey) or signer.rsa_key.key_size != _KEY_BITS:
        raise _unusable(private, f"it is not an RSA key of {_KEY_BITS} bits")
    return signer


def _unusable(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path}: the ADB key cannot be used: {reason}",
        state="Nothing was sent; the key was not changed.",
        fix="Repair its permissions, or move the file away: a new key is created, and the phone asks again.",
    )
