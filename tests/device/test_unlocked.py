"""Whether the bootloader is unlocked: its own words come before properties, which anybody may change."""

import pytest
from scripted_phone import ScriptedPhone

from hardboot.device import unlocked
from hardboot.device.phone import connect


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("androidboot.flash.locked=0", True),
        ("androidboot.flash.locked=1", False),
        ("a=b androidboot.verifiedbootstate=orange c", True),
        ("androidboot.verifiedbootstate=green", False),
        ("androidboot.verifiedbootstate=yellow", False),
        ('androidboot.vbmeta.device_state = "unlocked"\n', True),
        ('androidboot.vbmeta.device_state = "locked"\n', False),
        ("androidboot.flash.locked=2", None),
        ("xandroidboot.flash.locked=0", None),
        ("androidboot.flash.locked=", None),
        ("", None),
        ("androidboot.flash.locked=1 androidboot.verifiedbootstate=orange", None),
        ("androidboot.verifiedbootstate=red", None),
        ("androidboot.flash.locked=1 androidboot.verifiedbootstate=pink", False),
        # What comes first was said by the bootloader.
        ('androidboot.flash.locked = "0"\nandroidboot.flash.locked=1', True),
    ],
)
def test_the_state_is_read_from_command_line_bootconfig_and_properties(text: str, known: bool | None) -> None:
    assert unlocked.parse(text) is known


def test_a_property_that_hides_an_unlocked_bootloader_is_not_believed(scripted: ScriptedPhone) -> None:
    phone = connect(None, None)
    assert unlocked.parse(phone.root(unlocked.QUERY).text) is None
    scripted.properties["ro.boot.verifiedbootstate"] = "green"
    assert unlocked.parse(phone.root(unlocked.QUERY).text) is False
    scripted.show("/proc/bootconfig", lambda: 'androidboot.verifiedbootstate = "orange"\n')
    assert unlocked.parse(phone.root(unlocked.QUERY).text) is True
