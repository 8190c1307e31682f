"""What clients may say over gRPC: good messages, damaged ones, streams, odd paths, bare bytes."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any, Final, Literal

from gateway.grpc.codec import entries_of, results_of
from protos.medallero.v1 import intake_pb2 as pb
from tests.fuzz.documents import damaged, new_tag
from tests.fuzz.expected import Foreseen, NotJson

SUBMIT: Final = "/medallero.v1.ResultIntake/Submit"
STREAM: Final = "/medallero.v1.ResultIntake/SubmitStream"
_ODD_PATHS: Final = (
    *("/medallero.v1.ResultIntake/", "/medallero.v1.ResultIntake/submit", "/x", "/a/b/c"),
    *("/medallero.v1.ResultIntake/Submit/", "//", "/grpc.health.v1.Health/Ask"),
)
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

_TEXTS: Final = (
    *("", " ", "\0", "x" * 65, "é" * 3000, "\u202e", "e\u0301", "８", "\ufeff", "İ", "\x7f"),
    *("won", "LOST", "DNS", "W/O", "gold", "final", "official", "withdrawn", "swimming", "1"),
    *("55.78", "2:06:26", "8,35", "1e5", "-1", "NaN", "engineering", "\U0010ffff", "nul\0l"),
)
_FIELDS: Final = (
    *("id", "sport", "phase", "faculty", "mark", "outcome", "irm", "medal", "status"),
)


@dataclass(frozen=True)
class GrpcCall:
    """One call: its messages as bytes; ``bare`` are bytes for the port, without gRPC."""

    tag: str
    path: str
    messages: tuple[bytes, ...]
    metadata: tuple[tuple[str, str], ...] = ()
    ending: Literal["answered", "vanish"] = "answered"
    timeout: float | None = None
    bare: bytes | None = None

    inputs = 1

    @property
    def stream(self) -> bool:
        return self.path == STREAM

    @property
    def foreseeable(self) -> bool:
        return (
            self.path in (SUBMIT, STREAM)
            and self.ending == "answered"
            and self.timeout is None
            and all(name == "idempotency-key" for name, _ in self.metadata)
        )

    @property
    def key(self) -> str | None:
        return dict(self.metadata).get("idempotency-key")


def a_grpc_call(rng: Random) -> GrpcCall:
    """Return what some client says."""
    tag = new_tag(rng)
    chance = rng.random()
    if chance < 0.03:
        bare = rng.choice((b"", _PREFACE)) + rng.randbytes(rng.choice((9, 100, 5000)))
        return GrpcCall(tag, "", (), bare=bare)
    path = STREAM if rng.random() < 0.35 else SUBMIT
    number = rng.choice((0, 1, 2, 3, 6)) if path == STREAM else 1
    messages = [a_message(rng, tag, index) for index in range(number)]
    damage = rng.choice((0, 0, 0, 1, 2))
    if damage and messages:
        place = rng.randrange(len(messages))
        messages[place] = damaged(rng, messages[place], changes=damage)
    if rng.random() < 0.02 and messages:
        messages[-1] = rng.randbytes(rng.choice((1, 50, 5000)))
    call = GrpcCall(tag, path, tuple(messages))
    metadata: tuple[tuple[str, str], ...] = ()
    if rng.random() < 0.15:
        metadata = (("idempotency-key", f"{tag} key"),)
    elif rng.random() < 0.06:
        odd = ("", " ", "k" * 300, "a,b", "~!@")
        metadata = (("idempotency-key", rng.choice(odd)), ("x-odd", "y"))
    elif rng.random() < 0.06:
        traces = ("", "zz", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        metadata = (("traceparent", rng.choice(traces)), ("authorization", "Bearer x"))
    ending: Literal["answered", "vanish"] = "answered"
    timeout = None
    if rng.random() < 0.04:
        ending = "vanish"
    elif rng.random() < 0.04:
        timeout = rng.choice((0.0001, 0.001, 0.003))
    if rng.random() < 0.04:
        path = rng.choice(_ODD_PATHS)
    return GrpcCall(tag, path, call.messages, metadata, ending, timeout)


def a_message(rng: Random, tag: str, start: int) -> bytes:
    """Return a SubmitRequest as bytes."""
    number = rng.choice((0, 1, 1, 2, 5)) if rng.random() < 0.98 else 700
    request = pb.SubmitRequest()
    for index in range(number):
        if rng.random() < 0.7:
            request.results.append(_result(rng, tag, start * 1000 + index))
        else:
            request.entries.append(_entry(rng, tag, start * 1000 + index))
    data: bytes = request.SerializeToString()
    return data


def foresee_messages(messages: tuple[bytes, ...]) -> tuple[Foreseen, list[bool]]:
    """Return the items of all messages, and which of them are entries; NotJson if one is none.

    The index goes on from message to message.
    """
    items: list[tuple[int, object]] = []
    entries: list[bool] = []
    for data in messages:
        try:
            request: Any = pb.SubmitRequest.FromString(data)
        except Exception as error:
            raise NotJson(str(error)) from None
        items += results_of(request.results, len(items))
        entries += [False] * len(request.results)
        items += entries_of(request.entries, len(items))
        entries += [True] * len(request.entries)
    return Foreseen(items, len(items) > 1), entries


def _result(rng: Random, tag: str, index: int) -> pb.Result:
    result = pb.Result(
        sport=rng.choice(("swimming", "Natación", "3", "boxing")),
        unit=f"{tag} {index}",
        competitor=pb.Competitor(id=str(rng.randint(1, 99)), name=f"Ana {tag}"),
        faculty=rng.choice(("engineering", "agronomia")),
        mark="55.78",
    )
    while rng.random() < 0.3:
        name = rng.choice(
            ("id", "sport", "phase", "faculty", "mark", "outcome", "irm", "medal", "status")
        )
        setattr(result, name, rng.choice(_TEXTS))
    if rng.random() < 0.2:
        result.rank = rng.choice((1, 0, -1, 2**31 - 1, -(2**31)))
    if rng.random() < 0.2:
        result.version = rng.choice((1, 0, -1, 2**53, 2**63 - 1, -(2**63)))
    if rng.random() < 0.1:
        result.competitor.age = rng.choice((20, -1, 151, 2**31 - 1))
    if rng.random() < 0.05:
        result.competitor.id = rng.choice(_TEXTS)
    if rng.random() < 0.03:
        result.ClearField("competitor")
    return result


def _entry(rng: Random, tag: str, index: int) -> pb.Entry:
    entry = pb.Entry(student=f"Ana {tag}", faculty="engineering", discipline="1")
    if rng.random() < 0.5:
        entry.id = f"{tag} {index}"
    while rng.random() < 0.3:
        name = rng.choice(("id", "faculty", "discipline"))
        setattr(entry, name, rng.choice(_TEXTS))
    if rng.random() < 0.5:
        entry.age = rng.choice((20, -1, 151))
    return entry
