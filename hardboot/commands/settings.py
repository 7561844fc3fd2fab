"""The global options of one run, and the way to print. Loaded by all commands, so it loads nothing itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hardboot.base.errors import HardbootError


class Settings:
    """The global options of one run."""

    device: str | None = None
    serial: str | None = None
    json: bool = False
    verbose: bool = False
    yes: bool = False

    def emit(self, document: Any, human: Callable[[], None]) -> None:
        """Print the result on stdout: `document` as JSON with --json, else what `human` prints."""
        if self.json:
            emit_json(document)
        else:
            human()


def emit_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    import json

    print(json.dumps(document, indent=2))


def emit_error(error: HardbootError) -> None:
    """Print an error as one document on stdout."""
    emit_json(
        {
            **error.result,
            "error": {
                "kind": type(error).__name__,
                "what": error.what,
                "state": error.state,
                "fix": error.fix,
                "exit_code": error.exit_code,
            },
        }
    )
