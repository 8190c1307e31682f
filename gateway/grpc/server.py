"""gRPC: the services ResultIntake and ReportIntake, health checking and reflection."""

from functools import partial
from typing import Final, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from gateway.auth.authenticator import Access
from gateway.auth.tls import Tls
from gateway.errors import Reason, Refused
from gateway.grpc.codec import entries_of, reports_of, results_of
from gateway.grpc.service import Call, RecordCalls, Shared
from gateway.grpc.unknown_methods import Unknown
from gateway.intake.base import Draft
from gateway.intake.reports import ReportIntake, Reports
from gateway.intake.results import Entries, Intake, Results
from gateway.limits.budget import Budget
from gateway.limits.rate import Rate
from gateway.limits.record_count import check_message
from gateway.metrics import Metrics
from gateway.settings import GatewaySettings
from protos.medallero.v1 import intake_pb2
from protos.medallero.weather.v1 import report_pb2

SERVICE: Final = intake_pb2.DESCRIPTOR.services_by_name["ResultIntake"].full_name
METHODS: Final = ("Submit", "SubmitStream")
REPORT_SERVICE: Final = report_pb2.DESCRIPTOR.services_by_name["ReportIntake"].full_name
#: gRPC's own default. A call's message is in memory before anybody can refuse it, so the worst that
#: can be asked for is this times ``max_rpcs``: 2 GB. Who has more to send opens a stream.
_LONGEST_MESSAGE: Final = 4 * 2**20
#: The transport refuses messages somewhat above our own limit, so that ours can answer first.
_TRANSPORT_MARGIN: Final = 64 * 2**10
#: How long the calls of a connection that is too old may go on; a stream has no end of its own.
_GRACE_MS: Final = 3_600_000


_Message = TypeVar("_Message", bound=Message)


def _rotation(age: float) -> list[tuple[str, int]]:
    """Return the options that close a connection at *age* seconds, as soon as its calls are over.

    gRPC itself spreads the ages by a tenth, so that clients do not come anew all at once.
    """
    if not age:
        return []
    return [
        ("grpc.max_connection_age_ms", max(1, round(age * 1000))),
        ("grpc.max_connection_age_grace_ms", _GRACE_MS),
    ]


class GrpcServer:
    """Serves gRPC on one port; the requests' messages are parsed here, so that what cannot be
    parsed gets an answer of the contract rather than the library's."""

    def __init__(
        self,
        settings: GatewaySettings,
        intake: Intake,
        reports: ReportIntake | None,
        budget: Budget,
        access: Access,
        rate: Rate,
        tls: Tls,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._longest = min(settings.max_body, _LONGEST_MESSAGE)
        self._tls = tls
        shared = Shared(settings, budget, access, rate, metrics)
        services = {
            SERVICE: RecordCalls(shared, SERVICE, intake, partial(self._read_records, intake))
        }
        if reports is not None:
            read = partial(self._read_reports, reports)
            services[REPORT_SERVICE] = RecordCalls(shared, REPORT_SERVICE, reports, read)
        self._has_reports = reports is not None
        self._health = health.aio.HealthServicer()
        self._serving: dict[str, bool] = {}
        self._server = grpc.aio.server(
            options=(
                ("grpc.max_receive_message_length", self._longest + _TRANSPORT_MARGIN),
                ("grpc.max_send_message_length", 4 * 2**20),
                ("grpc.so_reuseport", int(settings.processes > 1)),
                *_rotation(settings.grpc_connection_age),
            ),
            # A call's message is in memory before the budget can refuse it, so calls are limited.
            maximum_concurrent_rpcs=settings.max_rpcs,
        )
        self._server.add_generic_rpc_handlers(
            tuple(_handlers(name, calls) for name, calls in services.items())
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(
            (*services, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server
        )
        # Last: it takes whatever no handler before it knows.
        self._server.add_generic_rpc_handlers((Unknown(shared, tuple(services), METHODS),))

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
        await self.tell_health(False, False)
        await self._server.start()
        return port

    async def tell_health(self, results: bool, reports: bool) -> None:
        """Tell health checks and watchers whether each service takes requests.

        The gateway as a whole is what takes results; weather reports are one service of it.
        """
        await self._tell("", results)
        await self._tell(SERVICE, results)
        if self._has_reports:
            await self._tell(REPORT_SERVICE, reports)

    async def _tell(self, service: str, serving: bool) -> None:
        if self._serving.get(service) is not serving:
            self._serving[service] = serving
            status = health_pb2.HealthCheckResponse
            await self._health.set(service, status.SERVING if serving else status.NOT_SERVING)

    async def stop(self, grace: float) -> None:
        """Take no new calls; let those in flight finish for *grace* seconds."""
        await self._server.stop(grace)

    async def _read_records(
        self, intake: Intake, data: bytes, call: Call, start: int, stream: bool
    ) -> Draft:
        request = self._message(data, intake_pb2.SubmitRequest)
        draft = Draft(call.caller, call.headers)
        results, entries = request.results, request.entries
        await intake.read_all(draft, Results(), results_of(results, start))
        if entries:
            several = stream or len(results) + len(entries) > 1
            kind = Entries(key=call.idempotency_key(), several=several)
            await intake.read_all(draft, kind, entries_of(entries, start + len(results)))
        return draft

    async def _read_reports(
        self, intake: ReportIntake, data: bytes, call: Call, start: int, stream: bool
    ) -> Draft:
        reports = self._message(data, report_pb2.SubmitRequest).reports
        draft = Draft(call.caller, call.headers)
        kind = Reports(call.idempotency_key(), several=stream or len(reports) > 1)
        await intake.read_all(draft, kind, reports_of(reports, start))
        return draft

    def _message(self, data: bytes, of: type[_Message]) -> _Message:
        """Raises Refused."""
        if len(data) > self._longest:
            raise Refused(Reason.TOO_LARGE, f"the message is larger than {self._longest} bytes")
        check_message(data, self._settings.max_records)
        try:
            return of.FromString(data)
        except DecodeError as error:
            name = of.DESCRIPTOR.full_name
            raise Refused(Reason.BAD_REQUEST, f"expected a {name}: {error}") from None


def _handlers(service: str, calls: RecordCalls) -> grpc.GenericRpcHandler:
    handlers = (
        grpc.unary_unary_rpc_method_handler(calls.submit),
        grpc.stream_unary_rpc_method_handler(calls.submit_stream),
    )
    return grpc.method_handlers_generic_handler(service, dict(zip(METHODS, handlers, strict=True)))
