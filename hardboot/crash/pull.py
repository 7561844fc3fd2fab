"""Pull the memory of a crashed kernel from the phone, where the panic kernel has it as /proc/vmcore.

Free pages are not read, where the crashed kernel tells which they were; zero pages are not sent.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import DeviceError, InputError
from hardboot.base.files import read_bytes, sha256_file
from hardboot.base.log import Advance
from hardboot.base.memory import PAGE_SIZE
from hardboot.base.sizes import align_up
from hardboot.base.temporary import temporary_folder
from hardboot.crash import dumpfile
from hardboot.device import host
from hardboot.device.phone import Phone
from hardboot.device.staging import STAGING
from hardboot.formats.archives.compression import Decompressor
from hardboot.formats.crashdump import arm64_memory, elfcore, freepages, vmcoreinfo
from hardboot.payload import agent, agent_errors

DUMP = "/proc/vmcore"
_LARGEST = 1 << 40  # bytes
_CHUNK = 2048  # pages of one transfer: a panic kernel has little memory
_CHUNK_LIMIT = (_CHUNK + 1) * PAGE_SIZE  # bytes; gzip adds less than a page to incompressible data
_CHUNK_S = 120.0


@dataclass(frozen=True)
class Pulled:
    """A dump on this computer.

    Attributes:
        release: Release of the crashed kernel.
        memory: Bytes of memory in the dump.
        free: Bytes left out because they were free; None if the free pages are not known.
        zero: Bytes left out because they are zero.
        size: Bytes of the file.
        sha256: SHA-256 of the file.
    """

    path: Path
    release: str | None
    memory: int
    free: int | None
    zero: int
    size: int
    sha256: str


def has_dump(phone: Phone) -> bool:
    """Return whether the running kernel is a panic kernel with the memory of a crashed one."""
    return phone.root(f"test -e {DUMP}").code == 0


def pull(phone: Phone, target: Path) -> Pulled:
    """Pull the dump into `target`.

    Raises:
        DeviceError: If it does not arrive completely.
        InputError: If it makes no sense, or `target` cannot be written.
    """
    try:
        host.ask(phone, None)
        source = _Vmcore(phone)
        with log.step("Reading the crashed kernel's data structures"):
            core = elfcore.parse_with(source.size, source.read)
            info = vmcoreinfo.parse(core.vmcoreinfo or b"")
            core = arm64_memory.with_addresses(core, info)
            try:
                free = freepages.find(core, info)
            except InputError as error:
                log.warn(f"the dump will contain free pages: {error.what}")
                free = None
            if free is None:
                source.compress()
        memory, left_out, zero = dumpfile.write(target, core, free or (), source)
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


class _Vmcore:
    """The phone's /proc/vmcore."""

    def __init__(self, phone: Phone) -> None:
        self._phone = phone
        size = phone.read(f"stat -c %s {DUMP}")
        if not size.isdecimal() or not PAGE_SIZE <= int(size[:20]) <= _LARGEST:
            raise DeviceError(
                f"the size of {DUMP} on the phone is {size[:40]!r}",
                state="Nothing was written.",
                fix=f"Look at it on the phone: adb shell su -c 'ls -l {DUMP}'",
            )
        self.size = int(size)
        self._compressed = False

    def compress(self) -> None:
        """Compress what the phone sends from now on, if it has gzip."""
        self._compressed = self._phone.root("gzip -c </dev/null >/dev/null").code == 0

    def read(self, offset: int, size: int) -> bytes:
        """Read bytes of the dump."""
        first, last = offset // PAGE_SIZE, align_up(offset + size, PAGE_SIZE) // PAGE_SIZE
        if not size:
            return b""
        data = b"".join(one or bytes(PAGE_SIZE) for one in self.pages([(first, last - first)]))
        start = offset - first * PAGE_SIZE
        return data[start : start + size]

    def pages(
        self, runs: Sequence[tuple[int, int]], advance: Advance | None = None
    ) -> Iterator[bytes | None]:
        """See `dumpfile.Source`."""
        total = sum(count for _, count in runs)
        with temporary_folder() as folder:
            listed, chunk = folder / "runs", folder / "chunk"
            listed.write_bytes(agent.build_runs(runs))
            remote = self._phone.stage(listed, "runs")
            for first in range(0, total, _CHUNK):
                count = min(_CHUNK, total - first)
                yield from agent.parse_pages(self._chunk(remote, first, count, chunk), count)
                if advance:
                    advance(count * PAGE_SIZE)

    def _chunk(self, runs: str, first: int, count: int, local: Path) -> bytes:
        remote = f"{STAGING}/chunk"
        command = agent.pages_command(host.AGENT, DUMP, runs, first, count)
        pack = f" && gzip -1 -c < {remote} > {remote}.gz" if self._compressed else ""
        sent = f"{remote}.gz" if self._compressed else remote
        output = self._phone.root(
            f"{command} > {remote}{pack} && sha256sum < {sent} && chmod 644 {sent}", timeout_s=_CHUNK_S
        )
        if output.code:
            raise agent_errors.failure("pages", output.text)
        self._phone.pull_proven(sent, local, output.text.partition(" ")[0], name="a part of the dump")
        data = read_bytes(local, limit=_CHUNK_LIMIT)
        return _unpacked(data) if self._compressed else data


def _unpacked(data: bytes) -> bytes:
    """Decompress gzip data; b"" if it is no gzip data, which is never a part of a dump."""
    try:
        return b"".join(Decompressor("gzip", data, limit=_CHUNK_LIMIT))
    except InputError as error:
        log.detail(error.what)
        return b""
