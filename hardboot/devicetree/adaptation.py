"""Adapt a device tree for a guest: command line, ramdisk, RAM, and what only the bootloader knows."""

from collections.abc import Iterator, Sequence

from hardboot.base.errors import InputError
from hardboot.base.memory import Range
from hardboot.devicetree.memory_nodes import (
    address_cells,
    encode_ranges,
    memory_banks,
    memory_nodes,
    read_number,
    reserved_memory,
)
from hardboot.formats.trees import fdt
from hardboot.formats.trees.fdt import Fdt, Node
from hardboot.profile import Profile

# The seed was used up by the host kernel: a second use would repeat its random numbers.
_RNG_SEED = "rng-seed"
_KASLR_SEED = "kaslr-seed"
# What a kernel was told that started from a crash, or by kexec: its RAM was not all there is.
_OF_A_CRASH = ("linux,elfcorehdr", "linux,usable-memory-range")


def adapt(tree: Fdt, *, cmdline: str, initrd: Range | None, live: Fdt | None, profile: Profile) -> bytes:
    """Return the tree as the guest gets it; its length does not depend on where the ramdisk lies.

    Args:
        tree: The tree that `choose_tree` chose; it is not changed.
        cmdline: Kernel command line.
        initrd: Physical addresses of the ramdisk, exact to the byte; None without one.
        live: The phone's own tree, for what only its bootloader knows; None without a phone.
        profile: The phone.

    Raises:
        InputError: If a property of a tree that must be read is malformed.
        RefusedError: If the phone's RAM cannot be written into the tree's address cells.
    """
    return fdt.build(adapted_tree(tree, cmdline=cmdline, initrd=initrd, live=live, profile=profile))


def adapted_tree(tree: Fdt, *, cmdline: str, initrd: Range | None, live: Fdt | None, profile: Profile) -> Fdt:
    """Do the same as `adapt`, but return the tree, not its bytes."""
    result = Fdt(_copied(tree.root), list(tree.reservations), tree.boot_cpuid)
    chosen = result.ensure("/chosen")
    result.reservations = _kept_reservations(result, chosen, profile)
    if live is not None and live is not tree:
        _copy_memory(live, result)
        _carry(live, result, profile)
    chosen.properties.pop(_RNG_SEED, None)
    chosen.properties["bootargs"] = encode_cmdline(cmdline) + b"\0"
    for name in ("linux,initrd-start", "linux,initrd-end"):
        chosen.properties.pop(name, None)
    if initrd is not None:
        # An arm64 kernel reads as many cells as there are, and its ramdisk may lie above 4 GiB.
        count = max(address_cells(result.root)[0], 2 if profile.arch == "arm64" else 1)
        chosen.properties["linux,initrd-start"] = initrd.start.to_bytes(4 * count, "big")
        chosen.properties["linux,initrd-end"] = initrd.end.to_bytes(4 * count, "big")
    return result


def for_guest(tree: Fdt, *, live: Fdt | None, kaslr_seed: bytes | None) -> Fdt:
    """Return a copy of `tree` for a guest: with all RAM, and a seed of its own if the bootloader gives one.

    Args:
        tree: It is not changed.
        live: The phone's own tree, in which the running kernel cleared its seed; None without a phone.
        kaslr_seed: 8 random bytes for the addresses of an arm64 kernel; None leaves the seed out.
    """
    result = Fdt(_copied(tree.root), list(tree.reservations), tree.boot_cpuid)
    chosen = result.find("/chosen")
    told = live and live.find("/chosen")
    if chosen is not None:
        for name in _OF_A_CRASH:
            chosen.properties.pop(name, None)
        gets_seed = chosen.properties.pop(_KASLR_SEED, None) is not None
    else:
        gets_seed = False
    if kaslr_seed is not None and (gets_seed or (told and _KASLR_SEED in told.properties)):
        result.ensure("/chosen").properties[_KASLR_SEED] = kaslr_seed
    return result


def for_panic_kernel(tree: Fdt, *, elf_header: Range, memory: Range) -> Fdt:
    """Return a copy of `tree` for a panic kernel.

    Args:
        tree: It is not changed.
        elf_header: Physical addresses of the ELF header that describes the crashed kernel's memory.
        memory: Physical addresses of the memory the panic kernel may use.

    Linux 6.1 drivers/of/fdt.c reads both properties, and the decompressor's fdt_check_mem_start.c the second.

    Raises:
        InputError: If the tree's address cells are malformed.
        RefusedError: If an address does not fit into them.
    """
    result = for_guest(tree, live=None, kaslr_seed=None)
    chosen = result.ensure("/chosen")
    chosen.properties["linux,elfcorehdr"] = encode_ranges(result, [elf_header])
    chosen.properties["linux,usable-memory-range"] = encode_ranges(result, [memory])
    return result


def encode_cmdline(cmdline: str) -> bytes:
    """Encode a command line as the kernel reads it, without the final NUL.

    Raises:
        InputError: If it holds a NUL or cannot be encoded.
    """
    try:
        data = cmdline.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise _not_a_cmdline(f"it cannot be encoded: {error.reason}") from error
    if b"\0" in data:
        raise _not_a_cmdline(f"it has a NUL character at {data.index(0)}")
    return data


def _kept_reservations(tree: Fdt, chosen: Node, profile: Profile) -> list[tuple[int, int]]:
    """Return the reserve map without what the bootloader reserved for its own boot, plus the hardboot page.

    U-Boot's fdt_initrd() reserves the ramdisk it loaded, fdt_shrink_to_minimum() the tree itself.
    """
    start, end = (
        read_number(chosen.properties.get(f"linux,initrd-{name}", b"")) for name in ("start", "end")
    )
    old_initrd = Range(start, end) if start < end else Range(0, 0)
    old_tree = profile.image.tags_addr
    kept = [
        (address, size)
        for address, size in tree.reservations
        if not Range.sized(address, size).overlaps(old_initrd) and address != old_tree
    ]
    if not profile.page.size or any(
        item.contains(profile.page) for item in reserved_memory(Fdt(tree.root, kept))
    ):
        return kept
    return [(profile.page.start, profile.page.size), *kept]


def _copy_memory(source: Fdt, target: Fdt) -> None:
    """Give `target` the RAM of `source`: a ROM's own tree leaves that to the bootloader.

    The first memory node keeps its name and everything else in it: in Qualcomm's trees the memory regions of
    drivers are its children, and other nodes refer to them (msm-3.10 arch/arm/boot/dts/qcom,
    linux,contiguous-region).
    """
    banks = memory_banks(source)
    if not banks:
        return
    reg = encode_ranges(target, banks)
    first, *others = memory_nodes(target) or [Node(f"memory@{banks[0].start:x}")]
    target.root.children = [
        node for node in target.root.children if not any(node is other for other in others)
    ]
    if not any(node is first for node in target.root.children):
        target.root.children.append(first)
    first.properties |= {"device_type": b"memory\0", "reg": reg}


def _carry(source: Fdt, target: Fdt, profile: Profile) -> None:
    """Copy the properties that the profile names: what only the bootloader knows.

    A name in the path of a node may end in `*` too; `**` as the last one is the node and all below it.
    """
    for item in profile.dtb.carry:
        pattern = [name for name in item.node.split("/") if name]
        for path, node in _matching("", source.root, pattern):
            for name, value in node.properties.items():
                if any(_fits(name, one) for one in item.properties):
                    target.ensure(path or "/").properties[name] = value


def _matching(path: str, node: Node, pattern: Sequence[str]) -> Iterator[tuple[str, Node]]:
    """Yield the nodes at and below `node` that fit `pattern`, with their paths; "" is the root's."""
    if not pattern or pattern[0] == "**":
        yield path, node
    for child in node.children if pattern else ():
        if pattern[0] == "**":
            yield from _matching(f"{path}/{child.name}", child, pattern)
        elif _fits(child.name, pattern[0]) or child.name.partition("@")[0] == pattern[0]:
            yield from _matching(f"{path}/{child.name}", child, pattern[1:])


def _copied(node: Node) -> Node:
    """Return a copy to edit; much faster than copy.deepcopy, because names and values cannot change."""
    return Node(node.name, dict(node.properties), [_copied(child) for child in node.children])


def _fits(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _not_a_cmdline(problem: str) -> InputError:
    return InputError(
        f"the kernel command line: {problem}",
        state="Nothing was changed.",
        fix="Check the ROM's command line, --cmdline and --append.",
    )
