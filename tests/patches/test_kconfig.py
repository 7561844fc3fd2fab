"""Why an option is off or on: the conditions in the tree's own Kconfig files, down to what can be set."""

from pathlib import Path

import kconfig_tree
import kernel_trees as trees
import pytest
from kconfig_tree import on

from hardboot.patches.kconfig import Kconfig
from hardboot.patches.tree import Tree

LOOP = "config A\n\tbool\n\tdepends on B\nconfig B\n\tbool\n\tdepends on A\n"
CHAIN = "".join(f'config O{n}\n\tbool "o"\n\tdepends on O{n + 1}\n' for n in range(9))
BLOCKS = """\
config FIRST
\tbool "first"
menu "one"
\tdepends on A
\tvisible if B
config IN_MENU
\tbool "in menu"
choice
\tprompt "choose"
\tdepends on C
config IN_CHOICE
\tbool "in choice"
endchoice
if D
menuconfig IN_IF
\tbool "in if"
endif
comment "text"
\tdepends on NEVER
config AFTER_COMMENT
\tbool "after"
endmenu
config LAST
\tbool "last"
\tdepends on E
\tdepends\ton\tF
endif
endmenu
config AFTER_ALL
\tbool "all"
"""
PROMPTS = """\
config HIDDEN
\tbool
\tselect X
config SHOWN
\tdef_bool y
\tprompt 'shown'
config SELECTOR
\tbool "selector"
\tselect HIDDEN if COND
\tselect SHOWN if COND
\tselect FREE
config FREE
\ttristate
config TEXT
\tstring "text"
config DEFAULT
\tdefault "y"
"""


def kconfig(folder: Path, text: str, **files: str) -> Kconfig:
    more = {name.replace("__", "."): content for name, content in files.items()}
    return Kconfig(Tree(trees.write(folder / "linux", {"Kconfig": text, **more})), "arm")


@pytest.mark.parametrize(
    ("symbol", "off", "reason"),
    [
        (
            "KEXEC",
            ("SUSPEND", "PM_SLEEP", "PM_SLEEP_SMP"),
            "KEXEC depends on (!SMP || PM_SLEEP_SMP) && MMU (SMP is y, PM_SLEEP_SMP is off, MMU is y); "
            "PM_SLEEP_SMP depends on PM_SLEEP (PM_SLEEP is off); "
            "PM_SLEEP depends on SUSPEND || HIBERNATION (SUSPEND is off, HIBERNATION is off); "
            "set CONFIG_SUSPEND=y; HIBERNATION depends on !SMP (SMP is y)",
        ),
        (
            "KEXEC",
            ("MMU",),
            "KEXEC depends on MMU (MMU is off); no Kconfig file in this tree defines MMU; "
            "KEXEC depends on (!SMP || PM_SLEEP_SMP) && MMU (SMP is y, PM_SLEEP_SMP is y, MMU is off)",
        ),
        (
            "ATAGS_PROC",
            ("ATAGS",),
            "ATAGS_PROC depends on ATAGS && KEXEC (ATAGS is off, KEXEC is y); set CONFIG_ATAGS=y",
        ),
        (
            "PROC_DEVICETREE",
            ("OF",),
            'PROC_DEVICETREE depends on OF && ARCH = "arm" (OF is off, ARCH is off); '
            "no Kconfig file in this tree defines ARCH",
        ),
        (
            "KEXEC_HARDBOOT",
            ("ARM_PSCI",),
            "KEXEC_HARDBOOT depends on KEXEC && ARCH_HAS_KEXEC_HARDBOOT (KEXEC is y, "
            "ARCH_HAS_KEXEC_HARDBOOT is off); ARCH_HAS_KEXEC_HARDBOOT is selected by ARM if "
            "ARM_PSCI && CPU_V7 (ARM_PSCI is off, CPU_V7 is y)",
        ),
        ("IKCONFIG", (), "no dependency is missing: set it"),
        ("NOTHING", (), "no Kconfig file in this tree defines NOTHING"),
    ],
)
def test_the_reason_for_a_lost_option_is_found(
    tmp_path: Path, symbol: str, off: tuple[str, ...], reason: str
) -> None:
    tree = Tree(kconfig_tree.write(tmp_path / "linux"))
    assert Kconfig(tree, "arm").explain_off(symbol, on(*off)) == reason


def test_files_beside_the_tree_are_not_read_but_named(tmp_path: Path) -> None:
    (tmp_path / "maker").mkdir()
    (tmp_path / "maker" / "Kconfig").write_text('config NOTHING\n\tbool "nothing"\n')
    text = 'source "../maker/Kconfig"\nsource "$(TOP)/Kconfig"\nsource "/etc/Kconfig"\n'
    assert kconfig(tmp_path, text).explain_off("NOTHING", {}) == (
        "no Kconfig file in this tree defines NOTHING "
        "(outside it, not read: ../maker/Kconfig, $(TOP)/Kconfig, /etc/Kconfig)"
    )


@pytest.mark.parametrize("name", ["linked/Kconfig", "linked", "a//b", "a\\b", ""])
def test_files_that_cannot_be_read_as_ones_of_the_tree_do_not_hide_the_reason(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "maker").mkdir()
    (tmp_path / "maker" / "Kconfig").write_text('config NOTHING\n\tbool "nothing"\n')
    text = f'source "{name}"\nconfig X\n\tbool "x"\n\tdepends on Y\nconfig Y\n\tbool "y"\n'
    root = trees.write(tmp_path / "linux", {"Kconfig": text})
    (root / "linked").symlink_to(tmp_path / "maker")
    found = Kconfig(Tree(root), "arm")
    assert found.explain_off("X", {}) == "X depends on Y (Y is off); set CONFIG_Y=y"
    assert found.explain_off("NOTHING", {}).endswith(f"(outside it, not read: {name})")


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ('source "arch/$(SRCARCH)/Kconfig"', "arch/arm/Kconfig"),
        ("source arch/$SRCARCH/Kconfig", "arch/arm/Kconfig"),
        ('osource "arch/$(ARCH)/Kconfig"', "arch/arm/Kconfig"),
        ("source 'arch/$ARCH/Kconfig'", "arch/arm/Kconfig"),
        ("\tsource\t\"sub/Kconfig\"", "sub/Kconfig"),
        ('rsource "Kconfig.more"', "Kconfig.more"),
    ],
)  # fmt: skip
def test_sourced_files_are_read_under_their_conditions(tmp_path: Path, line: str, path: str) -> None:
    found = kconfig(tmp_path, f"if A\n{line}\nendif\n{line}\n", **{path: 'config X\n\tbool "x"\n'})
    assert found.explain_off("X", {}) == ("X depends on A (A is off); no Kconfig file in this tree defines A")


def test_a_file_may_source_one_beside_it(tmp_path: Path) -> None:
    files = {
        "sub/deep/Kconfig": 'rsource "Kconfig.x"\nsource "sub/y"\n',
        "sub/deep/Kconfig.x": 'config X\n\tbool "x"\n',
        "sub/y": 'config Y\n\tbool "y"\n',
    }
    found = kconfig(tmp_path, 'source "sub/deep/Kconfig"\nsource "none/Kconfig"\n', **files)
    assert [found.explain_off(name, {}) for name in "XY"] == ["no dependency is missing: set it"] * 2


def test_options_that_depend_on_each_other_come_to_an_end(tmp_path: Path) -> None:
    found = kconfig(tmp_path, LOOP)
    assert found.explain_off("A", {}) == "A depends on B (B is off); B depends on A (A is off)"


def test_options_that_need_many_others_are_each_explained_once(tmp_path: Path) -> None:
    wide, deep = 20, 6  # 64 million ways from the first to the last
    text = "".join(
        f'config O{level}_{one}\n\tbool "o"\n'
        + f"\tdepends on {' && '.join(f'O{level + 1}_{n}' for n in range(wide))}\n" * (level < deep)
        for level in range(deep + 1)
        for one in range(wide)
    )
    reasons = kconfig(tmp_path, text).explain_off("O0_0", {}).split("; ")
    assert len(reasons) == 1 + (deep - 1) * wide + wide


def test_a_chain_of_options_is_followed_six_deep(tmp_path: Path) -> None:
    reason = kconfig(tmp_path, CHAIN).explain_off("O0", {})
    assert reason == "; ".join(f"O{n} depends on O{n + 1} (O{n + 1} is off)" for n in range(7))


@pytest.mark.parametrize(
    ("symbol", "conditions"),
    [
        ("FIRST", ""),
        ("IN_MENU", "A"),
        ("IN_CHOICE", "AC"),
        ("IN_IF", "AD"),
        ("AFTER_COMMENT", "A"),
        ("LAST", "EF"),
        ("AFTER_ALL", ""),
    ],
)
def test_conditions_of_blocks_end_with_them(tmp_path: Path, symbol: str, conditions: str) -> None:
    reasons = kconfig(tmp_path, BLOCKS).explain_off(symbol, {}).split("; ")
    found = [reason for reason in reasons if reason.startswith(f"{symbol} depends")]
    assert found == [f"{symbol} depends on {name} ({name} is off)" for name in conditions]


@pytest.mark.parametrize(
    ("symbol", "config", "reason"),
    [
        ("HIDDEN", {"SELECTOR": "y"}, "HIDDEN is selected by SELECTOR if COND (COND is off)"),
        ("HIDDEN", {}, "no dependency is missing: set it"),
        ("SHOWN", {"SELECTOR": "y"}, "no dependency is missing: set it"),
        ("TEXT", {"SELECTOR": "y"}, "no dependency is missing: set it"),
        ("FREE", {"SELECTOR": "y"}, "no dependency is missing: set it"),
    ],
)
def test_an_option_without_a_prompt_must_be_selected(
    tmp_path: Path, symbol: str, config: dict[str, str], reason: str
) -> None:
    assert kconfig(tmp_path, PROMPTS).explain_off(symbol, config) == reason


@pytest.mark.parametrize(
    ("symbol", "config", "reason"),
    [
        ("FREE", {"SELECTOR": "y"}, "it is selected by SELECTOR: turn that off"),
        ("FREE", {}, "it is on by default"),
        ("HIDDEN", {"SELECTOR": "y"}, "it is on by default"),
        ("HIDDEN", {"SELECTOR": "m", "COND": "y"}, "it is selected by SELECTOR: turn that off"),
        ("X", {"HIDDEN": "y"}, "it is selected by HIDDEN: turn that off"),
        ("NOTHING", {}, "it is on by default"),
    ],
)
def test_the_reason_for_an_option_that_stays_on_is_found(
    tmp_path: Path, symbol: str, config: dict[str, str], reason: str
) -> None:
    assert kconfig(tmp_path, PROMPTS).explain_on(symbol, config) == reason


def test_several_selectors_are_all_named(tmp_path: Path) -> None:
    text = "config A\n\tbool\n\tselect X\nconfig B\n\tbool\n\tselect X if A\nconfig X\n\tbool\n"
    on_both = kconfig(tmp_path, text).explain_on("X", {"A": "y", "B": "y"})
    assert on_both == "it is selected by A, B: turn that off"


def test_the_definition_with_the_fewest_missing_conditions_counts(tmp_path: Path) -> None:
    text = 'config X\n\tbool "x"\n\tdepends on A\n\tdepends on B\nconfig X\n\tbool "x"\n\tdepends on C\n'
    reason = kconfig(tmp_path, text).explain_off("X", {})
    assert reason == "X depends on C (C is off); no Kconfig file in this tree defines C"
