"""Debian packages the virtual phone is made of, fetched without root and without touching the system's own.

A private apt state (sources, lists, cache) of the foreign architecture armhf lives in the cache
folder; packages are unpacked there, never installed. Which mirror is asked is taken from the system's
apt configuration, where it names one; the release is fixed, so every phone is made of the same parts.
"""

import shutil
import tempfile
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import ToolError
from hardboot.base.files import cache_dir, locked
from hardboot.base.process import find_tool, run

RELEASE = "bookworm"
SECURITY = "bookworm-security"  # where the release gets newer kernels; asked for their source only
ARCHITECTURE = "armhf"
_DEBIAN = {  # https://www.debian.org/doc/manuals/debian-reference/ch02, "Debian archive basics"
    "Debian": "http://deb.debian.org/debian",
    "Debian-Security": "http://deb.debian.org/debian-security",
}
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def part(package: str, suite: str = RELEASE) -> Path:
    """The folder with the unpacked files of `package` from RELEASE or SECURITY; fetched from Debian once.

    Raises:
        ToolError: If this is no Debian system, or the package cannot be had.
    """
    with locked(_folder()):
        return _unpacked(package) or _fetch(package, suite)


def _fetch(package: str, suite: str) -> Path:
    with log.step(f"Fetching {package} from Debian {suite}"), tempfile.TemporaryDirectory() as folder:
        options = _prepare(suite)
        download = Path(folder)
        run([find_tool("apt-get", "apt"), *options, "-qq", "download", package], cwd=download, timeout_s=900)
        archive = next(iter(download.glob("*.deb")))
        version = archive.name.split("_")[1].replace("%3a", ":")
        target = _folder() / f"{package}_{version}"
        with tempfile.TemporaryDirectory(dir=_folder()) as unpacking:
            run([find_tool("dpkg-deb", "dpkg"), "-x", archive, f"{unpacking}/x"], timeout_s=300)
            (Path(unpacking) / "x").replace(target)
    return target


def version(folder: Path) -> str:
    """The Debian version of a folder that `part` returned."""
    return folder.name.partition("_")[2]


def dependency(package: str, prefix: str) -> str:
    """The first dependency of `package` whose name starts with `prefix` (linux-image-armmp names its kernel).

    Raises:
        ToolError: If there is none.
    """
    known = sorted(_folder().glob(f"{prefix}*_*")) if _folder().is_dir() else []
    if known:
        return known[-1].name.partition("_")[0]
    with locked(_folder()):
        options = _prepare(RELEASE)
        text = run([find_tool("apt-cache", "apt"), *options, "depends", package], timeout_s=60).decode()
    for line in text.splitlines():
        kind, _, name = line.strip().partition(": ")
        if kind == "Depends" and name.startswith(prefix):
            return name
    raise ToolError(
        f"Debian's {package} names no {prefix}… package",
        state="Nothing was fetched.",
        fix="Check that the Debian mirror of this system works: apt-get update",
    )


def _folder() -> Path:
    return cache_dir() / "debian"


def _unpacked(package: str) -> Path | None:
    found = sorted(_folder().glob(f"{package}_*")) if _folder().is_dir() else []
    return found[-1] if found else None


def _prepare(suite: str, architecture: str = ARCHITECTURE) -> list[str]:
    """Set up the private apt state for `suite`, update its index, and return the options that select it."""
    base = _folder() / "apt" / (suite if architecture == ARCHITECTURE else f"{suite}-{architecture}")
    for name in ("lists/partial", "cache/archives/partial", "state"):
        (base / name).mkdir(parents=True, exist_ok=True)
    sources = base / "sources.list"
    signed = f"[signed-by={_KEYRING}] " if _KEYRING.exists() else ""
    programs = suite != SECURITY  # a source is the same for every architecture: the system's own will do
    label = "Debian" if programs else "Debian-Security"
    sources.write_text(f"deb {signed}{_mirror(label)} {suite} main\n")
    settings = {
        **({"APT::Architecture": architecture, "APT::Architectures": architecture} if programs else {}),
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
        "Dir::State": str(base / "state"),
        "Dir::State::Lists": str(base / "lists"),
        "Dir::State::status": "/dev/null",
        "Dir::Cache": str(base / "cache"),
        "Dir::Etc::SourceList": str(sources),
        "Dir::Etc::SourceParts": "/dev/null",
    }
    options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
    run([find_tool("apt-get", "apt"), *options, "-qq", "update"], timeout_s=300)
    return options


def _mirror(label: str) -> str:
    """The address of the Debian mirror that this system uses for what bears this label; else Debian's own."""
    if not shutil.which("apt-get"):
        raise ToolError(
            "the virtual phone is made of Debian packages, and this system has no apt-get",
            state="Nothing was fetched.",
            fix="Use Debian 12 or newer; a container or virtual machine will do.",
        )
    rows = run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)", "Created-By: Packages"],
        timeout_s=60,
    )
    for row in rows.decode().splitlines():
        origin, found, address = row.split("|", 2)
        if (origin, found) == ("Debian", label):
            return address
    return _DEBIAN[label]
