"""Files to and from the scripted phone: each proven, and what is said when one is not whole."""

import hashlib
import os
from pathlib import Path

import pytest
from scripted_phone import File, ScriptedPhone, flip
from scripted_phone.files import Folder
from told import raises

from hardboot.base import log
from hardboot.base.errors import DeviceError, InputError, RequestError
from hardboot.device import hashes
from hardboot.device.copies import Copy, copies_query
from hardboot.device.handset import Handset
from hardboot.device.staging import STAGING
from hardboot.formats.trees import fdt
from hardboot.transport.base import Output

SMALL, LARGE = 1000, 256 << 10


@pytest.fixture
def handset(scripted: ScriptedPhone) -> Handset:
    made = Handset(scripted.transport)
    made.root_shell()
    scripted.events.clear()
    return made


def file(folder: Path, name: str, size: int = SMALL) -> Path:
    path = folder / name
    path.write_bytes((name.encode() * size)[:size])
    return path


def on_phone(scripted: ScriptedPhone, path: str) -> File:
    node = scripted.files.find(path)
    assert isinstance(node, File)
    return node


def damaged(name: str) -> tuple[str, str, str]:
    return (
        f"{name} arrived damaged on the phone",
        "Nothing was loaded or written; the copy lies in the staging folder only.",
        "Try again; check cable, port and free space (adb shell df /data).",
    )


def test_small_files_are_pushed_and_proven_without_a_question(
    handset: Handset, scripted: ScriptedPhone, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = [(file(tmp_path, "a"), "first"), (file(tmp_path, "b"), "second")]
    assert handset.stage_all(sources) == [f"{STAGING}/first", f"{STAGING}/second"]
    assert [event for event in scripted.events if not event.startswith(("echo", ":", "true"))] == [
        f"push {STAGING}/first",
        f"push {STAGING}/second",
        f"sha256sum {STAGING}/first {STAGING}/second",
    ]
    assert on_phone(scripted, f"{STAGING}/first").content == sources[0][0].read_bytes()
    assert on_phone(scripted, f"{STAGING}/first").mode == 0o644
    assert capsys.readouterr().err == ""


def test_a_large_file_is_asked_room_for_and_shows_progress(
    handset: Handset, scripted: ScriptedPhone, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert handset.stage(file(tmp_path, "a", LARGE), "large") == f"{STAGING}/large"
    assert scripted.events[:4] == [
        f"mkdir -p {STAGING}",
        f"df -k {STAGING}",
        f"echo {STAGING} /data/local/hardboot*",
        f"push {STAGING}/large",
    ]
    assert capsys.readouterr().err == "Pushing large\n"
    scripted.events.clear()
    handset.stage(file(tmp_path, "b", LARGE - 1), "less")
    assert scripted.happened("df *") == []  # it was asked already
    assert capsys.readouterr().err == ""


def test_the_mode_of_a_file_can_be_chosen(handset: Handset, scripted: ScriptedPhone, tmp_path: Path) -> None:
    handset.stage(file(tmp_path, "a"), "program", mode=0o755)
    assert on_phone(scripted, f"{STAGING}/program").mode == 0o755
    handset.stage(file(tmp_path, "a"), "file")
    assert on_phone(scripted, f"{STAGING}/file").mode == 0o644
    handset.stage_all([(file(tmp_path, "a"), "both")], mode=0o700)
    assert on_phone(scripted, f"{STAGING}/both").mode == 0o700


def test_room_is_counted(handset: Handset, scripted: ScriptedPhone, tmp_path: Path) -> None:
    scripted.data.capacity = 500 << 10
    handset.stage(file(tmp_path, "a", LARGE), "a")
    with raises(
        DeviceError,
        f"{LARGE} bytes do not fit into {STAGING}: {(500 << 10) - LARGE} are free",
        "Nothing was sent.",
        "Free some space on /data.",
    ):
        handset.stage(file(tmp_path, "b", LARGE), "b")
    handset.make_staging((500 << 10) - LARGE)
    with pytest.raises(DeviceError, match=r"1 bytes do not fit into .*: 0 are free"):
        handset.stage(file(tmp_path, "c", 1), "c")
    handset.make_staging()  # there is nothing to find room for
    handset.clean()
    handset.stage(file(tmp_path, "b", LARGE), "b")


def test_several_files_count_together(handset: Handset, scripted: ScriptedPhone, tmp_path: Path) -> None:
    scripted.data.capacity = 300 << 10
    sources = [(file(tmp_path, name, 200 << 10), name) for name in ("a", "b")]
    with pytest.raises(DeviceError, match=f"{400 << 10} bytes do not fit"):
        handset.stage_all(sources)
    assert scripted.happened("push *") == []


@pytest.mark.parametrize("told", ["", "df: not found\n", "Filesystem 1K-blocks\n/data ? ? ?\n"])
def test_a_phone_that_does_not_tell_its_room_is_believed_to_have_it(
    told: str, handset: Handset, scripted: ScriptedPhone, tmp_path: Path
) -> None:
    scripted.fault("df *", code=1, says=told)
    handset.stage(file(tmp_path, "a", LARGE), "a")
    handset.make_staging(1 << 60)


def test_a_folder_that_cannot_be_made_is_told(handset: Handset, scripted: ScriptedPhone) -> None:
    scripted.data.read_only = True
    with raises(
        DeviceError,
        f"the staging folder {STAGING} cannot be made: mkdir: {STAGING}: Read-only file system",
        "Nothing was sent.",
        "A start that was cut off left it so, until a restart: hardboot reboot",
    ):
        handset.make_staging()
    scripted.fault("mkdir *", code=1, says="x" * 300)
    with pytest.raises(DeviceError, match=r"cannot be made: x{200}$"):
        handset.make_staging()


def test_the_folder_belongs_to_the_adb_user(handset: Handset, scripted: ScriptedPhone) -> None:
    handset.make_staging()
    folder = scripted.files.find(STAGING)
    assert isinstance(folder, Folder)
    assert folder.owner == 2000
    scripted.events.clear()
    handset.make_staging()
    assert scripted.events == []


def test_a_file_that_arrives_damaged_is_named(
    handset: Handset, scripted: ScriptedPhone, tmp_path: Path
) -> None:
    scripted.fault(f"push {STAGING}/second", alters=flip(3))
    sources = [(file(tmp_path, "a"), "first"), (file(tmp_path, "b"), "second")]
    with raises(DeviceError, *damaged("second")):
        handset.stage_all(sources)


def test_a_phone_without_sha256sum_is_told(handset: Handset, scripted: ScriptedPhone, tmp_path: Path) -> None:
    scripted.fault("sha256sum*", code=0, says="what?" * 99)
    with raises(
        DeviceError,
        f"the phone did not compute a SHA-256 of {STAGING}/a: {('what?' * 99)[:200]!r}",
        "Nothing after it was done.",
        "The phone needs sha256sum (toybox or busybox): adb shell sha256sum --help",
    ):
        handset.stage(file(tmp_path, "a"), "a")
    scripted.fault("sha256sum*", code=127, says="not found\n")
    with pytest.raises(DeviceError, match=f"did not compute a SHA-256 of {STAGING}/a: 'not found'"):
        handset.stage(file(tmp_path, "a"), "a")
    scripted.add_file("/data/x", b"x")
    scripted.fault("sha256sum*", code=0, says="0" * 65)
    with pytest.raises(DeviceError, match="did not compute a SHA-256 of /data/x: "):
        handset.sha256("/data/x", 1)
    scripted.fault("sha256sum*", code=0, says="0" * 65)
    with pytest.raises(DeviceError, match="did not compute"):
        handset.stage(file(tmp_path, "a"), "a")


def test_hashing_has_the_time_that_the_largest_file_takes(
    handset: Handset, scripted: ScriptedPhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashes, "_BYTES_PER_S", 100)
    sources = [(file(tmp_path, "a", 2000), "a"), (file(tmp_path, "b", 10), "b")]
    scripted.fault("sha256sum*", hangs_s=30 + 20 - 1)
    handset.stage_all(sources)
    scripted.fault("sha256sum*", hangs_s=30 + 20 + 1)
    with pytest.raises(DeviceError, match="within 50 s"):
        handset.stage_all(sources)


def test_a_program_runs_if_it_arrived_whole(
    handset: Handset, scripted: ScriptedPhone, tmp_path: Path
) -> None:
    source = file(tmp_path, "a")
    assert handset.stage_program(source, "program", "echo ran; exit 3") == Output("ran\n", 3)
    assert on_phone(scripted, f"{STAGING}/program").mode == 0o755
    assert scripted.happened("df *") == []
    scripted.fault("push *", alters=flip(0))
    with raises(DeviceError, *damaged("program")):
        handset.stage_program(source, "program", "echo again")
    assert scripted.happened("echo again") == []
    handset.stage_program(file(tmp_path, "large", LARGE), "large", "true")
    assert len(scripted.happened("df *")) == 1
    handset.clean()
    assert scripted.files.find(STAGING) is None


def test_a_program_whose_hash_cannot_be_computed_does_not_run(
    handset: Handset, scripted: ScriptedPhone, tmp_path: Path
) -> None:
    scripted.fault("sha256sum*", code=127, says="sh: sha256sum: not found\n")
    with pytest.raises(DeviceError, match=f"of {STAGING}/p: 'sh: sha256sum: not found'"):
        handset.stage_program(file(tmp_path, "a"), "p", "echo ran")
    assert scripted.happened("echo ran") == []


# What only root may read


def test_the_first_bytes_of_a_file_are_pulled(handset: Handset, scripted: ScriptedPhone) -> None:
    scripted.add_file("/data/it's secret", b"0123456789", mode=0o600)
    assert handset.pull_root_file("/data/it's secret", first=4) == b"0123"
    assert handset.pull_root_file("/data/it's secret") == b"0123456789"
    assert scripted.happened("head -c 4194304 *") != []
    assert handset.pull_root_file("/data/none") is None
    assert scripted.happened("pull *") == [f"pull {STAGING}/root-file"] * 2


def test_a_copy_that_fails_is_told_with_its_command(handset: Handset, scripted: ScriptedPhone) -> None:
    scripted.add_file("/data/x", b"0123456789")
    copy = Copy("x", "/data/x", 5)
    assert copy.target == f"{STAGING}/x"
    assert f"head -c 5 < /data/x > {STAGING}/x && " in copy.query
    scripted.fault("head -c 5 *", code=1, says="head: I/O error\n")
    with raises(
        RequestError,
        "a command on the phone failed with exit code 1: head: I/O error",
        "The commands after it were not run.",
        f"Run it by hand in `adb shell`, as root: {copy.query}",
    ):
        handset.pull_copy(copy)
    assert handset.pull_copy(copy) == b"01234"
    other = Copy("y", "/data/x", 100, "cat /data/x /data/x")
    assert handset.pull_copy(other) == b"0123456789" * 2


def test_a_copy_that_is_longer_than_it_may_be_is_refused(handset: Handset, scripted: ScriptedPhone) -> None:
    scripted.add_file("/data/x", b"0123456789")
    with pytest.raises(InputError, match="10 bytes, the limit is 5"):
        handset.pull_copy(Copy("x", "/data/x", 5, "cat /data/x"))


def test_the_phones_device_tree_is_read(handset: Handset, scripted: ScriptedPhone) -> None:
    tree = handset.device_tree()
    assert tree
    assert fdt.text(tree.root.properties["model"]) == "scripted"
    scripted.add_file("/sys/firmware/fdt", b"no tree")
    with pytest.raises(InputError):
        handset.device_tree()


def test_an_old_kernel_shows_its_tree_as_files(handset: Handset, scripted: ScriptedPhone) -> None:
    scripted.files.remove("/sys/firmware/fdt")
    assert handset.device_tree() is None
    scripted.add_file("/proc/device-tree/model", b"old\0")
    scripted.add_file("/proc/device-tree/chosen/bootargs", b"quiet\0")
    tree = handset.device_tree()
    assert tree
    assert fdt.text(tree.root.properties["model"]) == "old"
    chosen = tree.find("/chosen")
    assert chosen
    assert chosen.properties["bootargs"] == b"quiet\0"


# Hashes and the end


def test_the_phone_computes_hashes(
    handset: Handset, scripted: ScriptedPhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytes(range(256)) * 10
    scripted.add_file("/data/x y", content)
    assert handset.sha256("/data/x y", len(content)) == hashlib.sha256(content).hexdigest()
    for block in (1 << 20, 100, 512):
        monkeypatch.setattr(hashes, "_BLOCK", block)
        for first in (0, 1, 99, 100, 512, 1000):
            expected = hashlib.sha256(content[:first]).hexdigest()
            assert handset.sha256("/data/x y", 1, first=first) == expected, (block, first)
    scripted.events.clear()
    monkeypatch.setattr(hashes, "_BLOCK", 100)
    handset.sha256("/data/x y", 1, first=99)
    assert scripted.events == ["head -c 99 </data/x y", "sha256sum"]
    scripted.events.clear()
    handset.sha256("/data/x y", 1, first=250)
    assert scripted.events == [
        "dd bs=100 count=2 </data/x y >/dev/null",
        "head -c 50 </data/x y",
        "sha256sum",
    ] or (scripted.events == ["dd bs=100 count=2 </data/x y", "head -c 50 </data/x y", "sha256sum"])


def test_a_large_partition_has_more_time_to_be_hashed(
    handset: Handset, scripted: ScriptedPhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted.add_file("/data/x", b"x")
    monkeypatch.setattr(hashes, "_BYTES_PER_S", 10)
    scripted.fault("sha256sum*", hangs_s=39)
    handset.sha256("/data/x", 100)
    scripted.fault("sha256sum*", hangs_s=41)
    with pytest.raises(DeviceError, match="within 40 s"):
        handset.sha256("/data/x", 100)


def test_the_folder_is_removed_if_it_was_used(
    handset: Handset, scripted: ScriptedPhone, tmp_path: Path
) -> None:
    handset.clean()
    assert scripted.events == []
    handset.stage(file(tmp_path, "a"), "a")
    handset.clean()
    assert scripted.files.find(STAGING) is None
    scripted.events.clear()
    handset.clean()
    assert scripted.events == []
    handset.make_staging()
    assert scripted.happened("mkdir *") != []


def test_what_a_command_with_the_same_process_id_left_is_in_nobodys_way(
    handset: Handset, scripted: ScriptedPhone, tmp_path: Path
) -> None:
    """A power cut can leave it to root, between its making and its change of owner."""
    earlier = STAGING.rpartition("-")[0]
    names = earlier.rpartition("-")[0]
    left = [earlier, f"{earlier}-0123abcd", f"{names}-999999999", f"{names}-999999999-ff"]
    stays = [
        f"{names}-{os.getppid()}-ff",
        f"{names}-x",
        f"{earlier}-x",
        "/data/local/tmp/hardboot-0123abcd-1-ff",
    ]
    for folder in left + stays:
        scripted.make_folder(folder)
    handset.stage(file(tmp_path, "a"), "a")
    handset.make_staging()
    handset.clean()
    assert [folder for folder in left + stays if scripted.files.find(folder)] == stays


def test_a_phone_that_is_gone_keeps_its_folder_silently(
    handset: Handset,
    scripted: ScriptedPhone,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handset.stage(file(tmp_path, "a"), "a")
    scripted.cut_power()
    handset.clean()
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(log, "_verbose", True)
    handset.clean()
    said = capsys.readouterr().err
    assert f"  the staging folder {STAGING} stays: the phone at 127.0.0.1:5599 does not answer\n" in said
    scripted.power_on()
    scripted.make_folder(STAGING)
    handset.clean()
    assert scripted.files.find(STAGING) is None


def test_copies_that_are_made_together_are_hashed_by_one_program(
    handset: Handset, scripted: ScriptedPhone
) -> None:
    scripted.add_file("/data/x", b"01234")
    scripted.add_file("/data/y", b"56789")
    copies = [Copy("x", "/data/x"), Copy("none", "/data/none"), Copy("y", "/data/y", 2)]
    made, output = handset.roots(handset.staging_query(), copies_query(copies))
    handset.take_staging(made)
    assert [handset.fetch(copy, output) for copy in copies] == [b"01234", None, b"56"]
    assert scripted.happened("sha256sum *") == [f"sha256sum {STAGING}/x {STAGING}/y"]
    with pytest.raises(DeviceError, match="the phone did not compute a SHA-256 of /data/z"):
        handset.fetch(Copy("z", "/data/z"), output)
