"""Phones that lack something: space, a writable /data, tools, or files in sysfs that make sense."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import scripted_setup as setup
from in_process import hardboot
from scripted_phone import HOST, ScriptedPhone
from told import raises
from transactions import left_behind

from hardboot.base.errors import DeviceError
from hardboot.device import host
from hardboot.device.staging import STAGING
from hardboot.flows import bench

PAGE = "/sys/kernel/kexec_hardboot/page"


def fill(phone: ScriptedPhone) -> None:
    phone.data.capacity = 1


def protect(phone: ScriptedPhone) -> None:
    phone.data.read_only = True


def status(*, code: int = 0) -> dict[str, object]:
    ran = hardboot("--json", "status")
    assert ran.returncode == code, ran.stderr
    document: dict[str, object] = json.loads(ran.stdout)
    return document


@pytest.mark.parametrize("change", [fill, protect])
def test_status_tells_what_it_can_without_room_on_data(
    change: Callable[[ScriptedPhone], None], scripted: ScriptedPhone
) -> None:
    change(scripted)
    document = status()
    assert document["agent_problem"]
    assert document["kexec_loaded"] is False
    known = {"supported": True, "page": 0x44000000, "flag": None, "version": None, "probe_errno": None}
    assert document["hardboot"] == known
    shown = hardboot("status")
    assert "page 0x44000000, flag not known" in shown.stdout
    assert "warning: the agent does not run on the phone: " in shown.stderr
    scripted.show(PAGE, lambda: "none\n")
    assert "hardboot     not known (the agent does not run)" in hardboot("status").stdout


def test_status_of_a_phone_that_is_lost_meanwhile_is_an_error(scripted: ScriptedPhone) -> None:
    scripted.fault("push *", before=scripted.cut_power)
    assert "error" in status(code=5)


@pytest.mark.parametrize("name", ["ro.bootmode", "ro.boot.mode"])
def test_status_says_that_recovery_runs(name: str, scripted: ScriptedPhone) -> None:
    assert status()["recovery"] is False
    scripted.properties[name] = "recovery"
    assert status()["recovery"] is True
    assert "6.1.0-host, recovery, from the recovery partition\n" in hardboot("status").stdout


def test_status_names_a_write_that_was_cut_off(scripted: ScriptedPhone) -> None:
    assert status()["unsettled"] is None
    left_behind(setup.connected(scripted))
    found = status()["unsettled"]
    assert isinstance(found, dict)
    assert [one["image"] for one in found["writes"]] == ["new.img"]
    shown = hardboot("status").stdout
    assert "unsettled    writing new.img to boot was cut off on 2027-" in shown
    assert "hardboot home" in shown


@pytest.mark.parametrize("tool", ["dd", "sha256sum", "blockdev", "head", "readlink"])
@pytest.mark.parametrize("verb", ["flash-host-kernel", "restore", "backup"])
def test_a_missing_tool_is_found_before_anything_is_written(
    verb: str, tool: str, scripted: ScriptedPhone, tmp_path: Path
) -> None:
    image = tmp_path / "new.img"
    image.write_bytes(setup.HOST_IMAGE[:-1] + b"2")
    if verb == "restore":
        assert hardboot("--yes", "flash-host-kernel", image).returncode == 0
    held = scripted.boot.flash
    scripted.missing.add(tool)
    ran = hardboot("--yes", verb, *([image] if verb == "flash-host-kernel" else []))
    assert ran.returncode == 4
    assert f"hardboot: the phone has no {tool}, " in ran.stderr
    assert scripted.boot.flash == held


@pytest.mark.parametrize("text", ["", "none", "0x", "-4", "9" * 5000])
def test_a_page_that_is_no_address_is_an_error_of_the_phone(text: str, scripted: ScriptedPhone) -> None:
    phone = setup.connected(scripted)
    scripted.show(PAGE, lambda: text)
    with raises(
        DeviceError,
        f"{PAGE} on the phone holds no address: {text[:40]!r}",
        "Nothing was loaded.",
        "Build the host kernel with hardboot's own series: hardboot patch apply TREE",
    ):
        host.look(phone)


def test_a_partition_size_that_is_no_number_is_an_error_of_the_phone(scripted: ScriptedPhone) -> None:
    phone = setup.connected(scripted)
    scripted.fault("blockdev --getsize64 *", code=0, says="many\n")
    with pytest.raises(DeviceError, match="gives 'many' as the size of /dev/block/by-name/boot"):
        phone.partition("boot")


def test_an_uptime_that_is_no_number_is_an_error_of_the_phone(scripted: ScriptedPhone) -> None:
    phone = setup.connected(scripted)
    scripted.show("/proc/uptime", lambda: "long\n")
    with pytest.raises(DeviceError, match="/proc/uptime on the phone holds no time: 'long'"):
        bench._kernel_start(phone)


@pytest.mark.parametrize(
    ("words", "event"),
    [
        (("load", "rom.img"), "*agent load*"),
        (("load", "rom.img", "--panic"), "*agent load*"),
        (("boot", "rom.img"), "*agent load*"),
        (("unload",), "*agent unload*"),
        (("status",), "*agent info*"),
        (("flash-host-kernel", "host.img"), "pull *"),
        (("bench",), "pull *"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_command_that_fails_leaves_nothing_on_the_phone(
    words: tuple[str, ...],
    event: str,
    scripted: ScriptedPhone,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    setup.rom_image(tmp_path)
    (tmp_path / "host.img").write_bytes(setup.HOST_IMAGE[:-1] + b"2")
    scripted.fault(event, nth=0, code=5, says="failed\n")
    hardboot("--yes", *words)
    assert scripted.files.find(STAGING) is None
    assert scripted.running
    assert scripted.running.kernel is HOST
