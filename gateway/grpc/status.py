"""gRPC errors with details, as google.rpc.Status in the trailing metadata."""

from typing import Any, Final, NoReturn

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.duration_pb2 import Duration

from gateway.errors import Refused
from gateway.outcome import Outcome
from protos.medallero.v1.intake_pb2 import Minted, Rejected, SubmitResponse
from protos.medallero.v1.status_pb2 import RetryInfo, Status

#: Trailing metadata travels in Base64 and has a limit of its own, 8 KiB in many clients. So details
#: name as many records as fit into these bytes; ``rejected_count`` tells whether that is all.
_DETAILS: Final = 3500
_MESSAGE: Final = 300

#: Metadata that names a request, of the client and in the trailers of every answer.
REQUEST_ID: Final = "x-request-id"

Context = Any  # grpc.aio.ServicerContext: the library has no type hints


def response_of(outcome: Outcome) -> SubmitResponse:
    """Return *outcome* as a message."""
    return SubmitResponse(
        accepted=outcome.accepted,
        minted=[Minted(index=item.index, id=item.id) for item in outcome.minted],
        rejected_count=outcome.rejected_count,
        rejected=[
            Rejected(index=item.index, id=item.id or "", field=item.field, error=item.error)
            for item in outcome.rejected
        ],
    )


async def abort_rejected(context: Context, outcome: Outcome, request_id: str) -> NoReturn:
    """None accepted, all bad: INVALID_ARGUMENT; a SubmitResponse in the details says why."""
    first = outcome.rejected[0]
    message = (
        f"none of {outcome.rejected_count} records accepted; record {first.index}: "
        f"{first.field or 'as a whole'}: {first.error}"
    )
    code = grpc.StatusCode.INVALID_ARGUMENT
    await _abort(context, code, message, [_packed(outcome)], request_id)


async def abort_refused(context: Context, refused: Refused, request_id: str) -> NoReturn:
    """The request is refused as a whole; RetryInfo in the details if a retry makes sense."""
    details = []
    if refused.reason.retryable:
        retry = RetryInfo(retry_delay=Duration(seconds=refused.retry_after))
        details.append(
            Packed(
                type_url="type.googleapis.com/google.rpc.RetryInfo",
                value=retry.SerializeToString(),
            )
        )
    if refused.outcome is not None:
        details.append(_packed(refused.outcome))
    code = grpc.StatusCode[refused.reason.grpc_status]
    await _abort(context, code, refused.message, details, request_id)


def _packed(outcome: Outcome) -> Packed:
    response = response_of(outcome)
    room = _DETAILS
    for records in (response.rejected, response.minted):
        fitting = 0
        for record in records:
            room -= record.ByteSize() + 4
            if room < 0:
                break
            fitting += 1
        del records[fitting:]
    packed = Packed()
    packed.Pack(response)
    return packed


async def _abort(
    context: Context, code: Any, message: str, details: list[Packed], request_id: str
) -> NoReturn:
    message = message[:_MESSAGE]
    status = Status(code=code.value[0], message=message, details=details)
    trailers = (
        (REQUEST_ID, request_id),
        ("grpc-status-details-bin", status.SerializeToString()),
    )
    await context.abort(code, message, trailers)
    raise AssertionError("abort raises")
