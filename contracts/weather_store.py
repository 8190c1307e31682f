"""The stores of the weather counts: where they are, and how to read one view.

There are two, with the same layout: one is counted from the topic, the other from the queue.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from pydantic import Field

from contracts.redis_keys import WeatherKeys
from contracts.settings import RedisUrl
from contracts.topics import COMPACTED, WRITTEN_BY_WORKERS, TopicSpec
from contracts.weather import WeatherSettings, weather_topics
from weather.counts import FAMILIES, summarise
from weather.summary import Summary

if TYPE_CHECKING:
    from redis.asyncio import Redis

#: By which way reports come into a store.
Path = Literal["kafka", "rabbitmq"]


class WeatherStoreSettings(WeatherSettings):
    """What those need who write the counts, or read them."""

    valkey: RedisUrl = Field(
        default="redis://127.0.0.1:6380/0",
        description="Valkey (or Redis) of the weather reports that come by RabbitMQ; those that "
        "come by Kafka are counted in the Redis of the mirror",
    )
    weather_prefix: str = Field(
        default="weather:", description="put before each key of the weather counts, in both stores"
    )

    @property
    def weather_changelog_topic(self) -> str:
        """The topic that holds the state of the weather table; its version is part of the name."""
        return f"{self.topic_prefix}medallero-v1-weather-changelog"

    def store_url(self, path: Path) -> str:
        """Return the address of the store that reports reach by *path*."""
        return self.redis if path == "kafka" else self.valkey


def counting_topics(settings: WeatherStoreSettings) -> tuple[TopicSpec, ...]:
    """Return the topics that counting from Kafka needs."""
    changelog = TopicSpec(
        settings.weather_changelog_topic,
        settings.weather_partitions,
        COMPACTED,
        WRITTEN_BY_WORKERS,
    )
    return (*weather_topics(settings), changelog)


class Fence(NamedTuple):
    """Up to where a partition is counted, and how many of its records are no reports."""

    offset: int
    revision: int
    rejected: int


class StoredCounts(NamedTuple):
    """One consistent view of a store."""

    meta: Mapping[str, str]
    #: name of the cell → its number, as ``weather.counts`` has them
    cells: Mapping[str, int]
    fences: Mapping[int, Fence]

    def summary(self) -> Summary:
        """Return the numbers that the cells stand for."""
        return summarise(self.cells)


# On the server, so that all hashes are of one moment.
_READ: Final = """
local out = {}
for place, key in ipairs(KEYS) do out[place] = redis.call('HGETALL', key) end
return out
"""


async def read_counts(redis: "Redis", prefix: str) -> StoredCounts | None:
    """Read a store; ``None`` when nothing was ever written to it.

    *redis* must decode responses. Errors of the connection are the caller's.
    """
    keys = WeatherKeys(prefix)
    names = [keys.meta, keys.fences, *(keys.family(it) for it in FAMILIES)]
    meta, fences, *families = await redis.register_script(_READ)(keys=names)
    if not meta:
        return None
    cells = {
        f"{family}\t{field}": int(number)
        for family, found in zip(FAMILIES, families, strict=True)
        for field, number in _pairs(found).items()
    }
    return StoredCounts(
        _pairs(meta),
        cells,
        {int(partition): _fence(text) for partition, text in _pairs(fences).items()},
    )


def _pairs(flat: list[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _fence(text: str) -> Fence:
    found: dict[str, Any] = json.loads(text)
    return Fence(int(found["offset"]), int(found["revision"]), int(found["rejected"]))
