"""Tokens as the operator writes them down: TOML, a line each, with a digest instead of the token.

A token is 256 random bits. So its plain SHA-256 is enough to keep: slow, salted hashes protect
what people can remember, and nobody can guess 256 bits, however fast the hash.
"""

import binascii
import re
import secrets
import tomllib
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec

from olympics.catalogue import Catalogue, UnknownName

KINDS: Final = ("result", "entry", "report")
#: A name that TOML takes without quotes; it is in logs and metrics.
NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

NO_RESULTS_BY_FACULTY: Final = (
    "a token that is limited to faculties may not send results, since it could replace those of "
    "others; limit it to sports"
)

_PREFIX: Final = "mdl_"  # so that people, and scanners of repositories, know one when they see it
_BYTES: Final = 32


class TokenError(ValueError):
    """A token is not described as it must be; the text says which, and what was expected."""


class Caller(NamedTuple):
    """Who sends, as the token says: its name, and what it may send (None: no limit).

    ``faculties`` and ``sports`` are names of the catalogue, ``kinds`` are "result", "entry" and
    "report" (of the weather). Whoever is limited to faculties sends no results: a limit could not
    tell whose result a new version replaces, and nobody judges himself.
    """

    name: str
    faculties: frozenset[str] | None = None
    kinds: frozenset[str] | None = None
    sports: frozenset[str] | None = None

    @property
    def limited(self) -> bool:
        """Whether there is anything that it may not send."""
        return not (self.faculties is None and self.kinds is None and self.sports is None)

    def may_send(self, kind: str) -> bool:
        """Whether it may send records of *kind* at all."""
        if self.kinds is not None and kind not in self.kinds:
            return False
        if kind == "report":
            # They belong to no sport and no faculty, so a limit must say that they are allowed.
            return self.kinds is not None or not self.limited
        return kind != "result" or self.faculties is None


class Token(NamedTuple):
    """What is kept of a token."""

    caller: Caller
    digest: bytes
    expires: float | None  # seconds since 1970


def new_token() -> str:
    """Return a token that nobody has had before."""
    return _PREFIX + secrets.token_urlsafe(_BYTES)


def digest_of(token: str) -> bytes:
    """Return what is kept of *token*."""
    return sha256(token.encode("utf-8", "surrogateescape")).digest()


def line_of(
    name: str,
    digest: bytes,
    *,
    faculties: Collection[str] = (),
    sports: Collection[str] = (),
    kinds: Collection[str] = (),
    expires: date | None = None,
) -> str:
    """Return the line that describes a token, as ``tokens_in`` reads it. No limit: leave it out."""
    fields = [f'sha256 = "{digest.hex()}"']
    for field, values in (("faculties", faculties), ("sports", sports), ("kinds", kinds)):
        if values:
            quoted = ", ".join(f'"{it}"' for it in values)
            fields.append(f"{field} = [{quoted}]")
    if expires is not None:
        fields.append(f"expires = {expires.isoformat()}")
    return f"{name} = {{ {', '.join(fields)} }}"


def tokens_in(text: str, catalogue: Catalogue) -> Iterator[Token]:
    """Yield the tokens that *text* describes.

    :raises TokenError: at the first one that is not as it must be.
    """
    try:
        tables: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TokenError(f"expected TOML: {error}") from None
    for name, table in tables.items():
        if not NAME.fullmatch(name):
            raise TokenError(f"token {name!r}: expected a name of letters, digits, - and _")
        try:
            yield _token(name, msgspec.convert(table, _RawToken), catalogue)
        except (msgspec.ValidationError, UnknownName, _Wrong) as error:
            raise TokenError(f"token {name}: {error}") from None


class _RawToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token as the file describes it."""

    sha256: str
    faculties: list[str] | None = None
    sports: list[str] | None = None
    kinds: list[str] | None = None
    expires: Any = None


class _Wrong(ValueError):
    """A field is not as it must be."""


def _token(name: str, raw: _RawToken, catalogue: Catalogue) -> Token:
    try:
        digest = binascii.unhexlify(raw.sha256)
    except ValueError:
        digest = b""
    if len(digest) != sha256().digest_size:
        raise _Wrong("sha256: expected 64 hexadecimal digits")
    faculties = _some(raw.faculties, "faculties")
    kinds = _some(raw.kinds, "kinds")
    if kinds is not None and not kinds <= set(KINDS):
        raise _Wrong(f"kinds: expected {' or '.join(KINDS)}")
    sports = _some(raw.sports, "sports")
    if sports is not None:
        sports = frozenset(catalogue.sport(it).name for it in sports)
    if faculties is not None and kinds is not None and "result" in kinds:
        raise _Wrong(NO_RESULTS_BY_FACULTY)
    if faculties is not None:
        faculties = frozenset(catalogue.faculty(it).name for it in faculties)
    expires = None if raw.expires is None else _end_of(raw.expires)
    return Token(Caller(name, faculties, kinds, sports), digest, expires)


def _some(values: list[str] | None, field: str) -> frozenset[str] | None:
    if values is None:
        return None
    if not values:
        raise _Wrong(f"{field}: expected at least one; leave it out for no limit")
    return frozenset(values)


def _end_of(expires: object) -> float:
    """A day is over at its end; times without an offset are UTC."""
    if not isinstance(expires, date):
        raise _Wrong("expires: expected a day or a time without quotes, like 2027-06-30")
    if not isinstance(expires, datetime):
        expires = datetime.combine(expires + timedelta(days=1), time())  # its midnight
    if expires.tzinfo is None:
        expires = expires.replace(tzinfo=UTC)
    return expires.timestamp()
