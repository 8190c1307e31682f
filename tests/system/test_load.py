"""The load of the course, by Locust, against a running system: all of it is counted, once."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.integration.gateway.gateway_support import running, settings_for
from tests.support.clients import ROOT, run
from tests.support.stack import StackFactory
from weather.recount import recount

pytestmark = pytest.mark.system

LOAD = ROOT / "load"
ENTRIES = 600


def _locust(user: str, url: str, *options: str, entries: Path) -> str:
    return run(
        *(sys.executable, "-m", "locust", "-f", "locustfile.py", user, "--headless"),
        *("--host", url, "--users", "10", "--spawn-rate", "10", "--only-summary", *options),
        directory=LOAD,
        LOAD_ENTRIES=str(entries),
        LOAD_TWEETS=str(entries),
        LOAD_CLIENTS=str(entries),
        LOAD_BATCH="50",
    )


def test_the_courses_users_send_each_entry_and_a_second_run_changes_nothing(
    stack: StackFactory, tmp_path: Path
) -> None:
    entries = tmp_path / "entries.ndjson"
    run(sys.executable, "entries.py", "--count", str(ENTRIES), "--out", entries, directory=LOAD)
    games = stack()

    _locust("CourseUser", games.gateway.url, entries=entries)
    once = games.settled()
    _locust("CourseUser", games.gateway.url, entries=entries)
    twice = games.settled()

    assert sum(it["entries"] for it in once.sports.values()) == ENTRIES
    assert {faculty for _, faculty in once.pairs} == {"engineering", "agronomy"}
    assert twice.pairs == once.pairs
    assert sum(games.topic_end().values()) == 2 * ENTRIES

    # And then whole lists: Locust ends with an error if any of them was refused.
    figures = ("--run-time", "2s", "--stop-timeout", "60", "--json")
    lists = json.loads(_locust("BulkSender", games.gateway.url, *figures, entries=entries))
    counted = games.settled()

    results = sum(it["entries"] for it in counted.sports.values()) - ENTRIES
    assert results == 50 * sum(kind["num_requests"] for kind in lists) > 0


def test_the_courses_tweets_are_all_on_the_topic_and_a_second_run_counts_none_twice(
    kafka: str, redis_url: str, tmp_path: Path
) -> None:
    tweets = tmp_path / "tweets.ndjson"
    run(sys.executable, "tweets.py", "--count", str(ENTRIES), "--out", tweets, directory=LOAD)
    with running(settings_for(kafka, redis_url, weather_writers="kafka")) as gateway:
        for _ in range(2):
            _locust("TweetUser", f"http://127.0.0.1:{gateway.http_port}", entries=tweets)
        values = [record.value or b"" for record in gateway.reports_topic()]

    assert len(values) == 2 * ENTRIES
    counted = recount(values)
    assert (counted.summary.reports, counted.rejected) == (ENTRIES, 0)
    kinds = {kind for kind, _place in counted.summary.places}
    assert kinds == {"country", "municipality"}


def test_what_the_courses_clients_send_is_all_counted_as_the_file_says(
    stack: StackFactory, kafka: str, redis_url: str, tmp_path: Path
) -> None:
    files = {kind: tmp_path / f"{kind}.ndjson" for kind in ("entries", "reports")}
    for kind, file in files.items():
        options = ("--count", str(ENTRIES), "--kind", kind, "--out", file)
        run(sys.executable, "clients.py", *options, directory=LOAD)
    games = stack()

    _locust("ClientUser", games.gateway.url, entries=files["entries"])
    snapshot = games.settled()
    with running(settings_for(kafka, redis_url, weather_writers="kafka")) as gateway:
        _locust("ClientUser", f"http://127.0.0.1:{gateway.http_port}", entries=files["reports"])
        reports = recount([record.value or b"" for record in gateway.reports_topic()]).summary

    entries = {pair: it["entries"] for pair, it in snapshot.pairs.items() if it["entries"]}
    assert entries == _expected(files["entries"])
    pairs = {(place, weather): it for (_kind, place, weather), it in reports.pairs.items()}
    assert pairs == _expected(files["reports"])


def _expected(file: Path) -> Counter[tuple[str, str]]:
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert len(lines) == ENTRIES
    return Counter(tuple(pair) for line in lines for pair in line["counts"])
