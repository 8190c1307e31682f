"""The supervisor: readiness, restarts, giving up, the order of stopping."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from medallero.embedded.exit_reasons import last_words
from medallero.embedded.processes import Command
from medallero.stop_flag import StopFlag
from medallero.up import supervisor
from medallero.up.supervisor import Service, ServiceFailed, StopAsked, Supervisor
from tests.support.waiting import wait_until

SERVE = """
import os, pathlib, signal, sys, time
here = pathlib.Path(sys.argv[1])
def stop(*_):
    with (here.parent / "stopped").open("a") as log:
        log.write(here.name + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
here.write_text(str(os.getpid()))
time.sleep(60)
"""


class Games:
    """A supervisor whose services are small programs in one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.lines: list[str] = []
        self.stop = StopFlag()
        self.supervisor = Supervisor(self.lines.append, self.stop, start_timeout=20)

    def service(self, name: str, rank: int = 0, code: str = SERVE) -> Service:
        file = self.directory / name

        def prepare() -> Command:
            file.unlink(missing_ok=True)
            return Command(
                (sys.executable, "-c", code, str(file)), log=self.directory / f"{name}.log"
            )

        return Service(name, prepare, lambda: None if self.pid(name) else "no file", rank)

    def pid(self, name: str) -> int | None:
        file = self.directory / name
        return int(file.read_text() or 0) if file.exists() else None


@pytest.fixture
def games(tmp_path: Path) -> Iterator[Games]:
    it = Games(tmp_path)
    yield it
    it.supervisor.kill_all()


def _watching(games: Games) -> Callable[[], None]:
    thread = threading.Thread(target=games.supervisor.watch)
    thread.start()

    def end() -> None:
        games.stop.set()
        thread.join()

    return end


def test_start_returns_when_all_are_ready(games: Games) -> None:
    games.supervisor.start([games.service("kafka"), games.service("redis")])

    assert games.pid("kafka")
    assert games.pid("redis")


def test_services_are_stopped_by_rank(games: Games) -> None:
    games.supervisor.start([games.service("kafka", 2), games.service("redis", 1)])
    games.supervisor.start([games.service("gateway", 0)])

    games.supervisor.stop_all()

    assert (games.directory / "stopped").read_text().split() == ["gateway", "redis", "kafka"]
    assert not games.supervisor.runs_anything


def test_one_that_dies_is_told_and_started_again(games: Games) -> None:
    games.supervisor.start([games.service("worker")])
    first = games.pid("worker")
    assert first
    end = _watching(games)

    os.kill(first, signal.SIGKILL)
    wait_until(lambda: any("ready again" in line for line in games.lines))
    end()

    assert games.pid("worker") != first
    assert games.lines[0] == "worker ended (signal SIGKILL); starting it again in 0.5 s"


def test_one_that_never_gets_ready_is_given_up_with_the_end_of_its_log(games: Games) -> None:
    broken = games.service("worker", code="import sys; sys.exit('no catalogue')")

    with pytest.raises(ServiceFailed) as caught:
        games.supervisor.start([broken])

    assert caught.value.name == "worker"
    assert "3 times" in caught.value.reason
    assert caught.value.tail == "no catalogue"


def test_one_that_runs_but_is_not_ready_is_given_up_in_time(games: Games) -> None:
    games.supervisor.start_timeout = 0.5
    idle = games.service("worker", code="import time; time.sleep(60)")

    with pytest.raises(ServiceFailed, match=r"not ready after 0\.5 seconds: no file"):
        games.supervisor.start([idle])


def test_a_stop_interrupts_the_start(games: Games) -> None:
    games.stop.set()

    with pytest.raises(StopAsked):
        games.supervisor.start([games.service("kafka")])


def test_the_last_words_of_one_that_ended_are_told_once_with_the_remedy(games: Games) -> None:
    code = SERVE + "\nsys.exit('OSError: [Errno 28] No space left on device')"
    code = code.replace("time.sleep(60)", "time.sleep(0.5)")
    games.supervisor.start([games.service("kafka", code=code)])
    end = _watching(games)

    wait_until(lambda: sum("starting it again" in line for line in games.lines) >= 2)
    end()

    told = [line for line in games.lines if line.startswith(" ")]
    assert told[:3] == [
        "  It said: OSError: [Errno 28] No space left on device",
        "  → make room on the disk; nothing that was acknowledged is lost",
        f"  Its log: {games.directory / 'kafka.log'}",
    ]
    assert not [line for line in told[3:] if "No space" in line]


def test_one_that_is_no_longer_ready_is_told_with_its_reason_and_so_is_its_return(
    games: Games, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_ASK", 0.05)
    games.supervisor.start([games.service("gateway")])
    file = games.directory / "gateway"
    pid = file.read_text()
    end = _watching(games)

    file.unlink()
    wait_until(lambda: any("not ready" in line for line in games.lines))
    file.write_text(pid)
    wait_until(lambda: any("ready again" in line for line in games.lines))
    end()

    assert games.lines == [
        "gateway is not ready: no file",
        f"  Its log: {games.directory / 'gateway.log'}",
        "gateway is ready again",
    ]


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("", ""),
        ("one\ntwo\n", "two"),
        ("\x1b[31mERROR\x1b[0m it broke\n\n", "ERROR it broke"),
        ("ValueError: no\n  File x\n    y\n", "ValueError: no"),
        ("2026-11-28T06:36:27.66Z [info     ] table_restored partitions=4\n", ""),
        ("2026-11-28T06:36:27.66Z [critical ] process_ended reason=x\n", "process_ended reason=x"),
        (
            "java.io.IOException: full\n\tat org.apache.Kafka(x)\n\t... 3 more\n",
            "java.io.IOException: full",
        ),
        (
            "process_ended reason=another log\n╭─ Traceback ─╮\n│ x │\n╰─╯\n",
            "process_ended reason=another log",
        ),
    ],
)
def test_last_words_are_what_a_log_says_at_its_end(log: str, words: str) -> None:
    assert last_words(log) == words
