"""Which hardboot page is proposed for a phone."""

from pathlib import Path

import pytest
from copied_files import HOLE, drafted, folder, shamu

from hardboot import profile
from hardboot.base.memory import Range


def test_the_nexus_6_gets_the_page_that_is_known_to_be_its_own(tmp_path: Path) -> None:
    found = drafted(shamu(tmp_path))
    made, known = found.profile, profile.load("shamu")
    assert made.hardboot.page == 0x3E9DF000 == known.hardboot.page
    assert "directly below ramoops (0x3e9e0000-0x3eae0000)" in made.evidence["hardboot.page"].source
    assert made.trust("hardboot.page") == "inferred"
    assert made.partitions == known.partitions
    assert made.kernel == known.kernel
    assert made.dtb.msm_ids == ((178, 0x47, 0x8200),)
    assert Range(0x3E9E0000, 0x3EAE0000) in made.reserved
    assert Range(0x3200000, 0x5000000) in made.reserved
    assert Range(0x2000000, 0x3000000) in made.bootloader
    assert [one.properties for one in made.dtb.carry] == [("linux,hwrev", "mmi,*"), ("*",)]
    assert made.dtb.carry[1].node == "/chosen/mmi,bl_sigs/**"
    assert made.status == "untested"
    assert [one.partition(":")[0] for one in found.differences] == [
        *("mem_min", "hardboot.host_abi", "bootloader.scratch"),
    ]


def test_a_hole_in_the_tree_beats_a_proposal_and_shows_an_older_patch(tmp_path: Path) -> None:
    made = drafted(shamu(tmp_path, HOLE, page="")).profile
    assert (made.hardboot.page, made.hardboot.page_size) == (0x3E9DF000, 0x1000)
    assert made.trust("hardboot.page") == "verified"
    assert "kexec_hardboot-hole" in made.evidence["hardboot.page"].source
    assert made.hardboot.host_abi == "copy-dtb"
    assert made.trust("hardboot.dtb_loc") == "unknown"
    assert not any(one.overlaps(made.page) for one in made.reserved)


def test_a_log_that_contradicts_the_tree_and_the_profile_is_reported(tmp_path: Path) -> None:
    log = "[    0.000000] Hardboot page reserved at 0x2F500000\n"
    found = drafted(shamu(tmp_path, HOLE.replace("0x3e9df000", "0x3e9de000"), dmesg=log, page=""))
    assert found.profile.hardboot.page == 0x3E9DE000
    assert any("reserved at 0x2f500000" in one and "kexec_hardboot-hole" in one for one in found.notes)
    assert any(one.startswith("hardboot.page: 0x3e9de000 here, 0x3e9df000 in") for one in found.differences)
    found = drafted(shamu(tmp_path, dmesg=log, page=""))
    assert found.profile.hardboot.page == 0x2F500000
    assert found.profile.hardboot.page_size == 0x100000
    assert any("0x2f500000 here, 0x3e9df000" in one for one in found.differences)


@pytest.mark.parametrize(  # ramoops or RAM console, and the page of 1 MiB beside it
    ("device", "platform", "ram", "log", "page"),
    [
        ("hammerhead", "msm8974", (0x10100000, 0x7FFFFFFF), (0x10000000, 0x100FFFFF), 0x10100000),
        ("mako", "msm8960", (0x80200000, 0x887FFFFF), (0x88700000, 0x887FFFFF), 0x88600000),
        ("flo", "msm8960", (0x80200000, 0x88DFFFFF), (0x88D00000, 0x88DFFFFF), 0x88C00000),
        ("grouper", "tegra3", (0x80000000, 0xBEBFFFFF), (0xBEB00000, 0xBEBFFFFF), 0xBEA00000),
        ("bullhead", "msm8992", (0x00000000, 0x7FFFFFFF), (0x1FF00000, 0x1FFFFFFF), 0x1FE00000),
        ("satsuki", "msm8994", (0x00000000, 0x7FFFFFFF), (0x1FE00000, 0x1FFFFFFF), 0x1FD00000),
        ("nx511j", "msm8939", (0x80000000, 0xFFFFFFFF), (0x9FF00000, 0x9FFFFFFF), 0x9FE00000),
    ],
)
def test_proposals_match_the_pages_of_public_ports(
    tmp_path: Path, device: str, platform: str, ram: tuple[int, int], log: tuple[int, int], page: int
) -> None:
    start = ram[0] if device != "hammerhead" else 0
    text = f"{ram[0]:08x}-{ram[1]:08x} : System RAM\n"
    if device == "hammerhead":  # what was removed at the start of bank 1 is no System RAM
        text = f"00000000-07afffff : System RAM\n{text}"
    dmesg = f"persistent_ram: Initialized persistent memory from {log[0]:08x}-{log[1]:08x}\n"
    kernel = f"  {start + 0x8000:08x}-{start + 0xFFFFFF:08x} : Kernel code\n"
    lines = text.splitlines(keepends=True)
    made = drafted(
        folder(tmp_path, device, platform, iomem="".join([lines[0], kernel, *lines[1:]]), dmesg=dmesg)
    )
    assert page <= made.profile.page.start < page + 0x100000
    assert not any(one.startswith("hardboot.page") for one in made.differences)


def test_a_page_removed_from_system_ram_becomes_a_bank_of_the_draft(tmp_path: Path) -> None:
    log = "Hardboot page reserved at 0x10100000\n"
    iomem = "00000000-07afffff : System RAM\n10200000-7fffffff : System RAM\n"
    made = drafted(folder(tmp_path, "hammerhead", "msm8974", iomem=iomem, dmesg=log, page="")).profile
    assert made.hardboot.page == profile.load("hammerhead").hardboot.page
    assert Range(0x10100000, 0x10200000) in made.ram


def test_what_the_previous_kernel_reserved_is_no_page_of_the_running_one(tmp_path: Path) -> None:
    log = "[    0.000000] Hardboot page reserved at 0x3E000000\n"
    found = drafted(shamu(tmp_path, last_kmsg=log, page=""))
    made = found.profile
    assert (made.hardboot.page, made.trust("hardboot.page")) == (0x3E000000, "inferred")
    assert "a host kernel that ran before reserved it" in made.evidence["hardboot.page"].source
    assert (made.hardboot.page_size, made.hardboot.host_abi) == (0x1000, "direct")
    assert not [note for note in found.notes if "sources disagree" in note]
    # Where it would lie over something else, it is not proposed.
    for taken in ("0x3e9e0000", "0x3200000", "0x2000000", "0xffff0000"):
        log = f"[    0.000000] Hardboot page reserved at {taken}\n"
        assert drafted(shamu(tmp_path, last_kmsg=log)).profile.hardboot.page == 0x3E9DF000


def test_the_log_memory_of_the_previous_kernel_is_told_from_that_of_the_running_one(tmp_path: Path) -> None:
    iomem = "00000000-7fffffff : System RAM\n  00008000-00ffffff : Kernel code\n"
    now = "ramoops: attached 0x100000@0x20000000, ecc: 0/0\n"
    before = "ramoops: attached 0x100000@0x30000000, ecc: 0/0\n"
    files = {"iomem": iomem, "dmesg": now, "last_kmsg": before}
    made = drafted(folder(tmp_path, "unknown", "unknown", **files)).profile
    trust = {one: made.trust(f"reserved.{one.name}") for one in made.reserved}
    known = {Range(0x20000000, 0x20100000): "verified", Range(0x30000000, 0x30100000): "inferred"}
    assert trust == known
    assert made.page.start == 0x1FFFF000, "beside that of the running kernel"


@pytest.mark.parametrize(  # with and without the answer of the file that our series shows
    ("files", "abi", "size"),
    [
        ({}, None, 0x1000),
        ({"page": ""}, "copy-dtb", 0x100000),
        ({"page": "0x2f500000"}, "direct", 0x1000),
    ],
)
def test_a_log_alone_does_not_tell_whose_hardboot_page_it_is(
    files: dict[str, str], abi: str | None, size: int, tmp_path: Path
) -> None:
    log = "[    0.000000] Hardboot page reserved at 0x2f500000\n"
    made = drafted(shamu(tmp_path, dmesg=log, **files)).profile
    assert (made.hardboot.page, made.hardboot.host_abi, made.hardboot.page_size) == (0x2F500000, abi, size)
    assert abi or made.trust("hardboot.host_abi") == "unknown"


def test_ranges_of_the_socs_bootloaders_are_avoided(tmp_path: Path) -> None:
    iomem = "00000000-7fffffff : System RAM\n  00008000-00ffffff : Kernel code\n"
    dmesg = "ramoops: attached 0x100000@0x10000000, ecc: 0/0\n"
    made = drafted(folder(tmp_path, "unknown", "msm8974", iomem=iomem, dmesg=dmesg)).profile
    assert made.hardboot.page == 0x0FFFF000
    made = drafted(folder(tmp_path, "unknown", "msm8226", iomem=iomem, dmesg=dmesg)).profile
    lk, scratch = Range(0x0FF00000, 0x10000000), Range(0x10000000, 0x14000000)
    assert not any(made.page.overlaps(one) for one in (lk, scratch))
    assert "no ramoops" in made.evidence["hardboot.page"].source
