"""The agent: built as committed, run on this computer and as code for phones, and its Python side."""

import contextlib
import os
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from agents import PHONE_AGENTS, PhoneAgent, Run, each_phone_agent
from hypothesis import given
from hypothesis import strategies as st

from hardboot.base.errors import DeviceError, InputError
from hardboot.payload import agent, agent_errors, build


def put(root: Path, path: str, content: str) -> None:
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(content)


# The committed binary


@pytest.mark.parametrize("name", build.PROGRAMS)
def test_the_committed_binary_is_what_its_source_builds(name: str) -> None:
    assert build.build(name) == (build.PAYLOAD / name).read_bytes(), "run python -m hardboot.payload.build"


@each_phone_agent
def test_the_binary_is_a_small_static_program_without_libraries(phone_agent: PhoneAgent) -> None:
    from elftools.elf.elffile import ELFFile

    path = agent.binary(phone_agent.arch)
    with path.open("rb") as stream:
        elf = ELFFile(stream)
        kinds = {segment["p_type"] for segment in elf.iter_segments()}
        assert (elf["e_machine"], elf["e_type"]) == (phone_agent.machine, "ET_EXEC")
        assert elf.elfclass == phone_agent.bits
        assert not kinds & {"PT_INTERP", "PT_DYNAMIC"}
        writable = [s for s in elf.iter_segments() if s["p_flags"] & 2]
        assert all(not segment["p_flags"] & 1 for segment in writable)
    assert path.stat().st_size < 16384


def test_an_unknown_architecture_has_no_agent() -> None:
    for arch in ("mips", "../agent", ""):
        with pytest.raises(InputError, match="no agent"):
            agent.binary(arch)


@each_phone_agent
def test_the_binary_reports_the_running_kernel(phone_agent: PhoneAgent) -> None:
    done = phone_agent("info")
    info = agent.parse_info(done.stdout)
    assert done.returncode == 0
    assert info.release == os.uname().release
    assert info.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert info.probe is None


@each_phone_agent
@pytest.mark.parametrize("arguments", [(), ("jump",), ("load", "0x4"), ("exec", "now"), ("info", "4")])
def test_the_binary_refuses_wrong_arguments(phone_agent: PhoneAgent, arguments: tuple[str, ...]) -> None:
    done = phone_agent(*arguments)
    assert done.returncode == 1
    assert agent_errors.parse_failure(done.stdout) is not None
    assert "errno=22" in done.stdout


@each_phone_agent
def test_the_binary_calls_the_kernel_with_whole_machine_words(
    phone_agent: PhoneAgent, tmp_path: Path
) -> None:
    file = tmp_path / "kernel"
    file.write_bytes(b"kernel")
    entry = (1 << phone_agent.bits - 1) - 0x1000
    segment = agent.AgentSegment(str(file), entry, 0x1000)
    command = agent.load_command("agent", 0x8000, entry, [segment])
    done = phone_agent(*shlex.split(command)[1:], strace=True)
    # QEMU runs no kexec_load(2): the answer is ENOSYS, and nothing was loaded.
    assert agent_errors.parse_failure(done.stdout) == agent_errors.AgentFailure("kexec_load", 38)
    called = re.search(r"kexec_load\((\d+),(\d+),\d+,(\d+),", done.stderr)
    assert called, done.stderr
    assert list(map(int, called.groups())) == [entry, 1, 0x8000]


@pytest.mark.parametrize(
    ("binary", "words"), [(agent.binary, ("extents", "/missing")), (agent.phone_program, ("list",))]
)
def test_on_32_bit_arm_files_of_two_gib_and_more_are_opened(
    binary: Callable[[str], Path], words: tuple[str, ...]
) -> None:
    """Linux opens no such file without this flag where a machine word has 32 bits (fs/open.c)."""
    done = replace(PHONE_AGENTS[0], binary=binary)(*words, strace=True)
    opened = [line for line in done.stderr.splitlines() if "openat(" in line]
    assert opened
    assert all("O_LARGEFILE" in line for line in opened)


@each_phone_agent
def test_the_binary_refuses_a_segment_that_wraps_around(phone_agent: PhoneAgent) -> None:
    segment = f"/missing@{(1 << phone_agent.bits) - 0x1000:#x}:0x2000"
    done = phone_agent("load", "0x4", "0x0", segment)
    assert done.stdout == f"error=past the last address: {segment} errno=22\n"


@each_phone_agent
def test_the_binary_refuses_a_number_wider_than_a_machine_word(phone_agent: PhoneAgent) -> None:
    wide = f"{1 << phone_agent.bits:#x}"
    assert agent_errors.parse_failure(phone_agent("load", "0x4", wide, "/missing@0x0:0x1000").stdout) == (
        agent_errors.AgentFailure(f"not a hexadecimal number: {wide}", 22)
    )
    segment = f"/missing@{wide}:0x1000"
    assert agent_errors.parse_failure(phone_agent("load", "0x4", "0x0", segment).stdout) == (
        agent_errors.AgentFailure(f"not FILE@ADDR:MEMSZ: {segment}", 22)
    )


# Its rules


def test_load_hands_every_segment_to_the_kernel(run: Run, tmp_path: Path) -> None:
    kernel, odd = tmp_path / "kernel", tmp_path / "a@b:c 'd"
    kernel.write_bytes(b"\x01" * 5000)
    odd.write_bytes(b"\x02" * 4096)
    segments = [
        agent.AgentSegment(str(kernel), 0x41008000, 0x3000),
        agent.AgentSegment(str(odd), 0x42000000, 0x1000),
    ]
    command = agent.load_command("agent", 0x4, 0x41008000, segments)
    done = run(*shlex.split(command)[1:])
    assert done.stdout == "loaded=2\n"
    assert done.stderr.splitlines() == [
        "kexec_load 0x41008000 2 0x4",
        "segment 0x41008000 0x3000 0x1388 5000",
        "segment 0x42000000 0x1000 0x1000 8192",
    ]
    assert done.returncode == 0


def test_a_file_is_repeated_to_fill_its_segment(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "pattern"
    file.write_bytes(b"\x01" * 4096 + b"\x02" * 4096 + b"\x04" * 4096)
    sums = []
    for skip, size in ((0, 3), (0x1000, 1), (0x2000, 5), (0x1000, 0x400)):
        segment = agent.AgentSegment(str(file), 0x41000000, size * 4096, skip)
        done = run(*shlex.split(agent.load_command("agent", 0x4, 0x41000000, [segment]))[1:])
        assert done.stdout == "loaded=1\n"
        sums.append(done.stderr.splitlines()[1].split()[1:])
    assert sums == [
        ["0x41000000", "0x3000", "0x3000", str(7 * 4096)],
        ["0x41000000", "0x1000", "0x1000", str(2 * 4096)],
        ["0x41000000", "0x5000", "0x5000", str((4 + 7 + 1) * 4096)],
        ["0x41000000", "0x400000", "0x400000", str((341 * 7 + 2) * 4096)],
    ]


@each_phone_agent
def test_the_binary_maps_a_repeated_file(phone_agent: PhoneAgent, tmp_path: Path) -> None:
    file = tmp_path / "pattern"
    file.write_bytes(bytes(0x101000))
    segment = agent.AgentSegment(str(file), 0x41000000, 0x2000000, 0x100000)
    command = agent.load_command("agent", 0x8000, 0x41000000, [segment])
    done = phone_agent(*shlex.split(command)[1:], strace=True)
    assert agent_errors.parse_failure(done.stdout) == agent_errors.AgentFailure("kexec_load", 38)
    assert len(re.findall(r"mmap2?\(", done.stderr)) == 1 + 1 + 32


@pytest.mark.parametrize(
    ("size", "word", "says"),
    [
        (4096, "*0x1000", "not whole pages"),
        (4096, "*0x10", "not whole pages"),
        (4095, "*0x0", "not whole pages"),
        (0, "*0x0", "not whole pages"),
        (4096, "*16", "not FILE*SKIP@ADDR:MEMSZ"),
        (4096, "*", "not FILE*SKIP@ADDR:MEMSZ"),
    ],
)
def test_a_file_that_cannot_be_repeated_is_refused(
    run: Run, tmp_path: Path, size: int, word: str, says: str
) -> None:
    (tmp_path / "x").write_bytes(bytes(size))
    done = run("load", "0x0", "0x40000000", f"{tmp_path}/x{word}@0x40000000:0x1000")
    assert done.stdout.startswith(f"error={says}")
    assert done.stderr == ""


def test_sixteen_segments_are_loaded_and_seventeen_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    words = [f"{tmp_path}/x@{0x40000000 + (i << 12):#x}:0x1000" for i in range(17)]
    assert run("load", "0x0", "0x40000000", *words[:16]).stdout == "loaded=16\n"
    refused = run("load", "0x0", "0x40000000", *words)
    assert refused.stdout == "error=more than 16 segments errno=22\n"
    assert refused.stderr == ""


@pytest.mark.parametrize(
    ("segment", "what"),
    [
        ("0x41000000:0x1000", "not FILE@ADDR:MEMSZ:"),
        ("@0x41000000:0x1000", "not FILE@ADDR:MEMSZ:"),
        ("FILE@0x41000000", "not FILE@ADDR:MEMSZ:"),
        ("FILE@0x41000000:", "not FILE@ADDR:MEMSZ:"),
        ("FILE@0x41000000:0x", "not FILE@ADDR:MEMSZ:"),
        ("FILE@41000000:0x1000", "not FILE@ADDR:MEMSZ:"),
        ("FILE@0x141000000:0x1000", "not FILE@ADDR:MEMSZ:"),
        ("FILE@0x4100000g:0x1000", "not FILE@ADDR:MEMSZ:"),
        ("FILE@0x4100\x10\x11:0x1000", "not FILE@ADDR:MEMSZ:"),
        ("FILE@0x41000000:0x1000:0x1000", "not FILE@ADDR:MEMSZ:"),
        ("FILE@0x41000800:0x1000", "not page aligned:"),
        ("FILE@0x41000000:0x1800", "not page aligned:"),
        ("FILE@0x41000000:0x0", "not page aligned:"),
        ("FILE@0x41000000:0x1000", "larger than its segment:"),
        ("EMPTY@0x41000000:0x1000", "empty file:"),
        ("MISSING@0x41000000:0x1000", "open"),
        ("FOLDER@0x41000000:0x7ffff000", ""),
    ],
)
def test_a_wrong_segment_is_refused_before_the_kernel_is_called(
    run: Run, tmp_path: Path, segment: str, what: str
) -> None:
    (tmp_path / "FILE").write_bytes(b"x" * 4097)
    (tmp_path / "EMPTY").touch()
    (tmp_path / "FOLDER").mkdir()
    done = run("load", "0x4", "0x41008000", f"{tmp_path}/{segment}" if segment[0].isalpha() else segment)
    found = agent_errors.parse_failure(done.stdout)
    assert found is not None
    assert found.what.startswith(what)
    assert done.stderr == ""
    assert done.returncode == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("load",),
        ("load", "0x4"),
        ("load", "0x4", "0x41008000"),
        ("load", "4", "0x41008000", "/dev/null@0x41000000:0x1000"),
        ("load", "0x4", "0x141008000", "/dev/null@0x41000000:0x1000"),
        ("unload",),
        ("unload", "0x4", "0x4"),
        ("unload", ""),
        ("exec", "now"),
        ("info", "0x"),
        ("info", "0x4", "0x8"),
        ("info", "0x5"),
        ("start",),
        (),
    ],
)
def test_wrong_arguments_are_refused_before_the_kernel_is_called(
    run: Run, arguments: tuple[str, ...]
) -> None:
    done = run(*arguments)
    found = agent_errors.parse_failure(done.stdout)
    assert found is not None
    assert found.errno == 22
    assert done.stderr == ""
    assert done.returncode == 1


def test_the_kernels_error_is_passed_on(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    done = run("load", "0x4", "0x40000000", f"{tmp_path}/x@0x40000000:0x1000", errno=99)
    assert done.returncode == 1
    assert agent_errors.parse_failure(done.stdout) == agent_errors.AgentFailure("kexec_load", 99)
    done = run("unload", "0x0", errno=1)
    assert agent_errors.parse_failure(done.stdout) == agent_errors.AgentFailure("kexec_load", 1)


def test_unload_is_a_load_of_nothing(run: Run) -> None:
    done = run(*shlex.split(agent.unload_command("agent", 0x1))[1:])
    assert (done.stdout, done.stderr, done.returncode) == ("unloaded=1\n", "kexec_load 0 0 0x1\n", 0)


def test_exec_syncs_and_then_asks_for_the_kexec_reboot(run: Run) -> None:
    done = run(*shlex.split(agent.exec_command("agent"))[1:], errno=22)
    assert done.stderr.splitlines() == ["sync", "reboot 0xfee1dead 0x28121969 0x45584543"]
    assert agent_errors.parse_failure(done.stdout) == agent_errors.AgentFailure("reboot", 22)
    assert done.returncode == 1


def test_a_long_name_does_not_overflow(run: Run) -> None:
    done = run("load", "0x4", "0x41008000", "/" + "n" * 60000 + "@0x41000000:0x1000")
    assert agent_errors.parse_failure(done.stdout) == agent_errors.AgentFailure("open /" + "n" * 4095, 36)


# What it tells


def test_info_without_a_flag_does_not_touch_kexec(run: Run, tmp_path: Path) -> None:
    put(tmp_path, "/sys/kernel/kexec_loaded", "0\n")
    done = run(*shlex.split(agent.info_command("agent"))[1:])
    assert done.stderr == ""
    info = agent.parse_info(done.stdout)
    assert info.kexec_loaded is False
    assert (info.kexec_crash_loaded, info.boot_id, info.hardboot_page, info.probe) == (None, None, None, None)


def test_info_tells_what_the_host_kernel_exposes(run: Run, tmp_path: Path) -> None:
    put(tmp_path, "/sys/kernel/kexec_loaded", "0\n")
    put(tmp_path, "/sys/kernel/kexec_crash_loaded", "1\n")
    put(tmp_path, "/proc/sys/kernel/random/boot_id", "1219bbb3-6943\n")
    put(tmp_path, "/sys/kernel/kexec_hardboot/page", "0x44000000\n")
    put(tmp_path, "/sys/kernel/kexec_hardboot/flag", "0x8000\n")
    put(tmp_path, "/sys/kernel/kexec_hardboot/version", "1\n")
    done = run(*shlex.split(agent.info_command("agent", 0x8000))[1:])
    assert done.stderr == "kexec_load 0 0 0x8000\n"
    assert agent.parse_info(done.stdout) == agent.AgentInfo(
        release=os.uname().release,
        boot_id="1219bbb3-6943",
        kexec_loaded=False,
        kexec_crash_loaded=True,
        hardboot_page=0x44000000,
        hardboot_flag=0x8000,
        hardboot_version="1",
        probe=0,
    )


@pytest.mark.parametrize("loaded", ["1\n", "", None])
def test_info_never_probes_while_something_may_be_loaded(
    run: Run, tmp_path: Path, loaded: str | None
) -> None:
    if loaded is not None:
        put(tmp_path, "/sys/kernel/kexec_loaded", loaded)
    done = run("info", "0x4")
    assert done.stderr == ""
    assert agent.parse_info(done.stdout).probe is None


def test_a_refused_probe_gives_its_errno(run: Run, tmp_path: Path) -> None:
    put(tmp_path, "/sys/kernel/kexec_loaded", "0\n")
    assert agent.parse_info(run("info", "0x4", errno=22).stdout).probe == 22


def test_a_hostile_file_cannot_forge_lines(run: Run, tmp_path: Path) -> None:
    put(tmp_path, "/sys/kernel/kexec_loaded", "1\rkexec_loaded=0\n")
    put(tmp_path, "/sys/kernel/kexec_hardboot/version", "v\x1b[31m" + "1" * 5000)
    text = run("info", "0x4").stdout
    assert "probe=skipped" in text
    assert "\x1b" not in text
    assert "kexec_loaded=1?kexec_loaded=0\n" in text
    with pytest.raises(DeviceError):
        agent.parse_info(text)


# The Python side


def test_a_path_with_spaces_and_quotes_stays_one_word() -> None:
    segment = agent.AgentSegment("/data/it's; reboot", 0x1000, 0x1000)
    command = agent.load_command("/data/a b", 0x4, 0x1000, [segment])
    assert shlex.split(command) == ["/data/a b", "load", "0x4", "0x1000", "/data/it's; reboot@0x1000:0x1000"]


@given(st.text())
def test_any_answer_is_read_or_refused(text: str) -> None:
    for answer in (text, f"release=1\nkexec_loaded=0\nkexec_crash_loaded=0\nprobe={text}"):
        with contextlib.suppress(DeviceError):
            assert agent.parse_info(answer).release
