"""`hardboot info` as people and programs meet it: its output, its refusals, and what it reads."""

import gzip
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import container_builders as build
import pytest
from described import CMDLINE, KERNEL, document, make
from image_builders import (
    board,
    dtb,
    hardboot_tag,
    klsz,
    zimage,
)
from in_process import hardboot


def process(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hardboot", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )


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
    assert tree["trees"]["entries"][0]["model"] == "Acme phone"
    found = kernel["kernel"]
    assert kernel["kind"] == "ARM zImage kernel"
    assert (found["size"], found["release"], found["padding_size"]) == (len(KERNEL), "6.1.0-test", 100)
    assert found["payload"]["compression"] == "xz"
    assert found["zimage"] == {
        "edata_size": 300_000,
        "bss_size": 0x3C000,
        "text_offset": 0x208000,
        "malloc_size": 0x10000,
        "hardboot_page": None,
        "hardboot_version": None,
    }
    assert [(one["size"], one["model"], one["compatible"]) for one in found["dtbs"]] == [
        (len(board(name)), name, ["acme,board", "acme,soc"]) for name in ("Acme one", "Acme two")
    ]
    for part in image["parts"]:
        content = data[part["offset"] : part["offset"] + part["size"]]
        assert part["sha256"] == hashlib.sha256(content).hexdigest()
    assert image["id_check"] == {"algorithm": "sha1", "computed": image["id"], "matches": True}
    assert image["header"]["kernel_size"] == kernel["size"]
    assert (image["trailing"], image["lead"], image["signed"]) == ([], None, False)


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
    done = process("info", make(tmp_path), COLUMNS="80")
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
    assert "page at 0x8f000000, ABI version 1" in hardboot("info", path).stdout
    told = document(path)
    assert told["kind"] == "ARM zImage kernel"
    assert told["kernel"]["zimage"]["hardboot_page"] == 0x8F000000
    assert told["kernel"]["zimage"]["text_offset"] is None


def test_device_trees_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "phone.dtb"
    path.write_bytes(board("Acme phone") + dtb("/ { };"))
    assert [tree["model"] for tree in document(path)["trees"]["entries"]] == ["Acme phone", None]
    assert "acme,board acme,soc" in hardboot("info", path).stdout


def test_bytes_behind_device_trees_are_reported(tmp_path: Path) -> None:
    trees = board("Acme phone") + dtb("/ { };")
    (tmp_path / "trees.dtb").write_bytes(trees + b"junk" * 5)
    assert document(tmp_path / "trees.dtb")["trees"]["trailing_size"] == 20
    assert "  after the trees   20 B" in hardboot("info", tmp_path / "trees.dtb").stdout.splitlines()
    (tmp_path / "packed").write_bytes(gzip.compress(trees))
    assert document(tmp_path / "packed")["trees"]["trailing_size"] is None
    assert "after the" not in hardboot("info", tmp_path / "packed").stdout


def test_damage_in_a_part_is_reported_and_the_rest_is_shown(tmp_path: Path) -> None:
    path = make(tmp_path, kernel=KERNEL[:-8])
    told = document(path)["boot_image"]["parts"]
    assert "zImage: end at offset 0x2c" in told[0]["problem"]
    assert told[4]["trees"]["entries"][0]["model"] == "Acme phone"
    assert "zImage: end at offset 0x2c" in hardboot("info", path).stdout


def test_text_from_an_image_cannot_steer_the_terminal_or_the_printer(tmp_path: Path) -> None:
    path = make(tmp_path, cmdline="[bold]a\x1b[2Jb[/bold] ü\r")
    done = process("info", path, PYTHONIOENCODING="utf-8")
    assert "  command line      [bold]a\\x1b[2Jb[/bold] ü\\r" in done.stdout.splitlines()
    data = path.read_bytes().replace("ü".encode(), b"\xff\xfe")
    path.write_bytes(data)
    assert "\\udcff\\udcfe" in hardboot("info", path).stdout
    assert document(path)["boot_image"]["cmdline"] == "[bold]a\x1b[2Jb[/bold] \udcff\udcfe\r"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty file"),
        (b"Dear reader\n" * 50, "this is a text file"),
        (bytes(5000), "this is unknown data"),
        (b"\x7fELF" + bytes(500), "this is an ELF file"),
        (b"VNDRBOOT" + bytes(5000), "header_version at offset 0x8: v0"),
        (b"CHROMEOS" + bytes(5000), "this is a ChromeOS kernel image"),
        (b"\x1f\x8b\x08\0", "gzip"),
        (b"ANDROID!" + bytes(50), "header at offset 0x0: truncated: 58 of 1632 bytes"),
        (KERNEL[:-1], "end at offset 0x2c"),
        (board("x")[:-1], "totalsize at offset 0x4"),
        (build.vbmeta()[:-1], "auxiliary_size at offset 0x14"),
    ],
)
def test_a_wrong_file_is_refused_in_three_lines(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "wrong.img"
    path.write_bytes(content)
    done = hardboot("info", path)
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
        (tmp_path / "none", "no such file"),
        (tmp_path, "this folder holds no images"),
        (pipe, "not a regular file"),
    ):
        done = process("info", path)
        assert (done.returncode, len(done.stderr.splitlines())) == (3, 3)
        assert message in done.stderr
