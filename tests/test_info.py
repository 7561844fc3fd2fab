"""`hardboot info` as people and programs meet it: its output, its refusals, and what it reads."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from image_builders import board, dtb, hardboot_tag, kernel_with_banner, klsz, pack, zimage

CMDLINE = "console=ttyMSM0,115200 androidboot.hardware=shamu msm_rtb.filter=0x37 " * 3 + "end"
KERNEL = zimage(payload=pack(kernel_with_banner("6.1.0-test"), "xz"), numbers=(0x3C000, 0x208000, 0x10000))


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hardboot", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )


def document(path: Path) -> dict[str, Any]:
    done = run("info", path, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def make(folder: Path, *, kernel: bytes = KERNEL, cmdline: str = CMDLINE, ramdisk_size: int = 5000) -> Path:
    """A v2 boot image made by AOSP's mkbootimg; its ramdisk is zeros."""
    (folder / "kernel").write_bytes(kernel)
    (folder / "dtb").write_bytes(board("Acme phone"))
    with (folder / "ramdisk").open("wb") as stream:
        stream.truncate(ramdisk_size)
    target = folder / "boot.img"
    subprocess.run(
        [
            *("mkbootimg", "--header_version", "2", "--base", "0x80000000", "--board", "acme"),
            *("--kernel", folder / "kernel", "--ramdisk", folder / "ramdisk", "--dtb", folder / "dtb"),
            *("--os_version", "13.0.0", "--os_patch_level", "2023-05", "--cmdline", cmdline, "-o", target),
        ],
        check=True,
        timeout=60,
    )
    return target


def test_a_program_gets_every_number_of_a_boot_image_as_an_integer(tmp_path: Path) -> None:
    path = make(tmp_path, kernel=KERNEL + board("Acme one") + board("Acme two") + bytes(100))
    told = document(path)
    image = told["boot_image"]
    assert told["path"] == str(path)
    assert told["size"] == path.stat().st_size
    assert told["kind"] == "Android boot image"
    assert image["header_version"] == 2
    assert image["page_size"] == 2048
    assert image["cmdline"] == CMDLINE
    assert (image["os_version"], image["os_patch_level"], image["name"]) == ("13.0.0", "2023-05", "acme")
    assert image["tags_addr"] == 0x80000100
    assert len(image["id"]) == 64
    parts = {part["name"]: part for part in image["parts"]}
    assert list(parts) == ["kernel", "ramdisk", "second", "recovery_dtbo", "dtb"]
    data = path.read_bytes()
    kernel, tree = parts["kernel"], parts["dtb"]
    assert data[kernel["offset"] :].startswith(KERNEL)
    assert data[tree["offset"] : tree["offset"] + tree["size"]] == board("Acme phone")
    assert (kernel["address"], parts["ramdisk"]["address"]) == (0x80008000, 0x81000000)
    assert (tree["address"], parts["second"]["size"], parts["recovery_dtbo"]["address"]) == (
        *(0x81F00000, 0, None),
    )
    assert tree["dtbs"][0]["model"] == "Acme phone"
    assert kernel["zimage"] == {
        "size": len(KERNEL),
        "release": "6.1.0-test",
        "edata_size": 300_000,
        "bss_size": 0x3C000,
        "text_offset": 0x208000,
        "malloc_size": 0x10000,
        "hardboot_page": None,
        "hardboot_version": None,
        "dtbs": [
            {"size": len(board(name)), "model": name, "compatible": ["acme,board", "acme,soc"]}
            for name in ("Acme one", "Acme two")
        ],
        "padding_size": 100,
    }


def test_people_see_a_boot_image_within_80_columns(tmp_path: Path) -> None:
    path = make(tmp_path, kernel=KERNEL + board("Acme board with a name that is as long as they come " * 2))
    done = subprocess.run(
        ["script", "-qec", f"{sys.executable} -m hardboot info {path}", "/dev/null"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "COLUMNS": "80", "TERM": "xterm"},
    )
    assert "\x1b[1m" in done.stdout
    lines = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout).splitlines()
    assert max(len(line) for line in lines) <= 80
    assert any("kernel" in line and "0x80008000" in line and "ARM zImage" in line for line in lines)
    assert "".join(line.strip() for line in lines).count("msm_rtb.filter=0x37") == 3


def test_a_pipe_gets_one_line_a_value_without_colour(tmp_path: Path) -> None:
    done = run("info", make(tmp_path), COLUMNS="80")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert f"  command line      {CMDLINE}" in lines
    assert "  release           6.1.0-test" in lines
    assert "  hardboot          no page tag" in lines
    assert "\x1b" not in done.stdout
    assert not [line for line in lines if line != line.rstrip()]


def test_a_host_kernel_shows_its_page(tmp_path: Path) -> None:
    path = tmp_path / "zImage"
    path.write_bytes(zimage(tags=hardboot_tag(0x8F000000) + klsz(0x100, 0x3C000)))
    assert "page at 0x8f000000, ABI version 1" in run("info", path).stdout
    told = document(path)
    assert told["kind"] == "ARM zImage kernel"
    assert told["zimage"]["hardboot_page"] == 0x8F000000
    assert told["zimage"]["text_offset"] is None


def test_device_trees_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "phone.dtb"
    path.write_bytes(board("Acme phone") + dtb("/ { };"))
    assert [tree["model"] for tree in document(path)["dtbs"]] == ["Acme phone", None]
    assert "acme,board acme,soc" in run("info", path).stdout


def test_damage_in_a_part_is_told_and_the_rest_is_shown(tmp_path: Path) -> None:
    path = make(tmp_path, kernel=KERNEL[:-8])
    told = document(path)["boot_image"]["parts"]
    assert "zImage: end at offset 0x2c" in told[0]["problem"]
    assert told[4]["dtbs"][0]["model"] == "Acme phone"
    assert "zImage: end at offset 0x2c" in run("info", path).stdout


def test_text_from_an_image_cannot_steer_the_terminal_or_the_printer(tmp_path: Path) -> None:
    path = make(tmp_path, cmdline="[bold]a\x1b[2Jb[/bold] ü\r")
    done = run("info", path, PYTHONIOENCODING="utf-8")
    assert "  command line      [bold]a\\x1b[2Jb[/bold] ü\\r" in done.stdout.splitlines()
    data = path.read_bytes().replace("ü".encode(), b"\xff\xfe")
    path.write_bytes(data)
    assert "\\udcff\\udcfe" in run("info", path).stdout
    assert document(path)["boot_image"]["cmdline"] == "[bold]a\x1b[2Jb[/bold] \udcff\udcfe\r"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty file"),
        (b"Dear reader\n" * 50, "this is a text file"),
        (bytes(5000), "this is unknown data"),
        (b"\x7fELF" + bytes(500), "this is an ELF file"),
        (bytes(0x38) + b"ARM\x64" + bytes(500), "this is an arm64 kernel"),
        (b"VNDRBOOT" + bytes(5000), "this is an Android vendor boot image"),
        (b"ANDROID!" + bytes(50), "header at offset 0x0: 58 bytes, it has 1632"),
        (KERNEL[:-1], "end at offset 0x2c"),
        (board("x")[:-1], "totalsize at offset 0x4"),
    ],
)
def test_a_wrong_file_is_refused_in_three_lines(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "wrong.img"
    path.write_bytes(content)
    done = run("info", path)
    assert done.returncode == 3
    assert done.stdout == ""
    what, unchanged, fix = done.stderr.splitlines()
    assert what.startswith(f"hardboot: {path}: ")
    assert message in what
    assert unchanged.startswith("  state: ")
    assert fix.startswith("  to do: ")


def test_a_missing_file_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, message in (
        (tmp_path / "none", "No such file"),
        (tmp_path, "not a regular file"),
        (pipe, "not a regular file"),
    ):
        done = run("info", path)
        assert (done.returncode, len(done.stderr.splitlines())) == (3, 3)
        assert message in done.stderr


MEASURED = """
import re, sys
from hardboot.__main__ import run
code = run(sys.argv[1:])
peak = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())
print(int(peak[1]) * 1024, file=sys.stderr)
sys.exit(code)
"""


def peak_memory(path: Path) -> int:
    """The most memory that `hardboot info` held, in bytes, mapped file pages included."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, "info", str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return int(done.stderr.splitlines()[-1])


def test_a_64_mib_image_is_not_read_whole(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.mkdir()
    large.mkdir()
    image = make(large, ramdisk_size=64 << 20)
    assert image.stat().st_size > 64 << 20
    more = peak_memory(image) - peak_memory(make(small))
    assert more < 8 << 20
