"""Small kernel trees, written here: untouched, with another author's hardboot support, with ours."""

import difflib
from pathlib import Path

MAKEFILE = "VERSION = {}\nPATCHLEVEL = {}\nSUBLEVEL = 40\nEXTRAVERSION =\n"

BASE = {
    "Kconfig": "mainmenu\n",
    "arch/arm/Kconfig": 'config ARM\n\tbool\n\nconfig KEXEC\n\tbool "kexec"\n\thelp\n\t  Starts kernels.\n',
    "include/uapi/linux/kexec.h": "#define KEXEC_ON_CRASH 0x00000001\n#define KEXEC_ARCH_MASK 0xffff0000\n",
    "include/linux/kexec.h": (
        "struct kimage {\n\tunsigned long head;\n\tunsigned int type : 1;\n};\n\n"
        "#define KEXEC_FLAGS (KEXEC_ON_CRASH)\n"
    ),
    "kernel/kexec.c": (
        "int load(unsigned long flags)\n{\n\tstruct kimage *image = allocate();\n\n"
        "\tif (!image) {\n\t\treturn -1;\n\t}\n\treturn machine_kexec_prepare(image);\n}\n"
    ),
    "arch/arm/include/asm/kexec.h": "#define KEXEC_CONTROL_PAGE_SIZE 4096\n",
    "arch/arm/kernel/machine_kexec.c": (
        "int machine_kexec_prepare(struct kimage *image)\n{\n\treturn 0;\n}\n\n"
        "void machine_kexec(struct kimage *image)\n{\n\tkexec_start_address = image->start;\n\tgo();\n}\n"
    ),
    "arch/arm/kernel/relocate_kernel.S": (
        "relocate_new_kernel:\n\tldr r0, kexec_indirection_page\n\tldr r1, kexec_start_address\n"
        "2:\tmov lr, r1\n\tmov pc, lr\n"
    ),
    "arch/arm/boot/compressed/head.S": "\t.section .start\nstart:\n\tmov r0, r0\n1:\tmov r8, r2\n",
    "arch/arm/mach-msm/include/mach/memory.h": "#define PLAT_PHYS_OFFSET UL(0)\n",
    "arch/arm/mach-msm/board.c": "void __init reserve(void)\n{\n\tscan();\n}\n",
    "arch/arm/mach-msm/restart.c": "static int __init restart_init(void)\n{\n\treturn 0;\n}\n",
}

# (file, the line before, what follows it): each is one place of the feature.
FOREIGN = {
    "flag": [
        ("include/uapi/linux/kexec.h", "#define KEXEC_ON_CRASH", "#define KEXEC_HARDBOOT 0x00000004"),
        (
            "include/linux/kexec.h",
            "#define KEXEC_FLAGS",
            "#undef KEXEC_FLAGS\n#define KEXEC_FLAGS (KEXEC_ON_CRASH | KEXEC_HARDBOOT)",
        ),
    ],
    "kimage": [("include/linux/kexec.h", "\tunsigned int type", "\tunsigned int hardboot : 1;")],
    "load": [
        (
            "kernel/kexec.c",
            "\t\treturn -1;\n\t}",
            "\tif (flags & KEXEC_HARDBOOT) {\n\t\timage->hardboot = 1;\n\t}",
        )
    ],
    "prepare": [
        (
            "arch/arm/kernel/machine_kexec.c",
            "\tkexec_start_address = image->start;",
            "\tif (image->hardboot) {\n\t\tkexec_hardboot = 1;\n\t\tkexec_hardboot_hook();\n\t}",
        )
    ],
    "relocation": [
        ("arch/arm/include/asm/kexec.h", "#define KEXEC_CONTROL", "#define KEXEC_HB_PAGE_MAGIC 0x4a5db007"),
        (
            "arch/arm/mach-msm/include/mach/memory.h",
            "#define PLAT",
            "#define KEXEC_HB_PAGE_ADDR UL(0x3e9df000)",
        ),
        (
            "arch/arm/kernel/relocate_kernel.S",
            "\tldr r1, kexec_start_address",
            "\tldr r2, kexec_hardboot\n\tldr r3, =KEXEC_HB_PAGE_ADDR\n"
            "\tldr r4, =KEXEC_HB_PAGE_MAGIC\n\tstr r4, [r3]",
        ),
    ],
    "decompressor": [
        (
            "arch/arm/boot/compressed/head.S",
            "1:\tmov r8, r2",
            "\tldr r3, =KEXEC_HB_PAGE_ADDR\n\tldr r4, =KEXEC_HB_PAGE_MAGIC\n\tteq r3, r4",
        )
    ],
    "reservation": [
        (
            "arch/arm/mach-msm/board.c",
            "\tscan();",
            "#ifdef CONFIG_KEXEC_HARDBOOT\n\tphys_addr_t start = 0x3e9e0000 - SZ_4K;\n"
            "\tmemblock_remove(start, SZ_4K);\n#endif",
        )
    ],
    "kconfig": [("arch/arm/Kconfig", "config ARM\n\tbool", 'config KEXEC_HARDBOOT\n\tbool "hardboot"')],
    "reset": [("arch/arm/mach-msm/restart.c", "{", "\tkexec_hardboot_hook = hook;")],
}

# Ours goes into the same files, in other words; the tests need no more of it.
OURS = {
    place: [
        (file, line, "\n".join(f"\tour_{place}_{number}({word});" for word in ("one", "two", "three")))
        for number, (file, line, _) in enumerate(edits)
    ]
    for place, edits in FOREIGN.items()
}

SERIES = """\
name = "toy-3.10"
arch = "arm"
kernels = { min = "3.10", below = "3.11" }
abi_version = 1
flag = 0x4
host_abi = ["direct"]
reset = ["psci"]
author = "Test"
licence = "GPL-2.0-only"
patches = ["0001-all.patch"]
[places]
"""
SERIES += "".join(f'{place} = ["{edits[-1][0]}"]\n' for place, edits in OURS.items())
SERIES += '[config.set]\nKEXEC_HARDBOOT = "y"\n[config.profile]\nKEXEC_HARDBOOT_PAGE = "hardboot.page"\n'


def edited(files: dict[str, str], places: dict[str, list[tuple[str, str, str]]]) -> dict[str, str]:
    """Return the files after the edits of some places."""
    result = dict(files)
    for edits in places.values():
        for file, line, text in edits:
            assert result[file].count(line) == 1, (file, line)
            at = result[file].index("\n", result[file].index(line) + len(line)) + 1
            result[file] = result[file][:at] + text + "\n" + result[file][at:]
    return result


def write(folder: Path, files: dict[str, str], version: tuple[int, int] = (3, 10)) -> Path:
    """Return a tree of these files."""
    for name, text in {**files, "Makefile": MAKEFILE.format(*version)}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def series(folder: Path) -> Path:
    """Return the series that makes OURS of BASE, in a folder of series."""
    after = edited(BASE, OURS)
    patch = ""
    for name, text in BASE.items():
        lines = text.splitlines(keepends=True), after[name].splitlines(keepends=True)
        patch += "".join(difflib.unified_diff(*lines, f"a/{name}", f"b/{name}"))
    target = folder / "toy-3.10"
    target.mkdir(parents=True)
    (target / "0001-all.patch").write_text(patch)
    (target / "series.toml").write_text(SERIES)
    return target
