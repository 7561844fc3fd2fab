"""Describe U-Boot's FIT images: what is in them."""

from collections.abc import Callable

from hardboot.base.errors import InputError
from hardboot.formats import sniff
from hardboot.formats.reading import sha256
from hardboot.formats.trees import fit
from hardboot.images.describe.document import Document
from hardboot.images.describe.trees import describe_trees

_NESTED = (
    sniff.DEVICE_TREE,
    sniff.ROCKCHIP_IMAGE,
    sniff.UBOOT_RAMDISK,
    sniff.UBOOT_OTHER,
)  # could hold a FIT again, and so on


def describe_fit(
    data: memoryview, describe: Callable[[str | None, memoryview], Document | None]
) -> Document | None:
    """Describe a FIT; `describe` is called for the kernels and ramdisks in it. None for another device tree.

    Raises:
        InputError: If it is damaged.
    """
    image = fit.parse(data)
    if image is None:
        return None
    return {
        "kind": sniff.FIT_IMAGE,
        "fit": {
            "description": image.description,
            "configurations": list(image.configurations),
            "default": image.default or None,
            "signed": image.signed,
            "images": [_describe_image(one, describe) for one in image.images],
        },
        "trees": describe_trees(data),
    }


def _describe_image(
    image: fit.FitImage, describe: Callable[[str | None, memoryview], Document | None]
) -> Document:
    document: Document = {
        "name": image.name,
        "type": image.type,
        "description": image.description,
        "compression": image.compression,
        "offset": image.offset,
        "size": len(image.data),
        "sha256": sha256(image.data),
        "signed": image.signed,
        "hashes": [
            {"algorithm": one.algorithm, "value": one.value.hex(), "matches": _matches(one, image)}
            for one in image.hashes
        ],
        "content": sniff.sniff(image.data),
    }
    if image.type not in ("kernel", "ramdisk") or document["content"] in _NESTED:
        return document
    try:
        inside = describe(document["content"], image.data)
    except InputError as error:
        return {**document, "problem": error.what}
    return {**document, **({**inside, "content": inside["kind"]} if inside else {})}


def _matches(stated: fit.FitHash, image: fit.FitImage) -> bool | None:
    computed = stated.computed(image.data)
    return None if computed is None else computed == stated.value
