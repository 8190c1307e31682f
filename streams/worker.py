"""The Faust app of a worker: the standings agent, the tallies, the scoreboard agent."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any, Final, NamedTuple, cast

import msgspec
import structlog
from aiokafka.errors import KafkaError
from faust.types import TP

from contracts.topic_admin import check_topics_of_worker
from contracts.topics import another_log, worker_topics
from faust_bulk import Batch, BulkTable
from faust_bulk.assignment import Assignment
from faust_bulk.fatal import end_process
from olympics.catalogue import Catalogue, load_catalogue, split_revision
from streams import metrics
from streams.app import bulk_app
from streams.board import Board
from streams.latest import NOTHING_LISTED, LatestList
from streams.probe import Probe
from streams.record_times import RecordTimes
from streams.rejects import rejected_records
from streams.settings import WorkerSettings
from streams.snapshot_writer import SnapshotWriter
from streams.standings import COMPILED, Rejected, Standings
from streams.tallies import decode_tally, encode_tally, key_of_tally, tally_of
from streams.units import in_turns, measured
from streams.web import PrivateWeb

log: structlog.stdlib.BoundLogger = structlog.get_logger("streams.worker")

#: Listing the latest changes takes at most one part in so many of the processor's time ...
_LISTING_SHARE: Final = 50
#: ... but the list is never older than this for that reason: seconds.
_LONGEST_PAUSE: Final = 1.0
#: Seconds between two looks at the settings of the topics, which may be changed at any time.
_CONFIG_AGE: Final = 10.0


class _Listed(NamedTuple):
    """The latest changes of a partition, and the state that they were listed from."""

    state: Standings
    latest: LatestList


class Worker:
    """One worker process: what its agents and tasks share."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        self.catalogue: Catalogue = load_catalogue(settings.catalogue)
        self.app = bulk_app(settings, worker_topics(settings))
        results = self.app.bulk_topic(settings.results_topic)
        self.table: BulkTable[Standings] = self.app.bulk_table(
            results,
            settings.changelog_topic,
            lambda partition: Standings(partition, settings.partitions, self.catalogue),
        )
        self.mirror = SnapshotWriter(settings)
        #: what was changed in the topics' settings since they were right
        self._topics_changed: list[str] = []
        #: what was refused in batches whose changes are not durable yet
        self._rejected: dict[Batch, list[Rejected]] = {}
        self._changed = asyncio.Event()
        self._unlisted = asyncio.Event()
        self._heard = asyncio.Event()
        self._board: tuple[Assignment, Board] | None = None
        #: partition → what its last tally told: offsets of its counts and its list, and the time
        self._published: dict[int, tuple[tuple[int, int], float]] = {}
        #: partition → its latest changes
        self._listed: dict[int, _Listed] = {}
        #: partition → Kafka's timestamp of the first record that no tally of ours counts
        self._since: dict[int, float] = {}
        tallies = self.app.bulk_topic(settings.tallies_topic, from_beginning=True)
        self.app.agent(results, name="standings")(self.keep_standings)
        self.app.agent(tallies, name="scoreboard")(self.keep_score)
        self.app.task(self.check)
        self.app.task(self.publish_tallies)
        self.app.task(self.list_latest)
        self.app.task(self.write_mirror)
        self._times = RecordTimes(settings.results_topic, self.app.kafka_settings)
        self._probe = Probe(settings, self.app.kafka_settings)
        self.app.task(self._probe.run)
        self.app.service(PrivateWeb.of(self))
        log.info("worker_begins", compiled=COMPILED)

    async def check(self) -> None:
        """Task: end the process if the topics are not what the protocol needs when it begins.

        Later the worker says it, and is not ready: the next start would be the last.
        """
        if problems := await self._wrong_topics():
            end_process("; ".join(problems))
        while not self.app.should_stop:
            await asyncio.sleep(_CONFIG_AGE)
            try:
                problems = await self._wrong_topics()
            except (KafkaError, TimeoutError, OSError) as error:
                log.debug("topics_unknown", error=repr(error))
                continue
            if problems and problems != self._topics_changed:
                log.error("topics_changed", problems=problems)
            self._topics_changed = problems

    async def _wrong_topics(self) -> list[str]:
        settings = self.settings
        found = await check_topics_of_worker(
            settings, worker_topics(settings), self.table.changelog
        )
        return [str(it) for it in found]

    async def keep_standings(self, stream: Any) -> None:
        """Agent: apply each batch, make its changes durable, then let its offsets be committed."""
        await self.table.process(stream, self._apply, durable=self._durable)

    def _apply(self, state: Standings, batch: Batch) -> dict[bytes, bytes]:
        started = time.perf_counter()
        changes, rejected = state.apply(batch.records)
        state.latest.note(batch.records)
        metrics.APPLY_SECONDS.observe(time.perf_counter() - started)
        metrics.BATCH_RECORDS.observe(len(batch))
        metrics.RECORDS.inc(len(batch))
        if rejected:
            self._rejected[batch] = rejected
        self._since.setdefault(batch.partition, batch.records[0].timestamp / 1000)
        self._changed.set()
        self._unlisted.set()
        return changes

    async def _durable(self, batch: Batch, seconds: float) -> None:
        metrics.CHANGELOG_SECONDS.observe(seconds)
        rejected = self._rejected.pop(batch, None)
        if rejected is not None:
            await self._publish_rejected(batch.partition, rejected)

    async def _publish_rejected(self, partition: int, rejected: list[Rejected]) -> None:
        metrics.REJECTED.inc(len(rejected))
        topic = self.settings.results_topic
        log.warning(
            "records_rejected",
            partition=partition,
            count=len(rejected),
            first_offset=rejected[0].offset,
            field=rejected[0].error.field[:100],
            error=rejected[0].error.error[:500],
        )
        records = rejected_records(topic, partition, rejected)
        try:
            await self.app.durable.publish(self.settings.rejected_topic, 0, records)
        except Exception as exc:
            end_process("rejected records could not be written", exc)

    async def publish_tallies(self) -> None:
        """Task: publish the tally of each owned partition, soon after a change and now and then."""
        settings = self.settings
        while not self.app.should_stop:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), timeout=0.5)
            self._changed.clear()
            now = time.monotonic()
            records = []
            owned = dict(self.table.owned())
            for given_up in self._since.keys() - owned.keys():
                del self._since[given_up]
            for partition, state in owned.items():
                listed = self._listed.get(partition)
                # The first tally waits until its list was made, if that can be.
                if not state.live or listed is None or listed.state is not state:
                    continue
                offsets = state.offset, listed.latest.offset
                known = self._published.get(partition)
                if (
                    known is None
                    or known[0] != offsets
                    or now - known[1] >= settings.republish_interval
                ):
                    self._published[partition] = (offsets, now)
                    tally = tally_of(
                        state,
                        epoch=settings.epoch,
                        rules=self.catalogue.fingerprint,
                        worker=settings.own_url,
                        at=time.time(),
                        since=self._since.pop(partition, 0.0),
                        log=self._log,
                        latest=listed.latest,
                    )
                    records.append((key_of_tally(tally), encode_tally(tally)))
            if records:
                try:
                    await self.app.durable.publish(settings.tallies_topic, 0, records)
                except Exception as exc:
                    end_process("the tallies could not be written", exc)
                metrics.TALLIES.inc(len(records))
                await asyncio.sleep(settings.publish_interval)

    async def list_latest(self) -> None:
        """Task: list the latest changes of each owned partition, which its tallies then carry.

        The counts never wait for it: with hundreds of units that change a second, the list
        would take more time than they do. Nor do they wait for a time that cannot be read.
        """
        while not self.app.should_stop:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._unlisted.wait(), timeout=0.5)
            self._unlisted.clear()
            spent: list[float] = []
            owned = dict(self.table.owned())
            self._listed = {it: known for it, known in self._listed.items() if it in owned}
            for partition, state in owned.items():
                known = self._listed.get(partition)
                if known is not None and known.state is not state:
                    known = None  # of an earlier assignment
                if not state.live or (known is not None and known.latest.offset == state.offset):
                    continue
                if not await self._timed(partition, state):
                    if known is None:
                        # Their list stays until there is one that has come as far.
                        self._listed[partition] = _Listed(state, NOTHING_LISTED)
                        self._changed.set()
                    continue
                offset = state.offset
                lines = await in_turns(measured(state.latest.lines(), spent.append))
                self._listed[partition] = _Listed(state, LatestList(offset, lines))
                self._changed.set()
            pause = min(sum(spent) * _LISTING_SHARE, _LONGEST_PAUSE)
            await asyncio.sleep(max(self.settings.publish_interval, pause))

    async def _timed(self, partition: int, state: Standings) -> bool:
        """Return whether the times of all changes are known; after a restore they are read."""
        untimed = state.latest.untimed()
        if untimed:
            try:
                state.latest.know(await self._times.read(partition, untimed))
            except (KafkaError, TimeoutError, OSError) as error:
                log.warning("times_unread", partition=partition, error=repr(error))
                return False
        # Meanwhile it may have been given up, or restored anew.
        return state.live and not state.latest.untimed()

    async def keep_score(self, stream: Any) -> None:
        """Agent: keep the highest tally of each partition, in memory."""
        settings = self.settings
        async for batch in cast("AsyncIterator[Batch]", stream):
            if self._board is None or self._board[0] is not batch.assignment:
                board = Board(settings.epoch, settings.partitions, self.catalogue, self._log)
                self._board = (batch.assignment, board)
            board = self._board[1]
            for record in batch.records:
                try:
                    changed = board.hear(decode_tally(record.value or b""))
                except msgspec.MsgspecError as exc:
                    log.warning("tally_unreadable", offset=record.offset, error=str(exc))
                    continue
                if changed:
                    self._heard.set()

    async def write_mirror(self) -> None:
        """Task: write the snapshot soon after it changes, and every second even if it does not.

        The latter heals a Redis that was wiped, rolled back or failed over.
        """
        try:
            while not self.app.should_stop:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._heard.wait(), timeout=1.0)
                self._heard.clear()
                board = self.board()
                if board is not None and board.complete:
                    await self.mirror.write(board)
                    await asyncio.sleep(self.settings.mirror_interval)
        finally:
            await self.mirror.close()

    @property
    def _log(self) -> str:
        return self.app.logs.get(self.settings.results_topic, "")

    def board(self) -> Board | None:
        """Return the scoreboard if this process is the one that keeps it now."""
        if self._board is None:
            return None
        consumer = cast(Any, self.app.consumer)
        tp = TP(self.settings.tallies_topic, 0)
        return self._board[1] if consumer.assignments.get(tp) is self._board[0] else None

    def lags(self) -> dict[int, int]:
        """Return how many records of each owned partition are known of and not applied yet."""
        consumer = cast(Any, self.app.consumer)
        lags = {}
        for partition, state in self.table.owned():
            fetching = consumer.fetch_state(TP(self.settings.results_topic, partition))
            if fetching is not None and fetching.highwater is not None:
                lags[partition] = max(0, fetching.highwater - state.offset)
        return lags

    def warnings(self) -> list[str]:
        """Return what somebody must look at although this worker does its share."""
        warnings = [] if self._probe.beginning is None else [self._probe.beginning]
        warnings += [
            f"{it}; its results were counted again" for it in self.app.damaged_changelogs.values()
        ]
        board = self.board()
        if board is not None and board.complete:
            older = board.change_of_rules()["older_partitions"]
            if older:
                _, revision = split_revision(board.rules()[0])
                warnings.append(
                    f"{older} partitions are counted by older rules than those of the standings: "
                    f"raise the revision of their workers' catalogue above {revision}"
                )
        return warnings

    def problems(self) -> list[str]:
        """Return why this worker is not ready; empty when it is."""
        problems = []
        if self.app.problem is not None:
            problems.append(self.app.problem)
        problems += self._topics_changed
        if self.board() is not None and self.mirror.of_another_log:
            problems.append(another_log(self.settings.results_topic, self.settings.epoch))
        elif self.board() is not None and self.mirror.refused_too_long:
            problems.append(f"the mirror has been refused for long: {self.mirror.problem}")
        return problems
