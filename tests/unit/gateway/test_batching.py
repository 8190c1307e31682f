"""Group commit: who shares whose fate, in which order, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka.errors import (
    InvalidTimestampError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    TopicAuthorizationFailedError,
)
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch

from contracts.topics import TopicSpec
from gateway.kafka import batching
from gateway.kafka.batching import NO_HEADERS, LogUnavailable, LogWriter, PendingWrite
from gateway.metrics import Metrics
from gateway.settings import GatewaySettings


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


class Sent:
    """A batch that the producer was given, and its outcome, for the test to decide."""

    def __init__(self, batch: BatchBuilder, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self.outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        records = DefaultRecordBatch(bytes(batch._build()))
        self.values = [record.value for record in records]


class FakeProducer:
    """Remembers batches; acknowledges none by itself."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []

    async def send_batch(
        self, batch: BatchBuilder, topic: str, *, partition: int
    ) -> asyncio.Future[None]:
        assert batch.closed()
        self.sent.append(Sent(batch, topic, partition))
        return self.sent[-1].outcome


class FakeLink:
    """A link whose producer and problem the test decides."""

    def __init__(
        self,
        settings: GatewaySettings,
        _topic: TopicSpec,
        *,
        counted_log: Callable[[], str | None],
        changed: Callable[[], None],
        lost: Callable[[Any], None],
    ) -> None:
        self.problem: str | None = None
        self.batch_bytes = settings.batch_bytes
        self.max_batch: int | None = None
        self.heartbeats = False
        self.current: FakeProducer | None = FakeProducer()
        self.failures: list[BaseException] = []
        self.replaced = 0
        self.lost = lost
        self.over = asyncio.Event()

    async def run(self) -> None:
        await self.over.wait()

    def finish(self) -> None:
        self.over.set()

    async def producer(self) -> FakeProducer:
        await until(lambda: self.current is not None)
        assert self.current is not None
        return self.current

    def failed(self, producer: FakeProducer, error: BaseException) -> None:
        self.failures.append(error)

    def replace(self, producer: FakeProducer) -> None:
        assert producer is self.current
        self.replaced += 1

    def stuck(self, producer: FakeProducer) -> None:
        self.lost(producer)

    def delivered(self) -> None:
        pass

    async def close(self) -> None:
        pass


async def outcome(write: PendingWrite) -> None:
    """Return when all replicas have the records; raise if that is not known."""
    await write.settled()
    if write.failure is not None:
        raise LogUnavailable(write.failure)


class Writing:
    """A log writer over a fake link."""

    def __init__(self, **fields: Any) -> None:
        metrics = Metrics()
        self.writer = LogWriter(
            GatewaySettings(**{"linger_ms": 1.0, **fields}),
            metrics,
            TopicSpec("results", 2),
            metrics.kafka_ready,
        )
        link: Any = self.writer._link
        self.link: FakeLink = link
        self.writer.start()

    @property
    def producer(self) -> FakeProducer:
        assert self.link.current is not None
        return self.link.current

    def append(self, *records: tuple[int, bytes]) -> asyncio.Task[None]:
        """Begin a request with *records* (partition, value); its task ends as the request does."""
        write = self.writer.begin()
        write.add([(partition, b"key", value, NO_HEADERS) for partition, value in records])
        return asyncio.create_task(outcome(write))

    async def sent(self, number: int) -> list[Sent]:
        """Wait until so many batches were sent in all."""
        await until(lambda: len(self.producer.sent) >= number)
        return self.producer.sent


@pytest.fixture(autouse=True)
def _fake_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "KafkaLink", FakeLink)


async def test_concurrent_requests_share_a_batch_and_its_outcome() -> None:
    writing = Writing()
    requests = [writing.append((0, b"%d" % number)) for number in range(10)]

    (batch,) = await writing.sent(1)
    assert batch.values == [b"%d" % number for number in range(10)]
    assert not any(request.done() for request in requests)

    batch.outcome.set_result(None)
    await asyncio.gather(*requests)
    await writing.writer.close()


async def test_a_failed_batch_fails_exactly_the_requests_that_have_records_in_it() -> None:
    writing = Writing()
    in_first = writing.append((0, b"a"))
    in_both = writing.append((0, b"b"), (1, b"c"))
    in_second = writing.append((1, b"d"))

    first, second = sorted(await writing.sent(2), key=lambda sent: sent.partition)
    first.outcome.set_exception(ConnectionError("gone"))
    second.outcome.set_result(None)

    await in_second
    for request in (in_first, in_both):
        with pytest.raises(LogUnavailable, match="gone"):
            await request
    assert [str(error) for error in writing.link.failures] == ["gone"]
    await writing.writer.close()


async def test_the_next_batch_of_a_partition_waits_for_the_last_one() -> None:
    writing = Writing()
    requests = [writing.append((0, b"a"))]
    (first,) = await writing.sent(1)
    requests += [writing.append((0, b"b")), writing.append((0, b"c"))]
    await asyncio.sleep(0.02)
    assert len(writing.producer.sent) == 1

    first.outcome.set_result(None)
    second = (await writing.sent(2))[1]
    assert second.values == [b"b", b"c"]
    second.outcome.set_result(None)
    await asyncio.gather(*requests)
    await writing.writer.close()


async def test_a_full_batch_is_followed_by_another_in_order() -> None:
    writing = Writing(batch_bytes=16 * 1024)
    values = [b"%04d" % number + b"x" * 1000 for number in range(50)]
    request = writing.append(*((0, value) for value in values))

    seen: list[bytes | None] = []
    while not request.done():
        batch = (await writing.sent(1)).pop()
        assert len(batch.values) <= 16
        seen += batch.values
        batch.outcome.set_result(None)
        await asyncio.sleep(0.001)
        if len(seen) == len(values):
            await request
    assert seen == values
    await writing.writer.close()


async def test_what_kafka_does_not_acknowledge_in_time_fails_and_is_never_called_accepted() -> None:
    writing = Writing(kafka_timeout=0.3)
    request = writing.append((0, b"a"))
    (batch,) = await writing.sent(1)

    with pytest.raises(LogUnavailable, match="not acknowledged"):
        await request
    batch.outcome.set_result(None)  # it arrives after all: too late for the answer
    await asyncio.sleep(0.01)

    later = writing.append((0, b"b"))
    (await writing.sent(2))[1].outcome.set_result(None)
    await later
    await writing.writer.close()


async def test_what_has_timed_out_before_it_left_never_leaves() -> None:
    writing = Writing(kafka_timeout=0.3)
    producer, writing.link.current = writing.link.current, None
    with pytest.raises(LogUnavailable):
        await writing.append((0, b"a"))

    writing.link.current = producer
    request = writing.append((0, b"b"))
    (batch,) = await writing.sent(1)
    assert batch.values == [b"b"]
    batch.outcome.set_result(None)
    await request
    await writing.writer.close()


async def test_a_request_that_is_cancelled_disturbs_nobody() -> None:
    writing = Writing()
    cancelled, other = writing.append((0, b"a")), writing.append((0, b"b"))
    (batch,) = await writing.sent(1)

    cancelled.cancel()
    await asyncio.sleep(0)
    batch.outcome.set_result(None)

    await other
    await writing.writer.close()


async def test_a_stalled_kafka_is_a_problem_until_it_acknowledges() -> None:
    writing = Writing(kafka_stall=0.05, kafka_timeout=10.0)
    request = writing.append((0, b"a"))
    (batch,) = await writing.sent(1)
    await until(lambda: writing.writer.problem is not None)
    with pytest.raises(LogUnavailable, match="not acknowledged"):
        writing.writer.begin()

    batch.outcome.set_result(None)
    await request
    await until(lambda: writing.writer.problem is None)
    await writing.writer.close()


async def test_a_producer_that_is_given_up_fails_its_batch_and_the_next_one_goes_on() -> None:
    writing = Writing(kafka_timeout=0.3)
    lost = writing.producer
    with pytest.raises(LogUnavailable):
        await writing.append((0, b"a"))
    assert len(lost.sent) == 1

    writing.link.current = FakeProducer()
    writing.link.stuck(lost)
    request = writing.append((0, b"b"))
    (await writing.sent(1))[0].outcome.set_result(None)
    await request
    await writing.writer.close()


async def test_a_producer_that_takes_no_batch_does_not_hold_its_partition_for_ever() -> None:
    class Closed(FakeProducer):
        async def send_batch(self, *_args: Any, **_named: Any) -> asyncio.Future[None]:
            await asyncio.Event().wait()
            raise AssertionError

    writing = Writing(kafka_timeout=0.2)
    working, writing.link.current = writing.link.current, Closed()
    with pytest.raises(LogUnavailable):
        await writing.append((0, b"a"))

    writing.link.current = working
    request = writing.append((0, b"b"))
    (await writing.sent(1))[0].outcome.set_result(None)
    await request
    await writing.writer.close()


async def test_a_request_may_add_records_in_parts() -> None:
    writing = Writing(linger_ms=0)
    write: PendingWrite = writing.writer.begin()
    write.add([(0, b"key", b"a", NO_HEADERS)])
    (first,) = await writing.sent(1)
    first.outcome.set_result(None)
    await asyncio.sleep(0.01)
    write.add([(0, b"key", b"b", NO_HEADERS)])

    done = asyncio.create_task(outcome(write))
    second = (await writing.sent(2))[1]
    assert not done.done()
    second.outcome.set_result(None)
    await done
    await writing.writer.close()


async def test_a_batch_that_is_too_large_is_sent_in_halves_and_nobody_notices() -> None:
    writing = Writing()
    first = writing.append((0, b"a"), (0, b"b"))
    second = writing.append((0, b"c"))
    third = writing.append((0, b"d"), (0, b"e"))
    (whole,) = await writing.sent(1)
    whole.outcome.set_exception(MessageSizeTooLargeError())

    left = (await writing.sent(2))[1]
    assert left.values == [b"a", b"b"]
    left.outcome.set_result(None)
    await first
    assert not second.done()
    assert not third.done()
    right = (await writing.sent(3))[2]
    assert right.values == [b"c", b"d", b"e"]
    right.outcome.set_result(None)
    await asyncio.gather(second, third)
    assert writing.writer.problem is None
    assert writing.link.replaced == 1
    await writing.writer.close()


async def test_requests_whose_records_lie_between_each_other_wait_for_their_own_halves() -> None:
    writing = Writing(linger_ms=20.0)
    one, other = writing.writer.begin(), writing.writer.begin()
    for write, value in [(one, b"a"), (other, b"b"), (one, b"c"), (other, b"d")]:
        write.add([(0, b"key", value, NO_HEADERS)])
    done = [asyncio.create_task(outcome(write)) for write in (one, other)]
    (whole,) = await writing.sent(1)
    whole.outcome.set_exception(MessageSizeTooLargeError())
    (await writing.sent(2))[1].outcome.set_result(None)
    right = (await writing.sent(3))[2]
    assert right.values == [b"c", b"d"]
    assert not any(task.done() for task in done)
    right.outcome.set_result(None)
    await asyncio.gather(*done)
    await writing.writer.close()


async def test_a_record_that_is_too_large_costs_its_own_request_alone() -> None:
    writing = Writing()
    first, large, last = (writing.append((0, value)) for value in (b"a", b"large", b"c"))
    order: list[bytes | None] = []
    number = 0
    while not last.done():
        number += 1
        batch = (await writing.sent(number))[number - 1]
        if b"large" in batch.values:
            batch.outcome.set_exception(MessageSizeTooLargeError())
        else:
            order += batch.values
            batch.outcome.set_result(None)
        await asyncio.sleep(0.005)

    await first
    await last
    assert order == [b"a", b"c"]
    with pytest.raises(LogUnavailable, match=r"max\.message\.bytes"):
        await large
    assert writing.writer.problem is None
    await writing.writer.close()


async def test_halves_that_come_too_late_time_out_with_their_requests() -> None:
    writing = Writing(kafka_timeout=0.1)
    requests = [writing.append((0, b"a")), writing.append((0, b"b"))]
    (whole,) = await writing.sent(1)
    whole.outcome.set_exception(MessageSizeTooLargeError())
    for request in requests:
        with pytest.raises(LogUnavailable, match="not acknowledged"):
            await request
    await writing.writer.close()


@pytest.mark.parametrize(
    ("error", "words"),
    [(InvalidTimestampError(), "clocks"), (TopicAuthorizationFailedError(), "may not write")],
)
async def test_what_kafka_refuses_is_a_problem_until_it_takes_the_record(
    error: Exception, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "_OFFER_AGAIN", 0.01)
    writing = Writing()
    request = writing.append((0, b"a"), (0, b"b"))
    (batch,) = await writing.sent(1)
    batch.outcome.set_exception(error)
    with pytest.raises(LogUnavailable, match=words):
        await request
    with pytest.raises(LogUnavailable, match=words):
        writing.writer.begin()

    offered = (await writing.sent(2))[1]
    assert offered.values == [b"a"]
    offered.outcome.set_exception(error)
    again = (await writing.sent(3))[2]
    assert writing.writer.problem is not None
    again.outcome.set_result(None)
    await until(lambda: writing.writer.problem is None)

    later = writing.append((0, b"c"))
    (await writing.sent(4))[3].outcome.set_result(None)
    await later
    await asyncio.sleep(0.05)
    assert len(writing.producer.sent) == 4
    await writing.writer.close()


async def test_an_answer_about_the_producer_is_no_refusal_of_records() -> None:
    writing = Writing()
    request = writing.append((0, b"a"))
    (batch,) = await writing.sent(1)
    batch.outcome.set_exception(OutOfOrderSequenceNumber())
    with pytest.raises(LogUnavailable, match="did not acknowledge"):
        await request
    assert writing.writer.problem is None
    assert len(writing.link.failures) == 1
    await writing.writer.close()


async def test_an_idle_gateway_is_ready_only_once_kafka_has_acknowledged_a_heartbeat() -> None:
    writing = Writing(kafka_heartbeat=0.01)
    writing.link.heartbeats = True

    (first,) = await writing.sent(1)
    assert (first.topic, first.partition) == ("heartbeats", 0)
    await until(lambda: writing.writer.problem is not None)
    with pytest.raises(LogUnavailable, match="not acknowledged a record of this gateway yet"):
        writing.writer.begin()

    first.outcome.set_result(None)
    await until(lambda: writing.writer.problem is None)
    await writing.sent(2)  # and again, since nobody else writes
    await writing.writer.close()


async def test_a_refused_heartbeat_is_a_problem_until_kafka_takes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batching, "_OFFER_AGAIN", 0.01)
    writing = Writing(kafka_heartbeat=0.01)
    writing.link.heartbeats = True
    (await writing.sent(1))[0].outcome.set_result(None)
    await until(lambda: writing.writer.problem is None)

    (await writing.sent(2))[1].outcome.set_exception(InvalidTimestampError())
    await until(lambda: writing.writer.problem is not None)
    assert "clocks" in str(writing.writer.problem)

    (await writing.sent(3))[2].outcome.set_result(None)
    await until(lambda: writing.writer.problem is None)
    await writing.writer.close()


async def test_what_became_of_heartbeats_is_no_problem_once_their_topic_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batching, "_OFFER_AGAIN", 0.01)
    writing = Writing(kafka_heartbeat=0.01, kafka_stall=0.01)
    writing.link.heartbeats = True
    (await writing.sent(1))[0].outcome.set_result(None)
    # given one that was refused, and one that nobody acknowledges
    (await writing.sent(2))[1].outcome.set_exception(InvalidTimestampError())
    await writing.sent(3)
    await until(lambda: "not acknowledged a batch" in str(writing.writer.problem))

    writing.link.heartbeats = False

    await until(lambda: writing.writer.problem is None)
    await writing.writer.close()


async def test_records_that_are_acknowledged_spare_the_heartbeats() -> None:
    writing = Writing(kafka_heartbeat=3600.0)
    request = writing.append((0, b"a"))
    (await writing.sent(1))[0].outcome.set_result(None)
    await request

    writing.link.heartbeats = True
    await asyncio.sleep(3 * batching._TICK)

    assert [sent.topic for sent in writing.producer.sent] == ["results"]
    assert writing.writer.problem is None
    await writing.writer.close()


async def test_a_user_who_may_write_no_heartbeats_takes_results_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batching, "_ASK_AGAIN", 0.5)
    writing = Writing(kafka_heartbeat=0.01)
    writing.link.heartbeats = True
    await until(lambda: writing.writer.problem is not None)

    (await writing.sent(1))[0].outcome.set_exception(TopicAuthorizationFailedError())
    await until(lambda: writing.writer.problem is None)
    request = writing.append((0, b"a"))
    second = (await writing.sent(2))[1]
    assert second.topic == "results"
    second.outcome.set_result(None)
    await request

    (await writing.sent(3))[2].outcome.set_result(None)  # it is allowed by now
    await until(lambda: not writing.writer._heart.forbidden)
    await writing.sent(4)
    assert {sent.topic for sent in writing.producer.sent[2:]} == {"heartbeats"}
    await writing.writer.close()
