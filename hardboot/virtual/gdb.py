"""A debugger on the kernel that hardboot starts on a virtual phone, from its first instruction.

gdb has to be told where that is: it waits for the record. The running kernel writes it into the hardboot
page, with the magic last; the word behind the magic is the address the guest is entered at.
"""

from pathlib import Path

from hardboot.base.errors import DeviceError, InputError
from hardboot.base.process import find_tool
from hardboot.virtual import machine

RECORD_MAGIC = 0x4A5DB007
_SCRIPT = """\
# Written by hardboot: stops at the guest's first instruction after the reset.
set pagination off
set confirm off
set architecture armv7
target remote {socket}
# The running kernel writes the record into the hardboot page: its magic last, the entry behind it.
awatch *(unsigned int *) {page:#x}
set $guest = 0
while $guest == 0
  continue
  if *(unsigned int *) {page:#x} == {magic:#x}
    set $guest = *(unsigned int *) {entry:#x}
  end
end
delete
thbreak *$guest
continue
echo hardboot: this is the guest's first instruction.\\n
"""


def command(name: str, page: int, vmlinux: Path | None) -> list[str]:
    """Program and arguments that debug what is booted next on the virtual phone `name`.

    Args:
        name: The phone; it runs, started for it.
        page: Physical address of its hardboot page.
        vmlinux: The guest's kernel with symbols; None without.

    Raises:
        DeviceError: If the phone is off, or was started without a stub.
        InputError: If there is no `vmlinux`.
        ToolError: If gdb is not installed.
    """
    home = machine.folder(name)
    if not machine.status(name).running or not (home / machine.GDB_SOCKET).exists():
        raise DeviceError(
            f"the virtual phone {name} is off, or cannot be debugged",
            state="Nothing was started.",
            fix="Start it for that: hardboot virtual stop, then hardboot virtual start --gdb",
        )
    if vmlinux is not None and not vmlinux.is_file():
        raise InputError(
            f"{vmlinux}: no such file",
            state="Nothing was started.",
            fix="Name the vmlinux that was built together with the guest's kernel.",
        )
    script = home / "guest.gdb"
    script.write_text(
        _SCRIPT.format(socket=machine.GDB_SOCKET, page=page, magic=RECORD_MAGIC, entry=page + 4)
    )
    program = find_tool("gdb-multiarch", "gdb-multiarch")
    # In the phone's folder: socket addresses are at most 107 bytes long.
    words = [program, "-q", f"-cd={home}", "-x", script.name]
    return words + ([str(vmlinux.resolve())] if vmlinux else [])
