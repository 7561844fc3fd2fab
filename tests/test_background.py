"""Work in threads, as whoever started it meets it."""

import hashlib

import pytest

from hardboot.background import Task, hashes


def test_what_work_raises_is_raised_where_its_result_is_wanted() -> None:
    def fails() -> None:
        raise KeyboardInterrupt

    task: Task[None] = Task(fails)
    with pytest.raises(KeyboardInterrupt):
        task.result()


def test_hashes_are_in_the_order_of_their_data() -> None:
    datas: list[bytes | memoryview] = [b"x" * 5_000_000, b"", memoryview(b"y" * 10)]
    assert hashes(datas).result() == [hashlib.sha256(data).hexdigest() for data in datas]
