"""The Redis users of the security page can do their work, and nothing else."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import redis
from redis.exceptions import NoPermissionError, ResponseError

from streams.settings import WorkerSettings
from streams.snapshot_writer import SnapshotWriter
from tests.integration.gateway.gateway_support import a_result
from tests.integration.test_redis_gone import board_of
from tests.support.stack import StackFactory

pytestmark = pytest.mark.integration

PAGE = Path(__file__).parents[2] / "docs/guide/security.md"


@pytest.fixture
def users(redis_url: str) -> Iterator[dict[str, str]]:
    """Create the page's users; yield their URLs by name. Their keys begin with ``users:``."""
    # Another run on the same Redis has users of its own.
    mark = uuid4().hex[:8]
    lines = [
        shlex.split(line)
        for line in PAGE.read_text("utf-8").splitlines()
        if line.startswith("ACL SETUSER")
    ]
    made, created = {}, []
    with redis.Redis.from_url(redis_url) as admin:
        for _acl, _setuser, name, *rules in lines:
            rules = [it.replace("~olympics:", "~users:") for it in rules]
            user = f"{name}-{mark}"
            admin.execute_command("ACL", "SETUSER", user, "reset", *rules)
            created.append(user)
            password = next(it[1:] for it in rules if it.startswith(">"))
            made[name] = (
                urlsplit(redis_url)
                ._replace(netloc=f"{user}:{password}@{urlsplit(redis_url).netloc}")
                .geturl()
            )
        yield made
        admin.execute_command("ACL", "DELUSER", *created)


def test_the_worker_writes_and_the_reader_reads(stack: StackFactory, users: dict[str, str]) -> None:
    system = stack(workers=0, gateways=0, redis_prefix="users:")
    gateway = system.add_gateway(redis=users["medallero-reader"])
    worker = system.add_worker(redis=users["medallero-worker"])
    system.wait_ready()

    assert gateway.request("POST", "/v1/results", [a_result(phase="final")])[0] == 202
    system.settled()

    status, standings = gateway.request("GET", "/v1/standings")
    assert (status, standings["state"]) == (200, "live")
    assert standings["medal_table"][0]["gold"] == 1
    for password in ("PASSWORD1", "PASSWORD2"):
        assert password not in gateway.log(1000) + worker.log(1000)


@pytest.mark.parametrize("rule", ["+xlen", "-xlen"], ids=["as the page has it", "made before"])
def test_the_worker_writes_again_what_has_not_changed(
    redis_url: str, users: dict[str, str], rule: str
) -> None:
    with redis.Redis.from_url(redis_url) as admin:
        admin.execute_command("ACL", "SETUSER", urlsplit(users["medallero-worker"]).username, rule)

    async def write() -> list[bool]:
        settings = WorkerSettings(
            redis=users["medallero-worker"], redis_prefix="users:again:", partitions=1
        )
        writer = SnapshotWriter(settings)
        try:
            return [await writer.write(board_of(settings, 5, 4)) for _ in range(2)]
        finally:
            await writer.close()

    assert asyncio.run(write()) == [True, True]


def test_the_reader_can_do_nothing_else(users: dict[str, str]) -> None:
    forbidden = ("SET users:x 1", "DEL users:meta", "HSET users:meta epoch 9", "HGETALL other")
    with redis.Redis.from_url(users["medallero-reader"]) as reader:
        for command in (*forbidden, "FLUSHALL"):
            words = command.split()
            with pytest.raises(NoPermissionError):
                reader.execute_command(*words)
            # Redis 6 and 7 say it in different words.
            with pytest.raises(ResponseError, match=r"can't (run|access)|permission"):
                reader.eval("return redis.call(unpack(ARGV))", 0, *words)


def test_the_worker_writes_under_its_prefix_alone(users: dict[str, str]) -> None:
    forbidden = ("HSET other epoch 9", "DEL other", "XADD other * a 1", "KEYS *", "CONFIG GET *")
    with redis.Redis.from_url(users["medallero-worker"]) as worker:
        for command in (*forbidden, "FLUSHALL", "ACL WHOAMI", "DEBUG JMAP"):
            words = command.split()
            # DEBUG is forbidden to everybody in newer servers, before rights are looked at.
            with pytest.raises(ResponseError, match=r"permission|DEBUG command not allowed"):
                worker.execute_command(*words)
            with pytest.raises(ResponseError, match=r"can't (run|access)|permission|not allowed"):
                worker.eval("return redis.call(unpack(ARGV))", 0, *words)
