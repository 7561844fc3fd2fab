"""Load a panic kernel: it waits in reserved memory, and starts when the running kernel crashes.

Only that memory is written. A crash starts it without a reset or the bootloader, so RAM keeps its content.
"""

from dataclasses import dataclass, replace

from hardboot import devicetree, layout
from hardboot.base import cmdline as cmdlines
from hardboot.base import log
from hardboot.base.cmdline import CommandLine
from hardboot.base.errors import RefusedError
from hardboot.base.interrupts import if_cut_off
from hardboot.base.memory import PAGE_SIZE, Range
from hardboot.base.sizes import align_up
from hardboot.base.temporary import temporary_folder
from hardboot.crash import elfcorehdr
from hardboot.crash.elfcorehdr import CRASHKERNEL, KernelMemory
from hardboot.device import host
from hardboot.device.mark import MARK
from hardboot.device.phone import Phone
from hardboot.flows import boot, bootloader_words, other_phone, phone_images, ramdisk_check, rom_tree
from hardboot.flows import load as loading
from hardboot.flows.bootloader_words import BootloaderWords
from hardboot.flows.journal import Journal
from hardboot.flows.rom import Rom
from hardboot.layout import BootPlan, Segment
from hardboot.payload import agent, agent_errors

# At the end of the region. 32-bit kernels map it as they map the old memory, outside of their own RAM; arm64
# kernels read it through the map of their RAM (arch/arm64/kernel/crash_dump.c, elfcorehdr_read).
_HEADER_ROOM = 2 << 20  # bytes; kernels map RAM in pieces of 2 MiB
# The other CPUs still run code of the crashed kernel; drivers must expect devices that were not shut down.
_OWN_WORDS = "maxcpus=1 reset_devices"
_LOAD_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class PanicKernel:
    """A panic kernel, planned for the kernel that runs on a phone.

    Attributes:
        memory: Memory of the running kernel.
        tree_reason: Why this device tree was chosen.
    """

    rom: Rom
    plan: BootPlan
    memory: KernelMemory
    tree_reason: str
    cmdline: CommandLine


def prepare(phone: Phone, rom: Rom, journal: Journal, *, append: str | None = None) -> PanicKernel:
    """Plan a panic kernel for the running kernel; nothing is pushed.

    Args:
        phone: The phone, with the kernel that may crash.
        rom: Kernel and ramdisk to start after the crash.
        journal: Takes the phases.
        append: Appended to the command line.

    Raises:
        RefusedError: If no memory is reserved for a panic kernel, the image is for another phone, or the
            planner refuses.
        InputError: If the kernel cannot start with the ramdisk.
        DeviceError: If there is no root, or the phone does not answer.
    """
    with journal.phase("check"), log.step("Checking the phone"):
        journal.host = phone.kernel()
        memory = elfcorehdr.read_memory(phone)
        live_tree = phone.device_tree()
    with journal.phase("plan"), log.step("Planning"):
        if memory.region.size <= 2 * _HEADER_ROOM:
            raise RefusedError(
                f"too little memory is reserved for a panic kernel: {memory.region}",
                state="Nothing was sent.",
                fix=f"Boot the running kernel with more: {CRASHKERNEL}.",
            )
        usable = Range(memory.region.start, memory.region.end - _HEADER_ROOM, "memory of the panic kernel")
        data = elfcorehdr.build(memory)
        place = Range.sized(usable.end, align_up(len(data), PAGE_SIZE), "elfcorehdr")
        # An arm64 kernel takes only the size from mem=; the device tree tells it the place, too.
        ram = f"mem={usable.size >> 10}K@{usable.start:#x} " if memory.arch == "arm" else ""
        own = f"elfcorehdr={place.start:#x} {ram}{_OWN_WORDS}"
        told = _bootloader_words(phone, journal.host.cmdline).for_rom(rom.takes_bootconfig)
        parts = [
            (cmdlines.ROM, rom.cmdline),
            (cmdlines.BOOTLOADER, told.cmdline),
            (cmdlines.APPENDED, append),
            (cmdlines.MARK, own),
        ]
        line = cmdlines.compose(rom.cmdline, parts, size=cmdlines.SIZES[phone.profile.arch])
        named = other_phone.hardware(rom.cmdline, rom.bootconfig)
        running = other_phone.hardware(journal.host.cmdline)
        other_phone.check(phone.profile, named, rom.trees, live=live_tree, running=running)
        choice = rom_tree.choose_tree(phone.profile, rom, live_tree, told)
        tree = choice.tree and devicetree.for_panic_kernel(
            choice.tree, elf_header=place, memory=usable if memory.arch == "arm" else memory.region
        )
        guest = rom.guest(tree=tree, live_tree=live_tree, cmdline=line.text, words=told.bootconfig)
        plan = layout.plan_panic_kernel(phone.profile, guest, usable)
        ramdisk_check.check(rom, guest.ramdisk, guest.cmdline)
        header = Segment(place.name, place.start, data, place.size)
        plan = replace(plan, segments=(*plan.segments, header))
    return PanicKernel(rom, plan, memory, choice.reason, line)


def load(phone: Phone, prepared: PanicKernel, journal: Journal) -> None:
    """Load a panic kernel, in place of one that was loaded before. The phone keeps running.

    Raises:
        DeviceError: If a segment did not arrive or the kernel refused it; no panic kernel is loaded then.
    """
    plan = prepared.plan
    try:
        with journal.phase("ask"), log.step("Reading the state of the running kernel"):
            if host.ask(phone, None).kexec_crash_loaded:
                journal.replaced = "a panic kernel"
                log.warn("replacing the panic kernel that was already loaded")
        with journal.phase("push"), temporary_folder() as folder:
            batch, segments = loading.send(phone, plan.segments, journal, folder)
        with journal.phase("load"), log.step("Loading the panic kernel"):
            command = agent.load_command(host.AGENT, agent.KEXEC_ON_CRASH, plan.entry, segments)
            with if_cut_off("The panic kernel may be loaded."):
                (output,) = phone.run_with(batch, command, timeout_s=_LOAD_TIMEOUT_S, last=True)
            journal.pushed_bytes = phone.pushed_bytes
            if output.code:
                raise agent_errors.failure("load", output.text)
    finally:
        phone.clean()


def unload(phone: Phone) -> bool:
    """Unload the panic kernel, and return whether one was loaded.

    Raises:
        DeviceError: If there is no root, or the kernel refused.
    """
    try:
        was_loaded = host.ask(phone, None).kexec_crash_loaded is not False
        with if_cut_off("The panic kernel may be unloaded."):
            output = phone.root(agent.unload_command(host.AGENT, agent.KEXEC_ON_CRASH))
        if output.code:
            raise agent_errors.failure("unload", output.text)
    finally:
        phone.clean()
    return was_loaded


def is_loaded(phone: Phone) -> bool:
    """Return whether a panic kernel is loaded."""
    return phone.root("cat /sys/kernel/kexec_crash_loaded").text.strip() == "1"


def add_crashkernel(phone: Phone, journal: Journal, *, wait_s: float) -> None:
    """Boot the phone's own system from RAM, with memory reserved for a panic kernel; nothing is flashed.

    Raises:
        RefusedError: If the running kernel is no host.
        DeviceError: If the boot partition cannot be read, or the host kernel came back instead.
        DeviceStateError: If the phone stays silent.
    """
    if any(word.startswith("crashkernel=") for word in phone.kernel().cmdline.split()):
        log.say("The running kernel already has crashkernel= on its command line.")
        return
    prepared = loading.prepare(phone, phone_images.own(phone), journal, append=CRASHKERNEL)
    boot.boot(phone, prepared, journal, wait_s=wait_s)


def _bootloader_words(phone: Phone, running: str) -> BootloaderWords:
    """Return what the bootloader told the running kernel, without the words of hardboot."""
    told = bootloader_words.ask(phone, running)
    words = cmdlines.split(told.cmdline or "")
    kept = " ".join(word for word in words if cmdlines.key(word) not in ("crashkernel", MARK))
    return replace(told, cmdline=kept)
