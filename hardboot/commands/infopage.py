"""What `hardboot info` prints for people."""

from collections.abc import Iterator
from typing import Any

from hardboot.base.sizes import human_size
from hardboot.commands.common import count
from hardboot.commands.text_output import TextOutput
from hardboot.images.describe import Document

_Row = tuple[str, str]

_NOTABLE = (  # options that decide whether a kernel can be a host or a guest
    *("KEXEC", "KEXEC_HARDBOOT", "KEXEC_FILE", "CRASH_DUMP", "ARM_APPENDED_DTB", "ARM_ATAG_DTB_COMPAT"),
    *("ATAGS_PROC", "IKCONFIG_PROC", "MODULES", "DEVTMPFS", "BLK_DEV_INITRD", "PSTORE_RAM", "CMDLINE"),
    *("CMDLINE_FORCE", "CMDLINE_EXTEND"),
)


def show(document: Document) -> None:
    """Print the document of an image."""
    out = TextOutput()
    out.heading(f"{document['path']}: {document['kind']}, {human_size(document['size'])}")
    _show_image(out, document)


def show_set(document: Document) -> None:
    """Print the documents of the images of a ROM, and what its kernel gets."""
    for image in document["images"].values():
        show(image)
        TextOutput().print()
    rom, out = document["rom"], TextOutput()
    out.heading(f"{document['path']}: as the kernel gets it")
    if "problem" in rom:
        out.rows([("problem", rom["problem"])])
        return
    config = [f"{key}={','.join(values)}" for key, values in rom["bootconfig"].items()]
    trees = str(rom["device_trees"] or "that of the phone")
    overlays = "" if rom["overlays"] is None else f", {count(rom['overlays'], 'overlay')} in dtbo"
    rows = [
        ("kernel", rom["release"] or "does not state its release"),
        ("command line", rom["cmdline"] or "none"),
        ("bootconfig", " ".join(config) or "none"),
        ("ramdisk", human_size(rom["ramdisk_size"])),
        ("device trees", trees + overlays),
    ]
    if rom["missing"]:
        rows.append(("missing", f"{', '.join(rom['missing'])}: taken from the phone that boots it"))
    out.rows(rows)


def _show_image(out: TextOutput, document: Document) -> None:
    for name, rows in (
        ("boot_image", _boot_rows),
        ("vendor_boot", _vendor_rows),
        ("sony_elf", _sony_rows),
    ):
        if name in document:
            out.rows(rows(document[name]) + _lead_rows(document))
            _show_parts(out, document[name])
            return
    if "sparse" in document:
        sparse = document["sparse"]
        chunks = ", ".join(f"{count} {kind}" for kind, count in sparse["chunks"].items())
        out.rows([("expanded", human_size(sparse["expanded_size"])), ("chunks", chunks or "none")])
        inside = document["inside"]
        out.print()
        out.heading(f"inside: {inside['kind'] or 'too large, not read'}")
        if "problem" in inside:
            out.rows([("problem", inside["problem"])])
        _show_image(out, inside)
        return
    _show_content(out, document)


def _boot_rows(image: Document) -> list[_Row]:
    variant = "Samsung's PXA header" if image["pxa"] else f"v{image['header_version']}"
    rows = [
        ("header", f"{variant}, pages of {image['page_size']} bytes"),
        ("Android", image["os_version"] or "not stated"),
        ("patch level", image["os_patch_level"] or "not stated"),
        ("name", image["name"] or "none"),
        ("command line", image["cmdline"] or "none"),
    ]
    if image["header_version"] < 3:
        rows += [("id", _id(image)), ("tags address", _hex(image["tags_addr"]))]
    rows += [("note", image["note"])] if image["note"] else []
    return rows + _lead_rows(image) + _warnings(image)


def _warnings(image: Document) -> list[_Row]:
    return [("warning", text) for text in image["warnings"]]


def _hashes(image: Document) -> Iterator[tuple[str, str]]:
    for part in image["parts"]:
        if part["size"]:
            yield part["name"], part["sha256"]
        if "mtk" in part:
            yield "  without header", part["mtk"]["sha256"]  # what unpack writes


def _lead_rows(document: Document) -> list[_Row]:
    lead = document.get("lead")
    if not lead:
        return []
    checked = "" if "matches" not in lead else f", checksum {_matches(lead['matches'])}"
    wrong = [(name, lead[name]) for name in ("problem", "warning") if lead.get(name)]
    return [("in front", f"{lead['kind']}, {human_size(lead['size'])}{checked}"), *wrong]


def _id(image: Document) -> str:
    stored, check = image["id"].removesuffix("0" * 24), image["id_check"]
    if not check:
        return "none"
    if check["matches"]:
        return f"{stored} ({check['algorithm']} of the parts, matches)"
    computed = check["computed"].removesuffix("0" * 24)
    return f"{stored} (does not match the parts: their {check['algorithm']} is {computed})"


def _matches(matches: bool) -> str:
    return "matches" if matches else "does not match"


def _vendor_rows(image: Document) -> list[_Row]:
    return [
        ("header", f"v{image['header_version']}, pages of {image['page_size']} bytes"),
        ("name", image["name"] or "none"),
        ("command line", image["cmdline"] or "none"),
        ("kernel address", _hex(image["kernel_addr"])),
        ("ramdisk address", _hex(image["ramdisk_addr"])),
        ("tags address", _hex(image["tags_addr"])),
        *_warnings(image),
    ]


def _sony_rows(image: Document) -> list[_Row]:
    return [("entry address", _hex(image["entry_addr"]))]


def _show_parts(out: TextOutput, image: Document) -> None:
    out.print()
    rows = []
    for part in image["parts"]:
        where = "" if part["address"] is None else _hex(part["address"])
        if part["size"]:
            row: tuple[str, ...] = (
                part["name"],
                _hex(part["offset"]),
                human_size(part["size"]),
                where,
                _what(part),
            )
        else:
            row = (part["name"], "", "none", where, "")
        rows.append(row)
    out.table(("part", "offset", "size", "address", "content"), rows, right=3)
    out.print()
    out.table(("part", "SHA-256"), list(_hashes(image)), right=0)
    notes = list(_notes(image))
    if notes:
        out.print()
        out.table(("after the parts", "offset", "size", ""), notes, right=2)
    if image["signed"]:
        out.rows([("signed", "yes; a changed image no longer verifies")])
    for item in image["trailing"]:
        _show_avb(out, item)
    for part in image["parts"]:
        if part.keys() & {"kernel", "trees", "problem", "warning", "note", "avb", "lead"}:
            out.print()
            out.heading(f"{part['name']}: {part['kind'] or 'unknown'}")
            _show_content(out, part)


def _what(part: Document) -> str:
    words = [part["kind"] or "unknown"]
    if "mtk" in part:
        words.append(f"behind a MediaTek header ({part['mtk']['name'] or 'no name'})")
    if "label" in part:
        words.append(f"{part['type']}: {part['label'] or 'no name'}")
    if part["padding"] != "zeros":
        words.append("padding is not zeros")
    return ", ".join(words)


def _notes(image: Document) -> Iterator[tuple[str, ...]]:
    for item in image["trailing"]:
        checked = f"checksum {_matches(item['matches'])}" if "matches" in item else ""
        if "problem" in item and item["kind"] != "AVB vbmeta":  # that is shown with the rest of it
            checked = item["problem"]
        yield item["kind"], _hex(item["offset"]), human_size(item["size"]), checked
    if image.get("padding_missing"):
        yield (
            "missing padding",
            "",
            human_size(image["padding_missing"]),
            "the file ends early",
        )


def _show_content(out: TextOutput, document: Document) -> None:
    """Print the kernel, device trees, ramdisk or vbmeta image in a file or a part."""
    for name in ("problem", "warning", "note"):
        if name in document:
            out.rows([(name, document[name])])
    out.rows(_lead_rows(document))
    if "kernel" in document:
        out.rows(_kernel_rows(document["kernel"]))
        _show_trees(out, document["kernel"]["dtbs"])
    if "fit" in document:
        _show_fit(out, document["fit"])
    if "files" in document:
        out.table(("file", "offset", "size", "hash"), [_file(row) for row in document["files"]], right=2)
        out.print()
    if "trees" in document:
        found = document["trees"]
        if found["compression"]:
            out.rows([("compression", found["compression"])])
        _show_trees(out, found["entries"])
        if found["trailing_size"] and not document.get("trailing"):
            out.rows([("after the trees", human_size(found["trailing_size"]))])
    if "ramdisk" in document:
        ramdisk = document["ramdisk"]
        out.rows([("format", f"cpio {ramdisk['format']}"), ("compression", ramdisk["compression"] or "none")])
    _show_avb(out, document)
    if document.get("trailing"):
        out.print()
        out.table(("after the content", "offset", "size", ""), list(_notes(document)), right=2)
        for item in document["trailing"]:
            _show_avb(out, item)


def _show_fit(out: TextOutput, fit: Document) -> None:
    choices = [f"{name} (default)" if name == fit["default"] else name for name in fit["configurations"]]
    rows = [("description", fit["description"] or "none"), ("configurations", ", ".join(choices) or "none")]
    out.rows(rows + [("signed", "yes; a changed image no longer verifies")] * fit["signed"])
    out.print()
    images = [
        (row["name"], row["type"], _hex(row["offset"]), human_size(row["size"]), _fit_content(row))
        for row in fit["images"]
    ]
    out.table(("image", "type", "offset", "size", "content"), images, right=3)
    out.print()
    for row in fit["images"]:
        if "kernel" in row or "problem" in row:
            out.heading(f"{row['name']}: {row['content']}")
            _show_content(out, row)
            out.print()


def _fit_content(image: Document) -> str:
    words = [image["content"] or "unknown"]
    words += [f"{one['algorithm']} {_matches(one['matches'])}" for one in image["hashes"] if one["value"]]
    words += ["signed"] if image["signed"] else []
    return ", ".join(words)


def _file(file: Document) -> tuple[str, str, str, str]:
    checked = "none" if file["matches"] is None else _matches(file["matches"])
    return file["path"], _hex(file["offset"]), human_size(file["size"]), checked


def _show_avb(out: TextOutput, document: Document) -> None:
    if "problem" in document and document.get("kind") == "AVB vbmeta":
        out.rows([("problem", document["problem"])])
    if "avb" in document:
        avb = document["avb"]
        disabled = ", ".join(f"{name} disabled" for name in avb["disabled"])
        out.rows(
            [
                ("AVB", f"{avb['release'] or 'unknown tool'}, algorithm {avb['algorithm']}"),
                ("flags", f"{avb['flags']:#x}{f' ({disabled})' if disabled else ''}"),
                ("rollback index", str(avb["rollback_index"])),
                *(("descriptor", _descriptor(descriptor)) for descriptor in avb["descriptors"]),
            ]
        )
        signature = avb["signature"]
        if signature:
            key = f"{signature['key_bits']}-bit key with SHA-1 {signature['key_sha1']}"
            out.rows([("signature", f"{_matches(signature['matches'])}, {key}")])
            if signature["test_key"]:
                out.rows([("test key", f"AOSP's public {signature['test_key']}: anybody can sign with it")])
    for following in document.get("following", ()):
        out.rows([("also at", _hex(following["offset"]))])
        _show_avb(out, {"kind": "AVB vbmeta", **following})


def _descriptor(descriptor: Document) -> str:
    if descriptor["matches"] is None:
        return str(descriptor["text"])
    text = f"{descriptor['text']}: {descriptor['digest']} {_matches(descriptor['matches'])}"
    if not descriptor["matches"]:
        text += f", the hash is {descriptor['computed']}"
    uncovered = descriptor["uncovered_size"]
    return f"{text}; it leaves out {count(uncovered, 'byte')} at the end of the image" if uncovered else text


def _kernel_rows(kernel: Document) -> list[_Row]:
    looked = kernel["looked_size"]
    within = f"not in the first {human_size(looked)}" if looked else ""
    rows = [
        ("release", kernel["release"] or within or "not found"),
        ("size", human_size(kernel["size"])),
        ("unpacked", _size(kernel["unpacked_size"])),
    ]
    if kernel["version"]:
        rows.insert(1, ("version", kernel["version"].removeprefix("Linux version ")))
    payload = kernel["payload"]
    if payload:
        size = "" if payload["size"] is None else f"{human_size(payload['size'])} "
        rows.append(("compression", f"{payload['compression']}, {size}at {_hex(payload['offset'])}"))
    stated = kernel["zimage"]
    if stated:
        page, version = stated["hardboot_page"], stated["hardboot_version"]
        rows += [
            ("BSS", _size(stated["bss_size"])),
            ("text offset", "not stated" if stated["text_offset"] is None else _hex(stated["text_offset"])),
            ("unpacking heap", _size(stated["malloc_size"])),
            ("hardboot", "no page tag" if page is None else f"page at {_hex(page)}, ABI version {version}"),
        ]
    if kernel["arm64"]:
        arm64 = kernel["arm64"]
        rows += [("text offset", _hex(arm64["text_offset"])), ("in memory", _size(arm64["image_size"]))]
        rows.append(("page size", arm64["page_size"] or "not stated"))
    rows.append(("configuration", _config(kernel["config"], within)))
    if kernel["dtbs"]:
        rows.append(("appended DTBs", str(len(kernel["dtbs"]))))
    if kernel["padding_size"]:
        rows.append(("padding", human_size(kernel["padding_size"])))
    return rows


def _config(config: dict[str, str] | None, within: str) -> str:
    if config is None:
        return f"{within or 'not in the kernel'} (IKCONFIG)"
    found = [f"{name}={config[f'CONFIG_{name}']}" for name in _NOTABLE if f"CONFIG_{name}" in config]
    missing = [name for name in ("KEXEC", "KEXEC_HARDBOOT") if f"CONFIG_{name}" not in config]
    return " ".join([*(f"no {name}" for name in missing), *found])


def _show_trees(out: TextOutput, entries: list[Document]) -> None:
    if not entries:
        return
    rows = []
    for index, tree in enumerate(entries):
        words = [tree.get("problem") or tree["model"] or "no model stated"]
        words += [f"{name} {_ids(value)}" for name, value in tree.get("ids", {}).items()]
        if not tree.get("ids"):
            words += [f"{name} {_ids(tree[name])}" for name in ("msm_id", "board_id") if tree[name]]
        words.append(" ".join(tree["compatible"]))
        rows.append((str(index), human_size(tree["size"]), "; ".join(word for word in words if word)))
    out.table(("DTB", "size", "model, ids, compatible"), rows, right=1)


def _ids(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(_ids(one) for one in value)
    return hex(value) if isinstance(value, int) else str(value)


def _hex(value: int) -> str:
    return f"{value:#010x}"


def _size(size: int | None) -> str:
    return "not stated" if size is None else human_size(size)
