"""Sending batches over gRPC: JSON objects as the contract's messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import grpc
import grpc.aio
import msgspec
from google.protobuf.message import DecodeError

from medallero.client.answers import (
    NOBODY_THERE,
    Answer,
    BadRequest,
    Rejection,
    RequestRefused,
    TryAgain,
    checked,
)
from medallero.files.inputs import Kind
from olympics.rank import printed_rank
from protos.medallero.v1 import intake_pb2, status_pb2
from protos.medallero.weather.v1 import report_pb2

_OPTIONS: Final = [
    # The gateway is asked directly, as over HTTP.
    ("grpc.enable_http_proxy", 0),
    # gRPC's own pauses grow to two minutes; ours decide.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
]
_NOT_NOW: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    }
)


class GrpcClient:
    """A channel to the gateway at *endpoint* (``grpc://host:port``, ``grpcs://`` with TLS)."""

    def __init__(
        self,
        endpoint: str,
        *,
        token: str | None = None,
        trusted: str | None = None,
        timeout: float = 30.0,
    ) -> None:
        """*trusted*: certificates (PEM) that vouch for the gateway's; None: the public ones."""
        self._endpoint = endpoint
        parts = urlsplit(endpoint)
        if parts.scheme == "grpcs":
            channel = grpc.aio.secure_channel(
                parts.netloc,
                grpc.ssl_channel_credentials(None if trusted is None else trusted.encode()),
                options=_OPTIONS,
            )
        else:
            channel = grpc.aio.insecure_channel(parts.netloc, options=_OPTIONS)
        self._channel = channel
        self._submit = {
            request: channel.unary_unary(
                method,
                request_serializer=request.SerializeToString,
                response_deserializer=intake_pb2.SubmitResponse.FromString,
            )
            for request, method in _METHODS.items()
        }
        self._metadata = [("authorization", f"Bearer {token}")] if token else None
        self._timeout = timeout

    async def send(self, kind: Kind, bodies: Sequence[bytes]) -> Answer:
        """See `medallero.client.answers.Client.send`."""
        list_name, convert = _WAYS[kind]
        of = report_pb2.SubmitRequest if kind == "reports" else intake_pb2.SubmitRequest
        request = of()
        add = getattr(request, list_name).append
        places: list[int] = []
        rejected: list[Rejection] = []
        for place, body in enumerate(bodies):
            try:
                add(convert(msgspec.json.decode(body)))
            except _NotExpressible as error:
                rejected.append(Rejection(place, error.field, error.error))
            else:
                places.append(place)
        if not places:
            return Answer(0, rejected)
        try:
            response = await self._submit[of](
                request, timeout=self._timeout, metadata=self._metadata
            )
        except grpc.aio.AioRpcError as error:
            response = self._understand(error)
        answer = checked(
            Answer(
                response.accepted,
                [Rejection(it.index, it.field, it.error) for it in response.rejected],
            ),
            len(places),
        )
        rejected += [it._replace(place=places[it.place]) for it in answer.rejected]
        return Answer(answer.accepted, rejected)

    async def close(self) -> None:
        """See `medallero.client.answers.Client.close`."""
        await self._channel.close()

    def _understand(self, error: grpc.aio.AioRpcError) -> Any:
        """Return the answer that *error* carries, or raise what it means."""
        code, words = error.code(), error.details() or error.code().name
        details = _details(error)
        if code is grpc.StatusCode.INVALID_ARGUMENT:
            if "SubmitResponse" in details:
                response = intake_pb2.SubmitResponse.FromString(details["SubmitResponse"])
                # Details name only the records that fit into trailing metadata. A smaller request
                # has room for all, so a longer list is treated as one that cannot be read.
                if len(response.rejected) == response.rejected_count:
                    return response
            raise BadRequest(words)
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "RetryInfo" not in details:
            raise BadRequest(words)
        if code in _NOT_NOW or code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            raise self._later(words, _retry_after(details))
        if code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
            hint = "give a token with --token"
            if code is grpc.StatusCode.PERMISSION_DENIED:
                hint = "is the token right?"
            raise RequestRefused(f"{words}; {hint}")
        raise RequestRefused(
            f"{self._endpoint} answered {code.name}: {words}; is this a Medallero gateway?"
        )

    def _later(self, words: str, retry_after: float | None) -> TryAgain:
        if "failed to connect" in words.lower():
            # "failed to connect to all addresses; last error: … connect: Connection refused (111)"
            reason = f"cannot connect to {self._endpoint}: {words.rpartition(': ')[2]}"
            return TryAgain(reason, retry_after, remedy=NOBODY_THERE)
        return TryAgain(words, retry_after)


class _NotExpressible(Exception):
    """The message has no place for what a record says: which field, and what was expected."""

    def __init__(self, field: str, error: str) -> None:
        super().__init__(f"{field}: {error}")
        self.field = field
        self.error = error


_Raw = Mapping[str, Any]
_RESULT_TEXTS: Final = (
    "id",
    "sport",
    "unit",
    "phase",
    "faculty",
    "mark",
    "outcome",
    "irm",
    "medal",
    "status",
)
_RESULT_FIELDS: Final = frozenset({*_RESULT_TEXTS, "competitor", "rank", "version"})
_COMPETITOR_FIELDS: Final = frozenset({"id", "name", "age"})


def _result(raw: _Raw) -> intake_pb2.Result:
    _only(raw, _RESULT_FIELDS, "")
    message = intake_pb2.Result()
    for field in _RESULT_TEXTS:
        if text := _text(raw.get(field), field):
            setattr(message, field, text)
    competitor = raw.get("competitor")
    if competitor is not None:
        if not isinstance(competitor, dict):
            raise _NotExpressible("competitor", "expected an object with the field id")
        _only(competitor, _COMPETITOR_FIELDS, "competitor.")
        message.competitor.id = _text(competitor.get("id"), "competitor.id")
        message.competitor.name = _text(competitor.get("name"), "competitor.name")
        if (age := _number(competitor.get("age"), "competitor.age", 32)) is not None:
            message.competitor.age = age
    rank = raw.get("rank")
    if isinstance(rank, str) and (printed := printed_rank(rank)) is not None:
        rank = printed
    if (number := _number(rank, "rank", 32)) is not None:
        message.rank = number
    if (version := _number(raw.get("version"), "version", 64)) is not None:
        message.version = version
    return message


def _entry(raw: _Raw) -> intake_pb2.Entry:
    message = intake_pb2.Entry(
        id=_text(raw.get("id"), "id"),
        student=_one_of(raw, "student", "name", "nombre"),
        faculty=_one_of(raw, "faculty", "facultad"),
        discipline=_one_of(raw, "discipline", "disciplina", "sport"),
    )
    ages = {_number(raw.get(field), field, 32) for field in ("age", "edad")} - {None}
    if len(ages) > 1:
        raise _NotExpressible("edad", "expected the same as age, of which it is a synonym")
    for age in ages:
        if age is not None:
            message.age = age
    return message


def _one_of(raw: _Raw, *synonyms: str) -> str:
    found = [(name, text) for name in synonyms if (text := _text(raw.get(name), name))]
    for name, text in found[1:]:
        if text != found[0][1]:
            raise _NotExpressible(
                name, f"expected the same as {found[0][0]}, of which it is a synonym"
            )
    return found[0][1] if found else ""


def _text(value: object, field: str) -> str:
    """Return a text, or a number as it stands in JSON; "" for nothing, as the contract has it."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _NotExpressible(field, "expected text or a number")
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _NotExpressible(field, "expected text without halves of characters") from None
    return text


def _number(value: object, field: str, bits: int) -> int | None:
    if value is None or value == "":
        return None
    number: object = value
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        number = int(value.strip()[:20])
    elif isinstance(value, float) and value.is_integer():
        number = int(value)
    limit = 1 << (bits - 1)
    if isinstance(number, bool) or not isinstance(number, int) or not -limit <= number < limit:
        raise _NotExpressible(field, "expected a whole number")
    return number


def _only(raw: _Raw, known: frozenset[str], prefix: str) -> None:
    """Refuse fields that the message would lose silently."""
    for name in raw:
        if name not in known:
            raise _NotExpressible(
                f"{prefix}{name[:64]}", f"unknown field; expected only {', '.join(sorted(known))}"
            )


def _report(raw: _Raw) -> report_pb2.Report:
    _only(raw, _REPORT, "")
    message = report_pb2.Report()
    for name in ("id", "country", "municipality", "weather", "description"):
        setattr(message, name, _text(raw.get(name), name))
    for name in ("temperature", "humidity"):
        number = _decimal(raw.get(name), name)
        if number is not None:
            setattr(message, name, number)
    at = _number(raw.get("at"), "at", 64)
    if at is not None:
        message.at = at
    return message


def _decimal(value: object, field: str) -> float | None:
    if value is None or value == "":
        return None
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            return float(str(value).strip().replace(",", "."))
        except ValueError:
            pass
    raise _NotExpressible(field, "expected a number")


_REPORT: Final = frozenset(field.name for field in report_pb2.Report.DESCRIPTOR.fields)

#: Where a kind's messages go in a request, and what makes one of an object.
_WAYS: Final[Mapping[Kind, tuple[str, Callable[[_Raw], Any]]]] = {
    "results": ("results", _result),
    "entries": ("entries", _entry),
    "reports": ("reports", _report),
}
_METHODS: Final[Mapping[Any, str]] = {
    intake_pb2.SubmitRequest: "/medallero.v1.ResultIntake/Submit",
    report_pb2.SubmitRequest: "/medallero.weather.v1.ReportIntake/Submit",
}


def _details(error: grpc.aio.AioRpcError) -> dict[str, bytes]:
    """Return the error's details by the name of their message."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            try:
                status = status_pb2.Status.FromString(value)
            except DecodeError:
                return {}
            return {it.type_url.rpartition(".")[2]: it.value for it in status.details}
    return {}


def _retry_after(details: Mapping[str, bytes]) -> float | None:
    if "RetryInfo" not in details:
        return None
    delay = status_pb2.RetryInfo.FromString(details["RetryInfo"]).retry_delay
    return max(0.0, delay.seconds + delay.nanos / 1e9)
