"""Waiting for a phone that restarts."""

import threading
import time

import pytest
from adb_client import free_port
from fake_adbd import FakeAdbd
from transports import OpenPhone, open_tcp

from hardboot.base.errors import DeviceError
from hardboot.transport.base import Output
from hardboot.transport.direct import AdbTcp

pytestmark = pytest.mark.timeout(30)  # nothing here may hang

# The connection


def test_nobody_listening_is_told() -> None:
    with pytest.raises(DeviceError, match="refuses the connection") as caught:
        open_tcp(free_port()).shell("true", timeout_s=5)
    assert caught.value.state == "Nothing was sent."


def test_a_host_that_does_not_exist_is_told() -> None:
    for host in ("does-not-exist.invalid", "x" * 70, "a..b"):
        with pytest.raises(DeviceError, match="cannot be reached"):
            AdbTcp(host).shell("true", timeout_s=5)


def test_close_never_fails(phone: OpenPhone) -> None:
    with FakeAdbd() as adbd:
        here = phone(adbd.port)
        here.close()
        here.shell("true", timeout_s=5)
        here.close()
        here.close()


def test_wait_survives_a_phone_that_is_not_there_yet() -> None:
    adbd = FakeAdbd()
    port = adbd.port
    with pytest.raises(DeviceError, match="did not come back within 0 s"):
        open_tcp(free_port()).wait(timeout_s=0.3)
    here = open_tcp(port)
    starter = threading.Timer(0.3, adbd.__enter__)
    starter.start()
    try:
        here.wait(timeout_s=10)
        assert here.shell("echo up", timeout_s=5).text == "up\n"
    finally:
        starter.join()
        here.close()
        adbd.__exit__()


def test_wait_gives_up_connections_that_are_accepted_and_then_silent() -> None:
    with FakeAdbd(silent_connections=3) as adbd:
        here = open_tcp(adbd.port, patience_s=0.1)
        here.wait(timeout_s=10)
        here.close()
        assert adbd.connections >= 4


def test_wait_tries_the_next_connection_while_others_are_silent() -> None:
    with FakeAdbd(silent_connections=5) as adbd:
        here = open_tcp(adbd.port, patience_s=20)
        start = time.monotonic()
        assert here.wait("echo up; exit 3", timeout_s=25) == Output("up\n", 3)
        assert time.monotonic() - start < 10
        here.close()


def test_wait_drops_the_old_connection(phone: OpenPhone) -> None:
    with FakeAdbd() as adbd:
        here = phone(adbd.port)
        here.shell("true", timeout_s=5)
        before = adbd.connections
        here.wait(timeout_s=5)
        here.close()
        assert before == 1
        assert adbd.connections > before
