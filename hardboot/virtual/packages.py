"""Download the Debian packages that virtual phones are built from, without changing the system's own.

The cache folder holds apt states of its own (sources, lists, cache), one for each suite and architecture.
Packages are unpacked there, not installed, and no root is needed. The mirror is that of the system's apt
configuration; the suites are fixed, so that all virtual phones are built from the same packages.
"""

import shutil
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import ToolError
from hardboot.base.files import cache_dir, locked, make_folder
from hardboot.base.process import find_tool, run
from hardboot.base.temporary import temporary_folder

RELEASE = "bookworm"
SECURITY = "bookworm-security"  # has the newer kernels of the release
OLDER_SECURITY = "bullseye-security"  # and those of the release before, as long as it is kept
NEWER = "trixie"  # for what the release lacks, or has too old
ARMHF, ARM64 = "armhf", "arm64"
ALL = "all"  # packages that are the same for every architecture, from the system's own index
_SOURCE = "source"
_DEBIAN = {  # https://www.debian.org/doc/manuals/debian-reference/ch02, "Debian archive basics"
    "Debian": "http://deb.debian.org/debian",
    "Debian-Security": "http://deb.debian.org/debian-security",
}
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def package_dir(package: str, *, suite: str = RELEASE, architecture: str) -> Path:
    """Return the folder with the unpacked files of `package`, which is downloaded from Debian once.

    Args:
        package: Name of the package.
        suite: RELEASE, SECURITY, OLDER_SECURITY or NEWER.
        architecture: ARMHF, ARM64 or ALL.

    Raises:
        ToolError: If this is no Debian system, or the package cannot be downloaded.
    """
    folder = _folder(suite, architecture)
    with locked(folder):
        return _cached(folder, f"{package}_*") or _fetch(package, suite, architecture)


def source_archive(package: str, suite: str) -> Path:
    """Return the archive of the upstream source of Debian's `package`, which is downloaded once.

    Raises:
        ToolError: If this is no Debian system, or the source cannot be downloaded.
    """
    folder = _folder(suite, _SOURCE)
    with locked(folder):
        return _cached(folder, f"{package}_*.orig.tar.*") or _fetch_source(package, suite)


def _fetch(package: str, suite: str, architecture: str) -> Path:
    with log.step(f"Downloading {package} from Debian {suite}"), temporary_folder() as folder:
        options = _prepare(suite, architecture)
        download = folder
        run([find_tool("apt-get", "apt"), *options, "-qq", "download", package], cwd=download, timeout_s=900)
        archive = next(iter(download.glob("*.deb")))
        version = archive.name.split("_")[1].replace("%3a", ":")
        target = _folder(suite, architecture) / f"{package}_{version}"
        with temporary_folder(target.parent) as unpacking:
            run([find_tool("dpkg-deb", "dpkg"), "-x", archive, f"{unpacking}/x"], timeout_s=300)
            (unpacking / "x").replace(target)
    return target


def _fetch_source(package: str, suite: str) -> Path:
    target = _folder(suite, _SOURCE)
    make_folder(target)
    with (
        log.step(f"Downloading the source of {package} from Debian {suite}"),
        temporary_folder(target) as folder,
    ):
        words = [*_prepare(suite, _SOURCE), "-qq", "source", "--download-only", "--only-source"]
        failed = None
        try:
            run([find_tool("apt-get", "apt"), *words, f"{package}/{suite}"], cwd=folder, timeout_s=900)
        except ToolError as error:
            failed = error
        # Mirrors may lack Debian's own small files; only the archive is wanted, and apt keeps none whose
        # checksum is not the index's.
        archives = [path for path in folder.glob("*.orig.tar.*") if path.suffix != ".asc"]
        if not archives:
            raise failed or ToolError(
                f"Debian's source of {package} has no upstream archive",
                state="Nothing was downloaded.",
                fix="Check that the Debian mirror of this system works: apt-get update",
            )
        return archives[0].rename(target / archives[0].name)


def version(folder: Path) -> str:
    """Return the Debian version of a folder that `package_dir` returned."""
    return folder.name.partition("_")[2]


def find_dependency(package: str, prefix: str, *, architecture: str) -> str:
    """Return the first dependency of `package` whose name starts with `prefix`.

    For example the kernel of linux-image-armmp. One that was downloaded before is used as it is.

    Raises:
        ToolError: If there is none.
    """
    folder = _folder(RELEASE, architecture)
    if known := _cached(folder, f"{prefix}*_*"):
        return known.name.partition("_")[0]
    with locked(folder):
        options = _prepare(RELEASE, architecture)
        text = run([find_tool("apt-cache", "apt"), *options, "depends", package], timeout_s=60).decode()
    for line in text.splitlines():
        kind, _, name = line.strip().partition(": ")
        if kind == "Depends" and name.startswith(prefix):
            return name
    raise ToolError(
        f"Debian's {package} has no dependency {prefix}…",
        state="Nothing was downloaded.",
        fix="Check that the Debian mirror of this system works: apt-get update",
    )


def _folder(suite: str, architecture: str) -> Path:
    return cache_dir() / "debian" / f"{suite}-{architecture}"


def _cached(folder: Path, pattern: str) -> Path | None:
    found = sorted(folder.glob(pattern)) if folder.is_dir() else []
    return found[-1] if found else None


def _prepare(suite: str, architecture: str) -> list[str]:
    """Set up a private apt state, update its index, and return the options that select it."""
    base = _folder(suite, architecture) / "apt"
    for name in ("lists/partial", "cache/archives/partial", "state"):
        (base / name).mkdir(parents=True, exist_ok=True)
    sources = base / "sources.list"
    signed = f"[signed-by={_KEYRING}] " if _KEYRING.exists() else ""
    label = "Debian-Security" if suite.endswith("-security") else "Debian"
    kind = "deb-src" if architecture == _SOURCE else "deb"
    sources.write_text(f"{kind} {signed}{_mirror(label)} {suite} main\n")
    foreign = architecture not in (ALL, _SOURCE)
    settings = {
        **({"APT::Architecture": architecture, "APT::Architectures": architecture} if foreign else {}),
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
    """Return the Debian mirror of this system for archives with this label, or Debian's own server."""
    if not shutil.which("apt-get"):
        raise ToolError(
            "virtual phones are built from Debian packages, and this system has no apt-get",
            state="Nothing was downloaded.",
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
