"""Damage: what a failed patch leaves in a file, and code that is complete but cannot work."""

from pathlib import Path

import kernel_trees as trees
import pytest

from hardboot.patches.candidates import Candidates, PlaceFinding
from hardboot.patches.constants import Constants
from hardboot.patches.damage import find_damage, leftovers, rejected
from hardboot.patches.series import Arch, Place
from hardboot.patches.tree import Tree

FLAG = "include/uapi/linux/kexec.h"
MASK = "include/linux/kexec.h"
RELOCATE = "arch/arm/kernel/relocate_kernel.S"
HEAD = "arch/arm/boot/compressed/head.S"


def candidates(
    folder: Path, files: dict[str, str], version: tuple[int, int] = (3, 10), arch: Arch = "arm"
) -> Candidates:
    root = trees.write(folder / "linux", {"Kconfig": "", "arch/arm/x": "", **files}, version)
    return Candidates(Tree(root), arch)


def left(folder: Path, text: str, path: str = "kernel/a.c") -> PlaceFinding | None:
    own = candidates(folder, {path: text})
    file = own.file(path)
    assert file
    return leftovers(own, file)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("<<<<<<< HEAD", "'<<<<<<< HEAD'"),
        ("=======", "'======='"),
        (">>>>>>> theirs", "'>>>>>>> theirs'"),
        ("@@ -1,3 +1,4 @@", "'@@ -1,3 +1,4 @@'"),
        ("diff --git a/f b/f", "'diff --git a/f b/f'"),
        ("--- a/f", "'--- a/f'"),
        ("+++ b/f", "'+++ b/f'"),
        ("+", "'+'"),
        (" -\t", "'-'"),
        ("-#endif", "'-#endif'"),
        ("+ #endif", "'+ #endif'"),
        ("+\tint a;" + "b" * 40, repr("+\tint a;" + "b" * 22)),
    ],
)
def test_a_line_of_a_diff_is_left_over(tmp_path: Path, line: str, shown: str) -> None:
    for name in ("a.c", "a.h", "a.S", "a.dts", "a.dtsi"):
        if name == "a.S" and line.startswith("@"):
            continue  # a comment there
        found = left(tmp_path, f"x\n{line}\ny\n", f"kernel/{name}")
        assert found == PlaceFinding(f"kernel/{name}", 2, f"leftover line of a diff: {shown}")
    assert left(tmp_path, f"x\n{line}\ny\n", "kernel/a.txt") is None


@pytest.mark.parametrize(
    "line",
    [
        "<<<<<<<HEAD",
        "======== x",
        "\t+ b",
        "  + b",
        "+b",
        "-x",
        "- 1",
        "/*\n+\n*/",
        "\t-",
        "--- f",
    ],
)
def test_what_a_compiler_takes_is_not_left_over(tmp_path: Path, line: str) -> None:
    assert left(tmp_path, f"x\n{line}\n") is None


def test_unbalanced_conditionals_are_damage(tmp_path: Path) -> None:
    assert left(tmp_path, "#if A\n#endif\n") is None
    wrong = "#if and #endif are unbalanced"
    assert left(tmp_path, "\n#ifdef A\n") == PlaceFinding("kernel/a.c", 1, wrong)
    assert left(tmp_path, "#endif\n", "a.dtsi") == PlaceFinding("a.dtsi", 1, wrong)
    assert left(tmp_path, "#if A\n", "Kconfig") is None


def test_unbalanced_braces_are_damage_in_functions_that_name_the_feature(tmp_path: Path) -> None:
    function = "int f(void)\n{{\n\t{}(a) {{\n}}\n"
    wrong = "the braces of the function at line 1 are unbalanced"
    assert left(tmp_path, function.format("hardboot")) == PlaceFinding("kernel/a.c", 1, wrong)
    assert left(tmp_path, function.format("hardboot"), "a.h") == PlaceFinding("a.h", 1, wrong)
    assert left(tmp_path, function.format("hardboot"), "a.S") is None
    assert left(tmp_path, function.format("other")) is None


def test_three_faults_of_a_file_are_shown(tmp_path: Path) -> None:
    found = left(tmp_path, "a\n+\n-\n+\n+\n#if A\n")
    diff = "leftover line of a diff: '{}'"
    assert found == PlaceFinding("kernel/a.c", 2, "; ".join(map(diff.format, "+-+")))
    found = left(tmp_path, "a\n+\n#if A\n")
    assert found == PlaceFinding("kernel/a.c", 2, f"{diff.format('+')}; #if and #endif are unbalanced")


def test_rejected_hunks_of_the_feature_are_damage(tmp_path: Path) -> None:
    own = candidates(tmp_path, {"a.c": "", "a.c.rej": "+ hardboot\n", "b.c.rej": "+ other\n"})
    finding = PlaceFinding("a.c.rej", 1, "patch(1) rejected hunks")
    file = own.file("a.c")
    assert file
    assert rejected(own, "a.c") == leftovers(own, file) == finding
    assert (rejected(own, "b.c"), rejected(own, "c.c")) == (None, None)


# Code that cannot work


def damage(
    folder: Path, place: Place, files: dict[str, str], path: str, version: tuple[int, int] = (3, 10)
) -> PlaceFinding:
    own = candidates(folder, files, version)
    return find_damage(own, Constants(own), place, PlaceFinding(path, 7))


@pytest.mark.parametrize(
    ("flags", "version", "expected"),
    [
        ("#define KEXEC_HARDBOOT 0x4\n", (6, 5), ""),
        ("#define KEXEC_HARDBOOT (0x00000004)\n", (6, 6), "0x4 is KEXEC_UPDATE_ELFCOREHDR since Linux 6.6"),
        ("#define KEXEC_HARDBOOT 4\n", (6, 12), "0x4 is KEXEC_UPDATE_ELFCOREHDR since Linux 6.6"),
        ("#define KEXEC_HARDBOOT 0x8000\n", (6, 12), ""),
        (
            "#define KEXEC_HARDBOOT 0x2\n#define KEXEC_PRESERVE 0x00000002\n",
            (3, 10),
            "KEXEC_PRESERVE has the same value, 0x2",
        ),
        ("#define KEXEC_HARDBOOT 0x2\n#define KEXEC_ARCH_X 0x2\n#define KEXEC_FILE_X 0x2\n", (3, 10), ""),
        ("#define KEXEC_HARDBOOT 0x2\n#define KEXEC_HARDBOOT_X 0x2\n", (3, 10), ""),
        ("#define KEXEC_HARDBOOT FLAG\n#define KEXEC_PRESERVE 0x2\n", (6, 12), ""),
    ],
)
def test_a_flag_has_a_value_of_its_own(
    tmp_path: Path, flags: str, version: tuple[int, int], expected: str
) -> None:
    assert damage(tmp_path, "flag", {FLAG: flags}, FLAG, version) == PlaceFinding(FLAG, 7, expected)


def test_the_flag_has_its_other_meaning_from_the_very_first_6_6_on(tmp_path: Path) -> None:
    own = candidates(tmp_path, {FLAG: "#define KEXEC_HARDBOOT 0x4\n"})
    (own.tree.root / "Makefile").write_text("VERSION = 6\nPATCHLEVEL = 6\nSUBLEVEL = 0\n")
    found = find_damage(own, Constants(own), "flag", PlaceFinding(FLAG, 1))
    assert found.damage == "0x4 is KEXEC_UPDATE_ELFCOREHDR since Linux 6.6"


@pytest.mark.parametrize(
    ("mask", "line"),
    [
        ("#define KEXEC_FLAGS (KEXEC_ON_CRASH | KEXEC_HARDBOOT)\n", 0),
        ("#define KEXEC_FLAGS (KEXEC_ON_CRASH | \\\n\tKEXEC_HARDBOOT)\n", 0),
        ("#define KEXEC_FLAGS 1\n#define KEXEC_FLAGS KEXEC_HARDBOOT\n", 0),
        ("\n#define KEXEC_FLAGS (KEXEC_ON_CRASH)\nKEXEC_HARDBOOT\n", 2),
        ("#define KEXEC_FLAGS_X 1\n", 0),
    ],
)
def test_the_flag_is_in_the_mask_of_legal_flags(tmp_path: Path, mask: str, line: int) -> None:
    found = damage(tmp_path, "flag", {FLAG: "#define KEXEC_HARDBOOT 0x4\n", MASK: mask}, FLAG)
    wrong = PlaceFinding(MASK, line, "KEXEC_FLAGS does not include the flag")
    assert found == (wrong if line else PlaceFinding(FLAG, 7))


def test_flags_matter_to_the_flag_only(tmp_path: Path) -> None:
    files = {FLAG: "#define KEXEC_HARDBOOT 0x4\n"}
    assert damage(tmp_path, "kimage", files, FLAG, (6, 6)) == PlaceFinding(FLAG, 7)


@pytest.mark.parametrize("place", ["relocation", "decompressor"])
def test_page_and_magic_are_checked_in_the_assembly(tmp_path: Path, place: Place) -> None:
    path = RELOCATE if place == "relocation" else HEAD
    found = damage(tmp_path, place, {path: "x\n\tldr r3, =KEXEC_HB_PAGE_ADDR\n"}, path)
    assert found == PlaceFinding(path, 2, "KEXEC_HB_PAGE_ADDR is not defined")
    files = {RELOCATE: "ldr r4, =0x4a5db007\n", HEAD: "\nldr r4, =0x4a5db097\n"}
    found = damage(tmp_path, place, files, path)
    differs = "the magic is 0x4a5db097, but the relocation code has 0x4a5db007"
    assert found == (PlaceFinding(HEAD, 2, differs) if place == "decompressor" else PlaceFinding(path, 7))
    assert damage(tmp_path, "prepare", {path: "ldr r3, =KEXEC_HB_PAGE_ADDR\n"}, path) == PlaceFinding(path, 7)


def test_a_leftover_comes_before_other_damage(tmp_path: Path) -> None:
    found = damage(tmp_path, "relocation", {RELOCATE: "+\nldr r3, =KEXEC_HB_PAGE_ADDR\n"}, RELOCATE)
    assert found == PlaceFinding(RELOCATE, 1, "leftover line of a diff: '+'")


@pytest.mark.parametrize(
    ("place", "path", "text", "note"),
    [
        (
            "decompressor",
            HEAD,
            "\nldr r4, =0x4a5db007\nstart:\n",
            "it is before the entry point at line 3, so it never runs",
        ),
        ("decompressor", HEAD, "start:\nldr r4, =0x4a5db007\n", ""),
        ("decompressor", HEAD, "ldr r4, =0x4a5db007\n", ""),
        ("decompressor", HEAD, "mov r0, r0\n", ""),
        ("relocation", HEAD, "ldr r4, =0x4a5db007\nstart:\n", ""),
        (
            "relocation",
            RELOCATE,
            "ldr r2, kexec_hardboot\n\nldr r0, kexec_indirection_page\n",
            "it resets before the segments are copied at line 3",
        ),
        ("relocation", RELOCATE, "ldr r0, kexec_indirection_page\nldr r2, kexec_hardboot\n", ""),
        ("relocation", RELOCATE, "ldr r0, kexec_indirection_page\n", ""),
        ("prepare", RELOCATE, "ldr r2, kexec_hardboot\nldr r0, kexec_indirection_page\n", ""),
    ],
)
def test_code_that_is_complete_but_cannot_work_gets_a_note(
    tmp_path: Path, place: Place, path: str, text: str, note: str
) -> None:
    assert damage(tmp_path, place, {path: text}, path) == PlaceFinding(path, 7, note=note)
    own = candidates(tmp_path / "other", {path: text}, arch="arm64")
    assert find_damage(own, Constants(own), place, PlaceFinding(path, 7)) == PlaceFinding(path, 7)


def test_a_backup_of_patch_gets_a_note_unless_there_is_one(tmp_path: Path) -> None:
    own = candidates(tmp_path, {"a.c": "", "a.c.orig": ""})
    constants = Constants(own)
    found = find_damage(own, constants, "load", PlaceFinding("a.c", 7))
    assert found == PlaceFinding("a.c", 7, note="patch(1) left a.c.orig")
    noted = PlaceFinding("a.c", 7, note="already")
    assert find_damage(own, constants, "load", noted) == noted
    missing = PlaceFinding("none.c", 7)
    assert find_damage(own, constants, "load", missing) == missing
