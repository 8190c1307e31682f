"""Which of the officials' ranks close up when somebody leaves a unit's ranking."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallero.corrections.closing_up import what_stays_open
from olympics.catalogue import load_catalogue
from olympics.result import Result, parse_result

CATALOGUE = load_catalogue()


def result(competitor: str, **fields: Any) -> Result:
    plain = {"sport": "swimming", "unit": "100 m", "phase": "final", "faculty": "engineering"}
    return parse_result({**plain, "competitor": {"id": competitor}, **fields}, CATALOGUE)


def ranked(*ranks: int) -> list[Result]:
    """Return results of competitors a, b, c … with these ranks."""
    return [result(chr(97 + place), rank=rank) for place, rank in enumerate(ranks)]


@pytest.mark.parametrize(
    ("ranks", "left", "moved", "vacant"),
    [
        ((1, 2, 3, 4), "a", {"b": (2, 1), "c": (3, 2), "d": (4, 3)}, ("gold",)),
        ((1, 2, 3, 4), "c", {"d": (4, 3)}, ("bronze",)),
        ((1, 2, 3, 4), "d", {}, ()),
        ((1, 1, 3), "a", {"c": (3, 2)}, ()),
        ((1, 2, 2, 4), "a", {"b": (2, 1), "c": (2, 1), "d": (4, 3)}, ("gold",)),
        ((1, 2, 3), "ab", {"c": (3, 1)}, ("gold", "silver")),
        ((3, 4), "a", {"b": (4, 3)}, ("bronze",)),
    ],
)
def test_ranks_behind_move_up_by_those_who_left_before_them(
    ranks: tuple[int, ...], left: str, moved: dict[str, tuple[int, int]], vacant: tuple[str, ...]
) -> None:
    changed = {it: result(it, irm="DSQ", version=2) for it in left}

    found = what_stays_open(ranked(*ranks), changed, CATALOGUE)

    assert found.left == tuple(left)
    assert found.ranks == moved
    assert found.vacant == vacant


def test_whoever_is_withdrawn_leaves_as_well() -> None:
    changed = {"a": result("a", rank=1, status="withdrawn", version=2)}

    assert what_stays_open(ranked(1, 2), changed, CATALOGUE).ranks == {"b": (2, 1)}


def test_a_rank_that_is_taken_again_is_not_vacant() -> None:
    """The rank beside an earlier disqualification says nothing once others have moved up."""
    before = [result("a", rank=1, irm="DSQ"), result("b", rank=1), result("c", rank=2)]
    changed = {"a": result("a", rank=1, irm="DSQ", version=2)}

    found = what_stays_open(before, changed, CATALOGUE)

    assert (found.left, dict(found.ranks)) == ((), {})


def test_ranks_that_follow_from_marks_need_nothing() -> None:
    before = [result("a", mark="50"), result("b", mark="51")]
    changed = {"a": result("a", mark="50", irm="DSQ", version=2)}

    found = what_stays_open(before, changed, CATALOGUE)

    assert (found.left, dict(found.ranks), found.vacant) == ((), {}, ("silver",))


def test_a_rank_that_the_same_correction_gives_is_kept() -> None:
    changed = {"a": result("a", irm="DSQ", version=2), "b": result("b", rank=1, version=2)}

    assert what_stays_open(ranked(1, 2, 3), changed, CATALOGUE).ranks == {"c": (3, 2)}


@given(
    st.lists(st.integers(1, 8), min_size=1, max_size=12),
    st.sets(st.integers(0, 11), min_size=1, max_size=4),
)
def test_closing_up_keeps_the_order_and_the_ties(marks: list[int], leaving: set[int]) -> None:
    """Ranks that officials derived from marks close up to what they would derive without those."""

    def ranks_of(its: list[int]) -> list[int]:
        return [1 + sum(other < mark for other in its) for mark in its]

    names = [chr(97 + place) for place in range(len(marks))]
    left = {names[place] for place in leaving if place < len(marks)}
    stay = [place for place, name in enumerate(names) if name not in left]
    before = ranked(*ranks_of(marks))

    found = what_stays_open(
        before, {it: result(it, irm="DSQ", version=2) for it in left}, CATALOGUE
    )

    closed = [found.ranks.get(names[place], (0, before[place].rank))[1] for place in stay]
    assert closed == ranks_of([marks[place] for place in stay])
