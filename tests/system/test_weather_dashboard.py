"""What a person sees on *Weather*, of two stores that have counted the same and of two that have
not: as in `test_dashboards.py`, an emulated data source and Grafana's own library.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from redis import Redis

from grafana.generate import DIRECTORY as DASHBOARDS
from streams.weather.store import PartitionStore, PartitionWrite, ReportStore, connect
from tests.support.grafana_library import installed_library, rows, show
from tests.support.grafana_redis import execute, frame_of
from tests.support.servers import running_redis
from tests.support.valkey import running_valkey
from tests.support.weather import some_reports
from weather.counts import Counts
from weather.recount import recount
from weather.report import Report, encode
from weather.summary import Summary

pytestmark = [
    pytest.mark.system,
    pytest.mark.xdist_group("dashboards"),  # one of them installs Grafana's library
    pytest.mark.timeout(600),
]

Json = dict[str, Any]
REPORTS: Final = some_reports(500)
#: What Valkey has not counted yet.
MISSING: Final = 7
USER: Final = (Path(__file__).parents[2] / "grafana" / "redis-user.acl").read_text("utf-8").split()


@dataclass(frozen=True)
class Shown:
    """What the panels show, by title, and what the stores have counted."""

    panels: dict[str, Json]
    redis: Summary
    valkey: Summary

    def says(self, title: str) -> str:
        (one,) = self.panels[title]["display"]
        return str(one["text"])

    def color(self, title: str) -> str:
        (one,) = self.panels[title]["display"]
        return str(one["color"])


@pytest.fixture(scope="module")
def library() -> Path:
    return installed_library()


@pytest.fixture(scope="module")
def shown(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """Valkey lacks the last reports."""
    directory = tmp_path_factory.mktemp("weather")
    with running_redis(directory) as redis, running_valkey(directory) as valkey:
        asyncio.run(count_in_redis(redis.address, REPORTS))
        asyncio.run(count_in_valkey(valkey.address, REPORTS[:-MISSING]))
        yield look(library, redis.address, valkey.address, MISSING)


def test_the_stores_stand_side_by_side_and_the_difference_is_told(shown: Shown) -> None:
    assert shown.says("Reports in Redis") == "500"
    assert shown.says("Reports in Valkey") == "493"
    assert shown.says("Difference") == "7"
    assert shown.color("Difference") != shown.color("Reports in Redis")
    assert "second" in shown.says("Redis last written")
    assert "second" in shown.says("Valkey last written")
    assert shown.says("Countries") == "8"


def test_the_difference_of_equal_stores_is_zero_and_green(library: Path, tmp_path: Path) -> None:
    with running_redis(tmp_path) as redis, running_valkey(tmp_path) as valkey:
        asyncio.run(count_in_redis(redis.address, REPORTS))
        asyncio.run(count_in_valkey(valkey.address, REPORTS))
        equal = look(library, redis.address, valkey.address, 0)

    assert equal.says("Difference") == "0"
    assert equal.color("Difference") == equal.color("Reports in Redis")
    assert {it["Difference"] for it in rows(equal.panels["Countries in both stores"])} == {0}


def test_countries_are_counted_for_each_store_with_most_first(shown: Shown) -> None:
    for title, summary in (
        ("Reports by country in Redis", shown.redis),
        ("Reports by country in Valkey", shown.valkey),
    ):
        bars = [(it["title"], it["text"]) for it in shown.panels[title]["display"]]
        assert bars == [(country, str(count)) for country, count in summary.top(count=10)]
    seen = rows(shown.panels["Countries in both stores"])
    assert [(it["Country"], it["Redis"]) for it in seen] != []
    assert {it["Country"]: (it["Redis"], it["Valkey"], it["Difference"]) for it in seen} == {
        country: (count, there := dict(shown.valkey.top()).get(country, 0), count - there)
        for country, count in shown.redis.top()
    }
    assert [it["Redis"] for it in seen] == [count for _, count in shown.redis.top()]


def test_weathers_are_shown_by_country_and_for_each_store(shown: Shown) -> None:
    by_country = {it["country"]: it for it in rows(shown.panels["Weather by country"])}
    assert {
        (country, weather): int(count)
        for country, row in by_country.items()
        for weather, count in row.items()
        if weather != "country"
    } == {
        (place, weather): count
        for (kind, place, weather), count in shown.redis.pairs.items()
        if kind == "country"
    }
    seen = {
        it["weather"]: (it["Redis"], it["Valkey"])
        for it in rows(shown.panels["Reports by weather"])
    }
    assert seen == {
        weather: (count, shown.valkey.weathers[weather])
        for weather, count in shown.redis.weathers.items()
    }


def test_reports_are_shown_over_time(shown: Shown) -> None:
    columns = shown.panels["Reports a minute"]["columns"]

    assert [it["name"] for it in columns if it["type"] == "number"] == ["Redis", "Valkey"]
    moments, counts = columns[0], columns[1]
    minutes = sorted(shown.redis.minutes.items())
    assert moments["values"] == [minute * 60_000 for minute, _ in minutes]
    assert counts["values"] == [count for _, count in minutes]


def test_municipalities_have_means_extremes_and_conditions(shown: Shown) -> None:
    for measure, unit in (("temperature", " °C"), ("humidity", "%")):
        overall = shown.redis.overall(measure)
        assert overall is not None
        assert shown.says(f"Mean {measure}") == f"{overall.mean:.2f}{unit}"
        assert shown.says(f"Lowest {measure}") == f"{overall.lowest / 10:.1f}{unit}"
        assert shown.says(f"Highest {measure}") == f"{overall.highest / 10:.1f}{unit}"
    seen = {it["Municipality"]: it for it in rows(shown.panels["Municipalities"])}
    assert [*seen] == [place for place, _ in shown.redis.top("municipality")]
    for (measure, kind, place), it in shown.redis.measured.items():
        if kind == "municipality":
            row = seen[place]
            assert row[f"Mean {measure}"] == float(f"{it.mean:.2f}")
            assert row[f"Lowest {measure}"] == it.lowest / 10
            assert row[f"Highest {measure}"] == it.highest / 10
    conditions = {
        it["title"]: int(it["text"]) for it in shown.panels["Reports by condition"]["display"]
    }
    assert {weather: count for weather, count in conditions.items() if count} == {
        weather: count
        for (kind, weather), count in shown.redis.conditions.items()
        if kind == "municipality"
    }
    assert len(rows(shown.panels["Weather by municipality"])) == 4


async def count_in_redis(url: str, reports: list[Report]) -> None:
    counts = Counts()
    for report in reports:
        counts.apply(report)
    write = PartitionWrite(
        offset=len(reports), rejected=0, cells=counts.cells, full=True, token="1", expects=""
    )
    async with connect(url) as redis:
        store = PartitionStore(redis, "weather:", epoch=1, revision=1)
        assert await store.write({0: write}) == {0: "written"}


async def count_in_valkey(url: str, reports: list[Report]) -> None:
    async with connect(url) as redis:
        await ReportStore(redis, "weather:").count([(it, encode(it)) for it in reports])


def look(library: Path, redis: str, valkey: str, missing: int) -> Shown:
    clients = {"redis": as_grafana(redis), "valkey": as_grafana(valkey)}
    # The time range is that of the reports.
    ages = 10 * 365 * 86_400.0
    dashboard = json.loads((DASHBOARDS / "weather.json").read_text("utf-8"))
    panels = [it for it in dashboard["panels"] if it["type"] != "row"]
    work = [
        {
            "panel": panel,
            "frames": [
                frame_of(clients[one["datasource"]["uid"].strip("${}")], one, since=ages)
                for one in panel["targets"]
            ],
        }
        for panel in panels
    ]
    for client in clients.values():
        client.close()
    return Shown(
        show(library, work),
        recount(map(encode, REPORTS)).summary,
        recount(map(encode, REPORTS[: len(REPORTS) - missing])).summary,
    )


def as_grafana(address: str) -> Redis:
    """Make the user of `grafana/redis-user.acl`, and come as that user."""
    with Redis.from_url(address) as admin:
        execute(admin, "ACL", "SETUSER", *USER[1:])
    return Redis.from_url(address, username="grafana", password="change-me", decode_responses=True)
