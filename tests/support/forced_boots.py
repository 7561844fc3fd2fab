"""Boots with segments forced to given places, past the planner, and what the guest then says."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from phones import VirtualPhone

from hardboot import layout
from hardboot.base.errors import DeviceStateError, RefusedError
from hardboot.device.phone import Phone, connected
from hardboot.flows import load, rom
from hardboot.flows.execute import execute
from hardboot.flows.journal import Journal
from hardboot.flows.load import PreparedRom
from hardboot.formats.trees.fdt import Fdt

STARTED = "Linux version"  # the first line of a kernel that found its console
UP = "init: boot completed"
_JUMP = "Starting kernel ..."  # U-Boot's last word


@dataclass
class Bench:
    """A host phone, connected, and its console.

    Attributes:
        cmdline: Of the guests.
        places: Addresses of kernel, initrd and dtb, where the planner has no objections.
    """

    virtual: VirtualPhone
    phone: Phone
    cmdline: str
    places: dict[str, int]

    def forced(
        self, image: Path, *, change: Callable[[Fdt], Fdt] | None = None, **places: int
    ) -> tuple[PreparedRom, set[str]]:
        """Return a boot of `image` with segments there, and the rules that the planner refuses it by.

        Args:
            image: The ROM.
            change: Changes the phone's own tree for the guest.
            places: Other addresses than the usual ones.
        """
        name = self.phone.profile.name
        prepared = load.prepare(self.phone, rom.read(image), Journal(name, "x"), cmdline=self.cmdline)
        live = self.phone.device_tree()
        assert live
        tree = change(live) if change else live
        guest = prepared.rom.guest(tree=tree, live_tree=live, cmdline=prepared.cmdline.text)
        where = self.phone.profile, guest, prepared.live
        at = self.places | places
        plan = layout.assemble(*where, kernel=at["kernel"], initrd=at["initrd"], dtb=at["dtb"])
        constraints = layout.gather_constraints(*where)
        broken = {one.rule for one in layout.violations(constraints, plan.segments)}
        if broken:
            with pytest.raises(RefusedError, match=f"layout rule ({'|'.join(broken)}):"):
                layout.check(constraints, plan.segments)
        return replace(prepared, plan=plan), broken

    def execute(self, prepared: PreparedRom, until: str, patience_s: float) -> str:
        """Load and execute; what the console shows from the jump on, until `until` or for `patience_s`."""
        journal = Journal(self.phone.profile.name, "x", host=self.phone.kernel())
        console = self.virtual.status.console
        before, resets = console.stat().st_size, self.virtual.status.resets
        load.load(self.phone, prepared, journal)
        with pytest.raises(DeviceStateError, match="silent"):  # nothing answers so soon
            execute(self.phone, journal, wait_s=0.5)
        start = time.monotonic()
        jumped, said = time.monotonic(), ""
        while until not in said and time.monotonic() < jumped + patience_s:
            time.sleep(0.1)
            _, jump, said = console.read_bytes()[before:].decode(errors="replace").partition(_JUMP)
            if not jump:
                jumped = time.monotonic()
                assert jumped < start + 60, "the bootloader did not come back"
        assert self.virtual.status.resets == resets + 1, "the phone was reset, once"
        return said


@contextmanager
def forced_boots(virtual: VirtualPhone, cmdline: str, places: dict[str, int]) -> Iterator[Bench]:
    """Connect to a phone that runs its host kernel."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", virtual.hardboot.environment["XDG_STATE_HOME"])
        with connected(virtual.serial, None) as phone:
            yield Bench(virtual, phone, cmdline, places)
