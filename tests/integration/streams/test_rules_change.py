"""The rules change under running workers: every view of the standings is of one revision."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from contracts.settings import CommonSettings
from contracts.snapshot import Snapshot
from medallero.doctor.checks import Finding, check_snapshot
from olympics.catalogue import load_catalogue, rules_revision
from olympics.result import encode, key_of, parse_result
from tests.soak.verifier import Watcher
from tests.support.oracle import (
    assert_standings_equal_the_oracle,
    topic_records,
    write_records,
)
from tests.support.stack import Stack, unique_settings
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

_PACKAGED = Path("olympics/catalogue.toml").read_text()
_REVISION = load_catalogue().revision


def catalogue(file: Path, revision: int, *, law: bool) -> None:
    text = re.sub(r"^revision = \d+", f"revision = {revision}", _PACKAGED, flags=re.MULTILINE)
    file.write_text(text + ('\n[faculties.law]\ntitle = "Law"\n' if law else ""))


@contextmanager
def flowing(stack: Stack, newer: Path) -> Iterator[None]:
    """Write results of two faculties, of which older rules know one, until the end."""
    over = threading.Event()
    rules = load_catalogue(newer)

    def write() -> None:
        for number in itertools.count():
            if over.wait(0.05):
                return
            records: list[tuple[bytes | None, bytes | None]] = []
            for place, faculty in enumerate(("engineering", "law")):
                raw = {"sport": "swimming", "unit": f"{number % 40}", "phase": "final",
                       "competitor": {"id": f"{number}-{place}"}, "faculty": faculty,
                       "mark": f"{50 + number % 7}"}  # fmt: skip
                result = parse_result(raw, rules)
                records.append((key_of(result.sport, result.unit), encode(result)))
            write_records(stack.settings, records)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def revisions(snapshot: Snapshot) -> set[int]:
    return {revision for _, revision in snapshot.offsets.values()}


def said_of(snapshot: Snapshot, settings: CommonSettings) -> Finding:
    findings = check_snapshot(snapshot, settings, None, snapshot.meta["updated_at"])
    return next(it for it in findings if it.name == "standings")


def test_a_rollout_with_a_kill_in_its_middle_mixes_no_rules_and_takes_nothing_back(
    kafka: str, redis_url: str, tmp_path: Path
) -> None:
    files = [tmp_path / f"worker-{number}.toml" for number in (1, 2)]
    watched = tmp_path / "newest.toml"
    for file in files:
        catalogue(file, _REVISION, law=False)
    catalogue(watched, _REVISION + 1, law=True)
    # The views are read by the names of the newest catalogue.
    settings = unique_settings(kafka, redis_url, partitions=4, catalogue=watched)
    stack = Stack(settings, tmp_path, {"session_timeout": "6"})
    newest = rules_revision(load_catalogue(watched))
    try:
        stack.create_topics()
        one, two = (stack.add_worker(catalogue=str(file)) for file in files)
        stack.wait_ready()
        with flowing(stack, watched), Watcher(settings) as watcher:

            def until(what: str, holds: Callable[[Snapshot], bool]) -> Snapshot:
                def met() -> Snapshot | None:
                    assert watcher.problem is None, watcher.problem
                    snapshot = stack.snapshot()
                    return snapshot if snapshot and holds(snapshot) else None

                return wait_until(met, timeout=120.0, what=lambda: f"{what}\n{stack.logs()}")

            before = until("something of both is counted", lambda it: it.meta["rejected"] > 20)
            assert revisions(before) == {newest - 1}

            catalogue(files[0], _REVISION + 1, law=True)
            assert one.stop() == 0
            one.start()
            half = until("half have the new rules", lambda it: it.meta["next_partitions"] >= 1)
            assert revisions(half) == {newest - 1}
            assert half.meta["next_revision"] == newest
            assert f"new rules ({newest}) are under way" in said_of(half, settings).facts

            one.kill()  # the other takes its partitions, by the old rules
            took = until(
                "the old rules own all",
                lambda it: all(url == two.url for url in it.owners.values()),
            )
            assert revisions(took) == {newest - 1}
            one.start()
            until("half have the new rules again", lambda it: it.meta["next_partitions"] >= 1)

            catalogue(files[1], _REVISION + 1, law=True)
            assert two.stop() == 0
            two.start()
            after = until("the new rules are shown", lambda it: revisions(it) == {newest})
            assert after.meta["next_revision"] == 0

            # And back, with the old file as it was: nobody shows it.
            catalogue(files[0], _REVISION, law=False)
            assert one.stop() == 0
            one.start()
            older = until("a worker is behind", lambda it: it.meta["older_partitions"] >= 1)
            assert revisions(older) == {newest}
            assert f"above {_REVISION + 1}" in said_of(older, settings).remedy
            warnings = [it.request("GET", "/readyz")[1] for it in (one, two)]
            assert any(f"above {_REVISION + 1}" in str(it) for it in warnings)

            # Its content with the next revision is the way back.
            for file in (*files, watched):
                catalogue(file, _REVISION + 2, law=False)
            for member in (one, two):
                assert member.stop() == 0
                member.start()
            until("the way back is shown", lambda it: revisions(it) == {newest + 1})
            assert watcher.problem is None
            assert watcher.snapshots > 10
        settled = stack.settled()
        assert_standings_equal_the_oracle(stack, settled)
        assert settled.meta["rejected"] == len(topic_records(settings)) // 2
    finally:
        stack.stop()
