"""Quiesce the running system: neither kexec nor a reset waits for data that is not on the disk yet.

Each step has a time limit, reports its result, and the next one is tried in any case. All of them run in one
root shell: to start one can take longer than the steps do.
"""

import time
from collections.abc import Iterator

from hardboot.base import log
from hardboot.base.errors import DeviceError
from hardboot.device.phone import Phone
from hardboot.flows.journal import QuiesceStep
from hardboot.transport.base import Output

_QUICK_S = 20.0
_SYNC_S = 60.0  # an eMMC writes back some hundred MiB in this time
# Seconds between looks, 10 in all; short at first. A `sleep` that knows whole seconds only takes 0 for them.
_PAUSES = f"0.1 0.2 0.3 0.4 {'1 ' * 9}"

# Android's `stop` ends zygote and with it all apps; the property says when it has.
_FRAMEWORK = f"""
[ "$(getprop init.svc.zygote)" = running ] || {{ echo none is running; exit 0; }}
stop
for pause in {_PAUSES}; do
	[ "$(getprop init.svc.zygote)" = running ] || exit 0
	sleep $pause 2>/dev/null || sleep 1
done
echo it is still running; exit 1"""
# The mounts of init: a root shell may have a mount namespace of its own. The last mounted comes first: it may
# lie on another.
_WRITABLE = r"""
writable() {
	points=
	while read -r device point kind options rest; do
		case $device,$options, in /dev/*,rw,*) points="$device $point $points" ;; esac
	done </proc/1/mounts
}
"""
# A file system that is open for writing cannot be remounted; SysRq u does it by force, and in the background.
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
for pause in {_PAUSES}; do
	writable
	[ -n "$points" ] || exit 0
	sleep $pause 2>/dev/null || sleep 1
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

# Name, title, script for root, time limit in seconds. A script prints why it has nothing to do or failed.
_STEPS = (
    ("framework", "Stopping the Android framework", _FRAMEWORK, _QUICK_S),
    ("sync", "Writing all data to the disk", "sync", _SYNC_S),
    ("read-only", "Making the file systems read-only", _READ_ONLY, _QUICK_S + _SYNC_S),
    ("flush", "Flushing the block devices", _FLUSH, _SYNC_S),
)


def quiesce_system(phone: Phone) -> list[QuiesceStep]:
    """Stop Android, sync, make the file systems read-only and flush the disks; warn of a step that fails."""
    steps = []
    outputs: Iterator[Output] = iter(())
    for number, (name, title, _, _) in enumerate(_STEPS):
        start = time.monotonic()
        with log.step(title):
            try:
                output = next(outputs, None)
                if output is None:  # the first step, or the one before hung or took the shell down with it
                    outputs = phone.root_steps([(script, limit_s) for *_, script, limit_s in _STEPS[number:]])
                    output = next(outputs)
                done, text = output.code == 0, " ".join(output.text.split())[-200:]
            except DeviceError as error:
                done, text = False, error.what
        result = text or ("done" if done else "failed")
        steps.append(QuiesceStep(name, result, done, time.monotonic() - start))
        if not done:
            log.warn(f"{title.lower()}: {result}")
    return steps
