"""The benchmark on the scripted phone: which methods, in which order, and what it measures."""

from dataclasses import replace
from pathlib import Path

import pytest
import scripted_setup as setup
from scripted_phone import HOST, STOCK, Kernel, ScriptedPhone
from told import raises

from hardboot.base.errors import DeviceError, DeviceStateError, InputError
from hardboot.device.phone import Phone
from hardboot.flows import bench, phone_images, rom
from hardboot.flows.bench_runs import HARDBOOT, REBOOT, SOFT
from hardboot.flows.rom import Rom

OLD_LOG = "/sys/fs/pstore/console-ramoops-0"
GUEST = "console=ttyAMA0 androidboot.hardboot=0123abcd"


@pytest.fixture
def image(tmp_path: Path) -> Rom:
    return rom.read(setup.rom_image(tmp_path))


def test_a_host_supports_all_methods(phone: Phone) -> None:
    assert bench.supported_methods(phone, untested=False) == (REBOOT, HARDBOOT, SOFT)
    assert (REBOOT, HARDBOOT, SOFT) == ("reboot", "hardboot", "soft")  # as --json prints them


def test_what_is_not_supported_is_skipped_and_told(
    phone: Phone, scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.start(STOCK)
    scripted.files.add("/sys/devices/system/cpu/cpu2", scripted.files.nodes["/sys/devices/system/cpu/cpu0"])
    assert bench.supported_methods(phone, untested=False) == (REBOOT,)
    assert capsys.readouterr().err.splitlines() == [
        "warning: skipping hardboot: the running kernel 5.10.0-stock has no hardboot support",
        "warning: skipping soft kexec: the running kernel cannot take cpu2 offline (CONFIG_HOTPLUG_CPU)",
    ]


def test_soft_kexec_that_was_never_tested_is_skipped_unless_that_is_wanted(
    phone: Phone, capsys: pytest.CaptureFixture[str]
) -> None:
    import msgspec

    soft = msgspec.structs.replace(phone.profile.soft, works=None)
    phone.profile = msgspec.structs.replace(phone.profile, soft=soft)
    assert bench.supported_methods(phone, untested=False) == (REBOOT, HARDBOOT)
    assert "skipping soft kexec: soft kexec has never been tested on" in capsys.readouterr().err
    assert bench.supported_methods(phone, untested=True) == (REBOOT, HARDBOOT, SOFT)


def test_the_methods_take_turns(
    phone: Phone, scripted: ScriptedPhone, image: Rom, capsys: pytest.CaptureFixture[str]
) -> None:
    found = bench.bench(phone, image, (REBOOT, HARDBOOT, SOFT), rounds=2, wait_s=100)
    assert [run.method for run in found.runs] == [REBOOT, HARDBOOT, SOFT] * 2
    assert found.host.release == HOST.release
    assert found.guest
    assert (found.guest.release, found.image) == ("6.6.0-rom", "rom.img")
    # After each guest the host is started for the next run, and at the end.
    assert len(scripted.happened("reboot*")) == 2 + 4
    assert phone.kernel() == found.host
    flags = [event.split()[2] for event in scripted.happened("*agent load *")]
    assert flags == ["0x4", "0x0"] * 2  # through a reset, and by soft kexec
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("round ")]
    assert said == [
        f"round {number} of 2: {run.method} {run.seconds:.2f} s"
        for number, run in zip([1, 1, 1, 2, 2, 2], found.runs, strict=True)
    ]


def test_a_full_reboot_alone_has_no_guest(phone: Phone, image: Rom) -> None:
    found = bench.bench(phone, image, (REBOOT,), rounds=1, wait_s=100)
    assert found.guest is None
    assert found.methods == [REBOOT]
    assert found.runs[0].seconds == pytest.approx(20.5, abs=0.3)


def test_a_phone_that_runs_a_guest_goes_home_first(phone: Phone, scripted: ScriptedPhone, image: Rom) -> None:
    scripted.start(Kernel("6.6.0-rom"), cmdline=GUEST)
    found = bench.bench(phone, image, (REBOOT,), rounds=1, wait_s=100)
    assert found.host.release == HOST.release
    assert len(scripted.happened("reboot*")) == 2
    now = phone.kernel()
    scripted.events.clear()
    assert bench.return_to_host(phone, now, 100) is now
    assert scripted.events == []


NOT_BACK = (
    "the phone did not come back within 30 s after a restart",
    "Nothing was flashed.",
    "Look at its screen; hold the power button for 10 s to restart it.",
)


def test_a_phone_that_does_not_come_back_is_told(phone: Phone, scripted: ScriptedPhone, image: Rom) -> None:
    scripted.boots = []
    with raises(DeviceStateError, *NOT_BACK):
        bench.bench(phone, image, (REBOOT,), rounds=1, wait_s=30)
    scripted.start(Kernel("6.6.0-rom"), cmdline=GUEST)
    with raises(DeviceStateError, *NOT_BACK):
        bench.return_to_host(phone, phone.kernel(), 30)


def test_a_reboot_that_ends_in_a_guest_is_told(phone: Phone, scripted: ScriptedPhone, image: Rom) -> None:
    scripted.boots = [(setup.HOST_IMAGE, replace(HOST, cmdline=GUEST))]
    with raises(
        DeviceError,
        "a full reboot ended in a guest (6.1.0-host)",
        "Nothing was flashed.",
        "Restart the phone, then check: hardboot status",
    ):
        bench.measure(phone, image, REBOOT, phone.kernel(), 100)


def test_a_guest_that_does_not_come_up_ends_it(phone: Phone, scripted: ScriptedPhone, image: Rom) -> None:
    scripted.rom = "host"
    with pytest.raises(DeviceError, match="the host kernel came back"):
        bench.bench(phone, image, (HARDBOOT,), rounds=1, wait_s=100)


def test_the_phases_of_a_reboot_come_from_both_kernels_clocks(
    phone: Phone, scripted: ScriptedPhone, image: Rom
) -> None:
    before = phone.kernel()
    assert scripted.running
    scripted.clock.sleep(100)
    # The old kernel says at its 120.25 s that it restarts: 0.25 s after the command.
    uptime = scripted.clock.now - scripted.running.started
    scripted.trees[OLD_LOG] = f"[{uptime + 0.25:12.6f}] reboot: Restarting system\n".encode()
    run, now = bench.measure(phone, image, REBOOT, before, 100)
    assert now == phone.kernel()
    assert list(run.phases) == ["quiesce", "reset", "kernel", "userland"]
    assert run.phases["quiesce"] == pytest.approx(0.25, abs=0.02)
    # The new kernel begins 0.3 s after the command and starts /init at its 1.5 s.
    assert run.phases["reset"] == pytest.approx(0.05, abs=0.02)
    assert run.phases["kernel"] == pytest.approx(1.5, abs=0.02)
    assert sum(run.phases.values()) == pytest.approx(run.seconds)
    assert scripted.happened("dmesg*") != []


def test_without_a_log_of_the_old_kernel_a_reboot_has_three_phases(phone: Phone, image: Rom) -> None:
    run, _ = bench.measure(phone, image, REBOOT, phone.kernel(), 100)
    assert list(run.phases) == ["quiesce+reset", "kernel", "userland"]


def test_hardboots_own_methods_tell_when_the_last_command_had_ended(
    phone: Phone, scripted: ScriptedPhone, image: Rom
) -> None:
    scripted.fault("sync", hangs_s=3)
    run, now = bench.measure(phone, image, HARDBOOT, phone.kernel(), 100)
    assert now.release == "6.6.0-rom"
    assert list(run.phases) == ["quiesce", "reset", "kernel", "userland"]
    assert run.phases["quiesce"] == pytest.approx(3, abs=0.1)
    assert run.seconds == pytest.approx(23.5, abs=0.3)
    assert sum(run.phases.values()) == pytest.approx(run.seconds)


def test_the_log_of_the_old_kernel_counts_for_hardboots_own_methods_too(
    phone: Phone, scripted: ScriptedPhone, image: Rom
) -> None:
    assert scripted.running
    uptime = scripted.clock.now - scripted.running.started
    log = f"[{uptime + 0.125:12.6f}] kexec_core: Starting new kernel\r\r\n[    1.0] last line\r\n"
    scripted.trees[OLD_LOG] = log.encode()
    scripted.fault("sync", hangs_s=3)
    run, _ = bench.measure(phone, image, HARDBOOT, phone.kernel(), 100)
    assert run.phases["quiesce"] == pytest.approx(0.125, abs=0.02)


def test_the_load_is_not_measured(phone: Phone, scripted: ScriptedPhone, image: Rom) -> None:
    scripted.fault("*agent load*", hangs_s=50)
    run, _ = bench.measure(phone, image, SOFT, phone.kernel(), 100)
    assert run.method == SOFT
    assert run.seconds < 30
    assert "+".join(run.phases) == "quiesce+kexec+kernel+userland", "nothing was reset"


def test_kernels_without_their_logs_give_fewer_phases(
    phone: Phone, scripted: ScriptedPhone, image: Rom
) -> None:
    scripted.fault("dmesg*", code=1)
    run, _ = bench.measure(phone, image, HARDBOOT, phone.kernel(), 100)
    assert list(run.phases) == ["quiesce", "reset", "kernel+userland"]


# The phone's own image


def test_the_phones_own_image_is_the_guest(phone: Phone, capsys: pytest.CaptureFixture[str]) -> None:
    found = bench.bench(phone, phone_images.own(phone), (REBOOT, HARDBOOT), rounds=1, wait_s=100)
    assert found.image == "boot"
    assert "boot: boot of the phone (SHA-256 " in capsys.readouterr().err
    assert [run.method for run in found.runs] == [REBOOT, HARDBOOT]


def test_a_boot_partition_without_an_image_is_no_guest(phone: Phone, scripted: ScriptedPhone) -> None:
    scripted.boot.flash = scripted.boot.cached = bytes(setup.SIZE)
    with pytest.raises(InputError, match=r"^boot: "):
        phone_images.own(phone)
    assert scripted.happened("reboot*") == []
