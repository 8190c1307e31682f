"""Workers become those of a version to come, one at a time, and back, while results flow."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import msgspec
import pytest

from contracts.settings import CommonSettings
from olympics.catalogue import load_catalogue
from olympics.latest import Latest
from olympics.result import encode, key_of
from tests.formats.games import Sent, games, unreadable
from tests.formats.version_two import encode2
from tests.support.oracle import (
    Watcher,
    assert_standings_equal_the_oracle,
    topic_records,
    write_records,
)
from tests.support.stack import Member, Stack, StackFactory
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

CATALOGUE = load_catalogue()
VERSIONS = {1: "medallero", 2: "tests.formats.version_two"}


def test_to_a_new_version_and_back_while_results_flow(stack: StackFactory) -> None:
    running = stack(gateways=0, workers=2, environment={"batch_records": "50"}, partitions=3)
    with Watcher(running) as watcher, flowing(running) as flow:
        # when both are replaced, and then, as the new version does not please, put back
        for number in (2, 1):
            for worker in running.workers:
                flow.wait_for_more()
                assert worker.stop() == 0, worker.log()
                become(worker, number)
                worker.start()
                worker.wait_ready()
        flow.wait_for_more()
    # then every number on the way was consistent, and the last ones are right
    snapshot = running.settled()
    assert_standings_equal_the_oracle(running, snapshot)
    assert watcher.views > 10
    # and what both versions wrote was in play
    today = len(Latest.__struct_fields__)
    assert lengths(running.settings) >= {today, today + 1}
    # and those who begin with nothing but what lies on the topics have the same
    for worker in running.workers:
        worker.kill()
    for worker in running.workers:
        worker.start()
    running.wait_ready()
    again = running.settled()
    assert_standings_equal_the_oracle(running, again)
    for worker in running.workers:
        assert "tally_unreadable" not in worker.log(1_000)


def become(worker: Member, number: int) -> None:
    """Let *worker* be of another version when it is started next."""
    command = worker.service.prepare()
    command = replace(command, argv=(sys.executable, "-m", VERSIONS[number], "worker"))
    worker.service = replace(worker.service, prepare=lambda: command)


def lengths(settings: CommonSettings) -> set[int]:
    """Return how many fields the results in the changelog have."""
    records = topic_records(settings, settings.changelog_topic)
    return {
        len(msgspec.msgpack.decode(it.value))
        for it in records
        if it.value is not None and not (it.key or b"").startswith(b"\0")
    }


class Flow:
    """Writes results of either version onto the topic, and now and then what nobody can read."""

    def __init__(self, running: Stack) -> None:
        self._running = running
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self._rounds = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def wait_for_more(self) -> None:
        """Wait until some more results are on the topic."""
        wanted = self._rounds + 3
        wait_until(lambda: self._rounds >= wanted, what="results flow")

    def _write(self) -> None:
        while not self._stop.wait(0.1):
            results = games(CATALOGUE, 60, seed=self._rounds)
            records: list[Sent] = [
                (key_of(it.sport, it.unit), encode2(it, "-0.3") if number % 3 else encode(it))
                for number, it in enumerate(results)
            ]
            write_records(self._running.settings, [*records, *unreadable()[:2]])
            self._rounds += 1


@contextmanager
def flowing(running: Stack) -> Iterator[Flow]:
    flow = Flow(running)
    flow.start()
    try:
        yield flow
    finally:
        flow.stop()
