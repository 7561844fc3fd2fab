"""Images read from partitions keep their size; what an earlier image left behind them makes room."""

import json
from pathlib import Path

import container_builders as build
import container_kinds
import in_process
import pytest
from image_builders import arm64_image, board, kernel_with_banner, zimage
from unpacked import packed, taken_apart

from hardboot.base.errors import RefusedError
from hardboot.formats.containers import open_container
from hardboot.images.unpack import pack

SIZE = 1 << 20  # bytes of the partition
STALE = bytes(range(1, 256))
LONGER = board("a board with a longer name" * 400)

DUMPS = {
    "v0": (build.boot(), "kernel"),
    "v0 with Samsung's mark": (build.boot() + build.SAMSUNG + b"\xff" * 4 + bytes(2000), "kernel"),
    "v0 behind a loader": (b"LOADER\0\xff".ljust(5000, b"\x11") + build.boot(), "ramdisk"),
    "v2": (build.boot_v2(2), "kernel"),
    "v4": (build.boot_v3(4), "ramdisk"),
    "PXA": (build.pxa(), "kernel"),
    "MTK": (build.boot(build.mtk(build.KERNEL, b"KERNEL")), "kernel"),
    "DHTB": (build.dhtb(behind=0), "kernel"),
    "vendor_boot": (build.vendor_boot(4), "ramdisk0"),
    "Sony ELF": (build.sony_elf(), "kernel"),
    "dtbo": (build.dtbo(), "tree0"),
    "QCDT": (build.qcdt(), "tree0"),
    "DTBH": (build.dtbh(), "tree0"),
    "AML_ 2": (container_kinds.every_kind()["AML_ 2"], "tree0"),
    "RSCE": (container_kinds.every_kind()["RSCE"], "tree0"),
    "Rockchip kernel": (container_kinds.every_row()["Rockchip kernel"], "kernel"),
    "uInitrd": (container_kinds.every_row()["uInitrd"], "ramdisk"),
    "dtbo behind a MediaTek header": (build.mtk(build.dtbo(), b"DTBO"), "tree0"),
    "trees in a row": (board("one") + board("two"), "tree1"),
    "zImage with trees": (zimage() + board("one"), "kernel"),
    "vbmeta": (build.vbmeta(), "vbmeta"),
}


def dump(image: bytes, *, zeros: int = 0) -> bytes:
    """Return a partition with `image`, in which stale bytes reach to its end but for `zeros`."""
    stale = (STALE * (SIZE // len(STALE) + 1))[: SIZE - len(image) - zeros]
    return image + stale + bytes(zeros)


def longer(folder: Path, part: str, size: int) -> None:
    old = (folder / part).read_bytes()
    (folder / part).write_bytes(LONGER if part.startswith("tree") else old + b"x" * size)


@pytest.mark.parametrize(("image", "part"), DUMPS.values(), ids=DUMPS)
@pytest.mark.parametrize("zeros", [0, 4096])
def test_stale_bytes_behind_an_image_make_room(tmp_path: Path, image: bytes, part: str, zeros: int) -> None:
    data = dump(image, zeros=zeros)
    folder = taken_apart(tmp_path, data)
    assert packed(folder)[1] == data
    longer(folder, part, 9000)
    done, again = packed(folder)
    assert len(again) == SIZE
    assert 0 < done.overwritten < 20000
    assert again.endswith(data[-SIZE // 2 :])
    assert (folder / part).read_bytes() in again
    assert open_container(again).parts


@pytest.mark.parametrize(("image", "part"), DUMPS.values(), ids=DUMPS)
def test_a_dump_that_would_outgrow_its_partition_is_refused_or_told_to(
    tmp_path: Path, image: bytes, part: str
) -> None:
    data = dump(image)[: len(image) + 4096 - len(image) % 4096]
    folder = taken_apart(tmp_path, data)
    (folder / part).write_bytes((folder / part).read_bytes() + bytes(8192) + b"x")
    with pytest.raises(RefusedError, match=r"is [\d.]+ Ki?B too large for the partition"):
        packed(folder)
    assert not (tmp_path / "again.img").exists()
    done = pack(folder, tmp_path / "grown.img", grow=True)
    assert done.overwritten == 0
    assert (tmp_path / "grown.img").read_bytes().endswith(data[-512:])


@pytest.mark.parametrize(("image", "part"), DUMPS.values(), ids=DUMPS)
def test_an_image_that_was_not_read_from_a_partition_grows(tmp_path: Path, image: bytes, part: str) -> None:
    folder = taken_apart(tmp_path, image)
    longer(folder, part, 9000)
    assert len(packed(folder)[1]) > len(image)


def test_a_shorter_part_leaves_the_partition_its_size(tmp_path: Path) -> None:
    data = dump(build.boot())
    folder = taken_apart(tmp_path, data)
    (folder / "kernel").write_bytes(b"short")
    done, again = packed(folder)
    assert (len(again), done.overwritten) == (SIZE, 0)
    assert again.endswith(data[len(build.boot()) :])


def test_the_command_says_what_was_overwritten_and_how_to_grow(tmp_path: Path) -> None:
    data = dump(build.boot())
    folder = taken_apart(tmp_path, data)
    (folder / "kernel").write_bytes(build.KERNEL + b"x" * 4096)
    done = in_process.hardboot("pack", folder, tmp_path / "new.img")
    assert "overwrote 4096 bytes of unknown data behind the image" in done.stderr
    report = in_process.hardboot("pack", folder, tmp_path / "new.img", "--json")
    assert json.loads(report.stdout)["overwritten"] == 4096
    (folder / "kernel").write_bytes(bytes(SIZE))
    done = in_process.hardboot("pack", folder, tmp_path / "none.img")
    assert done.returncode == 4
    assert "too large for the partition it was read from" in done.stderr
    assert "hardboot pack --grow" in done.stderr
    assert not (tmp_path / "none.img").exists()
    assert in_process.hardboot("pack", "--grow", folder, tmp_path / "new.img").returncode == 0
    assert (tmp_path / "new.img").read_bytes().endswith(data[-1000:])


def test_a_kernel_without_an_end_of_its_own_takes_all_of_the_partition(tmp_path: Path) -> None:
    image = arm64_image(kernel_with_banner("6.1.0", 60_000, 20_000))
    folder = taken_apart(tmp_path, dump(image))
    assert (folder / "kernel").stat().st_size == SIZE
