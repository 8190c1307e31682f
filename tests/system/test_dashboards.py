"""What a person sees on the dashboards, of a running system that was sent the Paris results.

No Grafana server is here. Targets of Redis are answered by an emulation of the data source's few
commands, as its read-only user; what becomes of the frames is the work of Grafana's own library.
Targets of Prometheus are asked of a real one that watches the system.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from redis import Redis

from grafana.generate import DIRECTORY as DASHBOARDS
from grafana.model import MOST_LINES
from medallero.embedded.ports import free_port
from medallero.embedded.processes import Command, Process, stop_all
from medallero.up.endpoints import Whereabouts
from tests.paris2024 import (
    CATALOGUE,
    SportName,
    facts,
    odf_csv,
    official_medals,
    paris_catalogue,
)
from tests.support import kubernetes_metrics
from tests.support.grafana_library import installed_library, rows, show
from tests.support.grafana_redis import execute, frame_of
from tests.support.grafana_variables import options_of, with_variables
from tests.support.servers import running_redis
from tests.support.stack import Stack, unique_settings
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.system,
    pytest.mark.xdist_group("dashboards"),  # they share one system
    pytest.mark.timeout(600),  # the first setup also installs Grafana's library
]

ROOT: Final = Path(__file__).parents[2]
GOLD, SILVER, BRONZE = "#D4AF37", "#C0C0C0", "#CD7F32"

SPORTS: Final[tuple[SportName, ...]] = ("swimming", "boxing")

OURS: Final = re.compile(r'(\b(?:medallero|process|up)\w*\{namespace=~)"\$namespace"')

Json = dict[str, Any]

TITLES: Final = {name: it.title for name, it in paris_catalogue().faculties.items()}


def dashboard(name: str) -> Json:
    read: Json = json.loads((DASHBOARDS / f"{name}.json").read_text("utf-8"))
    return read


def panels(name: str) -> list[Json]:
    return [it for it in dashboard(name)["panels"] if it["type"] != "row"]


def targets(name: str) -> list[Any]:
    """Those of Prometheus."""
    return [
        pytest.param(target, id=f"{panel['title']}-{target['refId']}")
        for panel in panels(name)
        for target in panel["targets"]
        if target["datasource"]["type"] == "prometheus"
    ]


@dataclass(frozen=True)
class Watched:
    """A system that has counted the Paris results, and a Prometheus that watches it."""

    games: Stack
    redis: Redis
    prometheus: str
    began: float

    def ask(self, path: str, **parameters: object) -> Any:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.prometheus}{path}?{query}", timeout=20) as answer:
            return json.load(answer)["data"]

    def series(self, expr: str) -> list[Json]:
        """Ask as a panel does: over the time that the system has run."""
        for variable, value in (
            ("$__rate_interval", "10s"),
            ("$__range", "1h"),
            ("$__interval", "1s"),
        ):
            expr = expr.replace(variable, value)
        # On Kubernetes our own metrics have a namespace, too; here only those of the cluster have.
        expr = OURS.sub(r'\1".*"', expr).replace("$namespace", "games|others")
        answer = self.ask(
            "/api/v1/query_range", query=expr, start=self.began, end=time.time(), step="1s"
        )
        return list(answer["result"])


@pytest.fixture(scope="module")
def watched(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    directory = tmp_path_factory.mktemp("dashboards")
    with running_redis(directory) as board, kubernetes_metrics.served() as cluster:
        settings = unique_settings(
            kafka, board.address, redis_prefix="olympics:", catalogue=CATALOGUE, partitions=3
        )
        games = Stack(settings, directory, {"history_interval": "0.5"})
        running: list[Process] = []
        try:
            games.create_topics()
            games.add_gateway()
            games.add_worker()
            games.add_worker()
            url, process = start_prometheus(games, cluster, directory)
            running.append(process)
            games.wait_ready()
            began = time.time()
            redis = as_grafana(board.address)
            watched = Watched(games, redis, url, began)
            wait_until(lambda: watched.ask("/api/v1/query", query="count(up == 1) == 4")["result"])
            send_paris(games, directory)
            games.settled()
            wait_until(lambda: in_history(redis) == TOTAL, what="the history has all")
            # Rates need a second look, and a snapshot after the first.
            wait_until(
                lambda: any(values(it) for it in watched.series(LATENCY)),
                what="a latency is known",
            )
            yield watched
        finally:
            stop_all(running, grace=10)
            games.stop()


TOTAL: Final = sum(len(facts(sport)) for sport in SPORTS)
LATENCY: Final = (
    "histogram_quantile(0.99, sum by (le) (rate(medallero_worker_latency_seconds_bucket[10s])))"
)


def in_history(redis: Redis) -> int:
    """The results that the last entry of the history counts."""
    entries: Any = redis.xrevrange("olympics:history", count=1)
    return int(entries[0][1]["results"]) if entries else 0


def send_paris(games: Stack, directory: Path) -> None:
    files = []
    for sport in SPORTS:
        files.append(directory / f"{sport}.csv")
        files[-1].write_text(odf_csv(sport), encoding="utf-8")
    # At a pace, so that there are several snapshots and the rates have something to say.
    sent = subprocess.run(
        games.command("send", *map(str, files), "--quiet", "--rate", "700"),
        env={**os.environ, **games.shell_environment()},
        timeout=120,
        capture_output=True,
        text=True,
        check=False,
    )
    assert sent.returncode == 0, sent.stdout + sent.stderr
    wrong = {"sport": "chess", "unit": "final", "competitor": {"id": "1"}, "outcome": "won"}
    assert games.gateway.request("POST", "/v1/results", wrong)[0] == 422


def as_grafana(address: str) -> Redis:
    """Make the user of `grafana/redis-user.acl`, and come as that user."""
    words = (ROOT / "grafana" / "redis-user.acl").read_text("utf-8").split()
    assert words[:2] == ["user", "grafana"]
    with Redis.from_url(address) as admin:
        execute(admin, "ACL", "SETUSER", *words[1:])
    return Redis.from_url(address, username="grafana", password="change-me", decode_responses=True)


def start_prometheus(games: Stack, cluster: str, directory: Path) -> tuple[str, Process]:
    """Start it with the shipped configuration and rules, looking every second."""
    shutil.copytree(ROOT / "prometheus" / "rules", directory / "rules")
    Whereabouts(
        games.settings,
        http=("127.0.0.1", games.gateway.port),
        grpc=("127.0.0.1", 1),
        workers=tuple(("127.0.0.1", it.port) for it in games.workers),
        data=directory,
        logs=directory,
        started=(),
    ).write_targets()
    text = (ROOT / "prometheus" / "prometheus.yml").read_text("utf-8")
    text = re.sub(r"_interval: \d+s", "_interval: 1s", text)
    text = text.replace("../.medallero/targets.json", "targets.json, cluster.json")
    (directory / "prometheus.yml").write_text(text, encoding="utf-8")
    elsewhere = [{"targets": [cluster], "labels": {"job": "cluster", "instance": "node-1"}}]
    (directory / "cluster.json").write_text(json.dumps(elsewhere), encoding="utf-8")
    port = free_port()
    command = Command(
        (
            "prometheus",
            f"--config.file={directory}/prometheus.yml",
            f"--storage.tsdb.path={directory}/prometheus",
            f"--web.listen-address=127.0.0.1:{port}",
        ),
        log=directory / "prometheus.log",
    )
    return f"http://127.0.0.1:{port}", Process(command)


def values(series: Json) -> list[float]:
    return [number for _, text in series["values"] if not math.isnan(number := float(text))]


@pytest.fixture(scope="module")
def library() -> Path:
    return installed_library()


@pytest.fixture(scope="module")
def shown(watched: Watched, library: Path) -> dict[str, Json]:
    """What each panel of *Standings*, and each of Redis on *Pipeline*, shows; by its title."""
    both = [
        *with_variables(dashboard("standings"), watched.redis, faculty="FRA", sport="swimming"),
        *with_variables(dashboard("pipeline"), watched.redis),
    ]
    wanted = [it for it in both if it.get("datasource", {}).get("uid") == "redis"]
    work = [
        {"panel": it, "frames": [frame_of(watched.redis, one) for one in it["targets"]]}
        for it in wanted
    ]
    return show(library, work)


def official_table() -> list[tuple[int, str, int, int, int]]:
    """The medal table of the two sports as the officials have it: rank, title, medals."""
    sums: dict[str, list[int]] = {}
    for sport in SPORTS:
        for committee, medals in official_medals(sport).items():
            mine = sums.setdefault(committee, [0, 0, 0])
            sums[committee] = [a + b for a, b in zip(mine, medals, strict=True)]
    order = sorted(sums.items(), key=lambda it: ([-n for n in it[1]], it[0]))
    return [
        (
            1 + sum(it > [gold, silver, bronze] for it in sums.values()),
            TITLES[name],
            gold,
            silver,
            bronze,
        )
        for name, (gold, silver, bronze) in order
    ]


def test_the_medal_table_is_the_official_one(shown: dict[str, Json]) -> None:
    panel = shown["Medal table"]

    seen = rows(panel)

    official = official_table()
    assert official[0] == (1, "United States", 8, 13, 8)
    assert [
        (it["Rank"], it["Faculty"], it["Gold"], it["Silver"], it["Bronze"])
        for it in seen[: len(official)]
    ] == official
    assert all(it["Total"] == it["Gold"] + it["Silver"] + it["Bronze"] for it in seen)
    entries = next(it for it in panel["columns"] if it["name"] == "Entries")
    assert entries["texts"] == [str(int(it)) for it in entries["values"]]
    # The others have taken part and won nothing.
    assert all(it["Total"] == 0 for it in seen[len(official) :])
    assert [it["name"] for it in panel["columns"]][:6] == [
        "Rank",
        "Faculty",
        "Gold",
        "Silver",
        "Bronze",
        "Total",
    ]
    colors = {it["name"]: it["color"] for it in panel["columns"]}
    assert (colors["Gold"], colors["Silver"], colors["Bronze"]) == (GOLD, SILVER, BRONZE)


def test_the_numbers_at_the_top_are_those_of_the_system(shown: dict[str, Json]) -> None:
    def says(title: str) -> list[str]:
        return [it["text"] for it in shown[title]["display"]]

    assert says("Leader") == ["United States"]
    # A number as people write it, and not "2 K".
    assert says("Results") == [f"{TOTAL:,}"]
    assert says("Provisional") == says("Conflicts") == ["0"]
    (written,) = says("Last written")
    assert re.search(r"second|minute", written), written
    (rate,) = says("Results a second")
    assert float(rate) >= 0


def test_the_first_ten_are_ten_bars_with_their_names(shown: dict[str, Json]) -> None:
    bars = [(it["title"], it["text"]) for it in shown["The ten first by medals"]["display"]]

    assert bars == [
        (committee, str(sum(medals))) for _, committee, *medals in official_table()[:10]
    ]


def test_medals_by_faculty_are_in_the_tables_order(shown: dict[str, Json]) -> None:
    seen = rows(shown["Medals by faculty"])

    assert [(it["Faculty"], it["Gold"], it["Silver"], it["Bronze"]) for it in seen] == [
        it[1:] for it in official_table()[:20]
    ]


@pytest.mark.parametrize(
    ("title", "column", "count"),
    [
        ("Students by faculty", "Entries", "entries"),
        ("Winners by faculty", "Winners", "winners"),
        ("Losers by faculty", "Losers", "losers"),
    ],
)
def test_bars_by_faculty_show_those_with_the_most(
    watched: Watched, shown: dict[str, Json], title: str, column: str, count: str
) -> None:
    seen = rows(shown[title])

    snapshot = watched.games.snapshot()
    assert snapshot
    counts = {TITLES[it["faculty"]]: it[count] for it in snapshot.faculties}
    assert [it[column] for it in seen] == sorted(counts.values(), reverse=True)[:20]
    assert all(counts[it["Faculty"]] == it[column] for it in seen)
    assert set(seen[0]) == {"Faculty", column}


def test_winners_losers_and_medals_are_shown_for_each_sport(
    watched: Watched, shown: dict[str, Json]
) -> None:
    snapshot = watched.games.snapshot()
    assert snapshot
    of = snapshot.sports

    assert rows(shown["Winners and losers by sport"]) == [
        {
            "Sport": name.capitalize(),
            "Winners": of[name]["winners"],
            "Losers": of[name]["losers"],
            "Ties": of[name]["ties"],
        }
        for name in ("swimming", "boxing")
    ]
    # By the officials: 35 gold medals in swimming, and so on.
    assert rows(shown["Medals by sport"]) == [
        {"Sport": "Swimming", "Gold": 35, "Silver": 36, "Bronze": 34},
        {"Sport": "Boxing", "Gold": 13, "Silver": 13, "Bronze": 26},
    ]
    bars = [
        (it["title"], it["text"]) for it in shown["Sports that the winners come from"]["display"]
    ]
    most_first = sorted(of, key=lambda name: -of[name]["winners"])
    assert bars == [(name.capitalize(), str(of[name]["winners"])) for name in most_first]
    assert [it["Entries"] for it in rows(shown["Sports"])] == [
        len(facts("swimming")),
        len(facts("boxing")),
    ]


def test_the_latest_results_are_told_in_words(watched: Watched, shown: dict[str, Json]) -> None:
    panel = shown["Latest results"]

    _, told = watched.games.gateway.request("GET", "/v1/latest")
    newest = told["latest"][:20]
    seen = rows(panel)
    assert [it["name"] for it in panel["columns"]] == ["When", "Sport", "Event", "Result"]
    assert [it["When"] for it in seen] == [round(1000 * it["at"]) for it in newest]
    assert all(re.search("second|minute", it) for it in panel["columns"][0]["texts"])
    for row, change in zip(seen, newest, strict=True):
        assert row["Sport"] == change["sport"].capitalize()
        assert row["Event"].startswith(f"{change['title']} · ")
        medals = [it for it in change["leaders"] if it["medal"]]
        for leader in medals or change["leaders"][:1]:
            name, faculty = leader["name"], TITLES[leader["faculty"]]
            assert (name if name == faculty else f"{name} ({faculty})") in row["Result"]
        if medals:
            assert row["Result"].startswith(f"{medals[0]['medal'].capitalize()} ")


def test_the_last_medallists_are_named(watched: Watched, shown: dict[str, Json]) -> None:
    panel = shown["Medallists"]

    seen = rows(panel)
    _, told = watched.games.gateway.request("GET", "/v1/medallists?limit=500")
    official = {
        (
            it["medal"],
            it["name"],
            TITLES[it["faculty"]],
            it["sport"].capitalize(),
            f"{it['title']} · {it['stage']}",
        )
        for it in told["medallists"]
    }
    names = ["When", "Medal", "Name", "Faculty", "Sport", "Event"]
    assert [it["name"] for it in panel["columns"]] == names
    assert len(seen) > 10
    assert {tuple(it[name] for name in names[1:]) for it in seen} <= official
    assert [it["When"] for it in seen] == sorted((it["When"] for it in seen), reverse=True)


def test_what_changes_is_shown_over_time(shown: dict[str, Json]) -> None:
    gold = shown["Gold medals over time"]["columns"]
    ends = {it["name"]: it["values"][-1] for it in gold if it["type"] == "number"}
    assert ends == {title: won for _, title, won, *_ in official_table()[:10] if won}
    assert 5 < len(ends) <= 10
    for title, wanted in (
        ("Gold medals over time", None),
        ("Results a second over time", ["Results a second"]),
        ("Winners and losers over time", ["Winners", "Losers"]),
        ("Results over time", ["Results", "Provisional"]),
    ):
        moment, *columns = shown[title]["columns"]
        assert moment["type"] == "time"
        assert len(moment["values"]) > 1
        assert moment["values"] == sorted(moment["values"])
        assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d", moment["texts"][0]), moment["texts"][0]
        if wanted:
            assert [it["name"] for it in columns] == wanted
    results = shown["Results over time"]["columns"][1]["values"]
    assert results == sorted(results)
    assert results[-1] > 0


def test_one_faculty_and_one_sport_can_be_chosen(watched: Watched, shown: dict[str, Json]) -> None:
    choices = {
        it["name"]: options_of(watched.redis, it)
        for it in dashboard("standings")["templating"]["list"]
        if it["type"] == "query"
    }
    assert choices["sport"] == [("boxing", "Boxing"), ("swimming", "Swimming")]
    assert dict(choices["faculty"]) == TITLES
    assert [text for _, text in choices["faculty"]] == sorted(TITLES.values())

    snapshot = watched.games.snapshot()
    assert snapshot
    france = next(it for it in snapshot.faculties if it["faculty"] == "FRA")
    (row,) = rows(shown["The chosen faculty"])
    assert (row["Faculty"], row["Rank"], row["Gold"], row["Entries"]) == (
        "France",
        *(france[it] for it in ("rank", "gold", "entries")),
    )
    (row,) = rows(shown["The chosen sport"])
    assert (row["Sport"], row["Gold"]) == ("Swimming", 35)
    (row,) = rows(shown["The chosen faculty in the chosen sport"])
    assert row["Gold"] == official_medals("swimming")["FRA"][0]
    _, *columns = shown["Medals of the chosen faculty over time"]["columns"]
    assert {it["name"]: it["values"][-1] for it in columns} == {
        "Gold": france["gold"],
        "Silver": france["silver"],
        "Bronze": france["bronze"],
    }


def test_before_the_first_result_every_panel_says_that_there_is_none(
    watched: Watched, library: Path
) -> None:
    """Nothing is there under another prefix, as in an empty Redis."""
    text = json.dumps(dashboard("standings")["panels"]).replace("olympics:", "olympics:none:")
    empty = [it for it in json.loads(text) if it["type"] != "row"]
    work = [
        {"panel": it, "frames": [frame_of(watched.redis, one) for one in it["targets"]]}
        for it in empty
    ]

    seen = show(library, work)

    for title in ("Leader", "Results a second", "The ten first by medals"):
        assert [it["text"] for it in seen[title]["display"]] in ([], ["No results yet"]), title
    assert rows(seen["Medal table"]) == []


def test_redis_tells_of_itself(shown: dict[str, Json]) -> None:
    for title in ("Memory", "Commands a second", "Clients", "Evicted keys", "Up for", "Role"):
        (said,) = shown[title]["display"]
        assert said["text"], title
    assert shown["Role"]["display"][0]["text"] == "master"
    assert shown["Evicted keys"]["display"][0]["text"] == "0"
    assert shown["Memory"]["display"][0]["text"].endswith("iB")


def test_grafanas_user_can_read_the_board_and_change_nothing(watched: Watched) -> None:
    redis = watched.redis
    before = watched.games.snapshot()

    for command in (
        ("SET", "olympics:x", "1"),
        ("HSET", "olympics:meta", "results", "0"),
        ("DEL", "olympics:medal_table"),
        ("XADD", "olympics:history", "*", "a", "1"),
        ("EXPIRE", "olympics:meta", "1"),
        ("EVAL", "return redis.call('DEL', 'olympics:meta')", "0"),
        ("FLUSHALL",),
        ("CONFIG", "GET", "*"),
        ("ACL", "LIST"),
        ("SHUTDOWN",),
        ("DEBUG", "SLEEP", "0"),
        ("GET", "someone:else"),
        ("COPY", "olympics:meta", "olympics:other"),
    ):
        with pytest.raises(Exception, match=r"(?i)no permission|NOPERM|DEBUG command not allowed"):
            execute(redis, *command)

    assert watched.games.snapshot() is not None
    assert before is not None


def test_the_acl_file_is_one_that_redis_loads(tmp_path: Path) -> None:
    from medallero.embedded.redis import server_binary

    port = free_port()
    file = ROOT / "grafana" / "redis-user.acl"
    argv = (str(server_binary()), "--port", str(port), "--bind", "127.0.0.1", "--save", "")
    command = Command((*argv, "--dir", str(tmp_path), "--aclfile", str(file)), log=tmp_path / "log")
    process = Process(command)
    try:

        def users() -> list[str] | None:
            try:
                with Redis(port=port, decode_responses=True) as redis:
                    return [str(it) for it in execute(redis, "ACL", "USERS")]
            except OSError:
                return None

        assert wait_until(users, timeout=10, what=lambda: process.log_tail(20)) == [
            "default",
            "grafana",
        ]
    finally:
        stop_all([process], grace=5)


@pytest.mark.parametrize("target", [*targets("pipeline")])
def test_each_query_of_the_pipeline_finds_something(watched: Watched, target: Json) -> None:
    # What came last has been looked at once; a rate needs two looks.
    wait_until(
        lambda: any(values(it) for it in watched.series(target["expr"])),
        timeout=20,
        what=f"something is found by {target['expr']}",
    )


@pytest.mark.parametrize("name", ["pipeline", "cluster"])
def test_no_graph_of_a_large_system_has_more_than_ten_lines(watched: Watched, name: str) -> None:
    drawn = {}
    for panel in panels(name):
        if panel["type"] == "timeseries":
            drawn[panel["title"]] = sum(
                len(watched.series(it["expr"]))
                for it in panel["targets"]
                if it["datasource"]["type"] == "prometheus"
            )

    assert {title: lines for title, lines in drawn.items() if lines > MOST_LINES} == {}
    if name == "cluster":
        assert drawn["CPU by pod"] == MOST_LINES < kubernetes_metrics.PODS


def test_requests_and_latency_are_known_by_path(watched: Watched) -> None:
    requests = watched.series("sum by (path) (medallero_gateway_request_seconds_count)")

    assert {it["metric"]["path"] for it in requests} == {"/v1/results"}


def test_nodes_and_services_are_listed(watched: Watched, library: Path) -> None:
    wanted = [it for it in panels("cluster") if it["title"] in ("Nodes", "Services")]
    work = [
        {"panel": it, "frames": [table_of(watched, one) for one in it["targets"]]} for it in wanted
    ]

    seen = show(library, work)

    (node,) = rows(seen["Nodes"])
    assert list(node) == ["Node", "Ready", "Kubelet", "System", "Address"]
    assert (node["Node"], node["Ready"], node["Kubelet"]) == ("node-1", 1, "v1.36.0")
    assert [tuple(it.values()) for it in rows(seen["Services"])] == [
        ("gateway", "games", "ClusterIP", "10.1.0.1"),
        ("gateway", "others", "ClusterIP", "10.1.0.2"),
    ]


def table_of(watched: Watched, target: Json) -> Json:
    """Return the frame of an instant query in the format table: a column for each label."""
    expr = target["expr"].replace("$namespace", "games|others")
    found = watched.ask("/api/v1/query", query=expr)["result"]
    found.sort(key=lambda it: sorted(it["metric"].items()))
    names = sorted({name for it in found for name in it["metric"]})
    columns = [("Time", "time", [1000 * it["value"][0] for it in found])]
    columns += [(name, "string", [it["metric"].get(name) for it in found]) for name in names]
    columns.append(("Value", "number", [float(it["value"][1]) for it in found]))
    return {
        "schema": {
            "refId": target["refId"],
            "fields": [{"name": name, "type": kind} for name, kind, _ in columns],
        },
        "data": {"values": [list(it) for _, _, it in columns]},
    }


@pytest.mark.parametrize("target", [*targets("cluster")])
def test_each_query_of_the_cluster_finds_something(watched: Watched, target: Json) -> None:
    # What came last has been looked at once; a rate needs two looks.
    wait_until(
        lambda: any(values(it) for it in watched.series(target["expr"])),
        timeout=20,
        what=f"something is found by {target['expr']}",
    )


def test_legends_name_labels_that_the_series_have(watched: Watched) -> None:
    for name in ("pipeline", "cluster"):
        for panel in panels(name):
            for target in panel["targets"]:
                wanted = set(re.findall(r"{{(\w+)}}", target.get("legendFormat", "")))
                for series in watched.series(target["expr"]) if wanted else ():
                    assert wanted <= set(series["metric"]), (panel["title"], series["metric"])


def test_the_numbers_of_prometheus_are_those_of_the_system(watched: Watched) -> None:
    def last(expr: str) -> float:
        found = watched.ask("/api/v1/query", query=expr)["result"]
        assert len(found) == 1, (expr, found)
        return float(found[0]["value"][1])

    total = sum(watched.games.topic_end().values())

    for expr, wanted in (
        ("sum(medallero_gateway_records_accepted_total)", total),
        ("sum(medallero_worker_results)", total),
        ("sum(medallero_worker_partitions)", 3),
        ("sum(medallero_worker_scoreboard)", 1),
        ("sum(medallero_worker_ready)", 2),
        ("medallero:group_lag_records:sum", 0),
        ("max(medallero_worker_committed_age_seconds)", 0),
        ("max(medallero_worker_brokers)", 1),
        ("max(medallero_worker_missing_replicas)", 0),
        ("medallero:unowned_partitions:count", 0),
    ):
        wait_until(lambda e=expr, w=wanted: last(e) == w, what=f"{expr} is {wanted}")  # type: ignore[misc]
    assert last("sum(medallero_worker_records_total)") >= total
    assert 0 <= last("medallero:snapshot_age_seconds:min") < 15
    assert last("max(medallero_worker_latency_seconds_sum)") > 0


def test_a_healthy_system_raises_no_alert(watched: Watched) -> None:
    rules = watched.ask("/api/v1/rules")["groups"]
    assert {it["name"] for it in rules} >= {"medallero", "medallero-gateway", "medallero-worker"}
    assert all(rule["health"] != "err" for group in rules for rule in group["rules"]), rules

    assert [it for it in watched.ask("/api/v1/alerts")["alerts"] if it["state"] == "firing"] == []
