"""The status of a tree with another author's support: found place by place, or absent."""

from pathlib import Path

import kernel_trees as trees
import pytest
from status_trees import MACHINE, NEEDED, PLACES, change, foreign, place, states

from hardboot.patches.status import PlaceStatus, status


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


@pytest.mark.parametrize("name", NEEDED)
def test_without_a_place_it_needs_a_tree_is_partial(tmp_path: Path, name: str) -> None:
    found = status(foreign(tmp_path, name))
    assert (found.overall, states(found)[name]) == ("partial", "absent")


@pytest.mark.parametrize("name", ["reservation", "reset"])
def test_what_others_can_do_without_is_told_but_not_missed(tmp_path: Path, name: str) -> None:
    found = status(foreign(tmp_path, name))
    assert (found.overall, states(found)[name]) == ("applied", "absent")


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


@pytest.mark.parametrize("config", ["CONFIG_ARM64=y\n", None])
def test_an_absent_tree_lists_the_files_of_its_architecture(tmp_path: Path, config: str | None) -> None:
    extra = {"arch/arm64/Kconfig": "config ARM64\n", "arch/arm64/kernel/machine_kexec.c": "\n"}
    files = {name: text for name, text in trees.BASE.items() if config or not name.startswith("arch/arm/")}
    tree = trees.write(tmp_path / "linux", files | extra | ({".config": config} if config else {}))
    found = status(tree)
    assert (found.overall, place(found, "kconfig").file) == ("absent", "arch/arm64/Kconfig")
