"""Which heads the fast lane takes, and what it remembers of them."""

from __future__ import annotations

from typing import cast

import pytest

from gateway.http.head import HEAD_LIMIT, PlainHeads
from gateway.http.rules import HttpRules
from gateway.http.submissions import RecordRequests, Route, kinds_of
from gateway.intake.results import Entries, Results
from gateway.paths import record_paths
from gateway.settings import GatewaySettings
from olympics.catalogue import load_catalogue

RECORDS = cast(RecordRequests, object())
PATHS = record_paths("", load_catalogue(), reports=False)
ROUTES = {path: Route(kinds_of(it), RECORDS, it.status) for path, it in PATHS.items()}
RULES = HttpRules(GatewaySettings())
PLAIN = {"Host": "localhost", "Content-Type": "application/json", "Content-Length": "20"}


def head(
    headers: dict[str, str] | None = None, start: str = "POST /v1/results HTTP/1.1", **more: str
) -> bytes:
    """Return a head; underscores in the names of *more* stand for hyphens."""
    fields = PLAIN if headers is None else headers
    fields = fields | {name.replace("_", "-"): value for name, value in more.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{start}\r\n{lines}\r\n".encode("utf-8", "surrogateescape")


def test_a_plain_head_says_all_that_the_lane_needs() -> None:
    raw = head(
        Authorization="Bearer abc  ",
        Idempotency_Key="clé",
        X_Request_ID="mine",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        start="POST /ingenieria HTTP/1.1",
    )

    plain = PlainHeads(1000, ROUTES, RULES).read(raw)

    assert plain is not None
    assert plain.length == 20
    assert plain.kind_of(False) == Entries("engineering", "clé", False)
    assert plain.authorization == "Bearer abc"
    assert plain.request_id == "mine"
    assert plain.trace[0][0] == "traceparent"


@pytest.mark.parametrize(
    "raw",
    [
        head({"Host": "127.0.0.1:8080", "Content-Length": "20"}),
        head(Content_Type="application/json; charset=utf-8"),
        head(Connection="Keep-Alive"),
        head(X_Empty="", Accept="*/*"),
    ],
    ids=["no type", "a charset", "kept alive", "other headers"],
)
def test_what_programs_send_is_plain(raw: bytes) -> None:
    plain = PlainHeads(1000, ROUTES, RULES).read(raw)

    assert plain is not None
    assert plain.kind_of(True) == Results()


@pytest.mark.parametrize(
    ("path", "faculty", "status"),
    [
        ("/Ingenieria", "engineering", 200),
        ("/INGENIERIA/", "engineering", 200),
        ("//ingenier%C3%ADa", "engineering", 200),
        ("/Agronomia/Add_Student", "agronomy", 200),
        ("/", None, 200),
        ("/V1/Entries/", None, 202),
    ],
)
def test_a_path_is_plain_in_any_spelling(path: str, faculty: str | None, status: int) -> None:
    plain = PlainHeads(1000, ROUTES, RULES).read(head(start=f"POST {path} HTTP/1.1"))

    assert plain is not None
    assert (plain.kind_of(False), plain.status) == (Entries(faculty), status)


NOT_PLAIN = {
    "another method": head(start="PUT /v1/results HTTP/1.1"),
    "another path": head(start="POST /v1/standings HTTP/1.1"),
    "a path that goes on": head(start="POST /v1/results/x HTTP/1.1"),
    "a query": head(start="POST /v1/results?a=b HTTP/1.1"),
    "HTTP/1.0": head(start="POST /v1/results HTTP/1.0"),
    "no host": head({"Content-Length": "20"}),
    "two hosts": head({"host": "localhost"}, **PLAIN),
    "another host": head(Host="games.example"),
    "a browser's request": head(Origin="http://localhost"),
    "a browser's mark": head(Sec_Fetch_Site="cross-site"),
    "no length": head({"Host": "localhost"}),
    "no body": head(Content_Length="0"),
    "a long body": head(Content_Length="1001"),
    "a length that is none": head(Content_Length="+20"),
    "two lengths": head().replace(b"Host: localhost", b"Content-Length: 20"),
    "chunks": head({"Host": "localhost", "Transfer-Encoding": "chunked"}),
    "chunks and a length": head(Transfer_Encoding="chunked"),
    "an encoding": head(Content_Encoding="gzip"),
    "an expectation": head(Expect="100-continue"),
    "an upgrade": head(Connection="upgrade", Upgrade="h2c"),
    "the last request": head(Connection="close"),
    "lines": head(Content_Type="application/x-ndjson"),
    "another type": head(Content_Type="text/plain"),
    "two types": head().replace(b"Host: localhost", b"content-type: text/plain"),
    "two tokens": head({"authorization": "Bearer a"}, Authorization="Bearer b", **PLAIN),
    "an empty key": head(start="POST /v1/entries HTTP/1.1", Idempotency_Key=" "),
    "a folded header": head().replace(b"Host: localhost", b"Host: localhost\r\n y"),
    "a bare line feed": head().replace(b"Host: localhost\r\n", b"Host: localhost\n\n"),
    "a space before the colon": head().replace(b"Host:", b"Host :"),
    "a control character": head(X="a\x01b"),
    "101 headers": head({f"x-{number}": "y" for number in range(101)}, **PLAIN),
}


@pytest.mark.parametrize("raw", NOT_PLAIN.values(), ids=NOT_PLAIN.keys())
def test_what_is_not_plain_is_left_to_aiohttp(raw: bytes) -> None:
    assert PlainHeads(1000, ROUTES, RULES).read(raw) is None


def test_equal_heads_are_read_once_and_those_with_an_id_of_their_own_each_time() -> None:
    heads = PlainHeads(1000, ROUTES, RULES)

    assert heads.read(head()) is heads.read(head())
    for name in ("X-Request-ID", "Idempotency-Key", "traceparent", "tracestate"):
        raw = head({**PLAIN, name: "a"})
        assert heads.read(raw) is not heads.read(raw)


def test_what_is_remembered_does_not_grow_without_bound() -> None:
    heads = PlainHeads(10**9, ROUTES, RULES)

    for number in range(1, 10_000):
        assert heads.read(head(Content_Length=str(number))) is not None
    assert heads.read(head(X="x" * 2000)) is not None

    assert len(heads._known) <= 1024
    assert sum(map(len, heads._known)) < 2**20
    assert HEAD_LIMIT < 2**14
