"""Measure hardboot against its peers in one run and write a section of docs/benchmarks.md: `make bench`."""

import os
import subprocess
import tempfile
from pathlib import Path

import bench_library
import bench_push
import benchmarks_page
from measuring import HARDBOOT, RUNS, TIMEOUT_S, Command, Row, compared, peak_mb, race, table

MIB = 1 << 20
PEAK_GOAL = "60 MB"


def make_image(folder: Path, name: str, image: bytes, size: int) -> Path:
    """Make a v2 image of `size` bytes with this kernel, and a ramdisk and a dtb of noise."""
    (folder / "kernel").write_bytes(image)
    (folder / "ramdisk").write_bytes(os.urandom(size - len(image) - 132 * 1024))
    (folder / "dtb").write_bytes(os.urandom(120 * 1024))
    target = folder / f"{name}.img"
    command: Command = ["mkbootimg", "--header_version", "2", "--pagesize", "4096", "-o", target]
    for part in ("kernel", "ramdisk", "dtb"):
        command += [f"--{part}", folder / part]
    subprocess.run(command, check=True, timeout=TIMEOUT_S)
    return target


def measure_images(folder: Path, name: str, image: Path, goal: str) -> list[Row]:
    """Measure info, unpack and pack on an image; `goal` is the ratio to unpack_bootimg."""
    out, again = folder / "out", folder / "again.img"

    def clean() -> None:
        subprocess.run(["rm", "-rf", out, again], check=True, timeout=TIMEOUT_S)

    peer: Command = ["unpack_bootimg", "--out", out, "--boot_img", image]
    info, theirs = race([*HARDBOOT, "info", image], peer, before=clean)
    rows = [compared(f"info, {name}", info, theirs, goal)]
    unpack, theirs = race([*HARDBOOT, "unpack", image, out], peer, before=clean)
    rows.append(compared(f"unpack, {name}", unpack, theirs, goal))
    clean()
    subprocess.run([*HARDBOOT, "unpack", image, out], check=True, stdout=subprocess.DEVNULL)
    (out / "dtb").write_bytes(os.urandom(120 * 1024))
    peer = ["mkbootimg", "--header_version", "2", "--pagesize", "4096", "-o", again]
    for part in ("kernel", "ramdisk", "dtb"):
        peer += [f"--{part}", out / part]
    pack, theirs = race([*HARDBOOT, "pack", out, again], peer)
    clean()
    return [*rows, compared(f"pack, {name}, one part changed", pack, theirs, "1.0")]


def measure(folder: Path) -> list[Row]:
    """Measure everything."""
    (version,) = race([*HARDBOOT, "--version"])
    rows = [Row("hardboot --version", f"{version * 1000:.0f} ms", goal="150 ms")]
    noise = {size: make_image(folder, f"{size}", os.urandom(8 * MIB), size * MIB) for size in (16, 64, 512)}
    rows += measure_images(folder, "64 MiB", noise[64], "1.5")
    rows += measure_images(folder, "512 MiB", noise[512], "1.0")
    kernel = next(bench_library.debian().glob("boot/vmlinuz-*")).read_bytes()
    real, sparse = make_image(folder, "real", kernel, 64 * MIB), folder / "sparse.img"
    subprocess.run(["img2simg", real, sparse], check=True, timeout=TIMEOUT_S)
    peer: Command = ["unpack_bootimg", "--out", folder / "out", "--boot_img", real]
    info, theirs = race([*HARDBOOT, "info", real], peer)
    rows.append(compared("info, 64 MiB with a real kernel", info, theirs, "none"))
    images = {
        **{f"{size} MiB": image for size, image in noise.items()},
        "64 MiB with a real kernel": real,
        "the same, sparse": sparse,
    }
    for name, image in images.items():
        rows.append(Row(f"info, peak memory, {name}", f"{peak_mb('info', image):.1f} MB", goal=PEAK_GOAL))
    return [
        *rows,
        *bench_library.measure_trees(),
        *bench_library.measure_plans(),
        *bench_library.measure_patches(),
        *bench_push.measure_push(),
    ]


def main() -> None:
    """Measure, print the section and write it."""
    with tempfile.TemporaryDirectory(prefix="hardboot-bench-") as name:
        rows = measure(Path(name))
    lines = [
        "## Images and trees",
        "",
        "Written by `make bench`. hardboot and its peers (unpack_bootimg, mkbootimg, git, pylibfdt, adb)",
        f"take turns, {RUNS} runs each; medians. `info` and `unpack` also hash parts with SHA-256 and the",
        "id with SHA-1, and `info` reads the kernel, which the peers do not do. A goal is the largest ratio",
        "or value.",
        "",
        *table(rows),
    ]
    text = "\n".join(lines)
    print(text)
    benchmarks_page.write("images", text)


if __name__ == "__main__":
    main()
