"""What shells offer: click's own completion, asked as fish asks it, and once by bash itself."""

import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest
import scripted_setup as setup
from command_pages import ALL
from cpio_archives import END, newc
from in_process import hardboot

from hardboot import profile
from hardboot.base.files import data_dir
from hardboot.flows import backup
from hardboot.flows.partition_content import Content

FILES = ["file"]  # the shell completes files itself


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", "1")


def offered(line: str) -> list[str]:
    """Return the words offered for the last word of a line, or "file" and "dir"."""
    done = hardboot(_HARDBOOT_COMPLETE="fish_complete", COMP_WORDS=line, COMP_CWORD=line.split(" ")[-1])
    assert (done.returncode, done.stderr) == (0, "")
    rows = [row.partition(",") for row in done.stdout.splitlines() if row]
    return [value.partition("\t")[0] if kind == "plain" else kind for kind, _, value in rows]


SERIES = ["arm-3.10", "arm-3.4", "arm-6.1", "arm-6.12", "arm64-4.9", "arm64-6.1", "arm64-6.12", "arm64-6.6"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("hardboot bo", ["boot"]),
        ("hardboot back", ["backup", "backups"]),
        ("hardboot devices s", ["show", "suggest"]),
        ("hardboot patch re", ["revert"]),
        ("hardboot boot --dr", ["--dry-run"]),
        ("hardboot boot --ser", ["--serial"]),
        ("hardboot --json status --se", ["--serial"]),
        ("hardboot boot rom.img --device ham", ["hammerhead"]),
        ("hardboot --device sham", ["shamu"]),
        ("hardboot devices show m", ["m7", "m8", "mako", "mocha"]),
        ("hardboot patch check ", SERIES),
        ("hardboot patch export arm-6", ["arm-6.1", "arm-6.12"]),
        ("hardboot patch export linux", ["dir"]),
        ("hardboot patch apply linux --device g3 --model ", ["2GB", "3GB"]),
        ("hardboot patch apply linux --model ", []),
        ("hardboot backup --device hammerhead --partition b", ["boot"]),
        ("hardboot backup --partition b", ["boot"]),
        ("hardboot virtual stop --name virt", ["virt-arm", "virt-arm64"]),
        ("hardboot virtual rom rom.img --kernel ", ["debian", "minimal"]),
        ("hardboot boot ro", FILES),
        ("hardboot host-image boot.img --kernel z", FILES),
        ("hardboot flash-host-kernel ", FILES),
        ("hardboot plan rom.img --svg x", FILES),
        ("hardboot boot rom.img --append x", []),
        ("hardboot backup --device nobody --partition b", []),
        ("hardboot ramdisk replace nowhere ", []),
    ],
)
def test_the_word_being_typed_is_completed(line: str, words: list[str]) -> None:
    assert offered(line) == words


def test_every_profile_is_offered() -> None:
    assert offered("hardboot devices show ") == profile.names()


def test_what_is_said_of_own_profiles_does_not_disturb_the_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    own = profile.own_dir()
    own.mkdir(parents=True)
    (own / "shamu.toml").write_text((data_dir("devices") / "shamu.toml").read_text())
    (own / "wrong.toml").write_text("name =")
    assert offered("hardboot backup --device shamu --partition b") == ["boot"]
    assert offered("hardboot devices show sham") == ["shamu"]


def test_names_in_the_ramdisk_that_was_typed_are_offered(tmp_path: Path) -> None:
    path = tmp_path / "ramdisk"
    path.write_bytes(newc(b"init") + newc(b"init.rc") + newc(b"sbin/a\x1b") + END)
    assert offered(f"hardboot ramdisk replace {path} in") == ["init", "init.rc"]
    assert offered(f"hardboot ramdisk extract {path} out init.") == ["init.rc"]
    assert offered(f"hardboot ramdisk extract {path} out sbin/") == [], "it could control the terminal"


def test_backups_are_offered() -> None:
    folder = backup.folder("HB1")
    folder.mkdir(parents=True)
    part = folder / "part"
    part.write_bytes(setup.STOCK_IMAGE)
    saved = backup.save("HB1", "virt-arm", "boot", part, Content(None, "6.1", host=False))
    assert offered("hardboot restore /") == [str(saved.path)]


@contextmanager
def adb_server(monkeypatch: pytest.MonkeyPatch, answer: bytes | None) -> Iterator[None]:
    """Run a server that answers a request like this, or, with None, never."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(listening.getsockname()[1]))
        held = []

        def serve() -> None:
            connection, _ = listening.accept()
            held.append(connection)
            connection.recv(64)
            if answer is not None:
                connection.sendall(b"OKAY%04x" % len(answer) + answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            thread.join()
            for one in held:
                one.close()


def test_the_phones_of_a_running_server_are_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    with adb_server(monkeypatch, b"0123abcd\tdevice\n01ff\tunauthorized\n192.168.1.7:5555\toffline\n"):
        assert offered("hardboot boot rom.img --serial 01") == ["0123abcd", "01ff"]


def test_a_server_that_is_silent_does_not_hold_up_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    with adb_server(monkeypatch, None):
        start = time.monotonic()
        assert offered("hardboot --serial ") == []
        assert time.monotonic() - start < 2


@pytest.mark.parametrize("port", ["1", "x"])
def test_without_a_server_no_serial_is_offered(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", port)
    assert offered("hardboot --serial ") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell: str) -> None:
    script = hardboot(_HARDBOOT_COMPLETE=f"{shell}_source").stdout
    assert f"_HARDBOOT_COMPLETE={shell}_complete" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True, timeout=30)


def test_bash_completes_a_command_line(tmp_path: Path) -> None:
    program = tmp_path / "hardboot"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m hardboot "$@"\n')
    program.chmod(0o755)
    script = f"""
        PATH={shlex.quote(str(tmp_path))}:$PATH
        eval "$(_HARDBOOT_COMPLETE=bash_source hardboot)"
        complete -p hardboot
        COMP_WORDS=(hardboot devices show ham) COMP_CWORD=3
        _hardboot_completion hardboot
        echo "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == ["complete -o nosort -F _hardboot_completion hardboot", "hammerhead"]


def test_every_word_that_can_be_completed_is() -> None:
    own = ("NAME", "SERIAL", "SERIES", "TREE|SERIES", "BACKUP")
    free = {"--cmdline", "--append", "--match", "--description", "variables"}  # any text
    # ROMs, their images and files; and what is run there.
    on_phone = {"name", "new", "source", "image", "files", "dest", "command"}
    for path, page in ALL.items():
        for one in page.command.params:
            value = one.make_metavar(page).strip("[].")
            if one.name in ("json", "verbose", "yes") or getattr(one, "is_flag", False) or free & {*one.opts}:
                continue
            if path.startswith("hardboot rom ") and one.name in on_phone:
                continue
            typed = not isinstance(one.type, click.types.StringParamType)
            assert typed or one._custom_shell_complete, f"{path} {one.opts} {value}"
            assert value not in own or one._custom_shell_complete, f"{path} {one.opts} {value}"
