"""The course's load: ten thousand entries in all the variants that its clients send."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest

from contracts.snapshot import Snapshot
from tests.support.oracle import assert_standings_equal_the_oracle
from tests.support.stack import Stack, StackFactory

pytestmark = pytest.mark.integration

TOTAL = 10_000
BATCH = 250
SINGLES_A_PATH = 50

PATHS = {
    "/v1/entries": None,
    "/ingenieria": "engineering",
    "/agronomia": "agronomy",
    "/engineering": "engineering",
    "/agronomy": "agronomy",
}
STUDENT_FIELDS = (
    ("student", "age", "faculty", "discipline"),
    ("name", "age", "faculty", "discipline"),
    ("nombre", "edad", "facultad", "disciplina"),
)
SPELLINGS = {
    "engineering": ("Ingeniería", "ingenieria", "INGENIERÍA", "engineering", "Engineering"),
    "agronomy": ("Agronomía", "agronomia", "AGRONOMÍA", "agronomy", "Agronomy"),
}
DISCIPLINES = {
    "swimming": (1, "1", "Natación", "swimming"),
    "athletics": (2, "2", "atletismo", "Athletics"),
    "boxing": (3, "3", "BOXEO", "boxing"),
}


class Request(NamedTuple):
    """A request of the load: the path, the body, and the key that makes it safe to repeat."""

    path: str
    body: Any
    key: str | None


def entry(number: int, path: str) -> tuple[dict[str, Any], tuple[str, str]]:
    """Return an entry in one of the variants, and the sport and faculty that it is for."""
    name, age, faculty, discipline = STUDENT_FIELDS[number % 3]
    sport = list(DISCIPLINES)[number % 7 % 3]
    its_faculty = PATHS[path] or list(SPELLINGS)[number % 2]
    body = {
        name: f"Álvaro Núñez {number}",
        age: 17 + number % 40,
        faculty: SPELLINGS[its_faculty][number % 5],
        discipline: DISCIPLINES[sport][number % 4],
    }
    if PATHS[path] and number % 3 == 0:
        del body[faculty]  # the path says it
    return body, (sport, its_faculty)


def load() -> tuple[list[Request], Counter[tuple[str, str]]]:
    """Return the requests, and how many entries they hold of each sport and faculty."""
    expected: Counter[tuple[str, str]] = Counter()
    requests: list[Request] = []
    numbers = itertools.count()
    for path in PATHS:
        bodies = []
        for number in itertools.islice(numbers, TOTAL // len(PATHS)):
            body, pair = entry(number, path)
            expected[pair] += 1
            bodies.append(body)
        singles, rest = bodies[:SINGLES_A_PATH], bodies[SINGLES_A_PATH:]
        requests += [Request(path, it, f"{path}-{n}") for n, it in enumerate(singles)]
        for number, batch in enumerate(_batches(rest)):
            if number % 2:
                requests.append(Request(path, batch, f"{path}-batch-{number}"))
            else:
                ids = [{**it, "id": f"{path}-{number}-{n}"} for n, it in enumerate(batch)]
                requests.append(Request(path, ids, None))
    return requests, expected


def _batches(bodies: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(bodies), BATCH):
        yield bodies[start : start + BATCH]


def send_all(games: Stack, requests: list[Request]) -> int:
    """Send all requests, several at a time; return how many entries were accepted."""

    def send(request: Request) -> int:
        headers = {"Idempotency-Key": request.key} if request.key else {}
        status, answer = games.gateway.request("POST", request.path, request.body, headers)
        assert status == (202 if request.path == "/v1/entries" else 200), answer
        assert answer["rejected_count"] == 0, answer
        assert answer["minted"] == []
        return int(answer["accepted"])

    with ThreadPoolExecutor(8) as pool:
        return sum(pool.map(send, requests))


def counts(snapshot: Snapshot) -> tuple[Any, ...]:
    """What must not change when everything is sent again."""
    return (
        snapshot.sports,
        snapshot.faculties,
        snapshot.pairs,
        {name: snapshot.meta[name] for name in ("results", "provisional", "rejected", "conflicts")},
    )


def test_ten_thousand_entries_count_once_however_often_they_are_sent(stack: StackFactory) -> None:
    games = stack()
    requests, expected = load()

    assert send_all(games, requests) == TOTAL

    once = games.settled()
    assert {pair: it["entries"] for pair, it in once.pairs.items()} == dict(expected)
    sums: Counter[str] = Counter()
    for row in once.sports.values():
        sums.update(row)
    assert sums["entries"] == sums["winners"] + sums["losers"] == TOTAL
    assert sums["gold"] == sums["winners"]
    assert sums["silver"] == sums["bronze"] == sums["ties"] == sums["did_not_start"] == 0
    # A fair coin: further off than this it falls once in a thousand million games.
    assert abs(sums["winners"] - TOTAL / 2) < 6 * (TOTAL**0.5) / 2
    assert once.meta["results"] == TOTAL

    assert send_all(games, requests) == TOTAL

    twice = games.settled()
    assert sum(offset for offset, _ in twice.offsets.values()) == 2 * TOTAL
    assert counts(twice) == counts(once)
    assert_standings_equal_the_oracle(games, twice)
