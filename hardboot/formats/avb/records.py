"""The fixed parts of Android Verified Boot's formats: footer, vbmeta header, descriptors, AVB 1.0 signature.

Sources: AOSP external/avb, libavb/avb_footer.h, avb_vbmeta_image.h, avb_*_descriptor.h; for 1.0,
system/extras/verity/BootSignature.java. All integers are big-endian, all sizes in bytes.
"""

from dataclasses import dataclass
from typing import Annotated

from construct import Bytes

from hardboot.formats.binary_record import Be16, Be32, Be64, BinaryRecord


@dataclass(frozen=True)
class Footer(BinaryRecord, what="AVB footer"):
    """The last 64 bytes of a signed partition; offsets from the start of the partition."""

    magic: Annotated[bytes, Bytes(4)]
    major: Be32
    minor: Be32
    original_image_size: Be64
    vbmeta_offset: Be64
    vbmeta_size: Be64
    reserved: Annotated[bytes, Bytes(28)]


@dataclass(frozen=True)
class VbmetaHeader(BinaryRecord, what="vbmeta image"):
    """The header of a vbmeta image.

    The authentication block follows it, then the auxiliary block. Offsets of hash and signature are in the
    former, those of keys and descriptors in the latter.
    """

    magic: Annotated[bytes, Bytes(4)]
    major: Be32
    minor: Be32
    authentication_size: Be64
    auxiliary_size: Be64
    algorithm: Be32
    hash_offset: Be64
    hash_size: Be64
    signature_offset: Be64
    signature_size: Be64
    key_offset: Be64
    key_size: Be64
    key_metadata_offset: Be64
    key_metadata_size: Be64
    descriptors_offset: Be64
    descriptors_size: Be64
    rollback_index: Be64
    flags: Be32
    rollback_location: Be32
    release: Annotated[bytes, Bytes(48)]
    reserved: Annotated[bytes, Bytes(80)]


@dataclass(frozen=True)
class DescriptorHeader(BinaryRecord, what="vbmeta descriptor"):
    """The header of a descriptor; `size` bytes follow."""

    tag: Be64
    size: Be64


@dataclass(frozen=True)
class PropertyDescriptor(BinaryRecord, what="property descriptor"):
    """A property; its key, a NUL, its value and another NUL follow."""

    key_size: Be64
    value_size: Be64


@dataclass(frozen=True)
class HashtreeDescriptor(BinaryRecord, what="hashtree descriptor"):
    """A partition that dm-verity checks; its name, the salt and the root digest follow."""

    version: Be32
    image_size: Be64
    tree_offset: Be64
    tree_size: Be64
    data_block_size: Be32
    hash_block_size: Be32
    fec_roots: Be32
    fec_offset: Be64
    fec_size: Be64
    hash: Annotated[bytes, Bytes(32)]
    name_size: Be32
    salt_size: Be32
    digest_size: Be32
    flags: Be32
    reserved: Annotated[bytes, Bytes(60)]


@dataclass(frozen=True)
class HashDescriptor(BinaryRecord, what="hash descriptor"):
    """A partition that is hashed as a whole; its name, the salt and the digest follow."""

    image_size: Be64
    hash: Annotated[bytes, Bytes(32)]
    name_size: Be32
    salt_size: Be32
    digest_size: Be32
    flags: Be32
    reserved: Annotated[bytes, Bytes(60)]


@dataclass(frozen=True)
class CommandLineDescriptor(BinaryRecord, what="kernel command line descriptor"):
    """Words for the kernel command line; they follow."""

    flags: Be32
    cmdline_size: Be32


@dataclass(frozen=True)
class ChainDescriptor(BinaryRecord, what="chain partition descriptor"):
    """A partition with a vbmeta image of its own; its name and the public key follow."""

    rollback_location: Be32
    name_size: Be32
    key_size: Be32
    reserved: Annotated[bytes, Bytes(64)]


@dataclass(frozen=True)
class Avb1Signature(BinaryRecord, what="AVB 1.0 signature"):
    """The start of an AVB 1.0 signature: an ASN.1 sequence of the version, a certificate and more.

    Attributes:
        tag: Of a sequence whose size has two bytes.
        size: Bytes that follow it.
        version: An integer.
        certificate: The tag of a sequence.
    """

    tag: Annotated[bytes, Bytes(2)]
    size: Be16
    version: Annotated[bytes, Bytes(3)]
    certificate: Annotated[bytes, Bytes(1)]


@dataclass(frozen=True)
class PublicKeyHeader(BinaryRecord, what="AVB public key"):
    """The header of a public key; the modulus follows, then R squared, each of `bits` bits."""

    bits: Be32
    n0inv: Be32
