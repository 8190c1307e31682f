"""The scoreboard: the tallies of all partitions, added up into one snapshot."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from contracts.latest import (
    LATEST,
    MEDALLISTS,
    ChangeLine,
    LastMedal,
    newest_first,
    shown_change,
    told,
)
from contracts.redis_keys import SnapshotKeys
from contracts.snapshot import COUNTS
from olympics.catalogue import Catalogue, Faculty, Sport
from olympics.counts import Counts
from olympics.medal_table import medal_table
from streams.tallies import TallyRecord

_encode = msgspec.json.Encoder().encode

#: revision of the rules, and fingerprint of the catalogue
_Rules = tuple[int, str]


class Tables(NamedTuple):
    """What a snapshot shows.

    ``hashes``: Redis key → fields of the hash. ``sports``: one row a sport, in the catalogue's
    order. ``medal_table``: one row a faculty, in the table's order. Rows, and the hashes of sports
    and faculties, have a ``title`` for people beside the name.
    """

    hashes: dict[str, dict[str, Any]]
    sports: list[dict[str, Any]]
    medal_table: list[dict[str, Any]]


class Board:
    """The furthest tally of each partition, by each rules, that was heard in this epoch.

    Tallies may come in any order and any number of times. Those of different rules are never added
    up: what is shown are the newest rules that all partitions have been counted by, as far at
    least as by the rules before them.
    """

    def __init__(self, epoch: int, partitions: int, catalogue: Catalogue, log: str = "") -> None:
        """*log* is Kafka's id of the results topic."""
        self.log = log
        self._epoch = epoch
        self._partitions = partitions
        self._catalogue = catalogue
        #: rules → partition → its furthest tally
        self._heard: dict[_Rules, dict[int, TallyRecord]] = {}
        #: the rules that are shown; None until there are some that all partitions have
        self._rules: _Rules | None = None
        self._lowest_revision = 0
        #: partition → the tally of its owner: the furthest, and of these the latest
        self._newest: dict[int, TallyRecord] = {}
        #: partition → the oldest timestamp among its results that no snapshot has shown yet
        self._waiting: dict[int, float] = {}
        #: (partition, offset) → a change, its row, and those of its medals, as long as it is told
        self._latest: dict[tuple[int, int], _Rows] = {}
        #: whether a snapshot of it was written: what the first one shows may have been shown before
        self.written = False

    def hear(self, tally: TallyRecord) -> bool:
        """Take *tally* if it is of this epoch and log, and not behind.

        Return whether what is shown may change.
        """
        partition = tally.partition
        if tally.epoch != self._epoch or not 0 <= partition < self._partitions:
            return False
        if tally.log and self.log and tally.log != self.log:
            return False
        newest = self._newest.get(partition)
        if newest is None or (tally.offset, tally.at) >= (newest.offset, newest.at):
            self._newest[partition] = tally
        rules = (tally.revision, tally.rules)
        tallies = self._heard.setdefault(rules, {})
        known = tallies.get(partition)
        if known is not None and tally.offset < known.offset:
            return False
        if known is not None and tally.latest_offset < known.latest_offset:
            # A new owner's first list may be behind that of the one before it.
            latest = {"latest": known.latest, "latest_offset": known.latest_offset}
            tally = replace(tally, **latest)
        # The same counts again are a sign of life: remember the time.
        tallies[partition] = tally
        before = self._rules
        self._choose()
        if self._rules is None or self._rules == rules:
            if tally.since:
                self.wait({partition: tally.since})
            return (
                known is None
                or tally.offset > known.offset
                or tally.latest_offset > known.latest_offset
                or self._rules != before
            )
        return self._rules != before

    def never_before(self, revision: int) -> None:
        """Note that standings by *revision* of the rules are shown: older ones never are again.

        Where no rules as new as those have all partitions, the newest that have are offered.
        """
        self._lowest_revision = max(self._lowest_revision, revision)
        self._choose()

    def _choose(self) -> None:
        """Choose the newest rules that all partitions have, and that are not behind older ones."""
        whole = {
            rules: tallies
            for rules, tallies in sorted(self._heard.items())
            if len(tallies) == self._partitions
        }
        # Redis may know of rules that nobody has any more. It refuses all others then; but once it
        # is emptied, or another one takes its place, they are to be shown.
        lowest = min(self._lowest_revision, max((it[0] for it in whole), default=0))
        chosen: _Rules | None = None
        for rules, tallies in whole.items():
            if rules[0] < lowest:
                continue
            known = {} if chosen is None else self._heard[chosen]
            if all(tallies[it].offset >= tally.offset for it, tally in known.items()):
                chosen = rules
        self._rules = chosen

    @property
    def _shown(self) -> dict[int, TallyRecord]:
        return {} if self._rules is None else self._heard[self._rules]

    def take_waiting(self) -> dict[int, float]:
        """Return, and forget, since when each partition waits for a snapshot, in Unix seconds.

        That is the timestamp of its oldest result that none has shown.
        """
        waiting, self._waiting = self._waiting, {}
        return waiting

    def wait(self, since: Mapping[int, float]) -> None:
        """Note that results wait, or still wait: the inverse of :meth:`take_waiting`."""
        for partition, moment in since.items():
            known = self._waiting.get(partition, moment)
            self._waiting[partition] = min(known, moment)

    @property
    def complete(self) -> bool:
        """Whether every partition was heard by the same rules: less than all is no standing."""
        return self._rules is not None

    @property
    def snapshot_number(self) -> int:
        """The records counted, over all partitions."""
        return sum(tally.offset for tally in self._shown.values())

    def fence(self) -> dict[str, tuple[int, int]]:
        """Return partition → (offset, rules revision): what no later one may fall behind."""
        return {str(p): (t.offset, t.revision) for p, t in sorted(self._shown.items())}

    def owners(self) -> dict[str, str]:
        """Return partition → private address of its worker."""
        return {str(p): t.worker for p, t in self._newest.items() if t.worker}

    def heard_at(self) -> float:
        """Return when the partition that was silent for longest was heard, in Unix seconds."""
        return min(tally.at for tally in self._shown.values())

    def totals(self) -> dict[str, int]:
        """Return the counts that are not by sport and faculty."""
        return {
            name: sum(getattr(tally, name) for tally in self._shown.values())
            for name in ("results", "provisional", "rejected", "conflicts")
        }

    def latest_offsets(self) -> dict[str, tuple[int, int]]:
        """Return partition → (offset, rules revision) that the latest changes stand for."""
        return {str(p): (t.latest_offset, t.revision) for p, t in sorted(self._shown.items())}

    def latest(self) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
        """Return the changes that people tell each other, of all partitions, the newest first.

        And the medals of those changes, of more of them than are told. A row has words for people,
        and as ``item`` the change or the medal itself as JSON. Changes in sports that the catalogue
        does not have are left out.
        """
        lines = [
            (partition, line)
            for partition, tally in self._shown.items()
            for line in tally.latest
            if line.sport in self._catalogue.sports
        ]
        latest: dict[tuple[int, int], _Rows] = {}
        medals: list[dict[str, str]] = []
        for number, (partition, line) in enumerate(newest_first(lines)):
            has_medals = len(medals) < MEDALLISTS and any(it.medal for it in line.leaders)
            if number >= LATEST and not has_medals:
                continue
            place = partition, line.offset
            known = self._latest.get(place)
            # Other rules may tell something else of the same result.
            if known is None or known.line != line:
                known = self._rows(partition, line)
            latest[place] = known
            medals += known.medals
        self._latest = latest
        return [it.change for it in latest.values()][:LATEST], medals[:MEDALLISTS]

    def _rows(self, partition: int, line: ChangeLine) -> "_Rows":
        catalogue = self._catalogue
        change = shown_change(partition, line, catalogue)
        event = {
            "at": str(line.at),
            "sport": _title(catalogue.sports, line.sport),
            "event": " · ".join([change.title or change.unit, change.stage or change.phase]),
        }
        place = line.sport, line.unit, partition, line.offset, line.at
        return _Rows(
            line,
            event | {"what": told(change, catalogue.faculties), "item": _encode(change).decode()},
            [
                event
                | {
                    "medal": it.medal,
                    "name": _as_text(it.name or it.competitor),
                    "faculty": _title(catalogue.faculties, it.faculty),
                    "item": _encode(LastMedal(*place, it.competitor, it.medal)).decode(),
                }
                for it in line.leaders
                if it.medal is not None
            ],
        )

    def rules(self) -> tuple[int, str]:
        """Return the revision of the rules that are shown, and their fingerprint."""
        assert self._rules is not None
        return self._rules

    def change_of_rules(self) -> dict[str, int]:
        """Return how far a change of the rules is: see ``contracts.snapshot.CHANGE_OF_RULES``."""
        shown = self.rules()[0]
        revisions = [tally.revision for tally in self._newest.values()]
        newest, oldest = max(revisions), min(revisions)
        return {
            "next_revision": newest if newest > shown else 0,
            "next_partitions": revisions.count(newest) if newest > shown else 0,
            "older_revision": oldest if oldest < shown else 0,
            "older_partitions": sum(it < shown for it in revisions),
        }

    def tables(self, keys: SnapshotKeys) -> Tables:
        """Return the standings as they are to be shown.

        Every sport and faculty of the catalogue is there, with zeros if need be; pairs only
        where there is an entry.
        """
        pairs: dict[tuple[str, str], Counts] = {}
        for tally in self._shown.values():
            for pair, counts in tally.counts().items():
                pairs[pair] = pairs[pair] + counts if pair in pairs else counts
        zero = Counts(*(0 for _ in COUNTS))
        sports = dict.fromkeys(self._catalogue.sports, zero)
        faculties = dict.fromkeys(self._catalogue.faculties, zero)
        hashes: dict[str, dict[str, Any]] = {}
        for (sport, faculty), counts in pairs.items():
            sports[sport] = sports.get(sport, zero) + counts
            faculties[faculty] = faculties.get(faculty, zero) + counts
            hashes[keys.pair(sport, faculty)] = counts._asdict()
        catalogue = self._catalogue
        rows = [
            {"sport": sport, "title": _title(catalogue.sports, sport), **counts._asdict()}
            for sport, counts in sports.items()
        ]
        hashes |= {keys.sport(row["sport"]): row for row in rows}
        table: list[dict[str, Any]] = []
        for row in medal_table(faculties):
            fields = {
                "rank": row.rank,
                "faculty": row.faculty,
                "title": _title(catalogue.faculties, row.faculty),
                "total": row.total,
                **faculties[row.faculty]._asdict(),
            }
            hashes[keys.faculty(row.faculty)] = fields
            table.append(fields)
        return Tables(hashes, rows, table)


class _Rows(NamedTuple):
    """What is told of a change; rows are those of a table."""

    line: ChangeLine
    change: dict[str, str]
    medals: list[dict[str, str]]


def _as_text(name: str) -> str:
    """Return a name that a dashboard would take for a number as one that it takes for a text."""
    return f"#{name}" if _reads_as_number(name) else name


def _title(known: Mapping[str, Sport] | Mapping[str, Faculty], name: str) -> str:
    """Return what people call a sport or a faculty.

    The name, where the catalogue has none, and where a dashboard would take the title for a number.
    """
    title = known[name].title if name in known else name
    return name if _reads_as_number(title) else title


def _reads_as_number(text: str) -> bool:
    """Tell whether Go's ParseFloat might take *text*, as Grafana's Redis data source does."""
    try:
        float(text)
    except ValueError:
        return text.lower().lstrip("+-").startswith("0x")
    return True
