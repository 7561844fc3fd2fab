"""What load prepares for a scripted phone, and the record that it leaves there."""

from scripted_phone import ScriptedPhone

from hardboot.device import record
from hardboot.device.phone import Phone
from hardboot.device.record import Loaded
from hardboot.flows import load
from hardboot.flows.journal import Journal
from hardboot.flows.load import PreparedRom
from hardboot.flows.rom import Rom

RECORD = "/dev/hardboot-loaded"


def prepared(phone: Phone, image: Rom, journal: Journal, *, soft: bool = False) -> PreparedRom:
    return load.prepare(phone, image, journal, soft=soft)


def loaded_record(scripted: ScriptedPhone) -> Loaded:
    node = scripted.files.find(RECORD)
    assert node
    found = record.decode(node.read())
    assert found
    return found
