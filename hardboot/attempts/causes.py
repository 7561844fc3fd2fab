"""Why a ROM did not come up, as far as what is known tells: a kind, a sentence, and what to do next."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from hardboot.attempts import kernel_logs
from hardboot.attempts.kernel_logs import GuestLog
from hardboot.attempts.presence import Presence
from hardboot.device.record import FASTBOOT, HARD, SOFT
from hardboot.flows.journal import (
    BOOTLOADER_CAME_BACK,
    BOOTLOADER_REFUSED,
    BOOTLOADER_SILENT,
    GUEST_UP,
    HOST_CAME_BACK,
    NOT_LEFT,
    NOT_STARTED,
    PHONE_SILENT,
    Cause,
)


class Kind(StrEnum):
    """The kinds of causes."""

    NEVER_LEFT = "never-left"
    BOOTLOADER_SILENT = "bootloader-silent"
    RECORD_NOT_TAKEN = "record-not-taken"
    GUEST_DIED = "guest-died"
    GUEST_WITHOUT_ADB = "guest-without-adb"
    BOOTLOADER_REFUSED = "bootloader-refused"
    BOOTLOADER_CAME_BACK = "bootloader-came-back"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Evidence:
    """What is known after a ROM did not come up.

    Attributes:
        outcome: See `journal.Journal`.
        start: How it was started, see `record.Loaded`; None if that is not known.
        mark: Of this start.
        release: Of the ROM's kernel.
        host_release: Of the kernel that ran before.
        logs: That the phone kept over the restart, names and texts; without those that it had before.
        kept: Whether the phone has any kept log now; None if it was not asked.
        had_logs: Whether it had some before the start.
        kernel_log: Of the kernel that came up instead of the ROM.
        reasons: What the phone says about its last restart.
        presence: Where a silent phone is seen.
    """

    outcome: str | None
    start: str | None = None
    mark: str | None = None
    release: str | None = None
    host_release: str | None = None
    logs: Sequence[tuple[str, str]] = ()
    kept: bool | None = None
    had_logs: bool = False
    kernel_log: str = ""
    reasons: Sequence[str] = ()
    presence: Presence = Presence.UNKNOWN


_LOG = "Read its whole log: hardboot log --all"
_NO_ROM_RAN = (None, NOT_LEFT, NOT_STARTED, BOOTLOADER_SILENT, BOOTLOADER_REFUSED)
_AS_TOLD = ""  # the error tells this much, and what to do
_POWER = "Hold the power button for 10 s, then run: hardboot log"
_PAGE_CHANGED = "Build the host kernel for this phone's RAM: hardboot patch apply TREE --device NAME"


def diagnose(known: Evidence) -> Cause | None:
    """Return the likely cause; None if nothing was started, or the ROM came up and did not crash later."""
    guest = kernel_logs.find_guest(
        known.logs, mark=known.mark, release=known.release, host_release=known.host_release
    )
    if guest and known.outcome not in _NO_ROM_RAN:
        return _guest(guest, known)
    explain = _BY_OUTCOME.get(known.outcome or "")
    return explain(known) if explain else None


def _cause(kind: Kind, sentence: str, fix: str) -> Cause:
    return Cause(kind.value, sentence, fix)


def _never_left(known: Evidence) -> Cause:
    problem = kernel_logs.hardboot_problem(known.kernel_log)
    if problem is None and known.start in (HARD, SOFT, FASTBOOT):
        return _cause(Kind.NEVER_LEFT, "the phone never left its kernel", _AS_TOLD)
    if problem is None:
        return _cause(
            Kind.NEVER_LEFT,
            "the phone never left its kernel, which still answers",
            "Look at its screen, and restart it: hardboot reboot, or the power button.",
        )
    return _cause(
        Kind.NEVER_LEFT,
        f"the kernel refused: {problem!r}",
        "Restart the phone (hardboot reboot), and check the host kernel: hardboot doctor",
    )


def _guest(guest: GuestLog, known: Evidence) -> Cause | None:
    if known.outcome == GUEST_UP:
        later = f"the ROM ran, and its kernel crashed later: {guest.death!r}"
        return _cause(Kind.GUEST_DIED, later, _LOG) if guest.death else None
    if guest.death:
        return _cause(Kind.GUEST_DIED, f"the ROM's kernel crashed: {guest.death!r}", _LOG)
    if known.outcome == PHONE_SILENT and guest.userland:
        return _cause(
            Kind.GUEST_WITHOUT_ADB,
            f"the ROM ran, without ADB; its log ends with {guest.last!r}",
            "Turn on USB debugging in the ROM, or wait longer: --wait SECONDS. " + _LOG,
        )
    return _cause(Kind.GUEST_DIED, f"the ROM stopped; its log ends with {guest.last!r}", _LOG)


def _bootloader_silent(_known: Evidence) -> Cause:
    return _cause(
        Kind.BOOTLOADER_SILENT, "the bootloader did not come up, or this computer does not reach it", _AS_TOLD
    )


def _refused(_known: Evidence) -> Cause:
    return _cause(Kind.BOOTLOADER_REFUSED, "the bootloader refused the image", _AS_TOLD)


def _bootloader_came_back(_known: Evidence) -> Cause:
    return _cause(
        Kind.BOOTLOADER_CAME_BACK,
        "the bootloader did not start the image, or its kernel crashed at once",
        _AS_TOLD,
    )


def _host_came_back(known: Evidence) -> Cause:
    panic = next((one for one in known.reasons if "panic" in one.lower()), None)
    if panic:
        return _cause(
            Kind.GUEST_DIED, f"the ROM's kernel crashed: the phone gives {panic!r} as boot reason", _LOG
        )
    if known.start == HARD:
        problem = kernel_logs.hardboot_problem(known.kernel_log)
        if problem:
            return _cause(
                Kind.RECORD_NOT_TAKEN, f"the host kernel did not take the record: {problem!r}", _PAGE_CHANGED
            )
        if known.kept is False and (known.had_logs or kernel_logs.keeps_console(known.kernel_log)):
            return _cause(
                Kind.RECORD_NOT_TAKEN,
                "the host kernel found no record: RAM lost its content in the reset, and with it every log",
                "Boot without a reset, if the phone allows it: hardboot boot IMAGE --via soft",
            )
        if kernel_logs.wrote_record(known.logs):
            return _cause(
                Kind.UNKNOWN,
                "the ROM died before it could leave a log, or the host kernel did not take the record; RAM "
                "kept its content",
                "Give the ROM's kernel a log in RAM (ramoops) where the host has its own, or boot the image "
                "another way: hardboot boot IMAGE --dry-run shows which.",
            )
    others = {HARD: ", or the host kernel did not take the record", SOFT: ""}
    other = others.get(known.start or "", ", or its bootloader did not start the image")
    return _cause(Kind.UNKNOWN, f"the ROM crashed without a log{other}", _AS_TOLD)


def _silent(known: Evidence) -> Cause:
    wait = "If the ROM is slow, wait longer: --wait SECONDS."
    match known.presence:
        case Presence.UNAUTHORIZED:
            return _cause(
                Kind.GUEST_WITHOUT_ADB,
                "a system runs that does not trust this computer yet",
                "Confirm the dialog on the phone, then look: hardboot status",
            )
        case Presence.OFFLINE | Presence.ADB:
            return _cause(
                Kind.GUEST_WITHOUT_ADB,
                "the phone is connected, and its ADB does not answer",
                f"{wait} {_POWER}",
            )
        case Presence.USB:
            return _cause(
                Kind.GUEST_WITHOUT_ADB,
                "the phone is on USB without ADB: a ROM without USB debugging, or a bootloader's own mode",
                f"Look at its screen; turn on USB debugging in the ROM. {_POWER}",
            )
        case Presence.FASTBOOT:
            return _cause(
                Kind.BOOTLOADER_CAME_BACK,
                "the phone is in its bootloader (fastboot)",
                "Start its own system: fastboot reboot. Then: hardboot log",
            )
        case Presence.ABSENT:
            return _cause(
                Kind.BOOTLOADER_SILENT,
                "the phone is not on USB: its bootloader did not come back after the reset, or the ROM hangs "
                "before it starts USB",
                f"Look at its screen. {_POWER}",
            )
    return _cause(
        Kind.UNKNOWN, "nothing tells whether the bootloader, the ROM or its ADB is missing", _AS_TOLD
    )


_BY_OUTCOME: Mapping[str, Callable[[Evidence], Cause]] = {
    NOT_LEFT: _never_left,
    BOOTLOADER_SILENT: _bootloader_silent,
    BOOTLOADER_REFUSED: _refused,
    BOOTLOADER_CAME_BACK: _bootloader_came_back,
    HOST_CAME_BACK: _host_came_back,
    PHONE_SILENT: _silent,
}
