"""Boot configurations, read as Linux's own tool (tools/bootconfig, Linux 6.1) reads the same texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardboot.base.errors import InputError
from hardboot.formats.boot import bootconfig

# `bootconfig -a` wrote this behind the five bytes "ramdi".
GOLDEN_TEXT = 'a = "1", b\nc.d {\n e\n}\n'
GOLDEN = bytes.fromhex(
    "72616d646961203d202231222c20620a632e64207b0a20650a7d0a0017000000bb04000023424f4f54434f4e4649470a"
)


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("a = 1\n", {"a": ("1",)}),
        ("a.b = 1; a.c = x y ;", {"a.b": ("1",), "a.c": ("x y",)}),
        ("a = b, 'c d', \"e\n'f'\"\n", {"a": ("b", "c d", "e\n'f'")}),
        ("a {\n b = 1\n c { d }\n}\ne\n", {"a.b": ("1",), "a.c.d": (), "e": ()}),
        ("a = 1 # comment\n# more\nb = 2\n", {"a": ("1",), "b": ("2",)}),
        ("a = 1\na += 2, 3\n", {"a": ("1", "2", "3")}),
        ("a = 1\na := 2\n", {"a": ("2",)}),
        ("a += 1\n", {"a": ("1",)}),
        ("a =\n\n # why\n b\n", {"a": ("b",)}),  # a value may follow in a later line
        ("a = 1, # one\n 2\n", {"a": ("1", "2")}),
        ('a = b"c\n', {"a": ('b"c',)}),
        ("a = 1\na\n", {"a": ("1",)}),
        ("a.b = 1\na = 2\n", {"a.b": ("1",), "a": ("2",)}),
        ("a-b_C9 = {x\n", {"a-b_C9": ("{x",)}),
        ("a { b = 1 }", {"a.b": ("1",)}),
        ("a = \n", {"a": ("",)}),
        ("\n;;# nothing\n", {}),
        ("a = 1\n\0\0\0", {"a": ("1",)}),
    ],
)
def test_a_text_is_read_as_linux_reads_it(text: str, entries: dict[str, tuple[str, ...]]) -> None:
    assert bootconfig.parse(text) == entries


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a = 1\na = 2\n", "line 2 at offset 0xb: a is set twice"),
        ("a { b = 1\n", "line 2 at offset 0xa: a brace is not closed"),
        ("a = 1 }\n", "line 1 at offset 0x7: a brace is closed that was not opened"),
        ("a b = 1\n", "line 1 at offset 0x2: no operator follows the key a"),
        ("a .b = 1\n", "line 1 at offset 0x2: no operator follows the key a"),
        ("a\n= 1\n", "line 2 at offset 0x2: a key is missing, or has a character that keys may not have"),
        ("a..b = 1\n", "line 1 at offset 0x1: no operator follows the key a"),
        ("a = 'x\n", "line 1 at offset 0x4: a quote is not closed"),
        ("a = 'x' y\n", "line 1 at offset 0x8: something follows the value of a"),
        ("a = \x01\n", "line 1 at offset 0x4: the value '\\x01' cannot be printed"),
        ("a + 1\n", "line 1 at offset 0x2: no operator follows the key a"),
        ("a {" * 17, "line 1 at offset 0x33: more than 16 braces in each other"),
        ("a" * 32768, "line 1 at offset 0x0: more than 32767 characters, which kernels do not read"),
    ],
)
def test_what_linux_refuses_is_refused_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        bootconfig.parse(text)
    assert caught.value.what == f"bootconfig: {problem}"


def test_braces_may_be_sixteen_deep() -> None:
    assert bootconfig.parse("a {" * 16 + "b = 1" + "}" * 16) == {".".join(["a"] * 16 + ["b"]): ("1",)}


def test_a_bootconfig_behind_a_ramdisk_is_written_as_linux_writes_it() -> None:
    assert bootconfig.append(b"ramdi", GOLDEN_TEXT) == GOLDEN
    assert bytes(bootconfig.split(GOLDEN)[0]) == b"ramdi"
    assert bootconfig.split(GOLDEN)[1] == GOLDEN_TEXT


@pytest.mark.parametrize("size", range(4))
def test_what_is_written_ends_at_a_multiple_of_four_bytes(size: int) -> None:
    written = bootconfig.append(bytes(size), "a\n")
    assert len(written) % 4 == 0
    for padding in range(4):  # Linux looks for the magic so far before the end
        rest, text = bootconfig.split(written + bytes(padding))
        assert (bytes(rest), text) == (bytes(size), "a\n")


def test_a_ramdisk_without_one_has_none() -> None:
    for data in (b"", b"ramdisk", bootconfig.MAGIC, GOLDEN + bytes(4)):
        rest, text = bootconfig.split(data)
        assert (bytes(rest), text) == (data, "")


@pytest.mark.parametrize(
    ("at", "value", "problem"),
    [
        (28, 29, "size at offset 0x1c: 29 bytes, 28 are in front of it"),
        (28, 28, f"checksum at offset 0x20: 0x4bb, of the text it is {sum(GOLDEN[:28]):#x}"),
        (32, 0xB1, "checksum at offset 0x20: 0x4b1, of the text it is 0x4bb"),
    ],
)
def test_a_damaged_trailer_is_refused(at: int, value: int, problem: str) -> None:
    data = bytearray(GOLDEN)
    data[at] = value
    with pytest.raises(InputError) as caught:
        bootconfig.split(bytes(data))
    assert caught.value.what == f"bootconfig: {problem}"


def test_a_text_that_kernels_do_not_read_is_not_appended() -> None:
    assert bootconfig.append(b"", "a" * 32767)
    with pytest.raises(InputError, match="32768 bytes, kernels read at most 32767"):
        bootconfig.append(b"", "a" * 32768)


@pytest.mark.parametrize(("key", "value"), [("a b", "1"), ("", "1"), ("a", "\"'"), ("a", "\x01")])
def test_what_cannot_be_written_is_refused(key: str, value: str) -> None:
    with pytest.raises(InputError, match=r"^bootconfig: the (key|value) "):
        bootconfig.build({key: (value,)})


_VALUES = st.lists(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=9), max_size=3)


@given(st.dictionaries(st.from_regex(r"\A[a-z_]{1,5}(\.[a-z0-9-]{1,5}){0,2}\Z"), _VALUES, max_size=5))
def test_what_is_written_is_read_again(values: dict[str, list[str]]) -> None:
    entries = {key: tuple(text.replace("'", "") for text in texts) for key, texts in values.items()}
    shown = {key: texts or ("",) for key, texts in entries.items()}
    assert bootconfig.parse(bootconfig.build(entries)) == shown


@given(st.text("ab.={}+:;,#\n \"'\0é", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        entries = bootconfig.parse(text)
    except InputError:
        return
    assert bootconfig.parse(bootconfig.build(entries)) == {
        key: found or ("",) for key, found in entries.items()
    }


@given(st.binary(max_size=30), st.binary(max_size=8))
def test_any_ramdisk_is_split_or_refused(data: bytes, words: bytes) -> None:
    whole = data + words + bootconfig.MAGIC
    try:
        rest, _ = bootconfig.split(whole)
    except InputError:
        return
    assert whole.startswith(bytes(rest))


def test_entries_are_words_of_a_command_line_for_kernels_without_bootconfig() -> None:
    entries = {"a": ("1",), "b": ("2", "3"), "c": ("x y",), "d": ("",), "e": ()}
    assert bootconfig.words(entries) == 'a=1 b=2,3 c="x y" d= e='
