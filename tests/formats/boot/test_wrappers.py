"""Headers that makers put in front of an image or a part."""

import container_builders as build
import pytest

from hardboot.base.errors import InputError
from hardboot.formats.boot import wrappers


def test_a_mediatek_header_with_another_size_is_no_header() -> None:
    good = build.mtk(b"data", b"ROOTFS")
    found = wrappers.split_mtk(good)
    assert found is not None
    assert (found.name, bytes(found.data)) == ("ROOTFS", b"data")
    assert wrappers.split_mtk(good + b"x") is None
    assert "size at offset 0x4: 4 bytes, 5 follow" in str(wrappers.problem_of_mtk(good + b"x"))
    assert wrappers.problem_of_mtk(good) is None


def test_a_dhtb_header_that_covers_more_than_there_is_is_refused() -> None:
    with pytest.raises(InputError, match="size at offset 0x30"):
        wrappers.read_dhtb(memoryview(build.dhtb()[:4000]))
