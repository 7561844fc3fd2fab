"""Plain command lines do without a parser what the parser would do, and load little."""

import os
import subprocess
import sys
from pathlib import Path

import container_builders as build
import pytest
from in_process import hardboot

from hardboot import __main__ as main
from hardboot import cli, plain
from hardboot.commands.settings import Settings

# What takes as long to load as a tenth of an image takes to hash, or longer.
HEAVY = {
    "click",
    "collections",
    "contextlib",
    "dataclasses",
    "inspect",
    "pathlib",
    "re",
    "rich",
    "threading",
    "typing",
}
LOADED = """
import sys
from hardboot.__main__ import run
code = run(sys.argv[1:])
print(*sys.modules, file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "x.img"
    path.write_bytes(build.boot())
    return path


@pytest.mark.parametrize("words", [("info", "x.img"), ("unpack", "x.img", "folder")], ids=" ".join)
def test_little_is_loaded(image: Path, words: tuple[str, ...]) -> None:
    # -S and -I: what site and the environment load is not hardboot's.
    root = str(Path(main.__file__).parents[1])
    code = f"import sys; sys.path.insert(0, {root!r}){LOADED}"
    command = [sys.executable, "-I", "-S", "-c", code, *words]
    done = subprocess.run(command, cwd=image.parent, capture_output=True, text=True, check=True, timeout=60)
    assert HEAVY & set(done.stderr.split()) == set()


@pytest.mark.parametrize(
    "words",
    [
        ("info", "x.img"),
        ("--json", "info", "x.img"),
        ("info", "x.img", "--json"),
        ("info", "missing.img"),
        ("info", "missing.img", "--json"),
        ("unpack", "x.img", "new"),
        ("--json", "unpack", "x.img", "new"),
        ("unpack", "x.img", "folder"),
        ("pack", "folder", "y.img"),
        ("pack", "folder", "y.img", "--json"),
        ("pack", "folder", "."),
        ("pack", "x.img", "y.img"),
    ],
    ids=" ".join,
)
def test_the_parser_does_the_same(
    image: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(image.parent)
    assert hardboot("unpack", "x.img", "folder").returncode == 0
    quick = hardboot(*words)
    if (image.parent / "new").exists():
        Path("new").rename("old")
    monkeypatch.setattr(plain, "find", lambda *_: None)
    parsed = hardboot(*words)
    assert (quick.returncode, quick.stdout, quick.stderr) == (parsed.returncode, parsed.stdout, parsed.stderr)
    if (image.parent / "new").exists():
        files = {path.name: path.read_bytes() for path in Path("old").iterdir()}
        assert files == {path.name: path.read_bytes() for path in Path("new").iterdir()}


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["info"],
        ["info", "a", "b"],
        ["info", "--help"],
        ["info", "-v", "x.img"],
        ["info", "--", "x.img"],
        ["info", ""],
        ["--json", "--device", "shamu", "info", "x.img"],
        ["pack", "folder"],
        ["boot", "x.img"],
        ["--version"],
    ],
    ids=" ".join,
)
def test_all_else_is_parsed(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    seen = []

    def noted(arguments: list[str], _: Settings) -> int:
        seen.append(arguments)
        return 0

    monkeypatch.setattr(cli, "run", noted)
    assert main.run(words) == 0
    assert seen == [words]


def test_what_stops_it_is_told_as_ever(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hardboot.describe.describe", stopped)
    assert hardboot("info", image).returncode == 130
    done = hardboot("info", image, "--json")
    assert (done.returncode, '"exit_code": 130' in done.stdout) == (130, False)
    assert "hardboot: interrupted" in done.stderr


@pytest.mark.parametrize("words", [["info", "{}"], ["devices", "list"]], ids=["plain", "parsed"])
def test_output_that_cannot_be_written_is_no_success(image: Path, words: list[str]) -> None:
    command = [sys.executable, "-m", "hardboot", *(word.format(image) for word in words)]
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", ["info x.img", "--json info x.img", "devices list"])
def test_output_that_finds_no_room_is_no_bug(image: Path, words: str, unbuffered: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "hardboot", *words.split()],
            cwd=image.parent,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )
    assert done.returncode == 3
    assert done.stderr.splitlines()[0] == "hardboot: no room to write: No space left on device"
    assert len(done.stderr.splitlines()) == 3


@pytest.mark.parametrize(("closed", "code"), [(">&-", 0), (">&- 2>&-", 0), ("x >&- 2>&-", 2)])
def test_closed_streams_are_no_bug(image: Path, closed: str, code: int) -> None:
    command = f'"$0" -m hardboot info "$1" {closed}'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, image], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")
