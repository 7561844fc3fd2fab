"""The files of a kernel tree that may hold hardboot support, read only when they are needed."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from hardboot.patches.series import CONFIG_NAME, Arch
from hardboot.patches.source import SourceFile
from hardboot.patches.tree import Tree

_BOARD = re.compile(r"board|devices|restart|reset|common|init|ram|power")


@dataclass(frozen=True, slots=True)
class PlaceFinding:
    """Where a place of the feature is: `line` from 1; its damage, and a note on what is odd but no damage."""

    file: str
    line: int
    damage: str = ""
    note: str = ""


def mentions_feature(data: bytes) -> bool:
    """Return whether a file names the feature, under any of the names that authors use."""
    low = data.lower()
    return b"hardboot" in low or b"kexechb" in low or b"kexec_hb" in low


class Candidates:
    """The files of `tree` that may hold the feature on one architecture."""

    def __init__(self, tree: Tree, arch: Arch) -> None:
        """Read nothing yet."""
        self.tree = tree
        self.arch = arch
        self._files: dict[str, SourceFile | None] = {}

    def file(self, path: str) -> SourceFile | None:
        """Return the file `path`; None if there is none."""
        if path not in self._files:
            data = self.tree.read(path)
            self._files[path] = SourceFile(path, data) if data is not None else None
        return self._files[path]

    def files(self, *paths: str) -> list[SourceFile]:
        """Return those of the files that exist."""
        return [file for path in paths if (file := self.file(path))]

    @property
    def relocation(self) -> str:
        """The file that writes the record."""
        return f"arch/{self.arch}/kernel/relocate_kernel.S"

    @property
    def writers(self) -> tuple[str, ...]:
        """The files that may write the record: the relocation code, else the C code before it."""
        return self.relocation, f"arch/{self.arch}/kernel/machine_kexec.c"

    @property
    def entry(self) -> str:
        """The file that reads the record: the first code of a boot image."""
        return "arch/arm/boot/compressed/head.S" if self.arch == "arm" else "arch/arm64/kernel/head.S"

    @cached_property
    def _machines(self) -> list[str]:
        """The folders of machines and platforms, which older kernels for ARM have."""
        base = f"arch/{self.arch}"
        return [
            path for path in self.tree.folders(base) if path.startswith((f"{base}/mach-", f"{base}/plat-"))
        ]

    @cached_property
    def memory_headers(self) -> list[str]:
        """The machines' headers that may define the page."""
        return [path for folder in self._machines if self.tree.has(path := f"{folder}/include/mach/memory.h")]

    @cached_property
    def boards(self) -> list[SourceFile]:
        """The C files that name the feature, where boards reserve memory and reset the machine."""
        # If a machine's header defines the page, only that machine counts. If none does, any may be it: then
        # only files whose names suggest it are read.
        named = [file for file in self.files(*self.memory_headers) if "KEXEC_H" in file.text]
        machines = [file.path.removesuffix("/include/mach/memory.h") for file in named]
        found = []
        for folder in (
            *(machines or self._machines),
            f"arch/{self.arch}/mm",
            "fs/pstore",
            "drivers/power/reset",
            "drivers/soc",
        ):
            # Drivers are named after their chips.
            named_so = None if machines or folder.startswith("drivers/") else _BOARD
            for path, data in self.tree.walk(folder, (".c",), named_so):
                if mentions_feature(data):
                    found.append(SourceFile(path, data))
        return found

    @property
    def early_code(self) -> list[SourceFile]:
        """The C files that every board shares, where some authors reserve the page."""
        return self.files(f"arch/{self.arch}/kernel/setup.c", "kernel/kexec.c", "kernel/kexec_core.c")

    def device_trees(self, addresses: Iterable[int]) -> Iterator[SourceFile]:
        """Yield the device tree sources that name the feature, then those that contain an address in hex."""
        digits = [f"{address:x}".encode() for address in addresses]
        others = []
        for folder in dict.fromkeys((f"arch/{self.arch}/boot/dts", "arch/arm/boot/dts")):
            for path, data in self.tree.walk(folder, (".dtsi", ".dts")):
                if mentions_feature(data):
                    yield SourceFile(path, data)
                elif any(text in data.lower() for text in digits):
                    others.append(SourceFile(path, data))
        yield from others

    @cached_property
    def configs(self) -> list[SourceFile]:
        """The configurations that name the feature: the tree's own, our fragment, the default ones."""
        own = [".config"] if self.tree.is_regular(".config") else []
        found = self.files(*own, CONFIG_NAME)
        for path, data in self.tree.walk(f"arch/{self.arch}/configs", ("config",)):
            if b"KEXEC_H" in data:
                found.append(SourceFile(path, data))
        return found
