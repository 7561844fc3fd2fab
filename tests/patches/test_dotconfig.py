"""Kernel configurations as text: read, merged, and without some options."""

import re

from hardboot.patches.dotconfig import merge, parse_off, parse_on, without

CONFIG = """\
# a comment
CONFIG_A=y
# CONFIG_B is not set
CONFIG_C=0x1
CONFIG_D=n
CONFIG_E=""

#CONFIG_F=y
 CONFIG_G=y
CONFIG_H=y # no
"""


def test_options_that_are_on_have_values() -> None:
    assert parse_on(CONFIG) == {"A": "y", "C": "0x1", "E": '""', "H": "y # no"}


def test_options_that_are_off_are_named() -> None:
    assert parse_off(CONFIG) == ["B", "D"]


def test_options_are_removed_by_their_whole_name() -> None:
    text = "CONFIG_AB=y\n# CONFIG_AC is not set\nCONFIG_ABC=y\n# A\n"
    assert without(text, re.compile("A[BC]")) == "\n\nCONFIG_ABC=y\n# A\n"


def test_options_of_the_fragment_replace_those_of_the_configuration() -> None:
    fragment = "# Written by somebody\n# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_I=m\n"
    merged = merge("CONFIG_A=y\n\n\n# CONFIG_B is not set\nCONFIG_AB=y\n\n", fragment)
    assert merged == "\n\nCONFIG_AB=y\n# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_I=m\n"
    assert merge("", "CONFIG_A=y\n") == "\nCONFIG_A=y\n"
