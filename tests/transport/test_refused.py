"""What goes wrong on the way is told, and nothing half done stays."""

import os
from pathlib import Path

import pytest
from adbds import AdbdProgram
from fake_adbd import FakeAdbd
from transports import CONTENT, OpenPhone, nothing

from hardboot.base.errors import DeviceError, InputError

pytestmark = pytest.mark.timeout(30)  # nothing here may hang


def test_the_phones_reason_for_a_refused_file_is_told(
    phone: OpenPhone, any_adbd: AdbdProgram, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT * 100)
    (tmp_path / "file").touch()
    with any_adbd.start() as adbd:
        here = phone(adbd.port)
        with pytest.raises(DeviceError, match=r"refuses .*: .*[Nn]ot a directory"):
            here.push(source, str(tmp_path / "file" / "below"), mode=0o644, progress=nothing)
        here.push(source, str(tmp_path / "good"), mode=0o644, progress=nothing)
        here.close()
    assert (tmp_path / "good").read_bytes() == source.read_bytes()


def test_a_disk_that_fills_up_is_told_in_the_phones_words(
    phone: OpenPhone, any_adbd: AdbdProgram, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT * 100)
    with any_adbd.start(largest_file_kib=100) as adbd:
        here = phone(adbd.port)
        with pytest.raises(DeviceError, match=r"refuses .*: .*File too large"):
            here.push(source, str(tmp_path / "x"), mode=0o644, progress=nothing)
        here.close()


def test_a_file_of_proc_has_no_size_but_comes_whole(
    phone: OpenPhone, any_adbd: AdbdProgram, tmp_path: Path
) -> None:
    with any_adbd.start() as adbd:
        here = phone(adbd.port)
        here.pull("/proc/version", tmp_path / "version", progress=nothing)
        here.close()
    assert (tmp_path / "version").read_bytes() == Path("/proc/version").read_bytes()


@pytest.mark.parametrize("max_data", [1024, 4096, 65536, 1 << 20, 1 << 31])
def test_packets_keep_to_what_the_phone_takes(phone: OpenPhone, max_data: int, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT * 30)
    with FakeAdbd(max_data=max_data, version=0x01000001) as adbd:  # the fake checks every size
        here = phone(adbd.port)
        here.push(source, "/data/x", mode=0o600, progress=nothing)
        here.close()
        assert adbd.files["/data/x"] == (0o100600, CONTENT * 30)


# Failures the phone reports


@pytest.mark.parametrize("at_once", [False, True])
def test_the_reason_of_a_failed_push_is_told(phone: OpenPhone, tmp_path: Path, at_once: bool) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    with FakeAdbd(send_fails=b"No space left on device", fails_at_once=at_once) as adbd:
        here = phone(adbd.port)
        moved: list[int] = []
        with pytest.raises(DeviceError, match="/data/x: No space left on device") as caught:
            here.push(source, "/data/x", mode=0o644, progress=moved.append)
        here.close()
    assert "incomplete" in caught.value.state
    assert (sum(moved) < len(CONTENT)) == at_once, "what is refused early is not sent to its end"


def test_a_push_that_lost_bytes_is_noticed(phone: OpenPhone, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    with FakeAdbd(loses=1) as adbd:
        here = phone(adbd.port)
        with pytest.raises(DeviceError, match="stored 9999 of 10000 bytes"):
            here.push(source, "/data/x", mode=0o644, progress=nothing)


def test_a_push_that_gained_bytes_is_noticed(phone: OpenPhone, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    with FakeAdbd(stat_size=10_001) as adbd:
        here = phone(adbd.port)
        with pytest.raises(DeviceError, match="stored 10001 of 10000 bytes"):
            here.push(source, "/data/x", mode=0o644, progress=nothing)


def test_the_type_of_a_file_is_not_pushed(phone: OpenPhone, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    with FakeAdbd() as adbd:
        here = phone(adbd.port)
        here.push(source, "/data/x", mode=0o120755, progress=nothing)  # a link's mode would make one
        here.close()
        assert adbd.files["/data/x"] == (0o100755, CONTENT)


@pytest.mark.parametrize("size", [5_000, 20_000])
def test_a_source_that_changes_while_it_is_read_is_told(phone: OpenPhone, tmp_path: Path, size: int) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    with FakeAdbd(max_data=4096) as adbd:
        here = phone(adbd.port)
        with pytest.raises(InputError, match="changed while it was read: 10000 bytes at first") as caught:
            here.push(source, "/data/x", mode=0o644, progress=lambda _moved: os.truncate(source, size))
        here.close()
    assert "incomplete" in caught.value.state


@pytest.mark.parametrize("size", [9_999, 10_001])
def test_a_pull_of_another_size_leaves_nothing(phone: OpenPhone, tmp_path: Path, size: int) -> None:
    with FakeAdbd(stat_size=size, files={"/data/x": (0o100644, CONTENT)}) as adbd:
        here = phone(adbd.port)
        with pytest.raises(DeviceError, match=f"bytes of /data/x, which has {size}"):
            here.pull("/data/x", tmp_path / "x", progress=nothing)
        here.close()
    assert list(tmp_path.iterdir()) == []


def test_a_pull_that_exceeds_its_size_is_not_taken_any_further(phone: OpenPhone, tmp_path: Path) -> None:
    moved: list[int] = []
    with FakeAdbd(stat_size=1, files={"/data/x": (0o100644, CONTENT)}) as adbd:
        here = phone(adbd.port)
        with pytest.raises(DeviceError, match="which has 1"):
            here.pull("/data/x", tmp_path / "x", progress=moved.append)
        here.close()
    assert moved == []


@pytest.mark.parametrize("folder", ["/proc", "/sys"])
def test_the_size_of_a_kernels_file_is_not_believed(phone: OpenPhone, tmp_path: Path, folder: str) -> None:
    with FakeAdbd(stat_size=4096, files={f"{folder}/x": (0o100444, b"host\n")}) as adbd:
        here = phone(adbd.port)
        here.pull(f"{folder}/x", tmp_path / "x", progress=nothing)
        here.close()
    assert (tmp_path / "x").read_bytes() == b"host\n"


def test_a_file_of_unknown_size_is_taken_to_its_end(phone: OpenPhone, tmp_path: Path) -> None:
    with FakeAdbd(stat_size=0, files={"/dev/block/boot": (0o100600, CONTENT)}) as adbd:
        here = phone(adbd.port)
        here.pull("/dev/block/boot", tmp_path / "x", progress=nothing)
        here.close()
    assert (tmp_path / "x").read_bytes() == CONTENT


def test_a_pull_replaces_the_old_file_or_leaves_it(phone: OpenPhone, tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_bytes(b"old")
    with FakeAdbd(files={"/data/x": (0o100644, CONTENT)}, loses=1) as adbd:
        here = phone(adbd.port)
        with pytest.raises(DeviceError):
            here.pull("/data/x", target, progress=nothing)
        assert target.read_bytes() == b"old"
        adbd.loses = 0
        here.pull("/data/x", target, progress=nothing)
        here.close()
    assert target.read_bytes() == CONTENT


def test_a_command_that_does_not_end_is_given_up(phone: OpenPhone, tmp_path: Path) -> None:
    with FakeAdbd() as adbd:
        here = phone(adbd.port)
        with pytest.raises(DeviceError, match="did not end the command") as caught:
            here.shell("sleep 20", timeout_s=0.3)
        assert "may have run" in caught.value.state
        assert here.shell("echo again", timeout_s=10).text == "again\n"
        here.close()


def test_a_command_that_prints_without_end_is_given_up(phone: OpenPhone) -> None:
    with FakeAdbd(max_data=1 << 20, version=0x01000001) as adbd:
        here = phone(adbd.port)
        with pytest.raises(DeviceError, match="printed more than"):
            here.shell("yes", timeout_s=20)
        here.close()


@pytest.mark.parametrize("command", ["x" * 5000, "a\0b"])
def test_a_command_the_phone_cannot_take_is_not_sent(phone: OpenPhone, command: str) -> None:
    with FakeAdbd() as adbd:
        here = phone(adbd.port)
        with pytest.raises(DeviceError, match="cannot take a request"):
            here.shell(command, timeout_s=5)
        here.close()
        assert adbd.commands == []


@pytest.mark.parametrize("remote", ["relative", "", "/" + "n" * 2000, "/a\0b"])
def test_a_path_the_phone_cannot_take_is_refused(phone: OpenPhone, tmp_path: Path, remote: str) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    with FakeAdbd() as adbd:
        here = phone(adbd.port)
        with pytest.raises(DeviceError, match="cannot take the name"):
            here.push(source, remote, mode=0o644, progress=nothing)
        with pytest.raises(DeviceError, match="cannot take the name"):
            here.pull(remote, tmp_path / "x", progress=nothing)
        here.close()
        assert adbd.files == {}


def test_files_of_this_computer_that_cannot_be_used_are_input_errors(
    phone: OpenPhone, tmp_path: Path
) -> None:
    with FakeAdbd(files={"/data/x": (0o100644, CONTENT)}) as adbd:
        here = phone(adbd.port)
        for source in (tmp_path / "missing", tmp_path):
            with pytest.raises(InputError):
                here.push(source, "/data/x", mode=0o644, progress=nothing)
        with pytest.raises(InputError):
            here.pull("/data/x", tmp_path / "no" / "folder", progress=nothing)
        assert here.shell("echo on", timeout_s=5).text == "on\n"
        here.close()
