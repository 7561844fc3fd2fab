"""Draft a profile from findings: a file that loads and passes every check."""

import re

from hardboot import profile
from hardboot.base.memory import PAGE_SIZE, Range
from hardboot.formats.trees import fdt
from hardboot.profile import Profile
from hardboot.suggest import proposals
from hardboot.suggest.draft import Draft, plain
from hardboot.suggest.draft_boot import add_cmdline, add_device_trees, add_image, add_partitions, add_reset
from hardboot.suggest.draft_page import add_page
from hardboot.suggest.findings import Findings
from hardboot.suggest.memory_facts import MemoryFacts
from hardboot.suggest.start import Start, find_start
from hardboot.suggest.stated import Stated

_TEXT_OFFSETS = (0x8000, 0x108000, 0x208000, 0x308000)  # arch/arm/Makefile, textofs-y
_SYSFS = "/sys/kernel/kexec_hardboot"
_FLAG = 0x4
_NEW_FLAG = 0x8000  # from Linux 6.6 on, where 0x4 means KEXEC_UPDATE_ELFCOREHDR
# What a profile with a host_abi needs besides.
_NEEDED_BY = {
    "buffer": ("hardboot.buffer",),
    "copy-atags": ("kernel.params",),
    "copy-dtb": ("hardboot.dtb_loc", "hardboot.kernel_loc"),
}
_ROUNDS = 8  # leaving out one fact may break the rule of another


def write_draft(
    found: Findings, memory: MemoryFacts, shipped: Profile | None
) -> tuple[str, Profile, list[str]]:
    """Return the text of the draft, the profile it is, and what had to be left out.

    Args:
        found: What the phone says.
        memory: What that says about its RAM.
        shipped: The profile that ships for this phone, whose names are taken; None if there is none.
    """
    draft = Draft()
    start = find_start(found)
    _add_names(draft, found, shipped, start)
    _add_memory(draft, memory)
    _add_kernel(draft, memory)
    _add_hardboot(draft, found, memory, start)
    add_reset(draft, found)
    add_partitions(draft, found)
    add_image(draft, found, memory)
    add_device_trees(draft, found, start)
    add_cmdline(draft, found)
    notes = add_page(draft, found, memory)
    comments = [
        f"{draft.tables['']['title']}. Drafted by hardboot devices suggest on {plain(found.device)}.",
        "Untested. Check every value; prove what is inferred before the first boot.",
    ]
    for last in (False,) * _ROUNDS + (True,):
        text = draft.text(comments)
        made = profile.parse(text.encode(), "draft")
        problems = profile.check(made)
        if not problems or last:
            break
        for fact, what in dict.fromkeys((problem.fact, problem.what) for problem in problems):
            notes.append(f"left out of the draft: {fact}: {what}")
            draft.leave_out(fact, what)
    assert not problems, problems
    return text, made, notes


def _add_names(draft: Draft, found: Findings, shipped: Profile | None, start: Start) -> None:
    props = found.properties
    words = [props.get("ro.product.manufacturer", ""), props.get("ro.product.model", "")]
    soc = next(
        (props[name] for name in ("ro.soc.model", "ro.board.platform", "ro.hardware") if props.get(name)), ""
    )
    compatible = fdt.strings(found.tree.root.properties.get("compatible")) if found.tree else []
    top = draft.tables[""]
    top["name"] = shipped.name if shipped else found.device
    top["title"] = plain(" ".join(filter(None, words))) or found.device
    top["codenames"] = list(shipped.codenames) if shipped else [found.device]
    top |= {"arch": start.arch, "soc": plain(soc or ", ".join(compatible)) or "unknown", "status": "untested"}


def _add_memory(draft: Draft, memory: MemoryFacts) -> None:
    banks = tuple(
        Stated(Range(bank.start, bank.end, f"bank{at}"), "verified", memory.banks_source)
        for at, bank in enumerate(memory.banks)
    )
    draft.spans("ram", banks)
    if not banks:
        draft.unknown("ram")
    draft.spans("reserved", memory.reserved)
    draft.spans("bootloader", memory.bootloader)
    draft.unknown("bootloader")
    minimum = proposals.mem_min(memory)
    if minimum:
        draft.state("mem_min", minimum.addr, minimum.status, minimum.reason)
    else:
        draft.unknown("mem_min")


def _add_kernel(draft: Draft, memory: MemoryFacts) -> None:
    code = next((part.start for part in memory.kernel if part.name == "Kernel code"), None)
    bank = next((bank for bank in memory.banks if code is not None and bank.start <= code < bank.end), None)
    if draft.arch != "arm" or code is None or bank is None:
        return
    if code - bank.start in _TEXT_OFFSETS:
        source = "the running kernel in /proc/iomem: its start, and the start of its bank"
        draft.state("kernel.phys_offset", bank.start, "inferred", source)
        draft.state("kernel.zreladdr", code, "inferred", source)
    else:
        draft.unknown("kernel.phys_offset")


def _add_hardboot(draft: Draft, found: Findings, memory: MemoryFacts, start: Start) -> None:
    version = re.search(
        r"Linux version (\d{1,3})\.(\d{1,3})", f"{found.text('version')}\n{found.text('dmesg')}"
    )
    new = version is not None and (int(version[1]), int(version[2])) >= (6, 6)
    source = f"Linux {version[1]}.{version[2]}" if version else "the version of the kernel is unknown"
    draft.state(
        "hardboot.flag",
        _NEW_FLAG if new else _FLAG,
        "inferred",
        f"{source}; the flag is 0x4 before Linux 6.6 and 0x8000 since",
    )
    hardboot = draft.tables["hardboot"]
    hardboot["page_size"] = proposals.OLD_PAGE_SIZE if draft.arch == "arm64" else PAGE_SIZE
    if found.text("page").strip():
        draft.tables[""]["presence"] = _SYSFS
        draft.add_evidence("presence", "verified", "the running phone")
    abi = _host_abi(found, memory, start)
    if abi is None:
        draft.unknown("hardboot.host_abi")
        return
    hardboot["host_abi"] = abi
    for fact in _NEEDED_BY.get(abi, ()):
        draft.unknown(fact)


def _host_abi(found: Findings, memory: MemoryFacts, start: Start) -> str | None:
    """Return what the host kernel does with the record, or will do with our series; None if unknown."""
    shown = found.texts.get("page")
    reserves = bool(memory.holes or memory.logged_pages)  # a host kernel runs
    if start.has_tree is None or (reserves and shown is None):
        return None
    old = reserves and not shown.strip() if shown is not None else False  # with an older patch
    if start.arch == "arm64":
        return "buffer" if old else "direct"
    if not start.has_tree:
        return "copy-atags"
    return "copy-dtb" if old else "direct"
