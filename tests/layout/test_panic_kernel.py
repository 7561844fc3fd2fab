"""The plan of a panic kernel: wholly inside the memory set aside, whose start it takes for that of RAM."""

from dataclasses import replace

import pytest
from layout_guests import MIB, VIRT, guest, kernel
from layout_hosts import guest64, image

from hardboot import layout, profile
from hardboot.base.errors import RefusedError
from hardboot.base.memory import Range
from hardboot.layout import ExtentKind, Guest

VIRT64 = profile.load("virt-arm64")
MEMORY = Range(0x68000000, 0x6BE00000, "memory of the panic kernel")


def test_a_panic_kernel_is_placed_as_by_hand() -> None:
    # It unpacks to 0x68208000, which ends with its BSS at 0x69607588; the rest goes behind, at whole MiB.
    plan = layout.plan_panic_kernel(VIRT, guest(), MEMORY)
    assert {one.name: one.addr for one in plan.segments} == {
        "zImage": 0x69700000,
        "initrd": 0x69D00000,
        "dtb": 0x6A800000,
    }
    assert plan.flag == 0
    assert [(one.kind, one.range) for one in plan.extents] == [
        (ExtentKind.UNPACKED_KERNEL, Range(0x68203000, 0x69607588)),
        (ExtentKind.HEAP, Range(0x69C33000, 0x69C45000)),
    ]


CRASHKERNEL = (
    "Give crashkernel= without an address (crashkernel=64M), so that newer kernels choose one; or with a "
    "suitable address."
)


@pytest.mark.parametrize(
    ("who", "memory", "what", "fix"),
    [
        (
            guest(),
            Range(0x6A000000, 0x6E000000),
            "the memory set aside, 0x6a000000-0x6e000000 (64.0 MiB), does not start at a multiple of 128.0 "
            "MiB: the panic kernel would take another address for the start of RAM",
            CRASHKERNEL,
        ),
        (
            guest(tree=None),
            MEMORY,
            "a panic kernel must have a device tree",
            "Use an image that contains one.",
        ),
        (
            replace(guest(), kernel=image()),
            MEMORY,
            f"the ROM's kernel is for arm64, but {VIRT.title} (virt-arm) is arm",
            "Use a ROM made for this phone.",
        ),
        (
            replace(guest(), kernel=replace(kernel(), relocatable=False, zreladdr=0x40008000)),
            MEMORY,
            "this kernel always decompresses to 0x40008000, over the kernel that crashed",
            "Build the panic kernel with CONFIG_AUTO_ZRELADDR=y (CONFIG_ARM_PATCH_PHYS_VIRT=y).",
        ),
    ],
)
def test_a_kernel_that_cannot_be_a_panic_kernel_is_refused(
    who: Guest, memory: Range, what: str, fix: str
) -> None:
    with pytest.raises(RefusedError) as error:
        layout.plan_panic_kernel(VIRT, who, memory)
    assert (error.value.what, error.value.fix) == (what, fix)
    assert error.value.state == "Nothing was sent."


def test_an_arm64_panic_kernel_needs_no_certain_start_and_gets_its_tree_from_a_program() -> None:
    memory = Range(0x7AC00000, 0x7EA00000)
    plan = layout.plan_panic_kernel(VIRT64, guest64(image(2 * MIB, 3 * MIB, 0)), memory)
    assert {one.name: one.addr for one in plan.segments} == {
        "Image": 0x7AC00000,
        "initrd": 0x7AF00000,
        "dtb": 0x7B700000,
        "purgatory": 0x7B800000,
    }
    assert plan.entry == 0x7B800000
    assert plan.flag == 0


def test_too_little_memory_is_refused() -> None:
    message = "layout rule half-of-ram: the segments need 5.2 MiB; kexec takes at most half of RAM, 4.0 MiB"
    with pytest.raises(RefusedError) as error:
        layout.plan_panic_kernel(VIRT, guest(), Range(0x68000000, 0x68800000))
    assert error.value.what == message
