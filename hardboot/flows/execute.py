"""Start what is loaded: quiesce the system, leave the kernel, and prove which kernel came up."""

from collections.abc import Sequence

from hardboot.base import log
from hardboot.base.errors import DeviceStateError, RefusedError
from hardboot.base.interrupts import if_cut_off
from hardboot.device import cpus, host, record
from hardboot.device.handset import KERNEL, KernelIdentity, parse_kernel
from hardboot.device.phone import Phone
from hardboot.device.record import SOFT, Loaded, LoadState
from hardboot.flows import verdict
from hardboot.flows.journal import NOT_LEFT, Journal
from hardboot.flows.quiesce import quiesce_system
from hardboot.flows.restart import run_detached, wait_for_change
from hardboot.payload import agent, agent_errors
from hardboot.transport.base import Output

_EXEC_LOG = "/dev/hardboot-exec"  # /dev is in RAM: it can be written when /data is read-only
_LEAVE_S = 10.0  # a kernel that still answers after this was not left
_RESTART = "Restart the phone: hardboot reboot"


# For `roots`: what `execute` looks at first.
LOOK = (KERNEL, record.QUERY, host.IS_KEPT)


def execute(
    phone: Phone,
    journal: Journal,
    *,
    wait_s: float,
    quiesce: bool = True,
    looked: Sequence[Output] | None = None,
) -> None:
    """Start what is loaded on the phone, whoever loaded it and when, and prove which kernel came up.

    Args:
        phone: The phone.
        journal: Takes what is started, the phases and the outcome.
        wait_s: Seconds the guest may take to answer.
        quiesce: Quiesce the system first.
        looked: The outputs of LOOK, if the phone was just asked.

    Raises:
        RefusedError: If nothing is loaded, or something without a record, or a CPU stays online, or another
            command uses the phone.
        DeviceStateError: If the phone stays silent, or does not leave its kernel.
        DeviceError: If the host kernel came back instead of the guest.
    """
    now = start(phone, journal, wait_s=wait_s, quiesce=quiesce, looked=looked)
    assert journal.loaded is not None
    verdict.judge(journal.loaded, journal, now, wait_s=wait_s)
    with if_cut_off(f"{_event(journal.loaded)} had been sent, and the ROM is running."):
        phone.clean()


def start(
    phone: Phone,
    journal: Journal,
    *,
    wait_s: float,
    quiesce: bool = True,
    looked: Sequence[Output] | None = None,
    unbind: bool = False,
) -> KernelIdentity | None:
    """Start what is loaded, and return the kernel that answers next; None if none does in time.

    See `execute` for errors and the other arguments.

    Args:
        phone: The phone.
        journal: Takes what is started and the phases.
        wait_s: Seconds until the next kernel must answer.
        quiesce: Quiesce the system first.
        looked: The outputs of LOOK.
        unbind: Also before a reset, unbind the drivers whose devices would go on writing to RAM.
    """
    with (
        if_cut_off("Nothing was started; what is loaded stays loaded until the phone restarts."),
        journal.phase("look"),
        log.step("Looking at what is loaded"),
    ):
        kernel, state, kept = looked or phone.hold(*LOOK)
        journal.host = before = parse_kernel(kernel)
        loaded = startable(record.parse(state, before))
        journal.loaded = loaded
        program = host.kept_agent(phone, kept)
        if loaded.start == SOFT:
            with if_cut_off("Nothing was started; CPUs may be offline until the phone restarts.", _RESTART):
                cpus.offline(phone)
    log.say(f"Booting {loaded} {loaded.method}")
    if quiesce:
        with (
            if_cut_off(
                "The ROM was not started. Android may be stopped, and /data read-only, until a restart.",
                _RESTART,
            ),
            journal.phase("quiesce"),
        ):
            journal.quiesce = quiesce_system(phone)
    soft = loaded.start == SOFT
    title = "Starting the guest by soft kexec" if soft else "Resetting the hardware, waiting for the guest"
    with journal.phase("start" if soft else "reset and boot"), log.step(title):
        event = _event(loaded)
        with if_cut_off(f"{event} may have been sent; it is not known whether the ROM runs.", unknown=True):
            _leave_kernel(phone, program, phone.profile.soft.unbind if soft or unbind else ())

        def on_old_kernel(seconds: float) -> None:
            if seconds > _LEAVE_S:
                journal.output["agent exec"] = text = phone.root(f"cat {_EXEC_LOG}").text
                journal.outcome = NOT_LEFT
                raise _not_left(text, quiesced=quiesce)

        with if_cut_off(f"{event} had been sent; it is not known whether the ROM runs.", unknown=True):
            return wait_for_change(phone, before, wait_s=wait_s, on_old_kernel=on_old_kernel)


def _event(loaded: Loaded) -> str:
    return "The soft kexec" if loaded.start == SOFT else "The reset"


def startable(state: LoadState) -> Loaded:
    """Return the record of what is loaded.

    Raises:
        RefusedError: If nothing is loaded, or something without a record.
    """
    if state.record is not None:
        return state.record
    if not state.loaded:
        raise RefusedError(
            "nothing is loaded on this phone",
            state="Nothing was started.",
            fix="Load an image first: hardboot load IMAGE",
        )
    raise RefusedError(
        "hardboot has no record of what is loaded: another program loaded it, or a load was interrupted",
        state="Nothing was started; it stays loaded.",
        fix="Load the image again: hardboot load IMAGE. Or unload it: hardboot unload",
    )


def _leave_kernel(phone: Phone, program: str, drivers: tuple[str, ...]) -> None:
    """Let the agent start what is loaded, in the background: the connection ends with the kernel.

    Args:
        phone: The phone.
        program: The path of the agent.
        drivers: Folders in /sys of drivers that are unbound from their devices first.
    """
    commands = ["sleep 0.1"] if drivers else []  # lets the answer get through before the network goes down
    commands += [
        f"for device in {folder}/*/; do device=${{device%/}}; device=${{device##*/}}; "
        f'[ "$device" = module ] || echo "$device" >{folder}/unbind; done'
        for folder in drivers
    ]
    commands.append(f"exec {agent.exec_command(program)}")
    # Ignore SIGHUP: the end of the connection must not stop it. `exec` keeps that.
    background = f"({'; '.join(commands)}) </dev/null >{_EXEC_LOG} 2>&1 &"
    run_detached(phone, phone.guarded(f"trap '' HUP; {background}"))


def _not_left(text: str, *, quiesced: bool) -> DeviceStateError:
    cause = agent_errors.failure("exec", text).what if text.strip() else "the running kernel gives no reason"
    return DeviceStateError(
        f"the phone did not leave its kernel: {cause}",
        state="The ROM is loaded, the old kernel is running"
        + (", Android is stopped, /data is read-only." if quiesced else "."),
        fix=_RESTART,
    )
