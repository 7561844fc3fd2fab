"""What kept logs tell: whose they are, and how the kernel ended."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardboot.attempts import kernel_logs
from hardboot.attempts.kernel_logs import GuestLog

MARK = "androidboot.hardboot=0123abcd"
HOST = "[    0.0] Linux version 6.1.0-host\n[    5.0] hardboot: record at 0x44000000: entry 0x1; reset\n"
GUEST = f"[    0.0] Linux version 6.6.0-rom (a@b)\n[    0.1] Kernel command line: a {MARK} b\n"


def find(
    *logs: tuple[str, str], release: str | None = "6.6.0-rom", host: str = "6.1.0-host"
) -> GuestLog | None:
    return kernel_logs.find_guest(logs, mark=MARK, release=release, host_release=host)


@pytest.mark.parametrize(
    ("text", "last", "death", "userland"),
    [
        (GUEST, f"Kernel command line: a {MARK} b", None, False),
        (HOST + GUEST, f"Kernel command line: a {MARK} b", None, False),
        (GUEST + "[ 1.0] Run /init as init process\n[ 2.0] init: x\n", "init: x", None, True),
        (GUEST + "<6>[ 1.0] systemd[1]: hello\n", "systemd[1]: hello", None, True),
        (
            GUEST + "[ 1.0][   T1] Kernel panic - not syncing: VFS: x\n[ 1.1] CPU: 0\n[ 1.2] ---[ end x\n",
            "Kernel panic - not syncing: VFS: x",
            "Kernel panic - not syncing: VFS: x",
            False,
        ),
        (
            GUEST + "[ 1.0] Unable to handle kernel NULL pointer\n[ 1.2] Internal error: Oops: 5 [#1]\n",
            "Internal error: Oops: 5 [#1]",
            "Unable to handle kernel NULL pointer",
            False,
        ),
        (GUEST + "[ 1.0] last\n[ 1.0] Rebooting in 1 s\n[ 1.0] reboot: Restarting\n", "last", None, False),
        (GUEST + "[ 1.0] " + "x" * 300, "x" * 159 + "…", None, False),
    ],
)  # fmt: skip
def test_the_roms_log_is_read(text: str, last: str, death: str | None, userland: bool) -> None:
    assert find(("console", text)) == GuestLog("console", last, death, userland)


def test_the_release_tells_the_rom_only_where_the_host_has_another() -> None:
    unmarked = "Linux version 6.6.0-rom (a@b)\nthe end\n"
    assert find(("console", unmarked)) == GuestLog("console", "the end", None, False)
    assert find(("console", unmarked), host="6.6.0-rom") is None
    assert find(("console", unmarked), release=None) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        HOST,
        GUEST.replace("0123abcd", "0123abcde").replace("6.6.0-rom", "6.6.0-rom2"),
        f"x{MARK}",
        GUEST + HOST,
    ],
)
def test_a_log_of_another_kernel_is_not_the_roms(text: str) -> None:
    assert find(("console", text)) is None


def test_the_first_log_that_is_the_roms_counts() -> None:
    found = find(("console", HOST), ("dmesg-ramoops-0", GUEST), ("pmsg", GUEST + "x\n"))
    assert found
    assert found.file == "dmesg-ramoops-0"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("[ 1.0] Hardboot page at 0x44000000 is not RAM", "Hardboot page at 0x44000000 is not RAM"),
        (
            "[ 1.0] hardboot: no board hook to make the reset safe",
            "hardboot: no board hook to make the reset safe",
        ),
        ("[ 1.0] Hardboot page reserved at 0x44000000", None),
        ("[ 1.0] hardboot: record at 0x44000000: entry 0x1", None),
        (f"[ 1.0] Kernel command line: hardboot {MARK}", None),
        (f"[ 1.0] init: {MARK}", None),
        ("[ 0.0] Linux version 6.1.0 (hardboot@hardboot) (gcc) #1 SMP", None),
        ("[ 1.0] kexec: hardboot: no board hook", "kexec: hardboot: no board hook"),
        ("", None),
    ],
)
def test_complaints_of_the_host_kernel_are_found(line: str, problem: str | None) -> None:
    assert kernel_logs.hardboot_problem(f"[ 0.0] a\n{line}\n[ 2.0] b") == problem


def test_a_log_that_ends_with_the_reset_is_known() -> None:
    assert kernel_logs.wrote_record([("console", HOST)])
    assert kernel_logs.wrote_record([("console", "hardboot: record at 0x1")])
    assert not kernel_logs.wrote_record([("console", HOST + GUEST)])
    assert not kernel_logs.wrote_record([])


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=400)), max_size=3))
def test_any_text_is_a_log(logs: list[tuple[str, str]]) -> None:
    find(*logs)
    for _, text in logs:
        kernel_logs.hardboot_problem(text)
    kernel_logs.wrote_record(logs)
