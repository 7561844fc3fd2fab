"""Command lines in texts, and whether the program takes them."""

import re
import shlex
from collections.abc import Iterator

import click

from hardboot.commands import cli

BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SHELL = {"", "sh", "bash", "console"}  # languages of code blocks that hold command lines
_INLINE = re.compile(r"`([^`]+)`")


def command_lines(text: str) -> Iterator[list[str]]:
    """Yield the words behind `hardboot` of every command line in a Markdown text."""
    pieces = [
        line for language, block in BLOCK.findall(text) if language in _SHELL for line in block.split("\n")
    ]
    pieces += (code.replace("\n", " ") for code in _INLINE.findall(BLOCK.sub("", text)))
    for piece in pieces:
        if not re.search(r"(^|[\s/])hardboot(\s|$)", piece):
            continue
        words = shlex.split(piece, comments=True)
        while words and (words[0] in ("$", "sudo") or re.fullmatch(r"[A-Z_]+=.*", words[0])):
            words.pop(0)
        if words and words[0].rpartition("/")[2] == "hardboot":
            end = next((at for at, word in enumerate(words) if word in ("|", "&&", ";", ">")), len(words))
            yield words[1:end]


def problems(words: list[str]) -> list[str]:
    """Return what is wrong with the words behind `hardboot`: commands and options that are not there."""
    command: click.Command = cli.root
    context = click.Context(command, info_name="hardboot", **cli.root.context_settings)
    arguments = 0
    left = [word.strip("[]") for word in words]
    while left:
        word = left.pop(0)
        if word.startswith("-"):
            option, _, value = word.partition("=")
            known = {
                spelling: one
                for one in command.get_params(context)
                for spelling in (*one.opts, *one.secondary_opts)
                if isinstance(one, click.Option)
            }
            if option not in known:
                return [f"{context.command_path} has no option {option}"]
            if not known[option].is_flag and not known[option].count:
                if not value and not left:
                    return [f"{context.command_path} {option} wants a value"]
                value = value or left.pop(0)
                kind = known[option].type
                if isinstance(kind, click.Choice) and value not in kind.choices and not value.isupper():
                    return [f"{context.command_path} {option} does not take {value}"]
        elif isinstance(command, click.Group):
            found = command.get_command(context, word)
            if found is None:
                return [f"{context.command_path} has no command {word}"]
            command = found
            context = click.Context(command, info_name=word, parent=context)
        elif word not in ("…", "..."):
            arguments += 1
    wanted = [one.nargs for one in command.params if isinstance(one, click.Argument)]
    if -1 not in wanted and arguments > sum(wanted):
        return [f"{context.command_path} takes {sum(wanted)} arguments, not {arguments}"]
    return []
