"""What people tell each other of a unit that has just changed.

A function of the unit's surviving results alone, so it is the same after a restore. What they were
before is not kept: see docs/decisions/0030.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple

from olympics.catalogue import Sport
from olympics.events import Leading, leading
from olympics.latest import UNOFFICIAL, WITHDRAWN, Latest
from olympics.ranking import Ranking, Steps, UnitPlace

#: What the last change was: a result came in, or a result that was known became another one.
What = Literal["result", "correction", "disqualification", "withdrawal"]
WHATS: Final[tuple[What, ...]] = ("result", "correction", "disqualification", "withdrawal")


class Change(NamedTuple):
    """The last change of a unit: ``changed`` is the place of the competitor whose result it was.

    ``leading`` is None if all results are withdrawn.
    """

    what: What
    changed: UnitPlace
    ranking: Ranking
    leading: Leading | None


def change_of(
    results: Iterable[Sequence[Latest]], ranked: Steps[Ranking], sport: Sport
) -> Steps[Change]:
    """Return the last change of a unit with these results, some at a time, and their ranking."""
    last: Latest | None = None
    lowest = 0
    for some in results:
        newest = max(some, key=lambda it: it.offset)
        if last is None or newest.offset > last.offset:
            last = newest
        first = min(it.version for it in some)
        lowest = min(lowest, first) if lowest else first
        yield
    assert last is not None
    ranking = yield from ranked
    told = yield from leading(ranking)
    place = UnitPlace(None, last.competitor, last, None, None)
    if last.status != WITHDRAWN:
        place = ranking.place_of(last)
    return Change(_what(last, lowest, sport), place, ranking, told)


def _what(last: Latest, lowest: int, sport: Sport) -> What:
    if last.status == WITHDRAWN:
        return "withdrawal"
    if last.irm is not None and sport.irm_class(last.irm) == "disqualified":
        return "disqualification"
    # Where all results have the same version, as those of a file that is sent again, nobody can
    # tell from the first results that come with this number.
    return "correction" if last.version > lowest and last.status != UNOFFICIAL else "result"
