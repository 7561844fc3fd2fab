"""Keys that all tests of a module share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from hardboot.transport import adb_keys

    folder = tmp_path_factory.mktemp("android")
    adb_keys.signer(folder)
    return folder
