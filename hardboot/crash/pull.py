"""Bring the memory of a crashed kernel from the phone to this computer, without what nobody needs.

The panic kernel shows it as /proc/vmcore. Pages that were free are not read, where the crashed kernel tells
which they were; pages that are zero are not sent. What is written is an ELF core again, which readelf, gdb
and crash open: what was left out reads as zero.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Protocol

from hardboot.base import log
from hardboot.base.errors import DeviceError, InputError
from hardboot.base.files import read_bytes, sha256_file, unreadable
from hardboot.base.log import Advance
from hardboot.base.memory import PAGE_SIZE, Range, subtract
from hardboot.base.sizes import align_up
from hardboot.device import host
from hardboot.device.phone import Phone
from hardboot.device.staging import STAGING
from hardboot.formats import elf
from hardboot.formats.archives.compression import Decompressor
from hardboot.formats.crashdump import elfcore, freepages, vmcoreinfo
from hardboot.formats.crashdump.elfcore import Core, Load
from hardboot.payload import agent, agent_errors

DUMP = "/proc/vmcore"
_LARGEST = 1 << 40  # bytes
_CHUNK = 2048  # pages of one transfer: a panic kernel has little memory
_CHUNK_LIMIT = (_CHUNK + 1) * PAGE_SIZE  # bytes; gzip adds less than a page to what it cannot pack
_CHUNK_S = 120.0
# A gap of fewer pages is kept in the file: every stretch takes a program header, and there are at most 65534.
_LEAST_GAP = 16


@dataclass(frozen=True)
class Pulled:
    """What was brought over.

    Attributes:
        release: The crashed kernel's.
        memory: Bytes of memory the dump is about.
        free: Bytes left out because they were free; None if that could not be told.
        zero: Bytes left out because they are zero.
        size: Bytes of the file.
        sha256: Of the file.
    """

    path: Path
    release: str | None
    memory: int
    free: int | None
    zero: int
    size: int
    sha256: str


def is_there(phone: Phone) -> bool:
    """True if the running kernel was started by a panic and shows the memory of the one before."""
    return phone.root(f"test -e {DUMP}").code == 0


def pull(phone: Phone, target: Path) -> Pulled:
    """Write the dump to `target`.

    Raises:
        DeviceError: If it does not arrive whole.
        InputError: If it makes no sense, or `target` cannot be written.
    """
    try:
        host.ask(phone, None)
        source = _Vmcore(phone)
        with log.step("Looking at the crashed kernel"):
            core = elfcore.parse_with(source.size, source.read)
            info = vmcoreinfo.parse(core.vmcoreinfo or b"")
            try:
                free = freepages.find(core, info)
            except InputError as error:
                log.warn(f"free pages stay in the dump: {error.what}")
                free = None
            if free is None:
                source.compress()
        try:
            memory, left_out, zero = write(target, core, free or (), source)
        except OSError as error:
            raise unreadable(target, error) from error
    finally:
        phone.clean()
    return Pulled(
        path=target,
        release=info.release,
        memory=memory,
        free=None if free is None else left_out,
        zero=zero,
        size=target.stat().st_size,
        sha256=sha256_file(target),
    )


class Source(Protocol):
    """What the pages of a dump come from."""

    def pages(
        self, runs: Sequence[tuple[int, int]], advance: Advance | None = None
    ) -> Iterator[bytes | None]:
        """Its pages, None for one that is zero.

        Args:
            runs: Numbers of first pages, and how many from each.
            advance: Told of the bytes done.
        """


class _Vmcore:
    """The phone's /proc/vmcore."""

    def __init__(self, phone: Phone) -> None:
        self._phone = phone
        said = phone.read(f"stat -c %s {DUMP}")
        if not said.isdecimal() or not PAGE_SIZE <= int(said[:20]) <= _LARGEST:
            raise DeviceError(
                f"the phone says {DUMP} has {said[:40]!r} bytes",
                state="Nothing was written.",
                fix=f"Look at it on the phone: adb shell su -c 'ls -l {DUMP}'",
            )
        self.size = int(said)
        self._compressed = False

    def compress(self) -> None:
        """Let the phone compress what it sends from now on, if it has gzip: it will be more than usual."""
        self._compressed = self._phone.root("gzip -c </dev/null >/dev/null").code == 0

    def read(self, offset: int, size: int) -> bytes:
        """Bytes of it."""
        first, last = offset // PAGE_SIZE, align_up(offset + size, PAGE_SIZE) // PAGE_SIZE
        if not size:
            return b""
        data = b"".join(one or bytes(PAGE_SIZE) for one in self.pages([(first, last - first)]))
        start = offset - first * PAGE_SIZE
        return data[start : start + size]

    def pages(
        self, runs: Sequence[tuple[int, int]], advance: Advance | None = None
    ) -> Iterator[bytes | None]:
        """See `Source`."""
        total = sum(count for _, count in runs)
        with tempfile.TemporaryDirectory() as folder:
            listed, chunk = Path(folder) / "runs", Path(folder) / "chunk"
            listed.write_bytes(agent.build_runs(runs))
            remote = self._phone.stage(listed, "runs")
            for first in range(0, total, _CHUNK):
                count = min(_CHUNK, total - first)
                yield from agent.parse_pages(self._chunk(remote, first, count, chunk), count)
                if advance:
                    advance(count * PAGE_SIZE)

    def _chunk(self, runs: str, first: int, count: int, local: Path) -> bytes:
        remote = f"{STAGING}/chunk"
        command = agent.pages_command(host.AGENT, DUMP, runs, first, count, remote)
        pack = f" && gzip -1 -c < {remote} > {remote}.gz" if self._compressed else ""
        sent = f"{remote}.gz" if self._compressed else remote
        output = self._phone.root(
            f"{command} && sha256sum < {remote}{pack} && chmod 644 {sent}", timeout_s=_CHUNK_S
        )
        if output.code:
            raise agent_errors.failure("pages", output.text)
        self._phone.transport.pull(sent, local, progress=lambda _size: None)
        data = read_bytes(local, limit=_CHUNK_LIMIT)
        if self._compressed:
            data = _unpacked(data)
        if hashlib.sha256(data).hexdigest() != output.text.split()[0]:
            raise DeviceError(
                "part of the dump arrived damaged",
                state="Nothing was written; the phone still has the dump.",
                fix="Try again; check cable and port.",
            )
        return data


def _unpacked(data: bytes) -> bytes:
    """What gzip packed; b"" if it is not that, which is no part of a dump."""
    try:
        return b"".join(Decompressor("gzip", data, limit=_CHUNK_LIMIT))
    except InputError as error:
        log.detail(error.what)
        return b""


def write(target: Path, core: Core, free: Sequence[Range], source: Source) -> tuple[int, int, int]:
    """Write the memory of `core`, without what is `free`, to `target`; there is never half a file.

    Args:
        target: Replaced if it exists.
        core: What is written; its memory is not read through it.
        free: Physical memory to leave out; sorted.
        source: Where the pages come from.

    Returns:
        Bytes of memory, of what was left out as free, of what was left out as zero.
    """
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    temporary = Path(name)
    with os.fdopen(handle, "wb") as stream:
        try:
            result = _write(stream, core, free, source)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    temporary.replace(target)
    return result


def _write(stream: BinaryIO, core: Core, free: Sequence[Range], source: Source) -> tuple[int, int, int]:
    loads = [_whole_pages(load) for load in core.loads]
    wanted = [subtract([Range.sized(load.paddr, load.filesz)], free) for load in loads]
    runs = [
        ((load.offset + piece.start - load.paddr) // PAGE_SIZE, piece.size // PAGE_SIZE)
        for load, pieces in zip(loads, wanted, strict=True)
        for piece in pieces
    ]
    total = sum(count for _, count in runs) * PAGE_SIZE
    # crash wants the program headers at the start, the notes behind them: room for the most there can be.
    most = sum(load.filesz // PAGE_SIZE // (_LEAST_GAP + 1) + 2 for load in loads)
    start = elf.headers_size(core.bits, 1 + most) + len(core.note_bytes)
    out = _Stretches(stream, align_up(start, PAGE_SIZE))
    with log.progress("Pulling the dump", total) as advance:
        pages = source.pages(runs, advance)
        for load, pieces in zip(loads, wanted, strict=True):
            out.begin(load)
            at = load.paddr
            for piece in pieces:
                out.skip((piece.start - at) // PAGE_SIZE)
                for _ in range(piece.size // PAGE_SIZE):
                    out.add(next(pages))
                at = piece.end
            out.skip((load.paddr + load.filesz - at) // PAGE_SIZE)
            out.end()
    notes_at = elf.headers_size(core.bits, 1 + len(out.loads))
    notes = [(notes_at, len(core.note_bytes))]
    stream.seek(0)
    stream.write(elfcore.build_headers(core.bits, core.machine, out.loads, notes))
    stream.write(core.note_bytes)
    stream.truncate(out.at)  # also if nothing was stored
    memory = sum(load.memsz for load in loads)
    return memory, sum(load.filesz for load in loads) - total, out.zero * PAGE_SIZE


def _whole_pages(load: Load) -> Load:
    """`load` from the start of its first page to the end of its last, as /proc/vmcore has it."""
    lead = load.paddr % PAGE_SIZE
    if load.offset % PAGE_SIZE != lead or load.offset < lead:
        raise InputError(
            f"the dump has memory of {load.paddr:#x} at {load.offset:#x}: not at the same place of a page",
            state="Nothing was written.",
            fix=f"Copy {DUMP} as it is, by hand.",
        )
    return replace(
        load,
        paddr=load.paddr - lead,
        vaddr=None if load.vaddr is None else load.vaddr - lead,
        offset=load.offset - lead,
        filesz=align_up(load.filesz + lead, PAGE_SIZE),
        memsz=align_up(load.memsz + lead, PAGE_SIZE),
    )


class _Stretches:
    """Writes pages one behind the other, and notes which stretches of memory they are."""

    def __init__(self, stream: BinaryIO, at: int) -> None:
        self.loads: list[Load] = []
        self.at = at  # bytes from the start of the file
        self.zero = 0  # pages
        self._stream = stream

    def begin(self, load: Load) -> None:
        """The pages of `load` follow."""
        self._load = load
        self._start = self._stored = self._gap = (
            0  # pages: where the stretch begins, its length, and behind it
        )

    def skip(self, count: int) -> None:
        """So many pages are left out."""
        self._gap += count

    def add(self, page: bytes | None) -> None:
        """The next page; None is a zero page."""
        if page is None:
            self.zero += 1
            self._gap += 1
            return
        if self._gap >= _LEAST_GAP or (self._gap and not self._stored):
            self.end()
        else:
            self.at += self._gap * PAGE_SIZE  # a hole in the file
            self._stored += self._gap
            self._gap = 0
        self._stream.seek(self.at)
        self._stream.write(page)
        self.at += PAGE_SIZE
        self._stored += 1

    def end(self) -> None:
        """The stretch is complete."""
        pages = self._stored + self._gap
        if pages:
            offset = self._start * PAGE_SIZE
            vaddr = self._load.vaddr
            self.loads.append(
                Load(
                    self._load.paddr + offset,
                    None if vaddr is None else vaddr + offset,
                    self.at - self._stored * PAGE_SIZE,
                    self._stored * PAGE_SIZE,
                    pages * PAGE_SIZE,
                )
            )
        self._start += pages
        self._stored = self._gap = 0
