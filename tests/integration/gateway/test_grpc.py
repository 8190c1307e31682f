"""The same intake over gRPC: the same answers, in gRPC's words."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from olympics.catalogue import load_catalogue
from olympics.result import decode, encode, parse_result
from protos.medallero.v1 import intake_pb2 as pb
from protos.medallero.v1.intake_pb2_grpc import ResultIntakeStub
from protos.medallero.v1.status_pb2 import RetryInfo, Status
from tests.integration.gateway.gateway_support import (
    RunningGateway,
    a_result,
    an_entry,
    running,
    settings_for,
)

pytestmark = pytest.mark.integration

CATALOGUE = load_catalogue()
SUBMIT = "/medallero.v1.ResultIntake/Submit"
STREAM = "/medallero.v1.ResultIntake/SubmitStream"
MAX_BODY = 2**20


@pytest.fixture
def gateway(kafka: str, redis_url: str) -> Iterator[RunningGateway]:
    with running(settings_for(kafka, redis_url, max_body=MAX_BODY)) as running_gateway:
        yield running_gateway


@pytest.fixture
def channel(gateway: RunningGateway) -> Iterator[Any]:
    with grpc.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as open_channel:
        yield open_channel


def stub_of(channel: Any) -> Any:
    return ResultIntakeStub(channel)  # type: ignore[no-untyped-call]


def result(**fields: Any) -> pb.Result:
    """Return a good result, with *fields* instead of its own."""
    values = a_result(**fields)
    competitor = values.pop("competitor")
    return pb.Result(competitor=pb.Competitor(**competitor), **values)


def entry(**fields: Any) -> pb.Entry:
    return pb.Entry(**{**an_entry(discipline="1"), **fields})


def failure(call: Callable[[], Any]) -> tuple[grpc.StatusCode, str, dict[str, Message]]:
    """Return the code, the words and the details by their type with which *call* fails."""
    with pytest.raises(grpc.RpcError) as raised:
        call()
    error: Any = raised.value
    details: dict[str, Message] = {}
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            status = Status.FromString(value)
            assert status.code == error.code().value[0]
            assert status.message == error.details()
            kinds: dict[str, Any] = {"SubmitResponse": pb.SubmitResponse, "RetryInfo": RetryInfo}
            for packed in status.details:
                name = packed.type_url.rpartition(".")[2]
                details[name] = kinds[name].FromString(packed.value)
    return error.code(), error.details(), details


def test_one_result_is_on_the_topic_as_over_http(gateway: RunningGateway, channel: Any) -> None:
    response = stub_of(channel).Submit(pb.SubmitRequest(results=[result(rank=2)]))

    assert response == pb.SubmitResponse(accepted=1)
    (record,) = gateway.topic()
    expected = parse_result(a_result(rank=2), CATALOGUE)
    assert record.value == encode(expected)
    assert decode(record.value, CATALOGUE) == expected


def test_results_and_entries_are_counted_in_one_row(gateway: RunningGateway, channel: Any) -> None:
    request = pb.SubmitRequest(
        results=[result(), result(id="mine", sport="chess")],
        entries=[entry(), entry(age=-1), entry(id="own")],
    )

    response = stub_of(channel).Submit(request)

    assert (response.accepted, response.rejected_count) == (3, 2)
    assert [(it.index, it.id, it.field) for it in response.rejected] == [
        (1, "mine", "sport"),
        (3, "", "age"),
    ]
    assert [it.index for it in response.minted] == [2]
    assert len(gateway.topic()) == 3


def test_an_idempotency_key_makes_a_retry_the_same_record(
    gateway: RunningGateway, channel: Any
) -> None:
    stub = stub_of(channel)
    key = (("idempotency-key", "k"),)
    for _attempt in range(2):
        stub.Submit(pb.SubmitRequest(entries=[entry()]), metadata=key)
    stub.Submit(pb.SubmitRequest(entries=[entry(), entry()]), metadata=key)

    keys = sorted((record.key or b"").decode() for record in gateway.topic())
    assert keys == [
        "swimming/entry/k",
        "swimming/entry/k",
        "swimming/entry/k#0",
        "swimming/entry/k#1",
    ]


def test_a_stream_of_lists_has_one_answer_and_one_numbering(
    gateway: RunningGateway, channel: Any
) -> None:
    messages = [
        pb.SubmitRequest(results=[result(unit=f"u{number}-{i}") for i in range(50)])
        for number in range(20)
    ]
    messages.append(pb.SubmitRequest(results=[result(mark="fast")], entries=[entry()]))

    response = stub_of(channel).SubmitStream(iter(messages))

    assert (response.accepted, response.rejected_count) == (1001, 1)
    assert response.rejected[0].index == 1000
    assert response.minted[0].index == 1001
    assert len(gateway.topic()) == 1001


def test_an_empty_stream_is_accepted_as_nothing(gateway: RunningGateway, channel: Any) -> None:
    assert stub_of(channel).SubmitStream(iter(())) == pb.SubmitResponse()


class Bad(NamedTuple):
    """A request that is refused with INVALID_ARGUMENT, and the field that is rejected."""

    what: str
    field: str | None
    request: pb.SubmitRequest | bytes


def _one(**fields: Any) -> pb.SubmitRequest:
    return pb.SubmitRequest(results=[result(**fields)])


def _entry(**fields: Any) -> pb.SubmitRequest:
    return pb.SubmitRequest(entries=[entry(**fields)])


BAD = [
    Bad("no message at all", None, b"\xff\xff\xff\xff"),
    Bad("JSON", None, b'{"results": []}'),
    Bad("a message that breaks off", None, _one().SerializeToString()[:-3]),
    Bad("a text that is not UTF-8", None, b"\x0a\x04\x12\x02\xff\xfe"),
    Bad("an empty result", "unit", pb.SubmitRequest(results=[pb.Result()])),
    Bad("an unknown sport", "sport", _one(sport="chess")),
    Bad("an unknown faculty", "faculty", _one(faculty="law")),
    Bad("no faculty", "faculty", _one(faculty="")),
    Bad("no competitor", "competitor", pb.SubmitRequest(results=[pb.Result(
        sport="swimming", unit="a", faculty="engineering", mark="1")])),
    Bad("a competitor without an id", "competitor.id", _one(competitor={"name": "Ana"})),
    Bad("an age of -1", "competitor.age", _one(competitor={"id": "8", "age": -1})),
    Bad("a mark that is a word", "mark", _one(mark="fast")),
    Bad("NaN", "mark", _one(mark="NaN")),
    Bad("rank 0", "rank", _one(rank=0)),
    Bad("version 0", "version", _one(version=0)),
    Bad("version 2 to the 60", "version", _one(version=2**60)),
    Bad("an unknown phase", "phase", _one(phase="quarter-final")),
    Bad("an unknown outcome", "outcome", _one(outcome="checkmate")),
    Bad("an unknown medal", "medal", _one(medal="lead")),
    Bad("an unknown status", "status", _one(status="maybe")),
    Bad("a unit of 129 letters", "unit", _one(unit="x" * 129)),
    Bad("NUL in a unit", "unit", _one(unit="100m\0final")),
    Bad("a bidirectional control in a name", "competitor.name",
        _one(competitor={"id": "8", "name": "Ana\u001b"})),
    Bad("no evidence", "", _one(mark="")),
    Bad("an entry without a student", "student", _entry(student="")),
    Bad("an entry at the age of 151", "age", _entry(age=151)),
    Bad("an entry in discipline 99", "discipline", _entry(discipline="99")),
    Bad("an entry whose id is too long", "id", _entry(id="x" * 59)),
    Bad("a message above our limit", None, b"\x0a" + b"\0" * MAX_BODY),
]  # fmt: skip


def test_bad_requests_have_their_answers_and_never_reach_the_topic(
    gateway: RunningGateway, channel: Any
) -> None:
    submit = channel.unary_unary(SUBMIT)
    stream = channel.stream_unary(STREAM)
    for bad in BAD:
        data = bad.request if isinstance(bad.request, bytes) else bad.request.SerializeToString()
        for call in (lambda data=data: submit(data), lambda data=data: stream(iter([data]))):
            code, words, details = failure(call)

            assert code is grpc.StatusCode.INVALID_ARGUMENT, bad.what
            assert words, bad.what
            assert "RetryInfo" not in details, bad.what
            outcome: Any = details.get("SubmitResponse", pb.SubmitResponse())
            assert outcome.accepted == 0, bad.what
            fields = [it.field for it in outcome.rejected]
            assert fields == ([] if bad.field is None else [bad.field]), bad.what
    assert gateway.topic() == []


def test_many_rejections_are_counted_in_the_details_as_far_as_they_fit(
    gateway: RunningGateway, channel: Any
) -> None:
    request = pb.SubmitRequest(results=[result(mark="fast" * 5)] * 700)

    _code, _words, details = failure(lambda: stub_of(channel).Submit(request))

    outcome: Any = details["SubmitResponse"]
    assert outcome.rejected_count == 700
    assert 10 < len(outcome.rejected) < 700


def test_a_message_above_the_transports_limit_is_exhausted_without_a_retry(
    gateway: RunningGateway, channel: Any
) -> None:
    code, _words, details = failure(
        lambda: channel.unary_unary(SUBMIT)(b"\0" * (MAX_BODY + 200_000))
    )

    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert details == {}


def test_an_empty_idempotency_key_is_refused(gateway: RunningGateway, channel: Any) -> None:
    code, _words, _details = failure(
        lambda: stub_of(channel).Submit(_entry(), metadata=(("idempotency-key", " "),))
    )

    assert code is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    "method", ["/medallero.v1.ResultIntake/Delete", "/disciplines.Swimming/SendStudent"]
)
def test_an_unknown_method_is_unimplemented_and_told_which_there_are(
    gateway: RunningGateway, channel: Any, method: str
) -> None:
    for call in (
        lambda: channel.unary_unary(method)(b"x"),
        lambda: list(channel.unary_stream(method)(b"x")),
        lambda: channel.stream_unary(method)(iter([b"x"])),
        lambda: list(channel.stream_stream(method)(iter([b"x"]))),
    ):
        code, words, _details = failure(call)

        assert code is grpc.StatusCode.UNIMPLEMENTED
        assert method in words
        assert "medallero.v1.ResultIntake, each with Submit and SubmitStream" in words
        assert "medallero.weather" not in words


def test_too_much_in_flight_is_exhausted_with_a_retry(kafka: str, redis_url: str) -> None:
    settings = settings_for(kafka, redis_url, max_in_flight=2**20)
    with (
        running(settings) as gateway,
        grpc.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel,
    ):
        data = pb.SubmitRequest(results=[result(unit="x" * 64)] * 15_000).SerializeToString()
        code, _words, details = failure(lambda: channel.unary_unary(SUBMIT)(data))

    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    retry: Any = details["RetryInfo"]
    assert retry.retry_delay.seconds == 1


def test_without_kafka_calls_are_unavailable_with_a_retry_and_health_says_so(
    redis_url: str,
) -> None:
    with (
        running(settings_for("127.0.0.1:1", redis_url), topics=False) as gateway,
        grpc.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel,
    ):
        code, _words, details = failure(
            lambda: stub_of(channel).Submit(pb.SubmitRequest(results=[result()]))
        )
        assert code is grpc.StatusCode.UNAVAILABLE
        assert "RetryInfo" in details

        health = health_pb2_grpc.HealthStub(channel)
        for service in ("", "medallero.v1.ResultIntake"):
            answer = health.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING


def test_health_is_serving_while_ready(gateway: RunningGateway, channel: Any) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    deadline = time.monotonic() + 5
    status = None
    while status != health_pb2.HealthCheckResponse.SERVING and time.monotonic() < deadline:
        status = health.Check(health_pb2.HealthCheckRequest()).status

    assert status == health_pb2.HealthCheckResponse.SERVING


def test_reflection_tells_the_services_and_their_messages(
    gateway: RunningGateway, channel: Any
) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="medallero.v1.ResultIntake"),
    ]

    listed, described = stub.ServerReflectionInfo(iter(requests))

    services = {service.name for service in listed.list_services_response.service}
    assert {"medallero.v1.ResultIntake", "grpc.health.v1.Health"} <= services
    files = described.file_descriptor_response.file_descriptor_proto
    messages = {
        message.name
        for data in files
        for message in FileDescriptorProto.FromString(data).message_type
    }
    assert "SubmitRequest" in messages


def test_a_connection_is_renewed_between_calls(kafka: str, redis_url: str) -> None:
    settings = settings_for(kafka, redis_url, grpc_connection_age=0.5)

    async def until_told_to_come_anew(channel: grpc.aio.Channel) -> None:
        state = channel.get_state()
        while state is grpc.ChannelConnectivity.READY:
            await channel.wait_for_state_change(state)
            state = channel.get_state()

    async def use(port: int) -> None:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            for _ in range(2):
                await channel.unary_unary("/grpc.health.v1.Health/Check")(b"")
                await asyncio.wait_for(until_told_to_come_anew(channel), 20)

    with running(settings) as gateway:
        asyncio.run(use(gateway.grpc_port))
