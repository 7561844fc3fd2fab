"""What the planner is given for a random case: profile, ROM, memory map."""

from functools import cache

import msgspec
from layout_cases import CMDLINE, MAX_KERNEL, Case, Image

from hardboot import devicetree, profile
from hardboot.base.memory import Range
from hardboot.formats.kernels import atags
from hardboot.formats.kernels.arm64image import Arm64Image
from hardboot.formats.kernels.zimage import ZImage
from hardboot.formats.trees.fdt import Fdt, Node
from hardboot.layout import Arm64Kernel, Guest, LiveMemory
from hardboot.profile import Profile, Span
from hardboot.profile.schema import Buffer, KernelAddresses

_ZEROS = memoryview(bytes(MAX_KERNEL))


@cache
def _tree(size: int) -> Fdt:
    return Fdt(Node("", {"padding": bytes(size)}))


@cache
def _virt() -> Profile:
    return profile.load("virt-arm")


def phone(case: Case) -> Profile:
    """Return the profile of a case."""
    virt = _virt()
    hardboot = msgspec.structs.replace(
        virt.hardboot,
        page=case.page[0],
        page_size=case.page[1] - case.page[0],
        host_abi=case.abi,
        kernel_loc=case.kernel_loc,
        dtb_loc=case.dtb_loc,
        buffer=case.buffer and Buffer(start=case.buffer[0], size=case.buffer[1] - case.buffer[0]),
    )
    return msgspec.structs.replace(
        virt,
        arch="arm64" if isinstance(case.kernel, Image) else "arm",
        mem_min=case.mem_min,
        kernel=KernelAddresses(phys_offset=case.base, params=case.params, zreladdr=case.zreladdr),
        hardboot=hardboot,
        dtb=msgspec.structs.replace(virt.dtb, kind="none" if case.atags else "live"),
        reserved_spans=(),
        bootloader_spans=tuple(
            Span(name=f"lost{at}", start=start, size=end - start) for at, (start, end) in enumerate(case.lost)
        )
        or (Span(name="nothing", start=1 << 40, size=1),),
    )


def guest(case: Case) -> Guest:
    """Return the ROM of a case."""
    kernel: ZImage | Arm64Kernel
    unpacked = None
    if isinstance(case.kernel, Image):
        one = case.kernel
        header = Arm64Image(
            one.text, one.total, big_endian=False, page_size="4K", anywhere=one.anywhere, efi=False
        )
        kernel = Arm64Kernel(_ZEROS[: one.size], header)
    else:
        stated = case.kernel
        unpacked = stated.unpacked
        kernel = ZImage(
            kernel=_ZEROS[: stated.size],
            size=stated.size,
            edata_size=stated.edata,
            bss_size=stated.bss,
            text_offset=stated.text,
            malloc_size=stated.malloc,
            relocatable=stated.where == "auto",
            zreladdr=stated.where if isinstance(stated.where, int) else None,
        )
    tags = (atags.Tag(atags.CORE, bytes(12)), atags.Tag(atags.SERIAL, bytes(case.tree // 8 // 4 * 4)))
    return Guest(
        kernel=kernel,
        ramdisk=_ZEROS[: case.ramdisk] if case.ramdisk <= len(_ZEROS) else bytes(case.ramdisk),
        tree=None if case.atags else _tree(case.tree),
        cmdline=CMDLINE,
        atags=tags if case.atags else None,
        unpacked_size=unpacked,
    )


def params_size(case: Case, who: Guest, phone_: Profile) -> int:
    """Return the bytes of device tree or ATAGS as the guest gets them."""
    initrd = Range.sized(0, case.ramdisk) if case.ramdisk else None
    if who.atags is not None:
        return len(atags.build(atags.adapt(who.atags, cmdline=CMDLINE.encode(), initrd=initrd)))
    assert who.tree
    return len(devicetree.adapt(who.tree, cmdline=CMDLINE, initrd=initrd, live=None, profile=phone_))


def live(case: Case) -> LiveMemory:
    """Return the memory map of a case."""
    return LiveMemory(
        tuple(Range(start, end) for start, end in case.banks),
        reserved=tuple(Range(start, end, "reserved") for start, end in case.reserved),
    )
