"""One connected phone of any model: its shells, files, kernel and device tree."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from hardboot.base.errors import DeviceError
from hardboot.device.connection import only_phone, open_transport
from hardboot.device.copies import Copies, Copy
from hardboot.device.mark import marks
from hardboot.device.shells import answers, as_one, line_command, read
from hardboot.formats.trees import fdt, treefiles
from hardboot.formats.trees.fdt import Fdt
from hardboot.transport.base import Output

_TAR_LIMIT = 64 << 20  # bytes; a tar has at least 1 KiB for each property
_TREE = "/sys/firmware/fdt"
TREE = Copy("tree", _TREE, command=f"cat {_TREE}")  # no program of its own in Android's shell
_TREE_FILES = Copy("tree", "/proc/device-tree", _TAR_LIMIT, "tar -cf - -C /proc/device-tree .")
# For `roots`, together with other queries; `parse_kernel` reads the output.
KERNEL = as_one(
    line_command("/proc/sys/kernel/osrelease"),
    line_command("/proc/sys/kernel/random/boot_id"),
    "[ ! -e /proc/bootconfig ] || cat /proc/bootconfig",
    line_command("/proc/cmdline"),  # the last one: its exit code counts
)

# For `roots`; `is_recovery` reads the output. The second one is named by newer bootloaders.
BOOT_MODE = "getprop ro.bootmode; getprop ro.boot.mode"


@dataclass(frozen=True)
class KernelIdentity:
    """The identity of a running kernel.

    Attributes:
        release: As `uname -r` prints it.
        boot_id: The random number it drew when it started.
        cmdline: /proc/cmdline.
        bootconfig: /proc/bootconfig; "" if it has none.
    """

    release: str
    boot_id: str
    cmdline: str
    bootconfig: str = ""

    @property
    def marks(self) -> tuple[str, ...]:
        """The marks that it was started with; none if hardboot did not start it."""
        return marks(self.cmdline, self.bootconfig)


@dataclass
class Handset(Copies):
    """A connected phone of any model; made by `reach`.

    Attributes:
        answered: When each kernel was first and last noted to answer, in seconds since 1970 (UTC), by boot
            ID.
    """

    answered: dict[str, tuple[float, float]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def kernel(self) -> KernelIdentity:
        """Return which kernel runs."""
        return parse_kernel(self.root(KERNEL))

    def kernel_anew(self, *, timeout_s: float) -> KernelIdentity:
        """Connect anew, trying for `timeout_s` seconds, and return which kernel runs."""
        now = parse_kernel(self.transport.wait(KERNEL, timeout_s=timeout_s, template=self.root_shell()))
        self.note_answer(now)
        return now

    def note_answer(self, kernel: KernelIdentity) -> None:
        """Note that this kernel answers now."""
        first, _ = self.answered.get(kernel.boot_id, (time.time(), 0.0))
        self.answered[kernel.boot_id] = first, time.time()

    def device_tree(self) -> Fdt | None:
        """Return the tree the bootloader gave the running kernel; None if it gave none.

        Raises:
            DeviceError: If it exists and cannot be read.
            InputError: If it is malformed.
        """
        made, output = self.roots(self.staging_query(), TREE.query)
        self.take_staging(made)
        return self.fetch_device_tree(output)

    def fetch_device_tree(self, output: Output) -> Fdt | None:
        """Return the device tree from the output of TREE's query; see `device_tree`.

        Kernels before 3.19 show only files, one a property: the reserve map is not among them.
        """
        blob = self.fetch(TREE, output)
        if blob is not None:
            return fdt.parse(blob)
        packed = self.pull_copy(_TREE_FILES)
        return None if packed is None else treefiles.parse_tar(packed)


def is_recovery(output: Output) -> bool:
    """Return whether the output of BOOT_MODE is that of a phone in its recovery."""
    return "recovery" in output.text.split()


def parse_kernel(output: Output) -> KernelIdentity:
    """Return the kernel in the output of KERNEL.

    Raises:
        DeviceError: If the phone does not say it.
    """
    text = read(KERNEL, output)
    found = answers(text)
    if len(found) != 4 or not all(found[:2]):
        raise DeviceError(
            f"the phone does not say which kernel it runs: {' '.join(found).strip()!r}",
            state="Nothing was sent.",
            fix="Look at /proc on the phone: adb shell su -c 'ls /proc'",
        )
    release, boot_id, bootconfig, cmdline = found
    return KernelIdentity(release, boot_id, cmdline, bootconfig)


@contextmanager
def reach(serial: str | None) -> Iterator[Handset]:
    """Connect to a phone of any model, and close the connection at the end.

    Args:
        serial: As `adb devices` shows it, or HOST:PORT; None if only one phone is connected.

    Raises:
        DeviceError: If no phone is connected or it does not answer.
        RefusedError: If several are.
        InputError: If `serial` is wrong.
    """
    handset = Handset(open_transport(serial or only_phone()))
    try:
        yield handset
    finally:
        handset.clean()
        handset.transport.close()
