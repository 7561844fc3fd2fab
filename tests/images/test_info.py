"""`hardboot info` as people and programs meet it: its output, its refusals, and what it reads."""

import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import container_builders as build
import golden_images
import pytest
from backports import zstd
from image_builders import (
    DEBIAN,
    arm64_image,
    board,
    dtb,
    hardboot_tag,
    kernel_with_banner,
    klsz,
    pack,
    zimage,
)
from in_process import hardboot, on_terminal

from hardboot.formats.archives import compression
from hardboot.formats.avb import verify as avbcheck
from hardboot.formats.boot import bootimg
from hardboot.formats.reading import WINDOW
from hardboot.images.describe import describe

CMDLINE = "console=ttyMSM0,115200 androidboot.hardware=shamu msm_rtb.filter=0x37 " * 3 + "end"
KERNEL = zimage(payload=pack(kernel_with_banner("6.1.0-test"), "xz"), numbers=(0x3C000, 0x208000, 0x10000))


def process(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hardboot", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )


def document(path: Path) -> dict[str, Any]:
    done = hardboot("info", path, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def make(folder: Path, *, kernel: bytes = KERNEL, cmdline: str = CMDLINE, ramdisk_size: int = 5000) -> Path:
    """A v2 boot image made by AOSP's mkbootimg; its ramdisk is zeros."""
    (folder / "kernel").write_bytes(kernel)
    (folder / "dtb").write_bytes(board("Acme phone"))
    with (folder / "ramdisk").open("wb") as stream:
        stream.truncate(ramdisk_size)
    target = folder / "boot.img"
    subprocess.run(
        [
            *("mkbootimg", "--header_version", "2", "--base", "0x80000000", "--board", "acme"),
            *("--kernel", folder / "kernel", "--ramdisk", folder / "ramdisk", "--dtb", folder / "dtb"),
            *("--os_version", "13.0.0", "--os_patch_level", "2023-05", "--cmdline", cmdline, "-o", target),
        ],
        check=True,
        timeout=60,
        env=DEBIAN,
    )
    return target


def test_a_program_gets_every_number_of_a_boot_image_as_an_integer(tmp_path: Path) -> None:
    path = make(tmp_path, kernel=KERNEL + board("Acme one") + board("Acme two") + bytes(100))
    told = document(path)
    image = told["boot_image"]
    assert told["path"] == str(path)
    assert told["size"] == path.stat().st_size
    assert told["kind"] == "Android boot image"
    assert image["header_version"] == 2
    assert image["page_size"] == 2048
    assert image["cmdline"] == CMDLINE
    assert (image["os_version"], image["os_patch_level"], image["name"]) == ("13.0.0", "2023-05", "acme")
    assert image["tags_addr"] == 0x80000100
    assert len(image["id"]) == 64
    parts = {part["name"]: part for part in image["parts"]}
    assert list(parts) == ["kernel", "ramdisk", "second", "recovery_dtbo", "dtb"]
    data = path.read_bytes()
    kernel, tree = parts["kernel"], parts["dtb"]
    assert data[kernel["offset"] :].startswith(KERNEL)
    assert data[tree["offset"] : tree["offset"] + tree["size"]] == board("Acme phone")
    assert (kernel["address"], parts["ramdisk"]["address"]) == (0x80008000, 0x81000000)
    assert (tree["address"], parts["second"]["size"], parts["recovery_dtbo"]["address"]) == (
        *(0x81F00000, 0, None),
    )
    assert tree["trees"]["entries"][0]["model"] == "Acme phone"
    found = kernel["kernel"]
    assert kernel["kind"] == "ARM zImage kernel"
    assert (found["size"], found["release"], found["padding_size"]) == (len(KERNEL), "6.1.0-test", 100)
    assert found["payload"]["compression"] == "xz"
    assert found["zimage"] == {
        "edata_size": 300_000,
        "bss_size": 0x3C000,
        "text_offset": 0x208000,
        "malloc_size": 0x10000,
        "hardboot_page": None,
        "hardboot_version": None,
    }
    assert [(one["size"], one["model"], one["compatible"]) for one in found["dtbs"]] == [
        (len(board(name)), name, ["acme,board", "acme,soc"]) for name in ("Acme one", "Acme two")
    ]
    for part in image["parts"]:
        content = data[part["offset"] : part["offset"] + part["size"]]
        assert part["sha256"] == hashlib.sha256(content).hexdigest()
    assert image["id_check"] == {"algorithm": "sha1", "computed": image["id"], "matches": True}
    assert image["header"]["kernel_size"] == kernel["size"]
    assert (image["trailing"], image["lead"], image["signed"]) == ([], None, False)


def test_people_see_a_boot_image_within_80_columns(tmp_path: Path) -> None:
    path = make(tmp_path, kernel=KERNEL + board("Acme board with a name that is as long as they come " * 2))
    done = subprocess.run(
        ["script", "-qec", f"{sys.executable} -m hardboot info {path}", "/dev/null"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "COLUMNS": "80", "TERM": "xterm"},
    )
    assert "\x1b[1m" in done.stdout
    lines = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout).splitlines()
    assert max(len(line) for line in lines) <= 80
    assert any("kernel" in line and "0x80008000" in line and "ARM zImage" in line for line in lines)
    assert "".join(line.strip() for line in lines).count("msm_rtb.filter=0x37") == 3


def test_a_pipe_gets_one_line_a_value_without_colour(tmp_path: Path) -> None:
    done = process("info", make(tmp_path), COLUMNS="80")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert f"  command line      {CMDLINE}" in lines
    assert "  release           6.1.0-test" in lines
    assert "  hardboot          no page tag" in lines
    assert "\x1b" not in done.stdout
    assert not [line for line in lines if line != line.rstrip()]


def test_a_host_kernel_shows_its_page(tmp_path: Path) -> None:
    path = tmp_path / "zImage"
    path.write_bytes(zimage(tags=hardboot_tag(0x8F000000) + klsz(0x100, 0x3C000)))
    assert "page at 0x8f000000, ABI version 1" in hardboot("info", path).stdout
    told = document(path)
    assert told["kind"] == "ARM zImage kernel"
    assert told["kernel"]["zimage"]["hardboot_page"] == 0x8F000000
    assert told["kernel"]["zimage"]["text_offset"] is None


def test_device_trees_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "phone.dtb"
    path.write_bytes(board("Acme phone") + dtb("/ { };"))
    assert [tree["model"] for tree in document(path)["trees"]["entries"]] == ["Acme phone", None]
    assert "acme,board acme,soc" in hardboot("info", path).stdout


def test_bytes_behind_device_trees_are_reported(tmp_path: Path) -> None:
    trees = board("Acme phone") + dtb("/ { };")
    (tmp_path / "trees.dtb").write_bytes(trees + b"junk" * 5)
    assert document(tmp_path / "trees.dtb")["trees"]["trailing_size"] == 20
    assert "  after the trees   20 B" in hardboot("info", tmp_path / "trees.dtb").stdout.splitlines()
    (tmp_path / "packed").write_bytes(gzip.compress(trees))
    assert document(tmp_path / "packed")["trees"]["trailing_size"] is None
    assert "after the" not in hardboot("info", tmp_path / "packed").stdout


def test_damage_in_a_part_is_reported_and_the_rest_is_shown(tmp_path: Path) -> None:
    path = make(tmp_path, kernel=KERNEL[:-8])
    told = document(path)["boot_image"]["parts"]
    assert "zImage: end at offset 0x2c" in told[0]["problem"]
    assert told[4]["trees"]["entries"][0]["model"] == "Acme phone"
    assert "zImage: end at offset 0x2c" in hardboot("info", path).stdout


def test_text_from_an_image_cannot_steer_the_terminal_or_the_printer(tmp_path: Path) -> None:
    path = make(tmp_path, cmdline="[bold]a\x1b[2Jb[/bold] ü\r")
    done = process("info", path, PYTHONIOENCODING="utf-8")
    assert "  command line      [bold]a\\x1b[2Jb[/bold] ü\\r" in done.stdout.splitlines()
    data = path.read_bytes().replace("ü".encode(), b"\xff\xfe")
    path.write_bytes(data)
    assert "\\udcff\\udcfe" in hardboot("info", path).stdout
    assert document(path)["boot_image"]["cmdline"] == "[bold]a\x1b[2Jb[/bold] \udcff\udcfe\r"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty file"),
        (b"Dear reader\n" * 50, "this is a text file"),
        (bytes(5000), "this is unknown data"),
        (b"\x7fELF" + bytes(500), "this is an ELF file"),
        (b"VNDRBOOT" + bytes(5000), "header_version at offset 0x8: v0"),
        (b"CHROMEOS" + bytes(5000), "this is a ChromeOS kernel image"),
        (b"\x1f\x8b\x08\0", "gzip"),
        (b"ANDROID!" + bytes(50), "header at offset 0x0: truncated: 58 of 1632 bytes"),
        (KERNEL[:-1], "end at offset 0x2c"),
        (board("x")[:-1], "totalsize at offset 0x4"),
        (build.vbmeta()[:-1], "auxiliary_size at offset 0x14"),
    ],
)
def test_a_wrong_file_is_refused_in_three_lines(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "wrong.img"
    path.write_bytes(content)
    done = hardboot("info", path)
    assert done.returncode == 3
    assert done.stdout == ""
    what, unchanged, fix = done.stderr.splitlines()
    assert what.startswith(f"hardboot: {path}: ")
    assert message in what
    assert unchanged.startswith("  state: ")
    assert fix.startswith("  to do: ")


def test_a_missing_file_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, message in (
        (tmp_path / "none", "no such file"),
        (tmp_path, "not a regular file"),
        (pipe, "not a regular file"),
    ):
        done = process("info", path)
        assert (done.returncode, len(done.stderr.splitlines())) == (3, 3)
        assert message in done.stderr


MEASURED = """
import re, sys
from hardboot.__main__ import run
code = run(sys.argv[1:])
peak = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())
print(int(peak[1]) * 1024, file=sys.stderr)
sys.exit(code)
"""


def peak_memory(path: Path) -> int:
    """The most memory that `hardboot info` held, in bytes, mapped file pages included."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, "info", str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return int(done.stderr.splitlines()[-1])


def test_memory_does_not_grow_with_the_image(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.mkdir()
    large.mkdir()
    image = make(large, ramdisk_size=96 << 20)
    assert image.stat().st_size > 96 << 20
    peak = peak_memory(image)
    assert peak < 60_000_000
    windows = 2 * (WINDOW + (2 << 20))  # of the two threads that hash; Linux maps up to 2 MiB at once
    assert peak - peak_memory(make(small)) < windows + (2 << 20)


def test_memory_does_not_grow_with_what_a_kernel_unpacks_to(tmp_path: Path) -> None:
    """zstd's decoder keeps all of this kernel, which its frame asks for."""
    content = arm64_image(kernel_with_banner("6.6.0-late", 48 << 20, 47 << 20))
    parameter = zstd.CompressionParameter
    options: dict[int, int] = {
        parameter.window_log: 27,
        parameter.compression_level: 1,
        parameter.enable_long_distance_matching: 1,
    }
    path = make(tmp_path, kernel=zstd.compress(content, options=options))
    assert peak_memory(path) < 60_000_000
    found = document(path)["boot_image"]["parts"][0]["kernel"]
    assert found["looked_size"] >= 17 << 20
    assert "not in the first 17" in hardboot("info", path).stdout


@pytest.mark.parametrize("kind", build.every_kind())
def test_every_kind_is_described_for_people_and_as_json(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.img"
    path.write_bytes(build.every_kind()[kind])
    told = describe(path, memoryview(path.read_bytes()))
    json.dumps(told)
    assert told["kind"]
    image = told.get("boot_image") or told.get("vendor_boot") or told.get("sony_elf") or {}
    for part in image.get("parts", ()):
        content = path.read_bytes()[part["offset"] : part["offset"] + part["size"]]
        assert part["sha256"] == hashlib.sha256(content).hexdigest()
    for columns in (60, 80):
        lines = on_terminal("info", path, columns=columns)
        assert max(map(len, lines)) <= columns
        assert len(lines) > 1


def told(tmp_path: Path, data: bytes) -> dict[str, Any]:
    path = tmp_path / "x.img"
    path.write_bytes(data)
    return document(path)


def test_a_wrong_id_is_reported_with_the_right_one(tmp_path: Path) -> None:
    kinds = build.every_kind()
    image = told(tmp_path, kinds["v0 with a wrong id"])["boot_image"]
    assert image["id_check"]["matches"] is False
    assert image["id_check"]["algorithm"] == "sha256"
    damaged = kinds["v0"].replace(build.RAMDISK, build.RAMDISK.replace(b"r", b"R"))
    image = told(tmp_path, damaged)["boot_image"]
    right = build.image_id(build.KERNEL, build.RAMDISK.replace(b"r", b"R"), build.SECOND)
    assert image["id_check"] == {"algorithm": "sha1", "computed": right.hex(), "matches": False}
    shown = hardboot("info", tmp_path / "x.img").stdout
    assert f"does not match the parts: their sha1 is {right[:20].hex()}" in shown


def test_wrappers_and_signatures_are_reported(tmp_path: Path) -> None:
    kinds = build.every_kind()
    image = told(tmp_path, kinds["DHTB"])["boot_image"]
    assert (image["lead"]["kind"], image["lead"]["matches"]) == ("DHTB header", True)
    assert [item["kind"] for item in image["trailing"]] == [
        *("SEANDROIDENFORCE mark", "unknown data", "zeros"),
    ]
    full = told(tmp_path, kinds["AVB footer of a nearly full partition"])["boot_image"]
    assert [item["kind"] for item in full["trailing"]] == ["AVB vbmeta", "zeros", "AVB footer"]
    assert full["signed"] is True
    image = told(tmp_path, kinds["AVB footer"])["boot_image"]
    assert image["signed"]
    assert [item["kind"] for item in image["trailing"]] == ["AVB vbmeta", "zeros", "AVB footer"]
    assert image["trailing"][0]["avb"]["descriptors"][0]["text"] == "hash of boot, 8192 bytes, sha256"
    image = told(tmp_path, kinds["AVB 1.0"])["boot_image"]
    assert image["trailing"][0]["kind"] == "AVB 1.0 signature"
    assert told(tmp_path, kinds["bump"])["boot_image"]["trailing"][0]["kind"] == "LG bump mark"
    assert told(tmp_path, kinds["Amonet"])["boot_image"]["lead"]["kind"] == "Amonet microloader"
    image = told(tmp_path, kinds["loader in front"])["boot_image"]
    assert image["lead"] == {"kind": "unknown loader", "size": 5000}
    parts = told(tmp_path, kinds["MTK"])["boot_image"]["parts"]
    digest = hashlib.sha256(build.KERNEL).hexdigest()
    assert parts[0]["mtk"] == {"name": "KERNEL", "size": len(build.KERNEL), "sha256": digest}
    assert f"  without header  {digest}\n" in hardboot("info", tmp_path / "x.img").stdout
    parts = told(tmp_path, kinds["MTK with a wrong size"])["boot_image"]["parts"]
    assert "MTK header: size" in parts[0]["problem"]
    parts = told(tmp_path, kinds["v4"])["boot_image"]["parts"]
    assert parts[2]["avb"]["release"] == "avbtool 1.2.0"


@pytest.mark.parametrize(
    ("kind", "program"),
    [("gzip", "gzip"), ("lz4", "lz4"), ("lz4-legacy", "lz4"), ("xz", "xz"), ("lzma", "lzma")],
)
def test_a_compressed_boot_image_is_to_be_decompressed_first(tmp_path: Path, kind: Any, program: str) -> None:
    path = tmp_path / "boot.img.packed"
    path.write_bytes(b"".join(compression.compress(kind, [build.boot()])))
    for done in (hardboot("info", path), hardboot("unpack", path, tmp_path / "out")):
        assert done.returncode == 3
        assert "data with an Android boot image in it" in done.stderr
        assert f"Decompress it first, for example with {program} -d, and" in done.stderr


def test_a_compressed_table_of_trees_is_reported_with_its_compression(tmp_path: Path) -> None:
    found = told(tmp_path, build.every_row()["packed table of trees"])
    assert found["kind"] == "device tree overlay table (dtbo), gzip"


def test_content_behind_a_makers_header_is_reported(tmp_path: Path) -> None:
    rows = build.every_row()
    found = told(tmp_path, rows["zImage behind a MediaTek header"])
    assert (found["kind"], found["lead"]) == (
        *("ARM zImage kernel", {"kind": "MediaTek header (KERNEL)", "size": 512}),
    )
    assert (
        "in front          MediaTek header (KERNEL), 512 B\n" in hardboot("info", tmp_path / "x.img").stdout
    )
    assert "ramdisk" in told(tmp_path, rows["ramdisk behind a MediaTek header"])
    found = told(tmp_path, rows["vbmeta in a DHTB wrapper"])
    assert (found["kind"], found["lead"]["kind"]) == ("AVB vbmeta image", "DHTB header")
    assert found["lead"]["matches"] is True
    (tmp_path / "x.img").write_bytes(build.mtk(zimage(), b"KERNEL") + b"more")
    assert "MTK header: size at offset 0x4" in hardboot("info", tmp_path / "x.img").stderr


def test_the_hash_in_a_footer_is_compared_with_the_image(tmp_path: Path) -> None:
    """The footer's hash is of the first 8192 bytes with a salt; the builder states any."""
    data = build.with_footer(build.boot_v3(), 65536)
    [row] = told(tmp_path, data)["boot_image"]["trailing"][0]["avb"]["descriptors"]
    right = hashlib.sha256(b"salt" + data[:8192])
    assert row["digest"] == bytes(range(32)).hex()
    assert (row["computed"], row["matches"]) == (right.hexdigest(), False)
    assert f"does not match, the hash is {right.hexdigest()}" in hardboot("info", tmp_path / "x.img").stdout
    damaged = data.replace(b"AVB0", b"AVB1")
    assert "magic at offset 0x0" in told(tmp_path, damaged)["boot_image"]["trailing"][0]["problem"]
    assert "magic at offset 0x0" in hardboot("info", tmp_path / "x.img").stdout
    data = data.replace(bytes(range(32)), right.digest())
    [row] = told(tmp_path, data)["boot_image"]["trailing"][0]["avb"]["descriptors"]
    assert row["matches"] is True
    [row] = told(tmp_path, build.vbmeta())["avb"]["descriptors"]
    assert (row["computed"], row["matches"]) == (None, None)


def test_flags_of_a_vbmeta_image_have_the_names_of_fastboot(tmp_path: Path) -> None:
    assert told(tmp_path, build.vbmeta())["avb"]["disabled"] == ["verification"]
    assert "flags             0x2 (verification disabled)\n" in hardboot("info", tmp_path / "x.img").stdout


def test_a_signature_is_checked(tmp_path: Path) -> None:
    data = b"".join(bootimg.build(golden_images.V4_VTS))
    found = told(tmp_path, data)["boot_image"]["parts"][2]["avb"]
    assert [row["matches"] for row in found["descriptors"]] == [True]
    assert (found["signature"]["matches"], found["signature"]["key_bits"]) == (True, 4096)
    assert found["signature"]["test_key"] is None
    said = hardboot("info", tmp_path / "x.img").stdout
    assert "signature         matches, 4096-bit key" in said
    assert "test key" not in said
    found = told(tmp_path, data.replace(b"avbtool 1.2.0", b"avbtool 1.2.1"))["boot_image"]["parts"][2]["avb"]
    assert found["signature"]["matches"] is False
    assert found["signature"]["computed"] != found["signature"]["digest"]


def test_a_signature_with_a_test_key_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"".join(bootimg.build(golden_images.V4_VTS))
    signature = told(tmp_path, data)["boot_image"]["parts"][2]["avb"]["signature"]
    monkeypatch.setattr(avbcheck, "_TEST_KEYS", {signature["key_sha1"]: "testkey_x"})
    found = told(tmp_path, data)["boot_image"]["parts"][2]["avb"]["signature"]
    assert found == {**signature, "test_key": "testkey_x"}
    line = "test key          AOSP's public testkey_x: anybody can sign with it\n"
    assert line in hardboot("info", tmp_path / "x.img").stdout


def test_bytes_behind_a_dtbo_table_are_reported(tmp_path: Path) -> None:
    found = told(tmp_path, build.every_kind()["dtbo with footer"])
    assert [item["kind"] for item in found["trailing"]] == ["zeros", "AVB vbmeta", "zeros", "AVB footer"]
    assert "AVB footer" in hardboot("info", tmp_path / "x.img").stdout


def test_a_sparse_image_in_a_sparse_image_is_only_named(tmp_path: Path) -> None:
    data = build.sparse()
    for _ in range(3):
        (tmp_path / "raw").write_bytes(data + bytes(-len(data) % 4096))
        subprocess.run(["img2simg", tmp_path / "raw", tmp_path / "sparse"], check=True, timeout=60)
        data = (tmp_path / "sparse").read_bytes()
    found = told(tmp_path, data)["inside"]
    assert found == {"kind": "Android sparse image", "size": found["size"]}
    assert hardboot("info", tmp_path / "x.img").returncode == 0


def test_a_sparse_image_is_described_with_its_content(tmp_path: Path) -> None:
    raw = tmp_path / "raw.img"
    raw.write_bytes(build.boot(size=4096) + bytes(8192))
    subprocess.run(["img2simg", raw, tmp_path / "sparse.img"], check=True, timeout=60)
    found = document(tmp_path / "sparse.img")
    assert found["sparse"]["expanded_size"] == raw.stat().st_size
    assert found["inside"]["boot_image"] == document(raw)["boot_image"]
    assert "inside: Android boot image" in hardboot("info", tmp_path / "sparse.img").stdout
    assert told(tmp_path, build.sparse())["sparse"]["chunks"] == {"crc32": 1, "fill": 1, "raw": 1, "skip": 1}


def test_a_table_of_trees_shows_the_ids_of_each_entry(tmp_path: Path) -> None:
    found = told(tmp_path, build.qcdt())["trees"]
    assert found["kind"] == "QCDT"
    assert [entry["model"] for entry in found["entries"]] == ["one", "one", "two"]
    assert [entry["ids"]["soc_rev"] for entry in found["entries"]] == [1, 2, 1]
    assert "platform_id 0xce" in hardboot("info", tmp_path / "x.img").stdout


def test_the_ramdisks_of_vendor_boot_have_their_names(tmp_path: Path) -> None:
    parts = told(tmp_path, build.vendor_boot(4))["vendor_boot"]["parts"]
    assert [(part["name"], part["label"], part["type"]) for part in parts[:2]] == [
        ("ramdisk0", "ramdisk 0", "platform"),
        ("ramdisk1", "ramdisk 1", "recovery"),
    ]


def test_header_and_paddings_of_vendor_boot_are_reported(tmp_path: Path) -> None:
    image = told(tmp_path, build.every_kind()["vendor_boot v4 with padding that is not zeros"])["vendor_boot"]
    assert [part["padding"] for part in image["parts"]] == ["zeros", "other", "other", "other"]
    header = image["header"]
    assert (header["header_size"], header["vendor_ramdisk_size"], header["dtb_addr"]) == (2128, 29, 0x1F00000)
    assert (header["table_entries"], header["table_entry_size"]) == (2, 108)
    image = told(tmp_path, build.vendor_boot(3, (b"ramdisk",), fill=b"x"))["vendor_boot"]
    assert [part["padding"] for part in image["parts"]] == ["other", "other"]
