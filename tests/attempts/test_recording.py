"""The record of a start, on the scripted phone: what is kept, and which cause is named, for each outcome."""

import errno
import json
from dataclasses import replace
from pathlib import Path

import pytest
import slotted
from fake_fastboot import FakeFastboot
from in_process import hardboot
from recorded_boots import (
    CONSOLE,
    GUEST_LOG,
    HOST_BACK,
    MARK,
    PANIC,
    RECORD_LOG,
    boot,
    host_comes_back,
    kept,
    newest,
)
from scripted_phone import HOST, STOCK, Kernel, ScriptedPhone

from hardboot.attempts import presence, store
from hardboot.attempts.presence import Presence


def test_a_boot_that_works_keeps_its_plan_phases_and_outcome(scripted: ScriptedPhone, rom: Path) -> None:
    document = boot(rom, "--append", "x=1")
    known = newest()
    assert (known.outcome, known.cause, known.failure) == ("guest-up", None, None)
    assert known.command == ("hardboot", "--json", "boot", str(rom), "--append", "x=1")
    assert (known.mark, known.start, known.via) == (MARK, "hard", "hardboot")
    assert known.image
    assert (known.image.name, known.image.release) == ("rom.img", "6.6.0-rom")
    assert known.image.sha256 == document["loaded"]["sha256"]
    assert known.guest
    assert known.guest.boot_id == document["guest"]["boot_id"]
    assert [one.name for one in known.phases] == [one["name"] for one in document["phases"]]
    assert all(one.seconds is not None for one in known.phases)
    assert known.ended
    assert known.gone
    assert known.back
    assert known.back - known.gone == pytest.approx(20, abs=2)
    assert known.versions.keys() == {"hardboot", "python", "computer", "agent", "adb", "fastboot"}
    plan = json.loads(kept("plan.json"))
    assert {one["name"] for one in plan["plan"]["segments"]} == {"zImage", "initrd", "dtb"}
    assert "Booting Linux" in kept("dmesg-before.txt")
    assert "loaded=3" in kept("output.txt")


def test_exec_is_recorded_too(scripted: ScriptedPhone, rom: Path) -> None:
    assert hardboot("load", rom).returncode == 0
    assert store.find_all() == []
    assert hardboot("exec").returncode == 0
    assert (newest().outcome, newest().via, newest().mark) == ("guest-up", None, MARK)
    assert newest().image
    loaded = json.loads(kept("plan.json"))["loaded"]
    assert {one["name"] for one in loaded["segments"]} == {"zImage", "initrd", "dtb"}


def test_a_dry_run_and_a_refusal_are_no_attempts(scripted: ScriptedPhone, rom: Path) -> None:
    assert hardboot("boot", rom, "--dry-run").returncode == 0
    refused = hardboot("--json", "exec")
    assert (refused.returncode, json.loads(refused.stdout)["attempt"]) == (4, None)
    scripted.start(STOCK)
    assert hardboot("boot", rom).returncode == 4
    assert store.find_all() == []
    assert list((store._root() / "HBSCRIPT").iterdir()) == []


def test_a_rom_that_panics_is_told_with_its_last_words(scripted: ScriptedPhone, rom: Path) -> None:
    host_comes_back(scripted, GUEST_LOG + PANIC)
    document = boot(rom, code=5)
    assert document["cause"]["kind"] == "guest-died"
    assert document["error"]["what"] == (
        f"{HOST_BACK}; likely cause: the ROM's kernel crashed: "
        "'Kernel panic - not syncing: No working init found.'"
    )
    assert document["error"]["fix"] == "Read its whole log: hardboot log --all"
    assert "No working init" in kept("console-ramoops-0.txt")
    assert "Booting Linux" in kept("dmesg-after.txt")
    assert (newest().afterwards, newest().reasons["uptime"][:2]) == ("other", "20")


def test_a_log_that_does_not_end_in_a_panic_is_quoted_at_its_end(scripted: ScriptedPhone, rom: Path) -> None:
    host_comes_back(scripted, GUEST_LOG + "[    2.0] mmc0: timeout\n")
    assert boot(rom, code=5)["cause"]["sentence"] == "the ROM stopped; its log ends with 'mmc0: timeout'"


def test_a_log_of_another_start_is_not_taken_for_the_roms(scripted: ScriptedPhone, rom: Path) -> None:
    host_comes_back(
        scripted, (GUEST_LOG + PANIC).replace("0123abcd", "99999999").replace("6.6.0-rom", "6.6.1")
    )
    assert boot(rom, code=5)["cause"]["kind"] == "unknown"


def test_a_log_that_was_there_before_the_start_tells_nothing_of_it(
    scripted: ScriptedPhone, rom: Path
) -> None:
    scripted.add_file(CONSOLE, GUEST_LOG + PANIC)  # of an earlier start of the same image
    host_comes_back(scripted, GUEST_LOG + PANIC)
    assert boot(rom, code=5)["cause"]["kind"] == "unknown"


def test_what_the_host_kernel_complains_about_is_why_it_took_no_record(
    scripted: ScriptedPhone, rom: Path
) -> None:
    log = f"[    0.0] Kernel command line: {MARK}\n[    0.0] Hardboot page at 0x44000000 cannot be reserved\n"
    host_comes_back(scripted, log=log)
    document = boot(rom, code=5)
    assert document["cause"]["kind"] == "record-not-taken"
    assert document["error"]["what"] == (
        f"{HOST_BACK}; likely cause: the host kernel did not take the record: "
        "'Hardboot page at 0x44000000 cannot be reserved'"
    )


@pytest.mark.parametrize("had_logs", [True, False])
def test_logs_that_are_gone_tell_that_ram_lost_its_content(
    had_logs: bool, scripted: ScriptedPhone, rom: Path
) -> None:
    if had_logs:
        scripted.add_file(CONSOLE, "the boot before")
    host_comes_back(scripted, log="" if had_logs else "[ 0.1] printk: console [ramoops-1] enabled\n")
    cause = boot(rom, code=5)["cause"]
    assert (cause["kind"], "RAM lost its content" in cause["sentence"]) == ("record-not-taken", True)


def test_a_log_of_the_reset_alone_tells_that_ram_kept_its_content(scripted: ScriptedPhone, rom: Path) -> None:
    scripted.add_file(CONSOLE, "the boot before")
    host_comes_back(scripted, RECORD_LOG)
    cause = boot(rom, code=5)["cause"]
    assert (cause["kind"], "RAM kept its content" in cause["sentence"]) == ("unknown", True)


def test_without_any_log_nothing_is_claimed(scripted: ScriptedPhone, rom: Path) -> None:
    host_comes_back(scripted)
    document = boot(rom, code=5)
    assert document["cause"]["kind"] == "unknown"
    assert document["error"]["what"] == HOST_BACK
    assert document["error"]["fix"] == document["cause"]["fix"]
    soft = boot(rom, "--via", "soft", code=5)
    assert soft["cause"]["sentence"] == "the ROM crashed without a log"


def test_the_phones_own_word_for_a_panic_counts(scripted: ScriptedPhone, rom: Path) -> None:
    host_comes_back(scripted)
    scripted.properties["ro.boot.bootreason"] = "kernel_panic,sysrq"
    document = boot(rom, code=5)
    assert document["cause"]["kind"] == "guest-died"
    assert "'kernel_panic,sysrq'" in document["error"]["what"]
    assert newest().reasons["ro.boot.bootreason"] == "kernel_panic,sysrq"


def test_logs_that_cannot_be_read_leave_the_error_as_it_is(scripted: ScriptedPhone, rom: Path) -> None:
    host_comes_back(scripted, GUEST_LOG)
    scripted.fault("*/sys/fs/pstore/console*", nth=2, code=errno.EIO, says="cat: Input/output error\n")
    assert boot(rom, code=5)["error"]["what"] == HOST_BACK


@pytest.mark.parametrize("quoted", [False, True])
def test_a_kernel_that_is_not_left_is_told(quoted: bool, scripted: ScriptedPhone, rom: Path) -> None:
    log = "[   9.0] hardboot: no PSCI 0.2 firmware to reset the machine\n" if quoted else ""
    scripted.start(replace(HOST, log=log))
    scripted.fault("*agent exec*", code=1, says="error=reboot errno=22\n")
    document = boot(rom, code=6)
    assert (document["outcome"], document["cause"]["kind"]) == ("not-left", "never-left")
    assert ("'hardboot: no PSCI 0.2 firmware to reset the machine'" in document["error"]["what"]) == quoted
    assert "error=reboot errno=22" in kept("output.txt")
    assert (newest().afterwards, newest().gone) == ("same", None)


def test_what_fails_before_the_start_is_no_failure_of_the_rom(scripted: ScriptedPhone, rom: Path) -> None:
    scripted.fault("push *initrd", most=9)
    document = boot(rom, code=5)
    assert (document["outcome"], document["cause"]) == (None, None)
    assert (newest().outcome, newest().phase, newest().afterwards) == ("not-started", "push", "same")


@pytest.mark.parametrize(
    ("seen", "kind", "words"),
    [
        (Presence.UNAUTHORIZED, "guest-without-adb", "does not trust this computer"),
        (Presence.OFFLINE, "guest-without-adb", "its ADB does not answer"),
        (Presence.ADB, "guest-without-adb", "its ADB does not answer"),
        (Presence.USB, "guest-without-adb", "on USB without ADB"),
        (Presence.FASTBOOT, "bootloader-came-back", "in its bootloader"),
        (Presence.ABSENT, "bootloader-silent", "not on USB"),
        (Presence.UNKNOWN, "unknown", ""),
    ],
)
def test_a_silent_phone_is_looked_for(
    seen: Presence, kind: str, words: str, scripted: ScriptedPhone, rom: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "look", lambda _address, _serial: seen)
    scripted.rom = "nothing"
    document = boot(rom, "--wait", "40", code=6)
    assert (document["outcome"], document["cause"]["kind"]) == ("phone-silent", kind)
    assert (words in document["error"]["what"]) == (seen is not Presence.UNKNOWN or not words)
    assert ("likely cause" in document["error"]["what"]) == bool(words)
    known = newest()
    assert (known.presence, known.back, known.looked) == (seen.value, None, None)
    assert known.gone


@pytest.mark.parametrize("command", ["status", "log", "reboot", "exec", "boot", "home", "restore"])
def test_the_next_command_reads_what_a_silent_rom_left(
    command: str, scripted: ScriptedPhone, rom: Path
) -> None:
    scripted.rom = "nothing"
    boot(rom, "--wait", "40", code=6)
    first = newest()
    scripted.start(replace(HOST, files={CONSOLE: (GUEST_LOG + "[ 7.1] init: starting\n").encode()}))
    scripted.rom = Kernel("6.6.0-rom")
    ran = hardboot(command, *([rom] if command == "boot" else []))
    assert (
        "The last boot of rom.img: likely cause: the ROM ran, without ADB; its log ends with 'init: starting'"
        in ran.stderr
    )
    now = store.get(first.id)
    assert now.looked
    assert (now.outcome, now.cause and now.cause.kind) == ("phone-silent", "guest-without-adb")
    assert (store.folder_of(now) / "console-ramoops-0.txt").read_text().endswith("init: starting\n")
    assert "likely cause" not in hardboot("status").stderr  # told once


def test_a_rom_that_was_slower_than_the_command_is_seen_later(scripted: ScriptedPhone, rom: Path) -> None:
    scripted.rom = Kernel("6.6.0-rom", boot_s=60)
    boot(rom, "--wait", "40", code=6)
    scripted.clock.sleep(60)
    assert hardboot("status").returncode == 0
    assert (newest().outcome, newest().cause, newest().afterwards) == ("guest-up", None, "guest")


def test_a_rom_that_crashes_later_is_seen_in_the_log(scripted: ScriptedPhone, rom: Path) -> None:
    boot(rom)
    scripted.add_file(CONSOLE, RECORD_LOG)
    assert hardboot("log").returncode == 0
    assert newest().looked is None
    scripted.start(replace(HOST, files={CONSOLE: (GUEST_LOG + PANIC).encode()}))
    assert hardboot("status").returncode == 0
    assert newest().looked is None
    assert "likely cause: the ROM ran, and its kernel crashed later" in hardboot("log").stderr
    assert (newest().outcome, newest().cause and newest().afterwards) == ("guest-up", "other")


def test_what_a_phone_prints_without_end_is_cut(scripted: ScriptedPhone, rom: Path) -> None:
    scripted.start(replace(HOST, log="x" * (2 << 20)))
    for number in range(100):
        scripted.add_file(f"/sys/fs/pstore/dmesg-ramoops-{number}", f"{number}")
    boot(rom)
    assert len(newest().logs_before) == 64
    assert len(kept("dmesg-before.txt")) == 256 << 10


def test_a_bootloader_that_refuses_or_comes_back_is_recorded(
    scripted: ScriptedPhone, rom: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scripted.properties["ro.boot.flash.locked"] = "0"
    client = FakeFastboot.install(scripted, monkeypatch, tmp_path / "client")
    client.refuses("Booting   FAILED (remote: 'unknown command')\n")
    document = boot(rom, "--via", "fastboot", code=5)
    assert (document["outcome"], document["cause"]["kind"]) == ("bootloader-refused",) * 2
    assert (newest().via, newest().start) == ("fastboot", "fastboot")
    gone = newest().gone
    assert gone
    assert gone >= newest().phases[-2].began
    assert "remote: 'unknown command'" in kept("output.txt")
    assert json.loads(kept("plan.json"))["image"]["header_version"] == 0
    scripted.clock.sleep(60)
    (client.folder / "answer").unlink()
    scripted.rom = "stays"
    document = boot(rom, "--via", "fastboot", code=5)
    assert (document["outcome"], document["cause"]["kind"]) == ("bootloader-came-back",) * 2


def test_a_slot_that_is_not_started_because_the_phone_stays_is_told(
    rom: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    phone = slotted.install(monkeypatch, tmp_path / "state")
    monkeypatch.setattr(phone.phone, "reboot", lambda *_: None)
    assert boot(rom, "--via", "slot", "--wait", "4", code=6)["outcome"] == "phone-silent", "too early to tell"
    phone = slotted.install(monkeypatch, tmp_path / "other")
    monkeypatch.setattr(phone.phone, "reboot", lambda *_: None)
    document = boot(rom, "--via", "slot", "--wait", "40", code=6)
    assert (document["outcome"], document["cause"]["kind"]) == ("not-left", "never-left")
    assert "likely cause: the phone never left its kernel" in document["error"]["what"]
    first, then = document["error"]["fix"].split("--wait SECONDS")
    assert first.startswith("Hold the power button"), "what to do about the other slot stays"
    assert then == f". {document['cause']['fix']}"
    assert (newest().via, newest().start, newest().gone) == ("slot", "slot", None)
    assert json.loads(kept("plan.json"))["image"]
