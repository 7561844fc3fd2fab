"""The folders of attempts: bounded, and read only where they are what they should be."""

from pathlib import Path

import pytest
from attempts_setup import BEGAN, attempt, keep
from hypothesis import given
from hypothesis import strategies as st

from hardboot.attempts import store
from hardboot.base.errors import InputError


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_ids_are_times_and_never_the_same_also_for_two_phones() -> None:
    made = [keep(attempt(serial=serial)).id for serial in ("HB1", "HB1", "HB2")]
    assert made == ["20270115-080000", "20270115-080000-2", "20270115-080000-3"]
    assert [store.get(one).id for one in made] == made
    assert [one.id for one in store.find_all("HB2")] == made[2:]
    last = [keep(attempt(serial="HB2")).id for _ in range(9)][-1]
    found = store.newest("HB2")
    assert found
    assert (found.id, last) == ("20270115-080000-12",) * 2
    assert store.newest("HB3") is None


def test_the_newest_is_first_and_last_stands_for_it() -> None:
    old, new = (keep(attempt(began=BEGAN + days * 86400)) for days in (0, 1))
    assert [one.id for one in store.find_all()] == [new.id, old.id]
    assert store.get("last").id == new.id
    assert store.get("last") == new


@pytest.mark.parametrize(("kept", "what"), [(0, "no attempts are kept"), (1, "no attempt '20990101-000000'")])
def test_an_attempt_that_is_not_kept_is_told(kept: int, what: str) -> None:
    for _ in range(kept):
        keep(attempt())
    with pytest.raises(InputError, match=what):
        store.get("20990101-000000")


def test_the_oldest_go_when_a_phone_has_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "KEPT", 3)
    other = keep(attempt(serial="HB2", began=BEGAN - 1))
    made = [keep(attempt(began=BEGAN + number)) for number in range(5)]
    store.prune(made[-1])
    assert [one.id for one in store.find_all("HB1")] == [one.id for one in reversed(made[2:])]
    assert [one.id for one in store.find_all("HB2")] == [other.id]


def test_the_oldest_go_when_all_take_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "KEPT_BYTES", 5000)
    big = {"dmesg-before.txt": "x" * 2000}
    made = [keep(attempt(serial=f"HB{number}", began=BEGAN + number), big) for number in range(3)]
    store.prune(made[-1])
    assert [one.id for one in store.find_all()] == [made[2].id]
    monkeypatch.setattr(store, "KEPT_BYTES", 1)
    store.prune(made[-1])
    assert [one.id for one in store.find_all()] == [made[2].id], "the one that is being made stays"
    assert sorted(path.name for path in (store._root() / "HB0").iterdir()) == []


def test_what_is_no_record_is_left_out() -> None:
    made = keep(attempt())
    description = store.folder_of(made) / "attempt.json"
    text = description.read_text()
    for folder, content in (
        ("20270115-080001", text),  # of another attempt
        ("20270115-080002", "{"),
        ("20270115-080003", text.replace('"version": 1', '"version": 2')),
        ("20270115-080004", "x" * (2 << 20)),
        ("elsewhere", text),
    ):
        other = description.parents[1] / folder
        other.mkdir()
        (other / "attempt.json").write_text(content)
    (description.parents[1] / "20270115-080005").mkdir()
    (description.parents[1] / "20270115-080006").write_text("no folder")
    assert [one.id for one in store.find_all()] == [made.id]


@given(st.text(max_size=200))
def test_a_phone_never_chooses_the_path_of_a_file(name: str) -> None:
    made = attempt()
    folder = store.folder_of(made)
    folder.mkdir(parents=True, exist_ok=True)
    before = {path.name for path in folder.iterdir()}
    store.write_file(made, name, b"x")
    assert len({path.name for path in folder.iterdir()} - before) <= 1
    assert all(path in folder.iterdir() for path in store.files(made))


def test_a_process_that_ended_leaves_an_unknown_outcome() -> None:
    made = attempt(outcome=None, phase="push")
    assert (made.is_running, made.outcome_text) == (False, "unknown: interrupted at phase 'push'")
    alive = attempt(outcome=None, phase="push", process=1)
    assert (alive.is_running, alive.outcome_text, alive.document()["outcome"]) == (
        True,
        "running: push",
        None,
    )
