"""Paris 2024, sent through the whole system: the medals are exactly the official ones.

Swimming with ranks computed from the times, and with the officials' ranks; boxing, whose file has
no ranks at all, from won and lost. Source of the results: tests/data/README.md.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest

from contracts.snapshot import Snapshot
from tests.paris2024 import (
    CATALOGUE,
    GAMES,
    Medals,
    SportName,
    facts,
    odf_csv,
    official_medals,
)
from tests.paris2024 import SPORTS as ALL_SPORTS
from tests.support.oracle import Watcher, assert_standings_equal_the_oracle
from tests.support.stack import Stack, StackFactory
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

SPORTS: tuple[SportName, ...] = ("swimming", "boxing")
ROWS = {sport: len(facts(sport)) for sport in SPORTS}

Protocol = Literal["http", "grpc"]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Both sports as CSV with the Olympic Data Feed's columns."""
    paths = [tmp_path / f"{sport}.csv" for sport in SPORTS]
    for sport, path in zip(SPORTS, paths, strict=True):
        path.write_text(odf_csv(sport), encoding="utf-8")
    return paths


@contextmanager
def sending(
    games: Stack, protocol: Protocol, files: list[Path], *options: str
) -> Iterator[subprocess.Popen[str]]:
    endpoint = games.gateway.url if protocol == "http" else f"grpc://{games.grpc[0]}"
    command = games.command("send", *map(str, files), "--endpoint", endpoint, *options)
    with subprocess.Popen(
        command,
        env={**os.environ, **games.shell_environment()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as sender:
        try:
            yield sender
        finally:
            sender.kill()


def finished(sender: subprocess.Popen[str]) -> None:
    output, _ = sender.communicate(timeout=120)
    assert sender.returncode == 0, output


def medals(snapshot: Snapshot, sport: SportName) -> Medals:
    return {
        committee: (counts["gold"], counts["silver"], counts["bronze"])
        for (its_sport, committee), counts in snapshot.pairs.items()
        if its_sport == sport and counts["gold"] + counts["silver"] + counts["bronze"]
    }


def assert_official(games: Stack) -> None:
    snapshot = games.settled()
    for sport in SPORTS:
        assert medals(snapshot, sport) == official_medals(sport)
        counts = snapshot.sports[sport]
        assert counts["entries"] == ROWS[sport]
    totals = {
        sport: tuple(snapshot.sports[sport][name] for name in ("gold", "silver", "bronze"))
        for sport in SPORTS
    }
    assert totals == {"swimming": (35, 36, 34), "boxing": (13, 13, 26)}
    assert snapshot.meta["results"] == sum(ROWS.values())
    assert snapshot.meta["rejected"] == snapshot.meta["conflicts"] == 0
    assert_standings_equal_the_oracle(games, snapshot)


@pytest.mark.parametrize(
    ("protocol", "options"),
    [("http", ["--ignore-rank"]), ("grpc", [])],
    ids=["computed-ranks-by-http", "officials-ranks-by-grpc"],
)
def test_every_row_gives_exactly_the_official_medals(
    stack: StackFactory, files: list[Path], protocol: Protocol, options: list[str]
) -> None:
    games = stack(catalogue=CATALOGUE)

    with sending(games, protocol, files, *options) as sender:
        finished(sender)

    assert_official(games)


def test_every_sport_gives_its_official_medals_with_a_catalogue_made_of_the_files(
    stack: StackFactory, tmp_path: Path
) -> None:
    games = stack(catalogue=GAMES)
    paths = [tmp_path / f"{sport}.csv" for sport in ALL_SPORTS]
    for sport, path in zip(ALL_SPORTS, paths, strict=True):
        path.write_text(odf_csv(sport), encoding="utf-8")

    with sending(games, "http", paths) as sender:
        finished(sender)

    snapshot = games.settled()
    for sport in ALL_SPORTS:
        assert medals(snapshot, sport) == official_medals(sport)
        assert snapshot.sports[sport]["entries"] == len(facts(sport))
    assert snapshot.meta["rejected"] == snapshot.meta["conflicts"] == 0
    assert_standings_equal_the_oracle(games, snapshot)


@pytest.mark.parametrize(
    ("protocol", "options"),
    [("http", []), ("grpc", ["--ignore-rank"])],
    ids=["officials-ranks-by-http", "computed-ranks-by-grpc"],
)
def test_shuffled_and_three_times_over_with_the_worker_killed_it_is_the_same(
    stack: StackFactory, files: list[Path], protocol: Protocol, options: list[str]
) -> None:
    games = stack(catalogue=CATALOGUE)
    total = 3 * sum(ROWS.values())
    chaos = ["--shuffle", "--duplicate", "3", "--rate", "600"]

    with (
        Watcher(games) as watcher,
        sending(games, protocol, files, *chaos, *options) as sender,
    ):
        worker = games.workers[0]
        wait_until(lambda: counted(games) > total // 4, timeout=60)

        worker.kill()

        # It struck while work was in flight: some results were counted, others were on the topic
        # and not counted, and still others were on their way.
        at_the_kill = counted(games)
        on_the_topic = wait_until(lambda: more_than(at_the_kill, games, sender))
        assert 0 < at_the_kill < on_the_topic < total
        worker.start()
        finished(sender)
        assert_official(games)

    assert watcher.views > 0


def more_than(known: int, games: Stack, sender: subprocess.Popen[str]) -> int | None:
    """Let the sender go on for a moment; return how far the topic is, if further than *known*."""
    time.sleep(0.2)
    sender.send_signal(signal.SIGSTOP)
    try:
        assert sender.poll() is None
        end = sum(games.topic_end().values())
    finally:
        sender.send_signal(signal.SIGCONT)
    return end if end > known else None


def counted(games: Stack) -> int:
    """The records that the standings have counted."""
    snapshot = games.snapshot()
    return 0 if snapshot is None else sum(offset for offset, _ in snapshot.offsets.values())
