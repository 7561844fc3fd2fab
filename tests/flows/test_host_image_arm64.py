"""Host images with arm64 kernels: packed as the phone's own kernel is, and checked as zImages are."""

import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import container_builders as build
import pytest
from image_builders import arm64_image, board, hardboot_tag, kernel_with_config, zboot, zimage
from packed_kernels import mkimage, packed_by
from told import raises

from hardboot import profile
from hardboot.base.errors import InputError, RefusedError
from hardboot.flows import host_image, partition_content
from hardboot.formats.boot import bootimg
from hardboot.formats.kernels import patched
from hardboot.formats.kernels.kernel import identify

PROFILE = profile.load("virt-arm64")
HOST = "CONFIG_ARM64=y\nCONFIG_KEXEC_HARDBOOT=y\nCONFIG_KEXEC_HARDBOOT_PAGE=0x44000000\n"
SIZE = 120_000
OLD = arm64_image(kernel_with_config("5.10.1-phone", "CONFIG_ARM64=y\n", SIZE))
NEW = arm64_image(kernel_with_config("6.1.2-host", HOST, SIZE))
PACKERS = {
    "gzip": "gzip -9n",
    "lz4 legacy": "lz4 -lq9",
    "lz4": "lz4 -q9",
    "xz": "xz --check=crc32",
    "zstd": "zstd -q",
}


def v4(kernel: bytes) -> bytes:
    """Return a boot image of header v4 without a ramdisk, as phones with init_boot have them."""
    image = bytearray(build.boot_v3(4, kernel=kernel))
    image[12:16] = bytes(4)
    ramdisk = len(build.page(build.RAMDISK, 4096))
    return bytes(image[:-ramdisk])


def made(folder: Path, old: bytes, new: bytes, *, image: bytes | None = None) -> tuple[bytes, int]:
    """Return the kernel that replaces `old`, and how many device trees it got from it."""
    paths = (folder / "boot.img", folder / "Image", folder / "host.img")
    paths[0].write_bytes(image or v4(old))
    paths[1].write_bytes(new)
    result = host_image.make(*paths)
    return bytes(bootimg.parse(paths[2].read_bytes()).kernel), result.dtbs_kept


def qualcomm(kernel: bytes) -> bytes:
    return patched.build_header(len(kernel)) + kernel


def unpacked(command: str, data: bytes) -> bytes:
    words = [command.split()[0], "-dc"]
    return subprocess.run(words, input=data, capture_output=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("command", PACKERS.values(), ids=PACKERS)
@pytest.mark.parametrize("given", [None, *PACKERS.values()], ids=["Image", *PACKERS])
def test_a_new_kernel_is_packed_as_the_old_one_was(tmp_path: Path, command: str, given: str | None) -> None:
    new = packed_by(given, NEW) if given else NEW
    kernel, kept = made(tmp_path, packed_by(command, OLD), new)
    assert unpacked(command, kernel) == NEW
    assert kept == 0
    if given == command:
        assert kernel == new


@pytest.mark.parametrize("given", [None, "gzip -9n", "lz4 -lq9"], ids=["Image", "gzip", "lz4"])
def test_a_new_kernel_is_unpacked_if_the_old_one_was_not_packed(tmp_path: Path, given: str | None) -> None:
    assert made(tmp_path, OLD, packed_by(given, NEW) if given else NEW)[0] == NEW


def test_the_kernel_in_an_efi_zboot_file_is_taken_out(tmp_path: Path) -> None:
    old = packed_by("gzip -9n", OLD)
    kernel, _ = made(tmp_path, old, zboot(packed_by("gzip -9n", NEW)))
    assert unpacked("gzip", kernel) == NEW


def test_the_size_that_older_kernels_carry_behind_them_is_renewed(tmp_path: Path) -> None:
    old = packed_by("xz --check=crc32", OLD) + len(OLD).to_bytes(4, "little")
    kernel, _ = made(tmp_path, old, NEW)
    assert kernel[-4:] == len(NEW).to_bytes(4, "little")
    assert unpacked("xz", kernel[:-4]) == NEW


@pytest.mark.parametrize("how", [None, "gzip -9n", "lz4 -lq9"], ids=["Image", "gzip", "lz4"])
def test_trees_behind_the_kernel_stay_or_are_replaced(tmp_path: Path, how: str | None) -> None:
    packed = partial(packed_by, how) if how else bytes
    trees = board("old") + board("older")
    kernel, kept = made(tmp_path, packed(OLD) + trees, NEW)
    assert kernel.endswith(trees)
    assert kernel.count(b"\xd0\x0d\xfe\xed") == kept == 2
    kernel, kept = made(tmp_path, packed(OLD) + trees, NEW + board("new"))
    assert kernel.endswith(board("new"))
    assert kernel.count(b"\xd0\x0d\xfe\xed") == 1
    assert kept == 0


@pytest.mark.parametrize("around", [mkimage, qualcomm])
def test_a_header_around_the_old_kernel_is_written_for_the_new_one(
    tmp_path: Path, around: Callable[[bytes], bytes]
) -> None:
    kernel, _ = made(tmp_path, around(OLD), packed_by("gzip -9n", NEW))
    assert len(kernel) == len(NEW) + len(around(OLD)) - len(OLD)
    assert kernel.endswith(NEW)
    assert identify(kernel).release == "6.1.2-host"
    kernel, _ = made(tmp_path, packed_by("gzip -9n", OLD), around(NEW))
    assert unpacked("gzip", kernel) == NEW


def test_everything_else_of_the_image_stays(tmp_path: Path) -> None:
    image = build.with_footer(build.boot_v3(4, kernel=packed_by("gzip -9n", OLD)), 1 << 20)
    kernel, _ = made(tmp_path, OLD, NEW, image=image)
    before, after = bootimg.parse(image), bootimg.parse((tmp_path / "host.img").read_bytes())
    assert unpacked("gzip", kernel) == NEW
    assert (after.cmdline, bytes(after.ramdisk), after.os_version, after.header_version) == (
        before.cmdline,
        bytes(before.ramdisk),
        before.os_version,
        4,
    )
    assert (tmp_path / "host.img").stat().st_size == 1 << 20


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (OLD, zimage(), "Image: this is a kernel for 32-bit ARM (zImage), the phone's own is for arm64"),
        (OLD, b"no kernel" * 99, "Image: this is a text file, not an ARM kernel"),
        (OLD, v4(OLD), "Image: this is an Android boot image, not an ARM kernel"),
        (zimage(), v4(zimage()), "Image: this is an Android boot image, not an ARM kernel"),
        (zimage(), OLD, "Image: this is an arm64 kernel, the phone's own kernel is a zImage for 32-bit ARM"),
    ],
)
def test_a_kernel_that_cannot_take_the_place_is_named(
    tmp_path: Path, old: bytes, new: bytes, problem: str
) -> None:
    with pytest.raises(InputError) as caught:
        made(tmp_path, old, new)
    assert caught.value.what.startswith(f"{tmp_path}/{problem}")
    assert not (tmp_path / "host.img").exists()


def host(folder: Path, kernel: bytes) -> Path:
    path = folder / "boot.img"
    path.write_bytes(v4(kernel))
    return path


@pytest.mark.parametrize("command", [None, "gzip -9n", "lz4 -lq9"], ids=["Image", "gzip", "lz4"])
def test_a_kernel_with_the_profiles_page_is_accepted_silently(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str | None
) -> None:
    path = host(tmp_path, packed_by(command, NEW) if command else NEW)
    host_image.check(path, PROFILE)
    assert capsys.readouterr().err == ""
    content = partition_content.inspect(path.read_bytes() + bytes(4096))
    assert (content.problem, content.release, content.host) == (None, "6.1.2-host", True)


@pytest.mark.parametrize(
    ("kernel", "what"),
    [
        (OLD, "its kernel has no hardboot support"),
        (
            arm64_image(kernel_with_config("6.1", HOST.replace("0x44000000", "0x80000000"))),
            "its kernel has the hardboot page at 0x80000000, the profile virt-arm64 has it at 0x44000000",
        ),
        (
            zimage(tags=hardboot_tag(0x44000000)),
            f"its kernel is for arm, {PROFILE.title} is arm64",
        ),
    ],
)
def test_a_kernel_that_is_no_host_for_this_phone_is_refused(tmp_path: Path, kernel: bytes, what: str) -> None:
    path = host(tmp_path, kernel)
    with pytest.raises(RefusedError) as caught:
        host_image.check(path, PROFILE)
    assert caught.value.what == f"{path}: {what}"


def test_an_arm64_kernel_is_no_host_for_an_arm_phone(tmp_path: Path) -> None:
    path = host(tmp_path, NEW)
    title = profile.load("virt-arm").title
    with raises(
        RefusedError,
        f"{path}: its kernel is for arm64, {title} is arm",
        "Nothing was sent.",
        "Build the kernel for this phone: hardboot patch apply TREE --device virt-arm",
    ):
        host_image.check(path, profile.load("virt-arm"))


@pytest.mark.parametrize("stated", [None, "0x", "0x12345678901234567", "44000000"])
def test_a_kernel_that_does_not_state_its_page_is_accepted_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], stated: str | None
) -> None:
    line = f"CONFIG_KEXEC_HARDBOOT_PAGE={stated}\n" if stated else ""
    kernel = arm64_image(kernel_with_config("6.1", f"CONFIG_KEXEC_HARDBOOT=y\n{line}"))
    host_image.check(host(tmp_path, kernel), PROFILE)
    assert "it cannot be compared with the profile's, 0x44000000" in capsys.readouterr().err
