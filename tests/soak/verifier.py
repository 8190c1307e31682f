"""What every view of the mirror must keep, whatever is going on; looked at all the time.

It shares no code with those who write the mirror or read it for people: the keys are read in one
MULTI/EXEC, as the contract promises to anybody.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from redis import Redis
from redis.exceptions import RedisError

from contracts.settings import CommonSettings
from olympics.catalogue import Catalogue, load_catalogue

COUNTS: Final = (
    *("entries", "winners", "losers", "ties", "did_not_start"),
    *("gold", "silver", "bronze"),
)
_NEVER_FEWER: Final = ("results", "rejected")
#: changes and medals that are listed at most
_LISTED: Final = 100
_MEDALS: Final = 200
_PERIOD: Final = 0.03
# At most thirty a second: more than ten minutes.
_CHANGES: Final = 40_000

Counted = Mapping[str, int]
_Place = TypeVar("_Place", str, tuple[str, str])


class Violation(AssertionError):
    """A view of the mirror that must not be; the views are kept for a report."""

    def __init__(self, what: str, view: View | None, before: View | None) -> None:
        super().__init__(what)
        self.what = what
        self.view = view
        self.before = before


class View(NamedTuple):
    """The mirror at one moment.

    ``offsets``: partition → (offset, rules revision). ``places``: place in the medal table, in
    its order, as (faculty, rank, total, gold, silver, bronze). ``owners``: partition → worker.
    ``latest_offsets``: as ``offsets``, of the two lists. ``latest``: changes. ``medallists``: as
    [sport, unit, partition, offset, at, competitor, medal].
    """

    at: float
    updated_at: float
    epoch: int
    snapshot: int
    totals: Counted
    offsets: Mapping[int, tuple[int, int]]
    sports: Mapping[str, Counted]
    faculties: Mapping[str, Counted]
    pairs: Mapping[tuple[str, str], Counted]
    places: tuple[tuple[str, int, int, int, int, int], ...]
    owners: Mapping[int, str]
    latest_offsets: Mapping[int, tuple[int, int]]
    latest: tuple[Any, ...]
    medallists: tuple[Any, ...]

    def reaches(self, ends: Mapping[int, int]) -> bool:
        """Whether it counts everything below these offsets."""
        return all(self.offsets.get(it, (0, 0))[0] >= end for it, end in ends.items())


def check(view: View, before: View | None) -> None:
    """Raise Violation if *view* is wrong in itself, or must not come after *before*."""

    def must(holds: bool, what: str) -> None:
        if not holds:
            raise Violation(what, view, before)

    for place, counts in [
        *view.sports.items(),
        *view.faculties.items(),
        *view.pairs.items(),
    ]:
        split = sum(counts[it] for it in ("winners", "losers", "ties", "did_not_start"))
        must(counts["entries"] == split, f"{place}: entries are not the sum of the outcomes")
    sums: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for (sport, faculty), counts in view.pairs.items():
        sums[f"sport {sport}"].update(counts)
        sums[f"faculty {faculty}"].update(counts)
    rows = {f"sport {it}": counts for it, counts in view.sports.items()}
    rows |= {f"faculty {it}": counts for it, counts in view.faculties.items()}
    for place, counts in rows.items():
        for name in COUNTS:
            must(counts[name] == sums[place][name], f"{place}: {name} is not the sum of its pairs")
    must(sums.keys() <= rows.keys(), "a pair's sport or faculty has no row of its own")
    must(
        view.snapshot == sum(offset for offset, _ in view.offsets.values()),
        "the snapshot number is not the sum of the offsets",
    )
    revisions = {revision for _, revision in view.offsets.values()}
    must(len(revisions) == 1, f"rules are mixed: {sorted(revisions)}")
    _check_places(view, must)
    if before is not None:
        _check_after(view, before, must)
    _check_lists(view, must)


def _check_places(view: View, must: Callable[[bool, str], None]) -> None:
    medals = {f: (c["gold"], c["silver"], c["bronze"]) for f, c in view.faculties.items()}
    listed = {faculty: medals_ for faculty, _, _, *medals_ in view.places}
    must(
        {faculty: tuple(it) for faculty, it in listed.items()} == medals,
        "the medal table has other medals than the faculties",
    )
    order = [tuple(it[3:]) for it in view.places]
    must(order == sorted(order, reverse=True), "the medal table is not in its order")
    for _faculty, rank, total, *own in view.places:
        better = sum(other > tuple(own) for other in order)
        must(rank == better + 1, "a rank in the medal table is wrong")
        must(total == sum(own), "a total in the medal table is wrong")


def _check_lists(view: View, must: Callable[[bool, str], None]) -> None:
    for partition, (offset, revision) in view.latest_offsets.items():
        counted, _ = view.offsets.get(partition, (-1, 0))
        must(offset <= counted, f"the lists are further than partition {partition} is counted")
        must(revision <= view.offsets[partition][1], "the lists are of rules that nobody counts by")
    must(view.latest_offsets.keys() == view.offsets.keys(), "the lists lack a partition")
    order = [(-it["at"], it["partition"], -it["offset"]) for it in view.latest]
    must(order == sorted(order), "the latest changes are not in their order")
    units = {(it["sport"], it["unit"]) for it in view.latest}
    must(len(units) == len(view.latest) <= _LISTED, "an event is listed twice, or too many are")
    sums: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    told: list[list[object]] = []
    for it in view.latest:
        counted, _ = view.latest_offsets[it["partition"]]
        must(it["offset"] < counted, "a change is told that the list has not seen")
        for leader in it["leaders"]:
            if leader["medal"]:
                sums[it["sport"], leader["faculty"]][leader["medal"]] += 1
                at = round(it["at"] * 1000)
                told.append([it["sport"], it["unit"], it["partition"], it["offset"], at,
                             leader["competitor"], leader["medal"]])  # fmt: skip
    # The medals of the changes that are told come first, and then those of others.
    listed = [list(it) for it in view.medallists]
    must(len(listed) <= _MEDALS, "too many medallists are listed")
    must(listed[: len(told)] == told[:_MEDALS], "other medallists are listed than in the changes")
    if view.latest_offsets == view.offsets:
        for pair, medals in sums.items():
            counted_medals = view.pairs.get(pair, dict.fromkeys(COUNTS, 0))
            enough = all(counted_medals[it] >= count for it, count in medals.items())
            must(enough, f"{pair}: more medals are listed than the table has")


def _check_after(view: View, before: View, must: Callable[[bool, str], None]) -> None:
    must(view.epoch == before.epoch, "the epoch has changed")
    for partition, known in before.offsets.items():
        now = view.offsets.get(partition, (-1, -1))
        ahead = all(mine >= theirs for mine, theirs in zip(now, known, strict=True))
        must(ahead, f"partition {partition} went back from {known} to {now}")
    for partition, known in before.latest_offsets.items():
        now = view.latest_offsets.get(partition, (-1, -1))
        ahead = all(mine >= theirs for mine, theirs in zip(now, known, strict=True))
        must(ahead, f"the lists of partition {partition} went back from {known} to {now}")
    if view.latest_offsets == before.latest_offsets:
        lists = (view.latest, view.medallists)
        must(lists == (before.latest, before.medallists), "the same offsets have two lists")
    if {it[1] for it in view.offsets.values()} != {it[1] for it in before.offsets.values()}:
        return  # other rules: results count that were rejected, or the other way round
    for name in _NEVER_FEWER:
        must(view.totals[name] >= before.totals[name], f"{name} became fewer")
    if view.offsets == before.offsets:
        # The numbers are a function of how far the log is counted, whoever counts it. Rows without
        # an entry are those of the catalogue of the worker that writes the mirror.
        must(_counted(view) == _counted(before), "the same offsets have two different counts")


def _counted(view: View) -> tuple[object, ...]:
    counted = {it for it, counts in view.faculties.items() if counts["entries"]}
    return (
        view.totals,
        {it: counts for it, counts in view.sports.items() if counts["entries"]},
        view.pairs,
        tuple(it for it in view.places if it[0] in counted),
    )


class Reader:
    """Reads views of one mirror."""

    def __init__(self, settings: CommonSettings) -> None:
        self._redis = Redis.from_url(settings.redis, decode_responses=True, socket_timeout=30)
        self._prefix = settings.redis_prefix
        self._catalogue: Catalogue = load_catalogue(settings.catalogue)

    def read(self) -> View | None:
        """Return what the mirror shows now; None while there is none."""
        sports, faculties = list(self._catalogue.sports), list(self._catalogue.faculties)
        pairs = [(sport, faculty) for sport in sports for faculty in faculties]
        with self._redis.pipeline(transaction=True) as transaction:
            transaction.hgetall(f"{self._prefix}meta")
            transaction.xrange(f"{self._prefix}medal_table")
            transaction.hgetall(f"{self._prefix}owners")
            transaction.xrange(f"{self._prefix}latest")
            transaction.xrange(f"{self._prefix}medallists")
            for sport in sports:
                transaction.hgetall(f"{self._prefix}sport:{sport}")
            for faculty in faculties:
                transaction.hgetall(f"{self._prefix}faculty:{faculty}")
            for sport, faculty in pairs:
                transaction.hgetall(f"{self._prefix}sport:{sport}:faculty:{faculty}")
            meta, table, owners, latest, medallists, *hashes = transaction.execute()
        at = time.monotonic()
        if not meta:
            return None
        rest = iter(hashes)
        return View(
            at=at,
            updated_at=float(meta["updated_at"]),
            epoch=int(meta["epoch"]),
            snapshot=int(meta["snapshot"]),
            totals={
                name: int(meta[name])
                for name in ("results", "provisional", "rejected", "conflicts")
            },
            offsets=_offsets(meta["offsets"]),
            sports=_counts(sports, rest),
            faculties=_counts(faculties, rest),
            pairs=_counts(pairs, rest),
            places=tuple(
                (
                    row["faculty"],
                    *(int(row[it]) for it in ("rank", "total", "gold", "silver", "bronze")),
                )
                for _id, row in table
            ),
            owners={int(partition): url for partition, url in owners.items()},
            latest_offsets=_offsets(meta["latest_offsets"]),
            latest=tuple(json.loads(row["item"]) for _id, row in latest),
            medallists=tuple(json.loads(row["item"]) for _id, row in medallists),
        )

    def close(self) -> None:
        self._redis.close()


def _offsets(text: str) -> dict[int, tuple[int, int]]:
    return {int(it): (int(offset), int(rules)) for it, (offset, rules) in json.loads(text).items()}


def _counts(
    places: Iterable[_Place], hashes: Iterator[Mapping[str, str]]
) -> dict[_Place, dict[str, int]]:
    """Give each place the next hash, in order; those that are not there are left out."""
    found = {place: next(hashes) for place in places}
    return {
        place: {name: int(fields[name]) for name in COUNTS}
        for place, fields in found.items()
        if fields
    }


class Watcher:
    """A thread that looks all the time, and keeps the first view that must not be.

    Use as a context manager; it is for who waits to ask for `problem`. One that is *patient* looks
    again while Redis cannot be read.
    """

    def __init__(self, settings: CommonSettings, *, patient: bool = False) -> None:
        self._reader = Reader(settings)
        self._patient = patient
        self._forgiving = False
        self._next_epoch: int | None = None
        self._over = threading.Event()
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)
        self._latest: View | None = None
        self._changes: deque[tuple[float, Mapping[int, tuple[int, int]]]] = deque(maxlen=_CHANGES)
        self.problem: BaseException | None = None
        #: views that were read, and those of them that had news
        self.views = 0
        self.snapshots = 0

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._over.set()
        self._thread.join(timeout=60)
        self._reader.close()

    @property
    def latest(self) -> View | None:
        return self._latest

    def forgive(self, forgiving: bool) -> None:
        """Say whether the mirror may vanish and begin anew: Redis loses what it has."""
        with self._news:
            self._forgiving = forgiving

    def expect(self, epoch: int) -> None:
        """Say that the epoch is being raised: the first view of that one may begin anew."""
        with self._news:
            self._next_epoch = epoch

    def longest_still(self, partitions: Iterable[int], since: float, until: float) -> float:
        """Return for how many seconds at most nothing of *partitions* was newly counted."""
        with self._news:
            changes = [it for it in self._changes if it[0] <= until]
        moments, known = [since], None
        for at, offsets in changes:
            now = [offsets.get(it) for it in partitions]
            if at > since and now != known:
                moments.append(at)
            known = now
        moments.append(max(until, since))
        return max(after - before for before, after in itertools.pairwise(moments))

    def wait(self, condition: Callable[[View], bool], timeout: float) -> View | None:
        """Wait until a view meets *condition*, and return that; None if none does in time.

        :raises BaseException: what the watching has found wrong.
        """
        deadline = time.monotonic() + timeout
        with self._news:
            while True:
                if self.problem is not None:
                    raise self.problem
                if self._latest is not None and condition(self._latest):
                    return self._latest
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._news.wait(min(left, 0.5))

    def _watch(self) -> None:
        try:
            while not self._over.wait(_PERIOD):
                try:
                    view = self._reader.read()
                except RedisError:
                    if not self._patient:
                        raise
                    continue
                with self._news:
                    before = None if self._forgiving else self._latest
                    if view and before and before.epoch < view.epoch == self._next_epoch:
                        before = None
                if view is None:
                    if before is not None:
                        raise Violation("the mirror has vanished", None, before)
                    self._latest = None
                    continue
                check(view, before)
                self.views += 1
                news = before is None or view.offsets != before.offsets
                self.snapshots += news
                with self._news:
                    self._latest = view
                    if news:
                        self._changes.append((view.at, view.offsets))
                    self._news.notify_all()
        except BaseException as problem:
            with self._news:
                self.problem = problem
                self._news.notify_all()


def save(violation: Violation, file: Path) -> None:
    """Write the views of a violation, for who looks into it."""
    views: dict[str, Any] = {"what": violation.what}
    for name, view in (("view", violation.view), ("before", violation.before)):
        views[name] = None if view is None else _shown(view._asdict())
    file.write_text(json.dumps(views, default=str, indent=1))


def _shown(value: Any) -> Any:
    """Return *value* with texts for keys, as JSON wants them."""
    if isinstance(value, Mapping):
        return {str(key): _shown(of) for key, of in value.items()}
    return value
