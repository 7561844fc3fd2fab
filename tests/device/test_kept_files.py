"""Files that stay on the scripted phone: used while intact, within limits, without harm to others."""

import secrets
from pathlib import Path

import pytest
from scripted_phone import File, ScriptedPhone
from scripted_phone.files import Link
from told import raises

from hardboot.base.errors import DeviceError, RequestError
from hardboot.device import kept_files
from hardboot.device.handset import Handset
from hardboot.device.kept_files import FOLDER, KeptFile
from hardboot.device.staging import STAGING
from hardboot.transport.base import Output

SIZE = 1000


def stage(scripted: ScriptedPhone, *sources: Path) -> list[str]:
    """Stage files as a command does that keeps them; return the names of those that were sent."""
    handset = Handset(scripted.transport)
    handset.make_staging()
    handset.stage_program(Path(__file__), "program", "true")
    scripted.events.clear()
    names = [source.name for source in sources]
    batch = handset.send([(source, source.name) for source in sources], keep=names)
    used = " ".join(batch.paths)
    output, other = handset.run_with(batch, f"cat {used}", "echo other; exit 3", last=True)
    assert output.text.encode() == b"".join(source.read_bytes() for source in sources)
    assert other == Output("other\n", 3)
    sent = [event.rpartition("/")[2] for event in scripted.happened("push *")]
    assert scripted.files.find(STAGING) is None
    scripted.clock.sleep(1)
    return sent


def file(folder: Path, name: str, size: int = SIZE) -> Path:
    path = folder / name
    path.write_text(secrets.token_hex(size // 2))
    return path


def content(scripted: ScriptedPhone, path: str) -> bytes:
    node = scripted.files.find(path)
    assert isinstance(node, File)
    return node.content


def kept(scripted: ScriptedPhone) -> set[str]:
    return set(scripted.files.names(FOLDER))


def path_of(source: Path) -> str:
    return f"{FOLDER}/{kept_files.describe(source).name}"


def test_a_kept_file_is_not_sent_again(scripted: ScriptedPhone, tmp_path: Path) -> None:
    first, second, third = (file(tmp_path, name) for name in ("first", "second", "third"))
    assert stage(scripted, first, second) == ["first", "second"]
    assert stage(scripted, first, third) == ["third"]
    assert stage(scripted, first, second, third) == []
    assert kept(scripted) == {kept_files.describe(one).name for one in (first, second, third)}
    folder, node = scripted.files.find(FOLDER), scripted.files.find(path_of(first))
    assert folder
    assert (folder.owner, folder.mode) == (0, 0o700)
    assert node
    assert (node.owner, node.mode) == (0, 0o600)


def test_only_what_is_to_be_kept_is_kept(scripted: ScriptedPhone, tmp_path: Path) -> None:
    handset = Handset(scripted.transport)
    handset.stage_program(Path(__file__), "program", "true")
    batch = handset.send([(file(tmp_path, name), name) for name in ("a", "b")], keep=["b", "c"])
    handset.run_with(batch, "true", last=True)
    assert kept(scripted) == {kept_files.describe(tmp_path / "b").name}


@pytest.mark.parametrize("how", ["damaged", "removed", "cut off"])
def test_a_kept_file_that_is_not_intact_is_sent_again(
    how: str, scripted: ScriptedPhone, tmp_path: Path
) -> None:
    first, second = file(tmp_path, "first"), file(tmp_path, "second")
    stage(scripted, first, second)
    node = scripted.files.find(path_of(first))
    assert isinstance(node, File)
    if how == "removed":  # by another computer, after this one looked
        removal = lambda: scripted.files.remove(path_of(first))  # noqa: E731
        scripted.fault(f"ln -f {path_of(first)} *", before=removal)
    else:
        node.content = node.content[:-1] + (b"?" if how == "damaged" else b"")
    assert stage(scripted, first, second) == [kept_files.describe(first).name]
    assert content(scripted, path_of(first)) == first.read_bytes()
    assert stage(scripted, first, second) == []


def test_the_file_that_was_used_longest_ago_goes_first(
    scripted: ScriptedPhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_files, "_FILES_MAX", 2)
    a, b, c = (file(tmp_path, name) for name in "abc")
    stage(scripted, a)
    stage(scripted, b)
    stage(scripted, a)
    stage(scripted, c)
    assert kept(scripted) == {kept_files.describe(one).name for one in (a, c)}


@pytest.mark.parametrize(
    ("sizes", "room", "gone"),
    [
        ([10] * 16, 1e12, []),
        ([10] * 18, 1e12, [16, 17]),
        ([128 << 20, 128 << 20, 1], 1e12, [2]),
        ([300 << 20, 1], 1e12, [0, 1]),
        ([40, 10, 1], 100, [2]),
        ([51], 100, [0]),
        ([], 0, []),
    ],
)
def test_count_bytes_and_room_are_limits(sizes: list[int], room: float, gone: list[int]) -> None:
    files = [KeptFile(f"{number:064x}", size) for number, size in enumerate(sizes)]
    assert kept_files.choose_unwanted(files, room) == [files[number] for number in gone]


def test_half_of_the_room_stays_free(scripted: ScriptedPhone, tmp_path: Path) -> None:
    scripted.data.capacity = 1 << 20
    sources = [file(tmp_path, name, 200 << 10) for name in "abc"]
    for source in sources:
        stage(scripted, source)
    assert kept(scripted) == {kept_files.describe(one).name for one in sources[1:]}


def test_kept_files_make_way_if_there_is_no_room(scripted: ScriptedPhone, tmp_path: Path) -> None:
    stage(scripted, *(file(tmp_path, name, 200 << 10) for name in "ab"))
    scripted.data.capacity = 700 << 10
    handset = Handset(scripted.transport)
    handset.stage(file(tmp_path, "large", 600 << 10), "large")
    assert scripted.files.find(FOLDER) is None
    with pytest.raises(
        DeviceError, match=f"{200 << 10} bytes do not fit into {STAGING}: {100 << 10} are free"
    ):
        handset.make_staging(200 << 10)


def test_a_file_that_made_way_in_the_same_command_is_sent(scripted: ScriptedPhone, tmp_path: Path) -> None:
    small = file(tmp_path, "small")
    stage(scripted, small, file(tmp_path, "other", 300 << 10))
    scripted.data.capacity = 600 << 10
    sent = stage(scripted, small, file(tmp_path, "large", 400 << 10))
    assert sent == ["large", kept_files.describe(small).name]


def test_a_full_data_partition_keeps_nothing_and_harms_nothing(
    scripted: ScriptedPhone, tmp_path: Path
) -> None:
    scripted.fault("mkdir -p /data/local/hardboot*", nth=0, code=1, says="mkdir: No space left on device\n")
    source = file(tmp_path, "a")
    for _ in range(2):
        assert stage(scripted, source) == ["a"]


def test_nothing_is_kept_if_the_phone_does_not_tell_which_is_the_oldest(
    scripted: ScriptedPhone, tmp_path: Path
) -> None:
    source = file(tmp_path, "a")
    stage(scripted, source)
    scripted.fault("ls -tc *", nth=0, code=1, says="ls: Unknown option '-t'. Aborting.\n")
    assert stage(scripted, source) == ["a"]
    other = file(tmp_path, "b")
    stage(scripted, other)
    assert scripted.files.find(path_of(other)) is None


def test_a_link_in_place_of_the_folder_is_not_followed(
    scripted: ScriptedPhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_files, "_FILES_MAX", 1)
    others = [f"{'0' * 64}-1", f"{'1' * 64}-1"]
    for name in others:
        scripted.add_file(f"/data/elsewhere/{name}", b"")
    scripted.files.add(FOLDER, Link(target="/data/elsewhere"))
    source = file(tmp_path, "a")
    for _ in range(2):
        assert stage(scripted, source) == ["a"]
    assert scripted.files.names("/data/elsewhere") == others


def test_other_files_in_the_folder_are_left_alone(
    scripted: ScriptedPhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_files, "_FILES_MAX", 0)
    strange = ["a b", "$(reboot)", "0" * 64, f"{'0' * 64}-", f"{'g' * 64}-1", f"{'0' * 64}-1x", "..-1"]
    for name in strange:
        scripted.add_file(f"{FOLDER}/{name}", b"")
    stage(scripted, file(tmp_path, "a"))
    assert kept(scripted) == set(strange)
    assert kept_files.parse(Output("\n".join(strange), 0)) == []


def test_they_can_be_removed(scripted: ScriptedPhone, tmp_path: Path) -> None:
    stage(scripted, file(tmp_path, "a"))
    handset = Handset(scripted.transport)
    handset.forget_kept()
    assert scripted.files.find(FOLDER) is None
    scripted.fault("rm -rf *", code=1, says="rm: Read-only file system\n")
    with raises(
        RequestError,
        "a command on the phone failed with exit code 1: rm: Read-only file system",
        "The commands after it were not run.",
        f"Run it by hand in `adb shell`, as root: rm -rf {FOLDER}",
    ):
        handset.forget_kept()
