"""Which way --via auto takes, in a table of phone states, and why it does not take the others."""

import json
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
import scripted_setup as setup
import slotted
from fake_fastboot import FakeFastboot
from in_process import hardboot
from recovering import RECOVERY_IMAGE
from scripted_phone import STOCK, Kernel, ScriptedPhone

from hardboot import profile
from hardboot.profile.schema import CommandLineQuirks, FastbootBoot, Partition

NO_HOST = "the running kernel 5.10.0-stock has no hardboot support"
NO_ROM_HOST = "the running kernel 6.6.0-rom has no hardboot support"
LOCKED = "the bootloader is locked: it boots no image by fastboot"
LOCKED_RECOVERY = "the bootloader is locked: it starts no recovery but its maker's"
LOCKED_SLOT = "the bootloader is locked: it starts no other images than its maker's"
UNTOLD = "the phone does not tell whether its bootloader is unlocked"
NO_CLIENT = "fastboot is not installed"
TITLE = "hardboot virtual phone (QEMU virt, 32-bit ARM)"
NO_RECOVERY = (
    f"{TITLE} has no recovery partition, as far as its profile knows: the recovery of such phones is in "
    "boot or vendor_boot"
)
NO_SLOTS = "the phone has no slots, as far as its profile knows"
BY_NAME = "would work, too; only by name: --via soft"
ROM = Kernel("6.6.0-rom", page=None, flag=None, takes=1)


def install_with_fastboot(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Connect a phone without a host kernel, whose unlocked bootloader starts images."""
    phone = setup.install(setup.phone_with_disk(host=False), monkeypatch, folder / "state")
    phone.properties["ro.boot.flash.locked"] = "0"
    phone.rom = ROM
    FakeFastboot.install(phone, monkeypatch, folder / "client")


def comes(first: str) -> str:
    return f"would work, too; {first} comes first"


@dataclass(frozen=True)
class State:
    """A phone: its own kernel is a host, its lock, what it has; the client; the ROM that runs.

    Attributes:
        presence: Whether its profile names a file that only a host kernel has; most profiles name none.
    """

    host: bool = False
    presence: bool = True
    locked: str | None = "0"
    client: bool = True
    recovery: bool = True
    slots: bool = True
    rom: Kernel | None = None

    def install(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> ScriptedPhone:
        """Let hardboot find such a phone."""
        found = slotted.install(monkeypatch, folder / "state", host=self.host)
        phone, boot = (
            found.phone,
            Partition(path="/dev/block/by-name/boot", size=setup.SIZE, slots=self.slots),
        )
        known = setup.small_profile()
        partitions = {"boot": boot}
        if self.recovery:
            partitions["recovery"] = known.partitions["recovery"]
            phone.partition("recovery", RECOVERY_IMAGE, size=setup.SIZE)
        if not self.slots:
            phone.partition("boot", setup.HOST_IMAGE if self.host else setup.STOCK_IMAGE, size=setup.SIZE)
        mine = msgspec.structs.replace(
            known, partitions=partitions, presence=known.presence if self.presence else None
        )
        match = profile.match
        monkeypatch.setattr(profile, "match", lambda name: mine if name == "virt-arm" else match(name))
        del phone.properties["ro.boot.flash.locked"]
        if self.locked is not None:
            phone.properties["ro.boot.flash.locked"] = self.locked
        if self.rom:
            phone.start(self.rom, cmdline="androidboot.hardboot=01234567")
            phone.clock.sleep(60)
        if self.client:
            FakeFastboot.install(phone, monkeypatch, folder / "client")
        else:
            monkeypatch.setenv("PATH", str(folder))
        phone.events.clear()
        return phone


@pytest.mark.parametrize(
    ("state", "way", "others"),
    [
        (
            State(host=True),
            "hardboot",
            [comes("hardboot"), comes("hardboot"), comes("hardboot")],
        ),
        (State(host=True, locked="1"), "hardboot", [LOCKED, LOCKED_RECOVERY, LOCKED_SLOT]),
        (State(host=True, locked=None), "hardboot", [UNTOLD, UNTOLD, UNTOLD]),
        (
            State(host=True, client=False, recovery=False, slots=False),
            "hardboot",
            [NO_CLIENT, NO_RECOVERY, NO_SLOTS],
        ),
        (State(), "fastboot", [NO_HOST, comes("fastboot"), comes("fastboot")]),
        (State(presence=False), "fastboot", [NO_HOST, comes("fastboot"), comes("fastboot")]),
        (
            State(host=True, presence=False),
            "hardboot",
            [comes("hardboot"), comes("hardboot"), comes("hardboot")],
        ),
        (State(recovery=False, slots=False), "fastboot", [NO_HOST, NO_RECOVERY, NO_SLOTS]),
        (State(client=False), "recovery", [NO_HOST, NO_CLIENT, comes("recovery")]),
        (State(client=False, slots=False), "recovery", [NO_HOST, NO_CLIENT, NO_SLOTS]),
        (State(client=False, recovery=False), "slot", [NO_HOST, NO_CLIENT, NO_RECOVERY]),
        (State(client=False, recovery=False, slots=False), None, [NO_HOST, NO_CLIENT, NO_RECOVERY, NO_SLOTS]),
        (State(locked="1"), None, [NO_HOST, LOCKED, LOCKED_RECOVERY, LOCKED_SLOT]),
        (State(locked="1", client=False), None, [NO_HOST, LOCKED, LOCKED_RECOVERY, LOCKED_SLOT]),
        (State(locked="1", recovery=False, slots=False), None, [NO_HOST, LOCKED, NO_RECOVERY, NO_SLOTS]),
        (State(locked=None), None, [NO_HOST, UNTOLD, UNTOLD, UNTOLD]),
        (State(rom=ROM), None, [NO_ROM_HOST]),
        (State(host=True, rom=ROM), None, [NO_ROM_HOST]),
        (
            State(rom=Kernel("6.6.0-rom")),
            "hardboot",
            [comes("hardboot"), comes("hardboot"), comes("hardboot")],
        ),
    ],
)
def test_auto_takes_the_first_way_that_works_and_tells_why_not_the_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, state: State, way: str | None, others: list[str]
) -> None:
    image = setup.rom_image(tmp_path)
    phone = state.install(monkeypatch, tmp_path)
    done = hardboot("--json", "boot", image, "--dry-run")
    names = ["hardboot", "fastboot", "recovery", "slot"]
    if way is None:
        assert done.returncode == 4
        reasons = [others[0], *(f"{name}: {why}" for name, why in zip(names[1:], others[1:], strict=False))]
        assert done.stderr.splitlines()[-3] == f"hardboot: {'; '.join(reasons)}"
    else:
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        names.remove(way)
        flash = LOCKED_SLOT if state.locked == "1" else "would work, too; only by name: --via flash"
        expected = {**dict(zip(names, others, strict=True)), "soft": BY_NAME, "flash": flash}
        assert (document["via"], document["other_ways"]) == (way, expected)
        text = hardboot("boot", image, "--dry-run").stdout
        assert [line for line in text.splitlines() if line.startswith("  not ")] == [
            f"  not {name:<10}{reason}" for name, reason in expected.items()
        ]
    assert phone.happened("reboot*") == []


def test_auto_boots_by_fastboot_what_has_no_host_kernel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install_with_fastboot(monkeypatch, tmp_path)
    done = hardboot("--json", "boot", setup.rom_image(tmp_path))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["via"] == "fastboot"
    # A ROM runs: its own system comes first, as it may be a host.
    again = hardboot("boot", setup.rom_image(tmp_path))
    assert again.returncode == 4
    assert again.stderr.splitlines()[-3].endswith(": a ROM is running")
    home = hardboot("--json", "boot", setup.rom_image(tmp_path), "--from-rom")
    assert home.returncode == 0, home.stderr
    assert json.loads(home.stdout)["host"]["release"] == STOCK.release
    # Asked for by name it is left at once.
    assert (
        json.loads(hardboot("--json", "boot", setup.rom_image(tmp_path), "--via", "fastboot").stdout)["host"][
            "release"
        ]
        == "6.6.0-rom"
    )


def test_what_the_bootloader_places_is_booted_with_an_untested_profile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install_with_fastboot(monkeypatch, tmp_path)
    draft, match = msgspec.structs.replace(setup.small_profile(), status="untested"), profile.match
    monkeypatch.setattr(profile, "match", lambda name: draft if name == "virt-arm" else match(name))
    (first, *_) = json.loads(hardboot("--json", "doctor").stdout)["next_steps"]
    assert first["command"] == "hardboot boot IMAGE --via fastboot"
    done = hardboot("--json", "boot", setup.rom_image(tmp_path), "--via", "fastboot")
    assert done.returncode == 0, done.stderr
    refused = hardboot("boot", setup.rom_image(tmp_path), "--via", "hardboot")
    assert "has never been tested on" in refused.stderr.splitlines()[-3]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"fastboot": FastbootBoot(works=False)}, "fastboot boot does not work on"),
        ({"cmdline": CommandLineQuirks(ignored=True)}, "ignores the command line of images"),
    ],
)
def test_a_profile_may_rule_fastboot_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: dict[str, object], what: str
) -> None:
    phone = setup.install(setup.phone_with_disk(host=False), monkeypatch, tmp_path / "state")
    phone.properties["ro.boot.flash.locked"] = "0"
    FakeFastboot.install(phone, monkeypatch, tmp_path / "client")
    known = msgspec.structs.replace(setup.small_profile(), **change)
    monkeypatch.setattr(profile, "match", lambda _product: known)
    for via in ("auto", "fastboot"):
        done = hardboot("boot", setup.rom_image(tmp_path), "--via", via)
        assert done.returncode == 4
        assert what in done.stderr.splitlines()[-3]


def test_no_root_is_no_reason_to_take_another_way(scripted: ScriptedPhone, tmp_path: Path) -> None:
    scripted.root = None
    assert hardboot("boot", setup.rom_image(tmp_path)).returncode == 5


def test_soft_is_never_taken_by_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    phone = setup.install(setup.phone_with_disk(host=False), monkeypatch, tmp_path / "state")
    phone.rom = Kernel("6.6.0-rom")
    assert hardboot("boot", setup.rom_image(tmp_path)).returncode == 4
