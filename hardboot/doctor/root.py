"""Root: whether the ADB shell gets it, and which program gives it.

Sources for what su -v prints: Magisk, native/src/core/su/su.cpp ("VERSION:MAGISKSU"); tiann/KernelSU,
userspace/ksud/src/su.rs ("VERSION:KernelSU"); bmax121/APatch, apd/src/apd.rs ("VERSION:APatch").
"""

from hardboot.device.shells import ROOT_SHELLS
from hardboot.doctor.line import Line, missing, ok
from hardboot.doctor.questions import Answers

_BY_VERSION = {
    "MAGISKSU": "Magisk",
    "KERNELSU": "KernelSU",
    "APATCH": "APatch",
    "SUPERSU": "SuperSU",
}
_BY_FOLDER = {"/data/adb/magisk": "Magisk", "/data/adb/ksu": "KernelSU", "/data/adb/ap": "APatch"}
_SHOWN = 60  # characters of what su prints


def line(answers: Answers) -> Line:
    """Return the line about root."""
    greeting = answers.greeting
    manager = _manager(answers)
    if greeting.root_shell is None:
        if manager:
            how = f"Grant root to the shell (com.android.shell) in the app of {manager}."
            return missing("root", f"not granted to the ADB shell, though {manager} is there", how)
        how = "Root the phone with Magisk, KernelSU or APatch (docs/root.md), and grant root to the shell."
        return missing("root", "none", how)
    if greeting.root_shell == ROOT_SHELLS[0]:
        return ok("root", "adbd runs as root" + (f", beside {manager}" if manager else ""))
    shown = greeting.root_shell.replace("{}", "COMMAND")
    return ok("root", f"{shown} gives it" + (f", of {manager}" if manager else ""))


def _manager(answers: Answers) -> str:
    """Return the program that gives root, with what its su prints as its version; "" if nothing tells."""
    said = " ".join(answers.greeting.su.split())[:_SHOWN]
    name = next((one for word, one in _BY_VERSION.items() if word in said.upper()), "")
    if name:
        return f"{name} ({said})"
    folders = [one for path, one in _BY_FOLDER.items() if path in answers.paths]
    # Folders outlive what made them: two of them tell nothing.
    return folders[0] if len(folders) == 1 else ""
