"""Keys that all tests of a module share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from hardboot.transport.keys import load_signer

    folder = tmp_path_factory.mktemp("android")
    load_signer(folder)
    return folder
