"""Kernels made with the series, from whole source trees; the arm64 ones reset and start a guest in QEMU."""

import gzip
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from phones import BUILD_TIMEOUT_S, Hardboot, HostKernels

from hardboot.base.process import find_tool, run
from hardboot.virtual import kernel

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(BUILD_TIMEOUT_S)]

PAGE = 0x44000000
IMAGE, INITRD, DTB = 0x50000000, 0x56000000, 0x57F00000  # where arm64_init.c puts them
MACHINES = {
    "hvc, EL1": ("virt", "cortex-a57"),
    "smc, EL2": ("virt,virtualization=on", "cortex-a57"),
    "smc, EL2 with VHE": ("virt,virtualization=on", "max"),
}


@pytest.mark.parametrize("series", ["arm-6.1", "arm-6.12", "arm64-6.1", "arm64-6.12"])
def test_a_whole_tree_is_patched_built_and_as_before_afterwards(
    host_kernels: HostKernels, series: str
) -> None:
    built = host_kernels[series]
    linux = series.partition("-")[2]
    assert built.tree.is_dir()
    hardboot = Hardboot()
    assert hardboot("--json", "patch", "status", built.tree).json["overall"] == "applied"
    assert "CONFIG_KEXEC_HARDBOOT_PAGE=0x44000000\n" in built.config.read_text()
    hardboot("patch", "revert", built.tree)
    subprocess.run(["diff", "-rq", kernel.source(linux), built.tree], check=True, timeout=300)
    shutil.rmtree(built.tree)


@dataclass(frozen=True)
class Board:
    """QEMU's arm64 machine, started without a boot loader; after a reset it starts the same Image again."""

    host: Path
    initrd: Path
    machine: str
    cpu: str

    @property
    def words(self) -> list[str]:
        words = [find_tool("qemu-system-aarch64", "qemu-system-arm"), "-machine", self.machine]
        return [*words, "-cpu", self.cpu, "-smp", "2", "-m", "1G", "-nic", "none", "-nodefaults"]

    def run(self, extra: Sequence[str] = ()) -> str:
        """Return what appears on the console until the machine is switched off."""
        words = [*self.words, "-display", "none", "-serial", "stdio", *extra]
        words += ["-kernel", str(self.host), "-initrd", str(self.initrd), "-append", "console=ttyAMA0"]
        return run(words, timeout_s=120).decode(errors="replace")


@pytest.fixture(scope="module")
def init(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the /init of host and guest."""
    target = tmp_path_factory.mktemp("init") / "init"
    source = Path(__file__).parent / "arm64_init.c"
    compiler = find_tool("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu")
    run([compiler, "-O2", "-static", "-s", "-Wall", "-Werror", "-o", target, source], timeout_s=60)
    return target


def initrd(folder: Path, files: dict[str, Path]) -> Path:
    root = folder / "root"
    for name in ("proc", "sys", "dev"):
        (root / name).mkdir(parents=True)
    for name, path in files.items():
        (root / name).write_bytes(path.read_bytes())
        (root / name).chmod(0o755)
    names = "\n".join(sorted(path.name for path in root.iterdir())) + "\n"
    words = [find_tool("cpio", "cpio"), "--quiet", "--create", "--format=newc", "--owner=0:0"]
    target = folder / "initrd.gz"
    target.write_bytes(gzip.compress(run(words, cwd=root, stdin=names.encode(), timeout_s=60), 1))
    return target


def board(kernels: HostKernels, init: Path, folder: Path, pair: tuple[str, str], where: str) -> Board:
    """Return a machine whose host kernel, of the first series, has a guest of the other one in its initrd."""
    host, guest = (kernels[name].image for name in pair)
    machine, cpu = MACHINES[where]
    small = initrd(folder / "guest", {"init": init})
    dtb = folder / "dtb"
    bare = Board(host, small, f"{machine},dumpdtb={dtb}", cpu)
    run(bare.words, timeout_s=60)
    fdtput = find_tool("fdtput", "device-tree-compiler")
    for kind, name, value in (
        ("-ts", "bootargs", "console=ttyAMA0 guest=1"),
        ("-tx", "linux,initrd-start", f"{INITRD:x}"),
        ("-tx", "linux,initrd-end", f"{INITRD + small.stat().st_size:x}"),
    ):
        run([fdtput, kind, dtb, "/chosen", name, value], timeout_s=10)
    whole = initrd(folder / "host", {"init": init, "Image": guest, "initrd": small, "dtb": dtb})
    return Board(host, whole, machine, cpu)


# Not here: a 6.12 host on this CPU; it crashes in machine_kexec_post_load(), in code that is not ours.
@pytest.mark.parametrize(
    ("pair", "where"),
    [(("arm64-6.1", "arm64-6.12"), where) for where in MACHINES]
    + [(("arm64-6.12", "arm64-6.1"), where) for where in MACHINES if "VHE" not in where],
)
def test_an_arm64_host_resets_the_machine_and_starts_a_guest(
    host_kernels: HostKernels, init: Path, tmp_path: Path, pair: tuple[str, str], where: str
) -> None:
    console = board(host_kernels, init, tmp_path, pair, where).run()
    versions = [series.partition("-")[2] for series in pair]
    flag = {"6.1": "0x4", "6.12": "0x8000"}[versions[0]]
    conduit = where.partition(",")[0]
    level = "EL2" if "EL2" in where else "EL1"
    before, reset, after = console.partition("kexec_core: Starting new kernel")
    assert reset, console
    assert f"Hardboot page reserved at {PAGE:#010x}" in before
    assert f"HOST {versions[0]}." in before
    assert f"PAGE {PAGE:#x} FLAG {flag}" in before
    assert "OVER PAGE Cannot assign requested address" in before
    assert "ON CRASH Invalid argument" in before
    assert f"started at {level}" in before
    record = (
        f"hardboot: record at {PAGE:#010x}: entry {IMAGE:#010x}, dtb {DTB:#010x}; reset by PSCI ({conduit})"
    )
    assert record in after
    assert f"GUEST {versions[1]}." in after
    assert "guest=1" in after
    assert f"started at {level}" in after  # as the boot loader would enter the host, not where kexec ended
    assert "END guest" in after


def test_without_a_reset_no_arm64_guest_starts(host_kernels: HostKernels, init: Path, tmp_path: Path) -> None:
    machine = board(host_kernels, init, tmp_path, ("arm64-6.12", "arm64-6.1"), "hvc, EL1")
    console = machine.run(["-no-reboot"])
    assert "hardboot: record at" in console
    assert "GUEST" not in console
