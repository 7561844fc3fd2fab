"""A device tree unpacked into files."""

from pathlib import Path

from hardboot.formats.trees import fdt


def unpacked(tree: fdt.Fdt, folder: Path) -> Path:
    """Return the tree as Linux shows it: a folder for each node, with files for its properties and name."""
    for path, node in tree.root.walk():
        here = folder / path.lstrip("/")
        here.mkdir(exist_ok=True, parents=True)
        for name, value in {**node.properties, "name": f"{node.name}\0".encode()}.items():
            (here / name).write_bytes(value)
    return folder
