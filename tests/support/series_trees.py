"""Kernel trees made of what the hunks of a series ask for."""

import hashlib
from pathlib import Path

from in_process import hardboot

from hardboot.patches import catalog
from hardboot.patches.series import CONFIG_NAME
from hardboot.patches.tree import Tree


def build(
    folder: Path,
    name: str,
    *,
    version: str = "",
    drift: int = 0,
    has: str = "arch/arm/mach-msm/board.c",
    containing: str = "",
) -> Path:
    """Return a tree in which the series fits: the lines of its hunks in their places, and filling.

    Args:
        folder: Where to make it.
        name: The series.
        version: Kernel version, MAJOR.MINOR; the first that the series covers if it is not given.
        drift: So many lines more before each hunk, as in a tree of another vendor.
        has: A file that is there, by which the series knows the variant.
        containing: What that file has in it.
    """
    (folder / has).parent.mkdir(parents=True)
    (folder / has).write_text(containing)
    series = catalog.load(name)
    major, minor = (version or series.kernels.min).split(".")
    (folder / "Makefile").write_text(f"VERSION = {major}\nPATCHLEVEL = {minor}\nSUBLEVEL = 7\n")
    (folder / "Kconfig").write_text("mainmenu\n")
    series = series.for_tree(Tree(folder))
    made: set[str] = set()
    for parts in series.read().values():
        for patch in parts:
            if patch.path not in made and not patch.creates:
                lines: list[bytes] = []
                for hunk in patch.hunks:
                    room = hunk.old_start - 1 - len(lines) + drift
                    lines += [b"/* %s %d */\n" % (patch.path.encode(), len(lines) + i) for i in range(room)]
                    lines += hunk.old
                if patch.hunks[-1].trailing:
                    lines.append(b"/* the end */\n")
                starts = [line.split(None, 1)[0][:3] for line in lines if line.startswith((b"#if", b"#end"))]
                lines += [b"#endif\n"] * (2 * starts.count(b"#if") - len(starts))
                (folder / patch.path).parent.mkdir(parents=True, exist_ok=True)
                (folder / patch.path).write_bytes(b"".join(lines))
            made.add(patch.path)
    return folder


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def fragment(tree: Path, device: str) -> dict[str, str]:
    (tree / CONFIG_NAME).unlink(missing_ok=True)  # another phone's is not replaced
    run = hardboot("patch", "apply", tree, "--device", device)
    assert run.returncode == 0, run.stderr
    lines = (tree / CONFIG_NAME).read_text().splitlines()
    return dict(line.removeprefix("CONFIG_").split("=") for line in lines if line.startswith("CONFIG_"))
