"""What kernel logs say of their RAM, in the forms of real phones."""

from pathlib import Path

import pytest
from copied_files import drafted, folder

from hardboot.base.memory import Range
from hardboot.suggest import kernel_log

# The forms of NVIDIA's arch/arm/mach-tegra/common.c; the numbers are our own.
TEGRA = """\
<4>[    0.000000] Machine: grouper
<6>[    0.000000] Tegra reserved memory:
<6>[    0.000000] LP0:                    9f826000 - 9f827fff
<6>[    0.000000] Bootloader framebuffer: 9f82a000 - 9fffbfff
<6>[    0.000000] Bootloader framebuffer2: 00000000 - 00000000
<6>[    0.000000] Framebuffer:            ae500000 - aedfffff
<6>[    0.000000] 2nd Framebuffer:        00000000 - ffffffff
<6>[    0.000000] Carveout:               afe00000 - bfdfffff
<6>[    0.000000] Vpr:                    00000000 - 00000000
<6>[    0.000000] SMMU:                   90000000 - 90ffffff
<4>[    0.000000] Memory policy: ECC disabled, Data cache writealloc
<6>[    0.000000]     Later: 80000000 - 80ffffff
"""


def test_what_tegras_kernels_reserve_is_read() -> None:
    assert list(kernel_log.reserved_memory(TEGRA)) == [
        Range(0x9F826000, 0x9F828000, "tegra-LP0"),
        Range(0x9F82A000, 0x9FFFC000, "tegra-Bootloader framebuffer"),
        Range(0xAE500000, 0xAEE00000, "tegra-Framebuffer"),
        Range(0xAFE00000, 0xBFE00000, "tegra-Carveout"),
    ]
    bare = "".join(f"{line.partition('] ')[2]}\n" for line in TEGRA.splitlines())
    assert list(kernel_log.reserved_memory(bare)) == list(kernel_log.reserved_memory(TEGRA))


def test_an_older_tegra_kernel_ends_an_empty_range_before_its_start() -> None:
    lines = "Tegra reserved memory:\nLP0: 1fbed000 - 1fbeefff\nBootloader framebuffer: 00000000 - ffffffff\n"
    found = list(kernel_log.reserved_memory(f"{lines}Framebuffer: 2e800000 - 2e7fffff\n"))
    assert found == [Range(0x1FBED000, 0x1FBEF000, "tegra-LP0")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # franciscofranco/bacon#3; the end is exclusive, arch/arm/mach-msm/memory.c
        (
            "[    0.000000] Node qcom,mdss_fb_primary memblock_reserve memory 3200000-5000000",
            [Range(0x3200000, 0x5000000, "qcom,mdss_fb_primary")],
        ),
        ("Node qcom,msm-mem-hole removed memory 7b00000-ff00000", []),  # no System RAM any more
        ("Node x memblock_reserve memory 5000000-5000000", []),
        ("Node x memblock_reserve memory 5000000-3200000", []),
        # msm8916-mainline/linux#310
        (
            "[    0.000000] OF: reserved mem: 0x0000000086300000..0x00000000863fffff (1024 KiB) nomap "
            "non-reusable smem@86300000",
            [Range(0x86300000, 0x86400000, "smem@86300000")],
        ),
        (
            "OF: reserved mem: 0x00000000be000000..0x00000000bfffffff (32768 KiB) map reusable linux,cma",
            [],  # ordinary memory for whoever asks
        ),
        (
            "Reserved memory: reserved region for node 'modem@0x5a00000': base 0x05a00000, size 33 MiB",
            [Range(0x5A00000, 0x7B00000, "modem@0x5a00000")],
        ),
        ("reserved region for node 'small': base 0x05a00000, size 0 MiB", []),
        ("cma: Found adsp_region, memory base 0x00000000, size 63 MiB, limit 0xffffffff", []),
    ],
)
def test_a_line_about_reserved_memory_is_read(line: str, expected: list[Range]) -> None:
    assert list(kernel_log.reserved_memory(f"x\n{line}\ny\n")) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # drivers/staging/android/ram_console.c prints with %zx
        (
            "<6>[    5.241530] ram_console: got buffer at 2e400000, size 100000",
            [Range(0x2E400000, 0x2E500000)],
        ),
        ("[K] ram_console: got buffer at 8b000000, size e0000", [Range(0x8B000000, 0x8B0E0000)]),  # HTC
        # MediaTek's is a virtual address
        ("<3>[    0.1] ram_console: buffer start: 0xffffff8009c16000, size: 0x800", []),
        ("ram_console: no valid data in buffer (sig = 0x00001400)", []),
        ("Initialized persistent memory from 88d00000-88dfffff", [Range(0x88D00000, 0x88E00000)]),
        ("ramoops: attached 0x100000@0x3e9e0000, ecc: 0/0", [Range(0x3E9E0000, 0x3EAE0000)]),
        ("something else: 0x100000@0x3e9e0000", []),
    ],
)
def test_a_line_about_log_memory_is_read(line: str, expected: list[Range]) -> None:
    assert [one for one in kernel_log.log_memory(f"x\n{line}\ny\n") if one.size] == expected


def test_ramoops_that_a_tree_reserves_is_found_in_the_log(tmp_path: Path) -> None:
    iomem = "00000000-7fffffff : System RAM\n  00008000-00ffffff : Kernel code\n"
    # sonyxperiadev/kernel#416
    log = "<6>[    0.000000] Node android,ramoops-hole memblock_reserve memory 3e9e0000-3eae0000\n"
    made = drafted(folder(tmp_path, "z", "unknown", iomem=iomem, dmesg=log)).profile
    assert Range(0x3E9E0000, 0x3EAE0000) in made.reserved
    assert made.hardboot.page == 0x3E9DF000
    hole = "<6>[    0.000000] Node kexec_hardboot-hole memblock_reserve memory 3e9df000-3e9e0000\n"
    made = drafted(folder(tmp_path, "z", "unknown", iomem=iomem, dmesg=log + hole)).profile
    assert (made.hardboot.page, made.trust("hardboot.page")) == (0x3E9DF000, "verified")


def test_a_phone_with_tegra_and_atags_is_drafted_from_its_log(tmp_path: Path) -> None:
    iomem = (
        "80000000-ae4fffff : System RAM\n  80008000-80ffffff : Kernel code\naee00000-afdfffff : System RAM\n"
    )
    log = TEGRA + "<6>[    5.241530] ram_console: got buffer at a0000000, size 100000\n"
    made = drafted(folder(tmp_path, "other", "tegra3", iomem=iomem, dmesg=log, page="")).profile
    assert (made.hardboot.host_abi, made.dtb.kind) == ("copy-atags", "none")
    names = {one.name: one for one in made.reserved}
    assert names["tegra-LP0"] == Range(0x9F826000, 0x9F828000)
    assert names["ramoops"] == Range(0xA0000000, 0xA0100000)
    assert "tegra-Carveout" not in names, "it is no System RAM"
    assert made.hardboot.page == 0x9FFFF000, "directly below the RAM console"


def test_many_lines_are_cut_off(tmp_path: Path) -> None:
    iomem = "00000000-7fffffff : System RAM\n"
    log = "".join(f"Node n{n} memblock_reserve memory {n << 16:x}-{(n << 16) + 4096:x}\n" for n in range(500))
    made = drafted(folder(tmp_path, "z", "unknown", iomem=iomem, dmesg=log)).profile
    assert len(made.reserved) == 128
