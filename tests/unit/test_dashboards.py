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

from contracts.redis_keys import SnapshotKeys, WeatherKeys
from grafana import generate, release_settings
from grafana.model import GRAFANA, MOST_LINES
from medallero import metrics_reference
from medallero.metrics_reference import UnknownUnit, unit_of
from streams.snapshot_writer import LEADERS

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
        if target["datasource"]["type"] == "prometheus"
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
def test_every_panel_says_what_to_say_of_nothing(name: str) -> None:
    for panel in panels(dashboards()[name]):
        assert len(panel["fieldConfig"]["defaults"]["noValue"]) > 5, panel["title"]


#: Labels, and how many values each can have.
FEW: Final = {"le": 1, "protocol": 2, "outcome": 3, "kind": 3}


def most_lines(expr: str) -> int | None:
    """The most series that a query can find; None: nothing limits them."""
    if limited := re.search(r"\) and topk\((\d+), max_over_time\(", expr):
        return int(limited[1])
    inner = re.fullmatch(r"histogram_quantile\([\d.]+, (.+)\)", expr)
    parts = re.split(r" [-/] (?=sum)", inner[1] if inner else expr)
    most = 1
    for part in parts:
        grouped = re.match(r"(?:sum|max|min|count)(?: by \(([a-z, ]+)\))? ?\(", part)
        if grouped is None:
            return None
        for label in filter(None, (grouped[1] or "").split(", ")):
            if label not in FEW:
                return None
            most *= FEW[label]
    return most


def test_queries_without_a_limit_are_known_as_such() -> None:
    assert most_lines("medallero_gateway_viewers") is None
    assert most_lines("sum by (path) (rate(x[1m]))") is None
    assert most_lines("topk(10, x)") is None, "another ten at each moment"
    assert most_lines("(x) and topk(10, max_over_time((x)[1h:1m] @ end()))") == 10
    assert most_lines("histogram_quantile(0.5, sum by (le, protocol) (rate(x[1m])))") == 2
    assert most_lines("sum(rate(a[1m])) / sum(rate(b[1m]) > 0)") == 1


@pytest.mark.parametrize("name", generate.files())
def test_no_graph_has_more_lines_than_a_person_can_tell_apart(name: str) -> None:
    for panel in panels(dashboards()[name]):
        if panel["type"] != "timeseries":
            continue
        most = 0
        for target in panel["targets"]:
            if target["datasource"]["type"] == "prometheus":
                lines = most_lines(target["expr"])
                assert lines is not None, (panel["title"], target["expr"])
                most += lines
        if not most:  # of Redis: columns that are named one by one, or those of the leaders
            patterns = [
                it["options"]["include"]["pattern"]
                for it in panel["transformations"]
                if it["id"] == "filterFieldsByName"
            ]
            assert len(patterns) == 1, panel["title"]
            if "${leaders:pipe}" not in patterns[0]:
                assert not re.search(r"[.\[]|\\[wSW]", patterns[0]), patterns[0]
            most = LEADERS if "${leaders" in patterns[0] else patterns[0].count("|")
        assert 0 < most <= MOST_LINES, (panel["title"], most)


def test_nobody_sees_the_name_of_a_sport_or_a_faculty_in_place_of_its_title() -> None:
    for panel in panels(dashboards()["standings.json"]):
        asked = {it["keyName"] for it in panel["targets"]}
        if not asked & {"olympics:medal_table", "olympics:sports"}:
            continue
        options = panel["options"]
        if panel["type"] == "stat":
            assert options["reduceOptions"]["fields"] == "/^title$/", panel["title"]
            continue
        (columns,) = [it["options"] for it in panel["transformations"] if it["id"] == "organize"]
        dropped = columns["excludeByName"]
        kept = [
            it["options"]["include"]["pattern"]
            for it in panel["transformations"]
            if it["id"] == "filterFieldsByName"
        ]
        for slug in ("faculty", "sport"):
            assert slug in dropped or (kept and not re.search(rf"\b{slug}\b", kept[0]))
        assert "title" in columns["indexByName"], panel["title"]


def test_variables_are_asked_of_keys_that_exist_and_are_used() -> None:
    keys = SnapshotKeys("olympics:")
    existing = {keys.sport_choices, keys.faculty_choices, keys.leaders}
    for name, dashboard in dashboards().items():
        text = json.dumps(dashboard["panels"])
        for variable in dashboard["templating"]["list"]:
            assert re.search(rf"\$({variable['name']}\b|{{{variable['name']}[:}}])", text), name
            if variable["type"] != "query" or isinstance(variable["query"], dict):
                continue
            command, _, key = variable["query"].partition(" ")
            assert command == "SMEMBERS"
            assert key in existing


def test_grafana_has_every_setting_that_its_environment_names() -> None:
    """It says nothing of a variable that it does not know, and goes on without."""
    known = release_settings.variables(release_settings.known())
    asked: dict[str, str] = {}
    for file in (
        ROOT / "grafana/grafana.env",
        ROOT / "compose.yaml",
        *(ROOT / "k8s").rglob("*.yaml"),
    ):
        for found in re.findall(r"\bGF_[A-Z0-9_]+", file.read_text("utf-8")):
            asked[found] = file.name

    assert {"GF_PLUGINS_PREINSTALL_SYNC", "GF_SECURITY_SECRET_KEY"} <= asked.keys()
    assert {it: place for it, place in asked.items() if it not in known} == {}


def test_the_list_of_settings_is_read_from_grafanas_own_file() -> None:
    defaults = "app_mode = production\n[auth.anonymous]\n# a comment\nenabled = false\n" + (
        "[dataproxy]\ndialTimeout = 10\n[plugins]\npreinstall =\npreinstall_sync =\n"
    )

    found = release_settings.settings_in(defaults)

    assert found == [
        "app_mode",
        "auth.anonymous.enabled",
        "dataproxy.dialTimeout",
        "plugins.preinstall",
        "plugins.preinstall_sync",
    ]
    assert release_settings.variables(found)["GF_AUTH_ANONYMOUS_ENABLED"] == found[1]


def test_one_release_of_grafana_is_meant_everywhere() -> None:
    images = {
        found
        for file in (ROOT / "compose.yaml", ROOT / "grafana/grafana.env")
        for found in re.findall(r"grafana/grafana:([\d.]+)", file.read_text("utf-8"))
    }
    images |= set(
        re.findall(
            r"grafana/grafana:([\d.]+)",
            (ROOT / "k8s/components/grafana/grafana.yaml").read_text("utf-8")
            + Path(release_settings.__file__).read_text("utf-8"),
        )
    )
    package = json.loads((ROOT / "tests/system/grafana/package.json").read_text("utf-8"))

    assert images == {GRAFANA}
    assert package["dependencies"]["@grafana/data"] == GRAFANA


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
    keys = SnapshotKeys("olympics:")
    weather = WeatherKeys("weather:")
    known = {keys.meta, keys.medal_table, keys.sports, keys.latest, keys.history}
    known |= {keys.medallists}
    known |= {keys.sport("swimming"), keys.faculty("engineering")}
    known |= {keys.pair("swimming", "engineering")}
    known |= {weather.meta, weather.countries, weather.weathers}
    known |= {weather.municipalities, weather.minutes}
    for dashboard in dashboards().values():
        for panel in panels(dashboard):
            for target in panel["targets"]:
                if target["datasource"]["type"] != "redis-datasource":
                    continue
                assert target["type"] == "command", panel["title"]
                assert target["query"] == "", panel["title"]
                assert target["command"] in KNOWN_COMMANDS, panel["title"]
                key = target["keyName"].replace("$sport", "swimming")
                key = key.replace("$faculty", "engineering")
                assert target["command"] == "info" or key in known, panel["title"]


def test_data_sources_and_transformations_are_those_that_exist() -> None:
    provisioned = (ROOT / "grafana/provisioning/datasources/medallero.yml").read_text("utf-8")
    types = dict(re.findall(r"^    uid: (\w+)\n    type: (\S+)$", provisioned, re.MULTILINE))
    assert types.keys() == {"redis", "valkey", "prometheus"}
    for dashboard in dashboards().values():
        sources = [it for it in dashboard["templating"]["list"] if it["type"] == "datasource"]
        used = set()
        # What each variable is at first, is provisioned, and of the kind that can be chosen.
        assert {it["name"]: it["query"] for it in sources}.items() <= types.items()
        assert all(it["current"]["value"] == it["name"] and it["hide"] == 0 for it in sources)
        for panel in panels(dashboard):
            for target in panel["targets"]:
                source = target["datasource"]
                used.add(source["uid"])
                assert types[source["uid"].strip("${}")] == source["type"], panel["title"]
            uids_here = {it["datasource"]["uid"] for it in panel["targets"]}
            expected = uids_here.pop() if len(uids_here) == 1 else "-- Mixed --"
            assert panel["datasource"]["uid"] == expected, panel["title"]
            assert {it["id"] for it in panel["transformations"]} <= TRANSFORMATIONS
        assert used == {f"${{{it['name']}}}" for it in sources}


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
    files = (ROOT / "prometheus" / "tests").iterdir()
    tests = "".join(it.read_text("utf-8") for it in files)

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
