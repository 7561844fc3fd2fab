"""A profile drafted from the running virtual phone agrees with the one that ships."""

from pathlib import Path

import pytest
from drafts import agrees, drafted
from phones import VirtualPhone

from hardboot import layout, profile
from hardboot.flows import rom
from hardboot.formats.trees.fdt import Fdt

pytestmark = pytest.mark.e2e


def test_the_draft_of_a_host_agrees_with_the_profile_that_ships(
    host_phone: VirtualPhone, roms: dict[str, Path], tmp_path: Path
) -> None:
    known = profile.load("virt-arm")
    made = drafted(host_phone, tmp_path / "virt-arm.toml")
    agrees(made, known)
    assert made.hardboot.page == known.hardboot.page
    assert made.trust("hardboot.page") == "verified"
    assert made.presence == known.presence
    # What is planned with the draft keeps the rules of the profile.
    found = rom.read(roms["debian"])
    guest = found.guest(tree=Fdt(), live_tree=None, cmdline=found.cmdline)
    plan = layout.plan(made, guest, None)
    layout.check(layout.gather_constraints(known, guest, None), plan.segments)
