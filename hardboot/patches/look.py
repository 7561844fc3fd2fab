"""A tree as `hardboot patch status` sees it: the files the feature may be in, read only when asked for."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from hardboot.patches.series import CONFIG_NAME, Arch
from hardboot.patches.source import Source
from hardboot.patches.tree import Tree

_BOARD = re.compile(r"board|devices|restart|reset|common|init|ram|power")


@dataclass(frozen=True, slots=True)
class Spot:
    """A place of the feature: the line counts from 1; what is broken there, and what is odd."""

    file: str
    line: int
    damage: str = ""
    note: str = ""


def named_in(data: bytes) -> bool:
    """True if the feature is named in a file, as all authors name it."""
    low = data.lower()
    return b"hardboot" in low or b"kexechb" in low or b"kexec_hb" in low


class Look:
    """The files of `tree` that matter on one architecture."""

    def __init__(self, tree: Tree, arch: Arch) -> None:
        self.tree = tree
        self.arch = arch
        self._sources: dict[str, Source | None] = {}

    def source(self, path: str) -> Source | None:
        """The file `path`, None if there is none."""
        if path not in self._sources:
            data = self.tree.read(path)
            self._sources[path] = Source(path, data) if data is not None else None
        return self._sources[path]

    def sources(self, *paths: str) -> list[Source]:
        """Those of the files that are there."""
        return [file for path in paths if (file := self.source(path))]

    @property
    def relocation(self) -> str:
        """Where the record is written."""
        return f"arch/{self.arch}/kernel/relocate_kernel.S"

    @property
    def entry(self) -> str:
        """Where the record is read: the first code of a boot image."""
        return "arch/arm/boot/compressed/head.S" if self.arch == "arm" else "arch/arm64/kernel/head.S"

    @cached_property
    def _machines(self) -> list[str]:
        """The folders of machines and platforms, which older kernels for 32-bit ARM have."""
        if self.arch == "arm64":
            return []
        return [
            path
            for path in self.tree.folders("arch/arm")
            if path.startswith(("arch/arm/mach-", "arch/arm/plat-"))
        ]

    @cached_property
    def memory_headers(self) -> list[str]:
        """The machines' headers that may define the page."""
        return [path for folder in self._machines if self.tree.has(path := f"{folder}/include/mach/memory.h")]

    @cached_property
    def boards(self) -> list[Source]:
        """The C files that name the feature, among those where memory is reserved and machines are reset."""
        # The machine whose header defines the page is the one. Where none does, it may be any: then only
        # files that are called so.
        named = [file for file in self.sources(*self.memory_headers) if "KEXEC_H" in file.text]
        machines = [file.path.removesuffix("/include/mach/memory.h") for file in named]
        found = []
        for folder in (
            *(machines or self._machines),
            f"arch/{self.arch}/mm",
            "fs/pstore",
            "drivers/power/reset",
        ):
            for path, data in self.tree.walk(folder, (".c",), None if machines else _BOARD):
                if named_in(data):
                    found.append(Source(path, data))
        return found

    def device_trees(self, numbers: Iterable[int]) -> Iterator[Source]:
        """The device tree sources that name the feature, then those with one of the `numbers` in hex."""
        digits = [f"{number:x}".encode() for number in numbers]
        others = []
        for folder in dict.fromkeys((f"arch/{self.arch}/boot/dts", "arch/arm/boot/dts")):
            for path, data in self.tree.walk(folder, (".dtsi", ".dts")):
                if named_in(data):
                    yield Source(path, data)
                elif any(text in data.lower() for text in digits):
                    others.append(Source(path, data))
        yield from others

    @cached_property
    def configs(self) -> list[Source]:
        """The configurations that name the feature: the tree's own, our fragment, the default ones."""
        found = self.sources(".config", CONFIG_NAME)
        for path, data in self.tree.walk(f"arch/{self.arch}/configs", ("config",)):
            if b"KEXEC_H" in data:
                found.append(Source(path, data))
        return found
