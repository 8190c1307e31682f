"""Requests with too many records are refused before any of them is an object."""

from __future__ import annotations

import pytest

from gateway.errors import Refused
from gateway.http.submissions import items_of
from gateway.limits.record_count import check_message
from protos.medallero.v1 import intake_pb2 as pb


def test_an_array_of_as_many_as_may_be_passes() -> None:
    assert len(items_of(b"[" + b",".join([b'{"a":1,"b":2,"c":3}'] * 50) + b"]", 50).raw) == 50


@pytest.mark.parametrize("item", [b"1", b"[]", b"{}", b'{"a":1,"b":2}'])
@pytest.mark.parametrize("number", [51, 5000])
def test_an_array_of_more_is_refused(item: bytes, number: int) -> None:
    with pytest.raises(Refused, match="more than 50 records"):
        items_of(b"[" + b",".join([item] * number) + b"]", 50)


def _message(number: int) -> bytes:
    request = pb.SubmitRequest(
        results=[pb.Result(unit="x" * 200)] * (number // 2), entries=[pb.Entry()] * (number // 2)
    )
    data: bytes = request.SerializeToString()
    return data


def test_a_message_of_as_many_as_may_be_passes() -> None:
    check_message(_message(50), 50)


def test_a_message_of_more_is_refused() -> None:
    with pytest.raises(Refused, match="more than 50 records"):
        check_message(_message(52), 50)


@pytest.mark.parametrize(
    "unknown",
    [b"\x18\xff\x01", b"\x19" + b"8" * 8, b"\x1d" + b"4" * 4, b"\x1a\x03abc", b"\x1b\x1c"],
    ids=["varint", "fixed 64", "fixed 32", "bytes", "group"],
)
def test_fields_that_nobody_knows_hide_nothing(unknown: bytes) -> None:
    data = unknown + _message(52)
    assert len(pb.SubmitRequest.FromString(data).results) == 26

    with pytest.raises(Refused):
        check_message(data, 50)


@pytest.mark.parametrize("data", [b"\xff" * 200, b"\x0a\xff\xff" * 60, b"\x0f" * 200, b"\x0a"])
def test_what_is_no_message_is_left_to_the_parser(data: bytes) -> None:
    check_message(data, 1000)
    check_message(data[:150], 50)
