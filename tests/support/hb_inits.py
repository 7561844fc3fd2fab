"""hb-init built for this computer, and how tests run it."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hardboot.base import process
from hardboot.payload import build, hb_init

WRITTEN = b"boot-recovery".ljust(32, b"\0")
BEHIND = bytes(range(256))  # in the partition, behind the command

_HERE = Path(__file__).parent
_MAPPER = _HERE / "host_mapper"


@pytest.fixture(scope="session")
def host_hb_init(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return hb-init for this computer, with the sanitizers; hb_init_host/arch.h keeps it off the kernel."""
    output = tmp_path_factory.mktemp("hb-init") / "hb-init"
    flags = ["-std=gnu11", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined"]
    flags += ["-fno-sanitize-recover=all", f"-I{_HERE / 'hb_init_host'}", f"-I{_MAPPER}"]
    gcc = process.find_tool("gcc", "gcc")
    sources = [build.PAYLOAD / name for name in build.PROGRAMS["hb-init-arm"].sources]
    sources.append(_MAPPER / "mapper.c")
    process.run([gcc, *flags, *sources, "-o", output], timeout_s=120)
    return output


@dataclass
class Rom:
    """A ROM whose first program is hb-init: its root, the block devices and what sysfs says of them.

    Attributes:
        settings: See hb_init_host/arch.h.
    """

    program: Path
    root: Path
    settings: dict[str, str] = field(default_factory=dict)
    log: Path = field(default=Path(), kw_only=True)

    def __post_init__(self) -> None:
        """Unpack the archive, with an empty file for the kernel log."""
        for entry in hb_init.entries("arm", [], "/init"):
            path = self.root / entry.name
            if entry.is_folder:
                path.mkdir()
            else:
                path.write_bytes(bytes(entry.data) if entry.is_file else b"")
        (self.root / "sysfs/class/block").mkdir(parents=True)
        (self.root / "devices").mkdir()

    def steps(self, *steps: str) -> None:
        (self.root / "hb-init/steps").write_text("".join(f"{step}\n" for step in steps))

    def partition(
        self, device: str, number: str, name: str | None, command: bytes, *, sysfs: str = "sysfs"
    ) -> Path:
        """Add a partition; without a name as kernels show those that they know from their command line."""
        major, minor = number.split(":")
        lines = [f"MAJOR={major}", f"MINOR={minor}", f"DEVNAME={device}", "DEVTYPE=partition", "PARTN=1"]
        folder = self.root / sysfs / "class/block" / device
        folder.mkdir(parents=True)
        uevent = [*lines, *([] if name is None else [f"PARTNAME={name}"])]
        (folder / "uevent").write_text("".join(f"{line}\n" for line in uevent))
        file = self.root / "devices" / number
        file.write_bytes(command + BEHIND)
        return file

    def run(self, *, environment: dict[str, str] | None = None) -> list[str]:
        """Run it, and return what it does at the end, in words."""
        # LeakSanitizer cannot work under every debugger and container; the program never allocates.
        env = {"HB_ROOT": str(self.root), "ASAN_OPTIONS": "detect_leaks=0", **self.settings}
        done = subprocess.run(
            [self.program, "quiet"],
            env=env | (environment or {}),
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()


@pytest.fixture
def rom(host_hb_init: Path, tmp_path: Path) -> Rom:
    return Rom(host_hb_init, tmp_path)
