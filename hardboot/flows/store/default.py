"""The ROM that `boot` without a name starts on the phone itself."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from hardboot.device.phone import Phone
from hardboot.device.shells import line_command, read

HOME = "home"  # the phone's own system
_FOLDER = "/data/hardboot"
_FILE = f"{_FOLDER}/default"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,31}")


def ask(phone: Phone) -> str | None:
    """Return the name of the default ROM; None if it is the phone's own system.

    Raises:
        DeviceError: If the phone does not answer.
    """
    name = phone.root(line_command(_FILE)).text.strip()
    return name if _NAME.fullmatch(name) and name != HOME else None


def choose(phone: Phone, name: str) -> None:
    """Make `name` the default, a ROM or HOME.

    Raises:
        DeviceError: If it cannot be written.
    """
    command = f"mkdir -p {_FOLDER} && echo {name} > {_FILE}.new && mv {_FILE}.new {_FILE} && sync"
    read(command, phone.root(command))


@contextmanager
def following(phone: Phone, name: str, new: str) -> Iterator[None]:
    """Make `new` the default after the block if `name` was it: the block renames or removes that ROM.

    Within the block it is the phone's own system: a cut never leaves the name of a ROM that is not there.

    Raises:
        DeviceError: If it cannot be written.
    """
    was_default = ask(phone) == name
    if was_default:
        choose(phone, HOME)
    yield
    if was_default and new != HOME:
        choose(phone, new)
