"""Errors of libraries in a few words for people."""

from __future__ import annotations

import errno
import os

from aiokafka.errors import KafkaConnectionError


def reason_of(error: BaseException) -> str:
    """Return the innermost reason: "Connection refused" rather than the sentences around it."""
    inner: BaseException = getattr(error, "os_error", error)
    while (inner.__cause__ or inner.__context__) and not isinstance(inner, OSError):
        deeper = inner.__cause__ or inner.__context__
        if not isinstance(deeper, OSError):
            break
        inner = deeper
    # asyncio's own text for a refused connection only repeats the address.
    number = getattr(inner, "errno", None)
    if isinstance(number, int) and number in errno.errorcode:
        return os.strerror(number)
    if isinstance(inner, TimeoutError):
        return "no answer in time"
    if isinstance(inner, KafkaConnectionError):
        return "no connection"
    return getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
