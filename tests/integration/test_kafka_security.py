"""A Kafka that asks for TLS and a password: every process and command reaches it, or says why."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import redis

from contracts.topic_admin import ensure_topics
from gateway.auth.tokens import digest_of, line_of, new_token
from tests.integration.gateway.gateway_support import a_result, running, settings_for
from tests.support.certificates import make_certificate
from tests.support.rights import forbid_nothing, forbid_writing
from tests.support.secure_kafka import PASSWORD, SecureKafka, running_secure_kafka
from tests.support.stack import Stack, StackFactory
from tests.support.waiting import wait_until

REDIS_PASSWORD: Final = "of-Redis-0815-and-of-nothing-else"

pytestmark = pytest.mark.faults  # a broker of their own takes ten seconds


@pytest.fixture(scope="module")
def secure_kafka(
    tmp_path_factory: pytest.TempPathFactory, kafka_jars: tuple[Path, ...]
) -> Iterator[SecureKafka]:
    directory = tmp_path_factory.mktemp("secure")
    with running_secure_kafka(directory, kafka_jars, authorize="leniently") as server:
        yield server


@pytest.fixture
def redis_user(redis_url: str) -> Iterator[str]:
    """URL of the Redis for a user with a password, who may do everything."""
    user = f"user-{uuid4().hex[:8]}"
    with redis.Redis.from_url(redis_url) as admin:
        admin.execute_command("ACL", "SETUSER", user, "on", f">{REDIS_PASSWORD}", "~*", "+@all")
        parts = urlsplit(redis_url)
        yield parts._replace(netloc=f"{user}:{REDIS_PASSWORD}@{parts.netloc}").geturl()
        admin.execute_command("ACL", "DELUSER", user)


def test_results_become_standings_the_commands_agree_and_nobody_says_a_secret(
    secure_kafka: SecureKafka, stack: StackFactory, redis_user: str, tmp_path: Path
) -> None:
    # given processes that know every kind of secret, and say all that they can
    token, other = new_token(), new_token()
    tokens = tmp_path / "tokens.toml"
    tokens.write_text(line_of("timing", digest_of(token)) + "\n")
    system = stack(
        environment={"tokens_file": str(tokens), "redis": redis_user, "log_level": "debug"},
        **secure_kafka.settings(),
    )

    def send(presented: str) -> tuple[int, Any]:
        bearer = {"Authorization": f"Bearer {presented}"}
        return system.gateway.request("POST", "/v1/results", [a_result(phase="final")], bearer)

    # when they work
    assert send(other)[0] == 403
    status, answer = send(token)
    assert (status, answer["accepted"]) == (202, 1)
    assert system.settled().sports["swimming"]["winners"] == 1
    said = [str(send(other)[1])]
    for command in ("audit", "doctor"):
        done = _run(system, command)
        assert done.returncode == 0, done.stdout + done.stderr
        said += [done.stdout, done.stderr]
    for member in system.members:
        said += [str(member.request("GET", path)[1]) for path in ("/metrics", "/readyz")]
    # and when Redis does not know them any more
    with redis.Redis.from_url(system.settings.redis) as admin:
        name = urlsplit(redis_user).username
        admin.execute_command("ACL", "SETUSER", name, "resetpass", ">another")
        admin.execute_command("CLIENT", "KILL", "USER", name)
    worker = system.workers[0]
    wait_until(lambda: "mirror_not_written" in worker.log(1_000), what=worker.log)
    said += [_run(system, "doctor").stdout, str(worker.request("GET", "/readyz")[1])]
    for member in system.members:
        member.stop()
        said.append(member.log(100_000))

    # then nobody has said one of them
    assert "request_accepted" in said[-2]
    for secret in (PASSWORD, REDIS_PASSWORD, token, other):
        assert [text for text in said if secret in text] == []


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


def test_a_gateway_is_not_ready_while_it_may_not_write_though_nobody_sends(
    secure_kafka: SecureKafka, redis_url: str
) -> None:
    settings = settings_for(redis=redis_url, **secure_kafka.settings())

    with running(settings) as gateway:
        gateway.wait_ready()
        forbid_writing(settings, [settings.results_topic])
        wait_until(lambda: b"may not write" in gateway.send("GET", "/readyz").body)
        assert gateway.post("/v1/results", a_result()).status == 503

        forbid_nothing(settings, [settings.results_topic])

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
