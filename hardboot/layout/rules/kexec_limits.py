"""Rules of kexec_load(2) and of the host kernel's buffer: number, size and form of the segments."""

from collections.abc import Iterator

from hardboot.base.memory import PAGE_SIZE
from hardboot.base.sizes import human_size
from hardboot.formats.trees.fdt import FDT_MAGIC
from hardboot.layout.boot_params import DTB
from hardboot.layout.rules.situation import Finding, Situation

SEGMENT_MAX = 16  # include/uapi/linux/kexec.h, KEXEC_SEGMENT_MAX


def segment_count(situation: Situation) -> Iterator[Finding]:
    """Refuse no segment, and more than kexec_load takes."""
    if not 1 <= len(situation.segments) <= SEGMENT_MAX:
        yield Finding(f"{len(situation.segments)} segments; kexec_load takes 1 to {SEGMENT_MAX}")


def page_aligned(situation: Situation) -> Iterator[Finding]:
    """Refuse segments that do not consist of whole pages."""
    for one in situation.segments:
        if one.addr % PAGE_SIZE or one.memsz % PAGE_SIZE or one.memsz <= 0:
            yield Finding(f"{one.extent} does not consist of whole pages of {PAGE_SIZE} bytes", (one.extent,))


def data_fits(situation: Situation) -> Iterator[Finding]:
    """Refuse segments with more data than memory."""
    for one in situation.segments:
        if len(one.data) > one.memsz:
            yield Finding(f"{len(one.data)} bytes of data do not fit into {one.extent}", (one.extent,))


def one_magic(situation: Situation) -> Iterator[Finding]:
    """Refuse a kernel or ramdisk that starts like a device tree.

    machine_kexec_prepare() takes the last segment that begins with the magic for the device tree.
    """
    for one in situation.segments:
        if one.name != DTB and bytes(one.data[:4]) == FDT_MAGIC.to_bytes(4, "big"):
            what = f"{one.name} starts like a device tree; the kernel would mistake it for the device tree"
            yield Finding(what, (one.extent,))


def half_of_ram(situation: Situation) -> Iterator[Finding]:
    """Refuse segments that take more than half of RAM.

    kernel/kexec_core.c sanity_check_segment_list(): EINVAL above half of the RAM the kernel manages.
    """
    total = sum(one.memsz for one in situation.segments)
    half = sum(bank.size for bank in situation.constraints.banks) // 2
    if total > half:
        yield Finding(
            f"the segments need {human_size(total)}; kexec takes at most half of RAM, {human_size(half)}"
        )


def buffer_size(situation: Situation) -> Iterator[Finding]:
    """Refuse segments that do not fit into the buffer where they wait for the reset."""
    buffer, total = situation.constraints.buffer, sum(one.memsz for one in situation.segments)
    if buffer is not None and total > buffer.range.size:
        yield Finding(f"the segments need {human_size(total)}, more than the {buffer}", (buffer,))
