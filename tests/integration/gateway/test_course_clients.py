"""What the course's clients send, to every path of theirs: each item is counted, as what it is."""

from __future__ import annotations

import http.client
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.paths import COURSE, canonical_path
from gateway.settings import GatewaySettings
from load.clients import VARIANTS, Kind, Pair, Request, requests, table
from tests.integration.gateway.gateway_support import JSON, running
from tests.support.stack import StackFactory
from tests.support.weather_system import WeatherSystem, weather_settings
from weather.recount import recount

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs" / "guide" / "clients.md"

#: What a client's library may send beside the body; the last takes the connection out of the fast
#: lane. Locust's clients send these two content types, and one sends none.
HEADERS: tuple[dict[str, str], ...] = (
    JSON,
    {"Content-Type": "application/json; charset=utf-8", "Accept": "*/*"},
    {},
    JSON | {"Connection": "close"},
)
#: Further spellings of each path.
SPELLINGS: tuple[Callable[[str], str], ...] = (
    str,
    str.upper,
    lambda path: f"{path}/",
    lambda path: f"/{path}",  # a host that ends in a slash
    lambda path: f"{path}?run=1",
)

Post = Callable[[str, bytes, dict[str, str]], tuple[int, Any]]


def test_there_is_a_variant_for_every_path_of_the_course() -> None:
    assert {canonical_path(it.path) for it in requests()} == COURSE.keys()


@pytest.mark.parametrize("kind", ["entries", "reports"])
def test_the_guide_has_the_table_of_what_is_tried_here(kind: Kind) -> None:
    assert table(kind) in GUIDE.read_text("utf-8"), "python load/clients.py --table prints it"


def test_the_guide_has_no_other_path_than_the_gateway() -> None:
    cells = re.findall(r"^\| (`/[^|]*)", GUIDE.read_text("utf-8"), re.MULTILINE)
    told = {path for cell in cells for path in re.findall(r"`([^`]+)`", cell)}

    assert {canonical_path(path) for path in told} == COURSE.keys()


@pytest.mark.parametrize(("readme", "paths"), [("README.md", "paths"), ("README.es.md", "rutas")])
def test_the_readmes_know_how_many_paths_there_are(readme: str, paths: str) -> None:
    assert f"{len(COURSE)} {paths} (" in (ROOT / readme).read_text("utf-8")


def sent(kind: Kind) -> Iterator[tuple[Request, str, dict[str, str]]]:
    """Yield each request in each spelling of its path, with each set of headers."""
    for request in requests(kind):
        for spelling in SPELLINGS:
            for headers in HEADERS:
                yield request, spelling(request.path), headers


def send_all(kind: Kind, post: Post) -> Counter[Pair]:
    """Send all requests of a kind; return how many items count for what."""
    expected: Counter[Pair] = Counter()
    for request, path, headers in sent(kind):
        body = json.dumps(request.variant.body, ensure_ascii=False).encode()
        status, answer = post(path, body, headers)
        items = len(request.variant.counts)
        assert status == 200, (path, body, headers, answer)
        assert (answer["accepted"], answer["rejected_count"]) == (items, 0), (path, body, answer)
        expected.update(request.variant.counts)
    return expected


@pytest.mark.integration
def test_each_entry_is_in_redis_as_one_of_its_sport_and_faculty(stack: StackFactory) -> None:
    games = stack()

    expected = send_all(
        "entries",
        lambda path, body, headers: _posted(games.gateway.port, path, body, headers),
    )

    snapshot = games.settled()
    assert {pair: it["entries"] for pair, it in snapshot.pairs.items() if it["entries"]} == expected
    assert snapshot.meta["rejected"] == 0


@pytest.mark.integration
def test_each_report_is_in_redis_as_one_of_its_place_and_weather(
    kafka: str, redis_url: str, tmp_path: Path
) -> None:
    settings = weather_settings(kafka=kafka, redis=redis_url)
    system = WeatherSystem(settings, tmp_path)
    system.prepare()
    shared = {name: getattr(settings, name) for name in type(settings).model_fields}
    own = {"http_port": 0, "grpc_port": 0, "weather_writers": "kafka"}
    try:
        system.add("worker")
        known = GatewaySettings.model_fields.keys()
        fields = {name: value for name, value in shared.items() if name in known}
        with running(GatewaySettings(**fields | own)) as gateway:
            expected = send_all(
                "reports",
                lambda path, body, headers: _posted(gateway.http_port, path, body, headers),
            )
            values = [record.value or b"" for record in gateway.reports_topic()]

        counted = recount(values)
        system.wait_for("kafka", counted.summary)
    finally:
        system.stop()
    pairs = {(place, it): number for (_, place, it), number in counted.summary.pairs.items()}
    assert pairs == expected
    assert counted.rejected == 0


def test_the_variants_differ_in_what_they_are() -> None:
    kinds = Counter(variant.kind for variant in VARIANTS)
    assert min(kinds.values()) >= 5
    assert len({json.dumps(variant.body) for variant in VARIANTS}) == len(VARIANTS)


def _posted(port: int, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()
