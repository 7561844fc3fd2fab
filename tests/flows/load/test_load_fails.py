"""load on the scripted phone: each failure is told, and nothing stays loaded or staged."""

from dataclasses import replace

import pytest
from loading import RECORD, loaded_record, prepared
from scripted_phone import HOST, Kernel, ScriptedPhone, flip
from told import raises

from hardboot.base.errors import DeviceError, RefusedError
from hardboot.device.phone import Phone
from hardboot.device.staging import STAGING
from hardboot.flows import load
from hardboot.flows.journal import Journal
from hardboot.flows.rom import Rom


def test_if_it_cannot_be_unloaded_nothing_is_loaded(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal
) -> None:
    load.load(phone, prepared(phone, image, journal), journal)
    made = prepared(phone, image, journal)
    scripted.events.clear()
    scripted.fault("*agent unload*", code=1, says="error=kexec_load errno=16\n")
    with pytest.raises(DeviceError, match="EBUSY"):
        load.load(phone, made, journal)
    assert scripted.happened(f"push {STAGING}/zImage") == []
    assert loaded_record(scripted)


def test_a_kernel_without_kexec_is_told_before_the_push(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal
) -> None:
    scripted.start(Kernel("5.10", page=None, flag=None, kexec=False))
    made = prepared(phone, image, journal, soft=True)
    with pytest.raises(DeviceError, match="ENOSYS"):
        load.load(phone, made, journal)
    assert scripted.happened(f"push {STAGING}/zImage") == []
    assert scripted.files.find(STAGING) is None


def test_a_kernel_that_lost_its_page_is_refused_before_the_push(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal
) -> None:
    made = prepared(phone, image, journal)
    scripted.files.remove("/sys/kernel/kexec_hardboot/page")
    scripted.files.remove("/sys/kernel/kexec_hardboot/flag")
    assert scripted.running
    scripted.running.kernel = replace(HOST, takes=1)
    with pytest.raises(RefusedError, match=r"the running kernel 6\.1\.0-host has no hardboot support"):
        load.load(phone, made, journal)
    assert scripted.happened(f"push {STAGING}/zImage") == []


def test_a_segment_that_arrives_damaged_is_not_loaded(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal
) -> None:
    made = prepared(phone, image, journal)
    scripted.fault(f"push {STAGING}/initrd", alters=flip(7))
    with raises(
        DeviceError,
        "initrd arrived damaged on the phone",
        "Nothing was loaded or written; the copy lies in the staging folder only.",
        "Try again; check cable, port and free space (adb shell df /data).",
    ):
        load.load(phone, made, journal)
    assert scripted.happened("*agent load*") == []
    assert journal.loaded is None
    assert scripted.files.find(STAGING) is None


def test_what_the_kernel_refuses_is_told_and_nothing_is_kept(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal
) -> None:
    made = prepared(phone, image, journal)
    scripted.fault("*agent load*", code=1, says="error=kexec_load errno=99\n")
    with pytest.raises(DeviceError, match="EADDRNOTAVAIL"):
        load.load(phone, made, journal)
    assert scripted.files.find(RECORD) is None
    assert scripted.files.find("/dev/hardboot-agent") is None
    assert scripted.happened("*agent unload*") == []
    assert journal.loaded is None
    assert scripted.files.find(STAGING) is None


def test_what_is_loaded_without_a_record_is_dropped_again(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal
) -> None:
    made = prepared(phone, image, journal)
    scripted.fault(f"cat {STAGING}/record *", code=1, says="cat: write error: No space left on device\n" * 9)
    said = "loaded=3 " + " ".join(["cat: write error: No space left on device"] * 9)
    with raises(
        DeviceError,
        f"the record of what was loaded cannot be written to {RECORD}: {said[-200:]}",
        "It was unloaded again; the phone is running as before.",
        "Check that root may write to /dev on the phone: adb shell su -c 'touch /dev/x'",
    ):
        load.load(phone, made, journal)
    assert scripted.running
    assert scripted.running.loaded is None
    assert scripted.files.find(RECORD) is None
    assert journal.loaded is None


def test_a_load_has_two_minutes(phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal) -> None:
    made = prepared(phone, image, journal)
    scripted.fault("*agent load*", hangs_s=119)
    load.load(phone, made, journal)
    scripted.fault("*agent load*", hangs_s=121)
    with pytest.raises(DeviceError, match="did not end the command within 120 s"):
        load.load(phone, made, journal)
