"""The records of the tallies topic: one partition's absolute counts at one offset."""

from typing import Final

import msgspec

from contracts.latest import ChangeLine
from olympics.counts import Counts
from streams.latest import NOTHING_LISTED, LatestList
from streams.standings import Standings

_COUNTS: Final = len(Counts._fields)


class TallyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of ``partition`` after all results before ``offset``.

    A pure function of the log's prefix, the epoch and the rules; ``worker`` (the private address
    of the owner), ``at`` (when it was published) and ``since`` (Kafka's timestamp of the oldest
    result that its owner's last tally did not count; 0 if there is none), both in Unix seconds,
    only accompany it. ``log`` is Kafka's id of the topic; versions that did not say leave it empty.
    ``latest``: the last changes of its units after all results before ``latest_offset``, the newest
    first; the list may be behind the counts. Older versions leave both out.
    ``rows``: sport, faculty, then the eight counts; what a newer version counts stands behind them.
    """

    epoch: int
    partition: int
    offset: int
    revision: int
    rules: str
    rows: list[tuple[str, str, tuple[int, ...]]]
    results: int
    provisional: int
    rejected: int
    conflicts: int
    worker: str
    at: float
    since: float = 0.0
    log: str = ""
    latest: list[ChangeLine] = []
    latest_offset: int = 0

    def counts(self) -> dict[tuple[str, str], Counts]:
        """Return the counts by (sport, faculty)."""
        return {(sport, faculty): Counts(*row[:_COUNTS]) for sport, faculty, row in self.rows}


encode_tally = msgspec.json.Encoder().encode
decode_tally = msgspec.json.Decoder(TallyRecord).decode


def key_of_tally(tally: TallyRecord) -> bytes:
    """Return the key under which the topic keeps the last tally of a partition by these rules.

    The standings by older rules are shown until all partitions have the new ones, also by a
    scoreboard that begins in between.
    """
    return f"{tally.partition}/{tally.revision}/{tally.rules}".encode()


def tally_of(
    standings: Standings,
    *,
    epoch: int,
    rules: str,
    worker: str,
    at: float,
    since: float = 0.0,
    log: str = "",
    latest: LatestList = NOTHING_LISTED,
) -> TallyRecord:
    """Return the tally of a partition; it must be live."""
    tally = standings.tally
    return TallyRecord(
        epoch=epoch,
        partition=standings.partition,
        offset=standings.offset,
        revision=standings.revision,
        rules=rules,
        rows=sorted((sport, faculty, counts) for (sport, faculty), counts in tally.counts()),
        results=tally.results,
        provisional=tally.provisional,
        rejected=standings.rejected,
        conflicts=tally.conflicts,
        worker=worker,
        at=at,
        since=since,
        log=log,
        latest=latest.lines,
        latest_offset=latest.offset,
    )
