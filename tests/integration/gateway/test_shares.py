"""Greedy and slow clients beside honest ones: the honest ones get through."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator

import pytest

from tests.integration.gateway.gateway_support import (
    JSON,
    RunningGateway,
    a_result,
    running,
    settings_for,
)
from tests.integration.gateway.test_lanes import Client, connected

pytestmark = pytest.mark.integration

MAX_IN_FLIGHT = 2**20
MAX_BODY = 2**19
MAX_VIEWERS = 16
GREEDY = "127.0.0.2"


@pytest.fixture(scope="module")
def gateway(kafka: str, redis_url: str) -> Iterator[RunningGateway]:
    settings = settings_for(
        kafka,
        redis_url,
        max_body=MAX_BODY,
        max_in_flight=MAX_IN_FLIGHT,
        max_viewers=MAX_VIEWERS,
        body_timeout=2.0,
    )
    with running(settings) as running_gateway:
        running_gateway.wait_ready()
        yield running_gateway


def all_but_the_end(size: int, *more: str) -> bytes:
    """Return a request whose body of *size* bytes is not complete."""
    lines = [
        *("POST /v1/results HTTP/1.1", "Host: localhost", f"Content-Length: {size}"),
        *(f"{name}: {value}" for name, value in JSON.items()),
        *more,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + b" " * (size - 10)


@pytest.mark.parametrize("lane", [(), ("X-Expect: no", "Expect:")], ids=["fast", "aiohttp"])
def test_who_holds_many_bytes_leaves_room_for_others(
    gateway: RunningGateway, lane: tuple[str, ...]
) -> None:
    clients = [Client(gateway, GREEDY) for _ in range(3)]
    try:
        for client in clients:
            client.send(all_but_the_end(300_000, *lane))
        answers = []
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            answers.append(gateway.post("/v1/results", [a_result()] * 500).status)
        assert set(answers) == {202}
    finally:
        for client in clients:
            client.close()


@pytest.mark.parametrize("lane", [(), ("Expect:",)], ids=["fast", "aiohttp"])
def test_bytes_at_once_do_not_buy_hours(gateway: RunningGateway, lane: tuple[str, ...]) -> None:
    with connected(gateway, GREEDY) as slow:
        slow.send(all_but_the_end(300_000, *lane))
        for _ in range(3):
            time.sleep(0.5)
            slow.send(b" ")
        # By its bytes alone it might go on for five minutes.
        answer = slow.answer()
        assert (answer.status, answer.json["code"]) == (408, "too_slow")


@pytest.mark.parametrize("lane", [(), ("Expect:",)], ids=["fast", "aiohttp"])
def test_a_slow_line_that_keeps_its_pace_is_served(
    gateway: RunningGateway, lane: tuple[str, ...]
) -> None:
    body = json.dumps(a_result()).encode()
    body += b" " * (14_000 - len(body))
    head = all_but_the_end(len(body), *lane).rpartition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    with connected(gateway) as slow:
        slow.send(head)
        for start in range(0, len(body), 700):
            slow.send(body[start : start + 700])
            time.sleep(0.2)
        assert slow.answer().status == 202


def test_one_network_cannot_take_all_places_of_viewers(gateway: RunningGateway) -> None:
    def view(source: str) -> tuple[http.client.HTTPConnection, int]:
        connection = http.client.HTTPConnection(
            "127.0.0.1", gateway.http_port, timeout=10, source_address=(source, 0)
        )
        connection.request("GET", "/v1/stream")
        return connection, connection.getresponse().status

    opened = []
    try:
        statuses = []
        for _ in range(MAX_VIEWERS):
            connection, status = view(GREEDY)
            opened.append(connection)
            statuses.append(status)
        assert statuses == [200] * (MAX_VIEWERS * 3 // 4) + [429] * (MAX_VIEWERS // 4)
        for _ in range(MAX_VIEWERS // 8):
            connection, status = view("127.0.0.3")
            opened.append(connection)
            assert status == 200
    finally:
        for connection in opened:
            connection.close()
