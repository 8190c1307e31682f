"""What is lost and what counts twice is told apart."""

from __future__ import annotations

from itertools import islice

from olympics.catalogue import load_catalogue
from tests.soak.comparison import Counts, difference, sent_once


def test_what_is_lost_does_not_hide_what_is_doubled() -> None:
    written = {"a": 1, "b": 1, "c": 2}

    assert difference(written, written, {"a": 2, "c": 2}) == Counts(shown=4, lost=1, doubled=1)
    assert difference(written, written, {"a": 1, "b": 1, "c": 2}) == Counts(4, 0, 0)


def test_what_is_not_committed_may_be_shown_and_may_be_absent() -> None:
    committed, written = {"a": 1, "b": 0}, {"a": 1, "b": 1}

    assert difference(committed, written, {"a": 1}) == Counts(1, 0, 0)
    assert difference(committed, written, {"a": 1, "b": 1}) == Counts(2, 0, 0)
    assert difference(committed, written, {"a": 1, "b": 2}) == Counts(3, 0, 1)


def test_every_result_of_a_comparison_is_the_only_one_of_its_unit() -> None:
    catalogue = load_catalogue(None)
    sent = list(islice(sent_once(1, catalogue), 1_000))

    assert len({record.key for record in sent}) == 1_000
    assert sent == list(islice(sent_once(1, catalogue), 1_000))
