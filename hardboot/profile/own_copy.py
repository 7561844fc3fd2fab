"""Change the user's own copy of a profile: facts that were measured, with their evidence; comments stay."""

import re
from collections.abc import Sequence
from pathlib import Path

import tomlkit
from tomlkit.items import Table

from hardboot.base.errors import InputError
from hardboot.base.files import make_folder, read_bytes, write_atomic
from hardboot.base.memory import Range
from hardboot.formats import toml
from hardboot.profile import files, lint
from hardboot.profile.model import Profile
from hardboot.profile.syntax import parse

_LIMIT = 1 << 20  # bytes; the largest profile is a few KiB
_HEX = ("start", "size")
_TABLE = re.compile(r"^\[", re.MULTILINE)


class OwnCopy:
    """The user's own copy of a profile in the making: its text with some facts changed.

    Attributes:
        path: Where it is saved.
    """

    def __init__(self, profile: Profile, origin: Path | None = None, *, path: Path | None = None) -> None:
        """Begin with the file of the profile.

        Args:
            profile: The profile.
            origin: Its file, if that is none of the usual ones; it is then changed itself.
            path: Where the copy is saved; None is `origin`, or the folder of the user's own profiles.

        Raises:
            InputError: If the file cannot be read, or the user has no home folder.
        """
        self.path = path or origin or files.own_dir() / f"{profile.name}.toml"
        source = origin or files.path_of(profile.name)
        if source is None:
            raise InputError(
                f"there is no file of the profile {profile.name}",
                state="Nothing was written.",
                fix="Draft a profile: hardboot devices suggest --install",
            )
        self._document = tomlkit.parse(read_bytes(source, limit=_LIMIT).decode())

    def state(self, fact: str, value: bool | str, source: str) -> None:
        """State a fact that was measured, by its dotted name, and how it was measured."""
        self._put(fact, value)
        self.prove(fact, source)

    def state_ranges(self, fact: str, ranges: Sequence[Range], source: str) -> None:
        """State a list of named ranges that was measured, in place of the one that is there."""
        self._put(fact, _rows(ranges))
        evidence = self._table("evidence")
        for name in [name for name in evidence if name.startswith(f"{fact}.")]:
            evidence.remove(name)
        self.prove(fact, source)

    def add_ranges(self, fact: str, ranges: Sequence[Range], source: str) -> None:
        """Add named ranges that were measured to a list that may be there."""
        known = self._document.unwrap().get(fact, [])
        if not known:
            self.state_ranges(fact, ranges, source)
            return
        old = [Range.sized(one["start"], one["size"], one["name"]) for one in known]
        self._put(fact, _rows(sorted([*old, *ranges])))
        for one in ranges:
            self.prove(f"{fact}.{one.name}", source)

    def put(self, fact: str, value: str) -> None:
        """State a fact that needs no evidence."""
        self._put(fact, value)

    def save(self) -> Profile:
        """Write the copy, and return the profile in it.

        Raises:
            InputError: If it breaks a rule about profiles, or cannot be written.
        """
        data = self._document.as_string().encode()
        made = parse(data, str(self.path))
        problems = lint.check(made)
        if problems:
            raise InputError(
                f"what was measured contradicts the profile: {problems[0].fact}: {problems[0].what}",
                file=str(self.path),
                state="The profile was not changed.",
                fix="Correct the profile; hardboot devices check FILE tests it.",
            )
        make_folder(self.path.parent)
        write_atomic(self.path, [data])
        return made

    def _put(self, fact: str, value: object) -> None:
        table, _, name = fact.rpartition(".")
        text = toml.dump([], {"": {name: value}}, hexadecimal=_HEX)  # as drafts are written: addresses in hex
        if table:
            self._table(table)[name] = tomlkit.parse(text)[name]
        elif name in self._document:
            self._document[name] = tomlkit.parse(text)[name]
        else:  # in front of the first table
            self._document = tomlkit.parse(_TABLE.sub(lambda _: f"{text}\n[", self._document.as_string(), 1))

    def prove(self, fact: str, source: str) -> None:
        """State how a fact was verified that is stated already."""
        entry = {"status": "verified", "source": source}
        written = tomlkit.parse(toml.dump([], {"": {"entry": entry}}))["entry"]
        self._table("evidence")[fact] = written

    def _table(self, name: str) -> Table:
        if name not in self._document:
            self._document[name] = tomlkit.table()
        found = self._document[name]
        assert isinstance(found, Table)
        return found


def _rows(ranges: Sequence[Range]) -> list[dict[str, object]]:
    return [{"name": one.name, "start": one.start, "size": one.size} for one in ranges]
