"""Who may send: tokens by name, of which only digests are kept.

A token is 256 random bits (`medallero token` makes one). So its plain SHA-256 is enough to keep:
slow, salted hashes protect what people can remember, and nobody can guess a number of 256 bits,
however fast the hash.
"""

import binascii
import hmac
import time
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import structlog

from gateway.refusal import Reason, Refused
from gateway.settings import GatewaySettings
from gateway.watched_files import WatchedFiles
from olympics.catalogue import Catalogue, UnknownName

_log = structlog.get_logger("gateway.access")

KINDS: Final = ("result", "entry")


class Caller(NamedTuple):
    """Who sends, as the token says: its name, and what it may send (None: no limit).

    ``faculties`` are names of the catalogue, ``kinds`` are "result" and "entry".
    """

    name: str
    faculties: frozenset[str] | None
    kinds: frozenset[str] | None


#: Whoever sends to a gateway that asks for no token.
ANYONE: Final = Caller("", None, None)


class AccessError(ValueError):
    """Nobody can say who may send; the text tells the operator what to do."""


class Access:
    """Knows the tokens. A gateway that asks for none answers ``ANYONE`` to everybody."""

    def __init__(self, settings: GatewaySettings, catalogue: Catalogue) -> None:
        """Read the tokens of the settings.

        :raises AccessError: a token is not described as it must be, or there is none although
            others than this machine can reach the gateway and nobody said that they may send.
        """
        self._settings = settings
        self._catalogue = catalogue
        self._file = WatchedFiles([settings.tokens_file] if settings.tokens_file else [])
        self._tokens = self._read()
        #: Tokens that proved right, by digest: no larger than the list of tokens.
        self._proved: dict[bytes, _Token] = {}
        self._open = not self._tokens
        if self._open:
            _check_open(settings)
        else:
            self._tell()

    @property
    def asks(self) -> bool:
        """Whether a token is needed."""
        return not self._open

    def caller(self, authorization: str | None) -> Caller:
        """Return who sends, by the value of the header Authorization (``Bearer`` and the token).

        :raises Refused: there is no token, or it is none that may send.
        """
        if self._open:
            return ANYONE
        scheme, _, secret = (authorization or "").strip().partition(" ")
        secret = secret.strip()
        if scheme.lower() != "bearer" or not secret:
            raise Refused(
                Reason.NO_TOKEN, "a token is needed, in the header Authorization: Bearer <token>"
            )
        digest = sha256(secret.encode("utf-8", "surrogateescape")).digest()
        token = self._proved.get(digest) or self._prove(digest)
        if token.expires is not None and time.time() >= token.expires:
            raise Refused(Reason.WRONG_TOKEN, f"the token {token.caller.name!r} has expired")
        return token.caller

    def refresh(self) -> None:
        """Read the file of tokens again if it has changed; a broken one changes nothing."""
        if not self._file.changed():
            return
        try:
            tokens = self._read()
        except AccessError as error:
            _log.error("tokens_unreadable", error=str(error), kept=len(self._tokens))
            return
        if self._open != (not tokens):
            # Only a start decides whether tokens are asked for.
            _log.error("tokens_unreadable", error="the file has no tokens", kept=len(self._tokens))
            return
        self._tokens = tokens
        self._proved.clear()
        self._tell()

    def _prove(self, digest: bytes) -> "_Token":
        # All of them, and in constant time each: how long it takes tells nothing about the tokens.
        found = None
        for token in self._tokens:
            if hmac.compare_digest(token.digest, digest):
                found = token
        if found is None:
            raise Refused(Reason.WRONG_TOKEN, "the token is not one that may send here")
        self._proved[digest] = found
        return found

    def _read(self) -> "tuple[_Token, ...]":
        settings = self._settings
        texts = {}
        if settings.tokens.strip():
            texts["MEDALLERO_TOKENS"] = settings.tokens
        if settings.tokens_file is not None:
            texts[str(settings.tokens_file)] = _text_of(settings.tokens_file)
        tokens: dict[str, _Token] = {}
        digests: dict[bytes, str] = {}
        for source, text in texts.items():
            found = list(_tokens_in(text, source, self._catalogue))
            if not found:
                raise AccessError(f"{source}: there is no token in it; `medallero token` makes one")
            for token in found:
                name = token.caller.name
                if name in tokens:
                    raise AccessError(f"{source}: there are two tokens named {name}")
                if token.digest in digests:
                    other = digests[token.digest]
                    raise AccessError(f"{source}: {name} and {other} are the same token")
                tokens[name] = token
                digests[token.digest] = name
        return tuple(tokens.values())

    def _tell(self) -> None:
        _log.info("tokens", names=[token.caller.name for token in self._tokens])


def make_digest(token: str) -> str:
    """Return what is kept of *token*: its SHA-256, in hexadecimal digits."""
    return sha256(token.encode()).hexdigest()


class _Token(NamedTuple):
    caller: Caller
    digest: bytes
    expires: float | None  # seconds since 1970


class _RawToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token as the file describes it."""

    sha256: str
    faculties: list[str] | None = None
    kinds: list[str] | None = None
    expires: Any = None


def _check_open(settings: GatewaySettings) -> None:
    open_hosts = [
        host for host in (settings.http_host, settings.grpc_host) if not _is_loopback(host)
    ]
    if not open_hosts:
        return
    if not settings.anyone_may_send:
        raise AccessError(
            f"it would listen on {open_hosts[0]}, which others can reach, and knows no tokens: "
            "make one with `medallero token` and name its file with MEDALLERO_TOKENS_FILE; or set "
            "MEDALLERO_ANYONE_MAY_SEND=true to take records from anybody"
        )
    _log.warning("anyone_may_send", hosts=open_hosts, hint="set MEDALLERO_TOKENS_FILE")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _text_of(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise AccessError(f"cannot read the tokens in {path}: {reason}") from None


def _tokens_in(text: str, source: str, catalogue: Catalogue) -> Iterator[_Token]:
    try:
        tables: Mapping[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise AccessError(f"{source}: {error}") from None
    for name, table in tables.items():
        try:
            yield _token(name, msgspec.convert(table, _RawToken), catalogue)
        except (msgspec.ValidationError, UnknownName, ValueError) as error:
            raise AccessError(f"{source}: token {name}: {error}") from None


def _token(name: str, raw: _RawToken, catalogue: Catalogue) -> _Token:
    """Raises ValueError."""
    try:
        digest = binascii.unhexlify(raw.sha256)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != sha256().digest_size:
        raise ValueError("sha256: expected 64 hexadecimal digits")
    faculties = raw.faculties
    if faculties is not None:
        faculties = [catalogue.faculty(it).name for it in _some(faculties, "faculties")]
    if raw.kinds is not None and not set(_some(raw.kinds, "kinds")) <= set(KINDS):
        raise ValueError(f"kinds: expected {' or '.join(KINDS)}")
    return _Token(
        Caller(
            name,
            None if faculties is None else frozenset(faculties),
            None if raw.kinds is None else frozenset(raw.kinds),
        ),
        digest,
        None if raw.expires is None else _end_of(raw.expires),
    )


def _some(values: list[str], field: str) -> list[str]:
    if not values:
        raise ValueError(f"{field}: expected at least one; leave it out for no limit")
    return values


def _end_of(expires: object) -> float:
    """A day is over at its end; times without an offset are UTC. Raises ValueError."""
    if not isinstance(expires, date):
        raise ValueError("expires: expected a day or a time without quotes, like 2027-06-30")
    if not isinstance(expires, datetime):
        expires = datetime.combine(expires + timedelta(days=1), time_of_day())
    if expires.tzinfo is None:
        expires = expires.replace(tzinfo=UTC)
    return expires.timestamp()
