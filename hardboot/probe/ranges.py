"""Measure which RAM is overwritten between a reset and the host kernel: fill it, reset, compare page by page.

Each round loads the phone's own system as a guest, a pattern into more RAM, and ram_check, which the host
kernel starts in place of the guest's kernel: before any kernel runs, it compares and notes the pages that
differ in the guest's device tree. A round is a hardboot like any other, and its guest shows the result.
"""

import re
import secrets
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

from hardboot import devicetree, layout
from hardboot.base import log
from hardboot.base.errors import DeviceError, RefusedError
from hardboot.base.memory import PAGE_SIZE, Range, subtract
from hardboot.base.sizes import align_down, align_up
from hardboot.device.phone import Phone
from hardboot.flows import execute, verdict
from hardboot.flows import load as loading
from hardboot.flows.journal import Journal
from hardboot.flows.load import Filling, PreparedRom
from hardboot.flows.restart import restart
from hardboot.flows.rom import Rom
from hardboot.flows.rom_source import NewTrees, RomSource
from hardboot.formats.containers import devicetrees
from hardboot.formats.trees import fdt
from hardboot.formats.trees.fdt import Fdt
from hardboot.layout import BootPlan, LiveMemory, Segment
from hardboot.payload import ram_check
from hardboot.probe.overwritten import Overwritten, joined

NAME = "range-probe"  # of the guest, as a ROM
_SEGMENTS = 16  # KEXEC_SEGMENT_MAX
_RESULT = f"/proc/device-tree/chosen/{ram_check.PROPERTY}"
_IOMEM, _MEMINFO = "cat /proc/iomem", "cat /proc/meminfo"
# kexec looks through all pages that it has taken whenever it gets one that is in the way of another: much
# more than this takes very long (Linux kernel/kexec_core.c, kimage_alloc_page).
_ROUND = 128 << 20  # bytes
_LEFT = 64 << 20  # bytes of memory that the running system keeps
_CRASH_KERNEL = "Crash kernel"


@dataclass(frozen=True)
class Round:
    """One round: a guest, and the RAM that is filled and compared.

    Attributes:
        journal: Of the guest.
    """

    journal: Journal
    prepared: PreparedRom
    ranges: tuple[Range, ...]
    placeholder: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes that are compared."""
        return sum(one.size for one in self.ranges)


class Measurement:
    """A measurement, round by round.

    Attributes:
        phone: The phone; it runs a host kernel.
        left: RAM that is still to be compared.
    """

    def __init__(self, phone: Phone, wanted: Sequence[Range] = ()) -> None:
        """Choose what is compared.

        Args:
            phone: The phone.
            wanted: Physical addresses; empty for all RAM.

        Raises:
            RefusedError: If its host kernel moves what is loaded, or nothing of `wanted` can be compared.
            DeviceError: If the phone does not answer.
        """
        self.phone = phone
        if phone.profile.host_abi != "direct":
            raise RefusedError(
                f"the host kernel of {phone.profile.title} moves what is loaded ({phone.profile.host_abi}): "
                "what it overwrites itself cannot be told from what the bootloader does",
                state="Nothing was restarted.",
                fix="Use a host kernel with hardboot's own series: hardboot patch apply TREE",
            )
        live, tree = layout.parse_iomem(phone.read(_IOMEM)), _tree(phone)
        self._banks = live.banks
        self._rom: Rom | None = None
        self.left = _whole_pages(subtract(_within(live.banks, wanted), _kept_free(phone, live, tree)))
        self._tested: list[Range] = []
        self._changed: list[Range] = []
        if not self.left:
            raise RefusedError(
                "nothing of these ranges can be compared: they are reserved, or no RAM",
                state="Nothing was restarted.",
                fix="Look at the phone's RAM: hardboot devices show " + phone.profile.name,
            )

    @property
    def result(self) -> Overwritten:
        """What is known by now."""
        return Overwritten(self._banks, tuple(joined(self._tested)), tuple(joined(self._changed)))

    def rounds(self) -> int:
        """Return about how many rounds are left."""
        return -(-sum(one.size for one in self.left) // _ROUND)

    def prepare(self, journal: Journal) -> Round | None:
        """Plan the next round; None if there is nothing left that can be compared.

        Raises:
            RefusedError: If the running kernel is no host, or the planner refuses.
            DeviceError: If the phone's own images cannot be read.
            InputError: If they are malformed.
        """
        budget = _budget(self.phone)
        placeholder = ram_check.placeholder(budget // PAGE_SIZE)
        trees = _trees(self.phone, placeholder)
        if self._rom is None:
            self._rom = loading.read_rom(self.phone, _source(trees), journal)
        prepared = loading.prepare(self.phone, replace(self._rom, trees=trees.trees), journal)
        plan = prepared.plan
        place = _place(plan, prepared.live)
        taken = [*(one.range for one in plan.segments), place]
        free = subtract(self.left, taken)
        ranges = _first(free, budget, _SEGMENTS - len(taken))
        if not ranges:
            return None
        seed = secrets.randbits(32)
        dtb = plan.segment("dtb")
        assert dtb is not None
        code = ram_check.build(
            self.phone.profile.arch,
            kernel=plan.entry,
            result=dtb.addr + ram_check.find_result(bytes(dtb.data), placeholder),
            seed=seed,
            ranges=ranges,
        )
        segments = (*plan.segments, Segment("ram-check", place.start, code, place.size))
        plan = replace(plan, segments=tuple(sorted(segments, key=lambda one: one.addr)), entry=place.start)
        filling = Filling(ram_check.pattern(seed), tuple((one, ram_check.skip(one.start)) for one in ranges))
        return Round(journal, replace(prepared, plan=plan, filling=filling), tuple(ranges), placeholder)

    def run(self, planned: Round, *, wait_s: float) -> None:
        """Do a round: load, reset, and read the result from the guest that comes up.

        Raises:
            DeviceError: If it does not come up, or shows no result.
            DeviceStateError: If the phone stays silent.
        """
        journal = planned.journal
        loading.load(self.phone, planned.prepared, journal)
        # What devices of the old kernel write after the pattern would be taken for the bootloader's.
        now = execute.start(self.phone, journal, wait_s=wait_s, unbind=True)
        assert journal.loaded is not None
        verdict.judge(journal.loaded, journal, now, wait_s=wait_s)
        shown = self.phone.pull_root_file(_RESULT) or b""
        self._changed += ram_check.parse(shown, planned.placeholder, planned.ranges)
        self._tested += planned.ranges
        self.left = subtract(self.left, planned.ranges)
        log.say(f"{sum(one.size for one in self._changed) // PAGE_SIZE} pages have changed so far")


def measure(
    measurement: Measurement,
    first: Round,
    *,
    wait_s: float,
    journal: Callable[[], Journal],
    recorded: Callable[[Journal], AbstractContextManager[None]],
) -> Overwritten:
    """Do all rounds, and return what they showed; the phone runs its own system then.

    Args:
        measurement: The measurement.
        first: The first round.
        wait_s: Seconds that each guest may take.
        journal: Makes a journal for each round.
        recorded: Keeps a record of what goes wrong in a round.
    """
    planned: Round | None = first
    number = 0
    while planned:
        number += 1
        title = f"Round {number} of about {number + measurement.rounds() - 1}"
        with log.step(title), recorded(planned.journal):
            measurement.run(planned, wait_s=wait_s)
        # The guest is no host, although it has the same kernel: its tree reserves the page.
        restart(measurement.phone, wait_s=wait_s)
        planned = measurement.prepare(journal()) if measurement.left else None
    return measurement.result


def _tree(phone: Phone) -> Fdt:
    tree = phone.device_tree()
    if tree is None:
        raise RefusedError(
            "the kernel of this phone has no device tree, in which the result is noted",
            state="Nothing was restarted.",
            fix="Fill RAM and compare it in another way: docs/profiles.md",
        )
    return tree


def _trees(phone: Phone, placeholder: bytes) -> NewTrees:
    """Return the running device tree with room for the result."""
    tree = _tree(phone)
    tree.ensure("/chosen").properties[ram_check.PROPERTY] = placeholder
    data = fdt.build(tree)
    found = devicetrees.find(data)
    assert found is not None
    return NewTrees(data, devicetree.candidates(found))


def _source(trees: NewTrees) -> RomSource:
    """Return the phone's own system with such a device tree."""
    return RomSource(
        base=None,
        path=Path(NAME),
        kernel=None,
        ramdisk=None,
        own_ramdisk=False,
        trees=trees,
        keeps_overlays=False,
        modules=False,
    )


def _kept_free(phone: Phone, live: LiveMemory, tree: Fdt) -> list[Range]:
    """Return what is not filled: the page, reserved memory, the memory of a panic kernel."""
    # Without what the bootloader reserved for the running kernel's own start.
    kept = devicetree.adapted_tree(tree, cmdline="", initrd=None, live=None, profile=phone.profile)
    crash = [one for one in live.reserved if one.name == _CRASH_KERNEL]
    return [phone.profile.page, *phone.profile.reserved, *devicetree.reserved_memory(kept), *crash]


def _within(banks: Sequence[Range], wanted: Sequence[Range]) -> list[Range]:
    """Return the parts of `banks` that are wanted."""
    return [
        Range(max(bank.start, one.start), min(bank.end, one.end))
        for bank in banks
        for one in wanted or banks
        if bank.overlaps(one)
    ]


def _whole_pages(ranges: Sequence[Range]) -> list[Range]:
    """Return the whole pages of ranges, sorted."""
    pages = ((align_up(one.start, PAGE_SIZE), align_down(one.end, PAGE_SIZE)) for one in ranges)
    return joined([Range(start, end) for start, end in pages if start < end])


def _budget(phone: Phone) -> int:
    """Return how many bytes can be filled in a round, whole pages.

    Raises:
        DeviceError: If the phone does not say how much memory is free.
        RefusedError: If too little is.
    """
    text = phone.read(_MEMINFO)
    found = re.search(r"^MemAvailable:\s+(\d{1,12}) kB$", text, re.MULTILINE) or re.search(
        r"^MemFree:\s+(\d{1,12}) kB$", text, re.MULTILINE
    )
    total = re.search(r"^MemTotal:\s+(\d{1,12}) kB$", text, re.MULTILINE)
    if found is None or total is None:
        raise DeviceError(
            "the phone does not say how much memory is free",
            state="Nothing was restarted.",
            fix="Look at it: adb shell cat /proc/meminfo",
        )
    # kexec takes no more than half of all memory (Linux kernel/kexec_core.c, sanity_check_segment_list).
    most = min((int(found[1]) << 10) - _LEFT, (int(total[1]) << 10) // 2 - _LEFT, _ROUND)
    if most < PAGE_SIZE:
        raise RefusedError(
            f"only {found[1]} KiB of memory are free on the phone",
            state="Nothing was restarted.",
            fix="End some apps and try again.",
        )
    return align_down(most, PAGE_SIZE)


def _place(plan: BootPlan, live: LiveMemory) -> Range:
    """Return the place of ram_check: where the guest's own segments could lie, in the largest free range."""
    taken = [*(one.range for one in plan.segments), *(one.range for one in plan.extents), *live.reserved]
    free = [one for one in subtract(live.banks, taken) if one.size >= ram_check.SIZE + PAGE_SIZE]
    if not free:
        raise RefusedError(
            "there is no room for the program that compares",
            state="Nothing was restarted.",
            fix="Look at the plan of a ROM: hardboot plan IMAGE",
        )
    largest = max(free, key=lambda one: one.size)
    return Range.sized(align_up(largest.start, PAGE_SIZE), ram_check.SIZE)


def _first(free: Sequence[Range], budget: int, most: int) -> list[Range]:
    """Return the first ranges of `free`, at most so many of them and so many bytes."""
    found: list[Range] = []
    for one in free[:most]:
        size = min(one.size, budget)
        if size:
            found.append(Range.sized(one.start, size))
            budget -= size
    return found
