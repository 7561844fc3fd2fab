"""The bootloader of the virtual phones: U-Boot, built from Debian's source, and its environment."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from hardboot.base import log
from hardboot.base.files import locked
from hardboot.base.process import find_tool, run
from hardboot.base.temporary import temporary_folder
from hardboot.virtual import kbuild, packages
from hardboot.virtual.target import Target

ENVIRONMENT_SIZE = 0x40000  # bytes; CONFIG_ENV_SIZE of U-Boot for QEMU's machine
FLASH_BANK_SIZE = 64 << 20  # bytes; QEMU -M virt wants each pflash bank whole
_FOLDER = Path(__file__).parent / "uboot"
_CONFIG = _FOLDER / "config"
_LINES = 1000  # that `make` prints, about


def build(target: Target) -> Path:
    """Return the bootloader for `target`, u-boot.bin in the cache; it is built when it is wanted first.

    Raises:
        ToolError: If a compiler or the source is missing, or the build fails.
    """
    archive = packages.source_archive("u-boot", packages.NEWER)
    patches = sorted(_FOLDER.glob("*.patch"))
    content = [path.read_text() for path in (*patches, _CONFIG)]
    folder = kbuild.cached("bootloaders", target, archive.name, *content)
    binary = folder / "u-boot.bin"
    with locked(folder):
        if not binary.exists():
            _build(target, archive, patches, folder)
    return binary


def _build(target: Target, archive: Path, patches: list[Path], product: Path) -> None:
    kbuild.check_tools()
    with (
        log.step(f"Building the bootloader for {target.arch} (a minute, once)") as show,
        temporary_folder(kbuild.work_dir()) as folder,
    ):
        run([find_tool("tar", "tar"), "-xf", archive, "-C", folder, "--strip-components=1"], timeout_s=300)
        tree, out = folder, Path(folder, "out")
        patch = find_tool("patch", "patch")
        for path in patches:
            run([patch, "-p1", "--no-backup-if-mismatch", "-i", path], cwd=tree, timeout_s=60)
        out.mkdir()
        variables = {"SOURCE_DATE_EPOCH": "0"}
        kbuild.make(target, out, [f"qemu_{target.arch}_defconfig"], variables=variables)
        config = out / ".config"
        with config.open("a") as stream:
            stream.write(_CONFIG.read_text())
        kbuild.make(target, out, ["olddefconfig"], variables=variables)
        kbuild.check_config(_CONFIG.read_text(), config.read_text())
        goal = [kbuild.parallel(), "u-boot.bin"]
        kbuild.make(target, out, goal, variables=variables, lines=_LINES, show=show)
        product.mkdir(exist_ok=True)
        shutil.copyfile(config, product / "config")
        shutil.copyfile(out / "u-boot.bin", product / "u-boot.new")
        (product / "u-boot.new").rename(product / "u-boot.bin")


def write_environment(target: Path, template: str, values: Mapping[str, str]) -> None:
    """Write the flash bank that holds the bootloader's environment.

    Args:
        target: File of FLASH_BANK_SIZE bytes, sparse.
        template: Name of a file in uboot/.
        values: What stands for @NAME@ in the template.
    """
    text = (_FOLDER / template).read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    tool = find_tool("mkenvimage", "u-boot-tools")
    run([tool, "-s", hex(ENVIRONMENT_SIZE), "-o", target, "-"], stdin=text.encode(), timeout_s=30)
    with target.open("r+b") as stream:
        stream.truncate(FLASH_BANK_SIZE)
