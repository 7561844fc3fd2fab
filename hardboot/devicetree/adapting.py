"""Make a device tree the one a guest gets: command line, ramdisk, RAM, and what only the bootloader knows."""

from collections.abc import Iterator, Sequence

from hardboot.base.errors import InputError, RefusedError
from hardboot.base.memory import Range
from hardboot.formats.trees import fdt
from hardboot.formats.trees.fdt import Fdt, Node
from hardboot.profile import Profile

# What a kernel takes when the root does not say: Linux 6.1 include/linux/of.h, OF_ROOT_NODE_*_CELLS_DEFAULT.
_DEFAULT_CELLS = 1
# Seeds were used up by the host kernel: a second use would repeat its random numbers.
_STALE = ("rng-seed", "kaslr-seed")
# How Qualcomm's kernels up to 3.18 take memory away: <start size> in any node.
_QCOM_HOLES = ("qcom,memblock-remove", "qcom,memblock-reserve")


def adapt(tree: Fdt, *, cmdline: str, initrd: Range | None, live: Fdt | None, profile: Profile) -> bytes:
    """The tree as the guest gets it; its length does not depend on where the initrd lies.

    Args:
        tree: What `choose` chose; not changed.
        cmdline: Kernel command line.
        initrd: Physical addresses of the ramdisk, exact to the byte; None without one.
        live: The phone's own tree, for what only its bootloader knows; None if no phone is asked.
        profile: The phone.

    Raises:
        InputError: If a property of a tree that must be read is malformed.
        RefusedError: If the phone's RAM cannot be written into the tree's address cells.
    """
    return fdt.build(adapted(tree, cmdline=cmdline, initrd=initrd, live=live, profile=profile))


def adapted(tree: Fdt, *, cmdline: str, initrd: Range | None, live: Fdt | None, profile: Profile) -> Fdt:
    """As `adapt`, not yet as bytes."""
    result = Fdt(_copied(tree.root), list(tree.reservations), tree.boot_cpuid)
    chosen = result.ensure("/chosen")
    result.reservations = _kept_reservations(result, chosen, profile)
    if live is not None and live is not tree:
        _copy_memory(live, result)
        _carry(live, result, profile)
    for name in _STALE:
        chosen.properties.pop(name, None)
    chosen.properties["bootargs"] = encode_cmdline(cmdline) + b"\0"
    for name in ("linux,initrd-start", "linux,initrd-end"):
        chosen.properties.pop(name, None)
    if initrd is not None:
        # An arm64 kernel reads as many cells as there are, and its ramdisk may lie above 4 GiB.
        count = max(_cells(result.root)[0], 2 if profile.arch == "arm64" else 1)
        chosen.properties["linux,initrd-start"] = initrd.start.to_bytes(4 * count, "big")
        chosen.properties["linux,initrd-end"] = initrd.end.to_bytes(4 * count, "big")
    return result


def for_crash(tree: Fdt, *, elf_header: Range, memory: Range) -> Fdt:
    """A copy of `tree` for a panic kernel: where the crashed kernel is described, and the memory it may use.

    Source: Linux 6.1 drivers/of/fdt.c; arch/arm/boot/compressed/fdt_check_mem_start.c reads the second.

    Raises:
        InputError: If the tree's address cells are malformed.
        RefusedError: If an address does not fit into them.
    """
    result = Fdt(_copied(tree.root), list(tree.reservations), tree.boot_cpuid)
    chosen = result.ensure("/chosen")
    chosen.properties["linux,elfcorehdr"] = _packed(result, [elf_header])
    chosen.properties["linux,usable-memory-range"] = _packed(result, [memory])
    return result


def encode_cmdline(cmdline: str) -> bytes:
    """A command line as the kernel reads it, without the final NUL.

    Raises:
        InputError: If it holds a NUL or cannot be encoded.
    """
    try:
        data = cmdline.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise _malformed("the kernel command line", f"it is no text: {error.reason}") from error
    if b"\0" in data:
        raise _malformed("the kernel command line", f"it has a NUL character at {data.index(0)}")
    return data


def memory(tree: Fdt) -> list[Range]:
    """The banks of RAM in the memory nodes, without empty ones.

    Raises:
        InputError: If a `reg` is malformed.
    """
    cells = _cells(tree.root)
    found: list[Range] = []
    for node in _memory_nodes(tree):
        found += _ranges(node.properties.get("reg", b""), cells, node.name)
    return found


def reserved(tree: Fdt) -> list[Range]:
    """What a kernel started with `tree` keeps away from: its reserve map and its reserved-memory nodes.

    Raises:
        InputError: If a `reg` is malformed.
    """
    found = [Range.sized(start, size, "reserve map") for start, size in tree.reservations if size]
    parent = tree.find("/reserved-memory")
    if parent is not None:
        cells = _cells(parent, _cells(tree.root))
        for node in parent.children:
            found += _ranges(node.properties.get("reg", b""), cells, node.name)
    for _, node in tree.root.walk():
        for name in _QCOM_HOLES:
            if name in node.properties:
                found += _ranges(node.properties[name], (1, 1), node.name)
    return found


def _kept_reservations(tree: Fdt, chosen: Node, profile: Profile) -> list[tuple[int, int]]:
    """The reserve map without what the bootloader reserved for this one boot, and with the hardboot page.

    U-Boot's fdt_initrd() reserves the ramdisk it loaded, fdt_shrink_to_minimum() the tree itself.
    """
    start, end = (_number(chosen.properties.get(f"linux,initrd-{name}", b"")) for name in ("start", "end"))
    old_initrd = Range(start, end) if start < end else Range(0, 0)
    old_tree = profile.image.tags_addr
    kept = [
        (address, size)
        for address, size in tree.reservations
        if not Range.sized(address, size).overlaps(old_initrd) and address != old_tree
    ]
    if not profile.page.size or any(item.contains(profile.page) for item in reserved(Fdt(tree.root, kept))):
        return kept
    return [(profile.page.start, profile.page.size), *kept]


def _copy_memory(source: Fdt, target: Fdt) -> None:
    """Give `target` the RAM of `source`: a ROM's own tree leaves it to the bootloader to fill in.

    The first memory node keeps its name and all else in it: in Qualcomm's trees the regions of drivers are
    its children, which other nodes refer to (msm-3.10 arch/arm/boot/dts/qcom, linux,contiguous-region).
    """
    banks = memory(source)
    if not banks:
        return
    reg = _packed(target, banks)
    first, *others = _memory_nodes(target) or [Node(f"memory@{banks[0].start:x}")]
    target.root.children = [
        node for node in target.root.children if not any(node is other for other in others)
    ]
    if not any(node is first for node in target.root.children):
        target.root.children.append(first)
    first.properties |= {"device_type": b"memory\0", "reg": reg}


def _packed(tree: Fdt, ranges: Sequence[Range]) -> bytes:
    """Addresses and sizes as the root's children have them."""
    address_cells, size_cells = _cells(tree.root)
    for item in ranges:
        if item.start >> (32 * address_cells) or item.size >> (32 * size_cells):
            raise RefusedError(
                f"{item} does not fit into the {address_cells} address and {size_cells} size cells of the "
                "ROM's device tree",
                state="Nothing was sent.",
                fix="Use a ROM whose device tree is made for this phone.",
            )
    return b"".join(
        item.start.to_bytes(4 * address_cells, "big") + item.size.to_bytes(4 * size_cells, "big")
        for item in ranges
    )


def _carry(source: Fdt, target: Fdt, profile: Profile) -> None:
    """Copy the properties the profile names: what only the bootloader knows.

    A name in the path of a node may end in `*` too; `**` as the last one is the node and all below it.
    """
    for item in profile.dtb.carry:
        pattern = [name for name in item.node.split("/") if name]
        for path, node in _matching("", source.root, pattern):
            for name, value in node.properties.items():
                if any(_fits(name, one) for one in item.properties):
                    target.ensure(path or "/").properties[name] = value


def _matching(path: str, node: Node, pattern: Sequence[str]) -> Iterator[tuple[str, Node]]:
    """The nodes at and below `node` that fit `pattern`, each with its path; "" is the root's."""
    if not pattern or pattern[0] == "**":
        yield path, node
    for child in node.children if pattern else ():
        if pattern[0] == "**":
            yield from _matching(f"{path}/{child.name}", child, pattern)
        elif _fits(child.name, pattern[0]) or child.name.partition("@")[0] == pattern[0]:
            yield from _matching(f"{path}/{child.name}", child, pattern[1:])


def _copied(node: Node) -> Node:
    """A copy to edit; much faster than copy.deepcopy, as names and values cannot change."""
    return Node(node.name, dict(node.properties), [_copied(child) for child in node.children])


def _fits(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _memory_nodes(tree: Fdt) -> list[Node]:
    return [
        node
        for node in tree.root.children
        if fdt.text(node.properties.get("device_type")) == "memory" or node.name.partition("@")[0] == "memory"
    ]


def _cells(node: Node, default: tuple[int, int] = (_DEFAULT_CELLS, _DEFAULT_CELLS)) -> tuple[int, int]:
    """Address and size cells of `node`'s children."""
    found = []
    for name, fallback in zip(("#address-cells", "#size-cells"), default, strict=True):
        value = node.properties.get(name)
        count = fallback if value is None else _number(value)
        if not 1 <= count <= 2:
            raise _malformed(f"{node.name or '/'} {name}", f"{count}, it must be 1 or 2")
        found.append(count)
    return found[0], found[1]


def _number(value: bytes) -> int:
    return int.from_bytes(value, "big")


def _ranges(value: bytes, cells: tuple[int, int], name: str) -> list[Range]:
    address, size = 4 * cells[0], 4 * cells[1]
    if len(value) % (address + size):
        raise _malformed(f"{name} reg", f"{len(value)} bytes are no list of {address + size}-byte entries")
    found = []
    for at in range(0, len(value), address + size):
        start = _number(value[at : at + address])
        length = _number(value[at + address : at + address + size])
        if length:
            found.append(Range.sized(start, length, name))
    return found


def _malformed(what: str, problem: str) -> InputError:
    return InputError(
        f"{what}: {problem}" if what.startswith("the ") else f"device tree: {what}: {problem}",
        state="Nothing was sent.",
        fix="Check the ROM, and what --cmdline and --append give.",
    )
