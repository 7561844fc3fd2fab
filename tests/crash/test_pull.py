"""A dump pulled through the virtual phone's adbd and the agent: compressed if free pages are in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from adbds import VirtualAdbd
from core_builders import VIRT, with_ring

from hardboot import profile
from hardboot.base.errors import DeviceError
from hardboot.base.memory import Range
from hardboot.crash import pull
from hardboot.device.connection import open_transport
from hardboot.device.phone import Phone
from hardboot.formats.crashdump import elfcore
from hardboot.transport.base import Output


class Counting(Phone):
    """Notes what is pulled and how large it is; it may have no gzip, and its cable may be bad."""

    has_gzip = True
    damaged = "nothing"

    def root(self, command: str, *, timeout_s: float = 30) -> Output:
        if not self.has_gzip and command.startswith("gzip"):
            return Output("sh: gzip: not found", 127)
        return super().root(command, timeout_s=timeout_s)

    def count(self) -> dict[str, int]:
        pulled: dict[str, int] = {}
        really = self.transport.pull

        def pulled_file(remote: str, local: Path, **options: object) -> None:
            really(remote, local, **options)  # type: ignore[arg-type]  # passed on
            data = local.read_bytes()
            pulled[remote] = pulled.get(remote, 0) + len(data)
            if remote.endswith(self.damaged):
                local.write_bytes(b"noise")

        self.transport.pull = pulled_file  # type: ignore[method-assign,assignment]
        return pulled


@pytest.fixture
def phone(
    tmp_path: Path,
    virtual_adbd: VirtualAdbd,
    host_agent: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Counting]:
    """Yield a panic kernel's phone: what its adbd runs is this computer's."""
    source = with_ring()
    for number in range(100, 180):
        source.put(VIRT + number * 4096, b"says the same again and again\n" * 130)
    (tmp_path / "vmcore").write_bytes(source.build())
    monkeypatch.setattr(pull, "DUMP", str(tmp_path / "vmcore"))
    monkeypatch.setattr(pull, "STAGING", str(tmp_path / "staging"))
    monkeypatch.setattr("hardboot.device.staging.STAGING", str(tmp_path / "staging"))
    monkeypatch.setattr("hardboot.device.host.AGENT", str(host_agent))
    monkeypatch.setattr("hardboot.device.host.ask", lambda *_: None)
    monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=0")
    with virtual_adbd.start() as daemon:
        transport = open_transport(daemon.serial)
        transport.wait(timeout_s=20)
        yield Counting(transport, profile.load("virt-arm"), "S", _root_shell="sh -c {}")
        transport.close()


def memory(path: Path) -> bytes:
    core = elfcore.parse(path.read_bytes())
    return core.memory(VIRT, sum(load.memsz for load in core.loads))


def test_what_cannot_be_filtered_is_compressed_on_the_way(phone: Counting, tmp_path: Path) -> None:
    pulled = phone.count()
    found = pull.pull(phone, tmp_path / "dump")
    assert found.free is None
    assert memory(tmp_path / "dump") == memory(tmp_path / "vmcore")
    packed = pulled[str(tmp_path / "staging/chunk.gz")]
    assert packed < found.size // 10
    assert not (tmp_path / "staging").exists()


def test_what_is_filtered_comes_as_it_is(
    phone: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = (Range.sized(0x40000000 + 150 * 4096, 20 * 4096),)
    monkeypatch.setattr("hardboot.formats.crashdump.freepages.find", lambda *_: free)
    pulled = phone.count()
    found = pull.pull(phone, tmp_path / "dump")
    assert found.free == 20 * 4096
    assert list(pulled) == [str(tmp_path / "staging/chunk")]
    start = 150 * 4096
    left_out = memory(tmp_path / "dump")
    assert left_out[start : start + found.free] == bytes(found.free)
    assert left_out[:start] == memory(tmp_path / "vmcore")[:start]


def test_a_phone_without_gzip_sends_it_as_it_is(phone: Counting, tmp_path: Path) -> None:
    phone.has_gzip = False
    pulled = phone.count()
    pull.pull(phone, tmp_path / "dump")
    assert list(pulled) == [str(tmp_path / "staging/chunk")]
    assert memory(tmp_path / "dump") == memory(tmp_path / "vmcore")


@pytest.mark.parametrize("part", ["chunk", "chunk.gz"])
def test_a_part_that_arrives_damaged_is_an_error(phone: Counting, tmp_path: Path, part: str) -> None:
    phone.damaged = f"/{part}"
    phone.count()
    with pytest.raises(DeviceError, match="a part of the dump arrived damaged"):
        pull.pull(phone, tmp_path / "dump")
    assert not (tmp_path / "dump").exists()
