"""Panels of the kinds that the dashboards have, each with the options that make it readable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from grafana.model import GREEN, REDIS, VALKEY, Json, Panel, Target, fixed, steps

_OF_MANY: Final = " Of many, those that were highest in the time shown."


def stat(
    title: str,
    description: str,
    *targets: Target,
    width: int = 4,
    unit: str = "none",
    decimals: int | None = None,
    thresholds: Json | None = None,
    graph: bool = False,
    text: bool = False,
    column: str = "",
    transformations: Sequence[Json] = (),
) -> Panel:
    """Return one large number; *column* names the field, *text* says that it is no number."""
    return Panel(
        title=title,
        description=description,
        kind="stat",
        targets=targets,
        width=width,
        height=4,
        unit=unit,
        decimals=decimals,
        transformations=transformations,
        options={
            "colorMode": "value",
            "graphMode": "area" if graph else "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "textMode": "value",
            "wideLayout": True,
            "reduceOptions": {
                "calcs": ["lastNotNull"],
                # Without a name Grafana shows numbers only.
                "fields": f"/^{column}$/" if column else ("/.*/" if text else ""),
                "values": False,
            },
        },
        defaults={"color": {"mode": "thresholds"}, "thresholds": thresholds or steps(GREEN)},
    )


def bars(
    title: str,
    description: str,
    *targets: Target,
    x: str,
    colors: Mapping[str, str],
    transformations: Sequence[Json] = (),
    stacked: bool = False,
    horizontal: bool = False,
    width: int = 12,
    height: int = 9,
) -> Panel:
    """Return grouped or stacked bars over the text column *x*; *colors* by column."""
    return Panel(
        title=title,
        description=description,
        kind="barchart",
        targets=targets,
        width=width,
        height=height,
        unit="none",
        decimals=0,
        transformations=transformations,
        options={
            "xField": x,
            "orientation": "horizontal" if horizontal else "auto",
            "stacking": "normal" if stacked else "none",
            "showValue": "auto",
            "groupWidth": 0.7,
            "barWidth": 0.97,
            "barRadius": 0,
            "fullHighlight": False,
            "xTickLabelRotation": 0,
            "xTickLabelSpacing": 0,
            "legend": {
                "displayMode": "list",
                "placement": "bottom",
                "showLegend": len(colors) > 1,
                "calcs": [],
            },
            "tooltip": {"mode": "multi", "sort": "none"},
        },
        custom={"fillOpacity": 85, "lineWidth": 1, "axisSoftMin": 0},
        fields={name: fixed(color) for name, color in colors.items()},
    )


def lines(
    title: str,
    description: str,
    *targets: Target,
    unit: str = "short",
    width: int = 8,
    height: int = 8,
    decimals: int | None = None,
    transformations: Sequence[Json] = (),
    thresholds: Json | None = None,
    stacked: bool = False,
    colors: Mapping[str, str] | None = None,
    floor: float | None = 0,
) -> Panel:
    """Return lines over time."""
    custom: Json = {
        "lineWidth": 2,
        "fillOpacity": 60 if stacked else 8,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if thresholds else "off"},
    }
    if floor is not None:
        custom["axisSoftMin"] = floor
    defaults: Json = {"thresholds": thresholds} if thresholds else {}
    return Panel(
        title=title,
        description=description + (_OF_MANY if any(_chooses(it) for it in targets) else ""),
        kind="timeseries",
        targets=targets,
        width=width,
        height=height,
        unit=unit,
        decimals=decimals,
        transformations=transformations,
        options={
            "legend": {
                "displayMode": "table",
                "placement": "bottom",
                "showLegend": True,
                "calcs": ["lastNotNull", "max"],
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        defaults=defaults,
        custom=custom,
        fields={
            # The Redis data source calls the entries' times microseconds.
            **({"$time": {"unit": "dateTimeAsSystem"}} if _of_streams(targets) else {}),
            **{name: fixed(color) for name, color in (colors or {}).items()},
        },
    )


def table(
    title: str,
    description: str,
    *targets: Target,
    transformations: Sequence[Json] = (),
    fields: Mapping[str, Mapping[str, Any]] | None = None,
    unit: str = "none",
    width: int = 24,
    height: int = 10,
) -> Panel:
    """Return a table, in the order in which the rows come."""
    return Panel(
        title=title,
        description=description,
        kind="table",
        targets=targets,
        width=width,
        height=height,
        unit=unit,
        transformations=transformations,
        options={
            "showHeader": True,
            "cellHeight": "md",
            "footer": {"show": False, "reducer": ["sum"], "fields": ""},
        },
        custom={"align": "auto", "filterable": False, "inspect": False},
        fields=fields or {},
    )


def bar_gauge(
    title: str,
    description: str,
    *targets: Target,
    column: str,
    transformations: Sequence[Json] = (),
    color: str = GREEN,
    unit: str = "none",
    width: int = 8,
    height: int = 9,
) -> Panel:
    """Return a bar a row: its length is *column*, its name the row's only text.

    *column* must not be renamed: Grafana would call every bar by the new name.
    """
    return Panel(
        title=title,
        description=description,
        kind="bargauge",
        targets=targets,
        width=width,
        height=height,
        unit=unit,
        decimals=0,
        transformations=transformations,
        options={
            "displayMode": "basic",
            "orientation": "horizontal",
            "valueMode": "color",
            "namePlacement": "auto",
            "showUnfilled": True,
            "sizing": "auto",
            "minVizWidth": 8,
            "minVizHeight": 16,
            "maxVizHeight": 300,
            "reduceOptions": {
                "calcs": ["lastNotNull"],
                "fields": f"/^{column}$/",
                "values": True,
            },
            "legend": {
                "showLegend": False,
                "displayMode": "list",
                "placement": "bottom",
                "calcs": [],
            },
        },
        defaults={"min": 0, **fixed(color)},
    )


def _chooses(target: Target) -> bool:
    return "topk(" in target.fields.get("expr", "")


def _of_streams(targets: Sequence[Target]) -> bool:
    return all(it.datasource in (REDIS, VALKEY) for it in targets)
