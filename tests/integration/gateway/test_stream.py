"""The live stream: what viewers hear, and what they cost."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from redis import Redis

from contracts.redis_keys import SnapshotKeys
from contracts.snapshot import COUNTS
from gateway.settings import GatewaySettings
from tests.integration.gateway.gateway_support import RunningGateway, running, settings_for
from tests.integration.gateway.stream_client import StreamClient
from tests.integration.gateway.test_reading import write_snapshot
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration


# What is read does not depend on Kafka.
NO_KAFKA = "127.0.0.1:1"


@pytest.fixture(scope="module")
def gateway(redis_url: str) -> Iterator[RunningGateway]:
    settings = settings_for(
        NO_KAFKA, redis_url, max_viewers=30, live_interval=0.05, live_heartbeat=0.1
    )
    with running(settings, topics=False) as running_gateway:
        yield running_gateway


@pytest.fixture(autouse=True)
def snapshot(gateway: RunningGateway) -> Iterator[None]:
    """Each test begins with the same small snapshot, and nobody looking on."""
    write_snapshot(gateway.settings)
    yield
    wait_until(lambda: viewers(gateway) == 0, what="all viewers have left")
    with Redis.from_url(gateway.settings.redis) as redis:
        for key in redis.scan_iter(f"{gateway.settings.redis_prefix}*"):
            redis.delete(key)


def viewers(gateway: RunningGateway) -> int:
    text = gateway.send("GET", "/metrics").body.decode()
    (line,) = [it for it in text.splitlines() if it.startswith("medallero_gateway_viewers ")]
    return int(float(line.split()[1]))


def counted(results: int) -> Callable[[Any], bool]:
    """Return what tells whether standings have counted so many results."""
    return lambda standings: (standings["meta"] or {}).get("results") == results


def count(settings: GatewaySettings, results: int, **more: str) -> None:
    """Let the snapshot have counted so many results."""
    keys = SnapshotKeys(settings.redis_prefix)
    offsets = json.dumps({"0": [results, 1000001], "1": [0, 1000001]})
    meta = {"offsets": offsets, "snapshot": str(results), "results": str(results), **more}
    with Redis.from_url(settings.redis) as redis:
        redis.hset(keys.meta, mapping=meta)


def test_a_viewer_first_hears_the_standings_as_they_are(gateway: RunningGateway) -> None:
    with StreamClient(gateway.http_port) as viewer:
        told = viewer.next("standings")

    asked = gateway.send("GET", "/v1/standings").json
    assert {**told, "age": 0} == {**asked, "age": 0}
    assert told["medal_table"][0]["faculty"] == "engineering"


def test_the_latest_changes_are_told_when_they_are_others(gateway: RunningGateway) -> None:
    with StreamClient(gateway.http_port) as viewer:
        told = viewer.next("latest")
        assert told == gateway.send("GET", "/v1/latest").json
        assert [it["change"] for it in told["latest"]] == ["correction"]
        keys = SnapshotKeys(gateway.settings.redis_prefix)
        with Redis.from_url(gateway.settings.redis) as redis:
            redis.delete(keys.latest)
            redis.hset(keys.meta, "latest", "")

        assert viewer.next("latest")["latest"] == []


def test_the_stream_is_not_kept_by_anybody_on_the_way(gateway: RunningGateway) -> None:
    with StreamClient(gateway.http_port, {"X-Request-ID": "mine"}) as viewer:
        headers = viewer.response.headers

    assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Accel-Buffering"] == "no"
    assert headers["X-Request-ID"] == "mine"


@pytest.mark.parametrize("headers", [{}, {"Accept-Encoding": "gzip, br"}, {"Last-Event-ID": "9"}])
def test_every_change_is_told_and_nothing_else(
    gateway: RunningGateway, headers: dict[str, str]
) -> None:
    with StreamClient(gateway.http_port, headers) as viewer:
        viewer.until("standings", counted(3))

        count(gateway.settings, 3, updated_at=str(time.time()))  # written again, unchanged
        count(gateway.settings, 4)
        assert viewer.next("standings")["meta"]["results"] == 4

        count(gateway.settings, 5)
        assert viewer.next("standings")["meta"]["results"] == 5


def test_a_compressed_stream_is_compressed_once_and_readable_by_each(
    gateway: RunningGateway,
) -> None:
    packed = {"Accept-Encoding": "gzip"}
    with StreamClient(gateway.http_port, packed) as early:
        first = early.next("standings")
        with StreamClient(gateway.http_port, packed) as late:
            assert early.response.headers["Content-Encoding"] == "gzip"
            assert late.next("standings")["meta"] == first["meta"]

            count(gateway.settings, 6)

            assert early.next("standings") == late.next("standings")


def test_signs_of_life_tell_the_age_of_the_data(gateway: RunningGateway) -> None:
    count(gateway.settings, 3, updated_at=f"{time.time() - 60}", age="2.5")

    with StreamClient(gateway.http_port) as viewer:
        alive = viewer.until("alive", lambda it: 62.5 <= (it["age"] or 0) < 100)

    assert alive["readable"] is True


def test_the_history_of_rates_is_told_and_continued(gateway: RunningGateway) -> None:
    keys = SnapshotKeys(gateway.settings.redis_prefix)
    with Redis.from_url(gateway.settings.redis) as redis:
        for second, rate in ((10, "1.5"), (15, "20.0")):
            redis.xadd(keys.history, {"results_per_second": rate, "results": 1}, f"{second}000-0")
        with StreamClient(gateway.http_port) as viewer:
            assert viewer.next("rates") == [[10.0, 1.5], [15.0, 20.0]]

            redis.xadd(keys.history, {"results_per_second": "3.0", "results": 1}, "20000-0")

            assert viewer.next("rates") == [[10.0, 1.5], [15.0, 20.0], [20.0, 3.0]]


def test_before_the_first_snapshot_the_stream_says_so(gateway: RunningGateway) -> None:
    with Redis.from_url(gateway.settings.redis) as redis:
        redis.delete(SnapshotKeys(gateway.settings.redis_prefix).meta)
    with StreamClient(gateway.http_port) as viewer:
        viewer.until("standings", lambda it: it["state"] == "empty")
        viewer.until("alive", lambda it: it == {"age": None, "readable": True})

        write_snapshot(gateway.settings, updated_at=time.time() + 3600)

        assert viewer.next("standings")["state"] == "live"


def test_what_cannot_be_read_is_told_and_comes_back(gateway: RunningGateway) -> None:
    with StreamClient(gateway.http_port) as viewer:
        viewer.next("standings")
        count(gateway.settings, 4, epoch="many")
        viewer.until("alive", lambda it: not it["readable"])

        count(gateway.settings, 4, epoch="1")

        viewer.until("standings", counted(4))
        viewer.until("alive", lambda it: it["readable"])


@contextmanager
def commands_to_redis(settings: GatewaySettings) -> Iterator[list[str]]:
    """Yield the commands that name keys of the gateway's prefix, as they come."""
    seen: list[str] = []
    redis = Redis.from_url(settings.redis)
    with redis, redis.monitor() as monitor:  # type: ignore[no-untyped-call]

        def listen() -> None:
            while True:
                command = str(monitor.next_command()["command"])
                if command == f"ECHO {settings.redis_prefix}over":
                    return
                if settings.redis_prefix in command:
                    seen.append(command)

        listener = threading.Thread(target=listen)
        listener.start()
        try:
            yield seen
        finally:
            redis.echo(f"{settings.redis_prefix}over")
            listener.join()


def test_one_reading_of_redis_serves_all_viewers(gateway: RunningGateway) -> None:
    watching = [StreamClient(gateway.http_port) for _ in range(20)]
    try:
        for viewer in watching:
            viewer.until("standings", counted(3))

        with commands_to_redis(gateway.settings) as commands:
            count(gateway.settings, 7)
            for viewer in watching:
                assert viewer.next("standings")["meta"]["results"] == 7

        assert len([it for it in commands if it.startswith("EVALSHA") and ":index" in it]) == 1
    finally:
        for viewer in watching:
            viewer.close()


def test_while_nobody_looks_redis_is_not_read(gateway: RunningGateway) -> None:
    with StreamClient(gateway.http_port) as viewer:
        viewer.next("standings")
    wait_until(lambda: viewers(gateway) == 0)

    with commands_to_redis(gateway.settings) as commands:
        time.sleep(0.3)  # six of the pauses with which it would be read

    assert commands == []


def test_there_are_no_more_viewers_than_allowed(gateway: RunningGateway) -> None:
    # A quarter of the thirty places is for other networks than this one.
    watching = [StreamClient(gateway.http_port) for _ in range(23)]
    try:
        refused = gateway.send("GET", "/v1/stream")

        assert (refused.status, refused.json["code"]) == (429, "too_busy")
        assert refused.headers["Retry-After"]
        assert all(viewer.next("standings") for viewer in watching)
    finally:
        for viewer in watching:
            viewer.close()


def test_head_does_not_become_a_viewer(gateway: RunningGateway) -> None:
    answer = gateway.send("HEAD", "/v1/stream")

    assert (answer.status, viewers(gateway)) == (200, 0)


def test_a_slow_viewer_misses_what_is_outdated_and_gets_the_newest(
    gateway: RunningGateway,
) -> None:
    keys = SnapshotKeys(gateway.settings.redis_prefix)
    with Redis.from_url(gateway.settings.redis) as redis:
        many = [keys.pair("swimming", f"{number:0>900}") for number in range(500)]
        for key in many:
            redis.hset(key, mapping=dict.fromkeys(COUNTS, 1))
        redis.sadd(keys.index, *many)
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.settimeout(20)
    with slow, StreamClient(gateway.http_port) as quick:
        slow.connect(("127.0.0.1", gateway.http_port))
        slow.sendall(b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        quick.next("standings")

        for number in range(10, 25):  # half a megabyte each: more than sockets hold
            count(gateway.settings, number)
            while quick.next("standings")["meta"]["results"] < number:
                pass
        pieces = [b""]
        while b'"results":24' not in pieces[-2:][0][-40:] + pieces[-1]:
            pieces.append(slow.recv(1 << 20))

    assert b"".join(pieces).count(b"event: standings") < 16


def test_when_the_gateway_stops_the_streams_end(redis_url: str) -> None:
    with running(settings_for(NO_KAFKA, redis_url), topics=False) as gateway:
        viewer = StreamClient(gateway.http_port)
        viewer.next("standings")
        began = time.monotonic()

    rest: list[Any] = list(viewer.events())
    viewer.close()

    assert all(event.kind in ("rates", "alive") for event in rest)
    assert time.monotonic() - began < gateway.settings.drain_timeout
