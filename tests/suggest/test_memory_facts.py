"""What is read of a phone's RAM, and what is said where it cannot be read."""

from pathlib import Path

from copied_files import drafted, folder, shamu

from hardboot.base.memory import Range


def test_mem_min_is_above_lost_memory(tmp_path: Path) -> None:
    iomem = "00000000-7fffffff : System RAM\n  00008000-00ffffff : Kernel code\n"
    made = drafted(folder(tmp_path, "unknown", "msm8974", iomem=iomem)).profile
    assert made.mem_min == 0x08000000  # LK and its scratch area are further up, and ranges of their own
    iomem = iomem.replace("00ffffff", "0effffff")
    above = drafted(folder(tmp_path, "unknown", "msm8974", iomem=iomem)).profile
    assert above.mem_min == 0x15000000
    source = made.evidence["mem_min"].source
    assert "erase the first 128 MB" in source
    assert "may apply here" in source


def test_a_note_says_that_addresses_are_hidden_without_root(tmp_path: Path) -> None:
    found = drafted(
        folder(tmp_path, iomem="00000000-00000000 : System RAM\n00000000-00000000 : Kernel code\n")
    )
    assert any("not read as root" in note for note in found.notes)
    assert found.profile.ram == ()
    for fact in ("ram", "mem_min", "hardboot.page", "bootloader", "partitions.boot", "reset"):
        assert found.profile.trust(fact) == "unknown"
        assert len(found.profile.how_to_find(fact)) > 20


def test_without_iomem_the_banks_are_those_of_the_tree(tmp_path: Path) -> None:
    found = drafted(shamu(tmp_path, iomem=""))
    assert Range(0, 0xC0000000) in found.profile.ram
    assert found.profile.hardboot.page == 0x3E9DF000
    assert "running kernel" not in found.profile.evidence["hardboot.page"].source
    assert any("/proc/iomem is missing" in note for note in found.notes)
