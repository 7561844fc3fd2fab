"""Images whose hashes other implementations pinned: written byte for byte, and read back."""

import hashlib

import pytest
from golden_images import GOLDEN, UBOOT, V4_VTS

from hardboot.formats.avb import vbmeta as avb
from hardboot.formats.avb import verify as avbcheck
from hardboot.formats.boot import bootimg, vendorboot
from hardboot.formats.boot.bootimg import BootImage
from hardboot.formats.boot.vendorboot import VendorBoot


def check(image: BootImage | VendorBoot, hash_name: str, expected: str) -> None:
    module = bootimg if isinstance(image, BootImage) else vendorboot
    data = b"".join(module.build(image))
    assert hashlib.new(hash_name, data).hexdigest() == expected
    assert module.parse(data) == image


@pytest.mark.parametrize("name", GOLDEN)
def test_images_of_avbroot_are_written_byte_for_byte_and_read_back(name: str) -> None:
    check(GOLDEN[name][0], "sha512", GOLDEN[name][1])


@pytest.mark.parametrize("name", UBOOT)
def test_images_of_u_boots_tests_are_written_byte_for_byte_and_read_back(name: str) -> None:
    check(UBOOT[name][0], "sha256", UBOOT[name][1])


def test_the_signature_of_another_implementation_fits_until_a_bit_changes() -> None:
    data = b"".join(bootimg.build(V4_VTS))
    stored = bytes(V4_VTS.signature)
    found = avb.parse_vbmeta(stored)
    checked = avbcheck.check_signature(found)
    assert checked is not None
    assert checked.fits
    assert checked.key_bits == 4096
    assert avbcheck.compute_hash(found.descriptors[0], data) == found.descriptors[0].digest
    changed = bytearray(data)
    changed[4096] ^= 1
    assert avbcheck.compute_hash(found.descriptors[0], changed) != found.descriptors[0].digest
    for offset in (0x78, 256, 256 + 32, 256 + 576 + 16, 256 + 576 + 200):
        damaged = bytearray(stored)
        damaged[offset] ^= 1
        checked = avbcheck.check_signature(avb.parse_vbmeta(damaged))
        assert checked is not None
        assert not checked.fits, f"offset {offset:#x}"
