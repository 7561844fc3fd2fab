"""The arm64 series for the kernels of phones: in trees made of what their hunks ask for, and on QEMU.

The real trees are kernels of phones, which are not here: see docs/kernel-patches-test-record.md.
"""

import json
from pathlib import Path

import pytest
from in_process import hardboot
from series_machine64 import CASES, cycle
from series_trees import build, hashes

from hardboot import profile
from hardboot.patches import catalog
from hardboot.patches.apply import apply_series
from hardboot.patches.series import ProfileValues
from hardboot.patches.status import status

KERNELS = {
    "4.9": "arm64-4.9",
    "4.14": "arm64-4.9",
    "4.19": "arm64-4.9",
    "5.4": "arm64-4.9",
    "5.10": "arm64-4.9",
    "5.15": "arm64-4.9",
    "6.6": "arm64-6.6",
}
PHONE: ProfileValues = {"hardboot.page": 0x44000000, "hardboot.page_size": 0x1000, "reset.method": "psci"}
each_kernel = pytest.mark.parametrize("version", KERNELS)


@pytest.fixture
def tree(tmp_path: Path, version: str) -> Path:
    return make(tmp_path / "linux", version)


def make(folder: Path, version: str, drift: int = 0) -> Path:
    return build(folder, KERNELS[version], version=version, drift=drift, has="arch/arm64/kernel/cpu-reset.S")


@each_kernel
@pytest.mark.parametrize("drift", [0, 7])
def test_the_whole_way_on_the_command_line(tmp_path: Path, version: str, drift: int) -> None:
    tree = make(tmp_path / "linux", version, drift)
    before = hashes(tree)
    run = hardboot("--json", "patch", "apply", tree, "--device", "virt-arm64")
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert (report["overall"], report["series"]) == ("applied", KERNELS[version])
    assert bool(report["offsets"]) == bool(drift)
    after = hashes(tree)
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert changed == {*report["files"], report["config"]}
    found = json.loads(hardboot("--json", "patch", "status", tree).stdout)
    assert (found["overall"], found["author"]) == ("applied", "hardboot")
    assert {place["state"] for place in found["places"]} == {"ours"}, found
    assert hardboot("patch", "revert", tree).returncode == 0
    assert hashes(tree) == before


@each_kernel
def test_status_names_the_very_line(tree: Path, version: str) -> None:
    apply_series(tree, catalog.find(tree, "arm64"), PHONE)
    shown = {
        place.name: (tree / place.file).read_text().splitlines()[place.line - 1]
        for place in status(tree).places
        if place.file and place.line
    }
    wanted = {
        "flag": "#define KEXEC_HARDBOOT\t",
        "kimage": "unsigned int hardboot : 1;",
        "load": "image->hardboot = 1;",
        "prepare": "kexec_hardboot_start(kimage);",
        "relocation": "KEXEC_HARDBOOT_MAGIC",
        "decompressor": "KEXEC_HARDBOOT_REC_MAGIC",
        "reservation": "void __init kexec_hardboot_reserve(void)",
        "kconfig": "config KEXEC_HARDBOOT",
        "reset": "hvc\t#0",
        "config": "CONFIG_KEXEC_HARDBOOT=y",
    }
    assert {place: wanted[place] for place in shown if wanted[place] in shown[place]} == wanted, shown


@each_kernel
def test_the_check_comes_before_all_else(tree: Path, version: str) -> None:
    apply_series(tree, catalog.find(tree, "arm64"), PHONE)
    lines = (tree / "arch/arm64/kernel/head.S").read_text().splitlines()
    at = lines.index("#ifdef CONFIG_KEXEC_HARDBOOT")
    label = "ENTRY(stext)" if version in ("4.9", "4.14", "4.19", "5.4") else "SYM_CODE_START(primary_entry)"
    before = [label, "\tbl\trecord_mmu_state"] if version == "6.6" else [label]
    assert lines[at - len(before) : at] == before
    assert lines[lines.index(".Lno_hardboot:") + 2] == "\tbl\tpreserve_boot_args"
    # 4.9 starts the image that was checked last, whichever it was, if its own variable stays
    code = (tree / "arch/arm64/kernel/machine_kexec.c").read_text()
    assert "kimage_start" not in code


@pytest.mark.parametrize("version", ["4.9", "4.14", "4.19"])
def test_qualcomms_stale_declaration_is_replaced_and_comes_back(tmp_path: Path, version: str) -> None:
    header = "arch/arm64/include/asm/proc-fns.h"
    tree = build(tmp_path / "linux", "arm64-4.9", version=version, has=header, containing="cpu_soft_restart")
    before, declared = hashes(tree), "void cpu_soft_restart(phys_addr_t cpu_reset,"
    assert declared in (tree / header).read_text()
    assert hardboot("patch", "apply", tree, "--device", "virt-arm64").returncode == 0
    assert declared not in (tree / header).read_text()
    found = json.loads(hardboot("--json", "patch", "status", tree).stdout)
    assert {place["state"] for place in found["places"]} == {"ours"}, found
    assert hardboot("patch", "revert", tree).returncode == 0
    assert hashes(tree) == before


@pytest.mark.parametrize(("version", "covered"), [("4.9", "4.8"), ("5.15", "5.16"), ("6.6", "6.7")])
def test_the_next_version_is_not_covered(tmp_path: Path, version: str, covered: str) -> None:
    tree = make(tmp_path / "linux", version)
    major, minor = covered.split(".")
    (tree / "Makefile").write_text(f"VERSION = {major}\nPATCHLEVEL = {minor}\nSUBLEVEL = 0\n")
    run = hardboot("patch", "apply", tree, "--device", "virt-arm64")
    assert run.returncode == 4
    assert "no series covers" in run.stderr


@pytest.mark.parametrize("device", ["angler", "bullhead"])
@pytest.mark.parametrize(
    ("version", "there", "said"),
    [
        ("3.10", "arch/arm64/kernel/head.S", True),
        ("3.18", "arch/arm64/kernel/head.S", True),
        ("3.10", "arch/arm64/kernel/machine_kexec.c", False),  # another author's
        ("4.8", "arch/arm64/kernel/head.S", False),
    ],
)
def test_a_kernel_without_kexec_for_arm64_is_told_what_it_needs(
    tmp_path: Path, device: str, version: str, there: str, said: bool
) -> None:
    major, minor = version.split(".")
    (tmp_path / there).parent.mkdir(parents=True)
    (tmp_path / there).write_text("")
    (tmp_path / "Kconfig").write_text("")
    (tmp_path / "Makefile").write_text(f"VERSION = {major}\nPATCHLEVEL = {minor}\nSUBLEVEL = 49\n")
    run = hardboot("patch", "apply", tmp_path, "--device", device)
    assert run.returncode == 4
    assert f"Linux {version}.49, arm64" in run.stderr
    assert ("has no kexec for arm64" in run.stderr) == said
    assert ("docs/adding-a-series.md" in run.stderr) != said


@pytest.mark.parametrize("device", ["angler", "bullhead"])
def test_their_profiles_say_that_no_series_covers_them(device: str) -> None:
    notes = profile.load(device).notes
    assert any(note.startswith("No series of kernel patches covers its 3.10 kernel") for note in notes)
    series = [one for one in catalog.load_all() if one.arch == "arm64"]
    assert not [one.name for one in series if one.kernels.cover((3, 10, 0))]


# The code itself


@pytest.mark.parametrize("case", [case for case in CASES if case != "a watchdog"])
@pytest.mark.parametrize("version", ["4.9", "5.15"])
def test_the_reset_starts_the_image_once_and_a_boot_without_record_writes_nothing(
    tree: Path, tmp_path: Path, version: str, case: str
) -> None:
    apply_series(tree, catalog.find(tree, "arm64"), PHONE)
    assert cycle(tree, tmp_path, case) == "ok"


def test_a_reset_that_fails_leaves_the_machine_waiting(tmp_path: Path) -> None:
    tree = make(tmp_path / "linux", "5.10")
    apply_series(tree, catalog.find(tree, "arm64"), PHONE)
    unknown = {"PSCI_FUNCTION": 0x84000099}
    assert cycle(tree, tmp_path, "PSCI by HVC, EL1", unknown, fails=True) == "ok"


def test_a_kernel_that_waits_for_a_watchdog_is_reset_from_outside(tmp_path: Path) -> None:
    tree = make(tmp_path / "linux", "4.14")
    apply_series(tree, catalog.find(tree, "arm64"), PHONE)
    values = {"CONFIG_KEXEC_HARDBOOT_RESET_WATCHDOG": 1}
    assert cycle(tree, tmp_path, "a watchdog", values, fails=True) == "ok"
