"""The kinds of virtual phones there are."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardboot.base.errors import InputError
from hardboot.base.similar import did_you_mean
from hardboot.virtual import bootloader, classic, modern
from hardboot.virtual.disk import Table
from hardboot.virtual.target import ARM, ARM64, Target


@dataclass(frozen=True)
class Model:
    """One kind of virtual phone.

    Attributes:
        name: Of its profile.
        target: Its architecture.
        qemu: The program that runs it.
        machine: QEMU's options for its hardware.
        table: The partitions of its disk.
        factory: In the phone's folder, the boot image or the folder of images that it was delivered with.
        write_images: Write those.
        write_disk: Write the disk of a new phone with such images.
        write_rom: Write a ROM for it, "debian" or "minimal".
        factory_images: The files of those images, by the partitions they belong to.
        add_words: Join what the bootloader tells the kernel, for its environment.
    """

    name: str
    target: Target
    qemu: str
    machine: tuple[str, ...]
    table: Table
    factory: str
    write_images: Callable[[Path], None]
    write_disk: Callable[[Path, Path], None]
    write_rom: Callable[[Path, str], None]
    factory_images: Callable[[Path], dict[str, Path]]
    add_words: Callable[[Sequence[str]], str]

    def write_environment(
        self,
        target: Path,
        factory: Path,
        *,
        serialno: str,
        words: Sequence[str],
        locked: bool,
        clear_ram: bool,
    ) -> None:
        """Write the environment of the phone's bootloader.

        Args:
            target: The flash bank to write.
            factory: The images it was delivered with.
            serialno: What the bootloader reports as androidboot.serialno.
            words: More that it tells the kernel, KEY=VALUE.
            locked: Whether it takes no other images than `factory`.
            clear_ram: Whether it clears all RAM at every reset.
        """
        values = {
            "SERIALNO": serialno,
            "WORDS": self.add_words(words),
            "UNLOCKED": "no" if locked else "yes",
            "CLEARS": "yes" if clear_ram else "no",
            "LOCKED": str(int(locked)),
            "STATE": "green" if locked else "orange",
            "DEVICE_STATE": "locked" if locked else "unlocked",
        }
        for partition, image in self.factory_images(factory).items() if locked else ():
            size = self.table.place(partition).size
            content = image.read_bytes().ljust(size, b"\0")
            name = partition.removesuffix("_a").upper()
            values |= {f"{name}_SIZE": hex(size), f"{name}_SHA256": hashlib.sha256(content).hexdigest()}
        bootloader.write_environment(target, f"{self.name}.env", values)


VIRT_ARM = Model(
    name=classic.NAME,
    target=ARM,
    qemu="qemu-system-arm",
    machine=("-M", "virt", "-cpu", "cortex-a15", "-smp", "2", "-m", "1G"),
    table=classic.TABLE,
    factory="factory-boot.img",
    write_images=classic.write_images,
    write_disk=classic.write_disk,
    write_rom=classic.write_rom,
    factory_images=classic.factory_images,
    add_words=lambda words: "".join(f" {word}" for word in words),
)
VIRT_ARM64 = Model(
    name=modern.NAME,
    target=ARM64,
    qemu="qemu-system-aarch64",
    machine=modern.MACHINE,
    table=modern.TABLE,
    factory="factory",
    write_images=modern.write_images,
    write_disk=modern.write_disk,
    write_rom=modern.write_rom,
    factory_images=lambda factory: {f"{name}_a": factory / f"{name}.img" for name in modern.IMAGES},
    add_words=lambda words: "".join(f";{word}" for word in words),
)
MODELS = {model.name: model for model in (VIRT_ARM, VIRT_ARM64)}


def find(name: str) -> Model:
    """Return the kind of virtual phone called `name`.

    Raises:
        InputError: If there is none.
    """
    if name not in MODELS:
        raise InputError(
            f"there is no virtual phone of the kind {name!r}{did_you_mean(name, list(MODELS))}",
            state="Nothing was started.",
            fix=f"Choose one of them: {', '.join(MODELS)}",
        )
    return MODELS[name]
