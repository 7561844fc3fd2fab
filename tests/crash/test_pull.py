"""A dump pulled through the virtual phone's adbd and the agent: compressed if free pages are in it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from adbds import VirtualAdbd
from core_builders import VIRT, with_ring

from hardboot import profile
from hardboot.base.errors import DeviceError
from hardboot.base.memory import Range
from hardboot.crash import pull
from hardboot.device.phone import Phone
from hardboot.formats.crashdump import elfcore
from hardboot.transport.base import SHELL, Output, Progress
from hardboot.transport.direct import AdbTcp


class CountingTransport(AdbTcp):
    """Passes everything on and counts the bytes pulled; it may damage files, and hide the phone's gzip."""

    has_gzip = True
    damaged = "nothing"

    def __init__(self, port: int) -> None:
        super().__init__("127.0.0.1", port)
        self.pulled: dict[str, int] = {}

    def shells(self, commands: Sequence[tuple[str, float]], *, template: str = SHELL) -> Iterator[Output]:
        if not self.has_gzip:
            commands = [
                (command.replace("gzip -", "missing-gzip -"), limit_s) for command, limit_s in commands
            ]
        return super().shells(commands, template=template)

    def pull(self, remote: str, target: Path, *, progress: Progress) -> None:
        super().pull(remote, target, progress=progress)
        self.pulled[remote] = self.pulled.get(remote, 0) + target.stat().st_size
        if remote.endswith(self.damaged):
            target.write_bytes(b"noise")


@pytest.fixture
def transport(virtual_adbd: VirtualAdbd, monkeypatch: pytest.MonkeyPatch) -> Iterator[CountingTransport]:
    monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=0")  # of the agent that its adbd runs
    with virtual_adbd.start() as daemon:
        transport = CountingTransport(daemon.port)
        transport.wait(timeout_s=20)
        yield transport
        transport.close()


@pytest.fixture
def phone(
    transport: CountingTransport, tmp_path: Path, host_agent: Path, monkeypatch: pytest.MonkeyPatch
) -> Phone:
    """Return a panic kernel's phone: what its adbd runs is this computer's."""
    source = with_ring()
    for number in range(100, 180):
        source.put(VIRT + number * 4096, b"says the same again and again\n" * 130)
    (tmp_path / "vmcore").write_bytes(source.build())
    monkeypatch.setattr(pull, "DUMP", str(tmp_path / "vmcore"))
    monkeypatch.setattr(pull, "STAGING", str(tmp_path / "staging"))
    for module in ("staging", "copies"):
        monkeypatch.setattr(f"hardboot.device.{module}.STAGING", str(tmp_path / "staging"))
    monkeypatch.setattr("hardboot.device.host.AGENT", str(host_agent))
    monkeypatch.setattr("hardboot.device.host.ask", lambda *_: None)
    return Phone(transport, profile.load("virt-arm"), "S", _root_shell="sh -c {}")


def memory(path: Path) -> bytes:
    core = elfcore.parse(path.read_bytes())
    return core.memory(VIRT, sum(load.memsz for load in core.loads))


def test_what_cannot_be_filtered_is_compressed_on_the_way(
    phone: Phone, transport: CountingTransport, tmp_path: Path
) -> None:
    found = pull.pull(phone, tmp_path / "dump")
    assert found.free is None
    assert memory(tmp_path / "dump") == memory(tmp_path / "vmcore")
    packed = transport.pulled[str(tmp_path / "staging/chunk.gz")]
    assert packed < found.size // 10
    assert not (tmp_path / "staging").exists()


def test_what_is_filtered_comes_as_it_is(
    phone: Phone, transport: CountingTransport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = (Range.sized(0x40000000 + 150 * 4096, 20 * 4096),)
    monkeypatch.setattr("hardboot.formats.crashdump.freepages.find", lambda *_: free)
    found = pull.pull(phone, tmp_path / "dump")
    assert found.free == 20 * 4096
    assert list(transport.pulled) == [str(tmp_path / "staging/chunk")]
    start = 150 * 4096
    left_out = memory(tmp_path / "dump")
    assert left_out[start : start + found.free] == bytes(found.free)
    assert left_out[:start] == memory(tmp_path / "vmcore")[:start]


def test_a_phone_without_gzip_sends_it_as_it_is(
    phone: Phone, transport: CountingTransport, tmp_path: Path
) -> None:
    transport.has_gzip = False
    pull.pull(phone, tmp_path / "dump")
    assert list(transport.pulled) == [str(tmp_path / "staging/chunk")]
    assert memory(tmp_path / "dump") == memory(tmp_path / "vmcore")


@pytest.mark.parametrize("part", ["chunk", "chunk.gz"])
def test_a_part_that_arrives_damaged_is_an_error(
    phone: Phone, transport: CountingTransport, tmp_path: Path, part: str
) -> None:
    transport.damaged = f"/{part}"
    with pytest.raises(DeviceError, match="a part of the dump arrived damaged"):
        pull.pull(phone, tmp_path / "dump")
    assert not (tmp_path / "dump").exists()
