"""Calls that carry records: who may make them, and the way through the intake."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from urllib.parse import unquote

from gateway.auth.authenticator import Access
from gateway.auth.tokens import Caller
from gateway.errors import Reason, Refused
from gateway.grpc.status import REQUEST_ID, Context, abort_refused, abort_rejected, response_of
from gateway.intake.base import Draft, RecordIntake
from gateway.limits.budget import Budget, Lease, Shares
from gateway.limits.rate import Rate, network_of
from gateway.metrics import Metrics
from gateway.observability.request_ids import RequestIds
from gateway.observability.request_log import RequestLog
from gateway.observability.tracing import headers_of
from gateway.outcome import Outcome
from gateway.settings import GatewaySettings


class Shared:
    """What the calls of all services share."""

    def __init__(
        self,
        settings: GatewaySettings,
        budget: Budget,
        access: Access,
        rate: Rate,
        metrics: Metrics,
    ) -> None:
        self.settings = settings
        self.budget = budget
        self.places = Shares(settings.max_rpcs)
        self.access = access
        self.rate = rate
        self.ids = RequestIds()
        self.requests = RequestLog("grpc", metrics, debug=settings.log_level == "debug")
        self.active = 0
        metrics.in_flight_requests.labels("grpc").set_function(lambda: self.active)


class Call:
    """What the metadata of a call say, and as whose it counts."""

    __slots__ = ("_metadata", "caller", "client", "headers")

    def __init__(self, caller: Caller, client: str, metadata: Mapping[str, str]) -> None:
        self.caller = caller
        self.client = client
        self.headers = headers_of(metadata.get("traceparent"), metadata.get("tracestate"))
        self._metadata = metadata

    def idempotency_key(self) -> str | None:
        """Raises Refused."""
        key = self._metadata.get("idempotency-key")
        if key is not None and not key.strip():
            raise Refused(Reason.BAD_REQUEST, "idempotency-key is empty")
        return key


#: Parses a message into a draft, given the call, the index of its first record, and whether it is
#: one of a stream.
Read = Callable[[bytes, Call, int, bool], Awaitable[Draft]]


class RecordCalls:
    """Serves the two calls of a service: one request, or a stream of them."""

    def __init__(self, shared: Shared, service: str, intake: RecordIntake, read: Read) -> None:
        """*service* is the full name, for the metrics."""
        self._shared = shared
        self._service = service
        self._intake = intake
        self._read = read

    async def submit(self, data: bytes, context: Context) -> bytes:
        """Answer a request."""

        async def take(call: Call) -> Outcome:
            lease = self._shared.budget.lease(call.client, len(data))
            try:
                draft = await self._read(data, call, 0, False)
                self._shared.rate.charge(call.client, draft.size)
                return await self._intake.commit(draft)
            finally:
                lease.end()

        return await self._answer(context, take, "Submit")

    async def submit_stream(self, messages: AsyncIterator[bytes], context: Context) -> bytes:
        """Answer a stream of requests, once it ends."""

        async def take(call: Call) -> Outcome:
            outcome = Outcome()
            index = 0
            lease = Lease(self._shared.budget, call.client)
            try:
                async for data in _in_time(messages, self._shared.settings.body_timeout):
                    self._intake.check_ready()
                    lease.grow(len(data))
                    draft = await self._read(data, call, index, True)
                    index += draft.size
                    wait = self._shared.rate.charge(call.client, draft.size)
                    outcome.add(await self._intake.commit(draft))
                    await self._intake.pace(wait)
            except Refused as refused:
                refused.outcome = outcome
                raise
            finally:
                lease.end()
            return outcome

        return await self._answer(context, take, "SubmitStream")

    async def _in_its_place(self, client: str, job: Coroutine[None, None, Outcome]) -> Outcome:
        """Return what *job* does, unless *client* has too many calls already. Raises Refused."""
        places = self._shared.places
        if not places.fit(client):
            job.close()
            raise Refused(
                Reason.TOO_BUSY,
                f"{places.held(client)} calls of this client are being served, "
                "and no client may take the places that others need",
            )
        places.take(client)
        try:
            return await job
        finally:
            places.give_back(client)

    async def _answer(
        self,
        context: Context,
        take: Callable[[Call], Coroutine[None, None, Outcome]],
        method: str,
    ) -> bytes:
        started = time.perf_counter()
        path = f"/{self._service}/{method}"
        metadata = metadata_of(context)
        request_id = self._shared.ids.id_of(metadata.get(REQUEST_ID))
        caller: Caller | None = None
        self._shared.active += 1
        try:
            try:
                caller = self._shared.access.caller(metadata.get("authorization"))
                client = caller.name or network_of(_address(context.peer()))
                self._intake.check_ready()
                self._shared.rate.take(client)
                outcome = await self._in_its_place(client, take(Call(caller, client, metadata)))
            except Refused:
                raise
            except Exception as error:
                self._shared.requests.failed(request_id, error)
                raise Refused(
                    Reason.INTERNAL, "the gateway has a fault; its log says more"
                ) from None
        except Refused as refused:
            self._shared.requests.refused(
                request_id, caller, refused, time.perf_counter() - started, path
            )
            await abort_refused(context, refused, request_id)
        finally:
            self._shared.active -= 1
        self._shared.requests.answered(
            request_id, caller, outcome, time.perf_counter() - started, path
        )
        if outcome.all_bad:
            await abort_rejected(context, outcome, request_id)
        context.set_trailing_metadata(((REQUEST_ID, request_id),))
        answer: bytes = response_of(outcome).SerializeToString()
        return answer


def metadata_of(context: Context) -> dict[str, str]:
    """Return the metadata that are text, the first of each name."""
    found: dict[str, str] = {}
    for name, value in context.invocation_metadata() or ():
        if isinstance(value, str):
            found.setdefault(name, value)
    return found


async def _in_time(messages: AsyncIterator[bytes], timeout: float) -> AsyncIterator[bytes]:
    """Yield the messages of a stream that does not stop half-way. Raises Refused."""
    while True:
        try:
            async with asyncio.timeout(timeout):
                message = await anext(messages, None)
        except TimeoutError:
            raise Refused(
                Reason.TOO_SLOW, f"the next message did not come within {timeout:g} s"
            ) from None
        if message is None:
            return
        yield message


def _address(peer: str) -> str:
    """Return the address in ``ipv4:127.0.0.1:5000`` or ``ipv6:%5B::1%5D:5000``."""
    host = peer.partition(":")[2].rpartition(":")[0]
    return unquote(host).strip("[]")
