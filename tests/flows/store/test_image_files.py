"""Files of a stored ROM while the phone runs its own system: mounted by its blocks, nothing is left."""

import errno
import io
import json
import os
import subprocess
from pathlib import Path
from typing import IO, Any

import pytest
import store_setup as setup
from in_process import hardboot
from store_files import files, images, pulled, pushed, tree
from store_setup import StorePhone
from told import raises

from hardboot.base.errors import InputError
from hardboot.flows.store import pull, push
from hardboot.flows.store.mounted import mounted
from hardboot.flows.store.shell import ImageShell
from hardboot.transport.base import Output


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StorePhone:
    found = setup.with_linux(monkeypatch, tmp_path)
    found.scripted.commands.clear()
    return found


def test_a_folder_is_pushed_with_all_in_it_but_links(
    phone: StorePhone, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files(phone)[b"/etc"] = None
    assert pushed(phone, [tree(tmp_path)], "etc") == push.Pushed(files=2, folders=2, bytes=7)
    assert files(phone) == {
        b"/": None,
        b"/etc": None,
        b"/etc/new": None,
        b"/etc/new/file": b"content",
        b"/etc/new/sub": None,
        b"/etc/new/sub/a b\n": b"",
    }
    assert "new/link is left out" in capsys.readouterr().err
    assert images(phone).mounts == [("rw", "ext4")] * 2


def test_a_single_file_gets_the_name_that_is_asked_for(phone: StorePhone, tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"1")
    pushed(phone, [tmp_path / "one"], "/renamed")
    pushed(phone, [tmp_path / "one"], "/")
    assert (files(phone)[b"/renamed"], files(phone)[b"/one"]) == (b"1", b"1")
    for target, sources in (("/none/", 1), ("/none", 2)):
        with raises(
            InputError,
            f"the image root of linux has no folder {target}",
            "Nothing was written.",
            "Choose a folder that is there; for a single file, its new path.",
        ):
            pushed(phone, [tmp_path / "one"] * sources, target)


def test_a_link_that_is_named_gives_its_own_name_and_its_content(
    phone: StorePhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "dotfiles/wlan").write_bytes(b"secret")
    (tmp_path / "wpa.conf").symlink_to(tmp_path / "dotfiles/wlan")
    (tmp_path / "folder").symlink_to(tmp_path / "dotfiles")
    pushed(phone, [tmp_path / "wpa.conf", tmp_path / "folder"], "/")
    assert files(phone) == {
        b"/": None,
        b"/wpa.conf": b"secret",
        b"/folder": None,
        b"/folder/wlan": b"secret",
    }
    monkeypatch.chdir(tmp_path / "dotfiles")
    pushed(phone, [Path()], "/")
    assert files(phone)[b"/dotfiles/wlan"] == b"secret"


def test_a_file_that_cannot_be_read_is_told_before_any_is_written(
    phone: StorePhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(70):
        (folder / f"{number:02}").touch()
    read = Path.open

    def denied(path: Path, mode: str = "r") -> IO[Any]:
        if path.name == "69":
            raise PermissionError(errno.EACCES, "Permission denied")
        return read(path, mode)

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(InputError, match="69: it cannot be read: Permission denied"):
        pushed(phone, [folder], "/")
    assert files(phone) == {b"/": None}


def test_two_files_of_one_name_are_not_copied_over_each_other(phone: StorePhone, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "conf").write_text(name)
    with raises(
        InputError,
        "two files would be copied to /conf",
        "Nothing was written.",
        "Copy them one after another, to different folders.",
    ):
        pushed(phone, [tmp_path / "a/conf", tmp_path / "b/conf"], "/")
    assert files(phone) == {b"/": None}
    pushed(phone, [tmp_path / "a", tmp_path / "b"], "/")
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match=r"two files would be copied to .*/out/conf"):
        pulled(phone, ["/a/conf", "/b/conf"], tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_many_and_large_files_are_sent_in_batches_and_do_not_stay(
    phone: StorePhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "_BATCH", 10_000)
    monkeypatch.setattr(pull, "_BATCH", 10_000)
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(150):
        (folder / f"{number}").write_bytes(bytes([number]) * number)
    (folder / "large").write_bytes(bytes(range(250)) * 100)
    assert pushed(phone, [folder], "/") == push.Pushed(files=151, folders=1, bytes=36_175)
    writes = [command for command in phone.scripted.commands if " write " in command]
    assert len(writes) == 8
    assert not [name for name in phone.scripted.files.nodes if "/file-" in name]
    assert pulled(phone, ["/many"], tmp_path / "back").files == 151
    for path in folder.iterdir():
        assert (tmp_path / "back" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", ["missing", "fifo"])
def test_what_cannot_be_pushed_is_refused_before_anything_is(
    phone: StorePhone, tmp_path: Path, name: str
) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(InputError) as caught:
        pushed(phone, [tmp_path / name], "/")
    assert caught.value.file == str(tmp_path / name)
    assert files(phone) == {b"/": None}


def test_a_file_that_does_not_fit_into_the_image_is_told(phone: StorePhone, tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"1")
    with raises(
        InputError,
        "in the image root of linux: write /none/one: no such file (ENOENT)",
        "It is not mounted any more; what was done before stays done.",
        "Look at it: hardboot rom shell linux --image root",
    ):
        pushed(phone, [tmp_path / "one"], "/none/one")


def test_folders_and_files_are_pulled_and_what_is_no_file_is_left_out(
    phone: StorePhone, tmp_path: Path
) -> None:
    files(phone).update(
        {b"/log": None, b"/log/a": b"AAA", b"/log/sub": None, b"/log/sub/\xff": b"", b"/log/tty": b""}
    )
    images(phone).kinds[b"/log/tty"] = "o"
    (tmp_path / "to").mkdir()
    done = pulled(phone, ["log/../log/", "/log/a"], tmp_path / "to")
    assert done == pull.Pulled(files=3, folders=2, bytes=6, left_out=("/log/tty",))
    assert (tmp_path / "to/log/a").read_bytes() == b"AAA"
    assert (tmp_path / "to/log/sub/\udcff").read_bytes() == b""
    assert (tmp_path / "to/a").read_bytes() == b"AAA"
    assert pulled(phone, ["/log/a"], tmp_path / "renamed").files == 1
    assert (tmp_path / "renamed").read_bytes() == b"AAA"
    assert images(phone).mounts[0] == ("replay", "ext4")


def test_what_is_not_there_is_told_and_nothing_is_copied(phone: StorePhone, tmp_path: Path) -> None:
    files(phone)[b"/a"] = b"A"
    with raises(
        InputError,
        "the image root of linux has no /b",
        "Nothing was copied.",
        "Look at it: hardboot rom shell linux --image root",
    ):
        pulled(phone, ["/a", "/b"], tmp_path)
    assert not (tmp_path / "a").exists()
    with pytest.raises(InputError, match="there is no such folder"):
        pulled(phone, ["/a", "/a"], tmp_path / "none")


@pytest.mark.parametrize("path", [b"/log/../../up", b"/log/./x", b"/log/.."])
def test_names_that_lead_out_of_the_folder_are_refused(
    phone: StorePhone, tmp_path: Path, path: bytes
) -> None:
    files(phone).update({b"/log": None, path: b"evil"})
    with pytest.raises(InputError, match="it leads to another folder"):
        pulled(phone, ["/log"], tmp_path)
    assert not [one for one in tmp_path.rglob("*") if one.is_file() and one.read_bytes() == b"evil"]


# The commands


def test_the_commands_say_what_they_did(phone: StorePhone, tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"1")
    done = hardboot("rom", "push", "linux", tmp_path / "one", "/")
    assert (done.returncode, done.stdout) == (0, "1 file pushed, 1 B.\n")
    done = hardboot("--json", "rom", "pull", "linux", "/", tmp_path / "all")
    assert json.loads(done.stdout) == {
        "name": "linux",
        "image": "root",
        "files": 1,
        "folders": 1,
        "bytes": 1,
        "left_out": [],
    }
    images(phone).answer = lambda _script: ("listing\n", 3)
    done = hardboot("--json", "rom", "shell", "linux", "ls -l")
    assert (done.returncode, json.loads(done.stdout)["output"]) == (3, "listing\n")
    assert any("ls -l" in command for command in phone.scripted.commands)


@pytest.mark.parametrize(("words", "code"), [((), 5), (("--write",), 6)])
@pytest.mark.parametrize("typed", [False, True])
def test_a_command_that_changes_files_is_not_safe_to_try_again_after_a_cut(
    phone: StorePhone, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int, typed: bool
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("echo x >>y\n"))
    phone.scripted.fault("*echo x >>y*", after=phone.scripted.cut_power)
    done = hardboot("rom", "shell", "linux", *words, *([] if typed else ["echo x >>y"]))
    assert done.returncode == code, done.stderr
    assert "state: The command may have run on the phone, or run still." in done.stderr


def test_a_shell_remembers_its_folder_and_nothing_else(phone: StorePhone, tmp_path: Path) -> None:
    root = tmp_path / "rom"
    (root / "a folder").mkdir(parents=True)
    place = "/data/hardboot/mount"

    def run(script: str) -> tuple[str, int]:
        words = ["sh", "-c", script.replace(place, str(tmp_path))]
        done = subprocess.run(words, stdout=-1, stderr=subprocess.STDOUT, text=True, timeout=20)
        return done.stdout.replace(str(tmp_path), place), done.returncode

    images(phone).answer = run
    with mounted(phone.phone, "linux", None, "replay") as one:
        shell = ImageShell(one)
        assert (shell.run("ls").text, shell.shown) == ("a folder\n", "/")
        assert shell.run("cd 'a folder'; word=1; false") == Output("", 1)
        assert (shell.run("pwd; echo $word").text, shell.shown) == (f"{place}/rom/a folder\n\n", "/a folder")
        assert shell.run("exit 5") == Output("", 5)
        assert shell.shown == "/a folder"
        (root / "a folder").rmdir()
        assert shell.run("pwd").text.endswith(f"{place}/rom\n")  # the folder is gone
        shell.run("cd ../..")
        assert shell.shown == str(tmp_path.parent)


def test_lines_of_the_standard_input_are_run_until_exit(
    phone: StorePhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    images(phone).answer = lambda script: (script.splitlines()[1].upper() + "\n", 0)
    monkeypatch.setattr("sys.stdin", io.StringIO("ls\n\n  pwd \nexit\nnever\n"))
    done = hardboot("rom", "shell", "linux")
    assert (done.returncode, done.stdout) == (0, "LS\nPWD\n")
