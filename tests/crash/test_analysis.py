"""Dumps on this computer: what is told of the kernel that crashed."""

from pathlib import Path

import pytest
from core_builders import (
    PHYS,
    SIZE,
    prstatus,
    with_ring,
)
from in_process import hardboot

from hardboot.base.errors import InputError
from hardboot.base.memory import Range
from hardboot.crash import analysis
from hardboot.formats.crashdump import elfcore


def test_the_registers_of_each_cpu_are_read_and_the_one_that_panicked_is_named(tmp_path: Path) -> None:
    dump = with_ring()
    dump.notes = [prstatus(0, 0xC0101234), prstatus(274, 0xC0084868)]
    dump.info["CRASHTIME"] = "1795428433"
    path = tmp_path / "dump"
    path.write_bytes(dump.build())
    found = analysis.read(path)
    assert [(cpu.index, cpu.pid, cpu.registers["pc"]) for cpu in found.cpus] == [
        (0, 0, 0xC0101234),
        (1, 274, 0xC0084868),
    ]
    assert found.cpus[0].registers["r0"] == 0x100
    assert found.cpus[0].registers["cpsr"] == 0x60000093
    assert found.panic is not None
    assert found.panic.text == "Kernel panic - not syncing: sysrq triggered crash"
    assert (found.panic.process, found.panic.cpu) == ((274, "sh"), 1)
    assert (found.arch, found.release, found.time) == ("arm", "6.1.176", 1795428433)
    assert found.ram == (Range.sized(PHYS, SIZE),)


@pytest.mark.parametrize("seconds", ["999999999999999", "137438953472", "-1", "now", ""])
def test_a_time_that_is_none_is_not_told(tmp_path: Path, seconds: str) -> None:
    dump = with_ring()
    dump.info["CRASHTIME"] = seconds
    (tmp_path / "dump").write_bytes(dump.build())
    done = hardboot("crash", "show", tmp_path / "dump")
    assert done.returncode == 0, done.stderr
    assert "crashed" not in done.stdout


def test_a_cpu_is_not_called_the_one_that_panicked_without_proof(tmp_path: Path) -> None:
    dump = with_ring()
    dump.notes = [prstatus(9, 0), prstatus(9, 0)]
    (tmp_path / "dump").write_bytes(dump.build())
    panic = analysis.read(tmp_path / "dump").panic
    assert panic
    assert panic.cpu is None


def test_memory_in_adjacent_pieces_is_one_range(tmp_path: Path) -> None:
    """As a dump has it, whose gaps are program headers of their own."""
    data = with_ring().build()
    half, (core,) = SIZE // 2, elfcore.parse(data).loads
    pieces = [(core.offset, PHYS, half), (core.offset + half, PHYS + half, half - 4096)]
    loads = [elfcore.Load(paddr, None, at, size, size) for at, paddr, size in pieces]
    head = elfcore.build_headers(32, 40, loads, [])
    path = tmp_path / "dump"
    path.write_bytes(head + data[len(head) :])
    assert analysis.read(path).ram == (Range.sized(PHYS, SIZE - 4096),)


def test_an_empty_or_other_file_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"\x7fELF", b"text" * 100):
        (tmp_path / "dump").write_bytes(content)
        with pytest.raises(InputError):
            analysis.read(tmp_path / "dump")
