"""The part of a draft about partitions, boot images, device trees, the command line and the reset."""

import re
from typing import TypedDict

from hardboot.base import cmdline as cmdlines
from hardboot.base.errors import InputError
from hardboot.formats.boot import headerpage
from hardboot.formats.boot.bootheader import AddressedHeader
from hardboot.formats.trees import fdt
from hardboot.profile import SLOTS
from hardboot.suggest.boot_loads import header_trusted
from hardboot.suggest.draft import Draft
from hardboot.suggest.findings import BOOT, Findings
from hardboot.suggest.memory_facts import MemoryFacts
from hardboot.suggest.start import Start

_PSCI = (b"arm,psci-0.2", b"arm,psci-1.0")
_SURVIVES = "check that RAM survives it: ramoops must hold the log of the last boot"
# Names of links to the partitions that start a phone, by their names in a profile.
_PARTITIONS = {
    "boot": BOOT,
    "recovery": ("recovery", "SOS", "FOTAKernel"),
    **{name: (name,) for name in ("init_boot", "vendor_boot", "dtbo", "vbmeta")},
}
_CMDLINE_LIMIT = 1 << 14  # characters; longer than any kernel's command line
_TAIL = 16  # characters; a shorter end of a command line could occur elsewhere by accident


class Carried(TypedDict):
    """One entry of dtb.carry."""

    name: str
    node: str
    properties: list[str]


class Quirks(TypedDict, total=False):
    """What [cmdline] of a profile says."""

    skip: int
    replaced: dict[str, str]
    dropped: list[str]


def add_reset(draft: Draft, found: Findings) -> None:
    """Add the reset method that the device tree shows."""
    for path, node in found.tree.root.walk() if found.tree else ():
        compatible = node.properties.get("compatible", b"").split(b"\0")
        if path.count("/") == 1 and any(name in compatible for name in _PSCI):
            draft.tables["reset"]["method"] = "psci"
            draft.add_evidence("reset", "inferred", f"{path} says PSCI 0.2 or newer; {_SURVIVES}")
            return
        reg = node.properties.get("reg", b"")
        if b"qcom,pshold" in compatible and len(reg) >= 4:
            address = int.from_bytes(reg[:4] if len(reg) <= 8 else reg[:8], "big")
            draft.tables["reset"] |= {"method": "mmio", "address": address, "value": 0}
            draft.add_evidence("reset", "inferred", f"{path} is Qualcomm's PS_HOLD; {_SURVIVES}")
            return
    draft.unknown("reset")


def add_partitions(draft: Draft, found: Findings) -> None:
    """Add the partitions that start the phone; one with slots is one entry."""
    known = found.block_devices()
    source = "by-name listing and /proc/partitions of the running phone"
    unnamed = ""
    for name, links in _PARTITIONS.items():
        slots = [f"{name}_{slot}" for slot in SLOTS]
        link = next((link for link in links if link in known), None)
        if link:
            stated: dict[str, object] = {"path": known[link]}
            sizes = {found.partition_size(link)}
        elif all(one in known for one in slots):
            path = known[slots[0]].removesuffix(f"_{SLOTS[0]}")
            if [known[one] for one in slots] != [f"{path}_{slot}" for slot in SLOTS]:
                unnamed += f"{', '.join(slots)}: the listing does not name their folder; "
                continue
            stated = {"path": path, "slots": True}
            sizes = {found.partition_size(one) for one in slots}
        else:
            continue
        if not re.fullmatch(r"/dev/[A-Za-z0-9_./-]{1,190}", str(stated["path"])):
            continue
        size = sizes.pop() if len(sizes) == 1 else None  # both slots are equal on every phone known
        draft.tables["partitions"][name] = {**stated, **({"size": size} if size else {})}
        draft.add_evidence(f"partitions.{name}", "verified", source)
    if "boot" not in draft.tables["partitions"]:
        draft.unknown("partitions.boot", unnamed.rstrip("; "))


def add_image(draft: Draft, found: Findings, memory: MemoryFacts) -> None:
    """Add the parameters of the boot image in the boot partition."""
    header, image = memory.header, draft.tables["image"]
    if header is None or header.page_size not in (2048, 4096, 8192, 16384):
        draft.unknown("image")
        return
    image["page_size"] = header.page_size
    source = "the header of the boot partition; base is the start of this phone's RAM"
    draft.add_evidence("image", "verified", source)
    if not isinstance(header, AddressedHeader):
        return
    addr = header.kernel_addr
    base = draft.tables["kernel"].get("phys_offset", addr - 0x8000 if addr % 0x10000 == 0x8000 else None)
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
        verb = "is" if trusted else "is not"
        source = f"linux,initrd-start in the running tree {verb} the header's ramdisk address"
        draft.add_evidence("image.header_trusted", "inferred", source)


def add_device_trees(draft: Draft, found: Findings, start: Start) -> None:
    """Add how the phone's kernels get their device tree, its ids, and what to carry over."""
    dtb = draft.tables["dtb"]
    if start.has_tree is False:
        dtb["kind"] = "none"
        draft.add_evidence("dtb.kind", "inferred", start.source)
        return
    if found.tree is None:
        draft.unknown("dtb.kind", "it has a device tree, which was not copied" if start.has_tree else "")
        return
    root = found.tree.root
    ids = root.properties.get("qcom,msm-id", b"")
    dtb["kind"] = "appended" if ids else "live"
    appended = "its tree has board ids: such trees are appended to the kernel, or a part of the boot image"
    live = "its tree has no board ids: the bootloader brings its own"
    draft.add_evidence("dtb", "inferred", appended if ids else live)
    boards = root.properties.get("qcom,board-id", b"")
    for name, value in (("msm_ids", ids), ("board_ids", boards)):
        if value and len(value) in (8, 12, 16):
            dtb[name] = [list(fdt.read_cells(value))]
            source = "the running device tree; the phone may have trees for other revisions"
            draft.add_evidence(f"dtb.{name}", "verified", source)
    carry = _carried(found)
    if carry:
        dtb["carry"] = carry
        source = "/chosen of the running tree: the bootloader wrote it, a guest may need it"
        draft.add_evidence("dtb.carry", "inferred", source)


def _carried(found: Findings) -> list[Carried]:
    """Return what the bootloader wrote into /chosen that is not specific to one boot."""
    chosen = found.tree.find("/chosen") if found.tree else None
    if chosen is None:
        return []
    names = [
        name for name in chosen.properties if "," in name and not name.startswith(("linux,initrd", "u-boot,"))
    ]
    groups = sorted({f"{name.split(',')[0]},*" if not name.startswith("linux,") else name for name in names})
    known = [one for one in groups if re.fullmatch(r"[!-~]{1,100}", one)][:64]
    carried: list[Carried] = []
    if known:
        carried.append({"name": "chosen", "node": "/chosen", "properties": known})
    for at, node in enumerate(chosen.children[:16]):
        if node.properties and re.fullmatch(r"[!-.0-~]{1,100}", node.name):
            carried.append({"name": f"chosen-{at}", "node": f"/chosen/{node.name}/**", "properties": ["*"]})
    return carried


def add_cmdline(draft: Draft, found: Findings) -> None:
    """Add the command line of the boot image, and what the bootloader does to it."""
    try:
        own = headerpage.parse_cmdline(found.boot_header).strip()
    except InputError:
        return
    if own.isprintable() and own.isascii() and 0 < len(own) <= 1024:
        running = found.text("cmdline")[:_CMDLINE_LIMIT].strip()
        draft.tables["cmdline"] |= {"stock": own, **(quirks(own, running) if running else {})}
        source = "the header of the boot partition, compared with /proc/cmdline"
        draft.add_evidence("cmdline", "inferred", source)


def quirks(own: str, running: str) -> Quirks:
    """Return what the bootloader did to the command line `own` of its image, as `running` shows."""
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
    found: Quirks = {}
    if replaced:
        found["replaced"] = replaced
    if dropped:
        found["dropped"] = dropped
    return found
