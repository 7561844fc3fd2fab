"""U-Boot's FIT images, made by mkimage."""

import gzip
import subprocess
from pathlib import Path

import pytest
from described import described, document
from fit_images import CPIO, FILES, KERNEL, fit_image
from image_builders import board
from in_process import hardboot
from unpacked import packed, taken_apart

from hardboot.base.errors import InputError
from hardboot.formats import sniff
from hardboot.formats.containers import Changes, devicetrees, open_container
from hardboot.formats.reading import Data
from hardboot.formats.trees import fdt, fdt_header, fdt_tokens, fit

KINDS: dict[str, tuple[str, ...]] = {
    "inside": (),
    "behind": ("-E",),
    "at a place": ("-E", "-p", "0x3000"),
    "aligned": ("-E", "-B", "200"),
}
EACH = pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)


def read(data: bytes) -> fit.Fit:
    found = fit.parse(data)
    assert found is not None
    return found


@EACH
def test_images_are_found_wherever_mkimage_puts_them(options: tuple[str, ...]) -> None:
    data = fit_image(options=options)
    found = read(data)
    assert [(image.name, image.type, bytes(image.data)) for image in found.images] == [
        *(("kernel", "kernel", KERNEL), ("fdt-1", "flat_dt", board("one"))),
        *(("fdt-2", "flat_dt", gzip.compress(board("two"), mtime=0)), ("ramdisk", "ramdisk", CPIO)),
    ]
    for image in found.images:
        assert data[image.offset : image.offset + len(image.data)] == bytes(image.data)
        assert [one.computed(image.data) == one.value for one in image.hashes] == [True] * len(image.hashes)
    assert [one.algorithm for one in found.images[0].hashes] == ["sha256", "crc32"]
    assert (found.description, found.configurations, found.default, found.signed) == (
        *("a phone", ("one", "two")),
        *("one", False),
    )


@EACH
def test_its_trees_are_listed_with_their_images(tmp_path: Path, options: tuple[str, ...]) -> None:
    found = devicetrees.find(fit_image(options=options))
    assert found is not None
    assert (found.kind, [entry.ids for entry in found.entries]) == (
        *("FIT", [{"image": "fdt-1"}, {"image": "fdt-2"}]),
    )
    models = [fdt.text(entry.tree().root.properties["model"]) for entry in found.entries]
    assert models == ["one", "two"]
    told = described(tmp_path, fit_image(options=options))
    assert told["kind"] == "U-Boot FIT image"
    rows = told["fit"]["images"]
    assert [row["content"] for row in rows] == [
        *("kernel (arm64 Image)", "device tree", "gzip data", "ramdisk (cpio, gzip)"),
    ]
    assert rows[0]["kernel"]["release"] == "6.1.0"
    shown = hardboot("info", tmp_path / "x.img").stdout
    assert "configurations    one (default), two\n" in shown
    assert "kernel (arm64 Image), sha256 matches, crc32 matches\n" in shown
    assert "two; image fdt-2" in shown


@EACH
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("grow", [-5, 0, 1, 3, 700])
def test_with_another_file_it_is_what_mkimage_makes(options: tuple[str, ...], name: str, grow: int) -> None:
    data = fit_image(options=options)
    container = open_container(data)
    assert container.kind == sniff.FIT_IMAGE
    assert [part.name for part in container.parts] == ["kernel0", "tree1", "tree2", "ramdisk3"]
    new = bytes(reversed(FILES[name])) + bytes(grow) if grow >= 0 else FILES[name][:grow]
    parts: dict[str, Data] = {part.name: part.data for part in container.parts}
    part = dict(zip(FILES, parts, strict=True))[name]
    made = container.rebuild(Changes({}, {}, {**parts, part: new}))
    ours, theirs = b"".join(map(bytes, made.chunks)), fit_image({**FILES, name: new}, options=options)
    assert (read(ours).images, made.growth) == (read(theirs).images, len(theirs) - len(data))
    if options:  # mkimage leaves bytes of its memory between the tree and the data
        ours, theirs = ours[1024 + 512 :], theirs[1024 + 512 :]
    assert ours == theirs


def test_data_at_a_fixed_position_does_not_move_with_the_tree() -> None:
    rows = "data = <1>; }; b { data-position = <0x1000>; data-size = <9>;"
    container = open_container(tree(f"a {{ {rows} }};").ljust(5000, b"\1"))
    parts: dict[str, Data] = {part.name: part.data for part in container.parts}
    assert list(parts) == ["file0", "file1"]
    made = container.rebuild(Changes({}, {}, {**parts, "file0": b"1", "file1": b"longer data"}))
    again = read(b"".join(map(bytes, made.chunks)))
    assert [bytes(image.data) for image in again.images] == [b"1", b"longer data"]
    with pytest.raises(InputError, match="image b at offset 0x1000: it has a fixed position") as caught:
        container.rebuild(Changes({}, {}, {**parts, "file0": b"longer"}))
    assert "mkimage" in caught.value.fix


def test_a_wrong_hash_is_reported(tmp_path: Path) -> None:
    data = fit_image()
    at = read(data).images[0].offset
    row = described(tmp_path, data[: at + 9] + b"!" + data[at + 10 :])["fit"]["images"][0]
    assert [one["matches"] for one in row["hashes"]] == [False, False]
    assert "sha256 does not match" in hardboot("info", tmp_path / "x.img").stdout


def test_a_signed_fit_says_so() -> None:
    source = "algo = 'sha1,rsa2048'; key-name-hint = 'dev';".replace("'", '"')
    data = fit_image(more=f"signature-1 {{ {source} }};")
    assert read(data).images[0].signed
    assert open_container(data).signed


def test_other_trees_are_none(tmp_path: Path) -> None:
    assert fit.parse(board("x")) is None
    assert fit.parse(b"no tree") is None
    assert document(write(tmp_path, board("x")))["kind"] == "device tree"
    assert fit.parse(tree("")) is None


def write(folder: Path, data: bytes) -> Path:
    (folder / "x.img").write_bytes(data)
    return folder / "x.img"


def test_a_fit_larger_than_any_tree_is_read(tmp_path: Path) -> None:
    """Its data is in the tree: 17 MiB of it."""
    data = fit_image({**FILES, "ramdisk": CPIO + bytes(17 << 20)})
    assert len(data) > fdt.MAX_SIZE
    found = described(tmp_path, data)
    assert (found["fit"]["images"][3]["size"], len(found["trees"]["entries"])) == ((17 << 20) + len(CPIO), 2)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        (b"data-size", 0x7FFFFFFF, "image kernel at offset .*: 2147483647 bytes from"),
        (b"data-offset", 0x7FFFFFFF, "image kernel at offset .*, the file ends at"),
    ],
)
def test_data_outside_of_the_file_is_refused(name: bytes, value: int, problem: str) -> None:
    data = bytearray(fit_image(options=("-E",)))
    strings = int.from_bytes(data[12:16], "big")
    wanted = (4).to_bytes(4, "big") + (data.index(name + b"\0", strings) - strings).to_bytes(4, "big")
    at = data.index(wanted) + 8
    data[at : at + 4] = value.to_bytes(4, "big")
    for read_it in (fit.parse, open_container):
        with pytest.raises(InputError, match=problem):
            read_it(bytes(data))


def tree(images: str) -> bytes:
    source = f"/dts-v1/; / {{ images {{ {images} }}; }};".encode()
    command = ["dtc", "-q", "-I", "dts", "-O", "dtb"]
    return subprocess.run(command, input=source, stdout=subprocess.PIPE, check=True, timeout=30).stdout


@pytest.mark.parametrize(
    ("count", "size", "problem"), [(99, 900, "they overlap"), (257, 0, "the limit is 256")]
)
def test_the_work_on_images_is_bounded(count: int, size: int, problem: str) -> None:
    rows = (f"i{index} {{ data-position = <0>; data-size = <{size}>; }};" for index in range(count))
    with pytest.raises(InputError, match=problem):
        fit.parse(tree("".join(rows)))


def test_the_tokens_of_a_tree_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = tree('i { type = "firmware"; data = <1>; };')
    count = sum(1 for _ in fdt_tokens.walk(memoryview(data), fdt_header.read(memoryview(data))))
    for limit, known in ((count, True), (count - 1, False)):
        monkeypatch.setattr(fdt_tokens, "MAX_TOKENS", limit)
        assert (fit.parse(data) is not None) is known
    with pytest.raises(InputError, match=f"more than {count - 1} tokens"):
        fdt.parse(data)


@EACH
def test_it_is_packed_again_byte_for_byte(tmp_path: Path, options: tuple[str, ...]) -> None:
    data = fit_image(options=options)
    folder = taken_apart(tmp_path, data)
    assert (folder / "tree1").read_bytes() == board("one")
    done, again = packed(folder)
    assert (done.kind, again) == ("U-Boot FIT image", data)
    (folder / "kernel0").write_bytes(KERNEL.replace(b"6.1.0", b"6.1.9"))
    assert packed(folder)[1] == fit_image(
        {**FILES, "kernel": KERNEL.replace(b"6.1.0", b"6.1.9")}, options=options
    )
