"""`hardboot info`: what is inside an image. Reads headers, the kernel and device trees; not the ramdisk."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hardboot.commands.common import Command, Settings, pass_settings

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from hardboot.formats.bootimg import BootImage

Document = dict[str, Any]
_PIPE_WIDTH = 8192  # columns: a command line and a header never wrap in a pipe
_LABEL_WIDTH = 18  # columns


@click.command(cls=Command, short_help="What is inside an image.")
@click.argument("image", type=click.Path(path_type=Path))
@pass_settings
def info(settings: Settings, image: Path) -> None:
    """Show what is inside IMAGE: a boot image (header v0 to v2), an ARM zImage or a device tree.

    With --json every size, offset and address is an integer.
    """
    from hardboot.files import map_file

    data = map_file(image)
    document = {"path": str(image), "size": len(data), **describe(image, memoryview(data))}
    settings.emit(document, lambda: _show(document))


def describe(path: Path, data: memoryview) -> Document:
    """The document of an image.

    Raises:
        InputError: If `data` is no image hardboot reads, or is damaged; names `path`.
    """
    from hardboot.errors import InputError
    from hardboot.formats import bootimg, sniff

    kind = sniff.sniff(data)
    try:
        if kind in (sniff.BOOT_IMAGE, sniff.VENDOR_BOOT_IMAGE):
            return {"kind": kind, "boot_image": _boot_image(bootimg.parse(data))}
        if kind == sniff.ZIMAGE:
            return {"kind": kind, "zimage": _zimage(data)}
        if kind == sniff.DEVICE_TREE:
            return {"kind": kind, "dtbs": _trees(data)}
    except InputError as error:
        raise InputError(f"{path}: {error.what}", unchanged=error.unchanged, fix=error.fix) from error
    raise InputError(
        f"{path}: this is {sniff.described(data)}",
        unchanged="Nothing was changed.",
        fix="Give a boot image (header v0 to v2), a 32-bit ARM zImage or a device tree.",
    )


def _boot_image(image: "BootImage") -> Document:
    addresses = {
        "kernel": image.kernel_addr,
        "ramdisk": image.ramdisk_addr,
        "second": image.second_addr,
        "dtb": image.dtb_addr,
    }
    return {
        "header_version": image.header_version,
        "page_size": image.page_size,
        "os_version": image.os_version_text,
        "os_patch_level": image.os_patch_level,
        "name": image.name,
        "cmdline": image.cmdline,
        "id": image.id.hex(),
        "tags_addr": image.tags_addr,
        "recovery_dtbo_offset": image.recovery_dtbo_offset,
        "trailing_size": len(image.tail),
        "parts": [
            {
                "name": part.name,
                "offset": part.offset,
                "size": len(part.data),
                "address": addresses.get(part.name),
                **(_part(memoryview(part.data)) if part.data else {"kind": None}),
            }
            for part in image.parts
        ],
    }


def _part(data: memoryview) -> Document:
    """What a part is; damage inside it is told as `problem`, so that the rest can still be shown."""
    from hardboot.errors import InputError
    from hardboot.formats import sniff

    kind = sniff.sniff(data)
    document: Document = {"kind": kind}
    try:
        if kind == sniff.ZIMAGE:
            document["zimage"] = _zimage(data)
        elif kind == sniff.DEVICE_TREE:
            document["dtbs"] = _trees(data)
    except InputError as error:
        document["problem"] = error.what
    return document


def _zimage(data: memoryview) -> Document:
    from hardboot.formats import zimage
    from hardboot.formats.kernel import kernel_release

    kernel = zimage.parse(data)
    return {
        "size": kernel.size,
        "release": kernel_release(kernel),
        "edata_size": kernel.edata_size,
        "bss_size": kernel.bss_size,
        "text_offset": kernel.text_offset,
        "malloc_size": kernel.malloc_size,
        "hardboot_page": kernel.hardboot_page,
        "hardboot_version": kernel.hardboot_version,
        "dtbs": [_tree(tree) for tree in kernel.dtbs],
        "padding_size": len(kernel.padding),
    }


def _trees(data: memoryview) -> list[Document]:
    """The trees of a file that begins with one."""
    from hardboot.formats import fdt

    fdt.total_size(data)  # refuses what `split` would only leave over
    return [_tree(tree) for tree in fdt.split(data)[0]]


def _tree(data: memoryview) -> Document:
    from hardboot.errors import InputError
    from hardboot.formats import fdt

    document: Document = {"size": len(data), "model": None, "compatible": []}
    try:
        properties = fdt.parse(data).root.properties
    except InputError as error:
        return {**document, "problem": error.what}
    if "model" in properties:
        document["model"] = fdt.text(properties["model"])
    return {**document, "compatible": fdt.strings(properties.get("compatible"))}


def _show(document: Document) -> None:
    """Print a document for people: as wide as the terminal, one line a value in a pipe."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, emoji=False, width=_PIPE_WIDTH)
    with console.capture() as captured:
        _print(console, document)
    for line in captured.get().splitlines():
        click.echo(line.rstrip())


def _print(console: "Console", document: Document) -> None:
    console.print(f"{_safe(document['path'])}: {document['kind']}, {_size(document['size'])}", style="bold")
    if "boot_image" in document:
        image = document["boot_image"]
        console.print(_pairs(_boot_image_rows(image)))
        console.print()
        console.print(_parts_table(image["parts"]))
        for part in image["parts"]:
            if part.keys() & {"zimage", "dtbs", "problem"}:
                console.print()
                console.print(f"{part['name']}: {part['kind']}", style="bold")
                _print_content(console, part)
    else:
        _print_content(console, document)


def _print_content(console: "Console", document: Document) -> None:
    """The kernel or the device trees in a file or in a part."""
    if "problem" in document:
        console.print(_pairs([("problem", document["problem"])]), style="yellow")
    trees = document.get("dtbs", [])
    if "zimage" in document:
        kernel = document["zimage"]
        trees = kernel["dtbs"]
        console.print(_pairs(_zimage_rows(kernel)))
    if trees:
        console.print(_trees_table(trees))


def _boot_image_rows(image: Document) -> list[tuple[str, str]]:
    rows = [
        ("header", f"v{image['header_version']}, pages of {image['page_size']} bytes"),
        ("Android", image["os_version"] or "not stated"),
        ("patch level", image["os_patch_level"] or "not stated"),
        ("name", image["name"]),
        ("command line", image["cmdline"]),
        ("id", image["id"].removesuffix("0" * 24)),
        ("tags address", _hex(image["tags_addr"])),
    ]
    if image["trailing_size"]:
        rows.append(("behind the parts", _size(image["trailing_size"])))
    return [(key, value or "none") for key, value in rows]


def _zimage_rows(kernel: Document) -> list[tuple[str, str]]:
    def size(name: str) -> str:
        return "not stated" if kernel[name] is None else _size(kernel[name])

    page, version = kernel["hardboot_page"], kernel["hardboot_version"]
    return [
        ("release", kernel["release"] or "not found"),
        ("size", size("size")),
        ("unpacked", size("edata_size")),
        ("BSS", size("bss_size")),
        ("text offset", "not stated" if kernel["text_offset"] is None else _hex(kernel["text_offset"])),
        ("unpacker's heap", size("malloc_size")),
        ("hardboot", "no page tag" if page is None else f"page at {_hex(page)}, ABI version {version}"),
        ("appended DTBs", str(len(kernel["dtbs"]) or "none")),
        *([("padding", size("padding_size"))] if kernel["padding_size"] else []),
    ]


def _pairs(rows: list[tuple[str, str]]) -> "RenderableType":
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=_LABEL_WIDTH, no_wrap=True, style="cyan")
    table.add_column(overflow="fold")
    for key, value in rows:
        table.add_row(f"  {key}", _safe(value))
    return table


def _table(*columns: str, numbers: int) -> "Table":
    """A table without lines; its first `numbers` columns behind the name are right-aligned."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="cyan")
    for index, column in enumerate(columns):
        right = 0 < index <= numbers
        table.add_column(column, justify="right" if right else "left", no_wrap=right, overflow="fold")
    return table


def _parts_table(parts: list[Document]) -> "Table":
    table = _table("  part", "offset", "size", "address", "what it is", numbers=3)
    for part in parts:
        name, address = f"  {part['name']}", part["address"]
        where = "" if address is None else _hex(address)
        if part["size"]:
            kind = part["kind"] or "unknown"
            table.add_row(name, _hex(part["offset"]), _size(part["size"]), where, kind)
        else:
            table.add_row(name, "", "none", where, "")
    return table


def _trees_table(trees: list[Document]) -> "Table":
    table = _table("  DTB", "size", "model", "compatible", numbers=1)
    for index, tree in enumerate(trees):
        model = tree.get("problem") or tree["model"] or "not stated"
        table.add_row(f"  {index}", _size(tree["size"]), _safe(model), _safe(" ".join(tree["compatible"])))
    return table


def _hex(value: int) -> str:
    return f"{value:#010x}"


def _size(size: int) -> str:
    from hardboot.memory import human_size

    return human_size(size)


def _safe(text: str) -> str:
    """`text` from an image without what could steer a terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
