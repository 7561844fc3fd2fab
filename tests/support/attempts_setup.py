"""Attempts to put on this computer."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from hardboot.attempts import store
from hardboot.attempts.attempt import Attempt

BEGAN = 1_800_000_000.0  # seconds since 1970


def attempt(**changes: Any) -> Attempt:
    """Return an attempt of a phone, not yet kept."""
    made = Attempt(
        version=1,
        id="20270115-080000",
        device="virt-arm",
        serial="HB1",
        address="127.0.0.1:5555",
        command=("hardboot", "boot", "rom.img"),
        process=1 << 22,  # none has so high a number
        versions={"hardboot": "0.1.0"},
        began=BEGAN,
        outcome="guest-up",
    )
    return replace(made, **changes)


def keep(made: Attempt, files: Mapping[str, str] | None = None) -> Attempt:
    """Put an attempt and its files on this computer; return it with its ID."""
    made = replace(made, id=store.make_folder_for(made.serial, made.began))
    store.write(made)
    for name, text in (files or {}).items():
        store.write_file(made, name, text.encode())
    return made
