"""Folders of files copied off a phone."""

import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from copied_files import HOLE, drafted, folder, shamu

from hardboot import suggest
from hardboot.base.errors import InputError
from hardboot.device.handset import Handset
from hardboot.formats.trees.fdt import Fdt
from hardboot.suggest import COMMANDS
from hardboot.transport.base import Output, Transport


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


class AskedPhone(Handset):
    """A phone whose answers are given; it takes nothing, and has no device tree."""

    answers: dict[str, str]
    pulled: list[str]

    def roots(self, *commands: str, timeout_s: float = 0) -> list[Output]:
        return [Output(self.answers.get(one, ""), one not in self.answers) for one in commands]

    def device_tree(self) -> Fdt | None:
        return None

    def pull_root_file(self, path: str, *, first: int = 0) -> bytes | None:
        self.pulled.append(path)
        return b"the header"

    def clean(self) -> None:
        pass


@pytest.mark.parametrize(
    ("suffix", "boot", "atags"),
    [("_b", "/dev/block/by-name/boot_b", True), ("_a", "/dev/block/by-name/boot_a", False)],
)
def test_a_phone_with_slots_is_asked_for_the_header_in_the_running_one(
    suffix: str, boot: str, atags: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = "/dev/block/by-name:\nl boot_a -> /dev/block/sda1\nl boot_b -> /dev/block/sda2\n"
    getprop = f"[ro.product.device]: [new]\n[ro.boot.slot_suffix]: [{suffix}]\n"
    phone = AskedPhone(cast(Transport, SimpleNamespace(serial="S")))
    phone.answers = {COMMANDS["getprop"]: getprop, COMMANDS["by-name"]: listing}
    phone.answers |= {"test -e /proc/atags": ""} if atags else {}
    phone.pulled = []
    found = suggest.ask_phone(phone)
    assert phone.pulled == [boot]
    assert (found.boot_header, found.atags, found.device) == (b"the header", atags, "new")
    assert found.texts["page"] == "", "it was asked for"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_files_may_be_written_by_windows(tmp_path: Path, encoding: str) -> None:
    plain = shamu(tmp_path / "files", HOLE)
    wanted = drafted(plain).profile
    for name in COMMANDS:
        file = plain / name
        if file.is_file():
            file.write_bytes(file.read_text().replace("\n", "\r\n").encode(encoding))
    assert drafted(plain).profile == wanted


@pytest.mark.parametrize("name", ["fdt", "device-tree.tar"])
def test_a_tree_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    where = shamu(tmp_path / "files", HOLE)
    (where / "fdt").unlink()
    (where / name).write_bytes(b"cat: Permission denied\n")
    with pytest.raises(InputError, match=str(where / name)):
        suggest.read_folder(where)


def test_a_name_that_no_profile_can_have_can_be_changed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be the name") as caught:
        suggest.read_folder(folder(tmp_path, getprop="[ro.product.device]: [a b]\n"))
    assert "getprop another name" in caught.value.fix
