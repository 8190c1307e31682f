"""What dashboards are made of, as far as these need it: targets, panels, rows, a dashboard.

The JSON is that of Grafana 11 (schema version 41). Panels are laid out in the order in which they
are given, in lines of 24 columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Json = dict[str, Any]

#: The version of Grafana whose panels these are.
GRAFANA: Final = "11.6.0"
SCHEMA_VERSION: Final = 41
COLUMNS: Final = 24

#: uid of each provisioned data source; see `provisioning/datasources`.
REDIS: Final[Json] = {"type": "redis-datasource", "uid": "redis"}
VALKEY: Final[Json] = {"type": "redis-datasource", "uid": "valkey"}
PROMETHEUS: Final[Json] = {"type": "prometheus", "uid": "prometheus"}

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

    def json(self, panel_id: int, x: int, y: int) -> Json:
        defaults: Json = {
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
    refresh: str = "5s"
    since: str = "now-15m"
    variables: Sequence[Json] = ()

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
            "templating": {"list": list(self.variables)},
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
            "panels": list(_laid_out(self.content)),
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


def _laid_out(content: Iterable[Panel | Row]) -> Iterable[Json]:
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
        yield item.json(number, x, y)
        x += width
        tallest = max(tallest, item.height)
