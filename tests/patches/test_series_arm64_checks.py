"""What the arm64 series for phones' kernels refuse and prepare: their C code, in a model of the kernel.

Of the mainline series only the board's hook; the rest is seen on whole kernels.
"""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from hardboot.base import process
from hardboot.base.files import data_dir
from hardboot.patches import catalog

PROGRAM = Path(__file__).parent / "series_arm64/checks.c"
PAGE = 0x44000000
ACCEPTED = "prepare 0"
RESETS = {"psci": "PSCI", "warm": "PSCI", "reserved": "PSCI", "mmio": "MMIO", "watchdog": "WATCHDOG"}
NO_ADDRESS, NO_DEVICE, NO_SPACE, FAULT = -99, -19, -28, -14


@cache
def new_file(series: str, path: str) -> str:
    """Return the text of a file that `series` creates."""
    for parts in catalog.load(series).read().values():
        for part in parts:
            if part.path == path:
                return b"".join(part.hunks[0].new).decode()
    raise AssertionError(path)


def build(folder: Path, series: str, path: str, *flags: str) -> dict[str, Path]:
    """Return a program for each way to reset; headers that only kernels have are empty."""
    code = new_file(series, path)
    for header in set(re.findall(r"#include <(.+)>", code)) - {"linux/errno.h"}:
        (folder / header).parent.mkdir(parents=True, exist_ok=True)
        (folder / header).write_text("")
    header = "include/linux/kexec_hardboot.h"
    (folder / "linux/kexec_hardboot.h").write_text(new_file(series, header))
    (folder / "kexec_hardboot.c").write_text(code)
    gcc, made = process.find_tool("gcc", "gcc"), {}
    for name, way in RESETS.items():
        options = {"PAGE": PAGE, "PAGE_SIZE": 0x2000, f"RESET_{way}": 1, "RESET_ADDR": 0x1000}
        options |= {"warm": {"RESET_PSCI_WARM": 1}, "reserved": {"PAGE_RESERVED": 1}}.get(name, {})
        defines = [f"-DCONFIG_KEXEC_HARDBOOT_{key}={value:#x}" for key, value in options.items()]
        made[name] = folder / name
        words: list[str | Path] = [gcc, "-Wall", "-Werror", *defines, *flags]
        words += ["-DCONFIG_KEXEC_HARDBOOT", '-DSOURCE="kexec_hardboot.c"', f"-I{folder}", PROGRAM]
        process.run([*words, "-o", made[name]], timeout_s=60)
    return made


@pytest.fixture(scope="module", params=["arm64-4.9", "arm64-6.6"])
def programs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    series: str = request.param
    return build(tmp_path_factory.mktemp(series), series, "arch/arm64/kernel/kexec_hardboot.c")


@pytest.fixture(scope="module")
def mainline(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("mainline")
    return build(folder, "arm64-6.1", "kernel/kexec_hardboot.c", "-DMAINLINE", "-DCONFIG_64BIT")


def run(program: Path, *settings: str) -> list[str]:
    ran = subprocess.run([program, *settings], capture_output=True, text=True, timeout=20, check=True)
    return ran.stdout.splitlines()


def prepared(program: Path, *settings: str) -> int:
    return next(int(line.split()[1]) for line in run(program, *settings) if line.startswith("prepare "))


@pytest.mark.parametrize(
    ("settings", "result"),
    [
        ((), 0),
        ((f"ram_end={PAGE + 0x1FFF:#x}",), NO_ADDRESS),  # the page is not all RAM
        ((f"ram_end={PAGE + 0x2000:#x}",), 0),
        ((f"used_at={PAGE:#x}",), NO_ADDRESS),  # by something at boot
        ((f"used_at={PAGE + 0x1FFF:#x}",), NO_ADDRESS),
        ((f"used_at={PAGE + 0x2000:#x}",), 0),
        ((f"mem={PAGE - 0x1000:#x}", "memsz=0x1000"), 0),  # ends where the page begins
        ((f"mem={PAGE - 0x1000:#x}", "memsz=0x1001"), NO_ADDRESS),
        ((f"mem={PAGE + 0x1000:#x}", "memsz=0x1000"), NO_ADDRESS),  # its second half
        ((f"mem={PAGE + 0x2000:#x}", "memsz=0x1000"), 0),
        (("mem=0x40000000", "memsz=0x10000000"), NO_ADDRESS),  # all around it
        (("mem=0", f"memsz={1 << 40:#x}"), NO_ADDRESS),  # larger than any copy area of older ports
        (("mem=0x80000000", f"memsz={1 << 30:#x}"), 0),  # and a large one that is in nobody's way
        (("relocation=2048",), 0),
        (("relocation=2049",), NO_SPACE),  # the code that resets would not fit behind it
        (("conduit=hvc",), 0),
        (("conduit=hvc", "el2=1"), NO_DEVICE),  # it would call itself
        (("conduit=smc", "el2=1"), 0),
        (("conduit=none",), NO_DEVICE),
        (("conduit=",), NO_DEVICE),  # no PSCI in the device tree
        (("fault=0",), FAULT),
        (("fault=1",), FAULT),
        (("fault=1", "short=3"), 0),  # too short for the magic of a device tree: not read
        (("hardboot=0", f"mem={PAGE:#x}", "conduit="), 0),  # plain kexec is not our affair
    ],
)
def test_what_would_fail_after_the_reset_is_refused_when_it_is_loaded(
    programs: dict[str, Path], settings: tuple[str, ...], result: int
) -> None:
    assert prepared(programs["psci"], *settings) == result


@pytest.mark.parametrize(
    ("way", "settings", "words", "name"),
    [
        ("psci", (), "0x50000000 0x60000000 0x84000009 0x1", "PSCI SYSTEM_RESET"),
        ("psci", ("conduit=hvc",), "0x50000000 0x60000000 0x84000009 0", "PSCI SYSTEM_RESET"),
        ("psci", ("short=3",), "0x50000000 0 0x84000009 0x1", "PSCI SYSTEM_RESET"),
        ("psci", ("features=0xc4000012",), "0x50000000 0x60000000 0x84000009 0x1", "PSCI SYSTEM_RESET"),
        (
            "warm",
            ("features=0xc4000012",),
            "0x50000000 0x60000000 0xc4000012 0x1",
            "PSCI SYSTEM_RESET2 (warm)",
        ),
        (
            "warm",
            ("features=0xc4000012", "conduit=hvc"),
            "0x50000000 0x60000000 0xc4000012 0",
            "PSCI SYSTEM_RESET2 (warm)",
        ),
        ("warm", (), "0x50000000 0x60000000 0x84000009 0x1", "PSCI SYSTEM_RESET"),
        (
            "warm",
            ("features=0xc4000012", "version=0x2"),
            "0x50000000 0x60000000 0x84000009 0x1",
            "PSCI SYSTEM_RESET",
        ),
        ("mmio", ("conduit=",), "0x50000000 0x60000000 0 0", "a register"),
        ("watchdog", ("hook=0",), "0x50000000 0x60000000 0 0", "the watchdog"),
    ],
)
def test_the_code_that_resets_lies_in_the_control_page_and_knows_the_image(
    programs: dict[str, Path], way: str, settings: tuple[str, ...], words: str, name: str
) -> None:
    said = run(programs[way], *settings)
    assert ACCEPTED in said
    assert said[-1] == f"code 0x11223344 words {words}"
    assert said[-2] == "cleaned 2048-2144"
    assert said[-3] == "written 2048-2144"  # nothing else in the page, and the code of the image was not
    assert "start 0x80001800" in said
    assert any(line.endswith(f"; reset by {name}") for line in said)
    assert [line for line in said if line.startswith(("page", "flag", "version"))] == [
        "page 0x44000000",
        "flag 0x4",
        "version 1",
    ]


def test_an_image_without_the_flag_is_left_alone(programs: dict[str, Path]) -> None:
    said = run(programs["psci"], "hardboot=0", "hook=5")
    assert "hook" not in said
    assert {"start 0x50000000", "written 4096-4096"} <= set(said)


FAILED_HOOK = [
    "hook",
    "emerg hardboot: the board is not ready for the reset (-5); restarting without the image",
    "restart",
]


@pytest.mark.parametrize("way", ["psci", "warm", "mmio", "watchdog"])
def test_a_hook_that_fails_restarts_the_host_with_nothing_written(
    programs: dict[str, Path], way: str
) -> None:
    assert run(programs[way], "hook=5")[-3:] == FAILED_HOOK


@pytest.mark.parametrize("way", ["psci", "mmio", "watchdog"])
def test_the_mainline_series_notice_a_failed_hook_too(mainline: dict[str, Path], way: str) -> None:
    assert run(mainline[way], "hook=5")[-3:] == FAILED_HOOK
    said = run(mainline[way], "hook=0")
    at = said.index("hook")
    assert said[at + 1] == "record 0x4a5db007 0x50000000 0x60000000"
    assert prepared(mainline[way]) == (NO_DEVICE if way == "watchdog" else 0)


NODE = (f"node_start={PAGE:#x}", f"node_end={PAGE + 0x2000:#x}")


@pytest.mark.parametrize("no_map", [0, 1, 2])
def test_a_page_that_the_device_tree_reserves_is_used_if_it_really_does(
    programs: dict[str, Path], no_map: int
) -> None:
    found = [prepared(programs["reserved"], f"no_map={no_map}", *node) for node in (NODE, (), NODE[:1])]
    assert found == [0, NO_ADDRESS, NO_ADDRESS]
    half = (NODE[0], f"node_end={PAGE + 0x1000:#x}")
    assert prepared(programs["reserved"], f"no_map={no_map}", *half) == NO_ADDRESS
    # Without the option a page in such a region is refused; one that is only unmapped is RAM like any other.
    assert prepared(programs["psci"], f"no_map={no_map}", *NODE) == (0 if no_map == 2 else NO_ADDRESS)


def test_a_watchdog_that_nobody_starts_is_refused(programs: dict[str, Path]) -> None:
    assert prepared(programs["watchdog"]) == NO_DEVICE
    assert prepared(programs["watchdog"], "hook=0") == 0


# How large the relocation code is: a variable up to 5.15, two names of the linker script from 5.16 on.
SIZE = {
    "arm64-4.9": {
        "extern const unsigned long arm64_relocate_new_kernel_size;",
        "\tif (arm64_relocate_new_kernel_size > HB_CODE ||",
    },
    "arm64-6.6": {
        "#include <asm/sections.h>",
        "\tif (__relocate_new_kernel_end - __relocate_new_kernel_start > HB_CODE ||",
    },
}


def test_both_series_have_the_same_code_but_for_the_size_of_the_relocation_code() -> None:
    folder = "arch/arm64/kernel"
    assert len({new_file(series, f"{folder}/kexec_hardboot_reset.S") for series in SIZE}) == 1
    lines = {series: new_file(series, f"{folder}/kexec_hardboot.c").splitlines() for series in SIZE}
    old, new = (set(lines[series]) for series in SIZE)
    assert {"arm64-4.9": old - new, "arm64-6.6": new - old} == SIZE


@pytest.mark.parametrize(
    ("series", "others"), [("arm64-4.9", {"arm64_relocate_new_kernel_size"}), ("arm64-6.6", set())]
)
def test_what_the_code_declares_itself_is_its_own(series: str, others: set[str]) -> None:
    """A name of the kernel's is declared by its headers: if a version lacks it, its objects do not compile.

    The variable of 5.15 and older is in no header; machine_kexec.c declares it too.
    """
    code, assembly = (
        new_file(series, f"arch/arm64/kernel/kexec_hardboot{end}") for end in (".c", "_reset.S")
    )
    declared = set(re.findall(r"^extern .*?(\w+)(?:\[\])?;$", code, re.MULTILINE))
    assert declared - set(re.findall(r"\.globl\s+(\w+)", assembly)) == others
    assert len(declared) == 3 + len(others)


def test_the_mainline_series_have_the_same_code() -> None:
    series = ("arm-6.1", "arm-6.12", "arm64-6.1", "arm64-6.12")
    assert len({new_file(one, "kernel/kexec_hardboot.c") for one in series}) == 1


def test_no_patch_holds_an_address_of_a_device() -> None:
    known = {0x4A5DB007}  # the magic
    for series in ("arm64-4.9", "arm64-6.6"):
        for path in (data_dir("patches") / series).glob("*.patch"):
            added = [line for line in path.read_text().splitlines() if re.match(r"\+(?!\+\+)", line)]
            found = {int(word, 16) for line in added for word in re.findall(r"\b0x[0-9a-fA-F]{5,}\b", line)}
            assert {value for value in found if value > 0xFFFF} <= known, path.name
