"""Both ways of the weather reports, with a real RabbitMQ and a real Valkey."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import aio_pika
import pytest

from contracts.weather import declare_weather_queues
from contracts.weather_store import WeatherStoreSettings
from tests.soak.weather import Plan, Servers, servers, soak
from tests.support.servers import Server
from tests.support.waiting import wait_until
from tests.support.weather import as_the_net_brings_them, some_reports
from tests.support.weather_system import WeatherSystem, send_to_rabbitmq, weather_settings
from weather.recount import recount
from weather.report import encode

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("weather")]


@pytest.fixture(scope="module")
def hurt(kafka_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with servers(tmp_path_factory.mktemp("weather"), kafka_server) as running:
        yield running


@pytest.fixture
def system(hurt: Servers, tmp_path: Path) -> Iterator[WeatherSystem]:
    settings = weather_settings(
        kafka=hurt.kafka.address,
        redis=hurt.redis.address,
        rabbitmq=hurt.rabbitmq.url,
        valkey=hurt.valkey.address,
    )
    started = WeatherSystem(settings, tmp_path)
    yield started
    started.stop()


def test_ten_thousand_tweets_come_to_the_same_by_both_ways_whatever_happens(
    hurt: Servers, tmp_path: Path
) -> None:
    report = soak(Plan(reports=10_000, rate=1_500, every=0.1, rounds=1), hurt, tmp_path)

    assert report.summary.reports == 10_000
    assert report.records > 11_000
    struck = [name for name, _ in report.strikes]
    assert struck == ["worker 1", "Valkey", "consumer 1", "consumer 2", "RabbitMQ"]
    # They struck work in flight.
    assert all(left > 0 for _, left in report.strikes)


def test_a_message_that_is_no_report_is_put_aside_with_the_reason(system: WeatherSystem) -> None:
    values = as_the_net_brings_them(some_reports(50))
    system.add("consumer").wait_ready()

    asyncio.run(publish(system.settings, b"it rains", message_id="strange"))
    asyncio.run(send_to_rabbitmq(system.settings, values))

    system.wait_for("rabbitmq", recount(values).summary)
    (message,) = asyncio.run(drain(system.settings, system.settings.weather_rejected_queue))
    assert message.body == b"it rains"
    assert message.message_id == "strange"
    assert message.headers["field"] == ""
    assert str(message.headers["error"]).startswith("expected a JSON object")
    wait_until(lambda: asyncio.run(depth(system.settings)) == 0, what="all is acknowledged")


def test_what_is_counted_while_the_store_is_away_is_acknowledged_after_it_is_back(
    hurt: Servers, system: WeatherSystem
) -> None:
    first, second = some_reports(200, seed=5)[:100], some_reports(200, seed=5)[100:]
    consumer = system.add("consumer")
    consumer.wait_ready()
    asyncio.run(send_to_rabbitmq(system.settings, [encode(it) for it in first]))
    system.wait_for("rabbitmq", recount(map(encode, first)).summary)

    # given the store is away, and says so
    hurt.valkey.kill()
    try:
        asyncio.run(send_to_rabbitmq(system.settings, [encode(it) for it in second]))
        wait_until(lambda: "the store" in (consumer.problem() or ""), what=consumer.log)
        # when the consumer, too, goes before it is back
        consumer.kill()
    finally:
        hurt.valkey.start()
    assert asyncio.run(depth(system.settings)) == 100
    consumer.start()

    # then nothing is lost, and all of it acknowledged in the end
    system.wait_for("rabbitmq", recount(map(encode, first + second)).summary)
    wait_until(lambda: asyncio.run(depth(system.settings)) == 0, what="all is acknowledged")
    assert consumer.problem() is None


async def publish(settings: WeatherStoreSettings, body: bytes, message_id: str) -> None:
    async with await aio_pika.connect(settings.rabbitmq) as connection:
        channel = await connection.channel()
        await declare_weather_queues(channel, settings)
        await channel.default_exchange.publish(
            aio_pika.Message(body, message_id=message_id), routing_key=settings.weather_queue
        )


async def drain(
    settings: WeatherStoreSettings, name: str
) -> list[aio_pika.abc.AbstractIncomingMessage]:
    async with await aio_pika.connect(settings.rabbitmq) as connection:
        queue = await (await connection.channel()).get_queue(name)
        found = []
        while (message := await queue.get(fail=False)) is not None:
            await message.ack()
            found.append(message)
        return found


async def depth(settings: WeatherStoreSettings) -> int:
    """Messages of the queue that nobody has been given and that are not acknowledged."""
    async with await aio_pika.connect(settings.rabbitmq) as connection:
        queue = await (await connection.channel()).get_queue(settings.weather_queue)
        count = queue.declaration_result.message_count
        assert count is not None
        return count


def test_a_queue_that_is_deleted_under_a_consumer_is_made_anew(system: WeatherSystem) -> None:
    values = as_the_net_brings_them(some_reports(40))
    consumer = system.add("consumer")
    consumer.wait_ready()

    asyncio.run(delete(system.settings))
    # The consumer makes it anew. (RabbitMQ 3.10 tells it nothing if somebody else is faster.)
    wait_until(lambda: "queue_lost" in consumer.log(), what=consumer.log)
    wait_until(lambda: consumer.log().count("consuming") == 2, what=consumer.log)

    asyncio.run(send_to_rabbitmq(system.settings, values))
    system.wait_for("rabbitmq", recount(values).summary)
    wait_until(lambda: consumer.problem() is None, what=consumer.log)


async def delete(settings: WeatherStoreSettings) -> None:
    async with await aio_pika.connect(settings.rabbitmq) as connection:
        await (await connection.channel()).queue_delete(settings.weather_queue)
