"""What the gateway tells: the standings of Redis, and units from the workers that own them."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from aiohttp import web
from redis import Redis

from contracts.partitioning import partition_of
from contracts.redis_keys import SnapshotKeys
from contracts.snapshot import COUNTS
from gateway.http.spreadsheets import FILES
from gateway.settings import GatewaySettings
from olympics.result import key_of
from tests.integration.gateway.gateway_support import RunningGateway, running, settings_for
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

UNIT: dict[str, Any] = {
    "sport": "swimming",
    "unit": "50/100 m",
    "title": None,
    "titles": {},
    "event": None,
    "stage": None,
    "stages": {},
    "phase": "final",
    "order": "lower",
    "recognised": True,
    "offset": 7,
    "digest": "ee0e78c7925464c4",
    "total": 0,
    "from": 0,
    "next": None,
    "rows": [],
}

_RACE: dict[str, Any] = {
    "sport": "swimming",
    "unit": "50/100 m",
    "event": None,
    "title": None,
    "titles": {},
    "stage": None,
    "stages": {},
    "phase": "final",
}
_WINNER: dict[str, Any] = {
    "rank": 1,
    "competitor": "7",
    "name": "Ana",
    "faculty": "engineering",
    "mark": "59.050",
    "mark_text": "59.05",
    "outcome": None,
    "irm": None,
    "medal": "gold",
}
_OVER = {**_RACE, "state": "official", "results": 1, "leaders": [_WINNER]}
_EVENT = {**_OVER, "conflicts": 0}
_CHANGE = {
    **_OVER,
    "change": "correction",
    "changed": _WINNER,
    "at": 1700000000.25,
    "partition": 0,
    "offset": 2,
}
#: Different questions at once that one network may ask of a gateway, which asks 32.
_QUESTIONS = 24
_PLACE = {**_WINNER, "split": "winner", "status": "official", "version": 2}
_LAST_CHANGE = {
    "competitor": "7",
    "name": "Ana",
    "faculty": "engineering",
    "status": "official",
    "version": 2,
    "offset": 5,
}
_DETAIL = {"order": "lower", "recognised": True, "rows": [_PLACE], "changes": [_LAST_CHANGE]}
_RESULT = {**_RACE, **_PLACE, "state": "official", "results": 1}
_GOLD = {"sport": "swimming", "faculty": "engineering", "gold": 1, "silver": 0, "bronze": 0}


def _counts(**fields: int) -> dict[str, int]:
    return dict.fromkeys(COUNTS, 0) | fields


def write_snapshot(
    settings: GatewaySettings,
    owners: dict[int, str] | None = None,
    updated_at: float = 1700000000.5,
) -> None:
    """Write a small snapshot, as the mirror does."""
    keys = SnapshotKeys(settings.redis_prefix)
    redis = Redis.from_url(settings.redis)
    meta = {
        "updated_at": updated_at,
        "age": "0.25",
        "snapshot": 3,
        "results": 3,
        "provisional": 0,
        "rejected": 0,
        "conflicts": 0,
        "epoch": 1,
        "rules": 1000001,
        "latest": "0123456789abcdef",
        "latest_offsets": json.dumps({"0": [2, 1000001], "1": [0, 1000001]}),
        "offsets": json.dumps({"0": [3, 1000001], "1": [0, 1000001]}),
    }
    hashes: dict[str, dict[str, Any]] = {
        keys.sport("swimming"): {"sport": "swimming", **_counts(entries=3, winners=1, gold=1)},
        keys.faculty("agronomy"): {
            "faculty": "agronomy", "rank": 2, "total": 0, **_counts(entries=2),
        },
        keys.faculty("engineering"): {
            "faculty": "engineering", "rank": 1, "total": 1, **_counts(entries=1, gold=1),
        },
        keys.pair("swimming", "engineering"): _counts(entries=1, winners=1, gold=1),
    }  # fmt: skip
    for key, mapping in {keys.meta: meta, **hashes}.items():
        redis.hset(key, mapping={name: str(value) for name, value in mapping.items()})
    redis.sadd(keys.index, *hashes)
    redis.delete(keys.latest)
    redis.xadd(keys.latest, {"at": "1", "what": "for people", "item": json.dumps(_CHANGE)})
    for partition, owner in (owners or {}).items():
        redis.hset(keys.owners, str(partition), owner)
    redis.close()


@contextmanager
def a_worker() -> Iterator[tuple[str, list[str]]]:
    """Run a worker's private HTTP that knows one unit; yield its address and what was asked.

    Questions for events that have the word "slow", and for a competitor of this name, wait until
    "go on" is put into what was asked.
    """
    asked: list[str] = []
    started = threading.Event()
    over = asyncio.Event()
    loop: asyncio.AbstractEventLoop
    address = ""

    async def unit(request: web.Request) -> web.Response:
        asked.append(request.rel_url.raw_path_qs)
        if request.match_info["unit"] == "elsewhere":
            return web.json_response({"error": "another worker owns this unit"}, status=421)
        if request.match_info["unit"] != UNIT["unit"]:
            return web.json_response({"error": "no such unit"}, status=404)
        return web.json_response(UNIT)

    async def events(request: web.Request) -> web.Response:
        question = await request.json()
        asked.append(request.path)
        if "slow" in (question.get("text"), question.get("competitor")):
            asked.append("slow")
            while "go on" not in asked:  # noqa: ASYNC110 - another thread says so
                await asyncio.sleep(0.01)
        offsets = [{"partition": it, "offset": 7, "revision": 1} for it in question["partitions"]]
        answer: dict[str, Any] = {"offsets": offsets, "total": 1, "entries": 2, "events": [_EVENT]}
        if request.path == "/medallists":
            medallists = [{**_RACE, **_WINNER}]
            answer = {"offsets": offsets, "medals": [_GOLD], "entries": [_GOLD]}
            answer["medallists"] = medallists
        elif request.path == "/event":
            known = question["event"] == UNIT["unit"]
            answer = {
                "offsets": offsets,
                "total": int(known),
                "units": [{**_EVENT, **_DETAIL}] * known,
            }
        elif request.path == "/competitor":
            names = {"7": "Ana", "slow": "Eva", "attack": "<script>alert(1)</script>"}
            name = names.get(question["competitor"])
            known = name is not None
            named = [{"name": name, "faculty": "engineering", "results": 1}]
            answer = {"offsets": offsets, "named": named * known, "medals": [_GOLD] * known}
            answer["results"] = [_RESULT] * known
        elif request.path == "/competitors":
            ana = {"competitor": "7", "name": "Ana", "faculty": "engineering"}
            answer = {"offsets": offsets, "competitors": [ana], "more": False}
        return web.json_response(answer)

    async def serve() -> None:
        nonlocal address, loop
        loop = asyncio.get_running_loop()
        application = web.Application()
        application.router.add_get("/units/{sport}/{unit:.+}", unit)
        for path in ("/events", "/medallists", "/event", "/competitor", "/competitors"):
            application.router.add_post(path, events)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        started.set()
        await over.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    started.wait()
    try:
        yield address, asked
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()


@pytest.fixture
def gateway(kafka: str, redis_url: str) -> Iterator[RunningGateway]:
    settings = settings_for(kafka, redis_url, standings_max_age=0)
    with running(settings, topics=False) as running_gateway:
        yield running_gateway


def _owners(settings: GatewaySettings, unit: str, owner: str) -> dict[int, str]:
    return {partition_of(key_of("swimming", unit), settings.partitions): owner}


def test_the_latest_changes_are_those_of_the_snapshot(gateway: RunningGateway) -> None:
    write_snapshot(gateway.settings)

    answer = gateway.send("GET", "/v1/latest")

    assert answer.status == 200
    assert answer.json == {
        "latest": [_CHANGE],
        "complete": False,
        "missing": [2, 3],
        "offsets": [
            {"partition": 0, "offset": 2, "revision": 1000001},
            {"partition": 1, "offset": 0, "revision": 1000001},
        ],
    }


def test_before_the_first_snapshot_the_standings_are_empty_and_say_so(
    gateway: RunningGateway,
) -> None:
    answer = gateway.send("GET", "/v1/standings")

    assert answer.status == 200
    assert answer.json == {
        "state": "empty",
        "age": None,
        "meta": None,
        "medal_table": [],
        "sports": [],
        "pairs": [],
    }


@pytest.mark.parametrize(("written", "state"), [(+3600, "live"), (-3600, "stale")])
def test_the_standings_are_the_snapshot_in_order(
    gateway: RunningGateway, written: int, state: str
) -> None:
    write_snapshot(gateway.settings, {0: "http://worker-1:6066"}, time.time() + written)

    answer = gateway.send("GET", "/v1/standings")

    body = answer.json
    assert (answer.status, body["state"]) == (200, state)
    assert [line["faculty"] for line in body["medal_table"]] == ["engineering", "agronomy"]
    assert body["medal_table"][0]["gold"] == 1
    assert body["sports"] == [{"sport": "swimming", **_counts(entries=3, winners=1, gold=1)}]
    assert body["pairs"][0]["faculty"] == "engineering"
    assert body["meta"]["results"] == 3
    assert body["meta"]["offsets"][0] == {"partition": 0, "offset": 3, "revision": 1000001}
    assert b"worker-1" not in answer.body  # workers are private


def test_without_redis_the_standings_are_unavailable_but_the_gateway_is_ready(kafka: str) -> None:
    with running(settings_for(kafka, "redis://127.0.0.1:1/0")) as gateway:
        answer = gateway.send("GET", "/v1/standings")

        assert (answer.status, answer.json["code"]) == (503, "unavailable")
        assert answer.headers["Retry-After"] == "1"
        assert gateway.send("GET", "/readyz").status == 200


def test_what_is_no_snapshot_is_unavailable(gateway: RunningGateway) -> None:
    keys = SnapshotKeys(gateway.settings.redis_prefix)
    with Redis.from_url(gateway.settings.redis) as redis:
        redis.hset(keys.meta, "results", "many")

    assert gateway.send("GET", "/v1/standings").status == 503


@pytest.mark.parametrize(
    "path", ["swimming/50/100%20m", "Nataci%C3%B3n/50%2F100%20m", "1/50/100%20m"]
)
def test_a_unit_is_told_by_the_worker_that_owns_it(gateway: RunningGateway, path: str) -> None:
    with a_worker() as (address, asked):
        write_snapshot(gateway.settings, _owners(gateway.settings, "50/100 m", address))

        answer = gateway.send("GET", f"/v1/units/{path}")

        assert (answer.status, answer.json) == (200, UNIT)
        assert asked == ["/units/swimming/50%2F100%20m?from=0&limit=1000"]


def test_a_page_of_a_unit_is_asked_of_the_worker(gateway: RunningGateway) -> None:
    with a_worker() as (address, asked):
        write_snapshot(gateway.settings, _owners(gateway.settings, "50/100 m", address))

        statuses = [
            gateway.send("GET", f"/v1/units/swimming/50/100%20m?{query}").status
            for query in ("from=2000&limit=10", "limit=1", "from=007", "page=2")
        ]

        assert statuses == [200] * 4
        unit = "/units/swimming/50%2F100%20m"
        assert asked == [
            f"{unit}?from=2000&limit=10",
            f"{unit}?from=0&limit=1",
            f"{unit}?from=7&limit=1000",
            f"{unit}?from=0&limit=1000",
        ]


def test_a_unit_without_results_is_not_found(gateway: RunningGateway) -> None:
    with a_worker() as (address, _asked):
        write_snapshot(gateway.settings, _owners(gateway.settings, "unheard", address))

        assert gateway.send("GET", "/v1/units/swimming/unheard").status == 404


@pytest.mark.parametrize(
    ("unit", "owner"),
    [("elsewhere", None), ("any", "http://127.0.0.1:1"), ("any", "")],
    ids=["it moved to another worker", "the worker is away", "nobody owns it"],
)
def test_a_unit_whose_worker_cannot_tell_is_unavailable(
    gateway: RunningGateway, unit: str, owner: str | None
) -> None:
    with a_worker() as (address, _asked):
        owner = address if owner is None else owner
        owners = _owners(gateway.settings, unit, owner) if owner else {}
        write_snapshot(gateway.settings, owners)

        answer = gateway.send("GET", f"/v1/units/swimming/{unit}")

        assert (answer.status, answer.json["code"]) == (503, "unavailable")
        assert answer.json["retryable"] is True


@contextmanager
def as_many_questions_as_may(gateway: RunningGateway, asked: list[str]) -> Iterator[list[int]]:
    """Keep the gateway at its limit; when that is over, yield the statuses of the answers."""
    statuses: list[int] = []
    asked.clear()
    with ThreadPoolExecutor(_QUESTIONS) as threads:
        paths = [f"/v1/events?text=slow&limit={it + 1}" for it in range(_QUESTIONS)]
        answers = [threads.submit(gateway.send, "GET", path) for path in paths]
        try:
            wait_until(
                lambda: asked.count("slow") == _QUESTIONS,
                timeout=30,
                what=lambda: f"the worker is asked: {asked}",
            )
            yield statuses
        finally:
            asked.append("go on")
        statuses += [it.result().status for it in answers]


def test_as_many_different_questions_as_may_are_asked_at_once(kafka: str, redis_url: str) -> None:
    settings = settings_for(kafka, redis_url, standings_max_age=0, worker_timeout=60)
    with a_worker() as (address, asked), running(settings, topics=False) as gateway:
        write_snapshot(settings, dict.fromkeys(range(settings.partitions), address))

        with (
            ThreadPoolExecutor(1) as threads,
            as_many_questions_as_may(gateway, asked) as statuses,
        ):
            # Who asks what is being asked already is no further question.
            same = threads.submit(gateway.send, "GET", "/v1/events?limit=1&text=slow")
            refused = gateway.send("GET", "/v1/medallists")
            other = gateway.send("GET", "/v1/medallists", source="127.0.0.2")

        assert (refused.status, refused.json["code"]) == (429, "too_busy")
        assert refused.headers["Retry-After"] == "1"
        assert other.status == 200
        assert statuses == [200] * _QUESTIONS
        assert same.result().status == 200


def test_an_answer_is_shared_for_a_moment(kafka: str, redis_url: str) -> None:
    settings = settings_for(kafka, redis_url, standings_max_age=3600)
    with a_worker() as (address, asked), running(settings, topics=False) as gateway:
        write_snapshot(settings, dict.fromkeys(range(settings.partitions), address))

        answers = [gateway.send("GET", "/v1/medallists").body for _ in range(50)]
        other = gateway.send("GET", "/v1/medallists?limit=1")

        assert (len(set(answers)), other.status) == (1, 200)
        assert asked == ["/medallists"] * 2

        # However many there are, so many are kept.
        for limit in (*range(1, 101), *range(1, 101)):
            gateway.send("GET", f"/v1/events?limit={limit}")
        assert asked.count("/events") == 200 - 62


def test_the_page_reads_the_standings(gateway: RunningGateway) -> None:
    answer: Any = gateway.send("GET", "/")

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"Medallero" in answer.body


@pytest.mark.parametrize(
    ("path", "media_type", "content"),
    [
        ("/favicon.ico", "image/svg+xml; charset=utf-8", b"<svg "),
        ("/robots.txt", "text/plain; charset=utf-8", b"User-agent: *\nDisallow: /v1/\n"),
    ],
)
def test_what_is_asked_for_unbidden_is_there(
    gateway: RunningGateway, path: str, media_type: str, content: bytes
) -> None:
    answer: Any = gateway.send("GET", path)

    assert (answer.status, answer.headers["Content-Type"]) == (200, media_type)
    assert answer.body.startswith(content)


@pytest.mark.parametrize(
    ("path", "title", "description", "root"),
    [
        ("/", None, "Live standings of the games", "./"),
        ("/?lang=es", None, "Clasificación en vivo de los juegos", "./"),
        ("/search?q=x", "Search", "Live standings of the games", "./"),
        ("/latest?lang=es", "Lo último", "Clasificación en vivo de los juegos", "./"),
        ("/sports/1", "Swimming", "Swimming: live results and medals", "../"),
        ("/sports/1?lang=es", "Natación", "Natación: resultados y medallas en vivo", "../"),
        ("/sports/chess", None, "Live standings of the games", "../"),
        ("/faculties/engineering", "Engineering", "Rank 1. Gold 1, Silver 0, Bronze 0.", "../"),
        (
            "/events/swimming/50%2F100%20m",
            "50/100 m",
            "Final. Gold: Ana (Engineering) 59.05",
            "../../",
        ),
        (
            "/events/swimming/50/100%20m?lang=es",
            "50/100 m",
            "Final. Oro: Ana (Ingeniería) 59.05",
            "../../../",
        ),
        ("/events/swimming/unheard", None, "Live standings of the games", "../../"),
        (
            "/competitors/7?lang=es",
            "Ana",
            "Ingeniería. Oro 1, Plata 0, Bronce 0. 1 resultado.",
            "../",
        ),
        ("/competitors/7", "Ana", "Engineering. Gold 1, Silver 0, Bronze 0. 1 result.", "../"),
    ],
)
def test_a_link_to_the_page_says_what_is_behind_it(
    links: RunningGateway, path: str, title: str | None, description: str, root: str
) -> None:
    answer = links.send("GET", path)

    html = answer.body.decode()
    whole = "Medallero" if title is None else f"{title} · Medallero"
    assert answer.status == 200
    assert f"<title>{whole}</title>" in html
    assert f'<meta property="og:title" content="{whole}">' in html
    assert f'<meta property="og:description" content="{description}">' in html
    assert f'<meta name="description" content="{description}">' in html
    assert html.count("description") == 2
    assert f'<base href="{root}">' in html


def test_names_in_a_link_are_text(links: RunningGateway) -> None:
    html = links.send("GET", "/competitors/attack").body.decode()

    assert "&lt;script&gt;alert(1)&lt;/script&gt; · Medallero" in html
    assert "<script>" not in html


@pytest.mark.parametrize(
    "path",
    ["medallists", "events", "events/swimming/50/100%20m", "competitors/7", "competitors/7.csv",
     "faculties/engineering", "catalogue", "units/swimming/50/100%20m", "medallists.csv"],
)  # fmt: skip
def test_who_has_an_answer_already_gets_it_no_more(links: RunningGateway, path: str) -> None:
    first = links.send("GET", f"/v1/{path}")
    tag = first.headers["ETag"]

    assert first.headers["Cache-Control"] == "public, max-age=1, stale-while-revalidate=5"
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = links.send("GET", f"/v1/{path}", headers={"If-None-Match": known})
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
        assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
    other = links.send("GET", f"/v1/{path}", headers={"If-None-Match": '"other"'})
    assert (other.status, other.body) == (200, first.body)


def test_the_standings_have_another_tag_when_they_are_others(links: RunningGateway) -> None:
    first = links.send("GET", "/v1/standings")
    assert first.headers["Cache-Control"].startswith("public, max-age=1,")
    assert first.headers["ETag"] != links.send("GET", "/v1/standings.csv").headers["ETag"]


@pytest.mark.parametrize("path", ["competitors/unheard", "events?limit=0"])
def test_a_refusal_is_not_for_caches(links: RunningGateway, path: str) -> None:
    answer = links.send("GET", f"/v1/{path}", headers={"If-None-Match": "*"})

    assert answer.status in (400, 404)
    assert not answer.headers.keys() & {"ETag", "Cache-Control"}


_HEAD = "sport,unit,title,stage,phase,rank,competitor,name,faculty,mark,outcome,irm,medal"
_LINE = "swimming,50/100 m,,,final,1,7,Ana,engineering,59.050,,,gold"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "standings",
            "rank,faculty,gold,silver,bronze,total,entries,winners,losers,ties\r\n"
            "1,engineering,1,0,0,1,1,0,0,0\r\n2,agronomy,0,0,0,0,2,0,0,0\r\n",
        ),
        ("medallists", f"{_HEAD}\r\n{_LINE}\r\n"),
        (
            "events/swimming/50/100%20m",
            f"{_HEAD},status,version\r\n{_LINE},official,2\r\n",
        ),
        ("competitors/7", f"{_HEAD},status,version\r\n{_LINE},official,2\r\n"),
    ],
)
def test_lists_are_there_for_spreadsheets(links: RunningGateway, path: str, expected: str) -> None:
    answer = links.send("GET", f"/v1/{path}.csv")
    by_header = links.send("GET", f"/v1/{path}", headers={"Accept": "text/csv;q=0.9, */*;q=0.1"})

    assert answer.status == 200
    assert answer.body.decode("utf-8-sig") == expected
    assert answer.body.startswith(b"\xef\xbb\xbf")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Vary"] == by_header.headers["Vary"] == "Accept"
    assert by_header.body == answer.body
    both = {"Accept": "application/json, text/csv"}
    json_ = links.send("GET", f"/v1/{path}", headers=both)
    assert json_.headers["Content-Type"].startswith("application/json")


def test_few_files_are_written_at_once_and_the_same_one_once(redis_url: str) -> None:
    settings = settings_for("127.0.0.1:1", redis_url, standings_max_age=0, worker_timeout=60)
    most = FILES * 3 // 4  # of one network
    paths = [f"/v1/competitors/slow.csv?limit={it + 1}" for it in range(most)]
    with (
        a_worker() as (address, asked),
        running(settings, topics=False) as gateway,
        ThreadPoolExecutor(most + 1) as readers,
    ):
        write_snapshot(settings, dict.fromkeys(range(settings.partitions), address))
        answers = [readers.submit(gateway.send, "GET", it) for it in (*paths, paths[0])]
        try:
            wait_until(lambda: asked.count("slow") == most, what=lambda: str(asked))
            refused = gateway.send("GET", "/v1/medallists.csv")
            no_file = gateway.send("GET", "/v1/medallists")
            other = gateway.send("GET", "/v1/medallists.csv", source="127.0.0.2")
        finally:
            asked.append("go on")

        assert (refused.status, refused.json["code"]) == (429, "too_busy")
        assert (no_file.status, other.status) == (200, 200)
        assert [it.result().status for it in answers] == [200] * len(answers)
        assert gateway.send("GET", "/v1/medallists.csv").status == 200


def test_a_file_of_a_list_that_is_not_whole_is_refused(redis_url: str) -> None:
    settings = settings_for("127.0.0.1:1", redis_url)
    with a_worker() as (address, _asked), running(settings, topics=False) as gateway:
        write_snapshot(settings, {0: address})

        assert gateway.send("GET", "/v1/medallists").json["complete"] is False
        answer = gateway.send("GET", "/v1/medallists.csv")

        assert (answer.status, answer.json["code"]) == (503, "unavailable")


@pytest.fixture(scope="module")
def links(redis_url: str) -> Iterator[RunningGateway]:
    """A gateway that has a snapshot and a worker to tell of, and no Kafka."""
    settings = settings_for("127.0.0.1:1", redis_url)
    with a_worker() as (address, _asked), running(settings, topics=False) as gateway:
        write_snapshot(settings, dict.fromkeys(range(settings.partitions), address))
        yield gateway


def test_head_is_get_without_a_body(gateway: RunningGateway) -> None:
    answer = gateway.send("HEAD", "/healthz")

    assert (answer.status, answer.body) == (200, b"")
