"""A draft in the making: facts with their evidence, written as TOML."""

from typing import Any

from hardboot.base.memory import Range
from hardboot.formats import toml
from hardboot.profile import Trust
from hardboot.suggest.stated import Stated

Document = dict[str, dict[str, Any]]
_HEX = (
    *("start", "size", "page", "mem_min", "flag", "address", "value", "ids", "base", "_offset", "_loc"),
    *("zreladdr", "params"),
)
_TABLES = ("kernel", "hardboot", "reset", "partitions", "image", "dtb", "cmdline")
_NEEDED = ("hardboot", "partitions", "image", "dtb")  # written even if empty
# How to find what a draft does not know; texts of [evidence].
_UNKNOWN = {
    "ram": "as root on the phone: cat /proc/iomem",
    "bootloader": "not measured: fill RAM with a pattern, reset, compare at the entry "
    "of the host kernel; or read the bootloader's source",
    "mem_min": "an address in System RAM that keeps its content through a reset",
    "hardboot.page": "KEXEC_HB_PAGE_ADDR in the source of a host kernel; with our series a page of System "
    "RAM that survives a reset: beside ramoops, outside kernel, reserved memory and bootloader",
    "hardboot.dtb_loc": "print r2 at the entry of a host kernel; hardboot info BOOT.IMG shows the tags addr",
    "hardboot.kernel_loc": "KEXEC_HB_KERNEL_LOC in the source of the host kernel, if it has one",
    "hardboot.host_abi": "docs/profiles.md lists what host kernels do with the record: with our series "
    "direct, or copy-atags without a device tree; relocate_kernel.S shows it for another author's",
    "dtb.kind": "copy /sys/firmware/fdt or /proc/device-tree off the phone; on a phone without a device tree "
    "/proc/atags exists and dmesg shows Machine without a model",
    "hardboot.buffer": "arch_kexec_is_hardboot_buffer_range in the source of the host kernel",
    "kernel.params": "params_phys in Makefile.boot of the kernel's machine",
    "kernel.phys_offset": "PHYS_OFFSET in the kernel's configuration, or Makefile.boot of its machine",
    "reset": "relocate_kernel.S of a kernel with the hardboot patch, or the kernel's restart driver",
    "partitions.boot": "ls -l /dev/block/by-name /dev/block/platform/*/by-name",
    "image": "hardboot info shows it for the phone's own boot image",
}


class Draft:
    """A profile to be filled in, fact by fact.

    Attributes:
        tables: Values by table and key; "" is the top level.
        evidence: By dotted name of the fact.
    """

    def __init__(self) -> None:
        """Start without any fact."""
        self.tables: Document = {name: {} for name in ("", *_TABLES)}
        self.evidence: dict[str, dict[str, Any]] = {}

    @property
    def arch(self) -> str:
        """The phone's architecture; it is added first."""
        return str(self.tables[""]["arch"])

    def copy(self) -> "Draft":
        """Return a copy to try a fact on; values are shared."""
        found = Draft()
        found.tables = {name: dict(table) for name, table in self.tables.items()}
        found.evidence = dict(self.evidence)
        return found

    def state(self, fact: str, value: object, status: Trust, source: str) -> None:
        """State a fact, by its dotted name, and where it was read."""
        table, _, name = fact.rpartition(".")
        self.tables[table][name] = value
        self.add_evidence(fact, status, source)

    def add_evidence(self, fact: str, status: Trust, source: str) -> None:
        """Add the evidence for a fact that is stated already."""
        self.evidence[fact] = {"status": status, "source": plain(source)}

    def unknown(self, fact: str, more: str = "") -> None:
        """Note that a fact is unknown, and how to find it; `more` comes first."""
        self.add_evidence(fact, "unknown", "; ".join(filter(None, (more, _UNKNOWN[fact]))))

    def spans(self, name: str, stated: tuple[Stated, ...]) -> None:
        """State a list of ranges."""
        if stated:
            self.tables[""][name] = [span(one.range) for one in stated]
            for one in stated:
                self.add_evidence(f"{name}.{one.range.name}", one.status, one.source)

    def leave_out(self, fact: str, why: str) -> None:
        """Leave out a fact that breaks a profile rule."""
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
        """Return the file, below `comments`."""
        top = {name: value for name, value in self.tables[""].items() if value != []}
        rest = {name: table for name, table in self.tables.items() if name and (table or name in _NEEDED)}
        return toml.dump(comments, {"": top, **rest, "evidence": self.evidence}, hexadecimal=_HEX)


def span(one: Range) -> dict[str, Any]:
    """Return a range as in a profile."""
    return {"name": one.name, "start": one.start, "size": one.size}


def plain(value: str) -> str:
    """Return the text as profiles take it: printable, on one line, not too long."""
    words = " ".join("".join(c if c.isprintable() else "?" for c in value).split())
    return words if len(words) <= 400 else words[:399] + "…"
