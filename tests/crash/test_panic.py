"""Planning, loading and unloading a panic kernel, on a scripted phone."""

import errno
from pathlib import Path

import container_builders as build
import crash_setup
import pytest
import scripted_setup as setup
from crash_setup import crashable
from image_builders import board, zimage
from ramdisks import ARCHIVE
from scripted_phone import ScriptedPhone
from told import raises

from hardboot.base.errors import DeviceError, HardbootError, InputError, RefusedError
from hardboot.crash import panic
from hardboot.crash.panic import PanicKernel
from hardboot.device.phone import Phone
from hardboot.device.staging import STAGING
from hardboot.flows import rom
from hardboot.flows.journal import GUEST_UP, Journal

ON_CRASH = 1
STILL_RUNS = "The phone still runs its own kernel; nothing was written or reset."


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ScriptedPhone:
    return setup.install(crashable(), monkeypatch, tmp_path / "state")


@pytest.fixture
def journal() -> Journal:
    return Journal("virt-arm", "HBSCRIPT")


def prepared(phone: Phone, folder: Path, journal: Journal, append: str | None = None) -> PanicKernel:
    return panic.prepare(phone, rom.read(crash_setup.panic_image(folder)), journal, append=append)


@pytest.mark.parametrize(
    ("ramdisk", "cmdline", "error"),
    [
        (b"no ramdisk", b"quiet", InputError),
        (ARCHIVE, b"androidboot.hardware=shamu", RefusedError),
    ],
)
def test_a_panic_kernel_that_cannot_work_is_refused(
    ramdisk: bytes, cmdline: bytes, error: type[HardbootError], phone: Phone, journal: Journal, tmp_path: Path
) -> None:
    path = tmp_path / "rom.img"
    path.write_bytes(build.boot(zimage() + board("mine"), ramdisk, cmdline=cmdline))
    with pytest.raises(error, match=r"cannot be started|is for another phone"):
        panic.prepare(phone, rom.read(path), journal)


def test_a_panic_kernel_is_planned_for_the_reserved_memory(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, tmp_path: Path
) -> None:
    found = prepared(phone, tmp_path, journal, "debug")
    assert [one.name for one in found.plan.segments] == ["zImage", "initrd", "dtb", "elfcorehdr"]
    header = found.plan.segments[-1]
    assert (header.addr, header.range.size) == (0x6BE00000, 0x1000)
    assert found.plan.cmdline == (
        "console=ttyAMA0 debug elfcorehdr=0x6be00000 mem=63488K@0x68000000 maxcpus=1 reset_devices"
    )
    assert journal.host
    assert journal.host.release == "6.1.0-host"
    assert [phase.name for phase in journal.phases] == ["check", "plan"]
    assert not scripted.happened("push *")


def test_the_words_of_the_bootloader_come_along_but_not_its_crashkernel(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, tmp_path: Path
) -> None:
    assert scripted.running
    scripted.running.cmdline += " androidboot.serialno=HBSCRIPT androidboot.hardboot=0123abcd"
    words = prepared(phone, tmp_path, journal).plan.cmdline.split()
    assert "androidboot.serialno=HBSCRIPT" in words
    assert not [word for word in words if word.startswith(("crashkernel=", "androidboot.hardboot="))]


def test_too_little_reserved_memory_is_refused(
    monkeypatch: pytest.MonkeyPatch, journal: Journal, tmp_path: Path
) -> None:
    small = crash_setup.IOMEM.replace("68000000-6bffffff", "68000000-683fffff")
    phone = setup.connected(
        setup.install(crashable(**{"/proc/iomem": small.encode()}), monkeypatch, tmp_path / "state")
    )
    what = "too little memory is reserved for a panic kernel: Crash kernel 0x68000000-0x68400000 (4.0 MiB)"
    with raises(
        RefusedError, what, "Nothing was sent.", "Boot the running kernel with more: crashkernel=64M."
    ):
        prepared(phone, tmp_path, journal)


def test_the_panic_kernel_is_loaded_with_the_flag_for_a_crash(
    phone: Phone,
    scripted: ScriptedPhone,
    journal: Journal,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan = prepared(phone, tmp_path, journal)
    panic.load(phone, plan, journal)
    assert scripted.running
    image = scripted.running.on_crash
    assert image
    assert (image.flags, image.entry) == (ON_CRASH, plan.plan.entry)
    assert [(one.address, one.size) for one in image.segments] == [
        (one.addr, one.range.size) for one in plan.plan.segments
    ]
    assert [one.content for one in image.segments] == [bytes(one.data) for one in plan.plan.segments]
    assert scripted.running.loaded is None
    assert journal.replaced is None
    assert [phase.name for phase in journal.phases] == ["check", "plan", "ask", "push", "load"]
    assert scripted.files.find(STAGING) is None
    assert "replacing" not in capsys.readouterr().err
    assert panic.is_loaded(phone)


def test_a_panic_kernel_that_was_loaded_is_replaced_with_a_warning(
    phone: Phone,
    scripted: ScriptedPhone,
    journal: Journal,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan = prepared(phone, tmp_path, journal)
    panic.load(phone, plan, journal)
    panic.load(phone, plan, journal)
    assert journal.replaced == "a panic kernel"
    assert "warning: replacing the panic kernel that was already loaded\n" in capsys.readouterr().err


def test_a_kernel_that_refuses_the_panic_kernel_is_told(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, tmp_path: Path
) -> None:
    plan = prepared(phone, tmp_path, journal)
    scripted.fault("* load *", code=1, says=f"error=kexec_load errno={errno.EADDRNOTAVAIL}\n")
    with pytest.raises(DeviceError, match="outside the memory reserved for it") as caught:
        panic.load(phone, plan, journal)
    assert caught.value.state == STILL_RUNS
    assert scripted.files.find(STAGING) is None
    assert not panic.is_loaded(phone)


def test_a_segment_that_does_not_arrive_loads_nothing(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, tmp_path: Path
) -> None:
    plan = prepared(phone, tmp_path, journal)
    scripted.fault("push */initrd", most=10)
    with pytest.raises(DeviceError):
        panic.load(phone, plan, journal)
    assert not panic.is_loaded(phone)
    assert scripted.files.find(STAGING) is None


def test_unload_tells_whether_there_was_a_panic_kernel(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, tmp_path: Path
) -> None:
    assert panic.unload(phone) is False
    panic.load(phone, prepared(phone, tmp_path, journal), journal)
    assert panic.unload(phone) is True
    assert not panic.is_loaded(phone)
    assert scripted.files.find(STAGING) is None


def test_a_kernel_that_does_not_tell_is_taken_to_have_had_one(phone: Phone, scripted: ScriptedPhone) -> None:
    del scripted.files.nodes["/sys/kernel/kexec_crash_loaded"]
    assert panic.unload(phone) is True


def test_an_unload_that_is_refused_is_told(phone: Phone, scripted: ScriptedPhone) -> None:
    scripted.fault("* unload *", code=1, says=f"error=kexec_load errno={errno.EPERM}\n")
    with pytest.raises(DeviceError, match="refused to unload"):
        panic.unload(phone)
    assert scripted.files.find(STAGING) is None


def test_the_phones_own_system_is_booted_with_crashkernel(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plain = setup.install(setup.phone_with_disk(), monkeypatch, tmp_path / "plain")
    phone = setup.connected(plain)
    panic.add_crashkernel(phone, journal, wait_s=100)
    assert journal.outcome == GUEST_UP
    assert plain.running
    assert "crashkernel=64M" in plain.running.cmdline.split()
    assert plain.boot.flash.startswith(setup.HOST_IMAGE)


def test_a_kernel_that_has_crashkernel_is_not_restarted(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scripted.running
    before = scripted.running.boot_id
    panic.add_crashkernel(phone, journal, wait_s=100)
    assert scripted.running.boot_id == before
    assert journal.phases == []
    assert "already has crashkernel=" in capsys.readouterr().err
