"""A folder to archive."""

from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of sizes with every padding, a folder, links."""
    root = tmp_path_factory.mktemp("ramdisk")
    (root / "sbin").mkdir()
    for size in range(5):
        (root / "sbin" / ("x" * (size + 1))).write_bytes(b"abcde"[:size])
    (root / "init").write_bytes(bytes(range(256)) * 40)
    (root / "init").chmod(0o750)
    (root / "link").symlink_to("sbin/xx")
    (root / "äö").write_bytes(b"name of more than ASCII")
    return root
