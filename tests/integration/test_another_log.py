"""The topic `results` is deleted and made again: every process says so, and what helps."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from click.testing import CliRunner

from contracts.settings import CommonSettings
from contracts.topics import another_log, topic_specs
from medallero.cli import main
from olympics.catalogue import load_catalogue
from tests.formats.games import games
from tests.integration.gateway.gateway_support import a_result
from tests.integration.gateway.stream_client import StreamClient
from tests.support.oracle import assert_standings_equal_the_oracle, write_results
from tests.support.recreate import delete_topics, recreate_topics
from tests.support.stack import Stack, StackFactory
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

CATALOGUE = load_catalogue()


def doctor(running: Stack) -> dict[str, dict[str, str]]:
    environment = {**running.shell_environment(), "COLUMNS": "200"}
    ran = CliRunner(env=environment).invoke(main, ["doctor", "--quick", "--json"])
    return {it["name"]: it for it in json.loads(ran.stdout)}


def test_nothing_is_accepted_or_counted_until_the_epoch_is_raised(stack: StackFactory) -> None:
    running = stack(environment={"session_timeout": "6"})
    settings = running.settings
    sentence = another_log(settings.results_topic, 1)
    gateway, worker = running.gateway, running.workers[0]
    write_results(settings, games(CATALOGUE, 300, seed=1))
    before = running.settled()
    # when the topic is made again under all of them
    recreate_topics(settings, settings.results_topic)
    # then the gateway says so and takes nothing, and the worker ends
    wait_until(
        lambda: gateway.request("GET", "/readyz")[1].get("error") == sentence, what=gateway.log
    )
    status, answer = gateway.request("POST", "/v1/results", a_result())
    assert status == 503
    assert sentence in answer["error"]
    wait_until(lambda: not worker.running, what="the worker ends")
    with StreamClient(gateway.port) as viewer:
        assert viewer.next("alive")["problem"] == sentence
    # and so it is when all begin again, and the new log has outgrown the old one
    assert gateway.stop() == 0
    write_results(settings, games(CATALOGUE, 900, seed=2))
    gateway.start()
    worker.start()
    wait_until(lambda: not worker.running, what="the worker ends")
    assert sentence in worker.log(60)
    status, answer = gateway.request("GET", "/readyz")
    assert (status, answer.get("error")) == (503, sentence), gateway.log()
    found = doctor(running)["log"]
    assert found["state"] == "fail"
    assert f"{found['facts']}: {found['remedy']}" == sentence
    snapshot = running.snapshot()
    assert snapshot is not None
    assert snapshot.offsets == before.offsets
    # when the epoch is raised, and nothing else
    assert gateway.stop() == 0
    second = stack(
        epoch=2,
        topic_prefix=settings.topic_prefix,
        redis_prefix=settings.redis_prefix,
        environment={"session_timeout": "6"},
    )
    # then the new log counts, and that alone
    assert second.gateway.request("POST", "/v1/results", a_result())[0] == 202
    assert_standings_equal_the_oracle(second, second.settled())
    with StreamClient(second.gateway.port) as viewer:
        assert "problem" not in viewer.next("alive")
    assert "log" not in doctor(second)


def test_standings_of_another_log_stay_in_redis_as_they_are(stack: StackFactory) -> None:
    # given standings, and topics of which none was left
    running = stack(gateways=0)
    settings = running.settings
    write_results(settings, games(CATALOGUE, 100, seed=3))
    before = running.settled()
    worker = running.workers[0]
    assert worker.stop() == 0
    recreate_topics(settings, *(spec.name for spec in topic_specs(settings)))
    # when more results come than there were
    write_results(settings, games(CATALOGUE, 400, seed=4))
    worker.start()
    # then the worker is not ready and says why, and the old standings stay
    sentence = another_log(settings.results_topic, 1)

    def tells() -> bool:
        with contextlib.suppress(ConnectionError):  # it begins
            return sentence in worker.request("GET", "/readyz")[1]["problems"]
        return False

    wait_until(tells, what=worker.log)
    snapshot = running.snapshot()
    assert snapshot is not None
    assert snapshot.offsets == before.offsets
    assert snapshot.meta["log"] == before.meta["log"]


def test_a_beginning_that_is_gone_is_told(stack: StackFactory) -> None:
    running = stack(gateways=0)
    settings = running.settings
    write_results(settings, games(CATALOGUE, 200, seed=7))
    running.settled()
    worker = running.workers[0]
    assert worker.request("GET", "/readyz")[1]["warnings"] == []
    assert "beginning" not in doctor(running)
    # when somebody deletes the first records of a partition
    asyncio.run(_delete_records(settings, partition=1, before=3))
    # then worker and doctor say so, and the worker goes on
    told = f"{settings.results_topic}/1 begins at offset 3: older results are gone from Kafka"
    wait_until(lambda: worker.request("GET", "/readyz")[1]["warnings"] == [told], what=worker.log)
    assert worker.request("GET", "/readyz")[0] == 200
    found = doctor(running)["beginning"]
    assert (found["state"], found["facts"]) == ("fail", told)


async def _delete_records(settings: CommonSettings, *, partition: int, before: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    try:
        place = TopicPartition(settings.results_topic, partition)
        await admin.delete_records({place: RecordsToDelete(before_offset=before)})
    finally:
        await admin.close()


def test_a_lost_changelog_costs_nothing(stack: StackFactory) -> None:
    running = stack(gateways=0)
    settings = running.settings
    write_results(settings, games(CATALOGUE, 500, seed=5))
    running.settled()
    worker = running.workers[0]
    assert worker.stop() == 0
    delete_topics(settings, settings.changelog_topic)
    worker.start()
    worker.wait_ready()
    write_results(settings, games(CATALOGUE, 500, seed=6))
    assert_standings_equal_the_oracle(running, running.settled())
    # and its successor has everything from the new one
    worker.kill()
    worker.start()
    worker.wait_ready()
    assert_standings_equal_the_oracle(running, running.settled())
