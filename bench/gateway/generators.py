"""The load generators: wrk for HTTP, a program in Go for gRPC and for overload."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.builds import GoBuild, need
from bench.gateway.peers import GO_MODULE

_SCRIPT: Final = Path(__file__).with_name("results.lua")
# A request or a call that has begun is waited for, at most so long.
_GRACE: Final = 150.0
_READING: Final = 900.0


class GeneratorFailed(RuntimeError):
    """The generator did not do its work; its last words."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What wrk has seen. ``errors``: kind → count, only those that there were."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: dict[str, int]


def need_wrk() -> None:
    """Raise Missing if wrk is not there."""
    need({"wrk": "wrk"})


def wrk(url: str, bodies: Path, *, connections: int, seconds: float, token: str = "") -> Answers:
    """Post *bodies* for so many seconds, each connection its next as soon as it has an answer."""
    argv = (
        *("wrk", "--threads", "1", "--connections", str(connections)),
        *("--duration", f"{max(1, round(seconds))}s", "--timeout", "30s"),
        *("--script", str(_SCRIPT), url, "--", str(bodies), token),
    )
    found = _json_of(argv, seconds + _GRACE)
    kinds = ("connect", "read", "write", "timeout", "status")
    return Answers(
        requests=found["requests"],
        seconds=found["seconds"],
        p50_ms=found["p50_ms"],
        p99_ms=found["p99_ms"],
        errors={kind: found[kind] for kind in kinds if found[kind]},
    )


class Load:
    """The program in Go."""

    def __init__(self, build_dir: Path) -> None:
        self.build = GoBuild(GO_MODULE, build_dir / "load", "./load")

    def grpc(
        self,
        target: str,
        messages: Path,
        *,
        calls: int,
        stream: int,
        seconds: float,
        token: str,
    ) -> dict[str, Any]:
        """Call for so many seconds; ``stream`` messages in a client stream, 0: unary."""
        return self._run(
            seconds + _GRACE,
            "grpc",
            *("-target", target, "-messages", str(messages), "-calls", str(calls)),
            *("-stream", str(stream), "-seconds", str(seconds), "-token", token),
        )

    def overload(
        self,
        address: str,
        *,
        connections: int,
        batch: int,
        seconds: float,
        token: str,
        kafka: str = "",
        topic: str = "",
    ) -> dict[str, Any]:
        """Send without ever waiting; with *kafka* and *topic*, compare what the topic holds."""
        return self._run(
            seconds + _GRACE + (_READING if topic else 0.0),
            "overload",
            *("-address", address, "-connections", str(connections), "-batch", str(batch)),
            *("-seconds", str(seconds), "-token", token, "-kafka", kafka, "-topic", topic),
        )

    def _run(self, timeout: float, *arguments: str) -> dict[str, Any]:
        return _json_of((str(self.build.binary), *arguments), timeout)


def _json_of(argv: tuple[str, ...], timeout: float) -> dict[str, Any]:
    """Run a generator and read the JSON object in the last line of its output."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise GeneratorFailed(f"{argv[0]} did not end within {timeout:.0f} s") from None
    try:
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        raise GeneratorFailed(f"{argv[0]}: {(done.stderr or done.stdout).strip()[-500:]}") from None
    return found
