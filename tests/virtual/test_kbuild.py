"""How kernels and bootloaders are built: options that survive Kconfig, and a cache by content."""

from pathlib import Path

import pytest

from hardboot.base.errors import ToolError
from hardboot.virtual import bootloader, kbuild, kernel, packages
from hardboot.virtual.target import ARM, ARM64


def test_an_option_that_kconfig_dropped_is_named() -> None:
    result = "CONFIG_A=y\n# CONFIG_B is not set\n"
    kbuild.check_config("CONFIG_A=y\n# CONFIG_B is not set\n", result)
    with pytest.raises(ToolError, match="CONFIG_B=y, CONFIG_C=1"):
        kbuild.check_config("CONFIG_A=y\nCONFIG_B=y\nCONFIG_C=1\n", result)


def test_what_is_built_depends_on_all_of_its_content(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folders = [kbuild.cached("kernels", ARM, "source", config) for config in ("A=y", "A=n")]
    folders += [kbuild.cached(kind, target, "source", "A=y") for kind, target in [("bootloaders", ARM)]]
    folders.append(kbuild.cached("kernels", ARM64, "source", "A=y"))
    assert len(set(folders)) == 4
    assert kbuild.cached("kernels", ARM, "source", "A=y") == folders[0]


def test_a_bootloader_in_the_cache_is_not_built_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    archive = tmp_path / "u-boot_1.orig.tar.bz2"
    monkeypatch.setattr(packages, "source_archive", lambda *_: archive)
    built = []

    def build(target: object, archive: Path, patches: list[Path], product: Path) -> None:
        built.append((archive.name, len(patches)))
        product.mkdir()
        (product / "u-boot.bin").touch()

    monkeypatch.setattr(bootloader, "_build", build)
    assert bootloader.build(ARM64) == bootloader.build(ARM64)
    assert built == [("u-boot_1.orig.tar.bz2", 4)]


def test_every_target_has_a_configuration_that_starts_a_kernel_by_kexec() -> None:
    for target in (ARM, ARM64):
        assert "\nCONFIG_KEXEC=y\n" in kernel.CONFIGS[target].read_text()
