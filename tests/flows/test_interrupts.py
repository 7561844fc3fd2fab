"""Ctrl-C or a power cut at an event of a command: the phone never contradicts the state that is told."""

from collections.abc import Callable
from pathlib import Path

import pytest
import scripted_setup as setup
from in_process import hardboot
from scripted_phone import Kernel, ScriptedPhone

GENERIC = "The last step may be incomplete; the steps before it are done."
MOST = 6

Before = Callable[[ScriptedPhone], object]


def host_image(folder: Path) -> Path:
    path = folder / "host.img"
    path.write_bytes(setup.HOST_IMAGE[:-1] + b"2")
    return path


def loaded(_phone: ScriptedPhone) -> None:
    assert hardboot("load", setup.rom_image(Path.cwd())).returncode == 0


def without_agent(phone: ScriptedPhone) -> None:
    loaded(phone)
    del phone.files.nodes["/dev/hardboot-agent"]


def flashed(_phone: ScriptedPhone) -> None:
    assert hardboot("--yes", "flash-host-kernel", host_image(Path.cwd())).returncode == 0


def in_a_rom(phone: ScriptedPhone) -> None:
    assert phone.running
    phone.running.cmdline += " androidboot.hardboot=01234567"


def nothing(_phone: ScriptedPhone) -> None:
    pass


def interrupt() -> None:
    raise KeyboardInterrupt


def run_on(folder: Path, words: tuple[str, ...], before: Before, event: int | str) -> tuple[int, str]:
    """Run a command, interrupted at its event number `event` from 1 on, or one like it; 0 for never.

    Returns:
        The number of events, and what was told.
    """
    with pytest.MonkeyPatch.context() as patch:
        folder.mkdir()
        patch.chdir(folder)
        phone = setup.install(setup.phone_with_disk(), patch, folder)
        phone.boots.insert(0, (setup.HOST_IMAGE[:-1] + b"2", Kernel("6.1.9-host")))
        setup.rom_image(folder)
        host_image(folder)
        before(phone)
        kernel, image = phone.running, phone.boot.flash
        assert kernel
        had = kernel.loaded
        phone.events.clear()
        if event:
            nth = 1 if isinstance(event, str) else event
            phone.fault(event if isinstance(event, str) else "*", nth=nth, before=interrupt)
        ran = hardboot("--yes", *words)
        assert ran.returncode == (130 if event else 0), ran.stderr
        if not event:
            return len(phone.events), ""
        state = ran.stderr.splitlines()[-2].removeprefix("  state: ")
        same = kernel is phone.running and not kernel.leaving
        if words[0] != "bench" and ("Nothing was" in state or "not started" in state):
            assert same, state
        if "had been sent" in state and "crash" not in state:  # the fault ends the crash itself
            assert not same, state
        if "the ROM is running" in state:
            assert phone.running
            assert phone.running.kernel is phone.rom
        if "Nothing was written" in state or (state == GENERIC and same):
            assert phone.boot.flash == image
        if "not loaded" in state or "Nothing was loaded" in state:
            assert kernel.loaded in (None, had)
        if state == GENERIC and same:
            assert kernel.loaded is had
        return len(phone.events), state


@pytest.mark.parametrize(
    ("words", "before"),
    [
        (("boot", "rom.img"), nothing),
        (("load", "rom.img"), loaded),
        (("exec",), loaded),
        (("unload",), loaded),
        (("flash-host-kernel", "host.img", "--reboot"), nothing),
        (("restore",), flashed),
        (("backup",), nothing),
        (("crash", "trigger"), nothing),
        (("bench", "rom.img", "-n", "1"), in_a_rom),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_what_an_interrupt_tells_is_so(words: tuple[str, ...], before: Before, tmp_path: Path) -> None:
    events, _ = run_on(tmp_path / "whole", words, before, 0)
    for event in sorted({1 + number * (events - 1) // MOST for number in range(MOST + 1)}):
        run_on(tmp_path / str(event), words, before, event)


@pytest.mark.parametrize(
    ("words", "before", "event", "state"),
    [
        (
            ("exec",),
            loaded,
            "stop",
            "The ROM was not started. Android may be stopped, and /data read-only, until a restart.",
        ),
        (
            ("exec",),
            loaded,
            "*agent exec*",
            "The reset may have been sent; it is not known whether the ROM runs.",
        ),
        (("exec",), without_agent, "rm -rf *", "The reset had been sent, and the ROM is running."),
        (("load", "rom.img"), nothing, "*agent load*", "The image may be loaded; nothing was started."),
        (
            ("flash-host-kernel", "host.img"),
            nothing,
            "rm -rf *",
            "The image is in the partition, read back and compared.",
        ),
        (("unload",), loaded, "*agent unload*", "What was loaded may be unloaded; nothing was started."),
    ],
)
def test_the_state_at_an_event(
    words: tuple[str, ...], before: Before, event: str, state: str, tmp_path: Path
) -> None:
    assert run_on(tmp_path / "it", words, before, event)[1] == state


@pytest.mark.parametrize(
    ("words", "before", "event", "state"),
    [
        (("boot", "rom.img"), nothing, "cat /proc/iomem*", "Nothing was loaded."),
        (("boot", "rom.img", "--from-rom"), nothing, "echo 6.1.0-host*", "Nothing was loaded."),
        (
            ("boot", "rom.img"),
            nothing,
            "push */zImage",
            "The image is not loaded; one that was loaded before may be unloaded.",
        ),
        (("boot", "rom.img"), nothing, "*agent load*", "The image may be loaded; nothing was started."),
        (
            ("exec",),
            loaded,
            "echo 6.1.0-host*",
            "Nothing was started; what is loaded stays loaded until the phone restarts.",
        ),
        (("exec",), loaded, "*agent exec*", "Nothing was flashed: the boot partition is unchanged."),
        (("unload",), loaded, "*agent info*", "Nothing was unloaded."),
        (("unload",), loaded, "*agent unload*", "What was loaded may be unloaded; nothing was started."),
        (("backup",), nothing, "sha256sum <*", "Nothing was written to a partition."),
        (
            ("flash-host-kernel", "host.img"),
            nothing,
            "push */boot-new.img",
            "Nothing was written to a partition.",
        ),
        (("reboot",), nothing, "echo 6.1.0-host*", "The restart was not sent; what came before it is done."),
    ],
)
def test_a_phone_without_power_is_told_by_step(
    words: tuple[str, ...],
    before: Before,
    event: str,
    state: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    phone = setup.install(setup.phone_with_disk(), monkeypatch, tmp_path)
    setup.rom_image(tmp_path)
    host_image(tmp_path)
    before(phone)
    phone.fault(event, before=phone.cut_power)
    ran = hardboot("--yes", *words)
    assert ran.returncode == (6 if "Nothing was flashed" in state else 5), ran.stderr
    assert ran.stderr.splitlines()[-2].removeprefix("  state: ") == state


def test_a_kernel_that_nobody_can_ask_after_the_restart_has_restarted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = setup.install(setup.phone_with_disk(), monkeypatch, tmp_path)
    phone.fault("test -e /sys/kernel/kexec_hardboot*", before=phone.cut_power)
    ran = hardboot("reboot")
    assert ran.returncode == 5
    state = "The phone has restarted; it is not known whether its kernel has hardboot support."
    assert ran.stderr.splitlines()[-2].removeprefix("  state: ") == state
