"""The phone's other CPUs: without a reset nothing else stops them from running on in the old kernel."""

from hardboot.base.errors import RefusedError
from hardboot.device.handset import read
from hardboot.device.phone import Phone
from hardboot.transport.base import Output

_CPUS = "/sys/devices/system/cpu"
# For `roots`, together with other questions; `parse` reads the answer.
QUESTION = (
    f"cd {_CPUS} && for cpu in cpu[1-9]*; do [ ! -d $cpu ] || [ -e $cpu/online ] || echo $cpu; done; true"
)
_WITHOUT_SOFT = "Leave --soft out: a reset stops every CPU."


def check(phone: Phone) -> None:
    """See that all CPUs but the first can be taken offline.

    Raises:
        RefusedError: If the kernel has no switch for one (CONFIG_HOTPLUG_CPU).
    """
    parse(phone.root(QUESTION))


def parse(answer: Output) -> None:
    """See that in the answer to QUESTION. Raises RefusedError like `check`."""
    stuck = read(QUESTION, answer)
    if stuck:
        raise RefusedError(
            f"the running kernel cannot take {' '.join(stuck.split())} offline (CONFIG_HOTPLUG_CPU)",
            state="Nothing was loaded.",
            fix=_WITHOUT_SOFT,
        )


def offline(phone: Phone) -> None:
    """Take all CPUs but the first offline.

    Raises:
        RefusedError: If one does not go; all are online again then.
    """
    switch = f"for cpu in {_CPUS}/cpu[1-9]*/online; do [ ! -e $cpu ] || echo {{}} > $cpu; done 2>/dev/null"
    left = phone.read(f"{switch.format(0)}; cat {_CPUS}/online")
    if left != "0":
        phone.root(switch.format(1))
        raise RefusedError(
            f"the CPUs {left} are online and should be 0 alone: the kernel or a daemon keeps them",
            state="Nothing was started; what is loaded stays loaded.",
            fix=f"Stop the daemon that manages CPUs (mpdecision, for one), or load it again. {_WITHOUT_SOFT}",
        )
