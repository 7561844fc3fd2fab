"""The fuzz targets on their own corpus and on damaged copies of it; `make fuzz` runs them for longer."""

import pytest
from fuzz_targets import TARGETS, run
from hypothesis import given, settings
from hypothesis import strategies as st

EACH = pytest.mark.parametrize("name", TARGETS)


@EACH
def test_the_corpus_is_read(name: str) -> None:
    target, seeds = TARGETS[name]
    for seed in seeds:
        run(target, seed)


@EACH
@settings(max_examples=60)
@given(data=st.data())
def test_damage_is_refused_or_harmless(name: str, data: st.DataObject) -> None:
    target, seeds = TARGETS[name]
    damaged = bytearray(data.draw(st.sampled_from(seeds)))
    places = st.integers(0, min(len(damaged) - 1, 4096))
    for offset in data.draw(st.lists(places, min_size=1, max_size=4)):
        value = data.draw(st.sampled_from([b"\0", b"\xff", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff"]))
        damaged[offset : offset + len(value)] = value
    run(target, bytes(damaged[: data.draw(st.integers(0, len(damaged)))]))
