"""The certificate of a phone: what was measured, in a file beside the user's own copy of its profile."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from hardboot import __version__
from hardboot import profile as profiles
from hardboot.base import documents, log
from hardboot.base.errors import InputError
from hardboot.base.files import make_folder, read_bytes, write_atomic
from hardboot.probe.survival import Survival
from hardboot.profile import Profile
from hardboot.profile.own_copy import OwnCopy

_LIMIT = 64 << 10  # bytes; a certificate has one or two KiB
_Text = Annotated[str, Meta(max_length=400)]


class Certificate(Struct, frozen=True, kw_only=True):
    """What was measured on a phone.

    Attributes:
        profile: Its name.
        kernel: The kernel that ran, as `uname -r`.
        date: Of the last measurement, as in ISO 8601.
        hardboot: The version that measured it.
        restarts: The last measurement of each kind.
    """

    version: Literal[1]
    profile: _Text
    kernel: _Text
    date: _Text
    hardboot: _Text
    restarts: Annotated[tuple[Survival, ...], Meta(max_length=16)]

    def document(self) -> dict[str, Any]:
        """Return the certificate as JSON has it."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return document


def path_of(name: str) -> Path:
    """Return the file of the certificate of the profile `name`.

    Raises:
        InputError: If the user has no home folder.
    """
    return profiles.own_dir() / f"{name}.certificate.json"


def read(name: str) -> Certificate | None:
    """Return the certificate of the profile `name`; None if there is none, or none that can be read."""
    try:
        return documents.decode(read_bytes(path_of(name), limit=_LIMIT), Certificate)
    except (InputError, documents.DecodeError) as error:
        log.detail(f"no certificate: {error}")
        return None


def save(known: Profile, origin: Path | None, kernel: str, measured: list[Survival]) -> Certificate:
    """Add measurements to the certificate and to the user's own copy of the profile.

    Args:
        known: The profile of the phone.
        origin: Its file, if that is none of the usual ones; it is then changed itself.
        kernel: The kernel that ran, as `uname -r`.
        measured: The measurements; what is not known is not written into the profile.

    Raises:
        InputError: If it cannot be written.
    """
    earlier = read(known.name)
    new = {one.restart: one for one in measured}
    kept = [one for one in (earlier.restarts if earlier else ()) if one.restart not in new]
    made = Certificate(
        version=1,
        profile=known.name,
        kernel=kernel[:400],
        date=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        hardboot=__version__,
        restarts=(*kept, *new.values()),
    )
    path = path_of(known.name)
    make_folder(path.parent)
    write_atomic(path, [msgspec.json.format(msgspec.json.encode(made), indent=2), b"\n"])
    facts = [one for one in measured if one.kept is not None]
    if facts:
        copy = OwnCopy(known, origin)
        for one in facts:
            source = f"measured by hardboot probe on {made.date[:10]} with kernel {made.kernel}: {one.why}"
            copy.state(f"survives.{one.restart}", bool(one.kept), source[:400])
        copy.save()
    return made
