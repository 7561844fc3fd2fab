"""The exit codes of commands, told by the phone's shell itself behind a random word.

Phones before Android 7 have no other way to tell them (AOSP packages/modules/adb, shell_service.cpp: the
shell protocol came with version 2).
"""

import re
import secrets
import shlex
from collections.abc import Sequence

from hardboot.transport.adb_link import LinkError
from hardboot.transport.base import Output

_OUTPUT_MAX = 16 * 1024 * 1024  # bytes; more than any command hardboot runs may print


class Answers:
    """Asks commands for their exit codes, and finds output and code of each in what comes back.

    They run one after another in one shell of their own, so that `exit` or broken quoting in the last one
    cannot hide its code; those before it get a subshell each, and their quoting must be whole.

    Args:
        commands: What to run, at least one.
        way: How the phone starts that shell; `{}` stands for all of it as one word.

    Attributes:
        line: What the phone's shell is to run.
        ended: True once the shell's own code has come, which is told as that of the command it was at.
    """

    def __init__(self, commands: Sequence[str], way: str) -> None:
        marker = secrets.token_hex(8)
        *first, last = commands
        # Who cannot tell the code has lost the computer that asked: the rest is not for it to run.
        script = "".join(f"(\n{command}\n)\necho {marker}$? || exit\n" for command in first) + last
        self.line = f"{way.format(shlex.quote(script))}; echo {marker}.$?"
        self.ended = False
        self._told = re.compile(rf"{marker}(\.?)(\d{{1,3}})\r?\n".encode())
        self._longest = len(marker) + 6
        self._text = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the output.

        Raises:
            LinkError: If it is more than any command may print.
        """
        self._text += data
        if len(self._text) > _OUTPUT_MAX:
            raise LinkError(f"printed more than {_OUTPUT_MAX} bytes", "Report this with -v.")

    def next(self) -> Output | None:
        """Output and code of the next command; None until its code has come."""
        found = self._told.search(self._text, self._searched)
        if found is None:
            self._searched = max(len(self._text) - self._longest, 0)
            return None
        self.ended = bool(found[1])
        code, printed = int(found[2]), bytes(self._text[: found.start()]).replace(b"\r\n", b"\n")
        del self._text[: found.end()]
        self._searched = 0
        return Output(printed.decode(errors="replace"), code)
