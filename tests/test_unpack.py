"""hardboot unpack and pack: every kind of image comes back byte for byte, and takes changed parts."""

import gzip
import re
import struct
import subprocess
from pathlib import Path

import container_builders as build
import in_process
import pytest
from image_builders import DEBIAN, board, words, zimage
from phones import Hardboot

from hardboot.errors import InputError
from hardboot.formats import avb, bootimg, sonyelf, vendorboot, wrappers
from hardboot.unpack import Packed, pack, unpack

ROWS = build.every_row()
KINDS = build.every_kind()
ALL = pytest.mark.parametrize("kind", KINDS)
EVERY = pytest.mark.parametrize("data", [*KINDS.values(), *ROWS.values()], ids=[*KINDS, *ROWS])


def taken_apart(folder: Path, data: bytes) -> Path:
    (folder / "in.img").write_bytes(data)
    unpack(folder / "in.img", folder / "out")
    return folder / "out"


def packed(folder: Path) -> tuple[Packed, bytes]:
    target = folder.parent / "again.img"
    done = pack(folder, target)
    return done, target.read_bytes()


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "image.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@EVERY
def test_an_untouched_folder_gives_the_same_file(tmp_path: Path, data: bytes) -> None:
    done, again = packed(taken_apart(tmp_path, data))
    assert again == data
    assert done.identical
    assert done.changes == ()
    assert not done.signed


@EVERY
def test_a_part_written_anew_without_change_gives_the_same_file(tmp_path: Path, data: bytes) -> None:
    folder = taken_apart(tmp_path, data)
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes())
    assert packed(folder)[1] == data


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("zImage", "kernel"),
        ("zImage with trees", "kernel tree0 tree1"),
        ("arm64 Image with trees", "kernel tree0 tree1"),
        ("Image.gz-dtb", "kernel tree0 tree1"),
        ("Image.lz4-dtb", "kernel tree0 tree1"),
        ("Image.xz with its size and trees", "kernel tree0 tree1"),
        ("zboot", "kernel"),
        ("uImage with trees", "kernel tree0 tree1"),
        ("one tree and zeros", "tree0"),
        ("vbmeta of a partition", "vbmeta"),
        ("cpio", "ramdisk"),
        ("ramdisk", "ramdisk"),
        ("packed table of trees", "trees"),
    ],
)
def test_a_file_without_a_table_has_its_parts(tmp_path: Path, kind: str, parts: str) -> None:
    folder = taken_apart(tmp_path, ROWS[kind])
    names = [path.name for path in sorted(folder.iterdir()) if not path.suffix]
    assert names == parts.split()
    for name in names:
        if name.startswith("tree") and name != "trees":
            assert (folder / name).read_bytes() in (board("one"), board("two"))
    first = (folder / names[0]).read_bytes()
    (folder / names[0]).write_bytes(first + b"longer")
    done, again = packed(folder)
    assert done.changes[0] == f"{names[0]}: {len(first)} -> {len(first) + 6} bytes"
    assert again == ROWS[kind].replace(first, first + b"longer", 1)
    assert done.signed == (kind == "vbmeta of a partition")


def test_a_changed_sparse_image_is_what_img2simg_makes(tmp_path: Path) -> None:
    folder = taken_apart(tmp_path, KINDS["sparse with a footer"])
    (folder / "kernel").write_bytes(b"another kernel" * 1000)
    done, again = packed(folder)
    assert done.changes[-1] == "the sparse image: all its chunks are written anew"
    subprocess.run(["simg2img", tmp_path / "again.img", tmp_path / "raw"], check=True, timeout=60)
    assert bytes(bootimg.parse((tmp_path / "raw").read_bytes()).kernel) == b"another kernel" * 1000
    subprocess.run(["img2simg", tmp_path / "raw", tmp_path / "theirs", "1024"], check=True, timeout=60)
    assert again == (tmp_path / "theirs").read_bytes()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (build.sparse_of(build.sparse_of(build.boot())), "this is an Android sparse image"),
        (KINDS["sparse"].replace(words(4096), words(1 << 20), 1), "chunk size at offset"),
        (struct.pack("<IHHHHIIII", 0xED26FF3A, 1, 0, 28, 12, 4096, 0, 0, 0), "it expands to nothing"),
        (
            struct.pack("<IHHHHIIII", 0xED26FF3A, 1, 0, 28, 12, 4096, 1 << 31, 1, 0)
            + struct.pack("<HHII", 0xCAC3, 0, 1 << 31, 12),
            "blocks at offset 0x10: it expands to 8796093022208 bytes, the limit is",
        ),
    ],
)
def test_a_sparse_image_that_holds_no_image_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        taken_apart(tmp_path, data)


def test_chunks_that_no_longer_fit_are_refused(tmp_path: Path) -> None:
    folder = taken_apart(tmp_path, build.sparse_of(build.boot() + bytes(65536)))
    bones = (folder / "sparse.bin").read_bytes()
    for damaged in (bones[:-40], bones.replace(words(4), words(5), 1), b"x"):
        (folder / "sparse.bin").write_bytes(damaged)
        with pytest.raises(InputError, match="sparse image"):
            packed(folder)
    (folder / "sparse.bin").write_bytes(bones)
    with (folder / "frame.bin").open("ab") as stream:  # where the sparse image has zeros it does not store
        stream.write(bytes(20000) + b"x")
    with pytest.raises(InputError, match="another one than what stands at"):
        packed(folder)


@ALL
@pytest.mark.parametrize("grow", [5000, -3])
def test_a_changed_part_comes_back_from_the_image(tmp_path: Path, kind: str, grow: int) -> None:
    folder = taken_apart(tmp_path, KINDS[kind])
    names = sorted(path.name for path in folder.iterdir() if path.suffix == "")
    for name in names:
        old = (folder / name).read_bytes()
        if name.startswith("tree"):
            continue  # a tree is not a tree without its last bytes
        changed = old + b"x" * grow if grow > 0 else old[:grow]
        (folder / name).write_bytes(changed)
        done, again = packed(folder)
        (folder / name).write_bytes(old)
        assert not done.identical
        assert f"{name}: {len(old)} -> {len(changed)} bytes" in done.changes
        (tmp_path / "second").mkdir(exist_ok=True)
        second = taken_apart(Path(tempdir(tmp_path)), again)
        for other in names:
            expected = changed if other == name else (folder / other).read_bytes()
            found = second / other
            assert (found.read_bytes() if found.exists() else b"") == expected


def tempdir(folder: Path) -> str:
    import tempfile

    return tempfile.mkdtemp(dir=folder)


def test_a_longer_tree_moves_the_others(tmp_path: Path) -> None:
    for kind in ("QCDT", "DTBH", "dtbo", "trees in a row", "zImage with trees"):
        where = Path(tempdir(tmp_path))
        folder = taken_apart(where, (KINDS | ROWS)[kind])
        longer = board("a much longer name " * 200)
        (folder / "tree0").write_bytes(longer)
        other = (folder / "tree1").read_bytes()
        _, again = packed(folder)
        second = taken_apart(Path(tempdir(where)), again)
        assert (second / "tree0").read_bytes().startswith(longer)
        assert (second / "tree1").read_bytes() == other


def changed_kernel(tmp_path: Path, kind: str) -> tuple[Packed, bytes]:
    folder = taken_apart(tmp_path, KINDS[kind])
    (folder / "kernel").write_bytes(b"another kernel" * 1000)
    return packed(folder)


def test_the_id_follows_the_parts(tmp_path: Path) -> None:
    done, again = changed_kernel(tmp_path, "v0 with a tree table")
    image = bootimg.parse(again)
    assert bootimg.check_id(image) == "sha1"
    assert "id: computed anew (sha1)" in done.changes
    assert image.id == build.image_id(b"another kernel" * 1000, build.RAMDISK, build.SECOND, build.qcdt())


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("v0", 'id = "sha1"', "sha256"),
        ("v0", 'id = "sha1"', "sha1-dt"),
        ("v0 with a wrong id", f'id = "{b"x".hex() * 32}"', "sha1"),
    ],
)
def test_the_id_may_become_another_hash(tmp_path: Path, kind: str, old: str, new: str) -> None:
    folder = taken_apart(tmp_path, KINDS[kind])
    edit(folder, old, f'id = "{new}"')
    done, again = packed(folder)
    assert (done.identical, done.changes) == (False, (f"id: computed anew ({new})",))
    assert bootimg.check_id(bootimg.parse(again)) == new


def test_an_id_that_did_not_fit_stays(tmp_path: Path) -> None:
    done, again = changed_kernel(tmp_path, "v0 with a wrong id")
    assert bootimg.parse(again).id == b"x" * 32
    assert not [change for change in done.changes if change.startswith("id")]


def test_mtk_headers_say_the_new_size(tmp_path: Path) -> None:
    image = bootimg.parse(changed_kernel(tmp_path, "MTK")[1])
    assert bytes(image.kernel) == build.mtk(b"another kernel" * 1000, b"KERNEL")
    assert bootimg.check_id(image) == "sha1"


def test_the_dhtb_checksum_follows(tmp_path: Path) -> None:
    _, again = changed_kernel(tmp_path, "DHTB")
    found = wrappers.read_dhtb(memoryview(again))
    assert found.stored == found.computed
    inner = again[512 : 512 + found.size]
    assert inner.endswith(build.SAMSUNG + b"\xff" * 4)


def test_the_header_in_front_of_a_kernel_or_a_vbmeta_image_alone_follows(tmp_path: Path) -> None:
    folder = taken_apart(tmp_path, ROWS["zImage behind a MediaTek header"])
    assert (folder / "kernel").read_bytes() == zimage()
    (folder / "kernel").write_bytes(zimage() + b"longer")
    done, again = packed(folder)
    assert again == build.mtk(zimage() + b"longer", b"KERNEL")
    assert not done.signed
    folder = taken_apart(Path(tempdir(tmp_path)), ROWS["vbmeta in a DHTB wrapper"])
    assert (folder / "vbmeta").read_bytes() == build.vbmeta()
    (folder / "vbmeta").write_bytes(build.vbmeta() + b"longer")
    done, again = packed(folder)
    assert again == build.dhtb(build.vbmeta() + b"longer" + bytes(1000))
    assert done.signed


def test_a_part_behind_a_header_of_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape("MTK header: size at offset 0x4")):
        taken_apart(tmp_path, build.mtk(zimage(), b"KERNEL") + b"more")


def test_a_footer_moves_and_the_partition_keeps_its_size(tmp_path: Path) -> None:
    done, again = changed_kernel(tmp_path, "AVB footer")
    assert len(again) == 65536
    footer = avb.parse_footer(again)
    assert footer is not None
    assert again[footer.vbmeta_offset :].startswith(build.vbmeta())
    assert footer.original_size == bootimg.parse(again).end
    assert done.signed


def test_marks_stay_behind_the_last_page(tmp_path: Path) -> None:
    for kind, mark in (("bump", build.BUMP), ("SEANDROIDENFORCE", build.SAMSUNG)):
        where = Path(tempdir(tmp_path))
        _, again = changed_kernel(where, kind)
        image = bootimg.parse(again)
        assert bytes(image.tail).startswith(mark)
        assert (len(again) - len(image.tail)) % 2048 == 0


def test_a_partition_sized_file_keeps_its_size(tmp_path: Path) -> None:
    _, again = changed_kernel(tmp_path, "v0 of a whole partition")
    assert len(again) == len(KINDS["v0 of a whole partition"])


def test_sony_segments_are_found_where_the_program_headers_say(tmp_path: Path) -> None:
    image = sonyelf.parse(changed_kernel(tmp_path, "Sony ELF with gaps")[1])
    parts = {part.name: bytes(part.data) for part in image.parts}
    assert parts["kernel"] == b"another kernel" * 1000
    assert (parts["ramdisk"], parts["cmdline"]) == (build.RAMDISK, b"androidboot.hardware=x\0")


def test_a_part_may_be_added(tmp_path: Path) -> None:
    folder = taken_apart(tmp_path, KINDS["v4 without signature"])
    (folder / "signature").write_bytes(b"s" * 4096)
    done, again = packed(folder)
    assert done.changes[0] == "signature: added, 4096 bytes"
    assert bytes(bootimg.parse(again).signature) == b"s" * 4096


def test_a_part_may_be_emptied(tmp_path: Path) -> None:
    folder = taken_apart(tmp_path, KINDS["v0"])
    (folder / "second").write_bytes(b"")
    image = bootimg.parse(packed(folder)[1])
    assert len(image.second) == 0
    assert bootimg.check_id(image) == "sha1"


def test_values_may_be_changed(tmp_path: Path) -> None:
    folder = taken_apart(tmp_path, KINDS["v0"])
    edit(folder, 'cmdline = "console=ttyMSM0"', 'cmdline = "quiet ü"')
    edit(folder, "kernel_addr = 0x80008000", "kernel_addr = 0x40008000")
    edit(folder, 'os_version = "13.0.0"', 'os_version = "12.1.0"')
    done, again = packed(folder)
    image = bootimg.parse(again)
    assert (image.cmdline, image.kernel_addr, image.os_version_text) == ("quiet ü", 0x40008000, "12.1.0")
    assert image.os_patch_level == "2023-05"
    assert "cmdline: 'console=ttyMSM0' -> 'quiet ü'" in done.changes


def test_values_of_a_vendor_ramdisk_may_be_changed(tmp_path: Path) -> None:
    folder = taken_apart(tmp_path, KINDS["vendor_boot v4"])
    edit(folder, 'label = "ramdisk 1"', 'label = "modules"')
    (folder / "ramdisk0").write_bytes(b"longer than it was before")
    image = vendorboot.parse(packed(folder)[1])
    assert [one.name for one in image.ramdisks] == ["ramdisk 0", "modules"]
    assert [bytes(one.data) for one in image.ramdisks] == [b"longer than it was before", b"dlkm ramdisk!"]
    assert image.ramdisks[1].board_id == tuple(range(16))


def test_a_signed_image_warns_in_both_directions(tmp_path: Path) -> None:
    behind_a_mark = build.boot() + build.SAMSUNG + bytes(2032) + build.avb1_signature()
    for data in (KINDS["AVB footer"], KINDS["AVB 1.0"], KINDS["v4"], behind_a_mark):
        where = Path(tempdir(tmp_path))
        (where / "in.img").write_bytes(data)
        assert "a changed image no longer verifies" in in_process.hardboot("info", where / "in.img").stdout
        assert "signed" in in_process.hardboot("unpack", where / "in.img", where / "out").stderr
        assert "signature" not in in_process.hardboot("pack", where / "out", where / "same.img").stderr
        (where / "out/kernel").write_bytes(b"other")
        told = in_process.hardboot("pack", where / "out", where / "new.img").stderr
        assert "the signature no longer fits" in told


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "kernel"', 'name = "../kernel"', "[[part]]"),
        ('name = "kernel"', 'name = "/etc/passwd"', "[[part]]"),
        ('name = "kernel"', 'name = "karnel"', "'karnel' is none of kernel, ramdisk, second, dt"),
        ("layout = 1", "layout = 2", "layout"),
        ('kind = "Android boot image"', "kind = 7", "[image] kind: 7"),
        ("[image]", "[image", "image.toml"),
        ("offset = 0x800", "offset = 0x7f", "do not lie where frame.bin says"),
        ("offset = 0x1800", "offset = 0x900", "does not lie behind the others"),
        ("offset = 0x800", "offset = -1", "[[part]]"),
        ("size = 3300", "size = 99999999999999", "[[part]]"),
        ("page_size = 2048", "page_size = 2047", "page_size at offset 0x24: 2047"),
        ("page_size = 2048", 'page_size = "big"', "page_size: 'big' is not like 2048"),
        ("header_version = 0", "header_version = 2", "it cannot be changed"),
        ("page_size = 2048", "page_sise = 2048", "unknown name 'page_sise'"),
        ('id = "sha1"', 'id = "md5"', "'md5'"),
        ('cmdline = "', 'cmdline = "' + "x" * 1600, "the limit is 1536"),
        ('os_version = "13.0.0"', 'os_version = "13"', "os_version"),
        ("kernel_addr = 0x80008000", "kernel_addr = 0x180008000", "does not fit"),
        ('kind = "Android boot image"', 'kind = "device tree"', "unknown name 'header_version'"),
    ],
)
def test_a_wrong_description_is_refused_and_nothing_is_written(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    folder = taken_apart(tmp_path, KINDS["v0"])
    edit(folder, old, new)
    with pytest.raises(InputError) as caught:
        packed(folder)
    assert message in caught.value.what
    assert not (tmp_path / "again.img").exists()


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 5000], ids=["long", "deep"])
def test_a_value_python_does_not_read_is_refused(tmp_path: Path, value: str) -> None:
    folder = taken_apart(tmp_path, KINDS["v0"])
    edit(folder, "kernel_addr = 0x80008000", f"kernel_addr = {value}")
    with pytest.raises(InputError, match=r"image\.toml"):
        packed(folder)


def test_an_image_too_large_to_be_packed_again_is_not_taken_apart(tmp_path: Path) -> None:
    with (tmp_path / "in.img").open("wb") as stream:
        stream.write(KINDS["v0"])
        stream.truncate((1 << 30) + 1)
    with pytest.raises(InputError, match="1073741825 bytes, the limit is 1073741824"):
        unpack(tmp_path / "in.img", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_missing_part_is_refused(tmp_path: Path) -> None:
    folder = taken_apart(tmp_path, KINDS["v0"])
    (folder / "ramdisk").unlink()
    with pytest.raises(InputError, match="ramdisk"):
        packed(folder)


def test_a_frame_that_grew_is_refused(tmp_path: Path) -> None:
    folder = taken_apart(tmp_path, KINDS["v0"])
    with (folder / "frame.bin").open("ab") as stream:
        stream.write(bytes(100000))
    with pytest.raises(InputError, match=r"frame\.bin"):
        packed(folder)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "in.img").write_bytes(KINDS["v0"])
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").write_text("x")
    with pytest.raises(InputError, match="not empty"):
        unpack(tmp_path / "in.img", tmp_path / "out")
    with pytest.raises(InputError, match="not a folder"):
        unpack(tmp_path / "in.img", tmp_path / "in.img")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["in.img", "mine", "out"]


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert (taken_apart(tmp_path, KINDS["v0"]) / "kernel").read_bytes() == build.KERNEL


@pytest.mark.parametrize("given", ["link", "."])
def test_an_empty_folder_stays_the_folder_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """As where something is mounted, or what a shell stands in."""
    (tmp_path / "in.img").write_bytes(KINDS["v0"])
    (tmp_path / "out").mkdir(mode=0o750)
    (tmp_path / "link").symlink_to("out")
    before = (tmp_path / "out").stat()
    monkeypatch.chdir(tmp_path / "out")
    unpack(tmp_path / "in.img", tmp_path / given if given == "link" else given)
    after = (tmp_path / "out").stat()
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert packed(tmp_path / "out")[1] == KINDS["v0"]
    assert (tmp_path / "link").is_symlink()


def test_a_target_that_exists_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = taken_apart(tmp_path, KINDS["v0"])
    (tmp_path / "again.img").write_bytes(b"precious")
    edit(folder, "page_size = 2048", "page_size = 2047")
    with pytest.raises(InputError):
        packed(folder)
    assert (tmp_path / "again.img").read_bytes() == b"precious"
    edit(folder, "page_size = 2047", "page_size = 2048")
    assert packed(folder)[1] == KINDS["v0"]


def test_names_of_files_cannot_steer_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "in.img").write_bytes(KINDS["v0"])
    evil = tmp_path / "\x1b[31m"
    out = in_process.hardboot("unpack", tmp_path / "in.img", evil).stdout
    out += in_process.hardboot("pack", evil, tmp_path / "\x1b[32m").stdout
    assert "\x1b" not in out
    assert out.count("\\x1b[3") == 2


def test_no_name_of_an_image_becomes_a_path(tmp_path: Path) -> None:
    evil = vendor_named(b"../../../evil\0/x")
    folder = taken_apart(tmp_path, evil)
    assert sorted(path.name for path in folder.iterdir()) == [
        *("bootconfig", "dtb", "frame.bin", "image.toml", "ramdisk0", "ramdisk1"),
    ]
    assert packed(folder)[1] == evil


def vendor_named(name: bytes) -> bytes:
    return KINDS["vendor_boot v4"].replace(b"ramdisk 0".ljust(32, b"\0"), name.ljust(32, b"\0"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"CHROMEOS" + bytes(5000), "this is a ChromeOS kernel image"),
        (b"$OS$" + bytes(5000), "this is an Intel OSIP image"),
        (b"-SIGNED-BY-SIGNBLOB-" + bytes(5000), "this is a Tegra blob"),
        (b"MSM-RADIO-UPDATE" + bytes(5000), "this is a Tegra blob"),
        (build.boot()[:0x400] + b"LOKI" + build.boot()[0x404:], "patched by Loki"),
        (b"\x89LZO\0\r\n\x1a\n" + bytes(500), "hardboot does not unpack lzop"),
        (gzip.compress(b"Dear reader"), "this is gzip data with a text file in it"),
        (b"QCDT" + words(2, 1, 0, 0, 0, 0, 32, 2), "a tree lies on the table itself"),
        (b"QCDT" + words(2, 1, 0, 0, 0, 0, 0, 12) + bytes(50), "a tree lies on the table itself"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        taken_apart(tmp_path, data)
    assert caught.value.fix
    assert [path.name for path in tmp_path.iterdir()] == ["in.img"]


def mkbootimg(folder: Path, *words: str | Path, vendor: bool = False) -> bytes:
    for name, size in (("k", 5000), ("r", 3000), ("d", 700)):
        (folder / name).write_bytes(name.encode() * size)
    target = folder / "made.img"
    output = "--vendor_boot" if vendor else "-o"
    subprocess.run(["mkbootimg", *words, output, target], check=True, timeout=60, cwd=folder, env=DEBIAN)
    return target.read_bytes()


MADE: dict[str, tuple[str, ...]] = {
    "v0": ("--kernel", "k", "--ramdisk", "r", "--cmdline", "quiet", "--pagesize", "4096"),
    "v1": ("--header_version", "1", "--kernel", "k", "--ramdisk", "r", "--second", "d"),
    "v2": ("--header_version", "2", "--kernel", "k", "--ramdisk", "r", "--dtb", "d"),
    "v3": ("--header_version", "3", "--kernel", "k", "--ramdisk", "r", "--os_version", "12.0.0"),
    # Debian's unpack_bootimg takes the header for one page, whatever its size: a page must hold it.
    "vendor": (
        *("--header_version", "3", "--vendor_ramdisk", "r", "--dtb", "d", "--vendor_cmdline", "a"),
        *("--pagesize", "4096"),
    ),
}


@pytest.mark.parametrize("kind", MADE)
def test_images_of_mkbootimg_come_back_and_agree_with_unpack_bootimg(tmp_path: Path, kind: str) -> None:
    data = mkbootimg(tmp_path, *MADE[kind], vendor=kind == "vendor")
    folder = taken_apart(tmp_path, data)
    assert packed(folder)[1] == data
    first = "ramdisk" if kind == "vendor" else "kernel"
    (folder / first).write_bytes(b"changed" * 1234)
    done, again = packed(folder)
    assert done.changes[0].endswith(f"-> {7 * 1234} bytes")
    command: list[str | Path] = [
        "unpack_bootimg",
        "--boot_img",
        tmp_path / "again.img",
        "--out",
        tmp_path / "theirs",
    ]
    subprocess.run(command, check=True, timeout=60, capture_output=True, env=DEBIAN)
    for path in (tmp_path / "theirs").iterdir():
        ours = folder / path.name.removeprefix("vendor_")
        assert path.read_bytes() == (ours.read_bytes() if ours.exists() else b"")
    swapped = {"k": b"changed" * 1234} if first == "kernel" else {"r": b"changed" * 1234}
    remade = remake(tmp_path, kind, swapped)
    assert again == remade


def remake(folder: Path, kind: str, files: dict[str, bytes]) -> bytes:
    """What mkbootimg makes of the changed part."""
    work = Path(tempdir(folder))
    for name, size in (("k", 5000), ("r", 3000), ("d", 700)):
        (work / name).write_bytes(files.get(name, name.encode() * size))
    output = "--vendor_boot" if kind == "vendor" else "-o"
    command: list[str | Path] = ["mkbootimg", *MADE[kind], output, work / "made.img"]
    subprocess.run(command, check=True, timeout=60, cwd=work, env=DEBIAN)
    return (work / "made.img").read_bytes()


def test_an_image_of_abootimg_comes_back(tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(b"k" * 5000)
    (tmp_path / "r").write_bytes(b"r" * 3000)
    command = ["abootimg", "--create", "made.img", "-k", "k", "-r", "r", "-c", "pagesize=0x800"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    data = (tmp_path / "made.img").read_bytes()
    folder = taken_apart(tmp_path, data)
    assert packed(folder)[1] == data
    (folder / "ramdisk").write_bytes(b"R" * 4000)
    _, again = packed(folder)
    (tmp_path / "again").mkdir()
    subprocess.run(
        ["abootimg", "-x", tmp_path / "again.img"],
        cwd=tmp_path / "again",
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert (tmp_path / "again/initrd.img").read_bytes() == b"R" * 4000
    assert (tmp_path / "again/zImage").read_bytes() == b"k" * 5000
    assert again != data


def test_the_commands_tell_what_they_did(tmp_path: Path, hardboot: Hardboot) -> None:
    (tmp_path / "in.img").write_bytes(KINDS["v0"])
    told = hardboot.process("--json", "unpack", tmp_path / "in.img", tmp_path / "out").json
    assert told["kind"] == "Android boot image"
    assert told["parts"][0] == {"name": "kernel", "size": len(build.KERNEL)}
    assert "as it was unpacked" in hardboot("pack", tmp_path / "out", tmp_path / "again.img").out
    (tmp_path / "out/kernel").write_bytes(b"k")
    told = hardboot.process("pack", tmp_path / "out", tmp_path / "again.img", "--json").json
    assert not told["identical"]
    assert told["changes"] == [
        *(f"kernel: {len(build.KERNEL)} -> 1 bytes", "id: computed anew (sha1)"),
        f"the image: {len(KINDS['v0'])} -> {told['size']} bytes",
    ]
    assert struct.unpack_from("<I", (tmp_path / "again.img").read_bytes(), 8)[0] == 1
    assert hardboot.process("pack", tmp_path, tmp_path / "x.img", code=3).three_lines
