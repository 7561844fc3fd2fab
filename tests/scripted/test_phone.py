"""The scripted phone itself: what its disk, its kernels and its faults do, without hardboot's flows."""

import hashlib
from pathlib import Path

import pytest
import scripted_setup as setup
from scripted_phone import HOST, STOCK, BlockDevice, Fault, Kernel, Root, ScriptedPhone, flip

from hardboot.base.errors import DeviceError
from hardboot.payload import agent
from hardboot.transport.base import Output

SU = "su -c {}"
BOOT = "/dev/block/vda1"


@pytest.fixture
def phone() -> ScriptedPhone:
    return setup.phone_with_disk()


def root(phone: ScriptedPhone, command: str, timeout_s: float = 30) -> Output:
    return phone.transport.shell(command, timeout_s=timeout_s, template=SU)


def push(phone: ScriptedPhone, folder: Path, content: bytes, remote: str = "/data/local/tmp/x") -> None:
    (folder / "source").write_bytes(content)
    phone.transport.push(folder / "source", remote, mode=0o644, progress=lambda _size: None)


def test_only_root_reads_the_disk() -> None:
    shells: list[tuple[str, Root, int]] = [(SU, "su -c", 0), (SU, "su 0", 1), ("su 0 sh -c {}", "su 0", 0)]
    for template, how, code in shells:
        phone = setup.phone_with_disk()
        phone.root = how
        said = phone.transport.shell(f"head -c 8 < {BOOT}", timeout_s=1, template=template)
        assert (said.code, said.text) == ((0, "ANDROID!") if code == 0 else (1, "su: permission denied\n"))
    assert phone.transport.shell(f"cat {BOOT}", timeout_s=1) == Output(f"cat: {BOOT}: Permission denied\n", 1)
    phone.root = "adbd"
    assert phone.transport.shell("id -u; cat /dev/hidden", timeout_s=1).text.startswith("0\ncat:")


def test_a_session_is_one_shell_for_several_commands(phone: ScriptedPhone) -> None:
    commands = [("echo a; exit 3", 1.0), ("cd /proc", 1.0), ("echo b", 1.0)]
    assert [one.code for one in phone.transport.shells(commands)] == [3, 0, 0]
    phone.fault("echo b", kills_shell=True)
    outputs = list(phone.transport.shells([("echo b", 1), ("echo c", 1)]))
    assert outputs == [Output("b\n", 137)]


def test_what_is_written_reaches_the_flash_when_it_is_flushed(phone: ScriptedPhone, tmp_path: Path) -> None:
    push(phone, tmp_path, b"new" * 100)
    dd = f"dd if=/data/local/tmp/x of={BOOT} bs=64 conv=notrunc"
    assert root(phone, dd).code == 0
    assert phone.boot.cached.startswith(b"newnew")
    assert phone.boot.flash.startswith(b"ANDROID!")
    phone.cut_power()
    assert not phone.is_up
    assert phone.boot.cached.startswith(b"ANDROID!")
    phone.power_on()
    phone.boot.stuck = {7: 0x80}
    root(phone, f"{dd},fsync")
    assert phone.boot.cached[7] != phone.boot.flash[7]
    root(phone, "echo 3 > /proc/sys/vm/drop_caches")
    assert phone.boot.cached[7] == phone.boot.flash[7] == b"newnewne"[7] ^ 0x80
    assert len(phone.boot.flash) == setup.SIZE


def test_a_writer_that_was_given_up_goes_on_later(phone: ScriptedPhone, tmp_path: Path) -> None:
    push(phone, tmp_path, b"late" * 64)
    phone.fault("dd *", hangs_s=90)
    with pytest.raises(DeviceError, match="did not end the command within 60 s"):
        root(phone, f"dd if=/data/local/tmp/x of={BOOT} conv=notrunc && echo done > /data/done", timeout_s=60)
    assert phone.boot.cached.startswith(b"ANDROID!")
    assert root(phone, "test -e /data/done").code == 1
    phone.clock.sleep(31)
    assert phone.boot.cached.startswith(b"latelate")
    assert root(phone, "test -e /data/done").code == 0


def test_a_writer_can_be_killed(phone: ScriptedPhone, tmp_path: Path) -> None:
    push(phone, tmp_path, b"late" * 64)
    phone.fault("dd *", hangs_s=90)
    said = root(phone, f"dd if=/data/local/tmp/x of={BOOT} conv=notrunc & echo $!")
    pid = said.text.strip()
    assert root(phone, f"kill -0 {pid}; kill -9 {pid}; kill -0 {pid} || echo gone").text.endswith("gone\n")
    phone.clock.sleep(100)
    assert phone.boot.cached.startswith(b"ANDROID!")


def test_two_programs_run_at_the_same_time(phone: ScriptedPhone) -> None:
    said = root(phone, "(sleep 2; echo b) & (sleep 1; echo a) & sleep 3; echo c")
    assert said.text == "a\nb\nc\n"


@pytest.mark.parametrize(
    ("fault", "code", "start"),
    [
        (Fault("dd if=* of=*", most=5), 1, b"aaaaaID!"),
        (Fault("dd if=* of=*", alters=flip(0)), 0, b"`aaaaaa"),
        (Fault("dd if=* of=*", code=127, says="dd: not found\n"), 127, b"ANDROID!"),
    ],
)
def test_a_fault_changes_what_a_program_does(
    fault: Fault, code: int, start: bytes, phone: ScriptedPhone, tmp_path: Path
) -> None:
    push(phone, tmp_path, b"a" * 7)
    phone.faults.append(fault)
    assert root(phone, f"dd if=/data/local/tmp/x of={BOOT} conv=notrunc").code == code
    assert phone.boot.cached.startswith(start)


def test_faults_count_events_and_call_what_they_are_given(phone: ScriptedPhone) -> None:
    called: list[str] = []
    phone.fault("echo *", nth=2, before=lambda: called.append("before"), after=lambda: called.append("after"))
    phone.fault("push *", nth=0, code=13, says="Permission denied")
    root(phone, "echo 1")
    assert called == []
    root(phone, "echo 2")
    assert called == ["before", "after"]
    assert phone.happened("echo *") == ["echo 1", "echo 2"]
    for _ in range(2):
        with pytest.raises(DeviceError, match="refused /data/x: Permission denied"):
            push(phone, Path("/tmp"), b"x", "/data/x")


def test_a_file_can_change_on_its_way(phone: ScriptedPhone, tmp_path: Path) -> None:
    phone.fault("push *", alters=flip(0))
    push(phone, tmp_path, b"aaa")
    phone.fault("pull *", alters=flip(2))
    phone.transport.pull("/data/local/tmp/x", tmp_path / "back", progress=lambda _size: None)
    assert (tmp_path / "back").read_bytes() == b"`a`"
    phone.fault("pull *", most=1)
    with pytest.raises(DeviceError, match="after 1 of 3 bytes"):
        phone.transport.pull("/data/local/tmp/x", tmp_path / "never", progress=lambda _size: None)
    assert not (tmp_path / "never").exists()


def test_a_full_or_read_only_data_takes_nothing(phone: ScriptedPhone, tmp_path: Path) -> None:
    phone.data.capacity = 10
    push(phone, tmp_path, b"12345678")
    with pytest.raises(DeviceError, match="No space left"):
        push(phone, tmp_path, b"123", "/data/local/tmp/y")
    said = root(phone, "echo 123 >/data/z; cat /data/z; df -k /data/local")
    assert "No space left on device\n12" in said.text
    assert "/dev/block/vda3 0 0 0 100% /data" in said.text
    phone.data.read_only = True
    assert "Read-only file system" in root(phone, "echo 1 >/data/z").text


def test_the_boot_partition_says_which_kernel_comes_up(phone: ScriptedPhone) -> None:
    before = root(phone, "cat /proc/sys/kernel/random/boot_id; echo 1 >/dev/mark; uname -r").text
    assert before.endswith(f"{HOST.release}\n")
    phone.boot.flash = phone.boot.cached = setup.STOCK_IMAGE.ljust(setup.SIZE, b"\0")
    with pytest.raises(DeviceError):
        root(phone, "reboot")
    with pytest.raises(DeviceError, match="does not answer"):
        root(phone, "true")
    said = phone.transport.wait("uname -r; ls /dev/mark", timeout_s=60, template=SU)
    assert said.text.startswith(f"{STOCK.release}\nls: /dev/mark: No such file")
    phone.boot.flash = b"damaged"
    phone.reboot()
    phone.clock.sleep(1)
    with pytest.raises(DeviceError, match="did not come back within 100 s"):
        phone.transport.wait(timeout_s=100)


def loaded(phone: ScriptedPhone, folder: Path, flags: str) -> Output:
    phone.transport.push(
        agent.binary("arm"), "/data/local/tmp/agent", mode=0o755, progress=lambda _size: None
    )
    push(phone, folder, b"x\0quiet androidboot.hardboot=0123abcd y\0", "/data/local/tmp/tree")
    load = f"load {flags} 0x1000 /data/local/tmp/tree@0x2000:0x1000"
    return root(phone, f"/data/local/tmp/agent info; /data/local/tmp/agent {load}")


def test_the_agent_loads_and_starts(phone: ScriptedPhone, tmp_path: Path) -> None:
    said = loaded(phone, tmp_path, "0x4")
    assert (said.code, said.text.splitlines()[-1]) == (0, "loaded=1")
    assert "kexec_loaded=0" in said.text
    assert root(phone, "cat /sys/kernel/kexec_loaded").text == "1\n"
    with pytest.raises(DeviceError):
        root(phone, "/data/local/tmp/agent exec")
    said = phone.transport.wait("uname -r; cat /proc/cmdline", timeout_s=60, template=SU)
    assert said.text == "6.6.0-rom\nquiet androidboot.hardboot=0123abcd y\n"


def test_the_agent_says_what_the_kernel_refuses(phone: ScriptedPhone, tmp_path: Path) -> None:
    assert loaded(phone, tmp_path, "0x8000").text.endswith("error=kexec_load errno=22\n")
    assert root(phone, "/data/local/tmp/agent exec").text == "synced=1\nerror=reboot errno=22\n"
    assert (
        root(phone, "/data/local/tmp/agent load 0x4 0x0 /none@0x1000:0x1000").text
        == "error=open /none errno=2\n"
    )
    phone.start(Kernel("x", kexec=False))
    assert loaded(phone, tmp_path, "0x0").text.endswith("error=kexec_load errno=38\n")
    phone.files.mounts[-1].noexec = True
    assert root(phone, "/data/local/tmp/agent info") == Output(
        "sh: /data/local/tmp/agent: Permission denied\n", 126
    )


def test_the_hash_is_that_of_the_content(phone: ScriptedPhone) -> None:
    said = root(phone, f"sha256sum < {BOOT}")
    assert said.text.split()[0] == hashlib.sha256(phone.boot.flash).hexdigest()
    phone.boot.bad_from = 100
    assert root(phone, f"sha256sum < {BOOT}").code == 1


def test_a_locked_partition_is_not_written(phone: ScriptedPhone) -> None:
    recovery = phone.files.find("/dev/block/by-name/recovery")
    assert isinstance(recovery, BlockDevice)
    recovery.read_only = True
    said = root(
        phone,
        "readlink -f /dev/block/by-name/recovery; blockdev --getro /dev/block/vda2; echo x >/dev/block/vda2",
    )
    assert said.text.startswith("/dev/block/vda2\n1\n")
    assert "Operation not permitted" in said.text


# What flows are to survive: each of these faults can be said


def test_a_second_command_runs_in_the_middle_of_the_first(phone: ScriptedPhone, tmp_path: Path) -> None:
    """Two programs of this computer at once, at a point that the test chooses."""
    push(phone, tmp_path, b"first")
    found: list[str] = []

    def second() -> None:
        push(phone, tmp_path, b"second")
        found.append(root(phone, "cat /data/local/tmp/x; sleep 5; echo late").text)

    phone.fault("sha256sum *", before=second)
    said = root(phone, "sha256sum </data/local/tmp/x; cat /data/local/tmp/x")
    assert found == ["secondlate\n"]
    assert said.text.endswith("second")


def test_a_file_of_this_computer_changes_between_two_steps(phone: ScriptedPhone, tmp_path: Path) -> None:
    source = tmp_path / "source"
    phone.fault("push *", before=lambda: source.write_bytes(b"other"))
    push(phone, tmp_path, b"checked")
    assert root(phone, "cat /data/local/tmp/x").text == "other"


def test_a_power_cut_leaves_half_a_partition(phone: ScriptedPhone, tmp_path: Path) -> None:
    push(phone, tmp_path, b"n" * setup.SIZE)

    def cut() -> None:
        phone.boot.flush()
        phone.cut_power()

    phone.fault("dd *", most=512, after=cut)
    with pytest.raises(DeviceError, match="closed the connection"):
        root(phone, f"dd if=/data/local/tmp/x of={BOOT} bs=512 conv=notrunc")
    assert phone.boot.flash[:513] == b"n" * 512 + setup.HOST_IMAGE[512:513]
    phone.power_on()
    assert not phone.is_up  # what is left does not boot


def test_ctrl_c_comes_at_a_point_that_the_test_chooses(phone: ScriptedPhone, tmp_path: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    phone.fault("push *", before=interrupt)
    with pytest.raises(KeyboardInterrupt):
        push(phone, tmp_path, b"x")
    phone.fault("dd *", before=interrupt)
    with pytest.raises(KeyboardInterrupt):
        root(phone, f"dd if={BOOT} of=/dev/null")
    assert root(phone, "echo on").text == "on\n"
