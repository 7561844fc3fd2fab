"""The folder in which a ROM, or what replaces a part of one, is made: its name begins with a dot.

What is whole gets its final name by a rename. What a cut leaves is cleared by the next command.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from hardboot.base import log
from hardboot.base.errors import DeviceError, RequestError
from hardboot.base.interrupts import if_cut_off
from hardboot.device.phone import Phone
from hardboot.device.shells import read
from hardboot.flows.partition_read import time_for
from hardboot.flows.store import leftover, stored
from hardboot.flows.store.place import STORE
from hardboot.flows.store.put import put
from hardboot.store import manifest
from hardboot.store.manifest import Manifest


@contextmanager
def making(
    phone: Phone, name: str, *, state: str, going_on_with: Collection[str] | None = None
) -> Iterator[str]:
    """Yield the path of a folder for the ROM `name`; clear it after an error.

    Args:
        phone: The phone.
        name: Of the ROM.
        state: What is true on the phone if the connection is lost.
        going_on_with: Files that are in the folder if such a command was cut off, and stay there if this one
            is. None: The folder is empty, and cleared.
    """
    target = stored.folder(stored.unfinished(name))
    with if_cut_off(state):
        clear = f"rm -rf {target} && mkdir {target}"
        if going_on_with is not None:
            clear = leftover.remove_others(target, going_on_with)
        command = f"mkdir -p {STORE} && chmod 700 {STORE} && {clear}"
        read(command, phone.root(command, timeout_s=time_for(0)))
        try:
            yield target
        except BaseException as cause:
            try:
                if going_on_with is None or not isinstance(cause, KeyboardInterrupt | RequestError):
                    stored.clear(phone, stored.look(phone))
            except DeviceError as error:
                log.detail(f"{target} stays: {error}")
            finally:
                phone.clean()
            raise


def finish(phone: Phone, target: str, made: Manifest) -> None:
    """Write the manifest, flush all, and give the folder its name, which makes it a ROM.

    Raises:
        DeviceError: If it fails, or such a ROM was stored meanwhile.
    """
    put(phone, manifest.build(made), f"{target}/{stored.MANIFEST}")
    final = stored.folder(made.name)
    command = (
        f"{leftover.remove_notes(target)} && chmod 600 {target}/* && sync && test ! -e {final} && "
        f"mv {target} {final} && sync"
    )
    read(command, phone.root(command, timeout_s=time_for(0)))
