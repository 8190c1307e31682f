"""Weather reports to Kafka: the contract of results, over HTTP and gRPC."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from contracts.partitioning import partition_of
from gateway.auth.tokens import digest_of, line_of
from protos.medallero.weather.v1 import report_pb2 as pb
from protos.medallero.weather.v1.report_pb2_grpc import ReportIntakeStub
from tests.integration.gateway.gateway_support import (
    LINES,
    RunningGateway,
    a_result,
    running,
    settings_for,
)
from weather.recount import recount
from weather.report import Report, decode

pytestmark = pytest.mark.integration

#: Path → the status of success.
PATHS = {"/input": 200, "/v1/reports": 202}
SERVICE = "medallero.weather.v1.ReportIntake"


@pytest.fixture(scope="module")
def gateway(kafka: str, redis_url: str) -> Iterator[RunningGateway]:
    settings = settings_for(kafka, redis_url, weather_writers="kafka", weather_partitions=3)
    with running(settings) as running_gateway:
        yield running_gateway


def a_tweet(**fields: Any) -> dict[str, Any]:
    """Return a tweet as the course's clients send it, with *fields* instead of its own."""
    return {
        "description": "Está lloviendo",
        "country": "GT",
        "weather": "Lluvioso",
        **fields,
    }


def on_topic(gateway: RunningGateway, *ids: str) -> list[Report]:
    """Return the records of the topic under *ids*, each of which lies where its key belongs."""
    found = []
    for record in gateway.reports_topic():
        assert record.key is not None
        assert record.value is not None
        report = decode(record.value)
        assert record.key == report.id.encode()
        assert record.partition == partition_of(record.key, 3)
        if report.id in ids:
            found.append(report)
    return found


@pytest.mark.parametrize("path", PATHS)
def test_an_accepted_report_is_on_the_topic(gateway: RunningGateway, path: str) -> None:
    before = time.time() * 1000

    answer = gateway.post(path, a_tweet(id=f"one {path}"))

    assert answer.status == PATHS[path]
    assert answer.json == {"accepted": 1, "minted": [], "rejected_count": 0, "rejected": []}
    (report,) = on_topic(gateway, f"one {path}")
    assert (report.place, report.weather) == ("GT", "lluvioso")
    assert before - 1 <= report.at <= time.time() * 1000


@pytest.mark.parametrize("path", PATHS)
def test_both_editions_may_come_in_one_array_and_bad_ones_are_told(
    gateway: RunningGateway, path: str
) -> None:
    measured = {"municipality": "mixco", "temperature": "22,5", "humidity": 60, "weather": "sunny"}
    ids = [f"{path} {number}" for number in range(3)]

    answer = gateway.post(
        path,
        [
            a_tweet(id=ids[0]),
            measured | {"id": ids[1]},
            a_tweet(id=ids[2], temperature="warm"),
            7,
            a_tweet(wether="x"),
        ],
    )

    assert answer.status == PATHS[path]
    assert answer.json["accepted"] == 2
    assert [(it["index"], it["id"], it["field"]) for it in answer.json["rejected"]] == [
        (2, ids[2], "temperature"),
        (3, None, ""),
        (4, None, "wether"),
    ]
    found = {it.id: it for it in on_topic(gateway, *ids)}
    assert found.keys() == set(ids[:2])
    assert (found[ids[1]].temperature, found[ids[1]].humidity) == (2_250, 6_000)


def test_a_report_without_an_id_gets_one_that_is_told(gateway: RunningGateway) -> None:
    answer = gateway.post("/input", [a_tweet(), a_tweet(id="has its own"), a_tweet()])

    minted = {it["index"]: it["id"] for it in answer.json["minted"]}
    assert minted.keys() == {0, 2}
    assert len(on_topic(gateway, *minted.values())) == 2


def test_a_retry_has_the_same_id_and_makes_no_second_count(gateway: RunningGateway) -> None:
    for _ in range(2):
        assert gateway.post("/input", a_tweet(), Idempotency_Key="retry").json["minted"] == []
        assert gateway.post("/input", [a_tweet()] * 2, Idempotency_Key="retry").status == 200

    records = [it.value for it in gateway.reports_topic() if (it.key or b"").startswith(b"retry")]
    assert len(records) == 6
    counted = recount([it for it in records if it is not None]).summary
    assert counted.reports == 3


def test_the_senders_time_is_kept(gateway: RunningGateway) -> None:
    gateway.post("/input", a_tweet(id="timed", at="2025-10-04T00:05:00Z"))

    (report,) = on_topic(gateway, "timed")
    assert report.at == 1_759_536_300_000


def test_lines_and_compressed_bodies_go_the_longer_way_to_the_same_end(
    gateway: RunningGateway,
) -> None:
    lines = "\n".join(json.dumps(a_tweet(id=f"line {number}")) for number in range(3)) + "\n{\n"

    answer = gateway.send("POST", "/v1/reports", lines, LINES)
    body = gzip.compress(json.dumps(a_tweet(id="line 3")).encode())
    packed = gateway.post("/v1/reports", body, Content_Encoding="gzip")

    assert (answer.status, answer.json["accepted"]) == (202, 3)
    assert [it["index"] for it in answer.json["rejected"]] == [3]
    assert packed.status == 202
    assert len(on_topic(gateway, *(f"line {number}" for number in range(4)))) == 4


def test_a_request_of_bad_reports_alone_is_422_and_writes_nothing(gateway: RunningGateway) -> None:
    before = len(gateway.reports_topic())

    answer = gateway.post("/input", {"country": "GT"})

    assert (answer.status, answer.json["accepted"]) == (422, 0)
    assert answer.json["rejected"][0]["field"] == "weather"
    assert len(gateway.reports_topic()) == before


def test_trace_context_goes_onto_the_records(gateway: RunningGateway) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    gateway.post("/input", a_tweet(id="traced"), traceparent=trace)

    (record,) = [it for it in gateway.reports_topic() if it.key == b"traced"]
    assert record.headers == (("traceparent", trace.encode()),)


def test_results_and_reports_are_counted_apart(gateway: RunningGateway) -> None:
    gateway.post("/v1/results", a_result())
    gateway.post("/input", a_tweet())

    metrics = gateway.send("GET", "/metrics").body.decode()

    assert 'records_accepted_total{kind="report"}' in metrics
    assert 'medallero_gateway_weather_ready{writer="kafka"} 1.0' in metrics
    assert len(gateway.topic()) == 1


def test_grpc_takes_reports_one_by_one_and_in_streams(gateway: RunningGateway) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel:
        stub: Any = ReportIntakeStub(channel)  # type: ignore[no-untyped-call]
        one = stub.Submit(
            pb.SubmitRequest(
                reports=[
                    pb.Report(
                        id="by grpc",
                        municipality="Mixco",
                        weather="foggy",
                        temperature=22.1,
                        humidity=0,
                        at=5,
                    ),
                    pb.Report(weather="x"),
                ]
            )
        )
        messages = [pb.SubmitRequest(reports=[pb.Report(country="GT", weather="x")])] * 3
        metadata = (("idempotency-key", "stream"),)
        many = stub.SubmitStream(iter(messages), metadata=metadata)
        health = health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(service=SERVICE)
        )
        with pytest.raises(grpc.RpcError) as refused:
            stub.Submit(pb.SubmitRequest(reports=[pb.Report(weather="x")]))

    assert (one.accepted, one.rejected_count, one.rejected[0].index) == (1, 1, 1)
    (report,) = on_topic(gateway, "by grpc")
    assert (report.place, report.temperature, report.humidity, report.at) == ("mixco", 2_210, 0, 5)
    assert many.accepted == 3
    assert len(on_topic(gateway, *(f"stream#{number}" for number in range(3)))) == 3
    assert health.status == health_pb2.HealthCheckResponse.SERVING
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_gateway_that_is_told_no_writer_has_no_such_paths(kafka: str, redis_url: str) -> None:
    with running(settings_for(kafka, redis_url)) as gateway:
        statuses = [gateway.post(path, a_tweet()).status for path in PATHS]
        ready = gateway.send("GET", "/readyz/weather").status
        paths = gateway.send("GET", "/openapi.json").json["paths"]
        with grpc.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel:
            stub: Any = ReportIntakeStub(channel)  # type: ignore[no-untyped-call]
            with pytest.raises(grpc.RpcError) as refused:
                stub.Submit(pb.SubmitRequest())

    assert statuses == [404, 404]
    assert ready == 404
    assert not {*PATHS, "/readyz/weather"} & paths.keys()
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_without_its_topic_reports_are_refused_and_results_are_taken(
    kafka: str, redis_url: str
) -> None:
    settings = settings_for(kafka, redis_url)
    with running(settings):  # makes the topics of results alone
        pass
    weather = settings.model_copy(update={"weather_writers": "kafka"})
    with running(weather, topics=False) as gateway:
        gateway.wait_ready()

        assert gateway.post("/v1/results", a_result()).status == 202
        refused = gateway.post("/input", a_tweet())
        assert refused.status == 503
        assert settings.weather_reports_topic in refused.json["error"]
        assert gateway.send("GET", "/readyz/weather").status == 503


def test_a_token_may_be_for_reports_alone_or_not_at_all(kafka: str, redis_url: str) -> None:
    tokens = "\n".join(
        (
            line_of("station", digest_of("station"), kinds=["report"]),
            line_of("official", digest_of("official"), kinds=["result"]),
            line_of("faculty", digest_of("faculty"), faculties=["engineering"]),
            line_of("all", digest_of("all")),
        )
    )
    settings = settings_for(kafka, redis_url, tokens=tokens, weather_writers="kafka")
    with running(settings) as gateway:
        sent = {
            (name, path): gateway.post(path, item, Authorization=f"Bearer {name}").status
            for name in ("station", "official", "faculty", "all")
            for path, item in (("/v1/results", a_result()), ("/input", a_tweet()))
        }
        unknown = gateway.post("/input", a_tweet()).status

    taken = {pair for pair, status in sent.items() if status in (200, 202)}
    assert taken == {
        ("station", "/input"),
        ("official", "/v1/results"),
        ("all", "/v1/results"),
        ("all", "/input"),
    }
    assert set(sent.values()) == {200, 202, 422}
    assert unknown == 401


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_a_file_of_tweets_can_be_sent_and_sent_again(
    gateway: RunningGateway, tmp_path: Path, protocol: str
) -> None:
    file = tmp_path / "tweets.ndjson"
    measured = {"municipality": "mixco", "temperature": "22,5", "humidity": 60, "weather": "sunny"}
    items = [a_tweet(), measured, a_tweet(at=5), {"country": "GT", "weather": ["x"]}]
    file.write_text("\n".join(map(json.dumps, items)), encoding="utf-8")
    port = gateway.http_port if protocol == "http" else gateway.grpc_port
    before = set(gateway.reports_topic())

    for _ in range(2):
        sent = subprocess.run(
            (
                *(sys.executable, "-m", "medallero", "send", str(file), "--json"),
                *("--endpoint", f"{protocol}://127.0.0.1:{port}", "--run-id", protocol),
            ),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        summary = json.loads(sent.stdout)
        assert (sent.returncode, summary["accepted"], summary["rejected"]) == (1, 3, 1)

    new = [it.value or b"" for it in gateway.reports_topic() if it not in before]
    assert len(new) == 6
    counted = recount(new).summary
    assert (counted.reports, dict(counted.weathers)) == (3, {"lluvioso": 2, "sunny": 1})
