"""The phone's partitions, its /data and its battery."""

import re

from hardboot.base.errors import HardbootError
from hardboot.base.sizes import human_size
from hardboot.device import battery
from hardboot.device.phone import Phone, check_tools
from hardboot.device.shells import answers as split
from hardboot.device.staging import free_bytes
from hardboot.doctor.line import Line, missing, ok, unknown
from hardboot.doctor.questions import Answers
from hardboot.transport.base import Output

_LEAST_ROOM = 256 << 20  # bytes: a ROM's kernel, ramdisk and trees, twice those of today's phones


def lines(answers: Answers, phone: Phone | None) -> list[Line]:
    """Return the lines of storage and power.

    Args:
        answers: Of the phone.
        phone: With its profile; None without one.
    """
    return [_partitions(answers, phone), _room(answers), _encryption(answers), _battery(answers)]


def is_read_only(answers: Answers) -> bool:
    """Return whether /data is mounted read-only; nothing can be sent to the phone then."""
    mounted = re.findall(r"^\S+ /data \S+ (\S+)", answers.text("mounts"), re.MULTILINE)
    return bool(mounted) and "ro" in mounted[-1].split(",")


def _partitions(answers: Answers, phone: Phone | None) -> Line:
    name = "partitions"
    if phone is None:
        return unknown(name, "no profile says where they are", "Look on the phone: ls -l /dev/block/by-name")
    known = sorted(phone.profile.all_partitions)
    if not known:
        return unknown(name, "the profile knows none", f"hardboot devices show {phone.profile.name}")
    if not answers.is_root:
        return unknown(name, answers.silence, "Root the phone.")
    if answers.problem:
        return unknown(name, answers.problem, "Try again.")
    try:
        check_tools(answers.outputs["tools"])
        for one, text in zip(known, split(answers.text("partitions")), strict=False):
            phone.parse_partition(one, Output(text, 0))
    except HardbootError as error:
        return missing(name, error.what, error.fix)
    return ok(name, f"{', '.join(phone.profile.partitions)}: as the profile says")


def _room(answers: Answers) -> Line:
    name, text = "room on /data", answers.text("room")
    if is_read_only(answers):
        return missing(name, "/data is read-only", "Restart the phone; it is so after an error or a panic.")
    size = free_bytes(text)
    if size is None:
        return unknown(name, "the phone does not tell", "Look on the phone: df /data")
    if size < _LEAST_ROOM:
        return missing(
            name, f"{human_size(size)} free", f"Free some: a ROM may need {human_size(_LEAST_ROOM)}."
        )
    return ok(name, f"{human_size(size)} free")


def _encryption(answers: Answers) -> Line:
    name, known = "encryption", answers.greeting.properties
    state, kind = known.get("ro.crypto.state", ""), known.get("ro.crypto.type", "")
    if state == "unencrypted":
        return ok(name, "/data is not encrypted: ROMs can read it")
    if state == "encrypted":
        kinds = {"file": "by file", "block": "as a whole"}
        value = f"/data is encrypted{' ' + kinds[kind] if kind in kinds else ''}"
        if known.get("ro.crypto.metadata.enabled") == "true":
            value += ", and so is its metadata"
        return ok(name, f"{value}: other systems cannot read it")
    return unknown(name, "the phone does not tell", "Look on the phone: getprop ro.crypto.state; mount")


def _battery(answers: Answers) -> Line:
    name = "battery"
    known = battery.parse(answers.text(name))
    if known is None:
        return unknown(name, "the phone shows none", "Look at its screen: a write must not be cut off.")
    value = f"{known.level} %, {known.status}" if known.status else f"{known.level} %"
    if known.level < battery.MINIMUM and not known.charging:
        return missing(name, value, f"Charge it to {battery.MINIMUM} % before anything is written.")
    return ok(name, value)
