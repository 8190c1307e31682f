"""The clients' examples in Python do what their page says, against a real gateway."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest

from tests.integration.gateway.gateway_support import RunningGateway, running, settings_for
from tests.support.clients import reluctant, run

pytestmark = pytest.mark.integration


@pytest.fixture
def gateway(kafka: str, redis_url: str) -> Iterator[RunningGateway]:
    with running(settings_for(kafka, redis_url)) as gateway:
        yield gateway


def test_the_client_over_http_sends_results_and_an_entry(gateway: RunningGateway) -> None:
    run(sys.executable, "send_http.py", f"http://127.0.0.1:{gateway.http_port}")

    values = [json.loads(record.value or b"") for record in gateway.topic()]
    assert sorted(it["version"] for it in values if it["phase"] == "final") == [1, 1, 2, 2]
    assert [it["sport"] for it in values if it["phase"] == "other"] == ["swimming"]


def test_the_client_over_grpc_sends_results_a_stream_and_an_entry(gateway: RunningGateway) -> None:
    run(sys.executable, "send_grpc.py", f"127.0.0.1:{gateway.grpc_port}")

    assert len(gateway.topic()) == 2 + 1_000 + 1


def test_the_client_over_http_sends_a_refused_request_again() -> None:
    with reluctant(refusals=3) as (url, seen):
        run(sys.executable, "send_http.py", url)

    # Given three refusals of the first request, then it came four times, the others once
    assert len(seen.requests) == 3 + 3
    assert len(set(seen.requests[:4])) == 1
    assert seen.requests[-1][1] is not None


def test_the_client_over_http_keeps_the_key_of_an_entry_when_it_tries_again() -> None:
    with reluctant(refusals=0) as (url, seen):
        run(sys.executable, "send_http.py", url)
        run(sys.executable, "send_http.py", url)

    keys = {key for _path, key, _body in seen.requests if key is not None}
    assert len(keys) == 2, "another entry has another key"
