"""Results and errors on a terminal of 60 or 80 columns: no line is longer, and words stay whole."""

import re
import stat
from pathlib import Path

import container_builders as build
import container_kinds
import pytest
import scripted_setup as setup
from copied_files import shamu
from core_builders import prstatus, with_ring
from cpio_archives import END, newc
from image_builders import hardboot_tag, zimage
from in_process import hardboot
from kernel_trees import BASE, FOREIGN, edited, write
from planned import rom_image
from scripted_phone import ScriptedPhone

WIDE = 2000
WORD = re.compile(r"[A-Za-z_/'\"(][A-Za-z_/'\".,:;()-]*")
LONG_WORD = 24  # characters; longer ones, such as paths and hashes, need not fit into a column

IMAGES = container_kinds.every_kind()


def shown(*words: str | Path, columns: int) -> list[str]:
    """Return the lines that a terminal shows, of results and of everything else."""
    done = hardboot(*words, FORCE_COLOR="1", COLUMNS=str(columns))
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", done.stdout + done.stderr).splitlines()


def check(columns: int, *words: str | Path) -> None:
    """Compare what a narrow terminal shows with what a wide one does; {} in a word is its width."""
    wide = " ".join(shown(*(str(word).format(WIDE) for word in words), columns=WIDE)).split()
    lines = shown(*(str(word).format(columns) for word in words), columns=columns)
    long = [word for word in wide if len(word) > LONG_WORD]
    assert lines, words
    for line in lines:
        assert len(line.rstrip()) <= columns or line.split()[-1] in long, line
        for word in filter(WORD.fullmatch, line.split()):
            assert word in wide or any(word in one for one in long), (word, line)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scripted: ScriptedPhone) -> Path:
    """Make a file for every kind of command line."""
    monkeypatch.chdir(tmp_path)
    rom_image(tmp_path)
    (tmp_path / "zImage").write_bytes(zimage(tags=hardboot_tag(0x44000000)))
    (tmp_path / "stock.img").write_bytes(setup.STOCK_IMAGE)
    entries = [
        newc(b"system/etc/a_rather_long_name_of_a_file_in_it", b"x" * 3000),
        newc(b"dev/null", mode=0o20666),
    ]
    target = b"../somewhere/else/with/a/name/that/is/long"
    entries.append(newc(b"link", target, mode=stat.S_IFLNK | 0o777))
    (tmp_path / "ramdisk").write_bytes(b"".join([*entries, END]))
    (tmp_path / "dt.img").write_bytes(build.qcdt())
    write(tmp_path / "linux", edited(BASE, FOREIGN))
    (tmp_path / "a.patch").write_text("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-a\n+b\u202e\n c\n")
    (tmp_path / "bad.toml").write_text('name = "bad"\n')
    dump = with_ring()
    dump.notes = [prstatus(274, 0xC0084868)]
    (tmp_path / "dump").write_bytes(dump.build())
    shamu(tmp_path / "copied")
    return tmp_path


LINES = [
    "devices list",
    "devices show virt-arm",
    "devices check",
    "devices check bad.toml",
    "devices suggest --from copied -o draft.toml",
    "devices show nobody",
    "patch list",
    "patch status linux",
    "patch lint a.patch",
    "patch apply linux --device shamu",
    "patch check arm-6.1 --tree linux",
    "dtb dt.img --match 178,0x47,0x8200",
    "dtb dt.img --match 1,2,3",
    "dtb zImage --match 1,2,3",
    "ramdisk list ramdisk",
    "ramdisk extract ramdisk out{}",
    "info rom.img",
    "info stock.img",
    "info zImage",
    "info nowhere.img",
    "unpack stock.img unpacked{}",
    "plan rom.img --device virt-arm",
    "plan rom.img",
    "plan stock.img --device virt-arm",
    "host-image stock.img --kernel zImage -o host.img",
    "flash-host-kernel stock.img --yes",
    "flash-host-kernel stock.img",
    "boot rom.img --dry-run",
    "boot stock.img",
    "load rom.img --dry-run",
    "status",
    "backups",
    "backup",
    "restore --yes",
    "log",
    "reboot",
    "unload",
    "crash show rom.img",
    "crash show dump",
    "crash trigger",
    "virtual status",
    "virtual gdb",
    "bot",
    "boot",
    "boot rom.img --seral 1",
    "virtual rom a --kernel gentoo",
]


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("line", LINES)
def test_what_a_command_prints_is_folded_between_words(line: str, columns: int, files: Path) -> None:
    check(columns, *line.split())


@pytest.mark.parametrize("kind", IMAGES)
def test_the_page_of_every_image_is_folded_between_words(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.img"
    path.write_bytes(IMAGES[kind])
    check(60, "info", path)


def test_a_register_and_its_value_stay_together(files: Path) -> None:
    for columns, most in ((60, 3), (80, 4), (200, 4)):
        lines = shown("crash", "show", "dump", columns=columns)
        registers = [line for line in lines if re.fullmatch(r"(\s+\w+ [0-9a-f]{8})+", line)]
        assert max(len(line.split()) for line in registers) == 2 * most


def test_a_command_line_to_be_copied_is_one_line(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hardboot.virtual.gdb.command", lambda *_: ["gdb", *["--eval-command=target"] * 9])
    lines = shown("virtual", "gdb", "--vmlinux", "a/long/name/of/a/folder/vmlinux", columns=60)
    assert len(lines) == 1
    assert len(lines[0]) > 60


def test_the_three_lines_of_an_error_are_told_apart_when_they_are_folded(files: Path) -> None:
    lines = shown("flash-host-kernel", "stock.img", columns=60)
    third = next(index for index, line in enumerate(lines) if line.startswith("  to do: "))
    assert lines[third - 1].startswith("  state: ")
    assert len(lines) > third + 1
    assert all(line.startswith(" " * 9) for line in lines[third + 1 :])
