"""The kernel modules in a ramdisk that hb-init loads: those that Android's first stage loads, in its order.

Source: AOSP system/core, init/first_stage_init.cpp (LoadKernelModules): lib/modules/modules.load names them,
modules.dep what each needs.
"""

from hardboot.base import log
from hardboot.formats.archives import compression
from hardboot.formats.archives.compression import Decompressor
from hardboot.formats.archives.rootfs import Rootfs

_FOLDER = "lib/modules"
_LIMIT = 64 << 20  # bytes of one module, unpacked


def needed(tree: Rootfs) -> dict[str, bytes]:
    """Return modules by the names of their files, in the order in which they can be loaded.

    Args:
        tree: The root file system that the kernel makes of the ramdisk.

    Raises:
        InputError: If a module is packed and damaged.
    """
    wanted = _lines(tree, f"{_FOLDER}/modules.load")
    depends = dict(_dependencies(line) for line in _lines(tree, f"{_FOLDER}/modules.dep"))
    order: list[str] = []
    for name in wanted:
        # modules.dep lists what a module needs with the deepest first to be loaded at the end of the line.
        order += [one for one in (*reversed(depends.get(_base(name), ())), _base(name)) if one not in order]
    found: dict[str, bytes] = {}
    for name in order:
        content = _content(tree, f"{_FOLDER}/{name}")
        if content is None:
            log.warn(f"the ramdisk lists the module {name}, which it does not have")
            continue
        kind = compression.detect(content)
        if kind is not None and kind != "lzop":
            content = b"".join(Decompressor(kind, content, limit=_LIMIT))
        found[name.partition(".ko")[0] + ".ko"] = content
    return found


def _base(path: str) -> str:
    return path.strip().rpartition("/")[2]


def _dependencies(line: str) -> tuple[str, tuple[str, ...]]:
    name, _, others = line.partition(":")
    return _base(name), tuple(_base(one) for one in others.split())


def _lines(tree: Rootfs, path: str) -> list[str]:
    text = (_content(tree, path) or b"").decode("utf-8", "replace")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _content(tree: Rootfs, path: str) -> bytes | None:
    found = tree.find(path, follow=True)
    if found is None or found.node.entry is None or not found.node.entry.is_file:
        return None
    return bytes(found.node.data)
