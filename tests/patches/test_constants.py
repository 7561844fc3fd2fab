"""The page address and the magic of a tree, worked out from headers, assembly and configurations."""

from pathlib import Path

import kernel_trees as trees
import pytest

from hardboot.patches.candidates import Candidates, PlaceFinding
from hardboot.patches.constants import Constants, evaluate, hex_list
from hardboot.patches.series import Arch
from hardboot.patches.source import SourceFile
from hardboot.patches.tree import Tree

MEMORY = "arch/arm/mach-msm/include/mach/memory.h"
RELOCATE = "arch/arm/kernel/relocate_kernel.S"
HEAD = "arch/arm/boot/compressed/head.S"
KEXEC = "arch/arm/include/asm/kexec.h"
USES = "a:\n\tldr r3, =KEXEC_HB_PAGE_ADDR\n"


def constants(folder: Path, files: dict[str, str], arch: Arch = "arm") -> Constants:
    root = trees.write(folder / "linux", {"Kconfig": "", f"arch/{arch}/Kconfig": "", **files})
    return Constants(Candidates(Tree(root), arch))


def assembly(text: str, path: str = HEAD) -> SourceFile:
    return SourceFile(path, text.encode())


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0x3e9df000", 0x3E9DF000),
        ("0X10", 0x10),
        ("4096", 4096),
        ("UL(0x08000000) - SZ_1M", 0x7F00000),
        ("(0x10 + 0x20)", 0x30),
        ("0x40 - 0x10 - 0x20", 0x10),
        ("0x100 - SZ_4K + SZ_2G", 0x100 - 4096 + (2 << 30)),
        ("SZ_512K", 512 << 10),
        ("_AC(0x10, UL)", None),
        ("(phys_addr_t)0x10", 0x10),
        ("0x10UL", 0x10),
        ("0x10ULL", 0x10),
        ("16U", 16),
        ('"0x10"', 0x10),
        (" 0x10 ", 0x10),
        ("- 0x10", -0x10),
        ("PHYS_OFFSET + 0x10", None),
        ("0x10 * 2", None),
        ("0xfffffffff0000000f", None),
        ("12345678901234567890", None),
        ("", None),
    ],
)
def test_sums_of_constants_are_evaluated(text: str, number: int | None) -> None:
    assert evaluate(text) == number


def test_addresses_are_listed_in_order() -> None:
    assert hex_list([0x20, 0x1000, 0x3]) == "0x3 or 0x20 or 0x1000"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (MEMORY, "#define KEXEC_HB_PAGE_ADDR UL(0x3e9df000)\n"),
        ("arch/arm/plat-x/include/mach/memory.h", "#define KEXEC_HB_PAGE_ADDR 0x3e9df000\n"),
        (KEXEC, " # define KEXEC_HARDBOOT_PAGE 0x3e9df000 /* page */\n"),
        ("arch/arm/include/asm/memory.h", "#define KEXEC_HARDBOOT_PAGE_ADDR\t(0x3e9df000)\n"),
        ("include/linux/kexec.h", "#define KEXEC_HB_PAGE_ADDR 0x3e9e0000 - SZ_4K\n"),
        (RELOCATE, "#define KEXEC_HB_PAGE_ADDR 0x3e9df000\n"),
        (HEAD, "#define KEXEC_HB_PAGE_ADDR 0x3e9df000\n"),
    ],
)
def test_the_page_is_defined_in_a_header_or_in_the_assembly(tmp_path: Path, path: str, text: str) -> None:
    assert constants(tmp_path, {path: text}).pages == {0x3E9DF000}


def test_a_page_that_is_an_option_has_the_values_of_the_configurations(tmp_path: Path) -> None:
    found = constants(
        tmp_path,
        {
            MEMORY: "#define KEXEC_HB_PAGE_ADDR UL(CONFIG_KEXEC_HB_PAGE)\n",
            KEXEC: "#define KEXEC_HB_PAGE_ADDR PHYS_OFFSET\n",
            ".config": "CONFIG_KEXEC_HB_PAGE=0x1000\nCONFIG_KEXEC_HB_PAGE_X=0x5000\n",
            "arch/arm/configs/a_defconfig": "CONFIG_KEXEC_HB_PAGE=0x2000\n",
            "arch/arm/configs/b_defconfig": "CONFIG_OTHER=0x3000\n",
        },
    )
    assert found.pages == {0x1000, 0x2000}


@pytest.mark.parametrize("text", ["a:\n", "ldr r3, =CONFIG_KEXEC_HARDBOOT_PAGE\n", "ldr r3, =0x1000\n"])
def test_an_address_that_is_no_macro_has_no_problem(tmp_path: Path, text: str) -> None:
    assert constants(tmp_path, {}).page_problem(assembly(text)) is None


@pytest.mark.parametrize(
    ("files", "finding"),
    [
        ({MEMORY: "#define KEXEC_HB_PAGE_ADDR 0x1000\n"}, None),
        ({MEMORY: "#define KEXEC_HB_PAGE_ADDR PHYS_OFFSET\n"}, None),
        (
            {MEMORY: "#define KEXEC_HB_PAGE_ADDR 0x1000\n", KEXEC: "#define KEXEC_HB_PAGE_ADDR 0\n"},
            None,
        ),
        (
            {KEXEC: "\n#define KEXEC_HB_PAGE_ADDR UL(0x0)\n"},
            PlaceFinding(KEXEC, 2, "the page address is 0"),
        ),
        (
            {MEMORY: "\n\n/* #define KEXEC_HB_PAGE_ADDR 0x1000 */\n"},
            PlaceFinding(MEMORY, 3, "KEXEC_HB_PAGE_ADDR is commented out"),
        ),
        ({}, PlaceFinding(HEAD, 2, "KEXEC_HB_PAGE_ADDR is not defined")),
        (
            {"arch/arm/Kconfig": 'source "../mediatek/Kconfig"\n'},
            PlaceFinding(
                HEAD,
                2,
                note="KEXEC_HB_PAGE_ADDR is not defined in this tree, which needs files outside it",
            ),
        ),
        (
            {"arch/arm/Kconfig": 'source "mediatek/Kconfig"\n'},
            PlaceFinding(HEAD, 2, "KEXEC_HB_PAGE_ADDR is not defined"),
        ),
    ],
)
def test_a_macro_without_a_good_value_is_a_problem(
    tmp_path: Path, files: dict[str, str], finding: PlaceFinding | None
) -> None:
    assert constants(tmp_path, files).page_problem(assembly(USES)) == finding


@pytest.mark.parametrize(
    ("writer", "reader", "damage"),
    [
        ("ldr r3, =0x11111000\n", "ldr r3, =0x11111000\n", ""),
        ("ldr r3, =KEXEC_HB_PAGE_ADDR\n", "ldr r3, =0x11111000\n", ""),
        (
            "ldr r3, =KEXEC_HB_PAGE_ADDR\n",
            "\nldr r4, =0x4a5db007\nldr r3, =(0x22222000)\n",
            "the page is 0x22222000, but the relocation code has 0x11111000",
        ),
        (
            "ldr r4, =KEXEC_HARDBOOT_MAGIC\n",
            "\nldr r4, =0x4a5db097\n",
            "the magic is 0x4a5db097, but the relocation code has 0x4a5db007",
        ),
        ("ldr r4, =0x4a5db012\n", "\nldr r4, =KEXEC_HB_OTHER_MAGIC\n", ""),
        (
            "ldr r4, =KEXEC_HARDBOOT_MAGIC\n",
            "\nldr r4, =KEXEC_HB_OTHER_MAGIC\n",
            "the magic is 0x4a5db012, but the relocation code has 0x4a5db007",
        ),
        ("mov r0, r0\n", "\nldr r4, =0x4a5db097\n", ""),
    ],
)
def test_page_and_magic_of_the_reader_are_those_of_the_writer(
    tmp_path: Path, writer: str, reader: str, damage: str
) -> None:
    files = {
        MEMORY: "#define KEXEC_HB_PAGE_ADDR 0x11111000\n",
        KEXEC: "#define KEXEC_HARDBOOT_MAGIC 0x4a5db007\n",
        "include/linux/kexec_hardboot.h": "#define KEXEC_HB_OTHER_MAGIC\t(0x4a5db012)\n",
        RELOCATE: writer,
    }
    wanted = PlaceFinding(HEAD, 2, damage) if damage else None
    assert constants(tmp_path, files).reader_problem(assembly(reader)) == wanted


def test_without_a_writer_a_reader_has_no_problem(tmp_path: Path) -> None:
    assert constants(tmp_path, {}).reader_problem(assembly("ldr r4, =0x4a5db097\n")) is None


def test_a_magic_may_be_defined_in_the_assembly_itself(tmp_path: Path) -> None:
    text = "#define KEXEC_HB_PAGE_MAGIC 0x4a5db097\n\tldr r4, =KEXEC_HB_PAGE_MAGIC\n"
    found = constants(tmp_path, {RELOCATE: "ldr r4, =0x4a5db007\n", HEAD: text})
    problem = found.reader_problem(assembly(text))
    assert problem == PlaceFinding(HEAD, 1, "the magic is 0x4a5db097, but the relocation code has 0x4a5db007")
