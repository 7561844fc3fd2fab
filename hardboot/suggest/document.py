"""The document a draft is made in: facts with their evidence, written as TOML."""

from typing import Any

from hardboot.base.memory import Range
from hardboot.formats import toml
from hardboot.profile import Trust
from hardboot.suggest.ground import Stated

Document = dict[str, dict[str, Any]]
_HEX = (
    *("start", "size", "page", "mem_min", "flag", "address", "value", "ids", "base", "_offset", "_loc"),
    *("zreladdr", "params"),
)
# How to find what a draft does not know.
_UNKNOWN = {
    "ram": "as root on the phone: cat /proc/iomem",
    "bootloader": "the bootloader was not measured: fill RAM with a pattern, reset, compare at the entry "
    "of the host kernel; or read the bootloader's source",
    "mem_min": "an address in System RAM that keeps its content through a reset",
    "hardboot.page": "KEXEC_HB_PAGE_ADDR in the source of a host kernel; with our series a page of System "
    "RAM that survives a reset: beside ramoops, outside kernel, reserved memory and bootloader",
    "hardboot.dtb_loc": "print r2 at the entry of a host kernel; hardboot info BOOT.IMG shows the tags addr",
    "hardboot.kernel_loc": "KEXEC_HB_KERNEL_LOC in the source of the host kernel, if it has one",
    "hardboot.buffer": "arch_kexec_is_hardboot_buffer_range in the source of the host kernel",
    "kernel.params": "params_phys in Makefile.boot of the kernel's machine",
    "kernel.phys_offset": "PHYS_OFFSET in the kernel's configuration, or Makefile.boot of its machine",
    "reset": "relocate_kernel.S of a kernel with the hardboot patch, or the kernel's restart driver",
    "partitions.boot": "ls -l /dev/block/by-name /dev/block/platform/*/by-name",
    "image": "hardboot info of the phone's own boot image shows it",
}


class Draft:
    """A document that is filled in, fact by fact."""

    def __init__(self) -> None:
        self.tables: Document = {name: {} for name in ("", *_TABLES)}
        self.evidence: dict[str, dict[str, Any]] = {}

    def state(self, fact: str, value: Any, status: Trust, source: str) -> None:
        """A fact, by its dotted name, and where it was read."""
        table, _, name = fact.rpartition(".")
        self.tables[table][name] = value
        self.say(fact, status, source)

    def say(self, fact: str, status: Trust, source: str) -> None:
        """Only its evidence."""
        self.evidence[fact] = {"status": status, "source": plain(source)}

    def unknown(self, fact: str, more: str = "") -> None:
        """That it is not known."""
        self.say(fact, "unknown", "; ".join(filter(None, (more, _UNKNOWN[fact]))))

    def spans(self, name: str, stated: tuple[Stated, ...]) -> None:
        """A list of ranges."""
        if stated:
            self.tables[""][name] = [span(one.range) for one in stated]
            for one in stated:
                self.say(f"{name}.{one.range.name}", one.status, one.source)

    def without(self, fact: str, why: str) -> None:
        """Leave a fact out that breaks a rule of profiles."""
        table, _, name = fact.rpartition(".")
        if table in ("ram", "reserved", "bootloader"):
            left = [one for one in self.tables[""].get(table, []) if one["name"] != name]
            self.tables[""][table] = left
        elif table.startswith("partitions"):
            self.tables["partitions"].pop(fact.split(".")[1], None)
        else:
            self.tables.get(table, {}).pop(name, None)
        self.evidence.pop(fact, None)
        if fact in _UNKNOWN:
            self.unknown(fact, why)

    def text(self, comments: list[str]) -> str:
        """The file."""
        top = {name: value for name, value in self.tables[""].items() if value != []}
        rest = {name: table for name, table in self.tables.items() if name and (table or name in _NEEDED)}
        return toml.dump(comments, {"": top, **rest, "evidence": self.evidence}, hexadecimal=_HEX)


_TABLES = ("kernel", "hardboot", "reset", "partitions", "image", "dtb", "cmdline")
_NEEDED = ("hardboot", "partitions", "image", "dtb")


def span(one: Range) -> dict[str, Any]:
    """A range as a profile has it."""
    return {"name": one.name, "start": one.start, "size": one.size}


def plain(value: str) -> str:
    """The text as a profile's texts may be: printable, on one line, not too long."""
    words = " ".join("".join(c if c.isprintable() else "?" for c in value).split())
    return words if len(words) <= 400 else words[:399] + "…"
