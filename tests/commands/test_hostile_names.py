"""Names that others chose, of phones, kernels and files, never control the terminal nor add lines."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import scripted_setup as setup
from hypothesis import given, settings
from hypothesis import strategies as st
from in_process import hardboot
from scripted_phone import HOST, ScriptedPhone

from hardboot.device import phone as phones
from hardboot.flows import backup

FORGED = "a\n  hardboot     page 0x1000\x1b[2K\r\x07\x9b31m\u202e\u2028z"
_CHARS = "ab \n\r\t\x1b\x07\x08\x9b\x85\u2028\u202e[2K'\"\\"
HOSTILE = st.text(st.sampled_from(_CHARS), min_size=1, max_size=12)

COMMANDS = (
    "status",
    "-v status",
    "flash-host-kernel {host}",
    "backups",
    "backup -o {out}",
    "plan {rom}",
    "load {rom}",
    "status",
    "exec",
    "status",
    "flash-host-kernel {rom}",
    "unload",
    "log",
    "restore",
    "info {rom}",
    "unpack {rom} {folder}",
    "dtb {rom} --match 194",
    "ramdisk list {rom}",
    "crash show {rom}",
    "devices check {rom}",
    "devices suggest",
)


@contextmanager
def hostile_phone(name: str, folder: Path) -> Iterator[ScriptedPhone]:
    phone = setup.phone_with_disk()
    with pytest.MonkeyPatch.context() as monkeypatch:
        setup.install(phone, monkeypatch, folder / "state")
        phone.properties["ro.serialno"] = f"S{name}S"
        phone.start(replace(HOST, release=f"6.1{name}x"))
        phone.fault("ls -1 /sys/fs/pstore", nth=0)
        yield phone


def outputs(name: str) -> list[tuple[str, int, str]]:
    """Return command, exit code and all output of each of COMMANDS, where everything is called `name`."""
    with tempfile.TemporaryDirectory() as made, hostile_phone(name, Path(made)):
        folder = Path(made) / "files"
        folder.mkdir()
        rom = setup.rom_image(folder).rename(folder / f"x{name}.img")
        host = folder / f"h{name}.img"
        host.write_bytes(setup.HOST_IMAGE[:-1] + b"2")
        found = []
        for command in COMMANDS:
            paths = {"rom": rom, "host": host, "out": folder / f"o{name}", "folder": folder / f"f{name}"}
            words = [str(paths[word[1:-1]]) if word.startswith("{") else word for word in command.split()]
            done = hardboot("--yes", *words)
            found.append((command, done.returncode, done.stdout + done.stderr))
        return found


@settings(max_examples=6)
@given(HOSTILE)
def test_names_neither_control_the_terminal_nor_add_lines(name: str) -> None:
    for (command, code, text), (_, plain_code, plain) in zip(
        outputs(name), outputs("n" * len(name)), strict=True
    ):
        assert all(char.isprintable() or char == "\n" for char in text), (command, text)
        assert (code, text.count("\n")) == (plain_code, plain.count("\n")), (command, text, plain)


def test_a_forged_line_of_status_is_none() -> None:
    for command, _, text in outputs(FORGED):
        assert not [line for line in text.split("\n") if line.startswith("  hardboot     page 0x1000")], (
            command
        )
        assert all(char.isprintable() or char == "\n" for char in text), (command, text)


def test_a_model_with_a_line_end_does_not_become_the_serial(scripted: ScriptedPhone) -> None:
    scripted.properties["ro.product.device"] = "virt-arm\nOTHER"
    done = hardboot("--yes", "backup")
    assert done.returncode == 4
    assert r"no profile is for ro.product.device='virt-arm\nOTHER'" in done.stderr
    assert backup.find_all() == []


def test_a_serial_with_a_line_end_stays_one_serial(scripted: ScriptedPhone) -> None:
    scripted.properties["ro.serialno"] = "HB1\nHB2"
    assert phones.connect(None, None).serialno == "HB1\nHB2"
    assert hardboot("--yes", "backup").returncode == 0
    (saved,) = backup.find_all()
    assert saved.serial == "HB1\nHB2"


@pytest.mark.parametrize("release", ["6.1\n1111", "6.1\r\n", "6.1 "])
def test_a_release_with_a_line_end_does_not_become_the_boot_id(release: str, scripted: ScriptedPhone) -> None:
    boot_id = phones.connect(None, None).kernel().boot_id
    assert scripted.running
    scripted.running.kernel = replace(scripted.running.kernel, release=release)
    found = phones.connect(None, None).kernel()
    assert (found.release, found.boot_id) == (release.partition("\n")[0].rstrip("\r"), boot_id)
