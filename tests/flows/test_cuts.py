"""The connection is lost at every packet of a write and of its end, in each direction: nothing is lost."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import scripted_setup as setup
from cuts import KINDS, Cut, CutTransport, Killed, Kind
from flashed_roms import FlashedRoms
from flashing import flashed
from scripted_phone import HOST, ScriptedPhone, flip
from scripted_phone.files import BlockDevice

from hardboot.base.errors import HardbootError
from hardboot.base.files import private_copy
from hardboot.device.phone import Phone
from hardboot.flows import home, transaction, transaction_record, unsettled
from hardboot.flows.journal import Journal
from hardboot.flows.rom_source import RomFiles
from hardboot.flows.transaction import NewBytes
from hardboot.flows.ways import flash as flash_way
from hardboot.flows.ways.way import Request

NAMES = ("boot", "recovery", "misc")
MESSAGE = NewBytes("misc", 0, b"boot-recovery".ljust(32, b"\0"), "the message to the bootloader")
IMAGE = flip(2200)(setup.STOCK_IMAGE) + bytes(range(256)) * 16
SAYS_OLD = ("Nothing was written", "held before, read back")
Do = Callable[[Phone, Path], object]
Content = dict[str, bytes]


def flash(phone: Phone, image: Path) -> None:
    flashed(phone, image)


def change(phone: Phone, image: Path) -> None:
    with private_copy(image, limit=1 << 20) as copy:
        images = {"recovery": copy, "boot": copy}
        transaction.write(phone, "recovery", images, put_back=True, also=[MESSAGE], wait_s=5)


def changed_and_put_back(phone: Phone, image: Path) -> None:
    change(phone, image)
    unsettled.put_back(phone)


def booted_and_home(phone: Phone, image: Path) -> None:
    rom = setup.rom_image(image.parent)
    ready = flash_way.way.prepare(phone, Request(RomFiles(rom).read()), Journal("virt-arm", "HBSCRIPT"))
    ready.start(phone, Journal("virt-arm", "HBSCRIPT"), wait_s=60, quiesce=False)
    home.go(phone, wait_s=60)


def content(phone: ScriptedPhone) -> Content:
    found = {}
    for name in NAMES:
        node = phone.files.find(f"/dev/block/by-name/{name}")
        assert node is not None
        found[name] = bytes(getattr(node, "flash", b""))
    return found


@dataclass
class Bench:
    """Makes a phone for each cut, with the same content."""

    monkeypatch: pytest.MonkeyPatch
    folder: Path
    runs: int = 0

    def run(self, do: Do, cut: Cut) -> tuple[ScriptedPhone, Content, HardbootError | None]:
        """Do it on a new phone, and lose the connection at `cut`; return phone, first content and error."""
        scripted = setup.phone_with_disk()
        scripted.partition("misc", bytes(range(256)) * 16)
        FlashedRoms(scripted, scripted.boot, HOST)
        self.runs += 1
        self.monkeypatch.undo()  # hardboot lived on the clock of the phone before
        # Here no power is lost, and nothing is left over.
        self.monkeypatch.setattr("os.fsync", lambda _file: None)
        self.monkeypatch.setattr("hardboot.base.temporary._remove_left_over", lambda _folder: None)
        setup.install(scripted, self.monkeypatch, self.folder / f"{self.runs}")
        phone = setup.connected(scripted)
        before = content(scripted)
        image = self.folder / "new.img"
        image.write_bytes(IMAGE)
        phone.transport = CutTransport(scripted, cut)
        error = None
        try:
            do(phone, image)
        except HardbootError as caught:
            error = caught
        except Killed:
            pass
        return scripted, before, error


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    return Bench(monkeypatch, tmp_path)


def new_content(before: Content) -> Content:
    wanted = dict(before)
    for name in ("boot", "recovery"):
        wanted[name] = IMAGE + before[name][len(IMAGE) :]
    wanted["misc"] = MESSAGE.data + before["misc"][len(MESSAGE.data) :]
    return wanted


def judge(error: HardbootError | None, held: Content, before: Content, at: str) -> None:
    """Check that what an error says is true."""
    if error is None:
        return
    new = new_content(before)
    if any(text in error.state for text in SAYS_OLD) and "new content is in" not in error.state:
        assert held == before, (at, error.state)
    if error.state.startswith("Everything was written"):
        assert all(held[name] in (before[name], new[name]) for name in NAMES), (at, error.state)
        assert held != before, (at, error.state)
    if "is not put back yet" in error.state:
        back = {name for name in NAMES if name in error.state.rpartition(";")[0]}
        assert all(held[name] == before[name] for name in back), (at, error.state)
    if error.state.startswith("Everything was put back"):
        assert held == before, (at, error.state)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("do", [flash, changed_and_put_back], ids=lambda do: do.__name__)
def test_a_cut_at_any_packet_is_told_truly_and_ended_by_the_next_command(
    bench: Bench, do: Do, kind: Kind, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    undisturbed = Cut()
    bench.run(do, undisturbed)
    assert undisturbed.seen > 20
    left: set[tuple[str, str]] = set()
    for number in range(0, undisturbed.seen, 3 if kind == "killed" else 1):
        cut = Cut(number, kind)
        scripted, before, error = bench.run(do, cut)
        assert cut.is_lost
        scripted.clock.sleep(30)  # what runs on the phone runs on
        held, at = content(scripted), f"{kind} {number}"
        judge(error, held, before, at)
        if number % 2:  # another computer goes on
            monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / f"another-{number}-{kind}"))
        phone = setup.connected(scripted)
        known = transaction_record.find(phone)
        assert known is not None or held in (before, {**before, "boot": new_content(before)["boot"]}), at
        if known:
            left.update((known.way, one.holds) for one in unsettled.look(phone, known))
        unsettled.put_back(phone)
        after = content(scripted)
        if known and known.put_back:
            assert after == before, at
        else:
            assert after in (before, {**before, "boot": new_content(before)["boot"]}), at
        assert transaction_record.find(phone) is None, at
        assert unsettled.put_back(phone) == [], at
    assert len(left) >= 2


def test_a_cut_at_any_packet_of_a_flashed_boot_and_of_home_is_ended_by_home(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    undisturbed = Cut()
    bench.run(booted_and_home, undisturbed)
    ran = set()
    for number in range(undisturbed.seen):
        at = f"{number}"
        scripted, before, error = bench.run(booted_and_home, Cut(number, KINDS[number % 2]))
        assert error is not None
        scripted.clock.sleep(200)  # it may be restarting
        assert scripted.running
        ran.add(scripted.running.kernel.release)
        if any(text in error.state for text in SAYS_OLD):
            assert content(scripted) == before, (at, error.state)
        if error.state.startswith("The ROM is flashed") or "holds the ROM" in error.state:
            assert content(scripted) != before, (at, error.state)
        if number % 3:
            monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / f"another-{number}"))
        phone = setup.connected(scripted)
        home.go(phone, wait_s=60)
        assert scripted.running.kernel == HOST, at
        assert content(scripted) == before, at
        again = home.go(phone, wait_s=60)
        assert (again.restarted, again.change, again.touched) == (False, None, []), at
    assert ran == {HOST.release, "6.6.0-rom"}


@pytest.mark.parametrize(
    ("do", "writes"), [(flash, [4096]), (changed_and_put_back, [4096, 4096, 12, 12, 4096, 4096])]
)
def test_a_power_cut_in_the_middle_of_any_write_is_ended_by_the_next_command(
    bench: Bench, do: Do, writes: list[int]
) -> None:
    for nth, most in enumerate(writes, 1):
        scripted, before, error = bench.run(_with_power_cut(do, nth, most), Cut())
        assert error is not None
        scripted.start(HOST)  # as from a recovery
        scripted.clock.sleep(60)
        scripted.faults.clear()
        judge(error, content(scripted), before, str(nth))
        phone = setup.connected(scripted)
        known = transaction_record.find(phone)
        assert known is not None
        assert "neither" in [one.holds for one in unsettled.look(phone, known)]
        unsettled.put_back(phone)
        assert content(scripted) == before
        assert transaction_record.find(phone) is None
    assert bench.run(_with_power_cut(do, len(writes) + 1, 0), Cut())[2] is None


def _with_power_cut(do: Do, nth: int, most: int) -> Do:
    """Return what does the same, and loses power when `most` bytes of the nth write are in the flash."""

    def disturbed(phone: Phone, image: Path) -> None:
        transport = phone.transport
        assert isinstance(transport, CutTransport)
        scripted = transport.phone

        def cut() -> None:
            for name in NAMES:
                node = scripted.files.find(f"/dev/block/by-name/{name}")
                assert isinstance(node, BlockDevice)
                node.flush()
            scripted.cut_power()

        scripted.fault("dd *conv=notrunc,fsync", nth=nth, most=most, after=cut)
        do(phone, image)

    return disturbed
