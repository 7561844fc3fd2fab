"""Start what is loaded: bring the system to rest, leave the kernel, and prove what came up."""

from hardboot.base import log
from hardboot.base.errors import DeviceError, DeviceStateError, RefusedError
from hardboot.device import cpus, handset, host, record
from hardboot.device.phone import KernelIdentity, Phone
from hardboot.device.record import SOFT, Found, Loaded
from hardboot.flows.journal import GUEST_UP, HOST_CAME_BACK, PHONE_SILENT, Journal
from hardboot.flows.quiesce import quiesce
from hardboot.flows.restart import last_word, wait_for_change
from hardboot.payload import agent

_EXEC_LOG = "/dev/hardboot-exec"  # /dev is in RAM: it can be written when /data is read-only
_SETTLE_S = 10.0  # a kernel that still answers after this has not been left
_READ_LOG = "Read what the ROM said last: hardboot log"


def execute(phone: Phone, journal: Journal, *, wait_s: float, rest: bool = True) -> None:
    """Start what is loaded on the phone, whoever loaded it and when.

    Args:
        phone: The phone.
        journal: Takes what is started, the phases and the outcome.
        wait_s: Seconds the guest may take to answer.
        rest: Bring the system to rest first.

    Raises:
        RefusedError: If nothing is loaded, or nobody knows what, or a CPU stays online.
        DeviceStateError: If the phone stays silent, or does not leave its kernel.
        DeviceError: If the host kernel came back instead of the guest.
    """
    with journal.phase("look"), log.step("Looking at what is loaded"):
        kernel, found, kept = phone.roots(handset.KERNEL, record.QUESTION, host.IS_KEPT)
        journal.host = before = handset.parse_kernel(kernel)
        loaded = _startable(record.parse(found, before))
        journal.loaded = loaded
        program = host.kept_agent(phone, kept)
        if loaded.start == SOFT:
            cpus.offline(phone)
    log.say(f"Starting {loaded}")
    if rest:
        with journal.phase("quiesce"):
            journal.rest = quiesce(phone)
    soft = loaded.start == SOFT
    title = "Starting the guest without a reset" if soft else "Resetting the hardware, waiting for the guest"
    with journal.phase("start" if soft else "reset and boot"), log.step(title):
        _leave(phone, program, phone.profile.soft.unbind if soft else ())

        def still(seconds: float) -> None:
            if seconds > _SETTLE_S:
                raise _not_left(phone.root(f"cat {_EXEC_LOG}").text)

        now = wait_for_change(phone, before, wait_s=wait_s, still=still)
    _judge(loaded, journal, now, wait_s)
    phone.clean()


def _startable(found: Found) -> Loaded:
    if found.record is None and not found.loaded:
        raise RefusedError(
            "nothing is loaded on this phone",
            state="Nothing was started.",
            fix="Load an image first: hardboot load IMAGE",
        )
    if found.record is None:
        raise RefusedError(
            "hardboot has no record of what is loaded: another program did it, or a load was cut off",
            state="Nothing was started; it stays loaded.",
            fix="Load it again (hardboot load IMAGE), or drop it: hardboot unload",
        )
    return found.record


def _leave(phone: Phone, program: str, drivers: tuple[str, ...]) -> None:
    """Let the agent start what is loaded, in the background: the connection dies with the phone."""
    words = ["sleep 0.1"] if drivers else []  # for the answer to get away, before the network goes
    words += [
        f'for one in {folder}/*/; do one=${{one%/}}; one=${{one##*/}}; [ "$one" = module ] || '
        f'echo "$one" >{folder}/unbind; done'
        for folder in drivers
    ]
    words.append(f"exec {agent.exec_command(program)}")
    # Who hangs up does not stop it: what starts with HUP ignored keeps it so. No program more than needed.
    background = f"({'; '.join(words)}) </dev/null >{_EXEC_LOG} 2>&1 &"
    last_word(phone, f"trap '' HUP; {background}")


def _not_left(said: str) -> DeviceStateError:
    cause = agent.failure("exec", said).what if said.strip() else "the running kernel says nothing"
    return DeviceStateError(
        f"the phone did not leave its kernel: {cause}",
        state="The ROM is loaded, the kernel still runs, Android is stopped, /data is read-only.",
        fix="Restart the phone: adb reboot",
    )


def _judge(loaded: Loaded, journal: Journal, now: KernelIdentity | None, wait_s: float) -> None:
    """Say what came up: the mark of this load in its command line is the proof."""
    if now is None:
        journal.outcome = PHONE_SILENT
        did = "left its kernel" if loaded.start == SOFT else "was reset"
        raise DeviceStateError(
            f"the phone {did} and has been silent for {wait_s:.0f} s",
            state="Nothing was flashed: the boot partition is as it was.",
            fix="Hold the power button to restart it into its host kernel. "
            f"{_READ_LOG}. A slow ROM: --wait SECONDS.",
        )
    if loaded.mark not in now.cmdline.split():
        journal.outcome = HOST_CAME_BACK
        raise DeviceError(
            f"the host kernel came back ({now.release}) instead of the ROM",
            state="Nothing was flashed: the phone runs its own system, restarted.",
            fix="The ROM crashed"
            + ("" if loaded.start == SOFT else ", or the record did not survive the reset")
            + f". {_READ_LOG}",
        )
    journal.outcome = GUEST_UP
    journal.guest = now
    if loaded.release and loaded.release != now.release:
        log.warn(f"the guest says it is {now.release}, the image holds {loaded.release}")
