"""A bit that flips on its way from the phone is an error in every command that pulls something."""

from pathlib import Path

import pytest
import scripted_setup as setup
from in_process import hardboot
from scripted_phone import ScriptedPhone, flip

from hardboot.device.staging import STAGING


@pytest.mark.parametrize(
    ("words", "pulled", "what"),
    [
        ("boot {}", "tree", "/sys/firmware/fdt"),
        ("load {}", "tree", "/sys/firmware/fdt"),
        ("plan {}", "tree", "/sys/firmware/fdt"),
        ("boot {}", "boot-header", "/dev/block/*"),
        ("plan {}", "boot-header", "/dev/block/*"),
        ("log", "root-file", "/proc/last_kmsg cannot be read: /proc/last_kmsg"),
        ("devices suggest", "tree", "/sys/firmware/fdt"),
        ("backup", "backup.img", "the backup of /dev/block/*"),
        ("backup -o out", "backup.img", "the backup of /dev/block/*"),
        ("bench", "partition", "/dev/block/*"),
    ],
)
def test_a_bit_that_flips_on_the_way_is_an_error(
    words: str,
    pulled: str,
    what: str,
    scripted: ScriptedPhone,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    scripted.add_file("/proc/last_kmsg", b"what it said last")
    scripted.fault(f"pull {STAGING}/{pulled}", alters=flip(3))
    done = hardboot("--yes", *words.format(setup.rom_image(tmp_path)).split())
    first, state, _ = done.stderr.splitlines()[-3:]
    assert done.returncode == 5, done.stderr
    assert first.startswith(f"hardboot: {what.partition('*')[0]}")
    assert first.endswith(" arrived damaged")
    assert state.startswith("  state: Nothing ")
    assert not scripted.happened("*agent load*")
    assert not (tmp_path / "out").exists()
