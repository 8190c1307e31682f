"""What stays open in a unit when somebody leaves its ranking, and how the ranks behind close up.

Ranks that follow from marks close up by themselves. What officials wrote (``rank``, ``outcome``,
``medal``) stays until they change it, so a place and its medal can stay vacant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from olympics.catalogue import Catalogue
from olympics.recount import UnitRow, unit_standings
from olympics.result import Result


class Standings(NamedTuple):
    """A unit's standings by competitor, before and after some of its results are replaced."""

    before: Mapping[str, UnitRow]
    after: Mapping[str, UnitRow]


class Open(NamedTuple):
    """Officials' words that no longer fit once somebody has left the ranking.

    ``ranks``: competitor → (rank now, rank if those behind close up). ``left``: who left the
    ranking with an officials' rank that others do not share. ``vacant``: medals that somebody took
    before and nobody takes now.
    """

    left: tuple[str, ...]
    ranks: Mapping[str, tuple[int, int]]
    vacant: tuple[str, ...]


def standings(
    survivors: Sequence[Result], changed: Mapping[str, Result], catalogue: Catalogue
) -> Standings:
    """Return the standings of *survivors*, and with the results of *changed* in their place."""
    merged = [changed.get(it.competitor.id, it) for it in survivors]
    return Standings(
        {row.competitor: row for row in unit_standings(survivors, catalogue)},
        {row.competitor: row for row in unit_standings(merged, catalogue)},
    )


def what_stays_open(
    survivors: Sequence[Result], changed: Mapping[str, Result], catalogue: Catalogue
) -> Open:
    """Return what *changed*, by competitor, leaves open among the *survivors* of its unit."""
    both = standings(survivors, changed, catalogue)
    own = {it.competitor.id: it.rank for it in survivors if it.rank is not None}
    ranked = {
        competitor: row.result.rank
        for competitor, row in both.after.items()
        if row.result.rank is not None and _has_place(row, catalogue)
    }
    left = []
    for competitor in changed:
        rank, row = own.get(competitor), both.after.get(competitor)
        if rank is None or _has_place(row, catalogue):
            continue
        # Who was out before with this rank beside it left a place only if nobody has taken it.
        if _has_place(both.before.get(competitor), catalogue) or rank not in ranked.values():
            left.append(competitor)
    places = sorted(own[competitor] for competitor in left)
    ranks = {}
    for competitor, rank in ranked.items():
        if competitor in changed and own.get(competitor) != rank:
            continue  # it has got its new rank already
        up = sum(place < rank for place in places)
        if up:
            ranks[competitor] = (rank, rank - up)
    gone = _medals(both.before) - _medals(both.after)
    order = [it for it in ("gold", "silver", "bronze") if it in gone]
    return Open(tuple(left), ranks, tuple(order))


def is_out(result: Result, catalogue: Catalogue) -> bool:
    """Whether the competitor is disqualified, or competes out of competition."""
    if result.irm is None:
        return False
    kind = catalogue.sports[result.sport].irm_class(result.irm)
    return kind in ("disqualified", "out_of_competition")


def _has_place(row: UnitRow | None, catalogue: Catalogue) -> bool:
    return row is not None and row.rank is not None and not is_out(row.result, catalogue)


def _medals(rows: Mapping[str, UnitRow]) -> set[str]:
    return {row.medal for row in rows.values() if row.medal not in (None, "none")}
