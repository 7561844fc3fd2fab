"""Verify what a vbmeta image states: its own hash and signature, and the hashes of partitions.

Sources: AOSP external/avb, libavb/avb_vbmeta_image.c (what is hashed), avb_crypto.h (AvbRSAPublicKeyHeader)
and avb_crypto.c (padding: PKCS #1 v1.5, RFC 8017 chapter 9.2). A valid signature proves that nothing was
changed since it was signed with the key beside it, not that the key is the phone's.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from hardboot.formats.avb.descriptors import Descriptor
from hardboot.formats.avb.records import PublicKeyHeader
from hardboot.formats.avb.vbmeta import VbMeta
from hardboot.formats.reading import Data, view, windows

_EXPONENT = 65537
_HASHES = {"sha1", "sha256", "sha512"}
_DIGEST_INFO = {  # RFC 8017, chapter 9.2, note 1
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}
# By SHA-1 of the public key. The private ones are in AOSP, external/avb, test/data/testkey_rsa2048.pem and
# testkey_rsa4096.pem; the hashes, in system/core, fs_mgr/libfs_avb/tests/avb_util_test.cpp.
_TEST_KEYS = {
    "cdbb77177f731920bbe0a0f94f84d9038ae0617d": "testkey_rsa2048",
    "2597c218aae470a130f61162feaae70afd97f011": "testkey_rsa4096",
}


@dataclass(frozen=True)
class Signature:
    """The result of checking a vbmeta image's signature.

    Attributes:
        computed: The hash over the signed bytes, as they are now.
        key_sha1: SHA-1 of the public key as stored, as `avbtool info_image` shows it.
        test_key: The name of AOSP's test key that signed it, which anybody can use; None for another key.
        fits: Whether the signature is valid for the key and `computed`.
    """

    computed: bytes
    key_bits: int
    key_sha1: str
    test_key: str | None
    fits: bool


def check_signature(vbmeta: VbMeta) -> Signature | None:
    """Check a vbmeta image's signature; None if it has none, or one by an unknown algorithm."""
    name, _, bits = vbmeta.algorithm.lower().partition("_rsa")
    if name not in _DIGEST_INFO or not bits:
        return None
    digest = hashlib.new(name)
    for block in vbmeta.signed:
        digest.update(block)
    computed = digest.digest()
    fits = vbmeta.digest == computed and _verify(vbmeta, int(bits), _DIGEST_INFO[name] + computed)
    key_sha1 = hashlib.sha1(vbmeta.key).hexdigest()
    return Signature(computed, int(bits), key_sha1, _TEST_KEYS.get(key_sha1), fits)


def _verify(vbmeta: VbMeta, bits: int, signed: bytes) -> bool:
    size = bits // 8
    if len(vbmeta.signature) != size or len(vbmeta.key) < PublicKeyHeader.SIZE + size:
        return False
    if PublicKeyHeader.parse(view(vbmeta.key)).bits != bits:
        return False
    modulus = int.from_bytes(vbmeta.key[PublicKeyHeader.SIZE : PublicKeyHeader.SIZE + size], "big")
    signature = int.from_bytes(vbmeta.signature, "big")
    if signature >= modulus:
        return False
    opened = pow(signature, _EXPONENT, modulus).to_bytes(size, "big")
    padding = b"\xff" * (size - 3 - len(signed))
    return opened == b"\0\1" + padding + b"\0" + signed


def compute_hash(descriptor: Descriptor, partition: Data) -> bytes | None:
    """Compute the hash that a hash descriptor states. Reads all that is hashed.

    None if it is another descriptor, has an unknown hash, or covers more bytes than `partition` has.
    """
    image = view(partition)
    if descriptor.hash not in _HASHES or descriptor.image_size > len(image):
        return None
    digest = hashlib.new(descriptor.hash, descriptor.salt)
    for window in windows(image[: descriptor.image_size]):
        digest.update(window)
    return digest.digest()
