"""What the bootloader of a phone with bootconfig adds, and where a ROM gets it."""

from pathlib import Path

import container_builders
import image_sets as build
import modern_setup as setup
import pytest
from scripted_phone import ScriptedPhone

from hardboot.base.errors import InputError
from hardboot.device.phone import Phone
from hardboot.flows import bootloader_words, planning, rom, rom_tree
from hardboot.flows.bootloader_words import BootloaderWords
from hardboot.flows.planning import Planned
from hardboot.formats.boot import bootconfig
from hardboot.formats.trees import fdt

ADDED = {"androidboot.slot_suffix": ("_b",), "androidboot.dtbo_idx": ("1",)}


def connected(monkeypatch: pytest.MonkeyPatch, folder: Path, scripted: ScriptedPhone | None = None) -> Phone:
    return setup.install(scripted or setup.phone_with_slots(), monkeypatch, folder / "state")


def test_the_words_are_those_that_are_not_the_images_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = bootloader_words.ask(connected(monkeypatch, tmp_path), setup.CMDLINE)
    assert words == BootloaderWords("androidboot.bootloader=u-boot", ADDED)
    assert words.overlays == (1,)


@pytest.mark.parametrize("size", [0, 1, 2047, 2048, 2049])
def test_the_images_own_bootconfig_is_read_where_it_lies(
    size: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = (build.BOOTCONFIG + b"#" * size)[: max(size, 0)] if size else b""
    ramdisks = [(build.PLATFORM, b"x" * 5000), (build.DLKM, b"y" * 3)]
    vendor = build.vendor_boot(ramdisks, dtb=setup.BASE, bootconfig=own)
    if own:  # what is in the padding does not belong to it
        behind = b"\nandroidboot.slot_suffix=x\n".ljust(-len(own) % 4096, b"#")
        vendor = vendor[: -len(behind)] + behind
    phone = connected(monkeypatch, tmp_path, setup.phone_with_slots({**setup.IMAGES, "vendor_boot": vendor}))
    known = bootconfig.parse(own.decode())
    found = bootloader_words.ask(phone, setup.CMDLINE).bootconfig
    assert set(found) == {"androidboot.hardware", *ADDED} - set(known)


def test_a_phone_without_vendor_boot_or_bootconfig_tells_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    v2 = {**setup.IMAGES, "boot": build.boot_v4(ramdisk=b"r", cmdline=b"own=1", version=3)}
    phone = connected(monkeypatch, tmp_path, setup.phone_with_slots(v2))
    assert bootloader_words.ask(phone, setup.CMDLINE).bootconfig == ADDED
    scripted = setup.phone_with_slots()
    del scripted.files.nodes["/proc/bootconfig"]
    phone = connected(monkeypatch, tmp_path, scripted)
    assert bootloader_words.ask(phone, setup.CMDLINE) == BootloaderWords("androidboot.bootloader=u-boot", {})
    del phone.profile.partitions["vendor_boot"]
    words = bootloader_words.ask(phone, setup.CMDLINE)
    assert words.cmdline == f"{build.VENDOR_CMDLINE} androidboot.bootloader=u-boot"


def test_before_header_v3_vendor_boot_does_not_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    images = {**setup.IMAGES, "boot": container_builders.boot(build.KERNEL, b"r", cmdline=b"own=1")}
    words = bootloader_words.ask(
        connected(monkeypatch, tmp_path, setup.phone_with_slots(images)), setup.CMDLINE
    )
    assert words == BootloaderWords(f"{build.VENDOR_CMDLINE} androidboot.bootloader=u-boot", {})


def test_a_bootconfig_of_the_phone_that_is_malformed_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scripted = setup.phone_with_slots()
    scripted.show("/proc/bootconfig", lambda: "a = 1\na = 2\n")
    with pytest.raises(InputError, match="a is set twice"):
        bootloader_words.ask(connected(monkeypatch, tmp_path, scripted), setup.CMDLINE)


@pytest.mark.parametrize(
    ("cmdline", "bootconfig_values", "overlays"),
    [
        ("androidboot.dtbo_idx=0,2", {}, (0, 2)),
        ("androidboot.dtbo_idx=0 androidboot.dtbo_idx=2", {}, (2,)),
        ("androidboot.dtbo_idx=0", {"androidboot.dtbo_idx": ("1", "3")}, (1, 3)),
        ("androidboot.dtbo_idx2=0", {}, None),
        (None, {}, None),
    ],
)
def test_the_overlays_are_those_of_the_last_word(
    cmdline: str | None, bootconfig_values: dict[str, tuple[str, ...]], overlays: tuple[int, ...] | None
) -> None:
    assert BootloaderWords(cmdline, bootconfig_values).overlays == overlays


def test_a_rom_without_a_bootconfig_gets_all_in_its_command_line() -> None:
    words = BootloaderWords("a=1", {"b": ("2", "3"), "c": ("x y",), "d": ("",)})
    assert words.for_rom(True) is words
    assert words.for_rom(False) == BootloaderWords('a=1 b=2,3 c="x y" d=')
    assert BootloaderWords(None, {"b": ("2",)}).for_rom(False) == BootloaderWords("b=2")
    unknown = BootloaderWords(None)
    assert unknown.for_rom(False) is unknown


def planned(phone: Phone, one: rom.Rom) -> Planned:
    facts = planning.parse(phone, setup.CMDLINE, phone.roots(*planning.queries(phone)))[1]
    return planning.plan(phone.profile, one, facts, mark="mark=1")


def test_a_set_is_planned_with_the_bootloaders_words_in_its_bootconfig(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    phone = connected(monkeypatch, tmp_path)
    images = build.image_set(boot=build.boot_v4(cmdline=b"new=1"))
    made = planned(phone, rom.read(build.write_set(tmp_path / "rom", images)))
    assert made.cmdline.text == (f"{build.VENDOR_CMDLINE} new=1 androidboot.bootloader=u-boot mark=1")
    initrd = made.plan.segment("initrd")
    assert initrd
    rest, text = bootconfig.split(initrd.data)
    assert bytes(rest) == build.VENDOR + build.GENERIC
    assert bootconfig.parse(text) == {"androidboot.hardware": ("virt-arm64",), **ADDED}
    assert made.tree_reason == "the phone's own, as its bootloader made it; the ROM has none"


def test_a_set_without_bootconfig_gets_the_words_in_its_command_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    phone = connected(monkeypatch, tmp_path)
    boot = build.boot_v4(ramdisk=build.GENERIC, version=3)
    images = {"boot": boot, "vendor_boot": build.vendor_boot(version=3, cmdline="")}
    made = planned(phone, rom.read(build.write_set(tmp_path / "rom", images)))
    assert made.cmdline.text == (
        "androidboot.bootloader=u-boot androidboot.slot_suffix=_b androidboot.dtbo_idx=1 mark=1"
    )


def test_overlays_are_applied_to_the_roms_own_tree_and_not_to_the_live_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    phone = connected(monkeypatch, tmp_path)
    overlays = build.overlay_table(*setup.OVERLAYS)
    images = build.image_set(vendor_boot=build.vendor_boot(dtb=setup.BASE), dtbo=overlays)
    made = planned(phone, rom.read(build.write_set(tmp_path / "rom", images)))
    assert made.tree_reason == "the ROM's only one; with overlay number 1 of dtbo, as the bootloader says"
    tree = made.plan.segment("dtb")
    assert tree
    leaf = fdt.parse(tree.data).find("/leaf")
    assert leaf
    assert leaf.properties["number"] == fdt.cells([1])
    live = planned(phone, rom.read(build.write_set(tmp_path / "live", build.image_set(dtbo=overlays))))
    tree = live.plan.segment("dtb")
    assert tree
    assert fdt.text(fdt.parse(tree.data).root.properties["model"]) == "live"


def test_a_panic_kernel_gets_the_same_tree_and_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    words = BootloaderWords("x=1", ADDED)
    images = build.image_set(
        vendor_boot=build.vendor_boot(dtb=setup.BASE), dtbo=build.overlay_table(*setup.OVERLAYS)
    )
    one = rom.read(build.write_set(tmp_path / "rom", images))
    phone = connected(monkeypatch, tmp_path)
    for told in (words, words.for_rom(False)):
        choice = rom_tree.choose_tree(phone.profile, one, fdt.parse(setup.LIVE), told)
        leaf = choice.tree.find("/leaf")
        assert leaf
        assert leaf.properties["number"] == fdt.cells([1])
