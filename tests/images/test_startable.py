"""Which ramdisks a kernel can start with: packed by the real tools, with and without a configuration."""

import io
import subprocess
import tarfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from cpio_archives import END, newc, packed
from hypothesis import given, settings
from hypothesis import strategies as st
from packed_kernels import mkimage
from ramdisks import ARCHIVE, OPTIONS, SHELL, config, ramdisk

from hardboot.base.errors import InputError
from hardboot.formats.archives import cpio, decoders
from hardboot.formats.kernels.kernel_image import KernelImage, Kind
from hardboot.formats.kernels.kernelscan import parse_config
from hardboot.images.ramdisk import startable

TOOLS = {
    "gzip": "gzip -9n",
    "xz": "xz --check=crc32",
    "lzma": "xz --format=lzma",
    "bzip2": "bzip2",
    "lz4-legacy": "lz4 -l",
    "zstd": "zstd",
}
START = "the ramdisk cannot be started: "


@cache
def run(command: str, content: bytes) -> bytes:
    return subprocess.run(
        [*command.split(), "-c"], input=content, capture_output=True, check=True, timeout=60
    ).stdout


def kernel(
    *options: str, release: str | None = "6.1.0", known: bool = True, kind: Kind = "zImage"
) -> KernelImage:
    """Return a kernel with these options; all if there are none; without a configuration if not `known`."""
    found = parse_config(config(*(options or OPTIONS))) if known else None
    return KernelImage(kind, 1, release=release, config=found)


def refused(data: bytes, one: KernelImage, cmdline: str = "") -> tuple[str, str]:
    """Return problem and fix of the refusal."""
    with pytest.raises(InputError, match=START) as caught:
        startable.check(data, one, cmdline)
    assert caught.value.state == "Nothing was changed."
    return caught.value.what.removeprefix(START), caught.value.fix


@pytest.mark.parametrize("how", TOOLS)
def test_a_ramdisk_is_started_if_the_kernel_can_unpack_it(how: str) -> None:
    data = run(TOOLS[how], ARCHIVE)
    option = {"lz4-legacy": "RD_LZ4"}.get(how, f"RD_{how.upper()}")
    with_it = KernelImage("zImage", 1, config=parse_config(config("BLK_DEV_INITRD") + f"CONFIG_{option}=y\n"))
    assert startable.check(data, with_it, "") == ()
    assert startable.check(data, kernel(known=False), "") == ()
    problem, fix = refused(data, kernel("BLK_DEV_INITRD", "RD_GZIP" if how != "gzip" else "RD_XZ"))
    assert problem == f"it is {how} data, and the kernel was built without CONFIG_{option} (its IKCONFIG)"
    other = "xz" if how == "gzip" else "gzip"
    assert fix == f"Pack it again with {other}, or not at all; or use another kernel."


def test_archives_that_are_not_packed_and_fragments_in_a_row_are_started() -> None:
    vendor = newc(b"lib", mode=0o040755) + newc(b"lib/modules", b"x") + END
    gzip, lz4 = run("gzip -9n", ARCHIVE), run("lz4 -l", ARCHIVE)
    fine = {
        "plain": ARCHIVE,
        "zeros around": bytes(512) + ARCHIVE + bytes(3),
        "two archives": vendor + ARCHIVE,
        "plain, gzip": vendor + gzip,
        "gzip, gzip": run("gzip -9n", vendor) + gzip,
        "lz4, lz4": run("lz4 -l", vendor) + lz4,
        "lz4, zeros, gzip": run("lz4 -l", vendor) + bytes(512) + gzip,
        "bootconfig": gzip + b"a=1\n\0\0\0\x08\0\0\0\x44\1\0\0#BOOTCONFIG\n",
        "lzop": b"\x89LZO\0\r\n\x1a\n" + bytes(50),
    }
    assert {name: startable.check(data, kernel(), "") for name, data in fine.items()} == dict.fromkeys(
        fine, ()
    )


def _crc_archive() -> bytes:
    return ARCHIVE.replace(b"070701", b"070702")


def _tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("init"))
    return stream.getvalue()


def _odc(folder: Path) -> bytes:
    (folder / "init").write_text("#!/bin/sh\n")
    return packed(folder, "odc")


GZIP = run("gzip -9n", ARCHIVE)
UNPACKABLE = {
    "text": (b"no ramdisk at all\n", "it is a text file, not a cpio archive"),
    "noise": (b"\x91\x17\xff\xee" * 20, "it is unknown data (it begins with 91 17 ff ee 91 17 ff ee)"),
    "zeros": (bytes(4097), "it is 4097 zero bytes"),
    "nothing": (b"", "it is empty"),
    "boot image": (b"ANDROID!" + bytes(2000), "it is an Android boot image, not a cpio archive"),
    "kernel": (
        bytes(0x24) + b"\x18\x28\x6f\x01" + bytes(90),
        "it is an ARM zImage kernel, not a cpio archive",
    ),
    "zip": (b"PK\3\4" + bytes(90), "it is a ZIP archive"),
    "uInitrd": (mkimage(GZIP, kind="ramdisk"), "it is a U-Boot ramdisk (uInitrd), not a cpio archive"),
    "MTK header": (b"\x88\x16\x88\x58" + bytes(508) + GZIP, "it is a part with a MediaTek header"),
    "old cpio": (b"\xc7\x71" + bytes(90), "it is a cpio archive in the old binary format; Linux reads newc"),
    "tar": (run("gzip -9n", _tar()), "it is gzip data with a tar archive, not"),
    "packed twice": (run("gzip -9n", GZIP), "it is gzip data with gzip data, not a cpio archive"),
    "zstd with a large window": (
        run("zstd --ultra --long=31", ARCHIVE * 9),
        "its zstd window is larger than 128",
    ),
    "packed text": (run("gzip -9n", b"text\n"), "it is gzip data with a text file, not a cpio archive"),
    "a boot image inside": (run("gzip -9n", b"ANDROID!" + bytes(90)), "gzip data with an Android boot image"),
    "cut off, gzip": (GZIP[:-20], "it is damaged or cut off: gzip data: stream at offset"),
    "cut off, plain": (ARCHIVE[:-130], "it is damaged or cut off: cpio archive: "),
    "cut off in a name": (ARCHIVE[:115], "it is damaged or cut off: cpio archive: size at offset 0x0"),
    "second fragment cut off": (GZIP + GZIP[:-9], "it is damaged or cut off: gzip data"),
    "damaged": (GZIP[:40] + b"\0\0\0\0" + GZIP[44:], "it is damaged or cut off: gzip data"),
    "lz4 frame": (run("lz4", ARCHIVE), "it is an lz4 frame; Linux reads lz4's legacy format only"),
    "xz with CRC64": (run("xz", ARCHIVE), "its xz stream has a check that is not CRC32"),
    "gzip with a comment": (
        GZIP[:3] + b"\x10" + GZIP[4:10] + b"c\0" + GZIP[10:],
        "its gzip header has fields",
    ),
    "checksums": (_crc_archive(), "(crc), which Linux reads since 5.19; the kernel is 4.4.1"),
    "not aligned": (b"\0\0" + ARCHIVE, "its archive at 0x2 does not begin at a multiple of 4 bytes"),
    "second not aligned": (GZIP + bytes(-len(GZIP) % 4 + 1) + ARCHIVE, "does not begin at a multiple of 4"),
}


@pytest.mark.parametrize(("data", "problem"), UNPACKABLE.values(), ids=UNPACKABLE)
def test_what_no_kernel_can_start_with_is_refused(data: bytes, problem: str) -> None:
    for known in (True, False):
        assert problem in refused(data, kernel(release="4.4.1", known=known))[0]


def test_the_old_portable_format_is_refused(tmp_path: Path) -> None:
    assert refused(_odc(tmp_path), kernel()) == (
        "it is a cpio archive in the old portable format (odc); Linux reads newc",
        "Make it again: cpio -o -H newc",
    )


def test_a_kernel_that_takes_no_ramdisk_is_refused() -> None:
    problem, _ = refused(ARCHIVE, kernel("RD_GZIP"))
    assert problem == "the kernel was built without CONFIG_BLK_DEV_INITRD (its IKCONFIG) and takes no ramdisk"


def test_a_part_of_a_configuration_proves_nothing() -> None:
    part = KernelImage("zImage", 1, release="6.1.0", config={"CONFIG_KEXEC": "y"})
    assert startable.check(GZIP, part, "") == ()


def test_a_kernel_that_reads_no_bootconfig_is_told() -> None:
    config = b"a=1\n\0\0\0\x08\0\0\0\x44\1\0\0#BOOTCONFIG\n"
    text = "CONFIG_BLK_DEV_INITRD=y\nCONFIG_RD_GZIP=y\n# CONFIG_BOOT_CONFIG is not set\n"
    one = KernelImage("zImage", 1, release="6.1.0", config=parse_config(text))
    (told,) = startable.check(GZIP + config, one, "")
    assert told == "the kernel was built without CONFIG_BOOT_CONFIG (its IKCONFIG): it reads no bootconfig"


def test_a_kernel_that_uses_its_own_ramdisk_is_told() -> None:
    text = config("BLK_DEV_INITRD") + "CONFIG_INITRAMFS_FORCE=y\n"
    (told,) = startable.check(b"anything", KernelImage("zImage", 1, config=parse_config(text)), "")
    assert told.endswith("built with CONFIG_INITRAMFS_FORCE (its IKCONFIG): it ignores the ramdisk")


def test_the_release_in_which_something_is_read_first_reads_it() -> None:
    for data, release in ((_crc_archive(), "5.19.0"), (run("zstd", ARCHIVE), "5.9.0-rc1")):
        assert startable.check(data, kernel(release=release, known=False), "") == ()


def test_gzip_needs_no_option_in_the_oldest_kernels() -> None:
    old = KernelImage("zImage", 1, release="2.6.29", config={"CONFIG_BLK_DEV_INITRD": "y"})
    assert startable.check(GZIP, old, "") == ()


LZOP = b"\x89LZO\0\r\n\x1a\n" + bytes(50)
MIDDLE = "the kernel is {} and does not tell its configuration"
LIKELY = {
    "lzop": (LZOP, "6.1", "the ramdisk is lzop data, which few kernels unpack; this one does not tell"),
    "lzop, too old": (
        LZOP,
        "2.6.32",
        "lzop data, which Linux unpacks since 2.6.33; " + MIDDLE.format("2.6.32"),
    ),
    "zstd": (
        run("zstd", ARCHIVE),
        "4.19.0",
        "zstd data, which Linux unpacks since 5.9; " + MIDDLE.format("4.19.0"),
    ),
    "lz4": (run("lz4 -l", ARCHIVE), "3.4.0", "lz4-legacy data, which Linux unpacks since 3.11; "),
    "lz4 before gzip": (
        run("lz4 -l", ARCHIVE) + GZIP,
        "6.1.0",
        "the gzip fragment at {:#x} of the ramdisk is lost: Linux 6.1.0 reads on behind the lz4 fragment",
    ),
    "checksums": (
        _crc_archive(),
        None,
        "the ramdisk is a cpio archive with checksums (crc), which Linux reads",
    ),
    "no end mark": (ARCHIVE[: -len(END)], "6.1.0", "has no end mark (TRAILER!!!): it may be cut off"),
    "more behind": (
        GZIP + b"SEANDROIDENFORCE",
        "6.1.0",
        "the last 16 bytes of the ramdisk, from {:#x}, belong",
    ),
}


@pytest.mark.parametrize(("data", "release", "warning"), LIKELY.values(), ids=LIKELY)
def test_what_is_likely_not_to_start_is_warned_of(data: bytes, release: str | None, warning: str) -> None:
    (told,) = startable.check(data, kernel(release=release, known=False), "")
    first = len(run("lz4 -l", ARCHIVE)) if "lz4" in warning else len(GZIP)
    assert warning.format(first) in told


def test_fragments_behind_lz4_and_zeros_are_lost_in_kernels_before_5_10() -> None:
    one = run("lz4 -l", ARCHIVE)
    for second in (one, GZIP):
        data = one + bytes(512) + second
        assert startable.check(data, kernel(release="5.10.1"), "") == ()
        (told,) = startable.check(data, kernel(release="5.4.1"), "")
        assert f"fragment at {len(one) + 512:#x} of the ramdisk is lost: Linux 5.4.1 reads on" in told


def test_a_file_system_needs_a_disk_in_ram(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(256 << 10))
    subprocess.run(["/usr/sbin/mkfs.ext4", "-q", "-O", "^has_journal", disk], check=True, timeout=60)
    for data, packed_as in ((disk.read_bytes(), ""), (run("gzip -9n", disk.read_bytes()), "gzip data with ")):
        what = f"the ramdisk is {packed_as}an ext file system, not a cpio archive: it needs "
        unknown = kernel(known=False)
        assert startable.check(data, kernel(), "") == (f"{what}root=/dev/ram0",)
        assert startable.check(data, kernel(), "root=/dev/ram0 quiet") == ()
        assert startable.check(data, unknown, "root=/dev/ram") == (f"{what}a kernel with CONFIG_BLK_DEV_RAM",)
        both = f"{what}root=/dev/ram0 and a kernel with CONFIG_BLK_DEV_RAM"
        assert startable.check(data, unknown, "root=/dev/sda") == (both,)
        without = kernel("BLK_DEV_INITRD", "RD_GZIP")
        assert "built without CONFIG_BLK_DEV_RAM (its IKCONFIG)" in refused(data, without)[0]


def test_what_is_larger_than_hardboot_reads_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpio, "MAX_ENTRIES", 2)
    (told,) = startable.check(GZIP, kernel(), "")
    assert told.startswith("the ramdisk was not checked: cpio archive: entries at offset")
    monkeypatch.setattr(decoders, "MAX_DICTIONARY", 4096)
    (told,) = startable.check(run("xz --check=crc32", ARCHIVE), kernel(), "")
    assert told == "the ramdisk was not checked: xz data: stream at offset 0x0: Memory usage limit exceeded"


def elf(machine: int, order: int = 1) -> bytes:
    text = machine.to_bytes(2, "little" if order == 1 else "big")
    return b"\x7fELF\1" + bytes([order]) + bytes(12) + text + bytes(40)


def with_init(content: bytes, mode: int = 0o100755, name: bytes = b"init") -> bytes:
    return newc(name, content, mode=mode) + SHELL + END


@pytest.mark.parametrize(
    ("data", "cmdline", "warnings"),
    [
        (SHELL + END, "", ["/init in the ramdisk is not there, and the command line names no root=: "]),
        (SHELL + END, "root=/dev/mmcblk0p1", []),
        (SHELL + END, "rdinit=/bin/sh", ["/bin/sh in the ramdisk is neither a program nor a script"]),
        (with_init(b"", name=b"sbin"), "rdinit=/init.x", ["/init.x in the ramdisk is not there"]),
        (with_init(b"x", 0o040755), "", ["/init in the ramdisk is not a file, and"]),
        (with_init(b"/system/bin/init", 0o120777), "", ["/init in the ramdisk leads nowhere, and"]),
        (with_init(b"bin/sh", 0o120777), "", ["/init in the ramdisk is neither a program nor a script"]),
        (with_init(b"#!/bin/sh\n", 0o100644), "", ["/init in the ramdisk is not executable (644)"]),
        (
            with_init(b"#!/bin/bash -e\n"),
            "",
            ["/init in the ramdisk is a script for /bin/bash, which is not in"],
        ),
        (with_init(b"#!\n"), "", ["/init in the ramdisk is a script for nothing, which is not in it"]),
        (with_init(b""), "", ["/init in the ramdisk is neither a program nor a script"]),
        (with_init(elf(40)), "", []),
        (
            newc(b"sbin/init", elf(40), mode=0o100755) + END,
            "rdinit=/sbin/init",
            ["/sbin/init in the ramdisk is not"],
        ),
        (b"no ramdisk", "skip_initramfs rootwait", []),
    ],
)
def test_the_program_that_linux_starts_first(data: bytes, cmdline: str, warnings: list[str]) -> None:
    told = startable.check(data, kernel(), cmdline)
    assert len(told) == len(warnings)
    assert all(one.startswith(start) for one, start in zip(told, warnings, strict=True))


@pytest.mark.parametrize(
    ("program", "kind", "options", "problem"),
    [
        (
            elf(183),
            "zImage",
            OPTIONS,
            "/init in it is a program for arm64 (little-endian), the kernel is for 32-bit ARM",
        ),
        (elf(62), "arm64 Image", OPTIONS, "a program for x86-64 (little-endian), the kernel is for arm64"),
        (
            elf(40, 2),
            "zImage",
            OPTIONS,
            "a program for 32-bit ARM (big-endian), the kernel is for 32-bit ARM",
        ),
        (
            elf(40),
            "arm64 Image",
            OPTIONS[:-1],
            "a program for 32-bit ARM (little-endian), the kernel is for arm64",
        ),
        (elf(40), "arm64 Image", OPTIONS, None),
        (elf(40), "arm64 Image", None, None),
        (elf(183), "arm64 Image", OPTIONS, None),
        (elf(9999), "zImage", OPTIONS, "a program for machine 9999 (little-endian)"),
    ],
)
def test_an_init_for_another_architecture_is_refused(
    program: bytes, kind: Kind, options: tuple[str, ...] | None, problem: str | None
) -> None:
    data = run("gzip -9n", with_init(program))
    one = kernel(*(options or ()), kind=kind, known=options is not None)
    if problem is None:
        assert startable.check(data, one, "") == ()
    else:
        assert problem in refused(data, one)[0]


def test_a_ramdisk_for_tests_is_one() -> None:
    assert startable.check(ramdisk(4097), kernel(), "") == ()


@settings(max_examples=200)
@given(
    st.sampled_from(
        [b"", ARCHIVE, GZIP, GZIP + ARCHIVE, run("lz4 -l", ARCHIVE) * 2, run("xz --check=crc32", ARCHIVE)]
    ),
    st.binary(max_size=30),
    st.integers(0, 400),
    st.booleans(),
)
def test_any_bytes_are_refused_or_judged(data: bytes, noise: bytes, at: int, known: bool) -> None:
    damaged = bytearray(data)
    damaged[at : at + len(noise)] = noise
    with suppress(InputError):
        assert all(startable.check(bytes(damaged), kernel(known=known), noise.decode("latin-1")))
    with suppress(InputError):
        assert all(startable.check_new_kernel(bytes(damaged), kernel(known=known)))
