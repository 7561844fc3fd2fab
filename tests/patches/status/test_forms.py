"""The same support in other words: constants, options, hooks and reservations in other places."""

from pathlib import Path

import kernel_trees as trees
import pytest
from status_trees import HEAD, MACHINE, MEMORY, RELOCATE, change, foreign, place, states

from hardboot.patches.status import status


def test_a_node_of_a_device_tree_reserves_the_page(tmp_path: Path) -> None:
    tree = foreign(tmp_path, "reservation")
    node = "/ {\n\thole {\n\t\tqcom,memblock-reserve = <0x3e9df000 0x1000>;\n\t};\n};\n"
    other = "/ {\n\tuart@3e9df000 {\n\t\treg = <0x3e9df000 0x1000>;\n\t};\n};\n"
    trees.write(tree, {"arch/arm/boot/dts/a.dtsi": other, "arch/arm/boot/dts/msm/b.dtsi": node})
    found = place(status(tree), "reservation")
    assert (found.state, found.file, found.line) == ("foreign", "arch/arm/boot/dts/msm/b.dtsi", 3)


def test_a_machine_that_resets_in_the_relocation_code_needs_no_hook(tmp_path: Path) -> None:
    tree = foreign(tmp_path, "reset")
    change(tree, RELOCATE, "\tstr r4, [r3]\n", "\tstr r4, [r3]\n\tldr r0, =MSM_PSHOLD_PHYS\n\tstr r1, [r0]\n")
    found = place(status(tree), "reset")
    assert (found.state, found.file) == ("foreign", RELOCATE)


def test_the_page_may_be_an_option(tmp_path: Path) -> None:
    tree = foreign(tmp_path)
    change(tree, MEMORY, "UL(0x3e9df000)", "UL(CONFIG_KEXEC_HB_PAGE_ADDR)")
    config = tree / "arch/arm/configs/phone_defconfig"
    config.parent.mkdir()
    for text, state in (("0x3e9df000", "applied"), ("0x0", "damaged")):
        config.write_text(f"CONFIG_KEXEC_HARDBOOT=y\nCONFIG_KEXEC_HB_PAGE_ADDR={text}\n")
        found = status(tree)
        assert found.overall == state
        assert place(found, "config").file == "arch/arm/configs/phone_defconfig"


@pytest.mark.parametrize("text", ["PHYS_OFFSET + 0x10", "(PLAT_PHYS_OFFSET + SZ_1M)"])
def test_a_page_by_another_constant_is_none(tmp_path: Path, text: str) -> None:
    tree = foreign(tmp_path)
    change(tree, MEMORY, "UL(0x3e9df000)", text)
    assert place(status(tree), "relocation").state == "foreign"


def test_a_record_written_by_c_code_is_found(tmp_path: Path) -> None:
    tree = foreign(tmp_path, "relocation")
    trees.write(tree, {MEMORY: "#define KEXEC_HB_PAGE_ADDR UL(0x3e9df000)\n"})
    change(tree, MACHINE, "\tgo();", "\twritel(0x4a5db007, page);\n\tgo();")
    found = place(status(tree), "relocation")
    assert (found.state, found.file) == ("foreign", MACHINE)


@pytest.mark.parametrize("low", ["0xb007", "0xb0b1"])
def test_a_magic_built_from_halves_is_compared(tmp_path: Path, low: str) -> None:
    tree = foreign(tmp_path)
    change(tree, HEAD, "ldr r4, =KEXEC_HB_PAGE_MAGIC", f"movw r4, #{low}\n\tmovt r4, #0x4a5d")
    found = place(status(tree), "decompressor")
    assert found.state == ("foreign" if low == "0xb007" else "damaged")


def test_an_option_by_another_name_is_the_feature(tmp_path: Path) -> None:
    tree = foreign(tmp_path)
    change(tree, "arch/arm/Kconfig", "config KEXEC_HARDBOOT\n", "config KEXEC_HARDBOOT_64\n")
    (tree / ".config").write_text("CONFIG_KEXEC_HARDBOOT_64=y\n")
    found = states(status(tree))
    assert (found["kconfig"], found["config"]) == ("foreign", "foreign")


@pytest.mark.parametrize("file", ["kernel/kexec.c", "arch/arm/kernel/setup.c"])
def test_a_reservation_in_shared_code_is_found(tmp_path: Path, file: str) -> None:
    tree = foreign(tmp_path, "reservation")
    path = tree / file
    before = path.read_text() if path.exists() else ""
    path.write_text(before + "void f(void)\n{\n\tmemblock_reserve(KEXEC_HB_PAGE_ADDR, SZ_4K);\n}\n")
    assert place(status(tree), "reservation").file == file


@pytest.mark.parametrize(
    "file", ["drivers/soc/samsung/exynos.c", "drivers/power/reset/msm-poweroff.c", "arch/arm/mach-x/board.c"]
)
def test_a_hook_is_found_where_drivers_reset(tmp_path: Path, file: str) -> None:
    tree = foreign(tmp_path, "reset", "relocation")
    trees.write(tree, {file: "void f(void)\n{\n\tkexec_hardboot_hook = g;\n}\n"})
    assert place(status(tree), "reset").file == file


def test_a_software_reset_in_the_relocation_code_is_found(tmp_path: Path) -> None:
    tree = foreign(tmp_path, "reset")
    change(tree, RELOCATE, "\tstr r4, [r3]", "\tstr r4, [r3]\n\tldr r5, =EXYNOS_SWRESET")
    assert place(status(tree), "reset").file == RELOCATE


@pytest.mark.parametrize(
    ("cells", "state"), [("0x3e900000 0x100000", "foreign"), ("0 0x3e900000 0 0x10000", "absent")]
)
def test_a_larger_region_with_the_page_inside_reserves_it(tmp_path: Path, cells: str, state: str) -> None:
    tree = foreign(tmp_path, "reservation")
    node = f"// page 0x3e9df000\nreserved-memory {{\n\tbuffer {{ reg = <{cells}>; no-map; }};\n}};\n"
    trees.write(tree, {"arch/arm/boot/dts/board.dts": node})
    assert place(status(tree), "reservation").state == state
