"""The commands of users and operators against a running system."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from redis import Redis

from contracts.redis_keys import SnapshotKeys
from medallero.cli import main
from tests.support.meet_files import hytek
from tests.support.oracle import garbage, write_records
from tests.support.stack import Member, Stack, unique_settings
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def games(kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for the module; each test has units of its own."""
    stack = Stack(unique_settings(kafka, redis_url), tmp_path_factory.mktemp("games"), {})
    try:
        stack.create_topics()
        stack.add_gateway()
        stack.add_worker()
        stack.wait_ready()
        stack.settled()
        yield stack
    finally:
        stack.stop()


def environment(games: Stack) -> dict[str, str]:
    host, _, port = games.grpc[0].rpartition(":")
    return {
        **games.shell_environment(),
        "MEDALLERO_GRPC_HOST": host,
        "MEDALLERO_GRPC_PORT": port,
        "COLUMNS": "200",
    }


def run(games: Stack, *arguments: str, stdin: str | None = None, **more: str) -> Result:
    runner = CliRunner(env={**environment(games), **more})
    return runner.invoke(main, arguments, input=stdin, catch_exceptions=False)


def done(ran: Result) -> Result:
    assert ran.exit_code == 0, ran.output
    return ran


def send(games: Stack, *records: dict[str, Any], endpoint: str | None = None) -> None:
    lines = "".join(json.dumps(it) + "\n" for it in records)
    arguments = ["--endpoint", endpoint] if endpoint else []
    done(run(games, "send", "-q", "-", *arguments, stdin=lines))


def swim(unit: str, competitor: str, mark: str, **fields: Any) -> dict[str, Any]:
    return {
        "sport": "swimming",
        "unit": unit,
        "phase": "final",
        "competitor": {"id": competitor, "name": f"Name {competitor}"},
        "faculty": "engineering",
        "mark": mark,
        **fields,
    }


@contextmanager
def frozen(member: Member) -> Iterator[None]:
    member.pause()
    try:
        yield
    finally:
        member.resume()


def test_what_was_sent_is_on_the_board(games: Stack) -> None:
    before = json.loads(done(run(games, "board", "--json")).stdout)["sports"]["swimming"]
    send(games, swim("on the board", "1", "58.40"), swim("on the board", "2", "59.40"))
    games.settled()

    after = json.loads(done(run(games, "board", "--json")).stdout)["sports"]["swimming"]

    assert after["gold"] == before["gold"] + 1
    assert after["winners"] == before["winners"] + 1
    assert after["losers"] == before["losers"] + 1


def test_a_file_of_a_followed_folder_is_on_the_board_and_so_are_its_changes(
    games: Stack, tmp_path: Path
) -> None:
    def medals() -> dict[str, int]:
        games.settled()
        sport = json.loads(done(run(games, "board", "--json")).stdout)["sports"]["swimming"]
        return {it: sport[it] for it in ("gold", "silver", "bronze")}

    before = medals()
    command = [sys.executable, "-m", "medallero", "send", "--follow", str(tmp_path), "--json"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment(games)}
    )
    assert process.stdout is not None
    try:
        (tmp_path / "meet.hy3").write_bytes(hytek())
        assert json.loads(process.stdout.readline())["new"] == 8
        after = medals()
        # The final, of two heats, and the relay.
        assert {it: after[it] - before[it] for it in after} == {"gold": 2, "silver": 2, "bronze": 1}

        changed = hytek().replace(b"E2F   58.40L ", b"E2F   58.40LQ")
        (tmp_path / "meet.hy3").write_bytes(changed)
        told = json.loads(process.stdout.readline())
        assert (told["new"], told["corrections"]) == (0, 1)
        # Officials' ranks stay: the gold is vacant.
        assert medals()["gold"] == before["gold"] + 1
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("columns", [30, 40, 80, 160])
def test_the_board_fits_the_terminal(games: Stack, columns: int) -> None:
    ran = done(run(games, "board", "--once", COLUMNS=str(columns)))

    assert all(len(line) <= columns for line in ran.stdout.splitlines())
    assert "Swimm" in ran.stdout
    assert "\x1b" not in ran.stdout


@pytest.mark.parametrize("columns", [30, 40, 60, 80, 160])
def test_a_history_keeps_everything_in_a_narrow_terminal(games: Stack, columns: int) -> None:
    unit = f"narrow {columns}"
    send(games, swim(unit, "a long id", "58.40"), swim(unit, "a long id", "57.40", version=2))

    said = done(run(games, "history", "swimming", unit, COLUMNS=str(columns))).stdout

    assert all(len(line) <= columns for line in said.splitlines())
    flat = re.sub(r"\s+", " ", said)
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", flat)
    assert re.search(r" \d/\d", flat)
    for words in ("57.400", "58.400", "counts", "replaced"):
        assert words in flat
    assert "…" not in said


def test_the_same_goes_in_by_grpc(games: Stack) -> None:
    send(
        games,
        swim("by grpc", "1", "58.40", rank=2, version=3),
        {"nombre": "Ana", "edad": 20, "facultad": "Agronomía", "disciplina": 3, "id": "g1"},
        endpoint=f"grpc://{games.grpc[0]}",
    )

    (row,) = [
        json.loads(line)
        for line in done(run(games, "history", "1", "by grpc", "--json")).stdout.splitlines()
    ]

    assert row["result"]["mark"] == "58.400"
    assert (row["result"]["rank"], row["result"]["version"]) == (2, 3)
    done(run(games, "history", "boxing", "entry/g1"))


def test_what_grpc_cannot_carry_or_the_rules_refuse_is_rejected(
    games: Stack, tmp_path: Path
) -> None:
    path = tmp_path / "bad.ndjson"
    bad = [
        {**swim("refused", "1", "58"), "colour": "red"},
        swim("refused", "2", "not a mark"),
        {**swim("refused", "3", "58"), "competitor": "Ana"},
        swim("refused", "4", "58.1"),
    ]
    path.write_text("".join(json.dumps(it) + "\n" for it in bad))

    ran = run(games, "send", str(path), "--endpoint", f"grpc://{games.grpc[0]}", "--json")

    assert ran.exit_code == 1
    assert json.loads(ran.stdout)["accepted"] == 1
    rejected = [json.loads(it) for it in Path(f"{path}.rejected.ndjson").read_text().splitlines()]
    assert {(it["index"], it["field"]) for it in rejected} == {
        (0, "colour"),
        (1, "mark"),
        (2, "competitor"),
    }


def test_a_correction_finds_its_version_and_shows_what_changes(games: Stack) -> None:
    unit = "to be corrected"
    send(games, swim(unit, "1", "58.40", version=4), swim(unit, "2", "57.40"))

    ran = done(run(games, "correct", "Natación", unit, "1", "--mark", "56.1", "--yes"))

    assert re.search(r"version +4 +5", ran.stdout)
    assert re.search(r"mark +58\.400 +56\.100", ran.stdout)
    assert "rank 2, loser, silver" in ran.stdout
    assert "rank 1, winner, gold" in ran.stdout
    history = done(run(games, "history", "swimming", unit)).stdout
    assert history.count("replaced") == 1
    assert history.count("counts") == 2


def test_a_correction_asks_and_a_no_sends_nothing(games: Stack) -> None:
    unit = "asked about"
    send(games, swim(unit, "1", "58.40"))

    ran = run(games, "correct", "swimming", unit, "1", "--mark", "56.1", stdin="n\n")

    assert ran.exit_code == 1
    assert "replaced" not in run(games, "history", "swimming", unit).stdout


def test_a_withdrawn_result_can_be_brought_back(games: Stack) -> None:
    unit = "withdrawn"
    send(games, swim(unit, "1", "58.40"))

    done(run(games, "withdraw", "swimming", unit, "1", "--yes"))
    again = run(games, "withdraw", "swimming", unit, "1", "--yes")
    correction = run(games, "correct", "swimming", unit, "1", "--mark", "57", "--yes")
    done(run(games, "correct", "swimming", unit, "1", "--status", "official", "--yes"))

    assert (again.exit_code, correction.exit_code) == (2, 2)
    assert "withdrawn already" in again.stderr
    assert "--status official" in correction.stderr
    rows = done(run(games, "history", "swimming", unit, "--json")).stdout.splitlines()
    assert [json.loads(it)["fate"] for it in rows] == ["replaced", "replaced", "counts"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("swiming", "near misses", "1"), "There is no sport 'swiming'"),
        (("swimming", "NEAR misses", "1"), "near misses"),
        (("swimming", "misses", "1"), "near misses"),
        (("swimming", "near misses", "name 7"), "7 (Name 7)"),
        (("swimming", "near misses", "77"), "7 (Name 7)"),
        (("swimming", "near misses", "7", "--mark", "fast"), "mark: expected"),
        (("swimming", "near misses", "7", "--faculty", "x"), "faculty: expected"),
        (("swimming", "near misses", "7", "--mark", "58.4"), "Nothing would change"),
        (("swimming", "near misses", "7", "--clear", "mark"), "expected at least one of"),
        (("swimming", "x" * 129, "7"), "128 characters"),
    ],
)
def test_what_cannot_be_corrected_is_told(
    games: Stack, arguments: tuple[str, ...], said: str
) -> None:
    send(games, swim("near misses", "7", "58.4"))
    change = () if len(arguments) > 3 else ("--mark", "55")

    ran = run(games, "correct", *arguments, *change, "--yes")

    assert ran.exit_code == 2
    assert said in ran.stderr


def test_a_conflict_is_shown_by_all_and_settled_by_a_correction(games: Stack) -> None:
    unit = "in conflict"
    send(games, swim(unit, "1", "58.40"))
    send(games, swim(unit, "1", "58.50"))
    games.settled()

    doctor = done(run(games, "doctor")).stdout
    assert f"swimming / {unit} / 1, version 1: at " in doctor
    history = done(run(games, "history", "swimming", unit)).stdout
    assert "counts, conflict" in history
    assert "conflict, gave way" in history
    assert done(run(games, "audit")).exit_code == 0

    done(run(games, "correct", "swimming", unit, "1", "--mark", "58.45", "--yes"))
    games.settled()
    assert unit not in done(run(games, "doctor")).stdout


def test_records_that_are_no_results_are_counted_and_named(games: Stack) -> None:
    send(games, swim("among garbage", "1", "58.40"))
    write_records(games.settings, garbage())
    games.settled()

    audit = done(run(games, "audit", "--json"))
    doctor = done(run(games, "doctor", "--json"))

    assert json.loads(audit.stdout)["differences"] == []
    (found,) = [it for it in json.loads(doctor.stdout) if it["name"] == "rejected"]
    assert found["state"] == "warn"
    assert "expected" in found["facts"]
    refused = done(run(games, "history", "swimming", "x")).stdout
    assert "not a result" in refused


def test_what_has_just_changed_is_told_and_audited(games: Stack) -> None:
    send(games, swim("told", "1", "46.40"), swim("told", "2", "46.90"))
    send(games, swim("told", "1", "46.40", irm="DSQ", version=2))
    games.settled()

    line = run(games, "latest", "--limit", "1").stdout.strip()
    change = json.loads(run(games, "latest", "--limit", "1", "--json").stdout)

    assert "after the disqualification of" in line
    assert (change["unit"], change["change"], change["changed"]["irm"]) == (
        "told",
        "disqualification",
        "DSQ",
    )
    assert [it["competitor"] for it in change["leaders"]] == ["2"]
    with Redis.from_url(games.settings.redis) as redis, frozen(games.workers[0]):
        keys = SnapshotKeys(games.settings.redis_prefix)
        redis.xtrim(keys.latest, maxlen=0)
        redis.xtrim(keys.medallists, maxlen=0)
        found = json.loads(run(games, "audit", "--json").stdout)["differences"]
    assert {"latest, 1.", "medallists, 1."} <= {it["place"] for it in found}
    wait_until(lambda: run(games, "audit").exit_code == 0)


def test_an_audit_finds_a_number_that_was_changed(games: Stack) -> None:
    send(games, swim("audited", "1", "58.40"))
    games.settled()
    key = SnapshotKeys(games.settings.redis_prefix).sport("swimming")

    with Redis.from_url(games.settings.redis) as redis, frozen(games.workers[0]):
        redis.hincrby(key, "losers", 7)
        ran = run(games, "audit", "--json")

    assert ran.exit_code == 1
    (difference,) = json.loads(ran.stdout)["differences"]
    assert (difference["place"], difference["number"]) == ("swimming", "losers")
    assert difference["redis"] == difference["topic"] + 7
    # The next snapshot heals it.
    wait_until(lambda: run(games, "audit").exit_code == 0)


def test_an_audit_of_standings_that_lag_behind_could_not_be_done(games: Stack) -> None:
    with frozen(games.workers[0]):
        send(games, swim("not yet counted", "1", "58.40"))
        ran = run(games, "audit", "--wait", "0.5")

    assert ran.exit_code == 2
    assert "have not reached the topic's end" in ran.stderr


def test_an_audit_is_exact_while_results_come_in(games: Stack, tmp_path: Path) -> None:
    path = tmp_path / "many.ndjson"
    path.write_text(
        "".join(
            json.dumps(swim(f"many {n % 50}", str(n % 400), f"{n % 97}.5", version=1 + n // 1000))
            + "\n"
            for n in range(4000)
        )
    )
    command = games.command("send", "-q", "--rate", "1000", "--shuffle", str(path))

    with subprocess.Popen(command, env={**os.environ, **environment(games)}) as sender:
        first = games.topic_end()
        wait_until(lambda: games.topic_end() != first)
        audits = [run(games, "audit", "--json") for _ in range(2)]
        still_sending = sender.poll() is None
        assert sender.wait(30) == 0

    assert still_sending
    assert [it.exit_code for it in audits] == [0, 0], [it.output for it in audits]


def test_an_audit_of_another_epoch_or_topic_is_refused(games: Stack) -> None:
    epoch = run(games, "audit", MEDALLERO_EPOCH="7")
    topic = run(games, "audit", MEDALLERO_TOPIC_PREFIX="nobody-", MEDALLERO_APP_ID="nobody")

    assert (epoch.exit_code, topic.exit_code) == (2, 2)
    assert "epoch 1" in epoch.stderr
    assert "does not exist" in topic.stderr


def test_a_doctor_finds_nothing_wrong_with_a_system_that_is_well(games: Stack) -> None:
    games.settled()

    findings = json.loads(done(run(games, "doctor", "--json")).stdout)

    names = {it["name"] for it in findings}
    assert {"catalogue", "Kafka", "topics", "gateway", "gRPC", "Redis", "standings"} <= names
    assert {"rules", "lag", "conflicts", "rejected"} <= names
    assert any(it["name"].startswith("worker ") for it in findings)
    assert not [it for it in findings if it["state"] == "fail"]


def test_a_doctor_says_what_is_wrong_and_what_to_do(games: Stack, tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.toml"
    catalogue.write_text("revision = 1\n[sports.x]\n")

    ran = run(
        games,
        "doctor",
        "--json",
        MEDALLERO_CATALOGUE=str(catalogue),
        MEDALLERO_PARTITIONS="7",
        MEDALLERO_ENDPOINT="http://127.0.0.1:1",
        MEDALLERO_EPOCH="3",
    )

    assert ran.exit_code == 1
    failed = {it["name"]: it for it in json.loads(ran.stdout) if it["state"] == "fail"}
    assert {"catalogue", "gateway", "epoch"} <= failed.keys()
    assert any(name.startswith("topic ") for name in failed)
    assert all(it["remedy"] for it in failed.values())


def test_nothing_at_all_running_is_told_without_a_traceback() -> None:
    nowhere = {
        "MEDALLERO_KAFKA": "127.0.0.1:1",
        "MEDALLERO_REDIS": "redis://:secret@127.0.0.1:1/0",
        "MEDALLERO_ENDPOINT": "http://127.0.0.1:1",
    }
    for arguments, code in (
        (("doctor",), 1),
        (("audit",), 2),
        (("board", "--once"), 2),
        (("history", "swimming", "x"), 2),
        (("withdraw", "swimming", "x", "1"), 2),
    ):
        ran = CliRunner(env=nowhere).invoke(main, arguments, catch_exceptions=False)

        assert ran.exit_code == code, ran.output
        assert "medallero up" in ran.output
        assert "secret" not in ran.output


def test_wrong_settings_are_told(games: Stack) -> None:
    ran = run(games, "board", MEDALLERO_PARTITIONS="many")

    assert ran.exit_code == 2
    assert "MEDALLERO_PARTITIONS" in ran.stderr


class Terminal:
    """A program in a terminal of 100 columns and 40 lines."""

    def __init__(self, *command: str, environment: dict[str, str]) -> None:
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, environment)
        self._seen = b""

    def wait_for(self, text: str, timeout: float = 20.0) -> None:
        deadline = time.monotonic() + timeout
        while text.encode() not in self._seen:
            assert time.monotonic() < deadline, self._seen[-2000:]
            if select.select([self._fd], [], [], 0.1)[0]:
                self._seen += os.read(self._fd, 65536)

    def forget(self) -> None:
        self._seen = b""

    def press(self, key: bytes) -> None:
        os.write(self._fd, key)

    def exit_code(self) -> int:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self._fd)
                return os.waitstatus_to_exitcode(status)
            if select.select([self._fd], [], [], 0.05)[0]:
                try:
                    self._seen += os.read(self._fd, 65536)
                except OSError:
                    time.sleep(0.05)
        os.kill(self.pid, signal.SIGKILL)
        raise AssertionError("it does not end")


def terminal_environment(games: Stack, **more: str) -> dict[str, str]:
    wanted = {**os.environ, **environment(games), "TERM": "xterm-256color", "LINES": "40", **more}
    return {**wanted, "COLUMNS": "100"}


def test_the_live_board_shows_a_change_and_leaves_with_q(games: Stack) -> None:
    live = Terminal(
        sys.executable, "-m", "medallero", "board", environment=terminal_environment(games)
    )
    live.wait_for("Swimming")
    before = json.loads(done(run(games, "board", "--json")).stdout)["sports"]["swimming"]["gold"]
    live.forget()
    # All are first and win: no other number on this board is as large.
    send(games, *(swim("seen live", str(n), "60.00") for n in range(1234)))
    live.wait_for(f"{before + 1234:,}")

    live.press(b"q")

    assert live.exit_code() == 0


def test_the_live_board_waits_for_redis(games: Stack) -> None:
    settings = terminal_environment(games, MEDALLERO_REDIS="redis://127.0.0.1:1/0")
    live = Terminal(sys.executable, "-m", "medallero", "board", environment=settings)
    live.wait_for("Waiting: Redis does not answer")

    live.press(b"\x03")

    assert live.exit_code() == 0


def test_a_demonstration_sends_nothing_to_games_that_have_another_catalogue(games: Stack) -> None:
    before = games.topic_end()

    ran = run(games, "demo", "--gateway", games.gateway.url)

    assert ran.exit_code == 2
    assert "has another catalogue than the demonstration" in ran.output
    assert games.topic_end() == before


def test_commands_teach_with_examples() -> None:
    for name in ("send", "board", "correct", "withdraw", "history", "audit", "doctor"):
        ran = CliRunner().invoke(main, [name, "--help"])

        assert ran.exit_code == 0
        assert f"medallero {name}" in ran.output
