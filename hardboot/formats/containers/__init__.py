"""Take every kind of image apart into parts, and put it together again.

What is left of an image without its parts is its frame; parts and frame together are the file again.
"""

from __future__ import annotations

from hardboot.base.errors import InputError
from hardboot.formats import sniff
from hardboot.formats.boot.paged import Part
from hardboot.formats.containers import boot_images, wrapped
from hardboot.formats.containers.model import Changes, Container, Fields, Rebuilt
from hardboot.formats.reading import Data, malformed, view

__all__ = ["Changes", "Container", "Fields", "Rebuilt", "open_container", "open_frame"]


def open_container(data: Data) -> Container:
    """Take an image apart; its parts are views into `data`.

    Raises:
        InputError: If it has no parts that hardboot knows, or is damaged.
    """
    return _open_checked(view(data), 0)


def _open_checked(data: memoryview, base: int) -> Container:
    container = _open(sniff.sniff(data), data, base)
    _check_order(container)
    return container


def _open(kind: str | None, data: memoryview, base: int) -> Container:
    """Take an image apart that has `base` bytes in front of it in its file."""
    if kind in sniff.SEALED:
        why, fix = sniff.SEALED[kind]
        raise malformed(kind, "content", 0, why, fix=fix)
    if kind == sniff.BOOT_IMAGE:
        return boot_images.open_boot(data)
    if kind == sniff.VENDOR_BOOT_IMAGE:
        return boot_images.open_vendor_boot(data, base)
    # Importing these formats takes longer than unpacking a boot image.
    if wrapped.is_wrapped(data):
        return wrapped.open_wrapped(data, lambda content, lead: _open(sniff.sniff(content), content, lead))
    if kind == sniff.SONY_ELF:
        from hardboot.formats.containers import sony

        return sony.open_sony(data, base)
    if kind in sniff.TABLE_KINDS:
        from hardboot.formats.containers import tables

        return tables.open_table(kind, data, base)
    if kind == sniff.DEVICE_TREE:
        from hardboot.formats.containers import fits

        opened = fits.open_fit(data)
        if opened:
            return opened
    if kind == sniff.RESOURCE_IMAGE:
        from hardboot.formats.containers import resources

        return resources.open_resources(data, base)
    from hardboot.formats.containers import bare, sized

    if kind in sized.KINDS:
        return sized.open_sized(kind, data, base)
    opened = bare.open_bare(kind, data, base)
    if opened:
        return opened
    try:
        return boot_images.open_boot(data)
    except InputError:
        loader = bare.open_bare(sniff.BOOTLOADER, data, base) if kind is None else None
        if loader is None:
            raise
        return loader


def _check_order(container: Container) -> None:
    end = 0
    for part in container.parts:
        if len(part.data):
            if part.offset < end:
                problem = f"{part.name} begins before {end:#x}, the end of another part"
                raise malformed(container.kind, "offset", part.offset, problem)
            end = part.offset + len(part.data)


def open_frame(kind: str, data: Data, parts: tuple[Part, ...]) -> Container:
    """Open an image whose parts were replaced by zeros, for its `rebuild`.

    Args:
        kind: As the image's container had it.
        data: The file.
        parts: As the image's container had them.

    Raises:
        InputError: If `data` is damaged, or of another kind.
    """
    return _open_frame(kind, view(data), parts, 0)


def _open_frame(kind: str, data: memoryview, parts: tuple[Part, ...], base: int) -> Container:
    from hardboot.formats.containers import bare, sized

    if kind in sized.KINDS:
        return sized.sized_container(kind, parts, data, base)
    if bare.is_bare(kind):
        return bare.bare_container(kind, parts, data, base)
    return wrapped.open_wrapped_frame(kind, data, parts, _open_frame) or _open_checked(data, base)
