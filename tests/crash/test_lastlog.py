"""The logs of earlier kernels, read from a scripted phone."""

import errno

import pytest
import scripted_setup as setup
from scripted_phone import ScriptedPhone

from hardboot.base.errors import DeviceError
from hardboot.crash import lastlog
from hardboot.device.phone import Phone
from hardboot.device.staging import STAGING

PSTORE = "/sys/fs/pstore"


def test_every_log_is_read_in_order_and_what_is_no_log_is_not(phone: Phone, scripted: ScriptedPhone) -> None:
    for name, content in (
        ("dmesg-ramoops-0", b"Oops"),
        ("console-ramoops-0", b"last\x00words"),
        ("$(reboot)", b"a name that is none"),
        ("pmsg-ramoops-0", b""),
    ):
        scripted.add_file(f"{PSTORE}/{name}", content, mode=0o440)
    scripted.add_file("/proc/last_kmsg", b"older", mode=0o440)
    assert [(one.path, one.text, one.truncated) for one in lastlog.read(phone)] == [
        (f"{PSTORE}/console-ramoops-0", "last�words", False),
        (f"{PSTORE}/dmesg-ramoops-0", "Oops", False),
        ("/proc/last_kmsg", "older", False),
    ]
    assert scripted.files.find(STAGING) is None
    assert not scripted.happened("reboot*")


def test_a_log_that_is_too_long_is_cut_and_says_so(phone: Phone, scripted: ScriptedPhone) -> None:
    scripted.add_file("/proc/last_kmsg", b"x" * (lastlog._LIMIT + 1))
    (found,) = lastlog.read(phone)
    assert (len(found.text), found.truncated) == (lastlog._LIMIT, True)


def test_no_more_files_are_read_than_a_phone_keeps(phone: Phone, scripted: ScriptedPhone) -> None:
    for number in range(lastlog._MAX_FILES + 5):
        scripted.add_file(f"{PSTORE}/dmesg-ramoops-{number}", b"x")
    assert len(lastlog.read(phone)) == lastlog._MAX_FILES


def test_a_phone_that_kept_nothing_has_no_logs(phone: Phone) -> None:
    assert lastlog.read(phone) == ()


def test_a_log_that_cannot_be_read_is_an_error_with_its_name(phone: Phone, scripted: ScriptedPhone) -> None:
    scripted.add_file("/proc/last_kmsg", b"x")
    scripted.fault(
        "head * </proc/last_kmsg *", code=errno.EIO, says="head: /proc/last_kmsg: Input/output error\n"
    )
    with pytest.raises(DeviceError, match=r"^/proc/last_kmsg cannot be read: ") as error:
        lastlog.read(phone)
    assert error.value.state == "Nothing on the phone was changed."


def test_without_root_no_log_is_read(scripted: ScriptedPhone) -> None:
    scripted.root = None
    with pytest.raises(DeviceError, match="no root shell"):
        lastlog.read(setup.connected(scripted))


def test_a_log_from_memory_that_lost_bits_is_shown_without_control_characters() -> None:
    assert lastlog.readable(b"a\r\n\x1b[2Jb\tc\xff\0") == "a\n�[2Jb\tc��"


def test_console_logs_come_first() -> None:
    names = ["pmsg-ramoops-0", "dmesg-ramoops-1", "dmesg-ramoops-0", "console-ramoops-0", "zzz"]
    assert sorted(names, key=lastlog._rank) == [
        "console-ramoops-0",
        "dmesg-ramoops-0",
        "dmesg-ramoops-1",
        "pmsg-ramoops-0",
        "zzz",
    ]
