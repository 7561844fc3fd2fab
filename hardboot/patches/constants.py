"""The constants of the feature in a tree: the page address and the magic."""

import re
from collections.abc import Iterable
from functools import cached_property

from hardboot.patches.candidates import Candidates, PlaceFinding
from hardboot.patches.source import SourceFile, line_at

# By name, as a number, or its upper half, where it is built from halves by movz and movk, or movw and movt.
MAGIC = r"\bKEXEC_H\w*MAGIC\w*|\b0x4a5db0[0-9a-fA-F]{2}\b|\bmov[zkt][ \t]+\w+,[ \t]*#?0x4a5d\b"
_HALVES = re.compile(r"\bmov[zkwt][ \t]+(\w+),[ \t]*#?(0x[0-9a-fA-F]{1,4})\b")
# What authors of kernel trees leave where each phone's own address belongs: TODO, 0x????????, YOUR_PAGE_ADDR.
_PLACEHOLDER = re.compile(r"\b(?:TODO|FIXME|XXX+|TBD|CHANGE_?ME|FILL_?ME|YOUR_\w+)\b|\?", re.IGNORECASE)
_PAGE = r"\b(?:KEXEC_HB_PAGE_ADDR|KEXEC_HARDBOOT_PAGE(?:_ADDR)?)\b"
_DEFINE = re.compile(rf"^[^\n]*#[ \t]*define[ \t]+{_PAGE}[ \t]+(\S[^\n]*)", re.MULTILINE)
_LITERAL = re.compile(r"\bldr[ \t]+\w+,[ \t]*=[ \t]*\(?(0x[0-9a-fA-F]{7,9})\b")
_SIZES = {"K": 10, "M": 20, "G": 30}


class Constants:
    """The constants in a tree's assembly, headers and configurations."""

    def __init__(self, candidates: Candidates) -> None:
        """Read nothing yet."""
        self._candidates = candidates

    @cached_property
    def pages(self) -> set[int]:
        """The page addresses for which the tree can be built, as far as they can be evaluated."""
        found: set[int] = set()
        for file in self._headers:
            for match in _DEFINE.finditer(file.code):
                option = re.search(r"\bCONFIG_(\w+)", match[1])
                texts = self._option_values(option[1]) if option else [match[1]]
                found |= {number for text in texts if (number := evaluate(text)) is not None}
        return found

    def _option_values(self, symbol: str) -> list[str]:
        pattern = re.compile(rf"^CONFIG_{symbol}=(.*)$", re.MULTILINE)
        return [text for file in self._candidates.configs for text in pattern.findall(file.text)]

    def page_problem(self, file: SourceFile) -> PlaceFinding | None:
        """Return what is wrong with the page address that the assembly in `file` uses; None if nothing is."""
        used = re.search(rf"(?<!CONFIG_){_PAGE}", file.code)
        if used is None:
            return None  # a Kconfig value, or a number
        if self.pages == {0}:
            header = next(header for header in self._headers if _DEFINE.search(header.code))
            return PlaceFinding(header.path, header.find(_DEFINE.pattern), "the page address is 0")
        defined = [(header, match) for header in self._headers for match in _DEFINE.finditer(header.code)]
        for header, define in defined:
            value = re.sub(r"\b(?:UL|_AC|phys_addr_t)\b|[()\s]", "", define[1])
            if not value or _PLACEHOLDER.search(value):
                what = f"{used[0]} has no address: {define[1].strip()[:30]}"
                return PlaceFinding(header.path, header.line_at(define.start()), what)
        if defined:
            return None
        for header in self._headers:
            match = _DEFINE.search(header.text)
            if match:
                return PlaceFinding(
                    header.path, line_at(header.text, match.start(1)), f"{used[0]} is commented out"
                )
        line = file.line_at(used.start())
        kconfig = self._candidates.file(f"arch/{self._candidates.arch}/Kconfig")
        if kconfig and kconfig.find(r'^[ \t]*source[ \t]+"?\.\./'):  # MediaTek's trees
            return PlaceFinding(
                file.path, line, note=f"{used[0]} is not defined in this tree, which needs files outside it"
            )
        return PlaceFinding(file.path, line, f"{used[0]} is not defined")

    def reader_problem(self, reader: SourceFile) -> PlaceFinding | None:
        """Return where `reader`, which reads the record, has another page or magic than what writes it."""
        for writer in self._candidates.files(*self._candidates.writers):
            for what, numbers in (("page", self._pages_in), ("magic", self._magics_in)):
                read, written = numbers(reader), numbers(writer)
                if read and written and not read & written:
                    damage = (
                        f"the {what} is {hex_list(read)}, but the relocation code has {hex_list(written)}"
                    )
                    return PlaceFinding(reader.path, reader.find(MAGIC), damage)
        return None

    @cached_property
    def _headers(self) -> list[SourceFile]:
        own = self._candidates
        base = f"arch/{own.arch}/include/asm"
        paths = [*own.memory_headers, f"{base}/kexec.h", f"{base}/memory.h", "include/linux/kexec.h"]
        return own.files(*paths, own.relocation, own.entry)

    def _pages_in(self, file: SourceFile) -> set[int]:
        if re.search(_PAGE, file.code):
            return self.pages
        return {int(text, 16) for text in _LITERAL.findall(file.code)} - self._magics_in(file)

    def _magics_in(self, file: SourceFile) -> set[int]:
        found = {int(text, 16) for text in re.findall(r"\b0x4a5db0[0-9a-fA-F]{2}\b", file.code)}
        halves: dict[str, set[int]] = {}
        for register, half in _HALVES.findall(file.code):
            halves.setdefault(register, set()).add(int(half, 16))
        for parts in halves.values():
            if 0x4A5D in parts:
                found |= {0x4A5D << 16 | part for part in parts if part >> 8 == 0xB0}
        paths = (
            f"arch/{self._candidates.arch}/include/asm/kexec.h",
            "include/linux/kexec_hardboot.h",
            file.path,
        )
        for name in set(re.findall(r"\bKEXEC_H\w*MAGIC\w*", file.code)):
            define = re.compile(rf"define[ \t]+{name}[ \t]+\(?(0x[0-9a-fA-F]{{1,16}})\b")
            for header in self._candidates.files(*paths):
                found |= {int(text, 16) for text in define.findall(header.code)}
        return found


def hex_list(numbers: Iterable[int]) -> str:
    """Return addresses or magics for a message."""
    return " or ".join(f"{number:#x}" for number in sorted(numbers))


def evaluate(text: str) -> int | None:
    """Evaluate a C sum of constants such as `UL(0x08000000) - SZ_1M`; None for anything else."""
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
