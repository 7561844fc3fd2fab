"""Profiles that ship, with one change in the text of the file."""

import pytest

from hardboot import profile
from hardboot.base.errors import InputError
from hardboot.base.files import data_dir
from hardboot.profile import Profile

VIRT = (data_dir("devices") / "virt-arm.toml").read_text()
VIRT64 = (data_dir("devices") / "virt-arm64.toml").read_text()
SHAMU = (data_dir("devices") / "shamu.toml").read_text()
BACON = (data_dir("devices") / "bacon.toml").read_text()
G3 = (data_dir("devices") / "g3.toml").read_text()


def edited(old: str, new: str, text: str = VIRT) -> Profile:
    assert old in text
    return profile.parse(text.replace(old, new, 1).encode(), "x.toml")


def wrong(old: str, new: str, text: str = VIRT) -> str:
    with pytest.raises(InputError) as error:
        edited(old, new, text)
    return error.value.what


def problems(found: Profile, *others: Profile) -> list[str]:
    return [f"{one.fact}: {one.what}" for one in profile.check(found, others)]
