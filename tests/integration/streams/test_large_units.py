"""A unit of thousands is read in pages, from the gateway, while its results come."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

import pytest

from contracts.partitioning import partition_of
from olympics.catalogue import load_catalogue
from olympics.recount import unit_standings
from olympics.result import Result, decode, key_of, parse_result
from tests.support.oracle import topic_records, write_results
from tests.support.stack import Stack, StackFactory
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

CATALOGUE = load_catalogue()
UNIT = "10 km run"
PATH = "/v1/units/athletics/10%20km%20run"


def runners(count: int, seed: int, *, version: int = 1) -> list[Result]:
    chance = random.Random(seed)
    return [
        parse_result(
            {
                "sport": "athletics",
                "unit": UNIT,
                "phase": "final",
                "competitor": {"id": f"r{chance.randrange(3 * count)}", "name": "Ñandú Pérez"},
                "faculty": chance.choice(list(CATALOGUE.faculties)),
                "version": version,
                "status": chance.choice(["official"] * 8 + ["unofficial", "withdrawn"]),
                **chance.choice([{"irm": "DNF"}] + [{"mark": chance.randrange(1800, 4000)}] * 9),
            },
            CATALOGUE,
        )
        for _ in range(count)
    ]


def pages(games: Stack, limit: int) -> list[dict[str, Any]]:
    """Read all pages, one after the other."""
    found: list[dict[str, Any]] = []
    begin: int | None = 0
    while begin is not None:
        status, page = games.gateway.request("GET", f"{PATH}?from={begin}&limit={limit}")
        if status == 503:  # the ranking is still being made; the next question gets it
            continue
        assert status == 200, page
        found.append(page)
        begin = page["next"]
    return found


def first_page(games: Stack) -> Any:
    return games.gateway.request("GET", f"{PATH}?limit=1")[1]


@pytest.mark.parametrize(
    ("results", "competitors"),
    [
        (12_000, 8_000),
        pytest.param(150_000, 100_000, marks=[pytest.mark.soak, pytest.mark.timeout(1_200)]),
    ],
)
def test_the_pages_of_a_large_unit_are_the_oracles_ranking(
    stack: StackFactory, results: int, competitors: int
) -> None:
    games = stack()
    write_results(games.settings, runners(results, seed=1))
    games.settled()
    partition = partition_of(key_of("athletics", UNIT), games.settings.partitions)

    # when results come before, between and after the pages
    read = pages(games, 1000)
    still = len(read)
    for seed in (2, 3):
        write_results(games.settings, runners(40, seed, version=seed))
        read += pages(games, 900)
    end = games.topic_end()[partition]
    wait_until(lambda: first_page(games).get("offset") == end, what="the ranking is the newest")
    read += pages(games, 1000)

    # then every page is a page of what its offset stands for
    on_topic = topic_records(games.settings)
    rankings = {}
    for offset in {page["offset"] for page in read}:
        rankings[offset] = unit_standings(
            [decode(it.value or b"", CATALOGUE) for it in on_topic if it.offset < offset], CATALOGUE
        )
    for page in read:
        ranking = rankings[page["offset"]]
        begin, size = page["from"], len(page["rows"])
        assert page["total"] == len(ranking) > competitors
        assert page["next"] == (begin + size if begin + size < len(ranking) else None)
        assert [
            (row["rank"], row["competitor"], row["medal"], row["split"], row["status"])
            for row in page["rows"]
        ] == [
            (it.rank, it.competitor, it.medal, it.split, it.result.status)
            for it in ranking[begin : begin + size]
        ]
    # and whoever reads pages of one digest has read one ranking
    offsets = defaultdict(set)
    for page in read:
        offsets[page["digest"]].add(page["offset"])
    assert len({page["digest"] for page in read[:still]}) == 1
    assert len(offsets) > 1
    assert all(
        rankings[one] == rankings[other]
        for together in offsets.values()
        for one in together
        for other in together
    )
