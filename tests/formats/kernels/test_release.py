"""The version in a kernel's release."""

import pytest

from hardboot.formats.kernels.release import Version, parse_version


@pytest.mark.parametrize(
    ("release", "version"),
    [
        ("6.1.0-50-armmp", (6, 1, 0)),
        ("3.4.112-g1a2b3c4", (3, 4, 112)),
        ("6.12", (6, 12, 0)),
        ("6.13-rc7", (6, 13, 0)),
        ("5.10.1234567", (5, 10, 12345)),
        ("android13-6.1", None),
        ("7", None),
        ("", None),
    ],
)
def test_the_version_is_at_the_start_of_the_release(release: str, version: Version | None) -> None:
    assert parse_version(release) == version
