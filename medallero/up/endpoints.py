"""Says where everything is once it runs, to people and to shells."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from contracts.settings import CommonSettings
from contracts.urls import shown_url
from contracts.weather_store import WeatherStoreSettings
from medallero.client.connect import DEFAULT_ENDPOINT
from medallero.embedded.datadir import ENVIRONMENT
from medallero.options import variable
from olympics.catalogue import Catalogue, load_catalogue

#: Names, in the environment file, the variables that only describe what `up` has started.
STARTED: Final = variable("started")


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """The addresses and directories of a running system."""

    common: CommonSettings
    http: tuple[str, int]
    grpc: tuple[str, int]
    #: the private HTTP servers of the workers, in their order
    workers: tuple[tuple[str, int], ...]
    data: Path
    logs: Path
    #: the settings that only describe what `up` itself has started
    started: tuple[str, ...]
    #: whether the gateway has a certificate
    tls: bool = False
    #: the private HTTP servers of the processes that count weather reports
    weather: tuple[tuple[str, int], ...] = ()
    #: what may be sent
    catalogue: Catalogue = field(default_factory=load_catalogue)

    @property
    def endpoint(self) -> str:
        """The gateway's HTTP address."""
        return f"{'https' if self.tls else 'http'}://{_host_port(*self.http)}"

    def environment(self) -> dict[str, str]:
        """Return what other commands need in their environment to find this system."""
        return {
            **as_environment(self.common),
            variable("endpoint"): self.endpoint,
            variable("http_host"): self.http[0],
            variable("http_port"): str(self.http[1]),
            variable("grpc_host"): self.grpc[0],
            variable("grpc_port"): str(self.grpc[1]),
            variable("data_dir"): str(self.data),
            STARTED: ",".join(map(variable, self.started)),
        }

    def write_environment(self) -> Path:
        """Write the environment into a file that sh, bash, zsh and fish can source; its path."""
        file = self.data / ENVIRONMENT
        lines = (f"export {name}={_quoted(it)}\n" for name, it in self.environment().items())
        scratch = self.data / f"{ENVIRONMENT}.new"
        # The address of Redis may hold a password.
        scratch.touch(mode=0o600)
        scratch.chmod(0o600)
        scratch.write_text("".join(lines), encoding="utf-8")
        return scratch.replace(file)

    def write_targets(self) -> Path:
        """Write where the metrics are, as Prometheus reads it, and return the file's path."""
        members = [("gateway", "gateway", self.http)]
        members += [
            ("worker", f"worker-{number}", address)
            for number, address in enumerate(self.workers, start=1)
        ]
        members += [
            ("weather", f"weather-{number}", address)
            for number, address in enumerate(self.weather, start=1)
        ]
        targets = [
            {
                "targets": [_host_port(*address)],
                "labels": {"job": f"medallero-{kind}", "instance": name},
            }
            for kind, name, address in members
        ]
        file = self.data / "targets.json"
        file.write_text(json.dumps(targets, indent=2) + "\n", encoding="utf-8")
        return file

    def lines(self) -> Iterator[str]:
        """Yield the text for the terminal."""
        rows = {
            "page": f"{self.endpoint}/",
            "results": f"POST {self.endpoint}/v1/results",
            "entries": f"POST {self.endpoint}/v1/entries",
            "standings": f"GET {self.endpoint}/v1/standings",
            "gRPC": _host_port(*self.grpc),
            "Kafka": self.common.kafka,
            "Redis": self.common.redis,
            "data": _nearest(self.data),
            "logs": _nearest(self.logs),
        }
        if isinstance(self.common, WeatherStoreSettings) and self.common.weather_writers:
            rows["weather"] = f"POST {self.endpoint}/input"
            if "rabbitmq" in self.common.weather_writers:
                rows["RabbitMQ"] = shown_url(self.common.rabbitmq)
                rows["Valkey"] = shown_url(self.common.valkey)
        for name, value in rows.items():
            yield f"  {name:<10} {value}"
        yield ""
        yield "Next, in a second terminal:"
        yield ""
        if not self._is_default():
            yield f"  source {shlex.quote(_nearest(self.data / 'env'))}"
        command = _own_command()
        yield f"  {command} board"
        yield f"  curl {self.endpoint}/v1/entries -H 'Content-Type: application/json' \\"
        yield f"    -d {shlex.quote(json.dumps(example_entry(self.catalogue), ensure_ascii=False))}"
        yield f"  {command} send FILE"

    def _is_default(self) -> bool:
        """Whether other commands find the system without being told."""
        of_no_matter = {STARTED, variable("log_format"), variable("log_level")}
        defaults = as_environment(CommonSettings.model_construct())
        defaults |= {
            variable("endpoint"): DEFAULT_ENDPOINT,
            variable("http_host"): "127.0.0.1",
            variable("http_port"): "8080",
            variable("grpc_host"): "127.0.0.1",
            variable("grpc_port"): "50051",
            variable("data_dir"): str(Path(".medallero").absolute()),
        }
        return all(
            name in of_no_matter or defaults.get(name) == value
            for name, value in self.environment().items()
        )


def example_entry(catalogue: Catalogue) -> dict[str, Any]:
    """Return an entry of the catalogue's first faculty and sport."""
    sport = next(iter(catalogue.sports.values()))
    faculty = next(iter(catalogue.faculties.values()))
    return {
        "student": "Ana",
        "age": 20,
        "faculty": faculty.title,
        "discipline": sport.title if sport.number is None else sport.number,
    }


def forget_started() -> None:
    """Remove from our environment what describes an earlier `up`'s own servers.

    Otherwise `up`, in a shell that has sourced the environment file, would take the Kafka that it
    has to start for one that is already there.
    """
    for name in os.environ.pop(STARTED, "").split(","):
        os.environ.pop(name, None)


def is_named_by_environment(directory: Path) -> bool:
    """Tell whether our environment names *directory*, which is absolute, as that of the data."""
    named = os.environ.get(variable("data_dir"))
    return named is not None and Path(named).expanduser().absolute() == directory


def as_environment(common: CommonSettings, *, secrets: bool = False) -> dict[str, str]:
    """Return shared settings as environment variables; with *secrets* also the secret ones."""
    values = {}
    for name, value in common:
        if isinstance(value, SecretStr):
            if secrets:
                values[variable(name)] = value.get_secret_value()
        elif value is not None:
            # Whoever reads this may be in another directory.
            values[variable(name)] = str(value.absolute() if isinstance(value, Path) else value)
    return values


def _quoted(text: str) -> str:
    """Return what any shell reads as *text*: a backslash in quotes is two things to sh and fish."""
    return r"\\".join(map(shlex.quote, text.split("\\")))


def _host_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _nearest(path: Path) -> str:
    """Return the path as one would type it here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _own_command() -> str:
    """Return what to type for this command: its name if the shell finds it, else its path."""
    own = Path(sys.argv[0]).absolute()
    found = shutil.which("medallero")
    if found and Path(found).absolute() == own:
        return "medallero"
    return shlex.quote(_nearest(own)) if own.name == "medallero" else "python -m medallero"
