"""Wrong command lines, said as any other error: what is wrong, and what may be meant."""

import re
from collections.abc import Iterator
from difflib import get_close_matches

import click

from hardboot.base.errors import UsageError

_KINDS = re.compile(r"valid (integer|float)( range)?\b")  # click's words for numbers


def explain(error: click.ClickException) -> UsageError:
    """Return click's error about the command line as one of hardboot's."""
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    fix = "Read the help: hardboot --help"
    if ctx is not None:
        meant = _meant(error, ctx)
        usage = " ".join([ctx.command_path, *ctx.command.collect_usage_pieces(ctx)])
        first = f"Did you mean {' or '.join(meant)}?" if meant else f"Use: {usage}"
        fix = f"{first} (help: {ctx.command_path} --help)"
    return UsageError(_what(error, ctx), state="Nothing was done.", fix=fix)


def _what(error: click.ClickException, ctx: click.Context | None) -> str:
    """Return what is wrong, without a full stop."""
    verb = ctx.command_path.partition(" ")[2] if ctx else ""
    has_no = f"{verb} has no" if verb else "no"
    match error:
        case click.NoSuchCommand():
            return f"{has_no} command {error.command_name!r}"
        case click.NoSuchOption():
            return f"{has_no} option {error.option_name}"
        case click.MissingParameter(param=click.Parameter() as param):
            return f"{verb} needs {_name(param)}"
        case click.BadParameter(param=click.Parameter() as param):
            said = _KINDS.sub(
                lambda kind: "whole number" if kind[1] == "integer" else "number", error.message
            )
            return f"{_name(param)}: {_without_stop(said)}"
    return _without_stop(error.format_message())


def _without_stop(text: str) -> str:
    """Return a sentence of click's as the middle of one of ours."""
    return text[:1].lower() + text[1:].rstrip(".")


def _name(param: click.Parameter) -> str:
    """Return how a parameter is given: IMAGE, or --kernel ZIMAGE."""
    value = param.make_metavar(click.Context(click.Command(None)))
    return value if isinstance(param, click.Argument) else f"{max(param.opts, key=len)} {value}"


def _meant(error: click.ClickException, ctx: click.Context) -> list[str]:
    """Return command lines or options that look like what was typed, at most two."""
    if isinstance(error, click.NoSuchOption):
        known = [name for one in ctx.command.get_params(ctx) for name in (*one.opts, *one.secondary_opts)]
        return _nearest(error.option_name, [one for one in known if one.startswith("--")])[:1]
    if not isinstance(error, click.NoSuchCommand):
        return []
    group = ctx.command
    assert isinstance(group, click.Group)
    near = _nearest(error.command_name, group.list_commands(ctx))
    elsewhere = [path for path in _paths(ctx.find_root()) if path.endswith(f" {error.command_name}")]
    return [f"{ctx.command_path} {name}" for name in near] or elsewhere[:2]


def _nearest(given: str, names: list[str]) -> list[str]:
    """Return the names that begin with what was typed, else those that look like it, at most two."""
    begins = [name for name in names if name.startswith(given)]
    return (begins or get_close_matches(given, names))[:2]


def _paths(ctx: click.Context) -> Iterator[str]:
    """Yield the command lines of all commands below a group's."""
    group = ctx.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command
        below = click.Context(command, info_name=name, parent=ctx)
        yield below.command_path
        if isinstance(command, click.Group):
            yield from _paths(below)
