"""The clients' examples with curl and in Go do what their page says, against a real gateway."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.gateway.gateway_support import RunningGateway, running, settings_for
from tests.support.clients import CLIENTS, ROOT, reluctant, run

pytestmark = pytest.mark.system


@pytest.fixture
def gateway(kafka: str, redis_url: str) -> Iterator[RunningGateway]:
    with running(settings_for(kafka, redis_url)) as gateway:
        yield gateway


def test_the_client_with_curl_sends_results_lines_and_an_entry(gateway: RunningGateway) -> None:
    run("bash", "send.sh", GATEWAY=f"http://127.0.0.1:{gateway.http_port}")

    assert len(gateway.topic()) == 1 + 2 + 1


def test_the_client_with_curl_sends_a_refused_request_again() -> None:
    with reluctant(refusals=1) as (url, seen):
        run("bash", "send.sh", GATEWAY=url)

    assert len(seen.requests) == 1 + 3
    assert seen.requests[0] == seen.requests[1]


@pytest.mark.timeout(900)
def test_the_client_in_go_sends_results_a_stream_and_an_entry(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    # Given stubs that are generated and a program that is built where nothing else is
    directory = tmp_path / "go"
    shutil.copytree(
        CLIENTS / "go", directory, ignore=shutil.ignore_patterns("medallerov1", ".tools")
    )
    run(
        "bash",
        "generate.sh",
        ROOT / "protos",
        directory=directory,
        timeout=600,
        PYTHON=sys.executable,
    )
    run("go", "build", "-o", "send", ".", directory=directory, timeout=600)

    run(directory / "send", f"127.0.0.1:{gateway.grpc_port}", directory=directory)

    assert len(gateway.topic()) == 2 + 1_000 + 1
