"""What is fuzzed: each target takes any bytes and may raise InputError and nothing else.

A value that was read must build back to the same bytes, where the format promises that.
"""

import contextlib
import gzip
import struct
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import boot_control
import container_builders as build
import fuzz_seeds as seeds
import multirom_folders
import ota_builders
from boot_control import Slot
from fit_images import fit_image
from fuzz_images import (
    LIMIT,
    boot_configs,
    boot_image,
    boot_parameters,
    elf_headers,
    image_ends,
    maker_headers,
    resources,
    same_bytes,
    signatures,
    sized_images,
    sony_elf,
    sparse_image,
    vendor_boot,
)
from golden_images import V4_VTS
from image_builders import board, pack, zimage

from hardboot.base.errors import InputError
from hardboot.downloads import open_download
from hardboot.formats import elf
from hardboot.formats.archives import compression, cpio, rootfs, sparse_stream
from hardboot.formats.boot import (
    bootconfig,
    bootcontrol,
)
from hardboot.formats.boot.paged import Part
from hardboot.formats.containers import Changes, devicetrees, kernel_part, open_container, open_frame
from hardboot.formats.crashdump import elfcore, freepages, kernellog, registers, vmcoreinfo
from hardboot.formats.kernels import bootloader, kernel
from hardboot.formats.ota import transfer_list, updater_script
from hardboot.formats.trees import dtbo, fdt, fit, treefiles
from hardboot.formats.trees.amlogic import AMLOGIC
from hardboot.formats.trees.dtbh import DTBH
from hardboot.formats.trees.pxa import PXA_19XX, PXA_DT
from hardboot.formats.trees.qcdt import QCDT
from hardboot.formats.trees.sprd import SPRD
from hardboot.images.describe import describe
from hardboot.images.ramdisk import startable
from hardboot.patches import lint, unified
from hardboot.store import rom_info

Target = Callable[[bytes], None]


def device_tree(data: bytes) -> None:
    tree = fdt.parse(data)
    again = fdt.parse(fdt.build(tree))
    if again != tree:
        raise AssertionError("the tree changed on the way")


def fits(data: bytes) -> None:
    found = fit.parse(data)
    for image in found.images if found else ():
        for stated in image.hashes:
            stated.computed(image.data)
    if found:
        container = open_container(data)
        parts = {part.name: part.data for part in container.parts}
        for contents in (parts, {name: bytes(part) + b"longer" for name, part in parts.items()}):
            b"".join(container.rebuild(Changes({}, {}, contents, grow=True)).chunks)


def tree_files(data: bytes) -> None:
    fdt.build(treefiles.parse_tar(data))


def trees_in_a_row(data: bytes) -> None:
    found, rest = fdt.split(data)
    if sum(map(len, found)) + len(rest) > len(data):
        raise AssertionError("more than there was")


def tree_table(data: bytes) -> None:
    with contextlib.suppress(InputError):
        same_bytes((dtbo.build(dtbo.parse(data)),), data)
    for table_format in (QCDT, DTBH, SPRD, PXA_DT, PXA_19XX, AMLOGIC):
        try:
            table = table_format.parse(data)
        except InputError:
            continue
        same_bytes((table_format.build(table),), data)
        table_format.build(table_format.with_trees(table, [tree.data for tree in table.trees]))


def any_trees(data: bytes) -> None:
    found = devicetrees.find(data)
    for entry in found.entries[:16] if found else ():
        entry.tree()


def kernels(data: bytes) -> None:
    found = kernel.identify(data)
    if found.size + len(found.table) + sum(map(len, found.dtbs)) + len(found.padding) > len(data):
        raise AssertionError("more than there was")


def kernel_headers(data: bytes) -> None:
    kernel_part.unwrap(data)
    same_bytes((kernel_part.unwrap(kernel_part.with_kernel(data, b"kernel", b"tree")),), b"kerneltree")


def bootloaders(data: bytes) -> None:
    found = bootloader.identify(data)
    if found and found.size + sum(map(len, found.dtbs)) + len(found.padding) > len(data):
        raise AssertionError("more than there was")


def unpacked(data: bytes) -> None:
    compression.decompress(data, limit=LIMIT)


def archives(data: bytes) -> None:
    found, rest = cpio.parse(data)
    same_bytes((*cpio.build(found), bytes(rest)), data)
    for parts, _ in rootfs.unpack(found).walk():
        if ".." in parts or "" in parts or any("/" in part or "\0" in part for part in parts):
            raise AssertionError(f"{parts} leaves the folder")


def containers(data: bytes) -> None:
    found = open_container(data)
    algorithm = found.id_algorithm()
    fields = found.fields | ({"id": algorithm} if algorithm else {})
    parts = {part.name: part.data for part in found.parts}
    for _ in found.rebuild(Changes(fields, found.part_fields, parts, grow=True)).chunks:
        pass
    zeros = bytearray(data)
    for part in found.parts:
        zeros[part.offset : part.offset + len(part.data)] = bytes(len(part.data))
    frame = open_frame(found.kind, zeros, found.parts)
    if _places(frame.parts) != _places(found.parts):
        raise AssertionError("without the parts, the frame says something else")


def _places(parts: Iterable[Part]) -> list[tuple[str, int, int]]:
    return [(part.name, part.offset, len(part.data)) for part in parts if len(part.data)]


def crash_dumps(data: bytes) -> None:
    core = elfcore.parse(data)
    info = vmcoreinfo.parse(core.vmcoreinfo or b"")
    registers.cpus(core)
    for read in (kernellog.read, freepages.find):
        with contextlib.suppress(InputError):
            read(core, info)


def ramdisk_checks(data: bytes) -> None:
    startable.check(data, _STARTED, "rdinit=/bin/init root=/dev/ram0")
    startable.check_new_kernel(data, _STARTED)


def downloads(data: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        with open_download(Path(file.name)) as download:
            for image in download.images.values():
                with contextlib.suppress(InputError):
                    _read(image.blocks())
            for tree in download.trees.values():
                for entry in tree.entries():
                    if {"", ".", ".."} & set(entry.parts) or any(
                        set("/\0") & set(part) for part in entry.parts
                    ):
                        raise AssertionError(f"{entry.parts} leaves the tree")
                    _read(entry.content())


def _read(pieces: Iterable[bytes]) -> None:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > LIMIT:
            return


def sparse_streams(data: bytes) -> None:
    pieces = [data[at : at + 1000] for at in range(0, len(data), 1000)]
    if sparse_stream.expanded_size(data) > LIMIT:
        return
    content = b"".join(sparse_stream.expand_pieces(pieces))
    if len(content) != sparse_stream.expanded_size(data):
        raise AssertionError("it does not expand to the size it states")


def transfer_lists(data: bytes) -> None:
    found = transfer_list.parse(data)
    if any(not 0 <= start < end <= found.blocks for start, end in found.new):
        raise AssertionError("blocks outside of the image")


def updater_scripts(data: bytes) -> None:
    found = updater_script.parse(data)
    for path in ("/system", "/system/bin/sh", *found.links):
        for is_folder in (True, False):
            found.owner(path, is_folder=is_folder)


def patch_files(data: bytes) -> None:
    found = lint.lint(data)
    if found.beyond_repair:
        return
    unified.parse(found.repaired, "x")
    again = lint.lint(found.repaired)
    if again.faults or again.repaired != found.repaired:
        raise AssertionError(f"the repaired patch has faults: {again.faults[:1]}")


def documents(data: bytes) -> None:
    describe(Path("x"), memoryview(data))


_STARTED = kernel.identify(zimage(payload=pack(seeds.KERNEL, "gzip")))


# Each target with the inputs it starts from.
def boot_control_block(data: bytes) -> None:
    """Target: the boot control block; with the states that it has it builds back to the same bytes."""
    found = bootcontrol.parse(data)
    same_bytes([found.with_slots(*found.slots).stored], data[: bootcontrol.SIZE])


def rom_info_file(data: bytes) -> None:
    rom_info.parse(data)


TARGETS: dict[str, tuple[Target, tuple[bytes, ...]]] = {
    "rom_info": (rom_info_file, (multirom_folders.ROM_INFO,)),
    "boot_image": (boot_image, seeds.IMAGES),
    "vendor_boot": (vendor_boot, (build.vendor_boot(3), build.vendor_boot(4))),
    "boot_configs": (
        boot_configs,
        (
            bootconfig.append(b"ramdisk", 'a.b = "1", c\nd {\n e += f # g\n}\n'),
            b"androidboot.x=1\nandroidboot.y := 'a b', c; z\n",
        ),
    ),
    "boot_control_block": (
        boot_control_block,
        (boot_control.build("_a", Slot(15, 1, successful=True), Slot(14, 7)),),
    ),
    "image_ends": (image_ends, (*seeds.IMAGES, build.vendor_boot(3), build.vendor_boot(4), build.dtbo())),
    "fits": (fits, (fit_image(seeds.SMALL), fit_image(seeds.SMALL, options=("-E",)))),
    "tree_files": (tree_files, (seeds.tar_of_a_tree(),)),
    "elf_headers": (elf_headers, (build.sony_elf(), seeds.DUMPS[0], elf.build(64, 183, 4, seeds.ROWS))),
    "sony_elf": (sony_elf, (build.sony_elf(), build.sony_elf(100), build.sony_elf64(sections=True))),
    "sparse_image": (sparse_image, (build.sparse(4096), build.sparse(1024))),
    "signatures": (
        signatures,
        (
            build.vbmeta(),
            bytes(V4_VTS.signature),
            build.with_footer(b"", 4096),
            build.avb1_signature(),
            build.SAMSUNG,
            build.BUMP,
        ),
    ),
    "boot_parameters": (boot_parameters, (seeds.ATAGS + struct.pack("<3I", 3, 0x54410009, 0x78) + bytes(8),)),
    "maker_headers": (
        maker_headers,
        (build.mtk(b"x", b"KERNEL"), build.dhtb(), build.unisoc_vbmeta(), build.amonet()),
    ),
    "sized_images": (
        sized_images,
        (build.rockchip(b"x" * 9), build.rockchip(b"y", b"PARM"), build.uimage(b"r" * 99, 3)),
    ),
    "resources": (resources, (build.resources(), build.resources(32), build.rsce([]))),
    "device_tree": (device_tree, (board("x"),)),
    "trees_in_a_row": (trees_in_a_row, (board("x") + bytes(5) + board("y") + bytes(9),)),
    "tree_table": (tree_table, seeds.TABLES),
    "any_trees": (any_trees, (*seeds.TABLES, gzip.compress(build.dtbo()), *seeds.KERNELS)),
    "kernels": (kernels, seeds.KERNELS),
    "kernel_headers": (kernel_headers, (*seeds.KERNELS[-3:], build.mtk(zimage(), b"KERNEL"))),
    "bootloaders": (bootloaders, (build.uboot() + board("x"), b"welcome to lk" + board("x") + bytes(9))),
    "unpacked": (unpacked, seeds.PACKED),
    "archives": (archives, (seeds.CPIO, seeds.CPIO + bytes(200) + seeds.CPIO)),
    "containers": (containers, (*seeds.IMAGES, *seeds.REFUSED)),
    "crash_dumps": (crash_dumps, seeds.DUMPS),
    "ramdisk_checks": (ramdisk_checks, (*seeds.PACKED, seeds.CPIO, seeds.CPIO + b"rest")),
    "zips": (
        downloads,
        (
            seeds.zipped({"boot.img": b"x" * 99}),
            seeds.zipped({"image-x.zip": seeds.zipped({"a/boot.img": b"y"})}),
            seeds.zipped({"system/build.prop": b"x", "system/bin/sh": b"y"}),
        ),
    ),
    "payloads": (downloads, seeds.PAYLOADS),
    "block_otas": (downloads, (seeds.zipped(ota_builders.block_ota("system", ota_builders.image(6))),)),
    "tars": (downloads, seeds.TARS),
    "packed_tars": (downloads, tuple(gzip.compress(data) for data in seeds.TARS)),
    "sparse_streams": (sparse_streams, (build.sparse(4096), build.sparse(1024))),
    "transfer_lists": (transfer_lists, (ota_builders.transfer_list([(0, 3), (5, 9)], 12),)),
    "updater_scripts": (updater_scripts, (seeds.UPDATER_SCRIPT,)),
    "patch_files": (patch_files, seeds.PATCHES),
    "documents": (
        documents,
        (fit_image(seeds.SMALL), *seeds.IMAGES, *seeds.KERNELS, *seeds.PACKED, *seeds.REFUSED, seeds.CPIO),
    ),
}


def run(target: Target, data: bytes) -> None:
    """One input: what is refused is fine."""
    try:
        target(data)
    except InputError as error:
        if not (error.what and error.state and error.fix):
            raise AssertionError("an error without its three lines") from error
