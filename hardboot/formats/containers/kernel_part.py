"""Take the headers in front of a kernel off, and put them in front of another one."""

from hardboot.formats import sniff
from hardboot.formats.boot import krnl, wrappers
from hardboot.formats.kernels import patched, uimage, zboot, zimage
from hardboot.formats.kernels.kernel import raw_size
from hardboot.formats.reading import Data, view


def unwrap(part: Data) -> Data:
    """Return a kernel without headers of makers and bootloaders, with what is appended to it.

    Taken off are MediaTek's or Rockchip's header, then Qualcomm's UNCOMPRESSED_IMG, U-Boot's, or that of an
    EFI zboot kernel, whose content is compressed.

    Raises:
        InputError: If a header is damaged, or holds no kernel.
    """
    content = _without_makers_header(part)
    if patched.is_patched(content):
        content = patched.parse(content).content
    elif uimage.is_uimage(content):
        content = _in_uimage(content)
    return zboot.parse(content).payload if zboot.is_zboot(content) else content


def _without_makers_header(part: Data) -> memoryview:
    """Return a part without MediaTek's or Rockchip's header."""
    content = view(wrappers.without_mtk(part))
    return krnl.parse(content).content if sniff.sniff(content) == sniff.ROCKCHIP_IMAGE else content


def warnings(part: Data) -> tuple[str, ...]:
    """Return what the headers around a kernel state wrongly, one sentence each; it is found without that.

    Raises:
        InputError: As `unwrap`.
    """
    inner = _without_makers_header(part)
    told: tuple[str, ...] = ()
    if patched.is_patched(inner):
        told = patched.parse(inner).warnings
    elif uimage.is_uimage(inner):
        image = uimage.parse(inner)
        told = (*image.warnings, *uimage.check_content(image))
    kernel = unwrap(part)
    return (*told, *zimage.parse(kernel).warnings) if zimage.is_zimage(kernel) else told


def _in_uimage(data: memoryview) -> memoryview:
    outer = uimage.parse(data)
    kernel = uimage.kernel_of(outer)
    if outer.type != uimage.TYPE_MULTI:
        return data[uimage.HEADER_SIZE :]
    return memoryview(bytes(kernel) + bytes(outer.trailing)) if len(outer.trailing) else kernel


def renewed(part: Data, content: Data) -> bytes:
    """Return Qualcomm's header for `content`, which replaces what is behind the header of `part`.

    The kernel ends where the old device trees begin if `content` still ends with them, else where others do.
    """
    old = patched.parse(part)
    new = view(content)
    if new == old.content:
        return bytes(view(part)[: patched.HEADER_SIZE])
    trees = old.content[old.stated_size :]
    if len(trees) and new[-len(trees) :] == trees:
        return patched.build_header(len(new) - len(trees))
    return patched.build_header(raw_size(new))


def with_kernel(part: Data, kernel: Data, trees: bytes) -> bytes:
    """Return `part` with another kernel behind its headers, whose sizes and checksums are renewed.

    Args:
        part: A kernel, with or without headers.
        kernel: The new one, not compressed for a header that says how its content is.
        trees: Device trees that follow it. A uImage holds them if it held those of its old kernel.

    Raises:
        InputError: If a header of `part` is damaged, or a size does not fit into one.
    """
    inner = _without_makers_header(part)
    content = bytes(view(kernel))
    if patched.is_patched(inner):
        content = patched.build_header(len(content)) + content + trees
    elif uimage.is_uimage(inner):
        content = uimage.with_kernel(inner, content, trees)
    else:
        content += trees
    outer = view(wrappers.without_mtk(part))
    if sniff.sniff(outer) == sniff.ROCKCHIP_IMAGE:
        content = krnl.build(krnl.parse(outer).magic, content)
    mtk = wrappers.split_mtk(part)
    return mtk.around(content) if mtk else content
