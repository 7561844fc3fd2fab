"""Questions to a phone, sent in one go, and its answers; a question that it does not answer has none."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hardboot.base import log
from hardboot.base.errors import DeviceError
from hardboot.device import battery, host, properties, record, slots
from hardboot.device.handset import BOOT_MODE, KERNEL, Handset, KernelIdentity, is_recovery, parse_kernel
from hardboot.device.phone import FIND_MISSING
from hardboot.device.shells import FIND_ROOT, QUICK_S, SEPARATOR, parse_root_shell
from hardboot.flows import transaction_record
from hardboot.profile import Profile
from hardboot.transport.base import SHELL, Output

_BATCH = 3072  # bytes of one request, of 4095 at most (server_requests.SERVICE_MAX)
_PER_COMMAND = 40  # bytes that its marker and its subshell need
HEADER_SIZE = 4096  # bytes of a boot partition that hold its header, whatever its version
_OPTIONS = "KEXEC|KEXEC_FILE|KEXEC_HARDBOOT|PSTORE_RAM|BLK_DEV_DM|IKCONFIG_PROC"
_CONFIG = "/proc/config.gz"
_BOOT = ("boot", "boot_a", "boot_b")
_BY_NAME = "/dev/block/by-name"
# su of Magisk, KernelSU, APatch and SuperSU print their version; AOSP's su takes -v for a user.
_SU = "su -v </dev/null"
# Files that tell something by being there.
PATHS = (
    "/data/adb/ap",
    "/data/adb/ksu",
    "/data/adb/magisk",
    "/dev/pmsg0",
    "/proc/device-tree",
    "/proc/device-tree/firmware/psci",
    "/proc/device-tree/psci",
    "/proc/last_kmsg",
    "/sys/kernel/reboot/mode",
    "/sys/module/ramoops",
    *(f"{_BY_NAME}/{name}" for name in _BOOT),
)
_QUESTIONS = {
    "release": "uname -r",
    "bootconfig": "cat /proc/bootconfig",
    "config": f"{{ zcat {_CONFIG} || gzip -dc {_CONFIG}; }} | grep -E '^CONFIG_({_OPTIONS})='",
    "psci": "cat /sys/kernel/debug/psci",
    "ramoops": "cat /sys/module/ramoops/parameters/mem_address",
    "pstore": "cat /sys/module/pstore/parameters/backend",
    "drivers": "cat /proc/devices",
    "mounts": "cat /proc/1/mounts || cat /proc/mounts",
    "room": "df -k /data",
    "battery": battery.QUERY,
    "paths": f"for one in {' '.join(PATHS)}; do if [ -e $one ]; then echo $one; fi; done",
}


@dataclass(frozen=True)
class Greeting:
    """What any phone says without root.

    Attributes:
        serialno: ro.serialno; the ADB serial if the phone has none.
        properties: Of Android.
        root_shell: Template of the root shell; None if there is none.
        su: The version that su prints; "" if it prints none.
    """

    serialno: str
    properties: Mapping[str, str]
    root_shell: str | None
    su: str


@dataclass(frozen=True)
class Answers:
    """What a phone says about itself.

    Attributes:
        greeting: Without root.
        kernel: The running kernel; None if the phone does not tell.
        recovery: Whether it is in its recovery.
        texts: By name of the question: what was printed; "" if nothing was.
        outputs: Of the queries of other modules, by name.
        problem: Why there are no more answers; None if all were given.
    """

    greeting: Greeting
    kernel: KernelIdentity | None
    recovery: bool
    texts: Mapping[str, str] = field(repr=False)
    outputs: Mapping[str, Output] = field(repr=False)
    problem: str | None = None

    def text(self, name: str) -> str:
        """Return the answer to a question; "" if there is none."""
        return self.texts.get(name, "")

    @property
    def is_root(self) -> bool:
        """Whether the questions were asked as root."""
        return self.greeting.root_shell is not None

    @property
    def paths(self) -> set[str]:
        """Those of PATHS that exist, as far as the shell may see them."""
        return set(self.text("paths").split())

    @property
    def config(self) -> dict[str, str] | None:
        """Those of _OPTIONS that are on in the running kernel, with their values; None if unknown."""
        lines = (line.partition("=") for line in self.text("config").splitlines())
        found = {name.removeprefix("CONFIG_"): value for name, _, value in lines}
        return found if "IKCONFIG_PROC" in found else None  # on in every kernel that shows its configuration

    def as_root(self, how: str) -> str:
        """Return how to find out something, for which root is needed."""
        return how if self.is_root else f"Root the phone. {how}"

    @property
    def silence(self) -> str:
        """Why an answer is missing."""
        return "the phone does not tell" if self.is_root else "only root may read it"


def greet(handset: Handset) -> Greeting:
    """Ask a phone what it tells without root.

    Raises:
        DeviceError: If it does not answer.
    """
    # FIND_ROOT is the last one: it ends its shell.
    commands = [(one, QUICK_S) for one in (f"{properties.QUERY}; true", f"{_SU} 2>/dev/null", FIND_ROOT)]
    outputs = list(handset.transport.shells(commands))
    if len(outputs) < len(commands):
        raise DeviceError(
            f"the phone's shell ended early, with exit code {outputs[-1].code}",
            state="Nothing was changed.",
            fix="Restart the phone, then try again.",
        )
    said, su, root = outputs
    listed = properties.parse(said.text)
    return Greeting(
        serialno=listed.get("ro.serialno") or handset.transport.serial,
        properties=listed,
        root_shell=parse_root_shell(root),
        su=su.text.strip() if su.code == 0 else "",
    )


def ask(handset: Handset, greeting: Greeting, profile: Profile | None) -> Answers:
    """Ask a phone the rest, as root if it lets us; answers that do not come are missing."""
    queries = {
        "kernel": KERNEL,
        "mode": BOOT_MODE,
        "slot": slots.QUERY,
        "loaded": record.QUERY,
        "change": transaction_record.QUERY,
    }
    questions = dict(_QUESTIONS)
    boot = [f"{_BY_NAME}/{name}" for name in _BOOT]
    if profile is not None:
        queries["presence"], queries["page"] = host.queries(profile)
        queries["tools"] = FIND_MISSING
        partitions = profile.all_partitions
        questions["partitions"] = _partitions_query([partitions[name].path for name in sorted(partitions)])
        boot = [partitions[name].path for name in _BOOT if name in partitions]
    questions |= {f"header {path}": _header_query(path) for path in boot}
    asked = {**queries, **{name: f"{{ {one}; }} 2>/dev/null" for name, one in questions.items()}}
    outputs, problem = _collect(handset, asked, greeting.root_shell or SHELL)
    return Answers(
        greeting=greeting,
        kernel=_kernel(outputs.get("kernel")),
        recovery="mode" in outputs and is_recovery(outputs["mode"]),
        texts={name: outputs[name].text for name in questions if name in outputs},
        outputs=outputs,
        problem=problem,
    )


def _partitions_query(paths: Sequence[str]) -> str:
    """Return a command that prints device node, size and write protection of each, as one answer each."""
    words = " ".join(map(shlex.quote, paths))
    look = "test -b $one && readlink -f $one && blockdev --getsize64 $one && blockdev --getro $one"
    return f"for one in {words}; do {look}; echo {SEPARATOR}; done"


def _header_query(path: str) -> str:
    """Return a command that prints the header page of a boot partition in hexadecimal."""
    return f"head -c {HEADER_SIZE} < {shlex.quote(path)} | od -v -An -tx1"


def _collect(
    handset: Handset, queries: Mapping[str, str], template: str
) -> tuple[dict[str, Output], str | None]:
    """Return the outputs of queries by their names, as far as they come, and why no more came."""
    outputs: dict[str, Output] = {}
    try:
        for batch in _batches(queries):
            commands = [(queries[name], QUICK_S) for name in batch]
            for name, output in zip(
                batch, handset.transport.shells(commands, template=template), strict=False
            ):
                outputs[name] = output
    except DeviceError as error:
        log.detail(error.what)
        return outputs, error.what
    missed = [name for name in queries if name not in outputs]
    return outputs, f"its shell ended before it was asked about: {', '.join(missed)}" if missed else None


def _batches(queries: Mapping[str, str]) -> Iterator[list[str]]:
    """Yield the names of queries that are sent at once: phones before Android 7 take 4 KiB."""
    batch: list[str] = []
    size = 0
    for name, query in queries.items():
        length = len(shlex.quote(query)) + _PER_COMMAND
        if batch and size + length > _BATCH:
            yield batch
            batch, size = [], 0
        batch.append(name)
        size += length
    yield batch


def _kernel(output: Output | None) -> KernelIdentity | None:
    if output is None:
        return None
    try:
        return parse_kernel(output)
    except DeviceError as error:
        log.detail(error.what)
        return None
