"""Conditions of Kconfig hold or not, as Kconfig itself would say."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardboot.patches.conditions import helpful, holds, shown_values

VALUES = {"A": "y", "M": "m", "S": '"text"', "N": "2"}


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        ("A", True),
        ("!A", False),
        ("!!A", True),
        ("B", False),
        ("M", True),
        ("y", True),
        ("m", True),
        ("n", False),
        ("A && B || A", True),
        ("A || B && B", True),
        ("B && B || B", False),
        ("A && A && B", False),
        ("B || B || A", True),
        ("A && (B || !B)", True),
        ("!(A && B) && !B", True),
        ("!B && A", True),
        ("!A || A", True),
        ('S = "text"', True),
        ("S = 'text'", True),
        ('S != "text"', False),
        ('S != "other"', True),
        ("A=n", False),
        ("A=y", True),
        ("B = n", True),
        ("B != n", False),
        ("N = 2", True),
        ("N = N", True),
        ("lower = lower", True),
        ("N > 3", True),
        ("N < 1", True),
        ("N < 1 && B", False),
        ("N >= 3 && A", True),
        ("N <= 3 || B", True),
        ("$(cc-option,-mfoo(1)) && A", True),
        ("!$(cc-option,-mfoo)", False),
        ("", False),
        ("(A", True),
        ("A)", True),
    ],
)
def test_conditions_are_read_as_kconfig_reads_them(condition: str, met: bool) -> None:
    assert holds(condition, VALUES) is met


@settings(max_examples=200)
@given(text=st.text(alphabet='AB&|!()=" $\n', max_size=40))
def test_any_condition_has_a_value(text: str) -> None:
    assert holds(text, {"A": "y"}) in (True, False)


@pytest.mark.parametrize(
    ("condition", "shown"),
    [
        ("A && !B || A", " (A is y, B is off)"),
        ("N = 2 && S", ' (N is 2, S is "text")'),
        ("y && 2 && lower", ""),
        ("MMU_2 && _X", " (MMU_2 is off, _X is off)"),
    ],
)
def test_the_values_in_a_condition_are_shown(condition: str, shown: str) -> None:
    assert shown_values(condition, VALUES) == shown


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("B && C || B", ["B", "C"]),
        ("A && !B && ! C && D", ["D"]),
        ("!BC && B", ["B"]),
        ("A", []),
    ],
)
def test_what_helps_is_off_and_not_negated(condition: str, names: list[str]) -> None:
    assert helpful(condition, VALUES) == names
