"""hardboot dtb: what it shows, and when it refuses."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from dtb_trees import ONE, THREE, TWO
from image_builders import dtb, qcdt, zimage

from hardboot.__main__ import run

Rows = list[tuple[tuple[int, ...], bytes]]


def call(capsys: pytest.CaptureFixture[str], *words: str | Path, code: int = 0) -> tuple[str, str]:
    assert run([str(word) for word in words]) == code
    captured = capsys.readouterr()
    return captured.out, captured.err


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "dt.img"
    rows: Rows = [((178, 0x47, 0x8000), ONE), ((178, 0x47, 0x8200), TWO), ((126, 0x47, 0x8200), THREE)]
    path.write_bytes(qcdt(1, rows))
    return path


def test_the_command_shows_the_choice_and_every_reason_in_80_columns(
    capsys: pytest.CaptureFixture[str], image: Path
) -> None:
    out, _ = call(capsys, "dtb", image, "--match", "178,0x47,0x8200")
    assert max(map(len, out.splitlines())) <= 80
    assert out.splitlines()[0] == "dt.img: QCDT, 3 entries"
    assert out.splitlines()[3].startswith("*   1    2.0 KiB  platform 0xb2 variant 0x47 soc_rev 0x8200")
    assert "lower soc_rev than 1" in out
    assert "platform 0x7e" in out
    assert out.splitlines()[-1].startswith("take 1: best match for platform 0xb2")


def test_the_document_has_a_row_for_every_candidate(capsys: pytest.CaptureFixture[str], image: Path) -> None:
    out, _ = call(capsys, "--json", "dtb", image, "--match", "178,0x47,0x8200")
    document: dict[str, Any] = json.loads(out)
    assert (document["kind"], document["part"], document["choice"]) == ("QCDT", None, 1)
    rows = document["candidates"]
    assert [row["taken"] for row in rows] == [False, True, False]
    assert [row["offset"] for row in rows] == [0x800, 0x1000, 0x1800]
    assert rows[2]["ids"] == ["platform 0x7e variant 0x47 soc_rev 0x8200"]
    assert rows[2]["reason"] == "platform 0x7e, not 0xb2"


def test_where_none_fits_the_command_refuses_and_shows_why(
    capsys: pytest.CaptureFixture[str], image: Path
) -> None:
    out, err = call(capsys, "dtb", image, "--match", "200,1,1", code=4)
    assert "platform 0xb2" in out
    assert "none is for platform 0xc8" in err
    out, _ = call(capsys, "--json", "dtb", image, "--match", "200,1,1", code=4)
    document = json.loads(out)
    assert document["choice"] is None
    assert len(document["candidates"]) == 3
    assert document["error"]["exit_code"] == 4


def test_too_few_ids_are_refused_with_the_form_that_the_trees_need(
    capsys: pytest.CaptureFixture[str], image: Path
) -> None:
    _, err = call(capsys, "dtb", image, "--match", "178", code=4)
    assert 'Give all ids that the trees state: --match "CHIP,VARIANT,REVISION"' in err
    _, err = call(capsys, "dtb", image, "--match", "sc-id=178", code=3)
    assert "--match 'sc-id=178': sc-id needs 3 numbers (CHIP,PLATFORM,REVISION), not 1" in err


def test_the_ids_may_come_from_a_profile(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    kernel = tmp_path / "zImage-dtb"
    trees = [dtb(f"/ {{ qcom,msm-id = <{chip} 0x47 0x8200>; }};") for chip in (178, 126)]
    kernel.write_bytes(zimage() + b"".join(trees))
    out, _ = call(capsys, "--json", "dtb", kernel, "--device", "shamu")
    assert json.loads(out)["choice"] == 0
    _, err = call(capsys, "dtb", kernel, "--device", "virt-arm", code=4)
    assert "the profile virt-arm has no device tree ids" in err
    call(capsys, "dtb", kernel, code=2)


def test_a_file_without_a_tree_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "kernel"
    for data in (zimage(), b"text", struct.pack("<4s2I", b"QCDT", 1, 5)):
        path.write_bytes(data)
        _, err = call(capsys, "dtb", path, "--match", "1,2,3", code=3)
        assert err.startswith(f"hardboot: {path}: ")


def test_what_a_table_names_cannot_steer_the_terminal(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "dt.img"
    rows: Rows = [((1, 2, 3), ONE)]
    path.write_bytes(qcdt(0x101, rows, model=b"\x1b[31mred"))
    out, _ = call(capsys, "dtb", path, "--match", "1,2,3")
    assert "\x1b" not in out
