"""A Kafka that asks for TLS and a password: every process and command reaches it, or says why."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.topics import ensure_topics
from tests.integration.gateway_support import a_result, running, settings_for
from tests.support.certificates import make_certificate
from tests.support.secure_kafka import PASSWORD, SecureKafka, running_secure_kafka
from tests.support.stack import Stack, StackFactory

pytestmark = pytest.mark.faults  # a broker of their own takes ten seconds


@pytest.fixture(scope="module")
def secure_kafka(
    tmp_path_factory: pytest.TempPathFactory, kafka_jars: tuple[Path, ...]
) -> Iterator[SecureKafka]:
    with running_secure_kafka(tmp_path_factory.mktemp("secure"), kafka_jars) as server:
        yield server


def test_results_become_standings_and_the_commands_agree(
    secure_kafka: SecureKafka, stack: StackFactory
) -> None:
    system = stack(**secure_kafka.settings())

    status, answer = system.gateway.request("POST", "/v1/results", [a_result(phase="final")])

    assert (status, answer["accepted"]) == (202, 1)
    assert system.settled().sports["swimming"]["winners"] == 1
    for command in ("audit", "doctor"):
        done = _run(system, command)
        assert done.returncode == 0, done.stdout + done.stderr
        assert PASSWORD not in done.stdout + done.stderr
    for member in system.members:
        assert PASSWORD not in member.log(1000)


def test_a_renewed_password_in_the_file_is_used_from_the_next_connection_on(
    secure_kafka: SecureKafka, redis_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("of last year\n")
    fields = secure_kafka.settings(kafka_password=None, kafka_password_file=file)
    settings = settings_for(redis=redis_url, **fields)
    right = settings_for(
        redis=redis_url,
        **secure_kafka.settings(topic_prefix=settings.topic_prefix),
    )
    asyncio.run(ensure_topics(right))

    with running(settings, topics=False) as gateway:
        gateway.wait_ready(False)
        assert gateway.post("/v1/results", a_result()).status == 503

        file.write_text(PASSWORD + "\n")

        gateway.wait_ready()
        assert gateway.post("/v1/results", a_result()).status == 202


@pytest.mark.parametrize("wrong", ["password", "authority", "plain"])
def test_who_may_not_in_gets_503_and_a_reason_and_no_password_is_logged(
    secure_kafka: SecureKafka,
    redis_url: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    wrong: str,
) -> None:
    fields: dict[str, Any] = {
        "password": secure_kafka.settings(kafka_password="Wr0ng-Secret"),
        "authority": secure_kafka.settings(kafka_ca=make_certificate(tmp_path / "other").ca),
        "plain": {"kafka": secure_kafka.address},
    }[wrong]
    caplog.set_level(logging.DEBUG)

    with running(settings_for(redis=redis_url, **fields), topics=False) as gateway:
        gateway.wait_ready(False)
        answer = gateway.post("/v1/results", a_result())

    assert answer.status == 503
    assert secure_kafka.address in answer.json["error"] or "connected" in answer.json["error"]
    assert "Wr0ng-Secret" not in caplog.text


def _run(system: Stack, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        system.command(command),
        env={**os.environ, **system.shell_environment()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
