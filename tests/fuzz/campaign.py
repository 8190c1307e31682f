"""Many inputs against a running gateway, and what must be true of every one of them.

The gateway is a process of its own. Inputs come in rounds; after each one the topic is compared
with the answers, record by record, and the process is looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import struct
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, Final

import grpc
from aiokafka import AIOKafkaConsumer, TopicPartition

from contracts.records import read_record
from olympics.catalogue import Catalogue, load_catalogue
from olympics.result import ResultError
from protos.medallero.v1 import intake_pb2 as pb
from protos.medallero.v1.status_pb2 import Status
from tests.fuzz.documents import TAG
from tests.fuzz.expected import (
    Foreseen,
    Kind,
    NotJson,
    Record,
    Unforeseen,
    Violation,
    check_outcome,
    foresee,
)
from tests.fuzz.grpc_inputs import GrpcCall, a_grpc_call, foresee_messages
from tests.fuzz.http_inputs import RECORD_PATHS, Call, HttpSession, a_session
from tests.fuzz.wire import Answer, check_answer, read_answer
from tests.support.stack import Member, Stack

Input = HttpSession | GrpcCall

#: The gateway's settings in a campaign: small limits, so that small inputs can be too large.
SETTINGS: Final = {
    "max_body": str(256 * 2**10),
    "max_line": str(16 * 2**10),
    "body_timeout": "20",  # longer than a busy machine makes anybody wait
    "head_timeout": "20",
    "kafka_stall": "10",
    "kafka_timeout": "20",
}
MAX_BODY: Final = int(SETTINGS["max_body"])
MAX_LINE: Final = int(SETTINGS["max_line"])

#: Share of inputs that go over gRPC.
_GRPC_SHARE: Final = 0.25
_CLIENTS: Final = 24
#: Nothing for so long: no more answers will come to what is no whole request, seconds.
_QUIET: Final = 0.15
#: Connections that the gateway may open to Kafka and Redis when it needs them.
_UPSTREAM: Final = 4
#: A whole request has its answer by then, also on a machine that is busy with something else.
_PATIENCE: Final = 60.0
_RESET: Final = struct.pack("ii", 1, 0)
#: What gRPC's client says when the server has ended a stream that it was still writing to.
_CLIENTS_OWN: Final = "Internal error from Core"
_GRPC_CODES: Final = frozenset(
    (
        *("OK", "INVALID_ARGUMENT", "UNIMPLEMENTED"),
        *("RESOURCE_EXHAUSTED", "UNAVAILABLE", "DEADLINE_EXCEEDED"),
    )
)


@dataclass(frozen=True)
class Vitals:
    """What must not grow in the gateway's process."""

    rss: int
    files: int
    series: int  # of metrics
    leased: int  # bytes of the budget, and requests


#: What a gateway logs when it has a fault.
_FAULTS: Final = re.compile(
    # gRPC tells in this way that a connection was reset before its answer was out.
    r"\[(?:error|critical) *\] (?!ExecuteBatchError raised in core).*",
    re.DOTALL,
)


@dataclass
class Tally:
    """How many inputs had which answer, for the report."""

    inputs: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    foreseen: int = 0
    records: int = 0
    #: pairs of number of inputs and vitals
    vitals: list[tuple[int, Vitals]] = field(default_factory=list)


@dataclass
class Ledger:
    """What the answers of a round promise of the topic."""

    exact: Counter[Record] = field(default_factory=Counter)
    #: by tag: how many records were accepted whose content was not foreseen
    counted: Counter[str] = field(default_factory=Counter)
    #: tags of inputs without a full answer: their records may be there or not
    uncertain: set[str] = field(default_factory=set)
    #: inputs whose bytes were damaged outside of the bodies, tags perhaps too
    damaged: int = 0


class Gone(Exception):
    """The gateway's process has ended."""


class Campaign:
    """Runs inputs against the first gateway of a stack; use as an asynchronous context."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self.tally = Tally()
        self.seed = seed
        self._stack = stack
        self._rng = Random(seed)
        self._catalogue: Catalogue = load_catalogue(stack.settings.catalogue)
        self._ledger = Ledger()
        self._log_read = 0
        self._consumer: AIOKafkaConsumer | None = None
        self._channel: Any = None

    @property
    def gateway(self) -> Member:
        return self._stack.gateway

    async def __aenter__(self) -> Campaign:
        settings = self._stack.settings
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.kafka, auto_offset_reset="earliest"
        )
        await self._consumer.start()
        self._consumer.assign(
            [
                TopicPartition(settings.results_topic, number)
                for number in range(settings.partitions)
            ]
        )
        await self._consumer.seek_to_end()
        self._channel = grpc.aio.insecure_channel(self._stack.grpc[0])
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._channel.close()
        if self._consumer is not None:
            await self._consumer.stop()

    # Rounds.

    async def round(self, inputs: int, advance: Callable[[int], None] = lambda _n: None) -> None:
        """Run about so many new inputs, then compare the topic.

        :raises Violation: its text has the seed and a minimal input that shows it.
        """
        todo = self._new_inputs(inputs)
        culprit: Input | None = None
        failure: Exception | None = None
        ran: list[Input] = []

        async def client() -> None:
            nonlocal culprit, failure
            for it in todo:
                if failure is not None:
                    return
                ran.append(it)
                try:
                    await self._run(it)
                except (Violation, Gone) as error:
                    if failure is None:
                        culprit, failure = it, error
                self.tally.inputs += it.inputs
                advance(it.inputs)

        await asyncio.gather(*(client() for _ in range(_CLIENTS)))
        if failure is None:
            try:
                await self.compare()
            except (Violation, Gone) as error:
                failure = error
                culprit = _culprit_of(error, ran)
        if failure is not None:
            await self._explain(culprit, failure, ran)
        self.tally.vitals.append((self.tally.inputs, await self.vitals()))

    def _new_inputs(self, number: int) -> Iterable[Input]:
        while number > 0:
            new: Input
            if self._rng.random() < _GRPC_SHARE:
                new = a_grpc_call(self._rng)
            else:
                new = a_session(self._rng)
            number -= new.inputs
            yield new

    async def _explain(self, culprit: Input | None, failure: Exception, ran: list[Input]) -> None:
        where = f"seed {self.seed}, after {self.tally.inputs} inputs"
        log = self.gateway.log(15)
        if culprit is None or not await self._fails(culprit):
            raise Violation(f"{failure}\n{where}; not again when run alone: {culprit!r}\n{log}")
        small = await minimal(culprit, self._fails)
        again = await self._failure(small)
        raise Violation(f"{again or failure}\n{where}; minimal input:\n{small!r}\n{log}")

    async def _fails(self, it: Input) -> bool:
        return await self._failure(it) is not None

    async def _failure(self, it: Input) -> Exception | None:
        """Run one input alone; return what is wrong."""
        if not self.gateway.running:
            self.gateway.start()
            await asyncio.to_thread(self.gateway.wait_ready)
        self._ledger = Ledger()
        with contextlib.suppress(Violation):
            await self.compare()  # swallow what came late
        try:
            await self._run(it)
            await self.compare()
        except (Violation, Gone) as error:
            return error
        return None

    # One input.

    async def _run(self, it: Input) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                if isinstance(it, GrpcCall):
                    await self._run_grpc(it)
                else:
                    await self._run_http(it)
        except TimeoutError:
            raise Violation(f"no answer within {_PATIENCE:g} s") from None
        except ConnectionRefusedError:
            raise Gone(f"the gateway has ended: {self.gateway.process.exit_code}") from None

    async def _run_http(self, session: HttpSession) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.gateway.port)
        try:
            if session.ending == "answered":
                await self._converse(session, reader, writer)
            else:
                await self._disturb(session, reader, writer)
        finally:
            if session.ending == "vanish":
                plug: socket.socket = writer.get_extra_info("socket")
                with contextlib.suppress(OSError):
                    plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()

    async def _converse(
        self, session: HttpSession, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Say whole requests, and expect an answer to each."""
        writes = [call.rendered() for call in session.calls]
        talk: asyncio.Task[None] | None = None
        if session.pipelined:
            talk = asyncio.create_task(_write(writer, b"".join(writes), session.pieces))
        try:
            for call, data in zip(session.calls, writes, strict=True):
                if not session.pipelined:
                    talk = asyncio.create_task(_write(writer, data, session.pieces))
                try:
                    answer = await read_answer(reader)
                except ConnectionError:
                    answer = None
                if answer is None and call.odd:
                    # Refused by the parser and closed while more was on its way, which resets the
                    # connection. Nothing is promised, and so nothing may be on the topic.
                    self.tally.answers["closed"] += 1
                    return
                if answer is None:
                    # Whether it took the records cannot be known from here.
                    self._ledger.uncertain.update(it.tag for it in session.calls)
                    raise Violation(f"no answer, but the connection's end, to {call}")
                self._check_http(call, answer)
                if answer.last:
                    return  # what was pipelined behind it must not be taken
                if not session.pipelined and talk is not None:
                    await talk
        finally:
            if talk is not None:
                talk.cancel()
                await asyncio.wait([talk])

    def _check_http(self, call: Call, answer: Answer) -> None:
        check_answer(answer)
        self.tally.answers[str(answer.status)] += 1
        outcome = answer.outcome
        if answer.status in (408, 429, 503) and call.method == "POST":
            self._ledger.uncertain.add(call.tag)
            return
        if call.foreseeable:
            try:
                promised = self._foresee(call, answer, outcome)
            except Unforeseen:
                pass
            else:
                self.tally.foreseen += 1
                self._ledger.exact.update(promised)
                return
        if outcome is not None:
            self._ledger.counted[call.tag] += outcome["accepted"]

    def _foresee(self, call: Call, answer: Answer, outcome: dict[str, Any] | None) -> list[Record]:
        kind, success = RECORD_PATHS[call.path]
        kind = replace(kind, key=call.key)
        foreseen = foresee(
            call.document.body, lines=call.lines, max_body=MAX_BODY, max_line=MAX_LINE
        )
        if foreseen.refusal is not None:
            told = json.loads(answer.body).get("code")
            if told != foreseen.refusal:
                raise Violation(f"{answer.status} {told}, expected {foreseen.refusal}: {call}")
            if outcome is None:
                return []
        elif answer.status not in (success, 422) or outcome is None:
            raise Violation(f"{answer.status} {answer.body!r}, expected an outcome: {call}")
        try:
            return check_outcome(
                foreseen, kind, outcome, self._catalogue, self._stack.settings.seed
            )
        except Violation as error:
            raise Violation(f"{error}: {outcome} to {call}") from None

    async def _disturb(
        self, session: HttpSession, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Say bytes that may be anything; whatever comes back must be well-formed."""
        data = session.rendered()
        self._ledger.uncertain.update(tag.decode() for tag in TAG.findall(data))
        self._ledger.uncertain.update(call.tag for call in session.calls)
        self._ledger.damaged += session.raw is not None
        talk = asyncio.create_task(_write(writer, data, session.pieces))
        try:
            if session.ending == "vanish":
                await asyncio.wait([talk], timeout=_QUIET)
                return
            while True:
                try:
                    async with asyncio.timeout(_QUIET):
                        answer = await read_answer(reader)
                except (TimeoutError, ConnectionError):
                    return
                if answer is None:
                    return
                check_answer(answer)
                self.tally.answers[str(answer.status)] += 1
        finally:
            talk.cancel()
            await asyncio.wait([talk])

    async def _run_grpc(self, call: GrpcCall) -> None:
        if call.bare is not None:
            await self._knock(call.bare)
            return
        if call.stream:
            method = self._channel.stream_unary(call.path)
            asked = method(iter(call.messages), metadata=call.metadata, timeout=call.timeout)
        else:
            method = self._channel.unary_unary(call.path)
            asked = method(
                call.messages[0] if call.messages else b"",
                metadata=call.metadata,
                timeout=call.timeout,
            )
        if call.ending == "vanish":
            self._ledger.uncertain.add(call.tag)
            self._ledger.damaged += 1
            await asyncio.sleep(0.001)
            asked.cancel()
            with contextlib.suppress(asyncio.CancelledError, grpc.aio.AioRpcError):
                await asked
            return
        try:
            data = await asked
        except grpc.aio.AioRpcError as error:
            self._check_grpc_error(call, error)
            return
        except asyncio.CancelledError:
            if call.timeout is None or not asked.done():
                raise
            self._ledger.uncertain.add(call.tag)
            return
        self.tally.answers["OK"] += 1
        if "Health" in call.path:
            return
        self._promise_grpc(call, _outcome_of(pb.SubmitResponse.FromString(data)))

    def _check_grpc_error(self, call: GrpcCall, error: Any) -> None:
        code = error.code().name
        self.tally.answers[code] += 1
        if call.timeout is not None and code in ("DEADLINE_EXCEEDED", "CANCELLED"):
            self._ledger.uncertain.add(call.tag)
            self._ledger.damaged += 1
            return
        if error.details() == _CLIENTS_OWN:
            self._ledger.uncertain.add(call.tag)
            self._ledger.damaged += 1
            return
        if code == "UNAVAILABLE" and not self.gateway.running:
            raise Gone(f"the gateway has ended: {self.gateway.process.exit_code}")
        if code not in _GRPC_CODES or (code == "UNIMPLEMENTED" and call.foreseeable):
            raise Violation(f"{code} {error.details()!r} to {call}")
        outcome = None
        for name, value in error.trailing_metadata() or ():
            if name == "grpc-status-details-bin":
                for packed in Status.FromString(value).details:
                    if packed.type_url.endswith("SubmitResponse"):
                        response = pb.SubmitResponse()
                        packed.Unpack(response)
                        outcome = _outcome_of(response)
        if code in ("UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"):
            self._ledger.uncertain.add(call.tag)
        elif outcome is not None and outcome["accepted"]:
            self._ledger.counted[call.tag] += outcome["accepted"]
        if code == "INVALID_ARGUMENT" and call.foreseeable and outcome is None:
            with contextlib.suppress(NotJson):
                foresee_messages(call.messages)
                if call.key is None or call.key.strip():
                    raise Violation(f"{error.details()!r} to a message that can be read: {call}")

    def _promise_grpc(self, call: GrpcCall, outcome: dict[str, Any]) -> None:
        if not call.foreseeable:
            self._ledger.counted[call.tag] += outcome["accepted"]
            return
        try:
            foreseen, entries = foresee_messages(call.messages)
        except NotJson as error:
            raise Violation(f"OK to a message that cannot be read ({error}): {call}") from None
        several = call.stream or foreseen.several
        try:
            promised = self._check_kinds(foreseen.items, entries, several, call.key, outcome)
        except Unforeseen:
            self._ledger.counted[call.tag] += outcome["accepted"]
            return
        except Violation as error:
            raise Violation(f"{error}: {outcome} to {call}") from None
        self.tally.foreseen += 1
        self._ledger.exact.update(promised)

    def _check_kinds(
        self,
        items: list[tuple[int, object]],
        entries: list[bool],
        several: bool,
        key: str | None,
        outcome: dict[str, Any],
    ) -> list[Record]:
        """Check results and entries apart: each kind with its part of the outcome."""
        promised: list[Record] = []
        accepted = 0
        for kind in (False, True):
            mine = [it for it, is_entry in zip(items, entries, strict=True) if is_entry is kind]
            places = {index for index, _ in mine}
            rejected = [it for it in outcome["rejected"] if it["index"] in places]
            if len(outcome["rejected"]) == 1000:
                raise Unforeseen
            part = outcome | {
                "accepted": len(mine) - len(rejected),
                "rejected_count": len(rejected),
                "rejected": rejected,
            }
            promised += check_outcome(
                Foreseen(mine, several),
                Kind(entries=kind, key=key),
                part,
                self._catalogue,
                self._stack.settings.seed,
            )
            accepted += part["accepted"]
        if accepted != outcome["accepted"]:
            raise Violation(f"accepted {outcome['accepted']}, expected {accepted}")
        return promised

    async def _knock(self, data: bytes) -> None:
        host, _, port = self._stack.grpc[0].rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        with contextlib.suppress(OSError, TimeoutError):
            writer.write(data)
            await writer.drain()
            async with asyncio.timeout(0.02):
                await reader.read()
        writer.transport.abort()
        self.tally.answers["bare"] += 1

    # The topic.

    async def compare(self) -> None:
        """Compare what came onto the topic since the last time with what answers promised.

        :raises Violation: something is missing, or there although nobody was told so.
        """
        ledger, self._ledger = self._ledger, Ledger()
        self._check_log()
        if not self.gateway.running:
            raise Gone(f"the gateway has ended: {self.gateway.process.exit_code}")
        unknown: list[Record] = []
        found: Counter[str] = Counter()
        for partition, key, value in await self._new_records():
            self.tally.records += 1
            try:
                read_record(key, value, partition, self._stack.settings.partitions, self._catalogue)
            except ResultError as error:
                raise Violation(f"unvalidated on the topic: {error}: {key!r} {value!r}") from None
            assert key is not None
            assert value is not None
            if ledger.exact[key, value] > 0:
                ledger.exact[key, value] -= 1
                continue
            tags = {tag.decode() for tag in TAG.findall(key + value)}
            known = tags & (ledger.counted.keys() | ledger.uncertain)
            if known:
                found[known.pop()] += 1
            else:
                unknown.append((key, value))
        missing = [record for record, number in ledger.exact.items() if number > 0]
        if missing:
            raise Violation(f"acknowledged, but not on the topic: {missing[:3]}")
        for tag, number in ledger.counted.items():
            if found[tag] != number and tag not in ledger.uncertain:
                lost = number - found[tag]
                if lost < 0 or lost > len(unknown):
                    raise Violation(f"{tag}: {number} acknowledged, {found[tag]} on the topic")
        allowed = ledger.damaged + sum(ledger.counted.values())
        if len(unknown) > allowed:
            raise Violation(f"on the topic, but nobody was told so: {unknown[:3]}")

    def _check_log(self) -> None:
        """Raise Violation if the gateway has logged a fault since the last time."""
        with self.gateway.process.command.log.open("rb") as log:
            log.seek(self._log_read)
            new = log.read()
        self._log_read += len(new)
        if (fault := _FAULTS.search(new.decode("utf-8", "replace"))) is not None:
            raise Violation(f"the gateway logs a fault: {fault[0][:1500]}")

    async def _new_records(self) -> list[tuple[int, bytes | None, bytes | None]]:
        consumer = self._consumer
        assert consumer is not None
        await self._settled()
        ends = await consumer.end_offsets(list(consumer.assignment()))
        records = []
        async with asyncio.timeout(_PATIENCE):
            while any([await consumer.position(tp) < end for tp, end in ends.items()]):
                for messages in (await consumer.getmany(timeout_ms=500)).values():
                    records += [(it.partition, it.key, it.value) for it in messages]
        return records

    async def _settled(self) -> None:
        """Wait until nothing is in flight any more, whatever clients left behind."""
        deadline = time.monotonic() + _PATIENCE
        while (await self.vitals()).leased:
            if time.monotonic() > deadline:
                raise Violation("bytes or requests in flight, but no clients")
            await asyncio.sleep(0.05)

    # The process.

    async def vitals(self) -> Vitals:
        """Look at the process, and at what its metrics say."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.gateway.port)
        except ConnectionRefusedError:
            raise Gone(f"the gateway has ended: {self.gateway.process.exit_code}") from None
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = await read_answer(reader)
        writer.transport.abort()
        assert answer is not None
        lines = [it for it in answer.body.decode().splitlines() if not it.startswith("#")]
        values = {name: float(value) for name, _, value in (it.rpartition(" ") for it in lines)}
        # The look itself is a request.
        requests = values['medallero_gateway_in_flight_requests{protocol="http"}'] - 1
        requests += values['medallero_gateway_in_flight_requests{protocol="grpc"}']
        leased = int(values["medallero_gateway_in_flight_bytes"] + requests)
        process = Path(f"/proc/{self.gateway.pid}")
        pages = int((process / "statm").read_text().split()[1])
        return Vitals(
            rss=pages * os.sysconf("SC_PAGE_SIZE"),
            files=len(list((process / "fd").iterdir())),
            series=len(lines),
            leased=leased,
        )

    async def check_vitals(self, before: Vitals, *, growth: int) -> Vitals:
        """Wait until the process holds no more than *before*, but for *growth* bytes of memory.

        :raises Violation: it does not come to that.
        """
        deadline = time.monotonic() + 20
        while True:
            now = await self.vitals()
            if now.files <= before.files + _UPSTREAM and not now.leased:
                break
            if time.monotonic() > deadline:
                raise Violation(f"open files or bytes in flight have grown: {before} → {now}")
            await asyncio.sleep(0.1)
        if now.rss > before.rss + growth:
            raise Violation(f"memory has grown: {before} → {now}")
        return now


async def minimal(it: Input, fails: Callable[[Input], Awaitable[bool]], tries: int = 250) -> Input:
    """Return a smaller input that still fails: parts are taken out as long as it does."""
    left = tries

    async def still(smaller: Input) -> bool:
        nonlocal left
        left -= 1
        return left > 0 and await fails(smaller)

    if isinstance(it, HttpSession) and it.raw is None:
        for call in it.calls:
            one = replace(it, calls=(call,), pieces=0)
            if await still(one):
                it = one
                break
    if isinstance(it, HttpSession) and it.raw is not None:
        data = await _shorter(it.raw, lambda data: still(replace(it, raw=data)))
        return replace(it, raw=data, pieces=0)
    if isinstance(it, HttpSession) and len(it.calls) == 1:
        session, (call,) = it, it.calls
        for plainer in ({"framing": "length"}, {"encoding": None}, {"key": None}, {"headers": ()}):
            changed: Call = replace(call, **plainer)
            if await still(replace(session, calls=(changed,))):
                call = changed

        def with_body(data: bytes) -> HttpSession:
            document = call.document._replace(body=data)
            return replace(session, calls=(replace(call, document=document),))

        return with_body(await _shorter(call.document.body, lambda data: still(with_body(data))))
    if isinstance(it, GrpcCall):
        grpc_call = it
        for place in reversed(range(len(it.messages))):
            if not it.stream:
                break
            fewer = grpc_call.messages[:place] + grpc_call.messages[place + 1 :]
            if await still(replace(grpc_call, messages=fewer)):
                grpc_call = replace(grpc_call, messages=fewer)
        if len(grpc_call.messages) == 1:
            data = await _shorter(
                grpc_call.messages[0],
                lambda data: still(replace(grpc_call, messages=(data,))),
            )
            return replace(grpc_call, messages=(data,))
        return grpc_call
    return it


async def _shorter(data: bytes, fails: Callable[[bytes], Awaitable[bool]]) -> bytes:
    """Take out ever smaller pieces of *data* while it still fails."""
    size = len(data) // 2
    while size:
        place = 0
        while place < len(data):
            smaller = data[:place] + data[place + size :]
            if await fails(smaller):
                data = smaller
            else:
                place += size
        size //= 2
    return data


async def _write(writer: asyncio.StreamWriter, data: bytes, pieces: int) -> None:
    """Write *data*, in pieces of any size if *pieces* is a seed; the other side may be gone."""
    rng = Random(pieces)
    with contextlib.suppress(OSError):
        while data:
            size = rng.choice((1, 3, 20, 400, 5000)) if pieces else len(data)
            writer.write(data[:size])
            data = data[size:]
            await writer.drain()
            if pieces and len(data) < 20_000:
                await asyncio.sleep(rng.choice((0, 0, 0, 0.001)))


def _outcome_of(response: Any) -> dict[str, Any]:
    return {
        "accepted": response.accepted,
        "minted": [{"index": it.index, "id": it.id} for it in response.minted],
        "rejected_count": response.rejected_count,
        "rejected": [{"index": it.index, "field": it.field} for it in response.rejected],
    }


def _culprit_of(error: Exception, ran: list[Input]) -> Input | None:
    """Return the input whose tag the words of *error* name."""
    tags = {tag.decode() for tag in TAG.findall(str(error).encode())}
    for it in ran:
        mine = {call.tag for call in it.calls} if isinstance(it, HttpSession) else {it.tag}
        if mine & tags:
            return it
    return None
