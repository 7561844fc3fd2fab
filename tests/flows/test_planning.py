"""What the planner is told of a phone: its memory, tree or ATAGS, and its bootloader's words."""

from pathlib import Path

import image_sets
import msgspec
import pytest
import scripted_setup as setup
from image_builders import dtb
from scripted_phone import ScriptedPhone
from told import raises

from hardboot import layout, profile
from hardboot.base.errors import DeviceError, InputError, RefusedError
from hardboot.device.handset import TREE
from hardboot.device.phone import Phone
from hardboot.device.staging import STAGING
from hardboot.flows import bootloader_words, planning, rom
from hardboot.flows.bootloader_words import BootloaderWords
from hardboot.flows.planning import PhoneFacts
from hardboot.formats.kernels import atags
from hardboot.formats.trees import fdt
from hardboot.formats.trees.fdt import Fdt
from hardboot.profile import Profile

RUNNING = "console=ttyAMA0 androidboot.serialno=1"
LIVE = layout.parse_iomem("40000000-7fffffff : System RAM\n  40300000-412fffff : Kernel code\n")


def facts_of(phone: Phone, running: str = RUNNING) -> PhoneFacts:
    live, facts = planning.parse(phone, running, phone.roots(*planning.queries(phone)))
    assert facts.live == live
    return facts


def with_atags(known: Profile) -> Profile:
    return msgspec.structs.replace(known, dtb=msgspec.structs.replace(known.dtb, kind="none"))


def test_a_phone_tells_its_memory_its_tree_and_its_bootloaders_words(
    phone: Phone, scripted: ScriptedPhone
) -> None:
    facts = facts_of(phone)
    assert facts.live == LIVE
    assert facts.tree
    assert fdt.text(facts.tree.root.properties["model"]) == "scripted"
    assert facts.atags is None
    assert facts.bootloader.cmdline == "androidboot.serialno=1"
    assert scripted.happened("mkdir *") == [f"mkdir -p {STAGING}"]
    assert scripted.happened("head *") == [
        f"head -c 131072 </dev/block/by-name/boot >{STAGING}/boot-header",
    ]
    assert len(scripted.commands) == 4  # the folder, and one shell for all queries
    assert facts.hardware is None
    assert facts_of(phone, f"{RUNNING} androidboot.hardware=bullet").hardware == "bullet"


def test_a_phone_with_atags_tells_them_in_place_of_a_tree(phone: Phone, scripted: ScriptedPhone) -> None:
    phone.profile = with_atags(phone.profile)
    tags = (atags.Tag(atags.CORE), atags.Tag(atags.SERIAL, b"12345678"))
    scripted.add_file("/proc/atags", atags.build(tags))
    facts = facts_of(phone)
    assert (facts.tree, facts.atags) == (None, tags)
    assert scripted.happened("pull *") == [f"pull {STAGING}/atags", f"pull {STAGING}/boot-header"]
    scripted.files.remove("/proc/atags")
    with raises(
        RefusedError,
        "the running kernel shows no /proc/atags",
        "Nothing was sent.",
        "Use a host kernel built with CONFIG_ATAGS_PROC.",
    ):
        facts_of(phone)


def test_a_phone_that_shows_no_memory_map_is_told(phone: Phone, scripted: ScriptedPhone) -> None:
    scripted.fault("cat /proc/iomem", code=1, says="cat: Permission denied\n")
    with pytest.raises(DeviceError, match="failed with exit code 1: cat: Permission denied") as caught:
        facts_of(phone)
    assert caught.value.fix == "Run it by hand in `adb shell`, as root: cat /proc/iomem"


def test_a_boot_partition_of_another_size_is_refused(phone: Phone, scripted: ScriptedPhone) -> None:
    scripted.boot.flash += b"more"
    with pytest.raises(RefusedError, match=f"has {setup.SIZE + 4} bytes, the profile virt-arm says"):
        facts_of(phone)
    with pytest.raises(RefusedError, match=f"has {setup.SIZE + 4} bytes, the profile virt-arm says"):
        bootloader_words.ask(phone, RUNNING)


def test_a_profile_without_a_boot_partition_is_refused_before_anything_is_sent(
    phone: Phone, scripted: ScriptedPhone
) -> None:
    phone.profile = msgspec.structs.replace(phone.profile, partitions={})
    for ask in (planning.queries, lambda phone: bootloader_words.ask(phone, RUNNING)):
        with pytest.raises(RefusedError, match="knows no partition 'boot'"):
            ask(phone)
    assert scripted.events == []


def test_the_bootloaders_words_are_asked_for_alone(phone: Phone, scripted: ScriptedPhone) -> None:
    assert bootloader_words.ask(phone, RUNNING).cmdline == "androidboot.serialno=1"
    assert scripted.happened("cat *") == []
    assert scripted.happened("pull *") == [f"pull {STAGING}/boot-header"]
    scripted.boot.flash = scripted.boot.cached = bytes(setup.SIZE)
    with pytest.raises(InputError):
        bootloader_words.ask(phone, RUNNING)


def test_without_the_image_the_usual_command_line_is_taken_out() -> None:
    known = profile.load("virt-arm")
    quirks = known.cmdline
    for change, header, expected in (
        ({"stock": "console=ttyAMA0"}, b"", "androidboot.serialno=1"),
        ({"stock": None}, b"", None),
        ({"ignored": True}, b"", RUNNING),
        ({"ignored": True}, setup.HOST_IMAGE, RUNNING),
        ({"dropped": ("console",)}, setup.HOST_IMAGE, "androidboot.serialno=1"),
    ):
        changed = msgspec.structs.replace(known, cmdline=msgspec.structs.replace(quirks, **change))
        assert bootloader_words.additions(changed, RUNNING, header) == expected, change


def test_the_quirks_of_a_bootloader_count() -> None:
    known = profile.load("virt-arm")
    quirks = msgspec.structs.replace(
        known.cmdline, skip=2, replaced={"console": "null"}, dropped=("quiet",), stock="x console=a quiet b"
    )
    changed = msgspec.structs.replace(known, cmdline=quirks)
    assert bootloader_words.additions(changed, "console=null b c=1", b"") == "c=1"
    lost, gained = bootloader_words.in_boot_partition(changed, "x console=a quiet b")
    assert (lost, gained) == (["x", "console=a", "quiet"], ["console=null"])
    ignoring = msgspec.structs.replace(known, cmdline=msgspec.structs.replace(quirks, ignored=True))
    assert bootloader_words.in_boot_partition(ignoring, "a b") == (["a", "b"], [])


# The plan


@pytest.fixture
def image(tmp_path: Path) -> rom.Rom:
    return rom.read(setup.rom_image(tmp_path, cmdline=b"console=ttyAMA0 quiet"))


VIRT = profile.load("virt-arm")


CELLS = '/ { compatible = "COMPATIBLE"; #address-cells = <1>; #size-cells = <1>; chosen { }; };'
STARTED_AS = BootloaderWords(bootconfig={"androidboot.hardware": ("bullet",)})


def compatible(name: str) -> Fdt:
    return fdt.parse(dtb(CELLS.replace("COMPATIBLE", name)))


def test_the_words_come_from_all_who_have_some(image: rom.Rom) -> None:
    facts = PhoneFacts(LIVE, bootloader=BootloaderWords("boot=1"))
    made = planning.plan(VIRT, image, facts, append="a=1", mark="m=1")
    assert made.cmdline.text == made.plan.cmdline == "console=ttyAMA0 quiet boot=1 a=1 m=1"
    assert [word.source for word in made.cmdline.words] == [
        "ROM",
        "ROM",
        "bootloader",
        "--append",
        "hardboot",
    ]
    assert made.cmdline.size == 1024
    replaced = planning.plan(VIRT, image, facts, cmdline="x=1")
    assert [(word.text, word.source) for word in replaced.cmdline.words] == [
        ("x=1", "--cmdline"),
        ("boot=1", "bootloader"),
    ]
    assert replaced.cmdline.removed == ("console=ttyAMA0", "quiet")
    assert planning.plan(VIRT, image, PhoneFacts(), cmdline="").cmdline.text == ""


def test_a_tree_is_chosen_of_the_rom_or_of_the_phone(tmp_path: Path, image: rom.Rom) -> None:
    live = fdt.parse(dtb('/ { model = "live"; #address-cells = <1>; #size-cells = <1>; chosen { }; };'))
    made = planning.plan(VIRT, image, PhoneFacts(LIVE, tree=live))
    assert made.plan.complete
    bare = rom.read(setup.rom_image(tmp_path, tree=b""))
    made = planning.plan(VIRT, bare, PhoneFacts(LIVE, tree=live))
    assert made.plan.complete
    tree = next(one for one in made.plan.segments if one.name == "dtb")
    assert b"live\0" in bytes(tree.data)
    without = planning.plan(VIRT, bare, PhoneFacts(LIVE))
    assert without.tree_reason == "the phone's own; phone not connected, room is reserved for it"
    assert not without.plan.complete


@pytest.mark.parametrize(
    ("facts", "cmdline", "warning"),
    [
        (PhoneFacts(LIVE), None, None),
        (PhoneFacts(LIVE, hardware="exynos"), None, None),
        (PhoneFacts(LIVE, hardware="bullet"), None, "androidboot.hardware=bullet"),
        (PhoneFacts(LIVE, hardware="bullet"), "androidboot.hardware=bullet", None),
        (PhoneFacts(LIVE, bootloader=STARTED_AS), None, "androidboot.hardware=bullet"),
        (PhoneFacts(LIVE, bootloader=STARTED_AS, hardware="exynos"), None, None),
        (PhoneFacts(LIVE, tree=compatible("acme,two")), None, 'the phone runs with "acme,two"'),
        (PhoneFacts(LIVE, tree=compatible("acme,one")), None, None),
    ],
)
def test_an_image_unlike_what_is_known_of_the_phone_is_a_warning(
    facts: PhoneFacts,
    cmdline: str | None,
    warning: str | None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tree = dtb(CELLS.replace("COMPATIBLE", "acme,one"))
    one = rom.read(setup.rom_image(tmp_path, tree=tree, cmdline=b"androidboot.hardware=exynos"))
    planning.plan(VIRT, one, facts, cmdline=cmdline)
    told = capsys.readouterr().err
    assert told.endswith(f"{warning}\n") if warning else told == ""


def test_a_bootconfig_that_names_another_phone_is_refused(tmp_path: Path) -> None:
    vendor = image_sets.vendor_boot(bootconfig=b"androidboot.hardware=shamu\n")
    one = rom.read(image_sets.write_set(tmp_path / "rom", image_sets.image_set(vendor_boot=vendor)))
    with pytest.raises(RefusedError, match=r"for another phone: it has .*=shamu, which is"):
        planning.plan(profile.load("virt-arm64"), one, PhoneFacts())


@pytest.mark.parametrize("supported", [False, True])
def test_words_of_a_bootconfig_that_the_kernel_does_not_read_are_told(
    supported: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = b"" if supported else b"CONFIG_BOOT_CONFIG is not set"
    kernel = image_sets.KERNEL[:-2000] + text + image_sets.KERNEL[-2000 + len(text) :]
    images = image_sets.image_set(boot=image_sets.boot_v4(kernel))
    one = rom.read(image_sets.write_set(tmp_path / "rom", images))
    planning.plan(profile.load("virt-arm64"), one, PhoneFacts())
    told = "The kernel has no support for a bootconfig: its words go into the command line.\n"
    assert capsys.readouterr().err == ("" if supported else told)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("has_seed", [False, True])
def test_a_guest_gets_a_seed_of_its_own_where_the_bootloader_gives_one(
    own: bool, has_seed: bool, tmp_path: Path
) -> None:
    text = CELLS.replace("chosen { };", "chosen { kaslr-seed = <0 0>; };") if has_seed else CELLS
    one = rom.read(setup.rom_image(tmp_path, tree=dtb(CELLS) if own else b""))
    made = planning.plan(VIRT, one, PhoneFacts(LIVE, tree=fdt.parse(dtb(text))), kaslr_seed=b"12345678")
    tree = made.plan.segment("dtb")
    assert tree
    chosen = fdt.parse(tree.data).find("/chosen")
    assert chosen
    assert chosen.properties.get("kaslr-seed") == (b"12345678" if has_seed else None)


def test_a_phone_with_atags_gets_no_tree(image: rom.Rom) -> None:
    made = planning.plan(with_atags(VIRT), image, PhoneFacts(LIVE, atags=(atags.Tag(atags.CORE),)))
    assert made.tree_reason == "none: this phone's kernels get ATAGS"
    assert [one.name for one in made.plan.segments] == ["atags", "zImage", "initrd"]
    assert made.plan.complete
    assert not planning.plan(with_atags(VIRT), image, PhoneFacts(LIVE)).plan.complete


def test_a_soft_plan_has_no_flag_and_the_live_memory_counts(image: rom.Rom) -> None:
    assert planning.plan(VIRT, image, PhoneFacts(LIVE), soft=True).plan.flag == 0
    assert planning.plan(VIRT, image, PhoneFacts(LIVE)).plan.flag == 4
    shamu = profile.load("shamu")  # whose profile does not know its RAM
    with pytest.raises(RefusedError):
        planning.plan(shamu, image, PhoneFacts())
    live = layout.parse_iomem("00000000-0d9fffff : System RAM\n0fb00000-bfffffff : System RAM\n")
    assert planning.plan(shamu, image, PhoneFacts(live)).plan.flag


def test_what_is_copied_has_its_name_and_limit(phone: Phone) -> None:
    assert (TREE.name, TREE.path, TREE.limit) == ("tree", "/sys/firmware/fdt", 4 << 20)
