"""hardboot boot with the name of a stored ROM, or without any name."""

from dataclasses import replace
from pathlib import Path

import pytest
import scripted_setup
import store_setup as setup
from in_process import hardboot
from scripted_phone import Kernel
from store_setup import StorePhone

from hardboot.flows.store import default
from hardboot.flows.store.place import STORE


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StorePhone:
    found = setup.with_linux(monkeypatch, tmp_path)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return found


def boots_stored(phone: StorePhone) -> bool:
    """Return whether a ROM runs whose disks hb-init makes."""
    running = phone.scripted.running
    return running is not None and "rdinit=/hb-init/init" in running.cmdline


def said(text: str) -> str:
    return " ".join(text.split())


def test_a_stored_rom_is_booted_by_its_name(phone: StorePhone) -> None:
    done = hardboot("boot", "linux", "--append", "quiet")
    assert done.returncode == 0, done.stderr
    assert boots_stored(phone)
    running = phone.scripted.running
    assert running
    assert "quiet" in running.cmdline.split()


def test_a_dry_run_shows_its_plan_and_boots_nothing(phone: StorePhone) -> None:
    done = hardboot("boot", "linux", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "way           hardboot" in done.stdout
    assert "rdinit=" in done.stdout
    assert not boots_stored(phone)


def test_without_a_name_the_default_is_booted(phone: StorePhone) -> None:
    done = hardboot("boot")
    assert done.returncode == 3
    assert "the default is the phone's own system, which runs already" in said(done.stderr)
    assert "hardboot rom default NAME" in said(done.stderr)
    default.choose(phone.phone, "linux")
    done = hardboot("boot")
    assert done.returncode == 0, done.stderr
    assert boots_stored(phone)


def test_a_file_of_the_same_name_is_booted_and_the_rom_is_told(phone: StorePhone, tmp_path: Path) -> None:
    image = scripted_setup.rom_image(tmp_path).rename("linux")
    done = hardboot("boot", image)
    assert done.returncode == 0, done.stderr
    assert not boots_stored(phone)
    assert "booting the file linux. The ROM of that name: hardboot rom boot linux" in said(done.stderr)


def test_a_file_of_another_name_is_booted_without_a_word(phone: StorePhone, tmp_path: Path) -> None:
    done = hardboot("boot", scripted_setup.rom_image(tmp_path).rename("other"))
    assert done.returncode == 0, done.stderr
    assert "The ROM of that name" not in said(done.stderr)


@pytest.mark.parametrize(
    ("words", "code", "what"),
    [
        ("linus", 3, "linus: no such file, and no ROM of that name on this phone; did you mean linux?"),
        ("roms/linux", 3, "roms/linux: no such file"),
        ("linux --dtb x.dtb", 3, "linux: no such file"),
        ("linux --via fastboot", 2, "a ROM that is stored on the phone is booted by --via hardboot only"),
        ("--dtb x.dtb", 2, "nothing to start"),
    ],
)
def test_what_is_neither_is_refused(phone: StorePhone, words: str, code: int, what: str) -> None:
    done = hardboot("boot", *words.split())
    assert (done.returncode, what in said(done.stderr)) == (code, True), done.stderr


@pytest.mark.parametrize("command", [("boot",), ("rom", "boot")])
@pytest.mark.parametrize("is_host", [False, True])
def test_while_a_rom_runs_the_phone_is_restarted_first_if_that_is_agreed(
    phone: StorePhone, command: tuple[str, ...], *, is_host: bool
) -> None:
    kernel = Kernel("6.6.0-rom")
    phone.scripted.rom = kernel if is_host else replace(kernel, page=None, flag=None, takes=1)
    shown: dict[str, bytes | None] = {
        path: read(phone, path) for path in ("/proc/mounts", *setup.BLOCK_FILES)
    }
    phone.scripted.boots = [
        (image, replace(one, files=one.files | shown)) for image, one in phone.scripted.boots
    ]
    assert hardboot("boot", "linux").returncode == 0
    store = {path: one for path, one in phone.scripted.files.nodes.items() if path.startswith(STORE)}
    phone.scripted.files.remove(STORE)  # the ROM's /data is another one
    done = hardboot(*command, "linux")
    assert done.returncode == 4
    told = "the system that runs is a ROM, which sees no stored ROMs" if is_host else "a ROM is running"
    assert told in said(done.stderr)
    assert "--from-rom" in said(done.stderr)
    for words in (("list",), ("show", "linux"), ("rename", "linux", "other")):
        done = hardboot("rom", *words)
        assert (done.returncode, done.stdout) == (4, ""), words
        assert "the system that runs is a ROM, which sees no stored ROMs" in said(done.stderr)

    def restarted() -> Kernel:
        phone.scripted.files.nodes.update(store)
        return phone.scripted.boots[0][1]

    phone.scripted.chooses = restarted
    done = hardboot(*command, "linux", "--from-rom")
    assert done.returncode == 0, done.stderr
    assert boots_stored(phone)


def read(phone: StorePhone, path: str) -> bytes:
    node = phone.scripted.files.find(path)
    assert node
    return node.read()


@pytest.mark.parametrize("written", ["./linux", "linux/", ".//linux"])
def test_what_is_written_as_a_path_is_no_name_of_a_rom(phone: StorePhone, written: str) -> None:
    done = hardboot("boot", written)
    assert done.returncode == 3
    assert not boots_stored(phone)
    assert "linux" in done.stderr
    assert "ROM" not in done.stderr


def test_a_path_in_a_folder_that_is_gone_is_no_file(
    phone: StorePhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = Path("gone").absolute()
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    done = hardboot("boot", "./linux")
    assert done.returncode == 3
    assert "hardboot: linux: no such file" in done.stderr


def test_a_file_that_is_written_as_a_path_is_booted_without_a_word(phone: StorePhone, tmp_path: Path) -> None:
    scripted_setup.rom_image(tmp_path).rename("linux")
    done = hardboot("boot", "./linux")
    assert done.returncode == 0, done.stderr
    assert not boots_stored(phone)
    assert "The ROM of that name" not in said(done.stderr)
