"""Rules about what the kernel is given: ramdisk, device tree or ATAGS, command line."""

from collections.abc import Iterator

from hardboot.layout.boot_params import ATAGS, ATAGS_BELOW, DTB
from hardboot.layout.rules.situation import Finding, Situation, leaves


def cmdline_length(situation: Situation) -> Iterator[Finding]:
    """Refuse a command line that the kernel would cut off."""
    length, size = len(situation.constraints.cmdline), situation.constraints.cmdline_size
    if length >= size:
        yield Finding(f"the command line has {length} bytes; this phone's kernels read at most {size - 1}")


def dtb_size(situation: Situation) -> Iterator[Finding]:
    """Refuse a device tree larger than the kernel maps, or across the border of a block it maps."""
    segment, needs = situation.named(DTB), situation.constraints.kernel
    if segment is None or situation.params is None:
        return
    if len(segment.data) > needs.dtb_limit:
        yield Finding(
            f"the device tree has {len(segment.data)} bytes; the kernel maps {needs.dtb_limit}",
            (segment.extent,),
        )
    block = needs.dtb_block(situation.params.range)
    if block:
        yield from leaves(situation.params, block)


def atags_place(situation: Situation) -> Iterator[Finding]:
    """Refuse ATAGS that are not where the host kernel looks for them."""
    kernel, atags = situation.named(situation.constraints.kernel.name), situation.named(ATAGS)
    if kernel and atags and atags.addr != kernel.addr - ATAGS_BELOW:
        yield Finding(
            f"{atags.extent} is not {ATAGS_BELOW:#x} bytes below {kernel.extent}, where the host kernel "
            "looks for it",
            (atags.extent, kernel.extent),
        )


def initrd_lowmem(situation: Situation) -> Iterator[Finding]:
    """Refuse a ramdisk that the kernel cannot reach."""
    place, kernel = situation.initrd, situation.kernel
    if place and kernel:
        yield from leaves(place, situation.constraints.kernel.initrd_zone(kernel.range.start), kernel)


def dtb_lowmem(situation: Situation) -> Iterator[Finding]:
    """Refuse a device tree or ATAGS that the kernel cannot reach."""
    place, kernel = situation.params, situation.kernel
    if place and kernel:
        yield from leaves(place, situation.constraints.kernel.dtb_zone(kernel.range.start), kernel)
