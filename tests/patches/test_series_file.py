"""series.toml: what it says of kernels, trees and options."""

from pathlib import Path

import pytest
from toy_series import PHONE, SERIES

from hardboot.base import files
from hardboot.base.errors import InputError, RefusedError
from hardboot.patches import catalog
from hardboot.patches.series import KernelRange, Series, When
from hardboot.patches.tree import Tree

VARIANT = """\
[[variant]]
has = "other.c"
instead = { "0001-one.patch" = "0002-two.patch" }
places = { reset = ["x.c"] }
reset = ["watchdog", "psci"]
[[variant]]
has = "arch"
instead = { "0002-two.patch" = "0001-one.patch" }
[config.set]
"""


def rewritten(shipped: Path, old: str, new: str) -> Series:
    assert old in SERIES
    (shipped / "series.toml").write_text(SERIES.replace(old, new, 1))
    return catalog.load(shipped.name)


# Versions


@pytest.mark.parametrize(
    ("low", "below", "inside", "outside", "text"),
    [
        ("6.1", "6.2", [(6, 1, 0), (6, 1, 999)], [(6, 0, 9), (6, 2, 0), (5, 1, 0), (7, 1, 0)], "6.1"),
        (
            "4.9",
            "4.12",
            [(4, 9, 1), (4, 10, 0), (4, 11, 5)],
            [(4, 1, 0), (4, 12, 0)],
            "4.9 up to but not including 4.12",
        ),
        ("4.9", "5.0", [(4, 9, 0), (4, 20, 0)], [(5, 0, 0)], "4.9 up to but not including 5.0"),
        ("3.10", "4.11", [(3, 18, 0)], [(3, 9, 0)], "3.10 up to but not including 4.11"),
    ],
)
def test_a_range_of_kernels_has_a_first_one_and_an_end(
    low: str,
    below: str,
    inside: list[tuple[int, int, int]],
    outside: list[tuple[int, int, int]],
    text: str,
) -> None:
    kernels = KernelRange(low, below)
    assert all(map(kernels.cover, inside))
    assert not any(map(kernels.cover, outside))
    assert str(kernels) == text


@pytest.mark.parametrize(
    ("low", "below", "message"),
    [
        ("6.1", "6.1", "no version is at least 6.1 and below 6.1"),
        ("6.10", "6.9", "no version is at least 6.10 and below 6.9"),
        ("6", "6.1", "kernel versions are \"MAJOR.MINOR\", not '6'"),
        ("6.", "6.1", "kernel versions are \"MAJOR.MINOR\", not '6.'"),
        (".1", "6.1", "kernel versions are \"MAJOR.MINOR\", not '.1'"),
        ("6.1.2", "6.2", "kernel versions are \"MAJOR.MINOR\", not '6.1.2'"),
        ("٦.1", "7.2", "kernel versions are \"MAJOR.MINOR\", not '٦.1'"),
        ("6.١", "7.2", "kernel versions are \"MAJOR.MINOR\", not '6.١'"),
    ],
)
def test_a_range_without_versions_is_refused(low: str, below: str, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        KernelRange(low, below)
    assert str(caught.value) == message


# Errors


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('name = "toy-6.1"', 'name = "other"', "the name is 'other', but the folder is 'toy-6.1'"),
        ('["0001-one.patch", "0002-two.patch"]', "[]", "`patches` is empty or names a patch twice"),
        ('"0002-two.patch"', '"0001-one.patch"', "`patches` is empty or names a patch twice"),
        ('"0002-two.patch"', '"sub/0002-two.patch"', "there is no patch 'sub/0002-two.patch' beside it"),
        (
            "[config.set]",
            VARIANT.replace('"0001-one.patch" =', '"0003.patch" ='),
            "a variant replaces '0003.patch', which is not in the series",
        ),
        (
            "[config.set]",
            VARIANT.replace('= "0001-one.patch"', '= "0003.patch"'),
            "there is no patch '0003.patch' beside it",
        ),
        (
            "[config.set]",
            VARIANT.replace('has = "other.c"\n', ""),
            "a variant needs `has`, or `kernels` without `containing` - at `$.variant[0]`",
        ),
        (
            'flag = ["arch/arm/code.c"]\nkimage = ["arch/arm/code.c"]',
            "flag = []",
            "[places] lacks flag, kimage",
        ),
    ],
)
def test_a_broken_rule_is_named_with_the_file(shipped: Path, old: str, new: str, fault: str) -> None:
    with pytest.raises(InputError) as caught:
        rewritten(shipped, old, new)
    assert caught.value.what == f"{shipped / 'series.toml'}: {fault}"
    assert (caught.value.state, caught.value.fix) == ("Nothing was changed.", "Correct this file.")


def test_a_file_that_is_not_utf_8_is_refused(shipped: Path) -> None:
    (shipped / "series.toml").write_bytes(b"name = '\xff'\n")
    with pytest.raises(InputError, match=r"series\.toml: "):
        catalog.load(shipped.name)


def test_a_patch_beside_other_files_is_loaded_by_name(shipped: Path) -> None:
    (shipped.parent / "README.md").write_text("")
    (shipped.parent / "empty").mkdir()
    assert [series.name for series in catalog.load_all()] == ["toy-6.1"]


def test_places_are_in_files_that_the_patches_change(shipped: Path) -> None:
    series = rewritten(shipped, 'reset = ["arch/arm/code.c"]', 'reset = ["arch/arm/code.c", "none.c"]')
    with pytest.raises(InputError) as caught:
        series.read()
    fault = "no patch changes none.c, a file of [places] reset"
    assert caught.value.what == f"{shipped / 'series.toml'}: {fault}"
    text = (shipped / "0002-two.patch").read_text().replace("@@ -", "@ -")
    (shipped / "0002-two.patch").write_text(text)
    with pytest.raises(InputError, match=r"^toy-6\.1/0002-two\.patch, line \d+: "):
        series.read()


# Trees


def test_a_variant_replaces_patches_places_and_reset(shipped: Path, tree: Path) -> None:
    series = rewritten(shipped, "[config.set]", VARIANT)
    assert series.resets == ("psci", "mmio", "watchdog")
    first = series.for_tree(Tree(tree))
    assert first.patches == ("0002-two.patch", "0002-two.patch")
    assert first.places == {**series.places, "reset": ("x.c",)}
    assert (first.reset, first.variants) == (("watchdog", "psci"), ())
    (tree / "other.c").unlink()
    second = series.for_tree(Tree(tree))
    assert second.patches == ("0001-one.patch", "0001-one.patch")
    assert (second.places, second.reset) == (series.places, ("psci", "mmio"))
    (tree / "arch").rename(tree / "arches")
    assert series.for_tree(Tree(tree)) is series


@pytest.mark.parametrize(
    ("rule", "version", "matches"),
    [
        ('kernels = { min = "5.4", below = "6.2" }', 1, True),
        ('kernels = { min = "6.2", below = "6.3" }', 1, False),
        ('has = "other.c"\nkernels = { min = "6.1", below = "6.2" }', 1, True),
        ('has = "none.c"\nkernels = { min = "6.1", below = "6.2" }', 1, False),
        ('has = "other.c"\nkernels = { min = "6.1", below = "6.2" }', 2, False),
        ('has = "other.c"\ncontaining = "b"', 1, True),
        ('has = "other.c"\ncontaining = "nothing of this"', 1, False),
        ('has = "none.c"\ncontaining = "b"', 1, False),
    ],
)
def test_a_variant_may_be_that_of_some_versions(
    shipped: Path, tree: Path, rule: str, version: int, matches: bool
) -> None:
    (tree / "Makefile").write_text(f"VERSION = 6\nPATCHLEVEL = {version}\nSUBLEVEL = 0\n")
    text = f'[[variant]]\n{rule}\ninstead = {{ "0001-one.patch" = "0002-two.patch" }}\n[config.set]\n'
    series = rewritten(shipped, "[config.set]", text)
    assert (series.for_tree(Tree(tree)).patches[0] == "0002-two.patch") == matches


def test_the_kernels_of_a_series_are_told(shipped: Path, series: Series) -> None:
    assert series.covers() == "6.1"
    flavour = rewritten(shipped, 'arch = "arm"\n', 'arch = "arm"\nrequires = ["a/b", "c"]\n')
    assert flavour.covers() == "6.1, with a/b, with c"


def test_no_series_for_a_tree_says_which_there_are(tree: Path, series: Series) -> None:
    with pytest.raises(RefusedError) as caught:
        catalog.find(tree, "arm64")
    assert caught.value.what == f"no series covers {tree} (Linux 6.1.7, arm64)"
    assert caught.value.state == "The tree is unchanged."
    assert caught.value.fix == (
        f"Use a kernel that is covered ({series.name}: 6.1), or write a series: docs/adding-a-series.md."
    )
    (tree / "Makefile").write_text("VERSION = 6\nPATCHLEVEL = 2\nSUBLEVEL = 0\n")
    with pytest.raises(RefusedError) as caught:
        catalog.find(tree)
    assert caught.value.what == f"no series covers {tree} (Linux 6.2.0)"


# Options


@pytest.mark.parametrize(
    ("values", "phone", "holds"),
    [
        (("a", "b"), {"soc": "b"}, True),
        (("a", "b"), {"soc": "c"}, False),
        (("a",), {}, False),
        ((), {"soc": "c"}, True),
        ((), {"soc": None}, False),
        ((), {}, False),
    ],
)
def test_options_of_some_phones_depend_on_a_field(
    values: tuple[str, ...], phone: dict[str, str | None], holds: bool
) -> None:
    assert When(field="soc", values=values).holds(phone) is holds


def test_the_fragment_has_options_in_order_and_numbers_in_hex(series: Series) -> None:
    phone = {**PHONE, "reset.method": "mmio", "reset.address": 0}
    assert series.config_fragment(phone).decode() == (
        "# Written by `hardboot patch apply`; `hardboot patch revert` removes it.\n"
        "CONFIG_KEXEC=y\n"
        "# CONFIG_DEBUG is not set\n"
        "CONFIG_KEXEC_HARDBOOT_PAGE=0x44000000\n"
        "CONFIG_KEXEC_HARDBOOT_PAGE_SIZE=0x1000\n"
        "CONFIG_KEXEC_HARDBOOT_RESET_MMIO=y\n"
        "CONFIG_KEXEC_HARDBOOT_RESET_ADDR=0x0\n"
    )


def test_a_value_that_the_profile_lacks_is_named(series: Series) -> None:
    with pytest.raises(RefusedError) as caught:
        series.config_fragment({"hardboot.page": "0x1000"})
    assert caught.value.what == (
        "toy-6.1 needs hardboot.page for CONFIG_KEXEC_HARDBOOT_PAGE, and the profile does not have it"
    )
    assert caught.value.state == "The tree is unchanged."
    assert "`hardboot devices show NAME` says how to find it" in caught.value.fix


def test_a_series_above_the_limit_is_refused(shipped: Path) -> None:
    (shipped / "series.toml").write_text(SERIES + "#" * (64 << 10))
    with pytest.raises(InputError, match=r"series\.toml"):
        catalog.load(shipped.name)
    assert files.data_dir("patches") == shipped.parent
