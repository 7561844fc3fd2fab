"""The running kernel as a host, on the scripted phone: what the agent says, held against the profile."""

from dataclasses import replace
from typing import Literal

import msgspec
import pytest
import scripted_setup as setup
from scripted_phone import HOST, STOCK, Kernel, ScriptedPhone, flip
from told import raises

from hardboot.base.errors import DeviceError, RefusedError
from hardboot.device import host
from hardboot.device.phone import Phone
from hardboot.device.shells import line_command
from hardboot.device.staging import STAGING
from hardboot.payload.agent import AgentInfo
from hardboot.transport.base import Output

NO_SUPPORT = (
    "the running kernel 5.10.0-stock has no hardboot support",
    "Nothing was loaded.",
    "Restart the phone if a ROM is running. Otherwise build a host kernel (hardboot patch apply TREE) and "
    "write it to the phone: hardboot flash-host-kernel BOOT.IMG",
)
OTHER_PAGE = (
    "the host kernel has the hardboot page at 0x48000000, the profile virt-arm has it at 0x44000000",
    "Nothing was loaded.",
    "Build the host kernel with this profile: hardboot patch apply TREE --device virt-arm "
    "(or --profile FILE)",
)


@pytest.fixture
def phone(scripted: ScriptedPhone) -> Phone:
    return setup.connected(scripted)


def test_the_agent_is_put_on_the_phone_and_asked(phone: Phone, scripted: ScriptedPhone) -> None:
    info = host.ask(phone, 4)
    assert scripted.running
    assert info == AgentInfo(
        release="6.1.0-host",
        boot_id=scripted.running.boot_id,
        kexec_loaded=False,
        kexec_crash_loaded=False,
        hardboot_page=0x44000000,
        hardboot_flag=4,
        hardboot_version=None,
        probe=0,
    )
    assert scripted.happened("push *") == [f"push {STAGING}/agent"]
    assert scripted.happened(f"{STAGING}/agent *") == [f"{STAGING}/agent info 0x4"]
    assert host.info(phone, None).probe is None
    assert scripted.happened(f"{STAGING}/agent *")[1:] == [f"{STAGING}/agent info"]
    assert host.info(phone, 0x8000).probe == 22
    assert len(scripted.happened("push *")) == 1


def test_an_agent_that_does_not_run_is_told(phone: Phone, scripted: ScriptedPhone) -> None:
    scripted.data.noexec = True
    with pytest.raises(DeviceError, match=r"did not run on the phone: sh: .*: Permission denied"):
        host.ask(phone, None)
    with pytest.raises(DeviceError, match="the agent did not run on the phone"):
        host.info(phone, None)
    scripted.data.noexec = False
    scripted.fault("*agent info*", code=1, says="error=uname errno=14\n")
    with pytest.raises(DeviceError, match="uname: bad address"):
        host.ask(phone, None)
    scripted.fault(f"push {STAGING}/agent", alters=flip(9))
    with pytest.raises(DeviceError, match="agent arrived damaged on the phone"):
        host.ask(phone, None)


def test_the_kept_agent_is_used_if_it_is_there(phone: Phone, scripted: ScriptedPhone) -> None:
    assert host.IS_KEPT == "test -x /dev/hardboot-agent"
    assert host.kept_agent(phone, Output("", 0)) == "/dev/hardboot-agent"
    assert scripted.events == []
    assert host.kept_agent(phone, Output("", 1)) == f"{STAGING}/agent"
    node = scripted.files.find(f"{STAGING}/agent")
    assert node
    assert node.mode == 0o755
    phone.root(f"mkdir -p {STAGING}; {host.KEEP_AGENT}")
    assert phone.root(host.IS_KEPT).code == 0
    phone.profile = msgspec.structs.replace(phone.profile, arch="mips")
    with pytest.raises(Exception, match="no agent for the architecture 'mips'"):
        host.kept_agent(phone, Output("", 1))
    with pytest.raises(Exception, match="no agent for the architecture 'mips'"):
        host.ask(phone, None)


def test_a_host_is_known_by_what_the_profile_says(phone: Phone, scripted: ScriptedPhone) -> None:
    assert host.has_hardboot(phone)
    host.look(phone)
    scripted.start(STOCK)
    assert not host.has_hardboot(phone)
    with raises(RefusedError, *NO_SUPPORT):
        host.look(phone)
    scripted.start(replace(HOST, page=0x48000000))
    with raises(RefusedError, *OTHER_PAGE):
        host.look(phone)


FOREIGN = Kernel("3.10.0-foreign", page=None, flag=None, takes=5)  # a host of another author
NO_KEXEC = replace(STOCK, kexec=False)


@pytest.mark.parametrize(
    ("presence", "kernel", "expected"),
    [
        (None, HOST, True),  # by the file of our own series
        ("/none", HOST, True),
        (None, FOREIGN, True),  # by the flag it takes
        ("/none", FOREIGN, False),
        ("/proc/its_sign", replace(FOREIGN, files={"/proc/its_sign": b""}), True),
        (None, STOCK, False),
        (None, NO_KEXEC, False),
    ],
)
def test_hardboot_support_is_known_by_the_profiles_sign_our_own_or_the_agent(
    presence: str | None, kernel: Kernel, expected: bool, phone: Phone, scripted: ScriptedPhone
) -> None:
    phone.profile = msgspec.structs.replace(phone.profile, presence=presence)
    scripted.start(kernel)
    assert host.has_hardboot(phone) is expected


@pytest.mark.parametrize("kernel", [STOCK, NO_KEXEC])
def test_where_no_file_tells_a_kernel_without_support_is_known_by_the_agent(
    kernel: Kernel, phone: Phone, scripted: ScriptedPhone
) -> None:
    phone.profile = msgspec.structs.replace(phone.profile, presence=None)
    scripted.start(kernel)
    with pytest.raises(RefusedError, match=f"{kernel.release} has no hardboot support"):
        host.look(phone)
    scripted.start(FOREIGN)
    host.look(phone)
    scripted.start(STOCK)
    scripted.data.noexec = True
    host.look(phone)  # it may be one: the agent does not run there


def test_without_a_sign_and_an_agent_hardboot_support_is_not_known(
    phone: Phone, scripted: ScriptedPhone
) -> None:
    phone.profile = msgspec.structs.replace(phone.profile, presence=None)
    scripted.start(STOCK)
    scripted.data.noexec = True
    assert host.has_hardboot(phone) is None
    assert host.is_supported(phone.profile, info(hardboot_page=None, probe=1)) is None


@pytest.mark.parametrize(
    ("release", "flag", "expected"),
    [("6.5.9-x", 4, True), ("6.6.0", 4, False), ("6.12.1-y", 4, False), ("6.12.1-y", 0x8000, True)],
)
def test_a_flag_that_every_new_kernel_takes_is_no_sign_of_hardboot(
    release: str, flag: Literal[4, 0x8000], expected: bool, phone: Phone
) -> None:
    hardboot = msgspec.structs.replace(phone.profile.hardboot, flag=flag)
    known = msgspec.structs.replace(phone.profile, hardboot=hardboot)
    found = info(release=release, hardboot_page=None, hardboot_flag=None, probe=0)
    assert host.is_supported(known, found) is expected
    if expected:
        assert host.check(known, found) == flag
    else:
        with pytest.raises(RefusedError, match="no hardboot support"):
            host.check(known, found)


def test_the_files_that_show_hardboot_support_are_asked_for_together(phone: Phone) -> None:
    ours = "test -e /sys/kernel/kexec_hardboot"
    phone.profile = msgspec.structs.replace(phone.profile, presence=None)
    page = line_command("/sys/kernel/kexec_hardboot/page")
    assert host.queries(phone.profile) == (f"test -e / || {ours}", page)
    host.look(phone)
    phone.profile = msgspec.structs.replace(phone.profile, presence="/sys/it's")
    assert host.queries(phone.profile)[0] == f"test -e '/sys/it'\"'\"'s' || {ours}"
    host.look(phone)  # it is a host of our series, whatever else the profile expects


def test_a_host_that_shows_no_page_is_looked_at_no_further(phone: Phone, scripted: ScriptedPhone) -> None:
    scripted.start(replace(HOST, page=None))
    host.look(phone)


def info(
    release: str = "5.10.0-stock",
    *,
    hardboot_page: int | None = 0x44000000,
    hardboot_flag: int | None = 4,
    probe: int | None = 0,
) -> AgentInfo:
    return AgentInfo(release, "x", False, False, hardboot_page, hardboot_flag, "1", probe)


def test_the_flag_is_the_kernels_or_the_profiles(phone: Phone) -> None:
    assert host.check(phone.profile, info()) == 4
    assert host.check(phone.profile, info(hardboot_flag=0x8000)) == 0x8000
    assert host.check(phone.profile, info(hardboot_flag=0x8000, probe=22)) == 0x8000
    assert host.check(phone.profile, info(hardboot_flag=None)) == 4
    assert host.check(phone.profile, info(hardboot_flag=None, probe=None)) == 4
    # Another host kernel, known by the flag it takes.
    assert host.check(phone.profile, info(hardboot_page=None, hardboot_flag=None)) == 4


def test_a_kernel_that_is_no_host_is_refused(phone: Phone) -> None:
    for probe in (None, 22, 38):
        with raises(RefusedError, *NO_SUPPORT):
            host.check(phone.profile, info(hardboot_page=None, hardboot_flag=None, probe=probe))
    with raises(RefusedError, *OTHER_PAGE):
        host.check(phone.profile, info(hardboot_page=0x48000000))
    with pytest.raises(DeviceError, match="EPERM"):
        host.check(phone.profile, info(hardboot_flag=None, probe=1))


def test_a_kernel_that_does_not_take_the_flag_is_asked_as_it_is(
    phone: Phone, scripted: ScriptedPhone
) -> None:
    scripted.start(Kernel("6.1", page=0x44000000, flag=None, takes=1))
    with pytest.raises(DeviceError, match="EINVAL"):
        host.check(phone.profile, host.ask(phone, phone.profile.hardboot.flag))
