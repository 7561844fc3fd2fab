"""hb-init, built for this computer: the disks of a ROM that is stored on the phone."""

from pathlib import Path

import pytest
from hb_inits import Rom, host_hb_init, rom
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hardboot.payload import extents, hb_init
from hardboot.payload.extents import Extent

__all__ = ["host_hb_init", "rom"]

SECTORS = 64
RUNS = (Extent(0, 4096, 8192), Extent(8192, 0, 4096))
RESTARTED = "reboot 0xfee1dead 0x28121969 0x1234567 "


def log(rom: Rom) -> str:
    return (rom.root / "hb-init/kmsg").read_text()


@pytest.fixture
def userdata(rom: Rom) -> Path:
    """Give the phone a partition of SECTORS sectors."""
    file = rom.partition("vda5", "254:5", "userdata", b"")
    file.write_bytes(bytes(SECTORS * 512))
    return file


def disk(rom: Rom, *, name: str = "root", read_only: bool = False, size: int = SECTORS * 512) -> str:
    """Return the step, and put the table there."""
    (rom.root / "hb-init" / hb_init.table_name(name)).write_bytes(extents.build_table(RUNS))
    return hb_init.disk_step(name, "userdata", "vda5", size, read_only=read_only)


@pytest.mark.parametrize("read_only", [False, True])
def test_a_disk_is_made_of_the_runs_and_the_roms_init_starts(
    rom: Rom, userdata: Path, *, read_only: bool
) -> None:
    rom.steps(disk(rom, read_only=read_only), "init /init")
    assert rom.run()[:10] == [
        "dm 3 v4 root flags=0",
        "ioctl 3",
        f"dm 9 v4 root flags={'0x1' if read_only else '0'}",
        "target 0 16 linear 254:5 8",
        "target 16 8 linear 254:5 0",
        "ioctl 9",
        "dm 6 v4 root flags=0",
        "ioctl 6",
        "exec /init",
        "argument /init",
    ]
    assert sorted(path.name for path in rom.root.iterdir()) == ["devices", "sysfs"]
    assert userdata.read_bytes() == bytes(SECTORS * 512)


def test_a_root_file_system_is_mounted_and_entered(rom: Rom, userdata: Path) -> None:
    rom.steps(disk(rom), hb_init.root_step("root", "ext4"), "init /sbin/init")
    assert rom.run()[8:14] == [
        "mount /hb-init/root-disk /hb-init/root flags=0",
        "chdir /hb-init/root",
        "mount . / flags=0x2000",
        "chroot .",
        "chdir /",
        "exec /sbin/init",
    ]
    assert (rom.root / "hb-init/root-disk").readlink().name == "253:0"
    assert log(rom).splitlines() == [
        "<5>hb-init: root: the disk is there",
        "<5>hb-init: /sbin/init: starting it",
    ]


def test_modules_are_loaded_in_their_order(rom: Rom) -> None:
    for name in ("dm-mod.ko", "virtio_blk.ko"):
        (rom.root / "hb-init" / name).write_text(name)
    rom.steps(hb_init.module_step("dm-mod.ko"), hb_init.module_step("virtio_blk.ko"), "init /init")
    assert rom.run()[:3] == ["module dm-mod.ko", "module virtio_blk.ko", "exec /init"]


@pytest.mark.parametrize(("errno", "is_told"), [(17, False), (2, True), (8, True)])
def test_a_module_that_does_not_load_is_told_unless_it_is_there(
    rom: Rom, errno: int, *, is_told: bool
) -> None:
    kmsg = rom.root / "hb-init/kmsg"
    kept = rom.root.parent / "kmsg"
    kept.unlink(missing_ok=True)
    kept.hardlink_to(kmsg)
    (rom.root / "hb-init/a.ko").write_text("a.ko")
    rom.settings |= {"HB_CALL": "module", "HB_CALL_ERRNO": str(errno)}
    rom.steps("module a.ko", "init /init")
    assert "exec /init" in rom.run()
    assert (f"cannot load the module, error {errno}" in kept.read_text()) == is_told


@pytest.mark.parametrize("call", ["ioctl 3", "ioctl 9", "ioctl 6", "mount /hb", "chdir", "mount .", "chroot"])
def test_what_fails_restarts_the_phone_to_its_own_system(rom: Rom, userdata: Path, call: str) -> None:
    rom.settings |= {"HB_CALL": call, "HB_CALL_ERRNO": "5"}
    rom.steps(disk(rom), hb_init.root_step("root", "ext4"), "init /sbin/init")
    assert rom.run()[-1] == RESTARTED
    assert "error 5" in log(rom)


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ("disk root userdata vda5 32768 rx", "root: the step is malformed, error 22"),
        ("disk root userdata vda5 x rw", "root: the step is malformed, error 22"),
        ("disk root userdata vda5 32768 rw more", "root: the step is malformed, error 22"),
        ("disk root userdata vda5", "root: the step is malformed, error 22"),
        ("disk other userdata vda5 32768 rw", "other: cannot read its table, error 2"),
        ("disk root persist vda5 32768 rw", "persist: there is no partition of that name and size"),
        ("disk root userdata vda5 32256 rw", "userdata: there is no partition of that name and size"),
        ("root root ext4", "root: cannot mount the root file system, error 22"),
    ],
)
def test_a_step_that_does_not_fit_the_phone_restarts_it(
    rom: Rom, userdata: Path, step: str, says: str
) -> None:
    disk(rom)
    rom.steps(step, "init /init")
    assert rom.run() == [RESTARTED]
    assert says in log(rom)


def test_of_two_partitions_with_that_name_and_size_none_is_taken(rom: Rom, userdata: Path) -> None:
    card = rom.partition("mmcblk1p1", "179:1", "userdata", b"")
    card.write_bytes(userdata.read_bytes())
    rom.steps(disk(rom), "init /init")
    assert rom.run() == [RESTARTED]
    card.write_bytes(bytes(512))
    rom.steps(disk(rom), "init /init")
    assert "exec /init" in rom.run()


@pytest.mark.parametrize(
    "table",
    [
        b"",
        b"x" * 23,
        extents.build_table([Extent(512, 0, 512)]),
        extents.build_table([Extent(0, 0, 512), Extent(1024, 512, 512)]),
        extents.build_table([Extent(0, 0, 512), Extent(0, 512, 512)]),
        extents.build_table([Extent(0, 0, 0)]),
        extents.build_table([Extent(0, (SECTORS - 1) * 512, 1024)]),
        extents.build_table([Extent(0, SECTORS * 512, 512)]),
        extents.build_table([Extent(0, (1 << 64) - 512, 1024)]),
        extents.build_table([Extent(0, 512, (1 << 64) - 512)]),
    ],
)
def test_a_table_that_leaves_the_partition_or_has_gaps_is_never_used(
    rom: Rom, userdata: Path, table: bytes
) -> None:
    step = disk(rom)
    (rom.root / "hb-init/root.table").write_bytes(table)
    rom.steps(step, "init /init")
    assert rom.run() == [RESTARTED]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(st.lists(st.tuples(*[st.integers(0, 1 << 64 - 1) | st.integers(0, 70)] * 3), max_size=4))
def test_no_table_makes_a_disk_with_sectors_of_somebody_else(
    rom: Rom, userdata: Path, runs: list[tuple[int, int, int]]
) -> None:
    step = disk(rom)
    table = b"".join(value.to_bytes(8, "little") for run in runs for value in run)
    (rom.root / "hb-init/root.table").write_bytes(table)
    (rom.root / "hb-init/kmsg").touch()
    rom.steps(step, "init")
    (rom.root / "hb-init/init").touch()
    done = rom.run()
    for line in done:
        if line.startswith("target "):
            _, _, length, _, _, start = line.split()
            assert int(length)
            assert int(start) + int(length) <= SECTORS
