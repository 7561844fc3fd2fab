"""Dumps of kernels that crashed, as Linux lays them out, made without hardboot's own encoders."""

import struct
from dataclasses import dataclass, field

PAGE = 4096
PHYS = 0x40000000
VIRT = 0xC0000000
SIZE = 1 << 20  # bytes of memory in a dump


@dataclass
class Dump:
    """The memory of a kernel that crashed, to be filled in, and what it tells of itself."""

    memory: bytearray = field(default_factory=lambda: bytearray(SIZE))
    info: dict[str, str] = field(default_factory=lambda: {"OSRELEASE": "6.1.176", "PAGESIZE": "4096"})
    notes: list[tuple[bytes, int, bytes]] = field(default_factory=list)
    machine: int = 40

    def put(self, vaddr: int, data: bytes) -> None:
        """Lay bytes at a virtual address."""
        self.memory[vaddr - VIRT : vaddr - VIRT + len(data)] = data

    def words(self, vaddr: int, *values: int) -> None:
        """Lay 32-bit words at a virtual address."""
        self.put(vaddr, struct.pack(f"<{len(values)}I", *(value & 0xFFFFFFFF for value in values)))

    def build(self, size: int = SIZE) -> bytes:
        """Return the ELF core file, with two program headers: notes, memory up to `size` bytes."""
        text = "".join(f"{key}={value}\n" for key, value in self.info.items()).encode()
        notes = b"".join(note(*one) for one in (*self.notes, (b"VMCOREINFO", 0, text)))
        head = struct.pack(
            *("<16sHHIIIIIHHHHHH", b"\x7fELF\x01\x01\x01" + bytes(9), 4, self.machine, 1, 0, 52, 0, 0),
            *(52, 32, 2, 0, 0, 0),
        )
        at = 52 + 64
        start = -(-(at + len(notes)) // PAGE) * PAGE
        table = struct.pack("<8I", 4, at, 0, at, len(notes), len(notes), 0, 0)
        table += struct.pack("<8I", 1, start, VIRT, PHYS, size, size, 7, 0)
        return (head + table + notes).ljust(start, b"\0") + self.memory[:size]


def note(name: bytes, kind: int, data: bytes) -> bytes:
    named = name + b"\0"
    head = struct.pack("<3I", len(named), len(data), kind)
    return head + named.ljust(-(-len(named) // 4) * 4, b"\0") + data.ljust(-(-len(data) // 4) * 4, b"\0")


def prstatus(pid: int, pc: int) -> tuple[bytes, int, bytes]:
    """Return the note of an ARM CPU: struct elf_prstatus, 148 bytes."""
    registers = [*range(0x100, 0x100 + 15), pc, 0x60000093, 0xFFFFFFFF]
    return (
        b"CORE",
        1,
        bytes(24) + struct.pack("<i", pid) + bytes(44) + struct.pack("<18I", *registers) + bytes(4),
    )


# The kernel's log, three generations; each message is (nanoseconds, text).

Message = tuple[int, bytes]
MESSAGES: tuple[Message, ...] = (
    (0, b"Booting Linux on physical CPU 0x0"),
    (1_500_000_000, b"two lines\nin one message"),
    (13_379_429_000, b"Kernel panic - not syncing: sysrq triggered crash"),
    (13_379_910_000, b"CPU: 1 PID: 274 Comm: sh Kdump: loaded Not tainted 6.1.176 #1"),
)


def with_ring(messages: tuple[Message, ...] = MESSAGES, *, count_bits: int = 3, size_bits: int = 9) -> Dump:
    """Linux 5.10 and newer: as the writers of kernel/printk/printk_ringbuffer.c fill it."""
    dump = Dump()
    prb, ring, descs, infos, text = VIRT + 0x100, VIRT + 0x200, VIRT + 0x1000, VIRT + 0x2000, VIRT + 0x4000
    count, size, mask = 1 << count_bits, 1 << size_bits, (1 << 30) - 1
    dump.words(prb, ring)
    first_id = -(count + 1) & mask
    identity, lpos = first_id, -size & 0xFFFFFFFF
    for number in range(count):
        dump.words(descs + 12 * number, first_id if number == count - 1 else 0, 1, 1)
    dump.words(descs + 12 * (count - 1), 3 << 30 | first_id, 1, 1)
    stored: list[tuple[int, int]] = []
    for seq, (when, said) in enumerate(messages):
        identity = (identity + 1) & mask
        block = -(-(4 + len(said)) // 4) * 4
        begin, end = lpos, (lpos + block) & 0xFFFFFFFF
        place = begin % size
        if begin // size != end // size:  # it does not fit before the end
            end = (end // size * size + block) & 0xFFFFFFFF
            place = 0
        dump.words(text + place, identity)
        dump.put(text + place + 4, said)
        dump.words(descs + 12 * (identity % count), 2 << 30 | identity, begin, end)
        info = struct.pack("<QQHBBI", seq, when, len(said), 0, 6 << 5, 0) + bytes(64)
        dump.put(infos + 88 * (identity % count), info)
        stored.append((identity, begin))
        lpos = end
    # Messages whose text was written over, or whose place was taken, are behind the tail.
    alive = [one for one, begin in stored if (lpos - begin) & 0xFFFFFFFF <= size][-count:]
    tail = alive[0] if len(messages) >= count or len(alive) < len(stored) else first_id
    dump.words(ring, count_bits, descs, infos, identity, tail, identity)
    dump.words(ring + 24, size_bits, text, lpos, 0)
    dump.info |= {
        "SYMBOL(prb)": f"{prb:x}",
        "SIZE(printk_ringbuffer)": "44",
        "OFFSET(printk_ringbuffer.desc_ring)": "0",
        "OFFSET(printk_ringbuffer.text_data_ring)": "24",
        "SIZE(prb_desc_ring)": "24",
        "OFFSET(prb_desc_ring.count_bits)": "0",
        "OFFSET(prb_desc_ring.descs)": "4",
        "OFFSET(prb_desc_ring.infos)": "8",
        "OFFSET(prb_desc_ring.head_id)": "12",
        "OFFSET(prb_desc_ring.tail_id)": "16",
        "SIZE(prb_desc)": "12",
        "OFFSET(prb_desc.state_var)": "0",
        "OFFSET(prb_desc.text_blk_lpos)": "4",
        "SIZE(prb_data_blk_lpos)": "8",
        "OFFSET(prb_data_blk_lpos.begin)": "0",
        "OFFSET(prb_data_blk_lpos.next)": "4",
        "SIZE(printk_info)": "88",
        "OFFSET(printk_info.ts_nsec)": "8",
        "OFFSET(printk_info.text_len)": "16",
        "SIZE(prb_data_ring)": "16",
        "OFFSET(prb_data_ring.size_bits)": "0",
        "OFFSET(prb_data_ring.data)": "4",
        "OFFSET(atomic_long_t.counter)": "0",
    }
    return dump


def with_records(messages: tuple[Message, ...] = MESSAGES, *, size: int = 512) -> Dump:
    """Linux 3.5 to 5.9: kernel/printk.c, log_store(); a length of 0 leads to the start of the buffer."""
    dump = Dump()
    buffer = VIRT + 0x4000
    at = 0
    records: list[tuple[int, int]] = []  # start and end of those that were not written over
    for when, said in messages:
        length = -(-(16 + len(said)) // 4) * 4
        if at + length + 16 > size:
            dump.put(buffer + at, bytes(16))
            records = [one for one in records if one[0] < at]
            at = 0
        records = [one for one in records if one[1] <= at or at + length <= one[0]]
        head = struct.pack("<QHHHBB", when, length, len(said), 0, 0, 0)
        dump.put(buffer + at, head + said.ljust(length - 16, b"\0"))
        records.append((at, at + length))
        at += length
    dump.words(VIRT + 0x10, buffer, size, records[0][0], at)
    dump.info |= {
        "SYMBOL(log_buf)": f"{VIRT + 0x10:x}",
        "SYMBOL(log_buf_len)": f"{VIRT + 0x14:x}",
        "SYMBOL(log_first_idx)": f"{VIRT + 0x18:x}",
        "SYMBOL(log_next_idx)": f"{VIRT + 0x1C:x}",
        "SIZE(printk_log)": "16",
        "OFFSET(printk_log.ts_nsec)": "0",
        "OFFSET(printk_log.len)": "8",
        "OFFSET(printk_log.text_len)": "10",
    }
    return dump


def with_characters(text: bytes, *, size: int = 256) -> Dump:
    """Linux up to 3.4: a ring of characters; log_end counts all that were written."""
    dump = Dump()
    ring = bytearray(size)
    for at, char in enumerate(text):
        ring[at % size] = char
    dump.put(VIRT + 0x4000, bytes(ring))
    dump.words(VIRT + 0x10, VIRT + 0x4000, size, len(text), min(len(text), size))
    dump.info |= {
        "SYMBOL(log_buf)": f"{VIRT + 0x10:x}",
        "SYMBOL(log_buf_len)": f"{VIRT + 0x14:x}",
        "SYMBOL(log_end)": f"{VIRT + 0x18:x}",
        "SYMBOL(logged_chars)": f"{VIRT + 0x1C:x}",
    }
    return dump


def with_free_blocks(blocks: dict[int, int]) -> Dump:
    """Return a kernel whose page structures name free blocks: their order, by the first page in the dump."""
    dump = Dump()
    array = VIRT + 0x8000
    dump.words(VIRT + 0x20, array)
    for page, order in blocks.items():
        dump.words(array + 32 * page + 20, order, -129)
    dump.info |= {
        "SYMBOL(mem_map)": f"{VIRT + 0x20:x}",
        "SIZE(page)": "32",
        "OFFSET(page._mapcount)": "24",
        "OFFSET(page.private)": "20",
        "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)": "-129",
        "LENGTH(zone.free_area)": "11",
    }
    return dump
