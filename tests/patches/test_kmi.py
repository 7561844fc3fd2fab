"""The module interface of two builds, compared: what makes a phone's modules fail to load is told."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from in_process import hardboot

from hardboot.base.errors import InputError
from hardboot.patches import kmi

# The forms that scripts/mod/modpost.c wrote: up to 5.3, in 5.4, since 5.5.
OLD = "0x1234abcd\tprintk\tvmlinux\tEXPORT_SYMBOL\n"
LINUX_5_4 = "0x1234abcd\tprintk\t\tvmlinux\tEXPORT_SYMBOL\n"
NEW = "0x1234abcd\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n"
NAMESPACE_5_4 = "0x00000001\tdma_x\tDMA_BUF\tvmlinux\tEXPORT_SYMBOL_GPL\n"
NAMESPACE = "0x00000001\tdma_x\tvmlinux\tEXPORT_SYMBOL_GPL\tDMA_BUF\n"


@pytest.mark.parametrize("text", [OLD, LINUX_5_4, NEW])
def test_every_form_of_the_file_is_read(text: str) -> None:
    wanted = kmi.Export("printk", 0x1234ABCD, "vmlinux", "EXPORT_SYMBOL", "")
    assert kmi.parse_symvers(text.encode(), "f") == {"printk": wanted}


@pytest.mark.parametrize("text", [NAMESPACE_5_4, NAMESPACE])
def test_the_namespace_is_read_wherever_it_is(text: str) -> None:
    found = kmi.parse_symvers(text.encode(), "f")["dma_x"]
    assert (found.module, found.namespace) == ("vmlinux", "DMA_BUF")


@pytest.mark.parametrize("kind", ["EXPORT_UNUSED_SYMBOL", "EXPORT_UNUSED_SYMBOL_GPL"])
def test_symbols_that_kernels_before_5_12_call_unused_are_exports(kind: str) -> None:
    assert kmi.parse_symvers(OLD.replace("EXPORT_SYMBOL", kind).encode(), "f")["printk"].kind == kind


@pytest.mark.parametrize(
    ("before", "after", "compared"),
    [
        (["Module", "vmlinux"], ["Module", "vmlinux"], "Module"),
        (["vmlinux"], ["vmlinux"], "vmlinux"),  # make Image, or GKI's dist folder
        (["Module", "vmlinux"], ["vmlinux"], "vmlinux"),
        (["vmlinux"], ["Module", "vmlinux"], "vmlinux"),
        (["Module"], ["vmlinux"], "Module"),
    ],
)
def test_of_two_builds_the_same_file_is_compared(
    tmp_path: Path, before: list[str], after: list[str], compared: str
) -> None:
    for folder, names in (("before", before), ("after", after)):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / f"{name}.symvers").touch()
    found = kmi.find_symvers(tmp_path / "before", tmp_path / "after")
    assert found == tuple(tmp_path / folder / f"{compared}.symvers" for folder in ("before", "after"))
    file = tmp_path / "before" / f"{before[0]}.symvers"
    assert kmi.find_symvers(file, file) == (file, file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: it exports nothing"),
        ("hello\n", "line 1: it is not a line of Module.symvers"),
        (NEW + "0x1234abcd printk vmlinux EXPORT_SYMBOL\n", "line 2: it is not a line"),
        ("0x1234abcd\tprintk\tvmlinux\tEXPORT\n", "line 1: it is not a line"),
        ("0x1234\tprintk\tvmlinux\tEXPORT_SYMBOL\n", "line 1: it has no CRC of eight digits"),
        ("0x1234abcd\t\tvmlinux\tEXPORT_SYMBOL\n", "or no symbol"),
        ("0x1234abcg\tprintk\tvmlinux\tEXPORT_SYMBOL\n", "line 1: it has no CRC of eight digits"),
        ("0x1234_abc\tprintk\tvmlinux\tEXPORT_SYMBOL\n", "line 1: it has no CRC of eight digits"),
        (NEW + NEW, "line 2: printk is exported twice"),
    ],
)
def test_what_is_no_such_file_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        kmi.parse_symvers(text.encode(), "f")
    assert said in caught.value.what


@given(st.binary(max_size=200) | st.text("0xab\t\nEXPORT_SYMBOL", max_size=80).map(str.encode))
def test_any_bytes_are_exports_or_refused(data: bytes) -> None:
    try:
        found = kmi.parse_symvers(data, "f")
    except InputError:
        return
    assert all(name == export.symbol for name, export in found.items())


def line(symbol: str, crc: int = 1, kind: str = "EXPORT_SYMBOL", namespace: str = "") -> str:
    return f"{crc:#010x}\t{symbol}\tvmlinux\t{kind}\t{namespace}\n"


BEFORE = line("a") + line("b", 2) + line("c", 3, "EXPORT_SYMBOL_GPL") + line("d", 4)


@pytest.mark.parametrize(
    ("after", "missing", "changed", "restricted", "added"),
    [
        (BEFORE, "", "", "", ""),
        (BEFORE + line("kexec_x"), "", "", "", "kexec_x"),
        (BEFORE.replace(line("b", 2), ""), "b", "", "", ""),
        (BEFORE.replace(line("b", 2), line("b", 3)), "", "b", "", ""),
        (BEFORE.replace(line("b", 2), line("b", 2, "EXPORT_SYMBOL_GPL")), "", "", "b", ""),
        (BEFORE.replace("EXPORT_SYMBOL_GPL", "EXPORT_SYMBOL"), "", "", "", ""),  # freer than before
        (BEFORE.replace(line("d", 4), line("d", 4, namespace="N")), "", "", "d", ""),
        (line("a", 2) + line("e"), "b c d", "a", "", "e"),
    ],
)
def test_what_a_module_would_miss_is_told(
    tmp_path: Path, after: str, missing: str, changed: str, restricted: str, added: str
) -> None:
    (tmp_path / "before").write_text(BEFORE)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "Module.symvers").write_text(after)  # a build folder
    run = hardboot("--json", "patch", "check", "--kmi", tmp_path / "before", tmp_path / "out")
    document, _ = json.JSONDecoder().raw_decode(run.stdout)
    told = [" ".join(document[key]) for key in ("missing", "changed", "restricted", "added")]
    assert told == [missing, changed, restricted, added]
    whole = not (missing or changed or restricted)
    assert (document["whole"], run.returncode) == (whole, 0 if whole else 3)
    shown = hardboot("patch", "check", "--kmi", tmp_path / "before", tmp_path / "out").stdout
    assert ("4 symbols: the module interface is whole" in shown) == whole
    for word in missing.split():
        assert f"{word}: not exported any more" in shown


def test_only_the_symbols_of_a_list_count(tmp_path: Path) -> None:
    (tmp_path / "before").write_text(BEFORE)
    (tmp_path / "after").write_text(line("a") + line("d", 5))
    (tmp_path / "list").write_text("[abi_symbol_list]\n  a\n# commonly used\n  gone # by nobody\n\n")
    words: list[str | Path] = [
        "patch",
        "check",
        "--kmi",
        tmp_path / "before",
        tmp_path / "after",
        "--symbols",
        tmp_path / "list",
    ]
    run = hardboot("--json", *words)
    document, _ = json.JSONDecoder().raw_decode(run.stdout)
    assert (run.returncode, document["compared"], document["unknown"]) == (0, 1, ["gone"])
    (tmp_path / "more").write_text("  d\n")
    run = hardboot(*words, "--symbols", tmp_path / "more")
    assert run.returncode == 3
    assert "1 symbol of the lists in neither build" in run.stdout
    (tmp_path / "list").write_text("  d\n")
    assert hardboot(*words).returncode == 3
    (tmp_path / "list").write_text("  of_another_kernel\n")
    run = hardboot(*words)
    assert run.returncode == 3
    assert f"{tmp_path / 'before'} exports no symbol of {tmp_path / 'list'}" in run.stderr


def test_a_list_may_be_empty_but_not_all(tmp_path: Path) -> None:
    build = tmp_path / "build"
    build.write_text(BEFORE)
    (tmp_path / "empty").write_text("[abi_symbol_list]\n")  # abi_gki_aarch64_galaxy_grey of a 6.6
    (tmp_path / "list").write_text("a\n")
    words = ("patch", "check", "--kmi", build, build, "--symbols", tmp_path / "empty")
    assert hardboot(*words).returncode == 3
    assert hardboot(*words, "--symbols", tmp_path / "list").returncode == 0


@pytest.mark.parametrize("text", ["a b\n", "a-b\n", "é\n"])
def test_a_list_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "list").write_text(text)
    with pytest.raises(InputError, match=r"list, line \d+: "):
        kmi.read_symbol_list(tmp_path / "list")


def test_a_build_without_crcs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").write_text(line("a", 0) + line("b", 0))
    run = hardboot("patch", "check", "--kmi", tmp_path / "f", tmp_path / "f")
    assert run.returncode == 3
    assert "without CONFIG_MODVERSIONS" in run.stderr


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("arm-6.1",),
        ("--tree", "linux"),
        ("arm-6.1", "--kmi", "a", "b"),
        ("arm-6.1", "--tree", "linux", "--symbols", "c"),
        ("--symbols", "c"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(words: tuple[str, ...]) -> None:
    assert hardboot("patch", "check", *words).returncode == 2
