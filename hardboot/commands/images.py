"""What hardboot info, unpack and pack do and print; whoever read the command line."""

from __future__ import annotations

from hardboot.commands.settings import Settings


def info(settings: Settings, image: str) -> None:
    """Show what is inside `image`."""
    from hardboot.base.files import map_file
    from hardboot.images.describe import describe

    document = describe(image, memoryview(map_file(image)))

    def human() -> None:
        from hardboot.commands.infopage import show

        show(document)

    settings.emit(document, human)


def unpack(settings: Settings, image: str, folder: str) -> None:
    """Take `image` apart into `folder`."""
    from hardboot.images.unpack.unpacking import unpack as run

    done = run(image, folder)

    def human() -> None:
        from hardboot.base.sizes import human_size
        from hardboot.commands.page import Page, safe

        page = Page()
        page.line(safe(f"{done.folder}: {done.kind}"))
        for name, size in done.parts:
            page.line(f"  {name:<18}{human_size(size)}")

    if done.signed:
        _warn("the image is signed; once it is changed, verification fails")
    parts = [{"name": name, "size": size} for name, size in done.parts]
    document = {"folder": folder, "kind": done.kind, "parts": parts, "signed": done.signed}
    settings.emit(document, human)


def pack(settings: Settings, folder: str, image: str) -> None:
    """Make `image` of `folder` again."""
    from dataclasses import asdict

    from hardboot.images.unpack.packing import pack as run

    done = run(folder, image)

    def human() -> None:
        from hardboot.commands.page import Page, safe

        page = Page()
        same = ", as it was unpacked" if done.identical else ""
        page.line(safe(f"{done.path}: {done.kind}, {done.size} bytes{same}"))
        for change in done.changes:
            page.line(f"  {safe(change)}")

    if done.signed:
        _warn("the signature no longer fits: only an unlocked bootloader takes this image")
    settings.emit(asdict(done), human)


def _warn(text: str) -> None:
    from hardboot.base import log

    log.warn(text)
