"""The desk at ``/desk`` and the parts of the page: plain files, compressed once."""

import gzip
import hashlib
from importlib.resources import files
from typing import Final

from aiohttp.web import BaseRequest, Response

#: Path → (file in ``gateway/page/``, media type).
PATHS: Final = {
    "/desk": ("desk.html", "text/html"),
    "/page/desk.css": ("desk.css", "text/css"),
    "/page/desk.js": ("desk.js", "text/javascript"),
    "/page/desk_words.js": ("desk_words.js", "text/javascript"),
    "/page/outbox.js": ("outbox.js", "text/javascript"),
    "/page/style.css": ("style.css", "text/css"),
    "/page/app.js": ("app.js", "text/javascript"),
    "/page/asking.js": ("asking.js", "text/javascript"),
    "/page/details.js": ("details.js", "text/javascript"),
    "/page/routes.js": ("routes.js", "text/javascript"),
    "/page/events.js": ("events.js", "text/javascript"),
    "/page/kiosk.js": ("kiosk.js", "text/javascript"),
    "/page/latest.js": ("latest.js", "text/javascript"),
    "/page/stream.js": ("stream.js", "text/javascript"),
    "/page/words.js": ("words.js", "text/javascript"),
    "/page/icon.svg": ("icon.svg", "image/svg+xml"),
    # What browsers and search engines ask for whatever a page says.
    "/favicon.ico": ("icon.svg", "image/svg+xml"),
    "/robots.txt": ("robots.txt", "text/plain"),
}

# Nothing comes from elsewhere and nothing stands in the markup that could run: a name in a result
# that looks like a script stays a name.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'self'; form-action 'none'; require-trusted-types-for 'script'; frame-ancestors "
)


class Asset:
    """A part of the page, as it is answered."""

    def __init__(self, plain: bytes, media_type: str, frame_ancestors: str) -> None:
        self._plain = plain
        self._packed = gzip.compress(self._plain, mtime=0)
        self._policy = _POLICY + frame_ancestors
        self._type = f"{media_type}; charset=utf-8"
        self._tag = f'"{hashlib.blake2b(self._plain, digest_size=9).hexdigest()}"'

    def answer(self, request: BaseRequest) -> Response:
        """Return the file, or 304 to who has it already."""
        headers = {
            "ETag": self._tag,
            # Asked for each time, so that a new version is seen at once; mostly 304 comes back.
            "Cache-Control": "no-cache",
            "Vary": "Accept-Encoding",
            "Content-Security-Policy": self._policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        }
        if self._tag in request.headers.get("If-None-Match", ""):
            return Response(status=304, headers=headers)
        headers["Content-Type"] = self._type
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            return Response(body=self._packed, headers=headers | {"Content-Encoding": "gzip"})
        return Response(body=self._plain, headers=headers)


def load_page(frame_ancestors: str) -> dict[str, Asset]:
    """Read the page's files; return them by path. *frame_ancestors* may show it in a frame."""
    return {
        path: Asset(
            files("gateway").joinpath("page", file).read_bytes(), media_type, frame_ancestors
        )
        for path, (file, media_type) in PATHS.items()
    }
