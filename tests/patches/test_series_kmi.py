"""What the arm64 series let genksyms see: the CRCs of a kernel without kexec, for its modules."""

import re
import shutil
import subprocess

import pytest

from hardboot.patches import catalog, hunks

SERIES = ("arm64-4.9", "arm64-6.1", "arm64-6.6", "arm64-6.12")
CORE, HARDBOOT, FILE = "CONFIG_KEXEC_CORE", "CONFIG_KEXEC_HARDBOOT", "CONFIG_KEXEC_FILE"
GENKSYMS = "__GENKSYMS__"


def condition(series: str, path: str, include: str) -> str:
    """Return the condition in a file that the series changes for an include, and all that follows it."""
    for parts in catalog.load(series).read().values():
        for part in parts:
            if part.path == path:
                text = b"".join(part.hunks[0].new).decode()
                found = re.search(r"^#if !?[d(].*\n(?:\t.*\n)*", text, re.MULTILINE)
                assert found
                assert text[found.end() :].startswith(f"#include <{include}>\n")
                return found[0]
    raise AssertionError(series)


def preprocessed(source: str, defined: tuple[str, ...]) -> str:
    gcc = shutil.which("gcc")
    assert gcc
    words = [gcc, "-E", "-P", *(f"-D{name}" for name in defined), "-"]
    done = subprocess.run(words, input=source, capture_output=True, text=True, timeout=20, check=True)
    return done.stdout.strip()


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
    source = f"{condition(series, 'include/linux/kexec.h', 'linux/list.h')}seen\n#endif\n"
    assert (preprocessed(source, defined) == "seen") is seen


# In 6.6 that header includes more in any case, and drivers/base/cpu.c includes it for kexec alone.
@pytest.mark.parametrize(
    ("defined", "seen"),
    [
        ((GENKSYMS,), True),
        ((HARDBOOT,), True),
        ((HARDBOOT, GENKSYMS), False),
        ((HARDBOOT, FILE, GENKSYMS), True),
    ],
)
def test_what_includes_the_header_for_kexec_alone_hides_it_too(defined: tuple[str, ...], seen: bool) -> None:
    source = f"{condition('arm64-6.6', 'drivers/base/cpu.c', 'linux/kexec.h')}seen\n#endif\n"
    assert (preprocessed(source, defined) == "seen") is seen


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
