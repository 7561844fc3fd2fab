"""Each download, made by its own tools, comes out as the same images."""

import subprocess
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

import image_sets
import ota_builders as build
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_builders import board
from in_process import hardboot
from ota_builders import BLOCK

from hardboot.downloads import open_download
from hardboot.flows import rom

Files = Mapping[str, Path]
Make = Callable[[Path, Files], Path]


def run(*command: str | Path, cwd: Path | None = None) -> bytes:
    return subprocess.run(command, cwd=cwd, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Return images as AOSP's and e2fsprogs' own tools make them."""
    folder = tmp_path_factory.mktemp("images")
    (folder / "kernel").write_bytes(image_sets.KERNEL)
    (folder / "ramdisk").write_bytes(image_sets.GENERIC)
    boot, system = folder / "boot.img", folder / "system.img"
    run("mkbootimg", "--kernel", folder / "kernel", "--ramdisk", folder / "ramdisk", "-o", boot)
    with system.open("wb") as stream:
        stream.truncate(4 << 20)
    run("mke2fs", "-q", "-t", "ext4", "-b", str(BLOCK), "-d", Path(__file__).parent, system)
    for path in (boot, system):
        with path.open("ab") as stream:
            stream.truncate(-(-path.stat().st_size // BLOCK) * BLOCK)
    return {"boot": boot, "system": system}


def folder(tmp_path: Path, images: Files) -> Path:
    target = tmp_path / "folder"
    target.mkdir()
    for name, path in images.items():
        (target / f"{name}.img").write_bytes(path.read_bytes())
    return target


def sparse_folder(tmp_path: Path, images: Files) -> Path:
    target = tmp_path / "folder"
    target.mkdir()
    for name, path in images.items():
        run("img2simg", path, target / f"{name}.img")
    return target


def factory(tmp_path: Path, images: Files) -> Path:
    inner, outer = tmp_path / "image-x-1.zip", tmp_path / "x-factory.zip"
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in images.items():
            archive.write(path, f"{name}.img")
    with zipfile.ZipFile(outer, "w") as archive:
        archive.write(inner, "x-1/image-x-1.zip")
    return outer


def samsung(tmp_path: Path, images: Files) -> Path:
    names = []
    for name, path in images.items():
        sparse = tmp_path / f"{name}.img.ext4" if name == "system" else tmp_path / f"{name}.img"
        if name == "system":
            run("img2simg", path, sparse)
        else:
            sparse.write_bytes(path.read_bytes())
        run("lz4", "-q", "-B6", "--content-size", sparse, f"{sparse}.lz4")
        names.append(f"{sparse.name}.lz4")
    target = tmp_path / "AP_X.tar.md5"
    run("tar", "--format=ustar", "-cf", target, *names, cwd=tmp_path)
    line = run("md5sum", target.name, cwd=tmp_path)
    target.write_bytes(target.read_bytes() + line)
    return target


def samsung_zip(tmp_path: Path, images: Files) -> Path:
    target = tmp_path / "SM-X_1_fac.zip"
    other = build.tar_md5(build.tar({"sboot.bin": b"x"}))
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(samsung(tmp_path, images), "AP_X.tar.md5")
        archive.writestr("BL_X.tar.md5", other)
        archive.writestr("HOME_CSC_X.tar.md5", other)
    return target


def block_based(tmp_path: Path, images: Files) -> Path:
    files = build.block_ota("system", images["system"].read_bytes())
    target = tmp_path / "ota.zip"
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    run("brotli", "-q", "6", "-o", tmp_path / "system.new.dat.br", tmp_path / "system.new.dat")
    with zipfile.ZipFile(target, "w") as archive:
        for name in ("system.new.dat.br", "system.patch.dat", "system.transfer.list"):
            archive.write(tmp_path / name, name)
        archive.write(images["boot"], "boot.img")
    return target


def payload(tmp_path: Path, images: Files) -> Path:
    target = tmp_path / "payload.bin"
    contents = {name: path.read_bytes() for name, path in images.items()}
    target.write_bytes(build.payload(contents, chunk=64, kinds=(build.REPLACE_XZ, build.REPLACE_BZ)))
    return target


def full_ota(tmp_path: Path, images: Files) -> Path:
    target = tmp_path / "ota.zip"
    with zipfile.ZipFile(target, "w") as archive:
        archive.write(payload(tmp_path, images), "payload.bin")
        archive.writestr("META-INF/com/android/metadata", "ota-type=AB\n")
    return target


def xz_tar(tmp_path: Path, images: Files) -> Path:
    target = tmp_path / "rom.tar.xz"
    run("tar", "-C", folder(tmp_path, images), "-cJf", target, ".")
    return target


@pytest.mark.parametrize(
    "make", [folder, sparse_folder, factory, samsung, samsung_zip, block_based, payload, full_ota, xz_tar]
)
def test_every_download_comes_out_as_the_same_images(make: Make, images: Files, tmp_path: Path) -> None:
    path = make(tmp_path, images)
    with open_download(path) as download:
        assert not download.refused
        found = {name: b"".join(source.blocks()) for name, source in download.images.items()}
    assert found == {name: file.read_bytes() for name, file in images.items()}
    (tmp_path / "system").write_bytes(found["system"])
    run("e2fsck", "-fn", tmp_path / "system")
    assert rom.read(path).sha256 == rom.read(images["boot"]).sha256


def test_a_plan_from_an_ota_is_that_from_a_folder(tmp_path: Path) -> None:
    set_of = image_sets.image_set(vendor_boot=image_sets.vendor_boot(dtb=board("x")))
    contents = {name: data + bytes(-len(data) % BLOCK) for name, data in set_of.items()}
    ota = tmp_path / "payload.bin"
    ota.write_bytes(build.payload(contents, chunk=64))
    plans = []
    for path in (image_sets.write_set(tmp_path / "folder-with-images", contents), ota):
        done = hardboot("--json", "plan", "--device", "virt-arm64", path)
        assert done.returncode == 0, done.stderr
        plans.append(done.stdout.replace(str(path), "PATH").replace(path.name, "NAME"))
    assert plans[0] == plans[1]


KINDS = st.lists(st.sampled_from([build.REPLACE, build.REPLACE_BZ, build.REPLACE_XZ]), min_size=1, max_size=5)


@settings(max_examples=30, deadline=None)
@given(blocks=st.integers(1, 40), chunk=st.integers(1, 12), kinds=KINDS, order=st.randoms())
def test_any_payload_comes_out_as_it_went_in(
    blocks: int, chunk: int, kinds: list[int], order: Random, tmp_path_factory: pytest.TempPathFactory
) -> None:
    image, data, operations = build.image(blocks), b"", []
    for number, start in enumerate(range(0, blocks, chunk)):
        end, kind = min(start + chunk, blocks), kinds[number % len(kinds)]
        packed = build.packed(kind, image[start * BLOCK : end * BLOCK])
        extents = [(at, 1) for at in range(start, end)]
        operations.append(build.operation(kind, len(data), packed, extents))
        data += packed
    order.shuffle(operations)
    path = tmp_path_factory.mktemp("any") / "payload.bin"
    path.write_bytes(build.assembled(build.manifest([build.partition("boot", image, operations)]), data))
    with open_download(path) as download:
        assert b"".join(download.images["boot"].blocks()) == image


@settings(max_examples=30, deadline=None)
@given(blocks=st.integers(1, 40), order=st.randoms(), cut=st.integers(1, 7))
def test_any_transfer_list_comes_out_as_the_image(
    blocks: int, order: Random, cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    image = build.image(blocks)
    ranges = [
        (at, min(at + cut, stop))
        for start, stop in build.data_ranges(image)
        for at in range(start, stop, cut)
    ]
    order.shuffle(ranges)
    target = tmp_path_factory.mktemp("any")
    (target / "system.transfer.list").write_bytes(build.transfer_list(ranges, blocks))
    (target / "system.new.dat").write_bytes(build.new_data(image, ranges))
    with open_download(target) as download:
        assert b"".join(download.images["system"].blocks()) == image
