"""Kernel configurations as text: .config files and fragments of them."""

import re

_OPTION = re.compile(r"^(?:CONFIG_(\w+)=(.*)|# CONFIG_(\w+) is not set)$", re.MULTILINE)


def parse_on(text: str) -> dict[str, str]:
    """Return the values of the options that are on, by name without CONFIG_."""
    return {match[1]: match[2] for match in _OPTION.finditer(text) if match[1] and match[2] != "n"}


def parse_off(text: str) -> list[str]:
    """Return the options that `text` says are off, without CONFIG_."""
    return [match[1] or match[3] for match in _OPTION.finditer(text) if match[3] or match[2] == "n"]


def parse_all(text: str) -> dict[str, str]:
    """Return the values of all options that `text` sets, "n" for those that it says are off."""
    return parse_on(text) | dict.fromkeys(parse_off(text), "n")


def without(config: str, names: re.Pattern[str]) -> str:
    """Return `config` without the options whose names match; Kconfig then sets their defaults."""
    return _OPTION.sub(lambda match: "" if names.fullmatch(match[1] or match[3]) else match[0], config)


def merge(config: str, fragment: str) -> str:
    """Return `config` with the options of `fragment` in place of its own."""
    new = {match[1] or match[3]: match[0] for match in _OPTION.finditer(fragment)}
    kept = _OPTION.sub(lambda match: "" if (match[1] or match[3]) in new else match[0], config)
    return re.sub(r"\n{3,}", "\n\n", kept).rstrip("\n") + "\n" + "".join(f"{line}\n" for line in new.values())
