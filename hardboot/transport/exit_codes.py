"""The exit codes of commands, printed by the phone's own shell behind a random marker.

Phones before Android 7 have no other way to report them (AOSP packages/modules/adb, shell_service.cpp: the
shell protocol came with version 2).
"""

import re
import secrets
import shlex
from collections.abc import Sequence

from hardboot.transport.base import Output
from hardboot.transport.errors import LinkError

# Builtins that change, or end, the shell that runs them.
_CHANGES_SHELL = re.compile(r"\b(?:cd|exec|exit|return|set|trap|umask|ulimit|unset)\b")
_OUTPUT_MAX = 16 * 1024 * 1024  # bytes; more than any command hardboot runs may print


class CommandBatch:
    """Commands run one after another in one shell, and output and exit code of each from what comes back.

    The shell is the batch's own, so that `exit` or broken quoting in the last command cannot hide its code;
    of those before it, each that may change the shell gets a subshell, and their quoting must be whole. The
    others get none: on a slow phone a fork takes as long as many a command. They share variables.

    Args:
        commands: What to run, at least one.
        template: How the phone starts that shell; `{}` stands for all of it as one word.

    Attributes:
        line: What the phone's shell is to run.
        ended: True once the shell's own exit code has come; it is reported for the command that ran.
    """

    def __init__(self, commands: Sequence[str], template: str) -> None:
        marker = secrets.token_hex(8)
        *first, last = commands
        # If echo fails, the computer that asked is gone: the rest must not run.
        script = "".join(f"{_grouped(command)}\necho {marker}$? || exit\n" for command in first) + last
        self.line = f"{template.format(shlex.quote(script))}; echo {marker}.$?"
        self.ended = False
        self._code = re.compile(rf"{marker}(\.?)(\d{{1,3}})\r?\n".encode())
        self._longest = len(marker) + len(".255\r\n")
        self._text = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> None:
        """Add the next bytes of the output.

        Raises:
            LinkError: If it is more than any command may print.
        """
        self._text += data
        if len(self._text) > _OUTPUT_MAX:
            raise LinkError(f"printed more than {_OUTPUT_MAX} bytes", "Report this with -v.")

    def next(self) -> Output | None:
        """Return output and exit code of the next command; None until its code has come."""
        match = self._code.search(self._text, self._searched)
        if match is None:
            # A marker may have come in part; all before it is searched.
            self._searched = max(len(self._text) - self._longest, 0)
            return None
        self.ended = bool(match[1])
        code, printed = int(match[2]), bytes(self._text[: match.start()]).replace(b"\r\n", b"\n")
        del self._text[: match.end()]
        self._searched = 0
        return Output(printed.decode(errors="replace"), code)


def _grouped(command: str) -> str:
    """Return a command as one, which leaves the shell as it is."""
    return f"(\n{command}\n)" if _CHANGES_SHELL.search(command) else f"{{\n{command}\n}}"
