"""prepare on the scripted phone: what is planned, and which host kernels and phones are refused."""

import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import scripted_setup as setup
from loading import prepared
from scripted_phone import HOST, STOCK, ScriptedPhone
from told import raises

from hardboot.base.errors import RefusedError
from hardboot.device.phone import Phone
from hardboot.device.staging import STAGING
from hardboot.flows import load, rom
from hardboot.flows.journal import Journal
from hardboot.flows.rom import Rom


def test_a_rom_is_planned_with_what_the_phone_says(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scripted.running
    scripted.running.cmdline = "console=ttyAMA0 androidboot.serialno=1"
    made = load.prepare(phone, image, journal, append="a=1")
    assert made.rom is image
    assert re.fullmatch(r"androidboot\.hardboot=[0-9a-f]{8}", made.mark)
    assert made.plan.cmdline == made.cmdline.text
    assert made.cmdline.text == f"console=ttyAMA0 quiet androidboot.serialno=1 a=1 {made.mark}"
    assert made.plan.flag == 4
    assert made.plan.complete
    assert made.tree_reason == "the ROM's only one"
    assert [(one.start, one.end) for one in made.live.kernel] == [(0x40300000, 0x41300000)]
    assert journal.host
    assert (journal.host.release, journal.host.cmdline) == (HOST.release, scripted.running.cmdline)
    assert [phase.name for phase in journal.phases] == ["check", "plan"]
    assert scripted.happened("push *") == []
    assert scripted.happened("*agent*") == []
    assert capsys.readouterr().err.splitlines() == ["Checking the phone", "Planning"]


def test_each_load_draws_a_mark_of_its_own(phone: Phone, image: Rom, journal: Journal) -> None:
    assert prepared(phone, image, journal).mark != prepared(phone, image, journal).mark


def test_the_command_line_can_be_replaced(phone: Phone, image: Rom, journal: Journal) -> None:
    made = load.prepare(phone, image, journal, cmdline="other=1")
    assert made.cmdline.text == f"other=1 {made.mark}"


def test_a_soft_start_needs_no_hardboot_but_cpus_that_go_offline(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal
) -> None:
    scripted.start(STOCK)
    made = prepared(phone, image, journal, soft=True)
    assert made.plan.flag == 0
    scripted.files.add("/sys/devices/system/cpu/cpu2", scripted.files.nodes["/sys/devices/system/cpu/cpu0"])
    with raises(
        RefusedError,
        "the running kernel cannot take cpu2 offline (CONFIG_HOTPLUG_CPU)",
        "Nothing was loaded.",
        "Leave out --via soft: a reset stops every CPU.",
    ):
        prepared(phone, image, journal, soft=True)


def test_a_kernel_without_hardboot_is_refused_and_the_phone_is_cleaned(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal
) -> None:
    scripted.start(STOCK)
    with raises(
        RefusedError,
        "the running kernel 5.10.0-stock has no hardboot support",
        "Nothing was loaded.",
        "Restart the phone if a ROM is running. Otherwise build a host kernel (hardboot patch apply TREE) "
        "and write it to the phone: hardboot flash-host-kernel BOOT.IMG",
    ):
        prepared(phone, image, journal)
    assert scripted.events[-1] == f"rm -rf {STAGING}"
    assert scripted.files.find(STAGING) is None


def test_a_kernel_with_another_page_is_refused(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal
) -> None:
    scripted.start(replace(HOST, page=0x48000000))
    with raises(
        RefusedError,
        "the host kernel has the hardboot page at 0x48000000, the profile virt-arm has it at 0x44000000",
        "Nothing was loaded.",
        "Build the host kernel with this profile: hardboot patch apply TREE --device virt-arm "
        "(or --profile FILE)",
    ):
        prepared(phone, image, journal)


def test_without_any_device_tree_nothing_is_planned(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, tmp_path: Path
) -> None:
    del scripted.files.nodes["/sys/firmware/fdt"]
    bare = rom.read(setup.rom_image(tmp_path, tree=b""))
    with raises(
        RefusedError,
        "the ROM has no device tree, and the running kernel shows none to use instead",
        "Nothing was sent.",
        "Use a ROM with a device tree, or a host kernel with CONFIG_PROC_DEVICETREE.",
    ):
        prepared(phone, bare, journal)
    assert scripted.files.find(STAGING) is None


def test_the_phones_own_tree_is_used_if_the_rom_has_none(
    phone: Phone, journal: Journal, tmp_path: Path
) -> None:
    made = prepared(phone, rom.read(setup.rom_image(tmp_path, tree=b"")), journal)
    tree = next(one for one in made.plan.segments if one.name == "dtb")
    assert b"scripted\0" in bytes(tree.data)


@pytest.mark.parametrize(
    ("works", "untested", "refused"),
    [
        (True, False, None),
        (None, True, None),
        (
            None,
            False,
            (
                "soft kexec has never been tested on TITLE",
                "Leave out --via soft. To try it, make sure you can restart the phone, then add --untested.",
            ),
        ),
        (False, True, ("soft kexec does not work on TITLE: SOURCE", "Leave out --via soft.")),
        (False, False, ("soft kexec does not work on TITLE: SOURCE", "Leave out --via soft.")),
    ],
)
def test_the_profile_says_whether_soft_kexec_works(
    works: bool | None,
    untested: bool,
    refused: tuple[str, str] | None,
    phone: Phone,
    scripted: ScriptedPhone,
    capsys: pytest.CaptureFixture[str],
) -> None:
    soft = msgspec.structs.replace(phone.profile.soft, works=works)
    phone.profile = msgspec.structs.replace(phone.profile, soft=soft)
    title = phone.profile.title
    evidence = phone.profile.evidence_for("soft.works")
    assert evidence
    if refused is None:
        load.check_soft(phone, untested=untested)
        said = capsys.readouterr().err
        assert said == ("" if works else f"warning: soft kexec has never been tested on {title}\n")
        return
    what, fix = refused
    what = what.replace("TITLE", title).replace("SOURCE", evidence.source)
    with raises(RefusedError, what, "Nothing was sent.", fix):
        load.check_soft(phone, untested=untested)
    assert scripted.events == []
    phone.profile = msgspec.structs.replace(phone.profile, evidence={})
    if works is False:
        with raises(RefusedError, f"soft kexec does not work on {title}", "Nothing was sent.", fix):
            load.check_soft(phone, untested=untested)
