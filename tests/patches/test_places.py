"""Each place of the feature is found by what kernels must do for it, whoever wrote it."""

from pathlib import Path

import kernel_trees as trees
import pytest

from hardboot.patches.candidates import Candidates, PlaceFinding, mentions_feature
from hardboot.patches.constants import Constants
from hardboot.patches.places import find_line_of_ours, find_places, usual_files
from hardboot.patches.series import Arch, Place
from hardboot.patches.source import SourceFile
from hardboot.patches.tree import Tree

MEMORY = "arch/arm/mach-msm/include/mach/memory.h"
BOARD = "arch/arm/mach-msm/board.c"
RELOCATE = "arch/arm/kernel/relocate_kernel.S"
PAGE = {MEMORY: "#define KEXEC_HB_PAGE_ADDR UL(0x3e9df000)\n"}
OPTION = {"arch/arm/Kconfig": "config KEXEC_HARDBOOT\n"}  # enough that the rest is searched


def candidates(folder: Path, files: dict[str, str], arch: Arch = "arm") -> Candidates:
    return Candidates(Tree(trees.write(folder / "linux", {"Kconfig": "", **files})), arch)


def find(folder: Path, files: dict[str, str], arch: Arch = "arm") -> dict[Place, PlaceFinding]:
    own = candidates(folder, files, arch)
    return find_places(own, Constants(own))


@pytest.mark.parametrize("arch", ["arm", "arm64"])
def test_the_usual_files_of_each_place_are_named(tmp_path: Path, arch: Arch) -> None:
    base = f"arch/{arch}"
    entry = f"{base}/boot/compressed/head.S" if arch == "arm" else f"{base}/kernel/head.S"
    usual: dict[Place, tuple[str, ...]] = {
        "flag": ("include/uapi/linux/kexec.h", "include/linux/kexec.h"),
        "kimage": ("include/linux/kexec.h",),
        "load": ("kernel/kexec.c", "kernel/kexec_core.c"),
        "prepare": (f"{base}/kernel/machine_kexec.c",),
        "relocation": (f"{base}/kernel/relocate_kernel.S", f"{base}/kernel/machine_kexec.c"),
        "decompressor": (entry,),
        "kconfig": (f"{base}/Kconfig", "arch/Kconfig", "kernel/Kconfig.kexec"),
        "reservation": (),
        "reset": (),
    }
    files = {path: "" for paths in usual.values() for path in paths}
    own = candidates(tmp_path, files, arch)
    assert {place: usual_files(own, place) for place in usual} == usual
    (own.tree.root / "kernel/kexec_core.c").unlink()
    assert usual_files(own, "load") == ("kernel/kexec.c",)


@pytest.mark.parametrize(
    ("place", "path", "text", "line"),
    [
        ("flag", "include/uapi/linux/kexec.h", "\n # define KEXEC_HARDBOOT\t0x4\n", 2),
        ("flag", "include/linux/kexec.h", "#define KEXEC_HARDBOOT 4\n", 1),
        ("flag", "include/linux/kexec.h", "#define KEXEC_HARDBOOT_X 4\n", 0),
        ("kimage", "include/linux/kexec.h", "unsigned int hardboot : 1;\n", 1),
        ("kimage", "include/linux/kexec.h", "\tbool hardboot;\n", 1),
        ("kimage", "include/linux/kexec.h", "\tbool hardboot(void);\n", 0),
        ("load", "kernel/kexec_core.c", "image->hardboot = 1;\n", 1),
        ("load", "kernel/kexec.c", "if (image->hardboot) {}\n", 0),
        ("prepare", "arch/arm/kernel/machine_kexec.c", "if (image->hardboot) {}\n", 1),
        ("prepare", "arch/arm/kernel/machine_kexec.c", "if (image->hardboots) {}\n", 0),
        ("relocation", RELOCATE, "\n.long 0x4a5db007\n", 2),
        ("relocation", RELOCATE, "ldr r4, =KEXEC_HARDBOOT_MAGIC\n", 1),
        ("relocation", RELOCATE, ".long 0x4a5db1070\n", 0),
        ("decompressor", "arch/arm/boot/compressed/head.S", "ldr r4, =KEXEC_HB_PAGE_MAGIC\n", 1),
        ("kconfig", "kernel/Kconfig.kexec", " config KEXEC_HARDBOOT \n", 1),
        ("kconfig", "arch/Kconfig", "config KEXEC_HARDBOOT_PAGE\n", 0),
    ],
)
def test_a_place_is_known_by_its_code(tmp_path: Path, place: Place, path: str, text: str, line: int) -> None:
    found = find(tmp_path, {path: text, "arch/arm/x": ""})
    assert found.get(place) == (PlaceFinding(path, line) if line else None)


def test_the_first_file_that_has_a_place_counts(tmp_path: Path) -> None:
    text = "#define KEXEC_HARDBOOT 4\n"
    found = find(
        tmp_path, {"include/linux/kexec.h": text, "include/uapi/linux/kexec.h": text, "arch/arm/x": ""}
    )
    assert found == {"flag": PlaceFinding("include/uapi/linux/kexec.h", 1)}


def test_nothing_is_searched_where_nothing_is_found(tmp_path: Path) -> None:
    assert find(tmp_path, {BOARD: "/* hardboot */ memblock_remove(1, 2); hardboot memblock_x(3);\n"}) == {}


@pytest.mark.parametrize(
    ("code", "line", "note"),
    [
        ("#ifdef CONFIG_KEXEC_HARDBOOT\n\tmemblock_remove(a, b);\n", 2, ""),
        ("// x\nint kexec_hb;\n\n\treserve_memory (a);\n", 4, ""),
        ("hardboot_init();\nreserved(KEXEC_HB_PAGE_ADDR);\n", 2, ""),
        ("int hardboot;\nx(KEXEC_HB_PAGE_ADDR);\n", 2, ""),
        ("memblock_remove(a, b);\nint hardboot;\n", 0, ""),
        (f"int hardboot;{' ' * 1198}memblock_x(a);\n", 1, ""),
        (f"int hardboot;{' ' * 1199}memblock_x(a);\n", 0, ""),
        ("int hardboot;\n\nfoo(hardboot);\nmemblock_x(a);\nmemblock_y(b);\n", 4, ""),
        ("int hardboot; start = 0x3e9df000;\nmemblock_x(a);\n", 2, ""),
        (
            "int hardboot; start = 0x3e9d0000 ;\nmemblock_x(a);\n",
            2,
            "it reserves 0x3e9d0000, but the page is at 0x3e9df000",
        ),
        ("int hardboot; start = PAGE;\nmemblock_x(a);\n", 2, ""),
        ("start = 0x3e9d0000;\nint hardboot;\nmemblock_x(a);\n", 3, ""),
    ],
)
def test_a_board_file_reserves_the_page_right_after_it_names_the_feature(
    tmp_path: Path, code: str, line: int, note: str
) -> None:
    found = find(tmp_path, {**OPTION, **PAGE, BOARD: code})
    assert found.get("reservation") == (PlaceFinding(BOARD, line, note=note) if line else None)


@pytest.mark.parametrize(
    ("node", "line", "note"),
    [
        ("x {\n\treg = <0x3e9df000 0x1000>;\n\tno-map;\n};\n", 2, ""),
        ("x {\n\tlinux,memblock-remove = <0x0 0x3e9df000 0x1000>;\n};\n", 2, ""),
        ("x {\n\tregion = <0x3e9df000>; /* ramoops */\n};\nreserve\n", 2, ""),
        ("uart {\n\treg = <0x3e9df000 0x1000>;\n};\n", 0, ""),
        ("reserve {\n\treg = <0x3e9de000 0x1000>;\n};\n", 0, ""),
        ("reserve {\n\tcell = <0x3e9df000 0x1000>;\n};\n", 0, ""),
        (
            "\nhardboot@1 {\n\treg = <0x1 0x1000>;\n};\n",
            2,
            "the node does not start at the page (0x3e9df000)",
        ),
        ("/* 3e9df000 */\nkexec_hb@1 {\n};\n", 2, "the node does not start at the page (0x3e9df000)"),
        ("hardboot = <1>;\n", 0, ""),
    ],
)
def test_a_node_of_a_device_tree_reserves_the_page(tmp_path: Path, node: str, line: int, note: str) -> None:
    path = "arch/arm/boot/dts/a.dtsi"
    found = find(tmp_path, {**OPTION, **PAGE, path: node})
    assert found.get("reservation") == (PlaceFinding(path, line, note=note) if line else None)


def test_a_page_at_0_is_no_page_to_look_for(tmp_path: Path) -> None:
    files = {
        MEMORY: "#define KEXEC_HB_PAGE_ADDR 0\n",
        "arch/arm/boot/dts/a.dts": "reserve {\n\treg = <0x0>;\n",
    }
    assert "reservation" not in find(tmp_path, {**OPTION, **files})


def test_without_a_page_a_node_that_is_named_for_it_has_no_note(tmp_path: Path) -> None:
    path = "arch/arm/boot/dts/a.dts"
    found = find(tmp_path, {**OPTION, path: "hardboot@1 {\n\treg = <0x1 0x1000>;\n};\n"})
    assert found["reservation"] == PlaceFinding(path, 1)


def test_trees_that_name_the_feature_come_before_those_with_the_address(tmp_path: Path) -> None:
    text = "x {\n\treg = <0x3E9DF000 0x1000>;\n\tno-map;\n};\n"
    folder = "arch/arm64/boot/dts"
    files = {
        "include/linux/kexec.h": "#define KEXEC_HARDBOOT 4\n",
        "arch/arm64/include/asm/kexec.h": PAGE[MEMORY],
        f"{folder}/a.dts": text,
        f"{folder}/z/b.dtsi": f"/* hardboot */\n{text}",
        f"{folder}/c.txt": "hardboot {\n",
    }
    own = candidates(tmp_path, files, "arm64")
    assert [file.path for file in own.device_trees([0x3E9DF000])] == [f"{folder}/z/b.dtsi", f"{folder}/a.dts"]
    assert find(tmp_path, files, "arm64")["reservation"] == PlaceFinding(f"{folder}/z/b.dtsi", 3)


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("ldr r0, =MSM_PSHOLD_PHYS\n", 1),
        ("\n\tldr r0, =MSM_TLMM_PHYS\n", 2),
        ("ldr r0, =TEGRA_PMC_BASE\n", 1),
        ("\tsmc #0\n", 1),
        ("__HVC(0)\n", 1),
        ("ldr r0, =CONFIG_KEXEC_HARDBOOT_RESET_ADDR\n", 1),
        ("ldr r0, =smc\n", 0),
    ],
)
def test_the_relocation_code_resets_where_no_hook_is_set(tmp_path: Path, code: str, line: int) -> None:
    found = find(tmp_path, {**OPTION, RELOCATE: code})
    note = "the relocation code resets; this tree sets no hook"
    assert found.get("reset") == (PlaceFinding(RELOCATE, line, note=note) if line else None)


@pytest.mark.parametrize("code", ["kexec_hardboot_hook = hook;", "x;\n\tkexec_hardboot_hook\t=\t&hook;"])
def test_a_hook_comes_before_the_relocation_code(tmp_path: Path, code: str) -> None:
    path = "drivers/power/reset/x-restart.c"
    found = find(tmp_path, {**OPTION, RELOCATE: "\tsmc #0\n", path: f"{code}\n"})
    assert found["reset"] == PlaceFinding(path, code.count("\n") + 1)
    assert find(tmp_path, {path: "kexec_hardboot_hook == hook;\n"})["reset"].file == RELOCATE


# Files


@pytest.mark.parametrize("name", [b"HardBoot", b"KEXECHB", b"kexec_hb"])
def test_the_feature_goes_by_several_names(name: bytes) -> None:
    assert mentions_feature(b"x " + name + b" y")
    assert not mentions_feature(name[:-1] + b"?")


def test_boards_are_the_machine_whose_header_names_the_page_else_files_named_so(tmp_path: Path) -> None:
    text = "int hardboot;\n"
    files = {
        "arch/arm/mach-msm/any.c": text,
        "arch/arm/mach-msm/board-x.c": text,
        "arch/arm/mach-omap/devices.c": text,
        "arch/arm/plat-x/power.c": text,
        "arch/arm/tools/board.c": text,
        "arch/arm/mach-msm/board-y.c": "int x;\n",
        "arch/arm/mach-msm/board.h": text,
        "arch/arm/mm/init.c": text,
        "arch/arm/mm/other.c": text,
        "fs/pstore/ram.c": text,
        "drivers/power/reset/any-restart.c": text,
    }
    everywhere = ["arch/arm/mm/init.c", "fs/pstore/ram.c", "drivers/power/reset/any-restart.c"]
    named = ["arch/arm/mach-msm/board-x.c", "arch/arm/mach-omap/devices.c", "arch/arm/plat-x/power.c"]
    assert [file.path for file in candidates(tmp_path, files).boards] == [*named, *everywhere]
    own = candidates(tmp_path, {**files, **PAGE})
    assert own.memory_headers == [MEMORY]
    assert [file.path for file in own.boards] == [
        "arch/arm/mach-msm/any.c",
        "arch/arm/mach-msm/board-x.c",
        "arch/arm/mm/init.c",
        "arch/arm/mm/other.c",
        "fs/pstore/ram.c",
        "drivers/power/reset/any-restart.c",
    ]
    assert candidates(tmp_path, files, "arm64").memory_headers == []


def test_configurations_are_the_trees_own_the_fragment_and_those_naming_it(
    tmp_path: Path,
) -> None:
    files = {
        ".config": "",
        "hardboot.config": "",
        "arch/arm/configs/a_defconfig": "CONFIG_KEXEC_HARDBOOT=y\n",
        "arch/arm/configs/b_defconfig": "CONFIG_KEXEC=y\n",
        "arch/arm/configs/c.txt": "CONFIG_KEXEC_HARDBOOT=y\n",
    }
    names = [".config", "hardboot.config", "arch/arm/configs/a_defconfig"]
    assert [file.path for file in candidates(tmp_path, files).configs] == names


def test_a_file_is_read_once(tmp_path: Path) -> None:
    own = candidates(tmp_path, {"a.c": "x"})
    file = own.file("a.c")
    (own.tree.root / "a.c").unlink()
    assert own.file("a.c") is file
    assert (own.file("b.c"), own.files("b.c", "a.c")) == (None, [file])


@pytest.mark.parametrize(
    ("place", "text", "line"),
    [
        ("reservation", "x;\nint kexec_hardboot_reserve(void);\nkexec_hardboot_reserve();\n", 3),
        ("reservation", "int kexec_hardboot_reserve(void);\n", 0),
        ("reset", "kexec_hardboot_hook = NULL;\n\tkexec_hardboot_hook = hook;\n", 2),
        ("reset", "\tsmc #1\n", 0),
        ("reset", "\n\tsmc #0\n", 2),
        ("kimage", "bool hardboot;\n", 0),
    ],
)
def test_a_place_of_ours_is_a_line_that_we_add(place: Place, text: str, line: int) -> None:
    ours = {b"kexec_hardboot_reserve();", b"kexec_hardboot_hook = hook;", b"smc #0"}
    assert find_line_of_ours(place, SourceFile("a.S", text.encode()), ours) == line
