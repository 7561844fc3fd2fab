"""A ROM of several images: what it is made of, and what it lacks."""

from pathlib import Path

import container_builders
import image_sets as build
import pytest
import ramdisks
from image_builders import board, ikconfig, mkbootimg, words, zimage
from told import raises

from hardboot.base.errors import InputError
from hardboot.flows import phone_images, rom
from hardboot.flows.image_set import ImageSet
from hardboot.flows.rom import Rom
from hardboot.formats.boot import bootconfig
from hardboot.formats.reading import sha256
from hardboot.formats.trees import fdt
from hardboot.layout import Arm64Kernel


def read(folder: Path, **images: bytes | None) -> Rom:
    made = {name: data for name, data in images.items() if data is not None}
    return rom.read(build.write_set(folder / "rom", made))


def models(one: Rom) -> list[str]:
    return [fdt.text(each.tree.root.properties["model"]) for each in one.trees]


def test_a_set_is_joined_as_a_bootloader_does(tmp_path: Path) -> None:
    found = read(
        tmp_path, **build.image_set(boot=build.boot_v4(cmdline=b"own=1"), vendor_boot=build.vendor_boot())
    )
    assert isinstance(found.kernel, Arm64Kernel)
    assert (found.path, found.release) == (tmp_path / "rom", build.RELEASE)
    assert found.cmdline == f"{build.VENDOR_CMDLINE} own=1"
    assert bytes(found.ramdisks()) == build.VENDOR + build.GENERIC
    assert found.takes_bootconfig
    assert found.lacks == ()
    assert found.given == {"boot", "init_boot", "vendor_boot"}
    guest = found.guest(tree=None, live_tree=None, cmdline="", words={"androidboot.slot_suffix": ("_a",)})
    rest, text = bootconfig.split(guest.ramdisk)
    assert bytes(rest) == build.VENDOR + build.GENERIC
    assert text == 'androidboot.hardware=virt-arm64\nandroidboot.slot_suffix = "_a"\n'


def test_with_header_v3_the_ramdisk_is_in_boot_and_there_is_no_bootconfig(tmp_path: Path) -> None:
    images = {
        "boot": build.boot_v4(ramdisk=build.GENERIC, version=3),
        "vendor_boot": build.vendor_boot(version=3),
    }
    found = read(tmp_path, **images)
    assert not found.takes_bootconfig
    assert found.lacks == ()
    guest = found.guest(tree=None, live_tree=None, cmdline="", words={"a": ("1",)})
    assert bytes(guest.ramdisk) == build.VENDOR + build.FOR_RECOVERY + build.GENERIC


def test_init_boot_counts_in_place_of_the_ramdisk_in_boot(tmp_path: Path) -> None:
    boot = build.boot_v4(ramdisk=b"of boot")
    assert (
        bytes(read(tmp_path / "a", boot=boot, vendor_boot=build.vendor_boot()).ramdisks())
        == build.VENDOR + b"of boot"
    )
    assert (
        bytes(read(tmp_path / "b", **build.image_set(boot=boot)).ramdisks()) == build.VENDOR + build.GENERIC
    )


def test_mediatek_headers_are_left_out_of_init_boot(tmp_path: Path) -> None:
    init_boot = build.boot_v4(b"", container_builders.mtk(build.GENERIC, b"ROOTFS"))
    found = read(tmp_path, **build.image_set(init_boot=init_boot))
    assert bytes(found.generic) == build.GENERIC


@pytest.fixture(autouse=True)
def folders(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()


@pytest.mark.parametrize(
    ("images", "lacks"),
    [
        (("boot",), ("vendor_boot", "init_boot")),
        (("boot", "init_boot"), ("vendor_boot",)),
        (("boot", "vendor_boot"), ("init_boot",)),
        (("boot", "init_boot", "vendor_boot"), ()),
    ],
)
def test_what_a_set_lacks_is_named(images: tuple[str, ...], lacks: tuple[str, ...], tmp_path: Path) -> None:
    found = read(tmp_path, **{name: data for name, data in build.image_set().items() if name in images})
    assert found.lacks == lacks
    if not lacks:
        phone_images.check_complete(found)
        return
    with raises(
        InputError,
        f"{tmp_path / 'rom'}: the {lacks[0]} image is missing: a boot image with header v4 needs it",
        "Nothing was sent.",
        f"Give the file: --{lacks[0].replace('_', '-')} FILE. Of a connected phone whose profile has the "
        f"partition {lacks[0]}, its own is used.",
    ):
        phone_images.check_complete(found)


def test_an_image_of_header_v2_needs_no_other_and_ignores_them(tmp_path: Path) -> None:
    boot = mkbootimg("--header_version", "2", kernel=zimage(), ramdisk=b"its own", dtb=board("of boot"))
    found = read(tmp_path, **build.image_set(boot=boot))
    assert found.vendor is None
    assert bytes(found.ramdisks()) == b"its own"
    assert models(found) == ["of boot"]
    assert found.lacks == ("dtbo",)
    phone_images.check_complete(found)  # without overlays it may start


def test_what_the_header_of_any_image_states_wrongly_is_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = build.image_set(boot=build.boot_v4(), vendor_boot=build.vendor_boot())
    for name, size in (("boot", 1584), ("init_boot", 1584), ("vendor_boot", 2128)):
        images[name] = images[name].replace(words(size), words(0), 1)
    assert read(tmp_path, **images).lacks == ()
    told = [line for line in capsys.readouterr().err.splitlines() if "header_size is 0 bytes" in line]
    assert [Path(line.split(": ")[1]).stem for line in told] == ["boot", "init_boot", "vendor_boot"]


def test_the_tree_of_vendor_boot_comes_before_one_behind_the_kernel(tmp_path: Path) -> None:
    appended = build.boot_v4(build.KERNEL + board("appended"))
    vendor = build.vendor_boot(dtb=board("vendor"))
    assert models(read(tmp_path / "a", **build.image_set(boot=appended, vendor_boot=vendor))) == ["vendor"]
    assert models(read(tmp_path / "b", **build.image_set(boot=appended))) == ["appended"]


def test_trees_of_the_phones_vendor_boot_are_left_to_its_live_tree(tmp_path: Path) -> None:
    found = read(tmp_path, **build.image_set(vendor_boot=build.vendor_boot(dtb=board("vendor"))))
    assert models(found) == ["vendor"]
    taken = rom.assemble(found.files, taken={"vendor_boot"})
    assert (models(taken), taken.lacks) == ([], ())
    assert taken.given == {"boot", "init_boot"}


def test_own_overlays_need_the_tree_of_the_phones_vendor_boot(tmp_path: Path) -> None:
    images = build.image_set(vendor_boot=build.vendor_boot(dtb=board("vendor")), dtbo=build.overlay_table())
    found = read(tmp_path, **images)
    assert found.lacks == ()
    assert models(rom.assemble(found.files, taken={"vendor_boot"})) == ["vendor"]
    assert models(rom.assemble(found.files, taken={"vendor_boot", "dtbo"})) == []


def test_a_dtbo_without_a_table_is_refused_but_for_an_empty_partition(tmp_path: Path) -> None:
    found = rom.read(build.write_set(tmp_path / "rom", build.image_set()))
    assert found.overlays is None
    dtbo = tmp_path / "dtbo.img"
    dtbo.write_bytes(bytes(4096))
    with raises(
        InputError,
        f"{dtbo}: this is unknown data (it begins with 00 00 00 00 00 00 00 00), not a device tree overlay "
        "table (dtbo)",
        "Nothing was sent.",
        "Give a dtbo.img; a device tree is given by --dtb.",
    ):
        rom.read(tmp_path / "rom", {"dtbo": dtbo})
    images = {**found.files.images, "dtbo": bytes(4096)}
    files = ImageSet(found.path, images, {**found.files.files, "dtbo": dtbo})
    assert rom.assemble(files, taken={"dtbo"}).overlays == ()


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("vendor_boot", build.boot_v4(), "this is an Android boot image, not an Android vendor boot image"),
        ("init_boot", build.vendor_boot(), "this is an Android vendor boot image, not an Android boot image"),
        ("boot", build.vendor_boot(), "this is an Android vendor boot image, not an Android boot image"),
        ("vendor_boot", build.vendor_boot(dtb=b"x" * 99), "the dtb part (99 bytes) holds no device tree"),
        ("boot", build.boot_v4(b""), "the image has no kernel"),
    ],
)
def test_an_image_that_is_another_one_is_named(name: str, data: bytes, problem: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, **build.image_set(**{name: data}))
    assert caught.value.what.startswith(f"{tmp_path / 'rom' / name}.img: ")
    assert problem in caught.value.what
    assert caught.value.state == "Nothing was sent."


def test_the_digest_is_that_of_the_boot_image_or_of_all(tmp_path: Path) -> None:
    boot = container_builders.boot(zimage(), b"ramdisk")
    alone = read(tmp_path / "a", boot=boot)
    assert alone.sha256 == sha256(boot)
    digests = {read(tmp_path / "a", **build.image_set()).sha256}
    for name in ("boot", "init_boot", "vendor_boot"):
        images = build.image_set()
        images[name] += b"\0"
        digests.add(read(tmp_path / "b", **images).sha256)
    assert len(digests) == 4


@pytest.mark.parametrize(
    "text",
    [
        b"CONFIG_BOOT_CONFIG is not set",
        b"CONFIG_BOOTCONFIG is not set",
        ikconfig(ramdisks.config("BLK_DEV_INITRD", "RD_GZIP")),
    ],
    ids=["message", "older message", "configuration"],
)
def test_a_kernel_without_support_for_a_bootconfig_finds_its_words_in_the_command_line(
    text: bytes, tmp_path: Path
) -> None:
    kernel = build.KERNEL[:-2000] + text + build.KERNEL[-2000 + len(text) :]
    found = read(tmp_path, **build.image_set(boot=build.boot_v4(kernel, cmdline=b"own=1")))
    assert found.ignores_bootconfig
    assert not found.takes_bootconfig
    assert found.cmdline == f"{build.VENDOR_CMDLINE} own=1 androidboot.hardware=virt-arm64"
    guest = found.guest(tree=None, live_tree=None, cmdline="", words={"a": ("1",)})
    assert bytes(guest.ramdisk) == bytes(found.ramdisks())
    assert not read(tmp_path, **build.image_set()).ignores_bootconfig
    assert not read(tmp_path, **build.image_set(boot=build.boot_v4(zimage()))).ignores_bootconfig
