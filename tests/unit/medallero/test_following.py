"""`medallero send --follow`: what is sent of a folder whose files come, grow, change and go."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from medallero.files import following as following_module
from medallero.files.following import (
    STATE,
    Delivered,
    Follower,
    SentState,
    StateError,
    Totals,
    with_ids_by_content,
)
from medallero.files.inputs import Reading, Record, TextOptions, Unreadable, open_input
from medallero.stop_flag import StopFlag
from olympics.catalogue import load_catalogue
from olympics.result import Result, parse_result
from tests.support.meet_files import odf
from tests.unit.medallero.fake_gateway import Busy, FakeGateway, serving

CATALOGUE = load_catalogue()
HEAD = "sport,unit,phase,competitor_id,faculty,mark\n"


class Topic:
    """What was delivered, and a follower that delivers to it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.records: list[Record | Unreadable] = []
        self.said: list[tuple[str, Totals, str]] = []
        #: how many of the next records arrive before the gateway is away; None: all
        self.away_after: int | None = None
        self.refused: set[str] = set()
        self.while_reading: Callable[[], object] = lambda: None
        self.start()

    def start(self) -> None:
        """Start anew, as after the end of the process."""
        state = SentState(self.directory / STATE, CATALOGUE)
        self.follower = Follower(self.directory, state, self._read, self._deliver, self._say)

    def look(self, times: int = 2) -> list[str]:
        """Look so often; return what was sent: competitor, mark, version, status."""
        before = len(self.records)
        for _ in range(times):
            self.follower.look()
        return [_short(it) for it in self.records[before:]]

    def survivors(self) -> set[tuple[str, str, str | None]]:
        """Return the results that count: of each identity its highest version."""
        last: dict[tuple[str, str, str], Result] = {}
        for it in self.records:
            assert isinstance(it, Record)
            result = parse_result(msgspec.json.decode(it.body), CATALOGUE)
            key = (result.sport, result.unit, result.competitor.id)
            old = last.get(key)
            # Never the same version with another content, and never a lower one.
            assert old is None or result.version > old.version or result == old
            last[key] = result
        return {
            (it.unit, it.competitor.id, it.mark) for it in last.values() if it.status == "official"
        }

    def _read(self, path: Path) -> list[Record | Unreadable]:
        self.while_reading()
        source = open_input(str(path), again=True, text=TextOptions(catalogue=CATALOGUE))
        try:
            return list(with_ids_by_content(source.records(Reading(run="folder")), "folder"))
        finally:
            source.close()

    def _deliver(self, records: Sequence[Record | Unreadable]) -> Delivered:
        if self.away_after is not None:
            self.records += records[: self.away_after]
            return Delivered(False, set())
        rejected = {it.place for it in records if _short(it) in self.refused}
        self.records += (it for it in records if it.place not in rejected)
        return Delivered(True, rejected)

    def _say(self, name: str, totals: Totals, problem: str) -> None:
        self.said.append((name, totals, problem))


def _short(record: Record | Unreadable) -> str:
    if isinstance(record, Unreadable):
        return record.error
    raw = msgspec.json.decode(record.body)
    version, status = raw.get("version", 1), raw.get("status", "").removeprefix("official")
    who = raw.get("competitor", {}).get("id")
    return f"{who} {raw.get('mark')} v{version} {status}".strip()


def rows(*marks: str, unit: str = "50 m final") -> str:
    """Return rows of competitors 1, 2 …, of which an empty mark leaves one out."""
    return "".join(
        f"swimming,{unit},final,{number},engineering,{mark}\n"
        for number, mark in enumerate(marks, 1)
        if mark
    )


@pytest.fixture
def topic(tmp_path: Path) -> Topic:
    return Topic(tmp_path)


def put(topic: Topic, name: str, text: str | bytes) -> Path:
    path = topic.directory / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_file_is_sent_once_and_its_changes_as_corrections(topic: Topic) -> None:
    put(topic, "a.csv", HEAD + rows("58.40", "59.10"))
    assert topic.look() == ["1 58.400 v1", "2 59.100 v1"]
    assert topic.look(4) == []

    put(topic, "a.csv", HEAD + rows("58.40", "58.30", "60.00"))
    assert topic.look() == ["2 58.300 v2", "3 60.000 v1"]

    put(topic, "a.csv", HEAD + rows("", "58.30", "60.00"))
    assert topic.look() == ["1 58.400 v2 withdrawn"]

    put(topic, "a.csv", HEAD + rows("58.40", "58.30", "60.00"))
    assert topic.look() == ["1 58.400 v3"]
    total = topic.follower.totals
    assert (total.new, total.corrections, total.withdrawn, total.files) == (3, 2, 1, 4)


def test_a_file_that_grows_is_left_until_it_is_still(topic: Topic) -> None:
    path = put(topic, "a.csv", HEAD)
    assert topic.look(1) == []
    path.write_text(HEAD + rows("58.40"))
    assert topic.look(1) == []
    path.write_text(HEAD + rows("58.40", "59.10"))
    assert topic.look(1) == []
    assert topic.look(1) == ["1 58.400 v1", "2 59.100 v1"]


def test_a_restart_sends_nothing_as_new(topic: Topic) -> None:
    put(topic, "a.csv", HEAD + rows("58.40", "59.10"))
    topic.look()
    topic.start()
    assert topic.look(4) == []

    topic.start()
    put(topic, "a.csv", HEAD + rows("58.40", "59.20"))
    assert topic.look() == ["2 59.200 v2"]


def test_the_same_results_under_another_name_are_not_new(topic: Topic) -> None:
    put(topic, "a.csv", HEAD + rows("58.40", "59.10"))
    topic.look()
    put(topic, "b.csv", HEAD + rows("58.40", "59.20", "61.00"))
    assert topic.look() == ["2 59.200 v2", "3 61.000 v1"]
    # They are of the second file now: the first one takes nothing back.
    put(topic, "a.csv", HEAD + rows("58.40"))
    assert topic.look() == []


def test_an_empty_or_damaged_file_takes_nothing_back(topic: Topic) -> None:
    put(topic, "a.csv", HEAD + rows("58.40"))
    topic.look()
    for text in ("", HEAD, "nonsense", b"PK\x03\x04 cut"):
        put(topic, "a.csv", text)
        assert topic.look() == []
    problems = [problem for _, _, problem in topic.said if problem]
    assert len(problems) == 2
    put(topic, "a.csv", HEAD + rows("58.50"))
    assert topic.look() == ["1 58.500 v2"]


def test_a_deleted_file_takes_nothing_back(topic: Topic) -> None:
    put(topic, "a.csv", HEAD + rows("58.40")).unlink()
    put(topic, "a.csv", HEAD + rows("58.40"))
    topic.look()
    (topic.directory / "a.csv").unlink()
    assert topic.look(3) == []


@pytest.mark.parametrize(
    "name", [".hidden.csv", "~$a.xlsx", "a.csv.part", "a.tmp", "a.csv~", "a.csv.rejected.ndjson"]
)
def test_what_others_are_still_writing_is_passed_over(topic: Topic, name: str) -> None:
    put(topic, name, HEAD + rows("58.40"))
    assert topic.look(3) == []
    assert topic.said == []


def test_what_was_not_delivered_is_tried_again(topic: Topic) -> None:
    put(topic, "a.csv", HEAD + rows("58.40"))
    topic.away_after = 0
    assert topic.look(3) == []
    topic.away_after = None
    assert topic.look(20) == ["1 58.400 v1"]


@pytest.mark.parametrize("killed", [False, True])
def test_what_may_have_arrived_never_has_two_contents_of_one_version(
    topic: Topic, killed: bool
) -> None:
    put(topic, "a.csv", HEAD + rows("58.40", "59.10"))
    topic.away_after = 1
    assert topic.look() == ["1 58.400 v1"]
    if killed:
        topic.start()
    topic.away_after = None
    put(topic, "a.csv", HEAD + rows("58.50", "59.10", "60.00"))
    assert topic.look(20) == ["1 58.500 v2", "2 59.100 v1", "3 60.000 v1"]

    put(topic, "a.csv", HEAD + rows("58.50", "59.10"))
    topic.away_after = 1
    assert topic.look() == ["3 60.000 v2 withdrawn"]
    if killed:
        topic.start()
    topic.away_after = None
    assert topic.look(20) == ["3 60.000 v2 withdrawn"]
    put(topic, "a.csv", HEAD + rows("58.50", "59.10", "60.00"))
    assert topic.look() == ["3 60.000 v3"]


@pytest.mark.parametrize("half", [HEAD + rows("58.40"), "nonsense"])
def test_a_file_that_is_written_to_while_it_is_read_takes_nothing_back(
    topic: Topic, half: str
) -> None:
    put(topic, "a.csv", HEAD + rows("58.40", "59.10"))
    topic.look()
    whole = HEAD + rows("58.40", "59.20")

    def write_again() -> None:
        topic.while_reading = lambda: None
        put(topic, "a.csv", half)

    put(topic, "a.csv", whole)
    topic.look(1)
    topic.while_reading = write_again
    assert topic.look(1) == []
    put(topic, "a.csv", whole)
    assert topic.look(20) == ["2 59.200 v2"]
    assert topic.follower.totals.not_sent == 0


def test_a_file_that_the_system_does_not_give_is_told_once(
    topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: Path) -> str:
        raise PermissionError(13, "Permission denied")

    put(topic, "a.csv", HEAD + rows("58.40"))
    with monkeypatch.context() as patched:
        patched.setattr(following_module, "_digest", refused)
        assert topic.look(60) == []
    assert [problem for _, _, problem in topic.said] == ["Permission denied"]
    assert topic.look(20) == ["1 58.400 v1"]


def test_of_several_versions_in_a_file_the_highest_is_the_last(topic: Topic) -> None:
    head = HEAD.strip() + ",version\n"
    row = rows("58.40").strip()
    put(topic, "a.csv", head + f"{row},3\n{row},2\n")
    assert topic.look() == ["1 58.400 v3", "1 58.400 v2"]
    put(topic, "a.csv", HEAD + rows("58.50"))
    assert topic.look() == ["1 58.500 v4"]


def test_what_was_rejected_is_new_when_it_is_sent_again(topic: Topic) -> None:
    topic.refused = {"2 59.100 v1"}
    put(topic, "a.csv", HEAD + rows("58.40", "59.10"))
    assert topic.look() == ["1 58.400 v1"]
    assert topic.follower.totals.rejected == 1
    topic.refused = set()
    put(topic, "a.csv", HEAD + rows("58.40", "59.20"))
    assert topic.look() == ["2 59.200 v1"]


def test_versions_of_the_feed_decide_in_whatever_order_its_messages_come(topic: Topic) -> None:
    def message(version: str, status: str = "OFFICIAL") -> bytes:
        data = odf(version=version, status=status).replace(b'"ENG"', b'"engineering"')
        return data.replace(b'"AGR"', b'"agronomy"')

    put(topic, "1.xml", message("3"))
    assert [it.split()[2] for it in topic.look()] == ["v3"] * 5
    put(topic, "2.xml", message("2", "LIVE"))
    assert topic.look() == []
    assert topic.said[-1][1].older == 5
    put(topic, "3.xml", message("7").replace(b"58.91", b"58.20"))
    assert {it.split()[2] for it in topic.look()} == {"v7"}


def test_entries_of_a_changed_file_count_once_and_none_is_taken_for_another(topic: Topic) -> None:
    def ids() -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for it in topic.records:
            assert isinstance(it, Record)
            entry = msgspec.json.decode(it.body)
            found.setdefault(entry["student"], []).append(entry["id"])
        topic.records.clear()
        return found

    def entries(*students: str) -> None:
        lines = (
            json.dumps({"student": it, "faculty": "engineering", "discipline": 1})
            for it in students
        )
        put(topic, "entries.ndjson", "\n".join(lines))
        topic.look()

    entries("Ana", "Eva", "Eva")
    before = ids()
    assert len({it for some in before.values() for it in some}) == 3
    assert topic.said[-1][1].entries_or_reports == 3
    entries("Luz", "Eva", "Ana", "Eva")
    after = ids()
    assert after.pop("Luz")[0] not in {it for some in before.values() for it in some}
    assert after == before


def test_a_state_that_cannot_be_read_is_said(topic: Topic) -> None:
    (topic.directory / STATE).write_text("{")
    with pytest.raises(StateError, match=STATE):
        topic.start()


@pytest.mark.parametrize("seed", range(8))
def test_what_counts_in_the_end_is_what_the_files_say(topic: Topic, seed: int) -> None:
    chance = random.Random(seed)
    files: dict[str, list[str]] = {}
    for _ in range(25):
        name = chance.choice("abc")
        marks = files.setdefault(name, ["58.40", "59.10", "60.00"])
        marks[chance.randrange(3)] = chance.choice(["", "57.00", "58.40", "61.00"])
        if not any(marks):
            marks[0] = "58.40"
        put(topic, f"{name}.csv", HEAD + rows(*marks, unit=f"{name} final"))
        topic.away_after = chance.choice([None, None, 0, 1, 2])
        if chance.random() < 0.5:
            topic.look()
        if chance.random() < 0.2:
            topic.start()
    topic.away_after = None
    topic.look(20)

    assert topic.survivors() == {
        (f"{name} final", str(number), f"{float(mark):.3f}")
        for name, marks in files.items()
        for number, mark in enumerate(marks, 1)
        if mark
    }


def following(gateway: FakeGateway, directory: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "medallero", "send", "--follow", str(directory), "--json"]
    environment = {**os.environ, "MEDALLERO_ENDPOINT": gateway.url}
    return subprocess.Popen(
        [*command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )


def lines(process: subprocess.Popen[str], count: int) -> list[dict[str, Any]]:
    assert process.stdout is not None
    return [json.loads(process.stdout.readline()) for _ in range(count)]


def test_files_of_its_own_are_no_results(tmp_path: Path) -> None:
    names = tmp_path / "names.toml"
    names.write_text('[faculties]\n"FIUSAC" = "engineering"\n')
    (tmp_path / "a.csv").write_text(HEAD + rows("58.40", "never"))
    own = [f"--rejected={tmp_path / 'no.ndjson'}", f"--state={tmp_path / 'sent.json'}"]
    with serving(FakeGateway()) as gateway:
        process = following(gateway, tmp_path, *own, f"--map={names}")
        try:
            lines(process, 1)
            (tmp_path / "b.csv").write_text(HEAD + rows("59.00"))
            # By now two looks have seen what was written after the first file.
            (second,) = lines(process, 1)
            (tmp_path / "c.csv").write_text(HEAD + rows("60.00"))
            (third,) = lines(process, 1)
        finally:
            process.kill()
            process.communicate()
    assert (tmp_path / "no.ndjson").stat().st_size > 0
    assert [second["file"], third["file"]] == ["b.csv", "c.csv"]


def test_the_command_follows_until_a_signal_and_says_what_it_did(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEAD + rows("58.40", "59.10"))
    (tmp_path / "b.pdf").write_bytes(b"%PDF-1.7")
    with serving(FakeGateway()) as gateway:
        gateway.answers = [Busy(503, {"Retry-After": "0"})]
        process = following(gateway, tmp_path)
        try:
            by_file = {it["file"]: it for it in lines(process, 2)}
            assert (by_file["a.csv"]["new"], by_file["a.csv"]["problem"]) == (2, "")
            assert "this is a PDF" in by_file["b.pdf"]["problem"]
            (tmp_path / "a.csv").write_text(HEAD + rows("58.40", "59.00"))
            (change,) = lines(process, 1)
            assert (change["corrections"], change["unchanged"]) == (1, 1)
            process.send_signal(signal.SIGTERM)
            (total,) = lines(process, 1)
            assert process.wait(60) == 1  # one file was not sent
        finally:
            process.kill()
            process.communicate()
    assert (total["files"], total["new"], total["corrections"], total["not_sent"]) == (2, 2, 1, 1)
    versions = [(it["competitor"]["id"], it.get("version", 1)) for it in gateway.accepted]
    assert sorted(versions) == [("1", 1), ("2", 1), ("2", 2)]


def test_a_flag_ends_the_following(topic: Topic) -> None:
    stop = StopFlag()
    stop.set()
    put(topic, "a.csv", HEAD + rows("58.40"))
    assert topic.follower.run(stop) == Totals()
    topic.follower.look()
    topic.follower.look(stop)
    assert topic.records == []
