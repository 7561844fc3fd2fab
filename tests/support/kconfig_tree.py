"""A small tree of Kconfig files, and a configuration in which all its options are on.

The conditions are those of the kernel's files, in our words; old kernels have ATAGS_PROC and PROC_DEVICETREE.
"""

from pathlib import Path

import kernel_trees as trees

KCONFIG = """\
mainmenu "toy"
source "arch/$(SRCARCH)/Kconfig"
source "arch/$SRCARCH/Kconfig.more"
"""
ARM = """\
config SMP
\tbool "SMP"
config PM_SLEEP_SMP
\tdef_bool y
\tdepends on SMP
\tdepends on PM_SLEEP
config PM_SLEEP
\tdef_bool y
\tdepends on SUSPEND || HIBERNATION
config SUSPEND
\tbool "suspend" if EXPERT
\thelp
\t  config NOTHING
\t  depends on NOTHING
config HIBERNATION
\tbool "hibernation"
\tdepends on !SMP
if MMU
menu "kexec"
\tdepends on !XIP
config KEXEC
\tbool "kexec"
\tdepends on (!SMP || PM_SLEEP_SMP) && \\
\t\tMMU
config ATAGS_PROC
\tbool "atags"
\tdepends on ATAGS && KEXEC
config PROC_DEVICETREE
\tbool "devicetree"
\tdepends on OF && ARCH = "arm"
endmenu
endif
config OF
\tbool
config ATAGS
\tbool "atags"
config ARM
\tbool
\tselect ARCH_HAS_KEXEC_HARDBOOT if ARM_PSCI && CPU_V7
config IKCONFIG
\ttristate "ikconfig"
"""
MORE = """\
config ARCH_HAS_KEXEC_HARDBOOT
\tbool
config KEXEC_HARDBOOT
\tbool "hardboot"
\tdepends on KEXEC && ARCH_HAS_KEXEC_HARDBOOT
config ARM_PSCI
\tbool "psci"
"""
ON = (
    "SMP",
    "MMU",
    "ARM",
    "CPU_V7",
    "ARM_PSCI",
    "PM_SLEEP_SMP",
    "PM_SLEEP",
    "SUSPEND",
    "KEXEC",
    "OF",
    "ATAGS",
)
FILES = {"Kconfig": KCONFIG, "arch/arm/Kconfig": ARM, "arch/arm/Kconfig.more": MORE}


def write(folder: Path) -> Path:
    """Write the tree."""
    return trees.write(folder, {**trees.BASE, **FILES}, (6, 1))


def on(*without: str) -> dict[str, str]:
    """Return the configuration, without some options."""
    return {name: "y" for name in ON if name not in without}
