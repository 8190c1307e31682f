"""Send results and an entry over gRPC: ``python send_grpc.py 127.0.0.1:50051``.

Needs ``pip install medallero`` for the generated modules, or your own of intake.proto (README.md).
A token, if the gateway asks for one, is read from MEDALLERO_TOKEN.
"""

from __future__ import annotations

import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator

import grpc

from protos.medallero.v1 import intake_pb2, intake_pb2_grpc, status_pb2

ATTEMPTS = 10
RETRYABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)

Metadata = list[tuple[str, str]]
Call = Callable[[], intake_pb2.SubmitResponse]


def main(gateway: str) -> None:
    """Send three requests and print the answers."""
    token = os.environ.get("MEDALLERO_TOKEN")
    metadata: Metadata = [("authorization", f"Bearer {token}")] if token else []
    with grpc.insecure_channel(gateway) as channel:
        stub = intake_pb2_grpc.ResultIntakeStub(channel)

        request = intake_pb2.SubmitRequest(results=[result("8", "1:05.28"), result("9", "1:05.54")])
        print(submit(lambda: stub.Submit(request, timeout=30, metadata=metadata)))

        # A stream of lists: some hundreds of results in each message.
        def lists() -> Iterator[intake_pb2.SubmitRequest]:
            for first in range(0, 1_000, 500):
                numbers = range(first, first + 500)
                yield intake_pb2.SubmitRequest(results=[result(f"s{n}", "59.02") for n in numbers])

        print(submit(lambda: stub.SubmitStream(lists(), timeout=60, metadata=metadata)))

        # The key is made once, before the first attempt: it makes the retries safe.
        keyed: Metadata = [*metadata, ("idempotency-key", str(uuid.uuid4()))]
        entry = intake_pb2.SubmitRequest(
            entries=[
                intake_pb2.Entry(
                    student="Alvaro García", age=20, faculty="Ingeniería", discipline="1"
                )
            ]
        )
        print(submit(lambda: stub.Submit(entry, timeout=30, metadata=keyed)))


def result(competitor: str, mark: str) -> intake_pb2.Result:
    """Return a result of one unit."""
    return intake_pb2.Result(
        sport="swimming",
        unit="100 m breaststroke heat 1",
        competitor=intake_pb2.Competitor(id=competitor),
        faculty="engineering",
        mark=mark,
    )


def submit(call: Call) -> intake_pb2.SubmitResponse:
    """Call until the gateway has taken the records for good, or says that it never will."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            answer = call()
        except grpc.RpcError as error:
            if attempt == ATTEMPTS or error.code() not in RETRYABLE:
                raise SystemExit(f"{error.code().name}: {error.details()}") from None
            wait = retry_delay(error)
            if wait is None and error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
                raise SystemExit(f"the request is too large: {error.details()}") from None
            time.sleep(1.0 if wait is None else wait)
            continue
        for bad in answer.rejected:
            print(f"record {bad.index}: {bad.field}: {bad.error}", file=sys.stderr)
        return answer
    raise AssertionError("the last attempt returns or raises")


def retry_delay(error: grpc.RpcError) -> float | None:
    """Return the seconds that the gateway asks to wait; None if it says nothing of a retry."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                # The same on the wire as google.rpc.RetryInfo, whose name it carries.
                if detail.type_url.endswith("google.rpc.RetryInfo"):
                    delay = status_pb2.RetryInfo.FromString(detail.value).retry_delay
                    return float(delay.seconds + delay.nanos / 1e9)
    return None


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051")
