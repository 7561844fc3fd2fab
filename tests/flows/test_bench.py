"""The benchmark's arithmetic; that it measures a phone is shown in tests/e2e."""

import pytest

from hardboot.device.handset import KernelIdentity
from hardboot.flows import bench
from hardboot.flows.bench_runs import HARDBOOT, Bench, Run, phases_of

KERNEL = KernelIdentity("6.1.0", "x", "")
SECONDS = {"reboot": (4.0, 9.0, 5.0, 6.0), "hardboot": (6.05, 6.05, 5.0, 9.0), "soft": (1.0, 1.5, 1.2, 1.3)}


def runs() -> Bench:
    made = tuple(
        Run(way, SECONDS[way][number], {"quiesce": 0.5, "reset": SECONDS[way][number] - 0.5})
        for number in range(4)
        for way in SECONDS
    )
    return Bench(made, KERNEL, "own-boot.img", KERNEL)


def test_the_document_has_the_shape_that_was_agreed() -> None:
    document = runs().document()
    assert list(document) == ["runs", "median", "ratio"]
    assert document["runs"][0] == {"way": "reboot", "seconds": 4.0, "phases": {"quiesce": 0.5, "reset": 3.5}}
    assert len(document["runs"]) == 12
    assert document["median"] == {"reboot": 5.5, "hardboot": 6.05, "soft": 1.25}
    assert document["ratio"] == {"reboot": 1.0, "hardboot": 1.1, "soft": 0.227}


def test_the_phases_shown_are_of_one_run_so_that_they_add_up() -> None:
    assert runs().typical("reboot").seconds == 5.0
    assert [run.seconds for run in runs().of("soft")] == [1.0, 1.2, 1.3, 1.5]


@pytest.mark.parametrize(("count", "middle"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (6, 2), (7, 3)])
def test_the_run_in_the_middle_is_typical(count: int, middle: int) -> None:
    made = tuple(Run("soft", float(number), {}) for number in range(count))
    assert Bench(made[::-1], KERNEL, "x", None).typical("soft") is made[middle]


def test_seconds_are_told_to_the_millisecond() -> None:
    made = Bench((Run("reboot", 1.23456, {"quiesce": 0.98765}),), KERNEL, "x", None)
    assert made.document() == {
        "runs": [{"way": "reboot", "seconds": 1.235, "phases": {"quiesce": 0.988}}],
        "median": {"reboot": 1.235},
        "ratio": {"reboot": 1.0},
    }


@pytest.mark.parametrize(
    ("marks", "phases"),
    [
        ((10, 11, 13, 16, 20), {"quiesce": 1, "reset": 2, "kernel": 3, "userland": 4}),
        ((10, None, 13, 16, 20), {"quiesce+reset": 3, "kernel": 3, "userland": 4}),
        ((10, 11, 13, None, 20), {"quiesce": 1, "reset": 2, "kernel+userland": 7}),
        ((10, 9, 13, 16, 20), {"quiesce+reset": 3, "kernel": 3, "userland": 4}),  # clocks that disagree
        ((10, None, 13, None, 20), {"quiesce+reset": 3, "kernel+userland": 7}),
    ],
)
def test_a_mark_that_is_missing_joins_two_phases(
    marks: tuple[float | None, ...], phases: dict[str, float]
) -> None:
    assert dict(bench._split(phases_of(HARDBOOT), marks)) == phases


def test_the_kernels_own_stamps_are_found() -> None:
    said = (
        "[    0.000000] Linux version 6.1.0\n<6>[    0.700000] Freeing unused kernel image memory: 1024K\n"
        "[    0.710000] Run /init as init process\n[    0.7] init: Run /init as init process of a joke\n"
    )
    assert bench._INIT.findall(said) == ["0.700000", "0.710000"]
    assert bench._INIT.findall("[    1.302490] Freeing init memory: 244K\n") == ["1.302490"]  # Linux 3.4
    assert bench._LAST.findall("[   12.5] reboot: Restarting system\n[ 3.1] Restarting system.\n") == [
        "12.5",
        "3.1",
    ]
    kexec = "[  472.4] kexec_core: Starting new kernel\n[  472.5] CPU1 killed.\n[  472.537] Bye!\n"
    assert bench._LAST.findall(kexec)[-1] == "472.537"
    assert bench._LAST.findall("[  7.5] Starting new kernel\n") == ["7.5"]  # Linux 3.4
