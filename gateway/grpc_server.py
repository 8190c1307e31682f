"""gRPC: the service ResultIntake, health checking and reflection."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import unquote

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from gateway.access import Access
from gateway.budget import Budget, Lease
from gateway.grpc_items import entries_of, results_of
from gateway.grpc_status import REQUEST_ID, Context, abort_refused, abort_rejected, response_of
from gateway.intake import Entries, Intake, Results
from gateway.metrics import Metrics
from gateway.outcome import Outcome
from gateway.rate import Rate, network_of
from gateway.record_count import check_message
from gateway.record_intake import Draft
from gateway.refusal import Reason, Refused
from gateway.request_ids import RequestIds
from gateway.request_log import RequestLog
from gateway.settings import GatewaySettings
from gateway.tls import Tls
from gateway.tokens import Caller
from gateway.tracing import headers_of
from protos.medallero.v1 import intake_pb2

SERVICE: Final = intake_pb2.DESCRIPTOR.services_by_name["ResultIntake"].full_name
#: gRPC's own default. A call's message is in memory before anybody can refuse it, so the worst that
#: can be asked for is this times ``max_rpcs``: 2 GB. Who has more to send opens a stream.
_LONGEST_MESSAGE: Final = 4 * 2**20
#: The transport refuses messages somewhat above our own limit, so that ours can answer first.
_TRANSPORT_MARGIN: Final = 64 * 2**10


class GrpcServer:
    """Serves gRPC on one port; the requests' messages are parsed here, so that what cannot be
    parsed gets an answer of the contract rather than the library's."""

    def __init__(
        self,
        settings: GatewaySettings,
        intake: Intake,
        budget: Budget,
        access: Access,
        rate: Rate,
        tls: Tls,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._longest = min(settings.max_body, _LONGEST_MESSAGE)
        self._intake = intake
        self._budget = budget
        self._access = access
        self._rate = rate
        self._tls = tls
        self._ids = RequestIds()
        self._requests = RequestLog("grpc", metrics, debug=settings.log_level == "debug")
        self._active = 0
        metrics.in_flight_requests.labels("grpc").set_function(lambda: self._active)
        self._health = health.aio.HealthServicer()
        self._serving: bool | None = None
        self._server = grpc.aio.server(
            options=(
                ("grpc.max_receive_message_length", self._longest + _TRANSPORT_MARGIN),
                ("grpc.max_send_message_length", 4 * 2**20),
                ("grpc.so_reuseport", int(settings.processes > 1)),
            ),
            # A call's message is in memory before the budget can refuse it, so calls are limited.
            maximum_concurrent_rpcs=settings.max_rpcs,
        )
        self._server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(
                    SERVICE,
                    {
                        "Submit": grpc.unary_unary_rpc_method_handler(self._submit),
                        "SubmitStream": grpc.stream_unary_rpc_method_handler(self._submit_stream),
                    },
                ),
            )
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(
            (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server
        )

    async def start(self) -> int:
        """Listen; return the port.

        :raises OSError: the port is taken, or the address is not ours.
        """
        address = f"{self._settings.grpc_host}:{self._settings.grpc_port}"
        try:
            credentials = self._tls.grpc_credentials()
            port: int = (
                self._server.add_insecure_port(address)
                if credentials is None
                else self._server.add_secure_port(address, credentials)
            )
        except RuntimeError as error:
            raise OSError(f"cannot listen on {address} for gRPC: {error}") from None
        await self.tell_health(False)
        await self._server.start()
        return port

    async def tell_health(self, serving: bool) -> None:
        """Tell health checks and watchers whether requests are taken."""
        if serving == self._serving:
            return
        self._serving = serving
        status = health_pb2.HealthCheckResponse
        word = status.SERVING if serving else status.NOT_SERVING
        await self._health.set("", word)
        await self._health.set(SERVICE, word)

    async def stop(self, grace: float) -> None:
        """Take no new calls; let those in flight finish for *grace* seconds."""
        await self._server.stop(grace)

    async def _submit(self, data: bytes, context: Context) -> bytes:
        async def take(call: _Call) -> Outcome:
            lease = self._budget.lease(len(data))
            try:
                draft = await self._read(data, call, 0, False)
                self._rate.charge(call.client, draft.size)
                return await self._intake.commit(draft)
            finally:
                lease.end()

        return await self._answer(context, take)

    async def _submit_stream(self, messages: AsyncIterator[bytes], context: Context) -> bytes:
        async def take(call: _Call) -> Outcome:
            outcome = Outcome()
            index = 0
            lease = Lease(self._budget)
            try:
                async for data in _in_time(messages, self._settings.body_timeout):
                    self._intake.check_ready()
                    lease.grow(len(data))
                    draft = await self._read(data, call, index, True)
                    index += draft.size
                    wait = self._rate.charge(call.client, draft.size)
                    outcome.add(await self._intake.commit(draft))
                    await self._intake.pace(wait)
            except Refused as refused:
                refused.outcome = outcome
                raise
            finally:
                lease.end()
            return outcome

        return await self._answer(context, take)

    async def _answer(
        self, context: Context, take: Callable[["_Call"], Awaitable[Outcome]]
    ) -> bytes:
        started = time.perf_counter()
        metadata = _metadata(context)
        request_id = self._ids.id_of(metadata.get(REQUEST_ID))
        caller: Caller | None = None
        self._active += 1
        try:
            try:
                caller = self._access.caller(metadata.get("authorization"))
                client = caller.name or network_of(_address(context.peer()))
                self._intake.check_ready()
                self._rate.take(client)
                outcome = await take(_Call(caller, client, metadata))
            except Refused:
                raise
            except Exception as error:
                self._requests.failed(request_id, error)
                raise Refused(
                    Reason.INTERNAL, "the gateway has a fault; its log says more"
                ) from None
        except Refused as refused:
            self._requests.refused(request_id, caller, refused, time.perf_counter() - started)
            await abort_refused(context, refused, request_id)
        finally:
            self._active -= 1
        self._requests.answered(request_id, caller, outcome, time.perf_counter() - started)
        if outcome.all_bad:
            await abort_rejected(context, outcome, request_id)
        context.set_trailing_metadata(((REQUEST_ID, request_id),))
        answer: bytes = response_of(outcome).SerializeToString()
        return answer

    async def _read(self, data: bytes, call: "_Call", start: int, stream: bool) -> Draft:
        if len(data) > self._longest:
            raise Refused(Reason.TOO_LARGE, f"the message is larger than {self._longest} bytes")
        check_message(data, self._settings.max_records)
        try:
            request = intake_pb2.SubmitRequest.FromString(data)
        except DecodeError as error:
            raise Refused(
                Reason.BAD_REQUEST, f"expected a medallero.v1.SubmitRequest: {error}"
            ) from None
        draft = Draft(call.caller, call.headers)
        results, entries = request.results, request.entries
        await self._intake.read_all(draft, Results(), results_of(results, start))
        if entries:
            several = stream or len(results) + len(entries) > 1
            kind = Entries(key=call.idempotency_key(), several=several)
            await self._intake.read_all(draft, kind, entries_of(entries, start + len(results)))
        return draft


class _Call:
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


def _metadata(context: Context) -> dict[str, str]:
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
