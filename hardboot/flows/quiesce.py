"""Bring the running system to rest: kexec and a reset do not wait for what was not written yet.

Each step has a time limit, says what came of it, and does not keep the next one from being tried. All of them
are one root command: a root shell can take longer to start than what it is asked to do.
"""

import time
from collections.abc import Iterator

from hardboot.base import log
from hardboot.base.errors import DeviceError
from hardboot.device.phone import Phone
from hardboot.flows.journal import Rested
from hardboot.transport.base import Output

_QUICK_S = 20.0
_SYNC_S = 60.0  # an eMMC writes back some hundred MiB in this time

# Android's `stop` ends zygote and with it all apps. Its property says when.
_FRAMEWORK = """
[ "$(getprop init.svc.zygote)" = running ] || { echo none runs; exit 0; }
stop
for second in 1 2 3 4 5 6 7 8 9 10; do
	[ "$(getprop init.svc.zygote)" = running ] || exit 0
	sleep 1
done
echo it still runs; exit 1"""
# init's view: a root shell may have mounts of its own. The last mounted goes first: it may lie on another.
_WRITABLE = r"""
writable() {
	points=
	while read -r device point kind options rest; do
		case $device,$options, in /dev/*,rw,*) points="$device $point $points" ;; esac
	done </proc/1/mounts
}
"""
# What is open for writing cannot be remounted one by one; SysRq u does that by force, and in the background.
_READ_ONLY = f"""{_WRITABLE}
writable
set -- $points
while [ $# -ge 2 ]; do
	mount -o remount,ro "$1" "$2" 2>/dev/null
	shift 2
done
writable
[ -n "$points" ] || exit 0
echo u >/proc/sysrq-trigger
for second in 1 2 3 4 5 6 7 8 9 10; do
	writable
	[ -n "$points" ] || exit 0
	sleep 1
done
set -- $points
while [ $# -ge 2 ]; do
	echo "$2 is still writable"
	shift 2
done
exit 1"""
_FLUSH = r"""
while read -r device rest; do
	case $device in /dev/*) [ ! -b "$device" ] || blockdev --flushbufs "$device" 2>&1 || exit 1 ;; esac
done </proc/1/mounts"""

# Name, what people see meanwhile, what root runs, its seconds. Exit code 0: done; what is printed is told.
_STEPS = (
    ("framework", "Stopping the Android framework", _FRAMEWORK, _QUICK_S),
    ("sync", "Writing everything back", "sync", _SYNC_S),
    ("read-only", "Making the file systems read-only", _READ_ONLY, _QUICK_S + _SYNC_S),
    ("flush", "Flushing the block devices", _FLUSH, _SYNC_S),
)


def quiesce(phone: Phone) -> list[Rested]:
    """Stop what writes, write everything back, make the file systems read-only; warn of what did not work."""
    rested = []
    answers: Iterator[Output] = iter(())
    for number, (name, title, _, _) in enumerate(_STEPS):
        start = time.monotonic()
        with log.step(title):
            try:
                output = next(answers, None)
                if output is None:  # at first, and when the one before hangs or took the shell down with it
                    answers = phone.root_steps([(script, limit_s) for *_, script, limit_s in _STEPS[number:]])
                    output = next(answers)
                done, said = output.code == 0, " ".join(output.text.split())[-200:]
            except DeviceError as error:
                done, said = False, error.what
        rested.append(Rested(name, said or ("done" if done else "failed"), done, time.monotonic() - start))
        if not done:
            log.warn(f"{title.lower()}: {rested[-1].result}")
    return rested
