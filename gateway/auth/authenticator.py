"""Who may send: whoever has one of the tokens that the operator wrote down."""

import hmac
import time
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import structlog

from contracts.settings import DEFAULT_SEED
from gateway.auth.tokens import Caller, Token, TokenError, digest_of, tokens_in
from gateway.auth.watched_files import WatchedFiles
from gateway.errors import Reason, Refused
from gateway.settings import GatewaySettings
from olympics.catalogue import Catalogue

_log = structlog.get_logger("gateway.access")

#: Headers that are remembered.
_REMEMBERED: Final = 1024

#: Whoever sends to a gateway that asks for no token.
ANYONE: Final = Caller("")


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
        #: Whether nobody may send, because the file of tokens is empty, broken or gone.
        self.shut = False
        # Tokens that proved right, by the header that brought them.
        self._proved: dict[str, Token] = {}
        if self._tokens:
            self._tell()
        else:
            _check_open(settings)

    def caller(self, authorization: str | None) -> Caller:
        """Return who sends, by the value of the header Authorization (``Bearer`` and the token).

        :raises Refused: there is no token, or it is none that may send.
        """
        if self.shut:
            # Retryable: a file that is being written is whole a moment later.
            raise Refused(
                Reason.UNAVAILABLE,
                "nobody may send now: the gateway's tokens cannot be read, or there are none; "
                "its log says more",
            )
        if not self._tokens:
            return ANYONE
        header = authorization or ""
        token = self._proved.get(header) or self._prove(header)
        if token.expires is not None and time.time() >= token.expires:
            raise Refused(Reason.WRONG_TOKEN, f"the token {token.caller.name} has expired")
        return token.caller

    def refresh(self) -> None:
        """Read the file of tokens again if it has changed; while it has none, nobody may send."""
        if not self._file.changed():
            return
        self._proved.clear()
        try:
            self._tokens = self._read()
        except AccessError as error:
            self.shut = True
            _log.error("tokens_unreadable", error=str(error))
        else:
            self.shut = False
            self._tell()

    def _prove(self, authorization: str) -> Token:
        scheme, _, secret = authorization.partition(" ")
        if not secret or scheme.lower() != "bearer":
            raise Refused(
                Reason.NO_TOKEN, "a token is needed, in the header Authorization: Bearer <token>"
            )
        digest = digest_of(secret.strip())
        # All of them, and each in constant time: how long it takes tells nothing about the tokens.
        found = None
        for token in self._tokens:
            if hmac.compare_digest(token.digest, digest):
                found = token
        if found is None:
            raise Refused(Reason.WRONG_TOKEN, "the token is not one that may send here")
        if len(self._proved) >= _REMEMBERED:  # one token can be written in many ways
            self._proved.clear()
        self._proved[authorization] = found
        return found

    def _read(self) -> tuple[Token, ...]:
        settings = self._settings
        texts: dict[str, str] = {}
        if settings.tokens.strip():
            texts["MEDALLERO_TOKENS"] = settings.tokens
        if settings.tokens_file is not None:
            texts[str(settings.tokens_file)] = _text_of(settings.tokens_file)
        tokens: list[Token] = []
        for source, text in texts.items():
            before = len(tokens)
            try:
                for token in tokens_in(text, self._catalogue):
                    _check_new(token, tokens)
                    tokens.append(token)
            except TokenError as error:
                raise AccessError(f"{source}: {error}") from None
            if len(tokens) == before:
                # Half-written, most likely. Whoever wants to ask nobody leaves the setting out.
                raise AccessError(f"{source}: there is no token in it; `medallero token` makes one")
        return tuple(tokens)

    def _tell(self) -> None:
        _log.info("tokens", names=[token.caller.name for token in self._tokens])


def _check_new(token: Token, others: list[Token]) -> None:
    name = token.caller.name
    for other in others:
        if other.caller.name == name:
            raise TokenError(f"two tokens are named {name}")
        if other.digest == token.digest:
            raise TokenError(f"{other.caller.name} and {name} are the same token")


def check_seed(settings: GatewaySettings) -> None:
    """Refuse to let others toss coins whose seed they know.

    :raises AccessError: the seed is the public default, and others can reach the gateway.
    """
    public = _public_hosts(settings)
    if public and settings.seed == DEFAULT_SEED:
        raise AccessError(
            f"it would listen on {public[0]}, which others can reach, with the seed that everybody "
            "knows: whoever chooses the ids of entries would win each of them. Set MEDALLERO_SEED "
            "to a secret text, the same for all gateways, and keep it"
        )


def _check_open(settings: GatewaySettings) -> None:
    hosts = _public_hosts(settings)
    if not hosts:
        return
    if not settings.anyone_may_send:
        raise AccessError(
            f"it would listen on {hosts[0]}, which others can reach, and knows no tokens: make one "
            "with `medallero token` and name its file with MEDALLERO_TOKENS_FILE; or set "
            "MEDALLERO_ANYONE_MAY_SEND=true to take records from anybody"
        )
    _log.warning("anyone_may_send", hosts=hosts, hint="MEDALLERO_TOKENS_FILE changes that")


def _public_hosts(settings: GatewaySettings) -> list[str]:
    return [host for host in (settings.http_host, settings.grpc_host) if not is_loopback(host)]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach *host*, a name or an address."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise AccessError(f"cannot read the tokens in {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise AccessError(f"cannot read the tokens in {path}: expected UTF-8") from None
