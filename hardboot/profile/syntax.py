"""Parse a profile file strictly, with errors that name the place."""

import difflib
import re
import tomllib
from collections.abc import Iterator
from functools import cache

import msgspec

from hardboot.base.errors import InputError
from hardboot.profile.model import Profile


def parse(data: bytes, origin: str) -> Profile:
    """Parse the profile in `data`; `origin` names the file in errors.

    Raises:
        InputError: If it is not TOML, or a key or value is wrong.
    """
    try:
        text = data.decode()
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise malformed(origin, f"byte {error.start} is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise _syntax(origin, text, str(error)) from error
    except RecursionError as error:
        raise malformed(origin, "nested too deeply") from error
    problem = _unknown_key(document, _schema(), "")
    if problem:
        raise malformed(origin, problem)
    try:
        profile = msgspec.convert(document, Profile)
    except msgspec.ValidationError as error:
        raise malformed(origin, _in_toml_words(str(error))) from error
    return profile


@cache
def _schema() -> msgspec.inspect.Type:
    """Return the types that a profile consists of."""
    return msgspec.inspect.type_info(Profile)


def malformed(origin: str, what: str) -> InputError:
    """Return the error for a malformed profile; `origin` names its file."""
    return InputError(
        f"{origin}: {what}",
        state="Nothing was changed.",
        fix="Correct the profile; hardboot devices check FILE tests it.",
    )


def _syntax(origin: str, text: str, message: str) -> InputError:
    place = re.search(r"at line (\d+), column \d+", message)
    line = text.split("\n")[int(place[1]) - 1].strip() if place else ""
    hint = ""
    bare_hex = re.search(r"=\s*(?!0[xobXOB])(\d[0-9_]*[A-Fa-f][0-9A-Fa-f_]*)\b", line)
    if re.search(r"0[xX]0[xX]", line):
        hint = "; 0x is written twice"
    elif bare_hex:
        hint = f"; a hex number starts with 0x: 0x{bare_hex[1]}"
    elif re.search(r"\b0X", line):
        hint = "; write 0x with a lower-case x"
    return malformed(origin, f"not TOML: {message}" + (f": {line[:80]!r}" if line else "") + hint)


def _unknown_key(value: object, kind: msgspec.inspect.Type, path: str) -> str | None:
    """Return the first unknown key, with the nearest known one; None if all are known."""
    if isinstance(kind, msgspec.inspect.UnionType):
        kind = next((one for one in kind.types if not isinstance(one, msgspec.inspect.NoneType)), kind)
    if isinstance(kind, msgspec.inspect.StructType) and isinstance(value, dict):
        known = {one.encode_name: one.type for one in kind.fields}
        for key, child in value.items():
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
                return f"unknown key {path}{key}; the nearest known key is {path}{near[0]}"
            problem = _unknown_key(child, known[key], f"{path}{key}.")
            if problem:
                return problem
    elif isinstance(kind, msgspec.inspect.DictType) and isinstance(value, dict):
        children: Iterator[tuple[str, object, msgspec.inspect.Type]] = (
            (key, child, kind.value_type) for key, child in value.items()
        )
        return next((p for key, c, t in children if (p := _unknown_key(c, t, f"{path}{key}."))), None)
    elif isinstance(kind, msgspec.inspect.VarTupleType) and isinstance(value, list):
        found = (_unknown_key(child, kind.item_type, f"{path}{at}.") for at, child in enumerate(value))
        return next((problem for problem in found if problem), None)
    return None


_TOML_WORDS = {
    "int": "an integer",
    "float": "a float",
    "str": "a string",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}


def _in_toml_words(message: str) -> str:
    """Return msgspec's message in the words of TOML, which has no null."""
    message = message.replace("Object missing required field", "missing key")
    message = message.replace("Invalid enum value", "unknown value")
    message = re.sub(r"(Expected|got) `([^`]+)`", _types, message)
    return re.sub(r" - at `\$\.?([^`]*)`", r" (at \1)", message).replace(" (at )", "")


def _types(found: re.Match[str]) -> str:
    names = [_TOML_WORDS.get(name, name) for name in found[2].split(" | ") if name != "null"]
    return f"{found[1].lower()} {' or '.join(names)}"
