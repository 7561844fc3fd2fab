"""The device tree of a ROM: its own with the overlays that the bootloader applies, or the phone's."""

from dataclasses import replace

from hardboot import devicetree
from hardboot.devicetree import ChosenTree
from hardboot.flows.bootloader_words import BootloaderWords
from hardboot.flows.rom import Rom
from hardboot.formats.trees.fdt import Fdt
from hardboot.profile import Profile


def choose_tree(profile: Profile, rom: Rom, live: Fdt | None, told: BootloaderWords) -> ChosenTree:
    """Choose the device tree of a ROM; one of its own gets the overlays of dtbo, the live tree has them.

    Args:
        profile: The phone.
        rom: What is started.
        live: The phone's own tree; None without a phone.
        told: What the bootloader told the running kernel: which overlays it applied.

    Raises:
        RefusedError: If there is no tree, or it is not clear which tree or overlays fit.
        InputError: If a tree is malformed.
        ToolError: If libfdt is needed and not installed.
    """
    choice = devicetree.choose_tree(rom.trees, profile, live)
    if choice.source != "rom" or not rom.overlays:
        return choice
    phone = devicetree.PhoneIds() if live is None else devicetree.phone_ids(live)
    overlays = devicetree.choose_overlays(rom.overlays, phone, told.overlays)
    tree = devicetree.apply_overlays(choice.tree, overlays.trees)
    return replace(choice, tree=tree, reason=f"{choice.reason}; with overlay {overlays.reason}")
