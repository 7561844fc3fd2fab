"""A profile that `hardboot devices suggest` drafts, and the one that ships."""

from pathlib import Path

from phones import VirtualPhone

from hardboot import profile
from hardboot.profile import Profile


def drafted(phone: VirtualPhone, target: Path) -> Profile:
    document = phone("--json", "devices", "suggest", "-o", target).json
    assert phone("devices", "check", target).out == "1 profile checked, no problems\n"
    made = profile.read(target)
    assert document["hardboot_page"] == made.hardboot.page
    assert document["notes"] == []
    return made


def agrees(made: Profile, known: Profile) -> None:
    """Every fact that is read, not proposed, is the same in both."""
    ends = [(bank.start, bank.end) for bank in known.ram]
    assert [(bank.start, bank.end) for bank in made.ram] == ends
    ramoops = next(one for one in known.reserved if one.name == "ramoops")
    assert ramoops in made.reserved
    assert (made.arch, made.codenames) == (known.arch, known.codenames)
    assert (made.kernel, made.reset, made.image) == (known.kernel, known.reset, known.image)
    assert (made.partitions, made.dtb.kind) == (known.partitions, known.dtb.kind)
    assert made.hardboot.flag == known.hardboot.flag
    assert made.hardboot.host_abi == known.hardboot.host_abi
    assert made.hardboot.page_size == known.hardboot.page_size
    measured = {one.name: one for one in known.bootloader}
    for one in made.bootloader:
        assert measured[one.name].overlaps(one)
        assert one.name == "u-boot" or measured[one.name].contains(one)
    assert next(one for one in made.bootloader if one.name == "u-boot").contains(measured["u-boot"])
    assert made.mem_min == 0x44000000, "from there on all was measured to survive, up to U-Boot"
