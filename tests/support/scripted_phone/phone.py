"""The scripted phone: its disk, its kernels, its root, and what goes wrong with it."""

import errno
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import partial
from typing import Concatenate, Literal, ParamSpec

from hardboot.payload import agent
from hardboot.transport.base import Output
from scripted_phone import blocks, kernels
from scripted_phone.calls import Call, Program
from scripted_phone.clock import Clock, Steps
from scripted_phone.disks import DISK_PROGRAMS
from scripted_phone.faults import NO_FAULT, Fault
from scripted_phone.files import (
    ADB,
    ROOT,
    BlockDevice,
    File,
    FileSystem,
    Folder,
    Link,
    Mount,
    Special,
    failure,
    may,
)
from scripted_phone.image_files import image_files
from scripted_phone.kernel_files import show_kernel
from scripted_phone.kernels import Image, Kernel, Running
from scripted_phone.programs import PROGRAMS, stand_still
from scripted_phone.ramoops import Ramoops
from scripted_phone.transport import ScriptedTransport, words_of

HOST = Kernel("6.1.0-host")
STOCK = Kernel("5.10.0-stock", page=None, flag=None, takes=1)
_LEAVE_S = 0.3  # a kernel on its way down still answers
_ZYGOTE = "init.svc.zygote"
_STEPS = re.compile(rb"tell (\S+)\nrestart (\w+)\n")
Guest = Literal["host", "nothing", "stays", "selftest", "dies"]
Root = Literal["adbd", "su -c", "su 0", None]
_P = ParamSpec("_P")


def _fault(kind: Callable[_P, Fault]) -> Callable[Concatenate["ScriptedPhone", _P], Fault]:
    """Return a method that takes what `kind` takes, and gives the phone the fault that it makes."""

    def fault(phone: "ScriptedPhone", /, *args: _P.args, **options: _P.kwargs) -> Fault:
        """Let something go wrong: see `Fault`."""
        made = kind(*args, **options)
        phone.faults.append(made)
        return made

    return fault


_BLOCK_COMMANDS = {
    "pour": blocks.pour,
    "reread": blocks.reread,
    "extents": blocks.extents,
    "pin": blocks.pin,
    "blocks": blocks.read,
}


@dataclass
class ScriptedPhone:
    """A phone of the model virt-arm; make it, change what is to be otherwise, and connect with `transport`.

    Attributes:
        root: How a root shell is had: "adbd" runs as root, "su -c", "su 0", or not at all.
        boots: Images that boot from the boot partition: their first bytes, and the kernel that comes up.
        rom: What a loaded image starts: a kernel; "host" if it crashes and the boot partition's comes
            back; "nothing" if the phone stays silent; "stays" if the running kernel cannot be left;
            "selftest" runs what hb-init is told in it; "dies" if its kernel does before that.
        runs_first: What runs in a guest before its kernel; returns more files that the guest shows.
        capture: The kernel that an image loaded for a crash starts.
        trees: What the bootloader gives every kernel: path to content.
        missing: Programs that the phone does not have.
        su_version: What `su -v` prints; "" if su takes that for a user.
        zygote_stops: Whether Android ends when told to.
        bootctl: Whether each slot is bootable and marked as successful, as its HAL says; None if the phone
            has no bootctl.
        bootctl_active: What `get-active-boot-slot` prints; None before version 1.2 of the HAL.
        chooses: What the bootloader starts at each restart, where it has a choice; None for what is in boot.
        bootloader: What happens in its bootloader, which then never ends by itself; None for one that starts
            the system at once.
        ramoops: RAM that keeps logs over a restart; None if its kernels have no driver for it.
        battery: Its charge in percent and its status, as sysfs shows them; None for a phone without one.
        faults: What goes wrong, see `fault`.
        events: What happened, in order: see `Fault.event`.
        commands: What was sent to be run.
    """

    serialno: str = "HBSCRIPT"
    adb_serial: str = "127.0.0.1:5599"
    root: Root = "su -c"
    clock: Clock = field(default_factory=Clock)
    properties: dict[str, str] = field(default_factory=dict)
    boots: list[tuple[bytes, Kernel]] = field(default_factory=list)
    rom: Kernel | Literal["host", "nothing", "stays", "selftest", "dies"] = field(
        default_factory=lambda: Kernel("6.6.0-rom")
    )
    runs_first: Callable[[Image], dict[str, bytes | None]] | None = None
    capture: Kernel | None = None
    trees: dict[str, bytes] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    zygote_stops: bool = True
    su_version: str = ""
    chooses: Callable[[], Kernel | None] | None = None
    bootctl: dict[int, tuple[bool, bool]] | None = None
    bootctl_active: int | None = None
    bootloader: Callable[[], Steps] | None = None
    ramoops: Ramoops | None = None
    battery: tuple[str, str] | None = ("80", "Discharging")
    faults: list[Fault] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.files = FileSystem()
        self.dropped = False
        self.running: Running | None = None
        self.epoch = 0  # grows when a kernel comes up or goes down
        self.boot = BlockDevice()
        self.properties = {
            "ro.product.device": "virt-arm",
            "ro.serialno": self.serialno,
            _ZYGOTE: "running",
        } | self.properties
        self.data = Mount("/dev/block/vda3", "/data")
        self.make_folder("/data/local/tmp")
        self.transport = ScriptedTransport(self)

    # Setting up

    def partition(self, name: str, content: bytes, *, size: int | None = None) -> BlockDevice:
        """Give the phone a partition with `content` at its start."""
        device = BlockDevice(flash=content.ljust(size or len(content), b"\0"))
        number = sum(isinstance(node, BlockDevice) for node in self.files.nodes.values()) + 1
        self.files.add(f"/dev/block/vda{number}", device)
        self.files.add(f"/dev/block/by-name/{name}", Link(target=f"/dev/block/vda{number}"))
        if name == "boot":
            self.boot = device
        return device

    def add_file(self, path: str, content: bytes | str, *, mode: int = 0o644, owner: int = ROOT) -> File:
        """Put a plain file on the phone."""
        data = content.encode() if isinstance(content, str) else content
        node = File(owner, mode, data)
        self.files.add(path, node)
        return node

    def show(
        self, path: str, shows: Callable[[], str | bytes], does: Callable[[bytes], None] | None = None
    ) -> None:
        """Put a file of /proc or /sys there."""

        def encoded() -> bytes:
            shown = shows()
            return shown.encode() if isinstance(shown, str) else shown

        self.files.add(path, Special(mode=0o600, shows=encoded, does=does))

    fault = _fault(Fault)

    def make_folder(self, path: str) -> None:
        """Return a folder of the ADB user."""
        self.files.add(path, Folder(ADB))

    # What happens

    @property
    def is_up(self) -> bool:
        """Whether adbd answers."""
        return (
            self.running is not None and self.clock.now >= self.running.started + self.running.kernel.boot_s
        )

    @property
    def adb_user(self) -> int:
        """Whom adbd runs as."""
        return ROOT if self.root == "adbd" else ADB

    def happened(self, pattern: str) -> list[str]:
        """Return the events that fit a pattern as of a shell, in order."""
        return [event for event in self.events if fnmatchcase(event, pattern)]

    def happens(self, event: str) -> Fault:
        """Note an event; returns what goes wrong with it."""
        self.events.append(event)
        found = NO_FAULT
        for fault in self.faults:
            if fault.happens(event):
                found = fault
        if found.drops:
            self.dropped = True
        return found

    def user_of(self, template: str) -> tuple[int, Output | None]:
        """Whom a shell started in this way runs as, or what is said instead."""
        words = words_of(template)
        if words == ["sh", "-c"]:
            return self.adb_user, None
        wanted = {"su -c": ["su", "-c"], "su 0": ["su", "0", "sh", "-c"]}.get(self.root or "")
        if words == wanted:
            return ROOT, None
        return self.adb_user, Output("su: permission denied\n", 1)

    def start(self, kernel: Kernel, *, cmdline: str | None = None, after_s: float = 0) -> Running:
        """Let `kernel` run; what was in RAM is gone."""
        self.clock.processes, ended = [], self.clock.processes
        for process in ended:
            if process.name != "hardware":
                process.kill()
        self.epoch += 1
        line = kernel.cmdline if cmdline is None else cmdline
        self.running = Running(kernel, kernels.new_boot_id(), line, self.clock.now + after_s - kernel.boot_s)
        for path in [path for path in self.files.nodes if _is_in_ram(path)]:
            if not isinstance(self.files.nodes[path], BlockDevice | Link) and not path.startswith(
                "/dev/block/"
            ):
                del self.files.nodes[path]
        self.data = replace(self.data, read_only=False)
        self.files.mounts = [
            Mount("rootfs", "/", "rootfs", read_only=True),
            Mount("tmpfs", "/dev", "tmpfs"),
            Mount("proc", "/proc", "proc"),
            Mount("sysfs", "/sys", "sysfs"),
            self.data,
        ]
        self.properties[_ZYGOTE] = "running"
        show_kernel(self, self.running)
        if self.ramoops:
            self.ramoops.show(self)
        return self.running

    def power_on(self) -> None:
        """Let the bootloader start what is in the boot partition, if that boots; adbd answers at once."""
        kernel = self._bootable()
        if kernel:
            self.start(kernel)

    def cut_power(self) -> None:
        """Take the battery out: nothing runs on, and what was not written back is lost."""
        for process in self.clock.processes:
            if process.name == "hardware":
                process.kill()
        self._stop()
        for node in self.files.nodes.values():
            if isinstance(node, BlockDevice):
                node.lose_power()

    def reboot(self, target: str = "") -> None:
        """Restart through the bootloader, shortly; into it if that is the `target`."""
        into = self.bootloader if target == "bootloader" else None
        self._leave(self._bootable, bootloader=into, by="command" if target else "plain")

    def start_system(self) -> None:
        """Let the bootloader start the system."""
        kernel = self._bootable()
        if kernel:
            self.start(kernel, after_s=kernel.boot_s)

    def crash(self) -> None:
        """Return what a panic does."""
        running = self.running
        assert running
        if running.on_crash is not None:
            self._leave(lambda: self.capture, by="panic")
            return
        patience = self.files.find("/proc/sys/kernel/panic")
        restarts = patience is not None and patience.read().strip() != b"0"
        self._leave(self._bootable if restarts else lambda: None, by="panic")

    def _bootable(self) -> Kernel | None:
        if self.chooses:
            return self.chooses()
        return self.kernel_in(self.boot)

    def kernel_in(self, device: BlockDevice) -> Kernel | None:
        """Return the kernel that comes up from a partition; None if nothing that boots is in it."""
        for content, kernel in self.boots:
            if device.flash.startswith(content):
                return kernel
        return None

    def _leave(
        self,
        comes_up: Callable[[], Kernel | None],
        cmdline: str | None = None,
        *,
        bootloader: Callable[[], Steps] | None = None,
        by: str = "exec",
    ) -> None:
        """End the running kernel in a moment, and start another one."""
        if self.running is None or self.running.leaving:
            return
        self.running.leaving = True
        if self.ramoops:
            self.ramoops.left_by(self, by)

        def hardware() -> Steps:
            yield _LEAVE_S
            self._stop()
            if bootloader:
                return (yield from bootloader())
            kernel = comes_up()
            if kernel:
                self.start(kernel, cmdline=cmdline, after_s=kernel.boot_s)
            return 0

        self.clock.start("hardware", hardware())

    def _stop(self) -> None:
        self.epoch += 1
        self.running = None
        for process in self.clock.processes:
            if process.name != "hardware":
                process.kill()

    def _exec(self) -> Steps:
        """Let reboot(2) start what is loaded."""
        running = self.running
        assert running
        assert running.loaded
        rom = self.rom
        if rom == "stays":
            yield from stand_still()
        elif rom in ("selftest", "dies"):
            self._leave(partial(self._run_guest, running.loaded, dies=rom == "dies"))
        elif isinstance(rom, Kernel):
            shown = self.runs_first(running.loaded) if self.runs_first else {}
            kernel = replace(rom, files=rom.files | shown) if shown else rom
            self._leave(lambda: kernel, running.loaded.cmdline)
        else:
            self._leave(self._bootable if rom == "host" else lambda: None)
        return 0

    def _run_guest(self, image: Image, *, dies: bool) -> Kernel | None:
        """Let a guest without ADB run and restart the phone; return the kernel that comes up then."""
        assert self.ramoops
        guest = self.ramoops
        guest.written = {}  # its kernel shows the old logs, and nobody reads them
        guest.keep("console-ramoops-0" if guest.console else "", f"command line: {image.cmdline}\n".encode())
        (steps,) = (found for one in image.segments if (found := _STEPS.search(one.content)))
        if not dies:
            for name in (*["console-ramoops-0"] * guest.console, *["pmsg-ramoops-0"] * guest.pmsg):
                guest.keep(name, steps[1] + b"\n")
        guest.left_by(self, "plain" if dies else steps[2].decode())
        return self._bootable()

    # Programs of its own

    def program(self, name: str, user: int) -> Program:
        """Return the program called `name`. Raises OSError if there is none."""
        if "/" not in name:
            own: dict[str, Program] = {
                "bootctl": self._bootctl,
                "dmesg": self._dmesg,
                "getprop": self._getprop,
                "reboot": self._reboot,
                "stop": self._stop_android,
                "su": self._su,
                "uname": self._uname,
            }
            found = (PROGRAMS | DISK_PROGRAMS | own).get(name)
            if found is None or name in self.missing or (name == "bootctl" and self.bootctl is None):
                raise failure(errno.ENOENT)
            return found
        node = self.files.find(name)
        if node is None:
            raise failure(errno.ENOENT)
        if not isinstance(node, File) or not may(node, user, 1) or self.files.mount(name).noexec:
            raise failure(errno.EACCES)
        if node.content == agent.image_files("arm").read_bytes():
            return image_files
        if node.content != agent.binary("arm").read_bytes():
            raise kernels.no_exec()
        return self._agent

    def _agent(self, call: Call) -> Steps:
        assert self.running
        return (yield from kernels.agent(call, self.running, self._exec(), _BLOCK_COMMANDS))

    def _bootctl(self, call: Call) -> int:
        """Do what AOSP's does, whose set-active-boot-slot leaves the mark of a successful boot."""
        assert self.bootctl is not None
        question, *slot = call.words[1:]
        if question == "get-active-boot-slot":
            if self.bootctl_active is None:
                return 64
            call.out.write(f"{self.bootctl_active}\n".encode())
            return 0
        number = int(slot[0])
        bootable, successful = self.bootctl[number]
        if question == "set-active-boot-slot":
            self.bootctl[number] = (True, successful)
            self.bootctl_active = number
            return 0
        if question == "set-slot-as-unbootable":
            self.bootctl[number] = (False, False)
            return 0
        return 0 if {"is-slot-bootable": bootable, "is-slot-marked-successful": successful}[question] else 70

    def _dmesg(self, call: Call) -> int:
        assert self.running
        call.out.write(self.running.kernel.log.encode())
        return 0

    def _getprop(self, call: Call) -> int:
        if len(call.words) > 1:
            call.out.write(f"{self.properties.get(call.words[1], '')}\n".encode())
        else:
            call.out.write(
                "".join(f"[{key}]: [{value}]\n" for key, value in self.properties.items()).encode()
            )
        return 0

    def _reboot(self, call: Call) -> Steps:
        self.reboot(*call.words[1:2])
        yield from stand_still()
        return 0

    def _stop_android(self, call: Call) -> int:
        if self.zygote_stops:
            self.properties[_ZYGOTE] = "stopped"
        return 0

    def _su(self, call: Call) -> Steps:
        if call.words[1:] == ["-v"] and self.su_version:
            call.out.write(f"{self.su_version}\n".encode())
            return 0
        way = {"su -c": ["-c"], "su 0": ["0", "sh", "-c"]}.get(self.root or "")
        if call.words[1:-1] != way:
            call.err.write(b"su: permission denied\n")
            return 1
        shell = replace(call.shell.subshell(), user=ROOT)
        return (yield from shell.script(call.words[-1], call.stdin, call.out, call.err))

    def _uname(self, call: Call) -> int:
        assert self.running
        answers = {"-r": self.running.kernel.release, "-m": "armv7l"}
        (option,) = call.words[1:]
        call.out.write(f"{answers[option]}\n".encode())
        return 0


def _is_in_ram(path: str) -> bool:
    return path.startswith(("/dev/", "/proc/", "/sys/"))
