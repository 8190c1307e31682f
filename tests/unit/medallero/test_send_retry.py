"""How long a client waits, what it makes of an answer, and reading ahead in a thread."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate

import pytest

from medallero.client.answers import Answer, Rejection, RequestRefused, checked
from medallero.client.http import retry_after
from medallero.client.pump import in_pieces
from medallero.client.retry import Backoff


def test_waits_grow_and_stay_below_the_longest() -> None:
    backoff = Backoff(first=0.1, longest=2.0, dice=random.Random(1))

    waits = [backoff.wait(attempt, None) for attempt in range(1, 2000)]

    assert 0.05 <= waits[0] <= 0.1
    assert all(1.0 <= it <= 2.0 for it in waits[10:])


def test_what_the_gateway_asks_for_is_waited_at_least() -> None:
    backoff = Backoff(dice=random.Random(1))

    waits = [backoff.wait(1, 3.0) for _ in range(100)]

    assert all(3.0 <= it <= 4.0 for it in waits)
    # They who were sent away together do not come back together.
    assert len(set(waits)) > 50


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2", 2.0), ("0", 0.0), ("-5", 0.0), ("1.5", 1.5), ("soon", None), ("nan", None)],
)
def test_retry_after_in_seconds(text: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": text}) == seconds


def test_retry_after_as_a_date() -> None:
    later = formatdate(time.time() + 20, usegmt=True)
    earlier = formatdate(time.time() - 20, usegmt=True)

    assert retry_after({"Retry-After": later}) == pytest.approx(20, abs=3)
    assert retry_after({"Retry-After": earlier}) == 0


def test_retry_after_is_not_always_there() -> None:
    assert retry_after({}) is None


@pytest.mark.parametrize(
    "answer",
    [Answer(2, []), Answer(4, []), Answer(2, [Rejection(3, "", "")]), Answer(-1, [])],
)
def test_an_answer_that_does_not_account_for_all_is_not_trusted(answer: Answer) -> None:
    with pytest.raises(RequestRefused):
        checked(answer, 3)


async def test_pieces_hold_everything_in_order() -> None:
    pieces = [piece async for piece in in_pieces(iter(range(50_000)))]

    assert [it for piece in pieces for it in piece] == list(range(50_000))
    assert all(pieces)


async def test_what_a_slow_source_has_is_not_held_back() -> None:
    more = threading.Event()

    def slow() -> Iterator[int]:
        yield 1
        more.wait(10)
        yield 2

    pieces = in_pieces(slow())

    assert await asyncio.wait_for(anext(pieces), 5) == [1]
    more.set()
    assert await asyncio.wait_for(anext(pieces), 5) == [2]
    await pieces.aclose()  # type: ignore[attr-defined]


async def test_an_error_comes_after_what_was_read_before_it() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    seen: list[int] = []

    async def read() -> None:
        async for piece in in_pieces(broken()):
            seen.extend(piece)

    with pytest.raises(ValueError, match="no more"):
        await read()
    assert seen == [1]
