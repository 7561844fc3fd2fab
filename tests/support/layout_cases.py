"""Random phones, ROMs and memory maps as plain numbers."""

from dataclasses import dataclass, field
from random import Random

PAGE = 4096
MIB = 1 << 20
Span2 = tuple[int, int]  # start, end
CMDLINE = "console=ttyS0"
MAX_KERNEL = 32 * MIB


@dataclass(frozen=True)
class Zimage:
    """A zImage: `where` is `auto`, a fixed address, or None if its code does not tell."""

    size: int
    where: int | str | None
    edata: int | None
    bss: int | None
    text: int | None
    malloc: int | None
    unpacked: int | None = None


@dataclass(frozen=True)
class Image:
    """An arm64 Image; `total` is the header's image_size."""

    size: int
    total: int
    text: int
    anywhere: bool


@dataclass(frozen=True)
class Case:
    """One phone, one ROM, one memory map. Addresses are physical, ranges half-open."""

    abi: str
    banks: tuple[Span2, ...]
    page: Span2
    reserved: tuple[Span2, ...]
    lost: tuple[Span2, ...]
    mem_min: int | None
    base: int
    kernel: Zimage | Image
    ramdisk: int
    tree: int
    small: bool
    kernel_loc: int | None = None
    dtb_loc: int | None = None
    params: int | None = None
    buffer: Span2 | None = None
    zreladdr: int | None = None
    live: bool = field(default=True)

    @property
    def atags(self) -> bool:
        """Whether the guest gets ATAGS."""
        return "atags" in self.abi


def random_case(rng: Random, *, small: bool) -> Case:
    """Return a case; a small one has a few MiB of RAM, so that every placement can be tried."""
    abi = rng.choice(("direct", "copy-dtb", "copy-atags", "atags-in-r0", "buffer", "direct64"))
    arm64 = abi in ("buffer", "direct64")
    base = rng.choice((0, 0x40000000, 0x80200000, 0x80000000))
    size = rng.randint(MIB, 10 * MIB if arm64 else 3 * MIB) if small else rng.randint(48, 2048) * MIB
    size -= size % PAGE
    end = base + size
    unit = size // 64 // PAGE * PAGE or PAGE

    def spans(most: int) -> tuple[Span2, ...]:
        found = []
        for _ in range(rng.randint(0, most)):
            start = base + rng.randrange(size // PAGE) * PAGE
            found.append((start, min(start + rng.randint(1, max(unit // PAGE, 1)) * PAGE, end)))
        return tuple(found)

    banks: tuple[Span2, ...] = ((base, end),)
    if rng.random() < 0.4:
        middle = base + rng.randrange(1, size // PAGE - 1) * PAGE
        banks = ((base, middle), (min(middle + PAGE * rng.randint(0, 16), end - PAGE), end))
    page = base + rng.randrange(size // PAGE) * PAGE
    kernel: Zimage | Image
    ramdisk = rng.choice((0, 1, PAGE, size // 16, size // 8, size // 4, size // 2))
    near = base + rng.randrange(0, size // 2 // PAGE) * PAGE
    if arm64:
        file = rng.randint(64, min(size // 8, MAX_KERNEL))
        kernel = Image(
            file - file % 64,
            rng.choice((0, file, file + size // 16)),
            rng.choice((0, 0x80000)),
            rng.random() < 0.6,
        )
    else:
        file = rng.randint(0x1000, min(size // 20, 12 * MIB)) // 4 * 4
        stated = small or rng.random() < 0.6
        fixed = base + rng.choice((0x8000, 0x8000, 0x208000, size // 4 // 0x10000 * 0x10000 + 0x8000))
        kernel = Zimage(
            file,
            rng.choice(("auto", "auto", fixed, fixed, None)),
            rng.randint(file, 4 * file) if stated else None,
            rng.randint(0, file) if stated else None,
            rng.choice((None, 0x8000, 0x8000, 0x8000, 0x208000)) if stated else None,
            rng.choice((None, 0x10000)) if stated else None,
            None if stated or rng.random() < 0.3 else 3 * file,
        )
    kernel_loc = dtb_loc = params = buffer = None
    if abi == "copy-dtb":
        dtb_loc, kernel_loc = near, rng.choice((None, base + size // 2 // PAGE * PAGE))
    elif "atags" in abi:
        params = base + 0x100
    elif abi == "buffer":
        start = base + rng.randrange(size // 2 // PAGE, size // PAGE) * PAGE
        buffer = (start, min(start + size // 4 // PAGE * PAGE, end))
    return Case(
        abi="direct" if abi == "direct64" else abi,
        banks=banks,
        page=(page, page + PAGE),
        reserved=spans(3),
        lost=spans(4),
        mem_min=rng.choice((None, None, base + size // 8 // PAGE * PAGE)),
        base=base,
        kernel=kernel,
        ramdisk=ramdisk,
        tree=rng.choice((0, 5000, 60000)),
        small=small,
        zreladdr=rng.choice((None, base + 0x8000)),
        kernel_loc=kernel_loc,
        dtb_loc=dtb_loc,
        params=params,
        buffer=buffer,
    )
