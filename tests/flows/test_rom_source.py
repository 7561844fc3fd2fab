"""What is started: images, or a kernel with the phone's own ramdisk, tree and command line."""

from pathlib import Path

import container_builders
import image_sets as build
import modern_setup as setup
import pytest
import scripted_setup
from image_builders import arm64_image, board, dtb, kernel_with_banner, pack, words, zboot, zimage
from ramdisks import ARCHIVE
from scripted_phone import ScriptedPhone
from told import raises

from hardboot.base.errors import InputError
from hardboot.device.phone import Phone
from hardboot.flows import phone_images
from hardboot.flows.rom import Rom
from hardboot.flows.rom_source import RomFiles
from hardboot.formats.kernels.zimage import ZImage
from hardboot.formats.reading import sha256
from hardboot.formats.trees import fdt

NEW = arm64_image(kernel_with_banner("6.9.0-new", 20_000, 10_000))
PHONES_RAMDISK = b"the phone's vendor ramdiskthe phone's generic ramdisk"


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Phone:
    return setup.install(setup.phone_with_slots(), monkeypatch, tmp_path / "state")


def written(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def models(one: Rom) -> list[str]:
    return [fdt.text(each.tree.root.properties["model"]) for each in one.trees]


@pytest.mark.parametrize(
    "data", [NEW, pack(NEW, "gzip"), zboot(pack(NEW, "gzip"))], ids=["Image", "gz", "zboot"]
)
def test_a_kernel_of_any_kind_gets_the_phones_own_parts(data: bytes, phone: Phone, tmp_path: Path) -> None:
    path = written(tmp_path / "kernel", data)
    found = RomFiles(None, kernel=path).read().complete(phone)
    assert (found.path, found.release) == (path, "6.9.0-new")
    assert bytes(found.ramdisks()) == PHONES_RAMDISK
    assert found.cmdline == f"{build.VENDOR_CMDLINE} own=1"
    assert found.trees == ()  # the live tree
    assert found.takes_bootconfig


def test_a_kernel_on_a_phone_without_slots(scripted: ScriptedPhone, tmp_path: Path) -> None:
    phone = scripted_setup.connected(scripted)
    path = written(tmp_path / "zImage", zimage())
    found = RomFiles(None, kernel=path).read().complete(phone)
    assert isinstance(found.kernel, ZImage)
    assert bytes(found.ramdisks()) == ARCHIVE
    assert (found.cmdline, found.trees) == ("console=ttyAMA0", ())
    image = container_builders.boot(zimage() + board("of the old kernel"), b"its ramdisk")
    scripted.boot.flash = scripted.boot.cached = image.ljust(scripted_setup.SIZE, b"\0")
    assert models(phone_images.own(phone)) == ["of the old kernel"]
    assert models(RomFiles(None, kernel=path).read().complete(phone)) == []  # the live tree
    path.write_bytes(zimage() + board("appended"))
    assert models(RomFiles(None, kernel=path).read().complete(phone)) == ["appended"]


@pytest.mark.parametrize("names", [("kernel",), ("ramdisk",), ("dtb",), ("dtb", "kernel", "ramdisk")])
def test_the_digest_is_that_of_the_images_and_of_the_parts_in_their_place(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    parts = {"kernel": NEW, "ramdisk": b"another ramdisk", "dtb": board("given")}
    parts = {name: parts[name] for name in names}
    kernel, ramdisk, tree = (
        written(tmp_path / name, parts[name]) if name in parts else None
        for name in ("kernel", "ramdisk", "dtb")
    )
    folder = build.write_set(tmp_path / "rom", build.image_set())
    found = RomFiles(folder, kernel=kernel, ramdisk=ramdisk, dtb=tree).read().alone()
    digests = {name: sha256(data) for name, data in (build.image_set() | parts).items()}
    lines = "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))
    assert found.sha256 == sha256(lines.encode())


def test_a_kernel_in_place_of_a_sets_keeps_its_other_parts(phone: Phone, tmp_path: Path) -> None:
    images = build.image_set(
        vendor_boot=build.vendor_boot(dtb=board("of the set")), dtbo=build.overlay_table()
    )
    folder = build.write_set(tmp_path / "rom", images)
    found = RomFiles(folder, kernel=written(tmp_path / "k", NEW)).read().complete(phone)
    assert (found.path, found.release) == (folder, "6.9.0-new")
    assert bytes(found.ramdisks()) == build.VENDOR + build.GENERIC
    assert models(found) == ["of the set"]
    found = RomFiles(folder, kernel=written(tmp_path / "k", NEW + board("new"))).read().complete(phone)
    assert models(found) == ["new"]


def test_a_ramdisk_takes_the_place_of_all_others(phone: Phone, tmp_path: Path) -> None:
    ramdisk = written(tmp_path / "ramdisk", b"another ramdisk")
    boot = written(tmp_path / "boot.img", build.boot_v4())
    for files in (
        RomFiles(None, kernel=written(tmp_path / "k", NEW), ramdisk=ramdisk),
        RomFiles(boot, ramdisk=ramdisk),
    ):
        found = files.read().complete(phone)
        assert bytes(found.ramdisks()) == b"another ramdisk"
        assert found.takes_bootconfig


def test_the_phones_own_ramdisk_takes_the_place_of_a_sets(phone: Phone, tmp_path: Path) -> None:
    folder = build.write_set(tmp_path / "rom", build.image_set(boot=build.boot_v4(cmdline=b"new=1")))
    found = RomFiles(folder, own_ramdisk=True).read().complete(phone)
    assert bytes(found.ramdisks()) == bytes(found.files.images["ramdisk"]) == PHONES_RAMDISK
    assert (found.release, found.cmdline) == (build.RELEASE, f"{build.VENDOR_CMDLINE} new=1")


@pytest.mark.parametrize(
    ("part", "taken"),
    [
        ("ramdisk", {"vendor_boot", "dtbo"}),
        ("own_ramdisk", {"vendor_boot", "dtbo"}),
        ("dtb", {"vendor_boot", "init_boot"}),
        (None, {"vendor_boot", "init_boot", "dtbo"}),
    ],
)
def test_what_a_part_replaces_is_not_read_from_the_phone(
    part: str | None, taken: set[str], phone: Phone, tmp_path: Path
) -> None:
    boot = written(tmp_path / "boot.img", build.boot_v4(build.KERNEL + board("appended")))
    given = RomFiles(
        boot,
        ramdisk=written(tmp_path / "r", b"another") if part == "ramdisk" else None,
        own_ramdisk=part == "own_ramdisk",
        dtb=written(tmp_path / "d", board("given")) if part == "dtb" else None,
    )
    found = given.read().complete(phone)
    assert set(found.files.images) - {"boot", "ramdisk", "dtb"} == taken


@pytest.mark.parametrize(
    ("appended", "words", "taken"),
    [
        (b"", {}, {"vendor_boot", "init_boot"}),
        (b"", {"own_ramdisk": True}, {"vendor_boot", "init_boot"}),
        (b"", {"ramdisk": True}, {"vendor_boot"}),
        (board("appended"), {}, {"vendor_boot", "init_boot", "dtbo"}),
        (board("appended"), {"dtb": True}, {"vendor_boot", "init_boot"}),
    ],
)
def test_a_kernel_alone_takes_only_what_it_needs(
    appended: bytes,
    words: dict[str, bool],
    taken: set[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    images = {**setup.IMAGES, "boot": build.boot_v4(build.KERNEL + board("of the old kernel"))}
    phone = setup.install(setup.phone_with_slots(images), monkeypatch, tmp_path / "state")
    given = RomFiles(
        None,
        kernel=written(tmp_path / "k", NEW + appended),
        ramdisk=written(tmp_path / "r", b"another") if "ramdisk" in words else None,
        own_ramdisk="own_ramdisk" in words,
        dtb=written(tmp_path / "d", board("given")) if "dtb" in words else None,
    )
    found = given.read().complete(phone)
    assert set(found.files.images) - {"boot", "kernel", "ramdisk", "dtb"} == taken


def test_modules_are_compared_if_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = build.write_set(tmp_path / "rom", build.image_set())
    RomFiles(folder).read().alone()
    assert capsys.readouterr().err == ""
    RomFiles(folder, modules=True).read().alone()
    assert capsys.readouterr().err == "The ramdisk holds no modules.\n"


def test_a_device_tree_is_used_as_it_is_unless_overlays_are_named(phone: Phone, tmp_path: Path) -> None:
    tree = written(tmp_path / "board.dtb", board("given"))
    dtbo = written(tmp_path / "dtbo.img", build.overlay_table(*setup.OVERLAYS))
    boot = written(tmp_path / "boot.img", build.boot_v4())
    found = RomFiles(boot, dtb=tree).read().complete(phone)
    assert (models(found), found.overlays) == (["given"], None)
    found = RomFiles(boot, {"dtbo": dtbo}, dtb=tree).read().complete(phone)
    assert models(found) == ["given"]
    assert found.overlays is not None
    assert len(found.overlays) == 2
    folder = build.write_set(tmp_path / "rom", build.image_set(dtbo=dtbo.read_bytes()))
    found = RomFiles(folder, dtb=tree).read().complete(phone)
    assert (models(found), found.overlays) == (["given"], None)
    found = RomFiles(None, kernel=written(tmp_path / "k", NEW), dtb=tree).read().complete(phone)
    assert (models(found), found.overlays) == (["given"], None)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (build.overlay_table(dtb("/ { };")), "this is a device tree overlay table (dtbo), not a device tree"),
        (b"text\n" * 99, "this is a text file, not a device tree"),
        (NEW + board("x"), "this is an arm64 kernel, not a device tree"),
    ],
)
def test_what_is_no_device_tree_is_refused(data: bytes, what: str, tmp_path: Path) -> None:
    path = written(tmp_path / "x.dtb", data)
    with raises(
        InputError,
        f"{path}: {what}",
        "Nothing was sent.",
        "Give a DTB, or a file with several; overlays are given by --dtbo.",
    ):
        RomFiles(None, kernel=written(tmp_path / "k", NEW), dtb=path).read()


@pytest.mark.parametrize("data", [board("given")[:-8], b"QCDT" + words(3, 99)], ids=["tree", "table"])
def test_a_damaged_device_tree_is_named(data: bytes, tmp_path: Path) -> None:
    path = written(tmp_path / "x.dtb", data)
    with pytest.raises(InputError) as caught:
        RomFiles(None, kernel=written(tmp_path / "k", NEW), dtb=path).read()
    assert caught.value.what.startswith(f"{path}: ")
    assert caught.value.state == "Nothing was sent."


def test_what_is_no_kernel_is_refused_before_a_phone_is_needed(tmp_path: Path) -> None:
    for data in (build.boot_v4(), b"text" * 999, pack(b"no kernel" * 99, "gzip")):
        with pytest.raises(InputError, match=r"kernel: ") as caught:
            RomFiles(None, kernel=written(tmp_path / "kernel", data)).read()
        assert caught.value.state == "Nothing was sent."


def test_without_a_phone_its_own_images_are_missing(tmp_path: Path) -> None:
    kernel = written(tmp_path / "k", NEW)
    folder = build.write_set(tmp_path / "rom", build.image_set())
    assert RomFiles(folder, kernel=kernel).read().alone().release == "6.9.0-new"
    for files in (RomFiles(None, kernel=kernel), RomFiles(folder, own_ramdisk=True)):
        with raises(
            InputError,
            "the phone's own images are needed, and no phone is connected",
            "Nothing was sent.",
            "Leave out --device and --from, and connect the phone.",
        ):
            files.read().alone()
    boot = written(tmp_path / "boot.img", build.boot_v4())
    with pytest.raises(InputError, match="the vendor_boot image is missing"):
        RomFiles(boot).read().alone()
    (folder / "init_boot.img").unlink()
    ramdisk = written(tmp_path / "ramdisk", b"another")
    assert bytes(RomFiles(folder, ramdisk=ramdisk).read().alone().ramdisks()) == b"another"


# Build trees


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (["arm/boot/zImage", "arm/boot/Image"], "arm/boot/zImage"),
        (["arm64/boot/Image", "arm64/boot/Image.gz"], "arm64/boot/Image"),
        (["arm64/boot/Image.gz", "arm64/boot/Image.lz4"], "arm64/boot/Image.gz"),
        (["arm64/boot/vmlinuz.efi"], "arm64/boot/vmlinuz.efi"),
    ],
)
def test_the_kernel_of_a_build_tree_is_found(
    files: list[str], found: str, scripted: ScriptedPhone, tmp_path: Path
) -> None:
    tree = tmp_path / "linux"
    for name in files:
        written(tree / "arch" / name, zimage() if "arm/" in name else pack(NEW, "gzip"))
    source = RomFiles(None, kernel=tree).read()
    assert source.kernel
    assert source.kernel.path == tree / "arch" / found


def test_a_tree_without_a_kernel_or_with_two_is_refused(tmp_path: Path) -> None:
    tree = tmp_path / "linux"
    written(tree / "arch/arm64/boot/dts/x.dtb", b"")
    both = [tree / "arch" / name for name in ("arm/boot/zImage", "arm64/boot/Image")]
    none = "no kernel was built in this folder (no arch/arm/boot/zImage, no arch/arm64/boot/Image)"
    two = f"kernels of 2 architectures were built in it: {both[0]}, {both[1]}"
    for built, what, fix in (
        ((), none, "Build it first, or name the kernel image: --kernel FILE"),
        (both, two, "Name the kernel image to boot: --kernel FILE"),
    ):
        for path in built:
            written(path, NEW)
        with raises(InputError, f"{tree}: {what}", "Nothing was sent.", fix):
            RomFiles(None, kernel=tree).read()
