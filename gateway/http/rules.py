"""What is demanded of every HTTP request, whatever its path: by RFC 9112, and because of browsers.

A browser sends what a page of another site wants it to send, and by DNS rebinding it may take this
gateway for that site. A gateway that only this machine can reach is protected by nothing else.
"""

from typing import Final

from aiohttp import HttpVersion10, HttpVersion11
from aiohttp.web import BaseRequest

from gateway.auth.authenticator import is_loopback
from gateway.errors import Reason, Refused
from gateway.settings import GatewaySettings

#: Headers that browsers alone send. With no Content-Type: a page that avoids the preflight.
BROWSER_HEADERS: Final = ("Origin", "Sec-Fetch-Site")
#: For how long a browser may remember that an origin may read, seconds.
_PREFLIGHT_AGE: Final = 600
_ANY: Final = "*"


class HttpRules:
    """Checks requests, and says which pages of other origins may read the answers."""

    def __init__(self, settings: GatewaySettings) -> None:
        hosts = _list_of(settings.http_hosts)
        local = is_loopback(settings.http_host) and _ANY not in hosts
        self._hosts: frozenset[str] | None = frozenset(map(_name_of, hosts)) if local else None
        self._origins = frozenset(_list_of(settings.cors_origins))

    def answers_to(self, host: str) -> bool:
        """Whether a request with this header ``Host`` is meant for this gateway."""
        if self._hosts is None:
            return True
        name = _name_of(host)
        return is_loopback(name) or name.endswith(".localhost") or name in self._hosts

    def check(self, request: BaseRequest) -> None:
        """Refuse what is not HTTP/1.0 or 1.1 as it should be, or was meant for another host.

        :raises Refused: the connection must be closed behind its answer.
        """
        version = request.version
        if version != HttpVersion11 and version != HttpVersion10:
            raise Refused(
                Reason.WRONG_VERSION, f"HTTP/{version.major}.{version.minor}: expected HTTP/1.1"
            )
        if request.method == "CONNECT":
            raise Refused(Reason.METHOD_NOT_ALLOWED, "this is no proxy", allow="GET, HEAD, POST")
        codings = request.headers.getall("Transfer-Encoding", ())
        if codings and [it.strip().lower() for it in codings] != ["chunked"]:
            raise Refused(
                Reason.NOT_IMPLEMENTED,
                f"Transfer-Encoding {', '.join(codings)[:80]!r}: expected chunked or none",
            )
        host = request.headers.get("Host")
        if host is not None and not self.answers_to(host):
            raise Refused(
                Reason.MISDIRECTED,
                f"Host {host[:80]!r}: this gateway answers to localhost; "
                "MEDALLERO_HTTP_HOSTS names further hosts",
            )

    @staticmethod
    def check_sender(request: BaseRequest) -> None:
        """Refuse records that any page on the web could send. Raises Refused."""
        headers = request.headers
        if "Content-Type" not in headers and any(it in headers for it in BROWSER_HEADERS):
            raise Refused(
                Reason.WRONG_TYPE,
                "a browser's request needs a Content-Type: expected application/json",
            )

    def reading_headers(self, request: BaseRequest) -> dict[str, str]:
        """Return the headers that let the page which asks read the answer; {}: it may not."""
        if not self._origins:
            return {}
        if _ANY in self._origins:
            return {"Access-Control-Allow-Origin": _ANY}
        headers = {"Vary": "Origin"}
        origin = request.headers.get("Origin", "")
        if origin.lower() in self._origins:
            headers["Access-Control-Allow-Origin"] = origin
        return headers

    def preflight_headers(self, request: BaseRequest) -> dict[str, str] | None:
        """Return the headers that let a page ask to read; None: the request is no preflight."""
        if "Access-Control-Request-Method" not in request.headers:
            return None
        headers = self.reading_headers(request)
        if "Access-Control-Allow-Origin" not in headers:
            return None
        return headers | {
            "Access-Control-Allow-Methods": "GET, HEAD",
            "Access-Control-Allow-Headers": "*",
            "Access-Control-Max-Age": str(_PREFLIGHT_AGE),
        }


def _list_of(setting: str) -> list[str]:
    return [it.strip().lower().rstrip("/") for it in setting.split(",") if it.strip()]


def _name_of(host: str) -> str:
    """Return the host without its port."""
    host = host.strip().lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    name, colon, port = host.rpartition(":")
    if colon and port.isdecimal():
        host = name
    return host.rstrip(".")
