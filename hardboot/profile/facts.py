"""The facts of a profile by their dotted names, as [evidence] uses them."""

from msgspec import Struct
from msgspec.structs import fields

from hardboot.profile.model import Profile
from hardboot.profile.schema import CarriedProperties, Span

LISTS = ("ram", "reserved", "bootloader")
NAMED = (*LISTS, "hardboot.models", "dtb.carry")  # the name of an entry is part of the fact's name


def facts(profile: Profile) -> dict[str, object]:
    """Return every fact the profile states, by its dotted name, without evidence; ranges as Range."""
    found: dict[str, object] = {}
    for item in fields(profile):
        if item.encode_name != "evidence":
            found |= _flat(item.encode_name, getattr(profile, item.name))
    return found


def _flat(name: str, value: object) -> dict[str, object]:
    if isinstance(value, Span):
        return {name: value.range}
    if name in NAMED and isinstance(value, tuple):
        return {key: one for item in value for key, one in _flat(f"{name}.{item.name}", item).items()}
    if isinstance(value, Struct) and not isinstance(value, CarriedProperties):
        stated = [(item, getattr(value, item.name)) for item in fields(value)]
        pairs = [(item.encode_name, one) for item, one in stated if one or one != item.default]
    elif isinstance(value, dict):
        pairs = list(value.items())
    else:
        return {} if value is None or value == () else {name: value}
    return {
        key: one
        for part, child in pairs
        if (name.rpartition(".")[0], part) != ("hardboot.models", "name")
        for key, one in _flat(f"{name}.{part}", child).items()
    }
