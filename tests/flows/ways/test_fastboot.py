"""boot --via fastboot, on the scripted phone and a client that is a script: every branch, without waiting."""

import json
from pathlib import Path
from typing import Any

import pytest
import scripted_setup as setup
from fake_fastboot import FakeFastboot
from in_process import hardboot
from scripted_phone import HOST, ScriptedPhone

from hardboot.flows.ways import fastboot
from hardboot.formats.boot import bootimg


@pytest.fixture
def client(scripted: ScriptedPhone, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeFastboot:
    scripted.properties["ro.boot.flash.locked"] = "0"
    return FakeFastboot.install(scripted, monkeypatch, tmp_path / "client")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return setup.rom_image(tmp_path)


def boot(image: Path, *words: str, code: int = 0) -> Any:
    """Return the JSON document of `boot --via fastboot`, or the lines of its error."""
    done = hardboot("--json", "boot", image, "--via", "fastboot", *words)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def error(image: Path, *words: str, code: int) -> tuple[str, str, str]:
    """Return the three lines of the error with which `boot --via fastboot` ends."""
    done = hardboot("boot", image, "--via", "fastboot", *words)
    assert done.returncode == code, done.stderr
    what, state, fix = done.stderr.splitlines()[-3:]
    return what.removeprefix("hardboot: "), state.removeprefix("  state: "), fix.removeprefix("  to do: ")


def test_an_image_is_sent_with_the_mark_and_its_kernel_comes_up(
    scripted: ScriptedPhone, client: FakeFastboot, image: Path
) -> None:
    done = boot(image, "--append", "loglevel=7")
    assert (done["outcome"], done["via"]) == ("guest-up", "fastboot")
    assert done["guest"]["release"] == "6.6.0-rom"
    assert done["loaded"]["start"] == "fastboot"
    mark = done["loaded"]["mark"]
    assert client.cmdline == f"{mark} console=ttyAMA0 loglevel=7"
    sent, own = bootimg.parse(client.image), bootimg.parse(image.read_bytes())
    assert (bytes(sent.kernel), bytes(sent.ramdisk)) == (bytes(own.kernel), bytes(own.ramdisk))
    assert bootimg.check_id(sent)
    assert [one["name"] for one in done["phases"]] == [
        "check",
        "read",
        "make image",
        "enter bootloader",
        "send",
        "boot",
    ]
    assert scripted.happened("reboot *") == ["reboot bootloader"]
    assert len(client.told) == 1


def test_people_are_told_what_runs_and_how_to_get_home(client: FakeFastboot, image: Path) -> None:
    done = hardboot("boot", image, "--via", "fastboot")
    assert done.stdout.splitlines()[-2:] == [
        "rom.img is running (kernel 6.6.0-rom, started by fastboot boot).",
        "Restart the phone to return to its own system.",
    ]
    status = hardboot("status")
    assert "ROM booted by hardboot: rom.img" in status.stdout


def test_a_refusal_of_the_bootloader_is_explained_and_the_phone_goes_home(
    scripted: ScriptedPhone, client: FakeFastboot, image: Path
) -> None:
    client.refuses("Booting   FAILED (remote: 'unknown command')\nfastboot: error: Command failed\n")
    what, state, _ = error(image, code=5)
    assert what == (
        "the bootloader refused the image: its bootloader cannot boot an image without flashing it "
        "(it says 'unknown command')"
    )
    assert state == "Nothing was flashed. The phone restarts into its own system."
    assert client.told[-1].split()[2:] == ["reboot"]
    scripted.clock.sleep(60)
    assert scripted.running
    assert scripted.running.kernel == HOST


def test_a_refusal_in_unknown_words_is_quoted(client: FakeFastboot, image: Path) -> None:
    client.refuses("FAILED (remote: sorry)\n")  # as clients before Android 9 write it
    assert error(image, code=5)[0] == "the bootloader refused the image (it says 'sorry')"


def test_a_bootloader_that_comes_back_is_seen_within_seconds(
    scripted: ScriptedPhone, client: FakeFastboot, image: Path
) -> None:
    scripted.rom = "stays"
    start = scripted.clock.now
    what, state, _ = error(image, "--wait", "600", code=5)
    assert what == "the bootloader came back instead of the ROM"
    assert state == "Nothing was flashed. The phone restarts into its own system."
    assert scripted.clock.now - start < 30


def test_a_bootloader_that_still_answers_for_a_moment_has_not_come_back(
    client: FakeFastboot, image: Path
) -> None:
    client.lingers_s = 3.5
    assert boot(image)["outcome"] == "guest-up"


def test_a_bootloader_that_cannot_be_left_is_told_with_the_way_home(
    scripted: ScriptedPhone, client: FakeFastboot, image: Path
) -> None:
    script = client.folder / "fastboot"
    script.write_text(script.read_text().replace("case $1 in", "case $1 in\nreboot) exit 1 ;;"))
    client.refuses("FAILED (remote: 'unknown command')\n")
    state = error(image, code=5)[1]
    assert "waits in its bootloader" in state
    assert f"fastboot -s {scripted.serialno} reboot" in state


def test_the_own_system_instead_of_the_rom_is_told(
    scripted: ScriptedPhone, client: FakeFastboot, image: Path
) -> None:
    scripted.rom = "host"
    what, _, fix = error(image, code=5)
    assert what == "the own system came back (6.1.0-host) instead of the ROM"
    assert fix.startswith("The ROM crashed, or its bootloader did not start the image.")


def test_a_silent_phone_is_told(scripted: ScriptedPhone, client: FakeFastboot, image: Path) -> None:
    scripted.rom = "nothing"
    what, _, _ = error(image, "--wait", "40", code=6)
    assert what == "the phone took the image from fastboot and has been silent for 40 s"


def test_a_client_that_loses_the_bootloader_while_it_starts_is_no_refusal(
    scripted: ScriptedPhone, client: FakeFastboot, image: Path
) -> None:
    script = client.folder / "fastboot"
    lost = "echo 'FAILED (Status read failed (No such device))'; exit 1"
    script.write_text(script.read_text().replace("echo \"Sending 'boot.img' (1 KB) OKAY [  0.1s]\"", lost))
    assert boot(image)["outcome"] == "guest-up"


def test_the_mark_may_be_in_the_bootconfig(
    scripted: ScriptedPhone, client: FakeFastboot, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda _size: "0badcafe")
    shown = b'androidboot.hardboot = "0badcafe"\n'
    assert not isinstance(scripted.rom, str)
    scripted.rom.files["/proc/bootconfig"] = shown
    monkeypatch.setattr(FakeFastboot, "cmdline", "console=ttyAMA0")
    assert boot(image)["outcome"] == "guest-up"
    scripted.rom.files["/proc/bootconfig"] = b'androidboot.hardboot = "0badcaff"\n'
    assert error(image, code=5)[0] == "the own system came back (6.6.0-rom) instead of the ROM"


@pytest.mark.parametrize(
    ("enters", "code", "outcome", "what"),
    [
        ("system", 5, "not-started", "the phone restarted into its own system instead of the bootloader"),
        (
            "nothing",
            6,
            "bootloader-silent",
            "the phone left its system, and its bootloader has been silent for 60 s at HBSCRIPT",
        ),
    ],
)
def test_a_bootloader_that_is_not_reached_is_told(
    client: FakeFastboot, image: Path, enters: str, code: int, outcome: str, what: str
) -> None:
    client.enters = enters
    document = boot(image, code=code)
    assert (document["outcome"], document["error"]["what"]) == (outcome, what)
    cause = document["cause"]
    assert (cause and cause["kind"]) == (None if enters == "system" else "bootloader-silent")
    assert client.told == []


def test_a_phone_that_does_not_restart_is_told(
    scripted: ScriptedPhone, client: FakeFastboot, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scripted, "reboot", lambda _target: None)
    document = boot(image, code=5)
    assert document["error"]["what"] == "the phone does not restart into its bootloader"
    assert document["error"]["state"] == "Its system is running as before."
    assert (document["outcome"], document["cause"]["kind"]) == ("not-left", "never-left")


@pytest.mark.parametrize(
    ("variable", "value", "what"),
    [
        ("unlocked", "no", "the bootloader is locked: it boots no image by fastboot"),
        ("max-download-size", "0x1000", "bytes, the bootloader takes at most 4096"),
        ("max-download-size", "4096", "bytes, the bootloader takes at most 4096"),
    ],
)
def test_what_the_bootloader_says_of_itself_is_checked_before_it_gets_the_image(
    client: FakeFastboot, image: Path, variable: str, value: str, what: str
) -> None:
    client.variable(variable, value)
    assert error(image, code=5)[0].endswith(what)
    assert [words.split()[2] for words in client.told] == ["reboot"]


def test_a_bootloader_without_these_variables_gets_the_image(client: FakeFastboot, image: Path) -> None:
    for name in ("product", "unlocked", "max-download-size"):
        client.variable(name, None)
    assert boot(image)["outcome"] == "guest-up"


def test_a_locked_phone_is_refused_before_it_restarts(
    scripted: ScriptedPhone, client: FakeFastboot, image: Path
) -> None:
    scripted.properties["ro.boot.flash.locked"] = "1"
    what, state, _ = error(image, code=4)
    assert (what, state) == ("the bootloader is locked: it boots no image by fastboot", "Nothing was sent.")
    assert scripted.happened("reboot*") == []


def test_a_missing_client_is_told(
    scripted: ScriptedPhone, image: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert error(image, code=3)[0] == "fastboot is not installed"


def test_the_serial_of_the_bootloader_may_be_given(client: FakeFastboot, image: Path) -> None:
    boot(image, "--fastboot-serial", "tcp:192.168.1.2:5554")
    assert client.told[0].startswith("-s tcp:192.168.1.2:5554 boot ")


def test_a_dry_run_shows_the_image_and_restarts_nothing(
    scripted: ScriptedPhone, client: FakeFastboot, image: Path
) -> None:
    done = boot(image, "--dry-run")
    assert done["image"]["header_version"] == 0
    assert done["image"]["cmdline"].endswith(" console=ttyAMA0")
    assert done["image"]["bootloader"] == scripted.serialno
    assert done["other_ways"] == {
        "hardboot": "would work, too: --via hardboot",
        "recovery": "the phone has no partition misc",
        "slot": "the phone has no slots, as far as its profile knows",
        "soft": "would work, too: --via soft",
        "flash": "would work, too: --via flash",
    }
    text = hardboot("boot", image, "--via", "fastboot", "--dry-run").stdout
    assert "  way           fastboot\n" in text
    assert scripted.happened("reboot*") == []
    assert client.told == []
    assert "there is no memory map" in error(image, "--dry-run", "--svg", "x.svg", code=4)[0]


@pytest.mark.parametrize(
    ("text", "known"),
    [("0x08000000", 1 << 27), ("134217728", 1 << 27), ("", None), ("many", None), (None, None), ("0", None)],
)
def test_sizes_are_read_as_bootloaders_write_them(text: str | None, known: int | None) -> None:
    assert fastboot._number(text) == known


def test_a_kernel_alone_is_sent_with_the_phones_own_ramdisk(
    scripted: ScriptedPhone, client: FakeFastboot, tmp_path: Path
) -> None:
    own = bootimg.parse(setup.rom_image(tmp_path).read_bytes())
    kernel = tmp_path / "zImage"
    kernel.write_bytes(own.kernel)
    done = hardboot("--json", "boot", "--kernel", kernel, "--via", "fastboot")
    assert done.returncode == 0, done.stderr
    sent = bootimg.parse(client.image)
    assert bytes(sent.kernel) == bytes(own.kernel)
    assert bytes(sent.ramdisk) == bytes(bootimg.parse(setup.HOST_IMAGE).ramdisk)


@pytest.mark.parametrize(
    ("where", "state"),
    [
        ("transport.fastboot.find", "Nothing was sent."),
        ("flows.ways.fastboot_image.make", "Nothing was sent."),
        ("flows.ways.bootloader.enter", "The phone may be in its bootloader; nothing was flashed."),
        ("transport.fastboot.Fastboot.boot", "The image may have been sent; nothing was flashed."),
        (
            "flows.ways.bootloader.wait_for_rom",
            "The image had been sent; it is not known whether the ROM runs.",
        ),
    ],
)
def test_ctrl_c_tells_what_had_been_sent_by_then(
    client: FakeFastboot, image: Path, monkeypatch: pytest.MonkeyPatch, where: str, state: str
) -> None:
    def interrupted(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"hardboot.{where}", interrupted)
    assert error(image, code=130)[1] == state
