"""Documents are decoded strictly; whatever is wrong with one is one kind of error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardboot.attempts.attempt import Attempt
from hardboot.base import documents
from hardboot.base.documents import DecodeError
from hardboot.device.record import Loaded
from hardboot.flows.transaction_record import Transaction
from hardboot.store.manifest import Manifest

KINDS = [Attempt, Loaded, Manifest, Transaction]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"\xff", b'{"x": "\xff"}', b'{"x": ' + b"[" * 200_000, "null"]
)
def test_what_is_no_such_document_is_told(kind: type[object], data: bytes | str) -> None:
    with pytest.raises(DecodeError):
        documents.decode(data, kind)


@given(st.binary(max_size=200), st.sampled_from(KINDS))
def test_any_bytes_are_a_document_or_told(data: bytes, kind: type[object]) -> None:
    with pytest.raises(DecodeError):
        documents.decode(data, kind)


def test_a_document_is_returned() -> None:
    assert documents.decode(b'{"a": 1}', dict[str, int]) == {"a": 1}
