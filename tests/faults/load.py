"""Clients of every kind that send at the same time, each record once, and remember what they were
told of it.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Final, Self

import grpc

from contracts.records import read_record
from olympics.catalogue import load_catalogue
from protos.medallero.v1 import intake_pb2 as pb
from protos.medallero.v1.status_pb2 import RetryInfo, Status
from tests.support.oracle import topic_records
from tests.support.stack import Stack
from tests.support.waiting import wait_until

#: Ways to send; the streams are long and slow, so that a fault hits them in the middle.
KINDS: Final = ("single", "array", "lines", "unary", "stream")

_ARRAY: Final = 100
_PART: Final = 50
_PARTS: Final = 12
_PAUSE: Final = 0.02
_TIMEOUT: Final = 60.0
_CATALOGUE: Final = load_catalogue()


class Refusal(Exception):
    """A request was refused; the records that it says are accepted come first."""

    def __init__(self, code: str, retryable: bool, accepted: int) -> None:
        super().__init__(code)
        self.code = code
        self.retryable = retryable
        self.accepted = accepted


class Load:
    """Runs while its block does; client *i* sends to the gateway *i* modulo their number."""

    def __init__(self, stack: Stack, kinds: Sequence[str] = KINDS, each: int = 1) -> None:
        self._stack = stack
        self._over = threading.Event()
        self._lock = threading.Lock()
        #: units by how they were sent
        self.sent: dict[str, str] = {}
        self.acknowledged: set[str] = set()
        self.in_flight: Counter[str] = Counter()  # records, by kind
        self.refused: Counter[str] = Counter()  # requests, by code
        self.not_retryable: Counter[str] = Counter()
        self.cut = 0
        self.slowest = 0.0
        self.errors: list[BaseException] = []
        # A channel of gRPC waits ever longer before it connects again, up to two minutes.
        options = (("grpc.max_reconnect_backoff_ms", 200),)
        self._channels = [grpc.insecure_channel(it, options) for it in stack.grpc]
        self._threads = [
            threading.Thread(target=self._run, args=(kind, number))
            for number, kind in enumerate([*kinds] * each)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        for channel in self._channels:
            channel.close()
        if _error is None and self.errors:
            raise self.errors[0]

    def wait_for_more(self, number: int = 300, timeout: float = 120.0) -> None:
        """Wait until so many more records are acknowledged, some of every kind in flight."""
        goal = len(self.acknowledged) + number
        wait_until(
            lambda: len(self.acknowledged) >= goal,
            timeout=timeout,
            what=lambda: f"{number} more: {self}, {self._stack.logs(5)}",
        )

    def wait_in_flight(self, kinds: Sequence[str] = KINDS) -> dict[str, int]:
        """Return the records in flight at a moment when there are some of each of *kinds*."""

        def look() -> dict[str, int] | None:
            now = {kind: number for kind, number in self.in_flight.items() if number}
            return now if now.keys() >= set(kinds) else None

        return wait_until(look, timeout=60.0, pause=0.002, what=self.__str__)

    def __str__(self) -> str:
        return (
            f"{len(self.sent)} records sent, {len(self.acknowledged)} acknowledged, "
            f"refused: {dict(self.refused)}, cut: {self.cut}, slowest: {self.slowest:.1f} s"
        )

    def check(self) -> int:
        """Compare with the topic; return how many records are there that nobody was told of.

        What was acknowledged is there, once; what is there was sent, and lies where it belongs.
        """
        settings = self._stack.settings
        found: Counter[str] = Counter()
        for it in topic_records(settings):
            result = read_record(it.key, it.value, it.partition, settings.partitions, _CATALOGUE)
            found[result.unit] += 1
        lost = self.acknowledged - found.keys()
        by_kind = Counter(self.sent[unit] for unit in self.acknowledged)
        print(f"{self}; on the topic: {found.total()}; acknowledged by kind: {dict(by_kind)}")
        assert not lost, f"{len(lost)} acknowledged, but not on the topic: {sorted(lost)[:5]}"
        strange = found.keys() - self.sent.keys()
        assert not strange, f"on the topic, but never sent: {sorted(strange)[:5]}"
        twice = [unit for unit, number in found.items() if number > 1]
        assert not twice, f"sent once, {len(twice)} on the topic more than once: {twice[:5]}"
        return len(found) - len(self.acknowledged)

    # One client.

    def _run(self, kind: str, number: int) -> None:
        gateways = self._stack.gateways
        place = number % len(gateways)
        send: Callable[[int, list[str]], None] = getattr(self, f"_send_{kind}")
        records = {"single": 1, "unary": _PART, "array": _ARRAY}.get(kind, _PART * _PARTS)
        turn = 0
        while not self._over.is_set():
            units = [f"{kind} {number} {turn} {index}" for index in range(records)]
            turn += 1
            started = time.monotonic()
            with self._lock:
                self.sent.update(dict.fromkeys(units, kind))
                self.in_flight[kind] += records
            accepted = 0
            try:
                send(place, units)
                accepted = records
            except Refusal as refusal:
                accepted = refusal.accepted
                self._note(refusal)
            except (OSError, http.client.HTTPException):  # the gateway has ended
                self.cut += 1
                self._over.wait(0.05)
            except BaseException as error:
                self.errors.append(error)
                return
            finally:
                with self._lock:
                    self.in_flight[kind] -= records
                    self.acknowledged.update(units[:accepted])
                    self.slowest = max(self.slowest, time.monotonic() - started)

    def _note(self, refusal: Refusal) -> None:
        with self._lock:
            self.refused[refusal.code] += 1
            if not refusal.retryable:
                self.not_retryable[refusal.code] += 1
        self._over.wait(0.2)

    def _send_single(self, place: int, units: list[str]) -> None:
        (unit,) = units
        self._post(place, json.dumps(_result(unit)).encode(), "application/json")

    def _send_array(self, place: int, units: list[str]) -> None:
        body = json.dumps([_result(unit) for unit in units]).encode()
        self._post(place, body, "application/json")

    def _send_lines(self, place: int, units: list[str]) -> None:
        def parts() -> Iterator[bytes]:
            for start in range(0, len(units), _PART):
                time.sleep(_PAUSE)
                lines = (json.dumps(_result(unit)) for unit in units[start : start + _PART])
                yield "".join(line + "\n" for line in lines).encode()

        self._post(place, parts(), "application/x-ndjson")

    def _post(self, place: int, body: bytes | Iterator[bytes], content_type: str) -> None:
        port = self._stack.gateways[place].port
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
        try:
            # Refused before all of it was sent, the answer may be there none the less.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(
                    "POST",
                    "/v1/results",
                    body,
                    {"Content-Type": content_type},
                    encode_chunked=not isinstance(body, bytes),
                )
            response = connection.getresponse()
            told = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 202:
            retryable = told.get("retryable") is True and "Retry-After" in response.headers
            raise Refusal(str(response.status), retryable, told.get("accepted", 0))
        assert told["rejected_count"] == 0

    def _send_unary(self, place: int, units: list[str]) -> None:
        submit = self._channels[place].unary_unary("/medallero.v1.ResultIntake/Submit")
        self._call(lambda: submit(_message(units), timeout=_TIMEOUT), units)

    def _send_stream(self, place: int, units: list[str]) -> None:
        def messages() -> Iterator[bytes]:
            for start in range(0, len(units), _PART):
                time.sleep(_PAUSE)
                yield _message(units[start : start + _PART])

        submit = self._channels[place].stream_unary("/medallero.v1.ResultIntake/SubmitStream")
        self._call(lambda: submit(messages(), timeout=_TIMEOUT), units)

    @staticmethod
    def _call(call: Callable[[], bytes], units: list[str]) -> None:
        try:
            response = pb.SubmitResponse.FromString(call())
        except grpc.RpcError as failed:
            error: Any = failed
        else:
            assert response.accepted == len(units)
            return
        details: dict[str, bytes] = {}
        for name, value in error.trailing_metadata() or ():
            if name == "grpc-status-details-bin":
                details = {it.type_url: it.value for it in Status.FromString(value).details}
        if not details:  # the transport's own words: the gateway has ended
            raise ConnectionError(error.details())
        outcome = pb.SubmitResponse()
        retryable = False
        for kind, value in details.items():
            if kind.endswith("SubmitResponse"):
                outcome.ParseFromString(value)
            elif kind.endswith("google.rpc.RetryInfo"):
                retryable = RetryInfo.FromString(value).HasField("retry_delay")
        raise Refusal(error.code().name, retryable, outcome.accepted)


def _result(unit: str) -> dict[str, Any]:
    return {
        "sport": "swimming",
        "unit": unit,
        "competitor": {"id": "8"},
        "faculty": "engineering",
        "mark": "55.78",
    }


def _message(units: list[str]) -> bytes:
    request = pb.SubmitRequest()
    for unit in units:
        fields = _result(unit)
        request.results.add(
            sport=fields["sport"],
            unit=unit,
            faculty=fields["faculty"],
            mark=fields["mark"],
            competitor=pb.Competitor(id="8"),
        )
    data: bytes = request.SerializeToString()
    return data
