"""The panic kernel: what the running kernel tells, how it is described, and where the other one goes."""

import contextlib
import json
import shlex
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest
from answering import Answering, phone
from hypothesis import given, settings
from hypothesis import strategies as st
from image_builders import board
from layout_guests import VIRT, guest, kernel
from planned import HostPhone, call, rom_image
from planned import kernel as zimage_of_a_rom

from hardboot import devicetree, layout
from hardboot.base.errors import DeviceError, DeviceStateError, HardbootError, InputError, RefusedError
from hardboot.base.memory import Range, subtract
from hardboot.crash import elfcorehdr as crashmap
from hardboot.crash import lastlog, panic
from hardboot.device.handset import KernelIdentity
from hardboot.device.phone import Phone
from hardboot.flows.journal import HOST_CAME_BACK, PHONE_SILENT, Journal
from hardboot.formats import elf
from hardboot.formats.trees import fdt
from hardboot.transport.base import Output, Transport

IOMEM = """\
09000000-09000fff : pl011@9000000
40000000-7fffffff : System RAM
  40008000-4040ffff : Kernel code
  40442000-4050057f : Kernel data
  44100000-441fffff : reserved
  68000000-6bffffff : Crash kernel
"""
ZONES = """\
Node 0, zone   Normal
  start_pfn:           262144
Node 0, zone  HighMem
  pages free     3
  start_pfn:           458752
"""
REGION = Range(0x68000000, 0x6C000000)
USUAL = {
    "/proc/iomem": IOMEM,
    "_stext": "c0008200 T _stext\n",
    "crash_notes": "6fbc1000 180\n6fbd2000 180\n",
    "/sys/kernel/vmcoreinfo": "0x409b0000 1024\n",
    "zoneinfo": ZONES,
}


def running(**answers: str | Output) -> Phone:
    return phone(**{**USUAL, **answers})


class CrashPhone(HostPhone):
    """The same kernel, with a boot partition behind it."""

    iomem = IOMEM

    def root(self, command: str, *, timeout_s: float = 0) -> Output:
        said = super().root(command)
        return said if said.text else running().root(command)


def test_all_that_a_panic_kernel_must_know_is_read() -> None:
    found = crashmap.look(running())
    assert found.region == REGION
    assert found.ram == (Range(0x40000000, 0x68000000), Range(0x6C000000, 0x80000000))
    assert found.notes == (Range.sized(0x6FBC1000, 180), Range.sized(0x6FBD2000, 180))
    assert found.vmcoreinfo == Range.sized(0x409B0000, 0x1024)
    assert found.offset == 0x80000000
    assert found.lowmem_end == 0x70000000


def test_the_header_describes_all_ram_but_the_panic_kernels_own() -> None:
    data = crashmap.describe(crashmap.look(running()))
    head = struct.unpack_from("<16sHHIIIIIHHHHHH", data)
    assert head[0][:7] == b"\x7fELF\x01\x01\x01"
    assert head[1:4] == (4, 40, 1)  # ET_CORE, EM_ARM
    rows = [struct.unpack_from("<8I", data, head[5] + 32 * number) for number in range(head[10])]
    # Kernels read the old memory at p_offset of a note, and at p_paddr else.
    assert [(kind, offset, size) for kind, offset, _, _, size, _, _, _ in rows if kind == 4] == [
        (4, 0x6FBC1000, 180),
        (4, 0x6FBD2000, 180),
        (4, 0x409B0000, 0x1024),
    ]
    assert [(paddr, vaddr, memsz) for kind, _, vaddr, paddr, _, memsz, _, _ in rows if kind == 1] == [
        (0x40000000, 0xC0000000, 0x28000000),
        (0x6C000000, 0xEC000000, 0x4000000),
        (0x70000000, 0xFFFFFFFF, 0x10000000),  # not mapped for good
    ]


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"/proc/iomem": "40000000-7fffffff : System RAM\n"}, "no memory aside"),
        ({"crash_notes": "\n\n"}, "crash_notes"),
        ({"crash_notes": "cat: no such file\n"}, "crash_notes"),
        ({"/sys/kernel/vmcoreinfo": Output("cat: no such file", 1)}, "vmcoreinfo"),
        ({"/sys/kernel/vmcoreinfo": "0 0"}, "vmcoreinfo"),
    ],
)
def test_a_kernel_without_what_is_needed_is_refused(answers: dict[str, str | Output], said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        crashmap.look(running(**answers))


@pytest.mark.parametrize("hidden", ["00000000 T _stext\n", "", "grep: no such file\n"])
def test_a_kernel_that_hides_its_addresses_is_described_without_them(hidden: str) -> None:
    found = crashmap.look(running(_stext=hidden))
    assert found.offset is None
    core_rows = elfcore_loads(crashmap.describe(found))
    assert all(vaddr == 0xFFFFFFFF for _, vaddr in core_rows)


def elfcore_loads(data: bytes) -> list[tuple[int, int]]:
    count = struct.unpack_from("<H", data, 44)[0]
    rows = [struct.unpack_from("<8I", data, 52 + 32 * number) for number in range(count)]
    return [(row[3], row[2]) for row in rows if row[0] == elf.PT_LOAD]


def test_the_kernels_start_may_lie_before_stext() -> None:
    # CONFIG_STRICT_KERNEL_RWX: the text begins at the next MiB.
    assert crashmap.look(running(_stext="c0100000 T _stext\n")).offset == 0x80000000


def test_without_high_memory_all_is_mapped_and_ram_above_4_gib_is_left_out() -> None:
    more = IOMEM + "100000000-13fffffff : System RAM\n"
    found = crashmap.look(running(**{"zoneinfo": "Node 0, zone Normal\n", "/proc/iomem": more}))
    assert found.lowmem_end == 1 << 32
    assert found.ram[-1].end == 0x80000000


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=200), st.text(max_size=200))
def test_any_answer_is_read_or_refused(notes: str, info: str, zones: str, symbol: str) -> None:
    answers = {"crash_notes": notes, "/sys/kernel/vmcoreinfo": info, "zoneinfo": zones, "_stext": symbol}
    try:
        found = crashmap.look(running(**answers))
    except RefusedError:
        return
    with contextlib.suppress(InputError):  # a place beyond 32 bits
        crashmap.describe(found)


# Where it goes

MEMORY = Range(0x68000000, 0x6BE00000, "memory of the panic kernel")


def test_everything_goes_into_the_memory_set_aside() -> None:
    plan = layout.plan_panic_kernel(VIRT, guest(), MEMORY)
    assert {one.name for one in plan.segments} == {"zImage", "initrd", "dtb"}
    assert all(MEMORY.contains(one.range) for one in plan.segments)
    unpacked = next(one.range for one in plan.extents if one.kind is layout.ExtentKind.UNPACKED_KERNEL)
    assert MEMORY.contains(unpacked)
    assert plan.flag == 0


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 128), st.integers(0, 40 << 20), st.integers(1 << 16, 12 << 20))
def test_no_plan_leaves_the_memory_set_aside(size: int, ramdisk: int, unpacked: int) -> None:
    memory = Range.sized(0x68000000, size << 20)
    try:
        plan = layout.plan_panic_kernel(VIRT, guest(kernel(edata=unpacked), ramdisk=ramdisk), memory)
    except RefusedError:
        return
    ranges = sorted(one.range for one in plan.segments)
    assert subtract(ranges, [memory]) == []
    assert all(one.end <= two.start for one, two in pairwise(ranges))
    unpacking = next(one.range for one in plan.extents if one.kind is layout.ExtentKind.UNPACKED_KERNEL)
    assert memory.contains(unpacking)
    assert not any(one.overlaps(unpacking) for one in ranges if one.name != "zImage")


def test_memory_that_does_not_begin_where_a_kernel_looks_for_it_is_refused() -> None:
    with pytest.raises(RefusedError, match="multiple of"):
        layout.plan_panic_kernel(VIRT, guest(), Range(0x6A000000, 0x6E000000))


def test_a_kernel_that_unpacks_to_one_address_only_is_refused() -> None:
    import dataclasses
    from dataclasses import replace

    fixed = replace(
        guest(kernel()), kernel=dataclasses.replace(kernel(), relocatable=False, zreladdr=0x40008000)
    )
    with pytest.raises(RefusedError, match="always decompresses"):
        layout.plan_panic_kernel(VIRT, fixed, MEMORY)


def test_too_little_memory_is_refused() -> None:
    with pytest.raises(RefusedError, match="layout rule"):
        layout.plan_panic_kernel(VIRT, guest(), Range(0x68000000, 0x68800000))


@pytest.mark.parametrize("cells", [1, 2])
def test_the_tree_tells_both_properties_in_its_own_cells(cells: int) -> None:
    root = fdt.Node("", {"#address-cells": cells.to_bytes(4, "big"), "#size-cells": cells.to_bytes(4, "big")})
    tree = fdt.Fdt(root, [])
    done = devicetree.for_panic_kernel(tree, elf_header=Range(0x6BE00000, 0x6BE01000), memory=MEMORY)
    chosen = done.find("/chosen")
    assert chosen
    form = f">2{'I' if cells == 1 else 'Q'}"
    assert chosen.properties["linux,elfcorehdr"] == struct.pack(form, 0x6BE00000, 0x1000)
    assert chosen.properties["linux,usable-memory-range"] == struct.pack(form, 0x68000000, 0x3E00000)
    assert tree.find("/chosen") is None


def test_a_dry_run_draws_the_memory_set_aside_and_what_goes_there(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    image = rom_image(tmp_path, kernel_data=zimage_of_a_rom() + board("mine"))
    capture = CrashPhone(cast(Transport, None), VIRT, "1")
    capture.header = image.read_bytes()[:4096]
    monkeypatch.setattr("hardboot.device.phone.connected", lambda *_: contextlib.nullcontext(capture))
    svg = tmp_path / "map.svg"
    out, _ = call(capsys, "load", "--panic", image, "--dry-run", "--svg", svg)
    for text in (out, svg.read_text()):
        for name, start, end in (
            ("zImage", 0x68300000, None),
            ("elfcorehdr", 0x6BE00000, 0x6BE01000),
            ("Crash kernel", 0x68000000, 0x6C000000),
            ("System RAM", 0x40000000, 0x68000000),
            ("Kernel code", 0x40008000, 0x40410000),
        ):
            assert name in text
            assert f"{start:#010x}-" + (f"{end:#010x}" if end else "") in text, name
    assert max(len(line) for line in out.splitlines() if line.startswith("0x")) <= 80
    assert "maxcpus=1 reset_devices" in " ".join(out.split())
    assert "if flashed" not in out
    document = json.loads(call(capsys, "--json", "load", "--panic", image, "--dry-run")[0])
    names = [one["name"] for one in document["plan"]["segments"]]
    assert names == ["zImage", "initrd", "dtb", "elfcorehdr"]
    call(capsys, "load", "--panic", image, "--svg", svg, code=2)


# The crash


BEFORE = KernelIdentity("6.1.0", "before", "")
AFTER = KernelIdentity("6.1.0-capture", "after", "")


def triggered(
    monkeypatch: pytest.MonkeyPatch, now: KernelIdentity | None, *, waiting: bool, dump_there: bool = False
) -> tuple[Journal, Exception | None, list[str]]:
    """How `crash trigger` ends if the kernel `now` answers after it."""
    crashed = phone(kexec_crash_loaded="1\n" if waiting else "0\n", vmcore=Output("", int(not dump_there)))
    monkeypatch.setattr(crashed, "kernel", lambda **_: BEFORE, raising=False)
    monkeypatch.setattr(panic, "wait_for_change", lambda *_a, **_k: now)
    journal = Journal("virt-arm", "S")
    error: Exception | None = None
    try:
        panic.trigger(crashed, journal, wait_s=7)
    except HardbootError as caught:
        error = caught
    commands = cast(Answering, crashed).commands
    return journal, error, [one for one in commands if "sysrq-trigger" in one]


def test_the_panic_kernel_is_known_by_the_dump(monkeypatch: pytest.MonkeyPatch) -> None:
    journal, error, sent = triggered(monkeypatch, AFTER, waiting=True, dump_there=True)
    assert error is None
    assert (journal.outcome, journal.host, journal.guest) == (panic.CAPTURE_UP, BEFORE, AFTER)
    assert len(sent) == 1
    assert sent[0].startswith("sync; ")
    assert "echo 5 > /proc/sys/kernel/panic" in sent[0]


def test_a_crash_with_nothing_loaded_is_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    journal, error, _ = triggered(monkeypatch, AFTER, waiting=False)
    assert (error, journal.outcome) == (None, panic.RESTARTED)


def test_a_host_that_comes_back_instead_of_the_panic_kernel_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    journal, error, _ = triggered(monkeypatch, AFTER, waiting=True)
    assert isinstance(error, DeviceError)
    assert not isinstance(error, DeviceStateError)
    assert "restarted into 6.1.0-capture instead of the panic kernel" in error.what
    assert "the dump is lost" in error.state
    assert (journal.outcome, journal.guest) == (HOST_CAME_BACK, AFTER)


def test_a_phone_that_stays_silent_after_the_crash_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    journal, error, _ = triggered(monkeypatch, None, waiting=True)
    assert isinstance(error, DeviceStateError)
    assert "silent for 7 s" in error.what
    assert (journal.outcome, journal.guest) == (PHONE_SILENT, None)


def test_a_kernel_that_does_not_crash_is_told_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    alive = phone(kexec_crash_loaded="1\n")
    monkeypatch.setattr(alive, "kernel", lambda **_: BEFORE, raising=False)

    def wait(*_arguments: object, on_old_kernel: Callable[[float], None], **_options: object) -> None:
        on_old_kernel(panic._SETTLE_S)
        on_old_kernel(panic._SETTLE_S + 0.1)

    monkeypatch.setattr(panic, "wait_for_change", wait)
    with pytest.raises(DeviceStateError, match="did not crash: its kernel runs on"):
        panic.trigger(alive, Journal("virt-arm", "S"), wait_s=7)


def test_a_connection_that_dies_with_the_kernel_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = phone(kexec_crash_loaded="1\n", **{"sysrq-trigger": DeviceError("gone", state="-", fix="-")})
    monkeypatch.setattr(gone, "kernel", lambda **_: BEFORE, raising=False)
    monkeypatch.setattr(panic, "wait_for_change", lambda *_a, **_k: AFTER)
    journal = Journal("virt-arm", "S")
    panic.trigger(gone, journal, wait_s=7)
    assert journal.outcome == panic.CAPTURE_UP


# What the phone kept


@dataclass
class Keeping(Answering):
    """A phone that kept files: what they hold by path, an error for one that cannot be read."""

    files: dict[str, bytes | DeviceError] = field(default_factory=dict)
    cleaned: bool = False

    def root(self, command: str, *, timeout_s: float = 30) -> Output:
        if command.startswith("ls -1 "):
            folder = command.removeprefix("ls -1 ") + "/"
            names = [path.removeprefix(folder) for path in self.files if path.startswith(folder)]
            return Output("\n".join(names), 0) if names else Output("ls: no such folder", 1)
        if command.startswith("test -f "):
            return Output("", int(shlex.split(command)[-1] not in self.files))
        return super().root(command, timeout_s=timeout_s)

    def pull_root_file(self, path: str, *, first: int) -> bytes:
        content = self.files[path]
        if isinstance(content, DeviceError):
            raise content
        return content[:first]

    def clean(self) -> None:
        self.cleaned = True


def keeping(**files: bytes | DeviceError) -> Keeping:
    return Keeping({"mountpoint": Output("not mounted", 1)}, files=files)


def test_all_that_was_kept_is_read_in_order_and_what_is_no_log_is_not() -> None:
    old = keeping(
        **{
            "/sys/fs/pstore/dmesg-ramoops-0": b"Oops",
            "/sys/fs/pstore/console-ramoops-0": b"last\x00words",
            "/sys/fs/pstore/$(reboot)": b"a name that is none",
            "/sys/fs/pstore/pmsg-ramoops-0": b"",
            "/proc/last_kmsg": b"older",
        }
    )
    found = lastlog.read(cast(Phone, old))
    assert [(one.path, one.text, one.truncated) for one in found] == [
        ("/sys/fs/pstore/console-ramoops-0", "last�words", False),
        ("/sys/fs/pstore/dmesg-ramoops-0", "Oops", False),
        ("/proc/last_kmsg", "older", False),
    ]
    assert old.cleaned


def test_a_log_that_is_too_long_is_cut_and_says_so() -> None:
    (found,) = lastlog.read(cast(Phone, keeping(**{"/proc/last_kmsg": b"x" * (lastlog._LIMIT + 1)})))
    assert (len(found.text), found.truncated) == (lastlog._LIMIT, True)


def test_no_more_files_are_read_than_a_phone_keeps() -> None:
    many = {f"/sys/fs/pstore/dmesg-ramoops-{number}": b"x" for number in range(lastlog._MAX_FILES + 5)}
    assert len(lastlog.read(cast(Phone, keeping(**many)))) == lastlog._MAX_FILES


def test_a_phone_that_kept_nothing_has_no_last_words() -> None:
    assert lastlog.read(cast(Phone, keeping())) == ()


def test_a_log_that_cannot_be_read_is_an_error_with_its_name() -> None:
    broken = DeviceError("Input/output error", state="-", fix="Try again.")
    with pytest.raises(DeviceError) as error:
        lastlog.read(cast(Phone, keeping(**{"/proc/last_kmsg": broken})))
    assert error.value.what == "/proc/last_kmsg cannot be read: Input/output error"
    assert error.value.fix == "Try again."


def test_without_root_no_log_is_read() -> None:
    rootless = Keeping({"mountpoint": DeviceError("no root shell", state="-", fix="-")})
    with pytest.raises(DeviceError, match="no root shell"):
        lastlog.read(cast(Phone, rootless))


def test_a_log_from_memory_that_lost_bits_is_shown_without_control_characters() -> None:
    assert lastlog.readable(b"a\r\n\x1b[2Jb\tc\xff\0") == "a\n�[2Jb\tc��"


def test_console_logs_come_first() -> None:
    names = ["pmsg-ramoops-0", "dmesg-ramoops-1", "dmesg-ramoops-0", "console-ramoops-0", "zzz"]
    assert sorted(names, key=lastlog._rank) == [
        "console-ramoops-0",
        "dmesg-ramoops-0",
        "dmesg-ramoops-1",
        "pmsg-ramoops-0",
        "zzz",
    ]
