"""The peers: what each is, how it is built, how it is started."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from bench.builds import GoBuild, Missing, PythonBuild
from bench.stack import Stack, cache_dir
from gateway.auth.tokens import digest_of, line_of, new_token
from medallero.embedded.processes import Command

Kind = Literal["ours", "peer", "limit"]

PARTITIONS: Final = 4
OURS: Final = "ours"
NOTHING: Final = "aiohttp_nothing"
PRODUCER: Final = "producer"

_HERE: Final = Path(__file__).parent
_ROOT: Final = _HERE.parent.parent
GO_MODULE: Final = _HERE / "go"

_FASTAPI: Final = (
    "aiokafka == 0.14.*",
    "fastapi == 0.163.*",
    "httptools == 0.9.*",
    "uvicorn == 0.54.*",
    "uvloop == 0.23.*",
)
_KARAPACE: Final = ("karapace >= 4",)

# Every limit is in force; these two are off by default, so they get values that nobody reaches.
_RATES: Final = {"MEDALLERO_RATE_REQUESTS": "1e9", "MEDALLERO_RATE_RECORDS": "1e9"}


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one peer on an empty topic of its own, ``<prefix>results``."""

    stack: Stack
    prefix: str
    directory: Path
    port: int
    grpc_port: int
    token: str = field(default_factory=new_token, repr=False)

    @property
    def topic(self) -> str:
        """The topic to write."""
        return f"{self.prefix}results"

    def environment(self) -> dict[str, str]:
        """What the programs read."""
        return {
            "BENCH_KAFKA": self.stack.kafka,
            "BENCH_TOPIC": self.topic,
            "BENCH_PARTITIONS": str(PARTITIONS),
            "BENCH_PORT": str(self.port),
            "PYTHONPATH": str(_ROOT),
        }


@dataclass(frozen=True, slots=True)
class Peer:
    """A gateway, or a limit of gateways.

    :param does: in words, how it does the work.
    :param build: makes what the command needs; raises Missing. Called once.
    :param argv: the command, after the build.
    :param more: environment beside that of the run.
    :param asks_token: whether requests must carry the run's token.
    """

    name: str
    title: str
    kind: Kind
    does: str
    argv: Callable[[], tuple[str, ...]]
    build: Callable[[], None] = lambda: None
    more: Mapping[str, str] = field(default_factory=dict)
    asks_token: bool = False

    def prepare(self, run: Run) -> Command:
        """Return the command of one run."""
        environment = {**run.environment(), **self.more}
        if self.kind == "ours":
            environment |= _production(run)
        return Command(self.argv(), log=run.directory / f"{self.name}.log", environment=environment)


def peers(build_dir: Path) -> tuple[Peer, ...]:
    """Return all peers; what is compiled goes to *build_dir*."""
    course = GoBuild(GO_MODULE, build_dir / "go_course", "./course")
    well = GoBuild(GO_MODULE, build_dir / "go_well", "./well")
    fastapi = PythonBuild(cache_dir() / "bench", "fastapi", _FASTAPI)
    karapace = PythonBuild(cache_dir() / "bench", "karapace", _KARAPACE)
    ours = (sys.executable, "-m", "medallero", "gateway")
    return (
        Peer(
            OURS,
            "Medallero gateway",
            "ours",
            "one process as `medallero gateway` starts it, with all that production needs",
            argv=lambda: ours,
            asks_token=True,
        ),
        Peer(
            "ours_2",
            "Medallero gateway, 2 processes",
            "ours",
            "the same with `--processes 2`",
            argv=lambda: (*ours, "--processes", "2"),
            asks_token=True,
        ),
        Peer(
            "go_well",
            "Go, written well",
            "peer",
            "net/http, goccy/go-json, franz-go with 2 ms linger, idempotent",
            argv=lambda: (str(well.binary),),
            build=well,
        ),
        Peer(
            "go_course",
            "Go, as in courses",
            "peer",
            "net/http, encoding/json, one kafka-go writer with its defaults but acks",
            argv=lambda: (str(course.binary),),
            build=course,
            more={"BENCH_LINGER_MS": "0"},
        ),
        Peer(
            "go_course_2ms",
            "Go, as in courses, 2 ms",
            "peer",
            "the same with the writer's BatchTimeout at 2 ms instead of 1 s",
            argv=lambda: (str(course.binary),),
            build=course,
            more={"BENCH_LINGER_MS": "2"},
        ),
        Peer(
            "aiohttp_send",
            "aiohttp, send() a record",
            "peer",
            "aiohttp, msgspec, uvloop, aiokafka; send() a record, awaited",
            argv=lambda: _program("aiohttp_send"),
        ),
        Peer(
            "fastapi",
            "FastAPI, send() a record",
            "peer",
            "FastAPI, uvicorn with httptools and uvloop, aiokafka; send() a record, awaited",
            argv=lambda: (str(fastapi.python), str(_HERE / "programs" / "fastapi_send.py")),
            build=fastapi,
        ),
        Peer(
            "karapace",
            "Karapace REST",
            "peer",
            "the ready-made proxy",
            argv=lambda: (str(karapace.python), "-m", "karapace.kafka_rest_apis"),
            build=_Karapace(karapace),
        ),
        Peer(
            NOTHING,
            "aiohttp, 202 to nothing",
            "limit",
            "reads the body and answers",
            argv=lambda: _program("aiohttp_nothing"),
        ),
        Peer(
            PRODUCER,
            "aiokafka, fed in-process",
            "limit",
            "encodes and appends to record batches; no HTTP, no JSON in",
            argv=lambda: _program("producer"),
        ),
    )


def _production(run: Run) -> dict[str, str]:
    """Return the settings of ours: tokens, limits, and logs as a container has them."""
    tokens = run.directory / "tokens.toml"
    if not tokens.exists():
        line = line_of("bench", digest_of(run.token))
        tokens.write_text(line + "\n", encoding="utf-8")
    return {
        "MEDALLERO_KAFKA": run.stack.kafka,
        "MEDALLERO_REDIS": run.stack.redis_url,
        "MEDALLERO_TOPIC_PREFIX": run.prefix,
        "MEDALLERO_PARTITIONS": str(PARTITIONS),
        "MEDALLERO_HTTP_PORT": str(run.port),
        "MEDALLERO_GRPC_PORT": str(run.grpc_port),
        "MEDALLERO_TOKENS_FILE": str(tokens),
        "MEDALLERO_LOG_FORMAT": "json",
        **_RATES,
    }


class _Karapace:
    """Karapace, if the package index has it."""

    def __init__(self, environment: PythonBuild) -> None:
        self._environment = environment

    def __call__(self) -> None:
        self._environment()
        raise Missing("it can be installed here, but the bench does not know how to run it")


def _program(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"bench.gateway.programs.{name}")
