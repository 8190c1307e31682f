"""The snapshot in Redis, and how to read one consistent view of it."""

import json
from typing import Any, NamedTuple

import msgspec
from redis.asyncio import Redis

from contracts.latest import LastMedal, ShownChange
from contracts.redis_keys import SnapshotKeys
from contracts.settings import CommonSettings

COUNTS = ("entries", "winners", "losers", "ties", "did_not_start", "gold", "silver", "bronze")


#: Fields of ``meta`` that say how far a change of the rules is; zeros while there is none.
#: ``next_…``: newer rules than those that are shown, and how many partitions have them by now.
#: ``older_…``: older ones, and how many partitions are counted by them alone, which stand still.
CHANGE_OF_RULES = ("next_revision", "next_partitions", "older_revision", "older_partitions")

#: Standings whose most silent partition was heard of longer ago are stale: seconds.
STALE_AFTER = 10.0


class Snapshot(msgspec.Struct, frozen=True):
    """One consistent view of the standings.

    ``sports``: name → the eight counts. ``faculties``: in medal-table order, each with ``faculty``,
    ``rank``, ``total`` and the eight counts. ``pairs``: (sport, faculty) → the eight counts.
    ``offsets``: partition → (offset, rules revision) up to which results are counted.
    """

    meta: dict[str, Any]
    sports: dict[str, dict[str, int]]
    faculties: list[dict[str, Any]]
    pairs: dict[tuple[str, str], dict[str, int]]
    offsets: dict[int, tuple[int, int]]
    owners: dict[int, str]


class Stamp(NamedTuple):
    """What a snapshot counts, and when it was written; ``age`` as ``meta`` has it."""

    epoch: int
    offsets: dict[int, tuple[int, int]]
    updated_at: float
    age: float
    #: Kafka's id of the topic that was counted; None if the snapshot does not say
    log: str | None = None
    #: tells the latest changes from others; empty if there are none
    latest: str = ""
    #: the values of CHANGE_OF_RULES
    change_of_rules: tuple[int, ...] = (0, 0, 0, 0)


class Rate(NamedTuple):
    """Results a second at a time (Unix seconds); ``entry`` is its id in the history."""

    entry: str
    at: float
    rate: float


# Runs on the server, so that the keys that the index names and their contents are of one snapshot.
_READ = """
local out = {}
for _, key in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  out[#out + 1] = {key, redis.call('HGETALL', key)}
end
return {redis.call('HGETALL', KEYS[2]), out, redis.call('HGETALL', KEYS[3])}
"""


async def read_snapshot(redis: "Redis", settings: CommonSettings) -> Snapshot | None:
    """Read the mirror; ``None`` when nothing was ever written to it.

    *redis* must decode responses. Errors of the connection are the caller's.
    """
    keys = SnapshotKeys(settings.redis_prefix)
    script = redis.register_script(_READ)
    meta_flat, hashes, owners_flat = await script(keys=[keys.index, keys.meta, keys.owners])
    meta: dict[str, Any] = dict(_pairs(meta_flat))
    if not meta:
        return None
    sports: dict[str, dict[str, int]] = {}
    faculties: list[dict[str, Any]] = []
    pairs: dict[tuple[str, str], dict[str, int]] = {}
    for key, flat in hashes:
        fields = dict(_pairs(flat))
        parts = key[len(keys.prefix) :].split(":")
        counts = {name: int(fields[name]) for name in COUNTS}
        if parts[0] == "faculty":
            faculties.append(
                {
                    "faculty": fields["faculty"],
                    "rank": int(fields["rank"]),
                    "total": int(fields["total"]),
                    **counts,
                }
            )
        elif len(parts) == 2:
            sports[parts[1]] = counts
        else:
            pairs[(parts[1], parts[3])] = counts
    faculties.sort(key=lambda row: (row["rank"], row["faculty"]))
    offsets = _offsets(meta["offsets"])
    for name in ("snapshot", "results", "provisional", "rejected", "conflicts", "epoch"):
        meta[name] = int(meta[name])
    for name in CHANGE_OF_RULES:
        meta[name] = int(meta.get(name, 0))  # versions that did not say know of none
    for name in ("updated_at", "age"):
        meta[name] = float(meta[name])
    meta.pop("offsets")
    owners = {int(partition): url for partition, url in _pairs(owners_flat)}
    return Snapshot(meta, sports, faculties, pairs, offsets, owners)


async def read_stamp(redis: "Redis", settings: CommonSettings) -> Stamp | None:
    """Read what tells one snapshot from another; ``None`` when nothing was ever written."""
    meta = SnapshotKeys(settings.redis_prefix).meta
    epoch, offsets, updated_at, age, log, latest, *change = await redis.hmget(
        meta, ["epoch", "offsets", "updated_at", "age", "log", "latest", *CHANGE_OF_RULES]
    )
    if epoch is None or offsets is None or updated_at is None or age is None:
        return None
    return Stamp(
        int(epoch),
        _offsets(str(offsets)),
        float(updated_at),
        float(age),
        str(log) if log else None,
        str(latest or ""),
        tuple(int(it or 0) for it in change),
    )


class LatestView(NamedTuple):
    """The latest changes, newest first, and what they stand for; offsets as in a snapshot.

    The list may be behind the counts of the snapshot that it came with.
    """

    epoch: int
    offsets: dict[int, tuple[int, int]]
    changes: list[ShownChange]


class MedallistsView(NamedTuple):
    """The last medals, those of the event that changed last first; as :class:`LatestView`."""

    epoch: int
    offsets: dict[int, tuple[int, int]]
    medals: list[LastMedal]


# Runs on the server, so that list and offsets are of one snapshot. Only what is for programs
# leaves it.
_READ_LIST = """
local items = {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[2], '-', '+')) do
  local fields = entry[2]
  for place = 1, #fields, 2 do
    if fields[place] == 'item' then items[#items + 1] = fields[place + 1] end
  end
end
return {redis.call('HMGET', KEYS[1], 'epoch', 'latest_offsets'), items}
"""


async def read_latest(redis: "Redis", settings: CommonSettings) -> LatestView | None:
    """Read the latest changes; ``None`` when nothing was ever written. As :func:`read_snapshot`."""
    found = await _read_list(redis, settings, SnapshotKeys(settings.redis_prefix).latest)
    if found is None:
        return None
    epoch, offsets, items = found
    return LatestView(epoch, offsets, [_decode_change(item) for item in items])


async def read_medallists(redis: "Redis", settings: CommonSettings) -> MedallistsView | None:
    """Read the last medals; ``None`` when nothing was ever written. As :func:`read_snapshot`."""
    found = await _read_list(redis, settings, SnapshotKeys(settings.redis_prefix).medallists)
    if found is None:
        return None
    epoch, offsets, items = found
    return MedallistsView(epoch, offsets, [_decode_medal(item) for item in items])


async def _read_list(
    redis: "Redis", settings: CommonSettings, key: str
) -> tuple[int, dict[int, tuple[int, int]], list[str]] | None:
    (epoch, offsets), items = await redis.register_script(_READ_LIST)(
        keys=[SnapshotKeys(settings.redis_prefix).meta, key]
    )
    return None if epoch is None or offsets is None else (int(epoch), _offsets(offsets), items)


# Only the rates leave the server: an entry has the medals of all faculties beside them.
_RATES = """
local entries
if ARGV[1] == '' then
  entries = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', ARGV[2])
else
  entries = redis.call('XREVRANGE', KEYS[1], '+', '(' .. ARGV[1], 'COUNT', ARGV[2])
end
local out = {}
for _, entry in ipairs(entries) do
  local fields = entry[2]
  for place = 1, #fields, 2 do
    if fields[place] == 'results_per_second' then
      out[#out + 1] = {entry[1], fields[place + 1]}
    end
  end
end
return out
"""


async def read_rates(
    redis: "Redis", settings: CommonSettings, after: str, count: int
) -> list[Rate]:
    """Read the newest *count* rates of the history, oldest first.

    *after* is the entry after which to begin, or empty.
    """
    script = redis.register_script(_RATES)
    found = await script(keys=[SnapshotKeys(settings.redis_prefix).history], args=[after, count])
    return [
        Rate(entry, int(entry.partition("-")[0]) / 1000, float(rate))
        for entry, rate in reversed(found)
    ]


_decode_change = msgspec.json.Decoder(ShownChange).decode
_decode_medal = msgspec.json.Decoder(LastMedal).decode


def _offsets(text: str) -> dict[int, tuple[int, int]]:
    return {
        int(partition): (int(pair[0]), int(pair[1])) for partition, pair in json.loads(text).items()
    }


def _pairs(flat: list[str]) -> list[tuple[str, str]]:
    return list(zip(flat[::2], flat[1::2], strict=True))
