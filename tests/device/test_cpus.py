"""The secondary CPUs of the scripted phone."""

import pytest
import scripted_setup as setup
from scripted_phone import ScriptedPhone
from scripted_phone.files import Folder
from told import raises

from hardboot.base.errors import DeviceError, RefusedError
from hardboot.device import cpus
from hardboot.device.phone import Phone

CPU = "/sys/devices/system/cpu"


@pytest.fixture
def phone(scripted: ScriptedPhone) -> Phone:
    return setup.connected(scripted)


def test_cpus_with_a_switch_can_go_offline(phone: Phone, scripted: ScriptedPhone) -> None:
    cpus.check(phone)
    scripted.files.add(f"{CPU}/cpufreq", Folder())  # no CPU
    cpus.check(phone)


def test_a_cpu_without_a_switch_is_refused(phone: Phone, scripted: ScriptedPhone) -> None:
    for number in (2, 10):
        scripted.files.add(f"{CPU}/cpu{number}", Folder())
    with raises(
        RefusedError,
        "the running kernel cannot take cpu10 cpu2 offline (CONFIG_HOTPLUG_CPU)",
        "Nothing was loaded.",
        "Leave out --via soft: a reset stops every CPU.",
    ):
        cpus.check(phone)


def test_a_phone_that_does_not_answer_is_told(phone: Phone, scripted: ScriptedPhone) -> None:
    scripted.fault("true", code=3)
    with pytest.raises(DeviceError, match="failed with exit code 3") as caught:
        cpus.check(phone)
    assert caught.value.fix.endswith(cpus.QUERY)


def test_all_but_the_first_go_offline(phone: Phone, scripted: ScriptedPhone) -> None:
    cpus.offline(phone)
    assert phone.read(f"cat {CPU}/online") == "0"
    assert scripted.happened("echo *") == [f"echo 0 >{CPU}/cpu1/online"]


def test_one_cpu_alone_is_as_it_should_be(phone: Phone, scripted: ScriptedPhone) -> None:
    scripted.files.remove(f"{CPU}/cpu1")
    cpus.check(phone)
    cpus.offline(phone)
    assert scripted.happened("echo *") == []


def test_if_one_stays_online_all_are_brought_back(phone: Phone, scripted: ScriptedPhone) -> None:
    values: list[bytes] = []
    scripted.show(f"{CPU}/cpu2/online", lambda: "1\n", values.append)
    scripted.show(f"{CPU}/online", lambda: "0,2\n")
    with raises(
        RefusedError,
        "CPUs 0,2 are online, only CPU 0 should be: the kernel or a daemon keeps them online",
        "Nothing was started; what is loaded stays loaded.",
        "Stop the daemon that manages CPUs (such as mpdecision). "
        "Leave out --via soft: a reset stops every CPU.",
    ):
        cpus.offline(phone)
    assert values == [b"0\n", b"1\n"]
    assert scripted.happened(f"echo 1 >{CPU}/cpu1/online") != []
