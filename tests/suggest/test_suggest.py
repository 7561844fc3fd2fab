"""hardboot devices suggest: drafts from files modelled on what is known of real phones."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_builders import DEBIAN, dtb

from hardboot import profile, suggest
from hardboot.__main__ import run
from hardboot.base.errors import InputError
from hardboot.base.memory import Range
from hardboot.suggest import Findings, Suggestion
from hardboot.suggest.drafting import draft, quirks
from hardboot.suggest.ground import look

GETPROP = """[ro.product.device]: [{}]
[ro.product.manufacturer]: [maker]
[ro.product.cpu.abi]: [armeabi-v7a]
[ro.board.platform]: [{}]
"""
SHAMU_IOMEM = """\
00000000-0d9fffff : System RAM
  00008000-00f3ffff : Kernel code
  01000000-0137ffff : Kernel data
0fb00000-bfffffff : System RAM
fc4ab000-fc4abfff : restart
"""
SHAMU_TREE = """/memreserve/ 0 0x1000;
/memreserve/ 0xac1c0000 0x1000;
/ {{ #address-cells = <2>; #size-cells = <2>; compatible = "qcom,apq8084"; qcom,msm-id = <178 0x47 0x8200>;
  memory {{ device_type = "memory"; reg = <0 0 0 0x40000000 0 0x40000000 0 0x80000000>; }};
  soc {{ ramoops-hole {{ qcom,memblock-reserve = <0x3e9e0000 0x100000>; }};
    mdss_fb {{ qcom,memblock-reserve = <0x3200000 0x1e00000>; }}; {hole} }};
  chosen {{ linux,initrd-start = <0x2000000>; linux,initrd-end = <0x2123456>; mmi,baseband = "x"; mmi,esd;
    linux,hwrev = <0x83a0>; mmi,bl_sigs {{ a = <1>; }}; }}; }};"""
HOLE = "kexec_hardboot-hole { qcom,memblock-reserve = <0x3e9df000 0x1000>; };"
LISTING = """/dev/block/platform/msm_sdcc.1/by-name:
lrwxrwxrwx root root 2014-01-01 00:00 boot -> /dev/block/mmcblk0p37
lrwxrwxrwx root root 2014-01-01 00:00 recovery -> /dev/block/mmcblk0p35
"""
PARTITIONS = " 179       37      16384 mmcblk0p37\n 179       35      16400 mmcblk0p35\n"


def folder(where: Path, device: str = "shamu", platform: str = "msm8084", **files: str | bytes) -> Path:
    """A folder of files as people copy them off a phone; __ stands for a dash or a dot."""
    where.mkdir(exist_ok=True)
    for name, value in {"getprop": GETPROP.format(device, platform), **files}.items():
        path = where / name.replace("by_name", "by-name").replace("__", ".")
        path.write_bytes(value if isinstance(value, bytes) else value.encode())
    return where


def shamu(where: Path, hole: str = "", **more: str | bytes) -> Path:
    files: dict[str, Any] = {
        "iomem": SHAMU_IOMEM,
        "fdt": dtb(SHAMU_TREE.format(hole=hole)),
        "by_name": LISTING,
    }
    return folder(
        where, **(files | {"partitions": PARTITIONS, "version": "Linux version 3.10.40-g1 (x)"} | more)
    )


def drafted(where: Path) -> Suggestion:
    found = suggest.suggest(suggest.read(where))
    assert profile.parse(found.text.encode(), "draft") == found.profile
    assert profile.check(found.profile, profile.load_all()) == []
    return found


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


def test_the_hole_in_the_tree_beats_a_proposal_and_tells_the_old_patch(tmp_path: Path) -> None:
    made = drafted(shamu(tmp_path, HOLE)).profile
    assert (made.hardboot.page, made.hardboot.page_size) == (0x3E9DF000, 0x1000)
    assert made.trust("hardboot.page") == "verified"
    assert "kexec_hardboot-hole" in made.evidence["hardboot.page"].source
    assert made.hardboot.host_abi == "copy-dtb"
    assert made.trust("hardboot.dtb_loc") == "unknown"
    assert not any(one.overlaps(made.page) for one in made.reserved)


def test_a_log_that_contradicts_the_tree_and_the_profile_is_reported(tmp_path: Path) -> None:
    log = "[    0.000000] Hardboot page reserved at 0x2F500000\n"
    found = drafted(shamu(tmp_path, HOLE.replace("0x3e9df000", "0x3e9de000"), dmesg=log))
    assert found.profile.hardboot.page == 0x3E9DE000
    assert any("reserved at 0x2f500000" in one and "kexec_hardboot-hole" in one for one in found.notes)
    assert any(one.startswith("hardboot.page: 0x3e9de000 here, 0x3e9df000 in") for one in found.differences)
    found = drafted(shamu(tmp_path, dmesg=log))
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
def test_the_pages_of_the_public_ports_are_found_again(
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


def test_a_phone_that_removed_the_page_from_its_ram_gets_a_draft_that_holds_it(tmp_path: Path) -> None:
    log = "Hardboot page reserved at 0x10100000\n"
    iomem = "00000000-07afffff : System RAM\n10200000-7fffffff : System RAM\n"
    made = drafted(folder(tmp_path, "hammerhead", "msm8974", iomem=iomem, last_kmsg=log)).profile
    assert made.hardboot.page == profile.load("hammerhead").hardboot.page
    assert Range(0x10100000, 0x10200000) in made.ram


def test_a_64_bit_phone_with_an_older_patch_says_what_must_be_found(tmp_path: Path) -> None:
    iomem = "00000000-7fffffff : System RAM\n  00080000-01ffffff : Kernel code\n"
    getprop = GETPROP.format("bullhead", "msm8992").replace("armeabi-v7a", "arm64-v8a")
    files = {"iomem": iomem, "getprop": getprop}
    made = drafted(folder(tmp_path, **files)).profile
    assert (made.arch, made.hardboot.host_abi) == ("arm64", "direct")
    log = "Hardboot page reserved at 0x1fe00000\n"
    made = drafted(folder(tmp_path, **files, dmesg=log)).profile
    assert (made.hardboot.host_abi, made.hardboot.page) == ("buffer", 0x1FE00000)
    assert made.trust("hardboot.buffer") == "unknown"


def test_ranges_of_the_socs_bootloaders_are_avoided(tmp_path: Path) -> None:
    iomem = "00000000-7fffffff : System RAM\n  00008000-00ffffff : Kernel code\n"
    dmesg = "ramoops: attached 0x100000@0x10000000, ecc: 0/0\n"
    made = drafted(folder(tmp_path, "unknown", "msm8974", iomem=iomem, dmesg=dmesg)).profile
    assert made.hardboot.page == 0x0FFFF000
    made = drafted(folder(tmp_path, "unknown", "msm8226", iomem=iomem, dmesg=dmesg)).profile
    lk, scratch = Range(0x0FF00000, 0x10000000), Range(0x10000000, 0x14000000)
    assert not any(made.page.overlaps(one) for one in (lk, scratch))
    assert "no ramoops" in made.evidence["hardboot.page"].source


def test_mem_min_is_above_what_is_lost(tmp_path: Path) -> None:
    iomem = "00000000-7fffffff : System RAM\n  00008000-00ffffff : Kernel code\n"
    made = drafted(folder(tmp_path, "unknown", "msm8974", iomem=iomem)).profile
    assert made.mem_min == 0x08000000  # LK and its scratch area are further up, and ranges of their own
    iomem = iomem.replace("00ffffff", "0effffff")
    above = drafted(folder(tmp_path, "unknown", "msm8974", iomem=iomem)).profile
    assert above.mem_min == 0x15000000
    source = made.evidence["mem_min"].source
    assert "erase the first 128 MB" in source
    assert "may be so" in source


def test_a_phone_without_a_tree_gets_atags(tmp_path: Path) -> None:
    iomem = "80200000-887fffff : System RAM\n  80208000-80ffffff : Kernel code\n"
    made = drafted(folder(tmp_path, "mako", "msm8960", iomem=iomem)).profile
    assert (made.hardboot.host_abi, made.dtb.kind) == ("copy-atags", "none")
    assert (made.kernel.phys_offset, made.kernel.zreladdr) == (0x80200000, 0x80208000)
    assert made.trust("kernel.params") == "unknown"


def test_addresses_hidden_from_who_is_not_root_are_told(tmp_path: Path) -> None:
    found = drafted(
        folder(tmp_path, iomem="00000000-00000000 : System RAM\n00000000-00000000 : Kernel code\n")
    )
    assert any("not read as root" in note for note in found.notes)
    assert found.profile.ram == ()
    for fact in ("ram", "mem_min", "hardboot.page", "bootloader", "partitions.boot", "reset"):
        assert found.profile.trust(fact) == "unknown"
        assert len(found.profile.how_to_find(fact)) > 20


def test_without_iomem_the_banks_are_those_of_the_tree(tmp_path: Path) -> None:
    found = drafted(shamu(tmp_path, iomem=""))
    assert Range(0, 0xC0000000) in found.profile.ram
    assert found.profile.hardboot.page == 0x3E9DF000
    assert "running kernel" not in found.profile.evidence["hardboot.page"].source
    assert any("/proc/iomem is missing" in note for note in found.notes)


@pytest.mark.parametrize("form", ["folder", "tar"])
def test_the_tree_may_be_a_folder_or_a_tar(tmp_path: Path, form: str) -> None:
    from tree_files import unpacked

    from hardboot.formats.trees import fdt

    where = shamu(tmp_path / "files", HOLE)
    files = unpacked(fdt.parse((where / "fdt").read_bytes()), where / "device-tree")
    (where / "fdt").unlink()
    if form == "tar":
        target = where / "device-tree.tar"
        subprocess.run(["tar", "-cf", target, "-C", files, "."], check=True, timeout=30)
        shutil.rmtree(files)
    made = drafted(where).profile
    assert made.hardboot.page == 0x3E9DF000
    assert made.dtb.msm_ids == ((178, 0x47, 0x8200),)


def boot_image(ramdisk_offset: int, cmdline: str) -> bytes:
    path = Path("boot.img")
    words = ["--base", "0", "--ramdisk_offset", hex(ramdisk_offset), "--tags_offset", "0x01e00000"]
    Path("k").write_bytes(bytes(4096))
    command = ["mkbootimg", "--kernel", "k", "--ramdisk", "k", *words, "--cmdline", cmdline, "-o", str(path)]
    subprocess.run(command, check=True, timeout=30, env=DEBIAN)
    return path.read_bytes()


def test_the_header_of_the_boot_image_is_trusted_if_the_ramdisk_lies_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = "console=ttyHSL0,115200,n8 androidboot.console=ttyHSL0 androidboot.hardware=shamu"
    running = "console=null androidboot.hardware=shamu androidboot.serialno=1"
    rubbish = shamu(tmp_path / "a", boot__img=boot_image(0xB, own), cmdline=running)
    made = drafted(rubbish).profile
    known = profile.load("shamu")
    assert made.image.header_trusted is False
    assert (made.image.base, made.image.kernel_offset, made.image.page_size) == (0, 0x8000, 2048)
    assert made.cmdline.replaced == known.cmdline.replaced
    assert made.cmdline.dropped == known.cmdline.dropped
    right = drafted(shamu(tmp_path / "b", boot__img=boot_image(0x02000000, own), cmdline=own)).profile
    assert right.image.header_trusted is True
    assert right.image.ramdisk_offset == known.image.ramdisk_offset
    assert right.cmdline.replaced == {}
    assert Range(0x8000, 0x1008000) in right.bootloader


def test_a_bootloader_that_cuts_the_command_line_is_seen() -> None:
    flo = profile.load("flo").cmdline.stock
    assert flo
    assert quirks(flo, f"{flo[26:]} androidboot.serialno=1") == {"skip": 26}
    assert quirks(flo, f"x {flo} y") == {}


def test_a_flag_of_new_kernels_is_another_one(tmp_path: Path) -> None:
    assert drafted(folder(tmp_path, version="Linux version 6.6.0 (x)")).profile.hardboot.flag == 0x8000
    assert drafted(folder(tmp_path, version="Linux version 6.1.99 (x)")).profile.hardboot.flag == 0x4


def test_psci_and_qualcomms_ps_hold_are_told_apart(tmp_path: Path) -> None:
    tree = "/ {{ #address-cells = <1>; #size-cells = <1>; {} }};"
    psci = 'psci { compatible = "arm,psci-1.0", "arm,psci-0.2"; method = "hvc"; };'
    hold = 'soc { restart@fc4ab000 { compatible = "qcom,pshold"; reg = <0xfc4ab000 4>; }; };'
    assert drafted(folder(tmp_path, fdt=dtb(tree.format(psci)))).profile.reset.method == "psci"
    reset = drafted(folder(tmp_path, fdt=dtb(tree.format(hold)))).profile.reset
    assert (reset.method, reset.address, reset.value) == ("mmio", 0xFC4AB000, 0)


@pytest.mark.parametrize("getprop", ["", "[ro.product.device]: [../x]\n", "ro.product.device=shamu"])
def test_a_folder_that_does_not_name_the_phone_is_refused(tmp_path: Path, getprop: str) -> None:
    with pytest.raises(InputError, match=r"ro\.product\.device"):
        suggest.read(folder(tmp_path, getprop=getprop))
    with pytest.raises(InputError, match="no folder"):
        suggest.read(tmp_path / "nowhere")


TREE = dtb(SHAMU_TREE.format(hole=""))
NUMBER = st.sampled_from(
    [0, 0x1000, 0x8000, 0x10000000, 0x3E9DF000, 0x3E9E0000, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 33]
)
LINE = st.tuples(
    NUMBER, NUMBER, st.sampled_from(["System RAM", "  Kernel code", "  ramoops", "  x/y", "\x1b[31m"])
)
LOG = st.tuples(NUMBER, NUMBER).map(
    lambda pair: f"Hardboot page reserved at {pair[0]:#x}\nramoops 0x{pair[1]:x}@0x{pair[0]:x}\n"
)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(LINE, max_size=6),
    log=LOG | st.text(max_size=60),
    page=NUMBER.map(hex) | st.text(max_size=10),
    listing=st.text(" ->/abkot\n:", max_size=40) | st.just(LISTING),
    hole=st.tuples(NUMBER, NUMBER),
    abi=st.sampled_from(["armeabi-v7a", "arm64-v8a"]),
    header=st.binary(max_size=64).map(lambda tail: b"ANDROID!" + tail + bytes(1700)) | st.binary(max_size=60),
)
def test_whatever_a_phone_says_the_draft_loads_and_keeps_every_rule(
    tmp_path: Path,
    lines: list[tuple[int, int, str]],
    log: str,
    page: str,
    listing: str,
    hole: tuple[int, int],
    abi: str,
    header: bytes,
) -> None:
    from hardboot.formats.trees import fdt

    iomem = "".join(
        f"{'  ' if name[0] == ' ' else ''}{a:08x}-{b:08x} : {name.strip()}\n" for a, b, name in lines
    )
    start, size = (value & 0xFFFFFFFF for value in hole)
    tree = fdt.parse(TREE)
    tree.ensure("/soc/hardboot").properties["qcom,memblock-reserve"] = fdt.cells((start, size))
    getprop = GETPROP.format("x", "msm8974\\").replace("armeabi-v7a", abi)
    texts = {"getprop": getprop, "iomem": iomem, "dmesg": log, "page": page}
    found = Findings({**texts, "by-name": listing, "partitions": PARTITIONS}, tree, header)
    text, made, _ = draft(found, look(found), None)
    assert profile.parse(text.encode(), "draft") == made
    assert profile.check(made) == []


def call(capsys: pytest.CaptureFixture[str], *words: str | Path, code: int = 0) -> tuple[str, str]:
    assert run([str(word) for word in words]) == code
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_the_command_writes_a_file_that_devices_check_accepts(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    where, target = shamu(tmp_path / "files"), tmp_path / "shamu.toml"
    out, err = call(capsys, "devices", "suggest", "--from", where, "-o", target)
    assert "hardboot.page: 0x3e9df000: directly below ramoops" in out
    assert max(map(len, out.splitlines()[1:])) <= 80
    assert "mem_min: 0x8000000 here, 0x20000000 in shamu.toml" in err
    assert "1 profile checked, no problems" in call(capsys, "devices", "check", target)[0]
    text, _ = call(capsys, "devices", "suggest", "--from", where)
    assert text == target.read_text()
    document = json.loads(call(capsys, "--json", "devices", "suggest", "--from", where)[0])
    assert document["hardboot_page"] == 0x3E9DF000
    assert document["profile"] == text
    assert set(document["unknown"]) == {"bootloader", "reset", "image"}
    assert document["reasons"]["mem_min"].startswith("the lowest multiple of 16 MiB above")
