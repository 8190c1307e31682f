"""Weather reports to a real RabbitMQ that is killed, frozen, or not as it must be.

Whatever happens: a 202 is kept, everything else is told within a bounded time, and no restart is
needed.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage

from contracts.weather import declare_weather_queues
from gateway.settings import GatewaySettings
from tests.integration.gateway.gateway_support import (
    Answer,
    RunningGateway,
    a_result,
    running,
    settings_for,
)
from tests.support.rabbitmq import RabbitMq, running_rabbitmq
from tests.support.waiting import wait_until
from weather.report import decode

pytestmark = pytest.mark.system

NOWHERE = ("127.0.0.1:1", "redis://127.0.0.1:1/0")
READY = "/readyz/weather"
LASTING = ("lasting-1", "lasting-2")
# Whoever waits is told after `kafka_timeout`; between that and what is asked for there is room for
# a machine that is busy.
HURRIED: dict[str, Any] = {"kafka_timeout": 2.0, "kafka_stall": 1.0}
_SOON = 20.0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMq]:
    """A RabbitMQ of this module alone, so that it may be hurt."""
    with running_rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as server:
        # What it knows of a new quorum queue is on the disk after some minutes (3.10: dets), or
        # once it is stopped in order; killed before, it never finds the queue's leader again.
        for queue in LASTING:
            asyncio.run(_declare(server, queue))
        server.stop()
        server.start()
        yield server


async def _declare(broker: RabbitMq, queue: str) -> None:
    connection = await aio_pika.connect(broker.url, timeout=30)
    async with connection:
        await declare_weather_queues(
            await connection.channel(), GatewaySettings(weather_queue=queue)
        )


def rabbit_settings(broker: RabbitMq, *, kafka: str = NOWHERE[0], **fields: Any) -> GatewaySettings:
    """Return settings with a queue that no other test uses."""
    return settings_for(
        kafka,
        NOWHERE[1],
        rabbitmq=broker.url,
        **{
            "weather_queue": f"reports-{uuid4().hex[:8]}",
            "weather_writers": "rabbitmq",
            **fields,
        },
    )


def a_report(**fields: Any) -> dict[str, Any]:
    return {"country": "GT", "weather": "Lluvioso", **fields}


def in_queue(settings: GatewaySettings) -> list[AbstractIncomingMessage]:
    """Take all messages out of the queue, and return them."""

    async def take() -> list[AbstractIncomingMessage]:
        connection = await aio_pika.connect(settings.rabbitmq, timeout=30)
        async with connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(settings.weather_queue, passive=True)
            found: list[AbstractIncomingMessage] = []
            # The first one may be long in coming: a queue that has just come back has no leader.
            async with queue.iterator(no_ack=True, timeout=30) as messages:
                async for message in messages:
                    found.append(message)
                    if len(found) == queue.declaration_result.message_count:
                        return found
            return found

    return asyncio.run(take())


class Senders:
    """Threads that send reports of their own, one after another, and remember each answer."""

    def __init__(self, gateway: RunningGateway, number: int = 4) -> None:
        self.accepted: set[str] = set()
        self.refused: list[Answer] = []
        self.slowest = 0.0
        self._gateway = gateway
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._send, args=(f"{index}",)) for index in range(number)
        ]

    def __enter__(self) -> Senders:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def wait_accepted(self, number: int) -> int:
        """Wait until so many reports are accepted in all; return how many are."""
        wait_until(lambda: len(self.accepted) >= number, what=lambda: self.refused[-3:])
        return len(self.accepted)

    def wait_refused(self) -> None:
        wait_until(lambda: self.refused, what="a refusal")

    def _send(self, name: str) -> None:
        number = 0
        while not self._over.is_set():
            number += 1
            report_id = f"{name} {number}"
            started = time.monotonic()
            answer = self._gateway.post("/input", a_report(id=report_id))
            self.slowest = max(self.slowest, time.monotonic() - started)
            if answer.status == 200:
                self.accepted.add(report_id)
            else:
                self.refused.append(answer)
                time.sleep(0.02)


def check_promises(settings: GatewaySettings, senders: Senders) -> None:
    """Every accepted report is in the queue, and whoever was refused was told why, in time."""
    assert senders.accepted <= {message.message_id for message in in_queue(settings)}
    assert senders.refused
    assert {answer.status for answer in senders.refused} == {503}
    assert all("RabbitMQ" in answer.json["error"] for answer in senders.refused)
    assert senders.slowest < _SOON


def test_an_accepted_report_is_a_persistent_message_under_its_id(broker: RabbitMq) -> None:
    settings = rabbit_settings(broker)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with running(settings, topics=False) as gateway:
        gateway.wait_ready(path=READY)
        # when reports come singly and in an array, of which one is bad, and one is sent again
        one = gateway.post("/input", a_report(id="one"), traceparent=trace)
        again = gateway.post("/input", a_report(id="one"))
        several = gateway.post("/v1/reports", [a_report(), {}, a_report()], Idempotency_Key="k")
        metrics = gateway.send("GET", "/metrics").body.decode()

    # then each that was accepted is in the queue
    assert [it.status for it in (one, again, several)] == [200, 200, 202]
    assert (several.json["accepted"], several.json["rejected_count"]) == (2, 1)
    messages = in_queue(settings)
    assert sorted(str(it.message_id) for it in messages) == ["k#0", "k#2", "one", "one"]
    for message in messages:
        assert decode(message.body).id == message.message_id
        assert message.delivery_mode is aio_pika.DeliveryMode.PERSISTENT
        assert message.content_type == "application/json"
    (traced,) = [it for it in messages if it.headers]
    headers: Mapping[str, Any] = traced.headers
    assert headers["traceparent"] == trace
    assert 'rabbitmq_messages_total{outcome="confirmed"} 4.0' in metrics


def test_thousands_in_one_request_are_all_there(broker: RabbitMq) -> None:
    settings = rabbit_settings(broker, kafka_timeout=60.0, kafka_stall=30.0)
    with running(settings, topics=False) as gateway:
        gateway.wait_ready(path=READY)
        answer = gateway.post("/input", [a_report(id=f"{it}") for it in range(3_000)])

    assert (answer.status, answer.json["accepted"]) == (200, 3_000)
    assert {int(str(it.message_id)) for it in in_queue(settings)} == set(range(3_000))


def test_a_killed_rabbitmq_takes_no_promise_with_it_and_its_return_needs_no_restart(
    broker: RabbitMq,
) -> None:
    settings = rabbit_settings(broker, weather_queue=LASTING[0], **HURRIED)
    with running(settings, topics=False) as gateway:
        gateway.wait_ready(path=READY)
        with Senders(gateway) as senders:
            before = senders.wait_accepted(50)
            broker.kill()
            senders.wait_refused()
            gateway.wait_ready(False, path=READY)
            broker.start()
            gateway.wait_ready(timeout=60, path=READY)
            senders.wait_accepted(before + 50)

        check_promises(settings, senders)


def test_a_frozen_rabbitmq_is_told_in_time(broker: RabbitMq) -> None:
    settings = rabbit_settings(broker, **HURRIED)
    with running(settings, topics=False) as gateway:
        gateway.wait_ready(path=READY)
        with Senders(gateway) as senders:
            before = senders.wait_accepted(50)
            broker.freeze()
            try:
                senders.wait_refused()
                gateway.wait_ready(False, path=READY)
            finally:
                broker.thaw()
            gateway.wait_ready(timeout=60, path=READY)
            senders.wait_accepted(before + 50)

        check_promises(settings, senders)


def test_a_report_that_finds_no_queue_is_not_accepted(broker: RabbitMq) -> None:
    settings = rabbit_settings(broker, kafka_check=60.0)  # nobody looks for the queue meanwhile

    async def delete_queue() -> None:
        connection = await aio_pika.connect(settings.rabbitmq, timeout=30)
        async with connection:
            channel = await connection.channel()
            await channel.queue_delete(settings.weather_queue)

    with running(settings, topics=False) as gateway:
        gateway.wait_ready(path=READY)
        asyncio.run(delete_queue())

        refused = gateway.post("/input", a_report(id="a"))
        gateway.wait_ready(timeout=60, path=READY)
        wait_until(lambda: gateway.post("/input", a_report(id="b")).status == 200)

    assert refused.status == 503
    assert {it.message_id for it in in_queue(settings)} == {"b"}


def test_a_queue_of_another_kind_is_said_and_not_used(broker: RabbitMq) -> None:
    settings = rabbit_settings(broker)

    async def declare_another() -> None:
        connection = await aio_pika.connect(settings.rabbitmq, timeout=30)
        async with connection:
            channel = await connection.channel()
            await channel.declare_queue(settings.weather_queue, durable=True)

    asyncio.run(declare_another())
    with running(settings, topics=False) as gateway:
        told = wait_until(
            lambda: _if_says(gateway.post("/input", a_report()), "inequivalent arg"),
            what=lambda: gateway.post("/input", a_report()).body,
        )

    assert told.status == 503


def test_a_password_is_never_told(broker: RabbitMq) -> None:
    url = broker.url.replace("guest:guest@", "guest:sesame@")
    settings = rabbit_settings(broker).model_copy(update={"rabbitmq": url})
    with running(settings, topics=False) as gateway:
        told = wait_until(
            lambda: _if_says(gateway.post("/input", a_report()), "ACCESS_REFUSED"),
            what=lambda: gateway.post("/input", a_report()).body,
        )

    assert b"sesame" not in told.body


def test_with_both_writers_accepted_is_what_both_have(
    broker: RabbitMq, kafka: str, redis_url: str
) -> None:
    settings = rabbit_settings(
        broker, kafka=kafka, weather_queue=LASTING[1], weather_writers="kafka,rabbitmq"
    )
    with running(settings) as gateway:
        both = gateway.post("/input", [a_report(id=f"both {it}") for it in range(5)])
        # when RabbitMQ is away
        broker.kill()
        try:
            gateway.wait_ready(False, path=READY)
            one = gateway.post("/input", a_report(id="one"))
            result = gateway.post("/v1/results", a_result())
            ready = gateway.send("GET", "/readyz").status
        finally:
            broker.start()
        gateway.wait_ready(timeout=60, path=READY)
        # A queue that has just come back has no leader yet, and confirms nothing.
        wait_until(lambda: gateway.post("/input", a_report(id="one")).status == 200)
        on_topic = {it.key for it in gateway.reports_topic()}

    # then reports are refused, and results are not
    assert (both.status, one.status) == (200, 503)
    assert (result.status, ready) == (202, 200)
    expected = {f"both {it}" for it in range(5)} | {"one"}
    assert on_topic == {it.encode() for it in expected}
    assert {it.message_id for it in in_queue(settings)} == expected


async def test_either_side_may_declare_the_queues_first(broker: RabbitMq) -> None:
    settings = rabbit_settings(broker)
    connection = await aio_pika.connect(settings.rabbitmq, timeout=30)
    async with connection:
        for _ in range(2):
            await declare_weather_queues(await connection.channel(), settings)
        channel = await connection.channel()
        rejected = await channel.declare_queue(settings.weather_rejected_queue, passive=True)
        queue = await channel.declare_queue(settings.weather_queue, passive=True)
        await channel.default_exchange.publish(aio_pika.Message(b"bad"), queue.name)
        message = await queue.get(timeout=30)
        await message.reject(requeue=False)

        # What its consumer rejects is in the dead-letter queue.
        async with rejected.iterator(no_ack=True, timeout=60) as dead_letters:
            dead = await anext(dead_letters)
    assert dead.body == b"bad"


def _if_says(answer: Answer, words: str) -> Answer | None:
    return answer if words in answer.body.decode() else None
