"""hardboot probe --ranges on the scripted phone, whose bootloader overwrites what a test says."""

import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import scripted_setup as setup
from image_builders import dtb
from in_process import hardboot
from ram_check_guest import SHOWN, overwriting
from scripted_phone import HOST, Image, ScriptedPhone

from hardboot import profile
from hardboot.attempts import store
from hardboot.base.memory import Range, subtract
from hardboot.memorymap import Kind
from hardboot.probe import overwritten, ranges
from hardboot.probe.overwritten import Overwritten, joined

MIB = 1 << 20
IOMEM = "40000000-4bffffff : System RAM\n  40300000-412fffff : Kernel code\n"
MEMINFO = "MemTotal: 1048576 kB\nMemFree: 1 kB\nMemAvailable: 69632 kB\n"  # leaves 4 MiB for a round
TREE = dtb(
    '/ { model = "scripted"; #address-cells = <1>; #size-cells = <1>; chosen { }; '
    'memory@40000000 { device_type = "memory"; reg = <0x40000000 0xc000000>; }; '
    "reserved-memory { #address-cells = <1>; #size-cells = <1>; ranges; ramoops@44100000 { "
    'compatible = "ramoops"; reg = <0x44100000 0x100000>; }; }; };'
)
WHERE = ("--range", "0x43f00000-0x44180000")
Probe = Callable[..., Any]


@pytest.fixture
def phone(scripted: ScriptedPhone) -> ScriptedPhone:
    """Return a phone with 192 MiB of RAM."""
    files: dict[str, bytes | None] = {"/proc/iomem": IOMEM.encode(), "/proc/meminfo": MEMINFO.encode()}
    host = replace(HOST, files=files)
    image = setup.own_image()
    scripted.partition("boot", image, size=setup.SIZE)
    scripted.boots = [(image, host)]
    scripted.trees["/sys/firmware/fdt"] = TREE
    scripted.rom = replace(HOST, release="6.1.0-host", page=None, flag=None, takes=1)
    scripted.power_on()
    return scripted


def run(*words: str | Path, code: int = 0) -> Any:
    ran = hardboot("--json", "probe", "--ranges", "--yes", *words)
    assert ran.returncode == code, ran.stderr
    return json.loads(ran.stdout)


def pairs(found: list[dict[str, int]]) -> list[tuple[int, int]]:
    return [(one["start"], one["end"]) for one in found]


def test_what_was_overwritten_is_found_to_the_page_and_what_is_reserved_is_left_alone(
    phone: ScriptedPhone, own_profiles: Path, tmp_path: Path
) -> None:
    changed = [(0x43F00000, 0x43F01000), (0x43FFF000, 0x44000000), (0x44001000, 0x44003000)]
    phone.runs_first = overwriting(*changed)
    done = run(*WHERE, "--svg", tmp_path / "map.svg")
    assert pairs(done["tested"]) == [
        (0x43F00000, 0x44000000),
        (0x44001000, 0x44100000),  # without the hardboot page and ramoops
    ]
    assert pairs(done["changed"]) == changed
    assert pairs(done["untested"])[0] == (0x40000000, 0x43F00000)
    assert len(phone.happened("reboot*")) == 1, "back into the phone's own system"
    assert phone.running
    assert phone.running.kernel.page is not None
    assert "overwritten by the bootloader" in (tmp_path / "map.svg").read_text()
    # The first lies in what the profile knows; the others are near the page, which survives.
    assert [(one["start"], one["end"]) for one in done["new"]] == [(0x44001000, 0x44003000)]
    made = tomllib.loads((own_profiles / "virt-arm.toml").read_text())
    assert {"name": "measured-1", "start": 0x44001000, "size": 0x2000} in made["bootloader"]
    assert "hardboot probe --ranges on 20" in made["evidence"]["bootloader.measured-1"]["source"]
    assert len(made["bootloader"]) == 8
    assert hardboot("devices", "check").returncode == 0


def test_a_large_range_takes_several_rounds(phone: ScriptedPhone) -> None:
    phone.runs_first = overwriting((0x45000000, 0x45001000), (0x45A00000, 0x45A80000))
    done = run("--range", "0x45000000-0x45b00000")
    assert pairs(done["tested"]) == [(0x45000000, 0x45B00000)]
    assert pairs(done["changed"]) == [(0x45000000, 0x45001000), (0x45A00000, 0x45A80000)]
    assert len(phone.happened("reboot*")) == 3
    assert [one["name"] for one in done["new"]] == ["measured-1", "measured-2"]


def test_nothing_new_is_not_written(phone: ScriptedPhone, own_profiles: Path) -> None:
    phone.runs_first = overwriting((0x42E00000, 0x42F00000))
    ran = hardboot("probe", "--ranges", "--yes", "--range", "0x42e00000-0x43000000", COLUMNS="100")
    assert ran.returncode == 0, ran.stderr
    assert "1.0 MiB of 2.0 MiB had changed, in 1 range:\n  0x42e00000-0x42f00000 (1.0 MiB)\n" in ran.stdout
    assert "The profile knows all of it." in ran.stdout
    assert not own_profiles.exists()


def test_what_the_profile_fears_and_nothing_touches_is_told(phone: ScriptedPhone) -> None:
    phone.runs_first = overwriting()
    ran = hardboot("probe", "--ranges", "--yes", "--range", "0x42e00000-0x43000000")
    assert store.find_all() == []  # a round that works is no attempt
    assert "The profile's dtb-load was not touched." in ran.stdout


def test_a_dry_run_restarts_nothing(phone: ScriptedPhone) -> None:
    done = run(*WHERE, "--dry-run")
    assert done["rounds"] == 1
    assert pairs(done["would_test"])[0] == (0x43F00000, 0x44000000)
    shown = hardboot("probe", "--ranges", *WHERE, "--dry-run").stdout
    assert "2.0 MiB would be compared, in about 1 round. Nothing was restarted." in shown
    assert not phone.happened("reboot*")
    assert phone.running
    assert phone.running.loaded is None


def test_it_is_asked_for_before_anything_is_loaded(phone: ScriptedPhone) -> None:
    ran = hardboot("probe", "--ranges", *WHERE)
    assert ran.returncode == 4
    assert "This fills free RAM of virt-arm HBSCRIPT and resets it about 1 time;" in ran.stderr
    assert phone.running
    assert phone.running.loaded is None


@pytest.mark.parametrize(
    ("rom", "code", "says", "outcome"),
    [
        ("host", 5, "the host kernel came back", "host-came-back"),
        ("nothing", 6, "has been silent for 60 s", "phone-silent"),
    ],
)
def test_a_round_that_fails_is_told_and_recorded(
    rom: Any, code: int, says: str, outcome: str, phone: ScriptedPhone
) -> None:
    phone.rom = rom
    ran = hardboot("probe", "--ranges", "--yes", *WHERE, "--wait", "60")
    assert ran.returncode == code
    assert says in ran.stderr
    (known,) = store.find_all()
    assert (known.outcome, known.image and known.image.name) == (outcome, ranges.NAME)


def test_a_guest_without_a_result_is_told(phone: ScriptedPhone) -> None:
    def spoiled(image: Image) -> dict[str, bytes | None]:
        return {SHOWN: b"something else"}

    phone.runs_first = spoiled
    ran = hardboot("probe", "--ranges", "--yes", *WHERE)
    assert ran.returncode == 5
    assert "does not show which pages changed" in ran.stderr


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--range", "0x90000000-0x90001000"), 4, "nothing of these ranges can be compared"),
        (("--range", "0x44000000-0x44001000"), 4, "nothing of these ranges can be compared"),
        (("--range", "1-2"), 2, "is not START-END in hex"),
        (("--range", "0x2000-0x1000"), 2, "is not START-END in hex"),
        (("--reset", "plain"), 2, "--ranges cannot be combined with --reset"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    phone: ScriptedPhone, words: tuple[str, ...], code: int, says: str
) -> None:
    ran = hardboot("probe", "--ranges", "--yes", *words)
    assert ran.returncode == code
    assert says in ran.stderr


def test_options_of_ranges_need_ranges(phone: ScriptedPhone) -> None:
    assert hardboot("probe", *WHERE).returncode == 2
    assert hardboot("probe", "--svg", "x.svg").returncode == 2


@pytest.mark.parametrize(
    ("meminfo", "code", "says"),
    [
        ("MemTotal: 1048576 kB\nMemAvailable: 65536 kB\n", 4, "only 65536 KiB of memory are free"),
        ("MemTotal: 131072 kB\nMemAvailable: 999999 kB\n", 4, "only 999999 KiB of memory are free"),
        ("", 5, "does not say how much memory is free"),
    ],
)
def test_a_phone_without_free_memory_is_refused(
    phone: ScriptedPhone, meminfo: str, code: int, says: str
) -> None:
    assert phone.running
    files = phone.running.kernel.files | {"/proc/meminfo": meminfo.encode()}
    phone.boots = [(b"", replace(phone.running.kernel, files=files))]
    phone.power_on()
    ran = hardboot("probe", "--ranges", "--yes", *WHERE)
    assert ran.returncode == code
    assert says in ran.stderr
    assert phone.running.loaded is None


def test_a_host_that_moves_what_is_loaded_is_refused(phone: ScriptedPhone, tmp_path: Path) -> None:
    text = profile.path_of("virt-arm")
    assert text
    path = tmp_path / "virt-arm.toml"
    path.write_text(
        text.read_text().replace('host_abi = "direct"', 'host_abi = "copy-dtb"\ndtb_loc = 0x42e00000')
    )
    ran = hardboot("probe", "--ranges", "--yes", "--profile", path)
    assert ran.returncode == 4
    assert "moves what is loaded (copy-dtb)" in ran.stderr


def measured(*changed: tuple[int, int]) -> Overwritten:
    bank = Range(0x40000000, 0x80000000)
    return Overwritten((bank,), (bank,), tuple(Range(*one) for one in changed))


@pytest.mark.parametrize(
    ("changed", "new"),
    [
        ([], []),
        ([(0x7DDE7000, 0x80000000)], []),
        ([(0x50000000, 0x50001000), (0x50080000, 0x50081000)], [(0x50000000, 0x50081000)]),
        (
            [(0x50000000, 0x50001000), (0x50200000, 0x50201000)],
            [(0x50000000, 0x50001000), (0x50200000, 0x50201000)],
        ),
        ([(0x43FFF000, 0x44000000), (0x44001000, 0x44002000)], [(0x44001000, 0x44002000)]),
    ],
)
def test_a_profile_learns_what_it_does_not_know(
    changed: list[tuple[int, int]], new: list[tuple[int, int]]
) -> None:
    found = overwritten.learned(profile.load("virt-arm"), measured(*changed))
    assert [(one.start, one.end) for one in found] == new
    assert [one.name for one in found] == [f"measured-{number + 1}" for number in range(len(new))]


def test_the_picture_shows_what_was_overwritten_and_what_was_not_compared() -> None:
    known = profile.load("virt-arm")
    bank = Range(0x40000000, 0x80000000)
    tested = tuple(subtract([bank], [known.page, *known.reserved]))
    picture = overwritten.draw(known, Overwritten((bank,), tested, (Range(0x50000000, 0x50001000),)))
    shapes = {
        (shape.range.name, shape.range.start): shape.kind
        for panel in picture.panels
        for shape in panel.shapes
    }
    assert shapes["overwritten", 0x50000000] is Kind.BOOTLOADER
    assert shapes["not compared", 0x44100000] is Kind.RESERVED
    assert shapes["hardboot page", 0x44000000] is Kind.PAGE
    assert picture.overlaps == ()


def test_ranges_are_joined_over_a_gap() -> None:
    parts = [Range(8, 9), Range(1, 3), Range(3, 5), Range(2, 4)]
    assert joined(parts) == [Range(1, 5), Range(8, 9)]
    assert joined(parts, 2) == [Range(1, 5), Range(8, 9)]
    assert joined(parts, 3) == [Range(1, 9)]


def test_no_more_is_taken_than_fits_a_round() -> None:
    free = [Range(0, 10), Range(20, 30), Range(40, 50)]
    assert ranges._first(free, 15, 12) == [Range(0, 10), Range(20, 25)]
    assert ranges._first(free, 99, 2) == [Range(0, 10), Range(20, 30)]
    assert ranges._first(free, 99, 0) == []
