"""prepare, load and unload on the scripted phone: all checks come first, and each failure is told."""

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import scripted_setup as setup
from scripted_phone import HOST, STOCK, Kernel, ScriptedPhone, flip
from told import raises

from hardboot.base.errors import DeviceError, RefusedError
from hardboot.device import record
from hardboot.device.phone import Phone
from hardboot.device.record import Loaded, LoadState
from hardboot.device.staging import STAGING
from hardboot.flows import load, rom
from hardboot.flows.journal import Journal
from hardboot.flows.load import PreparedRom
from hardboot.flows.rom import Rom

RECORD = "/dev/hardboot-loaded"


@pytest.fixture
def image(tmp_path: Path) -> Rom:
    return rom.read(setup.rom_image(tmp_path, cmdline=b"console=ttyAMA0 quiet"))


@pytest.fixture
def journal() -> Journal:
    return Journal("virt-arm", "HBSCRIPT")


def prepared(phone: Phone, image: Rom, journal: Journal, *, soft: bool = False) -> PreparedRom:
    return load.prepare(phone, image, journal, soft=soft)


def loaded_record(scripted: ScriptedPhone) -> Loaded:
    node = scripted.files.find(RECORD)
    assert node
    found = record.decode(node.read())
    assert found
    return found


# Prepare


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


# Load


def test_what_was_planned_is_loaded(
    phone: Phone,
    scripted: ScriptedPhone,
    image: Rom,
    journal: Journal,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = prepared(phone, image, journal)
    scripted.events.clear()
    capsys.readouterr()
    load.load(phone, made, journal)
    assert scripted.running
    held = scripted.running.loaded
    assert held
    assert (held.flags, held.entry) == (4, made.plan.entry)
    assert [(one.content, one.address, one.size) for one in held.segments] == [
        (bytes(one.data), one.addr, one.memsz) for one in made.plan.segments
    ]
    assert held.cmdline == made.cmdline.text
    assert loaded_record(scripted) == journal.loaded
    assert journal.loaded == record.describe(
        journal.host,  # type: ignore[arg-type]  # it is there
        made.plan,
        image="rom.img",
        sha256=hashlib.sha256(image.path.read_bytes()).hexdigest(),
        release="6.6.0-rom",
        mark=made.mark,
    )
    kept = scripted.files.find("/dev/hardboot-agent")
    assert kept
    assert kept.mode == 0o700
    assert journal.pushed_bytes == sum(len(one.data) for one in made.plan.segments)
    assert [phase.name for phase in journal.phases] == ["check", "plan", "ask", "push", "load"]
    assert journal.replaced is None
    assert scripted.files.find(STAGING) is None
    assert capsys.readouterr().err.splitlines() == ["Asking the running kernel", "Loading"]
    here = tmp_path / "state/hardboot/loaded/HBSCRIPT.json"
    assert record.decode(here.read_bytes()) == journal.loaded


def test_everything_is_asked_and_proven_before_it_is_loaded(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal
) -> None:
    made = prepared(phone, image, journal)
    scripted.events.clear()
    load.load(phone, made, journal)
    order = [re.sub(r" 0x.*", "", event.removeprefix(f"{STAGING}/")) for event in scripted.events]
    names = ["zImage", "initrd", "dtb", "record"]
    at = order.index("agent load")
    assert order[:2] == [f"push {STAGING}/agent", f"sha256sum <{STAGING}/agent"]
    assert order.index("agent info") < order.index(f"push {STAGING}/zImage")
    for name in names:
        assert order.index(f"push {STAGING}/{name}") < order.index(f"sha256sum <{STAGING}/{name}") < at
    assert order[at - 1] == f"rm -f {RECORD}"
    assert order[at + 1] == f"cat {STAGING}/record >{RECORD}"
    assert order[-1] == f"rm -rf {STAGING}"


def test_what_was_loaded_before_is_replaced_and_told(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    load.load(phone, prepared(phone, image, journal), journal)
    scripted.events.clear()
    again = Journal("virt-arm", "HBSCRIPT")
    load.load(phone, prepared(phone, image, again), again)
    assert again.replaced == "rom.img (kernel 6.6.0-rom)"
    warning = "warning: replacing rom.img (kernel 6.6.0-rom), which was already loaded"
    assert warning in capsys.readouterr().err.splitlines()
    calls = scripted.happened(f"{STAGING}/agent *")
    assert [call.split()[1] for call in calls] == ["info", "unload", "info", "load"]
    assert loaded_record(scripted) == again.loaded
    # The flag can be asked for only while nothing is loaded.
    infos = scripted.happened(f"{STAGING}/agent info*")
    assert infos == [f"{STAGING}/agent info 0x4"] * 2


def test_what_another_program_loaded_is_replaced_too(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal
) -> None:
    load.load(phone, prepared(phone, image, journal), journal)
    scripted.files.remove(RECORD)
    again = Journal("virt-arm", "HBSCRIPT")
    load.load(phone, prepared(phone, image, again), again)
    assert again.replaced == "an image that hardboot has no record of"


def test_if_it_cannot_be_unloaded_nothing_is_loaded(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal
) -> None:
    load.load(phone, prepared(phone, image, journal), journal)
    made = prepared(phone, image, journal)
    scripted.events.clear()
    scripted.fault("*agent unload*", code=1, says="error=kexec_load errno=16\n")
    with pytest.raises(DeviceError, match="EBUSY"):
        load.load(phone, made, journal)
    assert scripted.happened(f"push {STAGING}/zImage") == []
    assert loaded_record(scripted)


def test_the_flag_that_the_kernel_shows_is_used(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal
) -> None:
    scripted.start(replace(HOST, flag=0x8000, takes=0x8001))
    made = prepared(phone, image, journal)
    assert made.plan.flag == 4
    load.load(phone, made, journal)
    assert scripted.running
    assert scripted.running.loaded
    assert scripted.running.loaded.flags == 0x8000
    assert journal.loaded
    assert (journal.loaded.flag, journal.loaded.start) == (0x8000, "hard")


def test_a_soft_start_is_loaded_without_a_flag(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal
) -> None:
    scripted.start(STOCK)
    load.load(phone, prepared(phone, image, journal, soft=True), journal)
    assert scripted.running
    assert scripted.running.loaded
    assert scripted.running.loaded.flags == 0
    assert loaded_record(scripted).start == "soft"


def test_a_kernel_without_kexec_is_told_before_the_push(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal
) -> None:
    scripted.start(Kernel("5.10", page=None, flag=None, kexec=False))
    made = prepared(phone, image, journal, soft=True)
    with pytest.raises(DeviceError, match="ENOSYS"):
        load.load(phone, made, journal)
    assert scripted.happened(f"push {STAGING}/zImage") == []
    assert scripted.files.find(STAGING) is None


def test_a_kernel_that_lost_its_page_is_refused_before_the_push(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal
) -> None:
    made = prepared(phone, image, journal)
    scripted.files.remove("/sys/kernel/kexec_hardboot/page")
    scripted.files.remove("/sys/kernel/kexec_hardboot/flag")
    scripted.running.kernel = replace(HOST, takes=1)  # type: ignore[union-attr]  # it runs
    with pytest.raises(RefusedError, match=r"the running kernel 6\.1\.0-host has no hardboot support"):
        load.load(phone, made, journal)
    assert scripted.happened(f"push {STAGING}/zImage") == []


def test_a_segment_that_arrives_damaged_is_not_loaded(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal
) -> None:
    made = prepared(phone, image, journal)
    scripted.fault(f"push {STAGING}/initrd", alters=flip(7))
    with raises(
        DeviceError,
        "initrd arrived damaged on the phone",
        "Nothing was loaded or written; the copy lies in the staging folder only.",
        "Try again; check cable, port and free space (adb shell df /data).",
    ):
        load.load(phone, made, journal)
    assert scripted.happened("*agent load*") == []
    assert journal.loaded is None
    assert scripted.files.find(STAGING) is None


def test_what_the_kernel_refuses_is_told_and_nothing_is_kept(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal
) -> None:
    made = prepared(phone, image, journal)
    scripted.fault("*agent load*", code=1, says="error=kexec_load errno=99\n")
    with pytest.raises(DeviceError, match="EADDRNOTAVAIL"):
        load.load(phone, made, journal)
    assert scripted.files.find(RECORD) is None
    assert scripted.files.find("/dev/hardboot-agent") is None
    assert scripted.happened("*agent unload*") == []
    assert journal.loaded is None
    assert scripted.files.find(STAGING) is None


def test_what_is_loaded_without_a_record_is_dropped_again(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal
) -> None:
    made = prepared(phone, image, journal)
    scripted.fault(f"cat {STAGING}/record *", code=1, says="cat: write error: No space left on device\n" * 9)
    said = "loaded=3 " + " ".join(["cat: write error: No space left on device"] * 9)
    with raises(
        DeviceError,
        f"the record of what was loaded cannot be written to {RECORD}: {said[-200:]}",
        "It was unloaded again; the phone is running as before.",
        "Check that root may write to /dev on the phone: adb shell su -c 'touch /dev/x'",
    ):
        load.load(phone, made, journal)
    assert scripted.running
    assert scripted.running.loaded is None
    assert scripted.files.find(RECORD) is None
    assert journal.loaded is None


def test_the_record_is_on_this_computer_before_the_kernel_has_the_image(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal, tmp_path: Path
) -> None:
    made = prepared(phone, image, journal)
    seen: list[bool] = []
    here = tmp_path / "state/hardboot/loaded/HBSCRIPT.json"
    scripted.fault(f"push {STAGING}/zImage", before=lambda: seen.append(here.exists()))
    load.load(phone, made, journal)
    assert seen == [True]


def test_a_load_has_two_minutes(phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal) -> None:
    made = prepared(phone, image, journal)
    scripted.fault("*agent load*", hangs_s=119)
    load.load(phone, made, journal)
    scripted.fault("*agent load*", hangs_s=121)
    with pytest.raises(DeviceError, match="did not end the command within 120 s"):
        load.load(phone, made, journal)


def test_a_phone_whose_dev_is_noexec_keeps_no_agent(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal
) -> None:
    for mount in scripted.files.mounts:
        mount.noexec = mount.point == "/dev"
    load.load(phone, prepared(phone, image, journal), journal)
    assert scripted.files.find("/dev/hardboot-agent") is None
    assert loaded_record(scripted)


# Unload


def test_what_is_loaded_is_dropped(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    load.load(phone, prepared(phone, image, journal), journal)
    capsys.readouterr()
    found = load.unload(phone)
    assert found == LoadState(True, journal.loaded)
    assert scripted.running
    assert scripted.running.loaded is None
    assert scripted.files.find(RECORD) is None
    assert scripted.files.find(STAGING) is None
    assert capsys.readouterr().err == "Asking the running kernel\n"
    scripted.events.clear()
    assert load.unload(phone) == LoadState(False, None)
    assert scripted.happened("*agent unload*") == []
    assert scripted.happened(f"{STAGING}/agent info*") == [f"{STAGING}/agent info"]


def test_a_kernel_that_does_not_say_whether_something_is_loaded_is_told_to_drop_it(
    phone: Phone, scripted: ScriptedPhone
) -> None:
    scripted.start(replace(HOST, tells_loaded=False))
    assert load.unload(phone) == LoadState(None, None)
    assert len(scripted.happened("*agent unload 0x0")) == 1


def test_an_unload_that_is_refused_leaves_the_record(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal
) -> None:
    load.load(phone, prepared(phone, image, journal), journal)
    scripted.fault("*agent unload*", code=1, says="error=kexec_load errno=1\n")
    with pytest.raises(DeviceError, match="EPERM"):
        load.unload(phone)
    assert loaded_record(scripted)
    assert scripted.files.find(STAGING) is None


# Soft


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


def test_a_record_of_another_kernel_is_none(phone: Phone, scripted: ScriptedPhone) -> None:
    scripted.add_file(RECORD, json.dumps({"version": 1}))
    assert load.unload(phone) == LoadState(False, None)
