"""`medallero up --with weather`, as people use it: reports in by HTTP, both stores, the audit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from uuid import uuid4

import pytest
from redis import Redis

from tests.support.ports import free_port
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("weather"), pytest.mark.timeout(300)]

TWEETS = [
    {"id": "1", "description": "Está lloviendo", "country": "GT", "weather": "Lluvioso"},
    {"id": "2", "municipality": "mixco", "temperature": 21.5, "humidity": 60, "weather": "sunny"},
    {"id": "1", "description": "Está lloviendo", "country": "GT", "weather": "Lluvioso"},
]


def test_reports_reach_both_stores_and_the_audit_agrees(
    kafka: str, redis_url: str, tmp_path: Path
) -> None:
    name = uuid4().hex[:8]
    http, rabbitmq, valkey = free_port(), free_port(), free_port()
    environment = {
        **os.environ,
        "MEDALLERO_KAFKA": kafka,
        "MEDALLERO_REDIS": redis_url,
        "MEDALLERO_TOPIC_PREFIX": f"{name}-",
        "MEDALLERO_REDIS_PREFIX": f"{name}:",
        "MEDALLERO_WEATHER_PREFIX": f"{name}-weather:",
    }
    flags = {"http": http, "grpc": free_port(), "rabbitmq": rabbitmq, "valkey": valkey}
    command = [sys.executable, "-m", "medallero", "up", "--with", "weather", "--data-dir", "data"]
    command += [f"--{it}-port={port}" for it, port in flags.items()]
    output = tmp_path / "output"
    with output.open("wb") as file:
        up = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, env=environment, cwd=tmp_path
        )
    try:
        wait_until(
            # The last of what it says: it is said line by line.
            lambda: "Ctrl-C stops" in output.read_text() or up.poll() is not None,
            timeout=200,
            what=output.read_text,
        )
        said = output.read_text()
        assert f"POST http://127.0.0.1:{http}/input" in said, said
        request = urllib.request.Request(
            f"http://127.0.0.1:{http}/input",
            json.dumps(TWEETS).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200

        for url in (redis_url, f"redis://127.0.0.1:{valkey}/0"):
            with Redis.from_url(url, decode_responses=True) as redis:
                wait_until(
                    lambda redis=redis: redis.hget(f"{name}-weather:meta", "reports") == "2",  # type: ignore[misc]
                    what=f"{url} has two reports",
                )
        audit = subprocess.run(
            ["bash", "-c", f"source data/env && {sys.executable} -m medallero audit --json"],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert audit.returncode == 0, audit.stdout + audit.stderr
        assert json.loads(audit.stdout)["weather"]["records"] == 3
    finally:
        up.send_signal(signal.SIGINT)
        try:
            assert up.wait(60) == 0
        finally:
            up.kill()
