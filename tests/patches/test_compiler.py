"""Kconfig is asked with the kind of compiler that the configuration was made for."""

import shutil
from collections.abc import Sequence

import pytest

from hardboot.base.errors import ToolError
from hardboot.patches import compiler

CLANG = "CONFIG_CC_IS_CLANG=y\nCONFIG_CLANG_VERSION=160006\n"
LLVM = {
    "CC": "clang",
    "AR": "llvm-ar",
    "NM": "llvm-nm",
    "OBJCOPY": "llvm-objcopy",
    "OBJDUMP": "llvm-objdump",
    "READELF": "llvm-readelf",
    "STRIP": "llvm-strip",
    "LD": "ld.lld",
}
PREFIX = "CROSS_COMPILE=aarch64-linux-gnu-"  # of which clang makes its --target


@pytest.fixture(autouse=True)
def _no_prefix_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CROSS_COMPILE", raising=False)


def install(monkeypatch: pytest.MonkeyPatch, names: Sequence[str]) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: name if name in names else None)


def chosen(config: str, variables: Sequence[str] = ()) -> list[str]:
    return compiler.options("arm64", config, (5, 10, 0), variables)


@pytest.mark.parametrize("suffix", ["", "-16"])
def test_a_configuration_of_clangs_is_completed_with_clang(
    monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    install(monkeypatch, [f"{tool}{suffix}" for tool in LLVM.values()])
    expected = [f"{name}={tool}{suffix}" for name, tool in LLVM.items()]
    assert chosen(CLANG) == [PREFIX, *expected, "LLVM_IAS=1"]


@pytest.mark.parametrize(
    ("more", "installed", "expected"),
    [
        ("", ["clang-16", "clang-19", "ld.lld-19"], ["CC=clang-16", "LLVM_IAS=1"]),
        ("CONFIG_LD_IS_BFD=y\nCONFIG_AS_IS_GNU=y\n", ["clang", "ld.lld"], ["CC=clang"]),
        ("CONFIG_LTO_CLANG=y\n", ["clang-16"], ["CC=clang-16", "LLVM=1", "HOSTCC=clang-16", "LLVM_IAS=1"]),
        ("CONFIG_LLD_VERSION=0\n", ["clang", "ld.lld"], ["CC=clang", "LLVM_IAS=1"]),
        ("CONFIG_LLD_VERSION=160006\n", ["clang", "ld.lld"], ["CC=clang", "LD=ld.lld", "LLVM_IAS=1"]),
    ],
)
def test_linker_and_assembler_are_those_of_the_configuration(
    monkeypatch: pytest.MonkeyPatch, more: str, installed: list[str], expected: list[str]
) -> None:
    install(monkeypatch, installed)
    assert chosen(CLANG + more) == [PREFIX, *expected]


@pytest.mark.parametrize("config", ["CONFIG_CC_IS_GCC=y\nCONFIG_CLANG_VERSION=0\n", "CONFIG_SMP=y\n"])
def test_every_other_configuration_is_completed_with_gcc(
    monkeypatch: pytest.MonkeyPatch, config: str
) -> None:
    install(monkeypatch, ["clang", "ld.lld", "aarch64-none-linux-gnu-gcc"])
    assert chosen(config) == ["CROSS_COMPILE=aarch64-none-linux-gnu-"]


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ('CONFIG_CC_VERSION_TEXT="Android clang version 16.0.6"\n', "Android clang version 16.0.6"),
        ("", "clang"),
    ],
)
def test_without_that_clang_nothing_is_completed_with_gcc(
    monkeypatch: pytest.MonkeyPatch, more: str, text: str
) -> None:
    install(monkeypatch, ["clang-19", "aarch64-linux-gnu-gcc"])
    with pytest.raises(ToolError) as caught:
        chosen(CLANG + more)
    assert caught.value.what == (
        f"the configuration is made for {text}, and no clang of that version is installed"
    )
    assert "hardboot patch config TREE CC=clang-16 LD=ld.lld-16" in caught.value.fix


@pytest.mark.parametrize("config", [CLANG, "CONFIG_CC_IS_GCC=y\n", ""])
@pytest.mark.parametrize("variable", ["CC=my-clang", "LLVM=1", "LLVM=-19"])
def test_the_compiler_that_the_user_names_is_the_one(
    monkeypatch: pytest.MonkeyPatch, config: str, variable: str
) -> None:
    install(monkeypatch, [])
    assert chosen(config, [variable, "LLVM_IAS=0"]) == [PREFIX, variable, "LLVM_IAS=0"]
