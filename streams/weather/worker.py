"""The Faust app of a weather worker: the topic into a table, its counts into Redis."""

import asyncio
import contextlib
import os
import time
from typing import Any, cast

import structlog
from faust.types import TP
from mode import Service

from contracts.topic_admin import check_topics_of_worker
from contracts.weather_store import counting_topics
from faust_bulk import Batch, BulkTable
from faust_bulk.fatal import end_process
from streams.app import bulk_app
from streams.rejects import rejected_records
from streams.standings import Rejected
from streams.weather import metrics
from streams.weather.settings import WeatherWorkerSettings
from streams.weather.state import RULES_REVISION, PartitionReports
from streams.weather.store import PartitionStore, PartitionWrite, StoreUnavailable, connect
from streams.weather.web import Web

log: structlog.stdlib.BoundLogger = structlog.get_logger("streams.weather.worker")

#: Seconds between two writes of an unchanged partition: they find a store that was wiped.
_HEARTBEAT = 1.0
#: Seconds between two writes of all cells: they heal what was changed by another hand.
_WHOLE = 60.0
#: Refused or away for so long, somebody must look: seconds.
_TOO_LONG = 30.0


class WeatherWorker:
    """One worker process: what its agent and tasks share."""

    def __init__(self, settings: WeatherWorkerSettings) -> None:
        self.settings = settings
        self.app = bulk_app(settings, counting_topics(settings))
        reports = self.app.bulk_topic(settings.weather_reports_topic)
        self.table: BulkTable[PartitionReports] = self.app.bulk_table(
            reports,
            settings.weather_changelog_topic,
            lambda partition: PartitionReports(partition, settings.weather_partitions),
        )
        #: what was refused in batches whose changes are not durable yet
        self._rejected: dict[Batch, list[Rejected]] = {}
        self._changed = asyncio.Event()
        #: partition → Kafka's timestamp of the first record that the store does not count
        self._since: dict[int, float] = {}
        self._mirror = _Mirror(settings)
        self.app.agent(reports, name="weather")(self.keep_reports)
        self.app.task(self.check)
        self.app.task(self.write_counts)
        web = Web(settings.worker_host, settings.worker_port, self.state)
        self.app.service(type("WeatherWeb", (_WebService,), {"web": web}))

    async def check(self) -> None:
        """End the process if the topics are not what the protocol needs."""
        problems = await check_topics_of_worker(
            self.settings, counting_topics(self.settings), self.table.changelog
        )
        if problems:
            end_process("; ".join(str(problem) for problem in problems))

    async def keep_reports(self, stream: Any) -> None:
        """Agent: apply each batch, make its changes durable, then let its offsets be committed."""
        await self.table.process(stream, self._apply, durable=self._durable)

    def _apply(self, state: PartitionReports, batch: Batch) -> dict[bytes, bytes]:
        changes, rejected = state.apply(batch.records)
        metrics.RECORDS.inc(len(batch))
        if rejected:
            self._rejected[batch] = rejected
        self._since.setdefault(batch.partition, batch.records[0].timestamp / 1000)
        self._changed.set()
        return changes

    async def _durable(self, batch: Batch, _seconds: float) -> None:
        rejected = self._rejected.pop(batch, None)
        if rejected is None:
            return
        settings = self.settings
        metrics.REJECTED.inc(len(rejected))
        log.warning(
            "records_rejected",
            partition=batch.partition,
            count=len(rejected),
            first_offset=rejected[0].offset,
            field=rejected[0].error.field[:100],
            error=rejected[0].error.error[:500],
        )
        records = rejected_records(settings.weather_reports_topic, batch.partition, rejected)
        try:
            await self.app.durable.publish(settings.weather_rejected_topic, 0, records)
        except Exception as exc:
            end_process("rejected records could not be written", exc)

    async def write_counts(self) -> None:
        """Task: write the counts soon after a change, and now and then without one."""
        try:
            while not self.app.should_stop:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), timeout=_HEARTBEAT / 2)
                self._changed.clear()
                owned = dict(self.table.owned())
                for given_up in self._since.keys() - owned.keys():
                    del self._since[given_up]
                live = {it: state for it, state in owned.items() if state.live}
                # Now: what is applied while the store writes is for the next time.
                since = {it: self._since.pop(it) for it in live if it in self._since}
                if await self._mirror.write(live):
                    now = time.time()
                    for began in since.values():
                        metrics.LATENCY.observe(max(0.0, now - began))
                else:
                    self._since = {**self._since, **since}
                metrics.LAG.set(sum(self.lags().values()))
                await asyncio.sleep(self.settings.weather_interval)
        finally:
            await self._mirror.close()

    def lags(self) -> dict[int, int]:
        """Return how many records of each owned partition are known of and not applied yet."""
        consumer = cast(Any, self.app.consumer)
        lags = {}
        for partition, state in self.table.owned():
            fetching = consumer.fetch_state(TP(self.settings.weather_reports_topic, partition))
            if fetching is not None and fetching.highwater is not None:
                lags[partition] = max(0, fetching.highwater - state.offset)
        return lags

    def state(self) -> dict[str, Any]:
        """Return what ``/readyz`` says."""
        problems = []
        if self.app.problem is not None:
            problems.append(self.app.problem)
        if self._mirror.wrong_too_long:
            problems.append(f"Redis has not taken the counts for long: {self._mirror.problem}")
        return {
            "problems": problems,
            "partitions": {
                str(partition): {"offset": state.offset, "live": state.live}
                for partition, state in sorted(self.table.owned())
            },
            "store_problem": self._mirror.problem,
        }


class _WebService(Service):
    """Starts and stops the web server with the app: Faust makes the instance itself."""

    web: Web

    async def on_start(self) -> None:
        await self.web.start()

    async def on_stop(self) -> None:
        await self.web.stop()


class _Mirror:
    """Writes what has changed, and knows what the store is known to have.

    A write that failed may have been done: then, and where the store says that it has something
    else, all cells are written.
    """

    def __init__(self, settings: WeatherWorkerSettings) -> None:
        self._redis = connect(settings.redis)
        self._store = PartitionStore(
            self._redis, settings.weather_prefix, epoch=settings.epoch, revision=RULES_REVISION
        )
        #: names this process's writes, which no other process's may be taken for
        self._name = os.urandom(8).hex()
        self._writes = 0
        #: partition → the state that was written, its offset, the token, when
        self._written: dict[int, tuple[PartitionReports, int, str, float]] = {}
        self._whole: dict[int, float] = {}
        self._wrong_since: float | None = None
        self.problem: str | None = None

    @property
    def wrong_too_long(self) -> bool:
        """Whether the store has refused, or was away, for half a minute."""
        since = self._wrong_since
        return since is not None and time.monotonic() - since > _TOO_LONG

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def write(self, states: dict[int, PartitionReports]) -> bool:
        """Write what is due of *states*; return whether the store has all of them now."""
        now = time.monotonic()
        for given_up in self._written.keys() - states.keys():
            del self._written[given_up]
        writes = {it: write for it, state in states.items() if (write := self._due(it, state, now))}
        # Looked up now: the states go on while the store writes.
        sent = {it: (states[it], write) for it, write in writes.items()}
        if not writes:
            return True
        try:
            outcomes = await self._store.write(writes)
        except StoreUnavailable as error:
            for partition in writes:
                self._written.pop(partition, None)
            self._is_wrong(f"it is away: {error}")
            return False
        refused = []
        for partition, outcome in outcomes.items():
            state, write = sent[partition]
            if outcome == "written":
                metrics.WRITTEN.inc()
                self._written[partition] = (state, write.offset, write.token, now)
                if write.full:
                    self._whole[partition] = now
            else:
                self._written.pop(partition, None)
                if outcome != "full":
                    metrics.REFUSED.inc()
                    refused.append(f"partition {partition}: {outcome}")
        if refused:
            self._is_wrong("; ".join(refused))
            return False
        if self.problem is not None:
            log.info("counts_written_again", after=self.problem)
        self.problem = self._wrong_since = None
        return all(outcome == "written" for outcome in outcomes.values())

    def _due(self, partition: int, state: PartitionReports, now: float) -> PartitionWrite | None:
        written = self._written.get(partition)
        counts = state.survivors.counts
        if written is not None and written[0] is not state:
            written = None
        if written is not None and written[1] == state.offset and now - written[3] < _HEARTBEAT:
            return None
        full = written is None or now - self._whole.get(partition, 0.0) > _WHOLE
        changed = counts.take_changed()
        self._writes += 1
        return PartitionWrite(
            offset=state.offset,
            rejected=state.rejected,
            cells=dict(counts.cells) if full else changed,
            full=full,
            token=f"{self._name}:{self._writes}",
            expects="" if written is None else written[2],
        )

    def _is_wrong(self, problem: str) -> None:
        if self._wrong_since is None:
            self._wrong_since = time.monotonic()
            log.warning("counts_not_written", problem=problem)
        self.problem = problem
