"""`hardboot bench` on a phone out of the box."""

from pathlib import Path

import pytest
from phones import VirtualPhone

pytestmark = pytest.mark.e2e


def test_the_ways_to_restart_are_measured_against_each_other(
    stock_phone: VirtualPhone, tmp_path: Path
) -> None:
    chart = tmp_path / "chart.svg"
    ran = stock_phone("--json", "bench", "-n", "1", "--yes", "--svg", chart)
    assert "hardboot is left out: the running kernel 6.1." in ran.err
    document = ran.json
    assert list(document) == ["runs", "median", "ratio"]
    assert [run["way"] for run in document["runs"]] == ["reboot", "soft"]
    for run in document["runs"]:
        assert list(run) == ["way", "seconds", "phases"]
        assert list(run["phases"]) == ["quiesce", "reset", "kernel", "userland"]
        assert sum(run["phases"].values()) == pytest.approx(run["seconds"], abs=0.01)
        assert document["median"][run["way"]] == run["seconds"]
    assert document["ratio"]["reboot"] == 1
    assert chart.read_text().count("<rect") > 8
    assert stock_phone.kernel["guest"] is False  # it runs its own system again
