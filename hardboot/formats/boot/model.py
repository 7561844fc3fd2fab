"""A boot image as a value: its parts, its fields, and the bytes around them."""

from __future__ import annotations

from dataclasses import dataclass, field

from hardboot.base.sizes import align_up
from hardboot.formats.boot import osversion
from hardboot.formats.boot.bootheader import PARTS, BootHeader, BootHeaderPxa
from hardboot.formats.boot.headerpage import header_type
from hardboot.formats.boot.paged import PagedImage, Part
from hardboot.formats.reading import Data


@dataclass(frozen=True, kw_only=True)
class BootImage(PagedImage):
    """A boot image. Parts that it does not have are empty; addresses are physical, sizes in bytes.

    Attributes:
        dt: Device tree table of older phones, behind `second`; its size is in the field that v1 uses for its
            version.
        signature: v4: an AVB vbmeta image over the boot image.
        pxa: The header is Samsung's PXA variant; `header_version` is 0.
        recovery_dtbo_offset: Offset of recovery_dtbo in the file, as the header states it; see `renew`.
        os_version: Android version and security patch level as stored; see the two properties.
        cmdline: Kernel command line, at most 1536 bytes; bytes that are not UTF-8 are kept as surrogates.
        id: v0 to v2: usually a hash over the parts: 20 bytes SHA-1 and zeros, or 32 bytes SHA-256.
        header_offset: Offset of the header in its page: behind Amonet's microloader, otherwise 0.
        lead: The bytes in front of the image, a DHTB header or a loader; offsets count from their end.
        warnings: What the header states wrongly, one sentence each; the parts are found without it, and it is
            written back as it was read.
    """

    kernel: Data = field(repr=False)
    ramdisk: Data = field(repr=False, default=b"")
    second: Data = field(repr=False, default=b"")
    dt: Data = field(repr=False, default=b"")
    recovery_dtbo: Data = field(repr=False, default=b"")
    dtb: Data = field(repr=False, default=b"")
    signature: Data = field(repr=False, default=b"")
    header_version: int = 0
    pxa: bool = False
    kernel_addr: int = 0
    ramdisk_addr: int = 0
    second_addr: int = 0
    tags_addr: int = 0
    dtb_addr: int = 0
    recovery_dtbo_offset: int = 0
    page_size: int = 2048
    os_version: int = 0
    name: str = ""
    cmdline: str = ""
    id: bytes = bytes(32)
    header_offset: int = field(compare=False, default=0)
    lead: bytes = field(repr=False, compare=False, default=b"")
    warnings: tuple[str, ...] = field(compare=False, default=())

    @property
    def os_version_text(self) -> str | None:
        """The Android version, such as "13.0.0"; None if it is not set."""
        return osversion.version_text(self.os_version)

    @property
    def os_patch_level(self) -> str | None:
        """The security patch level, such as "2023-05"; None if it is not set."""
        return osversion.patch_level_text(self.os_version)

    @property
    def header_type(self) -> type[BootHeader]:
        """The header that this image has.

        Raises:
            InputError: If its version is unknown.
        """
        kind = header_type(self.header_version)
        return BootHeaderPxa if self.pxa else kind

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of this header version, in file order, empty ones too; an empty dt is left out."""
        datas = {
            "kernel": self.kernel,
            "ramdisk": self.ramdisk,
            "second": self.second,
            "dt": self.dt,
            "recovery_dtbo": self.recovery_dtbo,
            "dtb": self.dtb,
            "signature": self.signature,
        }
        parts = []
        offset = self.page_size
        for name in PARTS[self.header_version]:
            data = datas[name]
            if name != "dt" or len(data):
                parts.append(Part(name, offset, data))
                offset += align_up(len(data), self.page_size)
        return tuple(parts)

    @property
    def end(self) -> int:
        """The end of the last part with its padding, in bytes from the start of the file."""
        size = len(self.lead) + self.page_size
        return size + sum(align_up(len(part.data), self.page_size) for part in self.parts) - self.missing
