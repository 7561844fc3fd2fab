"""Folders of files copied off a phone."""

import shutil
import subprocess
from pathlib import Path

import pytest
from copied_files import HOLE, drafted, folder, shamu

from hardboot import suggest
from hardboot.base.errors import InputError


@pytest.mark.parametrize("form", ["folder", "tar"])
def test_the_tree_may_be_a_folder_or_a_tar(tmp_path: Path, form: str) -> None:
    from tree_files import unpacked

    from hardboot.formats.trees import fdt

    where = shamu(tmp_path / "files", HOLE)
    files = unpacked(fdt.parse((where / "fdt").read_bytes()), where / "device-tree")
    (where / "fdt").unlink()
    if form == "tar":
        target = where / "device-tree.tar"
        subprocess.run(["tar", "-cf", target, "-C", files, "."], check=True, timeout=30)
        shutil.rmtree(files)
    made = drafted(where).profile
    assert made.hardboot.page == 0x3E9DF000
    assert made.dtb.msm_ids == ((178, 0x47, 0x8200),)


@pytest.mark.parametrize("getprop", ["", "[ro.product.device]: [../x]\n", "ro.product.device=shamu"])
def test_a_folder_that_does_not_name_the_phone_is_refused(tmp_path: Path, getprop: str) -> None:
    with pytest.raises(InputError, match=r"ro\.product\.device"):
        suggest.read_folder(folder(tmp_path, getprop=getprop))
    with pytest.raises(InputError, match="is not a folder"):
        suggest.read_folder(tmp_path / "nowhere")
