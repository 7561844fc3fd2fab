"""`hardboot bench` on a phone out of the box."""

import pytest
from phones import VirtualPhone

pytestmark = pytest.mark.e2e


def test_the_restart_methods_are_compared(stock_phone: VirtualPhone) -> None:
    ran = stock_phone("--json", "bench", "-n", "1", "--yes")
    assert "skipping hardboot: the running kernel 6.1." in ran.err
    document = ran.json
    assert list(document) == ["runs", "median", "ratio"]
    assert [run["way"] for run in document["runs"]] == ["reboot", "soft"]
    for run in document["runs"]:
        assert list(run) == ["way", "seconds", "phases"]
        between = "kexec" if run["way"] == "soft" else "reset"
        assert list(run["phases"]) == ["quiesce", between, "kernel", "userland"]
        assert sum(run["phases"].values()) == pytest.approx(run["seconds"], abs=0.01)
        assert document["median"][run["way"]] == run["seconds"]
    assert document["ratio"]["reboot"] == 1
    assert stock_phone.kernel["guest"] is False  # it runs its own system again
