"""Every rule about places, broken once."""

from dataclasses import dataclass

from layout_guests import IOMEM, SHAMU, SHAMU_PLACES, VIRT, guest, moving
from layout_hosts import ANGLER, DIRECT, LOW_RAM, MAKO, MAKO_RAM, PLACES, guest64, image, legacy

from hardboot import layout
from hardboot.base.memory import Range
from hardboot.formats.trees.fdt import Fdt, Node
from hardboot.layout import Constraints, Guest, LiveMemory, Segment
from hardboot.profile import Profile

VIRT_PLACES = {"kernel": 0x45000000, "initrd": 0x46000000, "dtb": 0x46F00000}
MAKO_PLACES = {"kernel": 0x85008000, "initrd": 0x86000000, "dtb": 0x85001000}
ANGLER_PLACES = {"kernel": 0x80000, "initrd": 0x30000000, "dtb": 0x10000000}
OLD_64 = guest64(image(anywhere=False), Fdt(Node("", {"x": bytes(9000)})))
# A zImage right before it would have to move itself, over it.
TAKEN = LiveMemory((Range(0x40000000, 0x80000000),), reserved=(Range(0x41A80000, 0x41A81000, "taken"),))
# The second one begins at an address where no Image may start.
TWO_BANKS = LiveMemory((Range(0, 0x60000000), Range(0x80001000, 0xC0000000)))
NEXUS_6 = layout.parse_iomem(IOMEM)


@dataclass(frozen=True)
class PlaceCase:
    """A good placement on a phone, and what to change so that it breaks a rule."""

    name: str
    phone: Profile
    who: Guest
    live: LiveMemory | None
    good: dict[str, int]
    wrong: dict[str, int]

    @property
    def rule(self) -> str:
        """The rule that is broken."""
        return self.name.partition(" ")[0]

    def constraints(self) -> Constraints:
        """Return the constraints on this phone."""
        phone = layout.profile_of_model(self.phone, self.live)
        return layout.gather_constraints(phone, self.who, self.live)

    def segments(self, changed: dict[str, int]) -> tuple[Segment, ...]:
        """Return the segments of the good placement with some of them elsewhere."""
        addresses = self.good | changed
        kernel, initrd, dtb = (addresses[name] for name in ("kernel", "initrd", "dtb"))
        plan = layout.assemble(self.phone, self.who, self.live, kernel=kernel, initrd=initrd, dtb=dtb)
        return plan.segments


PLACE_CASES = [
    PlaceCase("page-aligned", VIRT, guest(), None, VIRT_PLACES, {"dtb": 0x46F00800}),
    PlaceCase("disjoint", VIRT, guest(), None, VIRT_PLACES, {"dtb": 0x46001000}),
    PlaceCase("one-bank", VIRT, guest(), None, VIRT_PLACES, {"initrd": 0x7FF00000}),
    PlaceCase("one-bank of two", DIRECT, guest64(image()), TWO_BANKS, PLACES, {"initrd": 0x80000000}),
    PlaceCase("mem-min", SHAMU, guest(), NEXUS_6, SHAMU_PLACES, {"initrd": 0x10000000}),
    PlaceCase("outside-page", VIRT, guest(), None, VIRT_PLACES, {"dtb": 0x44000000}),
    PlaceCase("outside-reserved", VIRT, guest(), None, VIRT_PLACES, {"dtb": 0x44100000}),
    PlaceCase("outside-bootloader", VIRT, guest(), None, VIRT_PLACES, {"initrd": 0x43000000}),
    PlaceCase("zimage-window", VIRT, guest(), None, VIRT_PLACES, {"kernel": 0x50000000}),
    PlaceCase("image-place", DIRECT, guest64(image()), LOW_RAM, PLACES, {"kernel": 0x50000000}),
    PlaceCase("atags-place", MAKO, legacy(), MAKO_RAM, MAKO_PLACES, {"dtb": 0x85002000}),
    PlaceCase("initrd-lowmem", VIRT, guest(), None, VIRT_PLACES, {"initrd": 0x74000000}),
    PlaceCase("dtb-lowmem", VIRT, guest(), None, VIRT_PLACES, {"dtb": 0x70000000}),
    PlaceCase("dtb-size", ANGLER, OLD_64, LOW_RAM, ANGLER_PLACES, {"dtb": 0x1FFFF000}),
    PlaceCase("decompression-in-ram", DIRECT, guest64(image()), LOW_RAM, PLACES, {"kernel": 0xBEA80000}),
    PlaceCase("decompression-clear", VIRT, guest(), None, VIRT_PLACES, {"dtb": 0x41600000}),
    PlaceCase(
        "decompression-clear of a moved zImage", VIRT, guest(), TAKEN, VIRT_PLACES, {"kernel": 0x41500000}
    ),
    PlaceCase("kernel-room", VIRT, guest(), None, VIRT_PLACES, {"dtb": 0x45540000}),
    PlaceCase("moved-clear", moving(dtb_loc=0x21000000), guest(), NEXUS_6, SHAMU_PLACES, {}),
]
