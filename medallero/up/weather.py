"""What `medallero up --with weather` starts beside the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from contracts.weather import writers_in
from contracts.weather_store import WeatherStoreSettings, counting_topics
from medallero.embedded.datadir import DataDir
from medallero.embedded.ports import Listener, free_port
from medallero.embedded.rabbitmq import EmbeddedRabbitMq, NoRabbitMq, server_script
from medallero.embedded.redis import EmbeddedRedis, Kind, NoRedisServer, server_binary
from medallero.options import flag, variable
from medallero.terminal import CannotDo
from medallero.up.endpoints import as_environment
from medallero.up.provision import check_redis, provide_topics
from medallero.up.services import (
    port_mapper_service,
    rabbitmq_service,
    redis_service,
    weather_service,
)
from medallero.up.settings import UpSettings

if TYPE_CHECKING:
    from medallero.up.supervisor import Service

_HOST: Final = "127.0.0.1"
_INSTALL: Final = "Install it (Debian: apt-get install rabbitmq-server)"


class Started(NamedTuple):
    """A process that counts, and where it says how it is."""

    service: Service
    http: tuple[str, int]


@dataclass(frozen=True)
class WeatherUp:
    """Which ways of the weather reports there are, and what of them is ours to start."""

    settings: UpSettings
    writers: tuple[str, ...]
    #: which server counts what comes by RabbitMQ; None: it is there already, or not needed
    store: Kind | None

    @property
    def by_rabbitmq(self) -> bool:
        return "rabbitmq" in self.writers

    @property
    def own_rabbitmq(self) -> bool:
        """Whether RabbitMQ is ours to start."""
        return self.by_rabbitmq and "rabbitmq" not in self.settings.model_fields_set

    def listeners(self) -> Iterator[Listener]:
        """Yield the ports that are needed."""
        settings = self.settings
        if self.own_rabbitmq:
            yield Listener("RabbitMQ", _HOST, settings.rabbitmq_port, flag("rabbitmq_port"))
        if self.store is not None:
            yield Listener("Valkey", _HOST, settings.valkey_port, flag("valkey_port"))

    def shared(self, common: Mapping[str, Any]) -> WeatherStoreSettings:
        """Return *common* with what all processes of the weather reports must agree upon."""
        settings = self.settings
        names = WeatherStoreSettings.model_fields.keys() - common.keys()
        values = {name: getattr(settings, name) for name in names}
        values["weather_writers"] = ",".join(self.writers)
        if self.own_rabbitmq:
            values["rabbitmq"] = f"amqp://guest:guest@{_HOST}:{settings.rabbitmq_port}/"
        if self.store is not None:
            values["valkey"] = f"redis://{_HOST}:{settings.valkey_port}/0"
        return WeatherStoreSettings(**{**common, **values})

    def started(self) -> Iterator[str]:
        """Yield the settings that only describe what is started here."""
        if "weather_writers" not in self.settings.model_fields_set:
            yield "weather_writers"
        if self.own_rabbitmq:
            yield "rabbitmq"
        if self.store is not None:
            yield "valkey"

    def infrastructure(self, data: DataDir) -> tuple[list[Service], list[Service]]:
        """Return what the others stand on: what is started first, and what stands on that."""
        settings = self.settings
        first: list[Service] = []
        broker = None
        if self.own_rabbitmq:
            broker = EmbeddedRabbitMq(
                data.rabbitmq,
                _HOST,
                settings.rabbitmq_port,
                dist_port=free_port(),
                epmd_port=free_port(),
                log=data.logs / "rabbitmq.log",
            )
            first.append(port_mapper_service(broker))
        if self.store is not None:
            server = EmbeddedRedis(
                data.valkey,
                _HOST,
                settings.valkey_port,
                log=data.logs / "valkey.log",
                kind=self.store,
                fsync="always",
            )
            name = "Valkey" if self.store == "valkey" else "a second Redis"
            first.append(redis_service(server, name))
        elif self.by_rabbitmq:
            check_redis(settings.valkey, "valkey")
        return first, [] if broker is None else [rabbitmq_service(broker)]

    def counting(self, shared: WeatherStoreSettings, data: DataDir) -> list[Started]:
        """Return the processes that count; the topics are made."""
        provide_topics(shared, counting_topics(shared))
        environment = as_environment(shared, secrets=True)
        made = []
        for kind, writer in (("worker", "kafka"), ("consumer", "rabbitmq")):
            if writer in self.writers:
                http = (_HOST, free_port())
                service = weather_service(
                    environment,
                    kind="worker" if kind == "worker" else "consumer",
                    http=http,
                    log=data.logs / f"weather-{kind}.log",
                )
                made.append(Started(service, http))
        return made


def plan(settings: UpSettings, wanted: bool, say: Callable[[str], None]) -> WeatherUp | None:
    """Return what is to be started for the weather reports; None if nothing.

    *wanted*: the user asked for them; so does who names the writers.

    :raises CannotDo: a writer that the user has named cannot be had.
    """
    named = writers_in(settings.weather_writers)
    if not wanted and not named:
        return None
    if named:
        writers = named
    elif "rabbitmq" in settings.model_fields_set or _has_rabbitmq():
        writers = ("kafka", "rabbitmq")
    else:
        writers = ("kafka",)
        say(
            "There is no RabbitMQ on this machine, so weather reports go by Kafka alone. "
            f"{_INSTALL}, or name a running one with {variable('rabbitmq')}."
        )
    if "rabbitmq" not in writers:
        return WeatherUp(settings, writers, None)
    if "rabbitmq" not in settings.model_fields_set and not _has_rabbitmq():
        raise CannotDo(
            "There is no RabbitMQ on this machine.",
            f"{_INSTALL}, name a running one with {variable('rabbitmq')}, or leave it out: "
            f"{flag('weather_writers')} kafka.",
        )
    if "valkey" in settings.model_fields_set:
        return WeatherUp(settings, writers, None)
    return WeatherUp(settings, writers, _store(say))


def _store(say: Callable[[str], None]) -> Kind:
    try:
        server_binary("valkey")
    except NoRedisServer as error:
        say(f"There is no Valkey ({error}): a second Redis counts what comes by RabbitMQ.")
        return "redis"
    return "valkey"


def _has_rabbitmq() -> bool:
    try:
        server_script()
    except NoRabbitMq:
        return False
    return True
