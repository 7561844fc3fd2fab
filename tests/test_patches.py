"""The patch engine and the series in a tree: all or nothing, no fuzz, nothing outside of the tree."""

import errno
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hardboot import files, patches
from hardboot.errors import HardbootError, InputError, RefusedError

SERIES = """\
name = "toy-6.1"
arch = "arm"
kernels = { min = "6.1", below = "6.2" }
abi_version = 1
flag = 0x4
host_abi = ["direct"]
reset = ["psci", "mmio"]
author = "Test"
licence = "GPL-2.0-only"
patches = ["0001-one.patch", "0002-two.patch"]
[places]
flag = ["arch/arm/code.c"]
kimage = ["arch/arm/code.c"]
load = ["arch/arm/code.c"]
prepare = ["arch/arm/code.c"]
relocation = ["arch/arm/code.c"]
decompressor = ["arch/arm/code.c"]
reservation = ["sub/folder/new.c"]
kconfig = ["arch/arm/code.c"]
reset = ["arch/arm/code.c"]
[config.set]
KEXEC = "y"
DEBUG = "n"
[config.profile]
KEXEC_HARDBOOT_PAGE = "hardboot.page"
KEXEC_HARDBOOT_PAGE_SIZE = "hardboot.page_size"
[[config.when]]
field = "reset.method"
is = ["mmio"]
set = { KEXEC_HARDBOOT_RESET_MMIO = "y" }
profile = { KEXEC_HARDBOOT_RESET_ADDR = "reset.address" }
"""
VARIANT = '[[variant]]\nhas = "other.c"\ninstead = {{ "{}.patch" = "{}.patch" }}\n[config.set]'
MAKEFILE = "# SPDX\nVERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 7\nEXTRAVERSION =\n"
CODE = "".join(f"line {number}\n" for number in range(1, 41))
ONE = CODE.replace("line 5\n", "line five\n").replace("line 30\n", "line 30\nline 30 and a half\n")
TWO = ONE.replace("line 6\n", "line 6\nline 6b\n")
NEW = "new file\n"
PHONE: patches.Values = {"hardboot.page": 0x44000000, "hardboot.page_size": 0x1000, "reset.method": "psci"}


def git(folder: Path, *words: str, stdin: bytes = b"") -> bytes:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "core.autocrlf=false"]
    command = ["git", *who, *words]
    return subprocess.run(
        command, cwd=folder, env=environment, input=stdin, check=True, capture_output=True, timeout=60
    ).stdout


def make_tree(folder: Path) -> Path:
    (folder / "arch" / "arm").mkdir(parents=True)
    (folder / "Kconfig").write_text("mainmenu\n")
    (folder / "Makefile").write_text(MAKEFILE)
    (folder / "arch" / "arm" / "code.c").write_text(CODE)
    (folder / "other.c").write_text("a\nb\nc\n")
    return folder


def snapshot(folder: Path) -> dict[str, str]:
    """Every path below `folder` with its kind, mode and content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path.relative_to(folder))] = (
            f"{path.lstat().st_mode:o} {hashlib.sha256(content).hexdigest()}"
        )
    return found


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "linux")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A series of two patches, made by git format-patch."""
    repository = make_tree(tmp_path_factory.mktemp("git") / "upstream")
    git(repository, "init", "-q")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "base")
    for content, title, more in ((ONE, "one", NEW), (TWO, "two", NEW + "second line\n")):
        (repository / "arch" / "arm" / "code.c").write_text(content)
        (repository / "sub" / "folder").mkdir(parents=True, exist_ok=True)
        (repository / "sub" / "folder" / "new.c").write_text(more)
        if title == "two":
            (repository / "other.c").write_text("a\nb\nc")
        git(repository, "add", "-A")
        git(repository, "commit", "-qm", title)
    folder = repository.parent / "toy-6.1"
    git(repository, "format-patch", "-q", "-N", "-o", str(folder), "HEAD~2")
    (folder / "series.toml").write_text(SERIES)
    return folder


@pytest.fixture
def shipped(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That series as the only one in a patches/ folder."""
    folder = tmp_path / "patches" / made.name
    shutil.copytree(made, folder)
    monkeypatch.setattr(files, "data_dir", lambda name: tmp_path / name)
    return folder


@pytest.fixture
def series(shipped: Path) -> patches.Series:
    return patches.load(shipped.name)


def apply(tree: Path, series: patches.Series, *, dry_run: bool = False) -> patches.Report:
    return patches.apply(tree, series, PHONE, dry_run=dry_run)


def refused(call: Callable[[], object], tree: Path) -> RefusedError:
    before = snapshot(tree)
    with pytest.raises(RefusedError) as caught:
        call()
    assert snapshot(tree) == before
    return caught.value


# The whole way


def test_apply_changes_what_the_series_says_and_revert_takes_it_out(
    tree: Path, series: patches.Series
) -> None:
    before = snapshot(tree)
    assert patches.survey(tree, series).overall == "absent"
    report = apply(tree, series)
    assert report.files == ("arch/arm/code.c", "other.c", "sub/folder/new.c")
    assert (report.overall, report.offsets) == ("applied", ())
    assert (tree / "arch/arm/code.c").read_text() == TWO
    assert (tree / "other.c").read_bytes() == b"a\nb\nc"
    assert (tree / "sub/folder/new.c").read_text() == NEW + "second line\n"
    assert [item.state for item in patches.survey(tree, series).patches] == ["applied", "applied"]
    assert patches.revert(tree, series).files == report.files
    assert snapshot(tree) == before


def test_the_result_is_what_git_apply_makes_of_a_tree_that_has_drifted(
    tree: Path, series: patches.Series, shipped: Path, tmp_path: Path
) -> None:
    drifted = "// added above\n" * 7 + CODE.replace("line 20\n", "")
    for folder in (tree, make_tree(tmp_path / "oracle")):
        (folder / "arch/arm/code.c").write_text(drifted)
    report = apply(tree, series)
    for name in series.patches:
        git(tmp_path / "oracle", "apply", str(shipped / name))
    (tree / patches.CONFIG_NAME).unlink()
    assert snapshot(tree) == snapshot(tmp_path / "oracle")
    assert [(at.patch[:4], at.file, at.hunk, at.offset) for at in report.offsets] == [
        ("0001", "arch/arm/code.c", 1, 7),
        ("0001", "arch/arm/code.c", 2, 6),
        ("0002", "arch/arm/code.c", 1, 7),
    ]
    assert patches.survey(tree, series).overall == "applied"
    patches.revert(tree, series)
    assert (tree / "arch/arm/code.c").read_text() == drifted


def test_a_hard_link_elsewhere_keeps_the_old_content(tree: Path, series: patches.Series) -> None:
    elsewhere = tree.parent / "elsewhere.c"
    os.link(tree / "arch/arm/code.c", elsewhere)
    apply(tree, series)
    assert elsewhere.read_text() == CODE


def test_a_dry_run_writes_nothing_and_tells_what_it_would(tree: Path, series: patches.Series) -> None:
    before = snapshot(tree)
    report = apply(tree, series, dry_run=True)
    assert (report.overall, len(report.files)) == ("absent", 3)
    assert snapshot(tree) == before


def test_a_tree_that_has_the_series_is_left_alone(tree: Path, series: patches.Series) -> None:
    apply(tree, series)
    before = snapshot(tree)
    report = apply(tree, series)
    assert (report.overall, report.files) == ("applied", ())
    assert snapshot(tree) == before


def test_reverting_a_tree_without_the_series_changes_nothing(tree: Path, series: patches.Series) -> None:
    before = snapshot(tree)
    assert patches.revert(tree, series).files == ()
    assert snapshot(tree) == before


# The configuration


def test_the_fragment_holds_the_values_of_the_phone(tree: Path, series: patches.Series) -> None:
    apply(tree, series)
    assert (tree / "hardboot.config").read_text().splitlines()[1:] == [
        "CONFIG_KEXEC=y",
        "# CONFIG_DEBUG is not set",
        "CONFIG_KEXEC_HARDBOOT_PAGE=0x44000000",
        "CONFIG_KEXEC_HARDBOOT_PAGE_SIZE=0x1000",
    ]


def test_another_phone_gets_its_own_fragment_in_a_patched_tree(tree: Path, series: patches.Series) -> None:
    apply(tree, series)
    patches.apply(tree, series, {**PHONE, "hardboot.page": 0x88C00000})
    assert "PAGE=0x88c00000\n" in (tree / "hardboot.config").read_text()


def test_a_fragment_that_is_not_ours_is_neither_overwritten_nor_removed(
    tree: Path, series: patches.Series
) -> None:
    (tree / "hardboot.config").write_text("CONFIG_MINE=y\n")
    assert "was not written by hardboot" in refused(lambda: apply(tree, series), tree).what
    patches.revert(tree, series)
    assert (tree / "hardboot.config").read_text() == "CONFIG_MINE=y\n"


# What is refused


def test_a_conflict_in_the_last_patch_leaves_the_tree_alone(tree: Path, series: patches.Series) -> None:
    (tree / "other.c").write_text("a\nb\nsomething else\n")
    error = refused(lambda: apply(tree, series), tree)
    assert 'other.c, hunk 1, line 3: found "something else", expected "c"' in error.what
    status = patches.survey(tree, series)
    assert (status.overall, [item.state for item in status.patches]) == ("conflict", ["absent", "conflict"])


def test_changed_context_is_a_conflict_where_git_with_less_context_would_go_on(
    tree: Path, series: patches.Series, shipped: Path
) -> None:
    (tree / "arch/arm/code.c").write_text(CODE.replace("line 28\n", "line 28 changed\n"))
    error = refused(lambda: apply(tree, series), tree)
    assert 'code.c, hunk 2, line 28: found "line 28 changed", expected "line 28"' in error.what
    git(tree, "apply", "--check", "-C1", str(shipped / series.patches[0]))


def test_a_tree_with_the_first_patch_only_is_partial(
    tree: Path, series: patches.Series, shipped: Path
) -> None:
    git(tree, "apply", str(shipped / series.patches[0]))
    status = patches.survey(tree, series)
    assert (status.overall, [item.state for item in status.patches]) == ("partial", ["applied", "absent"])
    for call in (lambda: apply(tree, series), lambda: patches.revert(tree, series)):
        assert "0002-two.patch is not applied" in refused(call, tree).what


def test_a_lost_hunk_is_named(tree: Path, series: patches.Series) -> None:
    apply(tree, series)
    code = tree / "arch/arm/code.c"
    code.write_text(code.read_text().replace("line 30 and a half\n", ""))
    status = patches.survey(tree, series)
    assert (status.overall, [item.state for item in status.patches]) == ("partial", ["partial", "applied"])
    assert [str(problem) for problem in status.patches[0].problems] == [
        "arch/arm/code.c, hunk 2, line 28: not applied"
    ]
    error = refused(lambda: apply(tree, series), tree)
    assert "is there only in part: arch/arm/code.c, hunk 2" in error.what


def test_a_lost_file_is_named(tree: Path, series: patches.Series) -> None:
    apply(tree, series)
    (tree / "sub/folder/new.c").unlink()
    status = patches.survey(tree, series)
    assert status.overall == "partial"
    assert "sub/folder/new.c: not applied" in [str(at) for item in status.patches for at in item.problems]


def test_a_hunk_that_only_removes_lines_is_not_taken_for_applied(
    tree: Path, series: patches.Series, shipped: Path
) -> None:
    text = (
        "--- a/other.c\n+++ b/other.c\n@@ -2,5 +2,2 @@\n \n-one\n-two\n-\n copy\n@@ -7 +4,2 @@\n end\n+more\n"
    )
    (shipped / series.patches[1]).write_text(text)
    (tree / "other.c").write_text("top\n\none\ntwo\n\n\ncopy\nend\n")
    error = refused(lambda: apply(tree, series), tree)
    assert "toy-6.1 does not fit: other.c, hunk 1, line 6: found an empty line, expected" in error.what
    assert [item.state for item in patches.survey(tree, series).patches] == ["absent", "conflict"]


def test_a_file_that_should_be_new_but_exists_is_a_conflict(tree: Path, series: patches.Series) -> None:
    (tree / "sub/folder").mkdir(parents=True)
    (tree / "sub/folder/new.c").write_text("somebody else's\n")
    assert "sub/folder/new.c: the file exists already" in refused(lambda: apply(tree, series), tree).what


def test_a_missing_file_is_a_conflict(tree: Path, series: patches.Series) -> None:
    (tree / "other.c").unlink()
    assert "other.c: there is no such file" in refused(lambda: apply(tree, series), tree).what


def test_lines_that_stand_in_two_places_are_not_guessed(tree: Path, series: patches.Series) -> None:
    (tree / "arch/arm/code.c").write_text("// first\n" + CODE + "// second\n" + CODE)
    error = refused(lambda: apply(tree, series), tree)
    assert "fits at more than one place (lines 3, 44)" in error.what


@pytest.mark.parametrize("line", ["VERSION = 5", "PATCHLEVEL = 2", "PATCHLEVEL = 10"])
def test_a_version_that_is_not_covered_is_refused(tree: Path, series: patches.Series, line: str) -> None:
    key = line.partition(" ")[0]
    kept = [old for old in MAKEFILE.splitlines() if not old.startswith(key)]
    (tree / "Makefile").write_text("\n".join([*kept, line, ""]))
    error = refused(lambda: apply(tree, series), tree)
    assert "toy-6.1 covers 6.1 up to, not including, 6.2" in error.what
    with pytest.raises(RefusedError, match="no series covers Linux"):
        patches.find(tree, "arm")


@pytest.mark.parametrize("missing", ["Makefile", "Kconfig", "arch"])
def test_a_folder_that_is_no_kernel_tree_is_refused(tree: Path, series: patches.Series, missing: str) -> None:
    (tree / missing).rename(tree.parent / missing)
    with pytest.raises(InputError, match="not the top of a Linux kernel tree"):
        apply(tree, series)


def test_a_makefile_without_a_version_is_no_kernel(tree: Path) -> None:
    (tree / "Makefile").write_text("all:\n")
    with pytest.raises(InputError, match="not the top of a Linux kernel tree"):
        patches.find(tree)


# Out of the tree


@pytest.fixture
def toy(tree: Path, series: patches.Series, shipped: Path) -> Callable[[str], Callable[[], object]]:
    """Make the second patch one that appends to the file it is given."""

    def make(path: str) -> Callable[[], object]:
        text = f"--- a/{path}\n+++ b/{path}\n@@ -1 +1,2 @@\n victim\n+changed\n"
        (shipped / series.patches[1]).write_text(text)
        return lambda: apply(tree, series)

    return make


@pytest.mark.parametrize(
    "path", ["../victim", "arch/../../victim", "/etc/passwd", "./other.c", "a//b", "a\\b"]
)
def test_a_path_out_of_the_tree_is_refused(
    tree: Path, toy: Callable[[str], Callable[[], object]], path: str
) -> None:
    victim = tree.parent / "victim"
    victim.write_text("victim\n")
    assert "is not a plain path inside the tree" in refused(toy(path), tree).what
    assert victim.read_text() == "victim\n"


def test_a_linked_folder_that_leaves_the_tree_is_refused(
    tree: Path, toy: Callable[[str], Callable[[], object]]
) -> None:
    outside = tree.parent / "outside"
    outside.mkdir()
    (outside / "victim").write_text("victim\n")
    (tree / "way").symlink_to(outside)
    assert "leads out of the tree" in refused(toy("way/victim"), tree).what
    assert (outside / "victim").read_text() == "victim\n"


def test_a_linked_folder_inside_the_tree_is_followed(
    tree: Path, toy: Callable[[str], Callable[[], object]]
) -> None:
    (tree / "arch" / "victim").write_text("victim\n")
    (tree / "way").symlink_to("arch")
    toy("way/victim")()
    assert (tree / "arch" / "victim").read_text() == "victim\nchanged\n"


def test_a_linked_file_is_refused(tree: Path, toy: Callable[[str], Callable[[], object]]) -> None:
    (tree.parent / "victim").write_text("victim\n")
    (tree / "link").symlink_to(tree.parent / "victim")
    assert "is not a regular file" in refused(toy("link"), tree).what


def test_a_fifo_is_refused_and_not_read(tree: Path, toy: Callable[[str], Callable[[], object]]) -> None:
    os.mkfifo(tree / "fifo")
    assert "is not a regular file" in refused(toy("fifo"), tree).what


# Writes that fail


def test_a_limit_met_while_the_files_are_written_changes_nothing(
    tree: Path, series: patches.Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swapped(*_: object) -> None:
        pytest.fail("a file was changed before all could be written")

    before = snapshot(tree)
    monkeypatch.setattr(Path, "replace", swapped)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limit[1]))
    try:
        with pytest.raises(InputError, match=r"code\.c: cannot be written: File too large"):
            apply(tree, series)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert snapshot(tree) == before


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("good", range(4))
def test_a_file_that_does_not_take_its_place_puts_everything_back(
    tree: Path,
    series: patches.Series,
    monkeypatch: pytest.MonkeyPatch,
    *,
    error: BaseException,
    late: bool,
    good: int,
) -> None:
    before = snapshot(tree)
    real, calls = Path.replace, []

    def failing(self: Path, target: Path) -> Path:
        calls.append(target)
        last = len(calls) == good + 1
        if last and not late:
            raise error
        done = real(self, target)
        if last:
            raise error
        return done

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(InputError if isinstance(error, OSError) else KeyboardInterrupt):
        apply(tree, series)
    assert len(calls) > good
    assert snapshot(tree) == before


def test_files_that_cannot_be_put_back_are_named(
    tree: Path, series: patches.Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = Path.replace, []

    def dying(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) > 1:
            raise OSError(errno.EIO, "the disk is gone")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", dying)
    with pytest.raises(InputError) as caught:
        apply(tree, series)
    assert f"half changed: {tree / 'arch/arm/code.c'}" in caught.value.unchanged


def test_a_file_changed_by_somebody_else_meanwhile_is_refused(
    tree: Path, series: patches.Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = patches.Series.config_fragment

    def slow(self: patches.Series, phone: patches.Values) -> bytes:
        (tree / "other.c").write_text("a\nb\nmine\n")
        return real(self, phone)

    monkeypatch.setattr(patches.Series, "config_fragment", slow)
    with pytest.raises(RefusedError, match=r"other\.c was changed by somebody else"):
        apply(tree, series)
    assert (tree / "arch/arm/code.c").read_text() == CODE
    assert (tree / "other.c").read_text() == "a\nb\nmine\n"


# series.toml


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('arch = "arm"', 'arch = "arm"\ncolour = "red"', "colour"),
        ('arch = "arm"', 'arch = "vax"', "vax"),
        ('reset = ["arch/arm/code.c"]', "", "does not say where these are: reset"),
        ('"hardboot.page"', '"hardboot.pages"', "hardboot.pages"),
        ("abi_version = 1", 'abi_version = "1"', "abi_version"),
        ('name = "toy-6.1"', 'name = "other"', "the folder"),
        ('min = "6.1"', 'min = "6"', "MAJOR.MINOR"),
        ('below = "6.2"', 'below = "6.1"', "no version lies in"),
        ('"0002-two.patch"', '"0003-none.patch"', "there is no patch"),
        ('"0002-two.patch"', '"../toy-6.1/0002-two.patch"', "there is no patch"),
        ('"0002-two.patch"', '"0001-one.patch"', "or one twice"),
        ('["0001-one.patch", "0002-two.patch"]', "[]", "lists no patch"),
        ("[config.set]", VARIANT.format("0003-none", "0001-one"), "'0003-none.patch', which is not in"),
        ("[config.set]", VARIANT.format("0001-one", "0003-none"), "there is no patch '0003-none.patch'"),
        ("abi_version", "= abi_version", "series.toml"),
    ],
)
def test_a_series_that_breaks_a_rule_is_refused(shipped: Path, old: str, new: str, message: str) -> None:
    assert SERIES.count(old) >= 1
    (shipped / "series.toml").write_text(SERIES.replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        patches.load(shipped.name)


def test_find_takes_the_series_for_architecture_and_version(tree: Path, series: patches.Series) -> None:
    assert patches.find(tree, "arm") == patches.find(tree) == series
    with pytest.raises(RefusedError, match=r"no series covers Linux 6\.1\.7 for arm64"):
        patches.find(tree, "arm64")


def twin(shipped: Path, name: str, *changes: tuple[str, str]) -> patches.Series:
    """The same series once more, under another name and with changes in its series.toml."""
    folder = shipped.parent / name
    shutil.copytree(shipped, folder)
    text = SERIES.replace("toy-6.1", name)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "series.toml").write_text(text)
    return patches.load(name)


def test_the_architecture_chooses_and_without_one_what_is_there(
    tree: Path, series: patches.Series, shipped: Path
) -> None:
    other = twin(shipped, "twin-6.1", ('"arm"', '"arm64"'), ('"0001-one.patch", ', ""))
    text = "--- a/other.c\n+++ b/other.c\n@@ -1,3 +1,4 @@\n a\n b\n c\n+d\n"
    text += "--- /dev/null\n+++ b/arch/arm/code.c\n@@ -0,0 +1 @@\n+d\n"
    text += "--- /dev/null\n+++ b/sub/folder/new.c\n@@ -0,0 +1 @@\n+d\n"
    (shipped.parent / other.name / other.patches[0]).write_text(text)
    assert [patches.find(tree, arch).name for arch in ("arm", "arm64")] == ["toy-6.1", "twin-6.1"]
    apply(tree, series)
    assert patches.find(tree) == series


def test_of_two_series_that_share_a_patch_the_whole_one_is_there(
    tree: Path, series: patches.Series, shipped: Path
) -> None:
    other = twin(shipped, "twin-6.1", ('"arm"', '"arm64"'))
    text = "--- a/other.c\n+++ b/other.c\n@@ -1,3 +1,4 @@\n a\n b\n c\n+d\n"
    (shipped.parent / other.name / other.patches[1]).write_text(text)
    assert patches.find(tree) == series
    apply(tree, other)
    assert patches.survey(tree, series).overall == "partial"
    assert patches.find(tree) == other


def test_a_flavour_is_told_by_what_its_trees_have(tree: Path, series: patches.Series, shipped: Path) -> None:
    msm = twin(shipped, "toy-6.1-msm", ('arch = "arm"\n', 'arch = "arm"\nrequires = ["arch/arm/mach-msm"]\n'))
    assert patches.find(tree, "arm") == series
    (tree / "arch/arm/mach-msm").mkdir()
    assert patches.find(tree, "arm") == msm


def test_options_of_some_phones_are_set_for_those(tree: Path, series: patches.Series) -> None:
    phone: patches.Values = {**PHONE, "reset.method": "mmio", "reset.address": 0xFC4AB000}
    patches.apply(tree, series, phone)
    fragment = (tree / "hardboot.config").read_text().splitlines()
    assert fragment[-2:] == [
        "CONFIG_KEXEC_HARDBOOT_RESET_MMIO=y",
        "CONFIG_KEXEC_HARDBOOT_RESET_ADDR=0xfc4ab000",
    ]


def test_a_value_that_the_profile_lacks_is_refused(tree: Path, series: patches.Series) -> None:
    phone: patches.Values = {**PHONE, "reset.method": "mmio", "reset.address": None}
    error = refused(lambda: patches.apply(tree, series, phone), tree)
    assert "needs reset.address for CONFIG_KEXEC_HARDBOOT_RESET_ADDR" in error.what


def test_a_place_in_a_file_that_no_patch_changes_is_refused(
    tree: Path, series: patches.Series, shipped: Path
) -> None:
    (shipped / "series.toml").write_text(
        SERIES.replace('kconfig = ["arch/arm/code.c"]', 'kconfig = ["none.c"]')
    )
    with pytest.raises(InputError, match=r"no patch changes none\.c, the place of the kconfig"):
        patches.survey(tree, patches.load(shipped.name))


# Modes


def test_modes_of_new_and_changed_files_are_kept(tree: Path, series: patches.Series, shipped: Path) -> None:
    text = (
        "diff --git a/run b/run\nnew file mode 100755\n--- /dev/null\n+++ b/run\n@@ -0,0 +1 @@\n+#!/bin/sh\n"
    )
    text += "diff --git a/other.c b/other.c\nold mode 100644\nnew mode 100755\n"
    text += "--- a/other.c\n+++ b/other.c\n@@ -1,3 +1,3 @@\n-a\n+A\n b\n c\n"
    (shipped / series.patches[1]).write_text(text)
    before = snapshot(tree)
    apply(tree, series)
    assert (tree / "run").stat().st_mode & 0o111
    assert (tree / "other.c").stat().st_mode & 0o777 == 0o755
    patches.revert(tree, series)
    assert snapshot(tree) == before


# The command line


def hardboot(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hardboot", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_list_names_every_series_that_ships() -> None:
    run = hardboot("--json", "patch", "list")
    assert run.returncode == 0
    assert "arm-6.1" in [item["name"] for item in json.loads(run.stdout)]
    assert max(map(len, hardboot("patch", "list").stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("apply", "--device", "virt-arm"), 4, "no series covers Linux 5.1.7 for arm"),
        (("revert",), 4, "no series covers Linux 5.1.7"),
        (("apply",), 2, "--device NAME is missing"),
        (("apply", "--device", "nokia3310"), 3, "nokia3310"),
    ],
)
def test_a_wrong_call_ends_with_its_exit_code(
    tree: Path, words: tuple[str, ...], code: int, message: str
) -> None:
    (tree / "Makefile").write_text(MAKEFILE.replace("VERSION = 6", "VERSION = 5"))
    before = snapshot(tree)
    run = hardboot("patch", words[0], tree, *words[1:])
    assert (run.returncode, run.stdout) == (code, "")
    assert message in run.stderr
    assert snapshot(tree) == before


def test_every_error_says_what_to_do(tree: Path, series: patches.Series) -> None:
    (tree / "other.c").write_text("x\n")
    with pytest.raises(HardbootError) as caught:
        apply(tree, series)
    assert caught.value.unchanged == "Nothing was changed."
    assert "hardboot patch status" in caught.value.fix
