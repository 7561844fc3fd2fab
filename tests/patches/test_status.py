"""What state a tree is in: every class of status, on trees written for it."""

import json
from pathlib import Path

import kernel_trees as trees
import pytest
from in_process import hardboot

from hardboot.base import files
from hardboot.base.errors import RefusedError
from hardboot.patches import catalog
from hardboot.patches.apply import apply_series
from hardboot.patches.compare import compare_series
from hardboot.patches.status import PlaceStatus, SupportStatus, status
from hardboot.patches.tree import Tree

MACHINE = "arch/arm/kernel/machine_kexec.c"
RELOCATE = "arch/arm/kernel/relocate_kernel.S"
HEAD = "arch/arm/boot/compressed/head.S"
MEMORY = "arch/arm/mach-msm/include/mach/memory.h"
NEEDED = ["flag", "kimage", "load", "prepare", "relocation", "decompressor", "kconfig"]
PLACES = [*NEEDED[:6], "reservation", "kconfig", "reset", "config"]


@pytest.fixture(autouse=True)
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Return the toy series is the only one there is."""
    trees.series(tmp_path / "patches")
    monkeypatch.setattr(files, "data_dir", lambda name: tmp_path / name)


def foreign(folder: Path, *without: str) -> Path:
    """Return a tree with another author's support, but for some places."""
    places = {place: edits for place, edits in trees.FOREIGN.items() if place not in without}
    return trees.write(folder / "linux", trees.edited(trees.BASE, places))


def ours(folder: Path) -> Path:
    return trees.write(folder / "linux", trees.edited(trees.BASE, trees.OURS))


def change(tree: Path, name: str, old: str, new: str) -> None:
    text = (tree / name).read_text()
    assert old in text, text
    (tree / name).write_text(text.replace(old, new))


def states(found: SupportStatus) -> dict[str, str]:
    return {place.name: place.state for place in found.places}


def place(found: SupportStatus, name: str) -> PlaceStatus:
    return next(one for one in found.places if one.name == name)


# Another author's


def test_an_untouched_tree_is_absent(tmp_path: Path) -> None:
    found = status(trees.write(tmp_path / "linux", trees.BASE))
    assert (found.overall, found.author) == ("absent", None)
    assert [one.name for one in found.places] == PLACES
    assert {one.state for one in found.places} == {"absent"}
    assert {one.line for one in found.places} == {None}


def test_another_authors_support_is_found_place_by_place(tmp_path: Path) -> None:
    tree = foreign(tmp_path)
    found = status(tree)
    assert (found.overall, found.author) == ("applied", "foreign")
    assert [one.detail for one in found.places if one.detail] == []
    assert states(found) == dict.fromkeys(PLACES[:-1], "foreign") | {"config": "absent"}
    for one in found.places[:-1]:
        assert one.file
        assert one.line
        assert "ard" in (tree / one.file).read_text().splitlines()[one.line - 1].lower() or one.name in (
            "relocation",  # the line of the magic
            "decompressor",
            "reservation",  # the line of the call
        )


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_a_configuration_that_is_no_file_is_not_read(tmp_path: Path, kind: str) -> None:
    tree = foreign(tmp_path)
    (tmp_path / "other").write_text("CONFIG_KEXEC_HARDBOOT=y\n")
    if kind == "link":
        (tree / ".config").symlink_to(tmp_path / "other")
    else:
        (tree / ".config").mkdir()
    found = place(status(tree), "config")
    assert (found.state, found.file) == ("absent", ".config")
    assert found.detail == "not read: it is a link or a folder"


def test_a_character_that_deceives_is_named_in_the_file_of_its_place(tmp_path: Path) -> None:
    tree = foreign(tmp_path)
    change(tree, MACHINE, "kexec_hardboot = 1;", "kexec_hardboot = 1; /* \u202e */")
    found = place(status(tree), "prepare")
    assert found.detail.endswith("U+202E RIGHT-TO-LEFT OVERRIDE (changes the direction of the text)")
    assert found.state == "foreign"


@pytest.mark.parametrize("name", NEEDED)
def test_without_a_place_it_needs_a_tree_is_partial(tmp_path: Path, name: str) -> None:
    found = status(foreign(tmp_path, name))
    assert (found.overall, states(found)[name]) == ("partial", "absent")


@pytest.mark.parametrize("name", ["reservation", "reset"])
def test_what_others_can_do_without_is_told_but_not_missed(tmp_path: Path, name: str) -> None:
    found = status(foreign(tmp_path, name))
    assert (found.overall, states(found)[name]) == ("applied", "absent")


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


@pytest.mark.parametrize(
    "text",
    [
        "/* image->hardboot = 1; */",
        "// image->hardboot = 1;",
        "#if 0\n\timage->hardboot = 1;\n#endif",
        "#if 0\n#ifdef A\n#endif\n\timage->hardboot = 1;\n#else\n#endif",
    ],
)
def test_what_no_compiler_sees_is_absent(tmp_path: Path, text: str) -> None:
    tree = foreign(tmp_path, "load")
    change(tree, "kernel/kexec.c", "\treturn machine", f"{text}\n\treturn machine")
    assert states(status(tree))["load"] == "absent"


def test_a_help_text_is_no_option(tmp_path: Path) -> None:
    tree = foreign(tmp_path, "kconfig")
    change(
        tree,
        "arch/arm/Kconfig",
        "\t  Starts kernels.\n",
        "\t  Starts kernels.\n\n\t  config KEXEC_HARDBOOT\n",
    )
    assert states(status(tree))["kconfig"] == "absent"


def test_braces_in_either_branch_of_a_conditional_pair(tmp_path: Path) -> None:
    tree = foreign(tmp_path)
    both = "#ifdef A\n\tif (a) {\n#else\n\tif (b) {\n#endif\n\t}\n"
    change(tree, MACHINE, "\tgo();\n", f"{both}\tputs(\"{{\");\n\tgo('{{');\n")
    assert status(tree).overall == "applied"


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


def test_the_trees_own_configuration_counts_before_the_default_one(tmp_path: Path) -> None:
    tree = foreign(tmp_path)
    trees.write(tree, {"arch/arm/configs/phone_defconfig": "CONFIG_KEXEC_HARDBOOT=y\n"})
    (tree / ".config").write_text("CONFIG_KEXEC_HARDBOOT=y\n")
    assert place(status(tree), "config").file == ".config"
    (tree / ".config").write_text("# CONFIG_KEXEC_HARDBOOT is not set\n")
    assert place(status(tree), "config") == PlaceStatus(
        "config", "absent", ".config", None, "KEXEC_HARDBOOT is not set"
    )
    (tree / ".config").unlink()
    trees.write(tree, {"arch/arm/configs/a_defconfig": "# CONFIG_KEXEC_HARDBOOT is not set\n"})
    assert place(status(tree), "config").file == "arch/arm/configs/phone_defconfig"


# Ours


def test_our_series_is_told_from_anothers(tmp_path: Path) -> None:
    tree = trees.write(tmp_path / "linux", trees.BASE)
    apply_series(tree, catalog.find(tree), {"hardboot.page": 0x3E9DF000})
    found = status(tree)
    assert (found.overall, found.author) == ("applied", "hardboot")
    assert states(found) == dict.fromkeys(PLACES, "ours")
    assert place(found, "config").file == "hardboot.config"
    assert trees.edited(trees.BASE, trees.OURS)[MACHINE] == (tree / MACHINE).read_text()


def test_lines_that_were_added_around_ours_are_no_damage(tmp_path: Path) -> None:
    tree = ours(tmp_path)
    change(tree, MACHINE, "\tgo();", "\t/* more */\n\tgo();")
    assert compare_series(Tree(tree), catalog.find(tree)).overall != "applied"
    assert status(tree).overall == "applied"


def test_a_lost_line_of_ours_is_damage_and_is_shown(tmp_path: Path) -> None:
    tree = ours(tmp_path)
    change(tree, MACHINE, "\tour_prepare_0(two);\n", "")
    found = status(tree)
    assert (found.overall, found.author) == ("damaged", "hardboot")
    assert "1 line is missing: our_prepare_0(two);" in place(found, "prepare").detail


@pytest.mark.parametrize("name", ["decompressor", "reservation", "reset"])
def test_a_file_without_ours_is_absent_and_the_tree_partial(tmp_path: Path, name: str) -> None:
    tree = ours(tmp_path)
    file = trees.OURS[name][-1][0]
    (tree / file).write_text(trees.BASE[file])
    found = status(tree)
    assert (found.overall, found.author, states(found)[name]) == ("partial", "hardboot", "absent")


def test_leftovers_in_our_files_are_damage(tmp_path: Path) -> None:
    tree = ours(tmp_path)
    change(tree, MACHINE, "\tgo();", " +\n\tgo();")
    assert states(status(tree))["prepare"] == "damaged"


def test_a_fragment_without_a_page_is_damage(tmp_path: Path) -> None:
    tree = ours(tmp_path)
    (tree / "hardboot.config").write_text("CONFIG_KEXEC_HARDBOOT=y\nCONFIG_KEXEC_HARDBOOT_PAGE=0x0\n")
    found = status(tree)
    assert (found.overall, place(found, "config").detail) == ("damaged", "the page address is 0")


def test_a_refused_series_names_the_other_author(tmp_path: Path) -> None:
    tree = foreign(tmp_path)
    with pytest.raises(RefusedError) as caught:
        apply_series(tree, catalog.find(tree), {"hardboot.page": 0x3E9DF000})
    assert "Revert the other author's patch first" in caught.value.fix


# The command line


def test_the_document_has_these_keys_and_no_others(tmp_path: Path) -> None:
    run = hardboot("--json", "patch", "status", foreign(tmp_path))
    assert run.returncode == 0, run.stderr
    document = json.loads(run.stdout)
    assert list(document) == ["overall", "author", "places"]
    assert {tuple(one) for one in document["places"]} == {("name", "state", "file", "line", "detail")}
    assert (document["overall"], document["author"]) == ("applied", "foreign")


def test_people_get_one_line_a_place_and_the_reason(tmp_path: Path) -> None:
    tree = foreign(tmp_path)
    change(tree, MEMORY, "0x3e9df000", "0x0")
    lines = hardboot("patch", "status", tree).stdout.splitlines()
    assert lines[0] == "damaged, by another author"
    assert f"  relocation    damaged  {MEMORY}:2" in lines
    assert lines[lines.index(f"  relocation    damaged  {MEMORY}:2") + 1].strip() == "the page address is 0"


def test_a_folder_that_is_no_kernel_tree_is_refused(tmp_path: Path) -> None:
    run = hardboot("patch", "status", tmp_path)
    assert run.returncode == 3
    assert "not the top of a Linux kernel tree" in run.stderr


# By meaning


@pytest.mark.parametrize("value", ["UL()", "UL(TODO)", "()", "0x????????", "YOUR_ADDRESS"])
def test_a_page_without_an_address_is_damaged(tmp_path: Path, value: str) -> None:
    tree = foreign(tmp_path)
    change(tree, MEMORY, "UL(0x3e9df000)", value)
    found = place(status(tree), "relocation")
    assert (found.state, found.file) == ("damaged", MEMORY)
    assert f"has no address: {value}" in found.detail


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


@pytest.mark.parametrize("config", ["CONFIG_ARM64=y\n", None])
def test_an_absent_tree_lists_the_files_of_its_architecture(tmp_path: Path, config: str | None) -> None:
    extra = {"arch/arm64/Kconfig": "config ARM64\n", "arch/arm64/kernel/machine_kexec.c": "\n"}
    files = {name: text for name, text in trees.BASE.items() if config or not name.startswith("arch/arm/")}
    tree = trees.write(tmp_path / "linux", files | extra | ({".config": config} if config else {}))
    found = status(tree)
    assert (found.overall, place(found, "kconfig").file) == ("absent", "arch/arm64/Kconfig")


@pytest.mark.parametrize(
    ("cells", "state"), [("0x3e900000 0x100000", "foreign"), ("0 0x3e900000 0 0x10000", "absent")]
)
def test_a_larger_region_with_the_page_inside_reserves_it(tmp_path: Path, cells: str, state: str) -> None:
    tree = foreign(tmp_path, "reservation")
    node = f"// page 0x3e9df000\nreserved-memory {{\n\tbuffer {{ reg = <{cells}>; no-map; }};\n}};\n"
    trees.write(tree, {"arch/arm/boot/dts/board.dts": node})
    assert place(status(tree), "reservation").state == state
