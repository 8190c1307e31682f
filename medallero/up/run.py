"""`medallero up`: the whole system on this machine, step by step."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from rich.console import Console

from contracts.settings import DEFAULT_SEED, CommonSettings
from contracts.weather_store import WeatherStoreSettings
from medallero.embedded.datadir import ENVIRONMENT, DataDir, InUse, NotOurs, stop_holder
from medallero.embedded.kafka import EmbeddedKafka
from medallero.embedded.lock import load_lock
from medallero.embedded.ports import Listener, PortsTaken, check_free, free_port
from medallero.embedded.redis import EmbeddedRedis
from medallero.extras import require
from medallero.options import flag, variable
from medallero.stop_flag import StopFlag
from medallero.terminal import CannotDo, read_catalogue
from medallero.up import weather as weather_up
from medallero.up.background import LAST_LINE
from medallero.up.endpoints import Whereabouts, as_environment, is_named_by_environment
from medallero.up.provision import KAFKA_PACKAGES, check_redis, provide_kafka, provide_topics
from medallero.up.services import (
    gateway_service,
    kafka_service,
    reachable,
    redis_service,
    worker_service,
)
from medallero.up.settings import UpSettings
from medallero.up.supervisor import Service, ServiceFailed, StopAsked, Supervisor
from medallero.up.weather import WeatherUp

_STOP_HOLDER: Final = 60.0
_LAST_WORDS: Final = 10.0


#: Called when everything is up, in a thread: where it is, what takes a line for people, and what
#: says that it must come to its end.
Meanwhile = Callable[[Whereabouts, Callable[[str], None], StopFlag], None]


def run(
    settings: UpSettings,
    console: Console,
    *,
    fresh: bool = False,
    weather: bool = False,
    meanwhile: Meanwhile | None = None,
) -> None:
    """Start everything, keep it running until SIGINT, SIGTERM or SIGHUP, stop everything.

    :param weather: weather reports too.
    :param fresh: end what runs in the data directory, remove its data, begin a new epoch.
    :param meanwhile: what is done beside it.
    :raises CannotDo: something that a person has to change stands in the way.
    """
    screen = _Screen(console)
    stop = StopFlag()
    supervisor = Supervisor(screen.say, stop, settings.start_timeout)
    read_catalogue(settings)
    if settings.own_kafka:
        require(KAFKA_PACKAGES)  # before anything is written or started
    reports = weather_up.plan(settings, weather, screen.say)
    with _signals(stop, supervisor), _data_dir(settings, screen, fresh) as data:
        try:
            where = _start(settings, data, screen, supervisor, reports)
            with _beside(meanwhile, where, screen, stop):
                supervisor.watch()
        except StopAsked:
            pass
        except ServiceFailed as error:
            raise CannotDo(
                f"{error}.", f"The end of its log, {error.log}:\n{error.tail or '(empty)'}"
            ) from None
        finally:
            if supervisor.runs_anything:
                with screen.doing("Stopping", "Stopped; the data stays"):
                    supervisor.stop_all()


def check_ports(settings: UpSettings, more: Iterable[Listener] = ()) -> None:
    """Raise CannotDo, naming the flags, if ports that are needed are not free."""
    wanted = [
        Listener("HTTP", settings.http_host, settings.http_port, flag("http_port")),
        Listener("gRPC", settings.grpc_host, settings.grpc_port, flag("grpc_port")),
        *more,
    ]
    if settings.own_kafka:
        wanted.append(
            Listener("Kafka", settings.kafka_host, settings.kafka_port, flag("kafka_port"))
        )
    if settings.own_redis:
        wanted.append(
            Listener("Redis", settings.redis_host, settings.redis_port, flag("redis_port"))
        )
    if settings.worker_port is not None:
        wanted += [
            Listener(
                f"worker {number + 1}",
                settings.worker_host,
                settings.worker_port + number,
                flag("worker_port"),
            )
            for number in range(settings.workers)
        ]
    try:
        check_free(wanted)
    except PortsTaken as error:
        raise CannotDo(
            "\n".join(
                f"Port {it.port} on {it.host}, for {it.what}, is taken: choose another with "
                f"{it.flag} N, or end what listens there."
                for it in error.taken
            )
        ) from None


@dataclass(frozen=True, slots=True)
class _Screen:
    """What people see: a line for each thing done, and on a terminal what is being done."""

    console: Console

    def say(self, line: str) -> None:
        """Print a line as it is: a wrapped address or command could not be copied."""
        self.console.print(line, soft_wrap=True, markup=False)

    @contextlib.contextmanager
    def doing(self, present: str, past: str) -> Iterator[None]:
        """Show what is being done, and say so with the seconds when it is done."""
        began = time.monotonic()
        with contextlib.ExitStack() as stack:
            if self.console.is_terminal:
                stack.enter_context(self.console.status(f"{present} ..."))
            yield
        self.say(f"{past} ({time.monotonic() - began:.1f} s)")


def _start(
    settings: UpSettings,
    data: DataDir,
    screen: _Screen,
    supervisor: Supervisor,
    reports: WeatherUp | None,
) -> Whereabouts:
    began = time.monotonic()
    check_ports(settings, reports.listeners() if reports else ())
    common = _shared_settings(settings, data, reports)
    infrastructure: list[Service] = []
    if settings.own_redis:
        infrastructure.append(redis_service(_embedded_redis(settings, data)))
    else:
        check_redis(common.redis)
    if settings.own_kafka:
        lock = load_lock()
        jars = provide_kafka(
            lock, settings.cache_dir, settings.maven, screen.console, supervisor.stop
        )
        broker = _embedded_kafka(settings, data, jars)
        infrastructure.append(kafka_service(broker, lock.version))
    first, then = reports.infrastructure(data) if reports else ([], [])
    _start_services(first, screen, supervisor)
    _start_services([*infrastructure, *then], screen, supervisor)
    provide_topics(common)
    counting = _counting(reports, common, data)
    worker_ports = _worker_ports(settings)
    own = _own_services(settings, data, common, worker_ports)
    _start_services([*own, *(it.service for it in counting)], screen, supervisor)
    where = Whereabouts(
        common,
        http=(reachable(settings.http_host), settings.http_port),
        grpc=(reachable(settings.grpc_host), settings.grpc_port),
        workers=tuple((settings.worker_host, port) for port in worker_ports),
        data=data.path,
        logs=data.logs,
        tls=settings.tls_certificate is not None,
        started=(
            *(["kafka", "epoch"] if settings.own_kafka else []),
            *(["redis"] if settings.own_redis else []),
            *(reports.started() if reports else ()),
            # Whoever has set the directory himself means it at the next `up` too.
            *([] if is_named_by_environment(data.path) else ["data_dir"]),
        ),
        weather=tuple(it.http for it in counting),
        catalogue=read_catalogue(settings),
    )
    where.write_targets()
    where.write_environment()  # last: whoever finds it finds everything
    screen.say(f"\nMedallero is up ({time.monotonic() - began:.1f} s): open {where.endpoint}/\n")
    for line in where.lines():
        screen.say(line)
    screen.say(f"\n{LAST_LINE}")
    return where


@contextlib.contextmanager
def _beside(
    meanwhile: Meanwhile | None, where: Whereabouts, screen: _Screen, stop: StopFlag
) -> Iterator[None]:
    """Let *meanwhile* run; at the end, wait for its."""
    if meanwhile is None:
        yield
        return

    def work() -> None:
        try:
            meanwhile(where, screen.say, stop)
        except CannotDo as error:
            screen.say(error.message)

    thread = threading.Thread(target=work, name="meanwhile", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(_LAST_WORDS)


def _start_services(services: list[Service], screen: _Screen, supervisor: Supervisor) -> None:
    names = ", ".join(service.name for service in services)
    if services:
        with screen.doing(f"Starting {names}", f"Started {names}"):
            supervisor.start(services)


def _counting(
    reports: WeatherUp | None, common: CommonSettings, data: DataDir
) -> list[weather_up.Started]:
    if reports is None or not isinstance(common, WeatherStoreSettings):
        return []
    return reports.counting(common, data)


def _shared_settings(
    settings: UpSettings, data: DataDir, reports: WeatherUp | None
) -> CommonSettings:
    """Return the settings that all processes share, with the addresses of what runs here."""
    values = {name: getattr(settings, name) for name in CommonSettings.model_fields}
    if settings.own_kafka:
        values["kafka"] = _host_port(settings.kafka_host, settings.kafka_port)
    if settings.own_redis:
        values["redis"] = f"redis://{_host_port(settings.redis_host, settings.redis_port)}/0"
    values["epoch"] = data.epoch
    if settings.seed == DEFAULT_SEED:
        values["seed"] = data.seed or DEFAULT_SEED
    return CommonSettings(**values) if reports is None else reports.shared(values)


def _embedded_redis(settings: UpSettings, data: DataDir) -> EmbeddedRedis:
    return EmbeddedRedis(
        data.redis, settings.redis_host, settings.redis_port, log=data.logs / "redis.log"
    )


def _embedded_kafka(settings: UpSettings, data: DataDir, jars: tuple[Path, ...]) -> EmbeddedKafka:
    return EmbeddedKafka(
        data.kafka,
        jars,
        settings.kafka_host,
        settings.kafka_port,
        controller_port=free_port(),
        log=data.logs / "kafka.log",
        heap=settings.kafka_heap,
    )


def _gateway_environment(settings: UpSettings) -> dict[str, str]:
    """Return the settings that are the gateway's alone."""
    names = ("tokens_file", "tokens", "anyone_may_send", "tls_certificate", "tls_key", "paths")
    given = {name: getattr(settings, name) for name in names}
    return {variable(name): str(value) for name, value in given.items() if value}


def _own_services(
    settings: UpSettings, data: DataDir, common: CommonSettings, worker_ports: list[int]
) -> list[Service]:
    environment = as_environment(common, secrets=True)
    gateway = gateway_service(
        {**environment, **_gateway_environment(settings)},
        http=(settings.http_host, settings.http_port),
        grpc=(settings.grpc_host, settings.grpc_port),
        log=data.logs / "gateway.log",
        tls=settings.tls_certificate is not None,
    )
    workers = [
        worker_service(
            environment,
            number=number,
            http=(settings.worker_host, port),
            log=data.logs / f"worker-{number}.log",
        )
        for number, port in enumerate(worker_ports, start=1)
    ]
    return [gateway, *workers]


def _worker_ports(settings: UpSettings) -> list[int]:
    if settings.worker_port is not None:
        return [settings.worker_port + number for number in range(settings.workers)]
    ports: set[int] = set()
    while len(ports) < settings.workers:
        ports.add(free_port(settings.worker_host))
    return list(ports)


def take(settings: UpSettings, *, fresh: bool) -> DataDir:
    """Return the data directory, which is this process's until it is closed.

    :param fresh: end the `up` that has it.
    :raises CannotDo: it cannot be had.
    """
    if fresh and not settings.own_kafka:
        raise CannotDo(
            f"--fresh begins with empty topics, but the Kafka at {settings.kafka} was not started "
            "by `up`, so nothing is removed from it.",
            f"Remove its topics yourself and raise {flag('epoch')}, or choose another "
            f"{flag('topic_prefix')}.",
        )
    path = settings.data_dir.expanduser().absolute()
    try:
        if fresh:
            stop_holder(path, _STOP_HOLDER)
        return DataDir(path)
    except NotOurs as error:
        raise CannotDo(
            f"{error}, so it is left alone.", f"Choose another with {flag('data_dir')} PATH."
        ) from None
    except InUse as error:
        raise CannotDo(
            f"Another `medallero up` runs here: {error}.",
            f"End it with `medallero down`, or choose another {flag('data_dir')} and other ports.",
        ) from None
    except OSError as error:
        raise CannotDo(f"The data directory cannot be used: {error}.") from None


@contextlib.contextmanager
def _data_dir(settings: UpSettings, screen: _Screen, fresh: bool) -> Iterator[DataDir]:
    with take(settings, fresh=fresh) as data:
        path = data.path
        # What an earlier one has written is so no more, and `status` would ask at its ports.
        (path / ENVIRONMENT).unlink(missing_ok=True)
        if "epoch" in settings.model_fields_set:
            data.epoch = settings.epoch
        if fresh:
            if not settings.own_redis:
                # It keeps standings of the topics that are about to go, and would refuse less.
                # First, so that a clearing that breaks off has not kept the old epoch.
                data.epoch += 1
            if data.clear():
                screen.say(f"Removed the data in {path}; this is epoch {data.epoch}")
        yield data


@contextlib.contextmanager
def _signals(stop: StopFlag, supervisor: Supervisor) -> Iterator[None]:
    """Let the first signal ask for an orderly stop, and the second one for a stop at once."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            supervisor.kill_all()
        stop.set()

    before = {
        number: signal.signal(number, handle)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _host_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
