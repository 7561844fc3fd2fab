"""Work in threads, as whoever started it meets it."""

import hashlib

import pytest

from hardboot.images.background import begin, hashes


def test_what_work_raises_is_raised_where_its_result_is_wanted() -> None:
    def fails() -> None:
        raise KeyboardInterrupt

    result = begin(fails)
    with pytest.raises(KeyboardInterrupt):
        result()


def test_hashes_are_in_the_order_of_their_data() -> None:
    datas: list[bytes | memoryview] = [b"x" * 5_000_000, b"", memoryview(b"y" * 10)]
    assert hashes(datas)() == [hashlib.sha256(data).hexdigest() for data in datas]
