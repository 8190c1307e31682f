"""The jars that make up the embedded Kafka: exact versions, sizes and checksums.

`kafka.lock.toml` is committed; `python -m medallero.embedded.lock` makes it anew, after
`KAFKA` has been raised. Resolving a broker's dependencies is jgo's work and needs dozens of
requests, so it happens once, here, and never on the machine of somebody who runs `up`.
"""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: The broker, and the binding without which its log lines go nowhere.
KAFKA: Final = "org.apache.kafka:kafka_2.13:4.3.1"
# "!": its parent manages versions too, and must not overrule the broker's own.
LOGGING: Final = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4!"

LOCK_FILE: Final = Path(__file__).with_name("kafka.lock.toml")


@dataclass(frozen=True, slots=True)
class Jar:
    """One jar: where Maven keeps it, how long it is (bytes), and its SHA-256 (hex)."""

    coordinate: str
    size: int
    sha256: str

    @property
    def path(self) -> str:
        """The jar's place below a Maven repository's address, and below the cache directory."""
        group, artifact, version = self.coordinate.split(":")
        return f"{group.replace('.', '/')}/{artifact}/{version}/{artifact}-{version}.jar"


@dataclass(frozen=True, slots=True)
class Lock:
    """The whole class path, in order."""

    version: str
    jars: tuple[Jar, ...]

    @property
    def size(self) -> int:
        """Bytes of all jars together."""
        return sum(jar.size for jar in self.jars)


def load_lock(path: Path = LOCK_FILE) -> Lock:
    """Read the committed lock file."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return Lock(
        version=content["kafka"],
        jars=tuple(Jar(it["coordinate"], it["size"], it["sha256"]) for it in content["jar"]),
    )


def resolve() -> Lock:
    """Ask Maven, through jgo, which jars the broker needs today, and measure them."""
    import jgo

    with tempfile.TemporaryDirectory() as scratch:
        environment = jgo.build(f"{KAFKA}+{LOGGING}", cache_dir=Path(scratch))
        if environment.lockfile is None:
            raise RuntimeError("jgo made no lock file")
        files = {jar.name: jar for jar in environment.all_jars}
        jars = []
        for locked in environment.lockfile.dependencies:
            if locked.sha256 is None or locked.packaging != "jar" or locked.classifier:
                raise RuntimeError(f"not a plain jar with a checksum: {vars(locked)}")
            coordinate = f"{locked.groupId}:{locked.artifactId}:{locked.version}"
            size = files[f"{locked.artifactId}-{locked.version}.jar"].stat().st_size
            jars.append(Jar(coordinate, size, locked.sha256))
    return Lock(version=KAFKA.rpartition(":")[2], jars=tuple(jars))


def to_toml(lock: Lock) -> str:
    """Return the lock file's text."""
    head = (
        "# The embedded Kafka's class path; made by `python -m medallero.embedded.lock`.\n"
        f'kafka = "{lock.version}"\n'
    )
    return head + "".join(_jar_to_toml(lock.jars))


def _jar_to_toml(jars: Iterable[Jar]) -> Iterable[str]:
    for jar in jars:
        yield (
            f'\n[[jar]]\ncoordinate = "{jar.coordinate}"\nsize = {jar.size}\n'
            f'sha256 = "{jar.sha256}"\n'
        )


if __name__ == "__main__":
    LOCK_FILE.write_text(to_toml(resolve()), encoding="utf-8")
