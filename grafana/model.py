"""What dashboards are made of, as far as these need it: targets, panels, rows, a dashboard.

The JSON has schema version 41, which every Grafana since 11.6 reads. Panels are laid out in the
order in which they are given, in lines of 24 columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Json = dict[str, Any]

#: The version of Grafana whose panels these are.
GRAFANA: Final = "13.2.3"
SCHEMA_VERSION: Final = 41
COLUMNS: Final = 24

#: Each data source is a variable, so that a dashboard can be imported into any Grafana. What it
#: stands for at first is the data source of this uid: see `provisioning/datasources`.
REDIS: Final[Json] = {"type": "redis-datasource", "uid": "${redis}"}
VALKEY: Final[Json] = {"type": "redis-datasource", "uid": "${valkey}"}
PROMETHEUS: Final[Json] = {"type": "prometheus", "uid": "${prometheus}"}

#: Lines that one graph shows at most.
MOST_LINES: Final = 10

#: Of a panel whose targets are of several.
MIXED: Final[Json] = {"type": "datasource", "uid": "-- Mixed --"}

GOLD, SILVER, BRONZE = "#D4AF37", "#C0C0C0", "#CD7F32"
GREEN, RED, BLUE, ORANGE, GREY = "#37872D", "#C4162A", "#3274D9", "#FF780A", "#8E8E8E"


@dataclass(frozen=True)
class Target:
    """One query; `rows` names the columns that its frame has, where the test knows them."""

    datasource: Json
    fields: Json

    def json(self, ref_id: str) -> Json:
        return {"refId": ref_id, "datasource": self.datasource, **self.fields}


def redis(command: str, key: str = "", store: Json = REDIS, **more: Any) -> Target:
    """Return a command of a Redis data source. *key* is given in full."""
    fields: Json = {"type": "command", "command": command, "keyName": key, "query": "", **more}
    return Target(store, fields)


def stream(key: str, count: int | None = None, *, store: Json = REDIS) -> Target:
    """Return all entries of a stream, in order; with *count* the first ones."""
    more = {} if count is None else {"count": count}
    return redis("xrange", key, store, start="-", end="+", **more)


def promql(expr: str, legend: str = "", *, instant: bool = False, table: bool = False) -> Target:
    """Return a query of Prometheus; *legend* is a template of labels."""
    fields: Json = {
        "expr": expr,
        "legendFormat": legend or "__auto",
        "editorMode": "code",
        "range": not instant,
        "instant": instant,
        "format": "table" if table else "time_series",
    }
    return Target(PROMETHEUS, fields)


def top(expr: str, lines: int = MOST_LINES) -> str:
    """Return a query that finds those series of *expr* that were highest in the time shown.

    ``topk`` alone chooses anew at each moment, so that over time far more would be drawn.
    """
    highest = f"max_over_time(({expr})[$__range:$__interval] @ end())"
    return f"({expr}) and topk({lines}, {highest})"


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A panel: what it shows (`kind`, `targets`, `transformations`) and how.

    `defaults` are Grafana's field options and `custom` those of the panel's kind;
    `fields` overrides both for single fields by name.
    """

    title: str
    description: str
    kind: str
    targets: Sequence[Target]
    width: int
    height: int
    unit: str = "none"
    decimals: int | None = None
    transformations: Sequence[Json] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    custom: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def json(self, panel_id: int, x: int, y: int, empty: str) -> Json:
        """Return the panel's JSON; *empty* is what it says while there is nothing to show."""
        defaults: Json = {
            "noValue": empty,
            "unit": self.unit,
            "color": {"mode": "palette-classic"},
            "thresholds": steps(GREEN),
            **self.defaults,
        }
        if self.decimals is not None:
            defaults["decimals"] = self.decimals
        if self.custom:
            defaults["custom"] = dict(self.custom)
        return {
            "id": panel_id,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "pluginVersion": GRAFANA,
            "datasource": self._datasource(),
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [it.json(chr(ord("A") + n)) for n, it in enumerate(self.targets)],
            "transformations": list(self.transformations),
            "options": dict(self.options),
            "fieldConfig": {
                "defaults": defaults,
                "overrides": [_override(name, it) for name, it in self.fields.items()],
            },
        }

    def _datasource(self) -> Json:
        first, *others = (it.datasource for it in self.targets)
        return first if all(it == first for it in others) else MIXED


@dataclass(frozen=True)
class Row:
    """A heading over the panels that follow it."""

    title: str


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """A dashboard; `uid` is its address and never changes."""

    uid: str
    title: str
    description: str
    content: Sequence[Panel | Row]
    #: What panels say while there is nothing to show.
    empty: str
    refresh: str = "5s"
    since: str = "now-15m"
    variables: Sequence[Json] = ()

    def _variables(self) -> list[Json]:
        """Return those of the data sources that panels ask, and the dashboard's own."""
        used = {
            target.datasource["uid"]
            for panel in self.content
            if isinstance(panel, Panel)
            for target in panel.targets
        }
        sources = [it for it in (REDIS, VALKEY, PROMETHEUS) if it["uid"] in used]
        return [*map(_source_variable, sources), *self.variables]

    def json(self) -> Json:
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["medallero"],
            "schemaVersion": SCHEMA_VERSION,
            "editable": False,
            "graphTooltip": 1,
            "refresh": self.refresh,
            "time": {"from": self.since, "to": "now"},
            "timezone": "browser",
            "templating": {"list": self._variables()},
            "annotations": {"list": []},
            "links": [
                {
                    "type": "dashboards",
                    "title": "Medallero",
                    "tags": ["medallero"],
                    "asDropdown": True,
                    "includeVars": False,
                    "keepTime": True,
                    "targetBlank": False,
                    "icon": "external link",
                    "tooltip": "The other dashboards",
                    "url": "",
                }
            ],
            "panels": list(_laid_out(self.content, self.empty)),
        }


def query_variable(
    name: str,
    label: str,
    description: str,
    datasource: Json,
    query: str | Json,
    *,
    regex: str = "",
    several: bool = False,
    everything: str = "",
    hidden: bool = False,
) -> Json:
    """Return a variable whose values a data source tells.

    *regex*: takes a value and its text out of each answer. *several*: more than one can be chosen,
    and all are at first; *everything* is what all means, where not the list of them.
    """
    all_of_them: Json = {"text": "All", "value": "$__all", "selected": True}
    return {
        "name": name,
        "label": label,
        "description": description,
        "type": "query",
        "datasource": datasource,
        "query": query,
        "regex": regex,
        "refresh": 2,  # whenever the dashboard is
        "sort": 1,
        "hide": 2 if hidden else 0,
        "includeAll": several,
        "multi": several,
        "options": [],
        "current": all_of_them if several else {},
        "skipUrlSync": hidden,
        **({"allValue": everything} if everything else {}),
    }


def _source_variable(datasource: Json) -> Json:
    name = datasource["uid"].strip("${}")
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "datasource",
        "query": datasource["type"],
        "regex": "",
        "refresh": 1,
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "options": [],
        "current": {"text": name.capitalize(), "value": name, "selected": True},
        "skipUrlSync": False,
    }


def steps(first: str, *later: tuple[float, str]) -> Json:
    """Return thresholds: the colour from the beginning, and from each value on."""
    return {
        "mode": "absolute",
        "steps": [
            {"value": None, "color": first},
            *({"value": value, "color": color} for value, color in later),
        ],
    }


def fixed(color: str) -> Json:
    """Return the field options of one colour."""
    return {"color": {"mode": "fixed", "fixedColor": color}}


def organize(
    *names: str, rename: Mapping[str, str] | None = None, drop: Iterable[str] = ()
) -> Json:
    """Return the transformation that puts columns in the order of *names* and drops others.

    The data source's order is another one at each query, so every column is named.
    """
    return {
        "id": "organize",
        "options": {
            "indexByName": {name: place for place, name in enumerate(names)},
            "excludeByName": dict.fromkeys(drop, True),
            "renameByName": dict(rename or {}),
        },
    }


def keep(pattern: str) -> Json:
    """Return the transformation that keeps the columns whose name matches *pattern*."""
    return {"id": "filterFieldsByName", "options": {"include": {"pattern": f"/{pattern}/"}}}


def rename(pattern: str, to: str) -> Json:
    """Return the transformation that renames columns by a regular expression."""
    return {"id": "renameByRegex", "options": {"regex": pattern, "renamePattern": to}}


def sort_by(name: str, *, descending: bool = True) -> Json:
    """Return the transformation that sorts rows by one column."""
    return {"id": "sortBy", "options": {"sort": [{"field": name, "desc": descending}]}}


def limit(rows: int) -> Json:
    """Return the transformation that keeps the first rows."""
    return {"id": "limit", "options": {"limitField": rows}}


def _override(name: str, options: Mapping[str, Any]) -> Json:
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": key, "value": value} for key, value in options.items()],
    }


def _laid_out(content: Iterable[Panel | Row], empty: str) -> Iterable[Json]:
    x = y = tallest = 0
    for number, item in enumerate(content, start=1):
        width = COLUMNS if isinstance(item, Row) else item.width
        if x + width > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        if isinstance(item, Row):
            position = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
            yield {
                "id": number,
                "type": "row",
                "title": item.title,
                "collapsed": False,
                "gridPos": position,
                "panels": [],
            }
            x, y, tallest = 0, y + 1, 0
            continue
        yield item.json(number, x, y, empty)
        x += width
        tallest = max(tallest, item.height)
