"""W3C Trace Context, as it came with a request, for the headers of its Kafka records.

The gateway makes no spans of its own; it hands on what it was given, so that whoever reads the
topic can join its spans to the sender's. https://www.w3.org/TR/trace-context/
"""

import re
from typing import Final

#: A header of a Kafka record: its name and value.
Header = tuple[str, bytes]
Headers = tuple[Header, ...]

_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[ -~]{1,64})?"
)
#: Members of the list, and what the standard asks everybody to hand on at least, characters.
_TRACESTATE: Final = re.compile(r"[ -~\t]{1,512}")
_KNOWN_LENGTH: Final = 55


def headers_of(traceparent: str | None, tracestate: str | None) -> Headers:
    """Return the headers of the records; none if *traceparent* is absent or malformed.

    A malformed or overlong *tracestate* is left out by itself.
    """
    if traceparent is None:
        return ()
    traceparent = traceparent.strip(" \t")
    # Only versions to come may be longer than the first one, "00".
    known = len(traceparent) == _KNOWN_LENGTH or not traceparent.startswith("00")
    if not known or not _TRACEPARENT.fullmatch(traceparent):
        return ()
    headers: Headers = (("traceparent", traceparent.encode()),)
    if tracestate is not None and _TRACESTATE.fullmatch(tracestate) and tracestate.strip():
        headers += (("tracestate", tracestate.strip().encode()),)
    return headers
