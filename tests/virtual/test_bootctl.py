"""The virtual phone's bootctl, built for this computer, on boot control blocks as AOSP declares them."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import boot_control
import pytest
from boot_control import Slot

from hardboot.base import process
from hardboot.virtual import userland

Bootctl = Callable[..., subprocess.CompletedProcess[str]]
MAIN = '#include "toolbox.h"\nint main(int count, char **words) { (void)count; return bootctl(words + 1); }\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the program is, and the files that stand for misc and the properties."""
    folder = tmp_path_factory.mktemp("bootctl")
    (folder / "main.c").write_text(MAIN)
    flags = ["-Wall", "-Wextra", "-Werror", "-g", "-fsanitize=address,undefined", f"-I{userland.PHONE}"]
    flags += [f'-DMISC="{folder}/misc"', f'-DPROPERTIES="{folder}/properties"']
    sources = [folder / "main.c", userland.PHONE / "toolbox_bootctl.c"]
    process.run([process.find_tool("gcc", "gcc"), *flags, *sources, "-o", folder / "bootctl"], timeout_s=120)
    return folder


@pytest.fixture
def misc(folder: Path) -> Path:
    path = folder / "misc"
    path.write_bytes(bytes(boot_control.OFFSET) + boot_control.build("_a", Slot(15, 5), Slot(14, 7)))
    (folder / "properties").write_text("ro.hardware=x\nro.boot.slot_suffix=_a\n")
    return path


@pytest.fixture
def bootctl(folder: Path, misc: Path) -> Bootctl:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {"ASAN_OPTIONS": "detect_leaks=0"}
        return subprocess.run(
            [folder / "bootctl", *words], capture_output=True, text=True, timeout=20, env=environment
        )

    return run


def slots(misc: Path) -> tuple[Slot, ...]:
    return boot_control.parse(misc.read_bytes())[1]


def test_a_slot_that_booted_is_not_counted_any_more(bootctl: Bootctl, misc: Path) -> None:
    assert bootctl("mark-boot-successful").returncode == 0
    assert slots(misc) == (Slot(15, 1, successful=True), Slot(14, 7))
    assert bootctl("is-slot-marked-successful", "0").returncode == 0
    assert bootctl("is-slot-marked-successful", "1").returncode == 1


def test_the_other_slot_becomes_active_with_all_its_tries(bootctl: Bootctl, misc: Path) -> None:
    assert bootctl("get-active-boot-slot").stdout == "0\n"
    assert bootctl("set-active-boot-slot", "1").returncode == 0
    assert slots(misc) == (Slot(14, 5), Slot(15, 7))
    assert bootctl("get-active-boot-slot").stdout == "1\n"
    assert bootctl("get-current-slot").stdout == "0\n"


def test_an_unbootable_slot_is_passed_over(bootctl: Bootctl, misc: Path) -> None:
    assert bootctl("is-slot-bootable", "0").returncode == 0
    assert bootctl("set-slot-as-unbootable", "0").returncode == 0
    assert slots(misc) == (Slot(0, 0), Slot(14, 7))
    assert bootctl("is-slot-bootable", "0").returncode == 1
    assert bootctl("get-active-boot-slot").stdout == "1\n"


def test_suffixes_and_their_number(bootctl: Bootctl) -> None:
    assert [bootctl("get-suffix", slot).stdout for slot in "01"] == ["_a\n", "_b\n"]
    assert bootctl("get-number-slots").stdout == "2\n"


@pytest.mark.parametrize("words", [(), ("mark",), ("set-active-boot-slot",), ("get-suffix", "2")])
def test_wrong_words_are_refused(bootctl: Bootctl, misc: Path, words: tuple[str, ...]) -> None:
    before = misc.read_bytes()
    assert bootctl(*words).returncode == 64
    assert misc.read_bytes() == before


def test_a_damaged_block_is_not_written_back(bootctl: Bootctl, misc: Path) -> None:
    damaged = bytearray(misc.read_bytes())
    damaged[boot_control.OFFSET + 12] ^= 1
    misc.write_bytes(damaged)
    done = bootctl("mark-boot-successful")
    assert (done.returncode, done.stderr) == (1, "bootctl: no valid boot control block in misc\n")
    assert misc.read_bytes() == damaged
