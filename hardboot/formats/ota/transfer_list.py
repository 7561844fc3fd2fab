"""Transfer lists of block-based OTAs (system.transfer.list): what goes where on a partition.

Source: AOSP bootable/recovery, updater/blockimg.cpp and otautil/rangeset.cpp; the first two versions, which
recovery no longer takes, as in its android-5.1 branch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from hardboot.base.errors import InputError
from hardboot.formats.reading import malformed, too_large

BLOCK = 4096  # bytes
MAX_LIST = 16 << 20  # bytes
MAX_RANGES = 1 << 18
MAX_BLOCKS = (64 << 30) // BLOCK
_WHAT = "transfer list"
_VERSIONS = (1, 2, 3, 4)
_HEADS = {1: 2}  # lines in front of the commands; 4 from version 2 on
_HASH_TREE = "compute_hash_tree"
_NEEDS_OLD = ("move", "bsdiff", "imgdiff", "stash", "free")
_DIGITS = frozenset("0123456789")


class Blocks(NamedTuple):
    """Blocks of a partition that follow each other; `end` is the block behind the last one."""

    start: int
    end: int


@dataclass(frozen=True)
class TransferList:
    """A transfer list.

    Attributes:
        version: 1 to 4.
        blocks: Of the image: up to the last block that a command names.
        new: Where the new data goes, in its order.
        needs: Commands that need the old content of the partition.
        has_hash_tree: Whether the phone computes a dm-verity hash tree, which is not in the new data.
    """

    version: int
    blocks: int
    new: tuple[Blocks, ...] = field(repr=False)
    needs: tuple[str, ...]
    has_hash_tree: bool

    @property
    def size(self) -> int:
        """Bytes of the image."""
        return self.blocks * BLOCK

    @property
    def new_size(self) -> int:
        """Bytes of the new data."""
        return sum(blocks.end - blocks.start for blocks in self.new) * BLOCK

    @property
    def in_order(self) -> bool:
        """Whether the new data is in the order of the image."""
        return all(first.end <= second.start for first, second in zip(self.new, self.new[1:], strict=False))


def parse(data: bytes) -> TransferList:
    """Read a transfer list.

    Raises:
        InputError: If it is something else, damaged, or has more blocks or ranges than hardboot reads.
    """
    if len(data) > MAX_LIST:
        raise too_large(_WHAT, "file", None, f"{len(data)} bytes, the limit is {MAX_LIST}")
    try:
        lines = data.decode("ascii").splitlines()
    except UnicodeDecodeError as error:
        raise malformed(_WHAT, "file", error.start, "it is no text") from error
    version = _number(lines[0].strip(), "version") if lines else 0
    if version not in _VERSIONS:
        raise malformed(
            _WHAT, "version", None, f"{version}, hardboot reads {_VERSIONS[0]} to {_VERSIONS[-1]}"
        )
    new: list[Blocks] = []
    needs: set[str] = set()
    last, total, has_hash_tree = 0, 0, False
    for number, line in enumerate(lines[_HEADS.get(version, 4) :], _HEADS.get(version, 4) + 1):
        command, *words = line.split() or [""]
        if command in _NEEDS_OLD:
            needs.add(command)
        elif command in ("new", "zero", "erase", _HASH_TREE):
            ranges = _ranges(words[0] if words else "", number)
            total += len(ranges)
            if total > MAX_RANGES:
                raise too_large(_WHAT, f"line {number}", None, f"more than {MAX_RANGES} ranges")
            last = max(last, *(blocks.end for blocks in ranges))
            has_hash_tree |= command == _HASH_TREE
            if command == "new":
                new += ranges
        elif command and command != "abort":
            raise _wrong(number, f"{command[:32]!r} is no command")
    if not last and not needs:
        raise malformed(_WHAT, "commands", None, "it writes nothing")
    return TransferList(version, last, tuple(new), tuple(sorted(needs)), has_hash_tree)


def _ranges(text: str, number: int) -> list[Blocks]:
    """Return the ranges in "4,0,10,20,30": the count of the numbers, then start and end of each range."""
    if text.count(",") > 2 * MAX_RANGES:
        raise too_large(_WHAT, f"line {number}", None, f"more than {MAX_RANGES} ranges")
    count, *values = (_number(word, f"line {number}") for word in text.split(","))
    if not count or count % 2 or count != len(values):
        raise _wrong(number, f"{count} numbers are announced, {len(values)} follow")
    found = [Blocks(*pair) for pair in zip(values[::2], values[1::2], strict=True)]
    for blocks in found:
        if not blocks.start < blocks.end <= MAX_BLOCKS:
            raise _wrong(number, f"blocks {blocks.start} to {blocks.end}, the limit is {MAX_BLOCKS}")
    return found


def _number(word: str, field: str) -> int:
    if not word or len(word) > 10 or not _DIGITS.issuperset(word):
        raise malformed(_WHAT, field, None, f"{word[:32]!r} is no number")
    return int(word)


def _wrong(number: int, problem: str) -> InputError:
    return malformed(_WHAT, f"line {number}", None, problem)
