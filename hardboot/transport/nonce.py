"""The exit code of a command, told by the phone's shell itself behind a random word.

Phones before Android 7 have no other way to tell it (AOSP packages/modules/adb, shell_service.cpp: the shell
protocol came with version 2).
"""

import re
import secrets
import shlex

from hardboot.transport.adb_link import LinkError
from hardboot.transport.base import Output

_OUTPUT_MAX = 16 * 1024 * 1024  # bytes; more than any command hardboot runs may print


class Answer:
    """Asks one command for its exit code, and finds it in what comes back.

    `command` gets a shell of its own, so that `exit` or broken quoting in it cannot hide the code.

    Attributes:
        line: What the phone's shell is to run.
    """

    def __init__(self, command: str) -> None:
        marker = secrets.token_hex(8)
        self.line = f"sh -c {shlex.quote(command)}; echo {marker}$?"
        self._told = re.compile(rf"{marker}(\d{{1,3}})\r?\n".encode())
        self._longest = len(marker) + 5
        self._text = bytearray()

    def feed(self, data: bytes) -> Output | None:
        """Take the next bytes of the output; the whole of it once the code has come.

        Raises:
            LinkError: If it is more than any command may print.
        """
        searched = max(len(self._text) - self._longest, 0)
        self._text += data
        found = self._told.search(self._text, searched)
        if len(self._text) > _OUTPUT_MAX:
            raise LinkError(f"printed more than {_OUTPUT_MAX} bytes", "Report this with -v.")
        if found is None:
            return None
        printed = bytes(self._text[: found.start()]).replace(b"\r\n", b"\n")
        return Output(printed.decode(errors="replace"), int(found[1]))
