"""The start files of a stored ROM: what the program on the phone gets, and the record for `status`."""

import contextlib
import os
from dataclasses import replace
from pathlib import Path

import msgspec
import phone_programs
import pytest
import scripted_setup
import store_setup as setup
from cuts import KINDS, Cut, CutTransport, Killed
from in_process import hardboot
from phone_programs import phone_program
from scripted_phone import STOCK
from store_setup import StorePhone

from hardboot import profile
from hardboot.base.errors import HardbootError, RefusedError
from hardboot.device import record
from hardboot.flows.journal import Journal
from hardboot.flows.store import add, refresh, sources, stored
from hardboot.flows.store.place import RESERVE, STORE
from hardboot.payload import agent
from hardboot.payload.extents import Extent

__all__ = ["phone_program"]


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StorePhone:
    return setup.with_linux(monkeypatch, tmp_path, filesystem="f2fs")


def refreshed(phone: StorePhone) -> record.Loaded:
    journal = Journal(phone.phone.profile.name, phone.phone.serialno)
    return refresh.refresh(phone.phone, stored.find(phone.phone, "linux"), journal)


def copied(phone: StorePhone, folder: Path) -> Path:
    """Copy the files of the phone that the program reads into a folder; it runs this computer's kernel."""
    running = os.uname()
    for path in ("/proc/iomem", "/sys/kernel/kexec_hardboot/page", "/proc/1/mounts", *store_files(phone)):
        node = phone.scripted.files.find(path)
        assert node, path
        target = folder / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(node.read())
    start = folder / f"{STORE}/linux/start/start".lstrip("/")
    lines = start.read_text().splitlines()
    assert lines[1:3] == ["release 6.1.0-host", "version #1 SMP"]
    lines[1:3] = [f"release {running.release}", f"version {running.version}"]
    start.write_text("".join(f"{line}\n" for line in lines))
    return folder


def store_files(phone: StorePhone) -> list[str]:
    names = phone.scripted.files.names(f"{STORE}/linux/start")
    return [f"{STORE}/linux/root.img", *(f"{STORE}/linux/start/{name}" for name in names)]


def loses_hardboot(phone: StorePhone) -> None:
    """Let the running kernel be one without hardboot support."""
    running = phone.scripted.running
    assert running
    running.kernel = STOCK
    for name in ("page", "flag"):
        phone.scripted.files.remove(f"/sys/kernel/kexec_hardboot/{name}")


def test_the_program_on_the_phone_starts_what_was_planned(
    phone: StorePhone, tmp_path: Path, phone_program: Path
) -> None:
    loaded = refreshed(phone)
    (image,) = stored.find(phone.phone, "linux").images
    done = phone_programs.run(phone_program, copied(phone, tmp_path / "p"), image.extents, "boot", "linux")
    pinned, load, *segments = done.stderr.splitlines()
    assert (pinned, load) == ("pin", f"kexec_load {loaded.entry:#x} {len(loaded.segments)} {loaded.flag:#x}")
    for line, one in zip(segments, loaded.segments, strict=False):
        assert line.startswith(f"segment {one.start:#x} {one.end - one.start:#x} ")
    assert "reboot 0xfee1dead 0x28121969 0x45584543" in segments
    (phone.scripted.files.find(f"{STORE}/linux/start/initrd") or pytest.fail("no ramdisk")).read().index(
        b"hb-init/root.table"
    )


def test_the_program_refuses_an_image_that_moved(
    phone: StorePhone, tmp_path: Path, phone_program: Path
) -> None:
    refreshed(phone)
    (image,) = stored.find(phone.phone, "linux").images
    moved = [Extent(one.logical, one.physical + 4096, one.length) for one in image.extents]
    done = phone_programs.run(phone_program, copied(phone, tmp_path / "p"), moved, "boot", "linux")
    assert (done.returncode, "kexec_load" in done.stderr) == (4, False)


def test_program_and_files_are_roots_alone(phone: StorePhone) -> None:
    refreshed(phone)
    node = phone.scripted.files.find(refresh.PROGRAM)
    assert node
    assert (node.mode & 0o777, node.read()) == (0o700, agent.phone_program("arm").read_bytes())
    for path in store_files(phone)[1:]:
        found = phone.scripted.files.find(path)
        assert found
        assert (found.mode & 0o777, found.owner) == (0o600, 0)
    assert phone.scripted.files.names(f"{STORE}/linux") == [
        "boot-boot.img",
        "manifest.json",
        "root.img",
        "start",
    ]


def test_the_rom_is_recognised_by_the_mark_in_its_start_files(phone: StorePhone) -> None:
    loaded = refreshed(phone)
    kernel = phone.phone.kernel()
    guest = replace(kernel, cmdline=f"{kernel.cmdline} {loaded.mark}")
    assert record.recall(phone.phone, guest) == loaded
    assert loaded.mark in loaded.cmdline
    assert record.recall(phone.phone, kernel) is None
    refreshed(phone)  # with another mark
    assert record.recall(phone.phone, guest) is None


def test_a_kernel_that_is_no_host_is_refused_and_the_old_files_stay(phone: StorePhone) -> None:
    refreshed(phone)
    before = phone.content("linux/start/start")
    loses_hardboot(phone)
    with pytest.raises(RefusedError, match="has no hardboot support"):
        refreshed(phone)
    assert phone.content("linux/start/start") == before


def test_without_room_nothing_is_written(phone: StorePhone) -> None:
    phone.scripted.data.capacity = RESERVE
    with pytest.raises(RefusedError, match="the start of linux from the phone itself needs"):
        refreshed(phone)
    assert "start" not in phone.scripted.files.names(f"{STORE}/linux")


def test_the_start_files_of_many_images_and_a_long_name_are_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    phone = setup.connected(monkeypatch, tmp_path)
    name, parts = "n" * 32, (*sources._PARTS, "data", "cache")
    known = setup.android(tmp_path, name=name)
    new = replace(known, images=dict.fromkeys(parts, known.images["system"]))
    phone.phone.keep_locked()
    made = add.add(phone.phone, new, add.check(phone.phone, new))
    refresh.refresh(phone.phone, made, Journal(phone.phone.profile.name, phone.phone.serialno))
    assert {f"{one}.table" for one in parts} < set(phone.scripted.files.names(f"{STORE}/{name}/start"))


def test_start_files_that_replace_others_need_no_more_room(phone: StorePhone) -> None:
    refreshed(phone)
    phone.scripted.data.capacity = 1 << 33
    free = phone.scripted.files.free(STORE)
    assert free
    phone.scripted.data.capacity -= free - (1 << 20)
    refreshed(phone)
    assert "start" in phone.scripted.files.names(f"{STORE}/linux")


def test_a_refresh_that_is_cut_off_leaves_all_start_files_or_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    phone = setup.with_linux(monkeypatch, tmp_path)
    undisturbed = cut_off(phone, Cut())
    assert undisturbed.seen > 15
    whole = store_files(phone)
    seen = set()
    for number in range(undisturbed.seen // 3, undisturbed.seen):  # before that, nothing is written
        cut_off(phone, Cut(number, KINDS[number % len(KINDS)]))
        names = phone.scripted.files.names(f"{STORE}/linux")
        seen.add("start" in names)
        if "start" in names:
            assert store_files(phone) == whole
        assert stored.find(phone.phone, "linux")
    assert seen == {True, False}
    refreshed(setup.reconnected(phone))
    assert "start.new" not in phone.scripted.files.names(f"{STORE}/linux")


def cut_off(phone: StorePhone, cut: Cut) -> Cut:
    """Refresh over a connection that is lost, and connect again."""
    phone.phone.transport = CutTransport(phone.scripted, cut)
    with contextlib.suppress(HardbootError, Killed):
        refreshed(phone)
    phone.phone = setup.reconnected(phone).phone
    return cut


# The commands


def test_refresh_says_how_the_rom_is_started_on_the_phone(phone: StorePhone) -> None:
    done = hardboot("rom", "refresh", "linux")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "linux starts on the phone: su -c '/data/hardboot/hardboot boot linux'\n"
    assert "start" in phone.scripted.files.names(f"{STORE}/linux")


def test_a_restored_rom_starts_on_the_phone_or_says_why_not(phone: StorePhone, tmp_path: Path) -> None:
    backup = tmp_path / "linux.tar.zst"
    assert hardboot("rom", "backup", "linux", backup).returncode == 0
    assert hardboot("rom", "restore", backup, "--name", "second").returncode == 0
    assert "start" in phone.scripted.files.names(f"{STORE}/second")
    loses_hardboot(phone)
    done = hardboot("rom", "restore", backup, "--name", "third")
    assert done.returncode == 0
    assert "third cannot be started from the phone itself yet: the running kernel" in " ".join(
        done.stderr.split()
    )
    assert "hardboot rom refresh third" in " ".join(done.stderr.split())


@pytest.mark.parametrize("command", ["refresh", "boot"])
def test_an_untested_phone_needs_the_users_word(
    phone: StorePhone, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    untested = msgspec.structs.replace(scripted_setup.small_profile(), status="untested")
    known = profile.match
    monkeypatch.setattr(
        profile, "match", lambda product: untested if product == "virt-arm" else known(product)
    )
    done = hardboot("rom", command, "linux")
    assert done.returncode == 4
    assert "then add --untested" in " ".join(done.stderr.split())
    done = hardboot("rom", command, "linux", "--untested")
    assert done.returncode == 0, done.stderr
