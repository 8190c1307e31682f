"""History, previews and changes of a unit, through gateways that have no worker."""

from __future__ import annotations

import asyncio
import http.client
import json
import random
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest

from contracts.raw_topic import open_topic
from contracts.unit_log import UnitLog, UnitName, UnitRecords, read_records
from gateway.auth.tokens import digest_of, line_of
from gateway.http.unit_requests import LARGEST, MOST_RESULTS, MOST_UNITS
from olympics.catalogue import load_catalogue
from olympics.recount import recount, unit_standings
from olympics.result import parse_result
from tests.integration.gateway.gateway_support import (
    Answer,
    RunningGateway,
    a_result,
    an_entry,
    running,
    settings_for,
)
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

TOKENS = "\n".join(
    (
        line_of("ana", digest_of("a")),
        line_of("ben", digest_of("b"), sports=["swimming"], kinds=["result"]),
        line_of("class", digest_of("c"), faculties=["engineering"]),
    )
)
CATALOGUE = load_catalogue()
IN_FLIGHT = "medallero_gateway_in_flight_bytes "

_units = count()


@pytest.fixture(scope="module")
def gateways(kafka: str, redis_url: str) -> Iterator[tuple[RunningGateway, RunningGateway]]:
    """Two gateways over the same topics."""
    settings = settings_for(kafka, redis_url, tokens=TOKENS)
    with running(settings) as one, running(settings) as other:
        yield one, other


@pytest.fixture
def gateway(gateways: tuple[RunningGateway, RunningGateway]) -> RunningGateway:
    return gateways[0]


def a_unit() -> str:
    """Return the name of a unit that no other test uses."""
    return f"heat {next(_units)} / pool 1"


def post(gateway: RunningGateway, path: str, body: Any, token: str = "a") -> Answer:
    return gateway.post(path, body, Authorization=f"Bearer {token}")


def change(gateway: RunningGateway, replaces: int, token: str = "a", **fields: Any) -> Answer:
    return post(gateway, "/v1/changes", a_result(replaces=replaces, **fields), token)


def history(gateway: RunningGateway, unit: str, token: str = "a", sport: str = "SWM") -> Any:
    path = f"/v1/history/{sport}/{unit.replace(' ', '%20')}"
    answer = gateway.send("GET", path, headers={"Authorization": f"Bearer {token}"})
    return answer.json | {"status": answer.status}


def told(log: Any, competitor: str = "8") -> list[tuple[Any, ...]]:
    """Return (version, mark, fate, senders) of each of a competitor's versions."""
    return [
        (
            it["result"]["version"],
            it["result"].get("mark"),
            it["fate"] + (", conflict" if it["conflict"] else ""),
            [place["sender"] for place in it["records"]],
        )
        for it in log["competitors"][competitor]
    ]


def test_a_history_says_what_was_sent_and_by_whom(gateway: RunningGateway) -> None:
    unit = a_unit()
    for version, mark, token in ((1, "58.1", "a"), (2, "58.2", "b"), (2, "58.2", "a")):
        answer = post(
            gateway, "/v1/results", a_result(unit=unit, version=version, mark=mark), token
        )
        assert answer.status == 202

    log = history(gateway, unit)

    assert (log["sport"], log["unit"]) == ("swimming", unit)
    assert told(log) == [
        (2, "58.200", "counts", ["ben", "ana"]),
        (1, "58.100", "replaced", ["ana"]),
    ]
    places = [it for version in log["competitors"]["8"] for it in version["records"]]
    assert all(it["timestamp"] > 1_700_000_000_000 for it in places)
    # The same through the other protocol's reader of the header: none is a record's own matter.
    assert [it.headers for it in gateway.topic() if b'"58.100"' in (it.value or b"")][-1] == (
        ("sender", b"ana"),
    )


def test_a_history_goes_on_where_it_was_read_before(
    gateways: tuple[RunningGateway, RunningGateway],
) -> None:
    unit = a_unit()
    for version in range(1, 5):
        gateway = gateways[version % 2]
        post(gateway, "/v1/results", a_result(unit=unit, version=version, mark=str(50 + version)))
        for it in gateways:
            assert [row[0] for row in told(history(it, unit))] == list(range(version, 0, -1))


@pytest.mark.parametrize(
    ("token", "status"), [("c", 403), ("wrong", 403), (None, 401), ("b", 200), ("a", 200)]
)
def test_only_who_may_send_results_sees_who_sent_them(
    gateway: RunningGateway, token: str | None, status: int
) -> None:
    post(gateway, "/v1/results", a_result(unit="seen"))
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    seen = gateway.send("GET", "/v1/history/swimming/seen", headers=headers)
    preview = gateway.post("/v1/preview", {"results": []}, **headers)
    assert (seen.status, preview.status) == (status, status)
    changed = gateway.post("/v1/changes", [], **headers)
    assert changed.status == (202 if status == 200 else status), changed.body
    if status == 200:
        # No cache gives it to somebody without a token.
        told = {it.headers.get("Cache-Control") for it in (seen, preview)}
        assert told == {"no-store"}


def test_what_is_not_there_has_no_history(gateway: RunningGateway) -> None:
    assert history(gateway, "nobody swam it")["status"] == 404
    assert history(gateway, "x", sport="quidditch")["code"] == "not_found"


def test_a_change_takes_the_place_of_the_version_that_it_names(gateway: RunningGateway) -> None:
    unit = a_unit()
    assert change(gateway, 0, unit=unit, mark="58.1").status == 202
    assert change(gateway, 1, "b", unit=unit, mark="58.2").status == 202

    late = change(gateway, 1, "a", unit=unit, mark="57.9")

    assert late.status == 409
    assert (late.json["code"], late.json["retryable"]) == ("changed", False)
    (told_of,) = late.json["changed"]
    assert (told_of["index"], told_of["replaces"]) == (0, 1)
    now = told_of["now"]
    assert (now["result"]["version"], now["result"]["mark"]) == (2, "58.200")
    assert now["records"][0]["sender"] == "ben"
    log = history(gateway, unit)
    assert [row[:2] for row in told(log)] == [(2, "58.200"), (1, "58.100")]


def test_who_thinks_that_there_is_nothing_is_told_what_there_is(gateway: RunningGateway) -> None:
    unit = a_unit()
    post(gateway, "/v1/results", a_result(unit=unit, status="withdrawn", version=3))

    refused = change(gateway, 0, unit=unit, mark="58.1")
    ahead = change(gateway, 4, unit=unit, mark="58.1")

    assert [it.status for it in (refused, ahead)] == [409, 409]
    assert refused.json["changed"][0]["now"]["fate"] == "withdrawn"
    nothing = change(gateway, 1, unit=unit, competitor={"id": "9"})
    assert nothing.json["changed"] == [{"index": 0, "replaces": 1, "now": None}]


def test_a_change_that_is_sent_again_is_accepted_and_written_once(gateway: RunningGateway) -> None:
    unit = a_unit()
    both = [a_result(unit=unit, competitor={"id": it}, replaces=0) for it in ("8", "9")]
    assert post(gateway, "/v1/changes", both[0]).status == 202

    again = post(gateway, "/v1/changes", both)
    change(gateway, 1, "b", unit=unit, competitor={"id": "8"}, irm="DSQ")
    once_more = post(gateway, "/v1/changes", both)

    assert [(it.status, it.json["accepted"]) for it in (again, once_more)] == [(202, 2)] * 2
    log = history(gateway, unit)
    assert [row[0] for row in told(log)] == [2, 1]
    assert all(len(it["records"]) == 1 for its in log["competitors"].values() for it in its)


def test_all_changes_of_a_request_are_written_or_none(gateway: RunningGateway) -> None:
    unit = a_unit()
    change(gateway, 0, unit=unit)
    good = a_result(unit=unit, competitor={"id": "9"}, replaces=0)

    stale = post(gateway, "/v1/changes", [good, a_result(unit=unit, replaces=0, mark="50")])
    bad = post(gateway, "/v1/changes", [good, a_result(unit=unit, replaces=1, mark="fast")])
    twice = post(gateway, "/v1/changes", [good, good])
    foreign = post(gateway, "/v1/changes", [good, a_result(sport="boxing", replaces=0)], "b")
    plain = post(gateway, "/v1/changes", [good, a_result(unit=unit)])
    hole = post(gateway, "/v1/changes", [good, a_result(unit=unit, replaces=1, version=3)])

    assert (stale.status, stale.json["changed"][0]["index"]) == (409, 1)
    answers = (bad, twice, foreign, plain, hole)
    assert [(it.status, it.json["rejected"][0]["field"]) for it in answers] == [
        (422, "mark"),
        (422, "competitor.id"),
        (422, "sport"),
        (422, "replaces"),
        (422, "version"),
    ]
    assert list(history(gateway, unit)["competitors"]) == ["8"]


def test_the_highest_version_can_be_withdrawn(gateway: RunningGateway) -> None:
    unit, highest = a_unit(), 2**53
    before = {"version": highest, "replaces": highest - 1}
    assert post(gateway, "/v1/results", a_result(unit=unit, **before)).status == 202

    assert change(gateway, highest, unit=unit, mark="1").json["rejected"][0]["field"] == "replaces"
    assert change(gateway, highest, unit=unit, status="withdrawn").status == 202
    assert told(history(gateway, unit))[0][2] == "withdrawn"


def test_a_change_settles_a_conflict(gateway: RunningGateway) -> None:
    unit = a_unit()
    for mark in ("58.1", "58.2"):
        post(gateway, "/v1/results", a_result(unit=unit, mark=mark, version=4))
    assert sorted(row[2] for row in told(history(gateway, unit))) == [
        "counts, conflict",
        "replaced, conflict",
    ]

    assert change(gateway, 4, unit=unit, mark="58.1").status == 202

    assert [row[2] for row in told(history(gateway, unit))] == ["counts", "replaced", "replaced"]


def test_of_two_changes_at_one_moment_none_is_overwritten_in_silence(
    gateways: tuple[RunningGateway, RunningGateway],
) -> None:
    unit, rounds = a_unit(), 25
    passed = 0
    with ThreadPoolExecutor(2) as officials:
        for version in range(rounds):
            both = [
                officials.submit(change, gateway, version, token, unit=unit, mark=mark)
                for gateway, token, mark in zip(gateways, "ab", ("58.1", "58.2"), strict=True)
            ]
            statuses = sorted(it.result().status for it in both)
            log = history(gateways[0], unit)
            of_this = [it for it in log["competitors"]["8"] if it["result"]["version"] > version]
            # One is first. The other is told, whether it was written or not.
            assert statuses == [202, 409]
            assert all(it["conflict"] for it in of_this) is (len(of_this) > 1)
            late = next(it.result().json for it in both if it.result().status == 409)
            assert ("accepted" in late) is (len(of_this) > 1)
            (rival,) = late["changed"]
            assert rival["now"]["result"]["version"] == version + 1
            passed += len(of_this) > 1
    assert passed < rounds  # mostly nothing is written


def test_in_one_gateway_changes_take_turns(gateway: RunningGateway) -> None:
    unit = a_unit()
    with ThreadPoolExecutor(8) as officials:
        marks = [str(50 + it) for it in range(8)]
        sent = officials.map(lambda mark: change(gateway, 0, unit=unit, mark=mark), marks)
        statuses = [it.status for it in sent]

    assert sorted(statuses) == [202, *[409] * 7]
    assert len(told(history(gateway, unit))) == 1


def test_a_preview_ranks_what_is_sent_and_writes_nothing(gateway: RunningGateway) -> None:
    unit = a_unit()
    ends = len(gateway.topic())
    marks = ["58.1", "57.9", "59", "quick", ""]
    results = [
        a_result(unit=unit, phase="final", competitor={"id": str(it)}, mark=mark)
        for it, mark in enumerate(marks)
    ]

    answer = post(gateway, "/v1/preview", {"results": results})

    assert answer.status == 200
    (shown,) = answer.json["units"]
    assert shown["now"] is None
    assert [(it["competitor"], it["rank"], it["medal"]) for it in shown["after"]["rows"]] == [
        ("1", 1, "gold"),
        ("0", 2, "silver"),
        ("2", 3, "bronze"),
    ]
    assert answer.json["medals"] == [
        {"faculty": "engineering", "gold": 1, "silver": 1, "bronze": 1}
    ]
    assert [(it["index"], it["field"]) for it in answer.json["rejected"]] == [(3, "mark"), (4, "")]
    assert len(gateway.topic()) == ends


def test_a_preview_stands_beside_what_is_there(gateway: RunningGateway) -> None:
    unit = a_unit()
    for competitor, mark in (("1", "58.1"), ("2", "58.2")):
        post(
            gateway,
            "/v1/results",
            a_result(unit=unit, phase="final", competitor={"id": competitor}, mark=mark),
        )
    wanted = [
        a_result(unit=unit, phase="final", competitor={"id": "1"}, irm="DSQ", replaces=1),
        a_result(unit=unit, phase="final", competitor={"id": "3"}, faculty="agronomy", mark="58"),
        a_result(unit=unit, phase="final", competitor={"id": "2"}, mark="50", replaces=7),
    ]

    answer = post(gateway, "/v1/preview", {"results": wanted, "beside": True}).json

    (shown,) = answer["units"]
    assert [(it["competitor"], it["medal"]) for it in shown["now"]["rows"]] == [
        ("1", "gold"),
        ("2", "silver"),
    ]
    assert answer["changed"][0] | {"now": None} == {"index": 2, "replaces": 7, "now": None}
    assert [(it["competitor"], it["medal"]) for it in shown["after"]["rows"][:2]] == [
        ("2", "gold"),
        ("3", "silver"),
    ]


def test_a_preview_is_what_the_oracle_says(gateway: RunningGateway) -> None:
    chance = random.Random(23)
    for _ in range(20):
        unit = a_unit()
        results = [
            a_result(
                unit=unit,
                phase="final",
                competitor={"id": str(it)},
                faculty=chance.choice(["engineering", "agronomy"]),
                mark=chance.choice(["58.1", "58.2", "58.3", "58.4"]),
                rank=chance.choice([None, None, None, 1, 2]),
                irm=chance.choice([None, None, None, "DNS", "DSQ", "EXH"]),
                status=chance.choice(["official", "official", "unofficial"]),
            )
            for it in range(chance.randint(1, 9))
        ]
        expected = unit_standings([parse_result(it, CATALOGUE) for it in results], CATALOGUE)

        answer = post(gateway, "/v1/preview", {"results": results}).json

        (shown,) = answer["units"]
        assert [
            (it["rank"], it["competitor"], it["split"], it["medal"])
            for it in shown["after"]["rows"]
        ] == [(it.rank, it.competitor, it.split, it.medal) for it in expected]
        counted = recount([json.dumps(msg).encode() for msg in map(canonical, results)], CATALOGUE)
        assert {
            it["faculty"]: (it["gold"], it["silver"], it["bronze"]) for it in answer["medals"]
        } == {
            faculty: (it.gold, it.silver, it.bronze)
            for faculty, it in counted.by_faculty().items()
            if it.gold or it.silver or it.bronze
        }


def canonical(result: dict[str, Any]) -> Any:
    from olympics.result import encode

    return json.loads(encode(parse_result(result, CATALOGUE)))


@pytest.mark.parametrize("path", ["/v1/preview", "/v1/changes"])
def test_what_is_too_much_is_refused(gateway: RunningGateway, path: str) -> None:
    def asked(results: list[Any]) -> Answer:
        return post(gateway, path, {"results": results} if path == "/v1/preview" else results)

    many = [a_result(competitor={"id": str(it)}, replaces=0) for it in range(MOST_RESULTS + 1)]
    for it in many:
        del it["competitor"]["id"]
    units = [a_result(unit=f"unit {it}", replaces=0) for it in range(MOST_UNITS + 1)]

    assert asked(many).status == 413
    assert asked(units).status == 413
    assert asked([a_result(unit="x" * LARGEST)]).status == 413
    assert post(gateway, path, b"[" * 100_000).status == 400
    assert post(gateway, path, b'{"results": 7}').status in (400, 422)
    assert post(gateway, path, [an_entry()]).status in (400, 422)


def test_a_unit_that_is_too_large_is_not_ranked_beside(gateway: RunningGateway) -> None:
    unit = a_unit()
    crowd = [a_result(unit=unit, competitor={"id": str(it)}) for it in range(2500)]
    assert post(gateway, "/v1/results", crowd).json["accepted"] == 2500
    asked = {"results": [a_result(unit=unit)], "beside": True}

    assert post(gateway, "/v1/preview", asked).status == 413
    assert len(history(gateway, unit)["competitors"]) == 2500


@pytest.mark.parametrize(("most", "held"), [(3, 4), (7, 8), (20, 20)])
def test_of_a_unit_that_is_too_large_no_more_is_held_than_shows_it(
    gateway: RunningGateway, most: int, held: int
) -> None:
    name = ("swimming", a_unit())

    def sent(numbers: range) -> None:
        crowd = [a_result(unit=name[1], competitor={"id": str(it)}) for it in numbers]
        assert post(gateway, "/v1/results", crowd).json["accepted"] == len(numbers)

    async def read(known: dict[UnitName, UnitRecords]) -> dict[UnitName, UnitRecords]:
        async with open_topic(gateway.settings) as topic:
            return await read_records(topic, [name], known, most)

    sent(range(2))
    known = asyncio.run(read({}))
    sent(range(2, 20))

    assert len(known[name].records) == 2
    for before in ({}, known):
        assert len(asyncio.run(read(before))[name].records) == held


def test_a_request_that_waits_for_the_topic_is_in_flight(redis_url: str) -> None:
    asked = {"results": [a_result()], "beside": True}

    def in_flight() -> float:
        lines = waiting.send("GET", "/metrics").body.decode().splitlines()
        return max(float(it.split()[1]) for it in lines if it.startswith(IN_FLIGHT))

    # It takes connections and says nothing.
    with socket.create_server(("127.0.0.1", 0)) as kafka, ThreadPoolExecutor(1) as official:
        settings = settings_for(f"127.0.0.1:{kafka.getsockname()[1]}", redis_url)
        with running(settings, topics=False) as waiting:
            answer = official.submit(waiting.post, "/v1/preview", asked)
            wait_until(lambda: in_flight() == len(json.dumps(asked)), what=in_flight)
            kafka.close()
            assert answer.result().status == 503
            assert in_flight() == 0


def test_the_history_is_what_commands_read(gateway: RunningGateway) -> None:
    import msgspec

    unit = a_unit()
    change(gateway, 0, unit=unit, mark="58.1")
    log = msgspec.convert(history(gateway, unit), UnitLog)

    assert [it.mark for it in log.survivors()] == ["58.100"]


def test_a_browser_may_not_change_anything_from_elsewhere(gateway: RunningGateway) -> None:
    connection = gateway.connection()
    headers = {"Authorization": "Bearer a", "Origin": "https://elsewhere.example"}
    connection.request("POST", "/v1/changes", b"[]", headers)
    response: http.client.HTTPResponse = connection.getresponse()
    response.read()
    connection.close()

    assert response.status == 415
