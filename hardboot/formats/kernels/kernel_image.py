"""What `kernel.identify` returns: the facts about a kernel file."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from hardboot.formats.archives.compression import Compression
from hardboot.formats.kernels.arm64image import Arm64Image
from hardboot.formats.kernels.zimage import ZImage

Kind: TypeAlias = Literal["zImage", "arm64 Image", "Image"]
Wrapper: TypeAlias = Literal["uImage", "zboot", "UNCOMPRESSED_IMG"]


@dataclass(frozen=True)
class Payload:
    """A compressed kernel inside of a file.

    Attributes:
        compression: How; "lzop" cannot be decompressed.
        offset: Of its first byte in the file.
        size: Compressed bytes; None if its end was neither looked for nor stated.
        unpacked_size: Decompressed bytes; None if they were neither counted nor stated.
    """

    compression: Compression | Literal["lzop"]
    offset: int
    size: int | None = None
    unpacked_size: int | None = None


@dataclass(frozen=True)
class KernelImage:
    """A kernel file; what is not known is None.

    Attributes:
        kind: What runs in the end; "Image" is a raw kernel of an unknown architecture.
        wrappers: What is around it, from the outside in.
        size: Bytes in the file, without device trees and padding.
        version: The kernel's banner, "Linux version ...".
        release: As `uname -r` will print it.
        config: The configuration it was built with (IKCONFIG), such as {"CONFIG_KEXEC": "y"}.
        looked_size: Bytes of the decompressed kernel that were searched, if not all of them.
        payload: The compressed kernel; None if it is not compressed.
        unpacked_size: Bytes of the kernel as it runs, without its BSS.
        memory_size: The same with its BSS.
        dtbs: Device trees appended to it, one behind the other.
        table: A table of device trees (QCDT) behind it.
        padding: What follows kernel and device trees.
        zimage: Of a zImage, its header and tags.
        arm64: Of an arm64 kernel, its header.
        warnings: What headers state wrongly, one sentence each; the kernel is found without it.
    """

    kind: Kind
    size: int
    wrappers: tuple[Wrapper, ...] = ()
    version: str | None = None
    release: str | None = None
    config: dict[str, str] | None = field(repr=False, default=None)
    looked_size: int | None = None
    payload: Payload | None = None
    unpacked_size: int | None = None
    memory_size: int | None = None
    dtbs: tuple[memoryview, ...] = field(repr=False, default=())
    table: memoryview = field(repr=False, default=memoryview(b""))
    padding: memoryview = field(repr=False, default=memoryview(b""))
    zimage: ZImage | None = field(repr=False, default=None)
    arm64: Arm64Image | None = None
    warnings: tuple[str, ...] = ()
