"""Phones on TCP and on USB, and keys that all tests of a module share."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from adbds import AdbdProgram, AospAdbd
from transports import OpenPhone, open_tcp, open_usb
from usb_double import Bus, UsbPhone

from hardboot.transport.base import Transport
from hardboot.transport.keys import load_signer


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("android")
    load_signer(folder)
    return folder


@pytest.fixture(scope="session")
def aosp_adbd(tmp_path_factory: pytest.TempPathFactory) -> AospAdbd:
    return AospAdbd.fetch(tmp_path_factory.mktemp("aosp"))


@pytest.fixture(params=["virtual_adbd", "aosp_adbd"])
def any_adbd(request: pytest.FixtureRequest) -> AdbdProgram:
    """Run the same tests on the virtual phone's adbd and on AOSP's."""
    program: AdbdProgram = request.getfixturevalue(request.param)
    return program


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Bus:
    """Return the USB of this test."""
    usb_transport = pytest.importorskip("adb_shell.transport.usb_transport")
    bus = Bus()
    monkeypatch.setattr(usb_transport.UsbTransport, "USB1_CTX", bus)
    monkeypatch.setattr("hardboot.transport.usb._STALE_MAX_S", 0.1)  # for a phone that never stops sending
    return bus


@pytest.fixture(params=["TCP", "USB"])
def phone(request: pytest.FixtureRequest) -> Iterator[OpenPhone]:
    """Run the same tests over both byte transports."""
    if request.param == "TCP":
        yield open_tcp
        return
    bus: Bus = request.getfixturevalue("bus")
    with contextlib.ExitStack() as phones:

        def plug_in(port: int, keys: Path | None = None, *, patience_s: float = 5.0) -> Transport:
            phone = phones.enter_context(UsbPhone(f"USB{port}", port))
            bus.phones.append(phone)
            return open_usb(phone, keys, patience_s=patience_s)

        yield plug_in
