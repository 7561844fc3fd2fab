"""The registers that the CPUs of a crashed kernel left."""

import struct

import pytest
from core_builders import Dump, prstatus

from hardboot.formats.crashdump import elfcore, registers
from hardboot.formats.crashdump.elfcore import Core
from hardboot.formats.crashdump.registers import Cpu


def cpus(dump: Dump) -> tuple[Cpu, ...]:
    return registers.cpus(elfcore.parse(dump.build()))


def test_the_registers_of_arm_are_read_in_the_order_of_struct_pt_regs() -> None:
    (cpu,) = cpus(Dump(notes=[prstatus(-2, 0xC0084868)]))
    names = [*(f"r{number}" for number in range(11)), "fp", "ip", "sp", "lr"]
    values = dict(zip(names, range(0x100, 0x10F), strict=True))
    last = {"pc": 0xC0084868, "cpsr": 0x60000093, "orig_r0": 0xFFFFFFFF}
    assert cpu == Cpu(0, -2, values | last)


def test_the_registers_of_arm64_are_read() -> None:
    numbers = list(range(1, 35))
    data = bytes(32) + struct.pack("<i", 77) + bytes(76) + struct.pack("<34Q", *numbers) + bytes(8)
    dump = Dump(notes=[(b"CORE", 1, data)], machine=183)
    (cpu,) = cpus(dump)
    assert cpu.pid == 77
    assert list(cpu.registers.values()) == numbers
    assert list(cpu.registers)[:1] + list(cpu.registers)[30:] == ["x0", "x30", "sp", "pc", "pstate"]


@pytest.mark.parametrize("size", [143, 144])
def test_a_short_register_note_is_left_out(size: int) -> None:
    notes = [(b"CORE", 1, bytes(size)), prstatus(5, 0)]
    found = cpus(Dump(notes=notes))
    assert [(cpu.index, cpu.pid) for cpu in found] == ([(0, 5)] if size < 144 else [(0, 0), (1, 5)])


def test_other_notes_and_machines_have_no_registers() -> None:
    name, kind, data = prstatus(1, 2)
    assert cpus(Dump(notes=[(b"LINUX", kind, data), (name, 2, data)])) == ()
    assert cpus(Dump(notes=[(name, kind, data)], machine=62)) == ()
    assert registers.cpus(Core(32, 62, (), b"", lambda offset, size: b"")) == ()
