"""Weather reports as the course sends them, and what both stores say of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from typing import Any, Final

from msgspec.structs import replace
from redis import Redis

from contracts.redis_keys import WeatherKeys
from contracts.weather_store import StoredCounts, read_counts
from weather.report import Report, encode, parse_report
from weather.summary import Measured, Summary

COUNTRIES: Final = ("GT", "MX", "SV", "HN", "CR", "NI", "PA", "BZ")
TWEETED: Final = {"Lluvioso": "Está lloviendo", "Nublado": "Está nublado", "Soleado": "Hace sol"}
MUNICIPALITIES: Final = ("mixco", "guatemala", "amatitlan", "chinautla")
WEATHERS: Final = ("sunny", "cloudy", "rainy", "foggy")
_BEGIN: Final = 1_790_000_000_000


def some_reports(count: int, *, seed: int = 1) -> list[Report]:
    """Return *count* reports of both editions, of ten users in twenty minutes."""
    chance = random.Random(seed)
    reports = []
    for number in range(count):
        raw: dict[str, Any]
        if chance.random() < 0.7:
            weather = chance.choice(tuple(TWEETED))
            raw = {
                "description": TWEETED[weather],
                "country": chance.choice(COUNTRIES),
                "weather": weather,
            }
        else:
            raw = {
                "municipality": chance.choice(MUNICIPALITIES),
                "temperature": round(chance.gauss(22, 6), 2),
                "humidity": round(chance.uniform(20, 100), 2),
                "weather": chance.choice(WEATHERS),
            }
        at = _BEGIN + chance.randrange(20 * 60_000)
        report_id = f"{seed}-user{number % 10}-{number}"
        reports.append(parse_report(raw, report_id=report_id, at=at))
    return reports


def as_the_net_brings_them(reports: Iterable[Report], *, seed: int = 1) -> list[bytes]:
    """Return *reports* encoded, in any order, some twice, some with another content or time."""
    chance = random.Random(seed)
    values = []
    for report in reports:
        values.append(encode(report))
        if chance.random() < 0.1:
            values.append(values[-1])
        if chance.random() < 0.05:
            values.append(encode(replace(report, at=report.at + chance.randrange(1, 10_000))))
        if chance.random() < 0.05:
            values.append(encode(replace(report, weather="granizo")))
    chance.shuffle(values)
    return values


def stored(url: str, prefix: str) -> StoredCounts | None:
    """Read a store."""

    async def read() -> StoredCounts | None:
        from redis.asyncio import Redis as AsyncRedis

        async with AsyncRedis.from_url(url, decode_responses=True) as redis:
            return await read_counts(redis, prefix)

    return asyncio.run(read())


def tables(url: str, prefix: str) -> dict[str, Any]:
    """Read what dashboards read, in one step."""
    keys = WeatherKeys(prefix)
    names = ("countries", "weathers", "municipalities", "minutes")
    with Redis.from_url(url, decode_responses=True) as redis:
        asking = redis.pipeline(transaction=True)
        asking.hgetall(keys.meta)
        for name in names:
            asking.xrange(getattr(keys, name))
        meta, *streams = asking.execute()
    found: dict[str, Any] = {"meta": meta}
    for name, entries in zip(names, streams, strict=True):
        found[name] = entries if name == "minutes" else [fields for _, fields in entries]
    return found


def expected_tables(summary: Summary, path: str) -> dict[str, Any]:
    """Return what the tables must say of *summary*, without ``meta``."""
    rows: dict[str, list[dict[str, str]]] = {"countries": [], "municipalities": []}
    for name, kind in (("countries", "country"), ("municipalities", "municipality")):
        for rank, (place, reports) in enumerate(summary.top(kind), start=1):
            row = {kind: place, "rank": rank, "reports": reports, path: reports}
            for measure in ("temperature", "humidity"):
                row |= _columns(measure, summary.measured.get((measure, kind, place)))
            for (its_kind, its_place, weather), count in summary.pairs.items():
                if (its_kind, its_place) == (kind, place):
                    row[f"weather_{weather}"] = count
            rows[name].append({field: str(value) for field, value in row.items()})
    weathers = sorted(summary.weathers.items(), key=lambda it: (-it[1], it[0].encode()))
    return {
        **rows,
        "weathers": [
            {
                "weather": weather,
                "rank": str(rank),
                "reports": str(reports),
                path: str(reports),
                "countries": str(summary.conditions.get(("country", weather), 0)),
                "municipalities": str(summary.conditions.get(("municipality", weather), 0)),
            }
            for rank, (weather, reports) in enumerate(weathers, start=1)
        ],
        "minutes": [
            (f"{minute * 60_000}-1", {"reports": str(count), path: str(count)})
            for minute, count in sorted(summary.minutes.items())[-240:]
        ],
    }


def check_tables(url: str, prefix: str, summary: Summary, path: str) -> None:
    """Assert that what dashboards read is *summary*."""
    found = tables(url, prefix)
    meta = found.pop("meta")
    assert found == expected_tables(summary, path)
    assert (meta["reports"], meta[path]) == (str(summary.reports), str(summary.reports))
    for measure in ("temperature", "humidity"):
        overall = _columns(measure, summary.overall(measure))
        assert {it: meta[it] for it in meta if it.startswith(measure)} == overall


def _columns(measure: str, measured: Measured | None) -> dict[str, str]:
    if measured is None:
        return {}
    return {
        f"{measure}_mean": f"{measured.sum / measured.values / 100:.2f}",
        f"{measure}_min": f"{measured.lowest / 10:.1f}",
        f"{measure}_max": f"{measured.highest / 10:.1f}",
    }
