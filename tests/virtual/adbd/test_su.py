"""The virtual phone's su; and its programs as they are built for it."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from virtual_adbd import AID_SHELL, IS_ROOT, SOURCES, compile_c


@pytest.fixture(scope="module")
def su() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to other users
        Path(folder).chmod(0o755)
        path = compile_c("gcc", [SOURCES / "su.c"], Path(folder) / "su", '-DSHELL_PATH="/bin/sh"')
        path.chmod(0o4755)
        yield path


def run_su(
    su: Path, *arguments: str, uid: int | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    groups: list[int] | None = None if uid is None else []
    return subprocess.run(
        [str(su), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=10,
        cwd="/",
        user=uid,
        group=uid,
        extra_groups=groups,
    )


def test_su_tells_its_version_to_anybody(su: Path) -> None:
    assert run_su(su, "-v").stdout == "1.0:hardboot virtual phone\n"


@pytest.mark.parametrize("arguments", [["-x"], ["-c"], ["0", "-c"], ["1000", "id"], ["system"], [""]])
def test_su_refuses_what_it_does_not_know(su: Path, arguments: list[str]) -> None:
    done = run_su(su, *arguments)
    assert done.returncode == 2
    assert "usage: su" in done.stderr


@pytest.mark.skipif(not IS_ROOT, reason="only root can make a program setuid root")
@pytest.mark.parametrize("uid", [0, AID_SHELL])
def test_su_makes_root_of_shell_and_keeps_the_exit_code(su: Path, uid: int) -> None:
    for arguments in (
        ["-c", "/usr/bin/id -u; exit 7"],
        ["-c", "/usr/bin/id", "-u; exit 7"],
        ["0", "-c", "/usr/bin/id -u; exit 7"],
        ["0", "/bin/sh", "-c", "/usr/bin/id -u; exit 7"],
        ["root", "/bin/sh", "-c", "/usr/bin/id -u; exit 7"],
    ):
        done = run_su(su, *arguments, uid=uid)
        assert (done.stdout, done.returncode) == ("0\n", 7), arguments
    assert run_su(su, uid=uid, stdin="/usr/bin/id -G; exit 3\n").stdout == "0\n"
    assert run_su(su, "0", "/no/such/program", uid=uid).returncode == 127


@pytest.mark.skipif(not IS_ROOT, reason="only root can become another user")
def test_su_refuses_other_users_and_a_foreign_environment(su: Path) -> None:
    done = run_su(su, "-c", "id", uid=12345)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "su: not allowed\n")
    done = subprocess.run(
        [su, "-c", "echo $PATH $EVIL"],
        env={"PATH": "/evil", "EVIL": "1"},
        capture_output=True,
        text=True,
        timeout=10,
    )
    assert done.stdout.startswith("/sbin:/system/sbin:")
    assert "evil" not in done.stdout
    assert not done.stdout.endswith("1\n")


def test_the_programs_compile_for_the_phone_without_a_warning(tmp_path: Path) -> None:
    for name in ("adbd", "su"):
        sources = sorted(SOURCES.glob(f"{name}*.c"))
        output = compile_c("arm-linux-gnueabihf-gcc", sources, tmp_path / name, "-static")
        assert output.read_bytes()[:5] == b"\x7fELF\x01"
