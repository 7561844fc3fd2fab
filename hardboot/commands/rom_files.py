"""hardboot rom push, pull, shell: the files of a stored ROM, while the phone runs its own system."""

import sys
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from hardboot.base import log
from hardboot.base.interrupts import if_cut_off
from hardboot.base.printable import printable
from hardboot.base.sizes import human_size
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, count, echo, echo_lines, locked, pass_settings
from hardboot.flows.store import pull as pulling
from hardboot.flows.store import push as pushing
from hardboot.flows.store.mounted import mounted
from hardboot.flows.store.shell import ImageShell

_image = click.option(
    "--image", metavar="NAME", help="Use this image of the ROM. Default: root of a Linux, data of an Android."
)


@click.command(
    cls=Command,
    example="hardboot rom push debian .bashrc /root\nhardboot rom push lineage debug.xml /local/tmp",
)
@click.argument("name")
@click.argument("files", metavar="FILE...", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.argument("dest")
@_image
@pass_settings
def push(settings: Settings, name: str, files: tuple[Path, ...], dest: str, image: str | None) -> None:
    """Copy files into the ROM NAME.

    The ROM must not run. FILE may be a folder. DEST is a path in the image: a folder, or the new path of a
    single FILE. A file that is there gets the content, and keeps its owner and mode.
    """
    with locked(settings) as phone, mounted(phone, name, image, "rw") as one:
        done = pushing.push(one, files, dest)
        used = one.image.name
    document = {"name": name, "image": used, **asdict(done)}
    settings.emit(document, lambda: echo(_done("pushed", done.files, done.folders, done.bytes)))


@click.command(
    cls=Command,
    example="hardboot rom pull debian /var/log .\nhardboot rom pull lineage /tombstones .",
)
@click.argument("name")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.argument("dest", type=click.Path(path_type=Path))
@_image
@pass_settings
def pull(settings: Settings, name: str, files: tuple[str, ...], dest: Path, image: str | None) -> None:
    """Copy files out of the ROM NAME.

    The ROM must not run. FILE is a path in the image, and may be a folder. Links lead to files of the image,
    never of the phone. Nothing in the image is changed; only a journal that the ROM left is replayed, as its
    next start would do.
    """
    with locked(settings) as phone, mounted(phone, name, image, "replay") as one:
        done = pulling.pull(one, files, dest)
        used = one.image.name
    if done.left_out:
        log.warn(f"left out, as they are no plain files: {_some(done.left_out)}")
    document = {"name": name, "image": used, **asdict(done)}
    settings.emit(document, lambda: echo(_done("pulled", done.files, done.folders, done.bytes)))


@click.command(
    cls=Command,
    example="hardboot rom shell debian\nhardboot rom shell debian 'tail -n 50 var/log/syslog'",
)
@click.argument("name")
@click.argument("command", nargs=-1)
@_image
@click.option("--write", is_flag=True, help="Let commands change the files of the image.")
@pass_settings
def shell(settings: Settings, name: str, command: tuple[str, ...], image: str | None, write: bool) -> None:
    """Look into the ROM NAME with the phone's own shell.

    Runs COMMAND in the root folder of its image; without it, each line that is typed. The image is mounted
    for each command alone, read-only unless --write is given. No program of the image is run.
    """
    with (
        locked(settings) as phone,
        mounted(phone, name, image, "rw" if write else "replay") as one,
    ):
        session = ImageShell(one)
        if not command and not settings.json:
            _converse(session, write=write)
            return
        with _told_if_cut_off(write=write):
            output = session.run(" ".join(command))
    document: dict[str, Any] = {
        "name": name,
        "image": one.image.name,
        "output": output.text,
        "code": output.code,
    }
    settings.emit(document, lambda: _print(output.text))
    if output.code:
        raise click.exceptions.Exit(output.code)


def _told_if_cut_off(*, write: bool) -> AbstractContextManager[None]:
    """Let a command of the user that is cut off tell that it may have run: once more may not be the same."""
    return if_cut_off("The command may have run on the phone, or run still.", unknown=write)


def _converse(session: ImageShell, *, write: bool) -> None:
    """Run the lines of the standard input, until it ends or one is `exit`."""
    asks = sys.stdin.isatty()
    while True:
        if asks:
            print(printable(f"{session.image.rom}:{session.shown}# "), end="", flush=True)
        line = sys.stdin.readline()
        if not line or line.strip() == "exit":
            return
        if line.strip():
            with _told_if_cut_off(write=write):
                output = session.run(line.strip())
            _print(output.text)


def _print(text: str) -> None:
    if text:
        echo_lines(text)


def _done(verb: str, files: int, folders: int, size: int) -> str:
    with_folders = f" and {count(folders, 'folder')}" if folders else ""
    return f"{count(files, 'file')}{with_folders} {verb}, {human_size(size)}."


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{', '.join(names[:5])}{more}"
