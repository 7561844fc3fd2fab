"""Boot an image from RAM: check, plan, push, load, reset, and prove which kernel came up."""

import secrets
import shlex
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hardboot import cmdline as cmdlines
from hardboot import devicetree, host, layout, log
from hardboot.cmdline import CommandLine
from hardboot.errors import DeviceError, DeviceStateError, HardbootError
from hardboot.formats import bootimg
from hardboot.layout import BootPlan, LiveMemory
from hardboot.payload import agent
from hardboot.payload.agent import AgentSegment
from hardboot.phone import KernelIdentity, Phone
from hardboot.restart import wait_for_change
from hardboot.rom import NO_TREE, Rom

MARK = "androidboot.hardboot"  # with a number drawn for this boot: proof that this guest is the one we loaded
_EXEC_LOG = "/dev/hardboot-exec"  # /dev is in RAM: it can be written when /data is read-only
_LOAD_TIMEOUT_S = 120.0
_QUIESCE_S = 15.0
_SETTLE_S = 10.0  # a kernel that still answers after this has not been reset
_POLL_S = 0.2

GUEST_UP = "guest-up"
HOST_CAME_BACK = "host-came-back"
PHONE_SILENT = "phone-silent"


@dataclass(frozen=True)
class Phase:
    """One part of the way and the wall-clock seconds it took."""

    name: str
    seconds: float


@dataclass
class Journal:
    """What happened so far; filled as the flow goes on, complete also when it fails."""

    device: str
    serial: str
    phases: list[Phase] = field(default_factory=list)
    host: KernelIdentity | None = None
    guest: KernelIdentity | None = None
    outcome: str | None = None
    pushed_bytes: int = 0

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time what runs inside."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.phases.append(Phase(name, time.monotonic() - start))


@dataclass(frozen=True)
class Prepared:
    """A plan made for a connected phone; nothing was loaded."""

    rom: Rom
    plan: BootPlan
    mark: str
    tree_reason: str
    cmdline: CommandLine
    live: LiveMemory


def prepare(
    phone: Phone, rom: Rom, journal: Journal, *, cmdline: str | None = None, append: str | None = None
) -> Prepared:
    """Check the phone and plan the boot; nothing is pushed.

    Args:
        phone: The phone, running its host kernel.
        rom: What to boot.
        journal: Takes the phases.
        cmdline: Replaces the ROM's own kernel command line.
        append: Words behind it.

    Raises:
        DeviceError: If there is no root, or the phone does not answer.
        RefusedError: If the host kernel has no hardboot support, or the planner refuses.
    """
    with journal.phase("check"), log.step("Checking the phone"):
        journal.host = phone.kernel()
        host.look(phone)
        live = layout.parse_iomem(phone.read("cat /proc/iomem"))
        has_atags = phone.profile.dtb.kind == "none"
        tags = phone.atags() if has_atags else None
        live_tree = None if has_atags else phone.device_tree()
    with journal.phase("plan"), log.step("Planning"):
        mark = f"{MARK}={secrets.token_hex(4)}"
        own = (cmdlines.ROM, rom.cmdline) if cmdline is None else (cmdlines.REPLACED, cmdline)
        parts = [
            own,
            (cmdlines.BOOTLOADER, _bootloader_words(phone, journal.host.cmdline)),
            (cmdlines.APPENDED, append),
            (cmdlines.MARK, mark),
        ]
        line = cmdlines.compose(rom.cmdline, parts, size=cmdlines.SIZES[phone.profile.arch])
        choice = None if has_atags else devicetree.choose(rom.trees, phone.profile, live_tree)
        tree = choice.tree if choice else None
        guest = rom.guest(tree=tree, live_tree=live_tree, cmdline=line.text, atags=tags)
        plan = layout.plan(phone.profile, guest, live)
    return Prepared(rom, plan, mark, choice.reason if choice else NO_TREE, line, live)


def load(phone: Phone, prepared: Prepared, journal: Journal) -> None:
    """Push the segments and give them to the host kernel. The phone runs on as before.

    Raises:
        RefusedError: If the host kernel turns out to be no host for this profile.
        DeviceError: If something did not arrive or the kernel refused it; nothing is loaded then.
    """
    plan = prepared.plan
    with journal.phase("ask"), log.step("Asking the host kernel"):
        flag = host.check(phone.profile, host.ask(phone))
    with journal.phase("push"), tempfile.TemporaryDirectory() as folder:
        segments = []
        for segment in plan.segments:
            source = Path(folder) / segment.name
            source.write_bytes(segment.data)
            staged = phone.stage(source, segment.name)
            journal.pushed_bytes += len(segment.data)
            segments.append(AgentSegment(staged, segment.addr, segment.memsz))
    with journal.phase("load"), log.step("Loading"):
        output = phone.root(
            agent.load_command(host.AGENT, flag | agent.KEXEC_ARCH_DEFAULT, plan.entry, segments),
            timeout_s=_LOAD_TIMEOUT_S,
        )
        names = " ".join(shlex.quote(segment.file) for segment in segments)
        phone.shell(f"rm -f {names}")
        if output.code:
            raise agent.failure("load", output.text)


def execute(phone: Phone, prepared: Prepared, journal: Journal, *, wait_s: float) -> None:
    """Bring the file systems to rest, reset the phone into what is loaded, and see what came up.

    Raises:
        DeviceStateError: If the phone stays silent, or would not reset.
        DeviceError: If the host kernel came back instead of the guest.
    """
    assert journal.host is not None
    with journal.phase("sync"), log.step("Bringing the file systems to rest"):
        _quiesce(phone)
    with journal.phase("reset and boot"), log.step("Resetting the hardware, waiting for the guest"):
        # In the background: the connection dies with the phone, and not always with a word.
        start = f"setsid {agent.exec_command(host.AGENT)} </dev/null >{_EXEC_LOG} 2>&1 &"
        phone.root(start)

        def still(seconds: float) -> None:
            if seconds > _SETTLE_S:
                raise _not_reset(phone.root(f"cat {_EXEC_LOG}").text)

        now = wait_for_change(phone, journal.host, wait_s=wait_s, still=still)
    _judge(prepared, journal, now, wait_s)


def boot(phone: Phone, prepared: Prepared, journal: Journal, *, wait_s: float) -> None:
    """`load`, then `execute`; the staging folder is removed whatever happens."""
    try:
        load(phone, prepared, journal)
    except HardbootError:
        phone.clean()
        raise
    execute(phone, prepared, journal, wait_s=wait_s)
    phone.clean()


def _bootloader_words(phone: Phone, running: str) -> str:
    """What the bootloader added to the command line of the host image: a guest needs it too."""
    header = phone.pull_root_file(phone.partition("boot"), first=max(bootimg.PAGE_SIZES))
    quirks = phone.profile.cmdline
    return cmdlines.additions(
        running,
        "" if quirks.ignored else bootimg.parse_cmdline(header or b""),
        skip=quirks.skip,
        replaced=quirks.replaced,
        dropped=quirks.dropped,
    )


def _quiesce(phone: Phone) -> None:
    """Write everything back and make the file systems read-only: the reset will not wait for them."""
    phone.read("sync; echo s > /proc/sysrq-trigger; echo u > /proc/sysrq-trigger", timeout_s=_QUIESCE_S)
    deadline = time.monotonic() + _QUIESCE_S
    while time.monotonic() < deadline:
        if phone.root("grep -qE '^/dev/.* rw[, ]' /proc/mounts").code:
            return
        time.sleep(_POLL_S)
    log.warn("a file system is still writable; its journal will be replayed")


def _not_reset(said: str) -> DeviceStateError:
    cause = agent.failure("exec", said).what if said.strip() else "the host kernel runs on and says nothing"
    return DeviceStateError(
        f"the phone was not reset: {cause}",
        unchanged="The ROM is loaded, the host kernel still runs, /data is read-only.",
        fix="Restart the phone: adb reboot",
    )


def _judge(prepared: Prepared, journal: Journal, now: KernelIdentity | None, wait_s: float) -> None:
    """Say what came up: the mark of this boot in its command line is the proof."""
    if now is None:
        journal.outcome = PHONE_SILENT
        raise DeviceStateError(
            f"the phone was reset and has been silent for {wait_s:.0f} s",
            unchanged="Nothing was flashed: the boot partition is as it was.",
            fix="Hold the power button to restart it into its host kernel, then read what the ROM said last: "
            "adb shell su -c 'cat /sys/fs/pstore/console-ramoops*'. A slow ROM: --wait SECONDS.",
        )
    if prepared.mark not in now.cmdline.split():
        journal.outcome = HOST_CAME_BACK
        raise DeviceError(
            f"the host kernel came back ({now.release}) instead of the ROM",
            unchanged="Nothing was flashed: the phone runs its own system, restarted.",
            fix="The ROM crashed, or the record did not survive the reset. Read what the ROM said last: "
            "adb shell su -c 'cat /sys/fs/pstore/console-ramoops*'",
        )
    journal.outcome = GUEST_UP
    journal.guest = now
    expected = prepared.rom.release
    if expected and expected != now.release:
        log.warn(f"the guest says it is {now.release}, the image holds {expected}")
