"""What a shell offers for the word being typed; click speaks with the shells, and completes files itself.

Nothing here waits for a phone, starts anything, or fails: what cannot be read is not offered.
"""

import io
import time
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr, suppress
from functools import wraps
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from hardboot.base.errors import HardbootError
from hardboot.commands.common import Settings

_SERVER_S = 0.3  # seconds; an ADB server on this computer answers in milliseconds

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
_Offers = Iterable[tuple[str, str]]  # words, each with a remark


def _completer(offers: Callable[[click.Context], _Offers]) -> Completer:
    """Return a function for `shell_complete=` that offers those words that begin as the one being typed."""

    @wraps(offers)
    def complete(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        with suppress(HardbootError, OSError), redirect_stderr(io.StringIO()):
            words = dict(offers(ctx))
            return [
                CompletionItem(one, help=words[one])
                for one in words
                if one.startswith(incomplete) and one.isprintable()
            ]
        return []

    return complete


def _device(ctx: click.Context) -> str | None:
    """Return the --device that was typed before."""
    return ctx.ensure_object(Settings).device


@_completer
def devices(_ctx: click.Context) -> _Offers:
    """Offer the names of the profiles."""
    from hardboot import profile

    return [(one.name, one.title) for one in profile.load_all()]


@_completer
def serials(_ctx: click.Context) -> _Offers:
    """Offer the virtual phones that run, and the phones that a running ADB server lists."""
    from hardboot.transport import server_requests
    from hardboot.transport.errors import LinkError
    from hardboot.virtual import machine

    found = {one.serial: f"virtual phone {one.name}" for one in machine.running() if one.serial}
    with suppress(HardbootError, LinkError):
        found |= server_requests.list_states(time.monotonic() + _SERVER_S)
    return found.items()


@_completer
def fastboot_serials(_ctx: click.Context) -> _Offers:
    """Offer the bootloaders of the virtual phones that run; asking for those on USB takes too long."""
    from hardboot.virtual import machine

    return [(one.fastboot, f"virtual phone {one.name}") for one in machine.running() if one.fastboot]


@_completer
def models(ctx: click.Context) -> _Offers:
    """Offer the models of the phone --device."""
    from hardboot import profile

    device = _device(ctx)
    known = profile.load(device).hardboot.models if device else ()
    return [(one.name, f"hardboot page {one.page:#x}") for one in known]


@_completer
def partitions(ctx: click.Context) -> _Offers:
    """Offer the partitions of the phone --device, or of every phone."""
    from hardboot import profile

    device = _device(ctx)
    phones = [profile.load(device)] if device else profile.load_all()
    return [(name, "") for name in sorted({name for one in phones for name in one.partitions})]


@_completer
def series(_ctx: click.Context) -> _Offers:
    """Offer the names of the series."""
    from hardboot.patches.catalog import load_all

    return [(one.name, f"Linux {one.covers()}") for one in load_all()]


@_completer
def virtual_phones(_ctx: click.Context) -> _Offers:
    """Offer the virtual phones that exist, and the models."""
    from hardboot.virtual import machine, model

    return [(name, "") for name in sorted({*machine.names(), *model.MODELS})]


@_completer
def backups(_ctx: click.Context) -> _Offers:
    """Offer the files of the backups on this computer."""
    from hardboot.flows import backup

    return [(str(one.path), f"{one.device} {one.serial}, kernel {one.release}") for one in backup.find_all()]


@_completer
def attempts(_ctx: click.Context) -> _Offers:
    """Offer the IDs of the attempts on this computer."""
    from hardboot.attempts import store

    found = [
        (one.id, f"{one.image.name if one.image else one.device}, {one.outcome_text}")
        for one in store.find_all()
    ]
    return [(store.LAST, "the newest one"), *found] if found else []


@_completer
def ramdisk_names(ctx: click.Context) -> _Offers:
    """Offer the files in the ramdisk that was typed before."""
    from hardboot.images import ramdisk

    path = ctx.params.get("ramdisk")
    found = ramdisk.read(path).fragments if isinstance(path, Path) else ()
    return [(entry.name, "") for one in found for archive in one.archives for entry in archive.entries]


def series_or_tree(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the names of the series, and folders."""
    return series(ctx, param, incomplete) or [CompletionItem(incomplete, type="dir")]
