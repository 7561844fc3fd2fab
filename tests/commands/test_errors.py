"""Errors as people and scripts get them, and the command line as a whole."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from phones import Hardboot

from hardboot import __main__
from hardboot.base import log
from hardboot.base.errors import (
    DeviceError,
    DeviceStateError,
    HardbootError,
    InputError,
    RefusedError,
    ToolError,
)
from hardboot.commands import cli

CODES = {InputError: 3, ToolError: 3, RefusedError: 4, DeviceError: 5, DeviceStateError: 6}


@pytest.mark.parametrize("kind", CODES)
@pytest.mark.parametrize("as_json", [False, True])
def test_every_error_is_three_lines_and_an_exit_code(
    kind: type[HardbootError],
    as_json: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = kind("it broke", state="All is as it was.", fix="Mend it.")
    error.result = {"known": 1}

    def fail(*_args: object, **_more: object) -> None:
        raise error

    monkeypatch.setattr(cli.root, "invoke", fail)
    assert __main__.run(["--json", "devices", "list"] if as_json else ["devices", "list"]) == CODES[kind]
    out, err = capsys.readouterr()
    assert err == "hardboot: it broke\n  state: All is as it was.\n  to do: Mend it.\n"
    if as_json:
        document = json.loads(out)
        assert document["known"] == 1
        assert document["error"]["exit_code"] == CODES[kind]
    else:
        assert out == ""


def test_an_error_in_json_is_one_document_on_stdout(hardboot: Hardboot, tmp_path: Path) -> None:
    for words in (("--json", "info", tmp_path), ("info", tmp_path, "--json")):
        ran = hardboot(*words, code=3)
        document = ran.json
        assert document["error"]["kind"] == "InputError"
        assert document["error"]["exit_code"] == 3
        assert ran.three_lines[0] == f"hardboot: {document['error']['what']}"


USAGE = [
    ("flash", "no command 'flash'", "Did you mean hardboot flash-host-kernel? (help: hardboot --help)"),
    ("b", "no command 'b'", "Did you mean hardboot boot or hardboot bench? (help: hardboot --help)"),
    ("boot --unt x", "boot has no option --unt", "Did you mean --untested? (help: hardboot boot --help)"),
    ("bot", "no command 'bot'", "Did you mean hardboot boot or hardboot reboot? (help: hardboot --help)"),
    (
        "devices shw",
        "devices has no command 'shw'",
        "Did you mean hardboot devices show? (help: hardboot devices --help)",
    ),
    ("apply tree", "no command 'apply'", "Did you mean hardboot patch apply? (help: hardboot --help)"),
    (
        "nonsense",
        "no command 'nonsense'",
        "Use: hardboot [OPTIONS] COMMAND [ARGS]... (help: hardboot --help)",
    ),
    ("boot --seral 1 x", "boot has no option --seral", "Did you mean --serial? (help: hardboot boot --help)"),
    ("--jason status", "no option --jason", "Did you mean --json? (help: hardboot --help)"),
    ("info", "info needs IMAGE", "Use: hardboot info [OPTIONS] IMAGE (help: hardboot info --help)"),
    (
        "host-image a -o b",
        "host-image needs --kernel FILE",
        "Use: hardboot host-image [OPTIONS] BOOT.IMG (help: ",
    ),
    ("info a b", "got unexpected extra argument (b)", "Use: hardboot info [OPTIONS] IMAGE (help: "),
    (
        "boot a --wait 0",
        "--wait SECONDS: 0 is not in the range 1<=x<=3600",
        "Use: hardboot boot [OPTIONS] [IMAGE] (help: ",
    ),
    ("boot a --wait 1.5", "--wait SECONDS: '1.5' is not a whole number", "Use: hardboot boot "),
    ("boot a --wait", "option '--wait' requires an argument", "Use: hardboot boot [OPTIONS] [IMAGE] (help: "),
    ("virtual rom a --kernel b", "--kernel [debian|minimal]: 'b' is not one of 'debian', 'minimal'", "Use: "),
    (
        "boot a --svg b",
        "--svg needs --dry-run",
        "Use: hardboot boot [OPTIONS] [IMAGE] (help: hardboot boot --help)",
    ),
    ("a\x1b[31m", "no command 'a\\x1b[31m'", "Use: "),
]


@pytest.mark.parametrize(("line", "what", "fix"), USAGE)
@pytest.mark.parametrize("as_json", ["", "before", "behind"])
def test_a_wrong_command_line_is_told_in_three_lines(
    line: str, what: str, fix: str, as_json: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = line.split(" ")
    words = {"": words, "before": ["--json", *words], "behind": [*words, "--json"]}[as_json]
    if line.endswith("--wait") and as_json == "behind":
        return  # --json is its value
    assert __main__.run(words) == 2
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert lines[:2] == [f"hardboot: {what}", "  state: Nothing was done."]
    assert lines[2].startswith(f"  to do: {fix}")
    assert len(lines) == 3
    if not as_json:
        assert out == ""
        return
    error = json.loads(out)["error"]
    assert (error["kind"], error["exit_code"], error["fix"]) == ("UsageError", 2, lines[2][9:])


def test_without_any_word_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    for words, first in (([], "Usage: hardboot ["), (["devices"], "Usage: hardboot devices [")):
        assert __main__.run(words) == 2
        out, err = capsys.readouterr()
        assert (out, err.startswith(first)) == ("", True)


def test_the_name_of_a_file_cannot_steer_the_terminal(hardboot: Hardboot) -> None:
    told = hardboot("info", "a\x1b[31m", code=3).three_lines
    assert told[0] == "hardboot: a\\x1b[31m: no such file"


def test_a_bug_is_told_with_its_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def fail(*_args: object, **_more: object) -> None:
        with log.step("Asking"):
            raise RuntimeError("nobody expected this")

    monkeypatch.setattr(cli.root, "invoke", fail)
    assert __main__.run(["devices"]) == 1
    err = capsys.readouterr().err
    assert "this is a bug in hardboot: RuntimeError: nobody expected this\n" in err
    path = tmp_path / "hardboot" / "last-bug.log"
    assert str(path) in err
    assert "Traceback" in path.read_text()
    assert __main__.run(["--json", "devices"]) == 1
    document = json.loads(capsys.readouterr().out)["error"]
    assert (document["kind"], document["exit_code"]) == ("HardbootError", 1)
    assert document["what"].endswith("RuntimeError: nobody expected this")


def test_ctrl_c_ends_with_130(hardboot: Hardboot, request: pytest.FixtureRequest) -> None:
    # Nobody listens at this address, so it waits until it is interrupted.
    import socket

    # A shell that runs the tests in its background lets them ignore it, and children inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        child = hardboot.start("--serial", f"127.0.0.1:{silent.getsockname()[1]}", "status")
        connection, _ = silent.accept()
        with connection:
            child.send_signal(signal.SIGINT)
            _out, err = child.communicate(timeout=30)
    assert child.returncode == 130
    assert err.strip().splitlines()[0] == "hardboot: interrupted"


def test_help_and_version_load_nothing_heavy() -> None:
    script = (
        "import sys; from hardboot import __main__; code = __main__.run(['--help']); "
        "heavy = {'rich', 'adb_shell', 'cryptography'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "flash-host-kernel" in done.stdout


def test_every_verb_of_the_help_can_be_loaded() -> None:
    context = click.Context(cli.root)
    for name in cli.root.list_commands(context):
        command = cli.root.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.help
