"""`hardboot plan` for kernels behind headers and images behind loaders: the same plan as without them."""

import json
from pathlib import Path

import container_builders as build
import pytest
from image_builders import arm64_image, dtb, kernel_with_banner, pack, zboot, zimage
from in_process import hardboot
from packed_kernels import mkimage
from ramdisks import ramdisk

MEMORY = 'memory@40000000 { device_type = "memory"; reg = <0 0x40000000 0 0x20000000>; };'
TREE = dtb(f'/ {{ #address-cells = <2>; #size-cells = <2>; compatible = "linux,dummy-virt"; {MEMORY} }};')
IMAGE = arm64_image(kernel_with_banner("6.1.0-50-arm64", 60_000, 9_000))
ZIMAGE = zimage(payload=pack(kernel_with_banner("6.1.0-50-armmp", 60_000, 9_000), "gzip"))
MOVED_MAGIC = IMAGE[:0x30] + b"ARM\x64" + bytes(12) + IMAGE[64:]


def boot(kernel: bytes) -> bytes:
    return build.boot(kernel, ramdisk())


def planned(folder: Path, device: str, image: bytes) -> list[dict[str, object]]:
    folder.mkdir()
    (folder / "boot.img").write_bytes(image)
    done = hardboot("--json", "plan", folder / "boot.img", "--device", device)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["dtb_source"] == "the ROM's only one"
    segments: list[dict[str, object]] = document["segments"]
    return segments


def injected(image: bytes) -> bytes:
    return build.injected()[:1024] + image[:1024] + image[2048:]


ZIMAGES = {
    "uImage": boot(mkimage(ZIMAGE) + TREE),
    "uImage with its tree": boot(mkimage(ZIMAGE + TREE)),
    "multi-file uImage": boot(mkimage(ZIMAGE, b"ramdisk", TREE, kind="multi")),
    "uImage behind a MediaTek header": boot(build.mtk(mkimage(ZIMAGE) + TREE, b"KERNEL")),
    "UNCOMPRESSED_IMG": boot(build.patched(ZIMAGE, TREE)),
    "Nook HD": build.nook(boot(ZIMAGE + TREE)),
    "Amonet": injected(boot(ZIMAGE + TREE)),
}
IMAGES = {
    "UNCOMPRESSED_IMG": boot(build.patched(IMAGE, TREE)),
    "UNCOMPRESSED_IMG of a wrong size": boot(build.patched(IMAGE, TREE, 7)),
    "uImage": boot(mkimage(IMAGE) + TREE),
    "packed uImage": boot(mkimage(pack(IMAGE, "gzip"), compression="gzip") + TREE),
    "zboot": boot(zboot(pack(IMAGE, "gzip")) + TREE),
}


@pytest.mark.parametrize(
    ("device", "bare", "image"),
    [
        *(pytest.param("virt-arm", ZIMAGE, image, id=f"arm, {name}") for name, image in ZIMAGES.items()),
        *(pytest.param("virt-arm64", IMAGE, image, id=f"arm64, {name}") for name, image in IMAGES.items()),
        pytest.param("virt-arm64", MOVED_MAGIC, boot(build.patched(MOVED_MAGIC, TREE)), id="magic at 0x30"),
    ],
)
def test_what_is_in_front_changes_nothing_in_the_plan(
    tmp_path: Path, device: str, bare: bytes, image: bytes
) -> None:
    expected = planned(tmp_path / "bare", device, boot(bare + TREE))
    assert planned(tmp_path / "wrapped", device, image) == expected
