"""The fstab of an Android ROM mounts its own disks, and nothing that belongs to the phone's own system."""

import pytest

from hardboot.store import fstab

DEVICES = {
    "system": "/dev/block/dm-0",
    "vendor": "/dev/block/dm-1",
    "data": "/dev/block/dm-2",
    "odm_dlkm": "/dev/block/dm-3",
}
KINDS = {"system": "ext4", "vendor": "erofs", "data": "ext4", "odm_dlkm": "erofs"}
BY_NAME = "/dev/block/by-name"


def rewritten(text: str) -> fstab.Rewritten:
    return fstab.rewrite(text, DEVICES, KINDS)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (
            f"{BY_NAME}/system /system ext4 ro,barrier=1 wait",
            "/dev/block/dm-0 /system ext4 ro,barrier=1 wait",
        ),
        (f"{BY_NAME}/system\t/\text4\tro\twait,slotselect,avb", "/dev/block/dm-0 / ext4 ro wait"),
        (
            "system /system erofs ro wait,slotselect,avb=vbmeta,logical,first_stage_mount",
            "/dev/block/dm-0 /system ext4 ro wait,first_stage_mount",
        ),
        ("vendor /vendor ext4 ro wait,logical", "/dev/block/dm-1 /vendor erofs ro wait"),
        (
            f"{BY_NAME}/userdata /data f2fs noatime,nosuid,nodev latemount,wait,check,"
            "fileencryption=aes-256-xts,keydirectory=/metadata/vold,quota",
            "/dev/block/dm-2 /data ext4 noatime,nosuid,nodev latemount,wait,check",
        ),
        (
            f"{BY_NAME}/userdata /data f2fs noatime,nosuid,nodev,discard,reserve_root=32768,resgid=1065,"
            "fsync_mode=nobarrier,inlinecrypt latemount,wait,check",
            "/dev/block/dm-2 /data ext4 noatime,nosuid,nodev latemount,wait,check",
        ),
        ("vendor /vendor ext4 ro,barrier=1 wait", "/dev/block/dm-1 /vendor erofs ro wait"),
        ("vendor /vendor ext4 barrier=1 wait", "/dev/block/dm-1 /vendor erofs defaults wait"),
        (
            "system /system f2fs ro,context=u:object_r:system_file:s0,background_gc=off wait",
            "/dev/block/dm-0 /system ext4 ro,context=u:object_r:system_file:s0 wait",
        ),
        (
            f"{BY_NAME}/userdata /data ext4 noatime,data=ordered,noauto_da_alloc wait",
            "/dev/block/dm-2 /data ext4 noatime,data=ordered,noauto_da_alloc wait",
        ),
        (
            f"{BY_NAME}/userdata /data/ ext4 noatime encryptable=footer",
            "/dev/block/dm-2 /data/ ext4 noatime wait",
        ),
        (
            "odm_dlkm /odm_dlkm erofs ro wait,slotselect,avb,logical,first_stage_mount",
            "/dev/block/dm-3 /odm_dlkm erofs ro wait,first_stage_mount",
        ),
        (f"{BY_NAME}/system /system ext4 ro", "/dev/block/dm-0 /system ext4 ro wait"),
    ],
)
def test_the_roms_own_disks_are_mounted(line: str, wanted: str) -> None:
    made = rewritten(f"{line}\n")
    assert made.text == f"{wanted}\n"
    assert len(made.mounted) == 1
    assert made.left_out == ()


@pytest.mark.parametrize(
    "line",
    [
        f"{BY_NAME}/cache /cache ext4 noatime wait",
        f"{BY_NAME}/metadata /metadata ext4 noatime wait,formattable",
        "product /product ext4 ro wait,logical",
        f"{BY_NAME}/userdata /sdcard ext4 rw wait",
        "vendor_dlkm /vendor_dlkm erofs ro wait,slotselect,avb,logical,first_stage_mount",
        "my_product /my_product ext4 ro wait,logical,first_stage_mount",
    ],
)
def test_what_belongs_to_the_phones_own_system_is_left_out(line: str) -> None:
    made = rewritten(f"{line}\n")
    assert made.text == f"# {line}\n"
    assert made.left_out == (line.split()[1],)


@pytest.mark.parametrize(
    "line",
    [
        f"{BY_NAME}/modem /vendor/firmware_mnt vfat ro,shortname=lower wait",
        "/devices/soc/7864900.sdhci/mmc_host* auto auto defaults voldmanaged=sdcard1:auto",
        "# /dev/block/x /data ext4 rw wait",
        "",
        "two words",
    ],
)
def test_other_lines_stay_as_they_are(line: str) -> None:
    assert rewritten(f"{line}\n") == fstab.Rewritten(f"{line}\n", (), ())
