from collections.abc import Iterator
from typing import ClassVar, Self

import usb1
from adb_shell.transport.base_transport import BaseTransport

class UsbTransport(BaseTransport):
    USB1_CTX: ClassVar[usb1.USBContext]
    _device: usb1.USBDevice
    _setting: usb1.USBInterfaceSetting
    _transport: usb1.USBDeviceHandle | None
    def __init__(
        self,
        device: usb1.USBDevice,
        setting: usb1.USBInterfaceSetting,
        usb_info: str | None = None,
        default_transport_timeout_s: float | None = None,
    ) -> None: ...
    def close(self) -> None: ...
    def connect(self, transport_timeout_s: float | None = None) -> None: ...
    def bulk_read(self, numbytes: int, transport_timeout_s: float | None = None) -> bytes: ...
    def bulk_write(self, data: bytes | memoryview, transport_timeout_s: float | None = None) -> int: ...
    @property
    def port_path(self) -> list[int]: ...
    @property
    def serial_number(self) -> str: ...
    @classmethod
    def find_all_adb_devices(cls, default_transport_timeout_s: float | None = None) -> Iterator[Self]: ...
