"""A phone without a phone: a small model of its disk, shell, kernels and root, on a clock that tests move.

Everything between hardboot and the phone goes through the transport's own interface; behind it run the very
commands that hardboot sends. Faults are said beforehand: `phone.fault("dd *of=/dev/block/*", hangs_s=90)`.
"""

from scripted_phone.faults import Fault, flip
from scripted_phone.files import BlockDevice, File, Mount
from scripted_phone.kernels import Image, Kernel, Segment
from scripted_phone.phone import HOST, STOCK, Root, ScriptedPhone
from scripted_phone.ramoops import Ramoops
from scripted_phone.transport import ScriptedTransport

__all__ = [
    "HOST",
    "STOCK",
    "BlockDevice",
    "Fault",
    "File",
    "Image",
    "Kernel",
    "Mount",
    "Ramoops",
    "Root",
    "ScriptedPhone",
    "ScriptedTransport",
    "Segment",
    "flip",
]
