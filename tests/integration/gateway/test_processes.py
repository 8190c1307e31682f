"""Several processes on one port: they share the load, are told of as one, and end as one."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from contracts.topic_admin import ensure_topics
from gateway.settings import GatewaySettings
from medallero.embedded.ports import free_port
from protos.medallero.v1 import intake_pb2, intake_pb2_grpc
from tests.integration.gateway.gateway_support import LINES, RunningGateway, a_result, settings_for
from tests.integration.gateway.test_faults import Senders, check_promises
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

PROCESSES = 2
ALL_UP = {"1": "1", "2": "1"}


class Several:
    """A gateway of several processes."""

    def __init__(self, settings: GatewaySettings, log: Path) -> None:
        environment = {
            f"MEDALLERO_{name.upper()}": str(value)
            for name, value in settings.model_dump(exclude_none=True).items()
        }
        self._log = log
        with log.open("wb") as output:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "gateway.main"],
                env=os.environ | environment,
                stderr=output,
            )
        self.gateway = RunningGateway(settings)

    def wait_ready(self) -> None:
        """Wait until all processes serve and Kafka takes records; learn the ports."""
        ports = wait_until(
            lambda: re.search(r"grpc=(\d+) http=(\d+)", self.log()), timeout=120, what=self.log
        )
        self.gateway.grpc_port, self.gateway.http_port = int(ports[1]), int(ports[2])
        # Readiness may come and go on a busy machine: the words in the log say who had it once.
        wait_until(lambda: self.up() == ALL_UP, timeout=120, what=self.log)
        wait_until(lambda: self.ready() == [1.0] * PROCESSES, timeout=120, what=self.log)

    def log(self) -> str:
        return self._log.read_text()

    def pids(self) -> list[int]:
        """Return the processes that serve, which are the children of the parent."""
        path = f"/proc/{self.popen.pid}/task/{self.popen.pid}/children"
        return [int(word) for word in Path(path).read_text().split()]

    def up(self) -> dict[str, str]:
        """Return which processes /metrics tells of, and whether they are up."""
        return dict(re.findall(r'medallero_gateway_process_up{process="(\d)"} (\d)', self._told()))

    def ready(self) -> list[float]:
        """Return of each process that tells it whether Kafka takes its records."""
        found = re.findall(r"medallero_gateway_kafka_ready{.*} (\S+)", self._told())
        return [float(it) for it in found]

    def _told(self) -> str:
        try:
            return self.gateway.send("GET", "/metrics").body.decode()
        except OSError:  # the connection was given to a process that has just died
            return ""


@pytest.fixture(scope="module")
def several(
    kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Several]:
    settings = settings_for(kafka, redis_url, processes=PROCESSES)
    asyncio.run(ensure_topics(settings))
    started = Several(settings, tmp_path_factory.mktemp("gateway") / "log")
    try:
        started.wait_ready()
        yield started
    finally:
        started.popen.kill()
        started.popen.wait()


def test_a_long_stream_is_taken_in_bounded_memory_and_its_errors_are_told_at_the_end(
    several: Several,
) -> None:
    good, bad = b'{"id":"%s",' % (b"x" * 60_000), b'{"sport":"chess"}\n'
    good += b'"sport":"swimming","unit":"long","competitor":{"id":"%d"},'
    good += b'"faculty":"engineering","mark":1}\n'
    number = 1500  # 90 MB
    before = {pid: _peak_memory(pid) for pid in several.pids()}

    def body() -> Iterator[bytes]:
        for index in range(number):
            yield good % index
        yield bad * 3

    connection = several.gateway.connection()
    connection.request("POST", "/v1/results", body(), LINES, encode_chunked=True)
    answer = connection.getresponse()
    told = answer.read().decode()
    connection.close()

    assert answer.status == 202
    assert f'"accepted":{number},' in told
    assert '"rejected_count":3' in told
    assert f'"index":{number + 2},' in told
    grown = [_peak_memory(pid) - before[pid] for pid in several.pids()]
    assert max(grown) < 25 * 2**20


def test_both_protocols_are_served_by_all_and_metrics_tell_of_each(several: Several) -> None:
    gateway = several.gateway

    def sent() -> dict[str, float] | None:
        assert gateway.post("/v1/results", a_result()).status == 202
        with grpc.insecure_channel(
            f"127.0.0.1:{gateway.grpc_port}", options=(("grpc.use_local_subchannel_pool", 1),)
        ) as channel:
            stub = intake_pb2_grpc.ResultIntakeStub(channel)  # type: ignore[no-untyped-call]
            request = intake_pb2.SubmitRequest(
                results=[
                    intake_pb2.Result(
                        sport="swimming",
                        unit="a",
                        faculty="engineering",
                        mark="1",
                        competitor=intake_pb2.Competitor(id="1"),
                    )
                ]
            )
            assert stub.Submit(request, timeout=30).accepted == 1
        text = gateway.send("GET", "/metrics").body.decode()
        found = re.findall(
            r'medallero_gateway_requests_total{answer="accepted",process="(\d)",'
            r'protocol="(\w+)"} (\S+)',
            text,
        )
        counts = {protocol + process: float(value) for process, protocol, value in found}
        return counts if all(counts.values()) else None

    counts = wait_until(sent)

    assert set(counts) == {"http1", "http2", "grpc1", "grpc2"}
    assert several.up() == ALL_UP


def test_a_process_that_dies_is_started_again_and_the_others_serve_meanwhile(
    several: Several,
) -> None:
    first, second = several.pids()
    with Senders(several.gateway) as senders:
        senders.wait_accepted(20)
        os.kill(second, signal.SIGKILL)
        before = wait_until(
            lambda: several.up() == {"1": "1", "2": "0"} and len(senders.accepted),
            timeout=120,
            what=several.log,
        )
        senders.wait_accepted(before + 20)
        wait_until(lambda: several.up() == ALL_UP, timeout=120, what=several.log)

    assert first in several.pids()
    assert "process_died" in several.log()
    assert not senders.refused
    check_promises(several.gateway, senders)


def test_a_port_that_somebody_shares_is_not_joined_unasked(several: Several) -> None:
    taken = several.gateway.http_port
    settings = several.gateway.settings
    for fields in (
        {"http_port": taken},
        {"grpc_port": several.gateway.grpc_port, "http_port": free_port()},
    ):
        other = _run(settings.model_copy(update=fields))

        assert other.returncode == 1
        assert f"cannot listen on 127.0.0.1:{next(iter(fields.values()))}" in other.stderr
        assert "Traceback" not in other.stderr


def test_settings_that_no_process_can_start_with_end_the_gateway(several: Several) -> None:
    settings = several.gateway.settings.model_copy(update={"tls_certificate": "/nowhere.pem"})

    other = _run(settings)

    assert other.returncode == 1
    assert "/nowhere.pem" in other.stderr
    assert "Traceback" not in other.stderr


def test_a_signal_ends_all_processes_without_losing_what_they_accepted(several: Several) -> None:
    pids = several.pids()
    with Senders(several.gateway, name="last") as senders:
        senders.wait_accepted(50)
        several.popen.send_signal(signal.SIGTERM)
        assert several.popen.wait(timeout=120) == 0

    assert {answer.status for answer in senders.refused} <= {503}
    check_promises(several.gateway, senders)
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_processes_whose_parent_is_killed_end_too(
    kafka: str, redis_url: str, tmp_path: Path
) -> None:
    settings = settings_for(kafka, redis_url, processes=PROCESSES)
    asyncio.run(ensure_topics(settings))
    several = Several(settings, tmp_path / "log")
    try:
        several.wait_ready()
        pids = several.pids()
        commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids]
    finally:
        several.popen.kill()
        several.popen.wait()

    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), timeout=30)
    assert len(pids) == PROCESSES
    shared = {Path(os.fsdecode(command.split(b"\0")[-2])) for command in commands}
    assert len(shared) == 1
    assert not shared.pop().exists()


def _run(settings: GatewaySettings) -> subprocess.CompletedProcess[str]:
    """Run a gateway that cannot start to its end."""
    environment = {
        f"MEDALLERO_{name.upper()}": str(value)
        for name, value in settings.model_dump(exclude_none=True).items()
    }
    try:
        return subprocess.run(
            [sys.executable, "-m", "gateway.main"],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        said = (error.stderr or b"").decode()
        raise AssertionError(
            f"a gateway that cannot start has not ended; it said:\n{said}"
        ) from None


def _peak_memory(pid: int) -> int:
    """Return the most memory that a process has held so far, bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024
