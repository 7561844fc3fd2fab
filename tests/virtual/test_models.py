"""The two models of virtual phones: what their bootloaders are told, and which is meant by a name."""

import itertools
import re
from pathlib import Path

import pytest

from hardboot import profile
from hardboot.base.errors import InputError
from hardboot.virtual import bootloader, machine, model
from hardboot.virtual.model import MODELS, Model

each_model = pytest.mark.parametrize("kind", MODELS.values(), ids=list(MODELS))


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def environment(
    kind: Model, folder: Path, *, locked: bool = False, clear_ram: bool = False
) -> dict[str, str]:
    """Return the variables of the bootloader, as U-Boot reads them from its flash bank."""
    factory = folder / kind.factory
    for image in kind.factory_images(factory).values():
        image.parent.mkdir(exist_ok=True)
        image.write_bytes(image.name.encode())
    bank = folder / "bank"
    words = ["androidboot.adb_auth=1", "androidboot.other=2"]
    kind.write_environment(bank, factory, serialno="HBX", words=words, locked=locked, clear_ram=clear_ram)
    assert bank.stat().st_size == bootloader.FLASH_BANK_SIZE
    text = bank.read_bytes()[4 : bootloader.ENVIRONMENT_SIZE].partition(b"\0\0")[0]  # behind the CRC
    return dict(line.split("=", 1) for line in text.decode().split("\0"))


@each_model
def test_an_unlocked_bootloader_says_so(kind: Model, tmp_path: Path) -> None:
    found = environment(kind, tmp_path)
    words = found.get("words", "") + found.get("cmdline", "")
    assert found["unlocked"] == "yes"
    assert "androidboot.serialno=HBX" in words
    assert "androidboot.verifiedbootstate=orange" in words
    assert "androidboot.flash.locked=0" in words
    assert re.search(r"[ ;]androidboot\.adb_auth=1[ ;]androidboot\.other=2[\";]", words)


@each_model
def test_a_locked_bootloader_knows_what_the_phone_was_delivered_with(kind: Model, tmp_path: Path) -> None:
    found = environment(kind, tmp_path, locked=True)
    assert found["unlocked"] == "no"
    assert not [line for line in found.values() if "@" in line.replace("pl011@", "").replace("ramoops@", "")]
    assert len(re.findall(r"hash -v sha256 \S+ 0x[0-9a-f]+ [0-9a-f]{64}", found["verify"])) >= 2


@each_model
def test_a_bootloader_that_clears_ram_clears_all_but_its_own(kind: Model, tmp_path: Path) -> None:
    assert environment(kind, tmp_path)["clears"] == "no"
    found = environment(kind, tmp_path, clear_ram=True)
    assert found["clears"] == "yes"
    assert found["bootcmd"].startswith("virtio scan; run clear; ")
    # 64 MiB of zeros at 0x50000000, doubled from the first one; then copied over the rest.
    assert "mw.l 0x50000000 0 0x40000; for n in 1 2 4 8 10 20;" in found["clear"]
    cleared = [(0x50000000, 0x54000000)]
    blocks = re.search(
        r"for block in ([0-9a-f ]+); do cp\.b 0x50000000 0x\$\{block} 0x4000000", found["clear"]
    )
    assert blocks
    cleared += [(int(one, 16), int(one, 16) + 0x4000000) for one in blocks[1].split()]
    for to, size in re.findall(r"cp\.b 0x50000000 0x([0-9a-f]+) 0x([0-9a-f]+);", found["clear"]):
        cleared.append((int(to, 16), int(to, 16) + int(size, 16)))
    ends = [0x40200000, *(end for _, end in sorted(cleared))]
    assert [start for start, _ in sorted(cleared)] == ends[:-1]
    (own,) = (one for one in profile.load(kind.name).bootloader if one.name == "u-boot")
    assert ends[-1] <= own.start
    assert own.start - ends[-1] < 32 << 20


def test_partitions_begin_at_whole_mebibytes() -> None:
    for kind in MODELS.values():
        assert all(partition.size % (1 << 20) == 0 for partition in kind.table)
        places = [kind.table.place(partition.name) for partition in kind.table]
        assert places[0].offset == 1 << 20
        assert all(one.offset + one.size == two.offset for one, two in itertools.pairwise(places))


def test_a_phone_is_of_the_model_it_was_made_as(home: Path) -> None:
    assert machine.find_model("virt-arm64").name == "virt-arm64"
    assert machine.find_model("mine").name == "virt-arm"
    assert machine.find_model("mine", "virt-arm64").name == "virt-arm64"
    settings = machine.folder("mine") / "phone.json"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"port": 1, "device": "virt-arm64"}')
    assert machine.find_model("mine").name == "virt-arm64"
    assert machine.status("mine").fastboot == "udp:127.0.0.1:1"
    with pytest.raises(InputError, match="is a virt-arm64, not a virt-arm"):
        machine.find_model("mine", "virt-arm")


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(InputError, match="no virtual phone of the kind 'shamu'"):
        model.find("shamu")


def test_what_the_bootloader_said_before_it_waits_is_found() -> None:
    said = "Slot a\nYour device is corrupt.\nUsing virtio-net device\nListening for fastboot command on x"
    assert machine._last_words(said) == "Your device is corrupt."
    assert machine._last_words("Listening for fastboot command") == "it said nothing"
