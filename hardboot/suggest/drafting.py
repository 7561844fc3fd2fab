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
from hardboot.suggest.stated import Stated

_TEXT_OFFSETS = (0x8000, 0x108000, 0x208000, 0x308000)  # arch/arm/Makefile, textofs-y
_SYSFS = "/sys/kernel/kexec_hardboot"
_FLAG = 0x4
_NEW_FLAG = 0x8000  # from Linux 6.6 on, where 0x4 means KEXEC_UPDATE_ELFCOREHDR
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
    _add_names(draft, found, shipped)
    _add_memory(draft, memory)
    _add_kernel(draft, memory)
    _add_hardboot(draft, found, memory)
    add_reset(draft, found)
    add_partitions(draft, found)
    add_image(draft, found, memory)
    add_device_trees(draft, found)
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


def _add_names(draft: Draft, found: Findings, shipped: Profile | None) -> None:
    props = found.properties
    words = [props.get("ro.product.manufacturer", ""), props.get("ro.product.model", "")]
    arch = "arm64" if props.get("ro.product.cpu.abi", "").startswith("arm64") else "arm"
    soc = next(
        (props[name] for name in ("ro.soc.model", "ro.board.platform", "ro.hardware") if props.get(name)), ""
    )
    compatible = fdt.strings(found.tree.root.properties.get("compatible")) if found.tree else []
    top = draft.tables[""]
    top["name"] = shipped.name if shipped else found.device
    top["title"] = plain(" ".join(filter(None, words))) or found.device
    top["codenames"] = list(shipped.codenames) if shipped else [found.device]
    top |= {"arch": arch, "soc": plain(soc or ", ".join(compatible)) or "unknown", "status": "untested"}


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


def _add_hardboot(draft: Draft, found: Findings, memory: MemoryFacts) -> None:
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
    ours = bool(found.text("page").strip())
    if ours:
        draft.tables[""]["presence"] = _SYSFS
        draft.add_evidence("presence", "verified", "the running phone")
    abi = "direct"
    old = bool(memory.holes or memory.logged_pages) and not ours  # a host kernel with an older patch
    if draft.arch == "arm64":
        abi = "buffer" if old else "direct"
        if old:
            draft.unknown("hardboot.buffer")
    elif found.tree is None and found.text("iomem"):
        abi = "copy-atags"
        draft.unknown("kernel.params")
    elif old:
        abi = "copy-dtb"
        draft.unknown("hardboot.dtb_loc")
        draft.unknown("hardboot.kernel_loc")
    hardboot = draft.tables["hardboot"]
    hardboot["host_abi"] = abi
    hardboot["page_size"] = proposals.OLD_PAGE_SIZE if draft.arch == "arm64" else PAGE_SIZE
