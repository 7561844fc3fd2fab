"""The kernel's log (dmesg) in a dump of its memory.

There are three generations, each with symbols of its own in VMCOREINFO. Sources: Linux 6.1
kernel/printk/printk_ringbuffer.{h,c} and Documentation/admin-guide/kdump/gdbmacros.txt (5.10 and newer);
3.10 kernel/printk.c, struct log (3.5 to 5.9); 3.4 kernel/printk.c, log_buf (up to 3.4).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from hardboot.formats.crashdump.elfcore import Core
from hardboot.formats.crashdump.vmcoreinfo import Vmcoreinfo
from hardboot.formats.reading import malformed

_WHAT = "kernel log of the dump"
_LIMIT = 16 << 20  # bytes of each table; kernels have 128 KiB to some MiB
_COUNT_LIMIT = 1 << 19  # messages; a kernel makes room for one in 32 bytes of text
_STRUCT_LIMIT = 1 << 16  # bytes of one structure
_READY = (1, 2)  # enum desc_state: committed, finalized
_TIME_SIZE = 8


@dataclass(frozen=True)
class Line:
    """A line of the log.

    Attributes:
        seconds: Since the kernel started; None if its text says so, or nothing does.
    """

    seconds: float | None
    text: str

    def __str__(self) -> str:
        """Return the line as dmesg prints it."""
        return self.text if self.seconds is None else f"[{self.seconds:12.6f}] {self.text}"


def read(core: Core, info: Vmcoreinfo) -> tuple[Line, ...]:
    """Return the lines, oldest first.

    Raises:
        InputError: If VMCOREINFO does not say where they are, the dump does not have them, or they are
            malformed.
    """
    if info.symbol("prb") is not None:
        return tuple(_ring(core, info))
    if info.symbol("log_first_idx") is not None:
        return tuple(_records(core, info))
    if info.symbol("log_end") is not None:
        return tuple(_text(core, info))
    raise malformed(
        _WHAT,
        "VMCOREINFO",
        0,
        "it does not name the buffer of the kernel's log",
        fix="Open the dump with a debugger and the kernel's vmlinux: gdb-multiarch VMLINUX DUMP",
    )


@dataclass(frozen=True)
class _Struct:
    """A structure in memory, the offsets of whose members are in VMCOREINFO."""

    name: str
    data: bytes
    info: Vmcoreinfo
    bits: int

    def member(self, name: str, size: int) -> int:
        at = _known(self.info.offset(f"{self.name}.{name}"), f"OFFSET({self.name}.{name})")
        if not 0 <= at <= len(self.data) - size:
            raise malformed(_WHAT, f"{self.name}.{name}", at, f"the structure has {len(self.data)} bytes")
        return int.from_bytes(self.data[at : at + size], "little")

    def word(self, name: str) -> int:
        return self.member(name, self.bits // 8)

    def part(self, name: str, kind: str) -> "_Struct":
        at = _known(self.info.offset(f"{self.name}.{name}"), f"OFFSET({self.name}.{name})")
        size = _size(self.info, kind)
        if not 0 <= at <= len(self.data) - size:
            raise malformed(_WHAT, f"{self.name}.{name}", at, f"the structure has {len(self.data)} bytes")
        return _Struct(kind, self.data[at : at + size], self.info, self.bits)


def _ring(core: Core, info: Vmcoreinfo) -> Iterator[Line]:
    """Yield the lines of the lockless ring of 5.10: descriptors, infos of the same index, text blocks."""

    def of(kind: str, data: bytes) -> _Struct:
        return _Struct(kind, data, info, core.bits)

    def table(kind: str, address: int) -> bytes:
        size = count * _size(info, kind)
        _bounded(f"{count} of {kind}", size)
        return core.memory(address, size)

    at = core.word(_symbol(info, "prb"))
    ring = of("printk_ringbuffer", core.memory(at, _size(info, "printk_ringbuffer")))
    descriptors, texts = ring.part("desc_ring", "prb_desc_ring"), ring.part("text_data_ring", "prb_data_ring")
    count = 1 << min(descriptors.member("count_bits", 4), 32)
    if count > _COUNT_LIMIT:
        raise malformed(_WHAT, "count_bits", 0, f"room for {count} messages, the limit is {_COUNT_LIMIT}")
    text_size = 1 << min(texts.member("size_bits", 4), 32)
    _bounded("the text", text_size)
    descs = table("prb_desc", descriptors.word("descs"))
    infos = table("printk_info", descriptors.word("infos"))
    text = core.memory(texts.word("data"), text_size)
    counter = _known(info.offset("atomic_long_t.counter"), "OFFSET(atomic_long_t.counter)")
    if counter:
        raise malformed(_WHAT, "atomic_long_t.counter", counter, "it must be at 0")
    mask = (1 << (core.bits - 2)) - 1
    identity, head = descriptors.word("tail_id") & mask, descriptors.word("head_id") & mask
    left = text_size
    desc_size, info_size = _size(info, "prb_desc"), _size(info, "printk_info")
    for _ in range(count):
        slot = identity % count
        descriptor = of("prb_desc", descs[slot * desc_size :][:desc_size])
        record = of("printk_info", infos[slot * info_size :][:info_size])
        state = descriptor.word("state_var")
        if state & mask == identity and state >> (core.bits - 2) in _READY:
            block = descriptor.part("text_blk_lpos", "prb_data_blk_lpos")
            message = _block(text, block.word("begin"), block.word("next"), core.bits // 8)
            if message is not None:
                message = message[: min(record.member("text_len", 2), left)]
                left -= len(message)  # blocks do not overlap: together they fit into the buffer
                yield from _lines(record.member("ts_nsec", _TIME_SIZE), message)
        if identity == head:
            return
        identity = (identity + 1) & mask


def _block(text: bytes, begin: int, following: int, id_size: int) -> bytes | None:
    """Return the bytes of a block of the text ring, behind its id; None for a block without data."""
    if begin & 1 or following & 1:  # FAILED_LPOS, NO_LPOS
        return None
    size = len(text)
    # A block that did not fit before the end is at the start.
    start = begin % size if begin // size == following // size else 0
    return text[start + id_size : max(following % size, start + id_size)]


def _records(core: Core, info: Vmcoreinfo) -> Iterator[Line]:
    """Yield the lines of a buffer of records, 3.5 to 5.9; after a length of 0 the next is at the start."""
    kind = "printk_log" if info.size("printk_log") is not None else "log"
    size = _size(info, kind)
    buffer = _buffer(core, info)
    at, end = _number(core, info, "log_first_idx"), _number(core, info, "log_next_idx")
    wrapped = False
    for _ in range(_COUNT_LIMIT):
        if at == end:
            return
        record = _Struct(kind, buffer[at : at + size], info, core.bits)
        step = record.member("len", 2) if len(record.data) == size else 0
        text_size = record.member("text_len", 2) if step else 0
        if step and step < size + text_size:
            problem = f"{step} bytes are too few for a record of {size} and {text_size}"
            raise malformed(_WHAT, "len", at, problem)
        if not step:
            if wrapped:
                return
            wrapped, at = True, 0
            continue
        message = buffer[at + size : at + size + text_size]
        yield from _lines(record.member("ts_nsec", _TIME_SIZE), message)
        at += step
    raise malformed(_WHAT, "log_next_idx", at, f"more than {_COUNT_LIMIT} messages")


def _text(core: Core, info: Vmcoreinfo) -> Iterator[Line]:
    """Yield the lines of a ring of characters, up to 3.4; `log_end` counts all that were ever written."""
    buffer = _buffer(core, info)
    end, logged = _number(core, info, "log_end"), _number(core, info, "logged_chars")
    if not buffer:
        return
    first = end % len(buffer)
    text = buffer[:first] if logged < len(buffer) else buffer[first:] + buffer[:first]
    for line in text.decode("utf-8", "replace").splitlines():
        yield Line(None, _printable(line))


def _buffer(core: Core, info: Vmcoreinfo) -> bytes:
    length = _number(core, info, "log_buf_len")
    _bounded("the buffer", length)
    return core.memory(core.word(_symbol(info, "log_buf")), length)


def _lines(nanoseconds: int, message: bytes) -> Iterator[Line]:
    for line in message.decode("utf-8", "replace").split("\n"):
        yield Line(nanoseconds / 1e9, _printable(line))


def _printable(line: str) -> str:
    """Return `line` for a terminal: what it could not print becomes a replacement character."""
    return "".join(
        char if char.isprintable() or char == "\t" else "\N{REPLACEMENT CHARACTER}" for char in line
    )


def _symbol(info: Vmcoreinfo, name: str) -> int:
    return _known(info.symbol(name), f"SYMBOL({name})")


def _number(core: Core, info: Vmcoreinfo, name: str) -> int:
    """Return the 32-bit variable `name` of the kernel."""
    return int.from_bytes(core.memory(_symbol(info, name), 4), "little")


def _size(info: Vmcoreinfo, name: str) -> int:
    size = _known(info.size(name), f"SIZE({name})")
    if not 0 < size <= _STRUCT_LIMIT:
        raise malformed(_WHAT, f"SIZE({name})", 0, f"{size} bytes, the limit is {_STRUCT_LIMIT}")
    return size


def _known(value: int | None, name: str) -> int:
    if value is None:
        raise malformed(_WHAT, "VMCOREINFO", 0, f"it does not name {name}")
    return value


def _bounded(what: str, size: int) -> None:
    if size > _LIMIT:
        raise malformed(_WHAT, "size", 0, f"{what}: {size} bytes, the limit is {_LIMIT}")
