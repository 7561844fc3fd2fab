"""hb-init, built for this computer: what it does first, and what it leaves alone."""

import shutil
from pathlib import Path

import pytest
from cpio_archives import parsed, written
from hb_inits import BEHIND, WRITTEN, Rom, host_hb_init, rom
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hardboot.formats.archives.cpio import Archive
from hardboot.payload import build, hb_init

__all__ = ["host_hb_init", "rom"]

FORMER = bytes(32)
STEP = hb_init.message_step("misc", "vda1", WRITTEN, FORMER)
STILL_THERE = "<4>hb-init: misc: the message to the bootloader is still there, error 2"
STARTED = "<5>hb-init: /init: starting it"
SAYS_GONE = "<5>hb-init: misc: the message to the bootloader is taken back"
MALFORMED = "the step is malformed: the message to the bootloader is still there, error 22"
HANDED_OVER = ["exec /init", "argument /init", "argument quiet"]
RESTARTED = "reboot 0xfee1dead 0x28121969 0x1234567 "


def log(rom: Rom) -> list[str]:
    """Return the kernel log that the program has written; its file is gone with the program's folder."""
    lines = rom.log.read_text().splitlines()
    rom.log.unlink()
    return lines


@pytest.fixture(autouse=True)
def kept_log(rom: Rom, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the kernel log under a second name."""
    rom.log = tmp_path_factory.mktemp("log") / "kmsg"
    rom.log.hardlink_to(rom.root / "hb-init/kmsg")


def test_hardboots_message_is_replaced_by_what_was_there_and_nothing_else_changes(rom: Rom) -> None:
    former = b"\xff" * 32
    other = rom.partition("vda2", "254:2", "boot", WRITTEN)
    misc = rom.partition("vda1", "254:1", "misc", WRITTEN)
    rom.steps(hb_init.message_step("misc", "vda1", WRITTEN, former), "init /init")
    assert rom.run()[:3] == HANDED_OVER
    assert misc.read_bytes() == former + BEHIND
    assert other.read_bytes() == WRITTEN + BEHIND
    assert log(rom) == [SAYS_GONE, STARTED]


def test_the_roms_init_finds_a_root_without_traces(rom: Rom) -> None:
    rom.partition("vda1", "254:1", "misc", WRITTEN)
    rom.steps(STEP, "init /init")
    rom.run()
    assert sorted(path.name for path in rom.root.iterdir()) == ["devices", "sysfs"]


def test_arguments_and_environment_are_handed_on(rom: Rom) -> None:
    rom.steps("init /sbin/first one")
    done = rom.run(environment={"androidboot.mode": "x y", "HOME": "/"})
    assert done[:3] == ["exec /sbin/first one", "argument /sbin/first one", "argument quiet"]
    assert {"environment androidboot.mode=x y", "environment HOME=/"} <= set(done)


@pytest.mark.parametrize(
    ("held", "says"),
    [
        (bytes(32), "holds no message to the bootloader any more"),
        (b"\0oot-recovery".ljust(32, b"\0"), "holds no message to the bootloader any more"),
        (b"\xff" * 32, "holds no message to the bootloader any more"),
        (b"bootonce-bootloader".ljust(32, b"\0"), "holds a message that is not hardboot's; it stays"),
        (WRITTEN[:-1] + b"x", "holds a message that is not hardboot's; it stays"),
        (b"x" + WRITTEN[1:], "holds a message that is not hardboot's; it stays"),
    ],
)
def test_a_message_from_elsewhere_is_never_touched(rom: Rom, held: bytes, says: str) -> None:
    misc = rom.partition("vda1", "254:1", "misc", held)
    rom.steps(STEP, "init /init")
    assert rom.run()[:3] == HANDED_OVER
    assert misc.read_bytes() == held + BEHIND
    assert log(rom)[0] == f"<5>hb-init: misc: {says}"


def test_without_partition_names_the_device_is_found_by_its_own(rom: Rom) -> None:
    rom.partition("mmcblk0p1", "179:1", None, WRITTEN)
    misc = rom.partition("mmcblk0p19", "259:1000", None, WRITTEN)
    rom.steps(hb_init.message_step("misc", "mmcblk0p19", WRITTEN, FORMER), "init /init")
    rom.run()
    assert misc.read_bytes() == FORMER + BEHIND
    assert (rom.root / "devices/179:1").read_bytes() == WRITTEN + BEHIND


def test_a_device_with_another_name_in_the_table_is_not_taken_by_its_own(rom: Rom) -> None:
    other = rom.partition("vda1", "254:1", "persist", WRITTEN)
    rom.steps(STEP, "init /init")
    assert rom.run()[:3] == HANDED_OVER
    assert other.read_bytes() == WRITTEN + BEHIND
    assert log(rom)[0] == STILL_THERE


def test_of_two_partitions_with_that_name_the_one_with_the_message_is_taken(rom: Rom) -> None:
    foreign = b"foreign".ljust(32, b"\0")
    card = [rom.partition(f"mmcblk{n}p1", f"179:{n}", "misc", foreign) for n in (1, 2)]
    misc = rom.partition("mmcblk0p5", "179:5", "misc", WRITTEN)
    rom.steps(STEP, "init /init")
    rom.run()
    assert misc.read_bytes() == FORMER + BEHIND
    assert [file.read_bytes() for file in card] == [foreign + BEHIND] * 2
    assert log(rom)[0] == SAYS_GONE


def test_a_storage_driver_that_is_late_is_waited_for(rom: Rom) -> None:
    misc = rom.partition("vda1", "254:1", "misc", WRITTEN, sysfs="late")
    rom.settings["HB_APPEARS"] = "100"
    rom.steps(STEP, "init /init")
    assert rom.run()[:3] == HANDED_OVER
    assert misc.read_bytes() == FORMER + BEHIND
    assert log(rom)[0] == SAYS_GONE


def test_where_the_roms_init_loads_the_driver_a_child_takes_the_message_back(rom: Rom) -> None:
    misc = rom.partition("vda1", "254:1", "misc", WRITTEN, sysfs="late")
    other = rom.partition("vda2", "254:2", "boot", WRITTEN, sysfs="late")
    rom.settings["HB_APPEARS"] = "1000"
    rom.steps(STEP, "init /init")
    assert rom.run()[:3] == HANDED_OVER
    assert misc.read_bytes() == FORMER + BEHIND
    assert other.read_bytes() == WRITTEN + BEHIND
    said = log(rom)
    assert said[0] == STILL_THERE
    assert sorted(said[1:]) == sorted([STARTED, SAYS_GONE])
    assert sorted(path.name for path in rom.root.iterdir()) == ["devices", "late", "sysfs"]


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ([STEP + "0"], f"misc: {MALFORMED}"),
        ([STEP[:-1]], f"misc: {MALFORMED}"),
        (["message"], f": {MALFORMED}"),
        ([STEP + " x"], f"misc: {MALFORMED}"),
        (["map x"], "map: no such step, error 22"),
    ],
)
def test_a_malformed_step_is_told_and_the_rom_starts(rom: Rom, steps: list[str], says: str) -> None:
    misc = rom.partition("vda1", "254:1", "misc", WRITTEN)
    rom.steps(*steps, "init /init")
    assert rom.run()[:3] == HANDED_OVER
    assert misc.read_bytes() == WRITTEN + BEHIND
    assert log(rom)[0] == f"<4>hb-init: {says}"


def test_without_steps_the_usual_init_is_started(rom: Rom) -> None:
    (rom.root / "hb-init/steps").unlink()
    assert rom.run()[:3] == HANDED_OVER
    assert log(rom)[0] == "<4>hb-init: /hb-init/steps: cannot read, error 2"


def test_steps_that_are_too_long_are_not_begun(rom: Rom) -> None:
    misc = rom.partition("vda1", "254:1", "misc", WRITTEN)
    rom.steps(STEP, "init /other", *["x" * 99] * 400)
    assert rom.run()[:3] == HANDED_OVER
    assert misc.read_bytes() == WRITTEN + BEHIND
    assert log(rom)[0] == "<4>hb-init: /hb-init/steps: cannot read, error 7"


@pytest.mark.parametrize(
    ("setting", "error"), [({"HB_MOUNT_ERRNO": "19"}, 2), ({"HB_WRITE_ERRNO": "30"}, 30)]
)
def test_a_message_that_cannot_be_taken_back_does_not_keep_the_rom_from_starting(
    rom: Rom, setting: dict[str, str], error: int
) -> None:
    rom.partition("vda1", "254:1", "misc", WRITTEN)
    rom.settings |= setting
    rom.steps(STEP, "init /init")
    assert rom.run()[:3] == HANDED_OVER
    assert f"<4>hb-init: misc: the message to the bootloader is still there, error {error}" in log(rom)


def test_an_init_that_cannot_be_started_leads_home(rom: Rom) -> None:
    rom.partition("vda1", "254:1", "misc", WRITTEN)
    rom.settings["HB_EXEC_ERRNO"] = "8"
    rom.steps(STEP, "init /init")
    assert rom.run()[-1] == RESTARTED
    assert log(rom)[-1] == "<4>hb-init: /init: cannot start it, error 8"


def test_an_init_that_cannot_be_started_leads_to_the_bootloader_while_the_message_is_there(rom: Rom) -> None:
    rom.settings["HB_EXEC_ERRNO"] = "2"
    rom.steps(STEP, "init /init")
    assert rom.run()[-1] == "reboot 0xfee1dead 0x28121969 0xa1b2c3d4 bootloader"


@pytest.fixture
def pmsg(rom: Rom) -> Path:
    """Return what is written to pmsg, whose number the kernel chose."""
    folder = rom.root / "sysfs/class/pmsg/pmsg0"
    folder.mkdir(parents=True)
    (folder / "dev").write_text("503:0\n")
    file = rom.root / "devices/503:0"
    file.write_text("")
    return file


@pytest.mark.parametrize(
    ("kind", "call"),
    [
        ("plain", "0x1234567 "),
        ("warm", "0x1234567 "),
        ("command", "0xa1b2c3d4 hardboot"),
        ("unheard-of", "0x1234567 "),
    ],
)
def test_a_word_is_told_and_the_phone_restarted_instead_of_starting_an_init(
    rom: Rom, pmsg: Path, kind: str, call: str
) -> None:
    mode = rom.root / "sysfs/kernel/reboot/mode"
    mode.parent.mkdir(parents=True)
    mode.write_text("cold")
    rom.steps(hb_init.tell_step("a-word and more"), hb_init.restart_step(kind), "init /init")
    assert rom.run() == [f"reboot 0xfee1dead 0x28121969 {call}"]
    assert pmsg.read_text() == "a-word and more"
    assert log(rom)[0] == "<0>a-word and more"
    assert mode.read_text() == ("warm" if kind == "warm" else "cold")
    assert not (rom.root / "hb-init/pmsg").is_symlink()


@pytest.mark.parametrize("number", [None, "", "x:1\n", ":\n"])
def test_without_pmsg_a_word_is_told_to_the_kernel_log_alone(rom: Rom, number: str | None) -> None:
    folder = rom.root / "sysfs/class/pmsg/pmsg0"
    folder.mkdir(parents=True)
    if number is not None:
        (folder / "dev").write_text(number)
    rom.steps(hb_init.tell_step("a-word"), "init /init")
    assert rom.run()[:3] == HANDED_OVER
    assert log(rom) == ["<0>a-word", "<5>hb-init: /init: starting it"]


def test_what_cannot_be_written_is_told_and_the_phone_restarts(rom: Rom) -> None:
    folder = rom.root / "sysfs/class/pmsg/pmsg0"
    folder.mkdir(parents=True)
    (folder / "dev").write_text("503:0\n")
    rom.steps(hb_init.tell_step("a-word"), hb_init.restart_step("warm"))
    assert rom.run() == [RESTARTED]
    assert log(rom)[1:] == [
        "<4>hb-init: /hb-init/pmsg: cannot write, error 2",
        "<4>hb-init: /hb-init/sys/kernel/reboot/mode: cannot write, error 2",
    ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.binary(max_size=90), st.just(STEP.encode())), max_size=6))
def test_any_steps_end_in_an_init_and_leave_other_partitions_alone(rom: Rom, lines: list[bytes]) -> None:
    shutil.rmtree(rom.root)
    rom.root.mkdir()
    again = Rom(rom.program, rom.root)
    other = again.partition("vda2", "254:2", "boot", WRITTEN)
    misc = again.partition("vda1", "254:1", "misc", WRITTEN)
    (rom.root / "hb-init/steps").write_bytes(b"\n".join(lines))
    assert again.run()[0].startswith("exec ")
    assert other.read_bytes() == WRITTEN + BEHIND
    assert misc.read_bytes() in (WRITTEN + BEHIND, FORMER + BEHIND)


@pytest.mark.parametrize("arch", ["arm", "arm64"])
def test_the_archive_brings_the_program_of_the_architecture_and_its_steps(arch: str) -> None:
    archive = Archive("newc", hb_init.entries(arch, [STEP], "/sbin/init"))
    (read,) = parsed(written((archive,)))
    files = {entry.name: entry for entry in read.entries}
    assert bytes(files["hb-init/init"].data) == Path(build.PAYLOAD, f"hb-init-{arch}").read_bytes()
    assert files["hb-init/init"].mode == 0o100700
    assert bytes(files["hb-init/steps"].data).decode() == f"{STEP}\ninit /sbin/init\n"
    kmsg = files["hb-init/kmsg"]
    assert (kmsg.mode, kmsg.rdev_major, kmsg.rdev_minor) == (0o020600, 1, 11)
    assert next(iter(files)) == "hb-init"  # a folder comes before what is in it
