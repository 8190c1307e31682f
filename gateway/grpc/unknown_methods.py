"""Calls of services and methods that are not ours: the answer says which are."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc

from gateway.errors import Reason, Refused
from gateway.grpc.service import Shared, metadata_of
from gateway.grpc.status import REQUEST_ID, Context, abort_refused

#: More of a method's name is not repeated.
_LONGEST_NAME = 80


class Unknown(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no type hints
    """Answers every call with UNIMPLEMENTED and the names of the services that are served."""

    def __init__(self, shared: Shared, services: Sequence[str], methods: Sequence[str]) -> None:
        self._shared = shared
        self._served = f"{' and '.join(services)}, each with {' and '.join(methods)}"

    def service(self, handler_call_details: Any) -> Any:
        """Return a handler of the call; one of streams serves every kind of call."""
        method = str(handler_call_details.method)[:_LONGEST_NAME]

        async def refuse(_messages: AsyncIterator[bytes], context: Context) -> None:
            request_id = self._shared.ids.id_of(metadata_of(context).get(REQUEST_ID))
            refused = Refused(
                Reason.METHOD_NOT_ALLOWED,
                f"there is no {method} here; this gateway serves {self._served} (reflection is on)",
            )
            self._shared.requests.refused(request_id, None, refused, 0.0)
            await abort_refused(context, refused, request_id)

        return grpc.stream_stream_rpc_method_handler(refuse)
