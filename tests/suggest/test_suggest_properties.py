"""Whatever a phone says, the draft loads and passes every check."""

from pathlib import Path

from copied_files import GETPROP, LISTING, PARTITIONS, SHAMU_TREE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_builders import dtb

from hardboot import profile
from hardboot.suggest import Findings
from hardboot.suggest.drafting import write_draft
from hardboot.suggest.memory_facts import gather_memory_facts

TREE = dtb(SHAMU_TREE.format(hole=""))
NUMBER = st.sampled_from(
    [0, 0x1000, 0x8000, 0x10000000, 0x3E9DF000, 0x3E9E0000, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 33]
)
LINE = st.tuples(
    NUMBER, NUMBER, st.sampled_from(["System RAM", "  Kernel code", "  ramoops", "  x/y", "\x1b[31m"])
)
LOG = st.tuples(NUMBER, NUMBER).map(
    lambda pair: (
        f"Hardboot page reserved at {pair[0]:#x}\nramoops 0x{pair[1]:x}@0x{pair[0]:x}\n"
        f"ram_console: got buffer at {pair[0]:x}, size {pair[1]:x}\nTegra reserved memory:\n"
        f"LP0: {pair[0]:08x} - {pair[1]:08x}\nNode hardboot memblock_reserve memory {pair[1]:x}-{pair[0]:x}\n"
    )
)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(LINE, max_size=6),
    log=LOG | st.text(max_size=60),
    page=NUMBER.map(hex) | st.text(max_size=10),
    machine=st.sampled_from(["Machine: x\n", "Machine: x, model: y\n", ""]),
    with_tree=st.booleans(),
    listing=st.text(" ->/abkot\n:", max_size=40)
    | st.sampled_from([LISTING, LISTING.replace("boot", "boot_a").replace("recovery", "boot_b")]),
    hole=st.tuples(NUMBER, NUMBER),
    abi=st.sampled_from(["armeabi-v7a", "arm64-v8a"]),
    header=st.binary(max_size=64).map(lambda tail: b"ANDROID!" + tail + bytes(1700)) | st.binary(max_size=60),
)
def test_whatever_a_phone_says_the_draft_loads_and_keeps_every_rule(
    tmp_path: Path,
    lines: list[tuple[int, int, str]],
    log: str,
    page: str,
    machine: str,
    with_tree: bool,
    listing: str,
    hole: tuple[int, int],
    abi: str,
    header: bytes,
) -> None:
    from hardboot.formats.trees import fdt

    iomem = "".join(
        f"{'  ' if name[0] == ' ' else ''}{a:08x}-{b:08x} : {name.strip()}\n" for a, b, name in lines
    )
    start, size = (value & 0xFFFFFFFF for value in hole)
    tree = fdt.parse(TREE)
    tree.ensure("/soc/hardboot").properties["qcom,memblock-reserve"] = fdt.cells((start, size))
    getprop = GETPROP.format("x", "msm8974\\").replace("armeabi-v7a", abi)
    texts = {"getprop": getprop, "iomem": iomem, "dmesg": machine + log, "last_kmsg": log, "page": page}
    found = Findings(
        {**texts, "by-name": listing, "partitions": PARTITIONS}, tree if with_tree else None, header
    )
    text, made, _ = write_draft(found, gather_memory_facts(found), None)
    assert profile.parse(text.encode(), "draft") == made
    assert profile.check(made) == []
