"""hardboot crash, log, and load --panic: what they print, ask and refuse."""

import json
from pathlib import Path

import crash_setup
import pytest
import scripted_setup as setup
from core_builders import with_ring
from planned import call
from scripted_phone import ScriptedPhone

import hardboot.crash.trigger  # noqa: F401  # its clock is replaced

PANIC = "Kernel panic - not syncing: sysrq triggered crash"


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ScriptedPhone:
    return setup.install(crash_setup.crashable(), monkeypatch, tmp_path / "state")


def test_the_plan_of_a_panic_kernel_is_drawn_into_the_reserved_memory(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    image, svg = crash_setup.panic_image(tmp_path), tmp_path / "map.svg"
    out, _ = call(capsys, "load", "--panic", image, "--dry-run", "--svg", svg)
    for text in (out, svg.read_text()):
        for name, place in (
            ("zImage", "0x68300000-"),
            ("elfcorehdr", "0x6be00000-0x6be01000"),
            ("Crash kernel", "0x68000000-0x6c000000"),
            ("System RAM", "0x40000000-0x68000000"),
            ("Kernel code", "0x40008000-0x40410000"),
        ):
            assert name in text
            assert place in text, name
    assert max(len(line) for line in out.splitlines() if line.startswith("0x")) <= 80
    assert "maxcpus=1 reset_devices" in out
    assert "if flashed" not in out
    document = json.loads(call(capsys, "--json", "load", "--panic", image, "--dry-run")[0])
    names = [one["name"] for one in document["plan"]["segments"]]
    assert names == ["zImage", "initrd", "dtb", "elfcorehdr"]
    call(capsys, "load", "--panic", image, "--svg", svg, code=2)
    assert scripted.running
    assert scripted.running.on_crash is None


def test_options_that_exclude_each_other_are_usage_errors(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    image = crash_setup.panic_image(tmp_path)
    for words, said in (
        (("--panic", "--via", "soft"), "--panic cannot be combined with --via soft or --cmdline"),
        (("--panic", "--cmdline", "x"), "--panic cannot be combined with --via soft or --cmdline"),
        (("--add-crashkernel",), "--add-crashkernel needs --panic"),
    ):
        assert said in call(capsys, "load", image, *words, code=2)[1]


def test_the_whole_job_from_loading_to_the_log(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    image, dump = crash_setup.panic_image(tmp_path), tmp_path / "dump"
    out, _ = call(capsys, "load", "--panic", image)
    assert out.splitlines()[0].split() == ["zImage", *out.splitlines()[0].split()[1:]]
    assert out.splitlines()[-1] == "Loaded rom.img: it starts when the running kernel crashes."
    _, errors = call(capsys, "crash", "trigger", code=4)
    assert errors.splitlines()[0] == (
        "hardboot: not confirmed: This crashes the kernel of virt-arm HBSCRIPT and starts the panic kernel."
    )
    assert errors.splitlines()[2] == "  to do: Run again with --yes to confirm."
    out, _ = call(capsys, "crash", "trigger", "--yes")
    assert out == "The panic kernel is running (6.6.0-panic). Pull the dump: hardboot crash pull FILE\n"
    assert "panic kernel; pull the dump: hardboot crash pull FILE" in call(capsys, "status")[0]
    out, _ = call(capsys, "crash", "pull", dump)
    lines = out.splitlines()
    assert lines[0] == "  kernel    6.1.176"
    assert lines[1] == "  memory    1.0 MiB"
    assert lines[2].startswith("  left out  free: not known, zero: ")
    assert lines[-1] == f"Wrote the dump to {dump}. Read it: hardboot crash show {dump}"
    out, _ = call(capsys, "crash", "show", dump)
    assert f"  panic    {PANIC}" in out.splitlines()
    assert "  process  274 sh" in out.splitlines()


def test_a_crash_without_a_panic_kernel_says_that_it_restarts(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    _, errors = call(capsys, "crash", "trigger", code=4)
    assert "restarts the phone (no panic kernel is loaded)." in errors
    out, _ = call(capsys, "crash", "trigger", "--yes")
    assert out == "The phone restarted into kernel 6.1.0-host. Show the log of the crash: hardboot log\n"


def test_unloading_a_panic_kernel_says_whether_there_was_one(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert call(capsys, "unload", "--panic")[0] == "No panic kernel was loaded.\n"
    call(capsys, "load", "--panic", crash_setup.panic_image(tmp_path))
    document = json.loads(call(capsys, "--json", "unload", "--panic")[0])
    assert document["kexec_crash_loaded"] is True
    call(capsys, "load", "--panic", crash_setup.panic_image(tmp_path))
    assert call(capsys, "unload", "--panic")[0] == "Unloaded the panic kernel\n"


def test_the_log_of_the_previous_kernel_is_shown(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    _, errors = call(capsys, "log", code=5)
    assert "the phone kept no log: /sys/fs/pstore is empty, and there is no /proc/last_kmsg" in errors
    scripted.add_file("/sys/fs/pstore/console-ramoops-0", b"last words")
    scripted.add_file("/sys/fs/pstore/dmesg-ramoops-0", b"Oops\n")
    assert call(capsys, "log")[0] == "last words\n"
    assert call(capsys, "log", "--all")[0] == (
        "==> /sys/fs/pstore/console-ramoops-0 <==\nlast words\n==> /sys/fs/pstore/dmesg-ramoops-0 <==\nOops\n"
    )
    document = json.loads(call(capsys, "--json", "log", "--all")[0])
    assert [one["text"] for one in document["logs"]] == ["last words", "Oops\n"]
    assert (document["device"], document["serial"]) == ("virt-arm", "HBSCRIPT")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"ANDROID!" + bytes(5000), "rom.img: this is an Android boot image, not a crash dump"),
        (b"Dear reader\n", "rom.img: this is a text file, not a crash dump"),
        (b"\x7fELF" + bytes(50), "rom.img: "),
    ],
)
def test_what_is_no_dump_is_called_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes, what: str
) -> None:
    path = tmp_path / "rom.img"
    path.write_bytes(content)
    _, errors = call(capsys, "crash", "show", path, code=3)
    first = errors.splitlines()[0]
    assert first.count("rom.img") == 1
    assert what in first


def test_a_dump_whose_log_is_lost_is_shown_without_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    dump = with_ring()
    del dump.info["SYMBOL(prb)"]
    (tmp_path / "dump").write_bytes(dump.build())
    out, _ = call(capsys, "crash", "show", tmp_path / "dump")
    assert "  log      cannot be read: " in out
    assert "panic" not in out
