"""Describe vbmeta images: what they state, and whether it is true."""

from hardboot.base.errors import InputError
from hardboot.formats.avb.descriptors import Descriptor
from hardboot.formats.avb.vbmeta import VBMETA_MAGIC, VbMeta, disabled, parse_vbmeta
from hardboot.formats.avb.verify import check_signature, compute_hash
from hardboot.images.describe.document import Document, Signed

_MAX_FOLLOWING = 8  # AOSP's certify_bootimg.py writes one
_GKI_KERNEL = "generic_kernel"  # the name it gives the kernel without the image around it


def describe_vbmeta(data: memoryview, signed: Signed) -> Document:
    """Describe a vbmeta image, and those that follow it, as in the signature of a GKI.

    Args:
        data: The vbmeta image.
        signed: What its hash descriptors are over.

    Raises:
        InputError: If the image is damaged; damage of one that follows it is its `problem`.
    """
    vbmeta = parse_vbmeta(data)
    document: Document = {"avb": _describe(vbmeta, signed)}
    following = _following(data, vbmeta.size, signed)
    return {**document, "following": following} if following else document


def _following(data: memoryview, at: int, signed: Signed) -> list[Document]:
    found: list[Document] = []
    while data[at : at + len(VBMETA_MAGIC)] == VBMETA_MAGIC and len(found) < _MAX_FOLLOWING:
        try:
            vbmeta = parse_vbmeta(data[at:])
        except InputError as error:
            return [*found, {"offset": at, "problem": error.what}]
        found.append({"offset": at, "avb": _describe(vbmeta, signed)})
        at += vbmeta.size
    return found


def _describe(vbmeta: VbMeta, signed: Signed) -> Document:
    return {
        "algorithm": vbmeta.algorithm,
        "flags": vbmeta.flags,
        "disabled": disabled(vbmeta.flags),
        "rollback_index": vbmeta.rollback_index,
        "release": vbmeta.release,
        "descriptors": [_descriptor(descriptor, signed) for descriptor in vbmeta.descriptors],
        "signature": _signature(vbmeta),
    }


def _descriptor(descriptor: Descriptor, signed: Signed) -> Document:
    whole, end = signed.image, signed.end
    if descriptor.partition == _GKI_KERNEL:
        whole, end = signed.kernel, len(signed.kernel)
    computed = compute_hash(descriptor, whole)
    return {
        "text": descriptor.text,
        "digest": descriptor.digest.hex() or None,
        "computed": computed and computed.hex(),
        "matches": computed and computed == descriptor.digest,
        "uncovered_size": max(0, end - descriptor.image_size) if computed else None,
    }


def _signature(vbmeta: VbMeta) -> Document | None:
    signature = check_signature(vbmeta)
    if signature is None:
        return None
    return {
        "digest": vbmeta.digest.hex(),
        "computed": signature.computed.hex(),
        "matches": signature.fits,
        "key_bits": signature.key_bits,
        "key_sha1": signature.key_sha1,
        "test_key": signature.test_key,
    }
