"""The record of what is loaded: on the phone, on this computer, and what a phone may answer instead."""

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import scripted_setup as setup
from hypothesis import given
from hypothesis import strategies as st
from scripted_phone import HOST, ScriptedPhone

from hardboot.base import log
from hardboot.base.errors import DeviceError
from hardboot.device import mark, record
from hardboot.device.handset import KernelIdentity
from hardboot.device.phone import Phone, safe_serial
from hardboot.device.record import ByBootloader, Loaded, LoadedSegment, LoadState
from hardboot.device.shells import SEPARATOR
from hardboot.layout import BootPlan, Segment
from hardboot.transport.base import Output

KERNEL = KernelIdentity("6.1.0", "b00t-1d", "console=ttyAMA0")
PLAN = BootPlan(
    segments=(Segment("zImage", 0x44200000, b"kernel", 0x1000), Segment("dtb", 0x45000000, b"tree", 0x2000)),
    entry=0x44200000,
    dtb_addr=0x45000000,
    initrd=None,
    cmdline="console=ttyAMA0 broken=\udcff",
    flag=4,
    extents=(),
    complete=True,
    notes=(),
)
MARK = f"{mark.MARK}=0123abcd"


@pytest.fixture
def phone(scripted: ScriptedPhone) -> Phone:
    return setup.connected(scripted)


def describe(start: BootPlan | ByBootloader, *, image: str = "x", release: str | None = None) -> Loaded:
    line = start.cmdline if isinstance(start, BootPlan) else "quiet"
    return record.describe(
        KERNEL, start, image=image, sha256="a" * 64, release=release, mark=MARK, cmdline=line
    )


def described(**change: object) -> Loaded:
    made = describe(PLAN, image="rom.img", release="6.1.0-x")
    return msgspec.structs.replace(made, **change)


def test_a_record_has_what_was_planned() -> None:
    assert described() == Loaded(
        version=1,
        boot_id="b00t-1d",
        image="rom.img",
        sha256="a" * 64,
        release="6.1.0-x",
        start="hard",
        mark=MARK,
        cmdline="console=ttyAMA0 broken=\\udcff",
        entry=0x44200000,
        dtb=0x45000000,
        flag=4,
        segments=(
            LoadedSegment(name="zImage", start=0x44200000, end=0x44201000),
            LoadedSegment(name="dtb", start=0x45000000, end=0x45002000),
        ),
    )
    soft = describe(replace(PLAN, flag=0))
    assert (soft.start, soft.method, str(soft)) == ("soft", "by soft kexec", "x (kernel of unknown release)")
    assert described().method == "through a hardware reset"
    ways: dict[ByBootloader, str] = {"fastboot": "by fastboot boot", "slot": "from the other slot"}
    for start, method in ways.items():
        found = describe(start)
        assert (found.start, found.method, found.cmdline) == (start, method, "quiet")
        assert (found.entry, found.segments) == (None, ())
    assert str(described()) == "rom.img (kernel 6.1.0-x)"
    long = replace(PLAN, cmdline="x" * 5000)
    made = describe(long, image="ü" * 5000)
    assert (len(made.cmdline), len(made.image)) == (4096, 4096)


def test_a_record_survives_the_way_to_the_phone_and_back() -> None:
    text = record.encode(described(image="rom-ü.img"))
    assert text.isascii()
    assert text.count(b"\n") == 1
    assert text.endswith(b"\n")
    assert record.decode(text) == described(image="rom-ü.img")
    assert json.loads(text)["segments"] == list(described().document()["segments"])
    assert described().document()["segments"][0] == {"name": "zImage", "start": 0x44200000, "end": 0x44201000}


KNOWN = record.encode(described()).decode()


@pytest.mark.parametrize(
    ("kernel_says", "written", "loaded", "is_known"),
    [
        ("1", KNOWN, True, True),
        ("unknown", KNOWN, None, True),
        ("0", KNOWN, False, False),
        ("1", record.encode(described(boot_id="another")).decode(), True, False),
        ("1", "", True, False),
        ("1", '{"version": 1}', True, False),
        ("1", KNOWN[:-20], True, False),
        ("1", record.encode(described(version=2)).decode(), True, False),
        ("1", record.encode(described(mark="init=/bin/sh")).decode(), True, False),
        ("1", record.encode(described(mark=f"{MARK} x=1")).decode(), True, False),
        ("1", record.encode(described(mark=f"{MARK}\n")).decode(), True, False),
        ("1", record.encode(described(entry=1 << 52)).decode(), True, False),
        ("1", record.encode(described(sha256="A" * 64)).decode(), True, False),
        ("0", "", False, False),
        ("", "", None, False),
    ],
)
def test_a_record_counts_only_with_its_kernel(
    kernel_says: str, written: str, loaded: bool | None, is_known: bool
) -> None:
    state = record.parse(Output(f"{kernel_says}\n{SEPARATOR}\n{written}\n", 0), KERNEL)
    assert state == LoadState(loaded, described() if is_known else None)


def test_what_is_loaded_is_told_in_words() -> None:
    assert str(LoadState(True, described())) == "rom.img (kernel 6.1.0-x)"
    assert str(LoadState(None, described())) == "rom.img (kernel 6.1.0-x)"
    assert str(LoadState(True, None)) == "an image that hardboot has no record of"
    assert str(LoadState(False, None)) == str(LoadState(None, None)) == "nothing"


def test_the_phone_is_asked_what_is_loaded(phone: Phone, scripted: ScriptedPhone) -> None:
    kernel = phone.kernel()
    assert record.find(phone, kernel) == LoadState(False, None)
    assert scripted.running
    scripted.running.load(4, 0, (setup.SEGMENT,))
    assert record.find(phone, kernel) == LoadState(True, None)
    mine = described(boot_id=kernel.boot_id)
    scripted.add_file(record.RECORD, record.encode(mine))
    assert record.find(phone, kernel) == LoadState(True, mine)
    assert record.find(phone, replace(kernel, boot_id="x")) == LoadState(True, None)
    scripted.start(replace(HOST, tells_loaded=False))
    assert record.find(phone, phone.kernel()) == LoadState(None, None)
    scripted.fault("echo", code=1, says="gone\n")
    with pytest.raises(DeviceError, match="failed with exit code 1: unknown gone") as caught:
        record.find(phone, kernel)
    assert caught.value.fix.endswith(record.QUERY)


@given(st.text() | st.binary())
def test_any_text_is_a_record_or_none(text: str | bytes) -> None:
    assert record.decode(text) is None


def test_what_is_no_record_is_told_with_verbose(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert record.decode(b"{}") is None
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(log, "_verbose", True)
    assert record.decode(b"{}") is None
    assert capsys.readouterr().err.startswith(
        "  not a record of what is loaded: Object missing required field"
    )


def test_a_guest_is_known_by_its_mark_on_the_computer_that_loaded_it(
    phone: Phone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    guest = KernelIdentity("6.1.0-x", "new", f"a {MARK} b")
    assert record.recall(phone, guest) is None
    record.remember(phone, described())
    path = tmp_path / "state/hardboot/loaded" / f"{safe_serial(phone.serialno)}.json"
    assert path.read_bytes() == record.encode(described())
    assert record.recall(phone, guest) == described()
    record.remember(phone, described(image="other.img"))
    again = record.recall(phone, guest)
    assert again
    assert again.image == "other.img"
    for other in ("a b", f"x{MARK}", f"{MARK}4", f"a={MARK}"):
        assert record.recall(phone, replace(guest, cmdline=other)) is None
    path.write_text("{}")
    assert record.recall(phone, guest) is None
    path.write_bytes(bytes((64 << 10) + 1))
    assert record.recall(phone, guest) is None
    assert capsys.readouterr().err == ""


def test_a_state_folder_that_cannot_be_made_is_no_error(
    phone: Phone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(log, "_verbose", True)
    record.remember(phone, described())
    folder = tmp_path / "file/hardboot/loaded"
    assert capsys.readouterr().err == f"  {folder}: cannot be written: not a directory\n"


@pytest.mark.parametrize(
    ("cmdline", "bootconfig", "is_guest"),
    [
        (f"a {MARK} b", "", True),
        (f"{mark.MARK}=", "", True),
        (mark.MARK, "", False),
        (f"x{MARK}", "", False),
        ("", "", False),
        ("a b", 'androidboot.mode = "x"\nandroidboot.hardboot = "0123abcd"\n', True),
        ("a b", "androidboot.hardboot = 0123abcd\n", True),
        ("a b", 'androidboot.hardboot.x = "0123abcd"\n', False),
        ("a b", 'x.androidboot.hardboot = "0123abcd"\n', False),
        ("a b", 'x = "androidboot.hardboot=0123abcd"\n', False),
        ("a b", "androidboot.hardboot\n\n=\n", False),
    ],
)
def test_a_guest_is_known_by_its_mark(cmdline: str, bootconfig: str, is_guest: bool, phone: Phone) -> None:
    kernel = KernelIdentity("x", "y", cmdline, bootconfig)
    assert record.is_guest(kernel) is is_guest
    record.remember(phone, described())
    assert (record.recall(phone, kernel) is not None) is (MARK in kernel.marks)
