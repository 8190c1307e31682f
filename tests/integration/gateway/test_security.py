"""Tokens, TLS, trace context, request ids and logs of a real gateway, over both protocols."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pytest

from gateway.auth.tokens import digest_of, line_of, new_token
from medallero.client.answers import Answer, RequestRefused
from medallero.client.connect import GatewayAddress, connect
from olympics.catalogue import load_catalogue
from olympics.result import decode
from protos.medallero.v1 import intake_pb2 as pb
from tests.integration.gateway.gateway_support import (
    JSON,
    LINES,
    RunningGateway,
    a_result,
    an_entry,
    running,
    settings_for,
)
from tests.support.certificates import Certificate, make_certificate
from tests.support.stack import StackFactory
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

SUBMIT = "/medallero.v1.ResultIntake/Submit"
STREAM = "/medallero.v1.ResultIntake/SubmitStream"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
STATE = "congo=t61rcWkgMzE"
TRACED = (("traceparent", PARENT.encode()), ("tracestate", STATE.encode()))
#: the name of the token ALL
SENDER = ("sender", b"all")

ALL, ENGINEERING, CLASS = new_token(), new_token(), new_token()
_BEARER = {"authorization": f"Bearer {ALL}"}


class Guarded(NamedTuple):
    """A gateway with TLS that asks for tokens."""

    gateway: RunningGateway
    certificate: Certificate

    def endpoint(self, scheme: str) -> str:
        port = self.gateway.http_port if scheme == "https" else self.gateway.grpc_port
        return f"{scheme}://127.0.0.1:{port}"

    def deliver(self, scheme: str, token: str | None, *records: dict[str, Any]) -> Answer:
        """Send results as the project's commands do."""

        async def send() -> Answer:
            address = GatewayAddress(self.endpoint(scheme), token, self.certificate.ca)
            client = connect(address, connections=1)
            try:
                return await client.send("results", [json.dumps(it).encode() for it in records])
            finally:
                await client.close()

        return asyncio.run(send())

    def channel(self) -> Any:
        credentials = grpc.ssl_channel_credentials(self.certificate.ca.read_bytes())
        return grpc.secure_channel(f"127.0.0.1:{self.gateway.grpc_port}", credentials)

    def metric(self, name: str) -> float:
        """Return the value of the metric, given with its labels."""
        text = self.gateway.send("GET", "/metrics").body.decode()
        return sum(float(it.split()[-1]) for it in text.splitlines() if it.startswith(name + " "))


@pytest.fixture(scope="module")
def guarded(
    kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guarded]:
    directory = tmp_path_factory.mktemp("guarded")
    certificate = make_certificate(directory)
    (directory / "tokens.toml").write_text(
        f"{line_of('all', digest_of(ALL))}\n"
        f"{line_of('class', digest_of(CLASS), faculties=['engineering'])}\n"
        f"{line_of('eng', digest_of(ENGINEERING), sports=['swimming'], kinds=['result'])}\n"
    )
    settings = settings_for(
        kafka,
        redis_url,
        tokens_file=directory / "tokens.toml",
        tls_certificate=certificate.certificate,
        tls_key=certificate.key,
        reload_interval=0.05,
    )
    trust = ssl.create_default_context(cafile=certificate.ca)
    with running(settings, trust=trust) as gateway:
        yield Guarded(gateway, certificate)


@pytest.mark.parametrize("scheme", ["https", "grpcs"])
def test_the_projects_clients_send_with_a_token_over_tls(guarded: Guarded, scheme: str) -> None:
    assert guarded.deliver(scheme, ALL, a_result(), a_result(unit="heat 2")).accepted == 2


@pytest.mark.parametrize("scheme", ["https", "grpcs"])
def test_the_projects_clients_say_what_is_wrong_with_the_token(
    guarded: Guarded, scheme: str
) -> None:
    with pytest.raises(RequestRefused, match=r"a token is needed.*give a token with --token"):
        guarded.deliver(scheme, None, a_result())
    with pytest.raises(RequestRefused, match="not one that may send here; is the token right"):
        guarded.deliver(scheme, new_token(), a_result())


@pytest.mark.parametrize("path", ["/v1/results", "/v1/entries", "/ingenieria"])
@pytest.mark.parametrize("headers", [JSON, LINES])
def test_without_a_token_no_path_takes_anything(
    guarded: Guarded, path: str, headers: Mapping[str, str]
) -> None:
    before = len(guarded.gateway.topic())

    absent = guarded.gateway.send("POST", path, a_result(), headers)
    wrong = guarded.gateway.send(
        "POST", path, a_result(), {**headers, "Authorization": "Bearer wrong"}
    )

    assert (absent.status, absent.json["code"]) == (401, "no_token")
    assert absent.headers["WWW-Authenticate"] == "Bearer"
    assert (wrong.status, wrong.json["code"]) == (403, "wrong_token")
    assert not absent.json["retryable"]
    assert len(guarded.gateway.topic()) == before


@pytest.mark.parametrize("headers", [JSON, LINES])
def test_what_the_token_may_not_send_is_rejected_record_by_record(
    guarded: Guarded, headers: Mapping[str, str]
) -> None:
    records = [a_result(unit="limits"), a_result(unit="limits", sport="athletics")]
    body = json.dumps(records) if headers is JSON else "\n".join(map(json.dumps, records))

    mixed = guarded.gateway.send("POST", "/v1/results", body, _with(ENGINEERING, headers))
    other = guarded.gateway.send("POST", "/v1/entries", an_entry(), _with(ENGINEERING))

    assert mixed.status == 202
    assert (mixed.json["accepted"], mixed.json["rejected_count"]) == (1, 1)
    assert mixed.json["rejected"][0] == {
        "index": 1,
        "id": None,
        "field": "sport",
        "error": "the token may not send for athletics",
    }
    assert other.status == 422
    assert other.json["rejected"][0]["error"] == "the token may not send entries"
    assert other.json["minted"] == []


def test_the_same_limits_hold_over_grpc(guarded: Guarded) -> None:
    request = pb.SubmitRequest(
        results=[_message(unit="limits"), _message(unit="limits", sport="athletics")],
        entries=[pb.Entry(student="Eva", faculty="engineering", discipline="swimming")],
    )
    with guarded.channel() as channel:
        answer = _call(
            channel, SUBMIT, request, {"authorization": f"Bearer {ENGINEERING}"}
        ).response

    assert answer.accepted == 1
    assert [(it.index, it.field) for it in answer.rejected] == [(1, "sport"), (2, "")]
    assert not answer.minted


def test_nobody_takes_the_entry_of_another_by_its_id_or_key(guarded: Guarded) -> None:
    theirs = an_entry(id="agro-3", faculty="Agronomía")
    thief = an_entry(id="agro-3", student="Thief", faculty="Ingeniería")
    before = {(record.key or b"").decode() for record in guarded.gateway.topic()}

    for token, entry in ((ALL, theirs), (CLASS, thief), (CLASS, thief)):
        answer = guarded.gateway.send("POST", "/v1/entries", entry, _with(token))
        assert answer.status == 202, answer.body
    key = {"Idempotency-Key": "1"}
    for token in (ALL, CLASS, CLASS):
        answer = guarded.gateway.send("POST", "/v1/entries", an_entry(), _with(token) | key)
        assert answer.status == 202, answer.body

    units = {(record.key or b"").decode() for record in guarded.gateway.topic()}
    assert {it for it in units - before if "/entry/" in it} == {
        *("swimming/entry/1", "swimming/entry/agro-3"),
        *("swimming/entry/class:1", "swimming/entry/class:agro-3"),
    }
    long = guarded.gateway.send("POST", "/v1/entries", an_entry(id="x" * 200), _with(CLASS))
    assert (long.status, long.json["rejected"][0]["field"]) == (422, "id")


def test_a_token_for_a_faculty_sends_entries_of_it_and_no_results(guarded: Guarded) -> None:
    entries = [an_entry(faculty="Ingeniería"), an_entry(faculty="Agronomía")]
    answer = guarded.gateway.send("POST", "/v1/entries", entries, _with(CLASS))
    assert (answer.json["accepted"], answer.json["rejected"][0]["field"]) == (1, "faculty")

    refused = guarded.gateway.send("POST", "/v1/results", a_result(), _with(CLASS))
    assert refused.status == 422
    assert "may not send results" in refused.json["rejected"][0]["error"]


@pytest.mark.parametrize("path", [SUBMIT, STREAM])
def test_without_a_token_grpc_takes_nothing(guarded: Guarded, path: str) -> None:
    request = pb.SubmitRequest(results=[_message()])
    with guarded.channel() as channel:
        for metadata, code in (
            ({}, grpc.StatusCode.UNAUTHENTICATED),
            ({"authorization": "Bearer wrong"}, grpc.StatusCode.PERMISSION_DENIED),
        ):
            with pytest.raises(grpc.RpcError) as error:
                _call(channel, path, request, metadata)
            assert error.value.code() is code


def test_reading_needs_no_token(guarded: Guarded) -> None:
    for path in ("/", "/readyz", "/metrics", "/openapi.json"):
        assert guarded.gateway.send("GET", path).status == 200, path


def test_a_certificate_is_renewed_under_open_connections(guarded: Guarded, tmp_path: Path) -> None:
    gateway, renewed = guarded.gateway, make_certificate(tmp_path)
    original = Certificate(tmp_path / "ca", tmp_path / "crt", tmp_path / "key")
    for ours, theirs in (
        (original.ca, guarded.certificate.ca),
        (original.certificate, guarded.certificate.certificate),
        (original.key, guarded.certificate.key),
    ):
        ours.write_bytes(theirs.read_bytes())
    port = guarded.gateway.grpc_port
    old, new = (grpc.ssl_channel_credentials(it.ca.read_bytes()) for it in (original, renewed))
    request = pb.SubmitRequest(results=[_message()])
    connection = gateway.connection()
    try:
        with grpc.secure_channel(f"127.0.0.1:{port}", old) as channel:
            assert _post(connection) == 202
            _call(channel, SUBMIT, request, _BEARER)

            renewed.copy_over(guarded.certificate)
            trust = ssl.create_default_context(cafile=renewed.ca)
            wait_until(lambda: _trusted(gateway, trust), what="the new certificate is shown")

            # Those that were open go on, and new ones see the new certificate only.
            assert _post(connection) == 202
            _call(channel, SUBMIT, request, _BEARER)
        assert not _trusted(gateway, ssl.create_default_context(cafile=original.ca))
        with grpc.secure_channel(f"127.0.0.1:{port}", new) as channel:
            _call(channel, SUBMIT, request, _BEARER)
        with grpc.secure_channel(f"127.0.0.1:{port}", old) as channel:
            with pytest.raises(grpc.RpcError) as error:
                _call(channel, SUBMIT, request, _BEARER, wait=False)
            assert error.value.code() is grpc.StatusCode.UNAVAILABLE
    finally:
        connection.close()
        original.copy_over(guarded.certificate)
        wait_until(lambda: _trusted(gateway, gateway.trust), what="the first one is back")


def test_plain_requests_to_a_tls_port_are_cut(guarded: Guarded) -> None:
    address = ("127.0.0.1", guarded.gateway.http_port)
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(b"GET /readyz HTTP/1.1\r\nHost: here\r\n\r\n")

        assert b"HTTP/" not in client.makefile("rb").read()


def test_trace_context_is_on_the_records_of_every_way_in(guarded: Guarded) -> None:
    traced = {"traceparent": PARENT, "tracestate": STATE}
    lines = "\n".join(json.dumps(a_result(unit=f"traced {n}")) for n in range(2))
    gateway = guarded.gateway
    gateway.send("POST", "/v1/results", a_result(unit="traced one"), _with(ALL) | traced)
    gateway.send("POST", "/v1/results", lines, _with(ALL, LINES) | traced)
    gateway.send("POST", "/v1/results", [a_result(unit="traced array")], _with(ALL) | traced)
    gateway.send(
        "POST",
        "/v1/results",
        a_result(unit="not traced"),
        _with(ALL) | {"traceparent": "00-nonsense"},
    )
    with guarded.channel() as channel:
        for path in (SUBMIT, STREAM):
            request = pb.SubmitRequest(results=[_message(unit=f"traced {path[-6:]}")])
            _call(channel, path, request, _BEARER | traced)

    catalogue = load_catalogue()
    headers = {decode(it.value, catalogue).unit: it.headers for it in gateway.topic() if it.value}
    assert {unit: it for unit, it in headers.items() if "traced" in unit} == {
        "traced one": (*TRACED, SENDER),
        "traced 0": (*TRACED, SENDER),
        "traced 1": (*TRACED, SENDER),
        "traced array": (*TRACED, SENDER),
        "traced Submit": (*TRACED, SENDER),
        "traced Stream": (*TRACED, SENDER),
        "not traced": (SENDER,),
    }


def test_a_request_is_named_in_every_answer(guarded: Guarded) -> None:
    named = guarded.gateway.send(
        "POST", "/v1/results", a_result(), _with(ALL) | {"X-Request-ID": "mine-1"}
    )
    unnamed = guarded.gateway.send("POST", "/v1/results", a_result())
    with guarded.channel() as channel:
        request = pb.SubmitRequest(results=[_message()])
        over_grpc = _call(channel, SUBMIT, request, _BEARER | {"x-request-id": "m-2"})
        with pytest.raises(grpc.RpcError) as error:
            _call(channel, SUBMIT, request, {"x-request-id": "m-3"})

    assert named.headers["X-Request-ID"] == "mine-1"
    assert unnamed.headers["X-Request-ID"] == unnamed.json["request_id"] != ""
    assert over_grpc.trailers["x-request-id"] == "m-2"
    assert dict(error.value.trailing_metadata())["x-request-id"] == "m-3"


def test_metrics_count_what_was_sent_by_the_tokens_name(guarded: Guarded) -> None:
    before = guarded.metric('medallero_gateway_caller_records_total{caller="eng"}')
    refused = 'medallero_gateway_requests_total{answer="wrong_token",protocol="grpc"}'
    refused_before = guarded.metric(refused)

    guarded.deliver("https", ENGINEERING, *[a_result()] * 3)
    guarded.deliver("grpcs", ENGINEERING, *[a_result()] * 4)
    with pytest.raises(RequestRefused):
        guarded.deliver("grpcs", "wrong", a_result())

    assert guarded.metric('medallero_gateway_caller_records_total{caller="eng"}') == before + 7
    assert guarded.metric(refused) == refused_before + 1
    for counted in (
        'medallero_gateway_request_seconds_count{path="/v1/results",protocol="http"}',
        'medallero_gateway_request_seconds_count{path="/medallero.v1.ResultIntake/Submit",protocol="grpc"}',
        "medallero_gateway_linger_seconds_count",
        "medallero_gateway_loop_lag_seconds_count",
        "medallero_gateway_kafka_seconds_count",
    ):
        assert guarded.metric(counted) > 0, counted


def test_no_token_and_nothing_of_a_record_is_in_the_logs(
    stack: StackFactory, tmp_path: Path
) -> None:
    token = new_token()
    file = tmp_path / "tokens.toml"
    file.write_text(line_of("timing", digest_of(token)) + "\n")
    system = stack(
        workers=0,
        environment={
            "tokens_file": str(file),
            "log_level": "debug",
            "log_format": "json",
            "max_body": "100000",
        },
    )
    secret = "Zoraida"
    good = a_result(competitor={"id": secret, "name": f"{secret} Quintana", "age": 117})
    bodies: Sequence[Any] = (
        good,
        [good, {**good, "mark": f"of {secret}"}, {**good, secret: 1}],
        {**good, "mark": f"of {secret}"},
        f'{{"name": "{secret}", '.encode(),
        f'"{secret}'.encode() + b"\xff",
        gzip.compress(json.dumps(good).encode())[:-9],
        f'[{{"name": "{secret}"}}'.encode() + b"[" * 5000,
        secret.encode() * 20_000,
    )
    headers = {"Authorization": f"Bearer {token}"}
    answers = set()
    for path in ("/v1/results", "/v1/entries", "/ingenieria"):
        for body in bodies:
            for more in (
                {},
                LINES,
                {"Content-Type": f"text/{secret}"},
                {"Content-Encoding": "gzip"},
                {"Content-Encoding": secret},
                {"Authorization": f"Bearer {secret}"},
                {"Authorization": f"Basic {secret}"},
                {"Idempotency-Key": secret},
            ):
                status, _ = system.gateway.request("POST", path, body, headers | more)
                answers.add(status)
    for path in (f"/{secret}", f"/v1/units/swimming/{secret}", f"/v1/units/{secret}"):
        system.gateway.request("GET", path)
    with grpc.insecure_channel(system.grpc[0]) as channel:
        for data in (
            pb.SubmitRequest(
                results=[_message(competitor=pb.Competitor(id=secret, name=secret, age=117))]
            ).SerializeToString(),
            pb.SubmitRequest(results=[_message(mark=secret)]).SerializeToString(),
            secret.encode(),
            secret.encode() * 20_000,
        ):
            for authorization in (f"Bearer {token}", f"Bearer {secret}", secret):
                for path in (SUBMIT, STREAM):
                    answers.add(_raw(channel, path, data, authorization))
    system.gateway.stop()

    log = system.gateway.log(100_000)
    assert {202, 400, 401, 403, 413, 415, 422} <= answers
    assert {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT} <= answers
    assert token not in log
    assert secret.lower() not in log.lower()
    assert "117" not in {str(it) for event in _events(log) for it in event.values()}
    events = {event["event"] for event in _events(log)}
    assert {"request_accepted", "request_rejected", "request_refused"} <= events
    assert "request_failed" not in events


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--http-host", "0.0.0.0"], "medallero token"),
        (["--tls-certificate", "/nowhere/tls.crt"], "cannot read /nowhere/tls.crt"),
    ],
)
def test_a_gateway_that_is_not_safe_ends_at_once_with_a_sentence(
    arguments: list[str], words: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "medallero", "gateway", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stderr.startswith("medallero gateway: ")
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def _with(token: str, headers: Mapping[str, str] = JSON) -> dict[str, str]:
    return {**headers, "Authorization": f"Bearer {token}"}


def _message(**fields: Any) -> pb.Result:
    values = {**a_result(), "competitor": pb.Competitor(id="8", name="Ana"), **fields}
    return pb.Result(**values)


class Called(NamedTuple):
    response: Any
    trailers: dict[str, Any]


def _call(
    channel: Any, path: str, request: Any, metadata: Mapping[str, str], *, wait: bool = True
) -> Called:
    given = tuple(metadata.items())
    kind = {"wait_for_ready": wait, "metadata": given, "timeout": 30}
    coders = (pb.SubmitRequest.SerializeToString, pb.SubmitResponse.FromString)
    if path == STREAM:
        response, call = channel.stream_unary(path, *coders).with_call(iter([request]), **kind)
    else:
        response, call = channel.unary_unary(path, *coders).with_call(request, **kind)
    return Called(response, dict(call.trailing_metadata()))


def _raw(channel: Any, path: str, data: bytes, authorization: str) -> Any:
    given = {"metadata": (("authorization", authorization),), "timeout": 30}
    try:
        if path == STREAM:
            channel.stream_unary(path)(iter([data]), **given)
        else:
            channel.unary_unary(path)(data, **given)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def _post(connection: http.client.HTTPConnection) -> int:
    connection.request("POST", "/v1/results", json.dumps(a_result()), _with(ALL))
    response = connection.getresponse()
    response.read()
    return response.status


def _trusted(gateway: RunningGateway, trust: ssl.SSLContext | None) -> bool:
    connection = http.client.HTTPSConnection(
        "127.0.0.1", gateway.http_port, timeout=10, context=trust
    )
    try:
        connection.connect()
    except ssl.SSLCertVerificationError:
        return False
    finally:
        connection.close()
    return True


def _events(log: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]
