"""What is remembered of a loaded ROM, bringing the system to rest, and what a phone may answer to that."""

from dataclasses import replace
from typing import Any, cast

import msgspec
import pytest
from answering import VIRT, Answering, phone
from hypothesis import given
from hypothesis import strategies as st

from hardboot.base.errors import DeviceError, RefusedError
from hardboot.device import cpus, record
from hardboot.device.handset import KernelIdentity
from hardboot.device.record import Loaded, LoadState
from hardboot.flows import load
from hardboot.flows.execute import startable
from hardboot.flows.quiesce import quiesce_system
from hardboot.layout import BootPlan, Segment
from hardboot.transport.base import Output

KERNEL = KernelIdentity("6.1.0", "b00t-1d", "console=ttyAMA0")
PLAN = BootPlan(
    segments=(Segment("zImage", 0x44200000, b"kernel", 0x1000), Segment("dtb", 0x45000000, b"tree", 0x1000)),
    entry=0x44200000,
    dtb_addr=0x45000000,
    initrd=None,
    cmdline="console=ttyAMA0 broken=\udcff",
    flag=4,
    extents=(),
    complete=True,
    notes=(),
)
MARK = f"{record.MARK}=0123abcd"


def described(**change: Any) -> Loaded:
    made = record.describe(KERNEL, PLAN, image="rom.img", sha256="a" * 64, release="6.1.0-x", mark=MARK)
    return msgspec.structs.replace(made, **change)


def test_a_record_survives_the_way_to_the_phone_and_back() -> None:
    made = described()
    text = record.encode(made)
    assert text.isascii()
    assert text.count(b"\n") == 1
    assert record.decode(text) == made
    assert (made.start, made.segments[1].end) == ("hard", 0x45001000)
    soft = record.describe(KERNEL, replace(PLAN, flag=0), image="x", sha256="a" * 64, release=None, mark=MARK)
    assert soft.start == "soft"


@pytest.mark.parametrize(
    ("kernel_says", "written", "loaded", "is_known"),
    [
        ("1", record.encode(described()).decode(), True, True),
        ("unknown", record.encode(described()).decode(), None, True),
        ("0", record.encode(described()).decode(), False, False),
        ("1", record.encode(described(boot_id="another")).decode(), True, False),
        ("1", "", True, False),
        ("1", '{"version": 1}', True, False),
        ("1", record.encode(described())[:-20].decode(), True, False),
        ("1", record.encode(described(version=2)).decode(), True, False),
        ("1", record.encode(described(mark="init=/bin/sh")).decode(), True, False),
        ("0", "", False, False),
    ],
)
def test_a_record_counts_only_with_its_kernel(
    kernel_says: str, written: str, loaded: bool | None, is_known: bool
) -> None:
    found = record.find(phone(kexec_loaded=f"{kernel_says}\n{written}\n"), KERNEL)
    assert (found.loaded, found.record is not None) == (loaded, is_known)


@given(st.text() | st.binary())
def test_any_text_is_a_record_or_none(text: str | bytes) -> None:
    assert record.decode(text) is None


def test_only_what_is_known_is_started() -> None:
    assert startable(LoadState(True, described())).image == "rom.img"
    assert startable(LoadState(None, described())).image == "rom.img"
    for nothing in (LoadState(False, None), LoadState(None, None)):
        with pytest.raises(RefusedError, match="nothing is loaded") as error:
            startable(nothing)
        assert "hardboot load IMAGE" in error.value.fix
    with pytest.raises(RefusedError, match="no record"):
        startable(LoadState(True, None))


def test_a_guest_is_known_by_its_mark_on_the_computer_that_loaded_it(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    me = phone()
    guest = KernelIdentity("6.1.0-x", "new", f"a {MARK} b")
    assert record.recall(me, guest) is None
    record.remember(me, described())
    found = record.recall(me, guest)
    assert found
    assert found.image == "rom.img"
    assert record.recall(me, KERNEL) is None


def test_the_system_comes_to_rest_in_order_and_says_how() -> None:
    me = phone(zygote="none is running\n")
    rested = quiesce_system(me)
    assert cast(Answering, me).shells == 1
    assert [(one.step, one.result, one.done) for one in rested] == [
        ("framework", "none is running", True),
        ("sync", "done", True),
        ("read-only", "done", True),
        ("flush", "done", True),
    ]


def test_a_step_that_fails_or_hangs_keeps_no_other_from_being_tried(
    capsys: pytest.CaptureFixture[str],
) -> None:
    hangs = DeviceError("the phone did not end the command", state="", fix="")
    me = phone(
        zygote=Output("it is still running\n", 1), sysrq=Output("/data is still writable\n", 1), sync=hangs
    )
    rested = quiesce_system(me)
    assert [(one.step, one.done) for one in rested] == [
        ("framework", False),
        ("sync", False),
        ("read-only", False),
        ("flush", True),
    ]
    assert cast(Answering, me).shells == 2  # what hangs keeps the one it is in
    said = capsys.readouterr().err
    assert "warning: making the file systems read-only: /data is still writable" in said
    assert "did not end the command" in said


def test_a_step_that_takes_its_shell_down_keeps_no_other_from_being_tried() -> None:
    me = phone(zygote=Output("Killed\n", 137))
    cast(Answering, me).dies_with = 137
    assert [one.done for one in quiesce_system(me)] == [False, True, True, True]
    assert cast(Answering, me).shells == 2


def test_a_cpu_without_a_switch_or_that_stays_online_is_refused() -> None:
    cpus.check(phone())
    with pytest.raises(RefusedError, match="cannot take cpu1 cpu3 offline"):
        cpus.check(phone(online="cpu1\ncpu3\n"))
    cpus.offline(phone(online="0\n"))
    stubborn = phone(online="0,2\n")
    with pytest.raises(RefusedError, match="CPUs 0,2 are online"):
        cpus.offline(stubborn)
    assert "echo 1 >" in cast(Answering, stubborn).commands[-1]  # what went is back


@pytest.mark.parametrize(
    ("works", "untested", "message"),
    [
        (True, False, None),
        (None, True, None),
        (None, False, "has never been tested"),
        (False, False, "does not work on .*: tried on QEMU"),
        (False, True, "does not work on"),
    ],
)
def test_the_profile_says_whether_a_reset_can_be_left_out(
    works: bool | None, untested: bool, message: str | None
) -> None:
    me = phone()
    me.profile = msgspec.structs.replace(VIRT, soft=msgspec.structs.replace(VIRT.soft, works=works))
    if message is None:
        load.check_soft(me, untested=untested)
        return
    with pytest.raises(RefusedError, match=message) as error:
        load.check_soft(me, untested=untested)
    assert ("--untested" in error.value.fix) == (works is None)
