"""hardboot unpack and pack: every kind of image comes back byte for byte, and takes changed parts."""

import struct
import subprocess
from pathlib import Path

import container_builders as build
import container_kinds
import pytest
from image_builders import board, words, zimage
from unpacked import KINDS, edit, packed, taken_apart, tempdir

from hardboot.base.errors import InputError
from hardboot.formats.avb import vbmeta as avb
from hardboot.formats.boot import bootimg, sonyelf, vendorboot, wrappers
from hardboot.formats.kernels.kernel import identify
from hardboot.images.unpack import Packed

ROWS = container_kinds.every_row()


ALL = pytest.mark.parametrize("kind", KINDS)


EVERY = pytest.mark.parametrize("data", [*KINDS.values(), *ROWS.values()], ids=[*KINDS, *ROWS])


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
    behind = 6 if kind == "vbmeta of a partition" else 0  # bytes of the partition that made room
    assert again == ROWS[kind].replace(first, first + b"longer", 1)[: len(ROWS[kind]) + 6 - behind]
    assert done.signed == (kind == "vbmeta of a partition")


def test_a_changed_sparse_image_is_what_img2simg_makes(tmp_path: Path) -> None:
    folder = taken_apart(tmp_path, KINDS["sparse with a footer"])
    (folder / "kernel").write_bytes(b"another kernel" * 1000)
    done, again = packed(folder)
    assert done.changes[-1] == "sparse image: all chunks rewritten"
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
    edit(folder, "frame_sha256", "frame_of_an_older_version")
    with (folder / "frame.bin").open("ab") as stream:  # where the sparse image has zeros it does not store
        stream.write(bytes(20000) + b"x")
    with pytest.raises(InputError, match="the expanded image differs from it at"):
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


def test_the_size_in_qualcomms_header_follows_a_new_kernel(tmp_path: Path) -> None:
    tree = board("one")
    for kind in ("UNCOMPRESSED_IMG", "UNCOMPRESSED_IMG behind a MediaTek header"):
        folder = taken_apart(Path(tempdir(tmp_path)), KINDS[kind])
        (folder / "kernel").write_bytes(b"another kernel" * 5000 + tree)
        again = bytes(bootimg.parse(packed(folder)[1]).kernel)
        assert bytes(wrappers.without_mtk(again)) == build.patched(b"another kernel" * 5000, tree)


def test_a_bare_kernel_behind_qualcomms_header_is_a_part_and_its_size_follows(tmp_path: Path) -> None:
    for kind in ("UNCOMPRESSED_IMG with trees", "UNCOMPRESSED_IMG with a wrong size"):
        folder = taken_apart(Path(tempdir(tmp_path)), ROWS[kind])
        assert sorted(path.name for path in folder.iterdir() if not path.suffix) == [
            "kernel",
            "tree0",
            "tree1",
        ]
        (folder / "kernel").write_bytes(b"another kernel" * 5000)
        (folder / "tree0").write_bytes(board("new"))
        again = packed(folder)[1]
        kernel = identify(again)
        assert (kernel.size, kernel.warnings) == (20 + 70000, ())
        assert again[16:20] == words(70000)
        assert [bytes(tree) for tree in kernel.dtbs] == [board("new"), board("two")]


def test_a_vbmeta_image_whose_descriptors_lie_outside_is_unpacked(tmp_path: Path) -> None:
    data = bytearray(build.vbmeta() + bytes(4096))
    struct.pack_into(">Q", data, 0x68, 1 << 40)
    folder = taken_apart(tmp_path, bytes(data))
    assert (folder / "vbmeta").read_bytes() == data[: len(build.vbmeta())]
    assert packed(folder)[1] == data


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
    assert "id: recomputed (sha1)" in done.changes
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
    assert (done.identical, done.changes) == (False, (f"id: recomputed ({new})",))
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
    assert again == build.dhtb(build.vbmeta() + b"longer" + bytes(1000))[:-6]
    assert done.signed


@pytest.mark.parametrize("size", [len(build.vbmeta()) - 8, 16384, 16385])
def test_the_dhtb_header_behind_a_vbmeta_image_stays_there_and_follows(tmp_path: Path, size: int) -> None:
    folder = taken_apart(tmp_path, ROWS["vbmeta of Unisoc's"])
    (folder / "vbmeta").write_bytes(build.vbmeta().ljust(size, b"x")[:size])
    again = packed(folder)[1]
    assert len(again) == 65536
    found = wrappers.read_dhtb_behind(memoryview(again))
    assert (found.size, found.stored) == (max(16384, size), found.computed)
    assert again[:size] == (folder / "vbmeta").read_bytes()


@pytest.mark.parametrize("stated", [len(zimage()) - 3, len(zimage()) + 3])
def test_a_header_of_another_size_is_kept_and_grows_with_its_part(tmp_path: Path, stated: int) -> None:
    data = build.mtk(zimage(), b"KERNEL")
    data = data[:4] + words(stated) + data[8:]
    for image, place in ((data, 0), (build.boot(data), 2048)):
        folder = taken_apart(Path(tempdir(tmp_path)), image)
        assert packed(folder)[1] == image
        assert (folder / "kernel").read_bytes() == zimage()
        (folder / "kernel").write_bytes(zimage() + b"longer")
        again = packed(folder)[1][place:]
        assert again[: len(data) + 6] == data[:4] + words(stated + 6) + data[8:] + b"longer"


@pytest.mark.parametrize("kind", ["AVB footer", "AVB footer of a nearly full partition"])
def test_a_footer_moves_and_the_partition_keeps_its_size(kind: str, tmp_path: Path) -> None:
    done, again = changed_kernel(tmp_path, kind)
    assert len(again) == len(KINDS[kind])
    footer = avb.parse_footer(again)
    assert footer is not None
    assert again[footer.vbmeta_offset :].startswith(build.vbmeta())
    assert footer.original_image_size == bootimg.parse(again).end
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


def test_the_frame_ends_with_its_last_byte_that_is_not_zero(tmp_path: Path) -> None:
    assert (taken_apart(tmp_path, KINDS["v0"]) / "frame.bin").read_bytes()[-1:] != b"\0"
    (tmp_path / "large").mkdir()
    data = KINDS["v0"] + bytes(1 << 20)
    folder = taken_apart(tmp_path / "large", data)
    assert (folder / "frame.bin").stat().st_size < 1 << 14
    assert packed(folder)[1] == data


def test_a_kernel_with_a_header_that_is_cut_off_is_a_part_as_any_other(tmp_path: Path) -> None:
    for size in range(16, 20):
        kernel = b"UNCOMPRESSED_IMG\1\2\3"[:size]
        data = build.boot(kernel)
        folder = taken_apart(Path(tempdir(tmp_path)), data)
        assert (folder / "kernel").read_bytes() == kernel
        assert packed(folder)[1] == data
