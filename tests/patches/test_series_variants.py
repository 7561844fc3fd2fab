"""What a series makes of a tree depends on the tree and on the model: HTC's restart, MSM8916, LG's G3."""

import json
import re
from pathlib import Path

import pytest
from in_process import hardboot
from series_trees import build, hashes

from hardboot.base.files import data_dir
from hardboot.patches import catalog

HTC = "arch/arm/mach-msm/restart-apq8064.c"


def test_htcs_apq8064_is_reset_as_its_own_restart_does_it(tmp_path: Path) -> None:
    tree = build(tmp_path / "linux", "arm-3.4", has=HTC)
    before = hashes(tree)
    run = hardboot("--json", "patch", "apply", tree, "--device", "m7")
    assert run.returncode == 0, run.stderr
    changed = json.loads(run.stdout)["files"]
    assert HTC in changed
    assert "arch/arm/mach-msm/restart.c" not in changed
    hook = (
        (tree / HTC)
        .read_text()
        .partition("static void msm_kexec_hardboot_hook(void)\n{\n")[2]
        .partition("}")[0]
    )
    assert [line.strip() for line in hook.splitlines()] == [
        "set_dload_mode(0);",
        "set_restart_action(RESTART_REASON_REBOOT, NULL);",
        "pm8xxx_reset_pwr_off(1);",
        "turn_off_mdm_power();",
        "turn_off_qsc_power();",
        "__raw_writel(0, msm_tmr0_base + WDT0_EN);",
    ]
    found = json.loads(hardboot("--json", "patch", "status", tree).stdout)
    assert (found["overall"], {place["state"] for place in found["places"]}) == ("applied", {"ours"})
    assert hardboot("patch", "check", "arm-3.4", "--tree", tree).returncode == 3  # it has it already
    assert hardboot("patch", "revert", tree).returncode == 0
    assert hashes(tree) == before
    assert hardboot("patch", "check", "arm-3.4", "--tree", tree).returncode == 0


POWEROFF = "drivers/power/reset/msm-poweroff.c"


@pytest.mark.parametrize(
    ("has", "reserved_after"),
    [
        (POWEROFF, "\tarm_dt_memblock_reserve();"),
        ("drivers/of/of_reserved_mem.c", "\tearly_init_fdt_scan_reserved_mem();"),
    ],
)
def test_a_3_10_whose_restart_code_is_a_driver_gets_a_warm_reset(
    tmp_path: Path, has: str, reserved_after: str
) -> None:
    tree = build(tmp_path / "linux", "arm-3.10", has=has)
    (tree / "arch/arm/mach-msm").mkdir(parents=True)
    before = hashes(tree)
    run = hardboot("--json", "patch", "apply", tree, "--device", "shamu")
    assert run.returncode == 0, run.stderr
    changed = json.loads(run.stdout)["files"]
    assert POWEROFF in changed
    assert "arch/arm/mach-msm/restart.c" not in changed
    _, _, hook = (tree / POWEROFF).read_text().partition("static void msm_kexec_hardboot_hook(void)\n{\n")
    assert hook.partition("}")[0].split("\n")[:2] == [
        "\tset_dload_mode(0);",
        "\tqpnp_pon_system_pwr_off(PON_POWER_OFF_WARM_RESET);",
    ]
    lines = (tree / "arch/arm/mm/init.c").read_text().splitlines()
    assert lines[lines.index("\tkexec_hardboot_reserve();") - 2] == reserved_after
    options = (tree / "hardboot.config").read_text()
    assert "CONFIG_POWER_RESET_MSM=y\n" in options
    assert "MSM_NATIVE_RESTART" not in options  # it builds restart.c, which is not there
    found = json.loads(hardboot("--json", "patch", "status", tree).stdout)
    assert (found["overall"], {place["state"] for place in found["places"]}) == ("applied", {"ours"})
    assert hardboot("patch", "revert", tree).returncode == 0
    assert hashes(tree) == before


def test_a_variants_patches_are_like_the_others() -> None:
    found = [(one, variant) for one in catalog.load_all() for variant in one.variants]
    assert found
    for series, variant in found:
        for old, new in variant.instead.items():
            texts = [(data_dir("patches") / series.name / name).read_text() for name in (old, new)]
            headers = [text.partition("\n\n")[0].splitlines() for text in texts]
            assert all("SPDX-License-Identifier: GPL-2.0-only" in lines for lines in headers)
            numbers = [re.search(r"^Subject: (\[PATCH \d/\d\]) ", text, re.MULTILINE) for text in texts]
            assert all(numbers)
            assert len({number[1] for number in numbers if number}) == 1
            assert not re.search(r"^\+.*\b0x[0-9a-fA-F]{5,}\b", texts[1], re.MULTILINE)


def test_an_export_for_a_tree_is_of_its_variant(tmp_path: Path) -> None:
    tree, file = build(tmp_path / "linux", "arm-3.4", has=HTC), tmp_path / "one.patch"
    assert hardboot("patch", "export", tree, "--device", "m7", "-o", file).returncode == 0
    assert f"+++ b/{HTC}\n" in file.read_text()
    assert "mach-msm/restart.c" not in file.read_text()


def test_without_the_hook_htcs_tree_is_partial(tmp_path: Path) -> None:
    tree = build(tmp_path / "linux", "arm-3.4", has=HTC)
    whole = (tree / HTC).read_text()
    assert hardboot("patch", "apply", tree, "--device", "m7").returncode == 0
    (tree / HTC).write_text(whole)
    found = json.loads(hardboot("--json", "patch", "status", tree).stdout)
    reset = next(place for place in found["places"] if place["name"] == "reset")
    assert (found["overall"], reset["state"]) == ("damaged", "damaged")
    assert HTC in reset["detail"]


@pytest.mark.parametrize(("model", "page"), [("2GB", "0x7d800000"), ("3GB", "0xdd800000")])
def test_the_model_says_where_the_page_is(tmp_path: Path, model: str, page: str) -> None:
    tree, file = build(tmp_path / "linux", "arm-3.4"), tmp_path / "one.patch"
    run = hardboot("patch", "apply", tree, "--device", "g3", "--model", model)
    assert (run.returncode, run.stderr) == (0, "")
    assert f"CONFIG_KEXEC_HARDBOOT_PAGE={page}\n" in (tree / "hardboot.config").read_text()
    run = hardboot("patch", "export", "arm-3.4", "--device", "g3", "--model", model, "-o", file)
    assert run.returncode == 0, run.stderr
    assert f"+CONFIG_KEXEC_HARDBOOT_PAGE={page}\n" in file.read_text()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--device", "g3"), 4, "--model 2GB (page 0x7d800000) or --model 3GB (page 0xdd800000)"),
        (("--device", "g3", "--model", "4GB"), 3, "knows no model '4GB'"),
        (("--device", "flo", "--model", "2GB"), 3, "the models of this profile do not differ"),
        (("--patch", "some.patch", "--model", "2GB"), 2, "--model cannot be combined with --patch"),
    ],
)
def test_a_model_that_cannot_be_meant_is_refused(
    tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    tree = build(tmp_path / "linux", "arm-3.4")
    before = hashes(tree)
    run = hardboot("patch", "apply", tree, *words)
    assert (run.returncode, said in " ".join(run.stderr.split())) == (code, True), run.stderr
    assert hashes(tree) == before
