"""Debug the kernel that hardboot boots on a virtual phone, from its first instruction.

gdb finds the address of that instruction in the record, which the running kernel writes into the hardboot
page: the magic last, the entry address in the word behind it.
"""

from pathlib import Path

from hardboot.base.errors import DeviceError, InputError
from hardboot.base.process import find_tool
from hardboot.virtual import machine
from hardboot.virtual.target import ARM, ARM64

RECORD_MAGIC = 0x4A5DB007
# What gdb calls the architecture and a word of the record, and the size of a word in bytes.
_WORDS = {ARM: ("armv7", "unsigned int", 4), ARM64: ("aarch64", "unsigned long", 8)}
_SCRIPT = """\
# Written by hardboot: stop at the guest's first instruction after the reset.
set pagination off
set confirm off
set architecture {architecture}
target remote {socket}
# The running kernel writes the record into the hardboot page: the magic last, the entry address behind it.
awatch *({word} *) {page:#x}
set $guest = 0
while $guest == 0
  continue
  if *({word} *) {page:#x} == {magic:#x}
    set $guest = *({word} *) {entry:#x}
  end
end
delete
thbreak *$guest
continue
echo hardboot: this is the guest's first instruction.\\n
"""


def command(name: str, page: int, vmlinux: Path | None) -> list[str]:
    """Return the command that debugs the next kernel booted on the virtual phone `name`.

    Args:
        name: Name of the phone, which was started with `gdb`.
        page: Physical address of its hardboot page.
        vmlinux: The guest's kernel with symbols; None to debug without symbols.

    Raises:
        DeviceError: If the phone is off, or was started without `gdb`.
        InputError: If there is no file `vmlinux`.
        ToolError: If gdb is not installed.
    """
    home = machine.folder(name)
    if not machine.status(name).running or not (home / machine.GDB_SOCKET).exists():
        raise DeviceError(
            f"the virtual phone {name} is not running with --gdb",
            state="Nothing was started.",
            fix="Restart it: hardboot virtual stop, then hardboot virtual start --gdb",
        )
    if vmlinux is not None and not vmlinux.is_file():
        raise InputError(
            "no such file",
            file=str(vmlinux),
            state="Nothing was started.",
            fix="Give the vmlinux that was built together with the guest's kernel.",
        )
    script = home / "guest.gdb"
    architecture, word, size = _WORDS[machine.find_model(name).target]
    places = {"page": page, "magic": RECORD_MAGIC, "entry": page + size}
    script.write_text(
        _SCRIPT.format(socket=machine.GDB_SOCKET, architecture=architecture, word=word, **places)
    )
    program = find_tool("gdb-multiarch", "gdb-multiarch")
    # In the phone's folder: socket addresses are at most 107 bytes long.
    words = [program, "-q", f"-cd={home}", "-x", script.name]
    return words + ([str(vmlinux.resolve())] if vmlinux else [])
