"""*Weather*: the reports of both ways side by side, and their difference, which must go to zero.

What comes by Kafka is counted in Redis, what comes by RabbitMQ in Valkey; both have the same keys.
It knows no place and no weather by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from grafana.kinds import bar_gauge, bars, lines, stat, table
from grafana.model import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    REDIS,
    VALKEY,
    Dashboard,
    Json,
    Panel,
    Row,
    keep,
    limit,
    organize,
    redis,
    rename,
    sort_by,
    steps,
    stream,
)

PREFIX: Final = "weather:"
META: Final = f"{PREFIX}meta"
COUNTRIES: Final = f"{PREFIX}countries"
WEATHERS: Final = f"{PREFIX}weathers"
MUNICIPALITIES: Final = f"{PREFIX}municipalities"
MINUTES: Final = f"{PREFIX}minutes"

#: How many places a chart of bars shows at most.
PLACES: Final = 20

_STORES: Final = {"kafka": "Redis", "rabbitmq": "Valkey"}
_COLORS: Final = {"Redis": RED, "Valkey": BLUE}


def dashboard() -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="medallero-weather",
        title="Medallero: weather",
        description="Weather reports by country, weather and municipality, as Redis and as Valkey "
        "have counted them",
        empty="No reports yet",
        content=(
            _reports("Reports in Redis", REDIS, "Kafka"),
            _reports("Reports in Valkey", VALKEY, "RabbitMQ"),
            stat(
                "Difference",
                "Reports in Redis less those in Valkey: what one way has still to count. It must "
                "go to zero when nothing comes in.",
                redis("hmget", META, field="kafka"),
                redis("hmget", META, VALKEY, field="rabbitmq"),
                column="difference",
                unit="locale",
                decimals=0,
                thresholds=steps(ORANGE, (0, GREEN), (1, ORANGE)),
                transformations=(
                    {"id": "concatenate", "options": {"frameNameMode": "drop"}},
                    _less("kafka", "rabbitmq", "difference"),
                ),
            ),
            _written("Redis last written", REDIS),
            _written("Valkey last written", VALKEY),
            stat(
                "Countries",
                "Countries of which there are reports, in Redis.",
                redis("hget", META, field="countries"),
                width=4,
                decimals=0,
            ),
            Row("Countries"),
            _top("Reports by country in Redis", COUNTRIES, REDIS, RED),
            _top("Reports by country in Valkey", COUNTRIES, VALKEY, BLUE),
            table(
                "Countries in both stores",
                "Reports of each country in Redis and in Valkey, most first, and the difference.",
                stream(COUNTRIES),
                stream(COUNTRIES, store=VALKEY),
                transformations=(
                    *_joined("country"),
                    _less("Redis", "Valkey", "Difference", replace=False),
                    sort_by("Redis"),
                    organize(
                        "country", "Redis", "Valkey", "Difference", rename={"country": "Country"}
                    ),
                ),
                width=8,
                height=9,
            ),
            _by_weather(
                "Weather by country",
                "Reports of the countries with most of them, by weather, in Redis.",
                COUNTRIES,
                "country",
            ),
            Row("Weather"),
            bars(
                "Reports by weather",
                "Reports of each weather, in Redis and in Valkey.",
                stream(WEATHERS),
                stream(WEATHERS, store=VALKEY),
                x="weather",
                colors=_COLORS,
                transformations=(
                    *_joined("weather"),
                    organize("weather", "Redis", "Valkey"),
                ),
            ),
            lines(
                "Reports a minute",
                "Reports by the minute that they were made in, in Redis and in Valkey.",
                redis("xrange", MINUTES, start="", end=""),
                redis("xrange", MINUTES, VALKEY, start="", end=""),
                colors=_COLORS,
                transformations=(
                    keep(r"^(\$time|kafka|rabbitmq)$"),
                    *(rename(f"^{way}$", store) for way, store in _STORES.items()),
                ),
                decimals=0,
                width=12,
                height=9,
            ),
            Row("Municipalities"),
            *(_overall(*it) for it in _OVERALL),
            table(
                "Municipalities",
                "Reports of each municipality, most first, and what was measured there: means are "
                "exact, extremes to a tenth; in Redis.",
                stream(MUNICIPALITIES),
                transformations=(
                    keep("^(municipality|reports|(temperature|humidity)_(mean|min|max))$"),
                    organize("municipality", "reports", *_MEASURED, rename=_TITLES),
                ),
                fields={
                    title: {"unit": "celsius" if name.startswith("temp") else "percent"}
                    for name, title in _TITLES.items()
                    if name in _MEASURED
                },
                width=24,
                height=8,
            ),
            _by_weather(
                "Weather by municipality",
                "Reports of the municipalities with most of them, by weather, in Redis.",
                MUNICIPALITIES,
                "municipality",
                width=12,
            ),
            bar_gauge(
                "Reports by condition",
                "Reports of municipalities by weather, in Redis.",
                stream(WEATHERS),
                column="municipalities",
                transformations=(
                    keep("^(weather|municipalities)$"),
                    sort_by("municipalities"),
                ),
                width=12,
            ),
        ),
    )


_MEASURED: Final = tuple(
    f"{measure}_{what}"
    for measure in ("temperature", "humidity")
    for what in ("mean", "min", "max")
)
_TITLES: Final = {
    "municipality": "Municipality",
    "reports": "Reports",
    "temperature_mean": "Mean temperature",
    "temperature_min": "Lowest temperature",
    "temperature_max": "Highest temperature",
    "humidity_mean": "Mean humidity",
    "humidity_min": "Lowest humidity",
    "humidity_max": "Highest humidity",
}
_OVERALL: Final = tuple((name, _TITLES[name]) for name in _MEASURED)


def _reports(title: str, store: Json, way: str) -> Panel:
    return stat(
        title,
        f"Reports that came by {way} and are counted, each id once.",
        redis("hget", META, store, field="reports"),
        unit="locale",
        decimals=0,
    )


def _written(title: str, store: Json) -> Panel:
    return stat(
        title,
        "When the counts were written last. By Kafka that is every second, by RabbitMQ only when "
        "something new has come.",
        redis("hmget", META, store, field="updated_at"),
        unit="dateTimeFromNow",
        transformations=(
            {
                "id": "calculateField",
                "options": {
                    "mode": "binary",
                    "alias": "written",
                    "replaceFields": True,
                    "binary": {"left": "updated_at", "operator": "*", "right": "1000"},
                },
            },
        ),
    )


def _top(title: str, key: str, store: Json, color: str) -> Panel:
    return bar_gauge(
        title,
        "Reports of the ten countries with most of them, as this store has counted them.",
        stream(key, 10, store=store),
        column="reports",
        color=color,
        transformations=(keep("^(country|reports)$"),),
    )


def _by_weather(title: str, description: str, key: str, place: str, width: int = 24) -> Panel:
    return bars(
        title,
        description,
        stream(key, PLACES),
        x=place,
        colors={},
        transformations=(
            keep(f"^({place}|weather_.*)$"),
            limit(PLACES),
            rename("^weather_(.*)$", "$1"),
        ),
        stacked=True,
        width=width,
    )


def _overall(name: str, title: str) -> Panel:
    thing = "temperature" if name.startswith("temperature") else "humidity"
    return stat(
        title,
        f"Over all municipalities whose reports have a {thing}, in Redis.",
        redis("hget", META, field=name),
        unit="celsius" if thing == "temperature" else "percent",
        decimals=2 if name.endswith("mean") else 1,
    )


def _joined(by: str) -> Iterator[Json]:
    """Yield what puts the reports of both stores beside one another, a row for each *by*."""
    yield keep(f"^({by}|kafka|rabbitmq)$")
    yield {"id": "joinByField", "options": {"byField": by, "mode": "outer"}}
    # A joined column's name ends in that of the frame that it came from.
    for way, store in _STORES.items():
        yield rename(f"^{way}.*$", store)


def _less(left: str, right: str, alias: str, *, replace: bool = True) -> Json:
    options: dict[str, Any] = {
        "mode": "binary",
        "alias": alias,
        "replaceFields": replace,
        "binary": {"left": left, "operator": "-", "right": right},
    }
    return {"id": "calculateField", "options": options}
