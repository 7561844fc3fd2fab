"""unload on the scripted phone: what is loaded goes, with its record."""

import json
from dataclasses import replace

import pytest
from loading import RECORD, loaded_record, prepared
from scripted_phone import HOST, ScriptedPhone

from hardboot.base.errors import DeviceError
from hardboot.device.phone import Phone
from hardboot.device.record import LoadState
from hardboot.device.staging import STAGING
from hardboot.flows import load
from hardboot.flows.journal import Journal
from hardboot.flows.rom import Rom


def test_what_is_loaded_is_dropped(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    load.load(phone, prepared(phone, image, journal), journal)
    capsys.readouterr()
    found = load.unload(phone)
    assert found == LoadState(True, journal.loaded)
    assert scripted.running
    assert scripted.running.loaded is None
    assert scripted.files.find(RECORD) is None
    assert scripted.files.find(STAGING) is None
    assert capsys.readouterr().err == "Asking the running kernel\n"
    scripted.events.clear()
    assert load.unload(phone) == LoadState(False, None)
    assert scripted.happened("*agent unload*") == []
    assert scripted.happened(f"{STAGING}/agent info*") == [f"{STAGING}/agent info"]


def test_a_kernel_that_does_not_say_whether_something_is_loaded_is_told_to_drop_it(
    phone: Phone, scripted: ScriptedPhone
) -> None:
    scripted.start(replace(HOST, tells_loaded=False))
    assert load.unload(phone) == LoadState(None, None)
    assert len(scripted.happened("*agent unload 0x0")) == 1


def test_an_unload_that_is_refused_leaves_the_record(
    phone: Phone, scripted: ScriptedPhone, image: Rom, journal: Journal
) -> None:
    load.load(phone, prepared(phone, image, journal), journal)
    scripted.fault("*agent unload*", code=1, says="error=kexec_load errno=1\n")
    with pytest.raises(DeviceError, match="EPERM"):
        load.unload(phone)
    assert loaded_record(scripted)
    assert scripted.files.find(STAGING) is None


def test_a_record_of_another_kernel_is_none(phone: Phone, scripted: ScriptedPhone) -> None:
    scripted.add_file(RECORD, json.dumps({"version": 1}))
    assert load.unload(phone) == LoadState(False, None)
