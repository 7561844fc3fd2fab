"""A draft of a profile: what was found, as a file that loads and lints."""

import re
from typing import Any

from hardboot import profile
from hardboot.base import cmdline as cmdlines
from hardboot.base.errors import InputError
from hardboot.base.memory import PAGE_SIZE, Range
from hardboot.formats.boot import headerpage
from hardboot.formats.boot.bootheader import AddressedHeader
from hardboot.formats.trees import fdt
from hardboot.profile import Profile
from hardboot.suggest import proposing
from hardboot.suggest.document import Draft, plain, span
from hardboot.suggest.findings import Findings
from hardboot.suggest.ground import Ground, Stated, header_trusted
from hardboot.suggest.proposing import Proposal

_TEXT_OFFSETS = (0x8000, 0x108000, 0x208000, 0x308000)  # arch/arm/Makefile, textofs-y
_SYSFS = "/sys/kernel/kexec_hardboot"
_FLAG = 0x4
_NEW_FLAG = 0x8000  # from Linux 6.6 on, where 0x4 means KEXEC_UPDATE_ELFCOREHDR
_PSCI = (b"arm,psci-0.2", b"arm,psci-1.0")
_ROUNDS = 8  # what is left out may leave something else without a ground
_SEEN = "the running phone"
_CMDLINE_LIMIT = 1 << 14  # characters; no kernel's command line has as many
_TAIL = 16  # characters of a command line that are found again by no accident
_SURVIVES = "that RAM survives it must be seen: a log of the last boot in ramoops"


def draft(found: Findings, ground: Ground, shipped: Profile | None) -> tuple[str, Profile, list[str]]:
    """The text of the draft, the profile it is, and what had to be left out of it.

    Args:
        found: What the phone says.
        ground: What that says of its RAM.
        shipped: The profile that ships for this phone, whose names are taken; None if there is none.
    """
    one = Draft()
    _names(one, found, shipped)
    _memory(one, ground)
    _kernel(one, found, ground)
    _hardboot(one, found, ground)
    _reset(one, found)
    _partitions(one, found)
    _image(one, found, ground)
    _dtb(one, found)
    _cmdline(one, found)
    notes = _page(one, found, ground, shipped)
    comments = [
        f"{one.tables['']['title']}: a draft by hardboot devices suggest, made on {plain(found.device)}.",
        "Nobody has tried it. Check every value; what is inferred must be proven before the first boot.",
    ]
    for last in (False,) * _ROUNDS + (True,):
        text = one.text(comments)
        made = profile.parse(text.encode(), "draft")
        problems = profile.check(made)
        if not problems or last:
            break
        for fact, what in dict.fromkeys((problem.fact, problem.what) for problem in problems):
            notes.append(f"left out of the draft: {fact}: {what}")
            one.without(fact, what)
    assert not problems, problems
    return text, made, notes


def _names(one: Draft, found: Findings, shipped: Profile | None) -> None:
    props = found.properties
    words = [props.get("ro.product.manufacturer", ""), props.get("ro.product.model", "")]
    arch = "arm64" if props.get("ro.product.cpu.abi", "").startswith("arm64") else "arm"
    soc = next(
        (props[name] for name in ("ro.soc.model", "ro.board.platform", "ro.hardware") if props.get(name)), ""
    )
    compatible = fdt.strings(found.tree.root.properties.get("compatible")) if found.tree else []
    top = one.tables[""]
    top["name"] = shipped.name if shipped else found.device
    top["title"] = plain(" ".join(filter(None, words))) or found.device
    top["codenames"] = list(shipped.codenames) if shipped else [found.device]
    top |= {"arch": arch, "soc": plain(soc or ", ".join(compatible)) or "unknown", "status": "untested"}


def _memory(one: Draft, ground: Ground) -> None:
    banks = tuple(Stated(Range(bank.start, bank.end, f"bank{at}"), "verified", ground.banks_source)
                  for at, bank in enumerate(ground.banks))  # fmt: skip
    one.spans("ram", banks)
    if not banks:
        one.unknown("ram")
    one.spans("reserved", ground.reserved)
    one.spans("bootloader", ground.bootloader)
    one.unknown("bootloader")
    minimum = proposing.mem_min(ground)
    if minimum:
        one.state("mem_min", minimum.addr, minimum.status, minimum.reason)
    else:
        one.unknown("mem_min")


def _kernel(one: Draft, found: Findings, ground: Ground) -> None:
    code = next((part.start for part in ground.kernel if part.name == "Kernel code"), None)
    bank = next((bank for bank in ground.banks if code is not None and bank.start <= code < bank.end), None)
    if one.tables[""]["arch"] != "arm" or code is None or bank is None:
        return
    if code - bank.start in _TEXT_OFFSETS:
        source = "the running kernel in /proc/iomem: its start, and the start of its bank"
        one.state("kernel.phys_offset", bank.start, "inferred", source)
        one.state("kernel.zreladdr", code, "inferred", source)
    else:
        one.unknown("kernel.phys_offset")


def _hardboot(one: Draft, found: Findings, ground: Ground) -> None:
    arch = one.tables[""]["arch"]
    version = re.search(
        r"Linux version (\d{1,3})\.(\d{1,3})", f"{found.text('version')}\n{found.text('dmesg')}"
    )
    new = version is not None and (int(version[1]), int(version[2])) >= (6, 6)
    source = f"Linux {version[1]}.{version[2]}" if version else "the kernel's version is not known"
    one.state(
        "hardboot.flag",
        _NEW_FLAG if new else _FLAG,
        "inferred",
        f"{source}: 0x4 before 6.6, 0x8000 from there on",
    )
    ours = bool(found.text("page").strip())
    if ours:
        one.tables[""]["presence"] = _SYSFS
        one.say("presence", "verified", _SEEN)
    abi = "direct"
    old = bool(ground.holes or ground.logged) and not ours  # a host kernel with an older patch
    if arch == "arm64":
        abi = "buffer" if old else "direct"
        if old:
            one.unknown("hardboot.buffer")
    elif found.tree is None and found.text("iomem"):
        abi = "copy-atags"
        one.unknown("kernel.params")
    elif old:
        abi = "copy-dtb"
        one.unknown("hardboot.dtb_loc")
        one.unknown("hardboot.kernel_loc")
    one.tables["hardboot"]["host_abi"] = abi
    one.tables["hardboot"]["page_size"] = proposing.OLD_PAGE_SIZE if arch == "arm64" else PAGE_SIZE


def _reset(one: Draft, found: Findings) -> None:
    for path, node in found.tree.root.walk() if found.tree else ():
        compatible = node.properties.get("compatible", b"").split(b"\0")
        if path.count("/") == 1 and any(name in compatible for name in _PSCI):
            one.tables["reset"]["method"] = "psci"
            one.say("reset", "inferred", f"{path} says PSCI 0.2 or newer; {_SURVIVES}")
            return
        reg = node.properties.get("reg", b"")
        if b"qcom,pshold" in compatible and len(reg) >= 4:
            address = int.from_bytes(reg[:4] if len(reg) <= 8 else reg[:8], "big")
            one.tables["reset"] |= {"method": "mmio", "address": address, "value": 0}
            one.say("reset", "inferred", f"{path} is Qualcomm's PS_HOLD; {_SURVIVES}")
            return
    one.unknown("reset")


def _partitions(one: Draft, found: Findings) -> None:
    known = found.block_devices()
    for name, links in (("boot", ("boot", "LNX", "KERNEL")), ("recovery", ("recovery", "SOS", "FOTAKernel"))):
        link = next((link for link in links if link in known), None)
        if link and re.fullmatch(r"/dev/[A-Za-z0-9_./-]{1,190}", known[link]):
            size = found.partition_size(link)
            one.tables["partitions"][name] = {"path": known[link], **({"size": size} if size else {})}
            one.say(f"partitions.{name}", "verified", f"by-name listing and /proc/partitions of {_SEEN}")
    if "boot" not in one.tables["partitions"]:
        one.unknown("partitions.boot")


def _image(one: Draft, found: Findings, ground: Ground) -> None:
    header, image = ground.header, one.tables["image"]
    if header is None or header.page_size not in (2048, 4096, 8192, 16384):
        one.unknown("image")
        return
    image["page_size"] = header.page_size
    one.say("image", "verified", "the header of the boot partition; base is where this phone's RAM begins")
    if not isinstance(header, AddressedHeader):
        return
    addr = header.kernel_addr
    base = one.tables["kernel"].get("phys_offset", addr - 0x8000 if addr % 0x10000 == 0x8000 else None)
    if base is None:
        return
    image["base"] = base
    addresses = {"kernel": addr, "ramdisk": header.ramdisk_addr}
    if header.second_size:
        addresses["second"] = header.second_addr
    addresses["tags"] = header.tags_addr
    for part, address in addresses.items():
        if address >= base:
            image[f"{part}_offset"] = address - base
    trusted = header_trusted(found, header)
    if trusted is not None:
        image["header_trusted"] = trusted
        one.say("image.header_trusted", "inferred", "linux,initrd-start in the running tree is "
                f"{'' if trusted else 'not '}the header's ramdisk address")  # fmt: skip


def _dtb(one: Draft, found: Findings) -> None:
    dtb = one.tables["dtb"]
    if one.tables["hardboot"]["host_abi"] == "copy-atags":
        dtb["kind"] = "none"
        return
    root = found.tree.root if found.tree else None
    ids = root.properties.get("qcom,msm-id", b"") if root else b""
    dtb["kind"] = "appended" if ids else "live"
    appended = "its tree names boards: such trees stand behind the kernel, or in a part of the boot image"
    one.say("dtb", "inferred", appended if ids else "its tree names no board: the bootloader brings its own")
    boards = root.properties.get("qcom,board-id", b"") if root else b""
    for name, value in (("msm_ids", ids), ("board_ids", boards)):
        if value and len(value) in (8, 12, 16):
            dtb[name] = [list(fdt.read_cells(value))]
            one.say(
                f"dtb.{name}", "verified", "the running device tree; trees of other revisions may be there"
            )
    carry = _carry(found)
    if carry:
        dtb["carry"] = carry
        one.say(
            "dtb.carry",
            "inferred",
            "/chosen of the running tree: the bootloader wrote it, a guest may need it",
        )


def _carry(found: Findings) -> list[dict[str, Any]]:
    """What the bootloader wrote into /chosen and no other boot writes anew."""
    chosen = found.tree.find("/chosen") if found.tree else None
    if chosen is None:
        return []
    names = [
        name for name in chosen.properties if "," in name and not name.startswith(("linux,initrd", "u-boot,"))
    ]
    groups = sorted({f"{name.split(',')[0]},*" if not name.startswith("linux,") else name for name in names})
    known = [one for one in groups if re.fullmatch(r"[!-~]{1,100}", one)][:64]
    found_ = [{"name": "chosen", "node": "/chosen", "properties": known}] if known else []
    for at, node in enumerate(chosen.children[:16]):
        if node.properties and re.fullmatch(r"[!-.0-~]{1,100}", node.name):
            found_.append({"name": f"chosen-{at}", "node": f"/chosen/{node.name}/**", "properties": ["*"]})
    return found_


def _cmdline(one: Draft, found: Findings) -> None:
    try:
        own = headerpage.parse_cmdline(found.boot_header).strip()
    except InputError:
        return
    if own.isprintable() and own.isascii() and 0 < len(own) <= 1024:
        running = found.text("cmdline")[:_CMDLINE_LIMIT].strip()
        one.tables["cmdline"] |= {"stock": own, **(quirks(own, running) if running else {})}
        one.say("cmdline", "inferred", "the header of the boot partition, held against /proc/cmdline")


def quirks(own: str, running: str) -> dict[str, Any]:
    """What the bootloader made of the command line `own` of its image, as `running` shows."""
    if own in running:
        return {}
    values = dict(word.partition("=")[::2] for word in cmdlines.split(running))
    there = set(cmdlines.split(running))
    lost = [word.partition("=")[0] for word in cmdlines.split(own) if word not in there]
    replaced = {name: values[name] for name in lost if name in values}
    cut = next((at for at in range(1, len(own) - _TAIL) if own[at:] in running), None)
    if cut is not None and not replaced:
        return {"skip": cut}
    dropped = sorted({name for name in lost if name and name not in values})
    return {name: value for name, value in (("replaced", replaced), ("dropped", dropped)) if value}


def _page(one: Draft, found: Findings, ground: Ground, shipped: Profile | None) -> list[str]:
    """State the page: the one the kernel keeps, else the best proposal. Says where sources disagree."""
    read = proposing.read_pages(ground, found.text("page"))
    notes = [
        f"hardboot page: {other.reason}; but {read[0].reason}"
        for other in read[1:]
        if other.addr != read[0].addr
    ]
    size = one.tables["hardboot"]["page_size"]
    for choice in [*read[:1], *proposing.pages(ground, size)]:
        if _fits(one, choice, ground):
            one.tables["hardboot"]["page_size"] = choice.size
            one.state("hardboot.page", choice.addr, choice.status, choice.reason)
            return notes
        if choice.status == "verified":
            notes.append(f"{choice.reason}: that page breaks a rule of profiles, another one is proposed")
    one.unknown("hardboot.page")
    return notes


def _fits(one: Draft, choice: Proposal, ground: Ground) -> bool:
    """Whether the draft with this page keeps all rules about it; makes room for a page the kernel keeps."""
    page = Range.sized(choice.addr, choice.size, "page")
    tables, evidence = one.tables, one.evidence
    trial = Draft()
    trial.tables = {name: dict(table) for name, table in tables.items()}
    trial.evidence = dict(evidence)
    if choice.status == "verified" and ground.banks and not any(bank.contains(page) for bank in ground.banks):
        trial.tables[""]["ram"] = [*tables[""]["ram"], span(Range(page.start, page.end, "hardboot-page"))]
        trial.say(
            "ram.hardboot-page", "inferred", "taken away from System RAM for the page, by the same source"
        )
    trial.tables["hardboot"]["page_size"] = choice.size
    trial.state("hardboot.page", choice.addr, choice.status, choice.reason)
    problems = profile.check(profile.parse(trial.text([]).encode(), "draft"))
    if any(problem.fact in ("hardboot.page", "ram.hardboot-page") for problem in problems):
        return False
    one.tables, one.evidence = trial.tables, trial.evidence
    return True
