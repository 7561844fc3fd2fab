"""Images behind a maker's header: the sizes it states, and frames whose header is another one."""

import struct
from typing import Any

import container_builders as build
import pytest
from image_builders import board

from hardboot.base.errors import InputError
from hardboot.formats.avb.vbmeta import parse_footer
from hardboot.formats.boot import wrappers
from hardboot.formats.containers import Changes, open_container, open_frame

LONGER = board("a much longer name" * 300)


def rebuilt(data: bytes, **parts: bytes) -> bytes:
    container = open_container(data)
    same: dict[str, Any] = {part.name: part.data for part in container.parts}
    changes = Changes(container.fields, container.part_fields, same | parts)
    return b"".join(container.rebuild(changes).chunks)


@pytest.mark.parametrize("behind", [b"", bytes(65536), b"\xff" * 65024])
def test_a_mediatek_header_states_the_size_of_the_image_without_what_follows(behind: bytes) -> None:
    """In a partition, which keeps its size."""
    data = build.mtk(build.dtbo(), b"DTBO") + behind
    new = rebuilt(data, tree0=LONGER)
    alone = rebuilt(build.dtbo(), tree0=LONGER)
    assert struct.unpack_from("<I", new, 4)[0] == len(alone)
    assert new[512 : 512 + len(alone)] == alone
    assert len(new) == (len(data) if behind else 512 + len(alone))


@pytest.mark.parametrize("behind", [8192, 65536])
def test_a_mediatek_header_that_counts_what_follows_still_does(behind: int) -> None:
    data = build.mtk(build.dtbo() + bytes(behind), b"DTBO")
    new = rebuilt(data, tree0=board("a longer name"))
    assert len(new) == len(data)
    assert struct.unpack_from("<I", new, 4)[0] == len(new) - 512


def test_a_dhtb_header_covers_the_image_without_what_follows() -> None:
    data = build.dhtb(build.vendor_boot(4))
    new = rebuilt(data, dtb=b"d" * 5000)
    assert len(new) == len(data)
    check = wrappers.read_dhtb(memoryview(new))
    assert check.stored == check.computed
    assert check.size == len(rebuilt(build.vendor_boot(4), dtb=b"d" * 5000))


@pytest.mark.parametrize("data", [build.dhtb(build.dtbo()), build.dtbo(), b"\0" * 4096])
def test_a_frame_with_another_header_is_refused(data: bytes) -> None:
    container = open_container(build.mtk(build.dtbo(), b"DTBO"))
    with pytest.raises(InputError, match="MediaTek header: header at offset 0x0: this is"):
        open_frame(container.kind, data, container.parts)


@pytest.mark.parametrize("inner", [build.dtbo(), build.vendor_boot(4), build.sony_elf(), build.qcdt()])
def test_a_footer_behind_a_header_counts_from_the_start_of_the_file(inner: bytes) -> None:
    """As in MediaTek's dtbo images, which are signed with their header."""
    data = build.with_footer(build.mtk(inner, b"DTBO"), 131072)
    container = open_container(data)
    assert container.signed
    part = container.parts[0]
    content = LONGER if part.name.startswith("tree") else bytes(part.data) + b"x" * 9000
    new = rebuilt(data, **{part.name: content})
    assert len(new) == len(data)
    footer = parse_footer(new)
    assert footer is not None
    assert new[footer.vbmeta_offset :].startswith(build.vbmeta())
    alone = rebuilt(inner, **{part.name: content})
    assert new[512 : 512 + len(alone)] == alone
    assert footer.original_image_size == 512 + len(alone)
