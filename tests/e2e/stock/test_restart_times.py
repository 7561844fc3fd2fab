"""`hardboot bench` on a phone out of the box."""

import pytest
from phones import VirtualPhone

pytestmark = pytest.mark.e2e


<<<<<<< HEAD
def test_the_restart_methods_are_compared(stock_phone: VirtualPhone) -> None:
    ran = stock_phone("--json", "bench", "-n", "1", "--yes")
    assert "hardboot is left out: the running kernel 6.1." in ran.err
=======
def test_the_ways_to_restart_are_measured_against_each_other(
    stock_phone: VirtualPhone, tmp_path: Path
) -> None:
    chart = tmp_path / "chart.svg"
    ran = stock_phone("--json", "bench", "-n", "1", "--yes", "--svg", chart)
    assert "skipping hardboot: the running kernel 6.1." in ran.err
>>>>>>> bb8c955 (flows, device: names and messages in the words of the field; handset in three modules)
    document = ran.json
    assert list(document) == ["runs", "median", "ratio"]
    assert [run["way"] for run in document["runs"]] == ["reboot", "soft"]
    for run in document["runs"]:
        assert list(run) == ["way", "seconds", "phases"]
        assert list(run["phases"]) == ["quiesce", "reset", "kernel", "userland"]
        assert sum(run["phases"].values()) == pytest.approx(run["seconds"], abs=0.01)
        assert document["median"][run["way"]] == run["seconds"]
    assert document["ratio"]["reboot"] == 1
    assert stock_phone.kernel["guest"] is False  # it runs its own system again
