"""Answers that anybody may read, in a form that caches between us and many readers understand."""

import hashlib
from functools import lru_cache
from typing import Final

from aiohttp.web import BaseRequest, Response

CSV: Final = "text/csv"
CSV_SUFFIX: Final = ".csv"

#: For how long a cache may give an answer to others: a second, and some more while it asks again.
CACHE_CONTROL: Final = "public, max-age=1, stale-while-revalidate=5"
#: Answers whose tags are remembered.
_REMEMBERED: Final = 16


def for_everybody(request: BaseRequest, body: bytes, media: str) -> Response:
    """Return *body*, or 304 to who has it already."""
    headers = {"ETag": _tag(body), "Cache-Control": CACHE_CONTROL, "Vary": "Accept"}
    if has_it(request, headers["ETag"]):
        return Response(status=304, headers=headers)
    if media == CSV:
        headers["Content-Disposition"] = 'attachment; filename="medallero.csv"'
        return Response(body=body, content_type=CSV, charset="utf-8", headers=headers)
    return Response(body=body, content_type=media, headers=headers)


def has_it(request: BaseRequest, tag: str) -> bool:
    """Whether who asks has what *tag* names (RFC 9110, 13.1.2)."""
    given = request.headers.get("If-None-Match", "")
    return any(it.strip().removeprefix("W/") in ("*", tag) for it in given.split(","))


def wants_csv(request: BaseRequest) -> bool:
    """Whether a request asks for CSV, by the path or by the header Accept."""
    if request.path.lower().endswith(CSV_SUFFIX):
        return True
    accepted = [it.partition(";")[0].strip() for it in request.headers.get("Accept", "").split(",")]
    return CSV in accepted and "application/json" not in accepted


# The bytes of an answer that is shared are the same object, whose hash Python keeps.
@lru_cache(maxsize=_REMEMBERED)
def _tag(body: bytes) -> str:
    return f'"{hashlib.blake2b(body, digest_size=9).hexdigest()}"'
