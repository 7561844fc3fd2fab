"""The battery, as sysfs or dumpsys tells it, and the charge that a write needs."""

import pytest
import scripted_setup as setup
from scripted_phone import ScriptedPhone

from hardboot.base.errors import RefusedError
from hardboot.device import battery
from hardboot.device.battery import Battery

DUMPSYS = """Current Battery Service state:
  AC powered: false
  status: {status}
  health: 2
  level: {level}
  scale: 100
  voltage: 4123
"""


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("80 Discharging\n", Battery(80, charging=False, status="discharging")),
        ("3 Charging\n", Battery(3, charging=True, status="charging")),
        ("100 Full\n", Battery(100, charging=True, status="full")),
        ("24 Not charging\n", Battery(24, charging=False, status="not charging")),
        ("50 \n", Battery(50, charging=False)),
        (" \n30 Full\n", Battery(30, charging=True, status="full")),
        (DUMPSYS.format(status=2, level=7), Battery(7, charging=True)),
        (DUMPSYS.format(status=5, level=100), Battery(100, charging=True)),
        (DUMPSYS.format(status=3, level=24), Battery(24, charging=False)),
        ("", None),
        ("-1 ?\n", None),
        ("Can't find service: battery\n", None),
    ],
)
def test_what_the_phone_tells_is_read(text: str, known: Battery | None) -> None:
    assert battery.parse(text) == known


@pytest.mark.parametrize(
    ("charge", "refused"),
    [
        (("24", "Discharging"), True),
        (("25", "Discharging"), False),
        (("1", "Charging"), False),
        (("24", "Not charging"), True),
    ],
)
def test_a_write_needs_a_charge_or_a_charger(
    charge: tuple[str, str], refused: bool, scripted: ScriptedPhone
) -> None:
    for name, value in zip(("capacity", "status"), charge, strict=True):
        scripted.add_file(f"/sys/class/power_supply/battery/{name}", f"{value}\n")
    phone = setup.connected(scripted)
    if refused:
        with pytest.raises(RefusedError, match=f"the battery has {charge[0]} %; a write needs 25 %"):
            battery.check(phone.root(battery.QUERY))
    else:
        battery.check(phone.root(battery.QUERY))


def test_a_phone_without_a_battery_is_warned_about(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.files.remove("/sys/class/power_supply/battery")
    battery.check(setup.connected(scripted).root(battery.QUERY))
    assert "warning: the phone does not tell its battery level" in capsys.readouterr().err
