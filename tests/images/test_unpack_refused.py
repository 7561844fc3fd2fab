"""hardboot unpack and pack: what is refused, and what then is left as it was."""

import gzip
from pathlib import Path

import container_builders as build
import in_process
import pytest
from image_builders import words
from unpacked import KINDS, edit, packed, taken_apart, tempdir

from hardboot.base.errors import InputError
from hardboot.images.unpack import pack, unpack


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
        ("offset = 0x1800", "offset = 0x900", "overlaps another part"),
        ("offset = 0x800", "offset = -1", "[[part]]"),
        ("size = 3300", "size = 99999999999999", "[[part]]"),
        ("page_size = 2048", "page_size = 2047", "page_size at offset 0x24: 2047"),
        ("page_size = 2048", "page_size = true", "page_size: True is not of the same type as 2048"),
        ("page_size = 2048", 'page_size = "big"', "page_size: 'big' is not of the same type as 2048"),
        ("header_version = 0", "header_version = 2", "cannot be changed"),
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


@pytest.mark.parametrize("value", ["0", "-1", "1", "4097", "0x80000000"])
@pytest.mark.parametrize(("kind", "old"), [("v0", "2048"), ("PXA", "2048"), ("vendor_boot v4", "4096")])
def test_a_page_size_that_no_phone_uses_is_refused(tmp_path: Path, kind: str, old: str, value: str) -> None:
    folder = taken_apart(tmp_path, KINDS[kind])
    edit(folder, f"page_size = {old}", f"page_size = {value}")
    with pytest.raises(
        InputError, match=f"page_size at offset 0x[0-9a-f]+: {int(value, 0)}, it must be one of"
    ):
        packed(folder)
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


def test_an_image_of_a_frame_that_changed_is_not_called_identical(tmp_path: Path) -> None:
    folder = taken_apart(tmp_path, KINDS["AVB footer"])
    image = tmp_path / "again.img"
    assert pack(folder, image).identical
    with (folder / "frame.bin").open("r+b") as stream:
        stream.truncate((folder / "frame.bin").stat().st_size - 8)  # of the footer
    done = pack(folder, image)
    assert (done.identical, done.changes) == (False, ("frame.bin: content changed",))
    edit(folder, "frame_sha256", "frame_of_an_older_version")
    assert pack(folder, image).changes == ()


@pytest.mark.parametrize(
    ("kind", "names"), [("vendor_boot v4", ("ramdisk", "ramdisk9")), ("QCDT", ("tree", "tree9"))]
)
def test_a_part_that_the_table_has_no_place_for_is_refused(
    tmp_path: Path, kind: str, names: tuple[str, ...]
) -> None:
    folder = taken_apart(tmp_path, KINDS[kind])
    for name in names:
        (folder / name).write_bytes(b"one more")
        with pytest.raises(InputError, match="has no place for it; its parts are") as caught:
            packed(folder)
        assert caught.value.file == str(folder / name)
        (folder / name).rename(folder / "other.bak")
    packed(folder)


@pytest.mark.parametrize("name", ["kernel", "image.toml", "frame.bin"])
def test_the_files_that_an_image_is_made_of_are_not_replaced(tmp_path: Path, name: str) -> None:
    folder = taken_apart(tmp_path, KINDS["v0"])
    before = (folder / name).read_bytes()
    with pytest.raises(InputError, match="would replace this file"):
        pack(folder, folder / name)
    assert (folder / name).read_bytes() == before
    pack(folder, folder / "new.img")


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "in.img").write_bytes(KINDS["v0"])
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").write_text("x")
    with pytest.raises(InputError, match="not empty"):
        unpack(tmp_path / "in.img", tmp_path / "out")
    with pytest.raises(InputError, match="not a folder"):
        unpack(tmp_path / "in.img", tmp_path / "in.img")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["in.img", "mine", "out"]


def test_a_folder_that_was_not_unpacked_is_named(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        done = in_process.hardboot("pack", folder, tmp_path / "new.img")
        assert (done.returncode, done.stderr.splitlines()[-3:]) == (
            3,
            [
                f"hardboot: {folder} is not a folder that `hardboot unpack` made (image.toml is missing)",
                "  state: Nothing was written.",
                "  to do: Unpack an image first: hardboot unpack IMAGE FOLDER",
            ],
        )


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
    unpack(tmp_path / "in.img", tmp_path / given if given == "link" else Path(given))
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
        (b"\x89LZO\0\r\n\x1a\n" + bytes(500), "hardboot does not read lzop"),
        (gzip.compress(b"Dear reader"), "this is gzip data with a text file in it"),
        (b"QCDT" + words(2, 1, 0, 0, 0, 0, 32, 2), "a tree overlaps the table itself"),
        (b"QCDT" + words(2, 1, 0, 0, 0, 0, 0, 12) + bytes(50), "a tree overlaps the table itself"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        taken_apart(tmp_path, data)
    assert caught.value.fix
    assert [path.name for path in tmp_path.iterdir()] == ["in.img"]
