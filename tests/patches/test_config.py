"""Options of a patched tree: merged, made complete by the tree's own make, and what is lost is explained."""

import json
import shutil
from pathlib import Path

import kconfig_tree
import kernel_trees as trees
import pytest
from in_process import hardboot

from hardboot.base.errors import InputError, ToolError
from hardboot.patches import config, dotconfig
from hardboot.patches.tree import Tree

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
    root = kconfig_tree.write(tmp_path / "linux")
    (root / "hardboot.config").write_text(FRAGMENT)
    (root / "dropped").write_text("NOTHING\n")
    with (root / "Makefile").open("a") as makefile:
        makefile.write(RULE)
    return root


def test_the_trees_own_make_completes_the_configuration(tree: Path) -> None:
    (tree / ".config").write_text("CONFIG_DEBUG=y\nCONFIG_SMP=y\n")
    run = hardboot("--json", "patch", "config", tree)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == {
        "config": str(tree / ".config"),
        "lost": [],
        "dropped": [],
        "compiler": {"was": None, "is": None},
    }
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


@pytest.mark.parametrize("symbol", config.FORBIDDEN)
def test_an_option_that_must_be_off_is_told_with_its_reason(tree: Path, symbol: str) -> None:
    before = f"CONFIG_SMP=y\nCONFIG_{symbol}=y\n"
    (tree / ".config").write_text(before)
    run = hardboot("patch", "config", tree)
    assert run.returncode == 3
    assert run.stdout == f"CONFIG_{symbol} is y, not off:\n  {config.FORBIDDEN[symbol]}\n"
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
    assert config.configure(tree, "arm", tree / ".config").wrong == ()
    now = dotconfig.parse_on((tree / ".config").read_text())
    assert now == {"KEXEC": "y", "KEXEC_FILE": "y", "KEXEC_HARDBOOT_PAGE": "0x3E9DF000", "MORE": "y"}


def test_numbers_in_hex_are_compared_as_numbers(tree: Path) -> None:
    fragment = "CONFIG_A=0x10\nCONFIG_B=0x10\nCONFIG_C=16\nCONFIG_D=0x10\n"
    result = "CONFIG_A=0x0010\nCONFIG_B=0x11\nCONFIG_C=0x10\nCONFIG_D=16\n"
    wrong = config.find_wrong(Tree(tree), "arm", fragment, result)
    assert [(one.symbol, one.wanted, one.found) for one in wrong] == [
        ("B", "0x10", "0x11"),
        ("C", "16", "0x10"),
        ("D", "0x10", "16"),
    ]


def test_what_must_be_off_comes_before_what_is_lost(tree: Path) -> None:
    wrong = config.find_wrong(Tree(tree), "arm", "CONFIG_IKCONFIG=y\n", "CONFIG_XIP_KERNEL=y\n")
    assert wrong == (
        config.WrongOption("XIP_KERNEL", "n", "y", config.FORBIDDEN["XIP_KERNEL"]),
        config.WrongOption("IKCONFIG", "y", "n", "no dependency is missing: set it"),
    )


def test_a_tree_without_fragment_or_configuration_is_refused(tree: Path) -> None:
    with pytest.raises(InputError) as caught:
        config.configure(tree, "arm", tree / ".config")
    assert caught.value.what == f"{tree / '.config'}: no such kernel configuration"
    assert caught.value.state == "The tree is unchanged."
    assert caught.value.fix.startswith("Make one first, in the tree: make ARCH=arm …_defconfig. ")
    assert "zcat /proc/config.gz" in caught.value.fix
    (tree / "hardboot.config").unlink()
    with pytest.raises(InputError) as caught:
        config.configure(tree, "arm", tree / ".config")
    assert caught.value.what == f"{tree} has no hardboot.config"
    assert caught.value.state == "The tree is unchanged."
    assert caught.value.fix == "Apply a series first: hardboot patch apply TREE --device NAME"


def test_a_configuration_above_the_limit_is_refused(tree: Path) -> None:
    with (tree / ".config").open("wb") as stream:
        stream.truncate((4 << 20) + 1)
    with pytest.raises(InputError, match=r"\.config"):
        config.configure(tree, "arm", tree / ".config")


# The call of make


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[object], float]]:
    """Return the commands that were run; the configuration stays as it was merged."""
    seen: list[tuple[list[object], float]] = []
    monkeypatch.setattr(config, "run", lambda command, timeout_s: seen.append((command, timeout_s)))
    monkeypatch.setattr(config, "find_tool", lambda *names: "/".join(names))
    monkeypatch.delenv("CROSS_COMPILE", raising=False)
    return seen


@pytest.mark.parametrize(
    ("version", "target"),
    [((3, 6), "oldnoconfig"), ((3, 7), "olddefconfig"), ((6, 12), "olddefconfig")],
)
def test_make_runs_in_the_tree_with_a_configuration_of_its_own(
    tree: Path,
    calls: list[tuple[list[object], float]],
    monkeypatch: pytest.MonkeyPatch,
    version: tuple[int, int],
    target: str,
) -> None:
    trees.write(tree, {".config": "CONFIG_\xe9=y\n"}, version)
    monkeypatch.chdir(tree.parent)
    monkeypatch.setattr(shutil, "which", lambda name: name)
    assert config.configure(Path(tree.name), "arm", tree / ".config").wrong == ()
    ((command, timeout_s),) = calls
    make, option, folder, compiler, arch, own, outside, goal = map(str, command)
    assert (make, option, folder) == ("make/make", "-C", str(tree))
    assert (arch, compiler) == ("ARCH=arm", "CROSS_COMPILE=arm-linux-gnueabihf-")
    assert own.startswith("KCONFIG_CONFIG=")
    assert own.endswith("/.config")
    assert own != f"KCONFIG_CONFIG={tree / '.config'}"
    assert (outside, goal, timeout_s) == ("O=", target, 900)
    assert (tree / ".config").read_text() == f"CONFIG_\xe9=y\n{FRAGMENT}"


@pytest.mark.parametrize(
    ("arch", "installed", "environment", "prefix"),
    [
        ("arm", "arm-none-eabi-gcc", "", "arm-none-eabi-"),
        ("arm64", "aarch64-none-linux-gnu-gcc", "", "aarch64-none-linux-gnu-"),
        ("arm64", "aarch64-linux-gnu-gcc", "my-", "my-"),
        ("arm64", "", "my-", "my-"),
    ],
)
def test_the_compiler_is_the_users_else_one_that_is_installed(
    tree: Path,
    calls: list[tuple[list[object], float]],
    monkeypatch: pytest.MonkeyPatch,
    arch: str,
    installed: str,
    environment: str,
    prefix: str,
) -> None:
    (tree / ".config").write_text("")
    monkeypatch.setattr(shutil, "which", lambda name: name if name == installed else None)
    monkeypatch.setenv("CROSS_COMPILE", environment)
    config.configure(tree, arch, tree / ".config")
    assert f"CROSS_COMPILE={prefix}" in calls[0][0]


@pytest.mark.parametrize(("version", "needed"), [((4, 17), False), ((4, 18), True)])
def test_a_missing_compiler_matters_from_4_18_on(
    tree: Path,
    calls: list[tuple[list[object], float]],
    monkeypatch: pytest.MonkeyPatch,
    version: tuple[int, int],
    needed: bool,
) -> None:
    (tree / "Makefile").write_text(f"VERSION = {version[0]}\nPATCHLEVEL = {version[1]}\nSUBLEVEL = 0\n")
    (tree / ".config").write_text("")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    if not needed:
        config.configure(tree, "arm64", tree / ".config")
        assert "CROSS_COMPILE=" in calls[0][0]
        return
    with pytest.raises(ToolError) as caught:
        config.configure(tree, "arm64", tree / ".config")
    assert caught.value.what == (
        "no cross compiler for arm64 found: aarch64-linux-gnu-gcc, aarch64-none-linux-gnu-gcc"
    )
    assert caught.value.state == "The tree is unchanged."
    assert caught.value.fix == (
        "Set CROSS_COMPILE, or install one; on Debian: apt-get install gcc-aarch64-linux-gnu"
    )


def test_a_make_that_fails_is_told(tree: Path) -> None:
    (tree / ".config").write_text("")
    (tree / "dropped").unlink()
    with pytest.raises(ToolError, match="make") as caught:
        config.configure(tree, "arm", tree / ".config")
    assert caught.value.state == f"{tree / '.config'} is as it was."
    assert (tree / ".config").read_text() == ""


# Where it builds, and with what


@pytest.mark.parametrize(("name", "outside"), [(".config", False), ("include/config", False), ("", True)])
def test_a_tree_that_was_not_built_in_stays_clean(
    tree: Path, tmp_path: Path, calls: list[tuple[list[object], float]], name: str, outside: bool
) -> None:
    if name:
        (tree / name).mkdir(parents=True)
    own = tmp_path / "own.config"
    own.write_text("CONFIG_A=y\n")
    config.configure(tree, "arm", own)
    ((word,),) = ([str(word) for word in command if str(word).startswith("O=")] for command, _ in calls)
    assert (word != "O=") == outside  # empty, it stands above KBUILD_OUTPUT of the environment


@pytest.mark.parametrize(
    ("line", "expected"),
    [("HOSTCC = ccache-of-nobody gcc", True), ("HOSTCC ?= sh gcc", False), ("HOSTCC = $(CC)", False)],
)
def test_a_host_compiler_that_is_not_installed_is_replaced(
    tree: Path, calls: list[tuple[list[object], float]], line: str, expected: bool
) -> None:
    with (tree / "Makefile").open("a") as makefile:
        makefile.write(f"\n{line}\n")
    (tree / ".config").write_text("CONFIG_A=y\n")
    config.configure(tree, "arm", tree / ".config")
    assert ("HOSTCC=gcc" in calls[0][0]) == expected


def test_a_configuration_that_is_a_link_stays_one(tree: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.config"
    own.write_text("CONFIG_SMP=y\n")
    (tree / ".config").symlink_to(own)
    run = hardboot("patch", "config", tree)
    assert run.returncode == 0, run.stderr
    assert (tree / ".config").is_symlink()
    assert "CONFIG_MORE=y" in own.read_text()


def test_a_folder_is_no_configuration(tree: Path) -> None:
    (tree / ".config").mkdir()
    with pytest.raises(InputError, match="a folder, not a kernel configuration"):
        config.configure(tree, "arm", tree / ".config")


# The compiler


def test_what_is_turned_off_and_another_compiler_are_told(tree: Path) -> None:
    (tree / "dropped").write_text("CONFIG_SMP\nCONFIG_CC_IS_CLANG\nCONFIG_HIDDEN\n")
    with (tree / "arch/arm/Kconfig").open("a") as more:
        more.write('config SMP\n\tbool "SMP"\nconfig HIDDEN\n\tbool\n')
    with (tree / "Makefile").open("a") as makefile:
        makefile.write("\t@test $(CC) = own-gcc\n\t@echo CONFIG_CC_IS_GCC=y >>$(KCONFIG_CONFIG)\n")
    (tree / ".config").write_text("CONFIG_CC_IS_CLANG=y\nCONFIG_SMP=y\nCONFIG_HIDDEN=y\nCONFIG_OTHERS=y\n")
    before = (tree / ".config").read_text()
    run = hardboot("--json", "patch", "config", tree, "CC=own-gcc")
    assert run.returncode == 0, run.stderr
    done = json.loads(run.stdout)
    assert (done["dropped"], done["compiler"]) == (["SMP"], {"was": "clang", "is": "gcc"})
    (tree / ".config").write_text(before)
    run = hardboot("patch", "config", tree, "CC=own-gcc")
    assert "was made for clang, and now for gcc: modules of the old kernel may not load" in run.stderr
    assert "Turned off, as this tree or compiler lacks something for it: SMP\n" in run.stdout


@pytest.mark.parametrize("variable", ["ARCH=arm64", "O=out", "KCONFIG_CONFIG=x", "clang", "=x"])
def test_what_is_no_variable_for_make_is_refused(tree: Path, variable: str) -> None:
    run = hardboot("patch", "config", tree, variable)
    assert run.returncode == 2
    assert "is no variable for make that can be set here" in run.stderr
