"""What the arm64 series let genksyms see: the CRCs of a kernel without kexec, for its modules."""

import re
import shutil
import subprocess

import pytest

from hardboot.patches import catalog, hunks

SERIES = ("arm64-4.9", "arm64-6.1", "arm64-6.6", "arm64-6.12")
CORE, HARDBOOT, FILE = "CONFIG_KEXEC_CORE", "CONFIG_KEXEC_HARDBOOT", "CONFIG_KEXEC_FILE"
GENKSYMS = "__GENKSYMS__"


def condition(series: str) -> str:
    """Return the condition in include/linux/kexec.h for all that kexec declares."""
    for parts in catalog.load(series).read().values():
        for part in parts:
            if part.path == "include/linux/kexec.h":
                text = b"".join(part.hunks[0].new).decode()
                found = re.search(r"^#if .*\n(?:\t.*\n)*", text, re.MULTILINE)
                assert found
                assert text[found.end() :].startswith("#include <linux/list.h>\n")
                return found[0]
    raise AssertionError(series)


@pytest.mark.parametrize("series", SERIES)
@pytest.mark.parametrize(
    ("defined", "seen"),
    [
        ((), False),
        ((GENKSYMS,), False),
        ((CORE,), True),
        ((CORE, GENKSYMS), True),  # without the option, as without the series
        ((CORE, HARDBOOT), True),
        ((CORE, HARDBOOT, GENKSYMS), False),  # as in the kernel that the modules were built for
        ((CORE, HARDBOOT, FILE), True),
        ((CORE, HARDBOOT, FILE, GENKSYMS), True),  # that one had kexec_file_load(2), and thus all of it
    ],
)
def test_genksyms_sees_what_it_saw_without_kexec(series: str, defined: tuple[str, ...], seen: bool) -> None:
    gcc = shutil.which("gcc")
    assert gcc
    source = f"{condition(series)}seen\n#endif\n"
    words = [gcc, "-E", "-P", *(f"-D{name}" for name in defined), "-"]
    done = subprocess.run(words, input=source, capture_output=True, text=True, timeout=20, check=True)
    assert (done.stdout.strip() == "seen") is seen


# Android's kernels have more lines in this list: ARCH_HAS_IOREMAP_PHYS_HOOKS, ARCH_HAS_MEM_RELINQUISH.
@pytest.mark.parametrize("series", ["arm64-6.1", "arm64-6.12"])
def test_the_list_of_selected_options_may_have_androids_lines(series: str) -> None:
    (part,) = (
        part
        for parts in catalog.load(series).read().values()
        for part in parts
        if part.path == "arch/arm64/Kconfig"
    )
    before = "".join(
        f"\tselect ARCH_HAS_{name}\n"
        for name in ("IOREMAP_PHYS_HOOKS", "KEEPINITRD", "MEMBARRIER_SYNC_CORE", "MEM_RELINQUISH")
    )
    kconfig = f"config ARM64\n\tdef_bool y\n{before}"
    done = hunks.patch_content(kconfig.encode(), part)
    assert isinstance(done, hunks.Patched)
    assert done.content is not None
    own = b"KEEPINITRD\n\tselect ARCH_HAS_KEXEC_HARDBOOT if !CPU_BIG_ENDIAN\n\tselect ARCH_HAS_MEMBARRIER"
    assert own in done.content
