"""RAM in which a kernel keeps logs: the next kernel shows them, if the RAM survived the restart."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scripted_phone.files import Special

if TYPE_CHECKING:
    from scripted_phone.phone import ScriptedPhone

_PSTORE = "/sys/fs/pstore"
MODE = "/sys/kernel/reboot/mode"


@dataclass
class Ramoops:
    """The region, and what the running kernel writes into it.

    Attributes:
        pmsg: Whether there is /dev/pmsg0.
        console: Whether the kernel's own log is kept, too.
        tells: Whether the kernel shows what the driver uses.
        has_mode: Whether it can be told to do a warm reset.
        cleared_by: Restarts over which the content is lost: plain, warm, command, panic, exec.
    """

    pmsg: bool = True
    console: bool = True
    tells: bool = True
    has_mode: bool = True
    cleared_by: set[str] = field(default_factory=set)
    written: dict[str, bytes] = field(default_factory=dict)

    def left_by(self, phone: "ScriptedPhone", restart: str) -> None:
        """Note how the kernel is left: what it wrote is lost, or shown by the next one."""
        mode = phone.files.find(MODE)
        if restart == "plain" and mode and mode.read().strip() == b"warm":
            restart = "warm"
        if restart in self.cleared_by:
            self.written = {}
        elif restart == "panic":
            self.written["dmesg-ramoops-0"] = b"Panic#1\n" + self.written.get("console-ramoops-0", b"")

    def show(self, phone: "ScriptedPhone") -> None:
        """Show what the last kernel wrote, and take what this one writes."""
        for name, content in self.written.items():
            phone.add_file(f"{_PSTORE}/{name}", content, mode=0o440)
        self.written = {}
        self._take(phone, "/dev/kmsg", "console-ramoops-0" if self.console else "")
        if self.pmsg:
            self._take(phone, "/dev/pmsg0", "pmsg-ramoops-0")
        if self.tells:
            phone.show("/sys/module/pstore/parameters/backend", lambda: "ramoops\n")
            for name, value in (("mem_address", 0x44100000), ("console_size", 0x80000 * self.console)):
                phone.show(f"/sys/module/ramoops/parameters/{name}", f"{value}\n".format)
        if self.has_mode:
            values = [b"cold\n"]
            phone.show(MODE, lambda: values[-1], values.append)

    def keep(self, name: str, data: bytes) -> None:
        """Write to a log."""
        if name:
            self.written[name] = self.written.get(name, b"") + data

    def _take(self, phone: "ScriptedPhone", path: str, name: str) -> None:
        phone.files.add(path, Special(mode=0o600, does=lambda data: self.keep(name, data)))
