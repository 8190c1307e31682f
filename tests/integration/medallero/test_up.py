"""`medallero up`: all of it, as people use it: by flags, signals and what it prints."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.settings import CommonSettings
from contracts.topics import another_log
from medallero.up.background import read_environment
from tests.support.ports import free_port
from tests.support.recreate import recreate_topics
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(420)]


class Up:
    """One `medallero up` on free ports; its output goes to a file."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.http, self.grpc, self.kafka, self.redis = (free_port() for _ in range(4))
        self.process: subprocess.Popen[bytes] | None = None
        self.started: list[subprocess.Popen[bytes]] = []
        self.output = directory / "output"
        self._begin = 0

    def start(self, *flags: str, **environment: str) -> None:
        ports = {"http": self.http, "grpc": self.grpc, "kafka": self.kafka, "redis": self.redis}
        arguments = [f"--{name}-port={port}" for name, port in ports.items()]
        arguments.append(f"--data-dir={self.data}")
        self._begin = self.output.stat().st_size if self.output.exists() else 0
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "medallero", "up", *arguments, *flags],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                cwd=self.directory,
            )
        self.started.append(self.process)

    def said(self) -> str:
        """Return what the current run has printed."""
        return self.output.read_bytes()[self._begin :].decode()

    def wait_for(self, text: str, timeout: float = 180) -> None:
        def there_or_over() -> bool:
            assert self.process
            return text in self.said() or self.process.poll() is not None

        wait_until(there_or_over, timeout=timeout, what=self.said)
        assert text in self.said(), self.said()

    def interrupt(self, number: int = signal.SIGINT) -> None:
        assert self.process
        self.process.send_signal(number)

    def ended(self, timeout: float = 60) -> int:
        assert self.process
        return self.process.wait(timeout)

    def children(self) -> dict[str, int]:
        """Return the processes that it has started: first words of the command, process id."""
        assert self.process
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        found = {}
        for pid in map(int, children.read_text().split()):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            found[_kind(command)] = pid
        return found

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=10) as answer:
            return json.load(answer)

    def enter(self, *ids: str) -> None:
        """Send entries with these ids, all of one sport."""
        entries = [
            {"id": it, "student": "Ana", "age": 20, "faculty": "agronomia", "discipline": 1}
            for it in ids
        ]
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http}/v1/entries",
            json.dumps(entries).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 202

    def counted(self) -> int:
        """Return how many results the standings count; -1 while there are none to be had."""
        try:
            meta = self.get("/v1/standings")["meta"]
        except OSError:
            return -1
        return int(meta["results"]) if meta else -1


@pytest.fixture
def up(tmp_path: Path, kafka_jars: tuple[Path, ...]) -> Iterator[Up]:
    # The jars are asked for since all brokers start faster from then on.
    it = Up(tmp_path)
    yield it
    for process in it.started:
        process.terminate()
        process.wait(90)


def test_the_standings_outlive_ctrl_c_and_a_kill_and_end_with_fresh(up: Up) -> None:
    up.start()
    up.wait_for("Ctrl-C stops everything")
    assert f"http://127.0.0.1:{up.http}/" in up.said()
    up.enter("1", "2", "3")
    wait_until(lambda: up.counted() == 3)
    pids = up.children()
    assert set(pids) == {"kafka", "redis", "gateway", "worker"}
    # Other commands find it through its environment file, and have nothing to object to.
    audit = f'. "{up.data}/env" && exec "{sys.executable}" -m medallero audit'
    subprocess.run(["sh", "-c", audit], check=True, timeout=120)

    up.interrupt()
    assert up.ended() == 0
    assert "Stopped" in up.said()
    assert not any(map(_exists, pids.values()))

    up.start()
    up.wait_for("Ctrl-C stops everything")
    assert up.counted() == 3
    up.enter("1", "2", "3", "4")
    wait_until(lambda: up.counted() == 4)
    pids = up.children()
    assert len(pids) == 4

    up.interrupt(signal.SIGKILL)
    up.ended()
    # Nothing is left when it is killed itself.
    wait_until(lambda: not any(map(_exists, pids.values())))

    up.start()
    up.wait_for("Ctrl-C stops everything")
    wait_until(lambda: up.counted() == 4)
    first = up.process

    up.start("--fresh")
    up.wait_for("Ctrl-C stops everything")
    assert first
    assert first.wait(1) == 0  # --fresh has ended it
    assert "Removed the data" in up.said()
    up.enter("1")
    wait_until(lambda: up.counted() == 1)


@pytest.mark.faults
def test_a_redis_that_stays_yields_to_fresh_topics(up: Up, redis_url: str) -> None:
    environment = {"MEDALLERO_REDIS": redis_url, "MEDALLERO_REDIS_PREFIX": "stays:"}
    up.start(**environment)
    up.wait_for("Ctrl-C stops everything")
    up.enter("1", "2", "3")
    wait_until(lambda: up.counted() == 3)

    up.start("--fresh", **environment)
    up.wait_for("Ctrl-C stops everything")
    up.enter("1")

    wait_until(lambda: up.counted() == 1)
    assert "epoch 2" in up.said()


@pytest.mark.faults
def test_what_is_killed_comes_back_and_nothing_is_lost(up: Up) -> None:
    up.start("--workers=2", "--partitions=3")
    up.wait_for("Ctrl-C stops everything")
    up.enter("1", "2", "3")

    for number, kind in enumerate(("worker", "redis", "kafka", "gateway"), start=1):
        os.kill(up.children()[kind], signal.SIGKILL)
        wait_until(lambda n=number: up.said().count("is ready again") >= n, timeout=120)  # type: ignore[misc]
        wait_until(lambda: _accepts(up, kind), timeout=60, what=up.said)  # noqa: B023

    wait_until(lambda: up.counted() == 7, timeout=60, what=lambda: up.get("/v1/standings"))


@pytest.mark.faults
def test_one_that_hangs_is_told_and_so_is_its_return(up: Up) -> None:
    up.start()
    up.wait_for("Ctrl-C stops everything")
    gateway = up.children()["gateway"]

    os.kill(gateway, signal.SIGSTOP)
    try:
        up.wait_for("gateway is not ready: it does not answer")
    finally:
        os.kill(gateway, signal.SIGCONT)

    up.wait_for("gateway is ready again")
    assert str(up.data / "logs" / "gateway.log") in up.said()


def test_a_second_one_in_the_same_directory_is_refused(up: Up, tmp_path: Path) -> None:
    up.start()
    wait_until(lambda: (up.data / "medallero.json").exists())
    assert up.process

    other = Up(tmp_path)
    other.output = tmp_path / "other"
    other.start()

    assert other.ended() == 2
    assert f"process {up.process.pid}" in other.said()
    up.interrupt()  # in the midst of its start
    assert up.ended() == 0, up.said()


def test_a_taken_port_is_named_with_the_flag_that_moves_it(up: Up) -> None:
    with socket.create_server(("127.0.0.1", up.grpc)), socket.create_server(("", up.redis)):
        up.start()

        assert up.ended() == 2
    said = up.said()
    assert re.search(rf"Port {up.grpc} .*gRPC.*--grpc-port", said)
    assert re.search(rf"Port {up.redis} .*Redis.*--redis-port", said)
    assert str(up.http) not in said


def test_without_network_and_cache_it_says_what_is_missing(up: Up, tmp_path: Path) -> None:
    up.start(f"--cache-dir={tmp_path}/cache", f"--maven=http://127.0.0.1:{free_port()}/maven2")

    assert up.ended() == 2
    said = up.said()
    assert "Kafka could not be fetched" in said
    assert "Connection refused" in said
    assert "HTTPS_PROXY" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("option", ["--fresh", "--detach"])
def test_a_directory_with_other_content_is_not_touched(up: Up, option: str) -> None:
    up.data.mkdir()
    (up.data / "thesis.odt").write_text("years of work", encoding="utf-8")

    up.start(option)

    assert up.ended() == 2
    assert "was not made by `medallero up`" in up.said()
    assert [it.name for it in up.data.iterdir()] == ["thesis.odt"]


def test_a_kafka_and_a_redis_that_are_named_are_used(up: Up, kafka: str, redis_url: str) -> None:
    environment = {
        "MEDALLERO_KAFKA": kafka,
        "MEDALLERO_REDIS": redis_url,
        "MEDALLERO_TOPIC_PREFIX": "named-",
        "MEDALLERO_REDIS_PREFIX": "named:",
        "MEDALLERO_APP_ID": "named",
    }
    up.start(**environment)
    up.wait_for("Ctrl-C stops everything")
    assert set(up.children()) == {"gateway", "worker"}
    up.enter("1")
    wait_until(lambda: up.counted() == 1)
    up.interrupt()
    assert up.ended() == 0

    up.start("--fresh", **environment)
    assert up.ended() == 2
    assert "nothing is removed from it" in up.said()


def test_in_the_background_it_is_started_looked_at_and_ended(
    up: Up, kafka: str, redis_url: str
) -> None:
    environment = {
        "MEDALLERO_KAFKA": kafka,
        "MEDALLERO_REDIS": redis_url,
        "MEDALLERO_TOPIC_PREFIX": "background-",
        "MEDALLERO_REDIS_PREFIX": "background:",
        "MEDALLERO_APP_ID": "background",
    }
    # What `up` has written into its file is all that the other commands know of it.
    sourced = {"MEDALLERO_DATA_DIR": str(up.data)}

    def medallero(command: str, *options: str) -> tuple[int, str]:
        ran = subprocess.run(
            [sys.executable, "-m", "medallero", command, *options],
            capture_output=True,
            text=True,
            env={**os.environ, **environment, **sourced, "COLUMNS": "200"},
            timeout=180,
        )
        return ran.returncode, ran.stdout + ran.stderr

    try:
        up.start("--detach", **environment)
        assert up.ended(180) == 0, up.said()
        assert f"http://127.0.0.1:{up.http}/" in up.said()
        assert up.said().endswith("`medallero down` stops everything; the standings stay.\n")
        sourced = dict(read_environment(up.data))
        assert sourced["MEDALLERO_STARTED"] == "MEDALLERO_DATA_DIR"
        up.enter("1")
        wait_until(lambda: up.counted() == 1)

        code, told = medallero("status")
        assert code == 0, told
        for part in ("gateway", "worker-1", "Kafka", "Redis"):
            assert re.search(rf"^ *{part} .* ready *$", told, re.MULTILINE), told
        code, told = medallero("status", "--json")
        assert json.loads(told)["endpoint"] == f"http://127.0.0.1:{up.http}"

        code, told = medallero(
            "up", "--detach", f"--http-port={free_port()}", f"--data-dir={up.data}"
        )
        assert code == 2
        assert "End it with `medallero down`" in told
    finally:
        code, told = medallero("down")
    assert code == 0
    assert "Stopped" in told
    with pytest.raises(OSError):
        up.get("/v1/standings")
    assert medallero("status")[0] == 1
    assert medallero("down") == (0, f"Nothing runs in {up.data}.\n")
    # what cannot start in the background is told as it is in front
    with socket.create_server(("127.0.0.1", up.http)):
        up.start("--detach", **environment)
        assert up.ended(180) == 2
    assert f"Port {up.http} on 127.0.0.1, for HTTP, is taken" in up.said()


@pytest.mark.faults
def test_a_topic_that_was_made_again_is_told_and_the_command_that_is_named_helps(
    up: Up, kafka: str, redis_url: str
) -> None:
    environment = {
        "MEDALLERO_KAFKA": kafka,
        "MEDALLERO_REDIS": redis_url,
        "MEDALLERO_TOPIC_PREFIX": "again-",
        "MEDALLERO_REDIS_PREFIX": "again:",
        "MEDALLERO_APP_ID": "again",
    }
    up.start(**environment)
    up.wait_for("Ctrl-C stops everything")
    up.enter("1", "2", "3")
    wait_until(lambda: up.counted() == 3)
    # when somebody deletes the topic, and makes it again
    settings = CommonSettings(kafka=kafka, topic_prefix="again-")
    recreate_topics(settings, settings.results_topic)
    # then `up` says so, and says it again when it is started
    up.wait_for(another_log(settings.results_topic, 1))
    up.interrupt()
    up.ended()
    up.start(**environment)
    assert up.ended(180) == 2
    assert another_log(settings.results_topic, 1) in up.said()
    # and with what it says, the new topic is counted
    up.start("--epoch", "2", **environment)
    up.wait_for("Ctrl-C stops everything")
    up.enter("1")
    wait_until(lambda: up.counted() == 1)


def test_a_kafka_that_is_named_and_absent_is_told(up: Up, redis_url: str) -> None:
    up.start(MEDALLERO_KAFKA=f"127.0.0.1:{free_port()}", MEDALLERO_REDIS=redis_url)

    assert up.ended() == 2
    assert "Kafka at 127.0.0.1:" in up.said()
    assert "Traceback" not in up.said()


def test_a_wrong_flag_is_told_with_the_variable_that_means_the_same(up: Up) -> None:
    up.start("--workers=many", "--host=everywhere")

    assert up.ended() == 2
    assert "--workers (MEDALLERO_WORKERS)" in up.said()
    assert "--host (MEDALLERO_HOST)" in up.said()


def _accepts(up: Up, name: str) -> bool:
    try:
        up.enter(f"after {name}")
    except OSError:
        return False
    return True


def _kind(command: list[str]) -> str:
    if "kafka.Kafka" in command:
        return "kafka"
    # Redis and Valkey write their address into their name.
    program = command[0].partition(" ")[0]
    return "redis" if program.endswith(("redis-server", "valkey-server")) else command[3]


def _exists(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
