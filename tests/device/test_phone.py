"""One phone of a known model: how it is matched, and its partitions, on the scripted phone."""

import hashlib

import msgspec
import pytest
import scripted_setup as setup
from scripted_phone import HOST, ScriptedPhone, ScriptedTransport
from told import raises

from hardboot import profile
from hardboot.base.errors import DeviceError, RefusedError
from hardboot.device import handset as handsets
from hardboot.device import phone as phones
from hardboot.device.phone import BlockDevice, Phone
from hardboot.device.staging import STAGING

BOOT = "/dev/block/by-name/boot"


def closed(scripted: ScriptedPhone) -> int:
    return scripted.transport.closed


def test_a_phone_is_matched_by_what_it_reports(scripted: ScriptedPhone) -> None:
    with phones.connected(None, None) as phone:
        assert (phone.profile.name, phone.serialno) == ("virt-arm", "HBSCRIPT")
        assert phone.root_shell() == "su -c {}"
        assert len(scripted.commands) == 2  # product and root, in one shell
        assert closed(scripted) == 0
    assert closed(scripted) == 1


def test_the_serial_that_is_given_is_opened(scripted: ScriptedPhone, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def open_transport(serial: str) -> ScriptedTransport:
        opened.append(serial)
        return scripted.transport

    for module in (phones, handsets):
        monkeypatch.setattr(module, "open_transport", open_transport)
    with phones.connected("1.2.3.4:5", None):
        pass
    with phones.connected(None, None):
        pass
    with handsets.reach("1.2.3.4:6") as reached:
        assert closed(scripted) == 2
        assert reached.transport is scripted.transport
    with handsets.reach(None):
        pass
    assert opened == ["1.2.3.4:5", scripted.adb_serial, "1.2.3.4:6", scripted.adb_serial]
    assert closed(scripted) == 4


def test_a_phone_without_a_serial_number_is_known_by_its_adb_serial(scripted: ScriptedPhone) -> None:
    scripted.properties["ro.serialno"] = ""
    with phones.connected(None, None) as phone:
        assert phone.serialno == scripted.adb_serial


def test_a_chosen_profile_is_used_if_it_fits(scripted: ScriptedPhone) -> None:
    with phones.connected(None, profile.load("virt-arm")) as phone:
        assert phone.profile == profile.load("virt-arm")
    with raises(
        RefusedError,
        "the phone reports ro.product.device='virt-arm'; the profile shamu is for shamu",
        "Nothing was sent.",
        "Leave out --device and --profile: the profile is then chosen by what the phone reports.",
    ):
        phones.connect(None, profile.load("shamu"))
    assert closed(scripted) == 2


def test_a_phone_that_no_profile_is_for_is_refused(scripted: ScriptedPhone) -> None:
    scripted.properties["ro.product.device"] = "unheard of"
    with raises(
        RefusedError,
        "no profile is for ro.product.device='unheard of'",
        "Nothing was sent.",
        "Draft a profile: hardboot devices suggest --install. Known phones: hardboot devices list",
    ):
        phones.connect(None, None)
    assert closed(scripted) == 1


@pytest.mark.parametrize(
    ("says", "code"), [("", 0), ("\n", 0), ("sh: getprop: not found\n", 127), ("x" * 300, 1)]
)
def test_a_phone_that_does_not_say_its_model_is_refused(
    says: str, code: int, scripted: ScriptedPhone
) -> None:
    scripted.fault("getprop ro.product.device", code=code, says=says)
    scripted.fault("getprop ro.serialno", code=code, says=says)
    with raises(
        DeviceError,
        f"the phone does not say which model it is: {says.strip()[:200]!r}",
        "Nothing was sent.",
        "Is this an Android phone? Try: adb shell getprop ro.product.device",
    ):
        phones.connect(None, None)
    assert closed(scripted) == 1


def test_a_phone_without_root_is_connected_all_the_same(scripted: ScriptedPhone) -> None:
    scripted.root = None
    with phones.connected(None, None) as phone, pytest.raises(DeviceError, match="no root shell"):
        phone.root("true")


def test_the_end_of_the_ram_tells_models_apart(scripted: ScriptedPhone) -> None:
    several = next(one for one in map(profile.load, profile.names()) if one.hardboot.models)
    scripted.properties["ro.product.device"] = several.codenames[0]
    model = several.hardboot.models[-1]
    scripted.show("/proc/iomem", lambda: f"00000000-{model.ram_end - 1:08x} : System RAM\n")
    with phones.connected(None, None) as phone:
        assert phone.profile.page.start == model.page
    scripted.fault("cat /proc/iomem", code=1)
    with pytest.raises(DeviceError):
        phones.connect(None, None)
    assert closed(scripted) == 2


# Partitions


@pytest.fixture
def phone(scripted: ScriptedPhone) -> Phone:
    return setup.connected(scripted)


def test_a_partition_is_found_behind_its_link(phone: Phone) -> None:
    assert phone.partition("boot") == BlockDevice("/dev/block/vda1", setup.SIZE)
    assert phone.partition("recovery").path == "/dev/block/vda2"


def test_a_partition_that_the_profile_does_not_know_is_refused(phone: Phone, scripted: ScriptedPhone) -> None:
    with raises(
        RefusedError,
        "the profile virt-arm knows no partition 'modem'",
        "Nothing was sent.",
        "It knows: boot, recovery.",
    ):
        phone.partition("modem")
    phone.profile = msgspec.structs.replace(phone.profile, partitions={})
    with raises(
        RefusedError,
        "the profile virt-arm knows no partition 'modem'",
        "Nothing was sent.",
        "It knows: none.",
    ):
        phone.partition_query("modem")
    unknown = next(
        one
        for one in map(profile.load, profile.names())
        if any(key.startswith("partitions.") and key[11:] not in one.partitions for key in one.evidence)
    )
    name = next(key[11:] for key in unknown.evidence if key.startswith("partitions."))
    phone.profile = unknown
    with pytest.raises(RefusedError) as caught:
        phone.partition_path(name)
    assert caught.value.fix == f"How to find it: {unknown.how_to_find(f'partitions.{name}')}"
    assert scripted.events == []


def test_what_is_no_block_device_is_refused(phone: Phone, scripted: ScriptedPhone) -> None:
    scripted.add_file(BOOT, b"a plain file")
    with raises(
        RefusedError,
        f"{BOOT} is not a block device on this phone",
        "Nothing was written.",
        "Check that the profile is the right one (--device): adb shell ls -l /dev/block/by-name",
    ):
        phone.partition("boot")


def test_an_answer_with_too_few_lines_is_refused(phone: Phone, scripted: ScriptedPhone) -> None:
    scripted.fault("blockdev --getro *", code=0)
    with pytest.raises(RefusedError, match="is not a block device"):
        phone.partition("boot")


def test_a_partition_of_another_size_is_refused(phone: Phone, scripted: ScriptedPhone) -> None:
    scripted.boot.flash += b"more"
    with raises(
        RefusedError,
        f"{BOOT} has {setup.SIZE + 4} bytes, the profile virt-arm says {setup.SIZE}",
        "Nothing was written.",
        "This is another phone or another model: choose its profile with --device or --profile.",
    ):
        phone.partition("boot")
    phone.profile = setup.small_profile(None)
    assert phone.partition("boot").size == setup.SIZE + 4


def test_a_write_protected_partition_is_refused(phone: Phone, scripted: ScriptedPhone) -> None:
    scripted.boot.read_only = True
    with raises(
        RefusedError,
        f"{BOOT} is write-protected",
        "Nothing was written.",
        "A locked bootloader protects it: unlock the phone the way its maker intends.",
    ):
        phone.partition("boot")


def test_a_whole_partition_is_pulled(phone: Phone, scripted: ScriptedPhone) -> None:
    assert phone.pull_partition("boot") == scripted.boot.flash
    assert scripted.happened("dd *") == [f"dd if=/dev/block/vda1 bs=1048576 >{STAGING}/partition"]
    scripted.boot.bad_from = 0
    with pytest.raises(DeviceError, match="failed with exit code 1"):
        phone.pull_partition("boot")
    with pytest.raises(RefusedError, match="knows no partition"):
        phone.pull_partition("modem")
    scripted.fault("test -e *", code=1)
    assert phone.pull_partition("boot") == b""  # it is gone


@pytest.mark.parametrize(
    ("serial", "safe"),
    [
        ("HBX-1_a", True),
        ("a" * 64, True),
        ("a" * 65, False),
        ("", False),
        ("../x", False),
        (".x", False),
        ("-x", False),
        ("a b", False),
        ("a\n", False),
        ("1.2.3.4:5555", False),
    ],
)
def test_a_serial_never_chooses_a_path(serial: str, safe: bool) -> None:
    expected = serial if safe else hashlib.sha256(serial.encode()).hexdigest()[:16]
    assert phones.safe_serial(serial) == expected


def test_a_phone_that_is_starting_is_waited_for(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.start(HOST, after_s=5)
    start = scripted.clock.now
    with phones.connected(None, None) as phone:
        assert phone.kernel().release == HOST.release
    assert scripted.clock.now - start == pytest.approx(5, abs=1)
    assert "Waiting for the phone: 5." in capsys.readouterr().err


def test_a_phone_that_stays_away_is_given_up(scripted: ScriptedPhone) -> None:
    scripted.cut_power()
    start = scripted.clock.now
    with pytest.raises(DeviceError, match=r"did not come back within 10 s: .* does not answer"):
        phones.connect(None, None, wait_s=10)
    assert scripted.clock.now - start == pytest.approx(10, abs=1)
    with pytest.raises(DeviceError, match=r"^the phone at .* does not answer$"):
        phones.connect(None, None)


def test_a_serial_that_is_not_listed_yet_is_waited_for(
    scripted: ScriptedPhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = scripted.clock.now + 3

    def open_transport(serial: str) -> ScriptedTransport:
        if scripted.clock.now < shown:
            raise DeviceError(f"no phone {serial!r}", state="Nothing was sent.", fix="Look.")
        return scripted.transport

    monkeypatch.setattr(phones, "open_transport", open_transport)
    with phones.connected("HBSCRIPT", None):
        assert scripted.clock.now >= shown


def test_without_a_sign_of_a_phone_none_is_waited_for(
    scripted: ScriptedPhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> str:
        raise DeviceError("no phone", state="Nothing was sent.", fix="Look.")

    monkeypatch.setattr(phones, "only_phone", nobody)
    start = scripted.clock.now
    with pytest.raises(DeviceError, match="no phone"), phones.connected(None, None):
        pass
    assert scripted.clock.now == start
