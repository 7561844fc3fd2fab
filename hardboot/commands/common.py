"""What every command shares: the values of the program's options, prompts, and printing."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hardboot.base import log, terminal
from hardboot.base.errors import HardbootError, RefusedError
from hardboot.base.interrupts import if_cut_off
from hardboot.base.printable import printable, printable_lines

if TYPE_CHECKING:
    from hardboot.device.phone import Phone
    from hardboot.flows.journal import Journal
    from hardboot.flows.unsettled import Agree
    from hardboot.profile import Profile


class Settings:
    """The global options of one run, and its words."""

    words: tuple[str, ...] = ()
    device: str | None = None
    profile: Path | None = None
    serial: str | None = None
    json: bool = False
    verbose: bool = False
    yes: bool = False

    def chosen(self) -> "Profile | None":
        """Return the profile that --device or --profile names; None without either.

        Raises:
            InputError: If there is no such profile, or its file is wrong.
        """
        from hardboot import profile

        if self.device is not None and self.profile is not None:
            raise click.UsageError("--device cannot be combined with --profile.")
        if self.profile is not None:
            return profile.read(self.profile)
        return None if self.device is None else profile.load(self.device)

    def emit(self, document: Any, human: Callable[[], None]) -> None:
        """Print the result on stdout: `document` as JSON with --json, else by calling `human`."""
        if self.json:
            emit_json(document)
        else:
            human()


def emit_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    print(json.dumps(document, indent=2))


def echo(line: str = "") -> None:
    """Print one line on stdout, folded on a terminal; names in it cannot control it, nor add lines."""
    for part in terminal.fold(printable(line), terminal.console(sys.stdout, "stdout")):
        click.echo(part)


def echo_lines(text: str) -> None:
    """Print a text of several lines on stdout, a log or a file; it cannot control the terminal."""
    click.echo(printable_lines(text), nl=not text.endswith("\n"))


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: 1 problem, 2 problems."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def confirm(settings: Settings, effect: str, *, state: str = "Nothing was sent.") -> None:
    """Ask before something that changes the phone; --yes answers.

    Args:
        settings: The global options.
        effect: What will happen to which phone: "This writes a.img to partition boot of virt-arm HB1."
        state: What is changed or not by then.

    Raises:
        RefusedError: If the answer is no, or nobody can be asked.
    """
    if settings.yes:
        return
    if not sys.stdin.isatty():
        raise RefusedError(f"not confirmed: {effect}", state=state, fix="Run again with --yes to confirm.")
    question = terminal.fold(f"{printable(effect)} Continue?", log.console(), indent=0)
    if not click.confirm("\n".join(question), err=True):
        raise RefusedError("not confirmed", state=state, fix="Answer yes, or add --yes.")


def ask_to_put_back(settings: Settings) -> "Agree":
    """Return a function that asks whether partitions that something else wrote since may be put back, too."""

    def agree(names: Sequence[str]) -> None:
        listed = " and ".join(names)
        confirm(
            settings,
            f"Something else wrote to {listed} after hardboot did. That is saved as a backup, and what "
            "hardboot had found there is put back.",
            state="Nothing was put back.",
        )

    return agree


@contextmanager
def connected(
    settings: Settings,
    *,
    exclusive: bool = False,
    wait_s: float | None = None,
    restarts: bool = False,
    settles: "Agree | None" = None,
) -> "Iterator[Phone]":
    """Connect to the phone, and warn of a change to its partitions that is not settled.

    A command that may restart the phone keeps what a failed boot left on it first.

    Args:
        settings: The global options.
        exclusive: Keep other commands that change the phone away meanwhile.
        wait_s: Seconds to wait for a phone that is starting; None is the usual time.
        restarts: Refuse a phone that may not start again, because a partition holds a mix of two images.
        settles: Put back what is to be put back, if the phone's own system runs; see `unsettled.put_back`.
    """
    from hardboot.attempts import aftermath
    from hardboot.device import phone as phones
    from hardboot.flows import unsettled

    patience = phones.WAIT_S if wait_s is None else wait_s
    with phones.connected(settings.serial, settings.chosen(), exclusive=exclusive, wait_s=patience) as phone:
        if settles is None or not unsettled.settle(phone, settles):
            with if_cut_off("Nothing was changed."):
                unsettled.report(phone, alone=exclusive, restarts=restarts)
        if exclusive:
            with if_cut_off("Nothing was started."):
                aftermath.collect(phone, alone=True)  # a restart would destroy it
        yield phone


@contextmanager
def locked(settings: Settings) -> "Iterator[Phone]":
    """Connect to the phone, and keep other commands away from it to the end, also those of other computers.

    Args:
        settings: The global options.
    """
    with connected(settings, exclusive=True) as phone:
        with if_cut_off("Nothing was changed."):
            phone.keep_locked()
        yield phone


@contextmanager
def journaled(
    settings: Settings,
    *,
    connect_s: float | None = None,
    restarts: bool = False,
    settles: "Agree | None" = None,
) -> "Iterator[tuple[Phone, Journal]]":
    """Connect to the phone, alone, and start a journal; an error gets what the journal holds by then.

    Args:
        settings: The global options.
        connect_s: Seconds to wait for a phone that is starting; None is the usual time.
        restarts: See `connected`.
        settles: See `connected`.
    """
    from hardboot.flows.journal import Journal

    with connected(settings, exclusive=True, wait_s=connect_s, restarts=restarts, settles=settles) as phone:
        journal = Journal(phone.profile.name, phone.serialno)
        try:
            yield phone, journal
        except HardbootError as error:
            error.result = journal.document()
            raise


def wait_option(text: str, *, bare: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option --wait, passed as `wait_s`.

    Args:
        text: Its help.
        bare: --wait may stand without SECONDS, and then means the default.
    """
    from hardboot.flows.restart import WAIT_S

    # click takes any flag_value for one to be used, even None.
    optional: dict[str, Any] = {"is_flag": False, "flag_value": int(WAIT_S)} if bare else {}
    return click.option(
        "--wait",
        "wait_s",
        metavar="[SECONDS]" if bare else "SECONDS",
        type=click.IntRange(1, 3600),
        default=int(WAIT_S),
        show_default=True,
        help=text,
        **optional,
    )


def from_option(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option --from for files copied from a phone, passed as `folder`; `text` is its help."""
    return click.option("--from", "folder", type=click.Path(path_type=Path), metavar="DIR", help=text)


def slot_option(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option for the slot of a partition; `text` is its help."""
    return click.option("--slot", type=click.Choice(["a", "b"]), help=text)


pass_settings = click.make_pass_decorator(Settings, ensure=True)
