"""The id in a boot image's header: checked, renewed, and of which parts."""

import hashlib
import struct
from dataclasses import replace

import pytest
from golden_images import V0, V1, V2, V3, V4

from hardboot.formats.boot import bootimg
from hardboot.formats.boot.bootimg import BootImage


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
@pytest.mark.parametrize("image", [V0, V1, V2], ids=["v0", "v1", "v2"])
def test_an_id_is_recognised_until_a_part_changes(image: BootImage, algorithm: bootimg.Algorithm) -> None:
    image = bootimg.renew(image, algorithm)
    assert bootimg.check_id(image) == algorithm
    assert bootimg.check_id(replace(image, ramdisk=b"ramdisk dat4")) is None
    assert bootimg.check_id(replace(image, second=b"")) is None


def test_the_sizes_of_empty_parts_are_hashed_too() -> None:
    image = BootImage(kernel=b"k")
    by_hand = hashlib.sha1(b"k" + struct.pack("<III", 1, 0, 0)).digest()
    assert bootimg.compute_id(image, "sha1") == by_hand + bytes(12)


@pytest.mark.parametrize("image", [V3, V4])
def test_images_without_an_id_have_zeros_for_it(image: BootImage) -> None:
    assert not bootimg.has_id(image)
    assert bootimg.compute_id(image, "sha1") == bytes(32)
    assert bootimg.check_id(replace(image, id=b"x" * 32)) is None
    assert bootimg.renew(image, "sha256").id == bytes(32)


@pytest.mark.parametrize("version", [0, 1, 2])
def test_an_id_may_count_a_device_tree_table_that_is_not_there(version: int) -> None:
    """As LineageOS's mkbootimg does it, for every image without one."""
    image = (V0, V1, V2)[version]
    parts = [image.kernel, image.ramdisk, image.second, b"", image.recovery_dtbo, image.dtb][: 4 + version]
    digest = hashlib.sha1(b"".join(bytes(part) + struct.pack("<I", len(part)) for part in parts)).digest()
    image = replace(image, id=digest + bytes(12))
    assert bootimg.check_id(image) == "sha1-dt"
    changed = bootimg.renew(replace(image, kernel=b"k"), "sha1-dt")
    assert bootimg.check_id(changed) == "sha1-dt"
