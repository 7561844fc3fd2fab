"""Source files without comments and dead code: every line stays at its number."""

import pytest

from hardboot.patches.source import SourceFile, open_conditionals, unbalanced_braces


def code(text: str, path: str = "a.c") -> str:
    return SourceFile(path, text.encode("latin-1")).code


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("a.c", "a /* b */ c\n", "a         c\n"),
        ("a.c", "a /* b\nc */ d // e\nf", "a     \n     d     \nf"),
        ("a.c", "a /* never closed\nb\n", "a                \n \n"),
        ("a.c", 'a "/* b */" c // d\n', 'a "/* b */" c     \n'),
        ("a.c", "a '\"' /* b */\n", "a '\"'        \n"),
        ("a.c", 'a "\\"/*" b /* c */\n', 'a "\\"/*" b        \n'),
        ("a.c", 'a "never closed\n/* b */\n', 'a "never closed\n       \n'),
        ("a.c", "a @ b\n", "a @ b\n"),
        ("a.S", "a @ b\nc // d\n/* e */ '\n", "a    \nc     \n        '\n"),
        ("d/Kconfig", 'config A # "b\n\tbool "# c"\n', 'config A     \n\tbool "# c"\n'),
        ("d/Kconfig.x", "a # b\n", "a    \n"),
        ("a_defconfig", "# CONFIG_A is not set\n", "# CONFIG_A is not set\n"),
        (".config", "# a /* b */\n", "# a /* b */\n"),
        ("a.txt", "# a /* b */\n", "# a /* b */\n"),
        ("a.c", "#if 0\na\n#endif\nb\n", "#if 0\n \n#endif\nb\n"),
        ("a.c", "#if 0\na\n#else\nb\n#endif\n", "#if 0\n \n#else\nb\n#endif\n"),
        ("a.c", "#if 0\na\n#elif B\nb\n#else\nc\n#endif\n", "#if 0\n \n#elif B\nb\n#else\nc\n#endif\n"),
        ("a.c", "#if 0\n#if A\na\n#endif\nb\n#endif\nc\n", "#if 0\n     \n \n      \n \n#endif\nc\n"),
        ("a.c", "#if A\n#if 0\na\n#endif\n#endif\nb\n", "#if A\n#if 0\n \n#endif\n#endif\nb\n"),
        ("a.c", "#if 0\n#if 0\na\n#endif\n#endif\nb\n", "#if 0\n     \n \n      \n#endif\nb\n"),
        ("a.c", "#if 0\na\n#endif\n#if 0\nb\n#endif\nc", "#if 0\n \n#endif\n#if 0\n \n#endif\nc"),
        ("a.c", "#ifdef 0\na\n#endif\n", "#ifdef 0\na\n#endif\n"),
        ("a.c", "#endif\n#else\na\n", "#endif\n#else\na\n"),
        ("a.c", " #\tif 0\na\n # endif\n", " #\tif 0\n \n # endif\n"),
        ("a.c", "#if 1\na\n#else\nb\n#endif\n", "#if 1\na\n#else\nb\n#endif\n"),
    ],
)
def test_comments_and_dead_code_become_spaces(path: str, text: str, expected: str) -> None:
    assert code(text, path) == expected
    assert len(expected) == len(text)


def test_help_texts_end_at_the_first_line_with_less_indentation() -> None:
    text = "config A\n\thelp\n\n\t  one\n\n\t    two\n\t  three\nconfig B\n\t---help---\n\t  four\n\tbool\n"
    kept = "config A\n\thelp\n\n\n\n\n\nconfig B\n\t---help---\n\n\tbool\n"
    assert code(text, "Kconfig") == kept
    assert code("config A\n\thelpful\n\t  one\n", "Kconfig") == "config A\n\thelpful\n\t  one\n"


def test_lines_are_counted_from_one() -> None:
    file = SourceFile("a.c", b"one\r\n/* two */\nthree two\n")
    assert (file.path, file.text) == ("a.c", "one\n/* two */\nthree two\n")
    assert [file.line_at(file.code.index(word)) for word in ("one", "three")] == [1, 3]
    assert [file.line(number) for number in (1, 2, 3)] == ["one", "/* two */", "three two"]
    assert (file.find("two$"), file.find("^three"), file.find("^two")) == (3, 3, 0)


def test_functions_begin_with_their_name_and_end_with_a_brace_in_column_0() -> None:
    text = (
        "struct a {\n\tint b;\n};\n\nint one(void)\n{\n\tif (x) {\n\t}\n}\n\n"
        "static int two(int a) {\n\treturn 1;\n}\n\n}\nint three(void);\nint four(void)\n{\n\treturn 4;\n"
    )
    assert list(SourceFile("a.c", text.encode()).functions()) == [
        (5, "\n\tif (x) {\n\t}\n"),
        (11, "\n\treturn 1;\n"),
    ]


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ("if (a) {\n}\n", False),
        ("if (a) {\n", True),
        ("}\n", True),
        ("puts(\"{\"); c = '{'; /* { */\n", False),
        ("#if A\nif (a) {\n#else\nif (b) {\n#endif\n}\n", False),
        ("#if A\nif (a) {\n#endif\n}\n", False),
        ("#if A\n{\n#elif B\n{\n#else\n#endif\n}\n", False),
        ("#if A\n#if B\n{\n#endif\n#endif\n}\n", False),
        ("#if A\n{\n#else\n{\n#endif\n", True),
        ("{\n#if A\n#else\n#endif\n", True),
        ("#endif\n#else\n{\n}\n", False),
    ],
)
def test_braces_pair_in_one_branch_of_each_conditional(body: str, wrong: bool) -> None:
    assert unbalanced_braces(body) is wrong


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("#if A\n#ifdef B\n#ifndef C\n#elif D\n#else\n#endif\n#endif\n#endif\n", 0),
        ("#if A\n#if B\n#endif\n", 1),
        ("#endif\n#endif\n#ifdef A\n", -1),
    ],
)
def test_open_conditionals_are_counted(text: str, count: int) -> None:
    assert open_conditionals(text) == count
