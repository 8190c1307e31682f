"""The mirror in Redis: its keys, and how to read one consistent view of it."""

import json
from typing import Any

import msgspec
from redis.asyncio import Redis

from contracts.settings import CommonSettings

COUNTS = ("entries", "winners", "losers", "ties", "did_not_start", "gold", "silver", "bronze")


class Keys:
    """Names of the keys under one prefix."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.meta = f"{prefix}meta"
        self.medal_table = f"{prefix}medal_table"
        self.history = f"{prefix}history"
        #: set of all keys of the last snapshot, so that the next one can delete what vanished
        self.index = f"{prefix}index"
        #: hash partition → private address of the worker that owns it
        self.owners = f"{prefix}owners"

    def sport(self, sport: str) -> str:
        return f"{self.prefix}sport:{sport}"

    def faculty(self, faculty: str) -> str:
        return f"{self.prefix}faculty:{faculty}"

    def pair(self, sport: str, faculty: str) -> str:
        return f"{self.prefix}sport:{sport}:faculty:{faculty}"


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
    keys = Keys(settings.redis_prefix)
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
    offsets = {
        int(partition): (int(pair[0]), int(pair[1]))
        for partition, pair in json.loads(meta["offsets"]).items()
    }
    for name in ("snapshot", "results", "provisional", "rejected", "conflicts", "epoch"):
        meta[name] = int(meta[name])
    for name in ("updated_at", "age"):
        meta[name] = float(meta[name])
    meta.pop("offsets")
    owners = {int(partition): url for partition, url in _pairs(owners_flat)}
    return Snapshot(meta, sports, faculties, pairs, offsets, owners)


def _pairs(flat: list[str]) -> list[tuple[str, str]]:
    return list(zip(flat[::2], flat[1::2], strict=True))
