"""Build the programs for the phone from the sources in this folder: `python -m hardboot.payload.build`.

The binaries are committed. Run this after changing a source; a test compares the binaries with a new build.
It needs the pinned compiler (`pip install ziglang==0.15.2`), as another version builds other bytes.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from hardboot.base import log, process
from hardboot.base.temporary import temporary_folder

PAYLOAD = Path(__file__).parent
_TIMEOUT_S = 240
_SHF_ALLOC = 2

# Without floating point. 0x400000 lies above every vm.mmap_min_addr. No build id, no relro, no unwind tables:
# a few KiB and the same bytes everywhere.
_COMMON = (
    *("-std=c11", "-Os", "-g0", "-s", "-static", "-nostdlib", "-ffreestanding"),
    *("-fno-stack-protector", "-fno-sanitize=undefined", "-fno-ident"),
    *("-fno-unwind-tables", "-fno-asynchronous-unwind-tables"),
    *("-Wall", "-Wextra", "-Werror"),
    *("-Wl,--build-id=none", "-Wl,--image-base=0x400000", "-Wl,-z,norelro", "-Wl,--gc-sections"),
)


@dataclass(frozen=True)
class Program:
    """A binary: its sources and compiler options.

    Attributes:
        is_code: Whether it is not an ELF file but its code alone, with its entry at the start.
    """

    sources: tuple[str, ...]
    flags: tuple[str, ...]
    is_code: bool = False


_SOURCES = {
    "agent": ("agent.c", "answer.c", "pages.c", "extents.c", "sha256.c"),
    "image-files": ("image-files.c", "files.c", "answer.c", "dm.c"),
    "hardboot": ("hardboot.c", "say.c", "log.c", "lock.c", "start.c", "images.c"),
    "hb-init": ("hb-init.c", "message.c", "disks.c", "partitions.c", "dm.c", "tell.c"),
}
_TARGETS = {
    # ARMv7-A: what every 32-bit phone with a kernel from 3.1 on runs.
    "arm": ("-target", "thumb-freestanding-eabi", "-mcpu=generic+v7a"),
    # ARMv8.0-A. Segments are aligned to 64 KiB: kernels with pages of 16 or 64 KiB load it, too.
    "arm64": (
        *("-target", "aarch64-freestanding-none", "-mcpu=generic", "-mgeneral-regs-only"),
        "-Wl,-z,max-page-size=0x10000",
    ),
}
PROGRAMS = {
    f"{name}-{arch}": Program(sources, (*target, f"-I{PAYLOAD / arch}", *_COMMON))
    for name, sources in _SOURCES.items()
    for arch, target in _TARGETS.items()
}


# Without an operating system: only the code, which runs at any address.
_CODE = {
    "arm": ("-target", "arm-freestanding-eabi", "-mcpu=generic+v7a"),
    "arm64": ("-target", "aarch64-freestanding-none", "-mcpu=generic", "-mgeneral-regs-only"),
}
# Vectors would need constants beside the code, and a unit that may be off.
_CODE_FLAGS = (*_COMMON, "-O2", "-fpic", "-mstrict-align", "-fno-vectorize", "-fno-slp-vectorize")
PROGRAMS |= {
    f"ram_check-{arch}": Program(
        ("ram_check.c",), (*target, f"-I{PAYLOAD / arch}", *_CODE_FLAGS), is_code=True
    )
    for arch, target in _CODE.items()
}


def build(name: str) -> bytes:
    """Build the binary `name` of PROGRAMS, and return it.

    Raises:
        ToolError: If the compiler is missing or refuses the source.
    """
    program = PROGRAMS[name]
    with temporary_folder() as folder:
        output = folder / name
        process.run(
            [sys.executable, "-m", "ziglang", "cc", *program.flags, *program.sources, "-o", output],
            timeout_s=_TIMEOUT_S,
            cwd=PAYLOAD,
            env={"ZIG_GLOBAL_CACHE_DIR": str(folder), "ZIG_LOCAL_CACHE_DIR": str(folder)},
        )
        return _code(output) if program.is_code else output.read_bytes()


def _code(path: Path) -> bytes:
    """Return the code of an ELF file that consists of nothing else."""
    from elftools.elf.elffile import ELFFile

    with path.open("rb") as stream:
        elf = ELFFile(stream)
        loaded = [one for one in elf.iter_sections() if one["sh_flags"] & _SHF_ALLOC and one["sh_size"]]
        (text,) = [one for one in loaded if one.name != ".ARM.exidx"]  # says that nothing can be unwound
        assert (text.name, text["sh_addr"]) == (".text", elf["e_entry"])
        code: bytes = text.data()
        return code


def main() -> None:
    """Build all binaries into this folder."""
    for name in PROGRAMS:
        content = build(name)
        path = PAYLOAD / name
        path.write_bytes(content)
        path.chmod(0o755)
        log.say(f"{path}: {len(content)} bytes")


if __name__ == "__main__":
    main()
