"""Delivering records: batches, several requests in flight, order within a unit, retries."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final
from zlib import crc32

from medallero.client.answers import Answer, BadRequest, Client, Rejection, RequestRefused, TryAgain
from medallero.client.retry import Backoff
from medallero.files.inputs import Kind, Record, Unreadable

_KINDS: Final[tuple[Kind, ...]] = ("results", "entries", "reports")
# Time that requests in flight get to be answered after the user has stopped the delivery, seconds.
_LAST_ANSWERS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How to deliver.

    ``batch``: most records a request; ``connections``: requests in flight; ``rate``: records a
    second, ``None`` as fast as it goes; ``give_up_after``: seconds after which a batch that was
    never taken ends the delivery; ``linger``: seconds that a batch waits to fill up.
    """

    batch: int = 500
    connections: int = 8
    rate: float | None = None
    give_up_after: float = 60.0
    linger: float = 0.05
    backoff: Backoff = field(default_factory=Backoff)


@dataclass(slots=True)
class Report:
    """What has happened so far.

    ``failure``: why it ended early; ``waiting``: why it waits; ``remedy``: what can be done about
    either.
    """

    read: int = 0
    accepted: int = 0
    rejected: int = 0
    minted: int = 0
    requests: int = 0
    retries: int = 0
    done_size: int = 0
    failure: str | None = None
    stopped: bool = False
    waiting: str | None = None
    remedy: str | None = None

    @property
    def undelivered(self) -> int:
        """Records that were read and neither accepted nor rejected: nothing is known of them."""
        return self.read - self.accepted - self.rejected

    @property
    def complete(self) -> bool:
        """Whether each record was accepted or rejected."""
        return self.failure is None and not self.stopped


#: Called for each record that is rejected, here or by the gateway: (record, field, error).
OnRejected = Callable[[Record | Unreadable, str, str], None]


class Delivery:
    """One delivery: `run` it once; `stop` ends it early, with what is in flight answered."""

    def __init__(self, client: Client, plan: Plan, on_rejected: OnRejected) -> None:
        self.report = Report()
        self._client = client
        self._plan = plan
        self._on_rejected = on_rejected
        self._lanes = [_Lane() for _ in range(plan.connections)]
        self._over = asyncio.Event()
        self._closed = False

    async def run(self, source: AsyncIterator[Sequence[Record | Unreadable]]) -> Report:
        """Deliver everything that *source* yields.

        Errors of *source* itself are raised after what was read before them is delivered.
        """
        lanes = [asyncio.create_task(self._serve(lane)) for lane in self._lanes]
        over = asyncio.create_task(self._over.wait())
        feed = asyncio.create_task(self._feed(source))
        try:
            await asyncio.wait({feed, over}, return_when=asyncio.FIRST_COMPLETED)
            if not feed.done():
                feed.cancel()
                await asyncio.wait({feed})
            self._close()
            everything = asyncio.ensure_future(asyncio.wait(lanes))
            await asyncio.wait({everything, over}, return_when=asyncio.FIRST_COMPLETED)
            if not everything.done():
                await asyncio.wait(lanes, timeout=_LAST_ANSWERS)
            everything.cancel()
        finally:
            for task in (*lanes, over, feed):
                task.cancel()
            ended = await asyncio.gather(*lanes, feed, return_exceptions=True)
        for outcome in ended:
            if isinstance(outcome, BaseException) and not isinstance(
                outcome, asyncio.CancelledError
            ):
                raise outcome
        return self.report

    def stop(self) -> None:
        """End the delivery: no new request is begun."""
        self.report.stopped = True
        self._over.set()

    def _fail(self, reason: str) -> None:
        if self.report.failure is None:
            self.report.failure = reason
        self._over.set()

    def _close(self) -> None:
        self._closed = True
        for lane in self._lanes:
            lane.changed.set()

    async def _feed(self, source: AsyncIterator[Sequence[Record | Unreadable]]) -> None:
        rate = self._plan.rate
        started = time.monotonic()
        async for piece in source:
            for record in piece:
                if rate is not None:
                    await _sleep_until(started + self.report.read / rate)
                self.report.read += 1
                if isinstance(record, Unreadable):
                    self._reject(record, record.field, record.error)
                    continue
                lane = self._lanes[crc32(record.lane.encode(errors="replace")) % len(self._lanes)]
                lane.waiting[record.kind].append(record)
                lane.changed.set()
            for lane in self._lanes:
                await lane.until_shorter_than(4 * self._plan.batch)

    async def _serve(self, lane: _Lane) -> None:
        """Send a lane's batches one after the other, so that its records keep their order."""
        while not self._over.is_set():
            if lane.longest() == 0:
                if self._closed:
                    return
                await lane.change()
                continue
            await self._linger(lane)
            kind, batch = lane.take(self._plan.batch)
            await self._deliver(kind, batch)

    async def _linger(self, lane: _Lane) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._plan.linger):
                while lane.longest() < self._plan.batch and not self._closed:
                    await lane.change()

    async def _deliver(self, kind: Kind, batch: Sequence[Record]) -> None:
        try:
            answer = await self._insist(kind, batch)
        except BadRequest as error:
            if len(batch) == 1:
                self._settle(batch, Answer(0, [Rejection(0, "record", error.reason)]))
                return
            # One record spoils the request: halve until it is alone. Nothing was accepted, and
            # what is sent twice would count once.
            middle = len(batch) // 2
            await self._deliver(kind, batch[:middle])
            await self._deliver(kind, batch[middle:])
        except RequestRefused as error:
            self._fail(error.reason)
        else:
            if answer is not None:
                self._settle(batch, answer)

    async def _insist(self, kind: Kind, batch: Sequence[Record]) -> Answer | None:
        """Send until it is answered; ``None`` when the delivery ended before that."""
        if self._over.is_set():
            return None
        bodies = [record.body for record in batch]
        began = time.monotonic()
        attempt = 0
        while True:
            self.report.requests += 1
            try:
                answer = await self._client.send(kind, bodies)
            except TryAgain as error:
                attempt += 1
                self.report.waiting, self.report.remedy = error.reason, error.remedy
                wait = self._plan.backoff.wait(attempt, error.retry_after)
                if time.monotonic() + wait - began > self._plan.give_up_after:
                    self._fail(f"gave up after {attempt} attempts: {error.reason}")
                    return None
                if await self._interrupted(wait):
                    return None
                self.report.retries += 1
            else:
                self.report.waiting = self.report.remedy = None
                return answer

    async def _interrupted(self, seconds: float) -> bool:
        """Wait; return whether the delivery ended meanwhile."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)
        return self._over.is_set()

    def _settle(self, batch: Sequence[Record], answer: Answer) -> None:
        refused = {rejection.place: rejection for rejection in answer.rejected}
        for index, record in enumerate(batch):
            if rejection := refused.get(index):
                self._reject(record, rejection.field, rejection.error)
            else:
                self.report.accepted += 1
                self.report.minted += record.minted
                self.report.done_size += record.size

    def _reject(self, record: Record | Unreadable, field: str, error: str) -> None:
        self.report.rejected += 1
        self.report.done_size += record.size
        self._on_rejected(record, field, error)


class _Lane:
    """Records that wait for their turn, first in, first out within their kind."""

    def __init__(self) -> None:
        self.waiting: dict[Kind, deque[Record]] = {kind: deque() for kind in _KINDS}
        self.changed = asyncio.Event()
        self._shorter = asyncio.Event()

    def longest(self) -> int:
        return max(len(records) for records in self.waiting.values())

    async def change(self) -> None:
        self.changed.clear()
        await self.changed.wait()

    def take(self, most: int) -> tuple[Kind, list[Record]]:
        kind = max(_KINDS, key=lambda it: len(self.waiting[it]))
        records = self.waiting[kind]
        batch = [records.popleft() for _ in range(min(most, len(records)))]
        self._shorter.set()
        return kind, batch

    async def until_shorter_than(self, most: int) -> None:
        while sum(map(len, self.waiting.values())) >= most:
            self._shorter.clear()
            await self._shorter.wait()


async def _sleep_until(due: float) -> None:
    # Shorter sleeps than the clock's grain would make the rate too low.
    if (wait := due - time.monotonic()) > 0.002:
        await asyncio.sleep(wait)
