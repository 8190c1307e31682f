"""What the loop may do to a connection of the fast lane in the middle of a body."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from gateway.auth.authenticator import ANYONE
from gateway.http.fast_path import FastConnection, FastLane
from gateway.http.head import PlainHead, PlainHeads
from gateway.http.rules import HttpRules
from gateway.http.submissions import Route, kinds_of
from gateway.limits.budget import Shares
from gateway.paths import OWN
from gateway.settings import GatewaySettings

HEAD = b"POST /v1/results HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"


class Budget:
    def __init__(self) -> None:
        self.held = 0

    def check(self, _client: str, size: int) -> None:
        pass

    def take(self, _client: str, size: int) -> None:
        self.held += size

    def give_back(self, _client: str, size: int) -> None:
        self.held -= size


class Connection(FastConnection):
    """Keeps the bodies instead of serving them."""

    def __init__(self, lane: FastLane) -> None:
        super().__init__(lane)
        self.bodies: list[bytes] = []

    def _serve(self, head: PlainHead, body: bytes) -> None:
        self.bodies.append(body)


class Transport:
    def get_extra_info(self, name: str) -> tuple[str, int]:
        return "127.0.0.1", 1

    def close(self) -> None:
        pass


def connection_of(budget: Budget, loop: asyncio.AbstractEventLoop) -> Connection:
    records: Any = SimpleNamespace(
        caller=lambda _given: ANYONE, admit=lambda _caller, network: network
    )
    routes = {path: Route(kinds_of(it), records) for path, it in OWN.items()}
    lane: Any = SimpleNamespace(
        loop=loop,
        heads=PlainHeads(2**20, routes, HttpRules(GatewaySettings())),
        connections=set(),
        places=Shares(10),
        head_timeout=5.0,
        body_timeout=5.0,
        max_records=10,
        budget=budget,
        api=SimpleNamespace(
            ids=SimpleNamespace(id_of=lambda given: given or "id"),
            in_flight=SimpleNamespace(begin=lambda: None, end=lambda: None),
        ),
    )
    connection = Connection(cast(FastLane, lane))
    connection.connection_made(cast(asyncio.BaseTransport, Transport()))
    return connection


async def test_a_body_that_comes_in_pieces_is_counted_once_whoever_wakes_the_connection() -> None:
    budget = Budget()
    connection = connection_of(budget, asyncio.get_running_loop())

    connection.data_received(HEAD + b"01234")
    connection.resume_writing()  # an earlier answer has been read
    connection.data_received(b"567")
    connection.resume_writing()
    assert budget.held == 8
    connection.data_received(b"89")

    assert connection.bodies == [b"0123456789"]
    assert budget.held == 10
