"""Describe boot images: the header, the parts, and what follows them."""

from concurrent.futures import ThreadPoolExecutor

from hardboot.formats.boot import bootid, bootimg, wrappers
from hardboot.formats.boot.bootheader import AddressedHeader, BootHeaderV2
from hardboot.formats.boot.bootimg import BootImage
from hardboot.formats.reading import view
from hardboot.images.describe.document import Document, Signed
from hardboot.images.describe.parts import describe_dhtb, describe_header, describe_part, describe_tail

_ENCRYPTED = "AMLSECU! is in the header: the parts are encrypted for Amlogic's secure boot"


def describe_boot(data: memoryview) -> Document:
    """Describe a boot image.

    Raises:
        InputError: If it is something else, or damaged.
    """
    image = bootimg.parse(data)
    addresses = _addresses(image)
    with ThreadPoolExecutor(1) as pool:  # the id takes as long to hash as all the parts
        id_check = pool.submit(_check_id, image)
        parts = [
            describe_part(
                part,
                len(image.lead),
                addresses.get(part.name),
                image.paddings.get(part.name, b""),
                _signed(image, data[: len(image.lead) + part.offset]),
            )
            for part in image.parts
        ]
    document: Document = {
        "header_version": image.header_version,
        "pxa": image.pxa,
        "page_size": image.page_size,
        "os_version": image.os_version_text,
        "os_patch_level": image.os_patch_level,
        "name": image.name,
        "cmdline": image.cmdline,
        "tags_addr": image.tags_addr,
        "recovery_dtbo_offset": image.recovery_dtbo_offset,
        "header": describe_header(image.header[image.header_offset :], image.header_type),
        "lead": _lead(image, data),
        "warnings": list(image.warnings),
        "note": _ENCRYPTED if wrappers.is_amlogic_secure(image.header) else None,
        "parts": parts,
        **describe_tail(image.tail, image.tail_offset, _signed(image, data)),
        "padding_missing": image.missing,
    }
    document["signed"] |= bool(len(image.signature))
    return {**document, "id": image.id.hex(), "id_check": id_check.result()}


def _addresses(image: BootImage) -> dict[str, int]:
    """Return the load address of each part that has one in the header."""
    addresses: dict[str, int] = {}
    if issubclass(image.header_type, AddressedHeader):
        addresses |= {"kernel": image.kernel_addr, "ramdisk": image.ramdisk_addr, "second": image.second_addr}
    if issubclass(image.header_type, BootHeaderV2):
        addresses["dtb"] = image.dtb_addr
    return addresses


def _signed(image: BootImage, data: memoryview) -> Signed:
    """Return what signatures in the image are over, and of which parts its hashes should be."""
    covered = [part for part in image.parts if part.name != "signature" and len(part.data)]
    end = max((part.offset + len(part.data) for part in covered), default=0)
    return Signed(data, len(image.lead) + end, view(image.kernel))


def _check_id(image: BootImage) -> Document | None:
    """Compare the id with the hash of the parts; None if it is no hash."""
    hash_name = bootid.hash_of(image.id) if bootimg.has_id(image) else None
    if hash_name is None:
        return None
    computed = bootid.compute_ids(image.parts, hash_name)
    algorithm = bootid.matching_algorithm(image.id, computed)
    return {
        "algorithm": algorithm or hash_name,
        "computed": (computed[algorithm] if algorithm else next(iter(computed.values()))).hex(),
        "matches": algorithm is not None,
    }


def _lead(image: BootImage, data: memoryview) -> Document | None:
    if image.header_offset:
        return {"kind": "Amonet microloader", "size": image.header_offset}
    if not image.lead:
        return None
    loader = wrappers.find_loader(view(image.lead))
    if loader:
        return {"kind": loader.name, "size": len(image.lead)}
    if not wrappers.is_dhtb(image.lead):
        return {"kind": "unknown loader", "size": len(image.lead)}
    return describe_dhtb(data)
