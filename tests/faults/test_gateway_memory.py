"""Memory is budgeted before it is spent, and those who are slow hold up nobody but themselves."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest

from protos.medallero.v1 import intake_pb2 as pb
from tests.support.stack import Member, Stack, StackFactory
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("gateway memory"),
]

BUDGET = 32 * 2**20
BODY = 4 * 2**20
CLIENTS = 32
#: What a budget's worth of requests may take in all: their bytes, parsed records, Kafka's batches,
#: and what allocators keep.
ROOM = 12 * BUDGET
ENVIRONMENT = {
    "max_in_flight": str(BUDGET),
    "max_body": str(BODY),
    "kafka_timeout": "60",
    "kafka_stall": "30",
    "head_timeout": "5",
    "body_timeout": "5",
}
RESULT = {
    "sport": "swimming",
    "unit": "100m final",
    "competitor": {"id": "8"},
    "faculty": "engineering",
    "mark": "55.78",
}


@pytest.fixture
def gateway(stack: StackFactory) -> Stack:
    return stack(workers=0, environment=ENVIRONMENT)


class Memory:
    """Looks at a process's memory all the time."""

    def __init__(self, member: Member) -> None:
        self._statm = Path(f"/proc/{member.pid}/statm")
        self.before = self.now
        self.most = self.before

    @property
    def now(self) -> int:
        return int(self._statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    @contextmanager
    def watched(self) -> Iterator[None]:
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.01):
                self.most = max(self.most, self.now)

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            print(f"memory: {self.before >> 20} MiB, at most {self.most >> 20}")

    @property
    def grown(self) -> int:
        return self.most - self.before


def _good_body() -> bytes:
    one = json.dumps(RESULT).encode()
    return b"[" + b",".join([one] * (BODY // (len(one) + 1) - 1)) + b"]"


def _many_items() -> bytes:
    return b"[" + b"1," * (BODY // 2 - 2) + b"1]"


@pytest.mark.parametrize(
    ("body", "statuses"),
    [(_good_body, {202, 429}), (_many_items, {413})],
    ids=["results", "millions of items"],
)
def test_many_large_bodies_at_once_take_no_more_memory_than_is_budgeted(
    gateway: Stack, body: Callable[[], bytes], statuses: set[int]
) -> None:
    member = gateway.gateway
    data = body()
    memory = Memory(member)
    answers: Counter[int] = Counter()

    def send(_number: int) -> None:
        status, told = member.request("POST", "/v1/results", data, timeout=120)
        answers[status] += 1
        if status == 429:
            assert told["retryable"] is True

    with memory.watched(), ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(send, range(2 * CLIENTS)))

    print(dict(answers))
    # The last ones may find the budget taken, whatever they bring.
    assert statuses <= answers.keys() <= statuses | {429}
    assert memory.grown < ROOM
    assert member.request("POST", "/v1/results", RESULT)[0] == 202


def _good_message() -> bytes:
    one = pb.Result(
        sport="swimming",
        unit="100m",
        faculty="engineering",
        mark="55.78",
        competitor=pb.Competitor(id="8", name="Ana" * 30),
    )
    request = pb.SubmitRequest(results=[one] * (BODY // (one.ByteSize() + 4)))
    data: bytes = request.SerializeToString()
    return data


def _many_empty_results() -> bytes:
    return b"\x0a\x00" * (BODY // 2)


@pytest.mark.parametrize(
    ("message", "codes"),
    [
        (_good_message, {"OK", "RESOURCE_EXHAUSTED"}),
        (_many_empty_results, {"INVALID_ARGUMENT"}),
    ],
    ids=["results", "millions of empty ones"],
)
def test_many_large_messages_at_once_take_no_more_memory_than_is_budgeted(
    gateway: Stack, message: Callable[[], bytes], codes: set[str]
) -> None:
    data = message()
    memory = Memory(gateway.gateway)
    answers: Counter[str] = Counter()

    def send(_number: int) -> None:
        with grpc.insecure_channel(gateway.grpc[0]) as channel:
            try:
                channel.unary_unary("/medallero.v1.ResultIntake/Submit")(data, timeout=120)
                answers["OK"] += 1
            except grpc.RpcError as failed:
                error: Any = failed
                answers[error.code().name] += 1
                if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
                    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
                    assert b"google.rpc.RetryInfo" in details

    with memory.watched(), ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(send, range(2 * CLIENTS)))

    print(dict(answers))
    assert codes <= answers.keys() <= codes | {"RESOURCE_EXHAUSTED"}
    # gRPC has a message whole before anybody can refuse it: in its buffers, and as bytes.
    assert memory.grown < ROOM + 2 * CLIENTS * BODY
    assert gateway.gateway.request("POST", "/v1/results", RESULT)[0] == 202


def test_requests_sent_ahead_by_who_reads_no_answers_stay_at_the_client(gateway: Stack) -> None:
    member = gateway.gateway
    one = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2000
    memory = Memory(member)

    with memory.watched(), ExitStack() as clients:
        for _ in range(4):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", member.port)))
            client.settimeout(2)
            sent = 0
            try:
                while sent < 64 * 2**20:
                    sent += client.send(one)
            except TimeoutError:
                pass
            assert sent < 64 * 2**20, "it takes whatever comes"
        assert member.request("POST", "/v1/results", RESULT)[0] == 202

    assert memory.grown < ROOM


HEAD = b"POST /v1/results HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n" % (100_000)


@pytest.mark.parametrize(
    "begun",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"POST /v1/results HTTP/1.1\r\nX-Slow: ", id="headers"),
        pytest.param(HEAD + b"\r\n" + b"[", id="a body"),
        pytest.param(HEAD + b"Content-Type: application/x-ndjson\r\n\r\n", id="lines"),
    ],
)
def test_clients_that_dribble_hold_up_nobody_else_and_are_cut(gateway: Stack, begun: bytes) -> None:
    member = gateway.gateway
    over = threading.Event()
    with ExitStack() as slow:
        clients = [
            # Another network than the one that sends: each has its share.
            slow.enter_context(
                socket.create_connection(
                    ("127.0.0.1", member.port), source_address=("127.0.0.2", 0)
                )
            )
            for _ in range(400)
        ]

        def dribble() -> None:
            while not over.wait(0.5):
                for client in clients:
                    with suppress(OSError):
                        client.send(b" " if begun else b"")

        for client in clients:
            client.sendall(begun)
        dribbler = threading.Thread(target=dribble)
        dribbler.start()
        try:
            served = Counter(member.request("POST", "/v1/results", RESULT)[0] for _ in range(100))
            if begun:  # a connection that says nothing at all is cut later
                wait_until(lambda: _closed(clients) == len(clients), timeout=60, pause=0.5)
        finally:
            over.set()
            dribbler.join()

    assert served == {202: 100}


def _closed(clients: list[socket.socket]) -> int:
    """How many connections the server has closed."""
    closed = 0
    for client in clients:
        client.setblocking(False)
        try:
            while client.recv(65536):
                pass
            closed += 1
        except BlockingIOError:
            pass
        except OSError:
            closed += 1
        finally:
            client.setblocking(True)
    return closed
