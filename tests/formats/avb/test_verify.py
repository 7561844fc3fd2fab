"""Hashes and signatures of vbmeta images, against one that avbroot signed."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from golden_images import V4_VTS

from hardboot.formats.avb.descriptors import Descriptor
from hardboot.formats.avb.vbmeta import VbMeta, parse_vbmeta
from hardboot.formats.avb.verify import Signature, check_signature, compute_hash

SIGNED = parse_vbmeta(bytes(V4_VTS.signature))


def checked(vbmeta: VbMeta) -> Signature:
    found = check_signature(vbmeta)
    assert found is not None
    return found


def test_a_signature_by_another_implementation_fits() -> None:
    found = checked(SIGNED)
    assert (found.fits, found.key_bits, found.test_key) == (True, 4096, None)
    assert found.computed == SIGNED.digest
    assert found.key_sha1 == hashlib.sha1(SIGNED.key).hexdigest()


@pytest.mark.parametrize(
    "changes",
    [
        {"digest": bytes(32)},
        {"signature": SIGNED.signature[:-1]},
        {"signature": SIGNED.signature + b"\0"},
        {"signature": bytes(512)},
        {"signature": bytes(512), "key": SIGNED.key[:8] + bytes(512)},
        {"signature": b"\xff" * 512},
        {"signature": SIGNED.key[8:520]},  # the modulus itself
        {"key": SIGNED.key[:519]},
        {"key": b""},
        {"key": (2048).to_bytes(4, "big") + SIGNED.key[4:]},
        {"signed": (SIGNED.signed[0], SIGNED.signed[1][:-1])},
        {"algorithm": "SHA256_RSA2048"},
    ],
)
def test_any_change_makes_a_signature_invalid(changes: dict[str, Any]) -> None:
    found = checked(replace(SIGNED, **changes))
    assert not found.fits


def test_a_key_may_have_more_behind_its_modulus() -> None:
    assert checked(replace(SIGNED, key=SIGNED.key[:520])).fits
    assert checked(replace(SIGNED, key=SIGNED.key + b"more")).fits


@pytest.mark.parametrize("algorithm", ["none", "number 9", "SHA256", "SHA1_RSA2048"])
def test_without_a_known_algorithm_there_is_nothing_to_check(algorithm: str) -> None:
    assert check_signature(replace(SIGNED, algorithm=algorithm)) is None


def test_a_descriptors_hash_is_over_the_salt_and_its_part_of_the_partition() -> None:
    descriptor = Descriptor("", "boot", 8, "sha256", b"salt", b"")
    assert compute_hash(descriptor, b"12345678more") == hashlib.sha256(b"salt12345678").digest()
    assert compute_hash(descriptor, b"12345678") == hashlib.sha256(b"salt12345678").digest()
    assert compute_hash(descriptor, b"1234567") is None
    assert compute_hash(replace(descriptor, hash="blake2b-256"), b"12345678") is None
    assert compute_hash(replace(descriptor, hash=""), b"12345678") is None
