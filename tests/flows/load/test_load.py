"""load on the scripted phone: what was planned is loaded, after all checks, and recorded."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import ota_builders
import pytest
import scripted_setup as setup
from image_sets import write_zip
from loading import RECORD, loaded_record, prepared
from scripted_phone import HOST, STOCK, ScriptedPhone

from hardboot.device import kept_files, record
from hardboot.device.phone import Phone
from hardboot.device.shells import ROOT_SHELLS
from hardboot.device.staging import STAGING
from hardboot.flows import execute, load, rom
from hardboot.flows.journal import Journal
from hardboot.flows.rom import Rom
from hardboot.payload import agent
from hardboot.transport.base import SHELL, Output
from hardboot.transport.exit_codes import CommandBatch
from hardboot.transport.server_requests import SERVICE_MAX


def test_what_is_loaded_from_an_ota_is_what_the_boot_image_has(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal, tmp_path: Path
) -> None:
    boot = image.path.read_bytes()
    contents = ota_builders.payload({"boot": boot, "system": ota_builders.image(5)})
    ota = write_zip(tmp_path / "ota.zip", {"payload.bin": contents})
    made = prepared(phone, rom.read(ota), journal)
    load.load(phone, made, journal)
    assert scripted.running
    held = scripted.running.loaded
    assert held
    planned = prepared(phone, image, journal).plan.segments
    assert [(one.address, one.size) for one in held.segments] == [(one.addr, one.memsz) for one in planned]
    assert [one.content for one in held.segments] == [bytes(one.data) for one in made.plan.segments]
    assert journal.loaded
    assert (journal.loaded.image, journal.loaded.sha256) == ("ota.zip", hashlib.sha256(boot).hexdigest())


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
    assert journal.host
    held = scripted.running.loaded
    assert held
    assert (held.flags, held.entry) == (4, made.plan.entry)
    assert [(one.content, one.address, one.size) for one in held.segments] == [
        (bytes(one.data), one.addr, one.memsz) for one in made.plan.segments
    ]
    assert held.cmdline == made.cmdline.text
    assert loaded_record(scripted) == journal.loaded
    assert journal.loaded == record.describe(
        journal.host,
        made.plan,
        image="rom.img",
        sha256=hashlib.sha256(image.path.read_bytes()).hexdigest(),
        release="6.6.0-rom",
        mark=made.mark,
        cmdline=made.plan.cmdline,
    )
    kept = scripted.files.find("/dev/hardboot-agent")
    assert kept
    assert kept.mode == 0o700
    sizes = [len(one.data) for one in made.plan.segments]
    sizes += [len(record.encode(journal.loaded)), agent.binary("arm").stat().st_size]
    assert journal.pushed_bytes == sum(sizes)
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
    events = [event for event in scripted.events if not event.startswith(("'['", "echo ", ":"))]
    order = [re.sub(r" 0x.*| >/dev/null$", "", event.removeprefix(f"{STAGING}/")) for event in events]
    names = ["zImage", "initrd", "dtb", "record"]
    at = order.index("agent load")
    assert order[:2] == [f"push {STAGING}/agent", f"sha256sum {STAGING}/agent"]
    assert order.index("agent info") < order.index(f"push {STAGING}/zImage")
    check = order.index("sha256sum " + " ".join(f"{STAGING}/{name}" for name in names))
    assert all(order.index(f"push {STAGING}/{name}") < check < at for name in names)
    assert order[at + 1] == f"cat {STAGING}/record >{RECORD}"
    assert order[-1] == f"rm -rf {STAGING}"
    kept = [event for event in order if event.startswith("ln ")]
    assert [event.split()[2].removeprefix(f"{STAGING}/") for event in kept] == ["zImage", "initrd"]


def test_a_record_of_before_is_gone_before_anything_is_loaded(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal
) -> None:
    scripted.add_file(RECORD, b"of an interrupted load")
    load.load(phone, prepared(phone, image, journal), journal)
    removed, loaded = (scripted.happened(pattern)[0] for pattern in (f"rm -f {RECORD}", "*agent load*"))
    assert scripted.events.index(removed) < scripted.events.index(loaded)


def test_what_the_phone_kept_is_not_sent_again(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal
) -> None:
    load.load(phone, prepared(phone, image, journal), journal)
    scripted.start(HOST)
    scripted.events.clear()
    again, now = setup.connected(scripted), Journal("virt-arm", "HBSCRIPT")
    made = prepared(again, image, now)
    load.load(again, made, now)
    sent = [event.rpartition("/")[2] for event in scripted.happened("push *")]
    assert sent == ["agent", "dtb", "record"]
    sizes = {one.name: len(one.data) for one in made.plan.segments}
    assert now.pushed_bytes < journal.pushed_bytes - sizes["zImage"] - sizes["initrd"] + 10
    assert scripted.running
    assert scripted.running.loaded
    assert [one.content for one in scripted.running.loaded.segments] == [
        bytes(one.data) for one in made.plan.segments
    ]


def test_every_command_of_a_load_fits_into_a_packet_of_an_old_phone(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_files, "_FILES_MAX", 4)
    for number in range(16):
        scripted.add_file(f"{kept_files.FOLDER}/{number:064x}-100000000", b"")
    lines: list[str] = []
    shells = scripted.transport.shells

    def recorded(commands: Sequence[tuple[str, float]], *, template: str = SHELL) -> Iterator[Output]:
        lines.extend(CommandBatch([command for command, _ in commands], way).line for way in ROOT_SHELLS)
        return shells(commands, template=template)

    monkeypatch.setattr(scripted.transport, "shells", recorded)
    load.load(phone, prepared(phone, image, journal), journal, *execute.LOOK)
    assert len(scripted.files.names(kept_files.FOLDER)) == 16 + 2 - kept_files._REMOVED_MAX
    scripted.start(HOST)
    load.load(phone, prepared(phone, image, journal), journal, *execute.LOOK)
    assert len(scripted.files.names(kept_files.FOLDER)) == 4
    assert max(map(len, lines)) < SERVICE_MAX - 500  # of another phone: a purgatory, longer addresses


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


def test_the_record_is_on_this_computer_before_the_kernel_has_the_image(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal, tmp_path: Path
) -> None:
    made = prepared(phone, image, journal)
    seen: list[bool] = []
    here = tmp_path / "state/hardboot/loaded/HBSCRIPT.json"
    scripted.fault(f"push {STAGING}/zImage", before=lambda: seen.append(here.exists()))
    load.load(phone, made, journal)
    assert seen == [True]


def test_a_phone_whose_dev_is_noexec_keeps_no_agent(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal
) -> None:
    for mount in scripted.files.mounts:
        mount.noexec = mount.point == "/dev"
    load.load(phone, prepared(phone, image, journal), journal)
    assert scripted.files.find("/dev/hardboot-agent") is None
    assert loaded_record(scripted)
