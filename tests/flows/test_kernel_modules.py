"""Modules in a ramdisk are compared with the kernel by their vermagic."""

from pathlib import Path

import image_sets as build
import pytest
from image_builders import arm64_image, pack

from hardboot.flows import kernel_modules, rom
from hardboot.flows.rom import Rom
from hardboot.formats.archives import cpio
from hardboot.formats.archives.cpio import Archive, Entry

FLAGS = "SMP preempt mod_unload aarch64"


def module(magic: str | None) -> bytes:
    info = b"license=GPL\0" + (f"vermagic={magic} \0".encode() if magic else b"") + b"name=x\0"
    return b"\x7fELF" + bytes(200) + info + bytes(100)


def with_modules(folder: Path, kernel: bytes = build.KERNEL, **modules: bytes) -> Rom:
    entries = [Entry(f"lib/modules/{name}.ko", cpio.S_IFREG | 0o644, data) for name, data in modules.items()]
    entries.append(Entry("init", cpio.S_IFREG | 0o755, b"vermagic=other\0"))
    packed = pack(b"".join(cpio.build((Archive("newc", tuple(entries)),))), "gzip")
    generic = pack(b"".join(cpio.build((Archive("newc", ()),))), "gzip")
    images = {
        "boot": build.boot_v4(kernel),
        "init_boot": build.boot_v4(b"", generic),
        "vendor_boot": build.vendor_boot([(build.PLATFORM, packed)]),
    }
    return rom.read(build.write_set(folder / "rom", images))


def test_modules_for_this_kernel_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fitting = module(f"{build.RELEASE} {FLAGS}")
    kernel_modules.check(with_modules(tmp_path, a=fitting, b=fitting, c=module(None)))
    assert capsys.readouterr().err == f"The modules in the ramdisk fit the kernel {build.RELEASE}.\n"


def test_modules_for_other_kernels_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, older = (f"{release} {FLAGS}" for release in ("6.1.1", "5.15.0"))
    kernel_modules.check(with_modules(tmp_path, a=module(old), b=module(older), c=module(old)))
    assert capsys.readouterr().err.splitlines() == [
        f"warning: b.ko in the ramdisk: built for {older}; the kernel is {build.RELEASE}",
        f"warning: a.ko and 1 more in the ramdisk: built for {old}; the kernel is {build.RELEASE}",
    ]


def test_a_kernel_that_compares_symbols_takes_modules_of_other_releases(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel_modules.check(with_modules(tmp_path, a=module(f"6.1.1 {FLAGS} modversions")))
    assert capsys.readouterr().err == f"The modules in the ramdisk fit the kernel {build.RELEASE}.\n"


def test_a_ramdisk_without_modules_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kernel_modules.check(with_modules(tmp_path))
    assert capsys.readouterr().err == "The ramdisk holds no modules.\n"


def test_a_kernel_without_a_release_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kernel_modules.check(with_modules(tmp_path, arm64_image(bytes(1000)), a=module(f"6.1.1 {FLAGS}")))
    assert capsys.readouterr().err == (
        "warning: the kernel does not state its release: its modules cannot be checked\n"
    )
