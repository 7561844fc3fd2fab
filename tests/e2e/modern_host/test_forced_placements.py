"""What the planner refuses on arm64 really fails, and what it changes in a tree is needed."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from forced_boots import STARTED, UP, Bench, forced_boots
from phones import VirtualPhone

from hardboot import devicetree
from hardboot.base.errors import DeviceError
from hardboot.base.memory import Range
from hardboot.flows import load
from hardboot.flows.journal import Journal
from hardboot.formats.trees.fdt import Fdt, Node

pytestmark = pytest.mark.e2e

CMDLINE = "bootconfig console=ttyAMA0,115200 panic=0"
KERNEL = 0x50000000
MEMORY = r"Memory: \d+K/(\d+)K available"
BROKEN_RAMDISK = "Initramfs unpacking failed"


def _bench(virtual: VirtualPhone) -> AbstractContextManager[Bench]:
    return forced_boots(virtual, CMDLINE, {"kernel": KERNEL, "initrd": 0x54000000, "dtb": 0x53000000})


@pytest.fixture
def bench(modern_host_phone: VirtualPhone) -> Iterator[Bench]:
    with _bench(modern_host_phone) as found:
        yield found
    modern_host_phone.restart()


def test_an_image_with_text_offset_0_that_is_not_on_2_mib_says_that_its_place_is_wrong(
    bench: Bench, modern_rom: Path
) -> None:
    # 0x80000 above 2 MiB is where kernels before Linux 5.8 lie, whose header says so.
    prepared, broken = bench.forced(modern_rom, kernel=KERNEL + 0x80000)
    assert broken == {"image-place"}
    said = bench.execute(prepared, UP, 60)
    assert "Kernel image misaligned at boot" in said


def test_a_ramdisk_in_the_bss_of_the_image_is_lost(bench: Bench, modern_rom: Path) -> None:
    image = bench.forced(modern_rom)[0].plan.segment("Image")
    assert image
    prepared, broken = bench.forced(modern_rom, initrd=image.range.end)
    assert broken == {"kernel-room"}
    assert BROKEN_RAMDISK in bench.execute(prepared, BROKEN_RAMDISK, 60)


def test_a_tree_larger_than_2_mib_hangs_without_a_word(bench: Bench, modern_rom: Path) -> None:
    def large(live: Fdt) -> Fdt:
        tree = devicetree.for_guest(live, live=None, kaslr_seed=None)
        tree.root.children.append(Node("large", {"data": bytes(2 << 20)}))
        return tree

    prepared, broken = bench.forced(modern_rom, change=large)
    assert broken == {"dtb-size"}
    assert STARTED not in bench.execute(prepared, STARTED, 4)


def test_the_memory_range_of_a_panic_kernel_would_be_all_that_a_guest_gets(
    bench: Bench, modern_rom: Path
) -> None:
    def after_a_crash(live: Fdt) -> Fdt:
        memory = Range(KERNEL, KERNEL + (256 << 20))
        return devicetree.for_panic_kernel(
            live, elf_header=Range(memory.end - 4096, memory.end), memory=memory
        )

    prepared, broken = bench.forced(modern_rom, change=after_a_crash)
    assert broken == set()
    said = bench.execute(prepared, "K available", 60)
    assert re.findall(MEMORY, said) == [str(256 << 10)]  # of 1 GiB


START_LARGE = """
from dataclasses import replace
from hardboot.virtual import machine, model

known = model.VIRT_ARM64
options = tuple("5G" if word == "1G" else word for word in known.machine)
model.MODELS[known.name] = replace(known, machine=options)
machine.start(known.name)
"""


@pytest.fixture
def large_phone(modern_host_phone: VirtualPhone) -> Iterator[VirtualPhone]:
    """Yield the phone with 5 GiB of RAM."""
    phone = modern_host_phone
    phone("virtual", "stop", "--name", phone.name)
    environment = {**os.environ, **phone.hardboot.environment}
    subprocess.run([sys.executable, "-c", START_LARGE], check=True, timeout=120, env=environment)
    yield phone
    phone.restart()


def test_a_guest_starts_wholly_above_4_gib(large_phone: VirtualPhone, modern_rom: Path) -> None:
    with _bench(large_phone) as bench:
        prepared, broken = bench.forced(
            modern_rom, kernel=0x1_2000_0000, initrd=0x1_3000_0000, dtb=0x1_4000_0000
        )
        assert broken == set()
        said = bench.execute(prepared, UP, 60)
    assert UP in said
    assert BROKEN_RAMDISK not in said
    (memory,) = re.findall(MEMORY, said)
    assert int(memory) == 5 << 20


def test_a_segment_over_the_hardboot_page_is_refused_by_the_kernel(
    modern_host_phone: VirtualPhone, modern_rom: Path
) -> None:
    with _bench(modern_host_phone) as bench:
        page = bench.phone.profile.page.start
        prepared, broken = bench.forced(modern_rom, initrd=page - 0x1000)
        assert "outside-page" in broken
        with pytest.raises(DeviceError, match="EADDRNOTAVAIL"):
            load.load(bench.phone, prepared, Journal("virt-arm64", "x", host=bench.phone.kernel()))
    assert modern_host_phone.kernel["kexec_loaded"] is False
