"""The OpenAPI document says what the gateway does: each documented answer is provoked."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from gateway.auth.tokens import digest_of, line_of
from gateway.http.unit_requests import LARGEST
from gateway.paths import record_paths
from gateway.reading.unit_logs import MOST
from olympics.catalogue import load_catalogue
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
from tests.integration.gateway.test_reading import (
    UNIT,
    a_worker,
    as_many_questions_as_may,
    write_snapshot,
)

pytestmark = pytest.mark.integration

FURTHER = "/medicine entry faculty=agronomy, /bulk result status=200"
RECORD_PATHS = record_paths(FURTHER, load_catalogue(), reports=True)


class Gateways:
    """A gateway that has all it needs, with narrow limits; one that has neither Kafka nor Redis;
    and one that asks for a token."""

    def __init__(
        self,
        good: RunningGateway,
        lonely: RunningGateway,
        guarded: RunningGateway,
        asked: list[str],
    ) -> None:
        self.good = good
        self.lonely = lonely
        self.guarded = guarded
        #: what the worker behind the good one was asked
        self.asked = asked


@pytest.fixture(scope="module")
def gateways(kafka: str, redis_url: str) -> Iterator[Gateways]:
    good = settings_for(
        kafka,
        redis_url,
        max_body=2**21,
        max_in_flight=2**20,
        body_timeout=0.3,
        weather_writers="kafka",
        worker_timeout=60,
        standings_max_age=0,  # two tests ask the same, and each of them wants the worker asked
        paths=FURTHER,
    )
    nowhere = ("127.0.0.1:1", "redis://127.0.0.1:1/0")
    lonely = settings_for(*nowhere, max_viewers=0, weather_writers="kafka", paths=FURTHER)
    tokens = line_of("a", digest_of("right"))
    guarded = settings_for(
        *nowhere,
        tokens=tokens,
        weather_writers="kafka",
        paths=FURTHER,
        rate_requests=0.001,
        body_timeout=0.3,
    )
    with (
        a_worker() as (address, asked),
        running(good) as good_gateway,
        running(lonely, topics=False) as lonely_gateway,
        running(guarded, topics=False) as guarded_gateway,
    ):
        write_snapshot(good, dict.fromkeys(range(good.partitions), address))
        yield Gateways(good_gateway, lonely_gateway, guarded_gateway, asked)


def _stalled(gateway: RunningGateway, path: str) -> Answer:
    """Send half a body, and wait."""
    with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=10) as client:
        client.sendall(
            b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{" % path.encode()
        )
        head, _, body = client.recv(65536).partition(b"\r\n\r\n")
    status_line, *lines = head.decode().split("\r\n")
    return Answer(int(status_line.split()[1]), dict(line.split(": ", 1) for line in lines), body)


def _record_requests(path: str) -> dict[str, Callable[[Gateways], Answer]]:
    """Return, for each status of a path that takes records, a request that has it as answer."""
    it = RECORD_PATHS[path]
    items = {
        "result": a_result(),
        "entry": an_entry(faculty=None) if it.faculty else an_entry(),
        "report": {"country": "GT", "weather": "Lluvioso"},
    }
    item = items[it.kind]
    return {
        str(it.status): lambda all_: all_.good.post(path, item),
        "400": lambda all_: all_.good.post(path, b"{"),
        "401": lambda all_: all_.guarded.post(path, item),
        "403": lambda all_: all_.guarded.post(path, item, Authorization="Bearer wrong"),
        "408": lambda all_: _stalled(all_.good, path),
        "413": lambda all_: all_.good.post(path, b" " * (2**21 + 1)),
        "415": lambda all_: all_.good.send("POST", path, b"x", {"Content-Type": "text/plain"}),
        "422": lambda all_: all_.good.post(path, {}),
        "429": lambda all_: all_.good.post(path, b" " * (2**20 + 1)),
        "503": lambda all_: all_.lonely.post(path, item),
    }


def _get(path: str) -> Callable[[Gateways], Answer]:
    return lambda all_: all_.good.send("GET", path)


def _get_lonely(path: str) -> Callable[[Gateways], Answer]:
    return lambda all_: all_.lonely.send("GET", path)


def _crowded(all_: Gateways, path: str) -> Answer:
    with as_many_questions_as_may(all_.good, all_.asked):
        return all_.good.send("GET", path)


def _hurried(all_: Gateways, method: str, path: str) -> Answer:
    """Ask twice, where that is too often."""
    for _ in range(2):
        answer = all_.guarded.send(method, path, b"{}", JSON | {"Authorization": "Bearer right"})
    return answer


def _huge_unit(all_: Gateways) -> Answer:
    lines = (json.dumps(a_result(unit="huge", version=it)) for it in range(1, MOST + 2))
    assert all_.good.send("POST", "/v1/results", "\n".join(lines), LINES).status == 202
    return all_.good.send("GET", "/v1/history/swimming/huge")


def _official(path: str, good: Any, away: Any) -> dict[str, Callable[[Gateways], Answer]]:
    """Return requests for the answers that previews and changes share; *away* needs Kafka."""
    return {
        "400": lambda all_: all_.good.post(path, b"{"),
        "401": lambda all_: all_.guarded.post(path, good),
        "403": lambda all_: all_.guarded.post(path, good, Authorization="Bearer wrong"),
        "408": lambda all_: _stalled(all_.good, path),
        "413": lambda all_: all_.good.post(path, b" " * (LARGEST + 1)),
        "415": lambda all_: all_.good.send("POST", path, b"x", {"Content-Type": "text/plain"}),
        "429": lambda all_: _hurried(all_, "POST", path),
        "503": lambda all_: all_.lonely.post(path, away),
    }


_WRONG = {"Authorization": "Bearer wrong"}
_HISTORY = "/v1/history/swimming/100m%20final"
_NEW = a_result(unit="of an official", replaces=0)

REQUESTS: dict[tuple[str, str], dict[str, Callable[[Gateways], Answer]]] = {
    **{(path, "post"): _record_requests(path) for path in RECORD_PATHS},
    ("/v1/standings", "get"): {
        "200": _get("/v1/standings"),
        "503": _get_lonely("/v1/standings"),
    },
    ("/v1/latest", "get"): {
        "200": _get("/v1/latest"),
        "503": _get_lonely("/v1/latest"),
    },
    ("/v1/stream", "get"): {
        "200": lambda all_: all_.good.send("HEAD", "/v1/stream"),
        "429": _get_lonely("/v1/stream"),
    },
    ("/v1/catalogue", "get"): {"200": _get("/v1/catalogue")},
    ("/v1/events", "get"): {
        "200": _get("/v1/events?sport=swimming"),
        "400": _get("/v1/events?limit=x"),
        "429": lambda all_: _crowded(all_, "/v1/events"),
        "503": _get_lonely("/v1/events"),
    },
    ("/v1/medallists", "get"): {
        "200": _get("/v1/medallists"),
        "400": _get("/v1/medallists?faculty=nowhere"),
        "429": lambda all_: _crowded(all_, "/v1/medallists"),
        "503": _get_lonely("/v1/medallists"),
    },
    ("/v1/competitors", "get"): {
        "200": _get("/v1/competitors?name=a"),
        "400": _get("/v1/competitors?name=-"),
        "429": lambda all_: _crowded(all_, "/v1/competitors?name=a"),
        "503": _get_lonely("/v1/competitors?name=a"),
    },
    **{
        (f"/v1/{path}", "get"): {
            "200": _get(f"/v1/{known}"),
            "400": _get(f"/v1/{known}?limit=0"),
            "404": _get(f"/v1/{unknown}"),
            "429": partial(_crowded, path=f"/v1/{known}"),
            "503": _get_lonely(f"/v1/{known}"),
        }
        for path, known, unknown in (
            ("events/{sport}/{event}", "events/SWM/50%2F100%20m", "events/swimming/unheard"),
            ("competitors/{competitor}", "competitors/7", "competitors/unheard"),
            ("faculties/{faculty}", "faculties/engineering", "faculties/unheard"),
        )
    },
    ("/v1/units/{sport}/{unit}", "get"): {
        "200": _get(f"/v1/units/swimming/{UNIT['unit']}".replace(" ", "%20")),
        "400": _get("/v1/units/swimming/any?limit=0"),
        "404": _get("/v1/units/swimming/unheard"),
        "503": _get_lonely("/v1/units/swimming/any"),
    },
    ("/v1/history/{sport}/{unit}", "get"): {
        "200": lambda all_: (
            all_.good.post("/v1/results", a_result()),
            all_.good.send("GET", _HISTORY),
        )[1],
        "401": lambda all_: all_.guarded.send("GET", _HISTORY),
        "403": lambda all_: all_.guarded.send("GET", _HISTORY, headers=_WRONG),
        "404": _get("/v1/history/swimming/unheard"),
        "413": _huge_unit,
        "429": lambda all_: _hurried(all_, "GET", _HISTORY),
        "503": _get_lonely(_HISTORY),
    },
    ("/v1/preview", "post"): {
        "200": lambda all_: all_.good.post("/v1/preview", {"results": [a_result()]}),
        **_official("/v1/preview", {"results": []}, {"results": [a_result()], "beside": True}),
    },
    ("/v1/changes", "post"): {
        "202": lambda all_: all_.good.post("/v1/changes", [_NEW]),
        "409": lambda all_: all_.good.post("/v1/changes", [_NEW | {"replaces": 9}]),
        "422": lambda all_: all_.good.post("/v1/changes", [_NEW | {"mark": "fast"}]),
        **_official("/v1/changes", [_NEW], [_NEW]),
    },
    ("/healthz", "get"): {"200": _get("/healthz")},
    ("/readyz", "get"): {"200": _get("/readyz"), "503": _get_lonely("/readyz")},
    ("/readyz/weather", "get"): {
        "200": _get("/readyz/weather"),
        "503": _get_lonely("/readyz/weather"),
    },
    ("/metrics", "get"): {"200": _get("/metrics")},
    ("/openapi.json", "get"): {"200": _get("/openapi.json")},
    ("/", "get"): {"200": _get("/")},
}


@pytest.fixture(scope="module")
def document(gateways: Gateways) -> Any:
    return gateways.good.send("GET", "/openapi.json").json


def test_every_documented_answer_has_a_request_here(document: Any) -> None:
    documented = {
        (path, method): set(operation["responses"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }

    assert documented == {operation: set(statuses) for operation, statuses in REQUESTS.items()}


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [(*operation, status) for operation, statuses in REQUESTS.items() for status in statuses],
)
def test_a_documented_answer_is_given_as_documented(
    gateways: Gateways, document: Any, path: str, method: str, status: str
) -> None:
    described = document["paths"][path][method]["responses"][status]

    answer = REQUESTS[path, method][status](gateways)

    assert answer.status == int(status), answer.body
    ((media, content),) = described["content"].items()
    assert answer.headers["Content-Type"].partition(";")[0] == media
    for header in described.get("headers", {}):
        assert header in answer.headers
    if media == "application/json":
        assert complaints(document, content["schema"], answer.json) == []


def test_the_documents_examples_are_accepted(gateways: Gateways, document: Any) -> None:
    for path, it in RECORD_PATHS.items():
        content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        assert complaints(document, content["schema"], content["example"]) == []

        for body in (content["example"], [content["example"]] * 2):
            answer = gateways.good.post(path, body)
            assert (answer.status, answer.json["rejected"]) == (it.status, [])


def test_every_post_without_a_body_has_an_answer_of_the_document(
    gateways: Gateways, document: Any
) -> None:
    for path in document["paths"]:
        answer = gateways.good.send("POST", path, b"", JSON)
        assert answer.status in (400, 405), path
        schema = {"$ref": "#/components/schemas/Error"}
        assert complaints(document, schema, answer.json) == []


def test_a_request_refused_halfway_has_the_documented_shape(
    gateways: Gateways, document: Any
) -> None:
    line = json.dumps(a_result())
    answer = gateways.good.send(
        "POST",
        "/v1/results",
        f"{line}\n{'x' * 70_000}\n",
        {"Content-Type": "application/x-ndjson"},
    )

    assert (answer.status, answer.json["accepted"]) == (413, 1)
    schema = {"$ref": "#/components/schemas/PartialError"}
    assert complaints(document, schema, answer.json) == []


def complaints(document: Any, schema: Any, value: Any, where: str = "$") -> list[str]:
    """Return what is wrong with *value*, by the part of JSON Schema that the document uses."""
    if "$ref" in schema:
        target = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return complaints(document, target, value, where)
    if "oneOf" in schema:
        matching = [one for one in schema["oneOf"] if not complaints(document, one, value)]
        return [] if len(matching) == 1 else [f"{where}: {len(matching)} of oneOf match"]
    if "enum" in schema:
        return [] if value in schema["enum"] else [f"{where}: {value!r} is none of the words"]
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        return [f"{where}: {value!r} is not {kinds}"]
    found = []
    if isinstance(value, dict) and "properties" in schema:
        found += [f"{where}: no {name}" for name in schema["required"] if name not in value]
        for name, item in value.items():
            if name not in schema["properties"]:
                # What is not documented is a complaint, whatever JSON Schema says.
                found.append(f"{where}: {name} is not documented")
            else:
                found += complaints(document, schema["properties"][name], item, f"{where}.{name}")
    if isinstance(value, list):
        if len(value) > schema.get("maxItems", len(value)):
            found.append(f"{where}: {len(value)} items")
        for number, item in enumerate(value):
            found += complaints(document, schema.get("items", {}), item, f"{where}[{number}]")
    if _is(value, "number") and value < schema.get("minimum", value):
        found.append(f"{where}: {value} is too small")
    return found


def _is(value: Any, kind: str) -> bool:
    kinds: dict[str, Any] = {
        "object": dict,
        "array": list,
        "string": str,
        "boolean": bool,
        "null": type(None),
        "integer": int,
        "number": (int, float),
    }
    return isinstance(value, kinds[kind]) and not (
        isinstance(value, bool) and kind in ("integer", "number")
    )
