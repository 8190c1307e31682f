"""What is sent: the same results over HTTP and gRPC, made before anything is measured."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from protos.medallero.v1 import intake_pb2

_SPORTS: Final = ("swimming", "athletics")
_FACULTIES: Final = ("engineering", "agronomy")
_SINGLE_BODIES: Final = 4_096
_BATCH_BODIES: Final = 16


@dataclass(frozen=True, slots=True)
class Workload:
    """Requests of ``batch`` results over ``connections``, each sending its next at once."""

    name: str
    title: str
    batch: int
    connections: int


@dataclass(frozen=True, slots=True)
class Calls:
    """The same over gRPC: so many calls at a time; ``stream`` lists in one client stream, 0: none.

    ``beside``: the workload over HTTP that carries as many results in a request.
    """

    name: str
    title: str
    batch: int
    calls: int
    stream: int
    beside: str


WORKLOADS: Final = (
    Workload("singles_64", "one result a request, 64 connections", 1, 64),
    Workload("singles_256", "one result a request, 256 connections", 1, 256),
    Workload("batches_500", "500 results a request, 16 connections", 500, 16),
)
CALLS: Final = (
    Calls("unary_1", "unary, one result, 64 calls at a time", 1, 64, 0, "singles_64"),
    Calls("unary_500", "unary, 500 results, 16 calls at a time", 500, 16, 0, "batches_500"),
    Calls("stream_500", "streams of 20 lists of 500, 16 at a time", 500, 16, 20, "batches_500"),
)


def write_bodies(directory: Path, batch: int, number: int | None = None) -> Path:
    """Write *number* bodies of *batch* results each, a line each; return the file."""
    file = directory / f"bodies-{batch}.ndjson"
    if not file.exists():
        with file.open("w", encoding="utf-8") as out:
            for results in _lists(batch, number):
                body = results if batch > 1 else results[0]
                out.write(json.dumps(body, ensure_ascii=False, separators=(",", ":")) + "\n")
    return file


def write_messages(directory: Path, batch: int) -> Path:
    """Write the same as SubmitRequests, each after its length in 32 bits; return the file."""
    file = directory / f"messages-{batch}.bin"
    if not file.exists():
        with file.open("wb") as out:
            for results in _lists(batch):
                request = intake_pb2.SubmitRequest(results=map(_message, results))
                encoded = request.SerializeToString()
                out.write(struct.pack(">I", len(encoded)) + encoded)
    return file


def _lists(batch: int, bodies: int | None = None) -> Iterator[list[dict[str, Any]]]:
    if bodies is None:
        bodies = _SINGLE_BODIES if batch == 1 else _BATCH_BODIES
    for number in range(bodies):
        yield [_result(number * batch + place) for place in range(batch)]


def _result(serial: int) -> dict[str, Any]:
    sport = _SPORTS[serial // 8 % len(_SPORTS)]
    return {
        "sport": sport,
        "unit": f"{sport[:3]} heat {serial // 8}",
        "competitor": {"id": f"c{serial}", "name": "Ana García", "age": 18 + serial % 10},
        "faculty": _FACULTIES[serial % 2],
        "mark": f"{50 + serial % 40}.{serial % 100:02d}",
    }


def _message(result: dict[str, Any]) -> intake_pb2.Result:
    return intake_pb2.Result(
        **{name: result[name] for name in ("sport", "unit", "faculty", "mark")},
        competitor=intake_pb2.Competitor(**result["competitor"]),
    )
