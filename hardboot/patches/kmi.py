"""The kernel module interface (KMI) of two builds: what one exports to modules, compared with the other."""

import re
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from hardboot.base import files
from hardboot.base.errors import InputError

# Of a whole build, and of the kernel without modules (scripts/Makefile.modpost; also in GKI's dist folder).
SYMVERS = "Module.symvers", "vmlinux.symvers"
_LIMIT = 32 << 20  # bytes; a kernel with every module has 3 MiB
_LIST_LIMIT = 4 << 20  # bytes of a symbol list
_EXPORTS = (  # those of modpost before 5.12 too
    "EXPORT_SYMBOL",
    "EXPORT_SYMBOL_GPL",
    "EXPORT_SYMBOL_GPL_FUTURE",
    "EXPORT_UNUSED_SYMBOL",
    "EXPORT_UNUSED_SYMBOL_GPL",
)
_CRC = re.compile(r"0x[0-9a-fA-F]{8}")


@dataclass(frozen=True, slots=True)
class Export:
    """One line of Module.symvers; `crc` is of the symbol's type with all types that it reaches."""

    symbol: str
    crc: int
    module: str
    kind: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What modules built for the kernel before meet in the one after; each sorted by symbol.

    Attributes:
        compared: How many symbols of the kernel before count.
        missing: Exported before, not after: a module that needs one does not load.
        changed: With another CRC: likewise.
        restricted: For GPL modules only, or in another namespace, and not so before.
        added: Exported after only; harmless.
        unknown: Of the symbol list, exported by neither.
    """

    compared: int
    missing: tuple[str, ...]
    changed: tuple[str, ...]
    restricted: tuple[str, ...]
    added: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether every module that loads on the kernel before loads on the one after."""
        return not (self.missing or self.changed or self.restricted)


def find_symvers(before: Path, after: Path) -> tuple[Path, Path]:
    """Return the files of two builds to compare: of folders, the same file of both, as far as it exists."""
    folders = [path for path in (before, after) if path.is_dir()]
    complete = (name for name in SYMVERS if all((folder / name).is_file() for folder in folders))
    name = next(complete, SYMVERS[0])
    first, second = (path / name if path in folders else path for path in (before, after))
    return first, second


def read_symvers(path: Path) -> dict[str, Export]:
    """Read the exports of a build.

    Raises:
        InputError: If it cannot be read, is no such file, or was built without CONFIG_MODVERSIONS.
    """
    exports = parse_symvers(files.read_bytes(path, limit=_LIMIT), str(path))
    if not any(export.crc for export in exports.values()):
        raise InputError(
            f"{path} has no CRCs: the kernel was built without CONFIG_MODVERSIONS",
            state="Nothing was compared.",
            fix="Build both kernels with CONFIG_MODVERSIONS=y, as GKI's configuration does.",
        )
    return exports


def parse_symvers(data: bytes, name: str) -> dict[str, Export]:
    """Parse a Module.symvers: CRC, symbol, module, kind of export and, since Linux 5.4, namespace.

    Linux 5.4 has the namespace before the module (scripts/mod/modpost.c, write_dump()).

    Raises:
        InputError: If a line is not of this form, a symbol is exported twice, or there is none.
    """
    exports: dict[str, Export] = {}
    for number, line in enumerate(data.decode("latin-1").splitlines(), 1):
        match line.split("\t"):
            case [crc, symbol, module, kind] if kind in _EXPORTS:
                namespace = ""
            case [crc, symbol, module, kind, namespace] if kind in _EXPORTS:
                pass
            case [crc, symbol, namespace, module, kind] if kind in _EXPORTS:
                pass
            case _:
                raise _bad(name, number, "it is not a line of Module.symvers")
        if not _CRC.fullmatch(crc) or not symbol:
            raise _bad(name, number, "it has no CRC of eight digits, or no symbol")
        if symbol in exports:
            raise _bad(name, number, f"{symbol} is exported twice")
        exports[symbol] = Export(symbol, int(crc, 16), module, kind, namespace)
    if not exports:
        raise _bad(name, 1, "it exports nothing")
    return exports


def read_symbol_list(path: Path) -> set[str]:
    """Read a list of symbols that modules may use, such as android/abi_gki_aarch64 of a GKI tree.

    Raises:
        InputError: If it cannot be read, or a line is no symbol.
    """
    symbols = set()
    text = files.read_bytes(path, limit=_LIST_LIMIT).decode("latin-1")
    for number, line in enumerate(text.splitlines(), 1):
        word = line.partition("#")[0].strip()
        if not word or (word.startswith("[") and word.endswith("]")):
            continue
        if not word.replace("_", "a").isalnum() or not word.isascii():
            raise _bad(str(path), number, "it is no symbol")
        symbols.add(word)
    return symbols


def compare(
    before: dict[str, Export], after: dict[str, Export], symbols: Set[str] | None = None
) -> Comparison:
    """Compare the exports of two builds.

    Args:
        before: Of the kernel that the phone's modules are built for.
        after: Of the kernel that shall run instead.
        symbols: Those that modules may use; None: all.
    """
    wanted = {name: export for name, export in before.items() if symbols is None or name in symbols}
    both = {name: (export, after[name]) for name, export in wanted.items() if name in after}
    return Comparison(
        compared=len(wanted),
        missing=tuple(sorted(wanted.keys() - after.keys())),
        changed=tuple(sorted(name for name, (old, new) in both.items() if old.crc != new.crc)),
        restricted=tuple(sorted(name for name, (old, new) in both.items() if _is_restricted(old, new))),
        added=tuple(sorted(after.keys() - before.keys())),
        unknown=tuple(sorted((symbols or set()) - before.keys() - after.keys())),
    )


def _is_restricted(old: Export, new: Export) -> bool:
    only_gpl = "_GPL" in new.kind and "_GPL" not in old.kind
    return only_gpl or (bool(new.namespace) and new.namespace != old.namespace)


def _bad(name: str, line: int, what: str) -> InputError:
    return InputError(
        f"{name}, line {line}: {what}",
        state="Nothing was compared.",
        fix="Give Module.symvers of a build, or its build folder; a symbol list has one symbol a line.",
    )
