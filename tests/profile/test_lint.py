"""What a check of a profile finds."""

import pytest
from edited_profiles import BACON, VIRT64, edited, problems

from hardboot import profile


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "page = 0x44000000",
            "page = 0x44100000",
            "hardboot.page: hardboot page 0x44100000-0x44101000 (4.0 KiB) overlaps reserved ramoops "
            "0x44100000-0x44200000 (1.0 MiB)",
        ),
        (
            "page = 0x44000000",
            "page = 0x43fff000",
            "hardboot.page: hardboot page 0x43fff000-0x44000000 (4.0 KiB) overlaps bootloader "
            "ramdisk-load 0x43000000-0x44000000 (16.0 MiB)",
        ),
        (
            "page = 0x44000000",
            "page = 0x80000000",
            "hardboot.page: hardboot page 0x80000000-0x80001000 (4.0 KiB) is not inside a bank of RAM",
        ),
        (
            "page = 0x44000000",
            "page = 0x44000800",
            "hardboot.page: hardboot page 0x44000800-0x44001800 (4.0 KiB) does not consist of whole pages"
            " of 4096 bytes",
        ),
        (
            "page_size = 0x1000",
            "page_size = 0x800",
            "hardboot.page: hardboot page 0x44000000-0x44000800 (2.0 KiB) does not consist of whole pages"
            " of 4096 bytes",
        ),
        (
            "start = 0x44100000",
            "start = 0x7ff80000",
            "reserved.ramoops: ramoops 0x7ff80000-0x80080000 (1.0 MiB) is not inside a bank of RAM",
        ),
        (
            'name = "u-boot",',
            'name = "qemu-dtb",',
            "bootloader.qemu-dtb: the name is used twice",
        ),
        (
            "0x41000000, size = 0x100000",
            "0x41000000, size = 0x1100000",
            "bootloader.header-load: header-load 0x41000000-0x42100000 (17.0 MiB) overlaps kernel-load "
            "0x42000000-0x42e00000 (14.0 MiB)",
        ),
        (
            "start = 0x40000000, size = 0x40000000",
            "start = 0x40000000, size = 0x40000800",
            "ram.bank0: bank0 0x40000000-0x80000800 (1.0 GiB) does not consist of whole pages of 4096 bytes",
        ),
        (
            "start = 0x40000000, size = 0x4",
            "start = 0xe0000000, size = 0x4",
            "ram.bank0: 0x120000000 is above 4 GiB, out of reach for 32-bit ARM",
        ),
        (
            '"hardboot.page" =',
            '"hardboot.pege" =',
            "evidence.hardboot.pege: there is no such fact",
        ),
        (
            '"hardboot.page" =',
            '"reset.value" =',
            "hardboot.page: [evidence] does not say where it was read",
        ),
        (
            '"image" = { status = "verified"',
            '"image" = { status = "unknown"',
            "image.base: [evidence] says it is unknown, but there is a value",
        ),
        (
            '"mem_min" =',
            '"presence" =',
            "mem_min: missing; if it is unknown, say so in [evidence], and how to find it",
        ),
        (
            '"mem_min" = { status = "unknown"',
            '"mem_min" = { status = "inferred"',
            "mem_min: [evidence] says it is inferred, but there is no value",
        ),
        (
            'host_abi = "direct"\n',
            "\n",
            "hardboot.host_abi: missing; if it is unknown, say so in [evidence], and how to find it",
        ),
        (
            'kind = "live"\n',
            "\n",
            "dtb.kind: missing; if it is unknown, say so in [evidence], and how to find it",
        ),
        (
            'host_abi = "direct"',
            'host_abi = "copy-dtb"',
            "hardboot.dtb_loc: host_abi copy-dtb needs it; if it is unknown, say so in [evidence]",
        ),
        (
            'host_abi = "direct"',
            'host_abi = "direct"\nkernel_loc = 0x41000000',
            "hardboot.kernel_loc: host_abi direct moves nothing there",
        ),
        (
            'method = "psci"',
            'method = "mmio"',
            "reset: method mmio needs address, and either value or set_bits",
        ),
        (
            "zreladdr = 0x40008000",
            "zreladdr = 0x8000",
            "kernel.zreladdr: 0x8000 is below phys_offset",
        ),
        (
            "boot = { path",
            "bott = { path",
            "partitions.boot: missing; if it is unknown, say so in [evidence], and how to find it",
        ),
        (
            "page = 0x44000000",
            "page = 0x43f00000",
            "hardboot.page: hardboot page 0x43f00000-0x43f01000 (4.0 KiB) overlaps 0x43000000, where boot"
            " images are loaded (image.ramdisk_offset)",
        ),
    ],
)
def test_the_check_finds_a_mistake(old: str, new: str, problem: str) -> None:
    assert problems(edited(old, old)) == []
    assert problem in problems(edited(old, new))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "page = 0x2f600000",
            "page = 0x22000000",
            "hardboot.page: hardboot page 0x22000000-0x22100000 (1.0 MiB) overlaps 0x22000000, where the "
            "host kernel moves the guest's (hardboot.kernel_loc)",
        ),
        (
            "page = 0x2f600000",
            "page = 0x02000000",
            "hardboot.page: hardboot page 0x02000000-0x02100000 (1.0 MiB) overlaps 0x2000000, where boot "
            "images are loaded (image.ramdisk_offset)",
        ),
        (
            "page = 0x2f600000",
            "page = 0x00000000",
            "hardboot.page: hardboot page 0x00000000-0x00100000 (1.0 MiB) overlaps 0x8000, where kernels "
            "unpack themselves (kernel.zreladdr)",
        ),
        (
            "page = 0x2f600000",
            "page = 0x38000000",
            "hardboot.page: hardboot page 0x38000000-0x38100000 (1.0 MiB) overlaps reserved param-mem "
            "0x38000000-0x38100000 (1.0 MiB)",
        ),
        (
            "page = 0x2f600000\n",
            "",
            "hardboot.page: [evidence] says it is verified, but there is no value",
        ),
        (
            "page = 0x2f600000",
            'models = [{ name = "a", page = 0x90000000, ram_end = 0x80000000 }]',
            "hardboot.models.a: 0x90000000 is not below its ram_end",
        ),
        (
            "page_size = 0x100000",
            'page_size = 0x100000\nmodels = [{ name = "a", page = 0x60000000, ram_end = 0x80000000 }]',
            "hardboot.page: stated both for the phone and for its models; keep one",
        ),
        (
            "kernel_loc = 0x22000000",
            "kernel_loc = 0x22000002",
            "hardboot.kernel_loc: 0x22000002 is not a multiple of 4",
        ),
        (
            "mem_min = 0x20000000",
            "mem_min = 0x20000800",
            "mem_min: 0x20000800 is not a multiple of 4096",
        ),
        (
            "mem_min = 0x20000000",
            "mem_min = 0x0",
            "mem_min: 0x0 is not above the start of RAM, 0x0; leave it out if there is no limit",
        ),
        (
            "address = 0xfc4ab000\n",
            "",
            "reset: method mmio needs address, and either value or set_bits",
        ),
        (
            "address = 0xfc4ab000",
            "address = 0xfc4ab001",
            "reset.address: 0xfc4ab001 is not a multiple of 4",
        ),
        (
            "value = 0x0\n",
            "value = 0x0\nset_bits = 0x1\n",
            "reset: method mmio needs address, and either value or set_bits",
        ),
        (
            'method = "mmio"',
            'method = "watchdog"',
            "reset: value and set_bits belong to method mmio",
        ),
        (
            'method = "mmio"\naddress = 0xfc4ab000\nvalue = 0x0',
            'method = "psci"\naddress = 0xfc4ab000',
            "reset: address belongs to method mmio or watchdog",
        ),
        (
            'method = "mmio"\naddress = 0xfc4ab000\nvalue = 0x0',
            'method = "watchdog"\naddress = 0xfc4ab002',
            "reset.address: 0xfc4ab002 is not a multiple of 4",
        ),
        (
            'arch = "arm"',
            'arch = "arm64"',
            "hardboot.host_abi: copy-dtb does not exist on arm64",
        ),
        (
            'kind = "section"',
            'kind = "none"',
            "dtb.kind: kind none goes with host_abi copy-atags or atags-in-r0, and only with these",
        ),
        (
            "[[0xc2, 0x10000]]",
            "[[0xc2, 0, 0x10000]]",
            "dtb.board_ids: they need msm_ids of two words each",
        ),
        (
            "[[0xc2, 0x10000]]",
            "[[0xc2, 1], [0xc2, 0, 1]]",
            "dtb.msm_ids: all entries must have the same number of words: 2, 3 or 4",
        ),
        (
            "[[8, 0, 0x3acf, 0xb],",
            "[[8, 0],",
            "dtb.board_ids: all entries must have the same number of words: 2 or 4",
        ),
        (
            "page = 0x2f600000",
            "page = 0x22f00000",
            "hardboot.page: hardboot page 0x22f00000-0x23000000 (1.0 MiB) overlaps 0x22000000, where the "
            "host kernel moves the guest's (hardboot.kernel_loc)",
        ),
        (
            "page = 0x2f600000",
            "page = 0x01e00000",
            "hardboot.page: hardboot page 0x01e00000-0x01f00000 (1.0 MiB) overlaps 0x1e00000, where the "
            "host kernel moves the tree (hardboot.dtb_loc)",
        ),
        (
            '"dtb.board_ids" =',
            '"dtb.kind" =',
            "dtb.board_ids: [evidence] does not say where it was read",
        ),
        (
            "value = 0x60000000",
            "value = 0x50000000",
            "evidence.reserved.ram-console: a conflict needs at least two different values",
        ),
        (
            'codenames = ["bacon", "A0001"]',
            'codenames = ["bacon", "bacon"]',
            "codenames: a codename is listed twice",
        ),
        (
            "phys_offset = 0x00000000",
            "phys_offset = 0x30000000",
            "hardboot.page: hardboot page 0x2f600000-0x2f700000 (1.0 MiB) is below the RAM that kernels use",
        ),
    ],
)
def test_the_check_finds_a_mistake_in_a_phone_with_an_older_patch(old: str, new: str, problem: str) -> None:
    assert problems(edited(old, old, BACON)) == []
    assert problem in problems(edited(old, new, BACON))


@pytest.mark.parametrize("value", ["0x0", "0x40000000"])
def test_a_mem_min_at_the_start_of_ram_is_a_mistake(value: str) -> None:
    found = edited('status = "emulated"', f'status = "emulated"\nmem_min = {value}')
    assert any("is not above the start of RAM, 0x40000000" in one for one in problems(found))


def test_a_codename_belongs_to_one_profile() -> None:
    other = edited('name = "virt-arm"', 'name = "virt-two"')
    assert "codenames: virt-arm already belongs to profile virt-arm" in problems(other, *profile.load_all())


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            'by-name/boot",',
            'by-name/boot_a",',
            "partitions.boot: /dev/block/by-name/boot_a ends in a slot; leave it out, both are meant",
        ),
        ("init_boot = {", "boot_b = {", "partitions.boot_b: boot has slots already, boot_b is one of them"),
    ],
)
def test_a_partition_with_slots_is_stated_once_and_without_them(old: str, new: str, problem: str) -> None:
    assert problems(edited(old, old, VIRT64)) == []
    assert problem in problems(edited(old, new, VIRT64))
