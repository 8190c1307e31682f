"""Says where everything is once it runs, to people and to shells."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contracts.settings import CommonSettings
from medallero.client.connect import DEFAULT_ENDPOINT
from medallero.options import variable


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """The addresses and directories of a running system."""

    common: CommonSettings
    http: tuple[str, int]
    grpc: tuple[str, int]
    data: Path
    logs: Path

    @property
    def endpoint(self) -> str:
        """The gateway's HTTP address."""
        return f"http://{_host_port(*self.http)}"

    def environment(self) -> dict[str, str]:
        """Return what other commands need in their environment to find this system."""
        return {**as_environment(self.common), variable("endpoint"): self.endpoint}

    def write_environment(self) -> Path:
        """Write the environment into a file that a shell can source, and return its path."""
        file = self.data / "env"
        lines = (f"export {name}={shlex.quote(it)}\n" for name, it in self.environment().items())
        file.write_text("".join(lines), encoding="utf-8")
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
        yield """    -d '{"student": "Ana", "age": 20, "faculty": "Ingeniería", "discipline": 1}'"""
        yield f"  {command} send FILE"

    def _is_default(self) -> bool:
        """Whether other commands find the system without being told."""
        told = {*os.environ, variable("log_format"), variable("log_level")}
        defaults = as_environment(CommonSettings.model_construct())
        defaults[variable("endpoint")] = DEFAULT_ENDPOINT
        return all(
            name in told or defaults.get(name) == value
            for name, value in self.environment().items()
        )


def as_environment(common: CommonSettings) -> dict[str, str]:
    """Return shared settings as environment variables."""
    return {variable(name): str(value) for name, value in common if value is not None}


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
