"""Options of a patched tree: merged, made complete by the tree's own make, and what is lost is explained."""

import json
from pathlib import Path

import kernel_trees as trees
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_process import hardboot

from hardboot.base.errors import InputError, ToolError
from hardboot.patches import conditions, config, dotconfig, kconfig
from hardboot.patches.tree import Tree

# Conditions as in the kernel's files, in our words; old kernels have ATAGS_PROC and PROC_DEVICETREE.
KCONFIG = """\
mainmenu "toy"
source "arch/$(SRCARCH)/Kconfig"
source "arch/$SRCARCH/Kconfig.more"
"""
ARM = """\
config SMP
\tbool "SMP"
config PM_SLEEP_SMP
\tdef_bool y
\tdepends on SMP
\tdepends on PM_SLEEP
config PM_SLEEP
\tdef_bool y
\tdepends on SUSPEND || HIBERNATION
config SUSPEND
\tbool "suspend" if EXPERT
\thelp
\t  config NOTHING
\t  depends on NOTHING
config HIBERNATION
\tbool "hibernation"
\tdepends on !SMP
if MMU
menu "kexec"
\tdepends on !XIP
config KEXEC
\tbool "kexec"
\tdepends on (!SMP || PM_SLEEP_SMP) && \\
\t\tMMU
config ATAGS_PROC
\tbool "atags"
\tdepends on ATAGS && KEXEC
config PROC_DEVICETREE
\tbool "devicetree"
\tdepends on OF && ARCH = "arm"
endmenu
endif
config OF
\tbool
config ATAGS
\tbool "atags"
config ARM
\tbool
\tselect ARCH_HAS_KEXEC_HARDBOOT if ARM_PSCI && CPU_V7
config IKCONFIG
\ttristate "ikconfig"
"""
MORE = """\
config ARCH_HAS_KEXEC_HARDBOOT
\tbool
config KEXEC_HARDBOOT
\tbool "hardboot"
\tdepends on KEXEC && ARCH_HAS_KEXEC_HARDBOOT
config ARM_PSCI
\tbool "psci"
"""
ON = (
    "SMP",
    "MMU",
    "ARM",
    "CPU_V7",
    "ARM_PSCI",
    "PM_SLEEP_SMP",
    "PM_SLEEP",
    "SUSPEND",
    "KEXEC",
    "OF",
    "ATAGS",
)
# The tree's make: drops what the file `dropped` names, completes the rest.
RULE = """\
olddefconfig:
\t@test "$(ARCH)" = arm
\t@grep -v -w -f dropped $(KCONFIG_CONFIG) >$(KCONFIG_CONFIG).new
\t@echo CONFIG_MORE=y >>$(KCONFIG_CONFIG).new
\t@mv $(KCONFIG_CONFIG).new $(KCONFIG_CONFIG)
"""
FRAGMENT = "CONFIG_KEXEC=y\nCONFIG_KEXEC_HARDBOOT_PAGE=0x3E9DF000\n# CONFIG_DEBUG is not set\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    files = {
        "Kconfig": KCONFIG,
        "arch/arm/Kconfig": ARM,
        "arch/arm/Kconfig.more": MORE,
        "dropped": "NOTHING\n",
    }
    root = trees.write(tmp_path / "linux", {**trees.BASE, **files, "hardboot.config": FRAGMENT}, (6, 1))
    with (root / "Makefile").open("a") as makefile:
        makefile.write(RULE)
    return root


def on(*without: str) -> dict[str, str]:
    return {name: "y" for name in ON if name not in without}


@pytest.mark.parametrize(
    ("symbol", "off", "reason"),
    [
        ("KEXEC", ("SUSPEND", "PM_SLEEP", "PM_SLEEP_SMP"), "(SMP is y, PM_SLEEP_SMP is off, MMU is y)"),
        ("KEXEC", ("SUSPEND", "PM_SLEEP", "PM_SLEEP_SMP"), "set CONFIG_SUSPEND=y"),
        ("KEXEC", ("MMU",), "KEXEC depends on MMU (MMU is off)"),
        ("KEXEC", ("MMU",), "no Kconfig file in this tree defines MMU"),
        ("ATAGS_PROC", ("ATAGS",), "set CONFIG_ATAGS=y"),
        ("PROC_DEVICETREE", ("OF",), "(OF is off"),
        ("KEXEC_HARDBOOT", ("ARM_PSCI",), "ARCH_HAS_KEXEC_HARDBOOT is selected by ARM if ARM_PSCI && CPU_V7"),
        ("IKCONFIG", (), "no dependency is missing: set it"),
        ("NOTHING", (), "no Kconfig file in this tree defines NOTHING"),
    ],
)
def test_the_reason_for_a_lost_option_is_found(
    tree: Path, symbol: str, off: tuple[str, ...], reason: str
) -> None:
    assert reason in kconfig.Kconfig(Tree(tree), "arm").explain_off(symbol, on(*off))


def test_files_beside_the_tree_are_not_read_but_named(tree: Path) -> None:
    (tree.parent / "maker").mkdir()
    (tree.parent / "maker" / "Kconfig").write_text('config NOTHING\n\tbool "nothing"\n')
    with (tree / "Kconfig").open("a") as top:
        top.write('source "../maker/Kconfig"\n')
    reason = kconfig.Kconfig(Tree(tree), "arm").explain_off("NOTHING", on())
    assert reason == "no Kconfig file in this tree defines NOTHING (outside it, not read: ../maker/Kconfig)"


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        ("A", True),
        ("!A", False),
        ("B", False),
        ("M", True),
        ("A && B || A", True),
        ("A && (B || !B)", True),
        ("!(A && B) && !B", True),
        ('S = "text"', True),
        ('S != "text"', False),
        ("A=n", False),
        ("B = n", True),
        ("N > 3", True),
        ("$(cc-option,-mfoo(1)) && A", True),
    ],
)
def test_conditions_are_read_as_kconfig_reads_them(condition: str, met: bool) -> None:
    assert conditions.holds(condition, {"A": "y", "M": "m", "S": '"text"', "N": "2"}) is met


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet='AB&|!()=" $\n', max_size=40))
def test_any_condition_has_a_value(text: str) -> None:
    assert conditions.holds(text, {"A": "y"}) in (True, False)


def test_options_of_the_fragment_replace_those_of_the_configuration() -> None:
    before = "# a comment\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=0x1\n"
    merged = dotconfig.merge(before, "# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_D=y\n")
    assert dotconfig.parse_on(merged) == {"B": "y", "C": "0x1", "D": "y"}
    assert merged.count("CONFIG_A") == merged.count("CONFIG_B") == 1


def test_the_trees_own_make_completes_the_configuration(tree: Path) -> None:
    (tree / ".config").write_text("CONFIG_DEBUG=y\nCONFIG_SMP=y\n")
    run = hardboot("--json", "patch", "config", tree)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == {"config": str(tree / ".config"), "lost": []}
    assert dotconfig.parse_on((tree / ".config").read_text()) == {
        "SMP": "y",
        "KEXEC": "y",
        "KEXEC_HARDBOOT_PAGE": "0x3E9DF000",
        "MORE": "y",
    }


def test_a_lost_option_is_told_with_its_reason_and_nothing_is_written(tree: Path, tmp_path: Path) -> None:
    (tree / "dropped").write_text("CONFIG_KEXEC\n")
    own = tmp_path / "own.config"
    own.write_text("CONFIG_SMP=y\nCONFIG_MMU=y\n")
    run = hardboot("patch", "config", tree, "--config", own)
    assert run.returncode == 3
    assert "CONFIG_KEXEC is off, not y:" in run.stdout
    assert "KEXEC depends on (!SMP || PM_SLEEP_SMP) &&" in run.stdout
    assert "1 option is not as hardboot needs: KEXEC" in run.stderr
    assert own.read_text() == "CONFIG_SMP=y\nCONFIG_MMU=y\n"
    assert not (tree / ".config").exists()


@pytest.mark.parametrize(
    ("symbol", "why"),
    [
        ("XIP_KERNEL", "has no decompressor to check the hardboot page"),
        ("LOCK_DOWN_KERNEL_FORCE_INTEGRITY", "lockdown refuses kexec_load(2) with EPERM"),
        ("LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY", "lockdown refuses kexec_load(2) with EPERM"),
        ("SECURITY_LOADPIN_ENFORCE", "LoadPin refuses kexec_load(2) with EPERM"),
        ("IMA_APPRAISE_REQUIRE_KEXEC_SIGS", "IMA refuses kexec_load(2) with EACCES"),
    ],
)
def test_an_option_that_must_be_off_is_told_with_its_reason(tree: Path, symbol: str, why: str) -> None:
    before = f"CONFIG_SMP=y\nCONFIG_{symbol}=y\n"
    (tree / ".config").write_text(before)
    run = hardboot("patch", "config", tree)
    assert run.returncode == 3
    assert f"CONFIG_{symbol} is y, not off:" in run.stdout
    assert why in run.stdout
    assert f"1 option is not as hardboot needs: {symbol}" in run.stderr
    assert (tree / ".config").read_text() == before


def test_an_option_of_the_fragment_that_stays_on_is_told(tree: Path) -> None:
    with (tree / "arch/arm/Kconfig").open("a") as more:
        more.write("config DEBUG\n\tbool\nconfig DEBUGGER\n\tbool\n\tselect DEBUG if SMP\n")
    result = "CONFIG_KEXEC=y\nCONFIG_KEXEC_HARDBOOT_PAGE=0x3e9df000\nCONFIG_DEBUG=y\n"
    for more_on, why in (
        ("", "it is on by default"),
        ("CONFIG_DEBUGGER=y\nCONFIG_SMP=y\n", "it is selected by DEBUGGER: turn that off"),
    ):
        lost = config.find_wrong(Tree(tree), "arm", FRAGMENT, result + more_on)
        assert lost == (config.WrongOption("DEBUG", "n", "y", why),)


def test_what_another_phone_needed_does_not_stay(tree: Path) -> None:
    others = "KEXEC_HARDBOOT_KERNEL_LOC=0x3208000", "KEXEC_HARDBOOT_MOVE_R2=y", "KEXEC_HARDBOOT_PAGE=0x1000"
    (tree / ".config").write_text("".join(f"CONFIG_{one}\n" for one in (*others, "KEXEC_FILE=y")))
    assert config.configure(tree, "arm", tree / ".config") == ()
    now = dotconfig.parse_on((tree / ".config").read_text())
    assert now == {"KEXEC": "y", "KEXEC_FILE": "y", "KEXEC_HARDBOOT_PAGE": "0x3E9DF000", "MORE": "y"}


def test_a_tree_without_fragment_or_configuration_is_refused(tree: Path) -> None:
    with pytest.raises(InputError, match="no such kernel configuration"):
        config.configure(tree, "arm", tree / ".config")
    (tree / "hardboot.config").unlink()
    with pytest.raises(InputError, match=r"has no hardboot\.config"):
        config.configure(tree, "arm", tree / ".config")


def test_a_make_that_fails_is_told(tree: Path) -> None:
    (tree / ".config").write_text("")
    (tree / "dropped").unlink()
    with pytest.raises(ToolError, match="make"):
        config.configure(tree, "arm", tree / ".config")
    assert (tree / ".config").read_text() == ""
