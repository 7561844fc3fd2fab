"""Debian's fastboot client and the bootloader of a virtual phone."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from hardboot.base import process

_TIMEOUT_S = 150  # a busy computer needs seconds for a megabyte: each packet is answered before the next


@dataclass(frozen=True)
class Fastboot:
    """One phone, reached over UDP."""

    serial: str

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run `fastboot` with these words."""
        command = [process.find_tool("fastboot", "fastboot"), "-s", self.serial, *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S)

    def good(self, *words: str | Path) -> str:
        """Return what it says; it must succeed."""
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def refused(self, *words: str | Path) -> str:
        """Return the reason that the bootloader gives; it must refuse."""
        done = self.run(*words)
        found = re.search(r"FAILED \(remote: '(.*)'\)", done.stderr)
        assert found, done.stderr
        return found[1]

    def variable(self, name: str) -> str:
        """Return the value of a variable."""
        found = re.search(rf"^{re.escape(name)}: (.*)$", self.good("getvar", name), re.MULTILINE)
        assert found
        return found[1].strip()
