"""The status of a tree with another author's support that is broken, rejected in part or cannot work."""

from pathlib import Path

import kernel_trees as trees
import pytest
from status_trees import HEAD, MACHINE, MEMORY, RELOCATE, change, foreign, place, states

from hardboot.patches.status import status


def test_a_character_that_deceives_is_named_in_the_file_of_its_place(tmp_path: Path) -> None:
    tree = foreign(tmp_path)
    change(tree, MACHINE, "kexec_hardboot = 1;", "kexec_hardboot = 1; /* \u202e */")
    found = place(status(tree), "prepare")
    assert found.detail.endswith("U+202E RIGHT-TO-LEFT OVERRIDE (changes the direction of the text)")
    assert found.state == "foreign"


@pytest.mark.parametrize(
    ("name", "file", "old", "new", "detail"),
    [
        (
            "prepare",
            MACHINE,
            "\t\tkexec_hardboot = 1;\n",
            "\t\tkexec_hardboot = 1;\n +\n",
            "leftover line of a diff",
        ),
        (
            "prepare",
            MACHINE,
            "\t\tkexec_hardboot = 1;\n",
            "+\t\tkexec_hardboot = 1;\n",
            "leftover line of a diff",
        ),
        (
            "prepare",
            MACHINE,
            "hook();\n\t}\n",
            "hook();\n",
            "function at line 6 are unbalanced",
        ),
        ("prepare", MACHINE, "\tgo();", "<<<<<<< HEAD\n\tgo();", "leftover line of a diff"),
        ("load", "kernel/kexec.c", "flags)\n{", "flags)\n{\n@@ -1,3 +1,4 @@", "leftover line of a diff"),
        (
            "load",
            "kernel/kexec.c",
            "\t\timage->hard",
            "#ifdef X\n\t\timage->hard",
            "#if and #endif are unbalanced",
        ),
        ("relocation", MEMORY, "UL(0x3e9df000)", "UL(0x00000000)", "the page address is 0"),
        ("relocation", MEMORY, "#define KEXEC_HB", "/* #define KEXEC_HB", "is commented out"),
        ("relocation", MEMORY, "#define KEXEC_HB", "// #define KEXEC_HB", "is commented out"),
        (
            "relocation",
            MEMORY,
            "#define KEXEC_HB_PAGE_ADDR",
            "#define OTHER",
            "_ADDR is not defined",
        ),
        (
            "decompressor",
            HEAD,
            "=KEXEC_HB_PAGE_ADDR",
            "=0x3e9de000",
            "the page is 0x3e9de000, but the relocation",
        ),
        (
            "decompressor",
            HEAD,
            "=KEXEC_HB_PAGE_MAGIC",
            "=0x4a5db097",
            "the magic is 0x4a5db097, but the relocation",
        ),
        ("flag", "include/linux/kexec.h", " | KEXEC_HARDBOOT)", ")", "KEXEC_FLAGS"),
        (
            "flag",
            "include/uapi/linux/kexec.h",
            "#define KEXEC_ARCH",
            "#define KEXEC_UPDATE_ELFCOREHDR 0x00000004\n#define KEXEC_ARCH",
            "KEXEC_UPDATE_ELFCOREHDR has the same value",
        ),
    ],
)
def test_what_is_broken_is_told_with_its_line(
    tmp_path: Path, name: str, file: str, old: str, new: str, detail: str
) -> None:
    tree = foreign(tmp_path)
    change(tree, file, old, new)
    found = status(tree)
    broken = place(found, name)
    assert (found.overall, broken.state) == ("damaged", "damaged")
    assert detail in broken.detail
    assert broken.file in (file, RELOCATE)
    assert broken.line


def test_the_flag_of_older_kernels_is_damage_from_6_6_on(tmp_path: Path) -> None:
    tree = foreign(tmp_path)
    trees.write(tree, {}, (6, 5))
    assert status(tree).overall == "applied"
    trees.write(tree, {}, (6, 6))
    found = status(tree)
    assert (found.overall, place(found, "flag").detail) == (
        "damaged",
        "0x4 is KEXEC_UPDATE_ELFCOREHDR since Linux 6.6",
    )


def test_rejected_hunks_are_damage_and_a_backup_is_only_told(tmp_path: Path) -> None:
    tree = foreign(tmp_path)
    (tree / f"{MACHINE}.orig").write_text("before\n")
    found = status(tree)
    assert (found.overall, place(found, "prepare").detail) == ("applied", f"patch(1) left {MACHINE}.orig")
    (tree / f"{HEAD}.rej").write_text("about something else\n")
    assert status(tree).overall == "applied"
    (tree / f"{HEAD}.rej").write_text("+ KEXEC_HARDBOOT\n")
    found = status(tree)
    assert (found.overall, place(found, "decompressor").file) == ("damaged", f"{HEAD}.rej")


def test_a_rejected_hunk_is_told_where_nothing_else_is(tmp_path: Path) -> None:
    tree = foreign(tmp_path, "decompressor")
    (tree / f"{HEAD}.rej").write_text("+ KEXEC_HARDBOOT\n")
    found = status(tree)
    assert (found.overall, states(found)["decompressor"]) == ("damaged", "damaged")


def test_what_is_whole_but_cannot_work_is_told(tmp_path: Path) -> None:
    tree = foreign(tmp_path)
    change(tree, HEAD, "\t.section .start\nstart:\n", "")
    (tree / HEAD).write_text((tree / HEAD).read_text() + "start:\n")
    change(tree, "arch/arm/mach-msm/board.c", "0x3e9e0000", "0x08000000")
    text = (tree / RELOCATE).read_text().replace("\tldr r2, kexec_hardboot\n", "")
    (tree / RELOCATE).write_text("\tldr r2, kexec_hardboot\n" + text)
    found = status(tree)
    assert found.overall == "applied"
    assert "so it never runs" in place(found, "decompressor").detail
    assert "resets before the segments are copied" in place(found, "relocation").detail
    assert place(found, "reservation").detail == "it reserves 0x7fff000, but the page is at 0x3e9df000"


@pytest.mark.parametrize("value", ["UL()", "UL(TODO)", "()", "0x????????", "YOUR_ADDRESS"])
def test_a_page_without_an_address_is_damaged(tmp_path: Path, value: str) -> None:
    tree = foreign(tmp_path)
    change(tree, MEMORY, "UL(0x3e9df000)", value)
    found = place(status(tree), "relocation")
    assert (found.state, found.file) == ("damaged", MEMORY)
    assert f"has no address: {value}" in found.detail
