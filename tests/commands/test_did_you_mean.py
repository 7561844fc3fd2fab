"""Names that do not exist: what may be meant is said, for commands, options, devices, series and models."""

import shlex
from pathlib import Path

import pytest
from in_process import hardboot

MEANT = [
    ("devices show shamuu", "no profile named 'shamuu'; did you mean shamu?"),
    ("devices show Hamerhead", "no profile named 'Hamerhead'; did you mean hammerhead?"),
    ("devices show 'nexs 6'", "no profile named 'nexs 6'; did you mean shamu?"),
    ("devices show --device virt-am", "no profile named 'virt-am'; did you mean virt-arm?"),
    ("devices show zzz", "no profile named 'zzz'"),
    ("patch check arm-3.1 --tree x", "no series named 'arm-3.1'; did you mean arm-3.10?"),
    ("patch check zzz --tree x", "no series named 'zzz'"),
    ("patch export arm-61 -o y --device virt-arm", "no series named 'arm-61'; did you mean arm-6.1?"),
    ("patch export a/arm-61 -o y --device virt-arm", "a/arm-61 is not the top of a Linux kernel tree"),
    (
        "virtual rom y --device virt-arm46",
        "there is no virtual phone of the kind 'virt-arm46'; did you mean virt-arm64?",
    ),
]


@pytest.mark.parametrize(("line", "what"), MEANT)
def test_what_may_be_meant_is_said(
    line: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x").write_bytes(b"")
    done = hardboot(*shlex.split(line))
    assert done.returncode == 3
    assert done.stderr.splitlines()[-3] == f"hardboot: {what}"
