"""Sizes on the command line: 512M, 4G."""

import re

import click

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


class _Size(click.ParamType[int]):
    """A size in bytes, with K, M or G for powers of 1024."""

    name = "size"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"([0-9]{1,15})([KMG]?)(?:i?B)?", value.strip(), re.IGNORECASE)
        if not found:
            self.fail(f"{value!r} is no size; write 512M or 4G.", param, ctx)
        return int(found[1]) * _UNITS[found[2].upper()]


SIZE = _Size()
