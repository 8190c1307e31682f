"""Events and medallists through the whole system: who won is what the medal table counts."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from olympics.catalogue import load_catalogue
from olympics.recount import recount, unit_standings
from olympics.result import Result, decode
from tests.paris2024 import GAMES, SPORTS, facts, odf_csv, official_medals
from tests.support.oracle import topic_records
from tests.support.stack import Stack, unique_settings
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

FINAL = "SWMM50MFR-------------FNL-000100--"
MEDALS = ("gold", "silver", "bronze")


@pytest.fixture(scope="module")
def games(kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two workers that have counted the eight sports of Paris, and some entries of the course."""
    directory = tmp_path_factory.mktemp("games")
    stack = Stack(unique_settings(kafka, redis_url, catalogue=GAMES), directory, {})
    try:
        stack.create_topics()
        stack.add_gateway()
        stack.add_worker()
        stack.add_worker()
        stack.wait_ready()
        files: list[Path] = []
        for sport in SPORTS:
            files.append(directory / f"{sport}.csv")
            files[-1].write_text(odf_csv(sport), encoding="utf-8")
        subprocess.run(
            stack.command("send", *map(str, files), "--quiet"),
            env={**os.environ, **stack.shell_environment()},
            check=True,
            timeout=300,
        )
        entries = [
            {"student": "Ana", "age": 20, "faculty": faculty, "discipline": "judo", "id": str(it)}
            for it, faculty in enumerate(["GUA", "FRA", "USA"] * 5)
        ]
        status, answer = stack.gateway.request("POST", "/v1/entries", entries)
        assert (status, answer["accepted"]) == (202, 15)
        provisional = {
            "sport": "judo", "unit": "still running", "phase": "final", "faculty": "FRA",
            "competitor": {"id": "7", "name": "Teddy"}, "rank": 1, "status": "unofficial",
        }  # fmt: skip
        assert stack.gateway.request("POST", "/v1/results", provisional)[0] == 202
        stack.settled()
        # The first question makes the list, which a busy machine does not do within one answer.
        wait_until(
            lambda: stack.gateway.request("GET", "/v1/events")[1].get("complete"),
            timeout=120,
            what="all partitions are told about",
        )
        yield stack
    finally:
        stack.stop()


def get(games: Stack, path: str, **parameters: object) -> Any:
    """Return the answer, which must count all that is on the topic."""
    status, answer = games.gateway.request("GET", f"{path}?{urlencode(parameters)}")
    assert status == 200, answer
    assert (answer["complete"], answer["missing"]) == (True, [])
    ends = games.topic_end()
    assert {it["partition"]: it["offset"] for it in answer["offsets"]} == ends
    return answer


def all_pages(games: Stack, path: str, items: str, **parameters: object) -> list[Any]:
    found: list[Any] = []
    more: dict[str, object] = {}
    while True:
        answer = get(games, path, **parameters, **more)
        found += answer[items]
        if answer["next"] is None:
            return found
        more = {"cursor": answer["next"]}


def units_of(games: Stack) -> dict[tuple[str, str], list[Result]]:
    catalogue = load_catalogue(GAMES)
    units: defaultdict[tuple[str, str], list[Result]] = defaultdict(list)
    for record in topic_records(games.settings):
        assert record.value is not None
        result = decode(record.value, catalogue)
        units[result.sport, result.unit].append(result)
    return units


def summed(rows: list[dict[str, Any]]) -> Counter[tuple[str, str, str]]:
    """Return the medals by sport, faculty and medal; those that nobody has are left out."""
    sums = {(it["sport"], it["faculty"], medal): it[medal] for it in rows for medal in MEDALS}
    return +Counter(sums)


def test_the_medallists_add_up_to_the_medal_table(games: Stack) -> None:
    medallists = all_pages(games, "/v1/medallists", "medallists", limit=77)
    told = get(games, "/v1/medallists")
    listed = Counter((it["sport"], it["faculty"], it["medal"]) for it in medallists)
    assert (
        listed
        == Counter(
            {
                (it["sport"], it["faculty"], medal): it[medal]
                for it in told["medals"]
                for medal in MEDALS
            }
        )
        - Counter()
    )
    whole = listed + Counter(
        {
            (it["sport"], it["faculty"], medal): it[medal]
            for it in told["entries"]
            for medal in MEDALS
        }
    )
    snapshot = games.snapshot()
    assert snapshot is not None
    table = Counter(
        {
            (*pair, medal): counts[medal]
            for pair, counts in snapshot.pairs.items()
            for medal in MEDALS
        }
    )
    assert whole == table - Counter()
    assert sum(whole.values()) > 300
    assert {it["sport"] for it in told["entries"]} == {"judo"}
    assert sum(it["gold"] for it in told["entries"]) > 0


@pytest.mark.parametrize("sport", SPORTS)
def test_the_medallists_of_a_sport_are_the_published_ones(games: Stack, sport: Any) -> None:
    medallists = all_pages(games, "/v1/medallists", "medallists", sport=sport)
    counted: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for it in medallists:
        counted[it["faculty"]][it["medal"]] += 1
    assert {
        committee: tuple(medals[medal] for medal in MEDALS) for committee, medals in counted.items()
    } == official_medals(sport)


def test_every_medallist_is_one_of_the_oracle(games: Stack) -> None:
    catalogue = load_catalogue(GAMES)
    expected = Counter(
        (sport, unit, row.competitor, row.medal)
        for (sport, unit), results in units_of(games).items()
        if not unit.startswith("entry/")
        for row in unit_standings(results, catalogue)
        if row.medal
    )

    medallists = all_pages(games, "/v1/medallists", "medallists")

    assert (
        Counter((it["sport"], it["unit"], it["competitor"], it["medal"]) for it in medallists)
        == expected
    )


def test_every_unit_is_an_event_once_and_entries_are_none(games: Stack) -> None:
    units = units_of(games)
    entries = {unit for unit in units if unit[1].startswith("entry/")}

    told = get(games, "/v1/events")
    events = all_pages(games, "/v1/events", "events", limit=100)

    assert sorted((it["sport"], it["unit"]) for it in events) == sorted(units.keys() - entries)
    assert (told["total"], told["entries"]) == (len(events), len(entries)) == (len(events), 15)
    assert {it["results"] for it in events} > {2, 8}
    record = recount([r.value or b"" for r in topic_records(games.settings)], load_catalogue(GAMES))
    assert sum(it["results"] for it in events) + len(entries) == record.results


def test_a_final_is_found_by_what_people_type(games: Stack) -> None:
    for text in ("50 free men", "men 50m FREESTYLE", "50 libre masculino"):
        answer = get(games, "/v1/events", sport="swimming", phase="final", text=text)
        assert [it["unit"] for it in answer["events"]] == [FINAL], text
    (event,) = answer["events"]
    assert (event["title"], event["stage"], event["state"]) == (
        "Men's 50m Freestyle",
        "Final",
        "official",
    )
    medals = {fact.rank: fact.committee for fact in facts("swimming") if fact.unit == FINAL}
    assert [(it["medal"], it["faculty"]) for it in event["leaders"]] == [
        (medal, medals[str(rank)]) for rank, medal in enumerate(MEDALS, 1)
    ]
    assert event["leaders"][0]["mark_text"] == "21.25"


def test_what_runs_is_shown_with_its_leader(games: Stack) -> None:
    answer = get(games, "/v1/events", state="provisional")
    (event,) = answer["events"]
    assert (event["unit"], event["phase"], event["state"]) == (
        "still running",
        "final",
        "provisional",
    )
    assert [(it["name"], it["medal"]) for it in event["leaders"]] == [("Teddy", None)]


def test_an_event_has_the_ranking_of_each_unit_and_its_medals(games: Stack) -> None:
    catalogue = load_catalogue(GAMES)
    code = "SWMM50MFR"
    expected = {
        unit: [(row.rank, row.competitor, row.medal, row.split) for row in rows]
        for (sport, unit), results in units_of(games).items()
        if unit.startswith(f"{code}--") and (rows := unit_standings(results, catalogue))
    }

    told = get(games, f"/v1/events/swimming/{code}")
    paged = all_pages(games, f"/v1/events/SWM/{code}", "units", limit=1)

    assert (told["event"], told["total"], told["state"]) == (code, len(expected), "official")
    assert told["units"] == paged
    assert told["units"][0]["unit"] == FINAL
    assert {
        it["unit"]: [
            (row["rank"], row["competitor"], row["medal"], row["split"]) for row in it["rows"]
        ]
        for it in told["units"]
    } == expected
    # One unit of it is the same, wherever it lies.
    status, answer = games.gateway.request("GET", f"/v1/events/swimming/{FINAL}")
    assert (status, answer["units"]) == (200, [paged[0]])


def test_every_competitor_has_the_results_and_medals_of_the_oracle(games: Stack) -> None:
    catalogue = load_catalogue(GAMES)
    rows: defaultdict[str, list[tuple[str, int | None, str | None]]] = defaultdict(list)
    for (_, unit), results in units_of(games).items():
        for row in unit_standings(results, catalogue):
            rows[row.competitor].append((unit, row.rank, row.medal))
    # Those with many results, and those with medals.
    most = sorted(rows, key=lambda it: (-len(rows[it]), it))[:8]
    for competitor in most:
        told = get(games, f"/v1/competitors/{competitor}")
        listed = [(it["unit"], it["rank"], it["medal"]) for it in told["results"]]
        assert sorted(listed, key=str) == sorted(rows[competitor], key=str)
        assert told["total"] == len(listed) == sum(it["results"] for it in told["named"])
        assert told["medals"] == {
            medal: sum(it[2] == medal for it in rows[competitor]) for medal in MEDALS
        }
        paged = all_pages(games, f"/v1/competitors/{competitor}", "results", limit=3)
        assert paged == told["results"]
    assert len(rows[most[0]]) > 5


def test_every_medallist_is_found_by_name(games: Stack) -> None:
    medallists = all_pages(games, "/v1/medallists", "medallists", sport="swimming")
    for medal in medallists[::20]:
        # As somebody types who is not sure of the order.
        name = " ".join(reversed(medal["name"].upper().split()))
        told = get(games, "/v1/competitors", name=name)
        found = [(it["competitor"], it["name"], it["faculty"]) for it in told["competitors"]]
        assert (medal["competitor"], medal["name"], medal["faculty"]) in found
    first = get(games, "/v1/competitors", name="a", limit=5)
    assert (len(first["competitors"]), first["more"]) == (5, True)


def test_a_faculty_has_its_medallists_and_what_the_standings_count(games: Stack) -> None:
    told = get(games, "/v1/faculties/FRA", limit=500)
    medallists = get(games, "/v1/medallists", faculty="FRA", limit=500)
    snapshot = games.snapshot()
    assert snapshot is not None

    for it in ("medallists", "medals", "entries", "next"):
        assert told[it] == medallists[it]
    assert {it.pop("sport"): it for it in told["sports"]} == {
        sport: counts for (sport, faculty), counts in snapshot.pairs.items() if faculty == "FRA"
    }
    (row,) = (it for it in snapshot.faculties if it["faculty"] == "FRA")
    assert (told["rank"], told["title"]) == (row["rank"], "France")


@pytest.mark.parametrize(
    "path",
    ["events/swimming/unheard", "events/chess/a", "events/swimming/SWMM51MFR", "events/swimming/",
     "competitors/unheard", "competitors/", "competitors/%00", "faculties/Atlantis"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(games: Stack, path: str) -> None:
    status, answer = games.gateway.request("GET", f"/v1/{path}")

    assert (status, answer["code"], answer["retryable"]) == (404, "not_found", False)


def command(games: Stack, *arguments: str) -> tuple[int, str, str]:
    """Run a command of the terminal; return its exit code, its output and its notes."""
    done = subprocess.run(
        games.command(*arguments),
        env={**os.environ, **games.shell_environment()},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stdout, done.stderr


def test_events_are_found_in_the_terminal(games: Stack) -> None:
    code, out, notes = command(games, "events", "50", "FREE", "men", "--phase", "final")
    assert (code, notes) == (0, "")
    assert out.splitlines() == [
        "swimming: Men's 50m Freestyle · Final",
        "  gold   Australia, AUS  21.25",
        "  silver Great Britain, GBR  21.30",
        "  bronze France, FRA  21.56",
    ]

    code, out, notes = command(games, "events", "--state", "provisional")
    assert out.splitlines() == ["judo: still running · final (provisional)", "  1.     Teddy, FRA"]

    code, out, notes = command(games, "events", "--limit", "2", "--json")
    assert [json.loads(line) for line in out.splitlines()] == get(games, "/v1/events", limit=2)[
        "events"
    ]
    assert notes.startswith("2 of ")


def test_medallists_are_listed_in_the_terminal(games: Stack) -> None:
    code, out, notes = command(games, "medallists", "--faculty", "FRA", "--json")
    assert code == 0
    assert [json.loads(line) for line in out.splitlines()] == all_pages(
        games, "/v1/medallists", "medallists", faculty="FRA"
    )
    assert notes.startswith("Beside these, entries of the course won ")

    code, out, notes = command(games, "medallists", "--sport", "boxing")
    assert out.splitlines()[0] == "gold   Uzbekistan, UZB  5.00 won  boxing: Men's 51kg · Final"
    assert len(out.splitlines()) == sum(sum(it) for it in official_medals("boxing").values())


def test_what_cannot_be_asked_is_said_in_the_terminal(games: Stack) -> None:
    code, out, notes = command(games, "events", "--sport", "chess")
    assert (code, out) == (2, "")
    assert "The gateway answered 400: sport: expected a sport of the catalogue" in notes

    code, out, notes = command(games, "medallists", "--endpoint", "http://127.0.0.1:1")
    assert (code, out) == (2, "")
    assert "Is the gateway running?" in notes

    code, out, notes = command(games, "events", "--endpoint", f"grpc://{games.grpc[0]}")
    assert (code, out) == (2, "")
    assert "over HTTP only" in notes


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        ("events", "sport", "chess"),
        ("events", "phase", "Final"),
        ("events", "state", "over"),
        ("events", "limit", "0"),
        ("events", "limit", "501"),
        ("events", "limit", "-1"),
        ("events", "limit", "ten"),
        ("events", "limit", "9" * 5000),
        ("events", "text", "x" * 101),
        ("events", "text", "\x00"),
        ("events", "cursor", "nonsense"),
        ("events", "faculty", "FRA"),
        ("medallists", "faculty", "nowhere"),
        ("medallists", "sport", "\ud7ff" * 300),
        ("medallists", "text", "a"),
        ("medallists", "limit", "1_0"),
        ("medallists", "cursor", "WzFd"),
    ],
)
def test_a_wrong_parameter_is_named(games: Stack, path: str, field: str, value: str) -> None:
    status, answer = games.gateway.request("GET", f"/v1/{path}?{urlencode({field: value})}")

    assert (status, answer["code"], answer["field"]) == (400, "bad_request", field)
    assert answer["error"].startswith(f"{field}: ")


def test_a_parameter_that_is_there_twice_is_refused(games: Stack) -> None:
    status, answer = games.gateway.request("GET", "/v1/events?sport=judo&sport=boxing")

    assert (status, answer["field"]) == (400, "sport")


def test_while_a_worker_is_away_the_answer_says_what_is_missing(games: Stack) -> None:
    whole = get(games, "/v1/events")["total"]
    games.workers[1].pause()
    try:
        status, answer = games.gateway.request("GET", "/v1/events")
        assert status == 200
        assert not answer["complete"]
        told = {it["partition"] for it in answer["offsets"]}
        assert told
        assert sorted([*told, *answer["missing"]]) == list(range(games.settings.partitions))
        assert 0 < answer["total"] < whole
    finally:
        games.workers[1].resume()
    games.wait_ready()
    games.settled()
    wait_until(
        lambda: games.gateway.request("GET", "/v1/events")[1].get("complete"),
        timeout=60,
        what="all partitions are told about",
    )
    assert get(games, "/v1/events")["total"] == whole
