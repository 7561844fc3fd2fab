"""Describe vbmeta images: what they state, and whether it is true."""

from hardboot.formats.avb.descriptors import Descriptor
from hardboot.formats.avb.vbmeta import VbMeta, disabled, parse_vbmeta
from hardboot.formats.avb.verify import check_signature, compute_hash
from hardboot.images.describe.document import Document


def describe_vbmeta(data: memoryview, partition: memoryview) -> Document:
    """Describe a vbmeta image.

    Args:
        data: The vbmeta image.
        partition: The partition that its hash descriptor is over; empty if that is not available.

    Raises:
        InputError: If the image is damaged.
    """
    vbmeta = parse_vbmeta(data)
    return {
        "avb": {
            "algorithm": vbmeta.algorithm,
            "flags": vbmeta.flags,
            "disabled": disabled(vbmeta.flags),
            "rollback_index": vbmeta.rollback_index,
            "release": vbmeta.release,
            "descriptors": [_descriptor(descriptor, partition) for descriptor in vbmeta.descriptors],
            "signature": _signature(vbmeta),
        }
    }


def _descriptor(descriptor: Descriptor, partition: memoryview) -> Document:
    computed = compute_hash(descriptor, partition)
    return {
        "text": descriptor.text,
        "digest": descriptor.digest.hex() or None,
        "computed": computed and computed.hex(),
        "matches": computed and computed == descriptor.digest,
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
