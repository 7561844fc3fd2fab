"""The series arm-3.4 and arm-3.10: in trees made of what their hunks ask for, and their assembly on QEMU.

The real trees are kernels of phones, which are not here: see docs/kernel-patches-test-record.md.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from in_process import hardboot
from series_machine import CASES, DIRECT, KERNEL_LOC, cycle
from series_trees import build, fragment, hashes

from hardboot import profile
from hardboot.base import process
from hardboot.base.errors import RefusedError
from hardboot.base.files import data_dir
from hardboot.patches import catalog
from hardboot.patches.apply import apply_series
from hardboot.patches.series import CONFIG_NAME, ProfileValues
from hardboot.patches.status import status

SERIES = {"arm-3.4": "flo", "arm-3.10": "shamu"}  # and a phone of each
PHONES = {
    "arm-3.4": ("bacon", "flo", "hammerhead", "honami", "m8", "mako", "onyx", "z3"),
    "arm-3.10": ("shamu",),
}
PHONE: ProfileValues = {"hardboot.page": 0x1000, "hardboot.page_size": 0x1000, "reset.address": 4}

pytestmark = pytest.mark.parametrize("name", SERIES)


def added(name: str, path: str) -> str:
    """Return the lines that a series adds to a file."""
    hunks = [
        hunk
        for parts in catalog.load(name).read().values()
        for part in parts
        if part.path == path
        for hunk in part.hunks
    ]
    return b"".join(line for hunk in hunks for line in hunk.new if line not in hunk.old).decode()


@pytest.fixture
def tree(tmp_path: Path, name: str) -> Path:
    return build(tmp_path / "linux", name)


def test_the_whole_way_on_the_command_line(tree: Path, name: str) -> None:
    before = hashes(tree)
    run = hardboot("--json", "patch", "apply", tree, "--device", SERIES[name])
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert (report["overall"], report["series"], report["offsets"]) == ("applied", name, [])
    after = hashes(tree)
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert changed == {*report["files"], report["config"]}
    status = hardboot("--json", "patch", "status", tree)
    found = json.loads(status.stdout)
    assert (found["overall"], found["author"]) == ("applied", "hardboot"), status.stdout
    assert {place["state"] for place in found["places"]} == {"ours"}, status.stdout
    assert hardboot("patch", "revert", tree).returncode == 0
    assert hashes(tree) == before


def test_status_names_the_very_line(tree: Path, name: str) -> None:
    apply_series(tree, catalog.load(name), PHONE)
    shown = {
        place.name: (tree / place.file).read_text().splitlines()[place.line - 1]
        for place in status(tree).places
        if place.file and place.line
    }
    wanted = {
        "flag": "#define KEXEC_HARDBOOT\t",
        "kimage": "unsigned int hardboot : 1;",
        "load": "image->hardboot = 1;",
        "prepare": "image->hardboot",
        "relocation": "KEXEC_HARDBOOT_MAGIC",
        "decompressor": "KEXEC_HARDBOOT_MAGIC",
        "reservation": "void __init kexec_hardboot_reserve(void)",
        "kconfig": "config KEXEC_HARDBOOT",
        "reset": "CONFIG_KEXEC_HARDBOOT_RESET_ADDR",
        "config": "CONFIG_KEXEC_HARDBOOT=y",
    }
    assert {place: wanted[place] for place in shown if wanted[place] in shown[place]} == wanted


def test_a_tree_of_another_vendor_takes_it_with_offsets(tmp_path: Path, name: str) -> None:
    tree = build(tmp_path / "linux", name, drift=7)
    before = hashes(tree)
    run = hardboot("--json", "patch", "apply", tree, "--device", SERIES[name])
    assert run.returncode == 0, run.stderr
    offsets = {at["offset"] for at in json.loads(run.stdout)["offsets"]}
    assert offsets
    assert offsets <= set(range(7, 7 * 9, 7))
    assert hardboot("patch", "revert", tree).returncode == 0
    assert hashes(tree) == before


@pytest.mark.parametrize("count", range(1, 5))
def test_git_apply_makes_the_same_of_it_and_a_part_is_told(
    tree: Path, tmp_path: Path, name: str, count: int
) -> None:
    series = catalog.load(name)
    for patch in series.patches[:count]:
        subprocess.run(["git", "apply", data_dir("patches") / name / patch], cwd=tree, check=True, timeout=60)
    assert status(tree).overall == "partial"
    before = hashes(tree)
    if count < 3:  # files of these are changed by later ones, too
        with pytest.raises(RefusedError, match="only partly applied"):
            apply_series(tree, series, PHONE)
        assert hashes(tree) == before
    else:
        completed = tmp_path / "completed"
        shutil.copytree(tree, completed)
        apply_series(completed, series, PHONE)
    for patch in series.patches[count:]:
        subprocess.run(["git", "apply", data_dir("patches") / name / patch], cwd=tree, check=True, timeout=60)
    twin = build(tmp_path / "twin", name)
    apply_series(twin, series, PHONE)
    if count >= 3:
        assert hashes(twin) == hashes(completed)
    (twin / CONFIG_NAME).unlink()
    assert hashes(twin) == hashes(tree)


def test_a_tree_without_the_machine_has_no_series(tree: Path, name: str) -> None:
    shutil.rmtree(tree / "arch/arm/mach-msm")
    run = hardboot("patch", "apply", tree, "--device", SERIES[name])
    assert run.returncode == 4
    assert "no series covers" in run.stderr


def test_every_option_the_code_reads_is_declared_and_set(name: str) -> None:
    series = catalog.load(name)
    kconfig = added(name, "arch/arm/Kconfig")
    declared = dict(re.findall(r"^config (KEXEC_HARDBOOT\w*)\n\t(\w+)", kconfig, re.MULTILINE))
    code = "".join(
        added(name, part.path)
        for parts in series.read().values()
        for part in parts
        if not part.path.endswith("Kconfig")
    )
    assert set(re.findall(r"CONFIG_(KEXEC_HARDBOOT\w*)", code)) == set(declared)
    options = (series.config, *series.config.when)
    given = {symbol for one in options for symbol in (*one.set, *one.profile)}
    computed = {symbol for symbol, kind in declared.items() if kind == "def_bool"}
    sized = {"KEXEC", "IKCONFIG", "IKCONFIG_PROC", "ATAGS_PROC", "PROC_DEVICETREE", "MSM_NATIVE_RESTART"}
    assert given - sized == set(declared) - computed


def test_every_phone_of_the_generation_gets_its_values(tree: Path, name: str) -> None:
    for device in PHONES[name]:
        phone, options = profile.load(device), fragment(tree, device)
        assert int(options["KEXEC_HARDBOOT_PAGE"], 16) == phone.page.start, device
        assert int(options["KEXEC_HARDBOOT_PAGE_SIZE"], 16) == phone.hardboot.page_size, device
        assert int(options["KEXEC_HARDBOOT_RESET_ADDR"], 16) == phone.reset.address, device
        assert int(options["KEXEC_HARDBOOT_RESET_VALUE"], 16) == phone.reset.value, device
        assert int(options.get("KEXEC_HARDBOOT_KERNEL_LOC", "0"), 16) == (phone.hardboot.kernel_loc or 0)
        assert ("KEXEC_HARDBOOT_MOVE_R2" in options) == (phone.hardboot.host_abi != "direct"), device
        assert ("ATAGS_PROC" in options) == (phone.dtb.kind == "none"), device
        assert ("PROC_DEVICETREE" in options) == (phone.dtb.kind != "none"), device


@pytest.mark.parametrize(
    ("device", "why"),
    [("g2", "page"), ("fp1", "mtk_wdt_set_timer"), ("virt-arm", "psci"), ("jflte", "atags-in-r0")],
)
def test_a_phone_it_cannot_serve_is_refused(tree: Path, name: str, device: str, why: str) -> None:
    before = hashes(tree)
    run = hardboot("patch", "apply", tree, "--device", device)
    assert (run.returncode, hashes(tree)) == (4, before)
    assert why in run.stderr


def test_no_patch_holds_an_address_of_a_device(name: str) -> None:
    for parts in catalog.load(name).read().values():
        for part in parts:
            found = {int(word, 16) for word in re.findall(r"\b0x[0-9a-fA-F]{5,}\b", added(name, part.path))}
            assert found <= {4, 0x4A5DB007, 0xFFFFFFFF}, part.path  # flag, magic, the end of 32 bits


def test_every_patch_says_its_licence_and_why(name: str) -> None:
    series = catalog.load(name)
    for patch in series.patches:
        text = (data_dir("patches") / name / patch).read_text()
        header, _, rest = text.partition("\n\n")
        assert "SPDX-License-Identifier: GPL-2.0-only" in header.splitlines()
        assert re.search(rf"^Subject: \[PATCH \d/{len(series.patches)}\] ", header, re.MULTILINE)
        assert len(rest.partition("\n---\n")[0].split()) > 40
    for parts in series.read().values():
        for part in parts:
            if part.creates and part.path.endswith((".c", ".h")):
                assert b"SPDX-License-Identifier: GPL-2.0-only" in part.hunks[0].new[0], part.path


@pytest.mark.parametrize("case", [*CASES, "sizes unknown"])
def test_record_reset_and_jump_happen_on_a_machine(tree: Path, tmp_path: Path, name: str, case: str) -> None:
    unknown = {**DIRECT, **KERNEL_LOC, "RECORD_TREE_SIZE": 0, "RECORD_KERNEL_SIZE": 0}
    apply_series(tree, catalog.load(name), PHONE)
    assert cycle(tree, tmp_path, CASES.get(case, unknown)) == "ok"


def test_the_page_has_to_be_given(tree: Path, name: str) -> None:
    """A build without an address for the page stops and says so."""
    with pytest.raises(RefusedError, match=r"hardboot\.page"):
        apply_series(tree, catalog.load(name), {})
    apply_series(tree, catalog.load(name), PHONE)
    gcc = process.find_tool("arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf")
    header = tree / "include/linux/kexec_hardboot.h"
    words = {"PAGE": 0, "PAGE_SIZE": 0x1000, "RESET_ADDR": 4, "KERNEL_LOC": 0}
    for wrong in ({}, {"PAGE": 0x1004}, {"PAGE": 0x1000, "RESET_ADDR": 0}, {"PAGE": 0x1000, "KERNEL_LOC": 8}):
        values = words | wrong
        defines = [f"-DCONFIG_KEXEC_HARDBOOT_{key}={value:#x}" for key, value in values.items()]
        command = [gcc, "-E", "-D__ASSEMBLY__", "-DCONFIG_KEXEC_HARDBOOT=1", *defines, str(header)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert run.returncode, values
        assert "CONFIG_KEXEC_HARDBOOT_" in run.stderr
