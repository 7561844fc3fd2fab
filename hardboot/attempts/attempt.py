"""The description of one attempt to boot a ROM, as it is kept on this computer."""

import os
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from hardboot.base.documents import Time
from hardboot.base.process import has_ended

INTERRUPTED = "interrupted"  # this computer or the command ended before the outcome was known

TEXT_LIMIT = 16384  # characters of one text

_Text = Annotated[str, Meta(max_length=TEXT_LIMIT)]
_Hex = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class Image(Struct, frozen=True, kw_only=True):
    """The ROM: name of the image, SHA-256 in hex, kernel release if the image tells it."""

    name: _Text
    sha256: _Hex
    release: _Text | None


class RunningKernel(Struct, frozen=True, kw_only=True):
    """A kernel that ran on the phone."""

    release: _Text
    boot_id: _Text


class PhaseTime(Struct, frozen=True, kw_only=True):
    """A phase: when it began, and the seconds it took; None if it did not end."""

    name: _Text
    began: Time
    seconds: float | None


class Failure(Struct, frozen=True, kw_only=True):
    """The error with which the command ended."""

    what: _Text
    state: _Text
    fix: _Text
    exit_code: int


class LikelyCause(Struct, frozen=True, kw_only=True):
    """Why the ROM did not come up; see `journal.Cause`."""

    kind: _Text
    sentence: _Text
    fix: _Text


class Attempt(Struct, frozen=True, kw_only=True):
    """One attempt; every time is in seconds since 1970 (UTC).

    Attributes:
        id: Of the attempt; the name of its folder.
        device: Name of the profile.
        serial: ro.serialno of the phone.
        address: Its ADB serial.
        command: The command line.
        process: ID of the process that runs it.
        versions: Of hardboot and of the programs it uses; None for one that is not installed.
        via: The way it was booted; None for `exec`.
        start: How the ROM is started, see `record.Loaded`.
        mark: The word in the ROM's command line that no other kernel has.
        host: The kernel that ran before.
        guest: The ROM's kernel, if it came up.
        phase: The phase that runs, or in which the attempt was interrupted.
        outcome: See `journal.Journal`; also INTERRUPTED. None while it is not known.
        failure: The error; None if there was none.
        logs_before: SHA-256 of the files in pstore before the start, by name.
        gone: When the phone answered for the last time before it restarted; None if it did not.
        back: When a kernel answered again.
        presence: Where a silent phone was seen, see `presence.Presence`.
        reasons: What the phone says about its last restart, by name.
        looked: When the phone was looked at afterwards; None if it was not.
        afterwards: The kernel that ran by then: "guest", "same" (as before the attempt) or "other".
    """

    version: Literal[1]
    id: _Text
    device: _Text
    serial: _Text
    address: _Text
    command: tuple[_Text, ...]
    process: int
    versions: dict[str, str | None]
    began: Time
    ended: Time | None = None
    via: _Text | None = None
    start: _Text | None = None
    image: Image | None = None
    mark: _Text | None = None
    host: RunningKernel | None = None
    guest: RunningKernel | None = None
    phases: tuple[PhaseTime, ...] = ()
    phase: _Text | None = None
    outcome: _Text | None = None
    failure: Failure | None = None
    cause: LikelyCause | None = None
    logs_before: dict[str, str] = {}
    gone: Time | None = None
    back: Time | None = None
    presence: _Text | None = None
    reasons: dict[str, str] = {}
    looked: Time | None = None
    afterwards: _Text | None = None

    @property
    def is_running(self) -> bool:
        """Whether the command that makes it, another one than this, still runs."""
        return self.outcome is None and self.process != os.getpid() and not has_ended(self.process)

    @property
    def outcome_text(self) -> str:
        """The outcome in words."""
        if self.is_running:
            return f"running: {self.phase}" if self.phase else "running"
        if self.outcome in (None, INTERRUPTED):
            return "unknown: interrupted" + (f" at phase {self.phase!r}" if self.phase else "")
        return str(self.outcome)

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return {**document, "outcome": self.outcome or (None if self.is_running else INTERRUPTED)}
