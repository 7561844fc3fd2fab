"""A ROM's ramdisk is joined as a bootloader joins it."""

import image_sets as build
import pytest
from image_sets import DLKM, PLATFORM, RECOVERY
from told import raises

from hardboot.base.errors import InputError, RefusedError
from hardboot.flows import joined_ramdisk
from hardboot.formats.boot import bootconfig, vendorboot


@pytest.mark.parametrize(
    ("ramdisks", "expected"),
    [
        ([(0, b"a")], b"ag"),
        ([(PLATFORM, b"a"), (DLKM, b"b")], b"abg"),
        ([(DLKM, b"b"), (PLATFORM, b"a"), (0, b"c")], b"bacg"),
        ([(RECOVERY, b"r"), (PLATFORM, b"a"), (RECOVERY, b"s"), (7, b"x")], b"axg"),
        ([(RECOVERY, b"r")], b"g"),
    ],
)
def test_vendor_ramdisks_come_first_in_their_order_without_recovery(
    ramdisks: list[tuple[int, bytes]], expected: bytes
) -> None:
    assert joined_ramdisk.join(vendorboot.parse(build.vendor_boot(ramdisks)), b"g") == expected


def test_a_vendor_boot_without_a_table_has_one_ramdisk() -> None:
    vendor = vendorboot.parse(build.vendor_boot([(RECOVERY, b"all of it")], version=3))
    assert joined_ramdisk.join(vendor, b"g") == b"all of itg"


def test_ramdisks_for_one_board_are_taken_and_those_for_several_refused() -> None:
    two = [(PLATFORM, b"a"), (PLATFORM, b"b"), (RECOVERY, b"r")]
    for boards in ((1, 1, 2), (0, 1, 2)):
        vendor = vendorboot.parse(build.vendor_boot(two, board_ids=boards))
        assert joined_ramdisk.join(vendor, b"g") == b"abg"
    with raises(
        RefusedError,
        "vendor_boot has ramdisks for several boards; only the bootloader knows this one's",
        "Nothing was sent.",
        "Use a vendor_boot image for this phone alone.",
    ):
        joined_ramdisk.join(vendorboot.parse(build.vendor_boot(two, board_ids=(1, 2, 0))), b"g")


def test_the_bootconfig_is_that_of_the_image_and_the_bootloaders_words() -> None:
    made = joined_ramdisk.with_bootconfig(b"ramdisk", b"a.b=1\n", {"c": ("2", "3"), "d": ()})
    rest, text = bootconfig.split(made)
    assert bytes(rest) == b"ramdisk"
    assert text == 'a.b=1\nc = "2", "3"\nd = ""\n'


def test_a_bootconfig_without_a_line_end_gets_one() -> None:
    made = joined_ramdisk.with_bootconfig(b"", b"a=1\0\0", {"b": ("2",)})
    assert bootconfig.parse(bootconfig.split(made)[1]) == {"a": ("1",), "b": ("2",)}


def test_a_bootconfig_that_the_ramdisk_has_already_stays_in_front() -> None:
    ramdisk = bootconfig.append(b"ramdisk", "first = 1\n")
    rest, text = bootconfig.split(joined_ramdisk.with_bootconfig(ramdisk, b"a = 1\n", {"b": ("2",)}))
    assert bytes(rest) == b"ramdisk"
    assert list(bootconfig.parse(text)) == ["first", "a", "b"]


def test_a_ramdisk_without_anything_to_add_stays_as_it_is() -> None:
    assert bytes(joined_ramdisk.with_bootconfig(b"ramdisk", b"", {})) == b"ramdisk"


def test_a_key_that_the_image_sets_stays_and_another_value_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = {"a": ("1",), "b": ("other",), "c": ("3",)}
    text = joined_ramdisk.with_words("a = 1\nb = 2\n", words)
    assert bootconfig.parse(text) == {"a": ("1",), "b": ("2",), "c": ("3",)}
    assert capsys.readouterr().err == (
        "warning: vendor_boot sets b itself: the bootloader's values are left out\n"
    )


def test_a_bootconfig_that_no_kernel_takes_is_refused() -> None:
    with pytest.raises(InputError, match="a is set twice"):
        joined_ramdisk.with_bootconfig(b"", b"a=1\na=2\n", {})
