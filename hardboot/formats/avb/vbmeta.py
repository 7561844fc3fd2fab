"""Android Verified Boot: what footers, vbmeta images and AVB 1.0 signatures say; avbcheck.py verifies it.

Sources: AOSP external/avb, libavb/avb_footer.h, avb_vbmeta_image.h, avb_*_descriptor.h;
for 1.0, system/extras/verity/BootSignature.java.
"""

from dataclasses import dataclass
from typing import Any

from hardboot.formats.header import Layout
from hardboot.formats.reading import Data, malformed, view
from hardboot.formats.text_field import read_text

FOOTER_SIZE = 64
VBMETA_MAGIC = b"AVB0"
MAX_VBMETA = 64 << 10  # bytes; libavb avb_slot_verify.c, VBMETA_MAX_SIZE
MAX_DESCRIPTORS = 1024

FOOTER = Layout(
    "AVB footer",
    ">",
    ("magic", "4s"),
    ("major", "I"),
    ("minor", "I"),
    ("original_image_size", "Q"),
    ("vbmeta_offset", "Q"),
    ("vbmeta_size", "Q"),
    ("reserved", "28s"),
)
_FOOTER_MAGIC = b"AVBf"
_VBMETA = Layout(
    "vbmeta image",
    ">",
    ("magic", "4s"),
    ("major", "I"),
    ("minor", "I"),
    ("authentication_size", "Q"),
    ("auxiliary_size", "Q"),
    ("algorithm", "I"),
    ("hash_offset", "Q"),
    ("hash_size", "Q"),
    ("signature_offset", "Q"),
    ("signature_size", "Q"),
    ("key_offset", "Q"),
    ("key_size", "Q"),
    ("key_metadata", "2Q"),
    ("descriptors_offset", "Q"),
    ("descriptors_size", "Q"),
    ("rollback_index", "Q"),
    ("flags", "I"),
    ("rollback_location", "I"),
    ("release", "48s"),
    ("reserved", "80s"),
)
_ALGORITHMS = ("none", *(f"SHA{hash_}_RSA{key}" for hash_ in (256, 512) for key in (2048, 4096, 8192)))
_TAGS = ("property", "hashtree", "hash", "kernel command line", "chain partition")
_PROPERTY, _TREE, _HASHED, _COMMAND_LINE, _CHAIN = range(5)
_DIGEST = (  # how the descriptors of a hash and of a tree of hashes end
    ("hash", "32s"),
    ("name_size", "I"),
    ("salt_size", "I"),
    ("digest_size", "I"),
    ("flags", "I"),
    ("reserved", "60s"),
)
_HASH = Layout("hash descriptor", ">", ("image_size", "Q"), *_DIGEST)
_HASHTREE = Layout(
    "hashtree descriptor",
    ">",
    ("version", "I"),
    ("image_size", "Q"),
    ("tree", "2Q"),
    ("block_sizes", "2I"),
    ("fec_roots", "I"),
    ("fec", "2Q"),
    *_DIGEST,
)
_CHAIN_NAME = 76  # bytes in front of the name: location, two sizes, 64 reserved bytes
_PROPERTY_KEY = 16
_COMMAND_LINE_TEXT = 8
_FLAGS = ("verity", "verification")  # libavb avb_vbmeta_image.h, AvbVBMetaImageFlags; as fastboot names them


@dataclass(frozen=True)
class Footer:
    """The last 64 bytes of a signed partition; offsets from the start of the partition."""

    original_size: int
    vbmeta_offset: int
    vbmeta_size: int


@dataclass(frozen=True)
class Descriptor:
    """One thing a vbmeta image signs; of a hash of a partition also what it states.

    Attributes:
        text: In words.
        image_size: Bytes from the partition's start that are hashed.
        hash: The hash's name, such as "sha256".
    """

    text: str
    partition: str = ""
    image_size: int = 0
    hash: str = ""
    salt: bytes = b""
    digest: bytes = b""


@dataclass(frozen=True)
class VbMeta:
    """A vbmeta image.

    Attributes:
        size: Bytes it has, without what fills its partition.
        signed: What the signature is over: its header and its auxiliary block.
        digest: The hash over `signed` it states; empty if it is not signed.
        signature: The signature it states.
        key: The public key, as AVB stores it.
    """

    algorithm: str
    flags: int
    rollback_index: int
    release: str
    size: int
    descriptors: tuple[Descriptor, ...]
    signed: tuple[memoryview, memoryview]
    digest: bytes
    signature: bytes
    key: bytes


def parse_footer(data: Data, offset: int = 0) -> Footer | None:
    """The footer at the end of a partition; None if there is none, or one that points outside of it.

    Args:
        data: The partition, or the end of it.
        offset: Where `data` begins in the partition, in bytes.
    """
    seen = view(data)
    start = len(seen) - FOOTER_SIZE
    if start < 0 or seen[start : start + 4] != _FOOTER_MAGIC:
        return None
    head = FOOTER.parse(seen, start)
    end = offset + start
    if head["vbmeta_offset"] + head["vbmeta_size"] > end or head["original_image_size"] > end:
        return None
    return Footer(head["original_image_size"], head["vbmeta_offset"], head["vbmeta_size"])


def parse_vbmeta(data: Data) -> VbMeta:
    """Read a vbmeta image.

    Raises:
        InputError: If it is something else or cut off.
    """
    seen = view(data)
    head = _VBMETA.parse(seen)
    if head["magic"] != VBMETA_MAGIC:
        raise malformed("vbmeta image", "magic", 0, f"{head['magic'].hex()}, not {VBMETA_MAGIC.hex()}")
    size = _VBMETA.size + head["authentication_size"] + head["auxiliary_size"]
    if size > min(len(seen), MAX_VBMETA):
        problem = f"{size} bytes, there are {len(seen)}, and the limit is {MAX_VBMETA}"
        raise malformed("vbmeta image", "auxiliary_size", _VBMETA.offsets["auxiliary_size"], problem)
    if head["descriptors_offset"] + head["descriptors_size"] > head["auxiliary_size"]:
        problem = f"{head['descriptors_size']} bytes from {head['descriptors_offset']:#x}, outside the block"
        raise malformed("vbmeta image", "descriptors", _VBMETA.offsets["descriptors_offset"], problem)
    first = _VBMETA.size + head["authentication_size"]
    authentication, auxiliary = seen[_VBMETA.size : first], seen[first:size]
    start = first + head["descriptors_offset"]
    number = head["algorithm"]
    return VbMeta(
        algorithm=_ALGORITHMS[number] if number < len(_ALGORITHMS) else f"number {number}",
        flags=head["flags"],
        rollback_index=head["rollback_index"],
        release=read_text(head["release"]),
        size=size,
        descriptors=_descriptors(seen, start, start + head["descriptors_size"]),
        signed=(seen[: _VBMETA.size], auxiliary),
        digest=_block(authentication, head, "hash"),
        signature=_block(authentication, head, "signature"),
        key=_block(auxiliary, head, "key"),
    )


def disabled(flags: int) -> list[str]:
    """What a vbmeta image's flags disable."""
    return [name for bit, name in enumerate(_FLAGS) if flags >> bit & 1]


def _block(block: memoryview, head: dict[str, Any], name: str) -> bytes:
    offset, size = head[f"{name}_offset"], head[f"{name}_size"]
    if offset + size > len(block):
        problem = f"{size} bytes from {offset:#x}, the block has {len(block)}"
        raise malformed("vbmeta image", f"{name}_offset", _VBMETA.offsets[f"{name}_offset"], problem)
    return bytes(block[offset : offset + size])


def _descriptors(data: memoryview, offset: int, end: int) -> tuple[Descriptor, ...]:
    found: list[Descriptor] = []
    while offset < end and len(found) < MAX_DESCRIPTORS:
        if end - offset < 16:
            raise malformed("vbmeta image", "descriptor", offset, f"{end - offset} bytes, it has 16")
        tag = int.from_bytes(data[offset : offset + 8], "big")
        size = int.from_bytes(data[offset + 8 : offset + 16], "big")
        if size > end - offset - 16:
            raise malformed("vbmeta image", "descriptor", offset + 8, f"{size} bytes, outside the block")
        found.append(_descriptor(tag, data[offset + 16 : offset + 16 + size]))
        offset += 16 + size
    return tuple(found)


def _descriptor(tag: int, body: memoryview) -> Descriptor:
    name = _TAGS[tag] if tag < len(_TAGS) else f"descriptor {tag}"
    if tag == _HASHED and len(body) >= _HASH.size:
        return _hash_descriptor(body)
    if tag == _TREE and len(body) >= _HASHTREE.size:
        tree = _HASHTREE.parse(body)
        partition = read_text(bytes(body[_HASHTREE.size : _HASHTREE.size + tree["name_size"]]))
        return Descriptor(f"{name} of {partition}, {tree['image_size']} bytes, {read_text(tree['hash'])}")
    if tag == _COMMAND_LINE and len(body) > _COMMAND_LINE_TEXT:
        return Descriptor(f"{name}: {read_text(bytes(body[_COMMAND_LINE_TEXT:]))}")
    if tag == _PROPERTY and len(body) > _PROPERTY_KEY:
        key, _, value = bytes(body[_PROPERTY_KEY:]).partition(b"\0")
        return Descriptor(f"{name} {read_text(key)}: {read_text(value)}")
    if tag == _CHAIN and len(body) > _CHAIN_NAME:
        size = int.from_bytes(body[4:8], "big")
        return Descriptor(f"{name} {read_text(bytes(body[_CHAIN_NAME : _CHAIN_NAME + size]))}")
    return Descriptor(name)


def _hash_descriptor(body: memoryview) -> Descriptor:
    head = _HASH.parse(body)
    texts, at = [], _HASH.size
    for size in (head["name_size"], head["salt_size"], head["digest_size"]):
        texts.append(bytes(body[at : at + size]))
        at += size
    partition, how = read_text(texts[0]), read_text(head["hash"])
    return Descriptor(
        f"hash of {partition}, {head['image_size']} bytes, {how}",
        *(partition, head["image_size"], how, texts[1], texts[2]),
    )


def avb1_signature_size(data: Data) -> int | None:
    """Bytes of the AVB 1.0 signature `data` begins with: an ASN.1 sequence of version 1, a certificate, …

    None if there is none.
    """
    seen = view(data)
    head = bytes(seen[:9])
    if len(head) < 9 or head[:2] != b"\x30\x82" or head[4:8] != b"\x02\x01\x01\x30":
        return None
    size = 4 + int.from_bytes(head[2:4], "big")
    return size if size <= len(seen) else None
