"""The kernel image in a build tree of Linux."""

from pathlib import Path

from hardboot.base.errors import InputError

# By their folders below arch/: what a build makes, the first one that exists counts.
_IMAGES = {
    "arm": ("zImage",),
    "arm64": ("Image", "Image.gz", "Image.lz4", "vmlinuz.efi"),
}


def find_image(path: Path) -> Path:
    """Return the kernel image of a build tree; `path` itself if it is a file.

    Raises:
        InputError: If the tree holds no kernel that was built, or those of several architectures.
    """
    if not path.is_dir():
        return path
    found = []
    for arch, names in _IMAGES.items():
        folder = path / "arch" / arch / "boot"
        found += [folder / name for name in names if (folder / name).is_file()][:1]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(
            f"kernels of {len(found)} architectures were built in it: {', '.join(map(str, found))}",
            file=str(path),
            state="Nothing was sent.",
            fix="Name the kernel image to boot: --kernel FILE",
        )
    raise InputError(
        "no kernel was built in this folder (no arch/arm/boot/zImage, no arch/arm64/boot/Image)",
        file=str(path),
        state="Nothing was sent.",
        fix="Build it first, or name the kernel image: --kernel FILE",
    )
