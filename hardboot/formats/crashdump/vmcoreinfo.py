"""VMCOREINFO: a kernel's description of its own structures, for readers of its memory.

Source: Linux Documentation/admin-guide/kdump/vmcoreinfo.rst and include/linux/crash_core.h.
"""

import re
from dataclasses import dataclass, field

_LIMIT = 1 << 16  # bytes; kernels write at most 4096
_FIELD = re.compile(r"([A-Za-z_][\w().\-]{0,127})=(.{0,256})")


@dataclass(frozen=True)
class Vmcoreinfo:
    """The lines KEY=VALUE of the note."""

    fields: dict[str, str] = field(repr=False)

    @property
    def release(self) -> str | None:
        """The crashed kernel's release, as `uname -r` printed it."""
        return self.fields.get("OSRELEASE")

    @property
    def kernel_offset(self) -> int:
        """How far the kernel moved itself from its link address (KASLR), in bytes; 0 if it does not tell."""
        return self._number("KERNELOFFSET", 16) or 0

    def symbol(self, name: str) -> int | None:
        """Return the virtual address of a symbol; None if it is not named, as below."""
        return self._number(f"SYMBOL({name})", 16)

    def size(self, name: str) -> int | None:
        """Return the size of a structure in bytes."""
        return self._number(f"SIZE({name})", 10)

    def offset(self, name: str) -> int | None:
        """Return the offset of a member ("page.flags") in its structure, in bytes."""
        return self._number(f"OFFSET({name})", 10)

    def length(self, name: str) -> int | None:
        """Return the number of elements of an array."""
        return self._number(f"LENGTH({name})", 10)

    def number(self, name: str) -> int | None:
        """Return a constant; kernels write addresses among them in hexadecimal, with 0x."""
        key = f"NUMBER({name})"
        return self._number(key, 16 if self.fields.get(key, "").startswith("0x") else 10)

    def _number(self, key: str, base: int) -> int | None:
        text = self.fields.get(key, "")
        pattern = r"(0[xX])?[0-9a-fA-F]{1,16}" if base == 16 else r"-?[0-9]{1,20}"
        return int(text, base) if re.fullmatch(pattern, text) else None


def parse(data: bytes) -> Vmcoreinfo:
    """Read the note. Other lines than KEY=VALUE are ignored; if a key occurs twice, the last one wins."""
    text = data[:_LIMIT].partition(b"\0")[0].decode("ascii", "replace")
    lines = map(_FIELD.fullmatch, text.split("\n"))
    return Vmcoreinfo({line[1]: line[2] for line in lines if line})
