"""The secondary CPUs: without a reset they must be offline, or they run on in the old kernel."""

from hardboot.base.errors import RefusedError
from hardboot.device.phone import Phone
from hardboot.device.shells import read
from hardboot.transport.base import Output

_CPUS = "/sys/devices/system/cpu"
# For `roots`, together with other queries; `parse` reads the output.
QUERY = f"cd {_CPUS} && for cpu in cpu[1-9]*; do [ ! -d $cpu ] || [ -e $cpu/online ] || echo $cpu; done; true"
_WITHOUT_SOFT = "Leave out --via soft: a reset stops every CPU."


def check(phone: Phone) -> None:
    """Check that all CPUs but the first can be taken offline.

    Raises:
        RefusedError: If the kernel has no switch for one of them (CONFIG_HOTPLUG_CPU).
    """
    parse(phone.root(QUERY))


def parse(output: Output) -> None:
    """Check the output of QUERY as `check` does."""
    stuck = read(QUERY, output)
    if stuck:
        raise RefusedError(
            f"the running kernel cannot take {' '.join(stuck.split())} offline (CONFIG_HOTPLUG_CPU)",
            state="Nothing was loaded.",
            fix=_WITHOUT_SOFT,
        )


def offline(phone: Phone) -> None:
    """Take all CPUs but the first offline.

    Raises:
        RefusedError: If one stays online; all are brought back online then.
    """
    switch = f"for cpu in {_CPUS}/cpu[1-9]*/online; do [ ! -e $cpu ] || echo {{}} > $cpu; done 2>/dev/null"
    left = phone.read(f"{switch.format(0)}; cat {_CPUS}/online")
    if left != "0":
        phone.root(switch.format(1))
        raise RefusedError(
            f"CPUs {left} are online, only CPU 0 should be: the kernel or a daemon keeps them online",
            state="Nothing was started; what is loaded stays loaded.",
            fix=f"Stop the daemon that manages CPUs (such as mpdecision). {_WITHOUT_SOFT}",
        )
