"""The virtual phone as users meet it, and the profile that describes it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from drafts import agrees, drafted
from phones import VirtualPhone

from hardboot import devicetree, profile
from hardboot.device import handset
from hardboot.device.connection import open_transport
from hardboot.device.copies import Copy
from hardboot.virtual import classic

pytestmark = pytest.mark.e2e


def test_status_has_its_five_facts(stock_phone: VirtualPhone) -> None:
    status = stock_phone("--json", "virtual", "status").json
    assert status["running"] is True
    assert status["device"] == "virt-arm"
    assert status["serial"].startswith("127.0.0.1:")
    assert "init: boot completed" in Path(status["console"]).read_text(errors="replace")
    assert status["resets"] == stock_phone.status.resets


def test_start_is_idempotent_and_stop_too(stock_phone: VirtualPhone) -> None:
    first = stock_phone("--json", "virtual", "start").json
    assert first == stock_phone("--json", "virtual", "status").json
    stock_phone("virtual", "stop")
    assert stock_phone("virtual", "stop").out == "The virtual phone virt-arm was not running.\n"
    assert stock_phone.status.running is False
    stock_phone.hardboot.process("virtual", "start")
    assert stock_phone.serial == first["serial"]
    assert stock_phone.status.resets == 0


def test_a_running_phone_is_not_reset_behind_your_back(stock_phone: VirtualPhone) -> None:
    refused = stock_phone.hardboot.process("virtual", "start", "--reset-disk", code=3)
    assert "is already running" in refused.three_lines[0]


def test_reset_disk_makes_it_new(stock_phone: VirtualPhone) -> None:
    stock_phone.run("echo mine > /data/local/tmp/mine; sync")
    stock_phone.restart()
    assert stock_phone.run("cat /data/local/tmp/mine") == "mine\n"
    stock_phone.reset_disk()
    assert "No such file" in stock_phone.run("cat /data/local/tmp/mine")


def test_the_console_shows_the_bootloader_and_gives_a_root_shell(stock_phone: VirtualPhone) -> None:
    assert "U-Boot 2025.01" in stock_phone("virtual", "console", "--log").out
    command = [sys.executable, "-m", "hardboot", "virtual", "console"]
    pipe = subprocess.PIPE
    environment = {**os.environ, **stock_phone.hardboot.environment}
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment) as console:
        assert console.stdin is not None
        assert console.stdout is not None
        console.stdin.write(b"id; echo e''nd\n")
        console.stdin.flush()
        seen = b""
        while b"end" not in seen:
            seen += os.read(console.stdout.fileno(), 4096)
        console.stdin.write(b"\x1d")
        console.stdin.close()
        assert console.wait(timeout=10) == 0
    assert b"uid=0" in seen


def test_recovery_is_reached_once_through_the_boot_control_block(stock_phone: VirtualPhone) -> None:
    resets = stock_phone.status.resets
    stock_phone.run("su -c 'reboot recovery </dev/null >/dev/null 2>&1 &'")
    stock_phone.wait(resets)
    assert stock_phone.run("getprop ro.boot.mode").strip() == "recovery"
    states, steps = stock_phone.doctor()
    assert (states["connection"], states["slots"], states["host kernel"]) == ("ok", "ok", "not")
    assert steps[0] == "hardboot reboot"
    stock_phone.restart()
    assert stock_phone.run("getprop ro.boot.mode").strip() == ""


def test_properties_are_read_and_set_as_on_android(stock_phone: VirtualPhone) -> None:
    root = "su -c 'setprop a.b one; setprop a.b \"two words\"; setprop ro.product.device mine; echo $?'"
    assert stock_phone.run(root).splitlines() == ["setprop: ro.product.device is read-only", "1"]
    look = "getprop a.b; getprop ro.product.device; getprop no.such; getprop no.such other; getprop"
    *single, listed = stock_phone.run(look).split("\n", 4)
    assert single == ["two words", "virt-arm", "", "other"]
    lines = listed.splitlines()
    assert lines == sorted(lines)
    assert {"[a.b]: [two words]", "[ro.product.device]: [virt-arm]"} <= set(lines)
    assert "Permission denied" in stock_phone.run("setprop a.b three")


def test_the_framework_writes_to_data_until_it_is_stopped(stock_phone: VirtualPhone) -> None:
    look = "getprop init.svc.zygote; pidof zygote || echo none"
    state, process = stock_phone.run(f"su -c 'start; rm -f /data/app/alive; stop; start'; {look}").split()
    assert state == "running"
    assert process.isdigit()
    assert stock_phone.run("su -c 'usleep 200000; cut -d. -f1 /data/app/alive'").strip().isdigit()
    assert stock_phone.run(f"su -c stop; usleep 100000; {look}").split() == ["stopped", "none"]
    stock_phone.run("su -c start")


def test_init_starts_adbd_again_and_says_how_it_ended(stock_phone: VirtualPhone) -> None:
    seen = stock_phone.status.console.stat().st_size
    stock_phone.run("su -c 'sleep 0.2; killall -9 adbd' </dev/null >/dev/null 2>&1 &")
    transport = open_transport(stock_phone.serial)
    try:
        deadline = time.monotonic() + 30
        while b"adbd: listening" not in (said := stock_phone.status.console.read_bytes()[seen:]):
            assert time.monotonic() < deadline, said
            time.sleep(0.1)
        assert said.index(b"init: adbd ended with 137") < said.index(b"adbd: listening")
        transport.wait(timeout_s=60)
    finally:
        transport.close()


def test_the_profile_agrees_with_the_phone(stock_phone: VirtualPhone) -> None:
    known = profile.load("virt-arm")
    layout = dict(zip(classic.MKBOOTIMG_LAYOUT[::2], classic.MKBOOTIMG_LAYOUT[1::2], strict=True))
    assert known.image.base == int(layout["--base"], 16)
    assert known.image.kernel_offset == int(layout["--kernel_offset"], 16)
    assert known.image.ramdisk_offset == int(layout["--ramdisk_offset"], 16)
    assert known.image.tags_offset == int(layout["--tags_offset"], 16)
    assert known.partitions["boot"].size == classic.TABLE.place("boot").size
    iomem = stock_phone.run("su -c 'cat /proc/iomem'")
    for bank in known.ram:
        assert f"{bank.start:08x}-{bank.end - 1:08x} : System RAM" in iomem
    tree = "/proc/device-tree/reserved-memory/ramoops@44100000/reg"
    ramoops = next(span for span in known.reserved if span.name == "ramoops")
    words = stock_phone.run(f"od -An -tx1 {tree}").split()
    assert int("".join(words[:8]), 16) == ramoops.start
    assert int("".join(words[8:]), 16) == ramoops.size


def test_the_tree_out_of_its_files_is_the_one_the_bootloader_made(
    stock_phone: VirtualPhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", stock_phone.hardboot.environment["XDG_STATE_HOME"])
    with handset.reach(stock_phone.serial) as found:
        whole = found.device_tree()
        monkeypatch.setattr(handset, "TREE", Copy("tree", "/nowhere"))  # kernels before 3.19
        files = found.device_tree()
        monkeypatch.setattr(handset, "_TREE_FILES", Copy("tree", "/nowhere"))
        assert found.device_tree() is None
    assert whole
    assert files
    assert {path: node.properties for path, node in files.root.walk()} == {
        path: node.properties for path, node in whole.root.walk()
    }
    assert whole.reservations


def test_the_page_proposed_for_a_phone_out_of_the_box_is_a_good_one(
    stock_phone: VirtualPhone, tmp_path: Path
) -> None:
    known = profile.load("virt-arm")
    made = drafted(stock_phone, tmp_path / "virt-arm.toml")
    agrees(made, known)
    page = made.page
    assert page.end == 0x44100000, "directly below ramoops"
    assert made.trust("hardboot.page") == "inferred"
    assert not any(page.overlaps(one) for one in (*known.reserved, *known.bootloader))
    assert devicetree.profile_phone_ids(made).ids == ()


def test_an_idle_phone_sleeps(stock_phone: VirtualPhone) -> None:
    look = "cut -d' ' -f1 /proc/uptime; head -n 1 /proc/stat"
    start, before, end, after = stock_phone.run(f"{look}; sleep 3; {look}").splitlines()
    assert float(end) - float(start) >= 3
    # What the phone did in between: user and system ticks of both CPUs.
    first, second = ([int(word) for word in line.split()[1:]] for line in (before, after))
    busy, idle = (sum(second[i] - first[i] for i in kind) for kind in ((0, 2), (3, 4)))
    assert busy < idle
