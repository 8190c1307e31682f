"""What Grafana's Redis data source (2.2.0) answers: its commands against a real Redis, its frames.

Written after frames that were recorded from the plugin's backend and after its source
(`redis-stream.go`, `redis-hash.go`, `redis-info.go`). An unknown command gives no frame and no
error there; here it is an error, since that is what a test is for.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any, Final

from redis import Redis

Json = dict[str, Any]

# What Go's ParseFloat takes; it is why a faculty called INF would be a number.
_FLOAT: Final = re.compile(
    r"[+-]?(\d+\.?\d*(e[+-]?\d+)?|\.\d+(e[+-]?\d+)?|inf|infinity|nan)", re.IGNORECASE
)


class UnknownCommand(ValueError):
    """The data source would answer nothing, and say nothing."""


def frame_of(redis: Redis, target: Mapping[str, Any], *, since: float = 1800.0) -> Json:
    """Return the frame of a target, as JSON; *since* is the dashboard's time range in seconds.

    The client must decode responses, and be the user that Grafana is.
    """
    assert target["type"] == "command", target
    assert not target["query"], "a query would beat the command"
    command, key = target["command"], target["keyName"]
    if command == "hget":
        value = redis.hget(key, target["field"])
        fields = [_column("Value", [str(value or "")])]
    elif command == "hmget":
        names = target["field"].split()
        values = redis.hmget(key, names)
        fields = [_column(*it) for it in zip(names, [[str(v or "")] for v in values], strict=True)]
    elif command in ("xrange", "xrevrange"):
        fields = _stream(_entries(redis, target, since))
    elif command == "info":
        # As text: the client would make a dictionary of it.
        redis.set_response_callback("INFO", lambda answer, **_options: answer)
        text = str(execute(redis, "INFO", target["section"]))
        pairs = [line.split(":")[:2] for line in text.splitlines() if ":" in line]
        fields = [_column(name, [value]) for name, value in pairs]
    else:
        raise UnknownCommand(f"{command!r} is no command of the panels")
    schema = [{name: it[name] for name in ("name", "type", "config")} for it in fields]
    return {
        "schema": {"refId": target["refId"], "name": key or command, "fields": schema},
        "data": {"values": [it["values"] for it in fields]},
    }


def execute(redis: Redis, *words: Any) -> Any:
    """Send a command as it is."""
    return redis.execute_command(*words)  # type: ignore[no-untyped-call]


def _entries(redis: Redis, target: Mapping[str, Any], since: float) -> list[Any]:
    now = time.time()
    start = target["start"] or f"{int((now - since) * 1000)}-0"
    end = target["end"] or f"{int(now * 1000) + 1000}-0"
    words: list[Any] = [start, end] if target["command"] == "xrange" else [end, start]
    if target.get("count"):
        words += ["COUNT", target["count"]]
    return list(execute(redis, target["command"].upper(), target["keyName"], *words))


def _stream(entries: list[Any]) -> list[Json]:
    """Return a column a field: typed by its first value, with 0 or nothing where it is absent."""
    names: dict[str, None] = {}
    for _id, pairs in entries:
        names.update(dict.fromkeys(pairs))
    ids = [str(it[0]) for it in entries]
    columns = []
    for name in names:
        values = [pairs.get(name) for _, pairs in entries]
        first = next(it for it in values if it is not None)
        empty = "0" if _FLOAT.fullmatch(first) else ""
        columns.append(_column(name, [empty if it is None else it for it in values]))
    return [
        {"name": "$streamId", "type": "string", "config": {}, "values": ids},
        {
            "name": "$time",
            "type": "time",
            "config": {"unit": "µs"},
            "values": [int(it.partition("-")[0]) for it in ids],
        },
        *columns,
    ]


def _column(name: str, values: list[str]) -> Json:
    if values and _FLOAT.fullmatch(values[0]):
        numbers = [float(it) if _FLOAT.fullmatch(it) else 0.0 for it in values]
        return {"name": name, "type": "number", "config": {}, "values": numbers}
    return {"name": name, "type": "string", "config": {}, "values": values}
