"""What the bootloader allows and passes on: its lock, verified boot, slots, and the image that it starts.

Sources: AOSP docs, "Verified boot": androidboot.verifiedbootstate is green, yellow, orange or red,
androidboot.vbmeta.device_state locked or unlocked, androidboot.flash.locked 1 or 0.
"""

from contextlib import suppress

from hardboot.base import cmdline as cmdlines
from hardboot.base.errors import HardbootError, InputError
from hardboot.device import slots, unlocked
from hardboot.doctor.line import Line, missing, ok, unknown
from hardboot.doctor.questions import HEADER_SIZE, Answers
from hardboot.formats.boot import bootconfig, headerpage
from hardboot.formats.boot.bootheader import BootHeaderPxa

_UNLOCK = "Unlock it the way its maker intends (often: fastboot flashing unlock). That erases all its data."
_ASK = "Ask the bootloader: adb reboot bootloader, then fastboot getvar unlocked"
_VERIFIED = {
    "green": "only images signed by the phone's maker start",
    "yellow": "only images signed with the owner's key start",
    "red": "the images of this slot are damaged or not signed",
}


def is_locked(answers: Answers) -> bool | None:
    """Return whether the bootloader is locked; None if it does not tell, or contradicts itself."""
    sources = ({name: ask(answers, name) for name in unlocked.NAMES} for ask in (_told_kernel, _property))
    known = unlocked.judge(*sources)
    return None if known is None else not known


def word(answers: Answers, name: str) -> str:
    """Return what the bootloader passes as androidboot.NAME; "" if it does not.

    Root solutions change the properties, to hide that the phone is unlocked: what the kernel got comes first.
    """
    return _told_kernel(answers, name) or _property(answers, name)


def _told_kernel(answers: Answers, name: str) -> str:
    key = f"androidboot.{name}"
    with suppress(InputError):
        values = bootconfig.parse(answers.text("bootconfig")).get(key)
        if values is not None:
            return ",".join(values)
    return (answers.kernel and cmdlines.last_value(answers.kernel.cmdline, key)) or ""


def _property(answers: Answers, name: str) -> str:
    return answers.greeting.properties.get(f"ro.boot.{name}", "")


def lines(answers: Answers, header_path: str | None) -> list[Line]:
    """Return the lines of the bootloader.

    Args:
        answers: Of the phone.
        header_path: Of the boot partition that is running; None if unknown.
    """
    return [_lock(answers), _verified(answers), _slots(answers), _header(answers, header_path)]


def _lock(answers: Answers) -> Line:
    said = {name: value for name in unlocked.NAMES if (value := word(answers, name))}
    shown = ", ".join(f"{name}={value}" for name, value in said.items())
    locked = is_locked(answers)
    if locked is None:
        value = f"the bootloader contradicts itself: {shown}" if said else "the bootloader does not tell"
        return unknown("lock", value, _ASK)
    return missing("lock", f"locked ({shown})", _UNLOCK) if locked else ok("lock", f"unlocked ({shown})")


def _verified(answers: Answers) -> Line:
    state = word(answers, "verifiedbootstate")
    if state == "orange":
        return ok("verified boot", "orange: images of any origin start")
    if state in _VERIFIED:
        how = _UNLOCK if state != "red" else "Write images that fit the phone, or restore a backup."
        return missing("verified boot", f"{state}: {_VERIFIED[state]}", how)
    value = f"{state!r}, which is not a state of verified boot" if state else "the bootloader does not tell"
    return unknown("verified boot", value, "Older phones have none; a start screen with a warning is orange.")


def slot(answers: Answers) -> str | None:
    """Return the running slot, "a" or "b"; None if there is none, or the phone does not tell."""
    output = answers.outputs.get("slot")
    try:
        return slots.parse(output) if output else None
    except HardbootError:
        return None


def _slots(answers: Answers) -> Line:
    running = slot(answers)
    if running:
        return ok("slots", f"a and b; {running} is running")
    names = {path.rpartition("/")[2] for path in answers.paths}
    if "boot_a" in names:
        output = answers.outputs.get("slot")
        try:
            slots.parse(output) if output else None
        except HardbootError as error:
            return unknown("slots", error.what, error.fix)
    if "boot" in names:
        return ok("slots", "none: one boot partition")
    return unknown("slots", answers.silence, "Look on the phone, as root: ls -l /dev/block/by-name")


def _header(answers: Answers, path: str | None) -> Line:
    name, how = "boot image", answers.as_root("Read it: hardboot backup -o boot.img; hardboot info boot.img")
    if path is None:
        return unknown(name, "the boot partition is not known", "Look on the phone: ls -l /dev/block/by-name")
    digits = answers.text(f"header {path}").split()
    if not digits:
        return unknown(name, answers.silence, how)
    try:
        header = headerpage.parse_header(bytes.fromhex("".join(digits))[:HEADER_SIZE])
    except (InputError, ValueError) as error:
        return unknown(name, error.what if isinstance(error, InputError) else f"{path} is not readable", how)
    version = "Samsung's PXA header" if isinstance(header, BootHeaderPxa) else f"header v{header.VERSION}"
    return ok(name, f"{version}, in {path}")
