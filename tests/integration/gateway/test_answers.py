"""The answers' table over HTTP, and what a 202 promises."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator

import pytest

from olympics.catalogue import load_catalogue
from olympics.entry import coin
from olympics.result import decode, encode, parse_result
from tests.integration.gateway.gateway_support import (
    LINES,
    RunningGateway,
    a_result,
    an_entry,
    running,
    settings_for,
)

pytestmark = pytest.mark.integration

CATALOGUE = load_catalogue()


@pytest.fixture
def gateway(kafka: str, redis_url: str) -> Iterator[RunningGateway]:
    with running(settings_for(kafka, redis_url)) as running_gateway:
        yield running_gateway


def test_one_result_is_on_the_topic_when_it_is_accepted(gateway: RunningGateway) -> None:
    answer = gateway.post("/v1/results", a_result(sport="Natación", mark="55,78"))

    assert answer.status == 202
    assert answer.json == {"accepted": 1, "minted": [], "rejected_count": 0, "rejected": []}
    (record,) = gateway.topic()
    expected = parse_result(a_result(sport="Natación", mark="55,78"), CATALOGUE)
    assert record.key == b"swimming/100m final"
    assert record.value == encode(expected)
    assert decode(record.value, CATALOGUE) == expected


def test_an_array_is_accepted_in_part_and_each_rejection_names_its_field(
    gateway: RunningGateway,
) -> None:
    results = [
        a_result(),
        a_result(id="mine", sport="chess"),
        a_result(unit="other"),
        a_result(competitor={"id": "8", "age": -1}),
        "not an object",
    ]

    answer = gateway.post("/v1/results", results)

    assert answer.status == 202
    assert answer.json["accepted"] == 2
    assert answer.json["rejected_count"] == 3
    told = [(it["index"], it["id"], it["field"]) for it in answer.json["rejected"]]
    assert told == [(1, "mine", "sport"), (3, None, "competitor.age"), (4, None, "")]
    assert all("expected" in it["error"] for it in answer.json["rejected"])
    assert len(gateway.topic()) == 2


def test_no_record_accepted_is_422_with_the_same_body(gateway: RunningGateway) -> None:
    answer = gateway.post("/v1/results", a_result(faculty="law"))

    assert answer.status == 422
    assert answer.json["accepted"] == 0
    assert answer.json["rejected"][0]["field"] == "faculty"
    assert gateway.topic() == []


def test_an_empty_array_is_accepted_as_nothing(gateway: RunningGateway) -> None:
    answer = gateway.post("/v1/results", [])

    assert answer.status == 202
    assert answer.json["accepted"] == 0


def test_lines_are_taken_one_by_one_and_their_numbers_are_the_index(
    gateway: RunningGateway,
) -> None:
    lines = [json.dumps(a_result()), "", "{broken", json.dumps(a_result(unit="b")), "[]"]

    answer = gateway.send("POST", "/v1/results", "\n".join(lines), LINES)

    assert answer.status == 202
    assert answer.json["accepted"] == 2
    assert [it["index"] for it in answer.json["rejected"]] == [2, 4]
    assert len(gateway.topic()) == 2


def test_lines_after_which_nothing_is_accepted_are_422(gateway: RunningGateway) -> None:
    answer = gateway.send("POST", "/v1/results", "{broken\n{broken too\n", LINES)

    assert answer.status == 422
    assert answer.json["rejected_count"] == 2


def test_more_than_a_thousand_rejections_are_counted_but_not_listed(
    gateway: RunningGateway,
) -> None:
    answer = gateway.post("/v1/results", [a_result(mark="fast")] * 1500 + [a_result()])

    assert answer.status == 202
    assert answer.json["rejected_count"] == 1500
    assert [it["index"] for it in answer.json["rejected"]] == list(range(1000))


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data, wbits=-15)),
        ("gzip", lambda data: gzip.compress(data[:100]) + gzip.compress(data[100:])),
    ],
    ids=["gzip", "deflate with its zlib header", "deflate without it", "gzip in two members"],
)
def test_compressed_bodies_are_read(
    gateway: RunningGateway, encoding: str, compress: object
) -> None:
    assert callable(compress)
    body = compress(json.dumps([a_result(unit=f"u{number}") for number in range(2000)]).encode())

    answer = gateway.send(
        "POST",
        "/v1/results",
        body,
        {"Content-Type": "application/json", "Content-Encoding": encoding},
    )

    assert (answer.status, answer.json["accepted"]) == (202, 2000)


def test_the_order_of_a_key_is_the_order_of_the_requests(gateway: RunningGateway) -> None:
    for version in range(1, 60):
        body = [a_result(version=version), a_result(version=version, competitor={"id": "9"})]
        assert gateway.post("/v1/results", body).status == 202

    found = [decode(record.value or b"", CATALOGUE) for record in gateway.topic()]

    expected = [(version, who) for version in range(1, 60) for who in ("8", "9")]
    assert [(result.version, result.competitor.id) for result in found] == expected


def test_ten_thousand_entries_fit_into_one_array(gateway: RunningGateway) -> None:
    answer = gateway.post("/v1/entries", [an_entry(id=f"e{number}") for number in range(10_000)])

    assert (answer.status, answer.json["accepted"]) == (202, 10_000)
    assert len({record.key for record in gateway.topic()}) == 10_000


def test_an_entry_without_an_id_is_minted_one_that_settles_it(gateway: RunningGateway) -> None:
    answer = gateway.post("/v1/entries", [an_entry(), an_entry(id="mine"), an_entry(age=-1)])

    assert answer.status == 202
    (minted,) = answer.json["minted"]
    assert minted["index"] == 0
    by_id = {
        result.competitor.id: result
        for result in (decode(record.value or b"", CATALOGUE) for record in gateway.topic())
    }
    assert set(by_id) == {"mine", minted["id"]}
    won = coin(minted["id"], gateway.settings.seed)
    assert by_id[minted["id"]].outcome == ("won" if won else "lost")


@pytest.mark.parametrize(
    ("path", "faculty"),
    [
        ("/ingenieria", "engineering"),
        ("/agronomia", "agronomy"),
        ("/engineering", "engineering"),
        ("/agronomy/", "agronomy"),
    ],
)
def test_a_path_of_the_course_gives_the_faculty(
    gateway: RunningGateway, path: str, faculty: str
) -> None:
    entry = {"nombre": "Ana", "edad": 21, "disciplina": "Natación"}

    answer = gateway.post(path, entry)

    assert answer.status == 200
    (record,) = gateway.topic()
    assert decode(record.value or b"", CATALOGUE).faculty == faculty


def test_the_faculty_of_the_body_counts_if_the_path_has_another(gateway: RunningGateway) -> None:
    answer = gateway.post("/agronomia", an_entry())

    assert answer.status == 200
    (record,) = gateway.topic()
    assert decode(record.value or b"", CATALOGUE).faculty == "engineering"


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("/ingeneria", "/ingenieria"),
        ("/v1/entry", "/v1/entries"),
        ("/studentss/", "/students"),
        ("/V1/Result", "/v1/results"),
    ],
)
def test_an_unknown_path_is_answered_with_the_nearest_ones(
    gateway: RunningGateway, path: str, near: str
) -> None:
    answer = gateway.post(path, an_entry())

    assert (answer.status, answer.json["code"]) == (404, "not_found")
    assert f"did you mean {near}" in answer.json["error"]
    assert len(answer.json["error"]) < 200


def test_a_path_like_no_other_is_answered_with_where_they_are(gateway: RunningGateway) -> None:
    answer = gateway.send("GET", "/wp-login.php")

    assert answer.status == 404
    assert answer.json["error"] == "there is nothing at '/wp-login.php'; see /openapi.json"


def test_a_path_of_reports_says_why_it_takes_none(gateway: RunningGateway) -> None:
    answer = gateway.post("/Clima", {"country": "GT", "weather": "sunny"})

    assert answer.status == 404
    assert "MEDALLERO_WEATHER_WRITERS" in answer.json["error"]


def test_an_idempotency_key_makes_the_retry_of_an_entry_the_same_record(
    gateway: RunningGateway,
) -> None:
    for _attempt in range(3):
        answer = gateway.post("/v1/entries", an_entry(), Idempotency_Key="k-1")
        assert (answer.status, answer.json["minted"]) == (202, [])

    records = gateway.topic()
    assert len(records) == 3
    assert len({(record.key, record.value) for record in records}) == 1
    assert records[0].key == b"swimming/entry/k-1"


def test_over_an_array_the_key_is_numbered_and_an_entrys_own_id_wins(
    gateway: RunningGateway,
) -> None:
    entries = [an_entry(), an_entry(id="own"), an_entry()]

    gateway.post("/v1/entries", entries, Idempotency_Key="k")
    gateway.post("/v1/entries", entries[:1], Idempotency_Key="k")

    keys = sorted((record.key or b"").decode() for record in gateway.topic())
    assert keys == [
        "swimming/entry/k#0",
        "swimming/entry/k#0",
        "swimming/entry/k#2",
        "swimming/entry/own",
    ]


def test_a_long_idempotency_key_works_too(gateway: RunningGateway) -> None:
    for _attempt in range(2):
        answer = gateway.post("/v1/entries", an_entry(), Idempotency_Key="0123456789abcdef" * 8)
        assert answer.status == 202

    assert len({record.key for record in gateway.topic()}) == 1


def test_old_clients_without_a_content_type_are_understood(gateway: RunningGateway) -> None:
    answer = gateway.send("POST", "/v1/results", a_result(), {})

    assert answer.status == 202


def test_the_request_id_is_returned_or_made(gateway: RunningGateway) -> None:
    given = gateway.post("/v1/results", "nonsense", X_Request_ID="abc-1")
    made = gateway.post("/v1/results", a_result(), X_Request_ID="with space")

    assert given.headers["X-Request-ID"] == "abc-1"
    assert given.json["request_id"] == "abc-1"
    assert made.headers["X-Request-ID"] not in ("", "with space")


def test_a_client_that_asks_before_it_sends_is_told_to_go_on(gateway: RunningGateway) -> None:
    import socket

    body = json.dumps(a_result()).encode()
    with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=10) as client:
        client.sendall(
            b"POST /v1/results HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        assert client.recv(1000).startswith(b"HTTP/1.1 202 ")


def test_metrics_count_what_was_taken(gateway: RunningGateway) -> None:
    gateway.post("/v1/results", [a_result(), a_result(mark="fast"), a_result(colour="red")])
    gateway.post("/v1/entries", an_entry())

    text = gateway.send("GET", "/metrics").body.decode()

    assert 'medallero_gateway_records_accepted_total{kind="result"} 1.0' in text
    assert 'medallero_gateway_records_accepted_total{kind="entry"} 1.0' in text
    assert 'medallero_gateway_records_rejected_total{field="mark",kind="result"} 1.0' in text
    assert 'medallero_gateway_records_rejected_total{field="other",kind="result"} 1.0' in text
    assert 'medallero_gateway_requests_total{answer="accepted",protocol="http"} 2.0' in text
    assert "medallero_gateway_in_flight_bytes 0.0" in text
    assert "medallero_gateway_kafka_ready 1.0" in text
