"""The message to the bootloader: read, written, and laid out as AOSP's header says."""

import ctypes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardboot.base.errors import InputError
from hardboot.formats.boot.bootloader_message import BOOT_RECOVERY, BootloaderMessage, stored_command
from hardboot.virtual import disk


class Header(ctypes.Structure):
    """struct bootloader_message of AOSP bootable/recovery, bootloader_message.h, laid out by C's rules."""

    _fields_ = (
        ("command", ctypes.c_char * 32),
        ("status", ctypes.c_char * 32),
        ("recovery", ctypes.c_char * 768),
        ("stage", ctypes.c_char * 32),
        ("reserved", ctypes.c_char * 1184),
    )


def test_the_layout_is_that_of_the_header() -> None:
    assert ctypes.sizeof(Header) == BootloaderMessage.SIZE == 2048
    for name, *_ in Header._fields_:
        assert BootloaderMessage.offset_of(name) == getattr(Header, name).offset, name


def test_what_c_writes_is_read() -> None:
    raw = bytes(Header(command=b"boot-recovery", status=b"OKAY", recovery=b"recovery\n--wipe", stage=b"1/3"))
    message = BootloaderMessage.parse(memoryview(raw))
    assert (message.command[:14], message.status[:5]) == (b"boot-recovery\0", b"OKAY\0")
    assert (message.recovery[:16], message.stage[:4]) == (b"recovery\n--wipe\0", b"1/3\0")
    assert message.build() == raw


@given(st.binary(max_size=2100))
def test_any_bytes_are_refused_or_build_back(raw: bytes) -> None:
    if len(raw) < BootloaderMessage.SIZE:
        with pytest.raises(InputError, match="message to the bootloader"):
            BootloaderMessage.parse(memoryview(raw))
    else:
        message = BootloaderMessage.parse(memoryview(raw))
        assert message.build() == raw[: BootloaderMessage.SIZE]
        assert isinstance(message.wish, str)


@pytest.mark.parametrize(
    ("command", "recovery", "wish"),
    [
        (b"boot-recovery\0rest", b"", "boot-recovery"),
        (b"bootonce-bootloader", b"recovery\n", "bootonce-bootloader"),
        (b"", b"recovery\n--update_package=/data/ota.zip\n", "recovery\n--update_package=/data/ota.zip\n"),
        (b"\0oot-recovery", b"", ""),  # as Little Kernel clears it
        (b"\xff" * 32, b"\xff" * 768, ""),
        (b"", b"", ""),
    ],
)
def test_the_wish_is_the_command_or_that_of_the_recovery(command: bytes, recovery: bytes, wish: str) -> None:
    message = BootloaderMessage(command=command.ljust(32, b"\0"), recovery=recovery.ljust(768, b"\0"))
    assert message.wish == wish


def test_the_stored_command_is_what_the_virtual_phones_bootloader_compares() -> None:
    assert stored_command(BOOT_RECOVERY) == disk.BOOT_RECOVERY.encode().ljust(32, b"\0")
    with pytest.raises(InputError, match="33 bytes, the limit is 32"):
        stored_command("x" * 33)
