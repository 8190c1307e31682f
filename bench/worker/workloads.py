"""What the peers are given to do: results as they stand on the topic, and what must come out."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from bench.kafka import Record
from olympics.catalogue import Catalogue
from olympics.recount import recount
from olympics.result import Competitor, Phase, Result, encode, key_of

#: Counts that all full peers must agree on, in the order of a :class:`Row`.
COUNTED: Final = ("entries", "winners", "losers", "gold", "silver", "bronze")

Row = tuple[int, int, int, int, int, int]
#: (sport, faculty) → counts
Table = dict[tuple[str, str], Row]

_SPORTS: Final = ("swimming", "athletics")
_FACULTIES: Final = ("engineering", "agronomy")
# Every fourth unit is a final: enough medals that a wrong rank shows.
_PHASES: Final[tuple[Phase, ...]] = ("final", "round", "round", "round")


@dataclass(frozen=True, slots=True)
class Workload:
    """Official results with marks, in finals and rounds of two sports.

    :param competitors: results in a unit; they lie side by side in the topic.
    :param versions: how often each result is sent, with another mark each time. All results are
        sent once before the first correction comes.
    """

    name: str
    title: str
    competitors: int
    versions: int = 1

    def records(self, count: int) -> Iterator[Record]:
        """Yield *count* records, rounded down to a multiple of the versions; always the same."""
        chance = random.Random(f"{self.name}/{count}")
        identities = count // self.versions
        for version in range(1, self.versions + 1):
            for number in range(identities):
                yield self._record(number, version, chance)

    def endless(self) -> Iterator[Record]:
        """Yield ever new results, each in its first version; always the same."""
        chance = random.Random(self.name)
        for number in itertools.count():
            yield self._record(number, 1, chance)

    def size(self, count: int) -> int:
        """Return how many records :meth:`records` yields."""
        return count // self.versions * self.versions

    def _record(self, number: int, version: int, chance: random.Random) -> Record:
        unit_number = number // self.competitors
        sport = _SPORTS[unit_number % len(_SPORTS)]
        unit = f"{sport[:3]}-{unit_number:07d}"
        # Hundredths from 50 to 90 seconds: in larger units several share a mark, so ties occur.
        hundredths = chance.randrange(5_000, 9_000)
        result = Result(
            sport=sport,
            unit=unit,
            phase=_PHASES[unit_number % len(_PHASES)],
            competitor=Competitor(f"c{number}", f"Competitor {number}", 18 + number % 10),
            faculty=chance.choice(_FACULTIES),
            status="official",
            version=version,
            mark=f"{hundredths // 100}.{hundredths % 100:02d}0",
        )
        return key_of(sport, unit), encode(result)


A: Final = Workload("A", "8 competitors a unit", competitors=8)
B: Final = Workload("B", "one competitor a unit", competitors=1)
C: Final = Workload("C", "corrections: every result three times", competitors=8, versions=3)
#: For the question whether a result costs more in a large unit.
LARGE_UNITS: Final = Workload("large", "10,000 competitors a unit", competitors=10_000)

WORKLOADS: Final = {workload.name: workload for workload in (A, B, C)}


def expected(records: Iterable[Record], catalogue: Catalogue) -> Table:
    """Return what the oracle makes of *records*."""
    pairs = recount((value for _, value in records), catalogue).pairs
    return {
        pair: (c.entries, c.winners, c.losers, c.gold, c.silver, c.bronze)
        for pair, c in pairs.items()
    }


def difference(found: Table, wanted: Table) -> str | None:
    """Say in what *found* differs from *wanted*; None if in nothing."""
    for pair in sorted({*found, *wanted}):
        zero: Row = (0, 0, 0, 0, 0, 0)
        is_, should = found.get(pair, zero), wanted.get(pair, zero)
        for name, one, other in zip(COUNTED, is_, should, strict=True):
            if one != other:
                return f"{name} of {'/'.join(pair)} is {one:,}, must be {other:,}"
    return None
