"""hardboot doctor over the scripted phone: states of a phone, each with its lines and its next steps."""

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import modern_setup
import msgspec
import pytest
import scripted_setup as setup
from planned import call
from scripted_phone import HOST, STOCK, Kernel, ScriptedPhone

from hardboot import profile
from hardboot.doctor import computer
from hardboot.flows import unfinished_write
from hardboot.flows.unfinished_write import UnfinishedWrite
from hardboot.transport.base import SHELL
from hardboot.transport.exit_codes import CommandBatch
from hardboot.transport.server_requests import SERVICE_MAX

GKI = "CONFIG_IKCONFIG_PROC=y\nCONFIG_BLK_DEV_DM=y\nCONFIG_PSTORE_RAM=y\n"
UNLOCKED = (
    "androidboot.flash.locked=0 androidboot.verifiedbootstate=orange androidboot.vbmeta.device_state=unlocked"
)
LOCKED = "androidboot.flash.locked=1 androidboot.verifiedbootstate=green"
BOOT = "hardboot boot IMAGE"
DRY_RUN = f"{BOOT} --dry-run"
FASTBOOT = "adb reboot bootloader; fastboot boot IMAGE"
APPLY = "hardboot patch apply TREE --device virt-arm"
TO_HOST = [
    "hardboot backup",
    APPLY,
    "hardboot host-image BOOT.IMG --kernel KERNEL -o host.img",
    "hardboot flash-host-kernel host.img --reboot",
]
AGAIN = "hardboot doctor"


@pytest.fixture(autouse=True)
def without_this_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what is installed here: it has tests of its own, and takes time."""
    monkeypatch.setattr(computer, "lines", list)


Prepare = Callable[[ScriptedPhone], object]


@dataclass(frozen=True)
class Case:
    """A state of a phone.

    Attributes:
        prepare: What makes it so.
        lines: By name: the state, and words of the value.
        steps: The commands of the next steps, all of them.
    """

    prepare: Prepare
    lines: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    steps: tuple[str, ...] | None = None


def kernel(
    known: Kernel, cmdline: str = "console=ttyAMA0", config: str | None = None, **files: str
) -> Prepare:
    """Return what starts a kernel that shows a configuration and files (`__` stands for a slash)."""
    shown: dict[str, bytes | None] = {
        f"/{name.replace('__', '/')}": one.encode() for name, one in files.items()
    }
    if config is not None:
        shown["/proc/config.gz"] = gzip.compress(config.encode())
    return lambda phone: phone.start(replace(known, cmdline=cmdline, files=shown))


def properties(**values: str) -> Prepare:
    """Return what sets properties (`__` stands for a dot)."""
    return lambda phone: phone.properties.update(
        {name.replace("__", "."): one for name, one in values.items()}
    )


def rooted_by(root: Any) -> Prepare:
    return lambda phone: setattr(phone, "root", root)


def battery(charge: str, status: str) -> Prepare:
    def put(phone: ScriptedPhone) -> None:
        for name, content in (("type", "Battery\n"), ("capacity", f"{charge}\n"), ("status", f"{status}\n")):
            phone.add_file(f"/sys/class/power_supply/bms/{name}", content)
        phone.add_file("/sys/class/power_supply/usb/type", "USB\n")

    return put


def data(**options: Any) -> Prepare:
    def mount(phone: ScriptedPhone) -> None:
        phone.files.mounts[-1] = replace(phone.files.mounts[-1], **options)
        assert phone.files.mounts[-1].point == "/data"

    return mount


def both(*prepared: Prepare) -> Prepare:
    return lambda phone: [one(phone) for one in prepared]


def trimmed(phone: ScriptedPhone) -> None:
    phone.missing |= {"zcat", "gzip", "od", "df", "blockdev", "readlink"}


CASES = {
    "a host": Case(
        lambda _phone: None,
        {
            "connection": ("ok", "HBSCRIPT at 127.0.0.1:5599, its own system is running"),
            "root": ("ok", "su -c COMMAND gives it"),
            "host kernel": ("ok", "page 0x44000000"),
            "loaded image": ("ok", "nothing"),
            "slots": ("ok", "none: one boot partition"),
            "boot image": ("ok", "header v0, in /dev/block/by-name/boot"),
            "partitions": ("ok", "boot, recovery: as the profile says"),
            "tested": ("ok", "on the virtual phone"),
            "lock": ("unknown", "the bootloader does not tell"),
            "verified boot": ("unknown", "the bootloader does not tell"),
            "kexec": ("unknown", "it has kexec, perhaps only kexec_file_load"),
            "warm reset": ("unknown", "whether the firmware has PSCI SYSTEM_RESET2"),
            "encryption": ("unknown", "the phone does not tell"),
            "battery": ("unknown", "the phone shows none"),
            "backups": ("not", "none of this phone"),
        },
        (BOOT, DRY_RUN, "hardboot backup"),
    ),
    "a stock kernel, unlocked": Case(
        kernel(STOCK, UNLOCKED, GKI + "CONFIG_KEXEC=y\n"),
        {
            "lock": (
                "ok",
                "unlocked (flash.locked=0, vbmeta.device_state=unlocked, verifiedbootstate=orange)",
            ),
            "verified boot": ("ok", "orange"),
            "host kernel": ("not", "no hardboot support"),
            "kexec": ("ok", "kexec_load is there"),
            "device mapper": ("ok", "in the kernel"),
        },
        (FASTBOOT, f"{BOOT} --via soft", *TO_HOST),
    ),
    "a stock kernel, locked": Case(
        kernel(STOCK, LOCKED, GKI),
        {
            "lock": ("not", "locked (flash.locked=1, verifiedbootstate=green)"),
            "verified boot": ("not", "green: only images signed by the phone's maker start"),
            "kexec": ("not", "no kexec at all"),
        },
        (*TO_HOST[:3], "adb reboot bootloader; fastboot flashing unlock"),
    ),
    "the bootconfig tells the lock": Case(
        kernel(STOCK, proc__bootconfig='androidboot.verifiedbootstate = "yellow"\n'),
        {
            "lock": ("not", "verifiedbootstate=yellow"),
            "verified boot": ("not", "yellow: only images signed with the"),
        },
    ),
    "properties pretend to be locked": Case(
        both(
            kernel(HOST, UNLOCKED),
            properties(ro__boot__flash__locked="1", ro__boot__verifiedbootstate="green"),
        ),
        {"lock": ("ok", "unlocked"), "verified boot": ("ok", "orange")},
    ),
    "properties alone tell the lock": Case(
        properties(ro__boot__vbmeta__device_state="locked"), {"lock": ("not", "vbmeta.device_state=locked")}
    ),
    "a bootloader that contradicts itself": Case(
        kernel(HOST, "androidboot.flash.locked=1 androidboot.verifiedbootstate=orange"),
        {"lock": ("unknown", "contradicts itself: flash.locked=1, verifiedbootstate=orange")},
    ),
    "words that are no states": Case(
        kernel(HOST, "androidboot.verifiedbootstate=pink xandroidboot.flash.locked=0"),
        {"lock": ("unknown", "verifiedbootstate=pink"), "verified boot": ("unknown", "'pink', which is not")},
    ),
    "images that are damaged": Case(
        kernel(HOST, "androidboot.verifiedbootstate=red"), {"verified boot": ("not", "red: the images")}
    ),
    "kexec_file_load alone": Case(
        kernel(STOCK, config=GKI + "CONFIG_KEXEC_FILE=y\n"), {"kexec": ("not", "only kexec_file_load")}
    ),
    "another author's host": Case(
        both(kernel(STOCK, config=GKI + "CONFIG_KEXEC=y\nCONFIG_KEXEC_HARDBOOT=y\n")),
        {"host kernel": ("ok", "another author's hardboot support")},
        (BOOT, DRY_RUN, "hardboot backup"),
    ),
    "a host for another page": Case(
        kernel(replace(HOST, page=0x50000000)),
        {"host kernel": ("not", "the host kernel has the hardboot page at 0x50000000")},
    ),
    "a firmware with a warm reset": Case(
        kernel(
            HOST,
            sys__kernel__debug__psci="PSCIv1.1\nSYSTEM_RESET2 is supported\n",
            sys__kernel__reboot__mode="cold\n",
        ),
        {"warm reset": ("ok", "PSCI SYSTEM_RESET2 is supported; /sys/kernel/reboot/mode chooses it")},
    ),
    "a firmware without a warm reset": Case(
        kernel(HOST, sys__kernel__debug__psci="PSCIv1.0\nSYSTEM_RESET is supported\n"),
        {"warm reset": ("not", "the firmware has no PSCI SYSTEM_RESET2")},
    ),
    "a tree without PSCI": Case(
        kernel(HOST, **{"proc__device-tree__model": "phone"}),
        {"warm reset": ("not", "no PSCI in the device tree")},
    ),
    "a tree with PSCI": Case(
        kernel(HOST, **{"proc__device-tree__psci__method": "smc"}), {"warm reset": ("unknown", "whether")}
    ),
    "ramoops": Case(
        kernel(HOST, sys__module__ramoops__parameters__mem_address=f"{0x44100000}\n"),
        {"ramoops": ("ok", "logs are kept at 0x44100000")},
    ),
    "ramoops without RAM": Case(
        kernel(HOST, sys__module__ramoops__parameters__mem_address="0\n"),
        {"ramoops": ("not", "no RAM is reserved")},
    ),
    "ramoops that hides its place": Case(
        kernel(HOST, sys__module__pstore__parameters__backend="ramoops\n"),
        {"ramoops": ("ok", "logs are kept")},
    ),
    "an old RAM console": Case(
        kernel(HOST, proc__last_kmsg="the end\n"), {"ramoops": ("ok", "/proc/last_kmsg")}
    ),
    "no ramoops": Case(
        kernel(HOST, config="CONFIG_IKCONFIG_PROC=y\n"), {"ramoops": ("not", "no CONFIG_PSTORE_RAM")}
    ),
    "device mapper by its number": Case(
        kernel(HOST, proc__devices="Block devices:\n254 device-mapper\n"),
        {"device mapper": ("ok", "in the kernel")},
    ),
    "device mapper as a module": Case(
        kernel(HOST, config="CONFIG_IKCONFIG_PROC=y\nCONFIG_BLK_DEV_DM=m\n"),
        {"device mapper": ("not", "a module")},
    ),
    "no device mapper": Case(
        kernel(HOST, proc__devices="Block devices:\n259 blkext\n"),
        {"device mapper": ("not", "not in the kernel")},
    ),
    "no root, unlocked": Case(
        both(kernel(STOCK), rooted_by(None), properties(ro__boot__flash__locked="0")),
        {
            "root": ("not", "none"),
            "lock": ("ok", "unlocked"),
            "host kernel": ("unknown", "only root may read it"),
            "partitions": ("unknown", "only root may read it"),
            "boot image": ("unknown", "only root may read it"),
            "loaded image": ("unknown", "only root may read it"),
            "room on /data": ("ok", "8.0 GiB free"),
        },
        (FASTBOOT, AGAIN),
    ),
    "no root, locked": Case(
        both(rooted_by(None), properties(ro__boot__flash__locked="1")),
        {"root": ("not", "none")},
        ("adb reboot bootloader; fastboot flashing unlock", AGAIN),
    ),
    "no root, lock unknown": Case(
        rooted_by(None), {}, ("adb reboot bootloader; fastboot getvar unlocked", AGAIN)
    ),
    "adbd runs as root": Case(
        rooted_by("adbd"), {"root": ("ok", "adbd runs as root")}, (BOOT, DRY_RUN, "hardboot backup")
    ),
    "su of AOSP": Case(rooted_by("su 0"), {"root": ("ok", "su 0 sh -c COMMAND gives it")}),
    "Magisk by its folder": Case(
        lambda phone: phone.make_folder("/data/adb/magisk"),
        {"root": ("ok", "su -c COMMAND gives it, of Magisk")},
    ),
    "recovery": Case(
        both(properties(ro__bootmode="recovery"), rooted_by("adbd")),
        {"connection": ("ok", "its recovery is running")},
        ("hardboot reboot", BOOT, DRY_RUN),
    ),
    "recovery without root": Case(
        both(properties(ro__bootmode="recovery"), rooted_by(None)),
        {"connection": ("ok", "its recovery is running")},
        ("adb reboot bootloader; fastboot getvar unlocked", "adb reboot", AGAIN),
    ),
    "a ROM": Case(
        kernel(STOCK, "androidboot.hardboot=0123abcd"),
        {
            "connection": ("ok", "a ROM booted by hardboot is running"),
            "host kernel": ("not", "a ROM is running; the host kernel comes back after a restart"),
        },
        ("hardboot reboot", f"{BOOT} --from-rom"),
    ),
    "a panic kernel": Case(
        kernel(HOST, "quiet elfcorehdr=0x1000"),
        {"connection": ("ok", "a panic kernel is running")},
        ("hardboot crash pull DUMP", "hardboot reboot"),
    ),
    "a kernel that does not tell what is loaded": Case(
        kernel(replace(HOST, tells_loaded=False)), {"loaded image": ("unknown", "this kernel does not tell")}
    ),
    "/data is read-only": Case(
        data(read_only=True),
        {"room on /data": ("not", "/data is read-only")},
        (BOOT, DRY_RUN, "hardboot backup"),
    ),
    "/data is full": Case(data(capacity=1 << 20), {"room on /data": ("not", "1.0 MiB free")}),
    "/data by file": Case(
        properties(
            ro__crypto__state="encrypted", ro__crypto__type="file", ro__crypto__metadata__enabled="true"
        ),
        {
            "encryption": (
                "ok",
                "/data is encrypted by file, and so is its metadata: other systems cannot read it",
            )
        },
    ),
    "/data in the clear": Case(
        properties(ro__crypto__state="unencrypted"), {"encryption": ("ok", "not encrypted: ROMs can read it")}
    ),
    "a battery that is low": Case(battery("24", "Discharging"), {"battery": ("not", "24 %, discharging")}),
    "a battery that is low and charges": Case(battery("3", "Charging"), {"battery": ("ok", "3 %, charging")}),
    "a battery that is not low": Case(
        battery("25", "Not charging"), {"battery": ("ok", "25 %, not charging")}
    ),
    "a battery that tells nonsense": Case(
        battery("-1", "?"), {"battery": ("unknown", "the phone shows none")}
    ),
    "a write-protected boot partition": Case(
        lambda phone: setattr(phone.boot, "read_only", True),
        {"partitions": ("not", "/dev/block/by-name/boot is write-protected")},
    ),
    "few programs": Case(
        trimmed,
        {
            "boot image": ("unknown", "the phone does not tell"),
            "room on /data": ("unknown", "the phone does not tell"),
            "partitions": ("not", "the phone has no blockdev, readlink, which reading"),
        },
        (BOOT, DRY_RUN, "hardboot backup"),
    ),
    "something else in the boot partition": Case(
        lambda phone: setattr(phone.boot, "cached", b"\x7fELF" + bytes(8192)),
        {"boot image": ("unknown", "magic")},
    ),
    "a shell that ends early": Case(
        lambda phone: phone.fault("cat /proc/devices", drops=True),
        {
            "connection": ("not", "not all questions were answered"),
            "device mapper": ("unknown", "the phone does not tell"),
            "partitions": ("unknown", "closed the connection"),
            "host kernel": ("ok", "page 0x44000000"),
        },
        (BOOT, DRY_RUN, "hardboot backup"),
    ),
    "an unknown phone": Case(
        properties(ro__product__device="nobody"),
        {
            "profile": ("not", "no profile is for ro.product.device='nobody'"),
            "partitions": ("unknown", "no profile"),
            "host kernel": ("unknown", "without a profile"),
            "boot image": ("ok", "header v0"),
        },
        ("hardboot devices suggest --install",),
    ),
    "an unknown phone, unlocked": Case(
        both(kernel(STOCK, UNLOCKED), properties(ro__product__device="nobody")),
        {},
        ("hardboot devices suggest --install", FASTBOOT),
    ),
    "a phone without a name": Case(
        properties(ro__product__device="", ro__serialno=""),
        {
            "connection": ("ok", "127.0.0.1:5599 at 127.0.0.1:5599"),
            "profile": ("not", "ro.product.device=''"),
        },
    ),
}


def look(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Return the lines by name and the commands of the steps."""
    out, _ = call(capsys, "--json", "doctor", *words)
    document = json.loads(out)
    groups = [
        document[name] for name in ("computer", "phone", "profile", "host", "backups") if name in document
    ]
    lines = [line for group in groups for line in group]
    assert len({line["name"] for line in lines}) == len(lines)
    assert all(line["how"] for line in lines if line["state"] == "unknown"), lines
    return {line["name"]: line for line in lines}, [step["command"] for step in document["next_steps"]]


@pytest.mark.parametrize("name", CASES)
def test_a_state_has_its_lines_and_its_next_steps(
    name: str, scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    case = CASES[name]
    case.prepare(scripted)
    lines, steps = look(capsys)
    for line, (state, words) in case.lines.items():
        assert (line, lines[line]["state"]) == (line, state), lines[line]
        assert words in lines[line]["value"]
    if case.steps is not None:
        assert tuple(steps) == case.steps
    assert steps


def test_a_phone_with_slots_shows_the_header_of_the_running_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    modern_setup.install(modern_setup.phone_with_slots(), monkeypatch, tmp_path)
    lines, steps = look(capsys)
    assert lines["slots"]["value"] == "a and b; b is running"
    assert lines["boot image"]["value"] == "header v4, in /dev/block/by-name/boot_b"
    assert lines["partitions"]["state"] == "not"  # vbmeta is missing
    assert steps == [BOOT, DRY_RUN, "hardboot backup"]


def test_slots_that_the_phone_does_not_name_are_unknown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    phone = modern_setup.phone_with_slots()
    modern_setup.install(phone, monkeypatch, tmp_path)
    del phone.properties["ro.boot.slot_suffix"]
    phone.start(replace(modern_setup.HOST, files={}))
    lines, _ = look(capsys)
    assert lines["slots"]["state"] == "unknown"
    assert lines["slots"]["value"] == "the phone does not say which slot it runs from: it names none"
    assert lines["boot image"] == {
        "name": "boot image",
        "state": "unknown",
        "value": "the boot partition is not known",
        "how": "Look on the phone: ls -l /dev/block/by-name",
    }


def test_what_is_loaded_is_booted_first(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    call(capsys, "load", setup.rom_image(tmp_path))
    lines, steps = look(capsys)
    assert lines["loaded image"]["value"] == "rom.img (kernel 6.6.0-rom)"
    assert steps[:3] == ["hardboot exec", "hardboot unload", BOOT]


def test_a_write_that_was_cut_off_is_finished_first(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    note = UnfinishedWrite("HBSCRIPT", "boot", "a.img", 9, "0" * 64, "/b.img", None, 1.8e9)
    unfinished_write.begin(note)
    lines, steps = look(capsys)
    assert lines["unfinished"]["state"] == "not"
    assert "writing a.img to boot was cut off" in lines["unfinished"]["value"]
    assert steps == ["hardboot restore /b.img", BOOT, DRY_RUN, "hardboot backup"]


def test_a_backup_of_a_host_is_no_backup_of_the_own_system(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    call(capsys, "backup")
    lines, steps = look(capsys)
    assert lines["backups"]["state"] == "not"
    assert lines["backups"]["value"].endswith("none is of the phone's own boot image")
    assert steps[-1] == "hardboot backup"


def test_a_backup_of_the_own_system_is_enough(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    setup.install(setup.phone_with_disk(host=False), monkeypatch, tmp_path)
    call(capsys, "backup")
    lines, steps = look(capsys)
    assert lines["backups"]["state"] == "ok"
    assert steps == [f"{BOOT} --via soft", *TO_HOST[1:]]


def test_an_untested_profile_is_checked_before_it_is_used(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shamu = profile.load("shamu")
    monkeypatch.setattr(profile, "match", lambda _product: shamu)
    scripted.properties["ro.product.device"] = "shamu"
    scripted.start(replace(HOST, page=shamu.page.start, files={f"{shamu.presence}": b""}))
    lines, steps = look(capsys)
    assert lines["tested"]["state"] == "not"
    assert lines["trust"]["state"] == "unknown"
    assert lines["trust"]["value"].endswith("; unknown: ram")
    assert steps[:3] == ["hardboot devices show shamu", DRY_RUN, f"{BOOT} --untested"]


def test_a_profile_of_ones_own_is_named_by_its_file(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = Path(profile.path_of("virt-arm") or "").read_text()
    path = tmp_path / "virt-arm.toml"
    path.write_text(text)
    lines, _ = look(capsys, "--profile", str(path))
    assert lines["profile"]["value"].endswith(f", {path}")


def test_a_profile_for_another_phone_is_left_out(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, steps = look(capsys, "--device", "shamu")
    assert lines["profile"]["value"].startswith(
        "the phone reports ro.product.device='virt-arm'; the profile shamu"
    )
    assert lines["profile"]["how"].startswith("Leave out --device")
    assert steps == [AGAIN]


def test_a_page_that_the_profile_does_not_know_is_unknown(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = setup.small_profile()
    without = msgspec.structs.replace(known, hardboot=msgspec.structs.replace(known.hardboot, page=None))
    monkeypatch.setattr(profile, "match", lambda _product: without)
    lines, steps = look(capsys)
    assert lines["host kernel"]["state"] == "unknown"
    assert lines["host kernel"]["value"].endswith("does not know the address of the hardboot page")
    assert lines["trust"]["value"].endswith("; unknown: hardboot.page")
    assert steps[0] == "hardboot status"


HOSTILE = "\x1b[2J\x00\u202e" + "9" * 300


def test_nothing_that_a_phone_says_breaks_the_report(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.su_version = f"{HOSTILE}:MAGISKSU"
    names = ("boot.flash.locked", "boot.verifiedbootstate", "crypto.state", "crypto.type", "serialno")
    scripted.properties.update({f"ro.{name}": HOSTILE for name in names})
    battery(HOSTILE, HOSTILE)(scripted)
    paths = (
        "sys/kernel/debug/psci",
        "sys/module/ramoops/parameters/mem_address",
        "proc/devices",
        "proc/bootconfig",
    )
    kernel(HOST, f"androidboot.flash.locked={HOSTILE}", HOSTILE, **dict.fromkeys(paths, HOSTILE))(scripted)
    scripted.boot.cached = HOSTILE.encode()
    look(capsys)
    out, _ = call(capsys, "doctor")
    assert "\x1b" not in out
    assert "\x00" not in out


def test_the_version_of_su_names_its_program(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.su_version = "27.0:MAGISKSU"
    assert look(capsys)[0]["root"]["value"] == "su -c COMMAND gives it, of Magisk (27.0:MAGISKSU)"
    scripted.root = None
    root = look(capsys)[0]["root"]
    assert root["value"] == "not granted to the ADB shell, though Magisk (27.0:MAGISKSU) is there"
    assert root["how"] == "Grant root to the shell (com.android.shell) in the app of Magisk (27.0:MAGISKSU)."


def test_folders_of_two_root_solutions_name_none(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("magisk", "ksu"):
        scripted.make_folder(f"/data/adb/{name}")
    assert look(capsys)[0]["root"]["value"] == "su -c COMMAND gives it"


def test_questions_take_few_round_trips_and_change_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    phone = modern_setup.phone_with_slots()
    modern_setup.install(phone, monkeypatch, tmp_path)
    sizes: list[int] = []
    shells = phone.transport.shells

    def counted(commands: Any, *, template: str = SHELL) -> Any:
        sizes.append(len(CommandBatch([command for command, _ in commands], template).line))
        return shells(commands, template=template)

    monkeypatch.setattr(phone.transport, "shells", counted)
    before = set(phone.files.nodes)
    look(capsys)
    assert len(sizes) == 3
    assert max(sizes) <= SERVICE_MAX - len("shell:")
    assert phone.happened("push*") == []
    assert set(phone.files.nodes) == before
    assert phone.transport.closed == 1


def test_the_page_for_people_says_states_as_words_and_numbers_the_steps(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = call(capsys, "doctor")
    lines = out.splitlines()
    assert [line for line in lines if line and not line.startswith(" ")] == [
        "This computer",
        "Phone",
        "Profile",
        "Host",
        "Backups",
        "What you can do now, best first",
    ]
    assert "  ok       host kernel    hardboot support: page 0x44000000" in lines
    at = lines.index("  not      backups        none of this phone on this computer")
    assert lines[at + 1] == "                          hardboot backup"
    assert lines[-2:] == [
        "  3. Back up the boot partition; nothing is written to the phone:",
        "     hardboot backup",
    ]


def test_a_serial_that_was_given_is_in_every_command(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    _, steps = look(capsys, "--serial", "HBSCRIPT")
    assert steps[0] == "hardboot boot IMAGE --serial HBSCRIPT"
    scripted.root = None
    _, steps = look(capsys, "--serial", "HBSCRIPT")
    assert steps[0] == "adb -s HBSCRIPT reboot bootloader; fastboot -s HBSCRIPT getvar unlocked"


def test_status_ends_with_the_next_step(scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = call(capsys, "status")
    step = "Boot an image from RAM; a restart brings the phone's own system back"
    assert out.splitlines()[-1] == f"  next         {step}: {BOOT}"
    document = json.loads(call(capsys, "--json", "status")[0])
    assert document["next_step"] == {"what": step, "command": BOOT}
    scripted.start(STOCK)
    assert call(capsys, "status")[0].splitlines()[-1].endswith(f": {BOOT} --via soft")
