"""Command lines: subtraction under the quirks of real bootloaders, and who brought which word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardboot import profile
from hardboot.base import cmdline
from hardboot.base.cmdline import APPENDED, BOOTLOADER, ROM

# The command lines of LineageOS and AOSP for these phones.
SHAMU = (
    "console=ttyHSL0,115200,n8 androidboot.console=ttyHSL0 androidboot.hardware=shamu msm_rtb.filter=0x37 "
    "ehci-hcd.park=3 coherent_pool=8M"
)
FLO = "console=ttyHSL0,115200,n8 androidboot.hardware=flo user_debug=31 msm_rtb.filter=0x3F ehci-hcd.park=3"
ADDED = "androidboot.emmc=true androidboot.serialno=ZX1G22 lge.kcal=0|0|0|x"
NULL = {"console": "null"}

words = st.lists(st.text("ab=-_.1", min_size=1, max_size=4), max_size=8)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  a  b=1\t\nc ", ["a", "b=1", "c"]),
        ('dyndbg="file a.c +p" b', ['dyndbg="file a.c +p"', "b"]),
        ('"a b=c" d', ['"a b=c"', "d"]),
        ('a="no end b', ['a="no end b"']),
        ("a\xa0b", ["a\xa0b"]),
    ],
)
def test_words_are_cut_as_the_kernel_does(text: str, expected: list[str]) -> None:
    assert cmdline.split(text) == expected


def test_a_bootloader_without_quirks_only_adds() -> None:
    assert cmdline.additions(f"{FLO} {ADDED}", FLO) == ADDED
    assert cmdline.additions(f"{ADDED} {FLO} a", FLO) == f"{ADDED} a"
    assert cmdline.additions("a b a c", "a b") == "a c"
    assert cmdline.additions("a", "a b") == ""


def test_a_replaced_console_is_not_taken_for_the_bootloaders() -> None:
    running = f"{SHAMU} {ADDED}".replace("androidboot.console=ttyHSL0 ", "").replace(
        "console=ttyHSL0,115200,n8", "console=null"
    )
    assert cmdline.additions(running, SHAMU) == f"console=null {ADDED}"
    dropped = ("androidboot.console",)
    assert cmdline.additions(running, SHAMU, replaced=NULL, dropped=dropped) == ADDED


def test_a_line_that_lost_its_start_is_subtracted() -> None:
    for own in (FLO, "x" * 26 + FLO, "quiet androidboot.hardware=flo user_debug=31 loglevel=8"):
        running = f"{own[26:]} {ADDED}"
        assert cmdline.additions(running, own, skip=26) == ADDED
    cut = "quiet androidboot.hardware=flo user_debug=31"
    assert cmdline.additions(f"{cut[26:]} {ADDED}", cut) == f"=flo {ADDED}"


def test_an_older_bootloader_without_the_quirk_is_subtracted_too() -> None:
    own = "quiet androidboot.hardware=flo user_debug=31"
    assert cmdline.additions(f"{own} {ADDED}", own, skip=26) == ADDED
    assert cmdline.additions(f"{SHAMU} {ADDED}", SHAMU, replaced=NULL, dropped=("quiet",)) == ADDED


@given(words, words)
def test_what_was_added_is_found_whatever_the_words(own: list[str], added: list[str]) -> None:
    found = cmdline.additions(" ".join([*own, *added]), " ".join(own))
    assert sorted(found.split()) == sorted(added)
    assert cmdline.additions(" ".join(own), " ".join([*own, *added])) == ""


@given(st.text(), st.text(), st.integers(0, 40))
def test_any_text_is_taken(running: str, own: str, skip: int) -> None:
    found = cmdline.additions(running, own, skip=skip, replaced=NULL, dropped=("a",))
    assert set(cmdline.split(found)) <= set(cmdline.split(running))
    line = cmdline.compose(own, [(ROM, own), (BOOTLOADER, found)], size=1024)
    assert line.removed == ()
    assert cmdline.split(line.text) == cmdline.split(own) + cmdline.split(found)


def fates(line: cmdline.CommandLine) -> list[tuple[str, str, str | None]]:
    return [
        (word.text, word.source, None if word.loses_to is None else line.words[word.loses_to].text)
        for word in line.words
    ]


def test_every_word_says_who_brought_it_and_the_last_one_counts() -> None:
    line = cmdline.compose(
        "loglevel=4 quiet",
        [(ROM, "loglevel=4 quiet"), (BOOTLOADER, "quiet a=1"), (APPENDED, "loglevel=8")],
        size=1024,
    )
    assert line.text == "loglevel=4 quiet quiet a=1 loglevel=8"
    assert fates(line) == [
        ("loglevel=4", ROM, "loglevel=8"),
        ("quiet", ROM, "quiet"),
        ("quiet", BOOTLOADER, None),
        ("a=1", BOOTLOADER, None),
        ("loglevel=8", APPENDED, None),
    ]


def test_consoles_add_up_and_dashes_are_underscores() -> None:
    line = cmdline.compose(
        "", [(ROM, "console=tty0 ehci-hcd.park=3 console=ttyS0 ehci_hcd.park=1 console=tty0")], size=1024
    )
    assert [word.loses_to for word in line.words] == [4, 3, None, None, None]


@pytest.mark.parametrize("name", ["console", "earlycon", "initcall_blacklist", "mem", "memmap", "dyndbg"])
def test_some_parameters_add_up(name: str) -> None:
    line = cmdline.compose("", [(ROM, f"{name}=a {name}=b")], size=1024)
    assert [word.loses_to for word in line.words] == [None, None]


def test_what_init_gets_overrides_nothing() -> None:
    line = cmdline.compose("", [(ROM, "a=1 -- a=2 a=2")], size=1024)
    assert [word.loses_to for word in line.words] == [None] * 4


def test_a_replaced_line_tells_what_is_gone() -> None:
    line = cmdline.compose("a b c", [(cmdline.REPLACED, "c d"), (APPENDED, None)], size=2048)
    assert (line.text, line.removed) == ("c d", ("a", "b"))


def test_a_quote_that_does_not_end_swallows_nothing_behind_it() -> None:
    line = cmdline.compose('a="b', [(ROM, 'a="b'), (cmdline.MARK, "mark=1")], size=1024)
    assert line.text == 'a="b" mark=1'
    assert line.removed == ()


def test_the_sizes_are_the_kernels() -> None:
    # arch/arm/include/uapi/asm/setup.h and arch/arm64/include/uapi/asm/setup.h
    assert dict(cmdline.SIZES) == {"arm": 1024, "arm64": 2048}


@pytest.mark.parametrize("name", [name for name in profile.names() if profile.load(name).cmdline.stock])
def test_the_quirks_of_every_profile_explain_its_stock_line(name: str) -> None:
    quirks = profile.load(name).cmdline
    assert quirks.stock
    running = cmdline.passed_on(
        quirks.stock, skip=quirks.skip, replaced=quirks.replaced, dropped=quirks.dropped
    )
    for line in (f"{running} {ADDED}", f"{ADDED} {running}"):
        found = cmdline.additions(
            line, quirks.stock, skip=quirks.skip, replaced=quirks.replaced, dropped=quirks.dropped
        )
        assert found == ADDED


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("console=ttyS0", "console"),
        ("quiet", "quiet"),
        ("no-hlt", "no_hlt"),
        ('"init=/bin/a b"', "init"),  # quotes around the whole word
        ('init="/bin/a b"', "init"),
        ('"quiet"', "quiet"),
        ("a=b=c", "a"),
    ],
)
def test_the_name_of_a_parameter_is_without_its_quotes(word: str, name: str) -> None:
    assert cmdline.key(word) == name


def test_a_quoted_parameter_loses_to_the_last_of_its_name() -> None:
    line = cmdline.compose("", [("x", '"init=/a b" init=/c')], size=100)
    assert [word.loses_to for word in line.words] == [1, None]
