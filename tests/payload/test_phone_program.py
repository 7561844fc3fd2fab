"""hardboot on the phone: it checks everything that a start rests on, and starts nothing that does not fit."""

import os
import random
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import phone_programs as setup
import pytest
from agents import PhoneAgent, each_phone_agent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from phone_programs import IOMEM, KERNEL, LIVE, PAGE, RAMDISK, RUNS, OwnPhone

from hardboot.base.errors import RefusedError
from hardboot.base.memory import Range
from hardboot.device import phone_lock
from hardboot.payload import agent
from hardboot.payload.extents import Extent, build_table, extents_command, parse_extents
from hardboot.store import blocks

phone_program = setup.phone_program
REFRESH = "  to do: Run on the computer: hardboot rom refresh linux"
REBOOT = "reboot 0xfee1dead 0x28121969"


@pytest.fixture
def phone(phone_program: Path, tmp_path: Path) -> OwnPhone:
    return OwnPhone(phone_program, tmp_path)


def calls(phone: OwnPhone, *words: str) -> list[str]:
    """Return what reached the kernel; the reboot of this computer returns, and is an error."""
    return phone(*words).stderr.splitlines()[:-3]


def test_it_checks_loads_quiesces_and_starts(phone: OwnPhone) -> None:
    phone.put("/dev/hardboot-loaded", b"of an earlier load")
    done = phone("boot", "linux")
    assert done.stderr.splitlines()[:-3] == [
        "pin",
        "kexec_load 0x41008000 2 0x4",
        f"segment 0x41008000 0x2000 {len(KERNEL):#x} {sum(KERNEL)}",
        f"segment 0x44000000 0x8000 {len(RAMDISK):#x} {sum(RAMDISK)}",
        "sync",
        "sync",
        f"{REBOOT} 0x45584543",
    ]
    assert done.stdout.splitlines() == [
        "Checking linux",
        "Loading linux",
        "Writing all data to the disk",
        "Making the file systems read-only",
        "Starting linux through a hardware reset",
    ]
    assert (phone.root / "proc/sysrq-trigger").read_bytes() == b"u"
    assert not (phone.root / "dev/hardboot-loaded").exists()


def test_a_kernel_without_sysrq_is_told(phone: OwnPhone) -> None:
    (phone.root / "proc/sysrq-trigger").unlink()
    done = phone("boot", "linux")
    assert "warning: this kernel cannot make them read-only at once (CONFIG_MAGIC_SYSRQ)" in done.stdout
    assert f"{REBOOT} 0x45584543" in done.stderr


def test_home_restarts_and_loads_nothing(phone: OwnPhone) -> None:
    assert calls(phone, "home") == ["sync", "sync", f"{REBOOT} 0x1234567"]


def test_the_default_rom_is_started_without_a_name(phone: OwnPhone) -> None:
    phone.put("/data/hardboot/default", b"linux\n")
    assert f"{REBOOT} 0x45584543" in calls(phone, "boot")
    phone.put("/data/hardboot/roms/second/manifest.json", b"")
    assert sorted(phone("list").stdout.splitlines()) == [
        "linux (default)",
        "second: not ready; run on the computer: hardboot rom refresh second",
    ]


@pytest.mark.parametrize("content", [None, b"", b"home\n", b"../linux\n", b"l" * 40, b"a\nb\n"])
def test_without_a_default_a_name_is_needed(phone: OwnPhone, content: bytes | None) -> None:
    if content is not None:
        phone.put("/data/hardboot/default", content)
    done = phone("boot")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(
        "hardboot: there is no default ROM\n  state: Nothing was started.\n  to do: "
    )


@pytest.mark.parametrize("name", ["../linux", ".linux.new", "", "linux/", "l" * 33, "a b", "\x1b[2J"])
def test_a_name_that_is_none_is_refused(phone: OwnPhone, name: str) -> None:
    done = phone("boot", name)
    assert done.returncode == 3
    assert "is no name of a ROM" in done.stderr
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("words", [(), ("jump",), ("boot", "linux", "now"), ("list", "linux")])
def test_wrong_arguments_are_refused(phone: OwnPhone, words: tuple[str, ...]) -> None:
    assert phone(*words).returncode == 2


def test_without_roms_the_list_says_how_to_add_one(phone_program: Path, tmp_path: Path) -> None:
    phone = OwnPhone(phone_program, tmp_path)
    (tmp_path / "data/hardboot/roms").rename(tmp_path / "elsewhere")
    assert phone("list").stdout == "No ROMs. Add one from the computer: hardboot rom add NAME IMAGE\n"


@each_phone_agent
def test_the_committed_binary_runs(phone_agent: PhoneAgent) -> None:
    program = replace(phone_agent, binary=agent.phone_program)
    assert program("list").stdout == "No ROMs. Add one from the computer: hardboot rom add NAME IMAGE\n"
    done = program("boot", "linux")
    assert (done.returncode, done.stdout) == (3, "Checking linux\n")
    assert done.stderr.splitlines()[0] == "hardboot: there is no ROM linux, or it has no start files"


@each_phone_agent
def test_the_committed_binary_gets_as_far_as_the_load(phone_agent: PhoneAgent, phone: OwnPhone) -> None:
    program = replace(phone_agent, binary=agent.phone_program)
    image = phone.root / "data/hardboot/roms/linux/root.img"
    told = phone_agent(*shlex.split(extents_command("agent", str(image)))[1:])
    runs = blocks.check("root", parse_extents(told.stdout), size=3 * PAGE, partition_size=1 << 60)
    phone.put_start("root.table", build_table(runs))
    text("pin 0x1", "pin 0x0")(phone)  # this computer's file system cannot
    done = program("boot", "linux", root=phone.root)
    # QEMU runs no kexec_load(2): the answer is ENOSYS, and nothing was loaded.
    assert done.stderr.splitlines()[0] == "hardboot: the kernel refused to load it: errno 0038"
    phone.put_start("root.table", build_table([replace(runs[0], physical=runs[0].physical ^ 512)]))
    assert MOVED in program("boot", "linux", root=phone.root).stderr


# What does not fit any more

Change = Callable[[OwnPhone], object]


def text(old: str, new: str) -> Change:
    """Change the start file."""

    def change(phone: OwnPhone) -> None:
        path = phone.start("start")
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    return change


def iomem(old: str, new: str) -> Change:
    """Change the memory map of the running kernel."""
    assert old in IOMEM
    return lambda phone: phone.put("/proc/iomem", IOMEM.replace(old, new).encode())


def extents(*runs: Extent) -> Change:
    """Let the image lie elsewhere."""
    return lambda phone: phone.extents.__setitem__(slice(None), runs)


def fifo(path: Path) -> None:
    """Put a FIFO, into which nobody writes, in place of a file."""
    path.unlink()
    os.mkfifo(path)


KERNEL_CHANGED = "another host kernel runs than the one that this start was planned for: "
MEMORY = "the memory map of the running kernel is not the one that this start was planned for: "
MOVED = "the blocks of root.img are not where they were written"
DAMAGED = "the start files are damaged: "
FIRST, SECOND = RUNS


@pytest.mark.parametrize(
    ("change", "code", "what"),
    [
        (text("release ", "release 0"), 4, KERNEL_CHANGED),
        (text("version #", "version ##"), 4, KERNEL_CHANGED),
        (
            lambda phone: phone.put("/sys/kernel/kexec_hardboot/page", b"0x45000000\n"),
            4,
            "the hardboot page of the running kernel is not where it was planned: 0x45000000",
        ),
        (
            lambda phone: (phone.root / "sys/kernel/kexec_hardboot/page").unlink(),
            4,
            "the hardboot page of the running kernel is not where it was planned: errno 0002",
        ),
        (iomem("7fffffff : System", "77ffffff : System"), 4, MEMORY + "40000000-77ffffff : System RAM"),
        (iomem("c0000000-ffffffff : System RAM\n", ""), 4, MEMORY + "System RAM is missing"),
        (iomem("System ROM", "System RAM"), 4, MEMORY + "80000000-80000fff : System RAM"),
        (iomem("7f000000-", "44007000-"), 4, MEMORY + "  44007000-7fffffff : reserved"),
        (iomem("41300000-4131", "40300000-4131"), 4, MEMORY + "  40300000-4131ffff : reserved"),
        (iomem("40000000", "x0000000"), 4, MEMORY + "x0000000-7fffffff : System RAM"),
        (lambda phone: phone.put("/proc/iomem", b""), 4, MEMORY + "System RAM is missing"),
        (extents(replace(FIRST, physical=0x200000), SECOND), 4, MOVED),
        (extents(FIRST, replace(SECOND, flags=0x2000)), 4, MOVED),
        (extents(FIRST, replace(SECOND, flags=0x800)), 4, MOVED),
        (extents(FIRST, replace(SECOND, logical=3 * PAGE)), 4, MOVED),
        (extents(FIRST), 4, MOVED),
        (extents(FIRST, replace(SECOND, length=0)), 4, MOVED),
        (extents(), 4, MOVED),
        (lambda phone: phone.refresh(size=2 * PAGE), 4, MOVED),
        (lambda phone: phone.put_start("root.table", build_table([SECOND])), 4, MOVED),
        (lambda phone: phone.refresh(size=4 * PAGE), 4, MOVED),  # neither file nor table is as long
        (lambda phone: phone.put_start("root.table", build_table([*RUNS, FIRST])), 4, MOVED),
        (lambda phone: phone.put_start("root.table", b"\xff" * 48), 4, MOVED),
        (lambda phone: phone.put_start("root.table", b"short"), 3, "root.table is damaged: not whole runs"),
        (lambda phone: phone.put_start("root.table", b""), 3, "root.table is damaged: not whole runs"),
        (lambda phone: phone.put_start("root.table", bytes(24 * 8193)), 3, "root.table is damaged: errno"),
        (lambda phone: phone.put_start("zImage", KERNEL[::-1]), 3, "start/zImage is damaged"),
        (lambda phone: phone.put_start("zImage", KERNEL + b"k"), 3, "zImage has another size than"),
        (lambda phone: phone.start("initrd").unlink(), 3, "start/initrd cannot be opened: errno 0002"),
        (lambda phone: fifo(phone.start("initrd")), 3, "initrd has another size than"),
        (lambda phone: fifo(phone.start("start")), 3, DAMAGED + "lines are missing"),
        (lambda phone: phone.start("start").unlink(), 3, "there is no ROM linux, or it has no start files"),
        (text("hardboot-start 1", "hardboot-start 2"), 3, "the start files are of another version"),
        (text("end\n", ""), 3, DAMAGED + "lines are missing"),
        (text("end\n", "end"), 3, DAMAGED + 'its end is not a line "end"'),
        (text("end\n", "end\nend\n"), 3, DAMAGED + 'its end is not a line "end"'),
        (text("pin 0x1", "pin 0x1\0"), 3, DAMAGED + "a zero byte"),
        (text("flag 0x4", "flag 4"), 3, DAMAGED + "4"),
        (text("flag 0x4", "flag 0x5"), 3, DAMAGED + "flag"),
        (text("flag 0x4", "flags 0x4"), 3, DAMAGED + "flags"),
        (text("entry 0x", "entry 0x00000000000000000"), 3, DAMAGED + "0x00000000000000000"),
        (text("image root.img", "image ../../root.img"), 3, DAMAGED + "../../root.img"),
        (text("segment zImage", "segment /dev/zero"), 3, DAMAGED + "/dev/zero"),
        (text("zImage 0x41008000", "zImage 0x41008001"), 3, DAMAGED + "zImage"),
        (text("zImage 0x41008000", "zImage 0xfffffffffffff000"), 3, DAMAGED + "zImage"),
        (text("0x2000 0x1775", "0x1000 0x1775"), 3, DAMAGED + "zImage"),
        (text("end\n", "segment zImage 0x0 0x1000 0x1 0x0\n" * 15 + "end\n"), 3, DAMAGED + "segment"),
        (text("end\n", "image a 0x1 b\n" * 16 + "end\n"), 3, DAMAGED + "image"),
        (text("end\n", "ram 0x0 0x1\n" * 255 + "end\n"), 3, DAMAGED + "ram"),
        (text("end\n", "reserved 0x1 0x1\nend\n"), 3, DAMAGED + "reserved"),
        (text("end\n", "a b c d e f g h\nend\n"), 3, DAMAGED + "a"),
        (lambda phone: phone.put_start("start", b"x" * 70000), 5, "start/start cannot be read: errno 0007"),
        (
            lambda phone: (phone.root / "data/hardboot/roms/linux/root.img").unlink(),
            3,
            "roms/linux/root.img cannot be opened: errno 0002",
        ),
    ],
)
def test_a_start_that_does_not_fit_is_refused(phone: OwnPhone, change: Change, code: int, what: str) -> None:
    change(phone)
    done = phone("boot", "linux")
    assert what in done.stderr
    assert done.returncode == code
    last = [line for line in done.stderr.splitlines() if line != "pin"]
    assert last[0].startswith("hardboot: ")
    assert last[1] == "  state: Nothing was started."
    assert last[2].startswith("  to do: ")
    assert len(last) == 3  # neither a load nor a report of the sanitizers
    if code == 4 and what != MOVED:
        assert last[2] == REFRESH


def test_what_the_kernel_refuses_is_told(phone: OwnPhone) -> None:
    phone.errno = 16
    done = phone("boot", "linux")
    assert done.returncode == 5
    assert "hardboot: the kernel refused to load it: errno 0016\n" in done.stderr
    assert "reboot" not in done.stderr


def test_reserved_memory_that_the_plan_knew_of_is_no_change(phone: OwnPhone) -> None:
    taken = Range(0x44000000, 0x44001000)
    phone.put("/proc/iomem", IOMEM.replace("41300000-4131ffff", "44000000-44000fff").encode())
    phone.refresh(live=replace(LIVE, reserved=(taken,)))
    assert f"{REBOOT} 0x45584543" in calls(phone, "boot", "linux")


# Any input

CHECKED = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@CHECKED
@given(st.integers(0, 1 << 32))
def test_any_start_file_is_read_or_refused(phone: OwnPhone, seed: int) -> None:
    phone.refresh()
    chance, data = random.Random(seed), bytearray(phone.start("start").read_bytes())
    for _ in range(chance.randrange(1, 4)):
        at, size = chance.randrange(len(data)), chance.randrange(9)
        piece = data[(other := chance.randrange(len(data))) : other + chance.randrange(40)]
        data[at : at + size] = chance.choice([piece, bytes(chance.choices(b"0x9fa \n\0\xff", k=size))])
    phone.put_start("start", bytes(data))
    done = phone("boot", "linux")
    assert done.returncode in (3, 4, 5), done.stderr
    assert "Sanitizer" not in done.stderr
    assert "runtime error" not in done.stderr


@st.composite
def layouts(draw: st.DrawFn) -> list[Extent]:
    """Return extents as a file system may tell them, most of them of three pages."""
    found: list[Extent] = []
    at = 0
    for _ in range(draw(st.integers(1, 4))):
        length = draw(st.sampled_from([512, PAGE, 2 * PAGE]))
        gap = draw(st.sampled_from([0] * 9 + [512]))
        place = draw(st.sampled_from([0x100000 + at, 0x80000 + at, 0x100000]))
        flags = draw(st.sampled_from([0] * 9 + [1, 0x1000, 0x800, 0x10000]))
        found.append(Extent(at + gap, place, length, flags))
        at += gap + length
    return found


@CHECKED
@given(now=layouts(), other=layouts(), same=st.booleans())
def test_the_blocks_are_compared_as_on_the_computer(
    phone: OwnPhone, now: list[Extent], other: list[Extent], same: bool
) -> None:
    def checked(runs: list[Extent]) -> tuple[Extent, ...] | None:
        try:
            return blocks.check("root", runs, size=3 * PAGE, partition_size=1 << 30)
        except RefusedError:
            return None

    known = checked(now if same else other)
    if known is None:
        return
    phone.put_start("root.table", build_table(known))
    phone.extents = now
    found = checked(now)
    fits = found is not None and blocks.digest(found) == blocks.digest(known)
    assert ("kexec_load" in phone("boot", "linux").stderr) == fits


LOCK = "/dev/hardboot-lock"
OWNER = "0123456789abcdef {} 01234567 42 hardboot flash-host-kernel a.img on laptop\n"


@pytest.mark.parametrize("words", [("boot", "linux"), ("home",)], ids=" ".join)
@pytest.mark.parametrize(
    ("line", "told"),
    [
        (OWNER.format(1000), "hardboot flash-host-kernel a.img on laptop"),
        (OWNER.format(401), "hardboot flash-host-kernel a.img on laptop"),
        (OWNER.format(9_999_999_999), "hardboot flash-host-kernel a.img on laptop"),
        ("garbage\n", "it does not say which command"),
        (OWNER.format("x"), "it does not say which command"),
        ("", "it does not say which command"),
        ("x" * 4096, "it does not say which command"),
    ],
)
def test_nothing_restarts_the_phone_while_a_computer_uses_it(
    phone: OwnPhone, words: tuple[str, ...], line: str, told: str
) -> None:
    phone.put("/proc/uptime", b"1001.52 4000.00\n")
    phone.put(LOCK, line.encode())
    done = phone(*words)
    assert done.returncode == 4
    assert done.stderr.splitlines() == [
        f"hardboot: a computer uses this phone: {told}",
        "  state: Nothing was started.",
        f"  to do: Wait until it ends. If it has died, remove its lock: rm {LOCK}",
    ]


def test_the_lock_of_a_computer_that_has_died_long_ago_stops_no_start(phone: OwnPhone) -> None:
    phone.put("/proc/uptime", b"1001.52 4000.00\n")
    phone.put(LOCK, OWNER.format(400).encode())
    assert f"{REBOOT} 0x45584543" in calls(phone, "boot", "linux")


def test_the_lock_is_the_one_that_the_computer_writes(phone: OwnPhone) -> None:
    assert phone_lock.PATH == LOCK
    line = phone_lock._line("0123456789abcdef", "7")
    owner = phone_lock.parse_owner(line)
    assert owner
    phone.put(LOCK, f"{line}\n".encode())
    phone.put("/proc/uptime", b"8.00 4.00\n")
    assert f"a computer uses this phone: {owner.words}" in phone("boot", "linux").stderr
