"""The fast lane: plain requests that carry records, served without aiohttp.

A connection begins here. As long as it brings plain requests (``http_head`` says what that is),
they are read, parsed and answered in as few steps as there are; at the first one that is anything
else, aiohttp gets the connection with all that has not been read yet, for good. What a request
means and what is answered comes from the same parts as on aiohttp's side: there is one contract.

A request is no task: the bytes come in a call, and the answer goes out in the call that tells that
Kafka has acknowledged its batch.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, cast

from gateway.auth.authenticator import ANYONE
from gateway.auth.tokens import Caller
from gateway.errors import Reason, Refused
from gateway.http.body import SLOWEST
from gateway.http.head import HEAD_LIMIT, PlainHead, PlainHeads
from gateway.http.responses import Answer, answer_of, answer_to, bytes_of
from gateway.http.routes import HttpApi
from gateway.http.submissions import Routes, items_of
from gateway.intake.base import SLICE, Draft, RecordIntake
from gateway.intake.results import Intake
from gateway.kafka.batching import PendingWrite
from gateway.limits.budget import Budget, Shares
from gateway.limits.rate import network_of_peer
from gateway.outcome import Outcome
from gateway.settings import GatewaySettings

#: Largest body of a plain request, bytes; larger ones are read piece by piece elsewhere.
_LONGEST_BODY: Final = 2**20
#: What a client may send ahead while its request is being served, bytes; more is not read.
_AHEAD: Final = 64 * 2**10
#: How long a connection without a request stays open, seconds.
KEEP_ALIVE: Final = 75.0

_END_OF_HEAD: Final = b"\r\n\r\n"
_NEVER: Final = float("inf")


class FastLane:
    """What the connections share; calling it makes one."""

    def __init__(
        self,
        settings: GatewaySettings,
        api: HttpApi,
        routes: Routes,
        intake: Intake,
        budget: Budget,
        places: Shares,
        aiohttp_connection: Callable[[], asyncio.Protocol],
    ) -> None:
        """*aiohttp_connection* makes what serves the connections that leave the lane.

        *places* are those of connections; who leaves the lane gives his back by himself.
        """
        self.loop = asyncio.get_running_loop()
        self.api = api
        self.intake = intake
        self.budget = budget
        self.places = places
        self.aiohttp_connection = aiohttp_connection
        self.heads = PlainHeads(min(_LONGEST_BODY, settings.max_body), routes, api.rules)
        self.head_timeout = settings.head_timeout
        self.body_timeout = settings.body_timeout
        self.max_records = settings.max_records
        self.connections: set[FastConnection] = set()
        #: Requests of many items, which are tasks.
        self.tasks: set[asyncio.Task[None]] = set()

    def __call__(self) -> "FastConnection":
        return FastConnection(self)

    def sweep(self) -> None:
        """Cut what has waited for too long. To be called now and then."""
        now = self.loop.time()
        for connection in [it for it in self.connections if it.deadline < now]:
            connection.expire()

    def close(self) -> None:
        """Close all connections."""
        for connection in list(self.connections):
            connection.close()


class FastConnection(asyncio.Protocol):
    """A connection, as long as it is in the lane."""

    __slots__ = (
        "_awaited",
        "_blocked",
        "_busy",
        "_caller",
        "_client",
        "_data",
        "_deadline_of_body",
        "_draft",
        "_ended",
        "_head",
        "_held",
        "_lane",
        "_network",
        "_path",
        "_paused",
        "_pieces",
        "_request_id",
        "_resting",
        "_skip",
        "_started",
        "_transport",
        "deadline",
    )

    def __init__(self, lane: FastLane) -> None:
        self._lane = lane
        self._transport: asyncio.Transport | None = None  # None: not ours (any more)
        self._network = ""
        #: When it is cut, by the loop's time.
        self.deadline = _NEVER
        # What has come and is not used yet; and of a body, the pieces that go behind it.
        self._data = b""
        self._pieces: list[bytes] = []
        self._awaited = 0  # bytes of the body that are still to come
        self._held = 0  # bytes of the budget
        self._deadline_of_body = 0.0
        self._skip = 0  # bytes of a refused request's body, which nobody reads
        self._paused = False  # the client sends too far ahead
        self._blocked = False  # the client does not read its answers
        self._ended = False  # the client sends nothing more, and waits for its answers
        self._resting = False  # the client's next bytes wait, since there was no room for its last
        # The request.
        self._head: PlainHead | None = None  # None: no request is being served
        self._path = ""  # of the request whose head came last
        self._busy = False  # its body is complete
        self._request_id = ""
        self._started = 0.0
        self._caller: Caller | None = None
        self._client = ""
        self._draft = _NO_DRAFT

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        lane = self._lane
        self._transport = cast(asyncio.Transport, transport)
        self._network = network_of_peer(transport)
        lane.connections.add(self)
        fits = lane.places.fit(self._network)
        lane.places.take(self._network)
        if not fits:
            words = (
                f"{lane.places.used} connections are open, {lane.places.held(self._network)} of "
                "them from this network, and none may take what others need"
            )
            self._transport.write(lane.api.last_words(Refused(Reason.TOO_BUSY, words)))
            self.close()
            return
        self.deadline = lane.loop.time() + lane.head_timeout

    def connection_lost(self, error: BaseException | None) -> None:
        self._lane.places.give_back(self._network)
        self._leave()
        if self._head is not None and not self._busy:
            self._refuse(Refused(Reason.BAD_REQUEST, "the client has gone before its body came"))

    def pause_writing(self) -> None:
        self._blocked = True
        self.deadline = self._lane.loop.time() + self._lane.body_timeout

    def resume_writing(self) -> None:
        self._blocked = False
        self.deadline = _NEVER
        self._advance()

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        if self._awaited:
            self._pieces.append(data)
            self._awaited -= len(data)
            if self._awaited > 0:
                self._wait_for_body(len(data))
                self._hold(len(data))
                return
            data = b"".join(self._pieces)
            self._pieces.clear()
            self._awaited = 0
        self._data = self._data + data if self._data else data
        if not self._held_up():
            self._advance()
        elif len(self._data) > _AHEAD and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool | None:
        transport = self._transport
        if (
            transport is None
            or transport.get_extra_info("ssl_object") is not None  # TLS has no half of a connection
            or not (self._busy or self._held_up())
        ):
            return None
        self._ended = True
        return True

    # What the lane calls.

    def expire(self) -> None:
        """Cut the connection: its client is too slow, or has had nothing to say for long."""
        transport, lane = self._transport, self._lane
        if transport is None:
            return
        if self._blocked:
            transport.abort()
        elif self._head is not None:
            words = f"the next piece of the body did not come within {lane.body_timeout:g} s"
            self._refuse(Refused(Reason.TOO_SLOW, words))
        elif self._data:
            words = f"the headers were not complete within {lane.head_timeout:g} s"
            transport.write(lane.api.last_words(Refused(Reason.TOO_SLOW, words)))
        self.close()

    def close(self) -> None:
        """Close the connection once everything that was answered has been sent."""
        transport = self._transport
        self._leave()
        if transport is not None:
            transport.close()

    # A request, from its head to its answer.

    def _advance(self) -> None:
        """Do all that can be done with what has come."""
        # While pieces of a body are awaited there is nothing to do, whoever asks.
        more = not self._awaited
        while more and self._transport is not None and not self._held_up():
            if self._paused:
                self._paused = False
                self._transport.resume_reading()
            if self._head is not None:
                more = self._take_body(self._head)
            elif self._skip:
                more = self._drop_body()
            else:
                more = self._take_head()

    def _held_up(self) -> bool:
        return self._busy or self._blocked or self._resting

    def _take_head(self) -> bool:
        """Whether the next request's head was there and is plain."""
        data, lane = self._data, self._lane
        if not data:
            if self._ended:
                self.close()
                return False
            self.deadline = lane.loop.time() + KEEP_ALIVE
            return False
        end = data.find(_END_OF_HEAD)
        if end < 0:
            if self._ended:
                self.close()
            elif len(data) > HEAD_LIMIT:
                self._hand_over()
            else:  # counted from its first byte on: those that follow change nothing
                self.deadline = min(self.deadline, lane.loop.time() + lane.head_timeout)
            return False
        end += len(_END_OF_HEAD)
        head = lane.heads.read(data[:end]) if end <= HEAD_LIMIT else None
        if head is None:
            self._hand_over()
            return False
        self._data = data[end:]
        self._begin(head)
        return True

    def _begin(self, head: PlainHead) -> None:
        """Let a request in, or not, before anything of its body is read."""
        lane = self._lane
        self._started = time.perf_counter()
        self._path = head.path
        self._request_id = lane.api.ids.id_of(head.request_id)
        self._caller = None
        lane.api.in_flight.begin()
        try:
            caller = self._caller = head.records.caller(head.authorization)
            self._client = head.records.admit(caller, self._network)
        except Refused as refused:
            self._skip = head.length
            self._refuse(refused)
            return
        except Exception as error:
            self._skip = head.length
            self._refuse(lane.api.fault(self._request_id, error))
            return
        try:
            # What is only announced is not held: slow clients would hold all there is. What is
            # there already is held in a moment.
            if head.length > len(self._data):
                lane.budget.check(self._client, head.length)
        except Refused as refused:
            self._skip = head.length
            self._refuse_and_rest(refused)
        else:
            self._head = head
            self._draft = Draft(caller, head.trace)

    def _take_body(self, head: PlainHead) -> bool:
        """Whether the body was complete."""
        data, length = self._data, head.length
        missing = length - len(data)
        if missing > 0 and self._ended:
            self._refuse(Refused(Reason.BAD_REQUEST, "the body ends before its length"))
            self.close()
            return False
        if missing > 0:
            self._awaited = missing
            self._deadline_of_body = self._lane.loop.time() + self._lane.body_timeout
            self._wait_for_body(0)
            # Joined once, when the last piece is there.
            self._pieces.append(data)
            self._data = b""
            self._hold(len(data))
            return False
        if not self._hold(length - self._held):
            self._data = data[length:]
            return True
        self._data = data[length:]
        self._busy = True
        self.deadline = _NEVER
        self._serve(head, data[:length] if missing else data)
        return True

    def _wait_for_body(self, came: int) -> None:
        """Wait for the next piece; *came* bytes are new.

        Patience is earned by bytes and spent by waiting, and never more than the longest wait.
        """
        lane = self._lane
        now = lane.loop.time()
        earned = self._deadline_of_body - now + came / SLOWEST
        self.deadline = self._deadline_of_body = now + min(lane.body_timeout, earned)

    def _hold(self, size: int) -> bool:
        """Hold *size* more bytes of the budget; if they do not fit, the request is refused."""
        try:
            self._lane.budget.take(self._client, size)
        except Refused as refused:
            self._skip, self._awaited = self._awaited, 0
            self._pieces.clear()
            self._refuse_and_rest(refused)
            return False
        self._held += size
        return True

    def _drop_body(self) -> bool:
        """Whether the body of a refused request was complete."""
        dropped = min(self._skip, len(self._data))
        self._data = self._data[dropped:]
        self._skip -= dropped
        if self._skip and self._ended:
            self.close()
        elif self._skip:
            self.deadline = self._lane.loop.time() + self._lane.body_timeout
        return not self._skip

    def _serve(self, head: PlainHead, body: bytes) -> None:
        lane, draft = self._lane, self._draft
        try:
            items = items_of(body, lane.max_records)
            if len(items.raw) > SLICE:
                job = head.records.take_items(draft, items, head.kind_of, self._client)
                task = lane.loop.create_task(self._wait_for(job))
                lane.tasks.add(task)
                task.add_done_callback(lane.tasks.discard)
                return
            head.records.read(draft, items, head.kind_of, self._client)
            if draft.records:
                intake = head.records.intake
                write = intake.append(draft)
                write.then(partial(self._settled, intake, draft, write))
            else:
                self._answer(draft.outcome)
        except Refused as refused:
            self._refuse(refused)
        except Exception as error:
            self._refuse(lane.api.fault(self._request_id, error))

    def _settled(self, intake: RecordIntake, draft: Draft, write: PendingWrite) -> None:
        """Called when Kafka has the request's records, or it is known that it may not."""
        try:
            self._answer(intake.outcome_of(draft, write))
        except Refused as refused:
            self._refuse(refused)
        except Exception as error:
            self._refuse(self._lane.api.fault(self._request_id, error))
        self._go_on()

    async def _wait_for(self, job: Awaitable[Outcome]) -> None:
        try:
            self._answer(await job)
        except Refused as refused:
            self._refuse(refused)
        except Exception as error:
            self._refuse(self._lane.api.fault(self._request_id, error))
        self._go_on()

    def _go_on(self) -> None:
        # Not at once: requests that were sent ahead wait until those of others are answered.
        if self._data or self._ended:
            self._lane.loop.call_soon(self._advance)
        elif not self._blocked:
            self.deadline = self._lane.loop.time() + KEEP_ALIVE

    def _answer(self, outcome: Outcome) -> None:
        seconds = time.perf_counter() - self._started
        head = self._head
        assert head is not None
        self._lane.api.log.answered(
            self._request_id, self._caller or ANYONE, outcome, seconds, head.path
        )
        self._end(answer_of(outcome, head.status))

    def _refuse(self, refused: Refused) -> None:
        seconds = time.perf_counter() - self._started
        self._lane.api.log.refused(self._request_id, self._caller, refused, seconds, self._path)
        self._end(answer_to(refused, self._request_id))

    def _refuse_and_rest(self, refused: Refused) -> None:
        """Refuse for want of room; read nothing more from the client until it may try again.

        To refuse costs time too, and those who do not wait would take it from those who were let
        in. Whoever does wait notices nothing.
        """
        self._refuse(refused)
        transport, lane = self._transport, self._lane
        if transport is None or transport.is_closing():
            return
        self._resting = True
        self.deadline = _NEVER
        transport.pause_reading()
        lane.loop.call_later(refused.retry_after, self._rested)

    def _rested(self) -> None:
        self._resting = False
        transport, lane = self._transport, self._lane
        if transport is None or transport.is_closing():
            return
        transport.resume_reading()
        self._paused = False
        self.deadline = lane.loop.time() + lane.body_timeout
        self._advance()

    def _end(self, answer: Answer) -> None:
        lane, transport = self._lane, self._transport
        if self._head is not None:
            lane.budget.give_back(self._client, self._held)
            self._held = 0
            self._head = None
        self._busy = False
        self._draft = _NO_DRAFT
        lane.api.in_flight.end()
        if transport is not None:
            stopping = lane.intake.stopping
            transport.write(bytes_of(answer, self._request_id, close=stopping))
            if stopping:
                self.close()

    # The way out.

    def _hand_over(self) -> None:
        transport, data, ended = self._transport, self._data, self._ended
        assert transport is not None
        self._leave()
        connection = self._lane.aiohttp_connection()
        transport.set_protocol(connection)
        connection.connection_made(transport)
        connection.data_received(data)
        if ended and not connection.eof_received():
            transport.close()

    def _leave(self) -> None:
        self._lane.connections.discard(self)
        self._transport = None
        self._data = b""
        self._pieces.clear()


_NO_DRAFT: Final = Draft()
