"""Every image that holds parts, as one kind of thing.

An image is taken apart into parts and a frame, which is all the rest; both together are the file again.
"""

from __future__ import annotations

from hardboot.formats import sniff
from hardboot.formats.boot import bootimg
from hardboot.formats.boot.paged import Part
from hardboot.formats.containers import boots
from hardboot.formats.containers.model import Changes, Container, Fields
from hardboot.formats.reading import Data, malformed, view

__all__ = ["Changes", "Container", "Fields", "open_container", "open_frame"]


def open_container(data: Data) -> Container:
    """Take an image apart; its parts are views into `data`.

    Raises:
        InputError: If it holds no parts hardboot can take out, or is damaged.
    """
    seen = view(data)
    kind = sniff.sniff(seen)
    container = _known(kind, seen) if kind != sniff.BOOT_IMAGE else None
    if container is None:
        container = boots.boot(bootimg.parse(seen))
    _check_apart(container)
    return container


def _known(kind: str | None, data: memoryview) -> Container | None:
    """What is no boot image, or none at first sight: None."""
    if kind == sniff.VENDOR_BOOT_IMAGE:
        from hardboot.formats.boot import vendorboot

        return boots.vendor_boot(vendorboot.parse(data))
    if kind == sniff.SONY_ELF:
        return boots.sony(data)
    if kind in sniff.TABLE_KINDS:
        from hardboot.formats.containers import tables

        return tables.table(kind, data)
    from hardboot.formats.containers import rows

    return rows.single(kind, data)


def _check_apart(container: Container) -> None:
    end = 0
    for part in container.parts:
        if len(part.data):
            if part.offset < end:
                problem = f"{part.name} begins inside of what ends at {end:#x}"
                raise malformed(container.kind, "offset", part.offset, problem)
            end = part.offset + len(part.data)


def open_frame(kind: str, data: Data, parts: tuple[Part, ...]) -> Container:
    """The image of that kind whose parts are zeros now, for `rebuild`.

    Args:
        kind: As the container said it.
        data: The file.
        parts: What is known of the parts, in file order.

    Raises:
        InputError: If `data` is damaged, or of another kind.
    """
    if kind != sniff.BOOT_IMAGE:
        from hardboot.formats.containers import rows

        if rows.is_row(kind):
            return rows.row(kind, parts, view(data))
    return open_container(data)
