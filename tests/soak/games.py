"""The results of a soak: an endless-looking games day, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from olympics.catalogue import Catalogue
from olympics.result import Competitor, Phase, Result, Status, encode, key_of
from tests.support.oracle import garbage

#: Of so many records about one is the first of its identity; the others correct one or repeat.
RECORDS_AN_IDENTITY: Final = 3

_LARGE_UNIT: Final = 8
_RECENT: Final = 500
_PHASES: Final[tuple[Phase, ...]] = ("round", "final", "semifinal", "bronze", "final", "other")
_STATUSES: Final[tuple[Status, ...]] = ("official",) * 8 + ("unofficial", "withdrawn")


class Record(NamedTuple):
    """A record of the results topic; without *partition* it goes where its key belongs."""

    key: bytes | None
    value: bytes | None
    partition: int | None = None


class Games:
    """Results of every sport and phase, half of them in units of eight and half in units of one.

    Corrections come in five versions and in any order, to what was sent just now and to what is
    old; one record in twenty stands there twice, and one in five hundred is none that anyone can
    read. All of it needs memory for some hundred records only, however many there are.
    """

    def __init__(
        self,
        size: int,
        seed: int,
        partitions: int,
        catalogue: Catalogue,
        each: int = RECORDS_AN_IDENTITY,
    ) -> None:
        """*each*: of so many records about one is the first of its identity."""
        self.size = size
        self._each = each
        self._seed = seed
        self._partitions = partitions
        self._sports = tuple(catalogue.sports)
        self._faculties = tuple(catalogue.faculties)

    def records(self) -> Iterator[Record]:
        """Yield the records, always the same ones."""
        chance = random.Random(self._seed)
        unreadable = garbage()
        recent: list[Record] = []
        identities = 0
        for number in range(self.size):
            roll = chance.random()
            if number % self._each == 0:
                record = self._result(identities, chance)
                identities += 1
            elif roll < 0.075:
                yield chance.choice(recent)
                continue
            elif roll < 0.078:
                key, value = chance.choice(unreadable)
                yield Record(key, value, chance.randrange(self._partitions))
                continue
            else:
                newest = 1_000 if roll < 0.5 else identities
                record = self._result(
                    identities - chance.randint(1, min(newest, identities)), chance
                )
            if len(recent) < _RECENT:
                recent.append(record)
            else:
                recent[number % _RECENT] = record
            yield record

    def _result(self, identity: int, chance: random.Random) -> Record:
        block = identity // _LARGE_UNIT
        sport = self._sports[block % len(self._sports)]
        unit = f"heat-{block:07d}" if block % 2 else f"solo-{identity:08d}"
        # Now and then a result says another phase than the rest of its unit.
        place = block // 2 if chance.random() < 0.98 else chance.randrange(len(_PHASES))
        result = Result(
            sport=sport,
            unit=unit,
            phase=_PHASES[place % len(_PHASES)],
            competitor=Competitor(f"c{identity}", f"Ñandú {identity}", 18 + identity % 10),
            faculty=chance.choice(self._faculties),
            status=chance.choice(_STATUSES),
            version=chance.randint(1, 5),
            **_evidence(chance),
        )
        return Record(key_of(sport, unit), encode(result))


def _evidence(chance: random.Random) -> dict[str, Any]:
    # Few different marks, so that ranks are shared.
    mark = f"{chance.randrange(5_000, 5_100) / 100:.2f}0"
    match chance.randrange(10):
        case 0:
            return {"outcome": chance.choice(("won", "lost", "tied"))}
        case 1:
            return {"rank": chance.randint(1, 5)}
        case 2:
            return {"irm": chance.choice(("DNS", "DNF", "DSQ", "DQB", "W/O")), "mark": mark}
        case 3:
            return {"medal": chance.choice(("gold", "silver", "bronze", "none")), "mark": mark}
        case _:
            return {"mark": mark}
