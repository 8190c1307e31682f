"""Bad requests over HTTP, each with its exact answer; none of them reaches the topic."""

from __future__ import annotations

import gzip
import json
import socket
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.integration.gateway.gateway_support import (
    JSON,
    LINES,
    Answer,
    RunningGateway,
    a_result,
    an_entry,
    running,
    settings_for,
)

pytestmark = pytest.mark.integration

RESULTS = "/v1/results"
ENTRIES = "/v1/entries"
MAX_BODY = 2**20


class Bad(NamedTuple):
    """A request, and its answer: the status, and the code of the refusal or the field that is
    rejected."""

    what: str
    status: int
    told: str
    body: Any
    path: str = RESULTS
    method: str = "POST"
    headers: dict[str, str] = JSON


def _json(text: str) -> bytes:
    """Return a result in JSON with *text* in place of its mark."""
    return json.dumps(a_result(mark="@")).replace('"@"', text).encode()


def _encoded(encoding: str) -> dict[str, str]:
    return JSON | {"Content-Encoding": encoding}


BAD = [
    # Not JSON.
    Bad("an empty body", 400, "not_json", b""),
    Bad("no JSON at all", 400, "not_json", b"hello"),
    Bad("JSON that breaks off", 400, "not_json", b'{"sport": "swimming"'),
    Bad("an array that breaks off", 400, "not_json", b"[{}, "),
    Bad("two documents in one", 400, "not_json", b"{} {}"),
    Bad("a comment", 400, "not_json", b"{} // mine"),
    Bad("single quotes", 400, "not_json", b"{'sport': 'swimming'}"),
    Bad("NaN", 400, "not_json", _json("NaN")),
    Bad("Infinity", 400, "not_json", _json("-Infinity")),
    Bad("NaN in an array", 400, "not_json", b"[" + _json("NaN") + b"]"),
    Bad("a number beyond all bounds", 400, "not_json", _json("1e999")),
    Bad("a number of 5,000 digits", 400, "not_json", _json("1" * 5000)),
    Bad("a number with a leading zero", 400, "not_json", _json("01")),
    Bad("bytes that are not UTF-8", 400, "not_json", b'{"sport": "nataci\xf3n"}'),
    Bad("such bytes in an array", 400, "not_json", b'[{"sport": "nataci\xf3n"}]'),
    Bad("UTF-16", 400, "not_json", json.dumps(a_result()).encode("utf-16")),
    Bad("a lone surrogate", 400, "not_json", _json(r'"\ud800"')),
    Bad("a raw control character", 400, "not_json", _json('"5\n5"')),
    Bad("100,000 levels of nesting", 400, "not_json", b"[" * 100_000 + b"]" * 100_000),
    Bad("a form", 415, "wrong_type", b"sport=swimming",
        headers={"Content-Type": "application/x-www-form-urlencoded"}),
    # The wrong shape.
    Bad("null", 422, "", b"null"),
    Bad("a number", 422, "", b"42"),
    Bad("a text", 422, "", b'"swimming"'),
    Bad("an array in an array", 422, "", b"[[]]"),
    Bad("300 levels of nesting", 422, "mark", _json("[" * 300 + "]" * 300)),
    Bad("an empty object", 422, "unit", {}),
    Bad("an unknown field", 422, "colour", a_result(colour="red")),
    Bad("a field in capitals", 422, "Mark", a_result(Mark="55.78")),
    Bad("a competitor that is a text", 422, "competitor", a_result(competitor="8")),
    Bad("a competitor without an id", 422, "competitor.id", a_result(competitor={})),
    Bad("an unknown field of the competitor", 422, "competitor.shoe",
        a_result(competitor={"id": "8", "shoe": 42})),
    # Duplicate keys: the last one is in force, as in most readers of JSON; here it is bad.
    Bad("a duplicate key whose last value is bad", 422, "mark", _json('"55.78", "mark": "fast"')),
    # Wrong values.
    Bad("an unknown sport", 422, "sport", a_result(sport="chess")),
    Bad("no sport", 422, "sport", a_result(sport=None)),
    Bad("a sport that is true", 422, "sport", a_result(sport=True)),
    Bad("an unknown faculty", 422, "faculty", a_result(faculty="law")),
    Bad("a faculty of 100,000 letters", 422, "faculty", a_result(faculty="x" * 100_000)),
    Bad("a unit of 129 letters", 422, "unit", a_result(unit="x" * 129)),
    Bad("a unit that is a number", 422, "unit", a_result(unit=5)),
    Bad("NUL in a unit", 422, "unit", a_result(unit="100m\0final")),
    Bad("an escape sequence in a unit", 422, "unit", a_result(unit="100m \u001b[2J")),
    Bad("a bidirectional control in a name", 422, "competitor.name",
        a_result(competitor={"id": "8", "name": "Ana\u001b"})),
    Bad("NUL in a competitor's id", 422, "competitor.id", a_result(competitor={"id": "\0"})),
    Bad("a code of another sport", 422, "unit",
        a_result(unit="BOXM63KG".ljust(22, "-") + "FNL-000100--")),
    Bad("an age of -1", 422, "competitor.age", a_result(competitor={"id": "8", "age": -1})),
    Bad("an age of 151", 422, "competitor.age", a_result(competitor={"id": "8", "age": 151})),
    Bad("an age of 20.5", 422, "competitor.age", a_result(competitor={"id": "8", "age": 20.5})),
    Bad("a mark that is a word", 422, "mark", a_result(mark="fast")),
    Bad("a mark that is true", 422, "mark", a_result(mark=True)),
    Bad("a mark of 30 digits", 422, "mark", _json("1" * 30)),
    Bad("rank 0", 422, "rank", a_result(rank=0)),
    Bad("rank 10 to the 30", 422, "rank", a_result(rank=10**30)),
    Bad("an outcome of another game", 422, "outcome", a_result(outcome="checkmate")),
    Bad("a medal of lead", 422, "medal", a_result(medal="lead")),
    Bad("a phase that does not exist", 422, "phase", a_result(phase="quarter-final")),
    Bad("a status that does not exist", 422, "status", a_result(status="maybe")),
    Bad("version 0", 422, "version", a_result(version=0)),
    Bad("version 2 to the 60", 422, "version", a_result(version=2**60)),
    Bad("an IRM of 17 letters", 422, "irm", a_result(irm="D" * 17)),
    Bad("no evidence", 422, "", a_result(mark=None)),
    # Entries.
    Bad("an entry without a student", 422, "student", an_entry(student=""), ENTRIES),
    Bad("an entry at the age of -1", 422, "age", an_entry(age=-1), ENTRIES),
    Bad("an entry in discipline 99", 422, "discipline", an_entry(discipline=99), ENTRIES),
    Bad("an entry of no faculty", 422, "faculty", an_entry(faculty=None), ENTRIES),
    Bad("an entry whose id is an object", 422, "id", an_entry(id={}), ENTRIES),
    Bad("an entry whose id is too long", 422, "id", an_entry(id="x" * 59), ENTRIES),
    Bad("an entry whose synonyms disagree", 422, "nombre", an_entry(nombre="Eva"), ENTRIES),
    Bad("an unknown faculty at a faculty's path", 422, "faculty", an_entry(faculty="law"),
        "/agronomia"),
    Bad("an empty idempotency key", 400, "bad_request", an_entry(), ENTRIES,
        headers=JSON | {"Idempotency-Key": " "}),
    # Lines.
    Bad("lines of which none is JSON", 422, "", b"{\n}\n", headers=LINES),
    Bad("an array on a line", 422, "", b"[{}]\n", headers=LINES),
    Bad("a line that is too long", 413, "too_large", b'"' + b"x" * 70_000 + b'"\n',
        headers=LINES),
    # Sizes and encodings.
    Bad("10 MB", 413, "too_large", b" " * 10_000_000),
    Bad("a gzip bomb", 413, "too_large", gzip.compress(b" " * 50_000_000),
        headers=_encoded("gzip")),
    Bad("a deflate bomb", 413, "too_large", zlib.compress(b" " * 50_000_000),
        headers=_encoded("deflate")),
    Bad("a bomb of lines", 413, "too_large", gzip.compress(b" " * 50_000_000),
        headers=LINES | {"Content-Encoding": "gzip"}),
    Bad("gzip that is none", 400, "bad_request", b"{}", headers=_encoded("gzip")),
    Bad("gzip that breaks off", 400, "bad_request", gzip.compress(b"{}" * 1000)[:-9],
        headers=_encoded("gzip")),
    Bad("gzip with rubbish behind it", 400, "bad_request", gzip.compress(b"{}") + b"rubbish",
        headers=_encoded("gzip")),
    Bad("brotli", 415, "wrong_type", b"{}", headers=_encoded("br")),
    Bad("plain text", 415, "wrong_type", a_result(), headers={"Content-Type": "text/plain"}),
    Bad("another charset", 415, "wrong_type", a_result(),
        headers={"Content-Type": "application/json; charset=latin-1"}),
    # Methods and paths.
    Bad("GET of results", 405, "method_not_allowed", None, method="GET"),
    Bad("DELETE of entries", 405, "method_not_allowed", None, ENTRIES, "DELETE"),
    Bad("POST of the standings", 405, "method_not_allowed", {}, "/v1/standings"),
    Bad("PUT of a unit", 405, "method_not_allowed", {}, "/v1/units/swimming/a", "PUT"),
    Bad("an unknown path", 404, "not_found", {}, "/v1/result"),
    Bad("a unit of an unknown sport", 404, "not_found", None, "/v1/units/chess/a", "GET"),
    Bad("a unit without a name", 404, "not_found", None, "/v1/units/swimming/", "GET"),
    *(
        Bad(f"a page of {query}", 400, "bad_request", None, f"/v1/units/swimming/a?{query}", "GET")
        for query in (
            *("from=-1", "from=1.5", "from=", "from=%2B1", "from=1000000000", "from=%D9%A3"),
            *("limit=0", "limit=1001", "limit=all", "limit=1&limit=2", f"limit={'9' * 5000}"),
        )
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def gateway(kafka: str, redis_url: str) -> Iterator[RunningGateway]:
    settings = settings_for(kafka, redis_url, max_body=MAX_BODY, body_timeout=0.5)
    with running(settings) as running_gateway:
        yield running_gateway


@pytest.mark.parametrize("bad", BAD, ids=[bad.what for bad in BAD])
def test_a_bad_request_has_its_answer(gateway: RunningGateway, bad: Bad) -> None:
    answer = gateway.send(bad.method, bad.path, bad.body, bad.headers)

    assert answer.status == bad.status, answer.body
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Request-ID"]
    if bad.status == 422:
        assert answer.json["accepted"] == 0
        assert answer.json["rejected"][0]["field"] == bad.told, answer.json
        assert answer.json["rejected"][0]["error"]
    else:
        assert answer.json["code"] == bad.told
        assert answer.json["error"]
        assert answer.json["request_id"] == answer.headers["X-Request-ID"]
        assert answer.json["retryable"] is False
        assert "Retry-After" not in answer.headers
    if bad.status == 405:
        assert answer.headers["Allow"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("from=x&limit=10", "from: expected one whole number from 0 to 999999999"),
        ("from=5&limit=0", "limit: expected one whole number from 1 to 1000"),
    ],
)
def test_the_refusal_of_a_page_names_the_parameter(
    gateway: RunningGateway, query: str, words: str
) -> None:
    assert gateway.send("GET", f"/v1/units/swimming/a?{query}").json["error"] == words


def test_no_bad_request_reaches_the_topic(kafka: str, redis_url: str) -> None:
    with running(settings_for(kafka, redis_url, max_body=MAX_BODY)) as gateway:
        for bad in BAD:
            gateway.send(bad.method, bad.path, bad.body, bad.headers)

        assert gateway.topic() == []
        metrics = gateway.send("GET", "/metrics").body.decode()
        assert "medallero_gateway_in_flight_bytes 0.0" in metrics


RAW = [
    ("not HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ("a wrong protocol", b"POST /v1/results SPDY/9\r\n\r\n", 400),
    ("HTTP/2 in words", b"GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n", 505),
    ("no version", b"GET /healthz\r\n\r\n", (400, 505)),
    ("no host", b"GET /healthz HTTP/1.1\r\n\r\n", 400),
    ("no host, posted", b"POST /v1/results HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 400),
    (
        "two hosts",
        b"POST /v1/results HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n"
        b"Content-Length: 2\r\n\r\n{}",
        400,
    ),
    ("another host", b"GET /healthz HTTP/1.1\r\nHost: games.example\r\n\r\n", 421),
    (
        "another host, posted",
        b"POST /v1/results HTTP/1.1\r\nHost: games.example:80\r\nContent-Length: 2\r\n\r\n{}",
        421,
    ),
    (
        "a coding before the chunks",
        b"POST /v1/results HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
        b"0\r\n\r\n",
        501,
    ),
    (
        "a coding that there is not",
        b"POST /v1/results HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: cow, chunked\r\n\r\n"
        b"0\r\n\r\n",
        501,
    ),
    (
        "a tunnel",
        b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
        405,
    ),
    ("a header without a colon", b"GET / HTTP/1.1\r\nHost x\r\n\r\n", 400),
    ("a header of 100 KB", b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", 400),
    (
        "a length that is no number",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        400,
    ),
    ("a negative length", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
    (
        "two lengths",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        400,
    ),
    (
        "a chunk of no size",
        b"POST /v1/results HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        400,
    ),
    (
        "a body that does not come",
        b"POST /v1/results HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
        408,
    ),
    (
        "a body larger than it may be, announced",
        b"POST /v1/results HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n",
        413,
    ),
]


@pytest.mark.parametrize(("what", "raw", "status"), RAW, ids=[it[0] for it in RAW])
def test_what_is_hardly_http_has_its_answer_too(
    gateway: RunningGateway, what: str, raw: bytes, status: int | tuple[int, int]
) -> None:
    answer = _exchange(gateway, raw)

    assert answer.status in (status if isinstance(status, tuple) else (status,)), answer.body
    assert answer.json["error"]
    assert answer.headers["x-request-id"] == answer.json["request_id"]


def test_half_a_request_and_a_hang_up_harm_nobody(gateway: RunningGateway) -> None:
    head = b"POST /v1/results HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n"
    for raw in (b"POST /v1/res", head, head + b"{"):
        with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=10) as client:
            client.sendall(raw)

    assert gateway.send("GET", "/readyz").status == 200


def test_a_request_that_is_too_large_in_its_middle_tells_what_was_taken(
    kafka: str, redis_url: str
) -> None:
    good = [json.dumps(a_result(unit=f"u{number}")) for number in range(3)]
    lines = "\n".join([*good, "{bad", json.dumps(a_result(unit="x" * 70_000)), good[0]])
    with running(settings_for(kafka, redis_url)) as gateway:
        answer = gateway.send("POST", RESULTS, lines, LINES)

        assert (answer.status, answer.json["code"]) == (413, "too_large")
        assert answer.json["accepted"] == 3
        assert [it["index"] for it in answer.json["rejected"]] == [3]
        assert len(gateway.topic()) == 3


def _exchange(gateway: RunningGateway, raw: bytes) -> Answer:
    """Send bytes, and return the answer to them; the gateway may close before it has read all."""
    with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20) as client:
        client.sendall(raw)
        received = b""
        while b"\r\n\r\n" not in received or not received.endswith(b"}"):
            piece = client.recv(65536)
            if not piece:
                break
            received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    status_line, *header_lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in header_lines)
    return Answer(int(status_line.split()[1]), headers, body)
