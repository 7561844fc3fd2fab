"""The constants of the feature in a tree: the address of the hardboot page, and the magic word."""

import re
from collections.abc import Iterable
from functools import cached_property

from hardboot.patches.look import Look, Spot
from hardboot.patches.source import Source, line_at

MAGIC = r"\bKEXEC_H\w*MAGIC\w*|\b0x4a5db0[0-9a-fA-F]{2}\b"
_PAGE = r"\b(?:KEXEC_HB_PAGE_ADDR|KEXEC_HARDBOOT_PAGE(?:_ADDR)?)\b"
_DEFINE = re.compile(rf"^[^\n]*#[ \t]*define[ \t]+{_PAGE}[ \t]+(\S[^\n]*)", re.MULTILINE)
_LITERAL = re.compile(r"\bldr[ \t]+\w+,[ \t]*=[ \t]*\(?(0x[0-9a-fA-F]{7,9})\b")
_SIZES = {"K": 10, "M": 20, "G": 30}


class Constants:
    """What the assembly of a tree uses, and what its headers and configurations say."""

    def __init__(self, look: Look) -> None:
        self._look = look

    @cached_property
    def pages(self) -> set[int]:
        """The addresses of the page for which the tree can be built, as far as they can be worked out."""
        found: set[int] = set()
        for file in self._headers:
            for match in _DEFINE.finditer(file.code):
                option = re.search(r"\bCONFIG_(\w+)", match[1])
                texts = self.options(option[1]) if option else [match[1]]
                found |= {number for text in texts if (number := value(text)) is not None}
        return found

    def options(self, symbol: str) -> list[str]:
        """The values that the tree's configurations give an option."""
        pattern = re.compile(rf"^CONFIG_{symbol}=(.*)$", re.MULTILINE)
        return [text for file in self._look.configs for text in pattern.findall(file.text)]

    def page_fault(self, file: Source) -> Spot | None:
        """What is wrong with the address that the assembly in `file` uses; None if it is right."""
        used = re.search(rf"(?<!CONFIG_){_PAGE}", file.code)
        if used is None:
            return None  # a Kconfig value, or a number
        if self.pages == {0}:
            header = next(header for header in self._headers if _DEFINE.search(header.code))
            return Spot(header.path, header.find(_DEFINE.pattern), "the address of the page is 0")
        if any(_DEFINE.search(header.code) for header in self._headers):
            return None
        for header in self._headers:
            match = _DEFINE.search(header.text)
            if match:
                return Spot(header.path, line_at(header.text, match.start(1)), f"{used[0]} is commented out")
        line = file.line_at(used.start())
        kconfig = self._look.source(f"arch/{self._look.arch}/Kconfig")
        if kconfig and kconfig.find(r'^[ \t]*source[ \t]+"?\.\./'):  # MediaTek's trees
            return Spot(
                file.path, line, note=f"{used[0]} is not defined here; this tree needs files beside it"
            )
        return Spot(file.path, line, f"{used[0]} is defined nowhere")

    def disagreement(self, reader: Source) -> Spot | None:
        """Where `reader`, which looks for the record, has another page or magic than what writes it."""
        for writer in self._look.sources(self._look.relocation):
            for what, numbers in (("page", self._pages_in), ("magic", self._magics_in)):
                read, written = numbers(reader), numbers(writer)
                if read and written and not read & written:
                    damage = f"the {what} is {shown(read)}, but the relocation code has {shown(written)}"
                    return Spot(reader.path, reader.find(MAGIC), damage)
        return None

    @cached_property
    def _headers(self) -> list[Source]:
        look = self._look
        base = f"arch/{look.arch}/include/asm"
        paths = [*look.memory_headers, f"{base}/kexec.h", f"{base}/memory.h", "include/linux/kexec.h"]
        return look.sources(*paths, look.relocation, look.entry)

    def _pages_in(self, file: Source) -> set[int]:
        if re.search(_PAGE, file.code):
            return self.pages
        return {int(text, 16) for text in _LITERAL.findall(file.code)} - self._magics_in(file)

    def _magics_in(self, file: Source) -> set[int]:
        found = {int(text, 16) for text in re.findall(r"\b0x4a5db0[0-9a-fA-F]{2}\b", file.code)}
        paths = f"arch/{self._look.arch}/include/asm/kexec.h", "include/linux/kexec_hardboot.h", file.path
        for name in set(re.findall(r"\bKEXEC_H\w*MAGIC\w*", file.code)):
            define = re.compile(rf"define[ \t]+{name}[ \t]+\(?(0x[0-9a-fA-F]{{1,16}})\b")
            for header in self._look.sources(*paths):
                found |= {int(text, 16) for text in define.findall(header.code)}
        return found


def shown(numbers: Iterable[int]) -> str:
    """Addresses for a message."""
    return " or ".join(f"{number:#x}" for number in sorted(numbers))


def value(text: str) -> int | None:
    """The number a C sum of constants stands for, as in `UL(0x08000000) - SZ_1M`; None for anything else."""
    text = re.sub(r"\bSZ_(\d{1,4})([KMG])\b", lambda size: str(int(size[1]) << _SIZES[size[2]]), text)
    text = re.sub(r"\b(?:UL|_AC|phys_addr_t)\b|(?<=[0-9a-fA-F])U?L{0,2}\b", "", text)
    total, sign = 0, 1
    pieces = re.findall(r"[+-]|[^-+()\s]+", text.strip().strip('"'))
    for piece in pieces:
        if piece in "+-":
            sign = 1 if piece == "+" else -1
        elif re.fullmatch(r"0[xX][0-9a-fA-F]{1,16}|\d{1,19}", piece):
            total += sign * int(piece, 16 if piece[:2] in ("0x", "0X") else 10)
        else:
            return None
    return total if pieces else None
