"""The tests' brokers start from Java's cache: one that is passed over costs time in silence."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from medallero.embedded.kafka import EmbeddedKafka
from tests.support.java_cache import use_java_cache
from tests.support.ports import free_port
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration


def test_java_takes_the_cache_for_the_brokers_command(
    kafka_jars: tuple[Path, ...], tmp_path: Path
) -> None:
    def there() -> str | None:
        use_java_cache(kafka_jars)  # another process may be making it
        return os.environ.get("JDK_JAVA_OPTIONS")

    assert "-XX:AOTCache=" in wait_until(there, timeout=240, what="the cache is made")
    broker = EmbeddedKafka(
        tmp_path, kafka_jars, "127.0.0.1", free_port(), free_port(), log=tmp_path / "kafka.log"
    )
    java, *flags, _main, _properties = broker.prepare().argv

    # With this mode Java ends if it cannot use the cache.
    done = subprocess.run(
        [java, "-XX:AOTMode=on", *flags, "-version"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
