"""The two architectures that kernels and bootloaders are built for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """One architecture.

    Attributes:
        arch: As Linux calls it.
        cross: What the names of the compiler's programs begin with.
        package: Debian's package of the compiler.
        debian: As Debian calls it.
        image: What boots, in the build folder of a kernel.
        lines: That `make` prints for the kernel of the virtual phone; only for the progress display.
    """

    arch: str
    cross: str
    package: str
    debian: str
    image: str
    lines: int


ARM = Target(
    arch="arm",
    cross="arm-linux-gnueabihf-",
    package="gcc-arm-linux-gnueabihf",
    debian="armhf",
    image="arch/arm/boot/zImage",
    lines=1250,
)
ARM64 = Target(
    arch="arm64",
    cross="aarch64-linux-gnu-",
    package="gcc-aarch64-linux-gnu",
    debian="arm64",
    image="arch/arm64/boot/Image",
    lines=1700,
)
TARGETS = {target.arch: target for target in (ARM, ARM64)}
