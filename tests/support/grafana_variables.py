"""What Grafana makes of a dashboard's variables, as far as the dashboards have such."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from redis import Redis

from tests.support.grafana_redis import execute

Json = dict[str, Any]


def options_of(redis: Redis, variable: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the values of a variable that Redis tells, each with its text, sorted by the text.

    The data source sends the query as it is, and each string of the answer is a choice; a regular
    expression with the groups ``value`` and ``text`` takes it apart.
    """
    answers = [str(it) for it in execute(redis, *variable["query"].split())]
    if not variable["regex"]:
        return sorted((it, it) for it in answers)
    # As JavaScript writes it: /…/, and (?<name>…).
    pattern = re.compile(variable["regex"].strip("/").replace("(?<", "(?P<"))
    found = [it for it in map(pattern.search, answers) if it]
    return sorted(((it["value"], it["text"]) for it in found), key=lambda it: it[1])


def with_variables(dashboard: Json, redis: Redis, **chosen: str) -> list[Json]:
    """Return a dashboard's panels as they are after its variables were replaced.

    Who chooses nothing gets the first value, or all of them where several can be chosen.
    """
    text = json.dumps(dashboard["panels"])
    for variable in dashboard["templating"]["list"]:
        name = variable["name"]
        if variable["type"] == "datasource":
            value = several = variable["current"]["value"]
        elif variable["datasource"]["type"] == "redis-datasource":
            values = [it for it, _ in options_of(redis, variable)]
            several = "|".join(values)
            value = chosen.get(name) or values[0]
            assert value in values, (name, values)
        else:
            value = several = chosen.get(name, variable.get("allValue", ""))
        text = text.replace(f"${{{name}:pipe}}", several).replace(f"${{{name}}}", value)
        # Values are names, data sources and patterns of ours: nothing of them is an escape.
        text = re.sub(rf"\${name}\b", value, text)
    panels: list[Json] = json.loads(text)
    return panels
