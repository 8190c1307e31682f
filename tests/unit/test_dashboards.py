"""The dashboards, rules and metrics agree with each other, and are what their modules write."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from contracts.snapshot import Keys
from contracts.weather_store import WeatherKeys
from grafana import generate
from medallero import metrics_reference
from medallero.metrics_reference import UnknownUnit, unit_of

ROOT: Final = Path(__file__).parents[2]
RULES: Final = sorted((ROOT / "prometheus" / "rules").glob("*.yml"))
ALERTS: Final = "".join(it.read_text("utf-8") for it in RULES)

Json = dict[str, Any]

#: Commands of the Redis data source that our panels use; of any other it shows nothing at all.
KNOWN_COMMANDS: Final = {"hget", "hmget", "xrange", "xrevrange", "info"}
TRANSFORMATIONS: Final = {
    "calculateField",
    "concatenate",
    "filterFieldsByName",
    "joinByField",
    "limit",
    "organize",
    "renameByRegex",
    "sortBy",
}


def dashboards() -> dict[str, Json]:
    return {
        name: json.loads((generate.DIRECTORY / name).read_text("utf-8"))
        for name in generate.files()
    }


def panels(dashboard: Json) -> list[Json]:
    return [it for it in dashboard["panels"] if it["type"] != "row"]


def expressions() -> list[str]:
    """Every query of Prometheus in a dashboard or a rule."""
    queries = [
        target["expr"]
        for dashboard in dashboards().values()
        for panel in panels(dashboard)
        for target in panel["targets"]
        if target["datasource"]["uid"] == "prometheus"
    ]
    rules = re.sub(r"#.*", "", ALERTS)
    return [*queries, rules]


def test_the_files_are_what_the_code_writes() -> None:
    for name, text in generate.files().items():
        assert (generate.DIRECTORY / name).read_text("utf-8") == text, (
            f"{name}: python -m grafana.generate writes it again"
        )
    assert {it.name for it in generate.DIRECTORY.iterdir()} == set(generate.files())


def test_the_page_of_metrics_is_what_the_metrics_say() -> None:
    assert (ROOT / metrics_reference.PAGE).read_text("utf-8") == metrics_reference.page(), (
        "python -m medallero.metrics_reference writes it again"
    )


def test_a_metric_whose_name_has_no_unit_is_an_error() -> None:
    assert unit_of("medallero_worker_apply_seconds") == "seconds"
    assert unit_of("medallero_worker_records_total") == "records"
    with pytest.raises(UnknownUnit, match="medallero_worker_speed"):
        unit_of("medallero_worker_speed")


def test_every_dashboard_has_its_own_address_and_words() -> None:
    found = dashboards().values()

    assert len({it["uid"] for it in found}) == len(found)
    assert all(re.fullmatch(r"[a-z-]{1,40}", it["uid"]) for it in found)
    assert all(it["title"] and it["description"] and it["tags"] for it in found)
    assert all(it["refresh"] and it["editable"] is False for it in found)
    assert {it["refresh"] for it in found} <= {"5s", "15s"}


@pytest.mark.parametrize("name", generate.files())
def test_every_panel_says_what_it_shows_and_in_which_unit(name: str) -> None:
    for panel in panels(dashboards()[name]):
        assert panel["title"], panel["id"]
        assert len(panel["description"]) > 15, panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]
        assert panel["type"] != "piechart", "more than three slices cannot be compared"


@pytest.mark.parametrize("name", generate.files())
def test_panels_have_ids_and_places_of_their_own(name: str) -> None:
    everything = dashboards()[name]["panels"]
    ids = [it["id"] for it in everything]
    assert len(set(ids)) == len(ids)

    taken: dict[tuple[int, int], str] = {}
    for panel in everything:
        place = panel["gridPos"]
        assert 0 <= place["x"] <= place["x"] + place["w"] <= 24, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                other = taken.setdefault((x, y), panel["title"])
                assert other == panel["title"], (other, panel["title"])


@pytest.mark.parametrize("name", generate.files())
def test_titles_are_not_used_twice_in_a_dashboard(name: str) -> None:
    titles = [it["title"] for it in panels(dashboards()[name])]

    assert sorted(set(titles)) == sorted(titles)


def test_targets_of_redis_are_commands_that_the_data_source_knows_on_keys_that_exist() -> None:
    keys = Keys("olympics:")
    weather = WeatherKeys("weather:")
    known = {keys.meta, keys.medal_table, keys.sports, keys.history}
    known |= {weather.meta, weather.countries, weather.weathers}
    known |= {weather.municipalities, weather.minutes}
    for dashboard in dashboards().values():
        for panel in panels(dashboard):
            for target in panel["targets"]:
                if target["datasource"]["uid"] not in ("redis", "valkey"):
                    continue
                assert target["type"] == "command", panel["title"]
                assert target["query"] == "", panel["title"]
                assert target["command"] in KNOWN_COMMANDS, panel["title"]
                assert target["command"] == "info" or target["keyName"] in known, panel["title"]


def test_data_sources_and_transformations_are_those_that_exist() -> None:
    provisioned = (ROOT / "grafana/provisioning/datasources/medallero.yml").read_text("utf-8")
    uids = set(re.findall(r"^    uid: (\w+)$", provisioned, re.MULTILINE))
    for dashboard in dashboards().values():
        for panel in panels(dashboard):
            assert {it["datasource"]["uid"] for it in panel["targets"]} <= uids
            uids_here = {it["datasource"]["uid"] for it in panel["targets"]}
            expected = uids_here.pop() if len(uids_here) == 1 else "-- Mixed --"
            assert panel["datasource"]["uid"] == expected, panel["title"]
            assert {it["id"] for it in panel["transformations"]} <= TRANSFORMATIONS


def test_every_metric_that_is_asked_for_exists() -> None:
    existing: set[str] = set()
    for metric in (
        *metrics_reference.gateway_metrics(),
        *metrics_reference.worker_metrics(),
        *metrics_reference.weather_metrics(),
    ):
        existing.add(metric.name)
        if metric.kind == "histogram":
            existing |= {f"{metric.name}_{it}" for it in ("bucket", "sum", "count")}
    asked = {it for text in expressions() for it in re.findall(r"\bmedallero_[a-z_]+", text)}

    assert len(asked) > 25
    assert asked <= existing


def test_every_recorded_series_that_a_rule_uses_is_recorded() -> None:
    recorded = set(re.findall(r"record: (\S+)", ALERTS))
    used = set(re.findall(r"\bmedallero:[a-z0-9_:]+", ALERTS))

    assert used == recorded


def test_every_alert_says_what_is_wrong_and_links_to_what_to_do() -> None:
    alerts = re.split(r"\n      - alert: ", ALERTS)[1:]
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", it.lower()).replace(" ", "-") for it in headings}

    links = []
    for alert in alerts:
        name = alert.partition("\n")[0]
        assert re.search(r"(?m)^        labels: {severity: (critical|warning)}$", alert), name
        for field in ("summary", "description"):
            assert re.search(rf"(?m)^          {field}: \S", alert), (name, field)
        link = re.search(r"(?m)^          runbook_url: docs/operations\.md#(\S+)$", alert)
        assert link, name
        links.append(link[1])
        assert link[1] in anchors, name
    assert len(alerts) >= 19
    assert len(set(links)) == len(links)


def test_every_alert_has_a_test() -> None:
    tests = (ROOT / "prometheus" / "tests" / "alerts.yml").read_text("utf-8")

    for name in re.findall(r"alert: (\w+)", ALERTS):
        assert re.search(rf"{name}\b", tests), name


def test_every_panel_that_was_asked_for_is_in_the_table_and_exists() -> None:
    page = (ROOT / "docs" / "grafana.md").read_text("utf-8")
    rows = re.findall(r"(?m)^\| [^|]+ \| \*(\w+)\*: ([^|]+) \| [^|]+ \| `(test_\w+)` \|$", page)
    titles = {
        (name.removesuffix(".json").capitalize(), panel["title"])
        for name, dashboard in dashboards().items()
        for panel in panels(dashboard)
    }
    system = ROOT / "tests" / "system"
    games = (system / "test_dashboards.py").read_text("utf-8")
    weather = (system / "test_weather_dashboard.py").read_text("utf-8")

    assert {dashboard for dashboard, _, _ in rows} == {"Standings", "Cluster", "Weather"}
    for dashboard, panels_, test in rows:
        for title in panels_.split(", "):
            assert (dashboard, title) in titles
        assert f"def {test}(" in (weather if dashboard == "Weather" else games)


@pytest.mark.parametrize("name", generate.files())
def test_grafanas_own_model_of_a_dashboard_knows_every_option(name: str) -> None:
    """The SDK drops what it does not know, as Grafana does: whatever is lost was misspelt."""
    register_default_plugins()
    ours = dashboards()[name]
    for panel in panels(ours):
        # The SDK reads targets as the panel's data source has them; Grafana as each one's own.
        panel["datasource"] = panel["targets"][0]["datasource"]

    theirs = json.loads(JSONEncoder().encode(Dashboard.from_json(ours)))

    assert list(_lost(ours, theirs)) == []


def _lost(ours: object, theirs: object, path: str = "") -> Iterator[str]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key not in theirs:
                yield f"{path}.{key}"
            else:
                yield from _lost(value, theirs[key], f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from _lost(mine, other, f"{path}[{number}]")
    elif ours != theirs:
        yield f"{path}: {ours!r} became {theirs!r}"
